// Products of 8-bit activations with packed weights, over the integer vocabulary of <isa>/int8.h, which must
// be included first:
//   Codes       64 codes: 4 columns of 16 rows, ready to be multiplied
//   Dots        16 32-bit sums; Numbers: 16 f32
//   kTileRows8  rows of activations, kTileBlocks blocks of 16 weight rows, whose sums fill the registers
#pragma once

#include "kernels/table.h"

namespace mains {
namespace {

constexpr int64_t kBlockScales = 64, kStepBytes = 64, kGroupSteps = 8;
constexpr int64_t kBlockBytes8 = 1088, kBlockBytes4 = 576;
// Blocks of 64 columns that a tile goes through before the next: with 32 weight rows 17 KB, half of the first
// level, so that all activations meet them there.
constexpr int64_t kChunkBlocks = 8;
// From so many rows on, 4-bit codes are first spread to bytes for all of them.
constexpr int64_t kSpreadRows = 2 * kTileRows8;

// Where a chunk of one block of sixteen weight rows lies: scales in the packed weight; codes there, or spread
// in a buffer.
struct Chunk {
  const uint8_t* scales;
  const uint8_t* codes;
  int64_t scale_step, code_step;  // from 64 columns to the next
};

inline uint32_t FourCodes(const int8_t* p) {
  uint32_t bits;
  __builtin_memcpy(&bits, p, sizeof(bits));
  return bits;
}

// rows x (16 blocks) sums over `blocks` times 64 columns, added to what `out` holds, or in its place.
template <int rows, int tiles, bool nibbles, bool bf16>
void PackedTile(const Int8Rows& x, int64_t row, int64_t first_block, const Chunk* chunks, int64_t blocks,
                const Codebook& book, bool add, float* out, int64_t out_stride) {
  Numbers totals[rows][tiles];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int t = 0; t < tiles; ++t) {
      totals[r][t] = add ? LoadNumbers(out + r * out_stride + 16 * t) : ZeroNumbers();
    }
  }
  const int8_t* codes = x.codes + row * x.code_stride + first_block * 64;
  const float* scales = x.scales + row * x.group_stride + first_block * 2;
  const int32_t* offsets = x.offsets + row * x.group_stride + first_block * 2;
  for (int64_t b = 0; b < blocks; ++b) {
    for (int64_t half = 0; half < 2; ++half) {
      Dots sums[rows][tiles];
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
        const Dots begin = BroadcastDot(-offsets[r * x.group_stride + 2 * b + half]);
#pragma GCC unroll 4
        for (int t = 0; t < tiles; ++t) sums[r][t] = begin;
      }
#pragma GCC unroll 8
      for (int64_t step = 0; step < kGroupSteps; ++step) {
        Codes w[tiles];
#pragma GCC unroll 4
        for (int t = 0; t < tiles; ++t) {
          const uint8_t* at = chunks[t].codes + b * chunks[t].code_step;
          if constexpr (nibbles) {
            w[t] =
                half == 0 ? LowCodes(at + step * kStepBytes, book) : HighCodes(at + step * kStepBytes, book);
          } else {
            w[t] = LoadCodes(at + (half * kGroupSteps + step) * kStepBytes);
          }
        }
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r) {
          const Four four =
              BroadcastFour(FourCodes(codes + r * x.code_stride + b * 64 + half * 32 + step * 4));
#pragma GCC unroll 4
          for (int t = 0; t < tiles; ++t) sums[r][t] = AddDots(sums[r][t], w[t], four);
        }
      }
#pragma GCC unroll 4
      for (int t = 0; t < tiles; ++t) {
        const Numbers weight = LoadScales<bf16>(chunks[t].scales + b * chunks[t].scale_step + half * 32);
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r) {
          const float scale = scales[r * x.group_stride + 2 * b + half];
          totals[r][t] = AddScaledSums(totals[r][t], sums[r][t], weight, scale);
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int t = 0; t < tiles; ++t) StoreNumbers(out + r * out_stride + 16 * t, totals[r][t]);
  }
}

struct PackedJob {
  const Int8Rows& x;
  int64_t first_row, rows;
  int64_t first_block, blocks;
  const Chunk* chunks;
  const Codebook& book;
  bool add;
  float* out;
  int64_t out_stride;
};

template <int rows, int tiles, bool nibbles, bool bf16>
void PackedRowsUpTo(const PackedJob& job, int64_t done, int64_t count) {
  if constexpr (rows > 1) {
    if (count < rows) {
      PackedRowsUpTo<rows - 1, tiles, nibbles, bf16>(job, done, count);
      return;
    }
  }
  PackedTile<rows, tiles, nibbles, bf16>(job.x, job.first_row + done, job.first_block, job.chunks, job.blocks,
                                         job.book, job.add, job.out + done * job.out_stride, job.out_stride);
}

