#include "tensor/gguf_blocks.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "tensor/codebooks.h"
#include "tensor/convert.h"

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
