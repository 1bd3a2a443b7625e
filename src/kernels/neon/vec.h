// The vector vocabulary of simd/*.h for NEON: 32 registers of 4 floats. What is said of an operation in
// avx2/vec.h holds here.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace mains {
namespace {

using V = float32x4_t;
constexpr int kLanes = 4;

// Register tiles: 24 accumulators and what feeds them fill the 32 registers.
constexpr int kTileRows = 6;
constexpr int kNarrowRows = 2;
constexpr int TileVectors(int rows) {
  return rows <= 2 ? 8 : 4;
}

inline V Zero() {
  return vdupq_n_f32(0);
}
inline V Set1(float a) {
  return vdupq_n_f32(a);
}
inline V Load(const float* p) {
  return vld1q_f32(p);
}
inline void Store(float* p, V a) {
  vst1q_f32(p, a);
}
// The first n <= kLanes lanes; the others are taken from `rest`.
inline V LoadPart(const float* p, int64_t n, V rest) {
  float all[kLanes];
  Store(all, rest);
  __builtin_memcpy(all, p, static_cast<size_t>(n) * sizeof(float));
  return Load(all);
}
inline V LoadPart(const float* p, int64_t n) {
  return LoadPart(p, n, Zero());
}
inline void StorePart(float* p, int64_t n, V a) {
  float all[kLanes];
  Store(all, a);
  __builtin_memcpy(p, all, static_cast<size_t>(n) * sizeof(float));
}
// Four numbers of 16 bits as f32, and the first n of them, zeros behind.
inline uint16x4_t LoadFour(const uint16_t* p) {
  return vld1_u16(p);
}
inline uint16x4_t LoadFourPart(const uint16_t* p, int64_t n) {
  uint16_t all[kLanes] = {};
  __builtin_memcpy(all, p, static_cast<size_t>(n) * sizeof(uint16_t));
  return vld1_u16(all);
}
inline V WidenF16(uint16x4_t a) {
  return vcvt_f32_f16(vreinterpret_f16_u16(a));
}
inline V WidenBf16(uint16x4_t a) {
  return vreinterpretq_f32_u32(vshll_n_u16(a, 16));
}
inline V LoadF16(const uint16_t* p) {
  return WidenF16(LoadFour(p));
}
inline V LoadF16Part(const uint16_t* p, int64_t n) {
  return WidenF16(LoadFourPart(p, n));
}
inline V LoadBf16(const uint16_t* p) {
  return WidenBf16(LoadFour(p));
}
inline V LoadBf16Part(const uint16_t* p, int64_t n) {
  return WidenBf16(LoadFourPart(p, n));
}

template <typename Register>
inline Register InRegister(Register a) {
  asm("" : "+w"(a));
  return a;
}

inline V Add(V a, V b) {
  return vaddq_f32(a, b);
}
inline V Sub(V a, V b) {
  return vsubq_f32(a, b);
}
inline V Mul(V a, V b) {
  return vmulq_f32(a, b);
}
inline V Div(V a, V b) {
  return vdivq_f32(a, b);
}
inline V Fma(V a, V b, V c) {
  return vfmaq_f32(c, a, b);
}
inline V FmaSub(V a, V b, V c) {
  return vfmaq_f32(vnegq_f32(c), a, b);
}
inline V FmaAlt(V a, V b, V c) {
  const uint64x2_t even = vdupq_n_u64(0x8000'0000u);
  const uint32x4_t flipped = veorq_u32(vreinterpretq_u32_f32(c), vreinterpretq_u32_u64(even));
  return vfmaq_f32(vreinterpretq_f32_u32(flipped), a, b);
}
// Where either operand is NaN, b, which vmaxq would not give.
inline V Max(V a, V b) {
  return vbslq_f32(vcgtq_f32(a, b), a, b);
}
inline V Min(V a, V b) {
  return vbslq_f32(vcltq_f32(a, b), a, b);
}

inline V ChooseAbove(V a, V b, V then, V otherwise) {
  return vbslq_f32(vcgtq_f32(a, b), then, otherwise);
}
inline V ChooseUnordered(V a, V ordered, V unordered) {
  return vbslq_f32(vceqq_f32(a, a), ordered, unordered);
}
inline V AddAbove(V sum, V a, V limit, V step) {
  const uint32x4_t above = vcgtq_f32(a, limit);
  return vaddq_f32(sum, vreinterpretq_f32_u32(vandq_u32(above, vreinterpretq_u32_f32(step))));
}

inline V RoundEven(V a) {
  return vrndnq_f32(a);
}
// 2^n for whole n in [-126, 127].
inline V Pow2(V n) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23));
}
// a * 2^n for whole n in [-252, 254].
inline V MulPow2(V a, V n) {
  const V half = RoundEven(Mul(n, Set1(0.5f)));
  return Mul(Mul(a, Pow2(half)), Pow2(Sub(n, half)));
}

inline V SwapPairs(V a) {
  return vrev64q_f32(a);
}
// n <= kLanes / 2 numbers, each in two neighbouring lanes.
inline V LoadTwice(const float* p, int64_t n) {
  const V a = LoadPart(p, n);
  return vzip1q_f32(a, a);
}

inline float MaxLane(V a) {
  return vmaxvq_f32(a);
}

// Four numbers, here a vector.
using V4 = V;
inline V4 FoldTo4(V a) {
  return a;
}
inline V4 Add4(V4 a, V4 b) {
  return vaddq_f32(a, b);
}
inline V4 Load4(const float* p) {
  return vld1q_f32(p);
}
inline void Store4(float* p, V4 a) {
  vst1q_f32(p, a);
}
inline float First(V4 a) {
  return vgetq_lane_f32(a, 0);
}
// Of each of four: lane l takes l + 2, then l + 1.
inline V4 SumsOf4(V4 a, V4 b, V4 c, V4 d) {
  const auto halves = [](V4 x, V4 y) {
    return vaddq_f32(vcombine_f32(vget_low_f32(x), vget_low_f32(y)),
                     vcombine_f32(vget_high_f32(x), vget_high_f32(y)));
  };
  return vpaddq_f32(halves(a, b), halves(c, d));
}

// Sixteen numbers, the step of all unpackers.
struct V16 {
  V part[4];
};
inline V16 Load16(const float* p) {
  return {{Load(p), Load(p + 4), Load(p + 8), Load(p + 12)}};
}
inline void Store16(float* p, V16 a) {
  for (int i = 0; i < 4; ++i) Store(p + 4 * i, a.part[i]);
}
inline V16 Mul16(V16 a, float b) {
  for (V& part : a.part) part = Mul(part, Set1(b));
  return a;
}
inline V16 Add16(V16 a, float b) {
  for (V& part : a.part) part = Add(part, Set1(b));
  return a;
}

}  // namespace
}  // namespace mains
