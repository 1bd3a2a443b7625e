// Products of bytes without VNNI: a signed product is |w| times x with the sign of w. Pairs of products fit
// in 16 bits, since codes of activations are within 127.
#pragma once

#include "kernels/avx2/int8.h"

namespace mains {
namespace {

// Two registers of 8 rows each.
struct Codes {
  __m256i size[2], value[2];
};

// 8 registers of sums, 4 of codes; the totals are touched once in 32 columns and may live in memory.
constexpr int kTileRows8 = 4;
constexpr int kTileBlocks = 1;

// Codes that are `bias` too large.
template <int bias>
inline Codes FromBytes(Bytes64 bytes) {
  const __m256i too_large = _mm256_set1_epi8(static_cast<char>(bias));
  const __m256i a = _mm256_sub_epi8(bytes.part[0], too_large), b = _mm256_sub_epi8(bytes.part[1], too_large);
  return {{_mm256_abs_epi8(a), _mm256_abs_epi8(b)}, {a, b}};
}
template <int bias>
inline Codes LoadCodes(const uint8_t* p) {
  return FromBytes<bias>(Load64Bytes(p));
}
// Codes are their values here, so sums begin at zero.
template <int bias>
inline Ints BeginInts(int32_t) {
  return {{_mm256_setzero_si256(), _mm256_setzero_si256()}};
}
inline __m256i AddDots8(__m256i sums, __m256i size, __m256i value, __m256i x) {
  const __m256i pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(x, value));
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
inline Ints AddDots(Ints sums, const Codes& w, Four x) {
  return {
      {AddDots8(sums.part[0], w.size[0], w.value[0], x), AddDots8(sums.part[1], w.size[1], w.value[1], x)}};
}

}  // namespace
}  // namespace mains
