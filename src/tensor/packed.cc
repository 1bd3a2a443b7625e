#include "tensor/packed.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "tensor/convert.h"

namespace mains {
namespace {

constexpr int64_t kQ8BlockBytes = 34, kNibbleBlockBytes = 18, kMxBlockBytes = 17;

std::array<uint8_t, 16> Biased(const std::array<int, 16>& values) {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < 16; ++i) bytes[i] = static_cast<uint8_t>(values[i] + 128);
  return bytes;
}

// One group of 32 columns of one row: codes as bytes, and the bits of its scale.
struct Group {
  uint8_t codes[kPackedGroup];
  uint16_t scale;
};

uint16_t LoadU16(const std::byte* p) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof(bits));
  return bits;
}

// GGUF's order: low nibbles are elements 0..15, high ones 16..31.
void ReadHalves(const std::byte* nibbles, uint8_t* codes) {
  for (int i = 0; i < 16; ++i) {
    codes[i] = std::to_integer<uint8_t>(nibbles[i]) & 15;
    codes[i + 16] = std::to_integer<uint8_t>(nibbles[i]) >> 4;
  }
}

void ReadPairs(const std::byte* nibbles, uint8_t* codes) {
  for (int i = 0; i < 16; ++i) {
    codes[2 * i] = std::to_integer<uint8_t>(nibbles[i]) & 15;
    codes[2 * i + 1] = std::to_integer<uint8_t>(nibbles[i]) >> 4;
  }
}

// Half of 2^(e - 127), as bf16: the values of E2M1 are then integers.
uint16_t HalfE8M0(uint32_t e) {
  return static_cast<uint16_t>((e < 2 ? 0x0020'0000u << e : (e - 1) << 23) >> 16);
}

void ReadGroup(const WeightRow& row, int64_t group, Group* out) {
  if (row.format == WeightFormat::kInt4Group || row.format == WeightFormat::kFp4Group) {
    ReadPairs(row.data + group * 16, out->codes);
    out->scale = row.format == WeightFormat::kFp4Group
                     ? HalfE8M0(std::to_integer<uint32_t>(row.scales[group]))
                     : LoadU16(row.scales + 2 * group);
    return;
  }
  switch (row.dtype) {
    case DType::kQ8_0: {
      const std::byte* block = row.data + group * kQ8BlockBytes;
      out->scale = LoadU16(block);
      for (int i = 0; i < kPackedGroup; ++i) out->codes[i] = std::to_integer<uint8_t>(block[2 + i]) ^ 0x80;
      return;
    }
    case DType::kQ4_0:
    case DType::kIQ4_NL: {
      const std::byte* block = row.data + group * kNibbleBlockBytes;
      out->scale = LoadU16(block);
      ReadHalves(block + 2, out->codes);
      return;
    }
    case DType::kMXFP4: {
      const std::byte* block = row.data + group * kMxBlockBytes;
      out->scale = HalfE8M0(std::to_integer<uint32_t>(block[0]));
      ReadHalves(block + 1, out->codes);
      return;
    }
    default: CHECK(false) << Name(row.dtype);
  }
}

DType PackedFrom(const Weight& w) {
  if (w.format == WeightFormat::kInt4Group) return DType::kQ4_0;
  if (w.format == WeightFormat::kFp4Group) return DType::kMXFP4;
  return w.dtype;
}

WeightFormat PackedFormat(const Weight& w) {
  return PackedFrom(w) == DType::kQ8_0 ? WeightFormat::kPacked8 : WeightFormat::kPacked4;
}

// The code that stands for zero, for what fills up a block.
uint8_t ZeroCode(WeightFormat format, DType from) {
  if (format == WeightFormat::kPacked8) return 128;
  return from == DType::kMXFP4 ? 0 : 8;
}

void PutGroup(const Group& group, WeightFormat format, int64_t half, int64_t lane, std::byte* block) {
  std::memcpy(block + (half * kPackedRows + lane) * 2, &group.scale, 2);
  std::byte* codes = block + kPackedScaleBytes + lane * 4;
  for (int64_t step = 0; step < kPackedGroup / 4; ++step) {
    const uint8_t* four = group.codes + 4 * step;
    if (format == WeightFormat::kPacked8) {
      std::memcpy(codes + (half * 8 + step) * 64, four, 4);
      continue;
    }
    for (int64_t i = 0; i < 4; ++i) {
      std::byte& at = codes[step * 64 + i];
      at = half == 0 ? std::byte{four[i]} : at | std::byte{four[i]} << 4;
    }
  }
}

}  // namespace

const std::array<uint8_t, 16>& PackedCodebook(DType packed_from) {
  static const std::array<uint8_t, 16> linear =
      Biased({-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7});
  static const std::array<uint8_t, 16> iq4_nl =
      Biased({-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113});
  static const std::array<uint8_t, 16> twice_e2m1 =
      Biased({0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12});
  if (packed_from == DType::kIQ4_NL) return iq4_nl;
  return packed_from == DType::kMXFP4 ? twice_e2m1 : linear;
}

bool CanPack(const Weight& w) {
  if (w.cols % kPackedGroup != 0) return false;
  switch (w.format) {
    case WeightFormat::kPlain:
      return w.dtype == DType::kQ8_0 || w.dtype == DType::kQ4_0 || w.dtype == DType::kIQ4_NL ||
             w.dtype == DType::kMXFP4;
    case WeightFormat::kInt4Group:
      return w.block_cols == kPackedGroup && w.zeros == nullptr &&
             (w.scale_dtype == DType::kBF16 || w.scale_dtype == DType::kF16);
    case WeightFormat::kFp4Group: return w.block_cols == kPackedGroup && w.scale_dtype == DType::kF8E8M0;
    default: return false;
  }
}

int64_t PackedBytes(const Weight& w) {
  const int64_t row_blocks = (w.rows + kPackedRows - 1) / kPackedRows;
  return row_blocks * PackedBlocks(w.cols) * PackedBlockBytes(PackedFormat(w));
}

void PackRows(const Weight& w, int64_t first, int64_t rows, std::byte* to) {
  CHECK_EQ(first % kPackedRows, 0);
  const WeightFormat format = PackedFormat(w);
  const int64_t blocks = PackedBlocks(w.cols), block_bytes = PackedBlockBytes(format);
  const int64_t groups = w.cols / kPackedGroup, end = std::min(first + rows, w.rows);
  Group zero;
  std::fill_n(zero.codes, kPackedGroup, ZeroCode(format, PackedFrom(w)));
  zero.scale = 0;
  for (int64_t begin = first; begin < end; begin += kPackedRows) {
    std::byte* base = to + begin / kPackedRows * blocks * block_bytes;
    for (int64_t lane = 0; lane < kPackedRows; ++lane) {
      const bool real = begin + lane < w.rows;
      const WeightRow row = real ? w.Row(begin + lane) : WeightRow{};
      for (int64_t g = 0; g < 2 * blocks; ++g) {
        Group group;
        if (real && g < groups) ReadGroup(row, g, &group);
        PutGroup(real && g < groups ? group : zero, format, g % 2, lane, base + g / 2 * block_bytes);
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
  out.row_bytes = PackedBlocks(w.cols) * PackedBlockBytes(out.format) / kPackedRows;
  out.scale_dtype = out.dtype == DType::kMXFP4             ? DType::kBF16
                    : w.format == WeightFormat::kInt4Group ? w.scale_dtype
                                                           : DType::kF16;
  out.block_cols = kPackedGroup;
  out.owner = std::move(owner);
  return out;
}

}  // namespace mains
