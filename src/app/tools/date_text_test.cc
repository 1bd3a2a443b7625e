#include "app/tools/date_text.h"

#include <gtest/gtest.h>

#include <string>

namespace mains {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::year;
using std::chrono::year_month_day;

std::string Read(std::string_view text) {
  const Result<year_month_day> date = ParseDate(text, year_month_day(year(2026), month(2), day(28)));
  return date.ok() ? DateText(*date) : "error: " + date.error().message;
}

TEST(DateTextTest, ReadsWhatPeopleWrite) {
  for (const char* const text :
       {"2026-03-04", "2026-3-4", "2026/03/04", "20260304", "4.3.2026", "04.03.2026", "4. März 2026",
        "4. Mär. 2026", "4 March 2026", "4th March 2026", "March 4, 2026", "March 4th, 2026", "mar 4 2026",
        "2026年3月4日", "2026年3月4号", "２０２６年３月４日", " 2026-03-04 ", "4-Mar-2026"}) {
    EXPECT_EQ(Read(text), "2026-03-04") << text;
  }
  EXPECT_EQ(Read("25/12/2026"), "2026-12-25");
  EXPECT_EQ(Read("12/25/2026"), "2026-12-25");
  EXPECT_EQ(Read("5/5/2026"), "2026-05-05");
  EXPECT_EQ(Read("today"), "2026-02-28");
  EXPECT_EQ(Read("Morgen"), "2026-03-01");
  EXPECT_EQ(Read("后天"), "2026-03-02");
  EXPECT_EQ(Read("yesterday"), "2026-02-27");
  EXPECT_EQ(Read("2024-02-29"), "2024-02-29");
  EXPECT_EQ(Read("0001-01-01"), "0001-01-01");
}

TEST(DateTextTest, RefusesWhatIsUnclearOrIsNone) {
  EXPECT_NE(Read("3/4/2026").find("2026-03-04 or 2026-04-03"), std::string::npos);
  EXPECT_NE(Read("4.3.26").find("four digits"), std::string::npos);
  EXPECT_NE(Read("2026-02-29").find("no day 29"), std::string::npos);
  EXPECT_NE(Read("1900-02-29").find("no day 29"), std::string::npos);
  EXPECT_NE(Read("2026-13-01").find("no month 13"), std::string::npos);
  EXPECT_NE(Read("0000-01-01").find("year"), std::string::npos);
  for (const char* const text :
       {"", "soon", "2026", "2026-03", "2026-03-04-05", "2026-03/04", "4. Foo 2026", "99999-01-01",
        "2026-03-99999999999999999999", "年月日", "-", "4 March 26"}) {
    EXPECT_NE(Read(text).find("error"), std::string::npos) << text;
  }
}

TEST(DateTextTest, ReadsTimes) {
  EXPECT_EQ(*ParseTime("9:05"), 545);
  EXPECT_EQ(*ParseTime("09:05 am"), 545);
  EXPECT_EQ(*ParseTime("9:05pm"), 1265);
  EXPECT_EQ(*ParseTime("12 am"), 0);
  EXPECT_EQ(*ParseTime("12 pm"), 720);
  EXPECT_EQ(*ParseTime("21:05 Uhr"), 1265);
  EXPECT_EQ(*ParseTime("21 Uhr 5"), 1265);
  EXPECT_EQ(*ParseTime("9点半"), 570);
  EXPECT_EQ(*ParseTime("21点5分"), 1265);
  EXPECT_EQ(TimeText(545), "09:05");
  for (const char* const text :
       {"", "24:00", "9:60", "9:5", "13 pm", "0 am", "9", "noon", "9:05:07", "-1:00", "9:05 foo"}) {
    EXPECT_FALSE(ParseTime(text).ok()) << text;
  }
}

}  // namespace
}  // namespace mains
