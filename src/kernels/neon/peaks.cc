#include "kernels/peaks.h"

#include <arm_neon.h>

namespace mains {
namespace {

constexpr int kSums = 16;

float RunF32(int64_t rounds) {
  float32x4_t sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = vdupq_n_f32(static_cast<float>(i));
  float32x4_t a = vdupq_n_f32(0.5f), b = vdupq_n_f32(0.25f);
  for (int64_t r = 0; r < rounds; ++r) {
    asm volatile("" : "+w"(a), "+w"(b));
    for (float32x4_t& sum : sums) sum = vfmaq_f32(sum, a, b);
  }
  for (int i = 1; i < kSums; ++i) sums[0] = vaddq_f32(sums[0], sums[i]);
  return vgetq_lane_f32(sums[0], 0);
}

}  // namespace

const PeakKernel kNeonPeakF32 = {"f32", "vector", "fmla 4s", kSums * 4 * 2, RunF32};

uint64_t ReadNeon(const std::byte* data, int64_t bytes) {
  uint8x16_t sums[4] = {vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0)};
  const auto* from = reinterpret_cast<const uint8_t*>(data);
  const int64_t half = bytes / 2;  // two streams keep more lines on their way
  for (int64_t i = 0; i < half; i += 32) {
    for (int j = 0; j < 2; ++j) {
      sums[2 * j] = veorq_u8(sums[2 * j], vld1q_u8(from + i + j * half));
      sums[2 * j + 1] = veorq_u8(sums[2 * j + 1], vld1q_u8(from + i + j * half + 16));
    }
  }
  const uint8x16_t all = veorq_u8(veorq_u8(sums[0], sums[1]), veorq_u8(sums[2], sums[3]));
  return vgetq_lane_u64(vreinterpretq_u64_u8(all), 0) | vgetq_lane_u64(vreinterpretq_u64_u8(all), 1);
}

}  // namespace mains
