#include "app/repeat_guard.h"

#include <gtest/gtest.h>

namespace mains {
namespace {

using Verdict = RepeatGuard::Verdict;

const RepeatGuard::Call kAdd = {"add", R"({"a": 1, "b": 2})", "3"};
const RepeatGuard::Call kAddInAnotherOrder = {"add", R"({"b":2,"a":1})", "3"};
const RepeatGuard::Call kNow = {"now", "{}", "12:00"};
const RepeatGuard::Call kLater = {"now", "{}", "12:01"};

TEST(RepeatGuard, TellsOnceThenStops) {
  RepeatGuard guard;
  EXPECT_EQ(guard.Judge({kAdd}), Verdict::kNew);
  EXPECT_EQ(guard.Judge({kAddInAnotherOrder}), Verdict::kRepeat);
  EXPECT_EQ(guard.Judge({kAdd}), Verdict::kStuck);
}

TEST(RepeatGuard, AnythingNewInARoundIsProgress) {
  RepeatGuard guard;
  EXPECT_EQ(guard.Judge({kAdd}), Verdict::kNew);
  EXPECT_EQ(guard.Judge({kAdd, kNow}), Verdict::kNew);
  EXPECT_EQ(guard.Judge({kNow, kAdd}), Verdict::kRepeat);
  EXPECT_EQ(guard.Judge({kLater}), Verdict::kNew) << "another result";
  EXPECT_EQ(guard.Judge({kNow}), Verdict::kNew) << "and back";
  EXPECT_EQ(guard.Judge({kAdd}), Verdict::kStuck) << "once told, told";
}

TEST(RepeatGuard, OneAnswerMayAskTwiceForTheSame) {
  RepeatGuard guard;
  EXPECT_EQ(guard.Judge({kAdd, kAdd}), Verdict::kNew);
}

TEST(RepeatGuard, TakesWhatIsNoJson) {
  RepeatGuard guard;
  const RepeatGuard::Call broken = {"", "<tool_call>{", "no"};
  EXPECT_EQ(guard.Judge({broken}), Verdict::kNew);
  EXPECT_EQ(guard.Judge({broken}), Verdict::kRepeat);
}

}  // namespace
}  // namespace mains
