#include "io/weight_packer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "tensor/convert.h"
#include "tensor/packed.h"

namespace mains {
namespace {

// A checkpoint of nothing, whose weights are made here.
class NoCheckpoint final : public Checkpoint {
 public:
  Source source() const override { return Source::kGguf; }
  const StoredTensor* Find(std::string_view) const override { return nullptr; }
  std::vector<std::string> Names() const override { return {}; }
  int64_t file_bytes() const override { return 0; }
};

Weight RandomQ8(int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  const int64_t bytes = rows * ByteSize(DType::kQ8_0, cols);
  auto data = std::make_shared<std::vector<std::byte>>(static_cast<size_t>(bytes));
  for (std::byte& b : *data) b = static_cast<std::byte>(random() & 0x3B);  // scales are finite
  Weight w;
  w.rows = rows;
  w.cols = cols;
  w.dtype = DType::kQ8_0;
  w.data = data->data();
  w.row_bytes = ByteSize(DType::kQ8_0, cols);
  w.owner = data;
  return w;
}

void ExpectSameNumbers(const Weight& a, const Weight& b) {
  std::vector<float> x(static_cast<size_t>(a.cols)), y(x);
  for (int64_t r = 0; r < a.rows; ++r) {
    UnpackRow(a.Row(r), a.cols, x.data());
    UnpackRow(b.Row(r), b.cols, y.data());
    ASSERT_EQ(x, y) << "row " << r;
  }
}

const NoCheckpoint kNone;
constexpr int64_t kPlenty = int64_t{1} << 30;

TEST(WeightPacker, KeepsTheNumbersOfAllMatrices) {
  WeightPacker packer(kNone, 2, kPlenty, {});
  const std::vector<Weight> weights = {RandomQ8(520, 512, 1), RandomQ8(777, 544, 2)};
  const Result<std::vector<Weight>> packed = packer.Pack(weights);
  ASSERT_TRUE(packed.ok());
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_TRUE((*packed)[i].packed());
    EXPECT_EQ(reinterpret_cast<uintptr_t>((*packed)[i].data) % 64, 0u);
    ExpectSameNumbers(weights[i], (*packed)[i]);
    EXPECT_TRUE(packer.Replaced(weights[i].data));
  }
  EXPECT_EQ(packer.done_bytes(), weights[0].bytes() + weights[1].bytes());
  EXPECT_EQ(packer.packed_bytes(), PackedBytes(weights[0]) + PackedBytes(weights[1]));
}

TEST(WeightPacker, LeavesWhatDoesNotGain) {
  WeightPacker packer(kNone, 1, kPlenty, {});
  const Weight good = RandomQ8(512, 512, 1), narrow = RandomQ8(4096, 480, 2), small = RandomQ8(8, 512, 3);
  const Weight floats = MakeF32Weight(512, 512, std::vector<float>(512 * 512));
  for (const Weight& other : {narrow, small, floats}) {
    const Result<std::vector<Weight>> same = packer.Pack({good, other});
    ASSERT_TRUE(same.ok());
    EXPECT_FALSE((*same)[0].packed() || (*same)[1].packed()) << "all or none";
  }
  EXPECT_EQ(packer.packed_bytes(), 0);
}

// Rounds plainly to Q8_0; in 4 and 3 bits everything to zero. (Those of the program are tested with the
// kernels.)
WeightRounder PlainRounder() {
  WeightRounder rounder;
  rounder.unpack = UnpackRow;
  rounder.q8_0 = [](const float* x, int64_t n, std::byte* blocks) {
    for (; n > 0; n -= 32, x += 32, blocks += 34) {
      float most = 0;
      for (int i = 0; i < 32; ++i) most = std::max(most, std::abs(x[i]));
      const uint16_t scale = F16FromF32(most / 127);
      std::memcpy(blocks, &scale, sizeof(scale));
      for (int i = 0; i < 32; ++i)
        blocks[2 + i] = static_cast<std::byte>(static_cast<int8_t>(std::lround(x[i] / F32FromF16(scale))));
    }
  };
  rounder.q4_k = [](const float*, int64_t n, std::byte* blocks) {
    std::memset(blocks, 0, static_cast<size_t>(ByteSize(DType::kQ4_K, n)));
  };
  rounder.q3_k = [](const float*, int64_t n, std::byte* blocks) {
    std::memset(blocks, 0, static_cast<size_t>(ByteSize(DType::kQ3_K, n)));
  };
  rounder.iq4_nl = [](const float*, int64_t n, std::byte* blocks) {
    std::memset(blocks, 0, static_cast<size_t>(ByteSize(DType::kIQ4_NL, n)));
  };
  return rounder;
}

std::vector<float> RandomFloats(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.05f);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(random);
  return values;
}

