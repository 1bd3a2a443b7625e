// A weight matrix as its checkpoint stores it, and the exact value of every element. Nothing is
// converted at load: rows are unpacked where they are used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace mains {

// How the bytes of a row become numbers.
enum class WeightFormat : uint8_t {
  kPlain,      // `dtype` says all: F32, F16, BF16 or a GGUF block type
  kF8Block,    // F8_E4M3 times a scale per tile of block_rows x block_cols (DeepSeek: 128 x 128)
  kInt4Group,  // compressed-tensors pack-quantized: 8 nibbles per int32, lowest bits first;
               // value = (nibble - zero) * scale, zero = 8 unless zero points are stored
  kFp4Group,   // E2M1, two per byte, low nibble first, times a scale per block_cols elements (MXFP4)
  // From here on all are packed.
  kPacked8,   // of dtype's values, laid out for integer dot products (tensor/packed.h), 8-bit codes
  kPacked4,   // the same, 4-bit codes
  kPacked4K,  // Q4_K
  kPacked6K,  // Q6_K
  kPacked5K,  // Q5_K
  kPacked4X,  // IQ4_XS
  kPacked3K,  // Q3_K
  kPacked2K,  // Q2_K
  kPacked5,   // Q5_0
  kPacked4M,  // Q4_1
  kPacked5M,  // Q5_1
  // From here on in codes of several columns (tensor/packed_grids.h).
  kPacked1S,    // IQ1_S
  kPacked1M,    // IQ1_M
  kPacked2XXS,  // IQ2_XXS
  kPacked2XS,   // IQ2_XS
  kPacked2S,    // IQ2_S
  kPacked3XXS,  // IQ3_XXS
  kPacked3S,    // IQ3_S
};

// How weights are held that a checkpoint stores as floats: as they are, or rounded while loading.
enum class WeightPrecision : uint8_t { kNative, k8Bit, k4Bit, k3Bit };

// One row, ready to unpack: what a kernel sees. Scales of column c: scales[c / group].
struct WeightRow {
  const std::byte* data = nullptr;
  const std::byte* scales = nullptr;  // null for kPlain
  const std::byte* zeros = nullptr;   // kInt4Group with zero points: one byte (0..15) per group
  DType dtype = DType::kF32;
  DType scale_dtype = DType::kF32;  // F32, BF16, F16 or F8E8M0
  WeightFormat format = WeightFormat::kPlain;
  int32_t group = 0;
  int32_t lane = 0;  // of a packed weight: which of the rows of the block at `data`
};

// [rows, cols], row-major or packed; immutable. `owner` keeps the bytes alive.
struct Weight {
  int64_t rows = 0;
  int64_t cols = 0;
  WeightFormat format = WeightFormat::kPlain;
  DType dtype = DType::kF32;
  const std::byte* data = nullptr;
  int64_t row_bytes = 0;
  const std::byte* scales = nullptr;
  DType scale_dtype = DType::kF32;
  int64_t scale_row_bytes = 0;
  const std::byte* zeros = nullptr;
  int64_t zero_row_bytes = 0;
  int32_t block_rows = 1;  // rows that share a row of scales (128 for kF8Block, else 1)
  int32_t block_cols = 0;  // columns that share a scale
  std::shared_ptr<const void> owner;

  bool empty() const { return rows == 0; }
  bool packed() const { return format >= WeightFormat::kPacked8; }
  WeightRow Row(int64_t row) const;
  // Rows [begin, begin + count) as a weight of their own. Where scales are shared by several rows,
  // `begin` must be a multiple of block_rows; of a packed weight, of kPackedRows.
  Weight RowRange(int64_t begin, int64_t count) const;
  int64_t bytes() const;           // data, scales and zero points
  std::string FormatName() const;  // "bf16", "f8_e4m3 128x128", "int4 g32", "q4_k"
};

// A dense f32 matrix that owns its numbers: for what is derived at load.
Weight MakeF32Weight(int64_t rows, int64_t cols, std::vector<float> values);
// The same rounded to bf16 (round to nearest even). Exact when the values came from bf16.
Weight MakeBf16Weight(int64_t rows, int64_t cols, const std::vector<float>& values);

// The reference unpacker: `cols` columns of the row, from its first, as f32. `cols` is the row's whole
// width. Every fast unpacker must give the same bits.
void UnpackRow(const WeightRow& row, int64_t cols, float* out);

// A small f32 vector (norm weights, biases): always converted at load, shared between copies.
struct Vector {
  std::shared_ptr<const std::vector<float>> values;
  int64_t size() const { return values ? static_cast<int64_t>(values->size()) : 0; }
  bool empty() const { return size() == 0; }
  const float* data() const { return values ? values->data() : nullptr; }
};

}  // namespace mains
