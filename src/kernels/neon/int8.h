// The integer vocabulary of simd/packed.h for NEON. With the dot-product extension one instruction adds four
// products of bytes to each of four sums; without, products go through 16 bits, two by two. What is said of
// an operation in avx2/int8.h holds here.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace mains {
namespace {

// Four registers of 4 rows each.
struct Codes {
  int8x16_t part[4];
};
struct Bytes64 {
  uint8x16_t part[4];
};
struct Ints {
  int32x4_t part[4];
};
struct Numbers {
  float32x4_t part[4];
};
using Four = int8x16_t;
using Codebook = uint8x16_t;

// 16 registers of sums, 4 of codes; the totals are touched once in 32 columns and may live in memory.
constexpr int kTileRows8 = 4;
constexpr int kTileBlocks = 1;

inline Codebook LoadCodebook(const uint8_t* book) {
  return book == nullptr ? vdupq_n_u8(0) : vld1q_u8(book);
}
inline Bytes64 Load64Bytes(const uint8_t* p) {
  return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}};
}
inline Bytes64 Lookup(Codebook book, Bytes64 nibbles) {
  for (uint8x16_t& part : nibbles.part) part = vqtbl1q_u8(book, part);
  return nibbles;
}
// The low or the high nibbles of 64 bytes.
inline Bytes64 Nibbles(const uint8_t* p, int64_t half) {
  Bytes64 bytes = Load64Bytes(p);
  for (uint8x16_t& part : bytes.part) part = half == 0 ? vandq_u8(part, vdupq_n_u8(15)) : vshrq_n_u8(part, 4);
  return bytes;
}
// The bits of `mask` of the bytes at `p`, shifted down by `shift`.
template <int mask>
inline Bytes64 LowBits(const uint8_t* p, int64_t shift) {
  Bytes64 bytes = Load64Bytes(p);
  const int8x16_t down = vdupq_n_s8(static_cast<int8_t>(-shift));
  for (uint8x16_t& part : bytes.part) part = vandq_u8(vshlq_u8(part, down), vdupq_n_u8(mask));
  return bytes;
}
// With those of the bytes at `top` from bit `place` on.
template <int mask, int place>
inline Bytes64 WithTopBits(Bytes64 low, const uint8_t* top, int64_t shift) {
  const Bytes64 bits = LowBits<mask>(top, shift);
  for (int i = 0; i < 4; ++i) low.part[i] = vorrq_u8(low.part[i], vshlq_n_u8(bits.part[i], place));
  return low;
}
template <int first, int bias>
inline Bytes64 NegateByBits(Bytes64 fours, const uint8_t* bits) {
  const uint8x16_t rows = vld1q_u8(bits), bit = vreinterpretq_u8_u32(vdupq_n_u32(0x0804'0201u << first));
  const uint8x16_t own = vreinterpretq_u8_u32(
      vcombine_u32(vcreate_u32(0x0101'0101'0000'0000u), vcreate_u32(0x0303'0303'0202'0202u)));
  for (uint8_t i = 0; i < 4; ++i) {
    const uint8x16_t spread = vqtbl1q_u8(rows, vaddq_u8(own, vdupq_n_u8(static_cast<uint8_t>(4 * i))));
    const uint8x16_t mask = vtstq_u8(spread, bit);
    fours.part[i] = vaddq_u8(vsubq_u8(veorq_u8(fours.part[i], mask), mask), vdupq_n_u8(bias));
  }
  return fours;
}
inline void StoreBytes(uint8_t* p, Bytes64 bytes) {
  for (int i = 0; i < 4; ++i) vst1q_u8(p + 16 * i, bytes.part[i]);
}
template <int bias>
inline Codes FromBytes(Bytes64 bytes) {
  Codes codes;
  for (int i = 0; i < 4; ++i)
    codes.part[i] = vreinterpretq_s8_u8(vsubq_u8(bytes.part[i], vdupq_n_u8(static_cast<uint8_t>(bias))));
  return codes;
}
template <int bias>
inline Codes LoadCodes(const uint8_t* p) {
  return FromBytes<bias>(Load64Bytes(p));
}
inline Four BroadcastFour(uint32_t codes) {
  return vreinterpretq_s8_u32(vdupq_n_u32(codes));
}
// Codes are their values here, so sums begin at zero.
template <int bias>
inline Ints BeginInts(int32_t) {
  const int32x4_t zero = vdupq_n_s32(0);
  return {{zero, zero, zero, zero}};
}
inline int32x4_t AddDots4(int32x4_t sums, int8x16_t w, int8x16_t x) {
#if defined(__ARM_FEATURE_DOTPROD)
  return vdotq_s32(sums, w, x);
#else
  const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(x)), high = vmull_high_s8(w, x);
  return vaddq_s32(sums, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
#endif
}
inline Ints AddDots(Ints sums, const Codes& w, Four x) {
  for (int i = 0; i < 4; ++i) sums.part[i] = AddDots4(sums.part[i], w.part[i], x);
  return sums;
}
inline Ints AddInts(Ints a, Ints b) {
  for (int i = 0; i < 4; ++i) a.part[i] = vaddq_s32(a.part[i], b.part[i]);
  return a;
}
inline Numbers ToNumbers(Ints a) {
  Numbers numbers;
  for (int i = 0; i < 4; ++i) numbers.part[i] = vcvtq_f32_s32(a.part[i]);
  return numbers;
}
// 16 bytes.
inline Ints FromI8Wide(const uint8_t* p) {
  const int8x16_t bytes = vreinterpretq_s8_u8(vld1q_u8(p));
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
  return {{vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low), vmovl_s16(vget_low_s16(high)),
           vmovl_high_s16(high)}};
}
inline Numbers FromU8(const uint8_t* p) {
  const uint8x16_t bytes = vld1q_u8(p);
  const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
  return {{vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))), vcvtq_f32_u32(vmovl_high_u16(low)),
           vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))), vcvtq_f32_u32(vmovl_high_u16(high))}};
}
// The nibble at bit `shift` of each of 16 bytes.
template <int shift>
inline Ints FromNibbleWide(const uint8_t* p) {
  uint8x16_t nibbles = vld1q_u8(p);
  if constexpr (shift > 0) nibbles = vshrq_n_u8(nibbles, shift);
  nibbles = vandq_u8(nibbles, vdupq_n_u8(15));
  const uint16x8_t low = vmovl_u8(vget_low_u8(nibbles)), high = vmovl_high_u8(nibbles);
  return {{vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))), vreinterpretq_s32_u32(vmovl_high_u16(low)),
           vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))),
           vreinterpretq_s32_u32(vmovl_high_u16(high))}};
}
inline Ints BroadcastInt(int32_t a) {
  const int32x4_t all = vdupq_n_s32(a);
  return {{all, all, all, all}};
}
inline Numbers BroadcastNumber(float a) {
  const float32x4_t all = vdupq_n_f32(a);
  return {{all, all, all, all}};
}
inline Numbers ZeroNumbers() {
  return BroadcastNumber(0);
}
inline Numbers LoadNumbers(const float* p) {
  return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
}
inline void StoreNumbers(float* p, Numbers a) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.part[i]);
}
inline Numbers MulNumbers(Numbers a, Numbers b) {
  for (int i = 0; i < 4; ++i) a.part[i] = vmulq_f32(a.part[i], b.part[i]);
  return a;
}
inline Numbers FusedMulAdd(Numbers a, Numbers b, Numbers c) {
  for (int i = 0; i < 4; ++i) c.part[i] = vfmaq_f32(c.part[i], a.part[i], b.part[i]);
  return c;
}
inline Numbers FusedNegMulAdd(Numbers a, Numbers b, Numbers c) {
  for (int i = 0; i < 4; ++i) c.part[i] = vfmsq_f32(c.part[i], a.part[i], b.part[i]);
  return c;
}
template <bool bf16>
inline Numbers LoadScales(const uint8_t* p) {
  Numbers numbers;
  for (int i = 0; i < 4; ++i) {
    const uint16x4_t bits = vreinterpret_u16_u8(vld1_u8(p + 8 * i));
    numbers.part[i] =
        bf16 ? vreinterpretq_f32_u32(vshll_n_u16(bits, 16)) : vcvt_f32_f16(vreinterpret_f16_u16(bits));
  }
  return numbers;
}

