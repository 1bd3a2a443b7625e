#include "base/process_clock.h"

#include <gtest/gtest.h>

namespace mains {
namespace {

TEST(ProcessClock, BeginsBeforeTheProgramAndNeverGoesBack) {
  const double first = SecondsSinceProcessStart();
  EXPECT_GE(first, 0);
  EXPECT_LT(first, 24 * 3600.0) << "seconds since boot, not since the process began?";
  EXPECT_GE(SecondsSinceProcessStart(), first);
}

}  // namespace
}  // namespace mains
