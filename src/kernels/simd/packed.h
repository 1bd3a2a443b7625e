// Products of 8-bit activations with packed weights (tensor/packed.h), over the integer vocabulary of
// <isa>/int8.h, which must be included first:
//   Codes     64 codes: 4 columns of 16 rows, ready to be multiplied
//   Ints      16 32-bit integers, one per row of the weight; Numbers: 16 f32
//   kTileRows8, kTileBlocks: rows of activations and blocks of 16 weight rows whose sums fill the registers
#pragma once

#include "kernels/table.h"

namespace mains {
namespace {

constexpr int64_t kStepBytes = 64, kGroupSteps = 8, kHeadBytes = 64, kSpreadBytes = 1024;
// Blocks of 64 columns that a tile goes through before the next: with 32 weight rows 17 KB, half of the first
// level, so that all activations meet them there. Whole super-blocks.
constexpr int64_t kChunkBlocks = 8;
// How far ahead of the products weights are asked for: with few rows, reading them is all that costs, and the
// processor's own prefetching leaves half of what memory gives.
constexpr int64_t kAheadBytes = 4096;

// Sixteen weight rows, from the block of 64 columns that a chunk begins with (a super-block's first).
struct Chunk {
  const uint8_t* packed;
  const uint8_t* spread;  // codes as bytes, or null
};

// What a group's activations are multiplied with, and how the sum goes to the totals.
struct Activations {
  float scale;
  const int32_t* sums;      // of the codes of either half
  const float* scaled_sum;  // of all, times the scale
};

inline uint32_t FourCodes(const int8_t* p) {
  uint32_t bits;
  __builtin_memcpy(&bits, p, sizeof(bits));
  return bits;
}

// Adds a part's sum of products times its scale to what `before` has of the parts before. As f32: with codes
// of a byte, whole scales of a byte, and 32 columns all of it is whole numbers up to 2^24, so exact, and
// integers of 32 bits multiply half as fast on some processors.
[[gnu::always_inline]] inline Numbers JoinParts(const Numbers (&scales)[2], int part, Ints products,
                                                Numbers before) {
  return part == 0 ? MulNumbers(ToNumbers(products), scales[0])
                   : FusedMulAdd(ToNumbers(products), scales[1], before);
}

// --- Formats. Join: the exact sum of a group as a number, part by part. kBias: by how much codes are too
// large. kParts: of a group, with scales of their own. kIsBytes: codes are bytes as they lie. kAlwaysSpread:
// they are spread whatever the number of rows. kCodeLines: cache lines of codes in 64 columns.

// Nibbles, with fifth bits behind them or without.
template <bool fifth_bits>
[[gnu::always_inline]] inline Bytes64 FourOrFiveBits(const uint8_t* codes, int64_t half, int64_t step) {
  const Bytes64 nibbles = Nibbles(codes + step * kStepBytes, half);
  if constexpr (!fifth_bits) return nibbles;
  const int64_t pair = half * kGroupSteps + step;
  return WithTopBits<1, 4>(nibbles, codes + 512 + pair % 2 * kStepBytes, pair / 2);
}

// A scale of two bytes for each group.
template <int64_t block_bytes, bool bf16>
struct Scaled {
  static constexpr int kBias = 128, kParts = 1;
  struct Group {
    Numbers scale;
  };
  [[gnu::always_inline]] static const uint8_t* BlockOf(const uint8_t* packed, int64_t b) {
    return packed + b * block_bytes;
  }
  [[gnu::always_inline]] static Group GroupOf(const uint8_t* packed, int64_t b, int64_t half) {
    return {LoadScales<bf16>(BlockOf(packed, b) + half * 32)};
  }
  [[gnu::always_inline]] static Numbers Join(const Group&, int, Ints products, Numbers) {
    return ToNumbers(products);
  }
  [[gnu::always_inline]] static Numbers Add(const Group& g, Numbers totals, Numbers sum,
                                            const Activations& x) {
    return FusedMulAdd(sum, MulNumbers(g.scale, BroadcastNumber(x.scale)), totals);
  }
};

template <bool bf16>
struct Packed8 : Scaled<kHeadBytes + 1024, bf16> {
  static constexpr bool kIsBytes = true, kAlwaysSpread = false;
  static constexpr int64_t kCodeLines = 16;
  [[gnu::always_inline]] static Codes Load(const uint8_t* codes, int64_t half, int64_t step,
                                           const Codebook&) {
    return LoadCodes<128>(codes + (half * kGroupSteps + step) * kStepBytes);
  }
};

template <bool bf16>
struct Packed4 : Scaled<kHeadBytes + 512, bf16> {
  static constexpr bool kIsBytes = false, kAlwaysSpread = false;
  static constexpr int64_t kCodeLines = 8;
  [[gnu::always_inline]] static Bytes64 LoadBytes(const uint8_t* codes, int64_t half, int64_t step,
                                                  const Codebook& book) {
    return Lookup(book, Nibbles(codes + step * kStepBytes, half));
  }
  [[gnu::always_inline]] static Codes Load(const uint8_t* codes, int64_t half, int64_t step,
                                           const Codebook& book) {
    return FromBytes<128>(LoadBytes(codes, half, step, book));
  }
};

// Q5_0.
struct Packed5 : Scaled<kHeadBytes + 512 + 128, false> {
  static constexpr bool kIsBytes = false, kAlwaysSpread = false;
  static constexpr int64_t kCodeLines = 10;
  static constexpr int kBias = 16;
  [[gnu::always_inline]] static Bytes64 LoadBytes(const uint8_t* codes, int64_t half, int64_t step,
                                                  const Codebook&) {
    return FourOrFiveBits<true>(codes, half, step);
  }
  [[gnu::always_inline]] static Codes Load(const uint8_t* codes, int64_t half, int64_t step,
                                           const Codebook& book) {
    return FromBytes<kBias>(LoadBytes(codes, half, step, book));
  }
};

// Nibbles, with fifth bits or without, that a scale multiplies and of which a minimum is then taken away, or
// to which it is added.
template <bool fifth_bits, bool added>
struct WithMinimum {
  static constexpr bool kIsBytes = false, kAlwaysSpread = false;
  static constexpr int64_t kCodeLines = fifth_bits ? 10 : 8;
  static constexpr int kBias = 0, kParts = 1;
  struct Group {
    Numbers scale, min;
  };
  [[gnu::always_inline]] static Bytes64 LoadBytes(const uint8_t* codes, int64_t half, int64_t step,
                                                  const Codebook&) {
    return FourOrFiveBits<fifth_bits>(codes, half, step);
  }
  [[gnu::always_inline]] static Codes Load(const uint8_t* codes, int64_t half, int64_t step,
                                           const Codebook& book) {
    return FromBytes<0>(LoadBytes(codes, half, step, book));
  }
  [[gnu::always_inline]] static Numbers Join(const Group&, int, Ints products, Numbers) {
    return ToNumbers(products);
  }
  [[gnu::always_inline]] static Numbers Add(const Group& g, Numbers totals, Numbers sum,
                                            const Activations& x) {
    totals = FusedMulAdd(sum, MulNumbers(g.scale, BroadcastNumber(x.scale)), totals);
    const Numbers codes = BroadcastNumber(*x.scaled_sum);
    return added ? FusedMulAdd(g.min, codes, totals) : FusedNegMulAdd(g.min, codes, totals);
  }
};

// A scale and, before the scales of a block, a minimum of two bytes for each group: Q4_1; with fifth bits,
// Q5_1.
template <bool fifth_bits>
struct PackedMin : WithMinimum<fifth_bits, true> {
  using typename WithMinimum<fifth_bits, true>::Group;
  static constexpr int64_t kBlockBytes =
      2 * kHeadBytes + WithMinimum<fifth_bits, true>::kCodeLines * kStepBytes;
  [[gnu::always_inline]] static const uint8_t* BlockOf(const uint8_t* packed, int64_t b) {
    return packed + kHeadBytes + b * kBlockBytes;
  }
  [[gnu::always_inline]] static Group GroupOf(const uint8_t* packed, int64_t b, int64_t half) {
    const uint8_t* scales = BlockOf(packed, b) + half * 32;
    return {LoadScales<false>(scales), LoadScales<false>(scales - kHeadBytes)};
  }
};

// Blocks of formats with super-blocks of 256 columns.
template <int64_t block_bytes>
const uint8_t* SuperBlock(const uint8_t* packed, int64_t b) {
  return packed + b / 4 * (kHeadBytes + 4 * block_bytes) + kHeadBytes + b % 4 * block_bytes;
}

// Q4_K; with fifth bits behind the nibbles, Q5_K.
template <bool fifth_bits>
struct PackedMinK : WithMinimum<fifth_bits, false> {
  using typename WithMinimum<fifth_bits, false>::Group;
  static constexpr int64_t kBlockBytes = kHeadBytes + WithMinimum<fifth_bits, false>::kCodeLines * kStepBytes;
  [[gnu::always_inline]] static const uint8_t* BlockOf(const uint8_t* packed, int64_t b) {
    return SuperBlock<kBlockBytes>(packed, b);
  }
  [[gnu::always_inline]] static Group GroupOf(const uint8_t* packed, int64_t b, int64_t half) {
    const uint8_t* head = packed + b / 4 * (kHeadBytes + 4 * kBlockBytes);
    const uint8_t* small = BlockOf(packed, b) + half * 32;  // a byte for each row
    return {MulNumbers(LoadScales<false>(head), FromU8(small)),
            MulNumbers(LoadScales<false>(head + 32), FromU8(small + 16))};
  }
};

struct Packed4X {
  static constexpr bool kIsBytes = false, kAlwaysSpread = false;
  static constexpr int64_t kCodeLines = 8;
  static constexpr int kBias = 128, kParts = 1;
  static constexpr int64_t kBlockBytes = kHeadBytes + 512;
  struct Group {
    Numbers d, scale;
  };
  [[gnu::always_inline]] static const uint8_t* BlockOf(const uint8_t* packed, int64_t b) {
    return SuperBlock<kBlockBytes>(packed, b);
  }
  [[gnu::always_inline]] static Group GroupOf(const uint8_t* packed, int64_t b, int64_t half) {
    const uint8_t* head = packed + b / 4 * (kHeadBytes + 4 * kBlockBytes);
    return {LoadScales<false>(head), ToNumbers(FromI8Wide(BlockOf(packed, b) + half * 32))};
  }
  [[gnu::always_inline]] static Bytes64 LoadBytes(const uint8_t* codes, int64_t half, int64_t step,
                                                  const Codebook& book) {
    return Lookup(book, Nibbles(codes + step * kStepBytes, half));
  }
  [[gnu::always_inline]] static Codes Load(const uint8_t* codes, int64_t half, int64_t step,
                                           const Codebook& book) {
    return FromBytes<128>(LoadBytes(codes, half, step, book));
  }
  [[gnu::always_inline]] static Numbers Join(const Group& g, int, Ints products, Numbers) {
    return MulNumbers(ToNumbers(products), g.scale);
  }
  [[gnu::always_inline]] static Numbers Add(const Group& g, Numbers totals, Numbers sum,
                                            const Activations& x) {
    return FusedMulAdd(sum, MulNumbers(g.d, BroadcastNumber(x.scale)), totals);
  }
};

// A signed scale of one byte for either half of a group.
template <int64_t block_bytes, int bias>
struct SignedParts {
  static constexpr bool kIsBytes = false, kAlwaysSpread = false;
  static constexpr int64_t kCodeLines = (block_bytes - kHeadBytes) / kStepBytes;
  static constexpr int kBias = bias, kParts = 2;
  struct Group {
    Numbers d, parts[2];
  };
  [[gnu::always_inline]] static const uint8_t* BlockOf(const uint8_t* packed, int64_t b) {
    return SuperBlock<block_bytes>(packed, b);
  }
  [[gnu::always_inline]] static Group GroupOf(const uint8_t* packed, int64_t b, int64_t half) {
    const uint8_t* head = packed + b / 4 * (kHeadBytes + 4 * block_bytes);
    const uint8_t* small = BlockOf(packed, b) + half * 32;
    return {LoadScales<false>(head), {ToNumbers(FromI8Wide(small)), ToNumbers(FromI8Wide(small + 16))}};
  }
  [[gnu::always_inline]] static Numbers Join(const Group& g, int part, Ints products, Numbers before) {
    return JoinParts(g.parts, part, products, before);
  }
  [[gnu::always_inline]] static Numbers Add(const Group& g, Numbers totals, Numbers sum,
                                            const Activations& x) {
    return FusedMulAdd(sum, MulNumbers(g.d, BroadcastNumber(x.scale)), totals);
  }
};

struct Packed6K : SignedParts<kHeadBytes + 512 + 256, 32> {
  [[gnu::always_inline]] static Bytes64 LoadBytes(const uint8_t* codes, int64_t half, int64_t step,
                                                  const Codebook&) {
    const int64_t pair = half * kGroupSteps + step;
    return WithTopBits<3, 4>(Nibbles(codes + step * kStepBytes, half), codes + 512 + pair % 4 * kStepBytes,
                             2 * (pair / 4));
  }
  [[gnu::always_inline]] static Codes Load(const uint8_t* codes, int64_t half, int64_t step,
                                           const Codebook& book) {
    return FromBytes<kBias>(LoadBytes(codes, half, step, book));
  }
};

// The two bits of step `pair` of a block, four steps to a byte.
[[gnu::always_inline]] inline Bytes64 PairBits(const uint8_t* codes, int64_t pair) {
  return LowBits<3>(codes + pair % 4 * kStepBytes, 2 * (pair / 4));
}

struct Packed3K : SignedParts<kHeadBytes + 256 + 128, 4> {
  [[gnu::always_inline]] static Bytes64 LoadBytes(const uint8_t* codes, int64_t half, int64_t step,
                                                  const Codebook&) {
    const int64_t pair = half * kGroupSteps + step;
    return WithTopBits<1, 2>(PairBits(codes, pair), codes + 256 + pair % 2 * kStepBytes, pair / 2);
  }
  [[gnu::always_inline]] static Codes Load(const uint8_t* codes, int64_t half, int64_t step,
                                           const Codebook& book) {
    return FromBytes<kBias>(LoadBytes(codes, half, step, book));
  }
};

struct Packed2K {
  static constexpr bool kIsBytes = false, kAlwaysSpread = false;
  static constexpr int64_t kCodeLines = 4;
  static constexpr int kBias = 0, kParts = 2;
  static constexpr int64_t kBlockBytes = kHeadBytes + 256;
  struct Group {
    Numbers d, dmin, scales[2], mins[2];
  };
  [[gnu::always_inline]] static const uint8_t* BlockOf(const uint8_t* packed, int64_t b) {
    return SuperBlock<kBlockBytes>(packed, b);
  }
  [[gnu::always_inline]] static Group GroupOf(const uint8_t* packed, int64_t b, int64_t half) {
    const uint8_t* head = packed + b / 4 * (kHeadBytes + 4 * kBlockBytes);
    const uint8_t* small = BlockOf(packed, b) + half * 32;
    return {LoadScales<false>(head),
            LoadScales<false>(head + 32),
            {ToNumbers(FromNibbleWide<0>(small)), ToNumbers(FromNibbleWide<0>(small + 16))},
            {ToNumbers(FromNibbleWide<4>(small)), ToNumbers(FromNibbleWide<4>(small + 16))}};
  }
  [[gnu::always_inline]] static Bytes64 LoadBytes(const uint8_t* codes, int64_t half, int64_t step,
                                                  const Codebook&) {
    return PairBits(codes, half * kGroupSteps + step);
  }
  [[gnu::always_inline]] static Codes Load(const uint8_t* codes, int64_t half, int64_t step,
                                           const Codebook& book) {
    return FromBytes<kBias>(LoadBytes(codes, half, step, book));
  }
  [[gnu::always_inline]] static Numbers Join(const Group& g, int part, Ints products, Numbers before) {
    return JoinParts(g.scales, part, products, before);
  }
  [[gnu::always_inline]] static Numbers Add(const Group& g, Numbers totals, Numbers sum,
                                            const Activations& x) {
    totals = FusedMulAdd(sum, MulNumbers(g.d, BroadcastNumber(x.scale)), totals);
    const Numbers first = JoinParts(g.mins, 0, BroadcastInt(x.sums[0]), ZeroNumbers());
    const Numbers mins = JoinParts(g.mins, 1, BroadcastInt(x.sums[1]), first);
    return FusedNegMulAdd(g.dmin, MulNumbers(BroadcastNumber(x.scale), mins), totals);
  }
};

}  // namespace
}  // namespace mains

