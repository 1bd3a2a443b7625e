// Right sides of products of bf16, as instructions for pairs want them: two numbers that follow each other
// along the sum lie together, and beside them those of the other columns: [pair][column][2].
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace mains {
namespace {

// How many rows ahead memory is asked for: they are too short to be streams that the processor would follow.
// Behind the last row come the first ones of what lies beside it, which is the next head's part of a page of
// state.
constexpr int64_t kPairsAhead = 32;
inline void AskAhead(const uint16_t* first, int64_t stride, int64_t rows, int64_t row, int64_t column,
                     int64_t columns) {
  const int64_t ahead = row + kPairsAhead;
  __builtin_prefetch(first + (ahead < rows ? ahead * stride : (ahead - rows) * stride + columns) + column);
}
// The most numbers of a row that are laid out at a time.
constexpr int64_t kLayOutDepth = 512;

// Rows of 16 numbers of 32 bits become columns.
inline void Transpose16(__m512i (&rows)[16]) {
  __m512i twos[16], fours[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    twos[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    twos[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  // fours[i + j]: column 4 q + j of rows i to i + 3 in quarter q.
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

// Where they are laid out: pairs one behind the other, `pair_bytes` apart, and of each, columns sixteen by
// sixteen, `sixteen_bytes` apart. Of rows that become columns, sixteen pairs at a time begin `step_bytes`
// apart.
struct PairLayout {
  int64_t pair_bytes, sixteen_bytes, step_bytes;
};

// `depth` numbers of each of `rows` rows, which become columns. What is missing of the last sixteen rows and
// pairs becomes zeros.
inline void LayOutRows(const uint16_t* w, int64_t stride, int64_t rows, int64_t depth,
                       const PairLayout& layout, std::byte* to) {
  // Row by row into a buffer first: whole lines in their order are read twice as fast as sixteen rows
  // beside each other.
  alignas(64) __m512i lines[16][kLayOutDepth / 32];
  for (int64_t first = 0; first < rows; first += 16, to += layout.sixteen_bytes) {
    for (int64_t r = 0; r < 16; ++r) {
      const uint16_t* row = w + (first + r) * stride;
      for (int64_t k = 0; k < depth; k += 32) {
        AskAhead(w, stride, rows, first + r, k, depth);
        const int64_t left = first + r < rows ? depth - k : 0;
        const __mmask32 some = left >= 32 ? ~__mmask32{0} : (__mmask32{1} << left) - 1;
        lines[r][k / 32] = _mm512_maskz_loadu_epi16(some, row + k);
      }
    }
    for (int64_t k = 0; k < depth; k += 32) {
      __m512i tile[16];
#pragma GCC unroll 16
      for (int r = 0; r < 16; ++r) tile[r] = lines[r][k / 32];
      Transpose16(tile);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i)
        _mm512_store_si512(to + k / 32 * layout.step_bytes + i * layout.pair_bytes, tile[i]);
    }
  }
}

// The pairs of `depth` rows, of which `columns` numbers each are wanted. What is missing of the last sixteen
// columns becomes zeros, and so do rows up to a whole number of `fill`. Row by row, because rows that are a
// power of two apart throw each other out of the first level.
inline void LayOutColumns(const uint16_t* v, int64_t stride, int64_t columns, int64_t depth, int64_t fill,
                          const PairLayout& layout, std::byte* to) {
  const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7,
                                       38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  const int64_t rows = (depth + fill - 1) / fill * fill;
  for (int64_t i = 0; i < rows; i += 2, to += layout.pair_bytes) {
    const uint16_t* even = v + i * stride;
    const uint16_t* odd = even + stride;
    for (int64_t c = 0; c < columns; c += 32) {
      const int64_t left = columns - c;
      const __mmask32 some = left >= 32 ? ~__mmask32{0} : (__mmask32{1} << left) - 1;
      AskAhead(v, stride, depth, i, c, columns);
      AskAhead(v, stride, depth, i + 1, c, columns);
      const __m512i a = i < depth ? _mm512_maskz_loadu_epi16(some, even + c) : _mm512_setzero_si512();
      const __m512i b = i + 1 < depth ? _mm512_maskz_loadu_epi16(some, odd + c) : _mm512_setzero_si512();
      std::byte* at = to + c / 16 * layout.sixteen_bytes;
      _mm512_store_si512(at, _mm512_permutex2var_epi16(a, low, b));
      if (left > 16) _mm512_store_si512(at + layout.sixteen_bytes, _mm512_permutex2var_epi16(a, high, b));
    }
  }
}

}  // namespace
}  // namespace mains
