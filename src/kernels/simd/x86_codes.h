// Codes of i-quants for simd/packed_grids.h: of sixteen rows one each, and the entries of a grid that they
// name. Entries go straight to registers: a vector loaded from sixteen places that were just written waits
// for them all.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace mains {
namespace {

// Low bytes, and above them `high_bits` bits from planes of a bit for each row, lowest first.
template <int high_bits>
class RowCodes {
 public:
  RowCodes(const uint8_t* low, const uint8_t* planes, int64_t plane_bytes) {
    const __m128i byte_of = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    const __m128i bit_of = _mm_set1_epi64x(static_cast<int64_t>(0x8040'2010'0804'0201u));
    __m128i high = _mm_setzero_si128();
#pragma GCC unroll 3
    for (int p = 0; p < high_bits; ++p) {
      uint16_t bits;
      __builtin_memcpy(&bits, planes + p * plane_bytes, sizeof(bits));
      const __m128i own = _mm_and_si128(_mm_shuffle_epi8(_mm_cvtsi32_si128(bits), byte_of), bit_of);
      const __m128i set = _mm_cmpeq_epi8(own, bit_of);
      high = _mm_or_si128(high, _mm_and_si128(set, _mm_set1_epi8(static_cast<char>(1 << p))));
    }
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(low));
    const __m128i first = _mm_unpacklo_epi8(bytes, high), second = _mm_unpackhi_epi8(bytes, high);
    fours_[0] = static_cast<uint64_t>(_mm_cvtsi128_si64(first));
    fours_[1] = static_cast<uint64_t>(_mm_extract_epi64(first, 1));
    fours_[2] = static_cast<uint64_t>(_mm_cvtsi128_si64(second));
    fours_[3] = static_cast<uint64_t>(_mm_extract_epi64(second, 1));
  }
  uint32_t operator[](int row) const {
    return static_cast<uint16_t>(fours_[row / 4] >> 16 * (row % 4));
  }

 private:
  uint64_t fours_[4];  // codes of four rows
};

template <>
class RowCodes<0> {
 public:
  RowCodes(const uint8_t* low, const uint8_t*, int64_t) : low_(low) {}
  uint32_t operator[](int row) const { return low_[row]; }

 private:
  const uint8_t* low_;
};

// Entries of four rows from `row` on, of four bytes each.
template <typename Grid, typename Codes16>
[[gnu::always_inline]] inline __m128i FourEntries(const Grid& grid, const Codes16& codes, int row) {
  __m128i entries = _mm_cvtsi32_si128(static_cast<int>(grid[codes[row]]));
  entries = _mm_insert_epi32(entries, static_cast<int>(grid[codes[row + 1]]), 1);
  entries = _mm_insert_epi32(entries, static_cast<int>(grid[codes[row + 2]]), 2);
  return _mm_insert_epi32(entries, static_cast<int>(grid[codes[row + 3]]), 3);
}
// Of two rows, of eight.
template <typename Grid, typename Codes16>
[[gnu::always_inline]] inline __m128 TwoEntries(const Grid& grid, const Codes16& codes, int row) {
  const __m128i first = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(&grid[codes[row]]));
  return _mm_loadh_pi(_mm_castsi128_ps(first), reinterpret_cast<const __m64*>(&grid[codes[row + 1]]));
}
// The first four bytes of eight of four rows, and the last four.
template <typename Grid, typename Codes16>
[[gnu::always_inline]] inline void FourEights(const Grid& grid, const Codes16& codes, int row, __m128i& first,
                                              __m128i& second) {
  const __m128 a = TwoEntries(grid, codes, row), b = TwoEntries(grid, codes, row + 2);
  first = _mm_castps_si128(_mm_shuffle_ps(a, b, 0x88));
  second = _mm_castps_si128(_mm_shuffle_ps(a, b, 0xDD));
}

#if defined(__AVX512F__)
inline Bytes64 SixtyFour(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(c), d, 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
// Bytes of signed codes plus `bias` plus one, or minus one in the rows whose bit is set.
template <int bias>
inline Bytes64 OneUpOrDown(Bytes64 fours, const uint8_t* bits) {
  uint16_t down;
  __builtin_memcpy(&down, bits, sizeof(down));
  const __m512i up = _mm512_set1_epi32((bias + 1) * 0x0101'0101);
  return _mm512_add_epi8(fours, _mm512_mask_set1_epi32(up, down, (bias - 1) * 0x0101'0101));
}
#else
inline Bytes64 SixtyFour(__m128i a, __m128i b, __m128i c, __m128i d) {
  return {{_mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1),
           _mm256_inserti128_si256(_mm256_castsi128_si256(c), d, 1)}};
}
template <int bias>
inline Bytes64 OneUpOrDown(Bytes64 fours, const uint8_t* bits) {
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i down = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(bits[i]), bit), bit);
    const __m256i step =
        _mm256_add_epi8(_mm256_set1_epi8(bias + 1), _mm256_and_si256(down, _mm256_set1_epi8(-2)));
    fours.part[i] = _mm256_add_epi8(fours.part[i], step);
  }
  return fours;
}
#endif

template <typename Grid, typename Codes16>
[[gnu::always_inline]] inline Bytes64 LookupFours(const Grid& grid, const Codes16& codes) {
  return SixtyFour(FourEntries(grid, codes, 0), FourEntries(grid, codes, 4), FourEntries(grid, codes, 8),
                   FourEntries(grid, codes, 12));
}
template <typename Grid, typename Codes16>
[[gnu::always_inline]] inline void LookupEights(const Grid& grid, const Codes16& codes, Bytes64& first,
                                                Bytes64& second) {
  __m128i a[4], b[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) FourEights(grid, codes, 4 * i, a[i], b[i]);
  first = SixtyFour(a[0], a[1], a[2], a[3]);
  second = SixtyFour(b[0], b[1], b[2], b[3]);
}

}  // namespace
}  // namespace mains
