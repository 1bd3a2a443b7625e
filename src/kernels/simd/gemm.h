// Matrix products over the vector vocabulary of <isa>/vec.h, which must be included first.
#pragma once

#include "kernels/simd/fold.h"

namespace mains {
namespace {

// gemm_nt sums in pieces of this depth: partial sums in the lanes (of f32, element i of the piece in lane i
// mod kLanes), folded by halves, pieces added in order. That order is a function of k alone, so an element
// has the same bits in a tile of any shape. 4 KiB: rows a power of two apart then meet each set of an 8- to
// 12-way first-level cache once per row, and four columns and six rows fit.
template <typename W>
constexpr int64_t kDepth = static_cast<int64_t>(4096 / sizeof(typename W::Left));
// Rows of x that pass over a piece of w before the next ones: 96 x 4 KiB stay in the second level.
constexpr int64_t kRowBlock = 96;
// Columns of w that one tile of rows passes before the next: it stays in the first level meanwhile.
constexpr int64_t kColumnBlock = 16;

// How many rows ahead parts of narrow rows are asked for.
constexpr int kAheadRows = 8;

// The left side of a product in f32, kStep numbers of it in a vector.
struct FloatsLeft {
  static constexpr int64_t kStep = kLanes;
  using Left = float;
  using Vector = V;
  static V AllLeft(const float* p) { return Load(p); }
  static V PartLeft(const float* p, int64_t n) { return LoadPart(p, n); }
  static V MulAdd(V x, V w, V sum) { return Fma(x, w, sum); }
};

// The right side: in f32, or in numbers of 16 bits, which are widened as they are read. The sums are the
// same, so the bits are those of a product with the widened numbers.
struct Floats : FloatsLeft {
  static constexpr bool kNarrow = false;
  using Number = float;
  static V All(const float* p) { return Load(p); }
  static V Part(const float* p, int64_t n) { return LoadPart(p, n); }
};
struct F16s : FloatsLeft {
  static constexpr bool kNarrow = true;
  using Number = uint16_t;
  static V All(const uint16_t* p) { return LoadF16(p); }
  static V Part(const uint16_t* p, int64_t n) { return LoadF16Part(p, n); }
};
struct Bf16s : FloatsLeft {
  static constexpr bool kNarrow = true;
  using Number = uint16_t;
  static V All(const uint16_t* p) { return LoadBf16(p); }
  static V Part(const uint16_t* p, int64_t n) { return LoadBf16Part(p, n); }
};

// One rows x cols tile of dot products of depth k <= kDepth<W>; `add` to out or replace it.
template <typename W, int rows, int cols>
void DotTile(const typename W::Left* x, int64_t x_stride, const typename W::Number* w, int64_t w_stride,
             int64_t k, bool add, float* out, int64_t out_stride) {
  V sums[rows][cols];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < cols; ++c) sums[r][c] = Zero();
  }
  int64_t i = 0;
  for (; i + W::kStep <= k; i += W::kStep) {
    typename W::Vector xs[rows];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) xs[r] = W::AllLeft(x + r * x_stride + i);
#pragma GCC unroll 8
    for (int c = 0; c < cols; ++c) {
      // Rows of the next tile: short ones, or parts of rows, are no streams that the processor itself would
      // follow.
      if constexpr (W::kNarrow && rows <= kNarrowRows) {
        if (i % 32 == 0) __builtin_prefetch(w + (c + cols) * w_stride + i);
      }
      const typename W::Vector ws = InRegister(W::All(w + c * w_stride + i));
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) sums[r][c] = W::MulAdd(xs[r], ws, sums[r][c]);
    }
  }
  if (i < k) {
    typename W::Vector xs[rows];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) xs[r] = W::PartLeft(x + r * x_stride + i, k - i);
