#include "base/statistics.h"

#include <gtest/gtest.h>

#include <vector>

namespace mains {
namespace {

TEST(Statistics, OfSamples) {
  const std::vector<double> values = {4, 1, 3, 2, 10};
  EXPECT_EQ(Mean(values), 4);
  EXPECT_EQ(Median(values), 3);
  // Squares of -3 -2 -1 0 6 are 50 together; NumPy: std(ddof=1).
  EXPECT_DOUBLE_EQ(StandardDeviation(values), 3.5355339059327378);
  const std::vector<double> even = {1, 2, 3, 10};
  EXPECT_EQ(Median(even), 2.5);
  EXPECT_EQ(Quantile(even, 0), 1);
  EXPECT_EQ(Quantile(even, 1), 10);
  EXPECT_DOUBLE_EQ(Quantile(even, 0.9), 7.9);
}

TEST(Statistics, OfAlmostNothing) {
  EXPECT_EQ(Mean({}), 0);
  EXPECT_EQ(Median({}), 0);
  EXPECT_EQ(StandardDeviation({}), 0);
  const std::vector<double> one = {7};
  EXPECT_EQ(Mean(one), 7);
  EXPECT_EQ(Median(one), 7);
  EXPECT_EQ(StandardDeviation(one), 0);
  EXPECT_EQ(Quantile(one, 0.999), 7);
}

}  // namespace
}  // namespace mains
