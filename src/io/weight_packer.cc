#include "io/weight_packer.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "base/huge_pages.h"
#include "tensor/convert.h"
#include "tensor/packed.h"

namespace mains {
namespace {

// Smaller matrices live in the caches, where unpacking them costs little; their products stay exact.
constexpr int64_t kMinCols = 512, kMinElements = 1 << 18;
constexpr int64_t kRowsPerTask = 4 * kPackedRows;
constexpr float kLargestF16 = 65504;

int64_t RowBlocks(int64_t rows) {
  return (rows + kPackedRows - 1) / kPackedRows;
}

bool IsLarge(const Weight& w) {
  return w.cols >= kMinCols && w.rows * w.cols >= kMinElements;
}

bool IsFloats(const Weight& w) {
  if (w.format == WeightFormat::kF8Block) return true;
  return w.format == WeightFormat::kPlain &&
         (w.dtype == DType::kF32 || w.dtype == DType::kF16 || w.dtype == DType::kBF16);
}

// Pages of zeros, large ones where the system gives them; null where there is no memory.
std::shared_ptr<std::byte> NewPages(int64_t bytes) {
  const size_t size = static_cast<size_t>(bytes);
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  PreferHugePages(data, size);
  return {static_cast<std::byte*>(data), [size](std::byte* p) { ::munmap(p, size); }};
}

Error Cancelled() {
  return {ErrorCode::kCancelled, "cancelled while reading the weights"};
}

}  // namespace

WeightPacker::WeightPacker(const Checkpoint& checkpoint, int threads, int64_t budget, Progress progress,
                           WeightPrecision precision, WeightRounder rounder)
    : checkpoint_(checkpoint),
      pool_(threads),
      budget_(budget),
      progress_(std::move(progress)),
      precision_(precision),
      rounder_(std::move(rounder)) {}

Weight WeightPacker::Target(const Weight& w, WeightPrecision precision) const {
  if (precision == WeightPrecision::kNative || !IsFloats(w)) return w;
  const bool in_groups = w.cols % kPackedGroup == 0, in_supers = w.cols % kPackedSuperCols == 0;
  if (!in_groups) return w;
  Weight target;
  target.rows = w.rows;
  target.cols = w.cols;
  target.dtype = precision == WeightPrecision::k8Bit   ? DType::kQ8_0
                 : !in_supers                          ? DType::kIQ4_NL
                 : precision == WeightPrecision::k4Bit ? DType::kQ4_K
                                                       : DType::kQ3_K;
  target.row_bytes = ByteSize(target.dtype, w.cols);
  return target;
}

void WeightPacker::RoundAndPack(const Weight& w, const Weight& target, int64_t first, int64_t rows,
                                std::byte* to) const {
  const WeightRounder::Round round = target.dtype == DType::kQ3_K   ? rounder_.q3_k
                                     : target.dtype == DType::kQ4_K ? rounder_.q4_k
                                     : target.dtype == DType::kQ8_0 ? rounder_.q8_0
                                                                    : rounder_.iq4_nl;
  const int64_t count = std::min(rows, w.rows - first);
  std::vector<float> row(static_cast<size_t>(w.cols));
  std::vector<std::byte> blocks(static_cast<size_t>(count * target.row_bytes));
  for (int64_t r = 0; r < count; ++r) {
    rounder_.unpack(w.Row(first + r), w.cols, row.data());
    round(row.data(), w.cols, blocks.data() + r * target.row_bytes);
  }
  Weight part = target;
  part.rows = count;
  part.data = blocks.data();
  PackRows(part, 0, count, to + PackedBytes(target) / RowBlocks(target.rows) * (first / kPackedRows));
}

std::vector<Weight> WeightPacker::FromCache(const std::vector<Weight>& weights,
                                            const std::vector<Weight>& targets) {
  if (cache_ == nullptr || !cache_->found()) return {};
  std::vector<Weight> kept;
  for (size_t i = 0; i < weights.size(); ++i) {
    const bool rounded = targets[i].data != weights[i].data;
    const std::byte* packed = rounded ? cache_->Find(weights[i].data, targets[i]) : nullptr;
    if (packed == nullptr) return {};
    kept.push_back(PackedWeight(targets[i], packed, cache_->owner()));
  }
  return kept;
}

bool WeightPacker::Done(const Weight& w) {
  done_bytes_ += w.bytes();
  replaced_.insert(w.data);
  checkpoint_.DropPages(w.data, w.rows * w.row_bytes);
  return !progress_ || progress_(done_bytes_);
}

Result<std::vector<Weight>> WeightPacker::Pack(std::vector<Weight> weights, WeightPrecision precision) {
  std::vector<Weight> targets;
  int64_t needed = 0;
  for (const Weight& w : weights) {
    targets.push_back(Target(w, precision));
    const Weight& target = targets.back();
    if (!IsLarge(w) || !CanPack(target) || target.format != targets[0].format ||
        target.dtype != targets[0].dtype)
      return weights;
    needed += PackedBytes(target);
  }
  if (std::vector<Weight> kept = FromCache(weights, targets); !kept.empty()) {
    for (const Weight& w : weights) {
      if (!Done(w)) return Cancelled();
    }
    return kept;
  }
  const std::shared_ptr<std::byte> memory = needed <= budget_ - packed_bytes_ ? NewPages(needed) : nullptr;
  if (memory == nullptr) {
    for (const Weight& w : weights) unpacked_bytes_ += w.bytes();
    return weights;
  }
  std::vector<Weight> packed;
  int64_t at = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const Weight &w = weights[i], &target = targets[i];
    std::byte* to = memory.get() + at;
    const int64_t tasks = (w.rows + kRowsPerTask - 1) / kRowsPerTask;
    pool_.ParallelFor(tasks, 1, static_cast<double>(w.rows) * static_cast<double>(w.cols),
                      [&](int64_t task, int64_t, int) {
                        if (target.data == w.data) {
                          PackRows(w, task * kRowsPerTask, kRowsPerTask, to);
                        } else {
                          RoundAndPack(w, target, task * kRowsPerTask, kRowsPerTask, to);
                        }
                      });
    packed.push_back(PackedWeight(target, to, memory));
    at += PackedBytes(target);
    if (cache_ != nullptr && target.data != w.data) cache_->Add(w.data, target, to);
    if (!Done(w)) return Cancelled();
  }
  packed_bytes_ += needed;
  return packed;
}

