// Products of bf16, of the tables that have them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/table.h"
#include "kernels/testing.h"
#include "tensor/convert.h"

namespace mains {
namespace {

using testing::Guarded;
using testing::GuardedFloats;
using testing::IsSum;
using testing::kInf;
using testing::kNan;
using testing::Random;
using testing::SameBits;
using testing::Shape;

class Bf16KernelsTest : public ::testing::TestWithParam<Isa> {
 protected:
  const KernelTable& table_ = testing::TableOf(GetParam());
};
std::vector<Isa> IsasWithBf16() {
  std::vector<Isa> isas = testing::TestedIsas();
  std::erase_if(isas, [](Isa isa) { return testing::TableOf(isa).gemm_bf16 == nullptr; });
  return isas;
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Bf16KernelsTest);
INSTANTIATE_TEST_SUITE_P(Isas, Bf16KernelsTest, ::testing::ValuesIn(IsasWithBf16()),
                         [](const auto& isa) { return std::string(IsaName(isa.param)); });

std::vector<uint16_t> Bf16s(int64_t n, uint32_t seed) {
  std::vector<uint16_t> bits;
  for (const float value : Random(std::max<int64_t>(0, n), seed)) bits.push_back(Bf16FromF32(value));
  return bits;
}
// Zeros from column `columns` on.
void FillUp(uint16_t* rows, int64_t count, int64_t columns, int64_t stride) {
  for (int64_t r = 0; r < count; ++r)
    std::fill(rows + r * stride + columns, rows + (r + 1) * stride, uint16_t{0});
}

// On guarded memory: rows of x are filled up with zeros, behind the last of w there is nothing.
struct Bf16Case {
  explicit Bf16Case(Shape shape)
      : s(shape),
        x(Bf16s(s.m * xs(), 11)),
        w(Bf16s((s.n - 1) * ws() + s.k, 12)),
        out(std::vector<float>(static_cast<size_t>((s.m - 1) * os() + s.n), 77.0f)) {
    FillUp(x.get(), s.m, s.k, xs());
  }
  int64_t xs() const { return (s.k + kBf16Step - 1) / kBf16Step * kBf16Step; }
  int64_t ws() const { return s.k + 1; }
  int64_t os() const { return s.n + 2; }
  float X(int64_t r, int64_t i) const { return F32FromBf16(x[r * xs() + i]); }
  float W(int64_t c, int64_t i) const { return F32FromBf16(w[c * ws() + i]); }
  float Out(int64_t r, int64_t c) const { return out[r * os() + c]; }
  void Run(const KernelTable& table) {
    table.gemm_bf16(x.get(), xs(), s.m, w.get(), ws(), s.n, s.k, out.get(), os());
  }
  Shape s;
  Guarded<uint16_t> x, w;
  GuardedFloats out;
};

// Both sides of 16 and 32 rows and columns, of 32, 512 and 2,048 numbers.
std::vector<Shape> Bf16Shapes() {
  std::vector<Shape> shapes;
  for (int64_t m : {1, 2, 3, 6, 7, 15, 16, 17, 31, 32, 33, 49}) {
    for (int64_t n : {1, 3, 4, 8, 15, 16, 17, 31, 32, 33, 40}) shapes.push_back({m, n, 70});
  }
  for (int64_t k : {0, 1, 2, 31, 32, 33, 63, 64, 65, 511, 512, 513, 544, 1025, 2047, 2048, 2049}) {
    for (int64_t m : {1, 7, 18}) shapes.push_back({m, 20, k});
  }
  shapes.push_back({97, 18, 600});
  return shapes;
}

TEST_P(Bf16KernelsTest, GemmBf16IsTheMatrixProduct) {
  for (Shape s : Bf16Shapes()) {
    SCOPED_TRACE(::testing::Message() << s.m << " x " << s.n << " x " << s.k);
    Bf16Case c(s);
    c.Run(table_);
    for (int64_t r = 0; r < s.m; ++r) {
      for (int64_t col = 0; col < s.n; ++col) {
        ASSERT_TRUE(IsSum(c.Out(r, col), 0, s.k, static_cast<double>(s.k) / 16 + 32,
                          [&](int64_t i) { return static_cast<double>(c.X(r, i)) * c.W(col, i); }))
            << r << ", " << col;
      }
      for (int64_t gap = s.n; gap < c.os() && r + 1 < s.m; ++gap) ASSERT_EQ(c.Out(r, gap), 77.0f);
    }
  }
}

TEST_P(Bf16KernelsTest, GemmBf16GivesARowTheSameBitsInAnyCompany) {
  for (Shape s : Bf16Shapes()) {
    SCOPED_TRACE(::testing::Message() << s.m << " x " << s.n << " x " << s.k);
    Bf16Case c(s);
    c.Run(table_);
    for (int64_t r = 0; r < s.m; r += 5) {
      for (int64_t col = 0; col < s.n; col += 3) {
        float alone = -1;
        table_.gemm_bf16(c.x.get() + r * c.xs(), c.xs(), 1, c.w.get() + col * c.ws(), c.ws(), 1, s.k, &alone,
                         1);
        ASSERT_TRUE(SameBits(alone, c.Out(r, col))) << r << ", " << col;
      }
    }
  }
}

TEST_P(Bf16KernelsTest, GemmBf16KeepsNanInItsRowAndColumn) {
  for (float poison : {kNan, kInf}) {
    Bf16Case c({18, 21, 70});
    std::fill_n(c.w.get(), c.w.size(), uint16_t{0});  // infinity times 0 is NaN
    c.x[3 * c.xs() + 69] = Bf16FromF32(poison);
    c.w[17 * c.ws() + 2] = Bf16FromF32(kNan);
    c.Run(table_);
    for (int64_t r = 0; r < c.s.m; ++r) {
      for (int64_t col = 0; col < c.s.n; ++col)
        ASSERT_EQ(std::isnan(c.Out(r, col)), r == 3 || col == 17) << r << ", " << col;
    }
  }
}

struct Bf16AddCase {
  explicit Bf16AddCase(Shape shape)
      : s(shape),
        p(Bf16s(s.m * ps(), 13)),
        v(Bf16s(s.k > 0 ? (s.k - 1) * vs() + s.n : 0, 14)),
        before(Random((s.m - 1) * os() + s.n, 5)),
        out(before) {
    FillUp(p.get(), s.m, s.k, ps());
  }
  int64_t ps() const { return (s.k + kBf16Step - 1) / kBf16Step * kBf16Step; }
  int64_t vs() const { return s.n + 1; }
  int64_t os() const { return s.n + 3; }
  void Run(const KernelTable& table) {
    std::copy(before.begin(), before.end(), out.get());
    table.gemm_nn_add_bf16(p.get(), ps(), s.m, v.get(), vs(), s.k, s.n, out.get(), os());
  }
  float Before(int64_t at) const { return before[static_cast<size_t>(at)]; }
  Shape s;
  Guarded<uint16_t> p, v;
  std::vector<float> before;
  GuardedFloats out;
};

std::vector<Shape> Bf16AddShapes() {
  std::vector<Shape> shapes;
  for (int64_t m : {1, 2, 5, 6, 7, 12, 16, 17, 33}) {
    for (int64_t n : {1, 15, 16, 17, 33, 64, 65, 128, 130}) {
      for (int64_t j : {1, 63, 64}) shapes.push_back({m, n, j});
    }
  }
  for (int64_t j = 0; j <= 70; ++j) shapes.push_back({3, 37, j});
  shapes.push_back({5, 70, 600});
  return shapes;
}

TEST_P(Bf16KernelsTest, GemmNnAddBf16IsTheMatrixProduct) {
  for (Shape s : Bf16AddShapes()) {
    SCOPED_TRACE(::testing::Message() << s.m << " x " << s.n << " x " << s.k);
    Bf16AddCase c(s);
    c.Run(table_);
    for (int64_t r = 0; r < s.m; ++r) {
      for (int64_t col = 0; col < s.n; ++col) {
        ASSERT_TRUE(IsSum(c.out[r * c.os() + col], c.Before(r * c.os() + col), s.k,
                          static_cast<double>(s.k + 4),
                          [&](int64_t i) {
                            return static_cast<double>(F32FromBf16(c.p[r * c.ps() + i])) *
                                   F32FromBf16(c.v[i * c.vs() + col]);
                          }))
            << r << ", " << col;
      }
      for (int64_t gap = s.n; gap < c.os() && r + 1 < s.m; ++gap) {
        const int64_t at = r * c.os() + gap;
        ASSERT_EQ(c.out[at], c.Before(at));
      }
    }
  }
}

// Beside other rows and columns, and with rows of v behind that its zeros meet: how attention uses it.
TEST_P(Bf16KernelsTest, GemmNnAddBf16GivesTheSameBitsInAnyCompanyAndBeforeZeros) {
  for (Shape s : Bf16AddShapes()) {
    SCOPED_TRACE(::testing::Message() << s.m << " x " << s.n << " x " << s.k);
    Bf16AddCase c(s);
    for (int64_t keep = s.k; keep >= 0; keep -= 31) {
      FillUp(c.p.get(), s.m, keep, c.ps());
      c.Run(table_);
      for (int64_t r = 0; r < s.m; r += 3) {
        for (int64_t col = 0; col < s.n; col += 5) {
          const int64_t at = r * c.os() + col;
          float alone = c.Before(at);
          table_.gemm_nn_add_bf16(c.p.get() + r * c.ps(), c.ps(), 1, c.v.get() + col, c.vs(), keep, 1, &alone,
                                  1);
          ASSERT_TRUE(SameBits(alone, c.out[at])) << r << ", " << col << " of " << keep;
        }
      }
    }
  }
}

// Scales for every 32 or 64 columns.
struct ScaledCase : Bf16Case {
  ScaledCase(Shape shape, int64_t block_columns)
      : Bf16Case(shape),
        block(block_columns),
        blocks((shape.k + block_columns - 1) / block_columns),
        scales(Random(std::max<int64_t>(1, shape.n * blocks), 15)) {}
  float Scale(int64_t c, int64_t i) const { return scales[c * blocks + i / block]; }
  void Run(const KernelTable& table) {
    table.gemm_bf16_scaled(x.get(), xs(), s.m, w.get(), ws(), s.n, s.k, scales.get(), blocks, block,
                           out.get(), os());
  }
  int64_t block, blocks;
  GuardedFloats scales;
};

TEST_P(Bf16KernelsTest, GemmBf16ScaledIsTheMatrixProduct) {
  for (Shape s : Bf16Shapes()) {
    for (int64_t block : {32, 64}) {
      SCOPED_TRACE(::testing::Message() << s.m << " x " << s.n << " x " << s.k << " by " << block);
      ScaledCase c(s, block);
      c.Run(table_);
      for (int64_t r = 0; r < s.m; ++r) {
        for (int64_t col = 0; col < s.n; ++col) {
          ASSERT_TRUE(IsSum(
              c.Out(r, col), 0, s.k, static_cast<double>(s.k) / 8 + 32,
              [&](int64_t i) { return static_cast<double>(c.X(r, i)) * c.W(col, i) * c.Scale(col, i); }))
              << r << ", " << col;
        }
        for (int64_t gap = s.n; gap < c.os() && r + 1 < s.m; ++gap) ASSERT_EQ(c.Out(r, gap), 77.0f);
      }
    }
  }
}

TEST_P(Bf16KernelsTest, GemmBf16ScaledGivesARowTheSameBitsInAnyCompany) {
  for (Shape s : Bf16Shapes()) {
    SCOPED_TRACE(::testing::Message() << s.m << " x " << s.n << " x " << s.k);
    ScaledCase c(s, 64);
    c.Run(table_);
    for (int64_t r = 0; r < s.m; r += 2) {
      for (int64_t col = 0; col < s.n; col += 3) {
        float alone = -1;
        table_.gemm_bf16_scaled(c.x.get() + r * c.xs(), c.xs(), 1, c.w.get() + col * c.ws(), c.ws(), 1, s.k,
                                c.scales.get() + col * c.blocks, c.blocks, c.block, &alone, 1);
        ASSERT_TRUE(SameBits(alone, c.Out(r, col))) << r << ", " << col;
      }
    }
  }
}

TEST_P(Bf16KernelsTest, EveryNumberOfFp8IsOneOfBf16) {
  for (int64_t n : {1, 31, 32, 33, 256}) {
    const Guarded<uint8_t> in(n);
    const Guarded<uint16_t> out(n);
    for (int64_t i = 0; i < n; ++i) in[i] = static_cast<uint8_t>(n == 256 ? i : 37 * i);
    table_.widen_f8(in.get(), n, out.get());
    for (int64_t i = 0; i < n; ++i) {
      const float expected = F32FromF8E4M3(in[i]), actual = F32FromBf16(out[i]);
      EXPECT_TRUE(std::isnan(expected) ? std::isnan(actual) : SameBits(actual, expected)) << int{in[i]};
    }
  }
}

}  // namespace
}  // namespace mains
