// Products of bf16 with bf16: one instruction multiplies 32 pairs exactly and adds neighbours to 16 sums.
#include "kernels/avx512/vec.h"

#include "kernels/simd/x86.h"

#include "kernels/avx512/pairs.h"
#include "kernels/simd/gemm.h"
#include "kernels/simd/slots.h"

namespace mains {
namespace {

struct Bf16Pairs {
  static constexpr int64_t kStep = 2 * kLanes;
  static constexpr bool kNarrow = true;
  using Left = uint16_t;
  using Number = uint16_t;
  using Vector = __m512i;
  static Vector All(const uint16_t* p) { return _mm512_loadu_si512(p); }
  static Vector Part(const uint16_t* p, int64_t n) {
    return _mm512_maskz_loadu_epi16(static_cast<__mmask32>((1u << n) - 1), p);
  }
  static Vector AllLeft(const uint16_t* p) { return All(p); }
  static Vector PartLeft(const uint16_t* p, int64_t n) { return Part(p, n); }
  static V MulAdd(Vector x, Vector w, V sum) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(w));
  }
};

constexpr int kVectors = 4;  // of columns that a tile of sums is wide

template <int rows, int vectors>
void AddPairs(const uint16_t* p, int64_t p_stride, const __m512i* right, int64_t right_stride, int64_t pairs,
              bool add, __mmask16 last, float* out, int64_t out_stride) {
  V sums[rows][vectors];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < vectors; ++c) {
      const float* from = out + r * out_stride + c * kLanes;
      sums[r][c] = !add ? Zero() : c == vectors - 1 ? _mm512_maskz_loadu_ps(last, from) : Load(from);
    }
  }
  for (int64_t pair = 0; pair < pairs; ++pair) {
    __m512i v[vectors];
#pragma GCC unroll 8
    for (int c = 0; c < vectors; ++c) v[c] = right[pair * right_stride + c];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      int both;
      __builtin_memcpy(&both, p + r * p_stride + 2 * pair, sizeof(both));
      const __m512i factors = _mm512_set1_epi32(both);
#pragma GCC unroll 8
      for (int c = 0; c < vectors; ++c) sums[r][c] = Bf16Pairs::MulAdd(factors, v[c], sums[r][c]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < vectors; ++c) {
      float* to = out + r * out_stride + c * kLanes;
      if (c == vectors - 1) {
        _mm512_mask_storeu_ps(to, last, sums[r][c]);
      } else {
        Store(to, sums[r][c]);
      }
    }
  }
}

template <int rows>
void AddPairsOfColumns(const uint16_t* p, int64_t p_stride, const __m512i* right, int64_t right_stride,
                       int64_t columns, int64_t pairs, bool add, float* out, int64_t out_stride) {
  int64_t c = 0;
  for (; c + kVectors * kLanes <= columns; c += kVectors * kLanes) {
    AddPairs<rows, kVectors>(p, p_stride, right + c / kLanes, right_stride, pairs, add, 0xFFFF, out + c,
                             out_stride);
  }
  for (; c < columns; c += kLanes) {
    const __mmask16 some = columns - c >= kLanes ? 0xFFFF : FirstLanes(columns - c);
    AddPairs<rows, 1>(p, p_stride, right + c / kLanes, right_stride, pairs, add, some, out + c, out_stride);
  }
}

template <int rows>
void AddPairsUpTo(int64_t count, const uint16_t* p, int64_t p_stride, const __m512i* right,
                  int64_t right_stride, int64_t columns, int64_t pairs, bool add, float* out,
                  int64_t out_stride) {
  if constexpr (rows > 1) {
    if (count < rows) {
      AddPairsUpTo<rows - 1>(count, p, p_stride, right, right_stride, columns, pairs, add, out, out_stride);
      return;
    }
  }
  AddPairsOfColumns<rows>(p, p_stride, right, right_stride, columns, pairs, add, out, out_stride);
}

