#include "io/weight_packer.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "base/huge_pages.h"
#include "tensor/packed.h"

namespace mains {
namespace {

// Smaller matrices live in the caches, where unpacking them costs little; their products stay exact.
constexpr int64_t kMinCols = 512, kMinElements = 1 << 18;
constexpr int64_t kRowsPerTask = 4 * kPackedRows;

bool Gains(const Weight& w) {
  return w.cols >= kMinCols && w.rows * w.cols >= kMinElements && CanPack(w);
}

// Pages of zeros, large ones where the system gives them; null where there is no memory.
std::shared_ptr<std::byte> NewPages(int64_t bytes) {
  const size_t size = static_cast<size_t>(bytes);
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  PreferHugePages(data, size);
  return {static_cast<std::byte*>(data), [size](std::byte* p) { ::munmap(p, size); }};
}

}  // namespace

WeightPacker::WeightPacker(const Checkpoint& checkpoint, int threads, int64_t budget, Progress progress)
    : checkpoint_(checkpoint), pool_(threads), budget_(budget), progress_(std::move(progress)) {}

Result<std::vector<Weight>> WeightPacker::Pack(std::vector<Weight> weights) {
  int64_t needed = 0;
  for (const Weight& w : weights) {
    if (!Gains(w) || w.format != weights[0].format || w.dtype != weights[0].dtype) return weights;
    needed += PackedBytes(w);
  }
  if (needed > budget_ - packed_bytes_) return weights;
  const std::shared_ptr<std::byte> memory = NewPages(needed);
  if (memory == nullptr) return weights;  // memory is short after all
  std::vector<Weight> packed;
  int64_t at = 0;
  for (const Weight& w : weights) {
    std::byte* to = memory.get() + at;
    const int64_t tasks = (w.rows + kRowsPerTask - 1) / kRowsPerTask;
    pool_.ParallelFor(
        tasks, 1, static_cast<double>(w.rows) * static_cast<double>(w.cols),
        [&](int64_t task, int64_t, int) { PackRows(w, task * kRowsPerTask, kRowsPerTask, to); });
    packed.push_back(PackedWeight(w, to, memory));
    at += PackedBytes(w);
    done_bytes_ += w.bytes();
    replaced_.insert(w.data);
    checkpoint_.DropPages(w.data, w.rows * w.row_bytes);
    if (progress_ && !progress_(done_bytes_)) {
      return Error{ErrorCode::kCancelled, "cancelled while reading the weights"};
    }
  }
  packed_bytes_ += needed;
  return packed;
}

}  // namespace mains
