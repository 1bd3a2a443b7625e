// The integer vocabulary of simd/packed.h for AVX2, but for the products of bytes: those of the processor are
// in avx2/dots.h or avx2/dots_vnni.h, which include this.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace mains {
namespace {

// Two registers of 8 rows each.
struct Bytes64 {
  __m256i part[2];
};
struct Ints {
  __m256i part[2];
};
struct Numbers {
  __m256 part[2];
};
using Four = __m256i;
using Codebook = __m256i;

inline Codebook LoadCodebook(const uint8_t* book) {
  if (book == nullptr) return _mm256_setzero_si256();
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(book)));
}
inline __m256i Load32Bytes(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline Bytes64 Lookup(Codebook book, Bytes64 nibbles) {
  return {{_mm256_shuffle_epi8(book, nibbles.part[0]), _mm256_shuffle_epi8(book, nibbles.part[1])}};
}
inline __m256i NibblesOf32(__m256i both, int64_t half) {
  const __m256i shifted = half == 0 ? both : _mm256_srli_epi16(both, 4);
  return _mm256_and_si256(shifted, _mm256_set1_epi8(15));
}
// The low or the high nibbles of 64 bytes.
inline Bytes64 Nibbles(const uint8_t* p, int64_t half) {
  return {{NibblesOf32(Load32Bytes(p), half), NibblesOf32(Load32Bytes(p + 32), half)}};
}
// The bits of `mask` of the bytes at `p`, shifted down by `shift`.
template <int mask>
inline Bytes64 LowBits(const uint8_t* p, int64_t shift) {
  const __m128i count = _mm_cvtsi64_si128(shift);
  const __m256i all = _mm256_set1_epi8(mask);
  return {{_mm256_and_si256(_mm256_srl_epi16(Load32Bytes(p), count), all),
           _mm256_and_si256(_mm256_srl_epi16(Load32Bytes(p + 32), count), all)}};
}
// With those of the bytes at `top` from bit `place` on.
template <int mask, int place>
inline Bytes64 WithTopBits(Bytes64 low, const uint8_t* top, int64_t shift) {
  const Bytes64 bits = LowBits<mask>(top, shift);
  return {{_mm256_or_si256(low.part[0], _mm256_slli_epi16(bits.part[0], place)),
           _mm256_or_si256(low.part[1], _mm256_slli_epi16(bits.part[1], place))}};
}
inline Bytes64 Load64Bytes(const uint8_t* p) {
  return {{Load32Bytes(p), Load32Bytes(p + 32)}};
}
// Byte j of each four plus `bias`, first negated where bit first + j of its row's byte at `bits` is set.
template <int first, int bias>
inline Bytes64 NegateByBits(Bytes64 fours, const uint8_t* bits) {
  const __m256i rows = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bits)));
  const __m256i own = _mm256_setr_epi8(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5,
                                       6, 6, 6, 6, 7, 7, 7, 7);
  const __m256i bit = _mm256_set1_epi32(0x0804'0201 << first);
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const __m256i spread =
        _mm256_shuffle_epi8(rows, _mm256_add_epi8(own, _mm256_set1_epi8(static_cast<char>(8 * i))));
    const __m256i mask = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
    const __m256i negated = _mm256_sub_epi8(_mm256_xor_si256(fours.part[i], mask), mask);
    fours.part[i] = _mm256_add_epi8(negated, _mm256_set1_epi8(bias));
  }
  return fours;
}
inline void StoreBytes(uint8_t* p, Bytes64 bytes) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(p), bytes.part[0]);
  _mm256_store_si256(reinterpret_cast<__m256i*>(p + 32), bytes.part[1]);
}
inline Four BroadcastFour(uint32_t codes) {
  return _mm256_set1_epi32(static_cast<int>(codes));
}
inline Ints AddInts(Ints a, Ints b) {
  return {{_mm256_add_epi32(a.part[0], b.part[0]), _mm256_add_epi32(a.part[1], b.part[1])}};
}
inline Numbers ToNumbers(Ints a) {
  return {{_mm256_cvtepi32_ps(a.part[0]), _mm256_cvtepi32_ps(a.part[1])}};
}
inline __m128i Load8Bytes(const uint8_t* p) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
}
// 16 bytes.
inline Numbers FromU8(const uint8_t* p) {
  return {{_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(Load8Bytes(p))),
           _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(Load8Bytes(p + 8)))}};
}
inline Ints FromI8Wide(const uint8_t* p) {
  return {{_mm256_cvtepi8_epi32(Load8Bytes(p)), _mm256_cvtepi8_epi32(Load8Bytes(p + 8))}};
}
// The nibble at bit `shift` of each of 16 bytes.
template <int shift>
inline Ints FromNibbleWide(const uint8_t* p) {
  const __m256i low = _mm256_cvtepu8_epi32(Load8Bytes(p)), high = _mm256_cvtepu8_epi32(Load8Bytes(p + 8));
  const __m256i mask = _mm256_set1_epi32(15);
  return {{_mm256_and_si256(_mm256_srli_epi32(low, shift), mask),
           _mm256_and_si256(_mm256_srli_epi32(high, shift), mask)}};
}
inline Ints BroadcastInt(int32_t a) {
  return {{_mm256_set1_epi32(a), _mm256_set1_epi32(a)}};
}
inline Numbers ZeroNumbers() {
  return {{_mm256_setzero_ps(), _mm256_setzero_ps()}};
}
inline Numbers BroadcastNumber(float a) {
  return {{_mm256_set1_ps(a), _mm256_set1_ps(a)}};
}
inline Numbers LoadNumbers(const float* p) {
  return {{_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}};
}
inline void StoreNumbers(float* p, Numbers a) {
  _mm256_storeu_ps(p, a.part[0]);
  _mm256_storeu_ps(p + 8, a.part[1]);
}
inline Numbers MulNumbers(Numbers a, Numbers b) {
  return {{_mm256_mul_ps(a.part[0], b.part[0]), _mm256_mul_ps(a.part[1], b.part[1])}};
}
inline Numbers FusedMulAdd(Numbers a, Numbers b, Numbers c) {
  return {
      {_mm256_fmadd_ps(a.part[0], b.part[0], c.part[0]), _mm256_fmadd_ps(a.part[1], b.part[1], c.part[1])}};
}
inline Numbers FusedNegMulAdd(Numbers a, Numbers b, Numbers c) {
  return {
      {_mm256_fnmadd_ps(a.part[0], b.part[0], c.part[0]), _mm256_fnmadd_ps(a.part[1], b.part[1], c.part[1])}};
}
template <bool bf16>
inline Numbers LoadScales(const uint8_t* p) {
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16));
  if constexpr (bf16) {
    return {{_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(low), 16)),
             _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(high), 16))}};
  }
  return {{_mm256_cvtph_ps(low), _mm256_cvtph_ps(high)}};
}
inline int32_t SumInts(__m256i a) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1)));
}