// 32 numbers; see KernelTable::quantize_row.
inline void QuantizeGroup(const float* x, int8_t* codes, float* scale, int32_t* sums) {
  float32x4_t parts[8];
  uint32x4_t largest = vdupq_n_u32(0);
  for (int i = 0; i < 8; ++i) {
    parts[i] = vld1q_f32(x + 4 * i);
    largest = vmaxq_u32(largest, vandq_u32(vreinterpretq_u32_f32(parts[i]), vdupq_n_u32(0x7FFF'FFFF)));
  }
  const uint32_t bits = vmaxvq_u32(largest);
  float most;
  __builtin_memcpy(&most, &bits, sizeof(most));
  const bool finite = bits < 0x7F80'0000u, zero = finite && most < 1e-30f;
  *scale = !finite ? __builtin_nanf("") : zero ? 0.0f : most / 127.0f;
  const float32x4_t inverse = vdupq_n_f32(finite && !zero ? 127.0f / most : 0.0f);
  const int32x4_t keep = vdupq_n_s32(finite ? -1 : 0);
  for (int half = 0; half < 2; ++half) {
    int32x4_t q[4];
    for (int i = 0; i < 4; ++i)
      q[i] = vandq_s32(keep, vcvtnq_s32_f32(vmulq_f32(parts[4 * half + i], inverse)));
    const int16x8_t low = vcombine_s16(vmovn_s32(q[0]), vmovn_s32(q[1])),
                    high = vcombine_s16(vmovn_s32(q[2]), vmovn_s32(q[3]));
    vst1q_s8(codes + 16 * half, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
    sums[half] = vaddvq_s32(vaddq_s32(vaddq_s32(q[0], q[1]), vaddq_s32(q[2], q[3])));
  }
}

}  // namespace
}  // namespace mains
