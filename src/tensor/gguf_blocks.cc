#include "tensor/gguf_blocks.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "tensor/codebooks.h"
#include "tensor/convert.h"
#include "tensor/i_quant_grids.h"

namespace mains {
namespace {

float LoadF16(const uint8_t* p) {
  return F32FromF16(static_cast<uint16_t>(p[0] | p[1] << 8));
}

// Blocks of 32 with 4-bit values: the low nibbles are elements 0..15, the high ones 16..31.
int Nibble32(const uint8_t* quants, int i) {
  return i < 16 ? quants[i] & 15 : quants[i - 16] >> 4;
}

uint32_t LoadU32(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8 | static_cast<uint32_t>(p[2]) << 16 |
         static_cast<uint32_t>(p[3]) << 24;
}

// d f16 | 16 bytes
void UnpackQ4_0(const uint8_t* block, float* out) {
  const float d = LoadF16(block);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(Nibble32(block + 2, i) - 8);
}

// d f16 | m f16 | 16 bytes
void UnpackQ4_1(const uint8_t* block, float* out) {
  const float d = LoadF16(block), m = LoadF16(block + 2);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(Nibble32(block + 4, i)) + m;
}

// d f16 | fifth bits u32 | 16 bytes
void UnpackQ5_0(const uint8_t* block, float* out) {
  const float d = LoadF16(block);
  const uint32_t high = LoadU32(block + 2);
  for (int i = 0; i < 32; ++i) {
    const int q = Nibble32(block + 6, i) | static_cast<int>((high >> i & 1) << 4);
    out[i] = d * static_cast<float>(q - 16);
  }
}

// d f16 | m f16 | fifth bits u32 | 16 bytes
void UnpackQ5_1(const uint8_t* block, float* out) {
  const float d = LoadF16(block), m = LoadF16(block + 2);
  const uint32_t high = LoadU32(block + 4);
  for (int i = 0; i < 32; ++i) {
    const int q = Nibble32(block + 8, i) | static_cast<int>((high >> i & 1) << 4);
    out[i] = d * static_cast<float>(q) + m;
  }
}

// d f16 | 32 signed bytes
void UnpackQ8_0(const uint8_t* block, float* out) {
  const float d = LoadF16(block);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<int8_t>(block[2 + i])) * d;
}

// In the 256-wide blocks, element i = 128 h + 32 s + l has its two low bits in byte 32 h + l at bit 2 s.
int TwoBits(const uint8_t* quants, int i) {
  return quants[(i / 128) * 32 + i % 32] >> (2 * (i / 32 % 4)) & 3;
}

// 16 bytes (scale low nibble, minimum high nibble, one per 16) | 64 bytes | d f16 | dmin f16
void UnpackQ2_K(const uint8_t* block, float* out) {
  const float d = LoadF16(block + 80), dmin = LoadF16(block + 82);
  for (int g = 0; g < 16; ++g) {
    const float scale = d * static_cast<float>(block[g] & 15);
    const float min = dmin * static_cast<float>(block[g] >> 4);
    for (int i = 16 * g; i < 16 * g + 16; ++i) {
      out[i] = scale * static_cast<float>(TwoBits(block + 16, i)) - min;
    }
  }
}

// 32 bytes of third bits (bit i/32 of byte i%32; clear means -4) | 64 bytes | 12 bytes of 6-bit scales,
// biased by 32: low nibbles in the first 8 (groups 0..7 low, 8..15 high), top pairs in the last 4 | d f16
void UnpackQ3_K(const uint8_t* block, float* out) {
  const uint8_t* scales = block + 96;
  const float d = LoadF16(block + 108);
  for (int g = 0; g < 16; ++g) {
    const int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4;
    const int high = scales[8 + g % 4] >> (2 * (g / 4)) & 3;
    const float scale = d * static_cast<float>((low | high << 4) - 32);
    for (int i = 16 * g; i < 16 * g + 16; ++i) {
      const int third = block[i % 32] >> (i / 32) & 1;
      out[i] = scale * static_cast<float>(TwoBits(block + 32, i) - (third ? 0 : 4));
    }
  }
}

// Scale and minimum of group g (of 8), 6 bits each in 12 bytes: groups 0..3 in the low 6 bits of bytes
// g and 4+g; groups 4..7 have their low nibbles in byte 4+g and their top pairs in bytes g-4 and g.
struct ScaleMin {
  int scale;
  int min;
};
ScaleMin ScaleMinOf(const uint8_t* packed, int g) {
  if (g < 4) return {packed[g] & 63, packed[4 + g] & 63};
  return {(packed[4 + g] & 15) | (packed[g - 4] >> 6 << 4), (packed[4 + g] >> 4) | (packed[g] >> 6 << 4)};
}

// Element i = 64 c + 32 h + l of Q4_K and Q5_K: nibble h of byte 32 c + l.
int Nibble64(const uint8_t* quants, int i) {
  return quants[(i / 64) * 32 + i % 32] >> (4 * (i / 32 % 2)) & 15;
}

// d f16 | dmin f16 | 12 bytes of scales | 128 bytes
void UnpackQ4_K(const uint8_t* block, float* out) {
  const float d = LoadF16(block), dmin = LoadF16(block + 2);
  for (int g = 0; g < 8; ++g) {
    const ScaleMin sm = ScaleMinOf(block + 4, g);
    const float scale = d * static_cast<float>(sm.scale), min = dmin * static_cast<float>(sm.min);
    for (int i = 32 * g; i < 32 * g + 32; ++i) {
      out[i] = scale * static_cast<float>(Nibble64(block + 16, i)) - min;
    }
  }
}

// d f16 | dmin f16 | 12 bytes of scales | 32 bytes of fifth bits (bit g of byte l) | 128 bytes
void UnpackQ5_K(const uint8_t* block, float* out) {
  const float d = LoadF16(block), dmin = LoadF16(block + 2);
  for (int g = 0; g < 8; ++g) {
    const ScaleMin sm = ScaleMinOf(block + 4, g);
    const float scale = d * static_cast<float>(sm.scale), min = dmin * static_cast<float>(sm.min);
    for (int i = 32 * g; i < 32 * g + 32; ++i) {
      const int q = Nibble64(block + 48, i) | (block[16 + i % 32] >> g & 1) << 4;
      out[i] = scale * static_cast<float>(q) - min;
    }
  }
}

// 128 bytes of low nibbles (i = 128 h + 64 n + l: nibble n of byte 64 h + l) | 64 bytes of top pairs |
// 16 signed scales | d f16
void UnpackQ6_K(const uint8_t* block, float* out) {
  const float d = LoadF16(block + 208);
  for (int g = 0; g < 16; ++g) {
    const float scale = d * static_cast<float>(static_cast<int8_t>(block[192 + g]));
    for (int i = 16 * g; i < 16 * g + 16; ++i) {
      const int low = block[(i / 128) * 64 + i % 64] >> (4 * (i / 64 % 2)) & 15;
      out[i] = scale * static_cast<float>((low | TwoBits(block + 128, i) << 4) - 32);
    }
  }
}

// d f16 | 16 bytes of indexes into kIq4Values
void UnpackIQ4_NL(const uint8_t* block, float* out) {
  const float d = LoadF16(block);
  for (int i = 0; i < 32; ++i) out[i] = d * kIq4Values[static_cast<size_t>(Nibble32(block + 2, i))];
}

// d f16 | top pairs of 8 scales, u16 | their low nibbles, 4 bytes | 8 groups of 16 bytes as in IQ4_NL
void UnpackIQ4_XS(const uint8_t* block, float* out) {
  const float d = LoadF16(block);
  const int high = block[2] | block[3] << 8;
  for (int g = 0; g < 8; ++g) {
    const int low = block[4 + g / 2] >> (4 * (g % 2)) & 15;
    const float scale = d * static_cast<float>((low | (high >> (2 * g) & 3) << 4) - 32);
    for (int i = 0; i < 32; ++i) {
      out[32 * g + i] = scale * kIq4Values[static_cast<size_t>(Nibble32(block + 8 + 16 * g, i))];
    }
  }
}

// I-quants: 256 weights in groups of 32, codes of 8 or 4 weights at once (i_quant_grids.h), one sign bit
// each.

template <typename Entry>
void StoreGrid(Entry entry, uint32_t signs, float scale, float* out) {
  for (size_t j = 0; j < sizeof(Entry); ++j) {
    const float magnitude = static_cast<float>(static_cast<int8_t>(entry >> (8 * j)));
    out[j] = scale * magnitude * (signs >> j & 1 ? -1.0f : 1.0f);
  }
}

// The eighth sign makes the number of negative ones even.
uint32_t EvenSigns(uint32_t seven) {
  return seven | static_cast<uint32_t>(std::popcount(seven) & 1) << 7;
}

uint32_t LoadU16(const uint8_t* p) {
  return static_cast<uint32_t>(p[0] | p[1] << 8);
}

// d f16 | 8 groups: 4 codes | signs, 4 x 7 bits, and the scale above them
void UnpackIQ2_XXS(const uint8_t* block, float* out) {
  const float d = LoadF16(block);
  for (int g = 0; g < 8; ++g) {
    const uint8_t* codes = block + 2 + 8 * g;
    const uint32_t signs = LoadU32(codes + 4);
    const float scale = d * (0.5f + static_cast<float>(signs >> 28)) * 0.25f;
    for (int l = 0; l < 4; ++l) {
      StoreGrid(kIq2XxsGrid.entries[codes[l]], EvenSigns(signs >> (7 * l) & 127), scale,
                out + 32 * g + 8 * l);
    }
  }
}

// d f16 | 32 codes u16: 9 bits, 7 signs above them | 8 bytes of scales, one nibble per 16
void UnpackIQ2_XS(const uint8_t* block, float* out) {
  const float d = LoadF16(block);
  for (int i = 0; i < 32; ++i) {
    const uint32_t code = LoadU16(block + 2 + 2 * i);
    const int nibble = block[66 + i / 4] >> (4 * (i / 2 % 2)) & 15;
    const float scale = d * (0.5f + static_cast<float>(nibble)) * 0.25f;
    StoreGrid(kIq2XsGrid.entries[code & 511], EvenSigns(code >> 9), scale, out + 8 * i);
  }
}

// d f16 | 32 low bytes of codes | 32 bytes of signs | 8 bytes of their top pairs | scales as in IQ2_XS
void UnpackIQ2_S(const uint8_t* block, float* out) {
  const float d = LoadF16(block);
  for (int i = 0; i < 32; ++i) {
    const uint32_t high = block[66 + i / 4] >> (2 * (i % 4)) & 3u;
    const int nibble = block[74 + i / 4] >> (4 * (i / 2 % 2)) & 15;
    const float scale = d * (0.5f + static_cast<float>(nibble)) * 0.25f;
    StoreGrid(kIq2SGrid.entries[block[2 + i] | high << 8], block[34 + i], scale, out + 8 * i);
  }
}

// d f16 | 64 codes | 8 groups' signs and scale as in IQ2_XXS
void UnpackIQ3_XXS(const uint8_t* block, float* out) {
  const float d = LoadF16(block);
  for (int g = 0; g < 8; ++g) {
    const uint8_t* codes = block + 2 + 8 * g;
    const uint32_t signs = LoadU32(block + 66 + 4 * g);
    const float scale = d * (0.5f + static_cast<float>(signs >> 28)) * 0.5f;
    for (int l = 0; l < 4; ++l) {
      const uint32_t eight = EvenSigns(signs >> (7 * l) & 127);
      StoreGrid(kIq3XxsGrid.entries[codes[2 * l]], eight, scale, out + 32 * g + 8 * l);
      StoreGrid(kIq3XxsGrid.entries[codes[2 * l + 1]], eight >> 4, scale, out + 32 * g + 8 * l + 4);
    }
  }
}

// d f16 | 64 low bytes of codes | 8 bytes of their ninth bits | 32 bytes of signs | 4 bytes of scales, a
// nibble per group
void UnpackIQ3_S(const uint8_t* block, float* out) {
  const float d = LoadF16(block);
  for (int i = 0; i < 64; ++i) {
    const uint32_t ninth = block[66 + i / 8] >> (i % 8) & 1u;
    const uint32_t signs = block[74 + i / 2] >> (4 * (i % 2));
    const int nibble = block[106 + i / 16] >> (4 * (i / 8 % 2)) & 15;
    const float scale = d * static_cast<float>(1 + 2 * nibble);
    StoreGrid(kIq3SGrid.entries[block[2 + i] | ninth << 8], signs, scale, out + 4 * i);
  }
}

// Eight of -1, 0 and 1, moved by an eighth.
void StoreTernary(uint32_t code, bool down, float scale, float* out) {
  const uint64_t entry = kIq1Grid.entries[code];
  for (int j = 0; j < 8; ++j) {
    const int eighths = static_cast<int8_t>(entry >> (8 * j)) + (down ? -1 : 1);
    out[j] = scale * (0.125f * static_cast<float>(eighths));
  }
}

// d f16 | 32 low bytes of codes | 8 u16: their top triples, 4 to a group, then the scale's three bits, then
// the direction
void UnpackIQ1_S(const uint8_t* block, float* out) {
  const float d = LoadF16(block);
  for (int i = 0; i < 32; ++i) {
    const uint32_t high = LoadU16(block + 34 + 2 * (i / 4));
    const float scale = d * static_cast<float>(2 * (high >> 12 & 7) + 1);
    StoreTernary(block[2 + i] | (high >> (3 * (i % 4)) & 7) << 8, high >> 15, scale, out + 8 * i);
  }
}

// 32 low bytes of codes | 32 nibbles: their top triples, then the direction | 4 u16: scales, three bits per
// 16, and above them a nibble of d, the lowest first
void UnpackIQ1_M(const uint8_t* block, float* out) {
  uint32_t d_bits = 0;
  for (int k = 0; k < 4; ++k) d_bits |= LoadU16(block + 48 + 2 * k) >> 12 << (4 * k);
  const float d = F32FromF16(static_cast<uint16_t>(d_bits));
  for (int i = 0; i < 32; ++i) {
    const uint32_t high = block[32 + i / 2] >> (4 * (i % 2)) & 15u;
    const uint32_t three = LoadU16(block + 48 + 2 * (i / 8)) >> (3 * (i / 2 % 4)) & 7;
    StoreTernary(block[i] | (high & 7) << 8, high >> 3, d * static_cast<float>(2 * three + 1), out + 8 * i);
  }
}

// Digit n of five in base 3, of a byte that is a fraction of 256: 48 bytes, elements 0..159 and 160..239, and
// 4 bytes of four digits for the rest | d f16
void UnpackTQ1_0(const uint8_t* block, float* out) {
  constexpr uint8_t kPowers[5] = {1, 3, 9, 27, 81};
  const float d = LoadF16(block + 52);
  const auto digits = [&](const uint8_t* bytes, int count, int of_each) {
    for (int n = 0; n < of_each; ++n) {
      for (int m = 0; m < count; ++m) {
        const uint8_t rest = static_cast<uint8_t>(bytes[m] * kPowers[n]);
        *out++ = static_cast<float>((rest * 3 >> 8) - 1) * d;
      }
    }
  };
  digits(block, 32, 5);
  digits(block + 32, 16, 5);
  digits(block + 48, 4, 4);
}

// 64 bytes | d f16
void UnpackTQ2_0(const uint8_t* block, float* out) {
  const float d = LoadF16(block + 64);
  for (int i = 0; i < 256; ++i) out[i] = static_cast<float>(TwoBits(block, i) - 1) * d;
}

// exponent byte | 16 bytes. The file's convention is twice the E2M1 value times half the scale, and an
// exponent of 255 is 2^127 rather than NaN.
void UnpackMXFP4(const uint8_t* block, float* out) {
  const uint32_t e = block[0];
  const float half_scale = std::bit_cast<float>(e < 2 ? 0x0020'0000u << e : (e - 1) << 23);
  for (int i = 0; i < 32; ++i) {
    out[i] = half_scale * kTwiceE2M1[static_cast<size_t>(Nibble32(block + 1, i))];
  }
}

using BlockUnpacker = void (*)(const uint8_t*, float*);

BlockUnpacker UnpackerOf(DType dtype) {
  switch (dtype) {
    case DType::kQ4_0: return UnpackQ4_0;
    case DType::kQ4_1: return UnpackQ4_1;
    case DType::kQ5_0: return UnpackQ5_0;
    case DType::kQ5_1: return UnpackQ5_1;
    case DType::kQ8_0: return UnpackQ8_0;
    case DType::kQ2_K: return UnpackQ2_K;
    case DType::kQ3_K: return UnpackQ3_K;
    case DType::kQ4_K: return UnpackQ4_K;
    case DType::kQ5_K: return UnpackQ5_K;
    case DType::kQ6_K: return UnpackQ6_K;
    case DType::kIQ1_S: return UnpackIQ1_S;
    case DType::kIQ1_M: return UnpackIQ1_M;
    case DType::kIQ2_XXS: return UnpackIQ2_XXS;
    case DType::kIQ2_XS: return UnpackIQ2_XS;
    case DType::kIQ2_S: return UnpackIQ2_S;
    case DType::kIQ3_XXS: return UnpackIQ3_XXS;
    case DType::kIQ3_S: return UnpackIQ3_S;
    case DType::kTQ1_0: return UnpackTQ1_0;
    case DType::kTQ2_0: return UnpackTQ2_0;
    case DType::kIQ4_NL: return UnpackIQ4_NL;
    case DType::kIQ4_XS: return UnpackIQ4_XS;
    case DType::kMXFP4: return UnpackMXFP4;
    default: return nullptr;
  }
}

}  // namespace

void UnpackGgufBlocks(DType dtype, const std::byte* blocks, int64_t elements, float* out) {
  const DTypeInfo& info = Info(dtype);
  const BlockUnpacker unpack = UnpackerOf(dtype);
  CHECK(unpack != nullptr) << info.name;
  CHECK(elements % info.block_elements == 0) << elements << " elements of " << info.name;
  const uint8_t* block = reinterpret_cast<const uint8_t*>(blocks);
  for (int64_t done = 0; done < elements; done += info.block_elements) {
    unpack(block, out + done);
    block += info.block_bytes;
  }
}

}  // namespace mains
