// Products with packed weights on tiles: sixteen rows of activations with sixteen rows of weights, a group of
// 32 columns at a time, since every group has scales of its own. The unit's sums go through a buffer to the
// vectors, which scale and add them while it is at the next group.
#include "kernels/avx512/dots_vnni.h"

#include "kernels/amx/tiles.h"
#include "kernels/simd/packed.h"
#include "kernels/simd/slots.h"

namespace mains {
namespace {

constexpr int64_t kTile = 16;
// Fewer rows than this are left to the vectors: a tile of theirs takes 11 cycles a row and group by count of
// instructions, a tile's sums 32 for up to sixteen rows.
constexpr int64_t kFewestTileRows = 4;

// Tiles: of the sums of whole blocks of rows (of either half of a column block, so that the second need not
// wait until the first is stored), and of the last rows.
constexpr int kSums = 0, kRows = 2, kWeights = 3, kLastSums = 4, kLastRows = 6;

template <typename F>
TileConfig ConfigOf(int64_t last_rows) {
  constexpr int64_t columns = 32 / F::kParts;
  TileConfig config;
  for (int i = 0; i < 2; ++i) config.Set(kSums + i, kTile, 64);
  config.Set(kRows, kTile, columns);
  config.Set(kWeights, columns / 4, 64);
  if (last_rows > 0) {
    for (int i = 0; i < 2; ++i) config.Set(kLastSums + i, last_rows, 64);
    config.Set(kLastRows, last_rows, columns);
  }
  return config;
}

// As PackedTile, of sixteen rows or, if `last`, of fewer.
template <typename F, bool last>
void TileOfRows(const PackedJob& job, int64_t done, int64_t count) {
  const int64_t rows = last ? count : kTile;
  float* out = job.out + done * job.out_stride;
  Numbers totals[kTile];
#pragma GCC unroll 16
  for (int64_t r = 0; r < rows; ++r)
    totals[r] = job.column_block > 0 ? LoadNumbers(out + r * job.out_stride) : ZeroNumbers();
  alignas(64) int32_t products[2][F::kParts][kTile * kTile];

  const auto group = [&]<int half>(int64_t b) {
    constexpr int sums_tile = (last ? kLastSums : kSums) + half, rows_tile = last ? kLastRows : kRows;
    constexpr int64_t part_columns = 32 / F::kParts;
    const Chunk& chunk = job.chunks[0];
    const int64_t row = job.row + done, column_block = job.column_block + b;
    const int8_t* x = job.x.codes + row * job.x.code_stride + column_block * 64 + half * 32;
    const uint8_t* w =
        (F::kIsBytes ? F::BlockOf(chunk.packed, b) + kHeadBytes : chunk.spread + b * kSpreadBytes) +
        half * kGroupSteps * kStepBytes;
#pragma GCC unroll 2
    for (int part = 0; part < F::kParts; ++part) {
      LoadTile<rows_tile>(x + part * part_columns, job.x.code_stride);
      LoadTile<kWeights>(w + part * part_columns / 4 * kStepBytes, kStepBytes);
      ZeroTile<sums_tile>();
      AddProductsOfBytes<sums_tile, rows_tile, kWeights>();
      StoreTile<sums_tile>(products[half][part], kTile * 4);
    }
    const typename F::Group g = F::GroupOf(chunk.packed, b, half);
    const int64_t at = row * job.x.group_stride + column_block * 2 + half;
#pragma GCC unroll 16
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t own = at + r * job.x.group_stride;
      const int32_t* sums_of_codes = job.x.sums + 2 * own;
      const int32_t both = sums_of_codes[0] + sums_of_codes[1];
      Numbers sum = ZeroNumbers();
#pragma GCC unroll 2
      for (int part = 0; part < F::kParts; ++part) {
        const Ints bias = BeginInts<F::kBias>(F::kParts == 2 ? sums_of_codes[part] : both);
        sum = F::Join(g, part, AddInts(bias, LoadInts(products[half][part] + r * kTile)), sum);
      }
      totals[r] = F::Add(g, totals[r], sum, {job.x.scales[own], sums_of_codes, job.x.scaled_sums + own});
    }
  };
  for (int64_t b = 0; b < job.blocks; ++b) {
    group.template operator()<0>(b);
    group.template operator()<1>(b);
  }
#pragma GCC unroll 16
  for (int64_t r = 0; r < rows; ++r) StoreNumbers(out + r * job.out_stride, totals[r]);
}

// All rows of x with sixteen rows of weights; the columns may go past the panel's.
template <typename F>
void TileColumns(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, int64_t sixteen,
                 float* out, int64_t out_stride) {
  const Codebook book = LoadCodebook(w.codebook);
  alignas(64) uint8_t bytes[kChunkBytes<F>];
  for (int64_t begin = 0; begin < w.blocks; begin += kChunkBlocks) {
    const int64_t blocks = w.blocks - begin < kChunkBlocks ? w.blocks - begin : kChunkBlocks;
    const Chunk chunk = ChunkOf<F>(w, sixteen, begin, blocks, book, F::kIsBytes ? nullptr : bytes);
    const PackedJob job = {x, first, m, begin, blocks, &chunk, book, out, out_stride};
    int64_t done = 0;
    for (; done + kTile <= m; done += kTile) TileOfRows<F, false>(job, done, kTile);
    if (m - done >= kFewestTileRows) {
      TileOfRows<F, true>(job, done, m - done);
    } else if (m > done) {
      PackedRowsUpTo<F, !F::kIsBytes, kFewestTileRows - 1, 1>(job, done, m - done);
    }
  }
}

template <typename F>
void TileProduct(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, float* out,
                 int64_t out_stride) {
  if (m < kFewestTileRows) {
    PackedProduct<F>(x, first, m, w, out, out_stride);
    return;
  }
  const int64_t left = m % kTile;
  ConfigureTiles(ConfigOf<F>(left < kFewestTileRows ? 0 : left));
  int64_t c = 0;
  for (; c + kTile <= w.rows; c += kTile) TileColumns<F>(x, first, m, w, c / kTile, out + c, out_stride);
  ReleaseTiles();
  if (c == w.rows) return;
  const PackedPanel rest = {
      w.data + c / kTile * w.stride, w.stride, w.rows - c, w.blocks, w.format, w.scale_dtype, w.codebook};
  PackedProduct<F>(x, first, m, rest, out + c, out_stride);
}

struct OnTiles {
  template <typename F>
  static void Run(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, float* out,
                  int64_t out_stride) {
    TileProduct<F>(x, first, m, w, out, out_stride);
  }
};

}  // namespace

const Int8Slots kAmxInt8Slots = {.quantize_row = QuantizeRow, .gemm_packed = GemmPackedOf<OnTiles>};

}  // namespace mains
