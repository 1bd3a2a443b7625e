// Two fused multiply-adds a cycle of four cycles' latency need eight sums; twelve leave room.
#include "kernels/peaks.h"

#include <immintrin.h>

namespace mains {
namespace {

constexpr int kSums = 12;

float RunF32(int64_t rounds) {
  __m256 sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
  for (int64_t r = 0; r < rounds; ++r) {
    asm volatile("" : "+x"(a), "+x"(b));
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(a, b, sum);
  }
  for (int i = 1; i < kSums; ++i) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  return _mm256_cvtss_f32(sums[0]);
}

}  // namespace

const PeakKernel kAvx2PeakF32 = {"f32", "vector", "vfmadd231ps ymm", kSums * 8 * 2, RunF32};

uint64_t ReadAvx2(const std::byte* data, int64_t bytes) {
  __m256i sums[4] = {};
  const int64_t half = bytes / 2;  // two streams keep more lines on their way
  for (int64_t i = 0; i < half; i += 64) {
    for (int j = 0; j < 2; ++j) {
      const std::byte* at = data + i + j * half;
      sums[2 * j] = _mm256_xor_si256(sums[2 * j], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
      sums[2 * j + 1] =
          _mm256_xor_si256(sums[2 * j + 1], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32)));
    }
  }
  const __m256i all =
      _mm256_xor_si256(_mm256_xor_si256(sums[0], sums[1]), _mm256_xor_si256(sums[2], sums[3]));
  return static_cast<uint64_t>(_mm256_extract_epi64(all, 0) ^ _mm256_extract_epi64(all, 1) ^
                               _mm256_extract_epi64(all, 2) ^ _mm256_extract_epi64(all, 3));
}

}  // namespace mains
