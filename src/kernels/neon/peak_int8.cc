// sdot: four products of signed bytes to each of four 32-bit sums.
#include <arm_neon.h>

#include "kernels/peaks.h"

namespace mains {
namespace {

constexpr int kSums = 16;

float RunInt8(int64_t rounds) {
  int32x4_t sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = vdupq_n_s32(i);
  int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-1);
  for (int64_t r = 0; r < rounds; ++r) {
    asm volatile("" : "+w"(a), "+w"(b));
    for (int32x4_t& sum : sums) sum = vdotq_s32(sum, a, b);
  }
  for (int i = 1; i < kSums; ++i) sums[0] = vaddq_s32(sums[0], sums[i]);
  return static_cast<float>(vgetq_lane_s32(sums[0], 0));
}

}  // namespace

const PeakKernel kNeonPeakInt8 = {"int8", "vector", "sdot 4s", kSums * 16 * 2, RunInt8};

}  // namespace mains
