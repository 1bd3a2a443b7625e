// The vector vocabulary of simd/*.h for AVX-512 (F, BW, VL, DQ): 32 registers of 16 floats, and masks
// that make a partial load or store as cheap as a whole one.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace mains {
namespace {

using V = __m512;
constexpr int kLanes = 16;

// Register tiles: 24 accumulators and what feeds them fill the 32 registers.
constexpr int kTileRows = 6;
constexpr int kNarrowRows = 3;  // up to here a tile of gemm_nt is 8 columns wide, above it 4
// Vectors of a tile of gemm_nn_add: with few rows many, or a sum would wait for the one before it.
constexpr int TileVectors(int rows) {
  return rows <= 2 ? 8 : 4;
}

inline __mmask16 FirstLanes(int64_t n) {
  return static_cast<__mmask16>((1u << n) - 1);
}

inline V Zero() {
  return _mm512_setzero_ps();
}
inline V Set1(float a) {
  return _mm512_set1_ps(a);
}
inline V Load(const float* p) {
  return _mm512_loadu_ps(p);
}
inline void Store(float* p, V a) {
  _mm512_storeu_ps(p, a);
}
// The first n < kLanes lanes; the others are taken from `rest`.
inline V LoadPart(const float* p, int64_t n, V rest) {
  return _mm512_mask_loadu_ps(rest, FirstLanes(n), p);
}
inline V LoadPart(const float* p, int64_t n) {
  return _mm512_maskz_loadu_ps(FirstLanes(n), p);
}
inline void StorePart(float* p, int64_t n, V a) {
  _mm512_mask_storeu_ps(p, FirstLanes(n), a);
}
// Sixteen numbers of 16 bits as f32, and the first n of them, zeros behind.
inline V LoadF16(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline V LoadF16Part(const uint16_t* p, int64_t n) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(FirstLanes(n), p));
}
inline V WidenBf16(__m256i a) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(a), 16));
}
inline V LoadBf16(const uint16_t* p) {
  return WidenBf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline V LoadBf16Part(const uint16_t* p, int64_t n) {
  return WidenBf16(_mm256_maskz_loadu_epi16(FirstLanes(n), p));
}

// A value that several instructions use: the compiler would rather load it again for each of them.
template <typename Register>
inline Register InRegister(Register a) {
  asm("" : "+v"(a));
  return a;
}

inline V Add(V a, V b) {
  return _mm512_add_ps(a, b);
}
inline V Sub(V a, V b) {
  return _mm512_sub_ps(a, b);
}
inline V Mul(V a, V b) {
  return _mm512_mul_ps(a, b);
}
inline V Div(V a, V b) {
  return _mm512_div_ps(a, b);
}
inline V Fma(V a, V b, V c) {
  return _mm512_fmadd_ps(a, b, c);
}  // a * b + c
inline V FmaSub(V a, V b, V c) {
  return _mm512_fmsub_ps(a, b, c);
}  // a * b - c
inline V FmaAlt(V a, V b, V c) {
  return _mm512_fmaddsub_ps(a, b, c);
}  // - in even lanes, + in odd
// Where either operand is NaN, b.
inline V Max(V a, V b) {
  return _mm512_max_ps(a, b);
}
inline V Min(V a, V b) {
  return _mm512_min_ps(a, b);
}

// a > b ? then : otherwise, and whether a is NaN; sum + step where a > limit.
inline V ChooseAbove(V a, V b, V then, V otherwise) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), otherwise, then);
}
inline V ChooseUnordered(V a, V ordered, V unordered) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), ordered, unordered);
}
inline V AddAbove(V sum, V a, V limit, V step) {
  return _mm512_mask_add_ps(sum, _mm512_cmp_ps_mask(a, limit, _CMP_GT_OQ), sum, step);
}

inline V RoundEven(V a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// a * 2^n for whole n.
inline V MulPow2(V a, V n) {
  return _mm512_scalef_ps(a, n);
}

inline V SwapPairs(V a) {
  return _mm512_permute_ps(a, 0xB1);
}
// n <= kLanes / 2 numbers, each in two neighbouring lanes.
inline V LoadTwice(const float* p, int64_t n) {
  const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  return _mm512_permutexvar_ps(twice, LoadPart(p, n));
}

// The first additions of the tree that folds the lanes: l takes l + 8, then l + 4.
inline __m128 FoldTo4(V a) {
  const __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  return _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
}
inline float MaxLane(V a) {
  return _mm512_reduce_max_ps(a);
}

// Sixteen numbers, the step of all unpackers.
using V16 = __m512;
inline V16 Load16(const float* p) {
  return _mm512_loadu_ps(p);
}
inline void Store16(float* p, V16 a) {
  _mm512_storeu_ps(p, a);
}
inline V16 Mul16(V16 a, float b) {
  return _mm512_mul_ps(a, _mm512_set1_ps(b));
}
inline V16 Add16(V16 a, float b) {
  return _mm512_add_ps(a, _mm512_set1_ps(b));
}
inline V16 FromI8(__m128i a) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(a));
}
inline V16 FromF16(__m256i a) {
  return _mm512_cvtph_ps(a);
}
inline V16 FromBf16(__m256i a) {
  return WidenBf16(a);
}
// `nibbles`: 16 bytes below 16; table: 16 numbers.
inline V16 Lookup16(__m128i nibbles, const float* table) {
  return _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(nibbles), _mm512_loadu_ps(table));
}
inline __m256i ToF16(V16 a) {
  const V16 limit = _mm512_set1_ps(65504.0f);
  const V16 clamped = Max(Sub(Zero(), limit), Min(limit, a));
  // Class 0x18: plus and minus infinity, which stay what they are.
  const V16 kept = _mm512_mask_mov_ps(clamped, _mm512_fpclass_ps_mask(a, 0x18), a);
  return _mm512_cvtps_ph(kept, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline __m256i ToBf16(V16 a) {
  const __m512i bits = _mm512_castps_si512(a);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x0040'0000));
  const __mmask16 nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_mov_epi32(rounded, nan, quiet), 16));
}

}  // namespace
}  // namespace mains