#include "kernels/simd/packed_grids.h"

namespace mains {
namespace {

// --- Tiles.

// Rows of a tile: with one block of weight rows as many more as their sums then leave room for, unless the
// parts of a group have sums of their own.
template <typename F>
constexpr int RowsOfTile8(int tiles) {
  return tiles == 1 && F::kParts == 1 ? kTileRows8 * kTileBlocks : kTileRows8;
}
// From so many rows on, codes of less than 8 bits are first spread to bytes for all of them.
template <typename F>
constexpr int64_t kSpreadRows = RowsOfTile8<F>(1) == kTileRows8 ? 2 * kTileRows8 : RowsOfTile8<F>(1) + 1;

// One group: adds the products of its 32 columns to the totals of a tile.
template <typename F, bool spread, int rows, int tiles>
inline void TileGroup(const Int8Rows& x, int64_t row, int64_t column_block, const Chunk* chunks, int64_t b,
                      int64_t half, const Codebook& book, Numbers (&totals)[rows][tiles]) {
  constexpr int64_t part_steps = kGroupSteps / F::kParts;
  const int8_t* codes = x.codes + row * x.code_stride + (column_block + b) * 64 + half * 32;
  const int64_t group = row * x.group_stride + (column_block + b) * 2 + half;
  typename F::Group g[tiles];
#pragma GCC unroll 4
  for (int t = 0; t < tiles; ++t) g[t] = F::GroupOf(chunks[t].packed, b, half);
  Numbers sums[rows][tiles];
#pragma GCC unroll 2
  for (int part = 0; part < F::kParts; ++part) {
    Ints products[rows][tiles];
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const int32_t* own = x.sums + 2 * (group + r * x.group_stride);
      const Ints begin = BeginInts<F::kBias>(F::kParts == 2 ? own[part] : own[0] + own[1]);
#pragma GCC unroll 4
      for (int t = 0; t < tiles; ++t) products[r][t] = begin;
    }
#pragma GCC unroll 8
    for (int64_t step = part * part_steps; step < (part + 1) * part_steps; ++step) {
      Codes w[tiles];
#pragma GCC unroll 4
      for (int t = 0; t < tiles; ++t) {
        if constexpr (spread) {
          w[t] = LoadCodes<F::kBias>(chunks[t].spread + b * kSpreadBytes +
                                     (half * kGroupSteps + step) * kStepBytes);
        } else {
          const uint8_t* codes_of_block = F::BlockOf(chunks[t].packed, b) + kHeadBytes;
          w[t] = F::Load(codes_of_block, half, step, book);
          const int64_t line = half * kGroupSteps + step;
          if (line < F::kCodeLines) __builtin_prefetch(codes_of_block + line * kStepBytes + kAheadBytes);
        }
      }
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
        const Four four = BroadcastFour(FourCodes(codes + r * x.code_stride + step * 4));
#pragma GCC unroll 4
        for (int t = 0; t < tiles; ++t) products[r][t] = AddDots(products[r][t], w[t], four);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int t = 0; t < tiles; ++t) sums[r][t] = F::Join(g[t], part, products[r][t], sums[r][t]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    const int64_t at = group + r * x.group_stride;
    const Activations own = {x.scales[at], x.sums + 2 * at, x.scaled_sums + at};
#pragma GCC unroll 4
    for (int t = 0; t < tiles; ++t) totals[r][t] = F::Add(g[t], totals[r][t], sums[r][t], own);
  }
}

// A part of a product: `rows` of x from `row`, 64 times `blocks` columns from `column_block` on.
struct PackedJob {
  const Int8Rows& x;
  int64_t row, rows;
  int64_t column_block, blocks;
  const Chunk* chunks;
  const Codebook& book;
  float* out;  // added to unless column_block is 0
  int64_t out_stride;
};

template <typename F, bool spread, int rows, int tiles>
void PackedTile(const PackedJob& job, int64_t done) {
  float* out = job.out + done * job.out_stride;
  Numbers totals[rows][tiles];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int t = 0; t < tiles; ++t) {
      totals[r][t] = job.column_block > 0 ? LoadNumbers(out + r * job.out_stride + 16 * t) : ZeroNumbers();
    }
  }
  for (int64_t b = 0; b < job.blocks; ++b) {
    for (int64_t half = 0; half < 2; ++half) {
      TileGroup<F, spread, rows, tiles>(job.x, job.row + done, job.column_block, job.chunks, b, half,
                                        job.book, totals);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int t = 0; t < tiles; ++t) StoreNumbers(out + r * job.out_stride + 16 * t, totals[r][t]);
  }
}

