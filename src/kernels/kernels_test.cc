// Every slot of every table that this processor can run, against double precision, against the
// reference, and against itself with other things computed beside it.
#include "kernels/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/peaks.h"
#include "kernels/round.h"
#include "kernels/testing.h"
#include "tensor/convert.h"
#include "tensor/gguf_blocks.h"

namespace mains {
namespace {

using testing::GuardedBytes;
using testing::GuardedFloats;
using testing::IsSum;
using testing::kInf;
using testing::kNan;
using testing::kUlp;
using testing::Random;
using testing::SameBits;
using testing::Shape;

class KernelsTest : public ::testing::TestWithParam<Isa> {
 protected:
  const KernelTable& table_ = testing::TableOf(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Isas, KernelsTest, ::testing::ValuesIn(testing::TestedIsas()),
                         [](const auto& isa) { return std::string(IsaName(isa.param)); });

TEST_P(KernelsTest, EverySlotIsFilled) {
  for (const auto product : table_.gemm_nt_narrow) EXPECT_NE(product, nullptr);
  for (const auto product : table_.gemm_nn_add_narrow) EXPECT_NE(product, nullptr);
  EXPECT_TRUE(table_.gemm_nt && table_.gemm_nn_add && table_.rms_norm && table_.softmax_block &&
              table_.swiglu && table_.rope && table_.add_scaled && table_.scale);
  EXPECT_TRUE(table_.quantize_row && table_.gemm_packed && table_.round_q3_k && table_.round_q4_k &&
              table_.round_q8_0 && table_.round_iq4_nl);
  const bool has_bf16 = table_.gemm_bf16 != nullptr;  // these all, or none
  EXPECT_EQ(table_.gemm_nn_add_bf16 != nullptr, has_bf16);
  EXPECT_EQ(table_.gemm_bf16_scaled != nullptr, has_bf16);
  EXPECT_EQ(table_.widen_f8 != nullptr, has_bf16);
  for (KernelTable::Unpack unpack : table_.unpack) EXPECT_NE(unpack, nullptr);
  for (KernelTable::FromF32 store : table_.from_f32) EXPECT_NE(store, nullptr);
  for (KernelTable::ToF32 load : table_.to_f32) EXPECT_NE(load, nullptr);
}

// That their instructions are ones the instruction set has: the tiles' are emulated here where they must be.
TEST_P(KernelsTest, PeaksRun) {
  if (IsaSupported(GetParam())) {
    for (const PeakKernel& peak : PeakKernels(GetParam())) EXPECT_FALSE(std::isnan(peak.run(3)));
#if defined(__x86_64__)
  } else if (GetParam() == Isa::kAmx) {
    for (const PeakKernel& peak : {kAmxPeakInt8, kAmxPeakBf16}) EXPECT_EQ(peak.run(3), 0);
#endif
  }
}

// Both sides of every tile boundary: 3, 4, 6 and 8 rows or columns, 8 and 16 lanes, 96 rows, depth 1024.
const std::vector<int64_t> kCounts = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 33};

std::vector<Shape> Shapes() {
  std::vector<Shape> shapes;
  for (int64_t m : kCounts) {
    for (int64_t n : kCounts) {
      for (int64_t k : {1, 7, 16, 39, 64, 70}) shapes.push_back({m, n, k});
    }
  }
  std::vector<int64_t> depths = {127, 128, 129, 255, 256, 257, 1000, 1023, 1024, 1025, 2049, 4096};
  for (int64_t k = 0; k <= 70; ++k) depths.push_back(k);
  for (int64_t k : depths) {
    for (int64_t m : {1, 3, 7}) shapes.push_back({m, 13, k});
  }
  for (int64_t m : {95, 96, 97, 193}) shapes.push_back({m, 9, 1030});
  return shapes;
}

// A product with padded rows on guarded memory.
struct NtCase {
  explicit NtCase(Shape shape, uint32_t seed = 1)
      : s(shape),
        x(Random((s.m - 1) * xs() + s.k, seed)),
        w(Random((s.n - 1) * ws() + s.k, seed + 1)),
        out(std::vector<float>(static_cast<size_t>((s.m - 1) * os() + s.n), 77.0f)) {}
  int64_t xs() const { return s.k + 3; }
  int64_t ws() const { return s.k + 1; }
  int64_t os() const { return s.n + 2; }
  void Run(const KernelTable& table) {
    table.gemm_nt(x.get(), xs(), s.m, w.get(), ws(), s.n, s.k, out.get(), os());
  }
  Shape s;
  GuardedFloats x, w, out;
};

// Each sum of k products is rounded at most k / 8 + 16 times on the way of any one product: 8 is the
// smallest number of lanes, 16 covers the folding. The whole matrix is far nearer, since errors cancel.
TEST_P(KernelsTest, GemmNtIsTheMatrixProduct) {
  for (Shape s : Shapes()) {
    SCOPED_TRACE(::testing::Message() << s.m << " x " << s.n << " x " << s.k);
    NtCase c(s);
    c.Run(table_);
    double error = 0, norm = 0;
    for (int64_t r = 0; r < s.m; ++r) {
      for (int64_t col = 0; col < s.n; ++col) {
        double exact = 0, magnitude = 0;
        for (int64_t i = 0; i < s.k; ++i) {
          const double product = static_cast<double>(c.x[r * c.xs() + i]) * c.w[col * c.ws() + i];
          exact += product;
          magnitude += std::abs(product);
        }
        const double off = c.out[r * c.os() + col] - exact;
        const double rounds = static_cast<double>(s.k) / 8 + 16;
        ASSERT_LE(std::abs(off), rounds * kUlp * magnitude) << r << ", " << col;
        error += off * off;
        norm += magnitude * magnitude;
      }
      for (int64_t gap = s.n; gap < c.os() && r + 1 < s.m; ++gap) ASSERT_EQ(c.out[r * c.os() + gap], 77.0f);
    }
    ASSERT_LE(error, 1e-12 * norm);
  }
}

TEST_P(KernelsTest, GemmNtGivesARowTheSameBitsInAnyCompany) {
  for (Shape s : Shapes()) {
    SCOPED_TRACE(::testing::Message() << s.m << " x " << s.n << " x " << s.k);
    NtCase c(s);
    c.Run(table_);
    for (int64_t r = 0; r < s.m; ++r) {
      for (int64_t col = 0; col < s.n; ++col) {
        float alone = -1;
        table_.gemm_nt(c.x.get() + r * c.xs(), c.xs(), 1, c.w.get() + col * c.ws(), c.ws(), 1, s.k, &alone,
                       1);
        ASSERT_TRUE(SameBits(alone, c.out[r * c.os() + col])) << r << ", " << col;
      }
    }
  }
}

TEST_P(KernelsTest, GemmNtKeepsNanInItsRowAndColumn) {
  for (float poison : {kNan, kInf}) {
    NtCase c({7, 13, 70});
    std::fill_n(c.w.get(), c.w.values().size(), 0.0f);  // infinity times 0 is NaN
    c.x[3 * c.xs() + 69] = poison;
    c.w[5 * c.ws() + 2] = kNan;
    c.Run(table_);
    for (int64_t r = 0; r < 7; ++r) {
      for (int64_t col = 0; col < 13; ++col) {
        ASSERT_EQ(std::isnan(c.out[r * c.os() + col]), r == 3 || col == 5) << r << ", " << col;
      }
    }
  }
}

std::vector<Shape> AddShapes() {
  std::vector<Shape> shapes;
  for (int64_t m : kCounts) {
    for (int64_t n : {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 130, 200, 256}) {
      for (int64_t j : {1, 5, 64}) shapes.push_back({m, n, j});
    }
  }
  for (int64_t j = 0; j <= 70; ++j) shapes.push_back({3, 37, j});
  shapes.push_back({5, 70, 1000});
  return shapes;
}

struct NnCase {
  explicit NnCase(Shape shape)
      : s(shape),
        p(Random((s.m - 1) * ps() + s.k, 3)),
        v(Random(std::max<int64_t>(0, (s.k - 1) * vs() + s.n), 4)),
        before(Random((s.m - 1) * os() + s.n, 5)),
        out(before) {}
  int64_t ps() const { return s.k + 2; }
  int64_t vs() const { return s.n + 1; }
  int64_t os() const { return s.n + 3; }
  void Run(const KernelTable& table) {
    table.gemm_nn_add(p.get(), ps(), s.m, v.get(), vs(), s.k, s.n, out.get(), os());
  }
  Shape s;
  GuardedFloats p, v;
  std::vector<float> before;
  GuardedFloats out;
};

// One or two roundings for each of the j additions.
TEST_P(KernelsTest, GemmNnAddIsTheMatrixProduct) {
  for (Shape s : AddShapes()) {
    SCOPED_TRACE(::testing::Message() << s.m << " x " << s.n << " x " << s.k);
    NnCase c(s);
    c.Run(table_);
    for (int64_t r = 0; r < s.m; ++r) {
      for (int64_t col = 0; col < s.n; ++col) {
        const float before = c.before[static_cast<size_t>(r * c.os() + col)];
        ASSERT_TRUE(IsSum(c.out[r * c.os() + col], before, s.k, static_cast<double>(s.k + 1), [&](int64_t i) {
          return static_cast<double>(c.p[r * c.ps() + i]) * c.v[i * c.vs() + col];
        }));
      }
      for (int64_t gap = s.n; gap < c.os() && r + 1 < s.m; ++gap) {
        ASSERT_EQ(c.out[r * c.os() + gap], c.before[static_cast<size_t>(r * c.os() + gap)]);
      }
    }
  }
}

TEST_P(KernelsTest, GemmNnAddGivesTheSameBitsInAnyCompanyAndInAnyPieces) {
  for (Shape s : AddShapes()) {
    SCOPED_TRACE(::testing::Message() << s.m << " x " << s.n << " x " << s.k);
    NnCase c(s);
    c.Run(table_);
    for (int64_t r = 0; r < s.m; ++r) {
      for (int64_t col = 0; col < s.n; ++col) {
        float alone = c.before[static_cast<size_t>(r * c.os() + col)];
        const int64_t first = s.k / 3;  // in two pieces
        const float* p = c.p.get() + r * c.ps();
        const float* v = c.v.get() + col;
        table_.gemm_nn_add(p, c.ps(), 1, v, c.vs(), first, 1, &alone, 1);
        table_.gemm_nn_add(p + first, c.ps(), 1, v + first * c.vs(), c.vs(), s.k - first, 1, &alone, 1);
        ASSERT_TRUE(SameBits(alone, c.out[r * c.os() + col])) << r << ", " << col;
      }
    }
  }
}

TEST_P(KernelsTest, GemmNnAddDoesNotSkipZeros) {
  const float zero = 0, nan = kNan;
  float out = 1;
  table_.gemm_nn_add(&zero, 1, 1, &nan, 1, 1, 1, &out, 1);
  EXPECT_TRUE(std::isnan(out));
}

TEST_P(KernelsTest, ProductsWithNumbersOfTheStateAreThoseWithTheSameNumbersAsF32) {
  for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const size_t type = static_cast<size_t>(dtype);
    for (int64_t m : {1, 2, 3, 5, 6, 7, 16}) {
      for (int64_t n : {1, 4, 7, 8, 13, 64}) {
        for (int64_t k : {1, 7, 8, 15, 16, 33, 64, 128, 130}) {
          SCOPED_TRACE(::testing::Message() << Name(dtype) << ", " << m << " x " << n << " x " << k);
          const int64_t size = ByteSize(dtype, 1);
          const auto state_of = [&](int64_t rows, int64_t cols, uint32_t seed, GuardedFloats& wide) {
            auto narrow = std::make_unique<GuardedBytes>(rows * cols * size);
            table_.from_f32[type](Random(rows * cols, seed).data(), rows * cols, narrow->data());
            table_.to_f32[type](narrow->data(), rows * cols, wide.get());
            return narrow;
          };
          GuardedFloats w(n * k), v(k * n);
          const auto narrow_w = state_of(n, k, 2, w), narrow_v = state_of(k, n, 3, v);
          const GuardedFloats x(Random(m * k, 1));
          std::vector<float> a(static_cast<size_t>(m * n)), b = a, c = Random(m * n, 4), d = c;
          table_.gemm_nt(x.get(), k, m, w.get(), k, n, k, a.data(), n);
          table_.gemm_nt_narrow[type](x.get(), k, m, narrow_w->data(), k, n, k, b.data(), n);
          ASSERT_TRUE(SameBits(a, b));
          table_.gemm_nn_add(x.get(), k, m, v.get(), n, k, n, c.data(), n);
          table_.gemm_nn_add_narrow[type](x.get(), k, m, narrow_v->data(), n, k, n, d.data(), n);
          ASSERT_TRUE(SameBits(c, d));
        }
      }
    }
  }
}

// A row of random bytes behind guards. Where the reference says NaN any NaN will do: which of two NaN
// operands an addition returns is up to the compiler.
class UnpackCase {
 public:
  UnpackCase(WeightFormat format, DType dtype, int64_t data_bytes, int64_t scale_bytes, int64_t zero_bytes,
             uint32_t seed)
      : data_(data_bytes), scales_(scale_bytes), zeros_(zero_bytes) {
    std::mt19937 random(seed);
    Fill(data_, data_bytes, 255, random);
    Fill(scales_, scale_bytes, 255, random);
    Fill(zeros_, zero_bytes, 15, random);
    row_.format = format;
    row_.dtype = dtype;
    row_.data = reinterpret_cast<const std::byte*>(data_.data());
    if (scale_bytes > 0) row_.scales = reinterpret_cast<const std::byte*>(scales_.data());
    if (zero_bytes > 0) row_.zeros = reinterpret_cast<const std::byte*>(zeros_.data());
  }
  WeightRow& row() { return row_; }

