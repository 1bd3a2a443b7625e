// vpdpbusd of AVX-VNNI: unsigned times signed bytes, four products to a 32-bit sum.
#include <immintrin.h>

#include "kernels/peaks.h"

namespace mains {
namespace {

constexpr int kSums = 12;

float RunInt8(int64_t rounds) {
  __m256i sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = _mm256_set1_epi32(i);
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(-1);
  for (int64_t r = 0; r < rounds; ++r) {
    asm volatile("" : "+x"(a), "+x"(b));
    for (__m256i& sum : sums) sum = _mm256_dpbusd_avx_epi32(sum, a, b);
  }
  for (int i = 1; i < kSums; ++i) sums[0] = _mm256_add_epi32(sums[0], sums[i]);
  return static_cast<float>(_mm256_cvtsi256_si32(sums[0]));
}

}  // namespace

const PeakKernel kAvxVnniPeakInt8 = {"int8", "vector", "vpdpbusd ymm", kSums * 32 * 2, RunInt8};

}  // namespace mains
