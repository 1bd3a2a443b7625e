#include "tensor/packed.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "tensor/codebooks.h"
#include "tensor/convert.h"
#include "tensor/packed_grids.h"

namespace mains {
namespace {

std::array<uint8_t, 16> Biased(const int8_t (&values)[16]) {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < 16; ++i) bytes[i] = static_cast<uint8_t>(values[i] + 128);
  return bytes;
}

// One group of 32 columns of one row, as codes and what they are multiplied with. Of the super-block formats
// `scales` are one byte each: scale and minimum (Q4_K), scales of both halves (Q6_K, Q3_K), scale and minimum
// of either half (Q2_K).
struct Group {
  uint8_t codes[kPackedGroup] = {};
  uint16_t scale = 0, min = 0;  // of two bytes: the group's, or d and dmin of the super-block
  uint8_t scales[2] = {};
};

uint8_t Byte(const std::byte* p) {
  return std::to_integer<uint8_t>(*p);
}
uint16_t LoadU16(const std::byte* p) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof(bits));
  return bits;
}

// GGUF's order: low nibbles are elements 0..15, high ones 16..31.
void ReadHalves(const std::byte* nibbles, uint8_t* codes) {
  for (int i = 0; i < 16; ++i) {
    codes[i] = Byte(nibbles + i) & 15;
    codes[i + 16] = Byte(nibbles + i) >> 4;
  }
}
// With fifth bits, element i's in bit i.
void ReadFives(const std::byte* fifths, const std::byte* nibbles, uint8_t* codes) {
  ReadHalves(nibbles, codes);
  for (int i = 0; i < kPackedGroup; ++i)
    codes[i] |= static_cast<uint8_t>((Byte(fifths + i / 8) >> (i % 8) & 1) << 4);
}
void ReadPairs(const std::byte* nibbles, uint8_t* codes) {
  for (int i = 0; i < 16; ++i) {
    codes[2 * i] = Byte(nibbles + i) & 15;
    codes[2 * i + 1] = Byte(nibbles + i) >> 4;
  }
}

