// A profile computes what its inner device computes and counts what the shape device counts.
#include "ops/profile/profiling_device.h"

#include <gtest/gtest.h>

#include <random>

namespace mains {
namespace {

Weight Random(int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(rows * cols));
  for (float& v : values) v = normal(random);
  return MakeF32Weight(rows, cols, values);
}

class ProfilingDeviceTest : public ::testing::Test {
 protected:
  Tensor Filled(std::initializer_list<int64_t> dims) {
    const Tensor x = plain_.NewF32(dims);
    for (int64_t i = 0; i < x.elements(); ++i) x.f32()[i] = static_cast<float>(i % 13) - 6;
    return x;
  }
  static void ExpectSame(const Tensor& a, const Tensor& b) {
    ASSERT_EQ(a.elements(), b.elements());
    for (int64_t i = 0; i < a.elements(); ++i) ASSERT_EQ(a.f32()[i], b.f32()[i]) << i;
  }

  std::unique_ptr<Device> inner_ = MakeReferenceDevice();
  ProfilingDevice profile_{*inner_};
  Arena arena_;
  Context plain_{*inner_, arena_}, profiled_{profile_, arena_};
};

TEST_F(ProfilingDeviceTest, CountsEachCallOfAVerb) {
  const Tensor x = Filled({5, 30});
  const ops::LinearLayer a{Random(70, 30, 1), {}}, b{Random(9, 30, 2), {}};
  for (int i = 0; i < 3; ++i) {
    ExpectSame(ops::Linears(profiled_, x, {&a, &b})[1], ops::Linear(plain_, x, b));
  }
  ExpectSame(ops::GatedLinear(profiled_, x, a, a), ops::GatedLinear(plain_, x, a, a));
  const ProfilingDevice::Use& linear = profile_.use(Verb::kLinear);
  EXPECT_EQ(linear.calls, 3);
  EXPECT_EQ(linear.cost.flops, 3 * 2 * 5 * 30 * (70 + 9));
  EXPECT_EQ(linear.cost.weight_bytes, 3 * 4 * 30 * (70 + 9));
  EXPECT_EQ(linear.cost.state_bytes, 0);
  EXPECT_GT(linear.seconds, 0);
  EXPECT_EQ(profile_.use(Verb::kGatedLinear).calls, 1);
  EXPECT_EQ(profile_.use(Verb::kGatedLinear).cost.flops, 2 * 2 * 5 * 30 * 70);
  EXPECT_EQ(profile_.use(Verb::kAttend).calls, 0);
}

TEST_F(ProfilingDeviceTest, CountsTheExpertsThatWereChosen) {
  ops::Experts experts;
  for (uint32_t e = 0; e < 10; ++e) {
    experts.gate.push_back(Random(16, 30, e));
    experts.up.push_back(Random(16, 30, e + 10));
    experts.down.push_back(Random(30, 16, e + 20));
  }
  // Four tokens of two choices could reach eight experts; these reach three.
  const ops::Routing routing{plain_.NewI32({4, 2}), Filled({4, 2})};
  const int32_t chosen[] = {1, 4, 4, 9, 1, 9, 1, 4};
  std::copy(std::begin(chosen), std::end(chosen), routing.experts.i32());
  const Tensor x = Filled({4, 30}), one = Filled({4, 30}), other = Filled({4, 30});
  const int64_t live = arena_.live_bytes();
  ops::MoeAdd(profiled_, x, routing, experts, one);
  EXPECT_EQ(arena_.live_bytes(), live);
  ops::MoeAdd(plain_, x, routing, experts, other);
  ExpectSame(one, other);
  const ProfilingDevice::Use& use = profile_.use(Verb::kMoeAdd);
  EXPECT_EQ(use.calls, 1);
  EXPECT_EQ(use.cost.flops, 2 * 8 * 3 * 30 * 16);
  EXPECT_EQ(use.cost.weight_bytes, 3 * 3 * 4 * 30 * 16);
  // The reference composes the mixture of linear layers; they are no calls of the model.
  EXPECT_EQ(profile_.use(Verb::kLinear).calls, 0);
}

TEST_F(ProfilingDeviceTest, EveryVerbHasAName) {
  for (int i = 0; i < kVerbCount; ++i) EXPECT_STRNE(VerbName(static_cast<Verb>(i)), "unknown") << i;
}

}  // namespace
}  // namespace mains
