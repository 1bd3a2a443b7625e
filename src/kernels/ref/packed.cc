// Relies on exact integer sums, and on std::fma being one rounding, as the vector units' is.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/ref/kernels.h"
#include "tensor/convert.h"
#include "tensor/packed.h"

namespace mains::ref {
namespace {

constexpr float kSmallest = 1e-30f;

// Group `group` of n columns that begin at x.
void QuantizeGroup(const float* x, int64_t n, int8_t* codes, float* scale, int32_t* offset) {
  uint32_t largest = 0;  // as bits, where NaN is above infinity and that above all numbers
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::bit_cast<uint32_t>(x[i]) & 0x7FFF'FFFFu);
  const float magnitude = std::bit_cast<float>(largest);
  const bool finite = largest < 0x7F80'0000u, zero = finite && magnitude < kSmallest;
  *scale = !finite ? std::numeric_limits<float>::quiet_NaN() : zero ? 0.0f : magnitude / 127.0f;
  const float inverse = finite && !zero ? 127.0f / magnitude : 0.0f;
  int32_t sum = 0;
  for (int64_t i = 0; i < kPackedGroup; ++i) {
    codes[i] = i < n && finite ? static_cast<int8_t>(std::nearbyint(x[i] * inverse)) : int8_t{0};
    sum += codes[i];
  }
  *offset = 128 * sum;
}

float Scale(const std::byte* p, DType dtype) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof(bits));
  return dtype == DType::kF16 ? F32FromF16(bits) : F32FromBf16(bits);
}

float Dot(const Int8Rows& x, int64_t row, const PackedPanel& w, int64_t col) {
  const int64_t block_bytes = PackedBlockBytes(w.format), lane = col % kPackedRows;
  const std::byte* base = w.data + col / kPackedRows * w.stride;
  float total = 0;
  for (int64_t g = 0; g < 2 * w.blocks; ++g) {
    const std::byte* block = base + g / 2 * block_bytes;
    const int8_t* codes = x.codes + row * x.code_stride + g * kPackedGroup;
    int32_t sum = -x.offsets[row * x.group_stride + g];
    for (int64_t i = 0; i < kPackedGroup; ++i) {
      const int64_t step = i / 4, at = lane * 4 + i % 4;
      int byte = 0;
      if (w.format == WeightFormat::kPacked8) {
        byte = std::to_integer<int>(block[kPackedScaleBytes + (g % 2 * 8 + step) * 64 + at]);
      } else {
        byte =
            w.codebook[std::to_integer<int>(block[kPackedScaleBytes + step * 64 + at]) >> (g % 2 * 4) & 15];
      }
      sum += byte * codes[i];
    }
    const float scale = Scale(block + (g % 2 * kPackedRows + lane) * 2, w.scale_dtype);
    total = std::fma(static_cast<float>(sum), scale * x.scales[row * x.group_stride + g], total);
  }
  return total;
}

}  // namespace

void QuantizeRow(const float* x, int64_t n, const Int8Rows& out, int64_t row) {
  for (int64_t g = 0; g < out.group_stride; ++g) {
    const int64_t begin = g * kPackedGroup, at = row * out.group_stride + g;
    QuantizeGroup(x + std::min(begin, n), std::clamp<int64_t>(n - begin, 0, kPackedGroup),
                  out.codes + row * out.code_stride + begin, out.scales + at, out.offsets + at);
  }
}

void GemmPacked(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, float* out,
                int64_t out_stride) {
  for (int64_t r = 0; r < m; ++r) {
    for (int64_t c = 0; c < w.rows; ++c) out[r * out_stride + c] = Dot(x, first + r, w, c);
  }
}

}  // namespace mains::ref
