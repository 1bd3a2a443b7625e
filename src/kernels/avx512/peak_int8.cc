// vpdpbusd: unsigned times signed bytes, four products to a 32-bit sum.
#include <immintrin.h>

#include "kernels/peaks.h"

namespace mains {
namespace {

constexpr int kSums = 16;

float RunInt8(int64_t rounds) {
  __m512i sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = _mm512_set1_epi32(i);
  __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-1);
  for (int64_t r = 0; r < rounds; ++r) {
    asm volatile("" : "+v"(a), "+v"(b));
    for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, a, b);
  }
  for (int i = 1; i < kSums; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  return static_cast<float>(_mm512_cvtsi512_si32(sums[0]));
}

}  // namespace

const PeakKernel kAvx512PeakInt8 = {"int8", "vector", "vpdpbusd zmm", kSums * 64 * 2, RunInt8};

}  // namespace mains