template <int tiles, bool nibbles, bool bf16>
void PackedRowsOf(const PackedJob& job) {
  for (int64_t done = 0; done < job.rows;) {
    const int64_t left = job.rows - done;
    // At the end two tiles of like size rather than a full one and a thin one.
    const int64_t count = left >= 2 * kTileRows8 ? kTileRows8 : left <= kTileRows8 ? left : (left + 1) / 2;
    PackedRowsUpTo<kTileRows8, tiles, nibbles, bf16>(job, done, count);
    done += count;
  }
}

// 4-bit codes of one block to bytes, in the order of 8-bit ones.
inline void SpreadBlock(const uint8_t* nibbles, const Codebook& book, uint8_t* to) {
  for (int64_t step = 0; step < kGroupSteps; ++step) {
    StoreCodes(to + step * kStepBytes, LowBytes(nibbles + step * kStepBytes, book));
    StoreCodes(to + (kGroupSteps + step) * kStepBytes, HighBytes(nibbles + step * kStepBytes, book));
  }
}

// All rows of x with `tiles` blocks of sixteen weight rows; the columns of the last may go past the panel's.
template <int tiles, bool bf16>
void PackedColumns(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, int64_t block,
                   float* out, int64_t out_stride) {
  const Codebook book = LoadCodebook(w.codebook);
  const bool four = w.format == WeightFormat::kPacked4;
  const int64_t block_bytes = four ? kBlockBytes4 : kBlockBytes8;
  const bool spread = four && m >= kSpreadRows;
  alignas(64) uint8_t bytes[tiles * kChunkBlocks * 1024];
  for (int64_t begin = 0; begin < w.blocks; begin += kChunkBlocks) {
    const int64_t blocks = w.blocks - begin < kChunkBlocks ? w.blocks - begin : kChunkBlocks;
    Chunk chunks[tiles];
    for (int t = 0; t < tiles; ++t) {
      const uint8_t* from =
          reinterpret_cast<const uint8_t*>(w.data) + (block + t) * w.stride + begin * block_bytes;
      chunks[t] = {from, from + kBlockScales, block_bytes, block_bytes};
      if (!spread) continue;
      uint8_t* to = bytes + t * kChunkBlocks * 1024;
      for (int64_t b = 0; b < blocks; ++b)
        SpreadBlock(from + b * block_bytes + kBlockScales, book, to + b * 1024);
      chunks[t].codes = to;
      chunks[t].code_step = 1024;
    }
    const PackedJob job = {x, first, m, begin, blocks, chunks, book, begin > 0, out, out_stride};
    if (four && !spread) {
      PackedRowsOf<tiles, true, bf16>(job);
    } else {
      PackedRowsOf<tiles, false, bf16>(job);
    }
  }
}

template <bool bf16>
void PackedProduct(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, float* out,
                   int64_t out_stride) {
  constexpr int64_t width = 16 * kTileBlocks;
  int64_t c = 0;
  for (; c + width <= w.rows; c += width) {
    PackedColumns<kTileBlocks, bf16>(x, first, m, w, c / 16, out + c, out_stride);
  }
  for (; c + 16 <= w.rows; c += 16) PackedColumns<1, bf16>(x, first, m, w, c / 16, out + c, out_stride);
  if (c == w.rows) return;
  // Fewer than sixteen columns are left: through a buffer, some rows at a time.
  constexpr int64_t rows = 4 * kTileRows8;
  alignas(64) float buffer[rows * 16];
  for (int64_t r = 0; r < m; r += rows) {
    const int64_t count = m - r < rows ? m - r : rows;
    PackedColumns<1, bf16>(x, first + r, count, w, c / 16, buffer, 16);
    for (int64_t i = 0; i < count; ++i) {
      __builtin_memcpy(out + (r + i) * out_stride + c, buffer + i * 16,
                       static_cast<size_t>(w.rows - c) * sizeof(float));
    }
  }
}

void GemmPacked(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, float* out,
                int64_t out_stride) {
  if (w.scale_dtype == DType::kBF16) {
    PackedProduct<true>(x, first, m, w, out, out_stride);
  } else {
    PackedProduct<false>(x, first, m, w, out, out_stride);
  }
}

void QuantizeRow(const float* x, int64_t n, const Int8Rows& out, int64_t row) {
  for (int64_t g = 0; g < out.group_stride; ++g) {
    const int64_t begin = g * 32, at = row * out.group_stride + g;
    float numbers[32];
    const float* from = x + begin;
    if (begin + 32 > n) {
      const int64_t left = begin < n ? n - begin : 0;
      __builtin_memset(numbers, 0, sizeof(numbers));
      if (left > 0) __builtin_memcpy(numbers, from, static_cast<size_t>(left) * sizeof(float));
      from = numbers;
    }
    QuantizeGroup(from, out.codes + row * out.code_stride + begin, out.scales + at, out.offsets + at);
  }
}

}  // namespace
}  // namespace mains
