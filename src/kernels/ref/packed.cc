// Relies on exact integer sums, and on std::fma being one rounding, as the vector units' is.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/ref/kernels.h"
#include "tensor/convert.h"
#include "tensor/packed.h"
#include "tensor/packed_grids.h"

namespace mains::ref {
namespace {

constexpr float kSmallest = 1e-30f;

// n of 32 columns that begin at x.
void QuantizeGroup(const float* x, int64_t n, int8_t* codes, float* scale, int32_t* sums) {
  uint32_t largest = 0;  // as bits, where NaN is above infinity and that above all numbers
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::bit_cast<uint32_t>(x[i]) & 0x7FFF'FFFFu);
  const float magnitude = std::bit_cast<float>(largest);
  const bool finite = largest < 0x7F80'0000u, zero = finite && magnitude < kSmallest;
  *scale = !finite ? std::numeric_limits<float>::quiet_NaN() : zero ? 0.0f : magnitude / 127.0f;
  const float inverse = finite && !zero ? 127.0f / magnitude : 0.0f;
  sums[0] = sums[1] = 0;
  for (int64_t i = 0; i < kPackedGroup; ++i) {
    codes[i] = i < n && finite ? static_cast<int8_t>(std::nearbyint(x[i] * inverse)) : int8_t{0};
    sums[i / 16] += codes[i];
  }
}

uint16_t LoadU16(const std::byte* p) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof(bits));
  return bits;
}

// One group of one weight row and one row of activations; see KernelTable::gemm_packed.
struct GroupDot {
  const PackedPanel& w;
  const std::byte* rows;  // the sixteen rows
  int64_t lane, g;
  const int8_t* codes;
  const int32_t* sums;
  float scale;

  const std::byte* block() const { return rows + PackedBlockOffset(w.format, g / 2); }
  const std::byte* head() const { return rows + g / 8 * PackedSuperBytes(w.format); }
  int64_t half() const { return g % 2; }

  int Small(int part) const { return std::to_integer<int>(block()[half() * 32 + part * kPackedRows + lane]); }
  // The group's own of two bytes, `before` the scales.
  float Wide(int64_t before) const {
    const uint16_t bits = LoadU16(block() + (half() * kPackedRows + lane) * 2 - before);
    return w.scale_dtype == DType::kBF16 ? F32FromBf16(bits) : F32FromF16(bits);
  }
  float Head(int64_t at) const { return F32FromF16(LoadU16(head() + at + lane * 2)); }

  int Code(int64_t i) const {
    const int64_t step = i / 4, pair = half() * 8 + step;
    const std::byte* at = block() + kPackedHeadBytes + lane * 4 + i % 4;
    if (w.format == WeightFormat::kPacked8) return std::to_integer<int>(at[pair * 64]);
    if (w.format == WeightFormat::kPacked3K || w.format == WeightFormat::kPacked2K) {
      const int low = std::to_integer<int>(at[pair % 4 * 64]) >> (2 * (pair / 4)) & 3;
      if (w.format == WeightFormat::kPacked2K) return low;
      return low | (std::to_integer<int>(at[256 + pair % 2 * 64]) >> (pair / 2) & 1) << 2;
    }
    const int nibble = std::to_integer<int>(at[step * 64]) >> (4 * half()) & 15;
    if (w.format == WeightFormat::kPacked4 || w.format == WeightFormat::kPacked4X) return w.codebook[nibble];
    if (w.format == WeightFormat::kPacked4K || w.format == WeightFormat::kPacked4M) return nibble;
    if (HasFifthBits(w.format)) {
      return nibble | (std::to_integer<int>(at[512 + pair % 2 * 64]) >> (pair / 2) & 1) << 4;
    }
    return nibble | (std::to_integer<int>(at[512 + pair % 4 * 64]) >> (2 * (pair / 4)) & 3) << 4;
  }

  // Of columns [begin, end) of the group, less what codes are too large.
  int32_t Sum(int64_t begin, int64_t end, int bias) const {
    int32_t sum = 0;
    for (int64_t i = begin; i < end; ++i) sum += (Code(i) - bias) * codes[i];
    return sum;
  }

