// vdpbf16ps: pairs of bf16, two products to an f32 sum.
#include <immintrin.h>

#include "kernels/peaks.h"

namespace mains {
namespace {

constexpr int kSums = 16;

float RunBf16(int64_t rounds) {
  __m512 sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  __m512i a = _mm512_set1_epi16(0x3F00), b = _mm512_set1_epi16(0x3E80);  // 0.5 and 0.25
  for (int64_t r = 0; r < rounds; ++r) {
    asm volatile("" : "+v"(a), "+v"(b));
    for (__m512& sum : sums) sum = _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
  }
  for (int i = 1; i < kSums; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return _mm512_cvtss_f32(sums[0]);
}

}  // namespace

const PeakKernel kAvx512PeakBf16 = {"bf16", "vector", "vdpbf16ps zmm", kSums * 32 * 2, RunBf16};

}  // namespace mains