template <typename F, bool spread, int rows, int tiles>
void PackedRowsUpTo(const PackedJob& job, int64_t done, int64_t count) {
  if constexpr (rows > 1) {
    if (count < rows) {
      PackedRowsUpTo<F, spread, rows - 1, tiles>(job, done, count);
      return;
    }
  }
  PackedTile<F, spread, rows, tiles>(job, done);
}

template <typename F, bool spread, int tiles>
void PackedRowsOf(const PackedJob& job) {
  constexpr int rows = RowsOfTile8<F>(tiles);
  for (int64_t done = 0; done < job.rows;) {
    const int64_t left = job.rows - done;
    // At the end two tiles of like size rather than a full one and a thin one.
    const int64_t count = left >= 2 * rows ? rows : left <= rows ? left : (left + 1) / 2;
    PackedRowsUpTo<F, spread, rows, tiles>(job, done, count);
    done += count;
  }
}

// Where ChunkOf puts what it spreads.
template <typename F>
constexpr int64_t kChunkBytes =
    F::kIsBytes        ? 1
    : F::kAlwaysSpread ? kChunkBlocks* kSpreadBytes + kChunkBlocks / 4 * kGridHeadBytes
                       : kChunkBlocks* kSpreadBytes;

// The chunk of sixteen weight rows that begins with column block `begin`; its codes as bytes in `bytes`
// unless that is null.
template <typename F>
Chunk ChunkOf(const PackedPanel& w, int64_t sixteen, int64_t begin, int64_t blocks, const Codebook& book,
              uint8_t* bytes) {
  if constexpr (F::kAlwaysSpread) {
    return F::ChunkOf(w, sixteen, begin, blocks, bytes);
  } else {
    const uint8_t* rows = reinterpret_cast<const uint8_t*>(w.data) + sixteen * w.stride;
    // Of a format with super-blocks, begin is the first block of one.
    const uint8_t* packed = rows + (F::BlockOf(rows, begin) - F::BlockOf(rows, 0));
    if constexpr (!F::kIsBytes) {
      if (bytes == nullptr) return {packed, nullptr};
      for (int64_t i = 0; i < blocks * 2 * kGroupSteps; ++i) {
        const int64_t b = i / 16, half = i / 8 % 2, step = i % 8;
        const uint8_t* codes = F::BlockOf(packed, b) + kHeadBytes;
        StoreBytes(bytes + b * kSpreadBytes + (half * 8 + step) * kStepBytes,
                   F::LoadBytes(codes, half, step, book));
      }
    }
    return {packed, bytes};
  }
}

