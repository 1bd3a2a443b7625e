// gemm_nt with sixteen columns side by side in a vector: rows of w become columns of a block that stays in
// the first level, and every number of x is multiplied with all of them. Nothing has to be folded at the end,
// which takes a product with partial sums in the lanes (simd/gemm.h) as long as its multiplications where
// rows are short.
#pragma once

#include "kernels/avx512/pairs.h"
#include "kernels/avx512/vec.h"
#include "kernels/simd/gemm.h"

namespace mains {
namespace {

// A sum is cut into pieces of this depth: each is one chain in the order of k, and they are added in their
// order. So an element has the same bits in any company.
constexpr int64_t kPieceDepth = 64;
constexpr int64_t kPieceVectors = 4;  // of columns: a piece of them is 16 KiB
constexpr int kChainRows = 6;         // 24 chains fill the registers
// Up to so many rows of x meet the columns as they are transposed, without a block.
constexpr int64_t kFewRows = 4;

// Numbers of w. A tile is sixteen rows of 64 bytes; once transposed it has kPerTile columns.
struct F32Columns {
  using Number = float;
  static constexpr int64_t kPerTile = 16;
  static __m512i Part(const float* p, int64_t n) { return _mm512_maskz_loadu_epi32(FirstLanes(n), p); }
  static V Column(const __m512i (&tile)[16], int64_t i) { return _mm512_castsi512_ps(tile[i]); }
};
struct PairColumns {
  using Number = uint16_t;
  static constexpr int64_t kPerTile = 32;
  static __m512i Part(const uint16_t* p, int64_t n) {
    return _mm512_maskz_loadu_epi16(static_cast<__mmask32>((uint64_t{1} << n) - 1), p);
  }
};
struct Bf16Columns : PairColumns {
  static V Column(const __m512i (&tile)[16], int64_t i) {
    const __m512i pair = tile[i / 2];
    return _mm512_castsi512_ps(i % 2 == 0 ? _mm512_slli_epi32(pair, 16)
                                          : _mm512_and_si512(pair, _mm512_set1_epi32(-0x10000)));
  }
};
struct F16Columns : PairColumns {
  static V Column(const __m512i (&tile)[16], int64_t i) {
    const __m512i pair = i % 2 == 0 ? tile[i / 2] : _mm512_srli_epi32(tile[i / 2], 16);
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(pair));
  }
};

// Numbers [k, k + kPerTile) of `rows` rows as columns; what is missing of sixteen rows, and from `depth` on,
// as zeros.
template <typename W>
inline void TransposeTile(const typename W::Number* w, int64_t stride, int64_t rows, int64_t k, int64_t depth,
                          __m512i (&tile)[16]) {
  const int64_t left = depth - k < W::kPerTile ? depth - k : W::kPerTile;
  if (rows >= 16 && left == W::kPerTile) {
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r) tile[r] = _mm512_loadu_si512(w + r * stride + k);
  } else {
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r)
      tile[r] = r < rows ? W::Part(w + r * stride + k, left) : _mm512_setzero_si512();
  }
  Transpose16(tile);
}

// A piece of `columns` rows of w as block[k][column].
template <typename W>
void LayOutPiece(const typename W::Number* w, int64_t stride, int64_t columns, int64_t depth,
                 V (*block)[kPieceVectors]) {
  for (int64_t c = 0; c < columns; c += 16) {
    for (int64_t k = 0; k < depth; k += W::kPerTile) {
      __m512i tile[16];
      TransposeTile<W>(w + c * stride, stride, columns - c, k, depth, tile);
#pragma GCC unroll 32
      for (int64_t i = 0; i < W::kPerTile; ++i) block[k + i][c / 16] = W::Column(tile, i);
    }
  }
}

// Adds to the sums of a row of x or replaces them; the last vector has the lanes of `last`.
template <int vectors>
inline void PutChains(const V (&sums)[vectors], bool add, __mmask16 last, float* out) {
#pragma GCC unroll 4
  for (int c = 0; c < vectors; ++c) {
    const __mmask16 lanes = c == vectors - 1 ? last : 0xFFFF;
    float* to = out + c * kLanes;
    _mm512_mask_storeu_ps(to, lanes, add ? Add(_mm512_maskz_loadu_ps(lanes, to), sums[c]) : sums[c]);
  }
}