// out[m, n] (+)= x w, where lay_out(column, columns, begin, depth, layout, to) lays out columns of w, up to
// `block_pairs` pairs of `block_vectors` times sixteen: 16 KiB, which stay in the first level while all rows
// of x pass over them. Every sum is one chain in the order of k.
template <int64_t block_pairs, int64_t block_vectors, typename LayOutFn>
void PairsProduct(const uint16_t* x, int64_t x_stride, int64_t m, int64_t n, int64_t k, bool add,
                  LayOutFn lay_out, float* out, int64_t out_stride) {
  alignas(64) std::byte block[block_pairs * block_vectors * 64];
  constexpr PairLayout layout = {64 * block_vectors, 64, 16 * 64 * block_vectors};
  for (int64_t begin = 0; begin < k; begin += 2 * block_pairs) {
    const int64_t depth = k - begin < 2 * block_pairs ? k - begin : 2 * block_pairs;
    for (int64_t c = 0; c < n; c += block_vectors * kLanes) {
      const int64_t columns = n - c < block_vectors * kLanes ? n - c : block_vectors * kLanes;
      lay_out(c, columns, begin, depth, layout, block);
      for (int64_t r = 0; r < m;) {
        const int64_t count = RowsOfTile(m - r);
        AddPairsUpTo<kTileRows>(count, x + r * x_stride + begin, x_stride,
                                reinterpret_cast<const __m512i*>(block), block_vectors, columns,
                                (depth + 1) / 2, add || begin > 0, out + r * out_stride + c, out_stride);
        r += count;
      }
    }
  }
}

// Up to this depth the sums of sixteen columns side by side, each a chain, rather than sums in lanes that
// have to be folded, though the columns have to be laid out for it. (Attention with heads of 128: 300 GFLOP/s
// with the latter, 363 with the former.)
constexpr int64_t kShortDepth = 256;

void GemmBf16(const uint16_t* x, int64_t x_stride, int64_t m, const uint16_t* w, int64_t w_stride, int64_t n,
              int64_t k, float* out, int64_t out_stride) {
  if (k > kShortDepth || k == 0) {
    GemmNtOf<Bf16Pairs>(x, x_stride, m, w, w_stride, n, k, out, out_stride);
    return;
  }
  const auto lay_out = [&](int64_t column, int64_t columns, int64_t begin, int64_t depth,
                           const PairLayout& layout, std::byte* to) {
    LayOutRows(w + column * w_stride + begin, w_stride, columns, depth, layout, to);
  };
  PairsProduct<64, 4>(x, x_stride, m, n, k, /*add=*/false, lay_out, out, out_stride);
}

void GemmNnAddBf16(const uint16_t* p, int64_t p_stride, int64_t m, const uint16_t* v, int64_t v_stride,
                   int64_t j, int64_t n, float* out, int64_t out_stride) {
  const auto lay_out = [&](int64_t column, int64_t columns, int64_t begin, int64_t depth,
                           const PairLayout& layout, std::byte* to) {
    LayOutColumns(v + begin * v_stride + column, v_stride, columns, depth, /*fill=*/2, layout, to);
  };
  PairsProduct<32, 8>(p, p_stride, m, n, j, /*add=*/true, lay_out, out, out_stride);
}

// --- Blocks of columns with scales. A tile keeps the sums of a block beside the totals, and folds once.

constexpr int kScaledRows = 3, kScaledColumns = 4;

struct ScaledRight {
  const uint16_t* w;
  int64_t stride;
  const float* scales;
  int64_t scale_stride, block;
};

template <int rows, int cols>
void ScaledTile(const uint16_t* x, int64_t x_stride, const ScaledRight& right, int64_t first, int64_t k,
                float* out, int64_t out_stride) {
  const uint16_t* w = right.w + first * right.stride;
  const float* scales = right.scales + first * right.scale_stride;
  V totals[rows][cols];
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < cols; ++c) totals[r][c] = Zero();
  }
  for (int64_t begin = 0, b = 0; begin < k; begin += right.block, ++b) {
    const int64_t end = k - begin < right.block ? k : begin + right.block;
    V sums[rows][cols];
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int c = 0; c < cols; ++c) sums[r][c] = Zero();
    }
    const auto step = [&](int64_t i, auto load) {
      __m512i xs[rows];
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) xs[r] = InRegister(Bf16Pairs::All(x + r * x_stride + i));
#pragma GCC unroll 4
      for (int c = 0; c < cols; ++c) {
        const __m512i ws = InRegister(load(w + c * right.stride + i));
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r) sums[r][c] = Bf16Pairs::MulAdd(xs[r], ws, sums[r][c]);
      }
    };
    int64_t i = begin;
    for (; i + Bf16Pairs::kStep <= end; i += Bf16Pairs::kStep) step(i, Bf16Pairs::All);
    if (i < end) step(i, [&](const uint16_t* from) { return Bf16Pairs::Part(from, end - i); });
#pragma GCC unroll 4
    for (int c = 0; c < cols; ++c) {
      const V scale = Set1(scales[c * right.scale_stride + b]);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) totals[r][c] = Fma(sums[r][c], scale, totals[r][c]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    if constexpr (cols == 4) {
      Store4(out + r * out_stride, Fold4(totals[r][0], totals[r][1], totals[r][2], totals[r][3]));
    } else {
#pragma GCC unroll 4
      for (int c = 0; c < cols; ++c) out[r * out_stride + c] = Fold(totals[r][c]);
    }
  }
}

