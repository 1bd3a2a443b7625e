// Sixteen bytes, and sixteen numbers of 16 bits, of the vocabulary of simd/unpack.h for NEON. What is said of
// an operation in simd/x86.h holds here. Included after neon/vec.h.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace mains {
namespace {

using Bytes16 = int8x16_t;
struct Halves16 {
  uint16x8_t part[2];
};

inline Bytes16 Load16Bytes(const uint8_t* p) {
  return vreinterpretq_s8_u8(vld1q_u8(p));
}
inline Halves16 Load16Halves(const uint8_t* p) {
  return {{vreinterpretq_u16_u8(vld1q_u8(p)), vreinterpretq_u16_u8(vld1q_u8(p + 16))}};
}
inline void Store16Halves(uint8_t* p, Halves16 a) {
  vst1q_u8(p, vreinterpretq_u8_u16(a.part[0]));
  vst1q_u8(p + 16, vreinterpretq_u8_u16(a.part[1]));
}
inline float F16ToFloat(uint16_t bits) {
  __fp16 half;
  __builtin_memcpy(&half, &bits, sizeof(half));
  return half;
}
inline Bytes16 Or(Bytes16 a, Bytes16 b) {
  return vorrq_s8(a, b);
}
inline Bytes16 NegateWhere(Bytes16 q, Bytes16 mask) {
  return vsubq_s8(veorq_s8(q, mask), mask);
}
inline Bytes16 Bias(Bytes16 q, int bias) {
  return vsubq_s8(q, vdupq_n_s8(static_cast<int8_t>(bias)));
}
template <int shift>
inline Bytes16 Bits(Bytes16 q, int mask) {
  uint8x16_t bits = vreinterpretq_u8_s8(q);
  if constexpr (shift > 0) bits = vshrq_n_u8(bits, shift);
  return vreinterpretq_s8_u8(vandq_u8(bits, vdupq_n_u8(static_cast<uint8_t>(mask))));
}
template <int shift>
inline Bytes16 ShiftLeft(Bytes16 q) {
  return vshlq_n_s8(q, shift);
}
inline Bytes16 SpreadBits(uint32_t bits, int value) {
  const uint8x8_t bit_of = vcreate_u8(0x8040'2010'0804'0201u);
  const uint8x16_t all =
      vcombine_u8(vdup_n_u8(static_cast<uint8_t>(bits)), vdup_n_u8(static_cast<uint8_t>(bits >> 8)));
  const uint8x16_t set = vtstq_u8(all, vcombine_u8(bit_of, bit_of));
  return vreinterpretq_s8_u8(vandq_u8(set, vdupq_n_u8(static_cast<uint8_t>(value))));
}
inline Bytes16 Words(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  const uint32_t words[4] = {a, b, c, d};
  return vreinterpretq_s8_u32(vld1q_u32(words));
}
inline Bytes16 LookupBytes(const int8_t (&table)[16], Bytes16 q) {
  return vqtbl1q_s8(vld1q_s8(table), vreinterpretq_u8_s8(q));
}
inline Bytes16 NibblesInOrder(const uint8_t* p) {
  const uint8x8_t pairs = vld1_u8(p);
  const uint8x8_t low = vand_u8(pairs, vdup_n_u8(15)), high = vshr_n_u8(pairs, 4);
  return vreinterpretq_s8_u8(vcombine_u8(vzip1_u8(low, high), vzip2_u8(low, high)));
}

inline V16 FromI8(Bytes16 a) {
  const int16x8_t low = vmovl_s8(vget_low_s8(a)), high = vmovl_s8(vget_high_s8(a));
  return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(low))),
           vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)))}};
}
inline V16 FromF16(Halves16 a) {
  return {{WidenF16(vget_low_u16(a.part[0])), WidenF16(vget_high_u16(a.part[0])),
           WidenF16(vget_low_u16(a.part[1])), WidenF16(vget_high_u16(a.part[1]))}};
}
inline V16 FromBf16(Halves16 a) {
  return {{WidenBf16(vget_low_u16(a.part[0])), WidenBf16(vget_high_u16(a.part[0])),
           WidenBf16(vget_low_u16(a.part[1])), WidenBf16(vget_high_u16(a.part[1]))}};
}
inline uint16x4_t FourToF16(V a) {
  const V limit = Set1(65504.0f);
  const V clamped = Max(vnegq_f32(limit), Min(limit, a));
  // An infinity stays what it is.
  const uint32x4_t infinite = vceqq_f32(vabsq_f32(a), Set1(__builtin_inff()));
  return vreinterpret_u16_f16(vcvt_f16_f32(vbslq_f32(infinite, a, clamped)));
}
inline Halves16 ToF16(V16 a) {
  return {{vcombine_u16(FourToF16(a.part[0]), FourToF16(a.part[1])),
           vcombine_u16(FourToF16(a.part[2]), FourToF16(a.part[3]))}};
}
inline uint16x4_t FourToBf16(V a) {
  const uint32x4_t bits = vreinterpretq_u32_f32(a);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7FFF)));
  const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x0040'0000));
  return vshrn_n_u32(vbslq_u32(vceqq_f32(a, a), rounded, quiet), 16);
}
inline Halves16 ToBf16(V16 a) {
  return {{vcombine_u16(FourToBf16(a.part[0]), FourToBf16(a.part[1])),
           vcombine_u16(FourToBf16(a.part[2]), FourToBf16(a.part[3]))}};
}
// `nibbles`: 16 bytes below 16; table: 16 numbers, found byte by byte.
inline V16 Lookup16(Bytes16 nibbles, const float* table) {
  uint8_t index[16];
  vst1q_u8(index, vreinterpretq_u8_s8(nibbles));
  float numbers[16];
  for (int i = 0; i < 16; ++i) numbers[i] = table[index[i]];
  return Load16(numbers);
}

// See simd/x86.h.
inline uint16x8_t E4M3ToF16(uint8x8_t bytes) {
  const uint16x8_t wide = vmovl_u8(bytes), magnitude = vandq_u16(wide, vdupq_n_u16(0x7F));
  const uint16x8_t sign = vshlq_n_u16(vsubq_u16(wide, magnitude), 8);
  const uint16x8_t nan = vceqq_u16(magnitude, vdupq_n_u16(0x7F));
  const uint16x8_t half = vorrq_u16(sign, vshlq_n_u16(magnitude, 7));
  return veorq_u16(half, vandq_u16(nan, vdupq_n_u16(0x4180)));
}
inline V16 FromE4M3(Bytes16 bytes) {
  const uint8x16_t all = vreinterpretq_u8_s8(bytes);
  return Mul16(FromF16({{E4M3ToF16(vget_low_u8(all)), E4M3ToF16(vget_high_u8(all))}}), 256.0f);
}

}  // namespace
}  // namespace mains
