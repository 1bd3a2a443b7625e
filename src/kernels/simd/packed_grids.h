// i-quants (tensor/packed_grids.h) for simd/packed.h, which includes this. A chunk of a matrix is spread
// before it is multiplied: codes to bytes, as those of other formats, scales and d to places of their own. To
// look codes up is most of the work with few rows, and what it leaves lies in the first level.
#pragma once

#include "tensor/i_quant_grids.h"
#include "tensor/packed_grids.h"

namespace mains {
namespace {

constexpr int kGridBias = 64;
// Of 256 columns of sixteen rows: f32 d * unit [16 rows]; of each group the scales [16 rows], the low nibble
// that of the first half, the high one that of the second.
constexpr int64_t kGridHeadBytes = 64 + 8 * 16;

#if defined(__AVX512VBMI__)

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

// 16 bytes from `lane`, each four times.
[[gnu::always_inline]] inline __m512i FourTimes(__m512i bytes, int lane) {
  const __m512i row = _mm512_mullo_epi32(
      _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi32(0x0101'0101));
  return _mm512_permutexvar_epi8(_mm512_add_epi8(row, _mm512_set1_epi8(static_cast<char>(16 * lane))), bytes);
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
// Sixteen bytes in every lane.
template <WeightFormat format>
[[gnu::always_inline]] inline __m512i GridLevels() {
  __m128i levels;
  const auto of = [](int a, int b, int c, int d) {
    return _mm_setr_epi8(
        static_cast<char>(kGridBias + a), static_cast<char>(kGridBias + b), static_cast<char>(kGridBias + c),
        static_cast<char>(kGridBias + d), static_cast<char>(kGridBias - a), static_cast<char>(kGridBias - b),
        static_cast<char>(kGridBias - c), static_cast<char>(kGridBias - d), 0, 0, 0, 0, 0, 0, 0, 0);
  };
  if constexpr (format == WeightFormat::kPacked1S || format == WeightFormat::kPacked1M) {
    levels = _mm_setr_epi8(kGridBias - 7, kGridBias + 1, kGridBias + 9, 0, kGridBias - 9, kGridBias - 1,
                           kGridBias + 7, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  } else if constexpr (format == WeightFormat::kPacked3XXS) {
    levels = _mm_setr_epi8(kGridBias + 4, kGridBias + 12, kGridBias + 20, kGridBias + 28, kGridBias + 36,
                           kGridBias + 44, kGridBias + 52, kGridBias + 62, kGridBias - 4, kGridBias - 12,
                           kGridBias - 20, kGridBias - 28, kGridBias - 36, kGridBias - 44, kGridBias - 52,
                           kGridBias - 62);
  } else if constexpr (format == WeightFormat::kPacked3S) {
    levels = _mm_setr_epi8(kGridBias + 1, kGridBias + 3, kGridBias + 5, kGridBias + 7, kGridBias + 9,
                           kGridBias + 11, kGridBias + 13, kGridBias + 15, kGridBias - 1, kGridBias - 3,
                           kGridBias - 5, kGridBias - 7, kGridBias - 9, kGridBias - 11, kGridBias - 13,
                           kGridBias - 15);
  } else {
    levels = of(8, 25, 43, 0);
  }
  return _mm512_broadcast_i32x4(levels);
}

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
  const __m512i levels = GridLevels<format>();
  const uint8_t* planes = group + layout.planes_at();
  const __m512i signs = _mm512_loadu_si512(group + (layout.signs ? layout.codes() : 0));
  if constexpr (layout.columns == 8) {
    const __m512i codes = _mm512_loadu_si512(group);
    const __m512i low = LookupEntries(numbers.low, codes, planes),
                  high = LookupEntries(numbers.high, codes, planes);
#pragma GCC unroll 4
    for (int l = 0; l < 4; ++l) {
      const __m512i own = layout.signs ? FourTimes(signs, l) : signs;
      const __m512i four[2] = {BitsFrom<0, 2>(FourTimes(low, l)), BitsFrom<0, 2>(FourTimes(high, l))};
      __m512i index[2];
      if constexpr (layout.signs) {  // to bit 2; from the second of four equal bytes on, so that none is
                                     // negative
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
    const __m512i row =
        _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                           _mm512_set1_epi32(0x0101'0101));
    const __m512i both = _mm512_add_epi8(row, _mm512_set1_epi32(0x4000'4000));
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

#else

template <WeightFormat format>
constexpr const auto& GridOf() {
  if constexpr (format == WeightFormat::kPacked2XXS)
    return kIq2XxsGrid.entries;
  else if constexpr (format == WeightFormat::kPacked2XS)
    return kIq2XsGrid.entries;
  else if constexpr (format == WeightFormat::kPacked2S)
    return kIq2SGrid.entries;
  else if constexpr (format == WeightFormat::kPacked3XXS)
    return kIq3XxsGrid.entries;
  else if constexpr (format == WeightFormat::kPacked3S)
    return kIq3SGrid.entries;
  else
    return kIq1Grid.entries;
}

// A group of sixteen rows as bytes, [8 steps][16 rows][4 columns], kGridBias too large.
template <WeightFormat format>
inline void SpreadGridGroup(const uint8_t* group, uint8_t* to) {
  constexpr PackedGridLayout layout = PackedGridOf(format);
  constexpr int64_t eights = layout.columns == 8 ? 4 : 0, fours = layout.columns == 4 ? 8 : 0;
  const auto& grid = GridOf<format>();
  const uint8_t* signs = group + layout.codes();
  // Bits of sixteen codes from the one at 16 l on, one of a code after the other.
  const auto plane = [&](int64_t number, int64_t l) {
    const uint8_t* bits = group + layout.planes_at() + number * layout.codes() / 8 + 2 * l;
    return static_cast<uint32_t>(bits[0] | bits[1] << 8);
  };
  for (int64_t l = 0; l < eights; ++l) {
    alignas(64) uint64_t entries[16];
    uint32_t planes[4] = {};
    for (int p = 0; p < layout.planes(); ++p) planes[p] = plane(p, l);
#pragma GCC unroll 16
    for (int row = 0; row < 16; ++row) {
      uint32_t code = group[16 * l + row];
      for (int p = 0; p < layout.high_bits; ++p) code |= (planes[p] >> row & 1) << (8 + p);
      entries[row] = grid[code];
      if constexpr (!layout.signs) {  // one up or down, and biased; no byte borrows from the next
        const uint64_t down = planes[layout.high_bits] >> row & 1;
        entries[row] =
            (entries[row] ^ 0x8080'8080'8080'8080u) - 0x3F3F'3F3F'3F3F'3F3Fu - down * 0x0202'0202'0202'0202u;
      }
    }
    const uint8_t* from = reinterpret_cast<const uint8_t*>(entries);
    Bytes64 first = FoursOfEights<0>(from), second = FoursOfEights<1>(from);
    if constexpr (layout.signs) {
      first = NegateByBits<0, kGridBias>(first, signs + 16 * l);
      second = NegateByBits<4, kGridBias>(second, signs + 16 * l);
    }
    StoreBytes(to + 2 * l * kStepBytes, first);
    StoreBytes(to + (2 * l + 1) * kStepBytes, second);
  }
  for (int64_t l = 0; l < fours; ++l) {
    alignas(64) uint32_t entries[16];
    const uint32_t high = layout.high_bits > 0 ? plane(0, l) : 0;
#pragma GCC unroll 16
    for (int row = 0; row < 16; ++row)
      entries[row] = static_cast<uint32_t>(grid[group[16 * l + row] | (high >> row & 1) << 8]);
    const Bytes64 four = Load64Bytes(reinterpret_cast<const uint8_t*>(entries));
    const uint8_t* own = signs + l / 2 * 16;
    StoreBytes(to + l * kStepBytes,
               l % 2 == 0 ? NegateByBits<0, kGridBias>(four, own) : NegateByBits<4, kGridBias>(four, own));
  }
}

#endif

// Blocks of 64 columns from `begin`, a super-block's first, of the sixteen rows at `rows`.
template <WeightFormat format>
void SpreadGridBlocks(const uint8_t* rows, int64_t begin, int64_t blocks, uint8_t* bytes, uint8_t* heads) {
  constexpr PackedGridLayout layout = PackedGridOf(format);
  for (int64_t b = 0; b < blocks; ++b) {
    const uint8_t* super = rows + (begin + b) / 4 * layout.super_bytes();
    const uint8_t* block = super + 32 + b % 4 * layout.block_bytes();
    uint8_t* head = heads + b / 4 * kGridHeadBytes;
    for (int64_t line = 0; line < layout.block_bytes(); line += 64)
      __builtin_prefetch(block + line + kAheadBytes);
    if (b % 4 == 0)
      StoreNumbers(reinterpret_cast<float*>(head),
                   MulNumbers(LoadScales<false>(super), BroadcastNumber(layout.unit)));
    for (int64_t half = 0; half < 2; ++half) {
      uint8_t scales[16];
      __builtin_memcpy(scales, block + (layout.parts == 1 ? 0 : 16 * half), 16);
      if constexpr (layout.parts == 1) {
        for (uint8_t& scale : scales)
          scale = static_cast<uint8_t>((half == 0 ? scale & 15 : scale >> 4) * 17);
      }
      __builtin_memcpy(head + 64 + (b % 4 * 2 + half) * 16, scales, 16);
      SpreadGridGroup<format>(block + layout.scale_bytes() + half * layout.group_bytes(),
                              bytes + b * kSpreadBytes + half * kGroupSteps * kStepBytes);
    }
  }
}

// What products meet: always spread. Its `packed` are the heads of a chunk.
struct SpreadGrid {
  static constexpr bool kIsBytes = false, kAlwaysSpread = true;
  static constexpr int kBias = kGridBias, kParts = 2;
  struct Group {
    Numbers d;
    Ints parts[2];
  };
  [[gnu::always_inline]] static const uint8_t* BlockOf(const uint8_t* heads, int64_t b) {
    return heads + b / 4 * kGridHeadBytes + 64 + b % 4 * 32;
  }
  [[gnu::always_inline]] static Group GroupOf(const uint8_t* heads, int64_t b, int64_t half) {
    const uint8_t* scales = BlockOf(heads, b) + half * 16;
    const auto odd = [](Ints a) __attribute__((always_inline)) {
      return AddInts(AddInts(a, a), BroadcastInt(1));
    };
    return {LoadNumbers(reinterpret_cast<const float*>(heads + b / 4 * kGridHeadBytes)),
            {odd(FromNibbleWide<0>(scales)), odd(FromNibbleWide<4>(scales))}};
  }
  [[gnu::always_inline]] static Ints Part(const Group& g, int part, Ints sums) {
    return MulInts(sums, g.parts[part]);
  }
  [[gnu::always_inline]] static Numbers Add(const Group& g, Numbers totals, Ints sums, const Activations& x) {
    return FusedMulAdd(ToNumbers(sums), MulNumbers(g.d, BroadcastNumber(x.scale)), totals);
  }

  // A chunk's codes to `bytes`, its heads behind them.
  static Chunk ChunkOf(const PackedPanel& w, int64_t sixteen, int64_t begin, int64_t blocks, uint8_t* bytes) {
    const uint8_t* rows = reinterpret_cast<const uint8_t*>(w.data) + sixteen * w.stride;
    uint8_t* heads = bytes + kChunkBlocks * kSpreadBytes;
    const auto spread = [&]<WeightFormat format>() {
      SpreadGridBlocks<format>(rows, begin, blocks, bytes, heads);
    };
    switch (w.format) {
      case WeightFormat::kPacked1S: spread.template operator()<WeightFormat::kPacked1S>(); break;
      case WeightFormat::kPacked1M: spread.template operator()<WeightFormat::kPacked1M>(); break;
      case WeightFormat::kPacked2XXS: spread.template operator()<WeightFormat::kPacked2XXS>(); break;
      case WeightFormat::kPacked2XS: spread.template operator()<WeightFormat::kPacked2XS>(); break;
      case WeightFormat::kPacked2S: spread.template operator()<WeightFormat::kPacked2S>(); break;
      case WeightFormat::kPacked3XXS: spread.template operator()<WeightFormat::kPacked3XXS>(); break;
      default: spread.template operator()<WeightFormat::kPacked3S>(); break;
    }
    return {heads, bytes};
  }
};

}  // namespace
}  // namespace mains
