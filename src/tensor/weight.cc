#include "tensor/weight.h"

#include <cstring>
#include <utility>

#include "base/check.h"
#include "tensor/convert.h"
#include "tensor/gguf_blocks.h"
#include "tensor/packed.h"

namespace mains {
namespace {

// Mapped files promise no alignment, hence memcpy.
template <typename T>
T LoadAt(const std::byte* data, int64_t index) {
  T value;
  std::memcpy(&value, data + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

template <typename T>
void UnpackNumbers(const std::byte* data, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(LoadAt<T>(data, i));
}

template <typename Bits>
void UnpackBits(const std::byte* data, int64_t n, float (*convert)(Bits), float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = convert(LoadAt<Bits>(data, i));
}

void UnpackPlain(DType dtype, const std::byte* data, int64_t n, float* out) {
  switch (dtype) {
    case DType::kF32: std::memcpy(out, data, static_cast<size_t>(n) * sizeof(float)); return;
    case DType::kF16: UnpackBits<uint16_t>(data, n, F32FromF16, out); return;
    case DType::kBF16: UnpackBits<uint16_t>(data, n, F32FromBf16, out); return;
    case DType::kF8E4M3: UnpackBits<uint8_t>(data, n, F32FromF8E4M3, out); return;
    case DType::kF8E8M0: UnpackBits<uint8_t>(data, n, F32FromF8E8M0, out); return;
    case DType::kI8: UnpackNumbers<int8_t>(data, n, out); return;
    case DType::kU8:
    case DType::kBool: UnpackNumbers<uint8_t>(data, n, out); return;
    case DType::kI16: UnpackNumbers<int16_t>(data, n, out); return;
    case DType::kI32: UnpackNumbers<int32_t>(data, n, out); return;
    case DType::kI64: UnpackNumbers<int64_t>(data, n, out); return;
    case DType::kF64: UnpackNumbers<double>(data, n, out); return;
    default: UnpackGgufBlocks(dtype, data, n, out); return;
  }
}

float ScaleAt(const WeightRow& row, int64_t index) {
  float scale = 0;
  UnpackPlain(row.scale_dtype, row.scales + ByteSize(row.scale_dtype, index), 1, &scale);
  return scale;
}

void UnpackF8Block(const WeightRow& row, int64_t begin, int64_t end, float scale, float* out) {
  for (int64_t c = begin; c < end; ++c) out[c] = F32FromF8E4M3(LoadAt<uint8_t>(row.data, c)) * scale;
}

void UnpackInt4Group(const WeightRow& row, int64_t begin, int64_t end, float scale, float* out) {
  const int zero = row.zeros == nullptr ? 8 : std::to_integer<int>(row.zeros[begin / row.group]);
  for (int64_t c = begin; c < end; ++c) {
    const int nibble = static_cast<int>(LoadAt<uint32_t>(row.data, c / 8) >> (4 * (c % 8)) & 15);
    out[c] = static_cast<float>(nibble - zero) * scale;
  }
}

void UnpackFp4Group(const WeightRow& row, int64_t begin, int64_t end, float scale, float* out) {
  for (int64_t c = begin; c < end; ++c) {
    const int nibble = std::to_integer<int>(row.data[c / 2]) >> (4 * (c % 2)) & 15;
    out[c] = F32FromF4E2M1(static_cast<uint8_t>(nibble)) * scale;
  }
}

// Keeps the numbers of a derived weight alive and hands out their bytes.
template <typename T>
Weight OwnedWeight(int64_t rows, int64_t cols, DType dtype, std::vector<T> values) {
  CHECK_EQ(static_cast<int64_t>(values.size()), rows * cols);
  std::shared_ptr<const std::vector<T>> owner = std::make_shared<const std::vector<T>>(std::move(values));
  Weight w;
  w.rows = rows;
  w.cols = cols;
  w.dtype = dtype;
  w.data = reinterpret_cast<const std::byte*>(owner->data());
  w.row_bytes = cols * static_cast<int64_t>(sizeof(T));
  w.owner = std::move(owner);
  return w;
}

int64_t ScaleRows(const Weight& w) {
  return w.scales == nullptr ? 0 : (w.rows + w.block_rows - 1) / w.block_rows;
}

}  // namespace

WeightRow Weight::Row(int64_t row) const {
  CHECK(row >= 0 && row < rows) << row << " of " << rows;
  WeightRow r;
  r.lane = packed() ? static_cast<int32_t>(row % kPackedRows) : 0;
  r.data = data + (row - r.lane) * row_bytes;
  if (scales != nullptr) r.scales = scales + row / block_rows * scale_row_bytes;
  if (zeros != nullptr) r.zeros = zeros + row * zero_row_bytes;
  r.dtype = dtype;
  r.scale_dtype = scale_dtype;
  r.format = format;
  r.group = block_cols;
  return r;
}

Weight Weight::RowRange(int64_t begin, int64_t count) const {
  CHECK(begin >= 0 && count >= 0 && begin <= rows && count <= rows - begin)
      << begin << " + " << count << " of " << rows;
  CHECK(!packed() || begin % kPackedRows == 0) << begin;
  Weight part = *this;
  part.rows = count;
  part.data = data + begin * row_bytes;
  if (scales != nullptr) {
    CHECK_EQ(begin % block_rows, 0);
    part.scales = scales + begin / block_rows * scale_row_bytes;
  }
  if (zeros != nullptr) part.zeros = zeros + begin * zero_row_bytes;
  return part;
}

int64_t Weight::bytes() const {
  if (packed()) return (rows + kPackedRows - 1) / kPackedRows * kPackedRows * row_bytes;
  return rows * row_bytes + ScaleRows(*this) * scale_row_bytes + (zeros ? rows * zero_row_bytes : 0);
}

std::string Weight::FormatName() const {
  switch (format) {
    case WeightFormat::kPlain: return Name(dtype);
    case WeightFormat::kF8Block:
      if (block_rows == 1) return "f8_e4m3 per row";
      return "f8_e4m3 " + std::to_string(block_rows) + "x" + std::to_string(block_cols);
    case WeightFormat::kInt4Group: return "int4 g" + std::to_string(block_cols);
    case WeightFormat::kFp4Group: return "fp4 g" + std::to_string(block_cols);
    case WeightFormat::kPacked8:
    case WeightFormat::kPacked4:
    case WeightFormat::kPacked4K:
    case WeightFormat::kPacked6K:
    case WeightFormat::kPacked5K:
    case WeightFormat::kPacked4X:
    case WeightFormat::kPacked3K:
    case WeightFormat::kPacked2K:
    case WeightFormat::kPacked5:
    case WeightFormat::kPacked4M:
    case WeightFormat::kPacked5M:
    case WeightFormat::kPacked1S:
    case WeightFormat::kPacked1M:
    case WeightFormat::kPacked2XXS:
    case WeightFormat::kPacked2XS:
    case WeightFormat::kPacked2S:
    case WeightFormat::kPacked3XXS:
    case WeightFormat::kPacked3S: return std::string(Name(dtype)) + " packed";
  }
  CHECK(false) << "format " << static_cast<int>(format);
  return {};
}

Weight MakeF32Weight(int64_t rows, int64_t cols, std::vector<float> values) {
  return OwnedWeight(rows, cols, DType::kF32, std::move(values));
}

Weight MakeBf16Weight(int64_t rows, int64_t cols, const std::vector<float>& values) {
  std::vector<uint16_t> bits(values.size());
  for (size_t i = 0; i < values.size(); ++i) bits[i] = Bf16FromF32(values[i]);
  return OwnedWeight(rows, cols, DType::kBF16, std::move(bits));
}

void UnpackRow(const WeightRow& row, int64_t cols, float* out) {
  if (row.format == WeightFormat::kPlain) {
    UnpackPlain(row.dtype, row.data, cols, out);
    return;
  }
  if (IsPackedFormat(row.format)) {
    for (int64_t begin = 0; begin < cols; begin += kPackedGroup) UnpackPackedGroup(row, begin, out + begin);
    return;
  }
  CHECK(row.group > 0 && row.scales != nullptr) << "a grouped weight needs scales";
  for (int64_t begin = 0; begin < cols; begin += row.group) {
    const int64_t end = begin + row.group < cols ? begin + row.group : cols;
    const float scale = ScaleAt(row, begin / row.group);
    switch (row.format) {
      case WeightFormat::kF8Block: UnpackF8Block(row, begin, end, scale, out); break;
      case WeightFormat::kInt4Group: UnpackInt4Group(row, begin, end, scale, out); break;
      case WeightFormat::kFp4Group: UnpackFp4Group(row, begin, end, scale, out); break;
      default: break;  // seen to above
    }
  }
}

}  // namespace mains