  float AddGridTo(float total) const {
    const GridGroup group = ReadGridGroup(w.format, rows, g, lane);
    int32_t sum = 0;
    for (int i = 0; i < 32; ++i) sum += group.scales[i / 16] * group.integers[i] * codes[i];
    return std::fma(static_cast<float>(sum), group.d_unit * scale, total);
  }

  float AddTo(float total) const {
    if (IsPackedGrid(w.format)) return AddGridTo(total);
    switch (w.format) {
      case WeightFormat::kPacked4K:
      case WeightFormat::kPacked5K: {
        const float weight = Head(0) * static_cast<float>(Small(0)),
                    min = Head(32) * static_cast<float>(Small(1));
        total = std::fma(static_cast<float>(Sum(0, 32, 0)), weight * scale, total);
        return std::fma(-min, scale * static_cast<float>(sums[0] + sums[1]), total);
      }
      case WeightFormat::kPacked4X:
        return std::fma(static_cast<float>(Sum(0, 32, 128) * static_cast<int8_t>(Small(0))), Head(0) * scale,
                        total);
      case WeightFormat::kPacked2K: {
        const int32_t sum = Sum(0, 16, 0) * (Small(0) & 15) + Sum(16, 32, 0) * (Small(1) & 15);
        const int32_t min = sums[0] * (Small(0) >> 4) + sums[1] * (Small(1) >> 4);
        total = std::fma(static_cast<float>(sum), Head(0) * scale, total);
        return std::fma(-Head(32), scale * static_cast<float>(min), total);
      }
      case WeightFormat::kPacked3K:
      case WeightFormat::kPacked6K: {
        const int bias = w.format == WeightFormat::kPacked3K ? 4 : 32;
        const int32_t sum = Sum(0, 16, bias) * static_cast<int8_t>(Small(0)) +
                            Sum(16, 32, bias) * static_cast<int8_t>(Small(1));
        return std::fma(static_cast<float>(sum), Head(0) * scale, total);
      }
      case WeightFormat::kPacked5:
        return std::fma(static_cast<float>(Sum(0, 32, 16)), Wide(0) * scale, total);
      case WeightFormat::kPacked4M:
      case WeightFormat::kPacked5M:
        total = std::fma(static_cast<float>(Sum(0, 32, 0)), Wide(0) * scale, total);
        return std::fma(Wide(kPackedHeadBytes), scale * static_cast<float>(sums[0] + sums[1]), total);
      default: return std::fma(static_cast<float>(Sum(0, 32, 128)), Wide(0) * scale, total);
    }
  }
};

}  // namespace

void QuantizeRow(const float* x, int64_t n, const Int8Rows& out, int64_t row) {
  for (int64_t g = 0; g < out.group_stride; ++g) {
    const int64_t begin = g * kPackedGroup, at = row * out.group_stride + g;
    QuantizeGroup(x + std::min(begin, n), std::clamp<int64_t>(n - begin, 0, kPackedGroup),
                  out.codes + row * out.code_stride + begin, out.scales + at, out.sums + 2 * at);
    out.scaled_sums[at] = out.scales[at] * static_cast<float>(out.sums[2 * at] + out.sums[2 * at + 1]);
  }
}

void GemmPacked(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, float* out,
                int64_t out_stride) {
  for (int64_t r = 0; r < m; ++r) {
    for (int64_t c = 0; c < w.rows; ++c) {
      float total = 0;
      for (int64_t g = 0; g < 2 * w.blocks; ++g) {
        const int64_t at = (first + r) * x.group_stride + g;
        const int8_t* codes = x.codes + (first + r) * x.code_stride + g * kPackedGroup;
        const GroupDot dot = {
            w, w.data + c / kPackedRows * w.stride, c % kPackedRows, g, codes, x.sums + 2 * at, x.scales[at]};
        total = dot.AddTo(total);
      }
      out[r * out_stride + c] = total;
    }
  }
}

}  // namespace mains::ref