// 32 numbers; see KernelTable::quantize_row.
inline void QuantizeGroup(const float* x, int8_t* codes, float* scale, int32_t* sums) {
  const __m256i magnitude = _mm256_set1_epi32(0x7FFF'FFFF);
  __m256 parts[4];
  __m256i largest = _mm256_setzero_si256();
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    parts[i] = _mm256_loadu_ps(x + 8 * i);
    largest = _mm256_max_epu32(largest, _mm256_and_si256(_mm256_castps_si256(parts[i]), magnitude));
  }
  __m128i four = _mm_max_epu32(_mm256_castsi256_si128(largest), _mm256_extracti128_si256(largest, 1));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4E));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xB1));
  const uint32_t bits = static_cast<uint32_t>(_mm_cvtsi128_si32(four));
  float most;
  __builtin_memcpy(&most, &bits, sizeof(most));
  const bool finite = bits < 0x7F80'0000u, zero = finite && most < 1e-30f;
  *scale = !finite ? __builtin_nanf("") : zero ? 0.0f : most / 127.0f;
  const __m256 inverse = _mm256_set1_ps(finite && !zero ? 127.0f / most : 0.0f);
  const __m256i keep = _mm256_set1_epi32(finite ? -1 : 0);  // no number times 0 is a number again
  __m256i q[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i)
    q[i] = _mm256_and_si256(keep, _mm256_cvtps_epi32(_mm256_mul_ps(parts[i], inverse)));
  // Packing works within halves of a register; the last step puts the words in order.
  const __m256i words = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
  const __m256i ordered = _mm256_permutevar8x32_epi32(words, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes), ordered);
  sums[0] = SumInts(_mm256_add_epi32(q[0], q[1]));
  sums[1] = SumInts(_mm256_add_epi32(q[2], q[3]));
}

}  // namespace
}  // namespace mains
