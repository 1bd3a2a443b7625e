// The vector vocabulary of simd/*.h for AVX2 with FMA and F16C: 16 registers of 8 floats, two fused
// multiply-adds a cycle. Partial loads and stores go through a mask of whole lanes.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace mains {
namespace {

using V = __m256;
constexpr int kLanes = 8;

// Register tiles: 12 accumulators and what feeds them fill the 16 registers.
constexpr int kTileRows = 3;
constexpr int kNarrowRows = 1;  // up to here a tile of gemm_nt is 8 columns wide, above it 4
// Vectors of a tile of gemm_nn_add: with few rows many, or a sum would wait for the one before it.
constexpr int TileVectors(int rows) {
  return rows == 1 ? 8 : rows == 2 ? 4 : 2;
}

inline __m256i FirstLanes(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline V Zero() {
  return _mm256_setzero_ps();
}
inline V Set1(float a) {
  return _mm256_set1_ps(a);
}
inline V Load(const float* p) {
  return _mm256_loadu_ps(p);
}
inline void Store(float* p, V a) {
  _mm256_storeu_ps(p, a);
}
// The first n < kLanes lanes; the others are taken from `rest`.
inline V LoadPart(const float* p, int64_t n, V rest) {
  const __m256i mask = FirstLanes(n);
  return _mm256_blendv_ps(rest, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
}
inline V LoadPart(const float* p, int64_t n) {
  return _mm256_maskload_ps(p, FirstLanes(n));
}
inline void StorePart(float* p, int64_t n, V a) {
  _mm256_maskstore_ps(p, FirstLanes(n), a);
}
// Eight numbers of 16 bits as f32, and the first n of them, zeros behind.
inline __m128i LoadEight(const uint16_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline __m128i LoadEightPart(const uint16_t* p, int64_t n) {
  alignas(16) uint16_t all[8] = {};
  __builtin_memcpy(all, p, static_cast<size_t>(n) * sizeof(uint16_t));
  return _mm_load_si128(reinterpret_cast<const __m128i*>(all));
}
inline V LoadF16(const uint16_t* p) {
  return _mm256_cvtph_ps(LoadEight(p));
}
inline V LoadF16Part(const uint16_t* p, int64_t n) {
  return _mm256_cvtph_ps(LoadEightPart(p, n));
}
inline V WidenBf16(__m128i a) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(a), 16));
}
inline V LoadBf16(const uint16_t* p) {
  return WidenBf16(LoadEight(p));
}
inline V LoadBf16Part(const uint16_t* p, int64_t n) {
  return WidenBf16(LoadEightPart(p, n));
}

// A value that several instructions use: the compiler would rather load it again for each of them.
inline V InRegister(V a) {
  asm("" : "+x"(a));
  return a;
}

inline V Add(V a, V b) {
  return _mm256_add_ps(a, b);
}
inline V Sub(V a, V b) {
  return _mm256_sub_ps(a, b);
}
inline V Mul(V a, V b) {
  return _mm256_mul_ps(a, b);
}
inline V Div(V a, V b) {
  return _mm256_div_ps(a, b);
}
inline V Fma(V a, V b, V c) {
  return _mm256_fmadd_ps(a, b, c);
}  // a * b + c
inline V FmaSub(V a, V b, V c) {
  return _mm256_fmsub_ps(a, b, c);
}  // a * b - c
inline V FmaAlt(V a, V b, V c) {
  return _mm256_fmaddsub_ps(a, b, c);
}  // - in even lanes, + in odd
// Where either operand is NaN, b.
inline V Max(V a, V b) {
  return _mm256_max_ps(a, b);
}
inline V Min(V a, V b) {
  return _mm256_min_ps(a, b);
}

// a > b ? then : otherwise, and whether a is NaN; sum + step where a > limit.
inline V ChooseAbove(V a, V b, V then, V otherwise) {
  return _mm256_blendv_ps(otherwise, then, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
inline V ChooseUnordered(V a, V ordered, V unordered) {
  return _mm256_blendv_ps(ordered, unordered, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
inline V AddAbove(V sum, V a, V limit, V step) {
  return _mm256_add_ps(sum, _mm256_and_ps(_mm256_cmp_ps(a, limit, _CMP_GT_OQ), step));
}

inline V RoundEven(V a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// 2^n for whole n in [-126, 127].
inline V Pow2(V n) {
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
// a * 2^n for whole n in [-252, 254].
inline V MulPow2(V a, V n) {
  const V half = RoundEven(Mul(n, Set1(0.5f)));
  return Mul(Mul(a, Pow2(half)), Pow2(Sub(n, half)));
}

inline V SwapPairs(V a) {
  return _mm256_permute_ps(a, 0xB1);
}
// n <= kLanes / 2 numbers, each in two neighbouring lanes.
inline V LoadTwice(const float* p, int64_t n) {
  return _mm256_permutevar8x32_ps(LoadPart(p, n), _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
}

// The first addition of the tree that folds the lanes: l takes l + 4.
inline __m128 FoldTo4(V a) {
  return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
}
inline float MaxLane(V a) {
  __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(b, _mm_shuffle_ps(b, b, 1)));
}

// Sixteen numbers, the step of all unpackers.
struct V16 {
  __m256 lo, hi;
};
inline V16 Load16(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
inline void Store16(float* p, V16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
inline V16 Mul16(V16 a, float b) {
  return {Mul(a.lo, Set1(b)), Mul(a.hi, Set1(b))};
}
inline V16 Add16(V16 a, float b) {
  return {Add(a.lo, Set1(b)), Add(a.hi, Set1(b))};
}
inline V16 FromI8(__m128i a) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(a)),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(a, a)))};
}
inline V16 FromF16(__m256i a) {
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(a)), _mm256_cvtph_ps(_mm256_extracti128_si256(a, 1))};
}
inline V16 FromBf16(__m256i a) {
  return {WidenBf16(_mm256_castsi256_si128(a)), WidenBf16(_mm256_extracti128_si256(a, 1))};
}
// A permutation reaches eight numbers, so the fourth bit chooses between two of them.
inline __m256 HalfLookup(__m128i nibbles, const float* table) {
  const __m256i index = _mm256_cvtepu8_epi32(nibbles);
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(_mm256_loadu_ps(table), index),
                          _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), index),
                          _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
}
// `nibbles`: 16 bytes below 16; table: 16 numbers.
inline V16 Lookup16(__m128i nibbles, const float* table) {
  return {HalfLookup(nibbles, table), HalfLookup(_mm_unpackhi_epi64(nibbles, nibbles), table)};
}
inline __m128i HalfToF16(__m256 a) {
  const V limit = Set1(65504.0f);
  const V clamped = Max(Sub(Zero(), limit), Min(limit, a));
  // An infinity stays what it is.
  const __m256 infinity = _mm256_set1_ps(__builtin_inff());
  const __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
  const __m256 kept = _mm256_blendv_ps(clamped, a, _mm256_cmp_ps(magnitude, infinity, _CMP_EQ_OQ));
  return _mm256_cvtps_ph(kept, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline __m256i ToF16(V16 a) {
  return _mm256_set_m128i(HalfToF16(a.hi), HalfToF16(a.lo));
}
// The top halves of the rounded numbers, in the low halves of the lanes.
inline __m256i RoundedBf16(__m256 a) {
  const __m256i bits = _mm256_castps_si256(a);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x0040'0000));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
  return _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
}
inline __m256i ToBf16(V16 a) {
  // The pack works within 128-bit halves; the permutation puts the quarters back in order.
  return _mm256_permute4x64_epi64(_mm256_packus_epi32(RoundedBf16(a.lo), RoundedBf16(a.hi)), 0xD8);
}

}  // namespace
}  // namespace mains