  void ExpectSameAsReference(const KernelTable& table, int64_t cols) const {
    GuardedFloats expected(cols), actual(cols);
    UnpackRow(row_, cols, expected.get());
    const int slot = UnpackSlot(row_.format, row_.dtype);
    table.unpack[static_cast<size_t>(slot)](row_, cols, actual.get());
    for (int64_t i = 0; i < cols; ++i) {
      if (std::isnan(expected[i]) && std::isnan(actual[i])) continue;
      ASSERT_TRUE(SameBits(expected[i], actual[i])) << i << ": " << expected[i] << " vs " << actual[i];
    }
  }

 private:
  static void Fill(const GuardedBytes& bytes, int64_t size, int max, std::mt19937& random) {
    for (int64_t i = 0; i < size; ++i) {
      bytes.data()[i] = static_cast<char>(random() % (static_cast<unsigned>(max) + 1));
    }
  }
  GuardedBytes data_, scales_, zeros_;
  WeightRow row_;
};

TEST_P(KernelsTest, UnpackOfPlainRowsIsUnpackRow) {
  for (int type = 0; type < kDTypeCount; ++type) {
    const DType dtype = static_cast<DType>(type);
    const int64_t block = Info(dtype).block_elements;
    std::vector<int64_t> widths = {block, 2 * block, 3 * block, 5 * block, 32 * block};
    if (block == 1) {
      for (int64_t cols = 0; cols <= 70; ++cols) widths.push_back(cols);
      widths.push_back(4096);
    }
    for (int64_t cols : widths) {
      SCOPED_TRACE(::testing::Message() << Name(dtype) << " x " << cols);
      UnpackCase c(WeightFormat::kPlain, dtype, ByteSize(dtype, cols), 0, 0,
                   static_cast<uint32_t>(cols + type));
      c.ExpectSameAsReference(table_, cols);
    }
  }
}

TEST_P(KernelsTest, UnpackOfEverySixteenBitAndEightBitNumberIsUnpackRow) {
  std::vector<uint16_t> all(65536);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  std::vector<uint8_t> bytes(256);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  for (DType dtype : {DType::kF16, DType::kBF16, DType::kF8E4M3, DType::kI8}) {
    const bool wide = dtype == DType::kF16 || dtype == DType::kBF16;
    WeightRow row;
    row.dtype = dtype;
    row.data = reinterpret_cast<const std::byte*>(wide ? static_cast<const void*>(all.data()) : bytes.data());
    std::vector<float> expected(wide ? 65536 : 256), actual(expected.size());
    UnpackRow(row, static_cast<int64_t>(expected.size()), expected.data());
    table_.unpack[static_cast<size_t>(dtype)](row, static_cast<int64_t>(actual.size()), actual.data());
    EXPECT_TRUE(SameBits(expected, actual)) << Name(dtype);
  }
}

TEST_P(KernelsTest, UnpackOfGroupedRowsIsUnpackRow) {
  struct Format {
    WeightFormat format;
    DType dtype;
    bool zeros;
  };
  const Format formats[] = {{WeightFormat::kF8Block, DType::kF8E4M3, false},
                            {WeightFormat::kInt4Group, DType::kI32, false},
                            {WeightFormat::kInt4Group, DType::kI32, true},
                            {WeightFormat::kFp4Group, DType::kU8, false}};
  for (const Format& f : formats) {
    for (DType scale_dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kF8E8M0}) {
      for (int32_t group : {2, 5, 8, 16, 24, 32, 128}) {
        for (int64_t cols : {1, 2, 6, 8, 31, 32, 33, 40, 127, 128, 129, 256, 328, 4096}) {
          SCOPED_TRACE(::testing::Message() << static_cast<int>(f.format) << ", scales " << Name(scale_dtype)
                                            << ", groups of " << group << ", " << cols << " columns");
          const int64_t groups = (cols + group - 1) / group;
          int64_t data_bytes = cols;
          if (f.format == WeightFormat::kInt4Group) data_bytes = (cols + 7) / 8 * 4;
          if (f.format == WeightFormat::kFp4Group) data_bytes = (cols + 1) / 2;
          UnpackCase c(f.format, f.dtype, data_bytes, ByteSize(scale_dtype, groups), f.zeros ? groups : 0,
                       static_cast<uint32_t>(cols + group));
          c.row().scale_dtype = scale_dtype;
          c.row().group = group;
          c.ExpectSameAsReference(table_, cols);
        }
      }
    }
  }
}

