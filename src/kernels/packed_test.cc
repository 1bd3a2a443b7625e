// Packed weights and the integer products over them: exact values in the layout, the same bits in every
// table.
#include "tensor/packed.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>

#include "kernels/table.h"
#include "kernels/testing.h"
#include "tensor/convert.h"

namespace mains {
namespace {

struct Source {
  const char* name;
  WeightFormat format;
  DType dtype;
  DType scale_dtype;
};

const std::vector<Source>& Sources() {
  static const std::vector<Source> sources = {
      {"q8_0", WeightFormat::kPlain, DType::kQ8_0, DType::kF16},
      {"q4_0", WeightFormat::kPlain, DType::kQ4_0, DType::kF16},
      {"iq4_nl", WeightFormat::kPlain, DType::kIQ4_NL, DType::kF16},
      {"mxfp4", WeightFormat::kPlain, DType::kMXFP4, DType::kF8E8M0},
      {"int4_bf16", WeightFormat::kInt4Group, DType::kI32, DType::kBF16},
      {"int4_f16", WeightFormat::kInt4Group, DType::kI32, DType::kF16},
      {"fp4", WeightFormat::kFp4Group, DType::kU8, DType::kF8E8M0},
      {"q4_k", WeightFormat::kPlain, DType::kQ4_K, DType::kF16},
      {"q5_k", WeightFormat::kPlain, DType::kQ5_K, DType::kF16},
      {"iq4_xs", WeightFormat::kPlain, DType::kIQ4_XS, DType::kF16},
      {"q6_k", WeightFormat::kPlain, DType::kQ6_K, DType::kF16},
      {"q3_k", WeightFormat::kPlain, DType::kQ3_K, DType::kF16},
      {"q2_k", WeightFormat::kPlain, DType::kQ2_K, DType::kF16},
      {"q5_0", WeightFormat::kPlain, DType::kQ5_0, DType::kF16},
      {"q4_1", WeightFormat::kPlain, DType::kQ4_1, DType::kF16},
      {"q5_1", WeightFormat::kPlain, DType::kQ5_1, DType::kF16},
      {"iq1_s", WeightFormat::kPlain, DType::kIQ1_S, DType::kF16},
      {"iq1_m", WeightFormat::kPlain, DType::kIQ1_M, DType::kF16},
      {"iq2_xxs", WeightFormat::kPlain, DType::kIQ2_XXS, DType::kF16},
      {"iq2_xs", WeightFormat::kPlain, DType::kIQ2_XS, DType::kF16},
      {"iq2_s", WeightFormat::kPlain, DType::kIQ2_S, DType::kF16},
      {"iq3_xxs", WeightFormat::kPlain, DType::kIQ3_XXS, DType::kF16},
      {"iq3_s", WeightFormat::kPlain, DType::kIQ3_S, DType::kF16},
  };
  return sources;
}

// Widths that the source can have: for super-blocks, as many of them.
std::vector<int64_t> Widths(const Source& source, std::vector<int64_t> widths) {
  const int64_t block = source.format == WeightFormat::kPlain ? Info(source.dtype).block_elements : 32;
  for (int64_t& width : widths) width = (width + block - 1) / block * block;
  return widths;
}

uint16_t ScaleBits(DType dtype, float value) {
  return dtype == DType::kBF16 ? Bf16FromF32(value) : F16FromF32(value);
}

// Random codes with scales of like size.
Weight RandomWeight(const Source& source, int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> scale(0.001f, 0.02f);
  const int64_t groups = cols / 32, blocks = cols / Info(source.dtype).block_elements;
  auto data = std::make_shared<std::vector<std::byte>>();
  const auto put = [&](int64_t count) {
    for (int64_t i = 0; i < count; ++i) data->push_back(static_cast<std::byte>(random()));
  };
  const auto put_scale = [&](std::vector<std::byte>& to) {
    if (source.scale_dtype == DType::kF8E8M0) {
      to.push_back(static_cast<std::byte>(115 + random() % 8));
      return;
    }
    const uint16_t bits = ScaleBits(source.scale_dtype, scale(random));
    to.push_back(static_cast<std::byte>(bits & 255));
    to.push_back(static_cast<std::byte>(bits >> 8));
  };
  Weight w;
  w.rows = rows;
  w.cols = cols;
  w.format = source.format;
  w.dtype = source.dtype;
  if (source.format == WeightFormat::kPlain) {
    w.row_bytes = ByteSize(source.dtype, cols);
    for (int64_t i = 0; i < rows * blocks; ++i) {
      if (source.dtype == DType::kQ6_K || source.dtype == DType::kQ3_K || source.dtype == DType::kQ2_K) {
        const int64_t scales = source.dtype == DType::kQ2_K ? 2 : 1;  // they come last
        put(Info(source.dtype).block_bytes - 2 * scales);
        for (int64_t s = 0; s < scales; ++s) put_scale(*data);
        continue;
      }
      const size_t begin = data->size();
      if (source.dtype == DType::kIQ1_M) {  // a nibble of the scale at the top of each of the last four words
        put(Info(source.dtype).block_bytes);
        const uint16_t bits = ScaleBits(source.scale_dtype, scale(random));
        for (size_t k = 0; k < 4; ++k) {
          std::byte& top = (*data)[begin + 49 + 2 * k];
          top = (top & std::byte{15}) | static_cast<std::byte>((bits >> (4 * k) & 15) << 4);
        }
        continue;
      }
      put_scale(*data);
      const bool has_minimum = source.dtype == DType::kQ4_K || source.dtype == DType::kQ5_K ||
                               source.dtype == DType::kQ4_1 || source.dtype == DType::kQ5_1;
      if (has_minimum) put_scale(*data);
      put(Info(source.dtype).block_bytes - static_cast<int64_t>(data->size() - begin));
    }
    w.data = data->data();
    w.owner = data;
    return w;
  }
  w.row_bytes = cols / 2;
  w.block_cols = 32;
  w.scale_dtype = source.scale_dtype;
  put(rows * w.row_bytes);
  auto scales = std::make_shared<std::vector<std::byte>>();
  for (int64_t i = 0; i < rows * groups; ++i) put_scale(*scales);
  w.data = data->data();
  w.scales = scales->data();
  w.scale_row_bytes = ByteSize(source.scale_dtype, groups);
  w.owner = std::make_shared<std::pair<decltype(data), decltype(scales)>>(data, scales);
  return w;
}

Weight Packed(const Weight& w) {
  const size_t bytes = static_cast<size_t>(PackedBytes(w));
  std::shared_ptr<std::byte> memory(static_cast<std::byte*>(std::aligned_alloc(64, bytes)), std::free);
  PackRows(w, 0, w.rows, memory.get());
  return PackedWeight(w, memory.get(), memory);
}

PackedPanel PanelOf(const Weight& w) {
  return {w.data,        w.row_bytes * kPackedRows,     w.rows, PackedBlocks(w.cols), w.format,
          w.scale_dtype, PackedCodebook(w.dtype).data()};
}

std::vector<float> RandomNumbers(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(random);
  return values;
}

// Quantised rows of cols numbers and the memory they are in.
struct Quantized {
  Quantized(const KernelTable& table, const std::vector<float>& x, int64_t m, int64_t cols) {
    rows.code_stride = PackedBlocks(cols) * 64;
    rows.group_stride = rows.code_stride / 32;
    codes.assign(static_cast<size_t>(m * rows.code_stride), 77);
    scales.assign(static_cast<size_t>(m * rows.group_stride), 77.0f);
    sums.assign(static_cast<size_t>(2 * m * rows.group_stride), 77);
    rows.codes = codes.data();
    rows.scales = scales.data();
    scaled_sums.assign(scales.size(), 77.0f);
    rows.sums = sums.data();
    rows.scaled_sums = scaled_sums.data();
    for (int64_t r = 0; r < m; ++r) table.quantize_row(x.data() + r * cols, cols, rows, r);
  }
  std::vector<int8_t> codes;
  std::vector<float> scales, scaled_sums;
  std::vector<int32_t> sums;
  Int8Rows rows;
};

std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float v : values) bits.push_back(std::isnan(v) ? 0x7FC0'0000u : std::bit_cast<uint32_t>(v));
  return bits;
}

std::vector<float> Product(const KernelTable& table, const Quantized& x, int64_t first, int64_t m,
                           const Weight& w) {
  std::vector<float> out(static_cast<size_t>(m * w.rows), -1.0f);
  table.gemm_packed(x.rows, first, m, PanelOf(w), out.data(), w.rows);
  return out;
}

TEST(Packed, HoldsTheVeryValues) {
  for (const Source& source : Sources()) {
    for (int64_t rows : {1, 15, 16, 17, 40}) {
      for (int64_t cols : Widths(source, {32, 64, 96, 320})) {
        SCOPED_TRACE(::testing::Message() << source.name << " " << rows << " x " << cols);
        const Weight w = RandomWeight(source, rows, cols, static_cast<uint32_t>(rows * cols));
        ASSERT_TRUE(CanPack(w));
        const Weight packed = Packed(w);
        std::vector<float> expected(static_cast<size_t>(cols)), actual(expected);
        for (int64_t r = 0; r < rows; ++r) {
          UnpackRow(w.Row(r), cols, expected.data());
          UnpackRow(packed.Row(r), cols, actual.data());
          ASSERT_EQ(actual, expected) << "row " << r;
        }
        EXPECT_EQ(packed.bytes(), PackedBytes(w));
        if (rows == 40) {
          UnpackRow(packed.RowRange(16, 24).Row(3), cols, actual.data());
          UnpackRow(w.Row(19), cols, expected.data());
          EXPECT_EQ(actual, expected);
        }
      }
    }
  }
}

TEST(Packed, PartsAreTheWhole) {
  const Weight w = RandomWeight(Sources()[2], 70, 160, 3);
  std::vector<std::byte> whole(static_cast<size_t>(PackedBytes(w))), parts(whole.size());
  PackRows(w, 0, 70, whole.data());
  for (int64_t first : {48, 0, 16}) PackRows(w, first, first == 16 ? 32 : first == 0 ? 16 : 22, parts.data());
  EXPECT_EQ(whole, parts);
}

TEST(Packed, OnlyWhatFits) {
  Weight zeros = RandomWeight(Sources()[4], 2, 64, 1);
  const std::byte zero[4] = {};
  zeros.zeros = zero;
  EXPECT_FALSE(CanPack(zeros));
  Weight wide = RandomWeight(Sources()[4], 2, 64, 1);
  wide.scale_dtype = DType::kF32;
  EXPECT_FALSE(CanPack(wide));
  EXPECT_FALSE(CanPack(MakeF32Weight(1, 64, std::vector<float>(64))));
  EXPECT_FALSE(CanPack(Packed(RandomWeight(Sources()[0], 16, 64, 1))));
}

TEST(Packed, RowsOfIntegersAreTheSameInEveryTable) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (int64_t n : {1, 31, 32, 33, 64, 100, 128}) {
    std::vector<float> x = RandomNumbers(6 * n, static_cast<uint32_t>(n));
    for (int64_t i = 0; i < n; ++i) x[static_cast<size_t>(n + i)] = 1e-32f;  // nothing
    x[static_cast<size_t>(2 * n)] = inf;
    x[static_cast<size_t>(3 * n + n / 2)] = nan;
    for (int64_t i = 0; i < n; ++i) x[static_cast<size_t>(4 * n + i)] *= 3e37f;  // near the end of the range
    for (int64_t i = 0; i < n; ++i)
      x[static_cast<size_t>(5 * n + i)] = static_cast<float>(i % 128) + 0.5f;  // ties
    const Quantized expected(Kernels(Isa::kReference), x, 6, n);
    for (Isa isa : testing::TestedIsas()) {
      SCOPED_TRACE(::testing::Message() << IsaName(isa) << " " << n);
      const Quantized actual(testing::TableOf(isa), x, 6, n);
      EXPECT_EQ(actual.codes, expected.codes);
      EXPECT_EQ(Bits(actual.scales), Bits(expected.scales));
      EXPECT_EQ(actual.sums, expected.sums);
      EXPECT_EQ(Bits(actual.scaled_sums), Bits(expected.scaled_sums));
    }
    EXPECT_TRUE(std::isnan(expected.scales[static_cast<size_t>(2 * expected.rows.group_stride)]));
    EXPECT_EQ(expected.scales[static_cast<size_t>(expected.rows.group_stride)], 0.0f);
  }
}

