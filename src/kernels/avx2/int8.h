// The integer vocabulary of simd/packed.h for AVX2. A signed product of bytes is |w| times x with the sign of
// w: pairs of products fit in 16 bits, since codes of activations are within 127.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace mains {
namespace {

// Two registers of 8 rows each.
struct Codes {
  __m256i size[2], value[2];
};
struct Dots {
  __m256i part[2];
};
struct Numbers {
  __m256 part[2];
};
struct Bytes64 {
  __m256i part[2];
};
using Four = __m256i;
using Codebook = __m256i;

// 8 registers of sums, 4 of codes; the totals are touched once in 32 columns and may live in memory.
constexpr int kTileRows8 = 4;
constexpr int kTileBlocks = 1;

inline Codebook LoadCodebook(const uint8_t* book) {
  if (book == nullptr) return _mm256_setzero_si256();
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(book)));
}
inline __m256i Load32Bytes(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline Codes FromBytes(__m256i low, __m256i high) {
  const __m256i bias = _mm256_set1_epi8(-128);
  const __m256i a = _mm256_xor_si256(low, bias), b = _mm256_xor_si256(high, bias);
  return {{_mm256_abs_epi8(a), _mm256_abs_epi8(b)}, {a, b}};
}
inline Codes LoadCodes(const uint8_t* p) {
  return FromBytes(Load32Bytes(p), Load32Bytes(p + 32));
}
inline Bytes64 LowBytes(const uint8_t* p, Codebook book) {
  const __m256i mask = _mm256_set1_epi8(15);
  return {{_mm256_shuffle_epi8(book, _mm256_and_si256(Load32Bytes(p), mask)),
           _mm256_shuffle_epi8(book, _mm256_and_si256(Load32Bytes(p + 32), mask))}};
}
inline Bytes64 HighBytes(const uint8_t* p, Codebook book) {
  const __m256i mask = _mm256_set1_epi8(15);
  return {{_mm256_shuffle_epi8(book, _mm256_and_si256(_mm256_srli_epi16(Load32Bytes(p), 4), mask)),
           _mm256_shuffle_epi8(book, _mm256_and_si256(_mm256_srli_epi16(Load32Bytes(p + 32), 4), mask))}};
}
inline Codes LowCodes(const uint8_t* p, Codebook book) {
  const Bytes64 bytes = LowBytes(p, book);
  return FromBytes(bytes.part[0], bytes.part[1]);
}
inline Codes HighCodes(const uint8_t* p, Codebook book) {
  const Bytes64 bytes = HighBytes(p, book);
  return FromBytes(bytes.part[0], bytes.part[1]);
}
inline void StoreCodes(uint8_t* p, Bytes64 bytes) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(p), bytes.part[0]);
  _mm256_store_si256(reinterpret_cast<__m256i*>(p + 32), bytes.part[1]);
}
inline Four BroadcastFour(uint32_t codes) {
  return _mm256_set1_epi32(static_cast<int>(codes));
}
// Codes are signed here, so sums begin at zero.
inline Dots BroadcastDot(int32_t) {
  return {{_mm256_setzero_si256(), _mm256_setzero_si256()}};
}
inline __m256i AddDots8(__m256i sums, __m256i size, __m256i value, __m256i x) {
  const __m256i pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(x, value));
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
inline Dots AddDots(Dots sums, const Codes& w, Four x) {
  return {
      {AddDots8(sums.part[0], w.size[0], w.value[0], x), AddDots8(sums.part[1], w.size[1], w.value[1], x)}};
}
inline Numbers ZeroNumbers() {
  return {{_mm256_setzero_ps(), _mm256_setzero_ps()}};
}
inline Numbers LoadNumbers(const float* p) {
  return {{_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}};
}
inline void StoreNumbers(float* p, Numbers a) {
  _mm256_storeu_ps(p, a.part[0]);
  _mm256_storeu_ps(p + 8, a.part[1]);
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
inline Numbers AddScaledSums(Numbers totals, Dots sums, Numbers weight, float scale) {
  const __m256 s = _mm256_set1_ps(scale);
  return {
      {_mm256_fmadd_ps(_mm256_cvtepi32_ps(sums.part[0]), _mm256_mul_ps(weight.part[0], s), totals.part[0]),
       _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums.part[1]), _mm256_mul_ps(weight.part[1], s), totals.part[1])}};
}

// 32 numbers; see KernelTable::quantize_row.
inline void QuantizeGroup(const float* x, int8_t* codes, float* scale, int32_t* offset) {
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
  const __m256i sums = _mm256_add_epi32(_mm256_add_epi32(q[0], q[1]), _mm256_add_epi32(q[2], q[3]));
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1));
  *offset = 128 * _mm_cvtsi128_si32(sum);
}

}  // namespace
}  // namespace mains
