// Lays weights out for integer dot products while a model is loaded (tensor/packed.h): in memory of its own,
// some rows per thread at a time; those that are stored as floats are first rounded to 8, 4 or 3 bits, if
// that is wanted. What has no such layout, is too small to gain, or would not fit in memory stays as the
// checkpoint has it.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "io/checkpoint.h"
#include "io/rounded_cache.h"
#include "tensor/weight.h"

namespace mains {

// The functions of a kernel table that rounding and widening need (kernels/table.h: unpack, round_*).
struct WeightRounder {
  using Round = void (*)(const float* x, int64_t n, std::byte* blocks);
  std::function<void(const WeightRow& row, int64_t cols, float* out)> unpack;
  Round q3_k = nullptr, q4_k = nullptr, q8_0 = nullptr, iq4_nl = nullptr;
};

// Not thread-safe.
class WeightPacker {
 public:
  // Told how much of the checkpoint has been packed; false cancels.
  using Progress = std::function<bool(int64_t bytes)>;
  // `budget`: bytes that packed weights may take in all. `precision`: of float weights; for kNative,
  // `rounder` may be empty.
  WeightPacker(const Checkpoint& checkpoint, int threads, int64_t budget, Progress progress,
               WeightPrecision precision = WeightPrecision::kNative, WeightRounder rounder = {});

  // Rounded weights are taken from there, or put there. `cache` must outlive the packer.
  void Use(RoundedCache& cache) { cache_ = &cache; }
  // What was asked for; ModelReader gives some weights more bits.
  WeightPrecision precision() const { return precision_; }
  // The same matrices, all packed or none; floats rounded to `precision`. Fails only when cancelled. The
  // pages of the file are handed back to the system; whoever still needs rows of them, as an embedding that
  // is also the head, reads those again.
  Result<std::vector<Weight>> Pack(std::vector<Weight> weights,
                                   WeightPrecision precision = WeightPrecision::kNative);

  // Matrices that are used head by head, in either direction, and so have no packed form: quantised ones as
  // f16, the nearest to each number, which decoding can meet where it lies. Stays as it is if it is small, of
  // floats, beyond the range of f16 or beyond memory. Fails only when cancelled.
  Result<Weight> Widen(const Weight& w);

  // Whether the bytes at this place of the checkpoint were packed and handed back.
  bool Replaced(const std::byte* data) const { return replaced_.contains(data); }
  int64_t done_bytes() const { return done_bytes_; }  // of the checkpoint
  int64_t packed_bytes() const { return packed_bytes_; }
  // Of the checkpoint: what stayed there as it is, only since memory is short.
  int64_t unpacked_bytes() const { return unpacked_bytes_; }

 private:
  // The weight as it will be before it is packed: of another type if it is rounded, then without data.
  Weight Target(const Weight& w, WeightPrecision precision) const;
  // Those that an earlier start rounded; empty unless all are there.
  std::vector<Weight> FromCache(const std::vector<Weight>& weights, const std::vector<Weight>& targets);
  // Accounts for a weight whose numbers now lie elsewhere. False: cancelled.
  bool Done(const Weight& w);
  void RoundAndPack(const Weight& w, const Weight& target, int64_t first, int64_t rows, std::byte* to) const;

  const Checkpoint& checkpoint_;
  ThreadPool pool_;
  int64_t budget_;
  Progress progress_;
  WeightPrecision precision_;
  WeightRounder rounder_;
  RoundedCache* cache_ = nullptr;
  std::set<const std::byte*> replaced_;
  int64_t packed_bytes_ = 0, done_bytes_ = 0, unpacked_bytes_ = 0;
};

}  // namespace mains
