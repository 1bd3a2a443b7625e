// Weights laid out for integer dot products. Sixteen rows lie together, and of them 64 columns at a time, so
// that the bytes of a 64-column, 16-row block are what one tile of a matrix unit holds and what sixteen
// vectors of sixteen rows read one after the other, with no sum across lanes:
//
//   scales  [2 groups of 32 columns][16 rows], two bytes each (f16 or bf16)           64 bytes
//   codes   8 bits: [16 steps of 4 columns][16 rows][4 columns]                     1,024 bytes
//           4 bits: [8 steps][16 rows][4 columns], low nibbles the first group,        512 bytes
//                   high nibbles the second
//
// A code is a byte: the value plus 128, or an index into sixteen such bytes. The value of an element is
// scale * (byte - 128), in f32 the same bits as those of the weight that was packed. Rows and columns are
// filled up with zeros to whole blocks.
#pragma once

#include <array>
#include <cstdint>

#include "base/result.h"
#include "tensor/weight.h"

namespace mains {

constexpr int64_t kPackedRows = 16, kPackedCols = 64, kPackedGroup = 32;
constexpr int64_t kPackedScaleBytes = 64, kPackedCodeBytes8 = 1024, kPackedCodeBytes4 = 512;

constexpr int64_t PackedBlockBytes(WeightFormat format) {
  return kPackedScaleBytes + (format == WeightFormat::kPacked8 ? kPackedCodeBytes8 : kPackedCodeBytes4);
}
constexpr int64_t PackedBlocks(int64_t cols) {
  return (cols + kPackedCols - 1) / kPackedCols;
}

// The byte of each 4-bit code of a kPacked4 weight.
const std::array<uint8_t, 16>& PackedCodebook(DType packed_from);

// Whether there is a packed layout with the very values of this weight: Q8_0, Q4_0, IQ4_NL, MXFP4, and 4-bit
// integers or floats in groups of 32 without zero points, if their scales fit in two bytes.
bool CanPack(const Weight& w);

// The same matrix packed; w must be one that CanPack. Runs on the calling thread. `rows` of it, from
// `first`, a multiple of kPackedRows, are written to `to`, which holds PackedBytes(w) in all and starts on a
// cache line: so that threads can share the work.
int64_t PackedBytes(const Weight& w);
void PackRows(const Weight& w, int64_t first, int64_t rows, std::byte* to);
// What those bytes are, once all rows are written.
Weight PackedWeight(const Weight& w, const std::byte* packed, std::shared_ptr<const void> owner);

}  // namespace mains