// Half of 2^(e - 127), as bf16: the values of E2M1 are then integers.
uint16_t HalfE8M0(uint32_t e) {
  return static_cast<uint16_t>((e < 2 ? 0x0020'0000u << e : (e - 1) << 23) >> 16);
}

// The layouts of Q2_K to Q6_K are told in tensor/gguf_blocks.cc.
Group ReadQ4KScales(const std::byte* block, int64_t g) {
  Group out;
  out.scale = LoadU16(block);
  out.min = LoadU16(block + 2);
  const std::byte* packed = block + 4;
  if (g < 4) {
    out.scales[0] = Byte(packed + g) & 63;
    out.scales[1] = Byte(packed + 4 + g) & 63;
  } else {
    out.scales[0] = static_cast<uint8_t>((Byte(packed + 4 + g) & 15) | (Byte(packed + g - 4) >> 6 << 4));
    out.scales[1] = static_cast<uint8_t>((Byte(packed + 4 + g) >> 4) | (Byte(packed + g) >> 6 << 4));
  }
  return out;
}

Group ReadQ4K(const std::byte* block, int64_t g) {
  Group out = ReadQ4KScales(block, g);
  for (int64_t i = 0; i < kPackedGroup; ++i) {
    out.codes[i] = Byte(block + 16 + g / 2 * 32 + i) >> (4 * (g % 2)) & 15;
  }
  return out;
}

Group ReadQ5K(const std::byte* block, int64_t g) {
  // As Q4_K, with 32 bytes of fifth bits between scales and nibbles.
  Group out = ReadQ4KScales(block, g);
  for (int64_t i = 0; i < kPackedGroup; ++i) {
    const int low = Byte(block + 48 + g / 2 * 32 + i) >> (4 * (g % 2)) & 15;
    out.codes[i] = static_cast<uint8_t>(low | (Byte(block + 16 + i) >> g & 1) << 4);
  }
  return out;
}

Group ReadIq4Xs(const std::byte* block, int64_t g) {
  Group out;
  out.scale = LoadU16(block);
  const int low = Byte(block + 4 + g / 2) >> (4 * (g % 2)) & 15;
  const int scale = (low | (LoadU16(block + 2) >> (2 * g) & 3) << 4) - 32;
  out.scales[0] = static_cast<uint8_t>(static_cast<int8_t>(scale));
  ReadHalves(block + 8 + 16 * g, out.codes);
  return out;
}

Group ReadQ6K(const std::byte* block, int64_t g) {
  Group out;
  out.scale = LoadU16(block + 208);
  out.scales[0] = Byte(block + 192 + 2 * g);
  out.scales[1] = Byte(block + 193 + 2 * g);
  for (int64_t i = 0; i < kPackedGroup; ++i) {
    const int64_t at = g * kPackedGroup + i;
    const int low = Byte(block + at / 128 * 64 + at % 64) >> (4 * (at / 64 % 2)) & 15;
    const int top = Byte(block + 128 + at / 128 * 32 + at % 32) >> (2 * (at / 32 % 4)) & 3;
    out.codes[i] = static_cast<uint8_t>(low | top << 4);
  }
  return out;
}

// Element i of a block of two-bit numbers: 32 bytes for 128 of them, four to a byte.
int PairAt(const std::byte* pairs, int64_t i) {
  return Byte(pairs + i / 128 * 32 + i % 32) >> (2 * (i / 32 % 4)) & 3;
}

Group ReadQ3K(const std::byte* block, int64_t g) {
  Group out;
  out.scale = LoadU16(block + 108);
  const std::byte* packed = block + 96;
  for (int64_t i = 0; i < 2; ++i) {
    const int64_t part = 2 * g + i;
    const int low = part < 8 ? Byte(packed + part) & 15 : Byte(packed + part - 8) >> 4;
    const int high = Byte(packed + 8 + part % 4) >> (2 * (part / 4)) & 3;
    out.scales[i] = static_cast<uint8_t>(static_cast<int8_t>((low | high << 4) - 32));
  }
  for (int64_t i = 0; i < kPackedGroup; ++i) {
    const int third = Byte(block + i) >> g & 1;
    out.codes[i] = static_cast<uint8_t>(PairAt(block + 32, g * kPackedGroup + i) | third << 2);
  }
  return out;
}

Group ReadQ2K(const std::byte* block, int64_t g) {
  Group out;
  out.scale = LoadU16(block + 80);
  out.min = LoadU16(block + 82);
  for (int64_t i = 0; i < 2; ++i) out.scales[i] = Byte(block + 2 * g + i);
  for (int64_t i = 0; i < kPackedGroup; ++i)
    out.codes[i] = static_cast<uint8_t>(PairAt(block + 16, g * kPackedGroup + i));
  return out;
}

Group ReadGroup(const WeightRow& row, int64_t group) {
  Group out;
  if (row.format == WeightFormat::kInt4Group || row.format == WeightFormat::kFp4Group) {
    ReadPairs(row.data + group * 16, out.codes);
    out.scale = row.format == WeightFormat::kFp4Group ? HalfE8M0(Byte(row.scales + group))
                                                      : LoadU16(row.scales + 2 * group);
    return out;
  }
  const std::byte* block =
      row.data + ByteSize(row.dtype, group * kPackedGroup / Info(row.dtype).block_elements *
                                         Info(row.dtype).block_elements);
  switch (row.dtype) {
    case DType::kQ8_0:
      out.scale = LoadU16(block);
      for (int i = 0; i < kPackedGroup; ++i) out.codes[i] = Byte(block + 2 + i) ^ 0x80;
      return out;
    case DType::kQ4_0:
    case DType::kIQ4_NL:
      out.scale = LoadU16(block);
      ReadHalves(block + 2, out.codes);
      return out;
    case DType::kQ4_1:
      out.scale = LoadU16(block);
      out.min = LoadU16(block + 2);
      ReadHalves(block + 4, out.codes);
      return out;
    case DType::kQ5_0:
      out.scale = LoadU16(block);
      ReadFives(block + 2, block + 6, out.codes);
      return out;
    case DType::kQ5_1:
      out.scale = LoadU16(block);
      out.min = LoadU16(block + 2);
      ReadFives(block + 4, block + 8, out.codes);
      return out;
    case DType::kMXFP4:
      out.scale = HalfE8M0(Byte(block));
      ReadHalves(block + 1, out.codes);
      return out;
    case DType::kQ2_K: return ReadQ2K(block, group % 8);
    case DType::kQ3_K: return ReadQ3K(block, group % 8);
    case DType::kQ4_K: return ReadQ4K(block, group % 8);
    case DType::kIQ4_XS: return ReadIq4Xs(block, group % 8);
    case DType::kQ5_K: return ReadQ5K(block, group % 8);
    case DType::kQ6_K: return ReadQ6K(block, group % 8);
    default: CHECK(false) << Name(row.dtype);
  }
  return out;
}

DType PackedFrom(const Weight& w) {
  if (w.format == WeightFormat::kInt4Group) return DType::kQ4_0;
  if (w.format == WeightFormat::kFp4Group) return DType::kMXFP4;
  return w.dtype;
}

WeightFormat PackedFormat(const Weight& w) {
  switch (PackedFrom(w)) {
    case DType::kQ8_0: return WeightFormat::kPacked8;
    case DType::kQ4_1: return WeightFormat::kPacked4M;
    case DType::kQ5_0: return WeightFormat::kPacked5;
    case DType::kQ5_1: return WeightFormat::kPacked5M;
    case DType::kQ2_K: return WeightFormat::kPacked2K;
    case DType::kQ3_K: return WeightFormat::kPacked3K;
    case DType::kQ4_K: return WeightFormat::kPacked4K;
    case DType::kIQ4_XS: return WeightFormat::kPacked4X;
    case DType::kQ5_K: return WeightFormat::kPacked5K;
    case DType::kQ6_K: return WeightFormat::kPacked6K;
    case DType::kIQ1_S: return WeightFormat::kPacked1S;
    case DType::kIQ1_M: return WeightFormat::kPacked1M;
    case DType::kIQ2_XXS: return WeightFormat::kPacked2XXS;
    case DType::kIQ2_XS: return WeightFormat::kPacked2XS;
    case DType::kIQ2_S: return WeightFormat::kPacked2S;
    case DType::kIQ3_XXS: return WeightFormat::kPacked3XXS;
    case DType::kIQ3_S: return WeightFormat::kPacked3S;
    default: return WeightFormat::kPacked4;
  }
}

// What fills up a block: scales of zero, and codes of zero where there are any.
Group Nothing(WeightFormat format, DType from) {
  Group group;
  const int zero = format == WeightFormat::kPacked8 ? 128 : from == DType::kMXFP4 ? 0 : 8;
  std::fill_n(group.codes, kPackedGroup, static_cast<uint8_t>(zero));
  return group;
}

void OrInto(std::byte* p, uint32_t bits) {
  uint32_t before;
  std::memcpy(&before, p, sizeof(before));
  before |= bits;
  std::memcpy(p, &before, sizeof(before));
}

// Group `g` of the row in `lane`, of the sixteen rows that begin at `rows`. Bytes that hold several codes
// must be zero before the first.
void PutGroup(const Group& group, WeightFormat format, int64_t g, int64_t lane, std::byte* rows) {
  const int64_t half = g % 2;
  std::byte* block = rows + PackedBlockOffset(format, g / 2);
  if (PackedSuperBytes(format) == 0) {
    const int64_t at = (half * kPackedRows + lane) * 2;
    std::memcpy(block + at, &group.scale, 2);
    if (PackedMinimumBytes(format) > 0) std::memcpy(block + at - kPackedHeadBytes, &group.min, 2);
  } else {
    std::byte* head = rows + g / 8 * PackedSuperBytes(format);
    std::memcpy(head + lane * 2, &group.scale, 2);
    std::memcpy(head + 32 + lane * 2, &group.min, 2);  // 0 where there is none
    for (int i = 0; i < 2; ++i) block[half * 32 + i * kPackedRows + lane] = std::byte{group.scales[i]};
  }
  std::byte* codes = block + kPackedHeadBytes + lane * 4;
  for (int64_t step = 0; step < kPackedGroup / 4; ++step) {
    const uint8_t* four = group.codes + 4 * step;
    if (format == WeightFormat::kPacked8) {
      std::memcpy(codes + (half * 8 + step) * 64, four, 4);
      continue;
    }
    uint32_t bytes;  // all four codes at once
    std::memcpy(&bytes, four, sizeof(bytes));
    const int64_t pair = half * 8 + step;
    if (format == WeightFormat::kPacked3K || format == WeightFormat::kPacked2K) {
      OrInto(codes + pair % 4 * 64, (bytes & 0x0303'0303u) << (2 * (pair / 4)));
      if (format == WeightFormat::kPacked3K)
        OrInto(codes + 256 + pair % 2 * 64, (bytes >> 2 & 0x0101'0101u) << (pair / 2));
      continue;
    }
    OrInto(codes + step * 64, (bytes & 0x0F0F'0F0Fu) << (4 * half));
    if (HasFifthBits(format)) {
      OrInto(codes + 512 + pair % 2 * 64, (bytes >> 4 & 0x0101'0101u) << (pair / 2));
    } else if (format == WeightFormat::kPacked6K) {
      OrInto(codes + 512 + pair % 4 * 64, (bytes >> 4 & 0x0303'0303u) << (2 * (pair / 4)));
    }
  }
}

float HalfAt(const std::byte* p, DType dtype) {
  return dtype == DType::kBF16 ? F32FromBf16(LoadU16(p)) : F32FromF16(LoadU16(p));
}

}  // namespace

const std::array<uint8_t, 16>& PackedCodebook(DType packed_from) {
  static const std::array<uint8_t, 16> linear =
      Biased({-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7});
  static const std::array<uint8_t, 16> iq4_nl = Biased(kIq4Values), twice_e2m1 = Biased(kTwiceE2M1);
  if (packed_from == DType::kIQ4_NL || packed_from == DType::kIQ4_XS) return iq4_nl;
  return packed_from == DType::kMXFP4 ? twice_e2m1 : linear;
}

bool CanPack(const Weight& w) {
  if (w.cols % kPackedGroup != 0) return false;
  switch (w.format) {
    case WeightFormat::kPlain:
      return w.dtype == DType::kMXFP4 || (w.dtype >= DType::kQ4_0 && w.dtype <= DType::kQ8_0) ||
             (w.dtype >= DType::kQ2_K && w.dtype <= DType::kIQ4_XS);
    case WeightFormat::kInt4Group:
      return w.block_cols == kPackedGroup && w.zeros == nullptr &&
             (w.scale_dtype == DType::kBF16 || w.scale_dtype == DType::kF16);
    case WeightFormat::kFp4Group: return w.block_cols == kPackedGroup && w.scale_dtype == DType::kF8E8M0;
    default: return false;
  }
}

int64_t PackedBytes(const Weight& w) {
  const WeightFormat format = PackedFormat(w);
  const int64_t row_blocks = (w.rows + kPackedRows - 1) / kPackedRows;
  const int64_t super = IsPackedGrid(format) ? PackedGridOf(format).super_bytes() : PackedSuperBytes(format);
  return row_blocks *
         (super > 0 ? w.cols / kPackedSuperCols * super : PackedBlocks(w.cols) * PackedBlockBytes(format));
}

void PackRows(const Weight& w, int64_t first, int64_t rows, std::byte* to) {
  CHECK_EQ(first % kPackedRows, 0);
  const WeightFormat format = PackedFormat(w);
  const int64_t stride = PackedBytes(w) / ((w.rows + kPackedRows - 1) / kPackedRows);
  const int64_t groups = w.cols / kPackedGroup, end = std::min(first + rows, w.rows);
  const Group nothing = Nothing(format, PackedFrom(w));
  for (int64_t begin = first; begin < end; begin += kPackedRows) {
    std::byte* base = to + begin / kPackedRows * stride;
    std::memset(base, 0, static_cast<size_t>(stride));
    for (int64_t lane = 0; lane < kPackedRows; ++lane) {
      const bool real = begin + lane < w.rows;
      const WeightRow row = real ? w.Row(begin + lane) : WeightRow{};
      if (IsPackedGrid(format)) {  // a row that is not there has a d of zero
        for (int64_t g = 0; real && g < groups; ++g) PackGridGroup(row, g, format, lane, base);
        continue;
      }
      for (int64_t g = 0; g < 2 * PackedBlocks(w.cols); ++g) {
        PutGroup(real && g < groups ? ReadGroup(row, g) : nothing, format, g, lane, base);
      }
    }
  }
}

Weight PackedWeight(const Weight& w, const std::byte* packed, std::shared_ptr<const void> owner) {
  Weight out;
  out.rows = w.rows;
  out.cols = w.cols;
  out.format = PackedFormat(w);
  out.dtype = PackedFrom(w);
  out.data = packed;
  out.row_bytes = PackedBytes(w) / ((w.rows + kPackedRows - 1) / kPackedRows) / kPackedRows;
  out.scale_dtype = out.dtype == DType::kMXFP4             ? DType::kBF16
                    : w.format == WeightFormat::kInt4Group ? w.scale_dtype
                                                           : DType::kF16;
  out.block_cols = kPackedGroup;
  out.owner = std::move(owner);
  return out;
}

void UnpackPackedGroup(const WeightRow& row, int64_t begin, float* out) {
  if (IsPackedGrid(row.format)) {
    const GridGroup group = ReadGridGroup(row.format, row.data, begin / kPackedGroup, row.lane);
    for (size_t i = 0; i < kPackedGroup; ++i) {
      out[i] =
          group.d_unit * static_cast<float>(group.scales[i / 16]) * static_cast<float>(group.integers[i]);
    }
    return;
  }
  const int64_t g = begin / kPackedGroup, half = g % 2, super = PackedSuperBytes(row.format);
  const std::byte* block = row.data + PackedBlockOffset(row.format, g / 2);
  const std::byte* head = row.data + g / 8 * super;
  const std::byte* codes = block + kPackedHeadBytes + row.lane * 4;
  for (int64_t i = 0; i < kPackedGroup; ++i) {
    const int64_t step = i / 4, pair = half * 8 + step;
    const bool nibbles = row.format != WeightFormat::kPacked8 && row.format != WeightFormat::kPacked3K &&
                         row.format != WeightFormat::kPacked2K;
    const int nibble = nibbles ? Byte(codes + step * 64 + i % 4) >> (4 * half) & 15 : 0;
    const auto pair_bits = [&] { return Byte(codes + pair % 4 * 64 + i % 4) >> (2 * (pair / 4)) & 3; };
    const int fifth =
        HasFifthBits(row.format) ? Byte(codes + 512 + pair % 2 * 64 + i % 4) >> (pair / 2) & 1 : 0;
    const auto wide = [&](int64_t before) {
      return HalfAt(block + (half * kPackedRows + row.lane) * 2 - before, row.scale_dtype);
    };
    const auto small = [&](int64_t part) { return Byte(block + half * 32 + part * kPackedRows + row.lane); };
    switch (row.format) {
      case WeightFormat::kPacked4K:
      case WeightFormat::kPacked5K: {
        const float scale = HalfAt(head + row.lane * 2, DType::kF16) * static_cast<float>(small(0));
        const float min = HalfAt(head + 32 + row.lane * 2, DType::kF16) * static_cast<float>(small(1));
        out[i] = scale * static_cast<float>(nibble | fifth << 4) - min;
        break;
      }
      case WeightFormat::kPacked4X: {
        const float scale =
            HalfAt(head + row.lane * 2, DType::kF16) * static_cast<float>(static_cast<int8_t>(small(0)));
        out[i] = scale * static_cast<float>(PackedCodebook(row.dtype)[static_cast<size_t>(nibble)] - 128);
        break;
      }
      case WeightFormat::kPacked6K: {
        const int top = Byte(codes + 512 + pair % 4 * 64 + i % 4) >> (2 * (pair / 4)) & 3;
        const float scale =
            HalfAt(head + row.lane * 2, DType::kF16) * static_cast<float>(static_cast<int8_t>(small(i / 16)));
        out[i] = scale * static_cast<float>((nibble | top << 4) - 32);
        break;
      }
      case WeightFormat::kPacked3K: {
        const int third = Byte(codes + 256 + pair % 2 * 64 + i % 4) >> (pair / 2) & 1;
        const float scale =
            HalfAt(head + row.lane * 2, DType::kF16) * static_cast<float>(static_cast<int8_t>(small(i / 16)));
        out[i] = scale * static_cast<float>((pair_bits() | third << 2) - 4);
        break;
      }
      case WeightFormat::kPacked2K: {
        const float scale = HalfAt(head + row.lane * 2, DType::kF16) * static_cast<float>(small(i / 16) & 15);
        const float min =
            HalfAt(head + 32 + row.lane * 2, DType::kF16) * static_cast<float>(small(i / 16) >> 4);
        out[i] = scale * static_cast<float>(pair_bits()) - min;
        break;
      }
      case WeightFormat::kPacked5: out[i] = static_cast<float>((nibble | fifth << 4) - 16) * wide(0); break;
      case WeightFormat::kPacked4M:
      case WeightFormat::kPacked5M:
        out[i] = wide(0) * static_cast<float>(nibble | fifth << 4) + wide(kPackedHeadBytes);
        break;
      default: {
        const int byte = row.format == WeightFormat::kPacked8
                             ? Byte(codes + pair * 64 + i % 4)
                             : PackedCodebook(row.dtype)[static_cast<size_t>(nibble)];
        out[i] = static_cast<float>(byte - 128) * wide(0);
        break;
      }
    }
  }
}

}  // namespace mains
