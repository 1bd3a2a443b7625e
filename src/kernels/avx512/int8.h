// The integer vocabulary of simd/packed.h for AVX-512, but for the products, which dots_vnni.h and dots_bw.h
// add.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace mains {
namespace {

using Bytes64 = __m512i;
using Ints = __m512i;
using Numbers = __m512;
using Four = __m512i;
using Codebook = __m512i;

// 12 sums and 12 totals, and what feeds them, in 32 registers.
constexpr int kTileRows8 = 6;
constexpr int kTileBlocks = 2;

inline Codebook LoadCodebook(const uint8_t* book) {
  if (book == nullptr) return _mm512_setzero_si512();
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(book)));
}
inline Bytes64 Lookup(Codebook book, Bytes64 nibbles) {
  return _mm512_shuffle_epi8(book, nibbles);
}
// The low or the high nibbles of 64 bytes.
inline Bytes64 Nibbles(const uint8_t* p, int64_t half) {
  const __m512i both = _mm512_loadu_si512(p), shifted = half == 0 ? both : _mm512_srli_epi16(both, 4);
  return _mm512_and_si512(shifted, _mm512_set1_epi8(15));
}
// The bits of `mask` of the bytes at `p`, shifted down by `shift`.
template <int mask>
inline Bytes64 LowBits(const uint8_t* p, int64_t shift) {
  const __m512i shifted = _mm512_srl_epi16(_mm512_loadu_si512(p), _mm_cvtsi64_si128(shift));
  return _mm512_and_si512(shifted, _mm512_set1_epi8(mask));
}
// With those of the bytes at `top` from bit `place` on.
template <int mask, int place>
inline Bytes64 WithTopBits(Bytes64 low, const uint8_t* top, int64_t shift) {
  return _mm512_or_si512(low, _mm512_slli_epi16(LowBits<mask>(top, shift), place));
}
inline Bytes64 Load64Bytes(const uint8_t* p) {
  return _mm512_loadu_si512(p);
}
// Byte j of each four plus `bias`, first negated where bit first + j of its row's byte at `bits` is set.
template <int first, int bias>
inline Bytes64 NegateByBits(Bytes64 fours, const uint8_t* bits) {
  const __m512i rows = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bits)));
  const __m512i own = _mm512_mullo_epi32(
      _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi32(0x0101'0101));
  const __mmask64 negative =
      _mm512_test_epi8_mask(_mm512_shuffle_epi8(rows, own), _mm512_set1_epi32(0x0804'0201 << first));
  const __m512i all = _mm512_set1_epi8(bias);
  return _mm512_mask_sub_epi8(_mm512_add_epi8(all, fours), negative, all, fours);
}
inline void StoreBytes(uint8_t* p, Bytes64 bytes) {
  _mm512_store_si512(p, bytes);
}
inline Four BroadcastFour(uint32_t codes) {
  return _mm512_set1_epi32(static_cast<int>(codes));
}
inline Ints LoadInts(const int32_t* p) {
  return _mm512_loadu_si512(p);
}
inline Ints AddInts(Ints a, Ints b) {
  return _mm512_add_epi32(a, b);
}
inline Numbers ToNumbers(Ints a) {
  return _mm512_cvtepi32_ps(a);
}
// 16 bytes.
inline Numbers FromU8(const uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
inline Ints FromI8Wide(const uint8_t* p) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
// The nibble at bit `shift` of each of 16 bytes.
template <int shift>
inline Ints FromNibbleWide(const uint8_t* p) {
  const __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm512_and_si512(_mm512_srli_epi32(wide, shift), _mm512_set1_epi32(15));
}
inline Ints BroadcastInt(int32_t a) {
  return _mm512_set1_epi32(a);
}
inline Numbers ZeroNumbers() {
  return _mm512_setzero_ps();
}
inline Numbers BroadcastNumber(float a) {
  return _mm512_set1_ps(a);
}
inline Numbers LoadNumbers(const float* p) {
  return _mm512_loadu_ps(p);
}
inline void StoreNumbers(float* p, Numbers a) {
  _mm512_storeu_ps(p, a);
}
inline Numbers MulNumbers(Numbers a, Numbers b) {
  return _mm512_mul_ps(a, b);
}
inline Numbers FusedMulAdd(Numbers a, Numbers b, Numbers c) {
  return _mm512_fmadd_ps(a, b, c);
}
inline Numbers FusedNegMulAdd(Numbers a, Numbers b, Numbers c) {
  return _mm512_fnmadd_ps(a, b, c);
}
template <bool bf16>
inline Numbers LoadScales(const uint8_t* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  if constexpr (bf16) return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  return _mm512_cvtph_ps(bits);
}

// 32 numbers; see KernelTable::quantize_row.
inline void QuantizeGroup(const float* x, int8_t* codes, float* scale, int32_t* sums) {
  const __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
  const __m512i magnitude = _mm512_set1_epi32(0x7FFF'FFFF);
  const __m512i largest = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(a), magnitude),
                                           _mm512_and_si512(_mm512_castps_si512(b), magnitude));
  const uint32_t bits = _mm512_reduce_max_epu32(largest);
  float most;
  __builtin_memcpy(&most, &bits, sizeof(most));
  const bool finite = bits < 0x7F80'0000u, zero = finite && most < 1e-30f;
  *scale = !finite ? __builtin_nanf("") : zero ? 0.0f : most / 127.0f;
  const __m512 inverse = _mm512_set1_ps(finite && !zero ? 127.0f / most : 0.0f);
  const __mmask16 keep = finite ? 0xFFFF : 0;  // no number times 0 is a number again
  const __m512i qa = _mm512_maskz_cvtps_epi32(keep, _mm512_mul_ps(a, inverse));
  const __m512i qb = _mm512_maskz_cvtps_epi32(keep, _mm512_mul_ps(b, inverse));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(codes), _mm512_cvtepi32_epi8(qa));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + 16), _mm512_cvtepi32_epi8(qb));
  sums[0] = _mm512_reduce_add_epi32(qa);
  sums[1] = _mm512_reduce_add_epi32(qb);
}

}  // namespace
}  // namespace mains