struct Rounding {
  DType dtype;
  KernelTable::RoundRow KernelTable::*round;
  double error;  // mean squared, of normal numbers, over their mean square
};
const Rounding kRoundings[] = {{DType::kQ8_0, &KernelTable::round_q8_0, 3.1e-5},
                               {DType::kQ3_K, &KernelTable::round_q3_k, 2.1e-2},
                               {DType::kQ4_K, &KernelTable::round_q4_k, 5.1e-3},
                               {DType::kIQ4_NL, &KernelTable::round_iq4_nl, 5.6e-3}};

TEST_P(KernelsTest, RoundingGivesTheBlocksOfTheReference) {
  std::vector<float> numbers = Random(256 * 40, 21, 0.02f);
  const std::vector<float> odd = {0,    -0.0f, 1e-38f, 1e-30f, -1e-31f, 0x1p-149f, 1e30f, -3e38f,
                                  kInf, -kInf, kNan,   65504,  -7e4f,   1,         -1,    0.5f};
  for (size_t i = 0; i < 256 * 8; ++i)
    numbers.push_back(i % 7 == 0 ? odd[i / 96 % odd.size()] : 0.01f * static_cast<float>(i % 5));
  for (const float same : odd) numbers.insert(numbers.end(), 256, same);
  for (size_t i = 0; i < 256; ++i)
    numbers.push_back(3 + 0.1f * static_cast<float>(i % 9));  // none below zero
  for (const Rounding& rounding : kRoundings) {
    for (int64_t n : {int64_t{256}, int64_t{512}, int64_t{768}, std::ssize(numbers) / 256 * 256}) {
      SCOPED_TRACE(::testing::Message() << Name(rounding.dtype) << " x " << n);
      const GuardedFloats x(std::vector<float>(numbers.end() - n, numbers.end()));
      const GuardedBytes blocks(ByteSize(rounding.dtype, n)), expected(ByteSize(rounding.dtype, n));
      (table_.*rounding.round)(x.get(), n, reinterpret_cast<std::byte*>(blocks.data()));
      (Kernels(Isa::kReference).*rounding.round)(x.get(), n, reinterpret_cast<std::byte*>(expected.data()));
      ASSERT_EQ(std::memcmp(blocks.data(), expected.data(), static_cast<size_t>(ByteSize(rounding.dtype, n))),
                0);
    }
  }
}