// All rows of x with `tiles` blocks of sixteen weight rows; the columns of the last may go past the panel's.
template <typename F, int tiles>
void PackedColumns(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, int64_t sixteen,
                   float* out, int64_t out_stride) {
  const Codebook book = LoadCodebook(w.codebook);
  const bool spread = F::kAlwaysSpread || (!F::kIsBytes && m >= kSpreadRows<F>);
  alignas(64) uint8_t bytes[tiles * kChunkBytes<F>];
  for (int64_t begin = 0; begin < w.blocks; begin += kChunkBlocks) {
    const int64_t blocks = w.blocks - begin < kChunkBlocks ? w.blocks - begin : kChunkBlocks;
    Chunk chunks[tiles];
    for (int t = 0; t < tiles; ++t) {
      uint8_t* to = spread ? bytes + t * kChunkBytes<F> : nullptr;
      chunks[t] = ChunkOf<F>(w, sixteen + t, begin, blocks, book, to);
    }
    const PackedJob job = {x, first, m, begin, blocks, chunks, book, out, out_stride};
    if constexpr (F::kAlwaysSpread) {
      PackedRowsOf<F, true, tiles>(job);
    } else if (spread) {
      PackedRowsOf<F, true, tiles>(job);
    } else {
      PackedRowsOf<F, false, tiles>(job);
    }
  }
}

