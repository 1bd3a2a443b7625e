// Two fused multiply-adds a cycle of four cycles' latency need eight sums; sixteen leave room.
#include "kernels/peaks.h"

#include <immintrin.h>

namespace mains {
namespace {

constexpr int kSums = 16;

float RunF32(int64_t rounds) {
  __m512 sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
  for (int64_t r = 0; r < rounds; ++r) {
    asm volatile("" : "+v"(a), "+v"(b));
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(a, b, sum);
  }
  for (int i = 1; i < kSums; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return _mm512_cvtss_f32(sums[0]);
}

}  // namespace

const PeakKernel kAvx512PeakF32 = {"f32", "vector", "vfmadd231ps zmm", kSums * 16 * 2, RunF32};

uint64_t ReadAvx512(const std::byte* data, int64_t bytes) {
  __m512i sums[4] = {};
  const int64_t half = bytes / 2;  // two streams keep more lines on their way
  for (int64_t i = 0; i < half; i += 128) {
    for (int j = 0; j < 2; ++j) {
      const std::byte* at = data + i + j * half;
      sums[2 * j] = _mm512_xor_si512(sums[2 * j], _mm512_loadu_si512(at));
      sums[2 * j + 1] = _mm512_xor_si512(sums[2 * j + 1], _mm512_loadu_si512(at + 64));
    }
  }
  const __m512i all =
      _mm512_xor_si512(_mm512_xor_si512(sums[0], sums[1]), _mm512_xor_si512(sums[2], sums[3]));
  return static_cast<uint64_t>(_mm512_reduce_or_epi64(all));
}

}  // namespace mains
