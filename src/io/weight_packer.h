// Lays weights out for integer dot products while a model is loaded (tensor/packed.h): in memory of its own,
// some rows per thread at a time. What has no such layout, is too small to gain, or would not fit in memory
// stays as the checkpoint has it.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "io/checkpoint.h"
#include "tensor/weight.h"

namespace mains {

// Not thread-safe.
class WeightPacker {
 public:
  // Told how much of the checkpoint has been packed; false cancels.
  using Progress = std::function<bool(int64_t bytes)>;
  // `budget`: bytes that packed weights may take in all.
  WeightPacker(const Checkpoint& checkpoint, int threads, int64_t budget, Progress progress);

  // The same matrices, all packed or none; of a matrix packed before, that. Fails only when cancelled. The
  // pages of the file are handed back to the system; whoever still needs rows of them, as an embedding that
  // is also the head, reads those again.
  Result<std::vector<Weight>> Pack(std::vector<Weight> weights);

  // Whether the bytes at this place of the checkpoint were packed and handed back.
  bool Replaced(const std::byte* data) const { return replaced_.contains(data); }
  int64_t done_bytes() const { return done_bytes_; }  // of the checkpoint
  int64_t packed_bytes() const { return packed_bytes_; }

 private:
  const Checkpoint& checkpoint_;
  ThreadPool pool_;
  int64_t budget_;
  Progress progress_;
  std::set<const std::byte*> replaced_;
  int64_t packed_bytes_ = 0, done_bytes_ = 0;
};

}  // namespace mains