template <typename F>
void PackedProduct(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, float* out,
                   int64_t out_stride) {
  constexpr int64_t width = 16 * kTileBlocks;
  // So few rows that one tile holds them all, with one block of weight rows: the weights are then read once,
  // as one stream. (Two streams, one row: 21 GB/s of a core that reads 41; one stream: 37.)
  const bool narrow = m <= RowsOfTile8<F>(1);
  int64_t c = 0;
  for (; c + width <= w.rows && !narrow; c += width) {
    PackedColumns<F, kTileBlocks>(x, first, m, w, c / 16, out + c, out_stride);
  }
  for (; c + 16 <= w.rows; c += 16) PackedColumns<F, 1>(x, first, m, w, c / 16, out + c, out_stride);
  if (c == w.rows) return;
  // Fewer than sixteen columns are left: through a buffer, some rows at a time.
  constexpr int64_t rows = 2 * RowsOfTile8<F>(1);
  alignas(64) float buffer[rows * 16];
  for (int64_t r = 0; r < m; r += rows) {
    const int64_t count = m - r < rows ? m - r : rows;
    PackedColumns<F, 1>(x, first + r, count, w, c / 16, buffer, 16);
    for (int64_t i = 0; i < count; ++i) {
      __builtin_memcpy(out + (r + i) * out_stride + c, buffer + i * 16,
                       static_cast<size_t>(w.rows - c) * sizeof(float));
    }
  }
}