#pragma GCC unroll 8
    for (int c = 0; c < cols; ++c) {
      const typename W::Vector ws = W::Part(w + c * w_stride + i, k - i);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) sums[r][c] = W::MulAdd(xs[r], ws, sums[r][c]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
    float* to = out + r * out_stride;
    if constexpr (cols % 4 == 0) {
#pragma GCC unroll 8
      for (int c = 0; c < cols; c += 4) {
        const V4 four = Fold4(sums[r][c], sums[r][c + 1], sums[r][c + 2], sums[r][c + 3]);
        Store4(to + c, add ? Add4(Load4(to + c), four) : four);
      }
    } else {
#pragma GCC unroll 8
      for (int c = 0; c < cols; ++c) to[c] = add ? to[c] + Fold(sums[r][c]) : Fold(sums[r][c]);
    }
  }
}

// All columns for `rows` rows at one depth.
template <typename W, int rows>
void DotRows(const typename W::Left* x, int64_t x_stride, const typename W::Number* w, int64_t w_stride,
             int64_t n, int64_t k, bool add, float* out, int64_t out_stride) {
  int64_t c = 0;
  if constexpr (rows <= kNarrowRows) {
    for (; c + 8 <= n; c += 8) {
      DotTile<W, rows, 8>(x, x_stride, w + c * w_stride, w_stride, k, add, out + c, out_stride);
    }
  }
  for (; c + 4 <= n; c += 4)
    DotTile<W, rows, 4>(x, x_stride, w + c * w_stride, w_stride, k, add, out + c, out_stride);
  for (; c < n; ++c)
    DotTile<W, rows, 1>(x, x_stride, w + c * w_stride, w_stride, k, add, out + c, out_stride);
}

// How many of `left` rows the next tile takes: at the end two tiles of like size rather than a full
// one and a thin one.
inline int64_t RowsOfTile(int64_t left) {
  if (left >= 2 * kTileRows || left <= kTileRows) return left < kTileRows ? left : kTileRows;
  return (left + 1) / 2;
}

template <typename W, int rows>
void DotRowsUpTo(int64_t count, const typename W::Left* x, int64_t x_stride, const typename W::Number* w,
                 int64_t w_stride, int64_t n, int64_t k, bool add, float* out, int64_t out_stride) {
  if constexpr (rows > 1) {
    if (count < rows) {
      DotRowsUpTo<W, rows - 1>(count, x, x_stride, w, w_stride, n, k, add, out, out_stride);
      return;
    }
  }
  DotRows<W, rows>(x, x_stride, w, w_stride, n, k, add, out, out_stride);
}

template <typename W>
void GemmNtOf(const typename W::Left* x, int64_t x_stride, int64_t m, const typename W::Number* w,
              int64_t w_stride, int64_t n, int64_t k, float* out, int64_t out_stride) {
  for (int64_t block = 0; block < m; block += kRowBlock) {
    const int64_t block_end = block + kRowBlock < m ? block + kRowBlock : m;
    int64_t begin = 0;
    do {  // once even for k = 0, where the sums are 0
      const int64_t depth = k - begin < kDepth<W> ? k - begin : kDepth<W>;
      for (int64_t c = 0; c < n; c += kColumnBlock) {
        const int64_t columns = n - c < kColumnBlock ? n - c : kColumnBlock;
        for (int64_t r = block; r < block_end;) {
          const int64_t count = RowsOfTile(block_end - r);
          DotRowsUpTo<W, kTileRows>(count, x + r * x_stride + begin, x_stride, w + c * w_stride + begin,
                                    w_stride, columns, depth, begin > 0, out + r * out_stride + c,
                                    out_stride);
          r += count;
        }
      }
      begin += depth;
    } while (begin < k);
  }
}

