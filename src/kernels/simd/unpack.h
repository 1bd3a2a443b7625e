// Unpackers and number formats over the vector vocabulary of <isa>/vec.h and the bytes of simd/x86.h or
// neon/bytes.h, which must be included first.
// Every format comes down to 16 small integers in bytes, widened, times a scale: the same operations in
// the same order as UnpackRow, hence the same bits. The layouts are told in tensor/gguf_blocks.cc.
#pragma once

#include "kernels/simd/slots.h"
#include "tensor/codebooks.h"

namespace mains {
namespace {

// Bytes.

inline const uint8_t* Bytes(const void* p) {
  return static_cast<const uint8_t*>(p);
}
inline uint32_t LoadU16(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8;
}
inline uint32_t LoadU32(const uint8_t* p) {
  uint32_t bits;
  __builtin_memcpy(&bits, p, sizeof(bits));
  return bits;
}
inline float LoadHalf(const uint8_t* p) {
  return F16ToFloat(static_cast<uint16_t>(LoadU16(p)));
}
inline Bytes16 Low(Bytes16 q) {
  return Bits<0>(q, 15);
}
inline Bytes16 High(Bytes16 q) {
  return Bits<4>(q, 15);
}
// Two bits at `shift`, moved to bits 4 and 5.
template <int shift>
inline Bytes16 PairTo4(Bytes16 q) {
  return ShiftLeft<4>(Bits<shift>(q, 3));
}
inline void StoreScaled(float* out, Bytes16 q, float scale) {
  Store16(out, Mul16(FromI8(q), scale));
}
inline void StoreScaledPlus(float* out, Bytes16 q, float scale, float add) {
  Store16(out, Add16(Mul16(FromI8(q), scale), add));
}

// Runs `convert` (pointer to 16 elements -> V16) over a row of `bytes_per_16 / 16` bytes per element;
// the last few elements go through buffers, because nothing may be read past the row.
template <int bytes_per_16, typename Convert>
inline void Each16(const uint8_t* in, int64_t n, float* out, Convert convert) {
  for (; n >= 16; n -= 16, in += bytes_per_16, out += 16) Store16(out, convert(in));
  if (n == 0) return;
  uint8_t rest[bytes_per_16] = {};
  float numbers[16];
  __builtin_memcpy(rest, in, static_cast<size_t>((n * bytes_per_16 + 15) / 16));
  Store16(numbers, convert(rest));
  __builtin_memcpy(out, numbers, static_cast<size_t>(n) * sizeof(float));
}

// Plain numbers.

void LoadF16(const void* in, int64_t n, float* out) {
  Each16<32>(Bytes(in), n, out, [](const uint8_t* p) { return FromF16(Load16Halves(p)); });
}
void LoadBf16(const void* in, int64_t n, float* out) {
  Each16<32>(Bytes(in), n, out, [](const uint8_t* p) { return FromBf16(Load16Halves(p)); });
}

template <typename Convert>
inline void StoreHalves(const float* in, int64_t n, void* out, Convert convert) {
  uint8_t* to = static_cast<uint8_t*>(out);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    Store16Halves(to + 2 * i, convert(Load16(in + i)));
  }
  if (i == n) return;
  float numbers[16] = {};
  uint8_t rest[32];
  __builtin_memcpy(numbers, in + i, static_cast<size_t>(n - i) * sizeof(float));
  Store16Halves(rest, convert(Load16(numbers)));
  __builtin_memcpy(to + 2 * i, rest, static_cast<size_t>(n - i) * 2);
}

void StoreF16(const float* in, int64_t n, void* out) {
  StoreHalves(in, n, out, [](V16 a) { return ToF16(a); });
}
void StoreBf16(const float* in, int64_t n, void* out) {
  StoreHalves(in, n, out, [](V16 a) { return ToBf16(a); });
}

void UnpackF16(const WeightRow& row, int64_t cols, float* out) {
  LoadF16(row.data, cols, out);
}
void UnpackBf16(const WeightRow& row, int64_t cols, float* out) {
  LoadBf16(row.data, cols, out);
}

void UnpackE4M3(const WeightRow& row, int64_t cols, float* out) {
  Each16<16>(Bytes(row.data), cols, out, [](const uint8_t* p) { return FromE4M3(Load16Bytes(p)); });
}

void UnpackI8(const WeightRow& row, int64_t cols, float* out) {
  Each16<16>(Bytes(row.data), cols, out, [](const uint8_t* p) { return FromI8(Load16Bytes(p)); });
}

// Numbers in groups that share a scale.

inline float FromBits(uint32_t bits) {
  return __builtin_bit_cast(float, bits);
}
// 2^(e - 127): 0 is a denormal number, 255 NaN.
inline float FromE8M0(uint32_t e) {
  return FromBits(e == 0 ? 0x0040'0000 : e == 255 ? 0x7FC0'0000 : e << 23);
}

// Calls group(scale, index, first column, columns) for each group of a row whose scales are decoded by
// `scale_at(index)`.
template <typename ScaleAt, typename Group>
inline void EachGroupOf(const WeightRow& row, int64_t cols, ScaleAt scale_at, Group group) {
  int64_t index = 0;
  for (int64_t begin = 0; begin < cols; begin += row.group, ++index) {
    group(scale_at(index), index, begin, cols - begin < row.group ? cols - begin : row.group);
  }
}
template <typename Group>
inline void EachGroup(const WeightRow& row, int64_t cols, Group group) {
  const uint8_t* scales = Bytes(row.scales);
  switch (row.scale_dtype) {
    case DType::kF32:
      return EachGroupOf(
          row, cols, [=](int64_t i) { return FromBits(LoadU32(scales + 4 * i)); }, group);
    case DType::kF16:
      return EachGroupOf(
          row, cols, [=](int64_t i) { return LoadHalf(scales + 2 * i); }, group);
    case DType::kBF16:
      return EachGroupOf(
          row, cols, [=](int64_t i) { return FromBits(LoadU16(scales + 2 * i) << 16); }, group);
    default:  // F8E8M0
      return EachGroupOf(
          row, cols, [=](int64_t i) { return FromE8M0(scales[i]); }, group);
  }
}

void UnpackF8Block(const WeightRow& row, int64_t cols, float* out) {
  EachGroup(row, cols, [&](float scale, int64_t, int64_t begin, int64_t n) {
    Each16<16>(Bytes(row.data) + begin, n, out + begin,
               [=](const uint8_t* p) { return Mul16(FromE4M3(Load16Bytes(p)), scale); });
  });
}

// Little-endian words of eight nibbles, lowest first, are bytes of two.
void UnpackInt4Group(const WeightRow& row, int64_t cols, float* out) {
  if (row.group % 2 != 0) return UnpackRow(row, cols, out);  // groups would start within a byte
  EachGroup(row, cols, [&](float scale, int64_t index, int64_t begin, int64_t n) {
    const int zero = row.zeros == nullptr ? 8 : Bytes(row.zeros)[index];
    Each16<8>(Bytes(row.data) + begin / 2, n, out + begin,
              [=](const uint8_t* p) { return Mul16(FromI8(Bias(NibblesInOrder(p), zero)), scale); });
  });
}

constexpr float kE2M1[16] = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                             -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

void UnpackFp4Group(const WeightRow& row, int64_t cols, float* out) {
  if (row.group % 2 != 0) return UnpackRow(row, cols, out);
  EachGroup(row, cols, [&](float scale, int64_t, int64_t begin, int64_t n) {
    Each16<8>(Bytes(row.data) + begin / 2, n, out + begin,
              [=](const uint8_t* p) { return Mul16(Lookup16(NibblesInOrder(p), kE2M1), scale); });
  });
}

// GGUF blocks of 32: the low nibbles are elements 0..15, the high ones 16..31.

template <int block_bytes, int block_elements, void (*unpack)(const uint8_t*, float*)>
void Blocks(const WeightRow& row, int64_t cols, float* out) {
  const uint8_t* block = Bytes(row.data);
  for (int64_t i = 0; i < cols; i += block_elements, block += block_bytes) unpack(block, out + i);
}

inline void Q4_0(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const Bytes16 q = Load16Bytes(block + 2);
  StoreScaled(out, Bias(Low(q), 8), d);
  StoreScaled(out + 16, Bias(High(q), 8), d);
}

inline void Q4_1(const uint8_t* block, float* out) {
  const float d = LoadHalf(block), m = LoadHalf(block + 2);
  const Bytes16 q = Load16Bytes(block + 4);
  StoreScaledPlus(out, Low(q), d, m);
  StoreScaledPlus(out + 16, High(q), d, m);
}

inline void Q5_0(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const Bytes16 q = Load16Bytes(block + 6);
  StoreScaled(out, Bias(Or(Low(q), SpreadBits(LoadU16(block + 2), 16)), 16), d);
  StoreScaled(out + 16, Bias(Or(High(q), SpreadBits(LoadU16(block + 4), 16)), 16), d);
}

inline void Q5_1(const uint8_t* block, float* out) {
  const float d = LoadHalf(block), m = LoadHalf(block + 2);
  const Bytes16 q = Load16Bytes(block + 8);
  StoreScaledPlus(out, Or(Low(q), SpreadBits(LoadU16(block + 4), 16)), d, m);
  StoreScaledPlus(out + 16, Or(High(q), SpreadBits(LoadU16(block + 6), 16)), d, m);
}

inline void Q8_0(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  StoreScaled(out, Load16Bytes(block + 2), d);
  StoreScaled(out + 16, Load16Bytes(block + 18), d);
}

inline Bytes16 Iq4Values(Bytes16 nibbles) {
  return LookupBytes(kIq4Values, nibbles);
}

inline void IQ4_NL(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const Bytes16 q = Load16Bytes(block + 2);
  StoreScaled(out, Iq4Values(Low(q)), d);
  StoreScaled(out + 16, Iq4Values(High(q)), d);
}

inline void MXFP4(const uint8_t* block, float* out) {
  const uint32_t e = block[0];
  const float half_scale = FromBits(e < 2 ? 0x0020'0000u << e : (e - 1) << 23);
  const Bytes16 q = Load16Bytes(block + 1);
  StoreScaled(out, LookupBytes(kTwiceE2M1, Low(q)), half_scale);
  StoreScaled(out + 16, LookupBytes(kTwiceE2M1, High(q)), half_scale);
}

// GGUF blocks of 256.

inline void IQ4_XS(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  const uint32_t high = LoadU16(block + 2);
  for (int g = 0; g < 8; ++g) {
    const uint32_t scale = (block[4 + g / 2] >> (4 * (g % 2)) & 15u) | (high >> (2 * g) & 3u) << 4;
    const float d_scale = d * static_cast<float>(static_cast<int>(scale) - 32);
    const Bytes16 q = Load16Bytes(block + 8 + 16 * g);
    StoreScaled(out + 32 * g, Iq4Values(Low(q)), d_scale);
    StoreScaled(out + 32 * g + 16, Iq4Values(High(q)), d_scale);
  }
}

// Eight 6-bit scales and minima in 12 bytes, four to a word, times their factors: the first four whole
// in words 0 and 1, the others with their low nibbles in word 2 and their top pairs on words 0 and 1.
struct ScalesMins {
  float scale[8], minus_min[8];
};
inline ScalesMins ScalesMinsOf(const uint8_t* block) {
  const uint32_t a = LoadU32(block + 4), b = LoadU32(block + 8), c = LoadU32(block + 12);
  float all[16];
  Store16(all, FromI8(Words(a & 0x3F3F'3F3F, (c & 0x0F0F'0F0F) | (a >> 2 & 0x3030'3030), b & 0x3F3F'3F3F,
                            (c >> 4 & 0x0F0F'0F0F) | (b >> 2 & 0x3030'3030))));
  const float d = LoadHalf(block), minus_dmin = -LoadHalf(block + 2);
  ScalesMins s;
  for (int g = 0; g < 8; ++g) {
    s.scale[g] = d * all[g];
    s.minus_min[g] = minus_dmin * all[8 + g];
  }
  return s;
}

inline void Q4_K(const uint8_t* block, float* out) {
  const ScalesMins s = ScalesMinsOf(block);
  for (int g = 0; g < 8; g += 2) {
    for (int l = 0; l < 32; l += 16) {
      const Bytes16 q = Load16Bytes(block + 16 + 16 * g + l);
      StoreScaledPlus(out + 32 * g + l, Low(q), s.scale[g], s.minus_min[g]);
      StoreScaledPlus(out + 32 * g + 32 + l, High(q), s.scale[g + 1], s.minus_min[g + 1]);
    }
  }
}

inline void Q5_K(const uint8_t* block, float* out) {
  const ScalesMins s = ScalesMinsOf(block);
  for (int l = 0; l < 32; l += 16) {
    Bytes16 fifth = Load16Bytes(block + 16 + l);
    for (int g = 0; g < 8; g += 2) {
      const Bytes16 q = Load16Bytes(block + 48 + 16 * g + l);
      const Bytes16 low = Or(Low(q), ShiftLeft<4>(Bits<0>(fifth, 1)));
      const Bytes16 high = Or(High(q), ShiftLeft<4>(Bits<1>(fifth, 1)));
      StoreScaledPlus(out + 32 * g + l, low, s.scale[g], s.minus_min[g]);
      StoreScaledPlus(out + 32 * g + 32 + l, high, s.scale[g + 1], s.minus_min[g + 1]);
      fifth = Bits<2>(fifth, 63);
    }
  }
}

inline void Q6_K(const uint8_t* block, float* out) {
  float scales[16];
  Store16(scales, Mul16(FromI8(Load16Bytes(block + 192)), LoadHalf(block + 208)));
  for (int h = 0; h < 2; ++h) {
    for (int l = 0; l < 32; l += 16) {
      const Bytes16 a = Load16Bytes(block + 64 * h + l), b = Load16Bytes(block + 64 * h + 32 + l);
      const Bytes16 top = Load16Bytes(block + 128 + 32 * h + l);
      const Bytes16 q[4] = {Or(Low(a), PairTo4<0>(top)), Or(Low(b), PairTo4<2>(top)),
                            Or(High(a), PairTo4<4>(top)), Or(High(b), PairTo4<6>(top))};
      for (int s = 0; s < 4; ++s) {
        StoreScaled(out + 128 * h + 32 * s + l, Bias(q[s], 32), scales[8 * h + 2 * s + l / 16]);
      }
    }
  }
}

inline void Q2_K(const uint8_t* block, float* out) {
  const Bytes16 packed = Load16Bytes(block);
  float scales[16], minus_mins[16];
  Store16(scales, Mul16(FromI8(Low(packed)), LoadHalf(block + 80)));
  Store16(minus_mins, Mul16(FromI8(High(packed)), -LoadHalf(block + 82)));
  for (int h = 0; h < 2; ++h) {
    for (int l = 0; l < 32; l += 16) {
      const Bytes16 pairs = Load16Bytes(block + 16 + 32 * h + l);
      const Bytes16 q[4] = {Bits<0>(pairs, 3), Bits<2>(pairs, 3), Bits<4>(pairs, 3), Bits<6>(pairs, 3)};
      for (int s = 0; s < 4; ++s) {
        const int g = 8 * h + 2 * s + l / 16;
        StoreScaledPlus(out + 128 * h + 32 * s + l, q[s], scales[g], minus_mins[g]);
      }
    }
  }
}

// Sixteen 6-bit scales, four to a word: low nibbles in words 0 and 1, top pairs in word 2.
inline void Q3_K(const uint8_t* block, float* out) {
  const uint32_t a = LoadU32(block + 96), b = LoadU32(block + 100), c = LoadU32(block + 104);
  const Bytes16 biased =
      Words((a & 0x0F0F'0F0F) | (c << 4 & 0x3030'3030), (b & 0x0F0F'0F0F) | (c << 2 & 0x3030'3030),
            (a >> 4 & 0x0F0F'0F0F) | (c & 0x3030'3030), (b >> 4 & 0x0F0F'0F0F) | (c >> 2 & 0x3030'3030));
  float scales[16];
  Store16(scales, Mul16(FromI8(Bias(biased, 32)), LoadHalf(block + 108)));
  for (int l = 0; l < 32; l += 16) {
    Bytes16 third = Load16Bytes(block + l);  // a clear bit means -4
    for (int h = 0; h < 2; ++h) {
      const Bytes16 pairs = Load16Bytes(block + 32 + 32 * h + l);
      const Bytes16 q[4] = {Bits<0>(pairs, 3), Bits<2>(pairs, 3), Bits<4>(pairs, 3), Bits<6>(pairs, 3)};
      for (int s = 0; s < 4; ++s) {
        const int g = 8 * h + 2 * s + l / 16;
        const Bytes16 with_third = Or(q[s], ShiftLeft<2>(Bits<0>(third, 1)));
        StoreScaled(out + 128 * h + 32 * s + l, Bias(with_third, 4), scales[g]);
        third = Bits<1>(third, 127);
      }
    }
  }
}

}  // namespace
}  // namespace mains

