// The index of sparse attention: scores of all earlier positions, and the choice among them.
#include <algorithm>

#include "ops/cpu/cpu_device.h"
#include "ops/selection.h"

namespace mains {
namespace {

constexpr int64_t kIndexRows = 32;  // query rows that share one reading of a page

// scores[i] = sum_h weights[h] * max(0, dots[h, i]), in the order of h.
void SumHeads(const float* dots, const float* weights, int64_t heads, int64_t n, float* scores) {
  std::fill_n(scores, n, 0.0f);
  for (int64_t h = 0; h < heads; ++h) {
    const float* row = dots + h * kPagePositions;
    for (int64_t i = 0; i < n; ++i) {
      // Zero times a dot product is nothing, unless that is not finite: the maximum would hide it.
      scores[i] += weights[h] * (std::max(0.0f, row[i]) + 0.0f * row[i]);
    }
  }
}

}  // namespace

void CpuDevice::IndexScores(const Tensor& q, const Tensor& weights, const SequenceStep& sequence,
                            const Batch& batch, const ops::IndexParams& p, Tensor scores) {
  const int64_t heads = q.dim(1), dim = q.dim(2);
  const int64_t pages = (sequence.past + sequence.rows + kPagePositions - 1) / kPagePositions;
  const int64_t blocks = (sequence.rows + kIndexRows - 1) / kIndexRows;
  ReserveScratch((heads + dim) * kPagePositions);

  // A page is read once for a block of rows.
  const double work = static_cast<double>(blocks * pages * kPagePositions) *
                      static_cast<double>(dim * (1 + heads * std::min(sequence.rows, kIndexRows)));
  pool_.ParallelFor(blocks * pages, 1, work, [&](int64_t item, int64_t, int thread) {
    const int64_t first = item % pages * kPagePositions, begin = item / pages * kIndexRows;
    const int64_t end = std::min(begin + kIndexRows, sequence.rows), last = sequence.past + end - 1;
    if (last < p.count || first > last) return;
    float* dots = Scratch(thread);
    const Panel key =
        ReadPage(batch, p.stream, sequence, first / kPagePositions,
                 std::min(kPagePositions, last + 1 - first), 0, dim, dots + heads * kPagePositions);
    for (int64_t r = begin; r < end; ++r) {
      const int64_t position = sequence.past + r, keys = std::min(kPagePositions, position + 1 - first);
      if (position < p.count || keys < 1) continue;
      kernels_.gemm_nt(q.Row(r), q.stride(1), heads, key.data, key.stride, keys, dim, dots, kPagePositions);
      SumHeads(dots, weights.Row(r), heads, keys, scores.Row(r) + first);
    }
  });
}

void CpuDevice::SelectPositions(const Tensor& scores, int64_t past, Tensor out) {
  const int64_t count = out.dim(1);
  ReserveScratch(scores.dim(1));
  // A number compared some eight times.
  const double work = 8.0 * static_cast<double>(scores.elements());
  pool_.ParallelFor(scores.dim(0), 1, work, [&](int64_t r, int64_t, int thread) {
    mains::SelectPositions(scores.Row(r), past + r + 1, count, Scratch(thread), out.i32() + r * count);
  });
}

}  // namespace mains
