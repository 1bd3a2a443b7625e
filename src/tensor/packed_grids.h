// The packed layouts of i-quants (tensor/packed.h has the others, and what they have in common): codes of
// several columns at once stay codes, so that a matrix takes no more than a tenth above its file.
//
// Of 16 rows and 256 columns:
//   f16 d [16 rows]                                                                            32 bytes
//   4 times, 64 columns: scales, a nibble each
//                of one part a group:  [16 rows], low: first group, high: second               16 bytes
//                of two:    [2 groups][16 rows], low: first half of the group                  32 bytes
//           [2 groups]{  low bytes of codes [32 / columns of a code][16 rows]           64 or 128 bytes
//                        signs [4][16 rows], a bit for each of 8 columns; not of IQ1           64 bytes
//                        bit planes: of the codes' higher bits, lowest first, and of IQ1 whether a code
//                        goes down, a bit for each low byte in their order              8 or 16 bytes each
//
// The value of an element is d * unit * (2 scale + 1) * integer, where all products are exact: the integer is
// a magnitude of the grid (tensor/i_quant_grids.h) with its sign, of IQ1 the grid's plus or minus one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/weight.h"

namespace mains {

struct PackedGridLayout {
  int columns;    // of a code
  int high_bits;  // of a code, above its low byte
  bool signs;     // else a bit for each code says whether it goes down
  int parts;      // of a group of 32 columns, with scales of their own
  float unit;

  constexpr int64_t codes() const { return 512 / columns; }  // of a group of the 16 rows
  constexpr int planes() const { return high_bits + (signs ? 0 : 1); }
  constexpr int64_t planes_at() const { return codes() + (signs ? 64 : 0); }
  constexpr int64_t group_bytes() const { return planes_at() + planes() * codes() / 8; }
  constexpr int64_t scale_bytes() const { return 16 * parts; }
  constexpr int64_t block_bytes() const { return scale_bytes() + 2 * group_bytes(); }
  constexpr int64_t super_bytes() const { return 32 + 4 * block_bytes(); }
};

constexpr bool IsPackedGrid(WeightFormat format) {
  return format >= WeightFormat::kPacked1S;
}

constexpr PackedGridLayout PackedGridOf(WeightFormat format) {
  switch (format) {
    case WeightFormat::kPacked1S: return {8, 3, false, 1, 0.125f};
    case WeightFormat::kPacked1M: return {8, 3, false, 2, 0.125f};
    case WeightFormat::kPacked2XXS: return {8, 0, true, 1, 0.125f};
    case WeightFormat::kPacked2XS: return {8, 1, true, 2, 0.125f};
    case WeightFormat::kPacked2S: return {8, 2, true, 2, 0.125f};
    case WeightFormat::kPacked3XXS: return {4, 0, true, 1, 0.25f};
    default: return {4, 1, true, 1, 1.0f};  // kPacked3S
  }
}

// Group `g` of 32 columns of a row to its place among sixteen that begin at `rows`, whose bytes are zero
// before the first. The row's format is kPlain.
void PackGridGroup(const WeightRow& row, int64_t g, WeightFormat format, int64_t lane, std::byte* rows);

// Of group `g` of the row in `lane`: what its integers are multiplied with in either half, but for the f16.
struct GridGroup {
  float d_unit;
  int scales[2];  // 2 scale + 1
  int8_t integers[32];
};
GridGroup ReadGridGroup(WeightFormat format, const std::byte* rows, int64_t g, int64_t lane);

}  // namespace mains