// Half a step of a group's scale is the most that a number can be off.
TEST(Packed, IntegersAreTheNearest) {
  const std::vector<float> x = RandomNumbers(256, 8);
  const Quantized q(Kernels(Isa::kReference), x, 1, 256);
  for (size_t i = 0; i < x.size(); ++i) {
    const float scale = q.scales[i / 32];
    EXPECT_LE(std::abs(static_cast<float>(q.codes[i]) * scale - x[i]), 0.5001f * scale);
  }
}

// Both sides of every boundary: 4, 6, 8, 12 and 16 rows; 16 and 32 columns; 8 blocks of 64.
TEST(Packed, ProductsAreTheSameBitsInEveryTable) {
  struct Shape {
    int64_t m, rows, cols;
  };
  std::vector<Shape> shapes;
  for (int64_t m : {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 23, 24, 25}) {
    for (int64_t rows : {1, 15, 16, 17, 32, 33, 50}) shapes.push_back({m, rows, 160});
  }
  for (int64_t m : {15, 16, 17, 19, 20, 31, 32, 36}) shapes.push_back({m, 33, 96});
  for (int64_t cols : {32, 64, 480, 512, 544, 1024, 1056})
    shapes.push_back({5, 35, cols}), shapes.push_back({30, 35, cols});
  for (const Source& source : Sources()) {
    for (Shape s : shapes) {
      s.cols = Widths(source, {s.cols})[0];
      SCOPED_TRACE(::testing::Message() << source.name << " " << s.m << ", " << s.rows << " x " << s.cols);
      const Weight w =
          Packed(RandomWeight(source, s.rows, s.cols, static_cast<uint32_t>(s.m + s.rows + s.cols)));
      const std::vector<float> x = RandomNumbers(s.m * s.cols, static_cast<uint32_t>(s.cols));
      const Quantized q(Kernels(Isa::kReference), x, s.m, s.cols);
      const std::vector<float> expected = Product(Kernels(Isa::kReference), q, 0, s.m, w);
      for (Isa isa : testing::TestedIsas())
        ASSERT_EQ(Bits(Product(testing::TableOf(isa), q, 0, s.m, w)), Bits(expected)) << IsaName(isa);
    }
  }
}

