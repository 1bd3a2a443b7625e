#include "io/weight_packer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

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

TEST(WeightPacker, StaysWithinItsBudget) {
  const Weight w = RandomQ8(512, 512, 1);
  WeightPacker packer(kNone, 1, PackedBytes(w), {});
  EXPECT_TRUE((*packer.Pack({w}))[0].packed());
  EXPECT_FALSE((*packer.Pack({w}))[0].packed());
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
