// Products of bf16 on tiles: 32 rows of x with 32 rows of w, whose sums are four tiles, so that each tile
// that is loaded is used twice and the unit does not wait for a sum (peaks.cc).
#include <immintrin.h>

#include "kernels/amx/tiles.h"
#include "kernels/avx512/pairs.h"
#include "kernels/simd/slots.h"

namespace mains {
namespace {

constexpr int64_t kTile = 16;          // rows of a tile, and numbers of 32 bits in one
constexpr int64_t kPairs = 2 * kTile;  // numbers of bf16 in a row
// Columns that are laid out at a time: 32 rows of w take 32 KiB then, and as many rows of x.
constexpr int64_t kDepth = 512;
constexpr int64_t kTileBytes = 1024, kColumnTilesBytes = kDepth / kPairs * kTileBytes;
constexpr PairLayout kTileLayout = {64, kColumnTilesBytes, kTileBytes};

// Sums in tiles 0 to 3, x in 4 and 5, w in 6 and 7.
TileConfig ConfigOf(int64_t rows, int64_t columns) {
  TileConfig config;
  const int64_t r[2] = {rows < kTile ? rows : kTile, rows - kTile},
                c[2] = {columns < kTile ? columns : kTile, columns - kTile};
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 2; ++j) {
      if (r[i] > 0 && c[j] > 0) config.Set(2 * i + j, r[i], c[j] * 4);
    }
    if (r[i] > 0) config.Set(4 + i, r[i], 64);
    if (c[i] > 0) config.Set(6 + i, kTile, c[i] * 4);
  }
  return config;
}

// Up to 32 rows of x with up to 32 rows of w that are laid out, over `depth` columns; tiles are configured.
template <bool two_rows, bool two_columns>
void Block(const uint16_t* x, int64_t x_stride, const std::byte* w, int64_t depth, bool add, float* out,
           int64_t out_stride) {
  const int64_t row_bytes = x_stride * 2, out_bytes = out_stride * 4;
  const uint16_t* x1 = x + kTile * x_stride;
  const std::byte* w1 = w + kColumnTilesBytes;
  float* out1 = out + kTile * out_stride;
  if (add) {
    LoadTile<0>(out, out_bytes);
    if constexpr (two_columns) LoadTile<1>(out + kTile, out_bytes);
    if constexpr (two_rows) LoadTile<2>(out1, out_bytes);
    if constexpr (two_rows && two_columns) LoadTile<3>(out1 + kTile, out_bytes);
  } else {
    ZeroTile<0>();
    if constexpr (two_columns) ZeroTile<1>();
    if constexpr (two_rows) ZeroTile<2>();
    if constexpr (two_rows && two_columns) ZeroTile<3>();
  }
  for (int64_t k = 0; k < depth; k += kPairs) {
    LoadTile<4>(x + k, row_bytes);
    LoadTile<6>(w + k / kPairs * kTileBytes, 64);
    AddProductsOfBf16<0, 4, 6>();
    if constexpr (two_columns) {
      LoadTile<7>(w1 + k / kPairs * kTileBytes, 64);
      AddProductsOfBf16<1, 4, 7>();
    }
    if constexpr (two_rows) {
      LoadTile<5>(x1 + k, row_bytes);
      AddProductsOfBf16<2, 5, 6>();
      if constexpr (two_columns) AddProductsOfBf16<3, 5, 7>();
    }
  }
  StoreTile<0>(out, out_bytes);
  if constexpr (two_columns) StoreTile<1>(out + kTile, out_bytes);
  if constexpr (two_rows) StoreTile<2>(out1, out_bytes);
  if constexpr (two_rows && two_columns) StoreTile<3>(out1 + kTile, out_bytes);
}

// out[m, n] (+)= x w, where lay_out(column, columns, begin, depth, tiles) lays out columns of w. Every sum is
// one chain of tile products in the order of k, which goes on where a piece of it ends: the same bits for any
// m.
template <typename LayOutFn>
void Product(const uint16_t* x, int64_t x_stride, int64_t m, int64_t n, int64_t k, bool add, LayOutFn lay_out,
             float* out, int64_t out_stride) {
  alignas(64) std::byte tiles[2 * kColumnTilesBytes];
  for (int64_t c = 0; c < n; c += 2 * kTile) {
    const int64_t columns = n - c < 2 * kTile ? n - c : 2 * kTile;
    int64_t begin = 0;
    do {  // once even for k = 0, where the sums are 0
      const int64_t depth = k - begin < kDepth ? k - begin : kDepth;
      lay_out(c, columns, begin, depth, tiles);
      for (int64_t r = 0; r < m; r += 2 * kTile) {
        const int64_t rows = m - r < 2 * kTile ? m - r : 2 * kTile;
        if (r == 0 || rows < 2 * kTile) ConfigureTiles(ConfigOf(rows, columns));
        const auto block = rows > kTile      ? columns > kTile ? Block<true, true> : Block<true, false>
                                : columns > kTile ? Block<false, true>
                                             : Block<false, false>;
        block(x + r * x_stride + begin, x_stride, tiles, depth, add || begin > 0, out + r * out_stride + c,
              out_stride);
      }
      begin += depth;
    } while (begin < k);
  }
  ReleaseTiles();
}

void GemmBf16(const uint16_t* x, int64_t x_stride, int64_t m, const uint16_t* w, int64_t w_stride, int64_t n,
              int64_t k, float* out, int64_t out_stride) {
  const auto lay_out = [&](int64_t column, int64_t columns, int64_t begin, int64_t depth, std::byte* to) {
    LayOutRows(w + column * w_stride + begin, w_stride, columns, depth, kTileLayout, to);
  };
  Product(x, x_stride, m, n, k, /*add=*/false, lay_out, out, out_stride);
}

void GemmNnAddBf16(const uint16_t* p, int64_t p_stride, int64_t m, const uint16_t* v, int64_t v_stride,
                   int64_t j, int64_t n, float* out, int64_t out_stride) {
  const auto lay_out = [&](int64_t column, int64_t columns, int64_t begin, int64_t depth, std::byte* to) {
    LayOutColumns(v + begin * v_stride + column, v_stride, columns, depth, /*fill=*/kPairs, kTileLayout, to);
  };
  Product(p, p_stride, m, n, j, /*add=*/true, lay_out, out, out_stride);
}

}  // namespace

const Bf16Slots kAmxBf16Slots = {.gemm_bf16 = GemmBf16, .gemm_nn_add_bf16 = GemmNnAddBf16};

}  // namespace mains
