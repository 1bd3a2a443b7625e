#include "app/tool_results.h"

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "io/json.h"

namespace mains {
namespace {

// One token a byte.
std::shared_ptr<const Tokenizer> ByteTokenizer() {
  const Result<std::shared_ptr<const Tokenizer>> made =
      Tokenizer::Load(std::string(MAINS_SOURCE_DIR) + "/tests/goldens/qwen3");
  CHECK(made.ok()) << made.error().message;
  return *made;
}

std::string Result(const std::string& text) {
  const mains::Result<Json> parsed = ParseJson(text, "result");
  CHECK(parsed.ok()) << parsed.error().message;
  return (*parsed)["result"].get<std::string>();
}

TEST(FitResult, LeavesWhatFits) {
  const std::shared_ptr<const Tokenizer> tokenizer = ByteTokenizer();
  ToolResult result = ToolText("short");
  EXPECT_FALSE(FitResult(*tokenizer, 1000, result).is_cut);
  EXPECT_EQ(result.text, ToolText("short").text);
}

TEST(FitResult, CutsAtWholeCharactersAndSaysSo) {
  const std::shared_ptr<const Tokenizer> tokenizer = ByteTokenizer();
  std::string whole;
  for (int i = 0; i < 400; ++i) whole += i % 3 == 0 ? "ä" : i % 3 == 1 ? "\"中\n" : "x";
  for (const int64_t budget : {-5, 0, 1, 50, 120, 200, 300}) {
    ToolResult result = ToolText(whole);
    const FittedResult fitted = FitResult(*tokenizer, budget, result);
    ASSERT_TRUE(fitted.is_cut) << budget;
    EXPECT_TRUE(IsValidUtf8(result.text)) << budget;
    EXPECT_TRUE(whole.starts_with(Result(result.text))) << budget;
    EXPECT_NE(result.text.find(std::to_string(whole.size()) + " bytes"), std::string::npos) << result.text;
    if (budget >= 200) {
      EXPECT_LE(fitted.tokens, budget);
      EXPECT_FALSE(Result(result.text).empty());
    }
  }
}

TEST(FitResult, CutsErrorsAndListsToo) {
  const std::shared_ptr<const Tokenizer> tokenizer = ByteTokenizer();
  ToolResult failure = ToolFailure(std::string(5000, 'x'));
  EXPECT_TRUE(FitResult(*tokenizer, 500, failure).is_cut);
  EXPECT_FALSE(failure.ok);
  EXPECT_LT(failure.text.size(), 600u);
  ToolResult list = ToolList(std::vector<std::string>(500, "item"));
  EXPECT_TRUE(FitResult(*tokenizer, 500, list).is_cut);
  EXPECT_TRUE(ParseJson(list.text, "list").ok());
}

TEST(WithRemark, KeepsTheObject) {
  const mains::Result<Json> parsed =
      ParseJson(WithRemark(ToolNumber("84").text, "said \"before\""), "result");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ((*parsed)["result"], 84);
  EXPECT_EQ((*parsed)["remark"], "said \"before\"");
  EXPECT_TRUE(ParseJson(WithRemark("{}", "x"), "result").ok());
}

TEST(PlainResult, IsWhatAPersonWantsToSee) {
  EXPECT_EQ(PlainResult(ToolNumber("84").text), "84");
  EXPECT_EQ(PlainResult(ToolText("two\nlines", "cut").text), "two\nlines (cut)");
  EXPECT_EQ(PlainResult(ToolList({"a", "b"}).text), R"(["a","b"])");
  EXPECT_EQ(PlainResult(ToolFailure("no").text), "error: no");
  EXPECT_EQ(PlainResult("not JSON"), "not JSON");
}

}  // namespace
}  // namespace mains