template <int rows, int vectors>
void ChainTile(const float* x, int64_t x_stride, const V (*block)[kPieceVectors], int64_t depth, bool add,
               __mmask16 last, float* out, int64_t out_stride) {
  // The rows of the next tile lie far apart.
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
    for (int64_t k = 0; k < kPieceDepth; k += 16) __builtin_prefetch(x + (rows + r) * x_stride + k);
  }
  V sums[rows][vectors];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < vectors; ++c) sums[r][c] = Zero();
  }
  for (int64_t k = 0; k < depth; ++k) {
    V columns[vectors];
#pragma GCC unroll 4
    for (int c = 0; c < vectors; ++c) columns[c] = block[k][c];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const V factor = InRegister(Set1(x[r * x_stride + k]));
#pragma GCC unroll 4
      for (int c = 0; c < vectors; ++c) sums[r][c] = Fma(factor, columns[c], sums[r][c]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) PutChains(sums[r], add, last, out + r * out_stride);
}

template <int rows, int vectors>
void ChainTileUpTo(int64_t count, const float* x, int64_t x_stride, const V (*block)[kPieceVectors],
                   int64_t depth, bool add, __mmask16 last, float* out, int64_t out_stride) {
  if constexpr (rows > 1) {
    if (count < rows) {
      ChainTileUpTo<rows - 1, vectors>(count, x, x_stride, block, depth, add, last, out, out_stride);
      return;
    }
  }
  ChainTile<rows, vectors>(x, x_stride, block, depth, add, last, out, out_stride);
}

// All rows of x with the piece in `block`.
template <int vectors>
void ChainRows(const float* x, int64_t x_stride, int64_t m, const V (*block)[kPieceVectors], int64_t columns,
               int64_t depth, bool add, float* out, int64_t out_stride) {
  if constexpr (vectors > 1) {
    if (columns <= (vectors - 1) * kLanes) {
      ChainRows<vectors - 1>(x, x_stride, m, block, columns, depth, add, out, out_stride);
      return;
    }
  }
  const __mmask16 last = FirstLanes(columns - (vectors - 1) * kLanes);
  for (int64_t r = 0; r < m;) {
    const int64_t left = m - r;
    // At the end two tiles of like size rather than a full one and a thin one.
    const int64_t count = left >= 2 * kChainRows ? kChainRows : left > kChainRows ? (left + 1) / 2 : left;
    ChainTileUpTo<kChainRows, vectors>(count, x + r * x_stride, x_stride, block, depth, add, last,
                                       out + r * out_stride, out_stride);
    r += count;
  }
}

// Asks for the lines of the sixteen rows behind those at hand, in the order in which they lie in memory:
// sixteen rows beside each other are read half as fast.
class LinesAhead {
 public:
  LinesAhead(const void* rows, int64_t stride_bytes, int64_t row_bytes)
      : at_(static_cast<const char*>(rows) + 16 * stride_bytes),
        gap_(stride_bytes - (row_bytes + 63) / 64 * 64),
        lines_((row_bytes + 63) / 64),
        left_(lines_) {}
  // The next sixteen.
  void Ask() {
    if (left_ >= 16) {
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) __builtin_prefetch(at_ + 64 * i, 0, 2);
      at_ += 1024;
      left_ -= 16;
      if (left_ == 0) {
        left_ = lines_;
        at_ += gap_;
      }
      return;
    }
    for (int i = 0; i < 16; ++i, at_ += 64) {
      __builtin_prefetch(at_, 0, 2);
      if (--left_ == 0) {
        left_ = lines_;
        at_ += gap_;
      }
    }
  }

 private:
  const char* at_;
  int64_t gap_, lines_, left_;
};

// Sixteen columns, kPieceDepth numbers of each: `together` pieces beside each other, since a chain alone
// would wait for itself.
template <typename W, int rows, int together>
inline void ChainPieces(const float* x, int64_t x_stride, const typename W::Number* w, int64_t w_stride,
                        int64_t columns, int64_t depth, bool add, __mmask16 lanes, LinesAhead& ahead,
                        float* out, int64_t out_stride) {
  V sums[together][rows][1];
#pragma GCC unroll 4
  for (int t = 0; t < together; ++t) {
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) sums[t][r][0] = Zero();
  }
  for (int64_t k = 0; k < depth; k += W::kPerTile) {
#pragma GCC unroll 4
    for (int t = 0; t < together; ++t) {
      __m512i tile[16];
      TransposeTile<W>(w + t * kPieceDepth, w_stride, columns, k, depth, tile);
      ahead.Ask();
      const float* factors = x + t * kPieceDepth + k;
#pragma GCC unroll 32
      for (int64_t i = 0; i < W::kPerTile; ++i) {
        if (together == 1 && i >= depth - k) break;
        const V column = W::Column(tile, i);
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r)
          sums[t][r][0] = Fma(Set1(factors[r * x_stride + i]), column, sums[t][r][0]);
      }
    }
  }