// out[r, c..] += p[r, :] * v[:, c..] for a tile of `rows` x `vectors * kLanes`; the last vector holds
// `last` columns. The outputs stay in registers while j runs, one fused multiply-add each.
template <typename W, int rows, int vectors, bool partial>
void AddTile(const float* p, int64_t p_stride, const typename W::Number* v, int64_t v_stride, int64_t j,
             int64_t last, float* out, int64_t out_stride) {
  V sums[rows][vectors];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < vectors; ++c) {
      const float* from = out + r * out_stride + c * kLanes;
      sums[r][c] = partial && c == vectors - 1 ? LoadPart(from, last) : Load(from);
    }
  }
  for (int64_t step = 0; step < j; ++step) {
    if constexpr (W::kNarrow) {
      for (int c = 0; c < vectors; c += 32 / kLanes)
        __builtin_prefetch(v + (step + kAheadRows) * v_stride + c * kLanes);
    }
    V vs[vectors];
#pragma GCC unroll 8
    for (int c = 0; c < vectors; ++c) {
      const typename W::Number* from = v + step * v_stride + c * kLanes;
      vs[c] = partial && c == vectors - 1 ? W::Part(from, last) : W::All(from);
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const V factor = Set1(p[r * p_stride + step]);
#pragma GCC unroll 8
      for (int c = 0; c < vectors; ++c) sums[r][c] = Fma(factor, vs[c], sums[r][c]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < vectors; ++c) {
      float* to = out + r * out_stride + c * kLanes;
      if (partial && c == vectors - 1) {
        StorePart(to, last, sums[r][c]);
      } else {
        Store(to, sums[r][c]);
      }
    }
  }
}

template <typename W, int rows>
void AddRows(const float* p, int64_t p_stride, const typename W::Number* v, int64_t v_stride, int64_t j,
             int64_t n, float* out, int64_t out_stride) {
  constexpr int vectors = TileVectors(rows);
  int64_t c = 0;
  for (; c + vectors * kLanes <= n; c += vectors * kLanes) {
    AddTile<W, rows, vectors, false>(p, p_stride, v + c, v_stride, j, 0, out + c, out_stride);
  }
  for (; c + kLanes <= n; c += kLanes) {
    AddTile<W, rows, 1, false>(p, p_stride, v + c, v_stride, j, 0, out + c, out_stride);
  }
  if (c < n) AddTile<W, rows, 1, true>(p, p_stride, v + c, v_stride, j, n - c, out + c, out_stride);
}

template <typename W>
void GemmNnAddOf(const float* p, int64_t p_stride, int64_t m, const typename W::Number* v, int64_t v_stride,
                 int64_t j, int64_t n, float* out, int64_t out_stride) {
  for (int64_t r = 0; r < m;) {
    const float* ps = p + r * p_stride;
    float* to = out + r * out_stride;
    const int64_t left = m - r;
    if (left >= 6) {
      AddRows<W, 6>(ps, p_stride, v, v_stride, j, n, to, out_stride);
      r += 6;
    } else if (left >= 4) {
      AddRows<W, 4>(ps, p_stride, v, v_stride, j, n, to, out_stride);
      r += 4;
    } else if (left >= 2) {
      AddRows<W, 2>(ps, p_stride, v, v_stride, j, n, to, out_stride);
      r += 2;
    } else {
      AddRows<W, 1>(ps, p_stride, v, v_stride, j, n, to, out_stride);
      r += 1;
    }
  }
}

inline void GemmNt(const float* x, int64_t x_stride, int64_t m, const float* w, int64_t w_stride, int64_t n,
                   int64_t k, float* out, int64_t out_stride) {
  GemmNtOf<Floats>(x, x_stride, m, w, w_stride, n, k, out, out_stride);
}
inline void GemmNnAdd(const float* p, int64_t p_stride, int64_t m, const float* v, int64_t v_stride,
                      int64_t j, int64_t n, float* out, int64_t out_stride) {
  GemmNnAddOf<Floats>(p, p_stride, m, v, v_stride, j, n, out, out_stride);
}
template <typename W>
void GemmNtNarrow(const float* x, int64_t x_stride, int64_t m, const void* w, int64_t w_stride, int64_t n,
                  int64_t k, float* out, int64_t out_stride) {
  GemmNtOf<W>(x, x_stride, m, static_cast<const typename W::Number*>(w), w_stride, n, k, out, out_stride);
}
template <typename W>
void GemmNnAddNarrow(const float* p, int64_t p_stride, int64_t m, const void* v, int64_t v_stride, int64_t j,
                     int64_t n, float* out, int64_t out_stride) {
  GemmNnAddOf<W>(p, p_stride, m, static_cast<const typename W::Number*>(v), v_stride, j, n, out, out_stride);
}

}  // namespace
}  // namespace mains
