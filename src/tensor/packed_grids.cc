#include "tensor/packed_grids.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#include "tensor/convert.h"
#include "tensor/i_quant_grids.h"
#include "tensor/packed.h"

namespace mains {
namespace {

uint32_t Byte(const std::byte* p) {
  return std::to_integer<uint32_t>(*p);
}
uint32_t LoadU16(const std::byte* p) {
  return Byte(p) | Byte(p + 1) << 8;
}
uint32_t LoadU32(const std::byte* p) {
  return LoadU16(p) | LoadU16(p + 2) << 16;
}

// A group of 32 columns as its block has it; the layouts are told in tensor/gguf_blocks.cc.
struct Codes {
  uint16_t d = 0;
  uint32_t scales[2] = {};  // of either half
  uint32_t codes[8] = {};   // whole; four where a code is of eight columns
  uint32_t signs[4] = {};   // eight each; of IQ1, of each code whether it goes down
};

uint32_t EvenSigns(uint32_t seven) {
  return seven | static_cast<uint32_t>(std::popcount(seven) & 1) << 7;
}

void ReadSignsAndScale(uint32_t bits, Codes* out) {
  for (int l = 0; l < 4; ++l) out->signs[l] = EvenSigns(bits >> (7 * l) & 127);
  out->scales[0] = out->scales[1] = bits >> 28;
}

Codes ReadCodes(WeightFormat format, const std::byte* block, int64_t g) {
  Codes out;
  out.d = static_cast<uint16_t>(LoadU16(block));
  const auto nibble = [](const std::byte* p, int64_t i) { return Byte(p + i / 2) >> (4 * (i % 2)) & 15; };
  switch (format) {
    case WeightFormat::kPacked1S: {
      const uint32_t high = LoadU16(block + 34 + 2 * g);
      for (int l = 0; l < 4; ++l) {
        out.codes[l] = Byte(block + 2 + 4 * g + l) | (high >> (3 * l) & 7) << 8;
        out.signs[l] = high >> 15;
      }
      out.scales[0] = out.scales[1] = high >> 12 & 7;
      break;
    }
    case WeightFormat::kPacked1M: {
      uint32_t d = 0;
      for (int k = 0; k < 4; ++k) d |= LoadU16(block + 48 + 2 * k) >> 12 << (4 * k);
      out.d = static_cast<uint16_t>(d);
      for (int l = 0; l < 4; ++l) {
        const uint32_t high = nibble(block + 32, 4 * g + l);
        out.codes[l] = Byte(block + 4 * g + l) | (high & 7) << 8;
        out.signs[l] = high >> 3;
      }
      for (int i = 0; i < 2; ++i)
        out.scales[i] = LoadU16(block + 48 + 2 * (g / 2)) >> (3 * (2 * (g % 2) + i)) & 7;
      break;
    }
    case WeightFormat::kPacked2XXS:
      for (int l = 0; l < 4; ++l) out.codes[l] = Byte(block + 2 + 8 * g + l);
      ReadSignsAndScale(LoadU32(block + 6 + 8 * g), &out);
      break;
    case WeightFormat::kPacked2XS:
      for (int l = 0; l < 4; ++l) {
        const uint32_t code = LoadU16(block + 2 + 8 * g + 2 * l);
        out.codes[l] = code & 511;
        out.signs[l] = EvenSigns(code >> 9);
      }
      for (int i = 0; i < 2; ++i) out.scales[i] = nibble(block + 66, 2 * g + i);
      break;
    case WeightFormat::kPacked2S:
      for (int l = 0; l < 4; ++l) {
        out.codes[l] = Byte(block + 2 + 4 * g + l) | (Byte(block + 66 + g) >> (2 * l) & 3) << 8;
        out.signs[l] = Byte(block + 34 + 4 * g + l);
      }
      for (int i = 0; i < 2; ++i) out.scales[i] = nibble(block + 74, 2 * g + i);
      break;
    case WeightFormat::kPacked3XXS:
      for (int l = 0; l < 8; ++l) out.codes[l] = Byte(block + 2 + 8 * g + l);
      ReadSignsAndScale(LoadU32(block + 66 + 4 * g), &out);
      break;
    case WeightFormat::kPacked3S:
      for (int l = 0; l < 8; ++l)
        out.codes[l] = Byte(block + 2 + 8 * g + l) | (Byte(block + 66 + g) >> l & 1) << 8;
      for (int l = 0; l < 4; ++l) out.signs[l] = Byte(block + 74 + 4 * g + l);
      out.scales[0] = out.scales[1] = nibble(block + 106, g);
      break;
    default: CHECK(false) << static_cast<int>(format);
  }
  return out;
}

// Where the scale of half `i` of group `g` lies in the sixteen rows, and from which bit on.
struct Nibble {
  int64_t at;
  int shift;
};
Nibble ScaleAt(const PackedGridLayout& layout, int64_t g, int64_t lane, int i) {
  const int64_t block = g / 8 * layout.super_bytes() + 32 + g % 8 / 2 * layout.block_bytes();
  if (layout.parts == 1) return {block + lane, static_cast<int>(4 * (g % 2))};
  return {block + g % 2 * kPackedRows + lane, 4 * i};
}
int64_t GroupAt(const PackedGridLayout& layout, int64_t g) {
  return g / 8 * layout.super_bytes() + 32 + g % 8 / 2 * layout.block_bytes() + layout.scale_bytes() +
         g % 2 * layout.group_bytes();
}

// Eight columns, or four, of a grid.
uint64_t EntryOf(WeightFormat format, uint32_t code) {
  switch (format) {
    case WeightFormat::kPacked1S:
    case WeightFormat::kPacked1M: return kIq1Grid.entries[code];
    case WeightFormat::kPacked2XXS: return kIq2XxsGrid.entries[code];
    case WeightFormat::kPacked2XS: return kIq2XsGrid.entries[code];
    case WeightFormat::kPacked2S: return kIq2SGrid.entries[code];
    case WeightFormat::kPacked3XXS: return kIq3XxsGrid.entries[code];
    default: return kIq3SGrid.entries[code];
  }
}

}  // namespace

void PackGridGroup(const WeightRow& row, int64_t g, WeightFormat format, int64_t lane, std::byte* rows) {
  const PackedGridLayout layout = PackedGridOf(format);
  const int64_t super = ByteSize(row.dtype, kPackedSuperCols);
  const Codes from = ReadCodes(format, row.data + g / 8 * super, g % 8);
  std::memcpy(rows + g / 8 * layout.super_bytes() + lane * 2, &from.d, 2);
  for (int i = 0; i < layout.parts; ++i) {
    const Nibble scale = ScaleAt(layout, g, lane, i);
    rows[scale.at] |= static_cast<std::byte>(from.scales[i] << scale.shift);
  }
  std::byte* group = rows + GroupAt(layout, g);
  const auto set_bit = [&](int plane, int64_t code, uint32_t bit) {
    const int64_t at = layout.planes_at() + plane * layout.codes() / 8 + code / 8;
    group[at] |= static_cast<std::byte>(bit << (code % 8));
  };
  for (int l = 0; l < 32 / layout.columns; ++l) {
    const int64_t at = l * kPackedRows + lane;
    group[at] = static_cast<std::byte>(from.codes[l] & 255);
    for (int bit = 0; bit < layout.high_bits; ++bit) set_bit(bit, at, from.codes[l] >> (8 + bit) & 1);
    if (!layout.signs) set_bit(layout.high_bits, at, from.signs[l]);
  }
  if (!layout.signs) return;
  for (int l = 0; l < 4; ++l)
    group[layout.codes() + l * kPackedRows + lane] = static_cast<std::byte>(from.signs[l]);
}

GridGroup ReadGridGroup(WeightFormat format, const std::byte* rows, int64_t g, int64_t lane) {
  const PackedGridLayout layout = PackedGridOf(format);
  GridGroup out;
  const uint32_t d = LoadU16(rows + g / 8 * layout.super_bytes() + lane * 2);
  out.d_unit = F32FromF16(static_cast<uint16_t>(d)) * layout.unit;
  for (int i = 0; i < 2; ++i) {
    const Nibble scale = ScaleAt(layout, g, lane, i);
    out.scales[i] = static_cast<int>(2 * (Byte(rows + scale.at) >> scale.shift & 15) + 1);
  }
  const std::byte* group = rows + GroupAt(layout, g);
  for (int l = 0; l < 32 / layout.columns; ++l) {
    const int64_t at = l * kPackedRows + lane;
    const auto bit = [&](int plane) {
      return Byte(group + layout.planes_at() + plane * layout.codes() / 8 + at / 8) >> (at % 8) & 1;
    };
    uint32_t code = Byte(group + at);
    for (int high = 0; high < layout.high_bits; ++high) code |= bit(high) << (8 + high);
    const uint64_t entry = EntryOf(format, code);
    for (int j = 0; j < layout.columns; ++j) {
      const int column = l * layout.columns + j, size = static_cast<int8_t>(entry >> (8 * j));
      const bool down =
          layout.signs ? Byte(group + layout.codes() + column / 8 * kPackedRows + lane) >> (column % 8) & 1
                       : bit(layout.high_bits);
      out.integers[column] =
          static_cast<int8_t>(layout.signs ? (down ? -size : size) : size + (down ? -1 : 1));
    }
  }
  return out;
}

}  // namespace mains