template <int cols>
void ScaledColumns(const uint16_t* x, int64_t x_stride, int64_t m, const ScaledRight& right, int64_t first,
                   int64_t k, float* out, int64_t out_stride) {
  for (int64_t r = 0; r < m; r += kScaledRows) {
    const uint16_t* xs = x + r * x_stride;
    float* to = out + r * out_stride;
    if (m - r >= 3) {
      ScaledTile<3, cols>(xs, x_stride, right, first, k, to, out_stride);
    } else if (m - r == 2) {
      ScaledTile<2, cols>(xs, x_stride, right, first, k, to, out_stride);
    } else {
      ScaledTile<1, cols>(xs, x_stride, right, first, k, to, out_stride);
    }
  }
}

// Some rows of w stay in the first level while those of x, from the second, pass over them.
void GemmBf16Scaled(const uint16_t* x, int64_t x_stride, int64_t m, const uint16_t* w, int64_t w_stride,
                    int64_t n, int64_t k, const float* scales, int64_t scale_stride, int64_t block,
                    float* out, int64_t out_stride) {
  const ScaledRight right = {w, w_stride, scales, scale_stride, block};
  for (int64_t first = 0; first < m; first += kRowBlock) {
    const int64_t rows = m - first < kRowBlock ? m - first : kRowBlock;
    const uint16_t* xs = x + first * x_stride;
    float* to = out + first * out_stride;
    int64_t c = 0;
    for (; c + kScaledColumns <= n; c += kScaledColumns)
      ScaledColumns<kScaledColumns>(xs, x_stride, rows, right, c, k, to + c, out_stride);
    for (; c < n; ++c) ScaledColumns<1>(xs, x_stride, rows, right, c, k, to + c, out_stride);
  }
}

// E4M3 without its sign as bf16: the exponent's bias is 7 there and 127 here; denormals are whole numbers of
// 2^-9; 0x7F is NaN.
constexpr uint16_t Bf16OfE4M3(int bits) {
  const int exponent = bits >> 3, mantissa = bits & 7;
  if (bits == 0x7F) return 0x7FC0;
  if (exponent > 0) return static_cast<uint16_t>((exponent + 120) << 7 | mantissa << 4);
  if (mantissa == 0) return 0;
  const int top = mantissa >= 4   ? 2
                  : mantissa >= 2 ? 1
                                  : 0;  // the leading bit becomes the one that is implied
  return static_cast<uint16_t>((118 + top) << 7 | (mantissa << (7 - top) & 0x7F));
}
struct alignas(64) E4M3Table {
  uint16_t values[128];
  constexpr E4M3Table() : values() {
    for (int i = 0; i < 128; ++i) values[i] = Bf16OfE4M3(i);
  }
};
constexpr E4M3Table kE4M3Table;

// Rows follow each other. (Qwen3-0.6B in FP8: 31 tokens a second without, 43 with.)
constexpr int64_t kAheadBytes = 4096;

inline __m512i WidenF8(const __m512i (&table)[4], __m256i bytes) {
  const __m512i wide = _mm512_cvtepu8_epi16(bytes);
  const __m512i low = _mm512_permutex2var_epi16(table[0], wide, table[1]);
  const __m512i high = _mm512_permutex2var_epi16(table[2], wide, table[3]);
  const __mmask32 is_high = _mm512_test_epi16_mask(wide, _mm512_set1_epi16(64));
  const __m512i sign = _mm512_slli_epi16(_mm512_and_si512(wide, _mm512_set1_epi16(128)), 8);
  return _mm512_or_si512(_mm512_mask_mov_epi16(low, is_high, high), sign);
}

void WidenF8Row(const uint8_t* in, int64_t n, uint16_t* out) {
  __m512i table[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) table[i] = _mm512_load_si512(kE4M3Table.values + 32 * i);
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    __builtin_prefetch(in + i + kAheadBytes);
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i));
    _mm512_storeu_si512(out + i, WidenF8(table, bytes));
  }
  if (i == n) return;
  const __mmask32 some = (__mmask32{1} << (n - i)) - 1;
  _mm512_mask_storeu_epi16(out + i, some, WidenF8(table, _mm256_maskz_loadu_epi8(some, in + i)));
}

}  // namespace

const Bf16Slots kAvx512Bf16Slots = {.gemm_bf16 = GemmBf16, .gemm_nn_add_bf16 = GemmNnAddBf16};
const F8Slots kAvx512F8Slots = {.gemm_bf16_scaled = GemmBf16Scaled, .widen_f8 = WidenF8Row};

}  // namespace mains