// llama.cpp leaves 5.09e-3 of normal and 7.53e-3 of Student's t numbers (4 degrees of freedom) in
// Q4_K, 2.28e-2 and 3.33e-2 in Q3_K.
TEST_P(KernelsTest, RoundingLeavesLittleError) {
  const int64_t n = 256 * 256;
  const std::vector<float> x = Random(n, 22, 0.02f);
  std::vector<float> heavy(x.size()), y(x.size());
  std::mt19937 random(23);
  std::student_t_distribution<float> student(4);
  for (float& v : heavy) v = 0.02f * student(random);
  for (const Rounding& rounding : kRoundings) {
    SCOPED_TRACE(Name(rounding.dtype));
    std::vector<std::byte> blocks(static_cast<size_t>(ByteSize(rounding.dtype, n)));
    const auto error_of = [&](const std::vector<float>& numbers) {
      (table_.*rounding.round)(numbers.data(), n, blocks.data());
      UnpackGgufBlocks(rounding.dtype, blocks.data(), n, y.data());
      double error = 0, energy = 0;
      for (size_t i = 0; i < y.size(); ++i) {
        error += std::pow(static_cast<double>(y[i]) - numbers[i], 2);
        energy += std::pow(static_cast<double>(numbers[i]), 2);
      }
      return error / energy;
    };
    EXPECT_LT(error_of(x), rounding.error);
    if (rounding.dtype == DType::kQ4_K) {
      EXPECT_LT(error_of(heavy), 7.6e-3);
    }
    if (rounding.dtype == DType::kQ3_K) {
      EXPECT_LT(error_of(heavy), 3.2e-2);
    }
  }
}