// KernelTable::gemm_packed, where Unit::Run<F> computes the product of a format.
template <typename Unit>
void GemmPackedOf(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, float* out,
                  int64_t out_stride) {
  const bool bf16 = w.scale_dtype == DType::kBF16;
  const auto run = [&]<typename F>() { Unit::template Run<F>(x, first, m, w, out, out_stride); };
  switch (w.format) {
    case WeightFormat::kPacked8:
      return bf16 ? run.template operator()<Packed8<true>>() : run.template operator()<Packed8<false>>();
    case WeightFormat::kPacked5: return run.template operator()<Packed5>();
    case WeightFormat::kPacked4M: return run.template operator()<PackedMin<false>>();
    case WeightFormat::kPacked5M: return run.template operator()<PackedMin<true>>();
    case WeightFormat::kPacked4K: return run.template operator()<PackedMinK<false>>();
    case WeightFormat::kPacked5K: return run.template operator()<PackedMinK<true>>();
    case WeightFormat::kPacked4X: return run.template operator()<Packed4X>();
    case WeightFormat::kPacked6K: return run.template operator()<Packed6K>();
    case WeightFormat::kPacked3K: return run.template operator()<Packed3K>();
    case WeightFormat::kPacked2K: return run.template operator()<Packed2K>();
    case WeightFormat::kPacked1S:
    case WeightFormat::kPacked1M:
    case WeightFormat::kPacked2XXS:
    case WeightFormat::kPacked2XS:
    case WeightFormat::kPacked2S:
    case WeightFormat::kPacked3XXS:
    case WeightFormat::kPacked3S: return run.template operator()<SpreadGrid>();
    default:
      return bf16 ? run.template operator()<Packed4<true>>() : run.template operator()<Packed4<false>>();
  }
}

struct OnVectors {
  template <typename F>
  static void Run(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, float* out,
                  int64_t out_stride) {
    PackedProduct<F>(x, first, m, w, out, out_stride);
  }
};

void QuantizeRow(const float* x, int64_t n, const Int8Rows& out, int64_t row) {
  for (int64_t g = 0; g < out.group_stride; ++g) {
    const int64_t begin = g * 32, at = row * out.group_stride + g;
    float numbers[32];
    const float* from = x + begin;
    if (begin + 32 > n) {
      const int64_t left = begin < n ? n - begin : 0;
      __builtin_memset(numbers, 0, sizeof(numbers));
      if (left > 0) __builtin_memcpy(numbers, from, static_cast<size_t>(left) * sizeof(float));
      from = numbers;
    }
    int32_t* sums = out.sums + 2 * at;
    QuantizeGroup(from, out.codes + row * out.code_stride + begin, out.scales + at, sums);
    out.scaled_sums[at] = out.scales[at] * static_cast<float>(sums[0] + sums[1]);
  }
}

}  // namespace
}  // namespace mains
