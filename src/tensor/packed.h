// Weights laid out for integer dot products. Sixteen rows lie together, and of them 64 columns at a time, so
// that the bytes of such a block are what one tile of a matrix unit holds and what sixteen vectors of sixteen
// rows read one after the other, with no sum across lanes. Columns go in groups of 32; a step is 4 columns of
// the 16 rows, 64 codes.
//
//   kPacked8   scales [2 groups][16 rows], two bytes each (f16 or bf16)                       64 bytes
//              codes [16 steps][16 rows][4 columns]                                        1,024 bytes
//   kPacked4   scales as in kPacked8                                                          64 bytes
//              nibbles [8 steps][16 rows][4 columns], low: first group, high: second         512 bytes
//   kPacked5   as kPacked4 (Q5_0), and behind the nibbles of a block
//                       fifth bits [2][16 rows][4 columns]: step s in bit s / 2 of s % 2     128 bytes
//   kPacked4M  f16 minimums as the scales of kPacked4                                         64 bytes
//              and then as kPacked4 (Q4_1)
//   kPacked5M  as kPacked4M (Q5_1), and fifth bits as in kPacked5
//   kPacked4K  of 256 columns (Q4_K): f16 d [16 rows], dmin [16 rows]                         64 bytes
//              4 times: [2 groups]{scale [16 rows], minimum [16 rows]}, a byte each           64 bytes
//                       nibbles as in kPacked4                                               512 bytes
//   kPacked5K  as kPacked4K (Q5_K), and fifth bits as in kPacked5                            128 bytes
//   kPacked4X  of 256 columns (IQ4_XS): f16 d [16 rows], 32 bytes of nothing                64 bytes
//              4 times: [2 groups]{signed scale [16 rows], 16 bytes of nothing}              64 bytes
//                       nibbles as in kPacked4                                               512 bytes
//   kPacked6K  of 256 columns (Q6_K): f16 d [16 rows], 32 bytes of nothing                    64 bytes
//              4 times: signed scales [4 parts of 16 columns][16 rows], a byte each           64 bytes
//                       low nibbles as in kPacked4                                           512 bytes
//                       top pairs [4][16 rows][4 columns]: step s in bits 2 (s / 4) of s % 4  256 bytes
//   kPacked3K  of 256 columns (Q3_K): f16 d [16 rows], 32 bytes of nothing                    64 bytes
//              4 times: signed scales as in kPacked6K                                         64 bytes
//                       low pairs as the top ones of kPacked6K                               256 bytes
//                       third bits as the fifth ones of kPacked5                             128 bytes
//   kPacked2K  of 256 columns (Q2_K): f16 d [16 rows], dmin [16 rows]                         64 bytes
//              4 times: [4 parts of 16 columns][16 rows]: scale in the low nibble, minimum
//                       in the high one                                                       64 bytes
//                       pairs as the low ones of kPacked3K                                   256 bytes
//
// What a code means, and the value of an element, which has the same f32 bits as in the weight that was
// packed (but for the sign of zero):
//   kPacked8   scale * (code - 128);                kPacked4   scale * (codebook[code] - 128)
//   kPacked5   scale * (code - 16);                 kPacked4M, kPacked5M  scale * code + minimum
//   kPacked4K, kPacked5K  d * scale * code - dmin * minimum;   kPacked6K  d * scale * (code - 32)
//   kPacked4X  d * scale * (codebook[code] - 128);  kPacked3K  d * scale * (code - 4)
//   kPacked2K  d * scale * code - dmin * minimum;  i-quants: tensor/packed_grids.h
// Rows and columns are filled up to whole blocks with what adds nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "tensor/weight.h"

namespace mains {

constexpr int64_t kPackedRows = 16, kPackedCols = 64, kPackedGroup = 32, kPackedSuperCols = 256;
constexpr int64_t kPackedHeadBytes = 64;  // of a super-block, and before the codes of a block

constexpr bool IsPackedFormat(WeightFormat format) {
  return format >= WeightFormat::kPacked8;
}
constexpr bool HasFifthBits(WeightFormat format) {
  return format == WeightFormat::kPacked5 || format == WeightFormat::kPacked5M ||
         format == WeightFormat::kPacked5K;
}
// Before the scales of a block.
constexpr int64_t PackedMinimumBytes(WeightFormat format) {
  return format == WeightFormat::kPacked4M || format == WeightFormat::kPacked5M ? kPackedHeadBytes : 0;
}
// Of 64 columns, with what comes before them. These three are not of i-quants.
constexpr int64_t PackedBlockBytes(WeightFormat format) {
  switch (format) {
    case WeightFormat::kPacked8: return kPackedHeadBytes + 1024;
    case WeightFormat::kPacked6K: return kPackedHeadBytes + 512 + 256;
    case WeightFormat::kPacked5K:
    case WeightFormat::kPacked5: return kPackedHeadBytes + 512 + 128;
    case WeightFormat::kPacked4M: return 2 * kPackedHeadBytes + 512;
    case WeightFormat::kPacked5M: return 2 * kPackedHeadBytes + 512 + 128;
    case WeightFormat::kPacked3K: return kPackedHeadBytes + 256 + 128;
    case WeightFormat::kPacked2K: return kPackedHeadBytes + 256;
    default: return kPackedHeadBytes + 512;
  }
}
// Of the 256-column formats, with what comes before the four blocks; else 0.
constexpr int64_t PackedSuperBytes(WeightFormat format) {
  const bool super = format != WeightFormat::kPacked8 && format != WeightFormat::kPacked4 &&
                     format != WeightFormat::kPacked5 && PackedMinimumBytes(format) == 0;
  return super ? kPackedHeadBytes + 4 * PackedBlockBytes(format) : 0;
}
constexpr int64_t PackedBlocks(int64_t cols) {
  return (cols + kPackedCols - 1) / kPackedCols;
}
// From the beginning of sixteen rows to the scales of their block number `block`.
constexpr int64_t PackedBlockOffset(WeightFormat format, int64_t block) {
  if (PackedSuperBytes(format) == 0) return block * PackedBlockBytes(format) + PackedMinimumBytes(format);
  return block / 4 * PackedSuperBytes(format) + kPackedHeadBytes + block % 4 * PackedBlockBytes(format);
}

// The byte of each 4-bit code of a kPacked4 or kPacked4X weight.
const std::array<uint8_t, 16>& PackedCodebook(DType packed_from);

// Whether there is a packed layout for this weight: Q4_0 to Q8_0, MXFP4, Q2_K to Q6_K, IQ1 to IQ4, and 4-bit
// integers or floats in groups of 32 without zero points, if their scales fit in two bytes.
bool CanPack(const Weight& w);

// The same matrix packed; w must be one that CanPack. `rows` of it, from `first`, a multiple of kPackedRows,
// are written to `to`, which holds PackedBytes(w) in all and starts on a cache line; threads may share the
// work.
int64_t PackedBytes(const Weight& w);
void PackRows(const Weight& w, int64_t first, int64_t rows, std::byte* to);
// What those bytes are, once all rows are written.
Weight PackedWeight(const Weight& w, const std::byte* packed, std::shared_ptr<const void> owner);

// Columns [begin, begin + 32) of a packed row as f32, begin a multiple of 32: the reference.
void UnpackPackedGroup(const WeightRow& row, int64_t begin, float* out);

}  // namespace mains