#include "kernels/simd/i_quants.h"

namespace mains {
namespace {

constexpr int PlainSlot(DType dtype) {
  return UnpackSlot(WeightFormat::kPlain, dtype);
}

// F32, TQ1_0 and the integers that hold no weights stay with the reference.
constexpr SimdUnpack kUnpackers[] = {
    {PlainSlot(DType::kF16), UnpackF16},
    {PlainSlot(DType::kBF16), UnpackBf16},
    {PlainSlot(DType::kF8E4M3), UnpackE4M3},
    {PlainSlot(DType::kI8), UnpackI8},
    {PlainSlot(DType::kQ4_0), Blocks<18, 32, Q4_0>},
    {PlainSlot(DType::kQ4_1), Blocks<20, 32, Q4_1>},
    {PlainSlot(DType::kQ5_0), Blocks<22, 32, Q5_0>},
    {PlainSlot(DType::kQ5_1), Blocks<24, 32, Q5_1>},
    {PlainSlot(DType::kQ8_0), Blocks<34, 32, Q8_0>},
    {PlainSlot(DType::kQ2_K), Blocks<84, 256, Q2_K>},
    {PlainSlot(DType::kQ3_K), Blocks<110, 256, Q3_K>},
    {PlainSlot(DType::kQ4_K), Blocks<144, 256, Q4_K>},
    {PlainSlot(DType::kQ5_K), Blocks<176, 256, Q5_K>},
    {PlainSlot(DType::kQ6_K), Blocks<210, 256, Q6_K>},
    {PlainSlot(DType::kIQ1_S), Blocks<50, 256, IQ1_S>},
    {PlainSlot(DType::kIQ1_M), Blocks<56, 256, IQ1_M>},
    {PlainSlot(DType::kIQ2_XXS), Blocks<66, 256, IQ2_XXS>},
    {PlainSlot(DType::kIQ2_XS), Blocks<74, 256, IQ2_XS>},
    {PlainSlot(DType::kIQ2_S), Blocks<82, 256, IQ2_S>},
    {PlainSlot(DType::kIQ3_XXS), Blocks<98, 256, IQ3_XXS>},
    {PlainSlot(DType::kIQ3_S), Blocks<110, 256, IQ3_S>},
    {PlainSlot(DType::kTQ2_0), Blocks<66, 256, TQ2_0>},
    {PlainSlot(DType::kIQ4_NL), Blocks<18, 32, IQ4_NL>},
    {PlainSlot(DType::kIQ4_XS), Blocks<136, 256, IQ4_XS>},
    {PlainSlot(DType::kMXFP4), Blocks<17, 32, MXFP4>},
    {UnpackSlot(WeightFormat::kF8Block, DType::kF8E4M3), UnpackF8Block},
    {UnpackSlot(WeightFormat::kInt4Group, DType::kI32), UnpackInt4Group},
    {UnpackSlot(WeightFormat::kFp4Group, DType::kU8), UnpackFp4Group},
};

}  // namespace
}  // namespace mains
