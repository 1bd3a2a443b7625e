// Relies on nothing but IEEE 754 single precision and the C library's expf.
#include <cmath>
#include <limits>

#include "kernels/ref/kernels.h"

namespace mains::ref {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The largest of n numbers: -infinity if there are none, NaN if any of them is NaN.
float MaxOrNan(const float* s, int64_t n) {
  float max = -kInfinity;
  for (int64_t i = 0; i < n; ++i) {
    if (std::isnan(s[i])) return s[i];
    if (s[i] > max) max = s[i];
  }
  return max;
}

void RotatePair(float& a, float& b, float cos, float sin) {
  const float rotated_a = a * cos - b * sin;
  b = b * cos + a * sin;
  a = rotated_a;
}

}  // namespace

void RmsNorm(const float* x, const float* w, int64_t n, float eps, float* out) {
  float lanes[kSumLanes] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i % kSumLanes] += x[i] * x[i];
  const float squares = FoldLanes(lanes);
  const float inverse = squares == kInfinity ? std::numeric_limits<float>::quiet_NaN()
                                             : 1.0f / std::sqrt(squares / static_cast<float>(n) + eps);
  for (int64_t i = 0; i < n; ++i) out[i] = w == nullptr ? x[i] * inverse : x[i] * inverse * w[i];
}

// A NaN among the scores, or a score of +infinity, makes the sum and all that follows NaN: a broken
// number must not turn into a plausible one.
namespace {
float WeightOf(float difference) {
  return difference < kLeastExponent ? 0.0f : std::exp(difference);
}
}  // namespace

float SoftmaxBlock(float* s, int64_t n, float* running_max, float* running_sum) {
  const float block_max = MaxOrNan(s, n);
  if (block_max == -kInfinity) {
    for (int64_t i = 0; i < n; ++i) s[i] = 0;
    return 1;
  }
  const float old_max = *running_max;
  const float new_max = block_max <= old_max ? old_max : block_max + (std::isnan(old_max) ? old_max : 0.0f);
  float lanes[kSumLanes] = {};
  for (int64_t i = 0; i < n; ++i) {
    s[i] = WeightOf(s[i] - new_max);
    lanes[i % kSumLanes] += s[i];
  }
  const float factor = WeightOf(old_max - new_max);
  *running_max = new_max;
  *running_sum = *running_sum * factor + FoldLanes(lanes);
  return factor;
}

void SwiGlu(const float* gate, const float* up, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void Rope(float* x, const float* cos, const float* sin, int64_t pairs, bool interleaved) {
  for (int64_t i = 0; i < pairs; ++i) {
    float& a = interleaved ? x[2 * i] : x[i];
    float& b = interleaved ? x[2 * i + 1] : x[i + pairs];
    RotatePair(a, b, cos[i], sin[i]);
  }
}

void AddScaled(const float* x, float scale, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] += scale * x[i];
}

void Scale(float scale, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] *= scale;
}

}  // namespace mains::ref