Result<Weight> WeightPacker::Widen(const Weight& w) {
  const bool narrow_floats =
      w.format == WeightFormat::kPlain && (w.dtype == DType::kF16 || w.dtype == DType::kBF16);
  const bool floats = narrow_floats || (w.format == WeightFormat::kPlain && w.dtype == DType::kF32);
  const int64_t bytes = w.rows * w.cols * 2;
  if (floats || w.packed() || w.rows * w.cols < kMinElements || bytes > budget_ - packed_bytes_) return w;
  const std::shared_ptr<std::byte> memory = NewPages(bytes);
  if (memory == nullptr) return w;
  std::atomic<bool> fits = true;
  pool_.ParallelFor(
      (w.rows + kRowsPerTask - 1) / kRowsPerTask, 1,
      static_cast<double>(w.rows) * static_cast<double>(w.cols), [&](int64_t task, int64_t, int) {
        std::vector<float> row(static_cast<size_t>(w.cols));
        for (int64_t r = task * kRowsPerTask; r < std::min((task + 1) * kRowsPerTask, w.rows); ++r) {
          rounder_.unpack ? rounder_.unpack(w.Row(r), w.cols, row.data())
                          : UnpackRow(w.Row(r), w.cols, row.data());
          auto* to = reinterpret_cast<uint16_t*>(memory.get()) + r * w.cols;
          for (int64_t i = 0; i < w.cols; ++i) {
            const float value = row[static_cast<size_t>(i)];
            if (std::abs(value) > kLargestF16) fits = false;
            to[i] = F16FromF32(value);
          }
        }
      });
  if (!fits) return w;
  Weight wide;
  wide.rows = w.rows;
  wide.cols = w.cols;
  wide.dtype = DType::kF16;
  wide.row_bytes = w.cols * 2;
  wide.data = memory.get();
  wide.owner = memory;
  packed_bytes_ += bytes;
  if (!Done(w)) return Cancelled();
  return wide;
}

}  // namespace mains
