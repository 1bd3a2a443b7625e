#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "app/tools/tool_box.h"

namespace mains {
namespace {

class BuiltInTest : public testing::Test {
 protected:
  BuiltInTest() {
    BuiltInOptions options;
    options.extra = true;
    options.now = [] {
      return std::chrono::sys_days(std::chrono::year(2026) / 7 / 1) + std::chrono::hours(22);
    };
    EXPECT_TRUE(AddBuiltInTools(box_, options).ok());
  }
  std::string Call(std::string_view name, std::string_view arguments) {
    return box_.Call(name, arguments).text;
  }

  ToolBox box_;
};

TEST_F(BuiltInTest, AnswersInTheTrainedShape) {
  EXPECT_EQ(Call("calculator", R"({"expression": "617 + 6 * 9"})"), R"({"result": 671})");
  EXPECT_EQ(Call("calculator", R"({"expression": "1/8"})"), R"({"result": 0.125})");
  EXPECT_EQ(Call("calculator", R"({"expression": "2^64"})"), R"({"result": "18446744073709551616"})");
  EXPECT_EQ(Call("calculator", R"({"expression": "1/0"})"), R"({"error": "division by zero"})");
  EXPECT_EQ(Call("convert_units", R"({"value": 72.5, "from_unit": "英寸", "to_unit": "厘米"})"),
            R"({"result": 184.15})");
}

TEST_F(BuiltInTest, NumbersKeepAllDigits) {
  EXPECT_EQ(Call("convert_units", R"({"value": 0.12345678901234567, "from_unit": "km", "to_unit": "m"})"),
            R"({"result": "123.45678901234567"})");
  EXPECT_EQ(Call("convert_units", R"({"value": 12345678901234567890123, "from_unit": "m", "to_unit": "cm"})"),
            R"({"result": 1.23456789e24, "note": "rounded to 10 digits"})");
}

TEST_F(BuiltInTest, Dates) {
  EXPECT_EQ(Call("add_days", R"({"date": "2026-09-16", "days": 200})"), R"({"result": "2027-04-04"})");
  EXPECT_EQ(Call("add_days", R"({"date": "2026-09-16", "days": -16})"), R"({"result": "2026-08-31"})");
  EXPECT_EQ(Call("days_between", R"({"start": "2026-12-13", "end": "2027-04-21"})"), R"({"result": 129})");
  EXPECT_EQ(Call("days_between", R"({"start": "2027-04-21", "end": "2026-12-13"})"), R"({"result": -129})");
  EXPECT_EQ(Call("weekday", R"({"date": "2026-11-22"})"), R"({"result": "Sunday"})");
  EXPECT_EQ(Call("week_number", R"({"date": "2027-01-03"})"), R"({"result": "2026-W53"})");
  EXPECT_EQ(Call("add_months", R"({"date": "2024-01-31", "months": 1})"),
            R"({"result": "2024-02-29", "note": "that month is shorter: its last day"})");
  EXPECT_EQ(Call("add_months", R"({"date": "2024-01-31", "months": -12})"), R"({"result": "2023-01-31"})");
  EXPECT_EQ(Call("add_minutes", R"({"time": "23:30", "minutes": 45})"),
            R"({"result": "00:15", "note": "1 day later"})");
  EXPECT_EQ(Call("add_minutes", R"({"time": "00:15", "minutes": -45})"),
            R"({"result": "23:30", "note": "1 day before"})");
  EXPECT_EQ(Call("minutes_between", R"({"start": "22:00", "end": "06:30"})"),
            R"({"result": 510, "note": "the end is on the next day"})");
  EXPECT_NE(Call("add_days", R"({"date": "9999-12-31", "days": 1})").find("error"), std::string::npos);
  EXPECT_NE(Call("add_days", R"({"date": "2026-01-01", "days": 99999999999999999999})").find("error"),
            std::string::npos);
}

// 22:00 UTC in July: summer time in Berlin, winter in Santiago.
TEST_F(BuiltInTest, TheClockOfCities) {
  EXPECT_EQ(Call("current_time", R"({"city": "München"})"),
            R"({"result": "2026-07-02 00:00", "note": "Thursday, Europe/Berlin, UTC+02:00"})");
  EXPECT_EQ(Call("current_time", R"({"city": "北京"})"),
            R"({"result": "2026-07-02 06:00", "note": "Thursday, Asia/Shanghai, UTC+08:00"})");
  EXPECT_EQ(Call("current_time", R"({"city": "new york"})"),
            R"({"result": "2026-07-01 18:00", "note": "Wednesday, America/New_York, UTC-04:00"})");
  EXPECT_EQ(Call("current_time", R"({"city": "Delhi"})"),
            R"({"result": "2026-07-02 03:30", "note": "Thursday, Asia/Kolkata, UTC+05:30"})");
  EXPECT_NE(Call("current_time", R"({"city": "Zwaivask"})").find("not known"), std::string::npos);
  EXPECT_NE(Call("current_time", "{}").find("\"result\": \"2026-07-0"), std::string::npos);
  EXPECT_NE(Call("current_time", "").find("\"result\": \"2026-07-0"), std::string::npos);
}

TEST_F(BuiltInTest, ListsAndTexts) {
  EXPECT_EQ(Call("sort_list", R"({"items": ["salt", "Äpfel", "paper", "apple", "Milk"]})"),
            R"({"result": ["apple", "Milk", "paper", "salt", "Äpfel"]})");
  EXPECT_EQ(Call("sort_list", R"({"items": ["10", "9", "2.5", "-1"], "descending": true})"),
            R"({"result": ["10", "9", "2.5", "-1"]})");
  EXPECT_EQ(Call("sort_list", R"({"items": []})"), R"({"result": []})");
  EXPECT_EQ(Call("remove_duplicates", R"({"items": ["a", "B", "A", "b "]})"), R"({"result": ["a", "B"]})");
  EXPECT_EQ(Call("reverse_text", R"({"text": "a👨‍👩‍👧é🇩🇪"})"),
            R"({"result": "🇩🇪é👨‍👩‍👧a"})");
  EXPECT_EQ(Call("count_characters", R"({"text": "a👨‍👩‍👧é🇩🇪"})"), R"({"result": 4})");
  EXPECT_EQ(Call("change_case", R"({"text": "straße über ñ", "upper": true})"),
            R"({"result": "STRASSE ÜBER Ñ"})");
  EXPECT_EQ(Call("change_case", R"({"text": "ÄÖÜ ΑΒΓ", "upper": false})"), R"({"result": "äöü αβγ"})");
}

TEST_F(BuiltInTest, MarksWithoutEndCostNothing) {
  std::string marks = "a";
  for (int i = 0; i < 200000; ++i) marks += i % 2 == 0 ? "\u0301" : "\u0323";
  EXPECT_EQ(Call("sort_list", R"({"items": [")" + marks + R"("]})"), R"({"result": [")" + marks + R"("]})");
}

TEST_F(BuiltInTest, CountsWordsByTheStatedRule) {
  const auto count = [&](const std::string& text) {
    return Call("count_words", R"({"text": ")" + text + "\"}");
  };
  EXPECT_EQ(count("the quick, brown fox - isn't it?"), R"({"result": 6})");
  EXPECT_EQ(count(""), R"({"result": 0})");
  EXPECT_EQ(count("... !!"), R"({"result": 0})");
  EXPECT_EQ(count("我用Python，Java写程序。"), R"({"result": 7})");
  EXPECT_EQ(count("3.5 and/or 10:30 well-known"), R"({"result": 4})");
  EXPECT_EQ(count("eins—zwei"), R"({"result": 2})");
}

TEST(BuiltInOptionsTest, OnlyThoseThatAreAskedFor) {
  ToolBox box;
  BuiltInOptions options;
  options.only = {"calculator", "weekday"};
  ASSERT_TRUE(AddBuiltInTools(box, options).ok());
  EXPECT_EQ(box.definitions().size(), 2u);
  EXPECT_FALSE(box.Call("read_file", R"({"path": "x"})").ok);
  options.only = {"nothing"};
  EXPECT_EQ(AddBuiltInTools(box, options).error().message, "there is no built-in tool \"nothing\"");
  ToolBox trained;
  ASSERT_TRUE(AddBuiltInTools(trained).ok());
  EXPECT_EQ(trained.definitions().size(), 13u);
}

}  // namespace
}  // namespace mains
