// Products of bf16 on tiles: 32 rows of x with 32 rows of w, whose sums are four tiles, so that each tile that
// is loaded is used twice and the unit never waits for a sum (speed.md of the processor: 16 cycles for a
// product, 52 until its sum is ready).
#include <immintrin.h>

#include "kernels/amx/tiles.h"
#include "kernels/simd/slots.h"

namespace mains {
namespace {

constexpr int64_t kTile = 16;          // rows of a tile, and numbers of 32 bits in one
constexpr int64_t kPairs = 2 * kTile;  // numbers of bf16 in a row
// Columns that are laid out at a time: 32 rows of w take 32 KiB then, and as many rows of x.
constexpr int64_t kDepth = 512;
constexpr int64_t kTileBytes = 1024;

// Rows of 16 numbers of 32 bits become columns.
inline void Transpose16(__m512i (&rows)[16]) {
  __m512i twos[16], fours[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    twos[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    twos[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  // fours[4 i + j]: column 4 q + j of rows 4 i ... in quarter q.
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    fours[i] = _mm512_unpacklo_epi64(twos[i], twos[i + 2]);
    fours[i + 1] = _mm512_unpackhi_epi64(twos[i], twos[i + 2]);
    fours[i + 2] = _mm512_unpacklo_epi64(twos[i + 1], twos[i + 3]);
    fours[i + 3] = _mm512_unpackhi_epi64(twos[i + 1], twos[i + 3]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512i even_low = _mm512_shuffle_i32x4(fours[j], fours[4 + j], 0x88);
    const __m512i odd_low = _mm512_shuffle_i32x4(fours[j], fours[4 + j], 0xDD);
    const __m512i even_high = _mm512_shuffle_i32x4(fours[8 + j], fours[12 + j], 0x88);
    const __m512i odd_high = _mm512_shuffle_i32x4(fours[8 + j], fours[12 + j], 0xDD);
    rows[j] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
    rows[4 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
    rows[8 + j] = _mm512_shuffle_i32x4(even_low, even_high, 0xDD);
    rows[12 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xDD);
  }
}

// `depth` columns of up to sixteen rows of w as right tiles, one behind the other: [pair of columns][row][2].
// What is missing of either becomes zeros.
void LayOut(const uint16_t* w, int64_t stride, int64_t rows, int64_t depth, std::byte* to) {
  for (int64_t k = 0; k < depth; k += kPairs, to += kTileBytes) {
    const int64_t left = depth - k < kPairs ? depth - k : kPairs;
    const __mmask32 some = left == kPairs ? ~__mmask32{0} : (__mmask32{1} << left) - 1;
    __m512i tile[16];
#pragma GCC unroll 16
    for (int r = 0; r < kTile; ++r) {
      tile[r] = r < rows ? _mm512_maskz_loadu_epi16(some, w + r * stride + k) : _mm512_setzero_si512();
    }
    Transpose16(tile);
#pragma GCC unroll 16
    for (int r = 0; r < kTile; ++r) _mm512_store_si512(to + r * 64, tile[r]);
  }
}

// Sums in tiles 0 to 3, x in 4 and 5, w in 6 and 7.
TileConfig ConfigOf(int64_t rows, int64_t columns) {
  TileConfig config;
  const int64_t r[2] = {rows < kTile ? rows : kTile, rows - kTile}, c[2] = {columns < kTile ? columns : kTile,
                                                                            columns - kTile};
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
  const std::byte* w1 = w + kDepth / kPairs * kTileBytes;
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

// Every sum is one chain of tile products in the order of k, which goes on where a piece of it ends: the same
// bits for any m.
void GemmBf16(const uint16_t* x, int64_t x_stride, int64_t m, const uint16_t* w, int64_t w_stride, int64_t n,
              int64_t k, float* out, int64_t out_stride) {
  alignas(64) std::byte tiles[2 * kDepth / kPairs * kTileBytes];
  for (int64_t c = 0; c < n; c += 2 * kTile) {
    const int64_t columns = n - c < 2 * kTile ? n - c : 2 * kTile;
    int64_t begin = 0;
    do {  // once even for k = 0, where the sums are 0
      const int64_t depth = k - begin < kDepth ? k - begin : kDepth;
      const uint16_t* from = w + c * w_stride + begin;
      LayOut(from, w_stride, columns, depth, tiles);
      if (columns > kTile) {
        LayOut(from + kTile * w_stride, w_stride, columns - kTile, depth,
               tiles + kDepth / kPairs * kTileBytes);
      }
      for (int64_t r = 0; r < m; r += 2 * kTile) {
        const int64_t rows = m - r < 2 * kTile ? m - r : 2 * kTile;
        if (r == 0 || rows < 2 * kTile) ConfigureTiles(ConfigOf(rows, columns));
        const auto block = rows > kTile ? columns > kTile ? Block<true, true> : Block<true, false>
                           : columns > kTile ? Block<false, true>
                                             : Block<false, false>;
        block(x + r * x_stride + begin, x_stride, tiles, depth, begin > 0, out + r * out_stride + c,
              out_stride);
      }
      begin += depth;
    } while (begin < k);
  }
  ReleaseTiles();
}

}  // namespace

const Bf16Slots kAmxBf16Slots = {.gemm_bf16 = GemmBf16};

}  // namespace mains
