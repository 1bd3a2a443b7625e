// The i-quants and ternary blocks for simd/unpack.h, which includes this after what it needs. Layouts:
// tensor/gguf_blocks.cc.
#pragma once

#include "tensor/i_quant_grids.h"

namespace mains {
namespace {

inline Bytes16 TwoEntries(uint64_t a, uint64_t b) {
  return Words(static_cast<uint32_t>(a), static_cast<uint32_t>(a >> 32), static_cast<uint32_t>(b),
               static_cast<uint32_t>(b >> 32));
}
inline void StoreSigned(float* out, Bytes16 magnitudes, uint32_t signs, float scale) {
  StoreScaled(out, NegateWhere(magnitudes, SpreadBits(signs, 0xFF)), scale);
}
// Sixteen signs of fourteen bits: the eighth of each half makes the number of negative ones even.
inline uint32_t EvenSigns(uint32_t a, uint32_t b) {
  const uint32_t even_a = static_cast<uint32_t>(__builtin_parity(a)),
                 even_b = static_cast<uint32_t>(__builtin_parity(b));
  return a | even_a << 7 | b << 8 | even_b << 15;
}
inline float HalfAndNibble(float d, uint32_t nibble) {
  return d * (0.5f + static_cast<float>(nibble));
}

inline void IQ2_XXS(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  for (int g = 0; g < 8; ++g) {
    const uint8_t* codes = block + 2 + 8 * g;
    const uint32_t signs = LoadU32(codes + 4);
    const float scale = HalfAndNibble(d, signs >> 28) * 0.25f;
    for (int l = 0; l < 4; l += 2) {
      StoreSigned(out + 32 * g + 8 * l,
                  TwoEntries(kIq2XxsGrid.entries[codes[l]], kIq2XxsGrid.entries[codes[l + 1]]),
                  EvenSigns(signs >> (7 * l) & 127, signs >> (7 * l + 7) & 127), scale);
    }
  }
}

inline void IQ2_XS(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  for (int i = 0; i < 32; i += 2) {
    const uint32_t a = LoadU16(block + 2 + 2 * i), b = LoadU16(block + 4 + 2 * i);
    const float scale = HalfAndNibble(d, block[66 + i / 4] >> (4 * (i / 2 % 2)) & 15u) * 0.25f;
    StoreSigned(out + 8 * i, TwoEntries(kIq2XsGrid.entries[a & 511], kIq2XsGrid.entries[b & 511]),
                EvenSigns(a >> 9, b >> 9), scale);
  }
}

inline void IQ2_S(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  for (int i = 0; i < 32; i += 2) {
    const uint32_t high = block[66 + i / 4] >> (2 * (i % 4)) & 15u;
    const float scale = HalfAndNibble(d, block[74 + i / 4] >> (4 * (i / 2 % 2)) & 15u) * 0.25f;
    StoreSigned(out + 8 * i,
                TwoEntries(kIq2SGrid.entries[block[2 + i] | (high & 3) << 8],
                           kIq2SGrid.entries[block[3 + i] | high >> 2 << 8]),
                LoadU16(block + 34 + i), scale);
  }
}

inline void IQ3_XXS(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  for (int g = 0; g < 8; ++g) {
    const uint32_t signs = LoadU32(block + 66 + 4 * g);
    const float scale = HalfAndNibble(d, signs >> 28) * 0.5f;
    for (int l = 0; l < 4; l += 2) {
      const uint8_t* codes = block + 2 + 8 * g + 2 * l;
      const auto& grid = kIq3XxsGrid.entries;
      StoreSigned(out + 32 * g + 8 * l, Words(grid[codes[0]], grid[codes[1]], grid[codes[2]], grid[codes[3]]),
                  EvenSigns(signs >> (7 * l) & 127, signs >> (7 * l + 7) & 127), scale);
    }
  }
}

inline void IQ3_S(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  for (int i = 0; i < 64; i += 4) {
    const uint32_t ninths = block[66 + i / 8] >> (i % 8);
    const float scale = d * static_cast<float>(1 + 2 * (block[106 + i / 16] >> (4 * (i / 8 % 2)) & 15));
    const uint8_t* codes = block + 2 + i;
    const auto entry = [&](int j) { return kIq3SGrid.entries[codes[j] | (ninths >> j & 1) << 8]; };
    StoreSigned(out + 4 * i, Words(entry(0), entry(1), entry(2), entry(3)), LoadU16(block + 74 + i / 2),
                scale);
  }
}

// Sixteen of -8, 0 and 8, each moved up by one, or down where its bit is set, times an eighth.
inline void StoreTernary(float* out, uint32_t a, uint32_t b, uint32_t down, float scale) {
  const Bytes16 mask = SpreadBits(down, 0xFF);
  const Bytes16 up = NegateWhere(TwoEntries(kIq1Grid.entries[a], kIq1Grid.entries[b]), mask);
  const Bytes16 eighths =
      NegateWhere(Or(up, Words(0x0101'0101, 0x0101'0101, 0x0101'0101, 0x0101'0101)), mask);
  Store16(out, Mul16(Mul16(FromI8(eighths), 0.125f), scale));
}

inline void IQ1_S(const uint8_t* block, float* out) {
  const float d = LoadHalf(block);
  for (int i = 0; i < 32; i += 2) {
    const uint32_t group = LoadU16(block + 34 + 2 * (i / 4)), high = group >> (3 * (i % 4));
    StoreTernary(out + 8 * i, block[2 + i] | (high & 7) << 8, block[3 + i] | (high >> 3 & 7) << 8,
                 group >> 15 ? 0xFFFF : 0, d * static_cast<float>(2 * (group >> 12 & 7) + 1));
  }
}

inline void IQ1_M(const uint8_t* block, float* out) {
  uint32_t d_bits = 0;
  for (int k = 0; k < 4; ++k) d_bits |= LoadU16(block + 48 + 2 * k) >> 12 << (4 * k);
  const float d = F16ToFloat(static_cast<uint16_t>(d_bits));
  for (int i = 0; i < 32; i += 2) {
    const uint32_t high = block[32 + i / 2];
    const uint32_t three = LoadU16(block + 48 + 2 * (i / 8)) >> (3 * (i / 2 % 4)) & 7;
    StoreTernary(out + 8 * i, block[i] | (high & 7) << 8, block[i + 1] | (high >> 4 & 7) << 8,
                 (high & 8 ? 0xFF : 0) | (high & 128 ? 0xFF00 : 0), d * static_cast<float>(2 * three + 1));
  }
}

inline void TQ2_0(const uint8_t* block, float* out) {
  const float d = LoadHalf(block + 64);
  for (int h = 0; h < 2; ++h) {
    for (int l = 0; l < 32; l += 16) {
      const Bytes16 pairs = Load16Bytes(block + 32 * h + l);
      const Bytes16 q[4] = {Bits<0>(pairs, 3), Bits<2>(pairs, 3), Bits<4>(pairs, 3), Bits<6>(pairs, 3)};
      for (int s = 0; s < 4; ++s) StoreScaled(out + 128 * h + 32 * s + l, Bias(q[s], 1), d);
    }
  }
}

}  // namespace
}  // namespace mains