TEST(Packed, ARowAloneIsARowAmongOthers) {
  const Weight w = Packed(RandomWeight(Sources()[1], 48, 576, 4));
  const std::vector<float> x = RandomNumbers(40 * 576, 5);
  for (Isa isa : testing::TestedIsas()) {
    const Quantized q(testing::TableOf(isa), x, 40, 576);
    const std::vector<float> all = Product(testing::TableOf(isa), q, 0, 40, w);
    for (int64_t r : {0, 5, 6, 39}) {
      const std::vector<float> alone = Product(testing::TableOf(isa), q, r, 1, w);
      EXPECT_EQ(alone, std::vector<float>(all.begin() + r * 48, all.begin() + (r + 1) * 48)) << IsaName(isa);
    }
  }
}

// Against sums in double of the exact weights and the numbers themselves.
TEST(Packed, ProductsAreCloseToExactOnes) {
  for (const Source& source : Sources()) {
    const Weight w = RandomWeight(source, 32, 1024, 6);
    const std::vector<float> x = RandomNumbers(4 * 1024, 7);
    const Quantized q(Kernels(DetectIsa()), x, 4, 1024);
    const std::vector<float> actual = Product(Kernels(DetectIsa()), q, 0, 4, Packed(w));
    double error = 0, norm = 0;
    std::vector<float> row(1024);
    for (int64_t n = 0; n < 32; ++n) {
      UnpackRow(w.Row(n), 1024, row.data());
      for (int64_t m = 0; m < 4; ++m) {
        double sum = 0;
        for (int64_t k = 0; k < 1024; ++k)
          sum += double{x[static_cast<size_t>(m * 1024 + k)]} * row[static_cast<size_t>(k)];
        const double off = actual[static_cast<size_t>(m * 32 + n)] - sum;
        error += off * off;
        norm += sum * sum;
      }
    }
    EXPECT_LT(std::sqrt(error / norm), 0.01) << source.name;
  }
}

TEST(Packed, WhatIsNoNumberStaysNone) {
  const Weight w = Packed(RandomWeight(Sources()[0], 16, 128, 9));
  std::vector<float> x = RandomNumbers(2 * 128, 9);
  x[40] = std::numeric_limits<float>::infinity();
  for (Isa isa : testing::TestedIsas()) {
    const Quantized q(testing::TableOf(isa), x, 2, 128);
    const std::vector<float> out = Product(testing::TableOf(isa), q, 0, 2, w);
    for (int64_t n = 0; n < 16; ++n) {
      EXPECT_TRUE(std::isnan(out[static_cast<size_t>(n)]));
      EXPECT_TRUE(std::isfinite(out[static_cast<size_t>(16 + n)]));
    }
  }
}

}  // namespace
}  // namespace mains