#pragma GCC unroll 4
  for (int t = 0; t < together; ++t) {
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) PutChains(sums[t][r], add || t > 0, lanes, out + r * out_stride);
  }
}

// Sixteen columns with `rows` rows of x.
template <typename W, int rows>
void ChainFew(const float* x, int64_t x_stride, const typename W::Number* w, int64_t w_stride,
              int64_t columns, int64_t k, float* out, int64_t out_stride) {
  constexpr int64_t kNumber = sizeof(typename W::Number);
  constexpr int kTogether = rows == 1 ? 4 : rows == 2 ? 2 : 1;
  const __mmask16 lanes = FirstLanes(columns);
  LinesAhead ahead(w, w_stride * kNumber, k * kNumber);
  for (int64_t begin = 0; begin < k;) {
    const int64_t left = k - begin;
    if (kTogether > 1 && left >= kTogether * kPieceDepth) {
      ChainPieces<W, rows, kTogether>(x + begin, x_stride, w + begin, w_stride, columns, kPieceDepth,
                                      begin > 0, lanes, ahead, out, out_stride);
      begin += kTogether * kPieceDepth;
    } else {
      ChainPieces<W, rows, 1>(x + begin, x_stride, w + begin, w_stride, columns,
                              left < kPieceDepth ? left : kPieceDepth, begin > 0, lanes, ahead, out,
                              out_stride);
      begin += kPieceDepth;
    }
  }
}

template <typename W, int rows>
void ChainFewUpTo(int64_t count, const float* x, int64_t x_stride, const typename W::Number* w,
                  int64_t w_stride, int64_t n, int64_t k, float* out, int64_t out_stride) {
  if constexpr (rows > 1) {
    if (count < rows) {
      ChainFewUpTo<W, rows - 1>(count, x, x_stride, w, w_stride, n, k, out, out_stride);
      return;
    }
  }
  for (int64_t c = 0; c < n; c += kLanes) {
    const int64_t columns = n - c < kLanes ? n - c : kLanes;
    ChainFew<W, rows>(x, x_stride, w + c * w_stride, w_stride, columns, k, out + c, out_stride);
  }
}

template <typename W>
void GemmNtByColumns(const float* x, int64_t x_stride, int64_t m, const typename W::Number* w,
                     int64_t w_stride, int64_t n, int64_t k, float* out, int64_t out_stride) {
  if (k == 0) {
    for (int64_t r = 0; r < m; ++r) {
      for (int64_t c = 0; c < n; ++c) out[r * out_stride + c] = 0;
    }
    return;
  }
  if (m <= kFewRows) {
    if (m > 0) ChainFewUpTo<W, kFewRows>(m, x, x_stride, w, w_stride, n, k, out, out_stride);
    return;
  }
  V block[kPieceDepth][kPieceVectors];
  constexpr int64_t kColumns = kPieceVectors * kLanes;
  for (int64_t begin = 0; begin < k; begin += kPieceDepth) {
    const int64_t depth = k - begin < kPieceDepth ? k - begin : kPieceDepth;
    for (int64_t c = 0; c < n; c += kColumns) {
      const int64_t columns = n - c < kColumns ? n - c : kColumns;
      LayOutPiece<W>(w + c * w_stride + begin, w_stride, columns, depth, block);
      ChainRows<kPieceVectors>(x + begin, x_stride, m, block, columns, depth, begin > 0, out + c, out_stride);
    }
  }
}

// Rows of more numbers are long enough for partial sums in the lanes: few rows of x then need no
// transposition. (Keys of 128 numbers, 48 rows: 80 GFLOP/s a core with sums in lanes, 150 so, on an Emerald
// Rapids.)
constexpr int64_t kShortRow = 256;

template <typename Columns, typename Lanes>
void GemmNtOfRows(const float* x, int64_t x_stride, int64_t m, const void* right, int64_t w_stride, int64_t n,
                  int64_t k, float* out, int64_t out_stride) {
  const auto* w = static_cast<const typename Columns::Number*>(right);
  if (k <= kShortRow) {
    GemmNtByColumns<Columns>(x, x_stride, m, w, w_stride, n, k, out, out_stride);
  } else {
    GemmNtOf<Lanes>(x, x_stride, m, w, w_stride, n, k, out, out_stride);
  }
}
inline void GemmNtOfF32Rows(const float* x, int64_t x_stride, int64_t m, const float* w, int64_t w_stride,
                            int64_t n, int64_t k, float* out, int64_t out_stride) {
  GemmNtOfRows<F32Columns, Floats>(x, x_stride, m, w, w_stride, n, k, out, out_stride);
}

}  // namespace
}  // namespace mains