TEST_P(KernelsTest, RoundingKeepsWhatItsCodesCanSay) {
  // Whole multiples of a scale that f16 can hold.
  std::vector<float> x(512), y(512);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = 0.25f * static_cast<float>(static_cast<int>(i * 7 % 255) - 127);
  for (size_t i = 0; i < x.size(); i += 32) x[i] = 0.25f * 127;
  std::vector<std::byte> blocks(static_cast<size_t>(ByteSize(DType::kQ8_0, 512)));
  table_.round_q8_0(x.data(), 512, blocks.data());
  UnpackGgufBlocks(DType::kQ8_0, blocks.data(), 512, y.data());
  EXPECT_EQ(x, y);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.5f * static_cast<float>(kIq4Values[i * 5 % 16]);
  table_.round_iq4_nl(x.data(), 512, blocks.data());
  UnpackGgufBlocks(DType::kIQ4_NL, blocks.data(), 512, y.data());
  EXPECT_EQ(x, y);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.5f * static_cast<float>(static_cast<int>(i * 5 % 8) - 4);
  table_.round_q3_k(x.data(), 512, blocks.data());
  UnpackGgufBlocks(DType::kQ3_K, blocks.data(), 512, y.data());
  EXPECT_EQ(x, y);
}

TEST_P(KernelsTest, ConversionsAreThoseOfConvertH) {
  std::mt19937 random(9);
  std::vector<float> numbers = {0.0f,      -0.0f,       1.0f,       65504.0f,   65519.0f, 65520.0f,
                                -65520.0f, 1e30f,       -kInf,      kInf,       kNan,     -kNan,
                                0x1p-14f,  0x1p-24f,    0x1p-25f,   0x1.8p-25f, 0x1p-26f, 0x1p-149f,
                                3.4e38f,   1.00390625f, 1.01171875f};
  numbers.push_back(std::bit_cast<float>(0x7F80'0001u));  // a NaN whose top half looks like infinity
  while (numbers.size() < 40'003) numbers.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
  for (const float v : Random(20'000, 10, 100)) numbers.push_back(v);
  for (int64_t n = 0; n <= static_cast<int64_t>(numbers.size()); n = n < 70 ? n + 1 : n + 29'989) {
    const GuardedFloats in(std::vector<float>(numbers.begin(), numbers.begin() + n));
    const GuardedBytes f16(2 * n), bf16(2 * n), f32(4 * n);
    table_.from_f32[static_cast<size_t>(DType::kF16)](in.get(), n, f16.data());
    table_.from_f32[static_cast<size_t>(DType::kBF16)](in.get(), n, bf16.data());
    table_.from_f32[static_cast<size_t>(DType::kF32)](in.get(), n, f32.data());
    const GuardedFloats from_f16(n), from_bf16(n), from_f32(n);
    table_.to_f32[static_cast<size_t>(DType::kF16)](f16.data(), n, from_f16.get());
    table_.to_f32[static_cast<size_t>(DType::kBF16)](bf16.data(), n, from_bf16.get());
    table_.to_f32[static_cast<size_t>(DType::kF32)](f32.data(), n, from_f32.get());
    for (int64_t i = 0; i < n; ++i) {
      ASSERT_TRUE(SameBits(from_f16[i], F32FromF16(F16FromF32(in[i])))) << in[i] << " of " << n;
      ASSERT_TRUE(SameBits(from_bf16[i], F32FromBf16(Bf16FromF32(in[i])))) << in[i] << " of " << n;
      ASSERT_TRUE(SameBits(from_f32[i], in[i])) << in[i];
    }
  }
}

TEST_P(KernelsTest, RmsNormIsTheFormula) {
  for (int64_t n = 1; n <= 4100; n = n < 140 ? n + 1 : n * 2 - 91) {
    for (bool weighted : {false, true}) {
      const GuardedFloats x(Random(n, 6, 3)), w(Random(n, 7)), out(n);
      table_.rms_norm(x.get(), weighted ? w.get() : nullptr, n, 1e-6f, out.get());
      double squares = 0;
      for (int64_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * x[i];
      const double inverse = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-6);
      for (int64_t i = 0; i < n; ++i) {
        const double exact = x[i] * inverse * (weighted ? w[i] : 1.0f);
        ASSERT_LE(std::abs(out[i] - exact), (static_cast<double>(n) / 16 + 12) * kUlp * std::abs(exact)) << n;
      }
      const std::vector<float> apart = out.values();
      table_.rms_norm(x.get(), weighted ? w.get() : nullptr, n, 1e-6f, x.get());
      ASSERT_TRUE(SameBits(x.values(), apart)) << "in place, " << n;
    }
  }
}

TEST_P(KernelsTest, RmsNormSpreadsNan) {
  std::vector<float> x = Random(100, 6);
  x[99] = kNan;
  table_.rms_norm(x.data(), nullptr, 100, 1e-6f, x.data());
  for (float v : x) EXPECT_TRUE(std::isnan(v));
}

TEST_P(KernelsTest, RmsNormOfSquaresThatOverflowIsNan) {
  for (float huge : {2e19f, 3e38f, kInf}) {
    for (size_t at : {size_t{0}, size_t{50}, size_t{99}}) {
      std::vector<float> x = Random(100, 6);
      x[at] = -huge;
      table_.rms_norm(x.data(), nullptr, 100, 1e-6f, x.data());
      for (float v : x) EXPECT_TRUE(std::isnan(v)) << huge << " at " << at;
    }
  }
}

// Softmax over blocks of `block`, as attention uses it: what was found before is scaled by each factor.
std::vector<float> BlockedSoftmax(const KernelTable& table, const std::vector<float>& scores, size_t block) {
  std::vector<float> all;
  float max = -kInf, sum = 0;
  for (size_t begin = 0; begin < scores.size(); begin += block) {
    const size_t end = std::min(scores.size(), begin + block);
    const GuardedFloats s(std::vector<float>(scores.begin() + static_cast<int64_t>(begin),
                                             scores.begin() + static_cast<int64_t>(end)));
    const float factor = table.softmax_block(s.get(), static_cast<int64_t>(end - begin), &max, &sum);
    for (float& v : all) v *= factor;
    for (float v : s.values()) all.push_back(v);
  }
  for (float& v : all) v /= sum;
  return all;
}

std::vector<double> ExactSoftmax(const std::vector<float>& scores) {
  double max = -kInf, sum = 0;
  for (float s : scores) max = std::max<double>(max, s);
  std::vector<double> all;
  for (float s : scores) sum += all.emplace_back(std::exp(s - max));
  for (double& v : all) v /= sum;
  return all;
}

// The subtraction of the maximum is rounded: its error, up to |s - max| ulps, becomes a relative one.
void ExpectSoftmax(const KernelTable& table, const std::vector<float>& scores) {
  const std::vector<double> exact = ExactSoftmax(scores);
  const float max = *std::max_element(scores.begin(), scores.end());
  for (size_t block : {size_t{1}, size_t{7}, size_t{16}, size_t{64}, scores.size()}) {
    const std::vector<float> actual = BlockedSoftmax(table, scores, block);
    for (size_t i = 0; i < scores.size(); ++i) {
      const double distance = std::min(100.0, static_cast<double>(max) - scores[i]);
      const double rounds = 24 + 3 * distance + static_cast<double>(scores.size()) / 8;
      ASSERT_NEAR(actual[i], exact[i], rounds * 2 * kUlp * exact[i] + std::exp(kLeastExponent))
          << i << " in blocks of " << block;
    }
  }
}

TEST_P(KernelsTest, SoftmaxInBlocksIsSoftmax) {
  for (int64_t n = 1; n <= 70; ++n) ExpectSoftmax(table_, Random(n, static_cast<uint32_t>(n), 3));
  for (float scale : {1e-3f, 1.0f, 30.0f, 1e4f, 1e30f}) ExpectSoftmax(table_, Random(200, 12, scale));
  ExpectSoftmax(table_, std::vector<float>(130, 5.0f));
}

TEST_P(KernelsTest, SoftmaxGivesMaskedScoresExactlyNothing) {
  std::vector<float> scores = Random(200, 13);
  for (size_t i = 0; i < 130; ++i) scores[i] = -kInf;  // the first two blocks of 64 have nothing
  for (size_t i = 150; i < 200; i += 3) scores[i] = -kInf;
  ExpectSoftmax(table_, scores);
  const std::vector<float> actual = BlockedSoftmax(table_, scores, 64);
  for (size_t i = 0; i < 200; ++i) EXPECT_EQ(actual[i] == 0, std::isinf(scores[i])) << i;
}

TEST_P(KernelsTest, SoftmaxGivesNoDenormals) {
  std::vector<float> scores(400);
  for (size_t i = 0; i < scores.size(); ++i) scores[i] = -0.3f * static_cast<float>(i);
  float max = -kInf, sum = 0;
  std::vector<float> weights = scores;
  table_.softmax_block(weights.data(), 400, &max, &sum);
  for (size_t i = 0; i < scores.size(); ++i)
    EXPECT_EQ(weights[i] == 0, scores[i] < kLeastExponent) << scores[i] << ": " << weights[i];
  float later[1] = {100.0f};
  EXPECT_EQ(table_.softmax_block(later, 1, &max, &sum), 0.0f);
}

TEST_P(KernelsTest, SoftmaxBlockKeepsItsBook) {
  float max = -kInf, sum = 0;
  float s[3] = {-kInf, -kInf, -kInf};
  EXPECT_EQ(table_.softmax_block(s, 3, &max, &sum), 1.0f);
  EXPECT_TRUE(max == -kInf && sum == 0 && s[0] == 0 && s[1] == 0 && s[2] == 0);
  float one[1] = {-123.0f};
  EXPECT_EQ(table_.softmax_block(one, 1, &max, &sum), 0.0f) << "nothing came before";
  EXPECT_TRUE(max == -123.0f && sum == 1.0f && one[0] == 1.0f);
  float far[2] = {1000.0f, -1e30f};
  EXPECT_EQ(table_.softmax_block(far, 2, &max, &sum), 0.0f);
  EXPECT_TRUE(max == 1000.0f && sum == 1.0f && far[0] == 1.0f && far[1] == 0.0f);
  float masked[2] = {-kInf, -kInf};
  EXPECT_EQ(table_.softmax_block(masked, 2, &max, &sum), 1.0f);
  EXPECT_TRUE(max == 1000.0f && sum == 1.0f);
}

TEST_P(KernelsTest, SoftmaxOfAMaskedTailHasTheBitsOfAShorterBlock) {
  for (size_t n = 1; n <= 64; ++n) {
    std::vector<float> shorter = Random(static_cast<int64_t>(n), 14), longer = shorter;
    longer.resize(64, -kInf);
    float max[2] = {-kInf, -kInf}, sum[2] = {0, 0};
    table_.softmax_block(shorter.data(), static_cast<int64_t>(n), &max[0], &sum[0]);
    table_.softmax_block(longer.data(), 64, &max[1], &sum[1]);
    longer.resize(n);
    EXPECT_TRUE(SameBits(shorter, longer)) << n;
    EXPECT_TRUE(SameBits(max[0], max[1]) && SameBits(sum[0], sum[1])) << n;
  }
}

TEST_P(KernelsTest, SoftmaxKeepsNan) {
  for (float poison : {kNan, kInf}) {
    for (int64_t n : {1, 5, 64}) {
      for (float rest : {0.0f, -kInf}) {
        std::vector<float> s(static_cast<size_t>(n), rest);
        s.back() = poison;
        float max = 3, sum = 1;
        table_.softmax_block(s.data(), n, &max, &sum);
        EXPECT_TRUE(std::isnan(sum)) << poison << " among " << n;
        std::vector<float> next = Random(n, 15);
        table_.softmax_block(next.data(), n, &max, &sum);
        EXPECT_TRUE(std::isnan(sum)) << poison << " among " << n << ", one block later";
      }
    }
  }
}

// With a running maximum of 0 the block is a plain exponential.
TEST_P(KernelsTest, SoftmaxExponentialIsAccurate) {
  for (float x = 0; x > -110; x -= 0.00137f) {
    float s = x, max = 0, sum = 0;
    table_.softmax_block(&s, 1, &max, &sum);
    const double exact = x < kLeastExponent ? 0 : std::exp(static_cast<double>(x));
    ASSERT_LE(std::abs(s - exact), 1e-7 * exact) << x;
  }
}

TEST_P(KernelsTest, SwiGluIsTheFormula) {
  for (int64_t n = 1; n <= 140; ++n) {
    std::vector<float> gates = Random(n, 16, 20);
    if (n > 4) gates[0] = 0, gates[1] = 100, gates[2] = -100, gates[3] = -88;
    const GuardedFloats gate(gates), up(Random(n, 17)), out(n);
    table_.swiglu(gate.get(), up.get(), n, out.get());
    for (int64_t i = 0; i < n; ++i) {
      const double exact = gate[i] / (1 + std::exp(-static_cast<double>(gate[i]))) * up[i];
      ASSERT_NEAR(out[i], exact, 8 * kUlp * std::abs(exact) + 1e-35) << gate[i];
      float alone = 0;
      table_.swiglu(&gate[i], &up[i], 1, &alone);
      ASSERT_TRUE(SameBits(alone, out[i])) << gate[i];
    }
    const std::vector<float> apart = out.values();
    table_.swiglu(gate.get(), up.get(), n, gate.get());
    ASSERT_TRUE(SameBits(gate.values(), apart)) << "in place, " << n;
  }
  const float numbers[2] = {kNan, 1};
  float out = 0;
  table_.swiglu(&numbers[0], &numbers[1], 1, &out);
  EXPECT_TRUE(std::isnan(out));
  table_.swiglu(&numbers[1], &numbers[0], 1, &out);
  EXPECT_TRUE(std::isnan(out));
}

TEST_P(KernelsTest, RopeRotatesEachPair) {
  for (int64_t pairs = 1; pairs <= 70; ++pairs) {
    for (bool interleaved : {false, true}) {
      const GuardedFloats x(Random(2 * pairs, 18)), cos(pairs), sin(pairs);
      for (int64_t i = 0; i < pairs; ++i) {
        cos[i] = std::cos(static_cast<float>(i) * 0.7f);
        sin[i] = std::sin(static_cast<float>(i) * 0.7f);
      }
      const std::vector<float> before = x.values();
      table_.rope(x.get(), cos.get(), sin.get(), pairs, interleaved);
      for (int64_t i = 0; i < pairs; ++i) {
        const int64_t ia = interleaved ? 2 * i : i, ib = interleaved ? 2 * i + 1 : i + pairs;
        float pair[2] = {before[static_cast<size_t>(ia)], before[static_cast<size_t>(ib)]};
        const double a = pair[0], b = pair[1];
        const double bound = 3 * kUlp * (std::abs(a) + std::abs(b));
        ASSERT_NEAR(x[ia], a * cos[i] - b * sin[i], bound) << i << " of " << pairs;
        ASSERT_NEAR(x[ib], b * cos[i] + a * sin[i], bound) << i << " of " << pairs;
        table_.rope(pair, &cos[i], &sin[i], 1, interleaved);
        ASSERT_TRUE(SameBits(pair[0], x[ia]) && SameBits(pair[1], x[ib])) << i << " of " << pairs;
      }
    }
  }
}

TEST_P(KernelsTest, AddScaledAndScaleAreElementwise) {
  for (int64_t n = 0; n <= 140; ++n) {
    const GuardedFloats x(Random(n, 19)), added(Random(n, 20)), scaled(Random(n, 20));
    const std::vector<float> before = added.values();
    table_.add_scaled(x.get(), 0.7f, n, added.get());
    table_.scale(0.7f, n, scaled.get());
    for (int64_t i = 0; i < n; ++i) {
      float alone = before[static_cast<size_t>(i)];
      const double product = 0.7f * static_cast<double>(x[i]);
      ASSERT_NEAR(added[i], alone + product, 2 * kUlp * (std::abs(alone) + 2 * std::abs(product)));
      ASSERT_EQ(scaled[i], 0.7f * alone);
      table_.add_scaled(&x[i], 0.7f, 1, &alone);
      ASSERT_TRUE(SameBits(alone, added[i]));
    }
  }
  float zero = 0;
  const float nan = kNan;
  table_.add_scaled(&nan, 0.0f, 1, &zero);
  EXPECT_TRUE(std::isnan(zero));
}

}  // namespace
}  // namespace mains
