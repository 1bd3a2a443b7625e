// Codes of i-quants looked up with VBMI, for simd/packed_grids.h, which includes this: tables of single bytes
// go through registers, 64 codes at a time, and the numbers of levels become bytes by a last look-up.
#pragma once

#include <immintrin.h>

#include "tensor/i_quant_grids.h"
#include "tensor/packed_grids.h"

namespace mains {
namespace {

// A byte of each of 64 codes' entries: `planes` are their higher bits. The whole table goes through
// registers, two at a time.
template <size_t entries>
[[gnu::always_inline]] inline __m512i LookupEntries(const uint8_t (&table)[entries], __m512i low,
                                                    const uint8_t* planes) {
  if constexpr (entries == 128) {
    return _mm512_permutex2var_epi8(_mm512_load_si512(table), low, _mm512_load_si512(table + 64));
  } else {
    constexpr size_t half = entries / 2;
    const auto part = [&](size_t at) __attribute__((always_inline)) {
      return LookupEntries(*reinterpret_cast<const uint8_t(*)[half]>(table + at), low, planes);
    };
    // Seven bits choose within two registers, the eighth is a byte's sign.
    __mmask64 upper;
    if constexpr (entries == 256) {
      upper = _mm512_movepi8_mask(low);
    } else {
      constexpr int plane = entries == 512 ? 0 : entries == 1024 ? 1 : 2;
      __builtin_memcpy(&upper, planes + 8 * plane, 8);
    }
    return _mm512_mask_blend_epi8(upper, part(0), part(half));
  }
}

// In each byte the number of its four.
[[gnu::always_inline]] inline __m512i RowOfByte() {
  const __m512i rows = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  return _mm512_mullo_epi32(rows, _mm512_set1_epi32(0x0101'0101));
}
// 16 bytes from `lane`, each four times.
[[gnu::always_inline]] inline __m512i FourTimes(__m512i bytes, int lane) {
  const __m512i at = _mm512_add_epi8(RowOfByte(), _mm512_set1_epi8(static_cast<char>(16 * lane)));
  return _mm512_permutexvar_epi8(at, bytes);
}
// Byte j of either half of every eight bytes: the bits from `first + step * j` of that half on.
template <int first, int step>
[[gnu::always_inline]] inline __m512i BitsFrom(__m512i bytes) {
  constexpr uint64_t half = uint64_t{first} | uint64_t{first + step} << 8 | uint64_t{first + 2 * step} << 16 |
                            uint64_t{first + 3 * step} << 24;
  constexpr uint64_t both = half | (half + 0x2020'2020u) << 32;
  return _mm512_multishift_epi64_epi8(_mm512_set1_epi64(static_cast<int64_t>(both)), bytes);
}
// a where `mask` has ones, b elsewhere, both within `all`.
template <int mask, int all>
[[gnu::always_inline]] inline __m512i JoinBits(__m512i a, __m512i b) {
  const __m512i joined = _mm512_ternarylogic_epi32(_mm512_set1_epi8(mask), a, b, 0xCA);
  return _mm512_and_si512(joined, _mm512_set1_epi8(all));
}
// What the number of a level stands for, kGridBias too large: first upwards, then downwards.
template <WeightFormat format>
struct GridLevels {
  static constexpr int kCount = PackedGridOf(format).columns == 8 ? 4 : 8;
  int8_t values[16] = {};
  constexpr GridLevels() {
    constexpr int kIq2[4] = {8, 25, 43, 0}, kIq3Xxs[8] = {4, 12, 20, 28, 36, 44, 52, 62};
    for (int i = 0; i < kCount; ++i) {
      const int size = format == WeightFormat::kPacked3S ? 2 * i + 1 : kCount == 8 ? kIq3Xxs[i] : kIq2[i];
      const bool ternary = !PackedGridOf(format).signs;
      values[i] = static_cast<int8_t>(kGridBias + (ternary ? 8 * (i - 1) + 1 : size));
      values[kCount + i] = static_cast<int8_t>(kGridBias + (ternary ? 8 * (i - 1) - 1 : -size));
    }
  }
};

template <WeightFormat format>
constexpr const auto& GridNumbersOf() {
  if constexpr (format == WeightFormat::kPacked2XXS)
    return kIq2XxsGridNumbers;
  else if constexpr (format == WeightFormat::kPacked2XS)
    return kIq2XsGridNumbers;
  else if constexpr (format == WeightFormat::kPacked2S)
    return kIq2SGridNumbers;
  else if constexpr (format == WeightFormat::kPacked3XXS)
    return kIq3XxsGridNumbers;
  else if constexpr (format == WeightFormat::kPacked3S)
    return kIq3SGridNumbers;
  else
    return kIq1GridNumbers;
}

// A group of sixteen rows as bytes, [8 steps][16 rows][4 columns], kGridBias too large.
template <WeightFormat format>
inline void SpreadGridGroup(const uint8_t* group, uint8_t* to) {
  constexpr PackedGridLayout layout = PackedGridOf(format);
  const auto& numbers = GridNumbersOf<format>();
  static constexpr GridLevels<format> kLevels;
  const __m512i levels =
      _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kLevels.values)));
  const uint8_t* planes = group + layout.planes_at();
  const __m512i signs = layout.signs ? _mm512_loadu_si512(group + layout.codes()) : __m512i{};
  if constexpr (layout.columns == 8) {
    const __m512i codes = _mm512_loadu_si512(group);
    const __m512i low = LookupEntries(numbers.low, codes, planes),
                  high = LookupEntries(numbers.high, codes, planes);
#pragma GCC unroll 4
    for (int l = 0; l < 4; ++l) {
      const __m512i four[2] = {BitsFrom<0, 2>(FourTimes(low, l)), BitsFrom<0, 2>(FourTimes(high, l))};
      __m512i index[2];
      if constexpr (layout.signs) {  // to bit 2: taken from the second of four equal bytes
        const __m512i own = FourTimes(signs, l);
        index[0] = JoinBits<3, 7>(four[0], BitsFrom<6, 1>(own));
        index[1] = JoinBits<3, 7>(four[1], BitsFrom<10, 1>(own));
      } else {
        __mmask16 down;
        __builtin_memcpy(&down, planes + 8 * layout.high_bits + 2 * l, 2);
        const __m512i bit = _mm512_maskz_set1_epi32(down, 0x0404'0404);
        for (int h = 0; h < 2; ++h) index[h] = JoinBits<3, 7>(four[h], bit);
      }
      for (int h = 0; h < 2; ++h)
        _mm512_store_si512(to + (2 * l + h) * 64, _mm512_shuffle_epi8(levels, index[h]));
    }
  } else {
    // The two bytes of an entry, twice, in the four bytes of its row.
    const __m512i both = _mm512_add_epi8(RowOfByte(), _mm512_set1_epi32(0x4000'4000));
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      const __m512i codes = _mm512_loadu_si512(group + 64 * v);
      const __m512i low = LookupEntries(numbers.low, codes, planes + 8 * v);
      const __m512i high = LookupEntries(numbers.high, codes, planes + 8 * v);
#pragma GCC unroll 4
      for (int e = 0; e < 4; ++e) {
        const __m512i at = _mm512_add_epi8(both, _mm512_set1_epi8(static_cast<char>(16 * e)));
        const __m512i four = BitsFrom<0, 4>(_mm512_permutex2var_epi8(low, at, high));
        const __m512i own = FourTimes(signs, 2 * v + e / 2);  // to bit 3
        const __m512i sign = e % 2 == 0 ? BitsFrom<5, 1>(own) : BitsFrom<9, 1>(own);
        _mm512_store_si512(to + (4 * v + e) * 64, _mm512_shuffle_epi8(levels, JoinBits<7, 15>(four, sign)));
      }
    }
  }
}

}  // namespace
}  // namespace mains