TEST(WeightPacker, RoundsFloatsToWhatIsAskedFor) {
  struct Case {
    WeightPrecision precision;
    int64_t rows, cols;
    DType dtype;
    double least_error, most_error;  // what the plain rounder leaves: all, where it rounds to zero
  };
  for (const Case& c : {Case{WeightPrecision::k8Bit, 520, 544, DType::kQ8_0, 0, 1e-4},
                        Case{WeightPrecision::k4Bit, 519, 512, DType::kQ4_K, 1, 1},
                        Case{WeightPrecision::k4Bit, 520, 544, DType::kIQ4_NL, 1, 1},
                        Case{WeightPrecision::k3Bit, 519, 512, DType::kQ3_K, 1, 1},
                        Case{WeightPrecision::k3Bit, 520, 544, DType::kIQ4_NL, 1, 1}}) {
    for (const Weight& w : {MakeF32Weight(c.rows, c.cols, RandomFloats(c.rows * c.cols, 3)),
                            MakeBf16Weight(c.rows, c.cols, RandomFloats(c.rows * c.cols, 4))}) {
      SCOPED_TRACE(testing::Message() << Name(c.dtype) << " from " << w.FormatName());
      WeightPacker packer(kNone, 2, kPlenty, {}, c.precision, PlainRounder());
      const Result<std::vector<Weight>> packed = packer.Pack({w}, c.precision);
      ASSERT_TRUE(packed.ok() && (*packed)[0].packed());
      EXPECT_EQ((*packed)[0].dtype, c.dtype);
      EXPECT_TRUE(packer.Replaced(w.data));
      std::vector<float> x(static_cast<size_t>(c.cols)), y(x);
      double error = 0, energy = 0;
      for (int64_t r = 0; r < c.rows; ++r) {
        UnpackRow(w.Row(r), c.cols, x.data());
        UnpackRow((*packed)[0].Row(r), c.cols, y.data());
        for (size_t i = 0; i < x.size(); ++i) {
          error += (x[i] - y[i]) * (x[i] - y[i]);
          energy += x[i] * x[i];
        }
      }
      EXPECT_GE(error / energy, c.least_error);
      EXPECT_LE(error / energy, c.most_error);
    }
  }
}

TEST(WeightPacker, RoundsNothingElse) {
  WeightPacker packer(kNone, 1, kPlenty, {}, WeightPrecision::k4Bit, PlainRounder());
  const Weight q8 = RandomQ8(512, 512, 1), floats = MakeF32Weight(512, 512, RandomFloats(512 * 512, 5));
  EXPECT_EQ((*packer.Pack({q8}, WeightPrecision::k4Bit))[0].dtype, DType::kQ8_0) << "not float";
  EXPECT_FALSE((*packer.Pack({floats}, WeightPrecision::kNative))[0].packed()) << "not asked for";
  const Weight odd = MakeF32Weight(512, 530, RandomFloats(512 * 530, 6));
  EXPECT_FALSE((*packer.Pack({odd}, WeightPrecision::k4Bit))[0].packed()) << "not in groups of 32";
}

TEST(WeightPacker, WidensWhatIsUsedHeadByHead) {
  WeightPacker packer(kNone, 2, kPlenty, {});
  const Weight narrow = RandomQ8(2050, 128, 4);
  const Result<Weight> wide = packer.Widen(narrow);
  ASSERT_TRUE(wide.ok());
  ASSERT_EQ(wide->dtype, DType::kF16);
  std::vector<float> expected(128), actual(128);
  for (int64_t r = 0; r < narrow.rows; ++r) {
    UnpackRow(narrow.Row(r), 128, expected.data());
    UnpackRow(wide->Row(r), 128, actual.data());
    for (size_t i = 0; i < 128; ++i) ASSERT_EQ(actual[i], F32FromF16(F16FromF32(expected[i]))) << r;
  }
  EXPECT_TRUE(packer.Replaced(narrow.data));
  EXPECT_EQ(packer.packed_bytes(), 2050 * 128 * 2);

  const Weight small = RandomQ8(8, 128, 4), floats = MakeF32Weight(512, 512, std::vector<float>(512 * 512));
  for (const Weight& other : {small, floats}) EXPECT_EQ(packer.Widen(other)->data, other.data);
  WeightPacker poor(kNone, 2, 1000, {});
  EXPECT_EQ(poor.Widen(narrow)->data, narrow.data);
  WeightPacker cancelled(kNone, 1, kPlenty, [](int64_t) { return false; });
  EXPECT_EQ(cancelled.Widen(narrow).error().code, ErrorCode::kCancelled);
}

// 127 times the largest scale that f16 can say is beyond it.
TEST(WeightPacker, WidensNothingBeyondTheRange) {
  Weight large = RandomQ8(2050, 128, 4);
  auto data = std::make_shared<std::vector<std::byte>>(large.data, large.data + large.bytes());
  const uint16_t scale = F16FromF32(60000);
  std::memcpy(data->data(), &scale, sizeof(scale));
  (*data)[2] = std::byte{127};
  large.data = data->data();
  large.owner = data;
  WeightPacker packer(kNone, 2, kPlenty, {});
  EXPECT_EQ(packer.Widen(large)->data, large.data);
}

TEST(WeightPacker, StaysWithinItsBudget) {
  const Weight w = RandomQ8(512, 512, 1);
  WeightPacker packer(kNone, 1, PackedBytes(w), {});
  EXPECT_TRUE((*packer.Pack({w}))[0].packed());
  EXPECT_EQ(packer.unpacked_bytes(), 0);
  EXPECT_FALSE((*packer.Pack({w}))[0].packed());
  EXPECT_EQ(packer.unpacked_bytes(), w.bytes()) << "what did not fit";
}

TEST(WeightPacker, CanBeCancelled) {
  int asked = 0;
  WeightPacker packer(kNone, 1, kPlenty, [&](int64_t) { return ++asked < 2; });
  const Result<std::vector<Weight>> packed = packer.Pack({RandomQ8(512, 512, 1), RandomQ8(512, 512, 2)});
  ASSERT_FALSE(packed.ok());
  EXPECT_EQ(packed.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace mains
