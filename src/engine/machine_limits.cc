#include "engine/machine_limits.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <utility>

#include "base/huge_pages.h"
#include "base/thread_pool.h"
#include "base/units.h"
#include "kernels/peaks.h"

namespace mains {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kReadBlock = int64_t{4} << 20;  // handed out at a time
constexpr double kSpellSeconds = 0.004;           // of a peak; shorter than what a scheduler gives at once
constexpr int64_t kFirstRounds = 1000;

double Seconds(Clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

int64_t DefaultBufferBytes() {
  int64_t cache = 0;
#if defined(_SC_LEVEL3_CACHE_SIZE)
  cache = std::max<int64_t>(sysconf(_SC_LEVEL3_CACHE_SIZE), sysconf(_SC_LEVEL2_CACHE_SIZE));
#endif
  return std::clamp<int64_t>(4 * cache, int64_t{256} << 20, int64_t{2} << 30);
}

// Anonymous pages, written once, so that each has memory of its own.
class Buffer {
 public:
  static Result<Buffer> Make(int64_t bytes) {
    Buffer buffer;
    void* data =
        mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
      return Error{ErrorCode::kResource, "no memory for a buffer of " +
                                             HumanBytes(static_cast<double>(bytes)) +
                                             " to measure how fast memory is; leave the limits out"};
    }
    PreferHugePages(data, static_cast<size_t>(bytes));
    buffer.data_ = static_cast<std::byte*>(data);
    buffer.bytes_ = bytes;
    const int64_t page = sysconf(_SC_PAGESIZE);
    for (int64_t at = 0; at < bytes; at += page) buffer.data_[at] = std::byte{1};
    return buffer;
  }
  ~Buffer() {
    if (data_ != nullptr) munmap(data_, static_cast<size_t>(bytes_));
  }
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  Buffer& operator=(Buffer&&) = delete;
  const std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  Buffer() = default;
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

class LimitMeterImpl final : public LimitMeter {
 public:
  LimitMeterImpl(const LimitOptions& options, Buffer buffer)
      : isa_(options.isa.value_or(DetectIsa())),
        seconds_(options.seconds),
        buffer_(std::move(buffer)),
        pool_(options.threads) {}

  MachineLimits Measure() override {
    MachineLimits limits;
    limits.read_bytes_per_second = ReadRate();
    for (const PeakKernel& kernel : PeakKernels(isa_)) {
      limits.peaks.push_back({kernel.numbers, kernel.unit, kernel.instruction, PeakRate(kernel)});
    }
    return limits;
  }
  int64_t buffer_bytes() const override { return buffer_.bytes(); }

 private:
  // The highest of `spell()` until the time is up, at least three of them.
  double HighestRate(const std::function<double()>& spell) const {
    const Clock::time_point end =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_));
    double best = 0;
    for (int i = 0; i < 3 || Clock::now() < end; ++i) best = std::max(best, spell());
    return best;
  }

  // A spell reads an eighth of the buffer, one after another, so that none is in a cache when its turn comes.
  double ReadRate() {
    const ReadKernel read = ReadKernelOf(isa_);
    const int64_t blocks = buffer_.bytes() / kReadBlock, part = std::max<int64_t>(1, blocks / 8);
    int64_t first = 0;
    return HighestRate([&] {
      const Clock::time_point start = Clock::now();
      pool_.ParallelFor(part, 1, [&](int64_t block, int64_t, int) {
        sink_.fetch_xor(read(buffer_.data() + (first + block) % blocks * kReadBlock, kReadBlock));
      });
      first += part;
      return static_cast<double>(part * kReadBlock) / Seconds(Clock::now() - start);
    });
  }

  double PeakRate(const PeakKernel& kernel) {
    // Four pieces for each thread: one that is held up leaves its others to the rest.
    const int64_t pieces = 4 * pool_.threads();
    int64_t rounds = kFirstRounds;
    return HighestRate([&] {
      const Clock::time_point start = Clock::now();
      pool_.ParallelFor(pieces, 1,
                        [&](int64_t, int64_t, int) { sink_.fetch_xor(kernel.run(rounds) > 0 ? 1 : 0); });
      const double seconds = std::max(Seconds(Clock::now() - start), 1e-9);
      const double rate = kernel.operations * static_cast<double>(rounds * pieces) / seconds;
      if (seconds < kSpellSeconds / 2) rounds *= 2;
      return rate;
    });
  }

  Isa isa_;
  double seconds_;
  Buffer buffer_;
  ThreadPool pool_;
  std::atomic<uint64_t> sink_{0};
};

}  // namespace

const MachinePeak* MachineLimits::Best(std::string_view numbers) const {
  constexpr std::array<std::string_view, 3> kNarrowFirst = {"int8", "bf16", "f32"};
  const MachinePeak* best = nullptr;
  // Wider numbers can hold them as well, and some processors multiply f32 faster than bf16.
  for (auto name = std::find(kNarrowFirst.begin(), kNarrowFirst.end(), numbers); name != kNarrowFirst.end();
       ++name) {
    for (const MachinePeak& peak : peaks) {
      if (peak.numbers != *name) continue;
      if (best == nullptr || peak.operations_per_second > best->operations_per_second) best = &peak;
    }
  }
  return best;
}

Result<std::unique_ptr<LimitMeter>> LimitMeter::Make(const LimitOptions& options) {
  const int64_t wanted = options.buffer_bytes > 0 ? options.buffer_bytes : DefaultBufferBytes();
  ASSIGN_OR_RETURN(Buffer buffer, Buffer::Make((wanted + kReadBlock - 1) / kReadBlock * kReadBlock));
  return std::unique_ptr<LimitMeter>(std::make_unique<LimitMeterImpl>(options, std::move(buffer)));
}

}  // namespace mains
