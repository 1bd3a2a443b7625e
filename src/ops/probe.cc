#include "ops/probe.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/device.h"
#include "tensor/convert.h"

namespace mains::ops {
namespace {

float ReadNumber(const std::byte* row, DType dtype, int64_t i) {
  if (dtype == DType::kF32) return reinterpret_cast<const float*>(row)[i];
  const uint16_t bits = reinterpret_cast<const uint16_t*>(row)[i];
  return dtype == DType::kBF16 ? F32FromBf16(bits) : F32FromF16(bits);
}

// The stream of a sequence with positions side by side, so that loops over positions are vectors: [width, n].
std::vector<float> ReadTransposed(const StateStream& stream, const SequenceStep& sequence, int64_t n) {
  std::vector<float> out(static_cast<size_t>(stream.width * n));
  for (int64_t s = 0; s < n; ++s) {
    const std::byte* row = sequence.At(stream, s);
    for (int64_t d = 0; d < stream.width; ++d)
      out[static_cast<size_t>(d * n + s)] = ReadNumber(row, stream.dtype, d);
  }
  return out;
}

// Adds to `mass` the softmax of scale * keys^T q over the first `count` of n positions.
void AddAttention(const float* q, int64_t width, const std::vector<float>& keys, int64_t n, int64_t count,
                  float scale, std::vector<float>& scores, std::vector<double>& mass) {
  std::fill_n(scores.begin(), count, 0.0f);
  for (int64_t d = 0; d < width; ++d) {
    const float* row = keys.data() + d * n;
    for (int64_t s = 0; s < count; ++s) scores[static_cast<size_t>(s)] += q[d] * row[s];
  }
  const float best = *std::max_element(scores.begin(), scores.begin() + count);
  double sum = 0;
  for (int64_t s = 0; s < count; ++s) {
    float& score = scores[static_cast<size_t>(s)];
    score = std::exp((score - best) * scale);
    sum += static_cast<double>(score);
  }
  for (int64_t s = 0; s < count; ++s)
    mass[static_cast<size_t>(s)] += static_cast<double>(scores[static_cast<size_t>(s)]) / sum;
}

}  // namespace

std::vector<double> SelectedShares(Context& ctx, const Tensor& q, const HeadMatrices& key, const Batch& batch,
                                   const LatentParams& p) {
  Frame frame(ctx.arena);
  const int64_t heads = q.dim(1), width = p.latent_dim + p.rope_dim, limit = p.selected.dim(1);
  HeadMatrices absorbed = key;
  std::swap(absorbed.in, absorbed.out);
  absorbed.transposed = !key.transposed;
  const Tensor wide_q = ctx.NewF32({q.dim(0), heads, width});
  ctx.device.Concat(HeadLinear(ctx, q.Slice(2, 0, key.out), absorbed), q.Slice(2, key.out, p.rope_dim),
                    wide_q);

  std::vector<double> shares;
  for (const SequenceStep& sequence : batch.sequences) {
    const int64_t n = sequence.past + sequence.rows;
    if (n <= limit) continue;
    const std::vector<float> keys = ReadTransposed(batch.streams[static_cast<size_t>(p.stream)], sequence, n);
    std::vector<float> scores(static_cast<size_t>(n));
    std::vector<double> mass(static_cast<size_t>(n));
    for (int64_t r = std::max<int64_t>(0, limit - sequence.past); r < sequence.rows; ++r) {
      const int64_t row = sequence.first_row + r;
      std::fill(mass.begin(), mass.end(), 0.0);
      for (int64_t h = 0; h < heads; ++h) {
        AddAttention(wide_q.Row(row) + h * width, width, keys, n, sequence.past + r + 1, p.scale, scores,
                     mass);
      }
      double kept = 0;
      for (int64_t i = 0; i < limit; ++i) {
        const int32_t position = p.selected.i32()[row * limit + i];
        if (position != kNoPosition) kept += mass[static_cast<size_t>(position)];
      }
      shares.push_back(kept / static_cast<double>(heads));
    }
  }
  return shares;
}

}  // namespace mains::ops
