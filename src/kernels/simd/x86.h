// What AVX2 and AVX-512 have in common of the vocabulary of simd/*.h: sixteen bytes, and four numbers.
// Included after <isa>/vec.h, which has V16.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace mains {
namespace {

// Four numbers: where the lanes of a vector meet.
using V4 = __m128;

inline V4 Add4(V4 a, V4 b) {
  return _mm_add_ps(a, b);
}
inline V4 Load4(const float* p) {
  return _mm_loadu_ps(p);
}
inline void Store4(float* p, V4 a) {
  _mm_storeu_ps(p, a);
}
inline float First(V4 a) {
  return _mm_cvtss_f32(a);
}
// Of each of four: lane l takes l + 2, then l + 1.
inline V4 SumsOf4(V4 a, V4 b, V4 c, V4 d) {
  const V4 ab = _mm_add_ps(_mm_movelh_ps(a, b), _mm_movehl_ps(b, a));
  const V4 cd = _mm_add_ps(_mm_movelh_ps(c, d), _mm_movehl_ps(d, c));
  return _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xDD));
}

// Sixteen bytes, and sixteen numbers of 16 bits.
using Bytes16 = __m128i;
using Halves16 = __m256i;

inline Bytes16 Load16Bytes(const uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline Halves16 Load16Halves(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void Store16Halves(uint8_t* p, Halves16 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a);
}
inline float F16ToFloat(uint16_t bits) {
  return _cvtsh_ss(bits);
}
inline Bytes16 Or(Bytes16 a, Bytes16 b) {
  return _mm_or_si128(a, b);
}
// -q where the byte of `mask` is all ones, q where it is zero.
inline Bytes16 NegateWhere(Bytes16 q, Bytes16 mask) {
  return _mm_sub_epi8(_mm_xor_si128(q, mask), mask);
}
inline Bytes16 Bias(Bytes16 q, int bias) {
  return _mm_sub_epi8(q, _mm_set1_epi8(static_cast<char>(bias)));
}
// (q >> shift) & mask in each byte.
template <int shift>
inline Bytes16 Bits(Bytes16 q, int mask) {
  return _mm_and_si128(_mm_srli_epi16(q, shift), _mm_set1_epi8(static_cast<char>(mask)));
}
// q << shift in each byte, of bytes in which no bit is shifted out.
template <int shift>
inline Bytes16 ShiftLeft(Bytes16 q) {
  return _mm_slli_epi16(q, shift);
}
// `value` in byte i where bit i of `bits` is set, else 0.
inline Bytes16 SpreadBits(uint32_t bits, int value) {
  const __m128i byte_of = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const __m128i bit_of = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  const __m128i all = _mm_shuffle_epi8(_mm_cvtsi32_si128(static_cast<int>(bits)), byte_of);
  const __m128i set = _mm_cmpeq_epi8(_mm_and_si128(all, bit_of), bit_of);
  return _mm_and_si128(set, _mm_set1_epi8(static_cast<char>(value)));
}
inline Bytes16 Words(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return _mm_setr_epi32(static_cast<int>(a), static_cast<int>(b), static_cast<int>(c), static_cast<int>(d));
}
// table[q], bytes of q below 16.
inline Bytes16 LookupBytes(const int8_t (&table)[16], Bytes16 q) {
  return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)), q);
}
// Eight bytes of two nibbles each, low one first: sixteen bytes in order.
inline Bytes16 NibblesInOrder(const uint8_t* p) {
  const __m128i pairs = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return _mm_unpacklo_epi8(Bits<0>(pairs, 15), Bits<4>(pairs, 15));
}

// E4M3 is the top of an F16 with 2^8 less of bias: exact, denormals included. 0x7F is its only NaN.
inline V16 FromE4M3(Bytes16 bytes) {
  const __m256i wide = _mm256_cvtepu8_epi16(bytes);
  const __m256i magnitude = _mm256_and_si256(wide, _mm256_set1_epi16(0x7F));
  const __m256i sign = _mm256_slli_epi16(_mm256_sub_epi16(wide, magnitude), 8);
  const __m256i nan = _mm256_cmpeq_epi16(magnitude, _mm256_set1_epi16(0x7F));
  const __m256i half = _mm256_or_si256(sign, _mm256_slli_epi16(magnitude, 7));
  // 0x3F80, the shifted 0x7F, becomes 0x7E00.
  return Mul16(FromF16(_mm256_xor_si256(half, _mm256_and_si256(nan, _mm256_set1_epi16(0x4180)))), 256.0f);
}

}  // namespace
}  // namespace mains
