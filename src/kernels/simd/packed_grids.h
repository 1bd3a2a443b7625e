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

}  // namespace
}  // namespace mains

#if defined(__AVX512VBMI__)
#include "kernels/avx512/grids.h"
#else
#if defined(__x86_64__)
#include "kernels/simd/x86_codes.h"
#else
#include "kernels/neon/codes.h"
#endif

namespace mains {
namespace {

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
  constexpr int64_t plane_bytes = layout.codes() / 8;
  const auto& grid = GridOf<format>();
  const uint8_t* signs = group + layout.codes();
  const uint8_t* planes = group + layout.planes_at();
  for (int64_t l = 0; l < layout.codes() / 16; ++l) {  // a code of each row
    const RowCodes<layout.high_bits> codes(group + 16 * l, planes + 2 * l, plane_bytes);
    if constexpr (layout.columns == 4) {
      const uint8_t* own = signs + l / 2 * 16;
      const Bytes64 four = LookupFours(grid, codes);
      StoreBytes(to + l * kStepBytes,
                 l % 2 == 0 ? NegateByBits<0, kGridBias>(four, own) : NegateByBits<4, kGridBias>(four, own));
    } else {
      Bytes64 first, second;
      LookupEights(grid, codes, first, second);
      if constexpr (layout.signs) {
        first = NegateByBits<0, kGridBias>(first, signs + 16 * l);
        second = NegateByBits<4, kGridBias>(second, signs + 16 * l);
      } else {
        const uint8_t* down = planes + layout.high_bits * plane_bytes + 2 * l;
        first = OneUpOrDown<kGridBias>(first, down);
        second = OneUpOrDown<kGridBias>(second, down);
      }
      StoreBytes(to + 2 * l * kStepBytes, first);
      StoreBytes(to + (2 * l + 1) * kStepBytes, second);
    }
  }
}

}  // namespace
}  // namespace mains
#endif

namespace mains {
namespace {

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
    Numbers d, parts[2];
  };
  [[gnu::always_inline]] static const uint8_t* BlockOf(const uint8_t* heads, int64_t b) {
    return heads + b / 4 * kGridHeadBytes + 64 + b % 4 * 32;
  }
  [[gnu::always_inline]] static Group GroupOf(const uint8_t* heads, int64_t b, int64_t half) {
    const uint8_t* scales = BlockOf(heads, b) + half * 16;
    const auto odd = [](Ints a) __attribute__((always_inline)) {
      return ToNumbers(AddInts(AddInts(a, a), BroadcastInt(1)));
    };
    return {LoadNumbers(reinterpret_cast<const float*>(heads + b / 4 * kGridHeadBytes)),
            {odd(FromNibbleWide<0>(scales)), odd(FromNibbleWide<4>(scales))}};
  }
  [[gnu::always_inline]] static Numbers Join(const Group& g, int part, Ints products, Numbers before) {
    return JoinParts(g.parts, part, products, before);
  }
  [[gnu::always_inline]] static Numbers Add(const Group& g, Numbers totals, Numbers sum,
                                            const Activations& x) {
    return FusedMulAdd(sum, MulNumbers(g.d, BroadcastNumber(x.scale)), totals);
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
