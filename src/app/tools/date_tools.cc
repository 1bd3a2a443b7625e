// Dates, times of day and the clock.
#include <fmt/format.h>

#include <charconv>
#include <ctime>

#include "app/tools/built_in.h"
#include "app/tools/city_zones.h"
#include "app/tools/date_text.h"
#include "io/quoted.h"

namespace mains {
namespace {

using std::chrono::days;
using std::chrono::months;
using std::chrono::sys_days;
using std::chrono::weekday;
using std::chrono::year;
using std::chrono::year_month_day;
using std::chrono::year_month_day_last;

constexpr const char* kWeekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                     "Thursday", "Friday", "Saturday"};
constexpr int64_t kMaxStep = 4'000'000;  // more than the days from year 1 to 9999

const char* WeekdayName(sys_days day) {
  return kWeekdays[weekday(day).c_encoding()];
}

// The time that the clocks of this machine show, by its own setting (TZ, /etc/localtime).
std::tm LocalTime(std::chrono::system_clock::time_point now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm local{};
  localtime_r(&seconds, &local);
  return local;
}

year_month_day Today(const Clock& now) {
  const std::tm local = LocalTime(now());
  return year_month_day(year(local.tm_year + 1900),
                        std::chrono::month(static_cast<unsigned>(local.tm_mon + 1)),
                        std::chrono::day(static_cast<unsigned>(local.tm_mday)));
}

// A whole number of steps that cannot leave the calendar by far.
Result<int64_t> ReadStep(const ToolArguments& arguments, const std::string& name) {
  std::string text = arguments.NumberText(name);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > kMaxStep || value < -kMaxStep) {
    return Error{ErrorCode::kInvalid,
                 name + " must be a whole number from -4000000 to 4000000, but it is " + text};
  }
  return value;
}

ToolResult DateResult(sys_days day) {
  const year_month_day date(day);
  if (date.year() < year(1) || date.year() > year(9999))
    return ToolFailure("that lies outside of the years 1 to 9999");
  return ToolText(DateText(date));
}

ToolResult RunAddDays(const Clock& now, const ToolArguments& arguments) {
  const Result<year_month_day> date = ParseDate(arguments.String("date"), Today(now));
  if (!date.ok()) return ToolFailure(date.error().message);
  const Result<int64_t> count = ReadStep(arguments, "days");
  if (!count.ok()) return ToolFailure(count.error().message);
  return DateResult(sys_days(*date) + days(*count));
}

// The same day of the other month, or its last day if it has no such day.
ToolResult RunAddMonths(const Clock& now, const ToolArguments& arguments) {
  const Result<year_month_day> date = ParseDate(arguments.String("date"), Today(now));
  if (!date.ok()) return ToolFailure(date.error().message);
  const Result<int64_t> count = ReadStep(arguments, "months");
  if (!count.ok()) return ToolFailure(count.error().message);
  const int64_t index =
      int64_t{static_cast<int>(date->year())} * 12 + static_cast<unsigned>(date->month()) - 1 + *count;
  if (index < 12 || index >= 120000) return ToolFailure("that lies outside of the years 1 to 9999");
  const year_month_day same(year(static_cast<int>(index / 12)),
                            std::chrono::month(static_cast<unsigned>(index % 12 + 1)), date->day());
  if (same.ok()) return ToolText(DateText(same));
  const year_month_day last(year_month_day_last(same.year(), std::chrono::month_day_last(same.month())));
  return ToolText(DateText(last), "that month is shorter: its last day");
}

// Negative if the end is before the start.
ToolResult RunDaysBetween(const Clock& now, const ToolArguments& arguments) {
  const Result<year_month_day> start = ParseDate(arguments.String("start"), Today(now));
  if (!start.ok()) return ToolFailure(start.error().message);
  const Result<year_month_day> end = ParseDate(arguments.String("end"), Today(now));
  if (!end.ok()) return ToolFailure(end.error().message);
  const int64_t count = (sys_days(*end) - sys_days(*start)).count();
  return ToolNumber(std::to_string(count));
}

ToolResult RunWeekday(const Clock& now, const ToolArguments& arguments) {
  const Result<year_month_day> date = ParseDate(arguments.String("date"), Today(now));
  return date.ok() ? ToolText(WeekdayName(sys_days(*date))) : ToolFailure(date.error().message);
}

// ISO 8601: weeks begin on Monday and belong to the year of their Thursday.
ToolResult RunWeekNumber(const Clock& now, const ToolArguments& arguments) {
  const Result<year_month_day> date = ParseDate(arguments.String("date"), Today(now));
  if (!date.ok()) return ToolFailure(date.error().message);
  const sys_days day(*date);
  const sys_days thursday = day + days(4) - days(weekday(day).iso_encoding());
  const year of_week = year_month_day(thursday).year();
  const int64_t week = (thursday - sys_days(of_week / std::chrono::January / 1)).count() / 7 + 1;
  return ToolText(fmt::format("{:04}-W{:02}", static_cast<int>(of_week), week));
}

ToolResult RunAddMinutes(const ToolArguments& arguments) {
  const Result<int> start = ParseTime(arguments.String("time"));
  if (!start.ok()) return ToolFailure(start.error().message);
  const Result<int64_t> count = ReadStep(arguments, "minutes");
  if (!count.ok()) return ToolFailure(count.error().message);
  const int64_t day = 24 * 60;
  const int64_t sum = *start + *count;
  const int64_t over = sum >= 0 ? sum / day : -((day - 1 - sum) / day);
  std::string note;
  if (over != 0)
    note = fmt::format("{} day{} {}", std::abs(over), std::abs(over) == 1 ? "" : "s",
                       over > 0 ? "later" : "before");
  return ToolText(TimeText(static_cast<int>(sum - over * day)), note);
}

ToolResult RunMinutesBetween(const ToolArguments& arguments) {
  const Result<int> start = ParseTime(arguments.String("start"));
  if (!start.ok()) return ToolFailure(start.error().message);
  const Result<int> end = ParseTime(arguments.String("end"));
  if (!end.ok()) return ToolFailure(end.error().message);
  return ToolNumber(std::to_string((*end - *start + 1440) % 1440),
                    *end < *start ? "the end is on the next day" : "");
}

std::string OffsetText(int64_t seconds) {
  const int64_t minutes = std::abs(seconds) / 60;
  return fmt::format("UTC{}{:02}:{:02}", seconds < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

ToolResult RunCurrentTime(const Clock& now, const ToolArguments& arguments) {
  const std::string city = arguments.String("city");
  if (city.empty()) {
    const std::tm local = LocalTime(now());
    return ToolText(fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", local.tm_year + 1900, local.tm_mon + 1,
                                local.tm_mday, local.tm_hour, local.tm_min),
                    fmt::format("{}, {}", kWeekdays[local.tm_wday], OffsetText(local.tm_gmtoff)));
  }
  const Result<ZonedTime> there = TimeInCity(city, now());
  if (!there.ok()) return ToolFailure(there.error().message);
  const std::chrono::local_days day = std::chrono::floor<days>(there->local);
  const int64_t minutes = (there->local - day).count() / 60;
  return ToolText(fmt::format("{} {}", DateText(year_month_day(day)), TimeText(static_cast<int>(minutes))),
                  fmt::format("{}, {}, {}", kWeekdays[weekday(day).c_encoding()], there->zone,
                              OffsetText(there->offset.count())));
}

#define MAINS_DATE R"({"type": "string", "format": "date", "description": "Date, YYYY-MM-DD"})"
#define MAINS_TIME R"({"type": "string", "description": "Time of day, HH:MM"})"

constexpr const char* kOneDate =
    R"({"type": "object", "properties": {"date": )" MAINS_DATE R"(}, "required": ["date"]})";

void AddTimeTools(const Clock& now, std::vector<BuiltIn>& tools) {
  tools.push_back(
      {{"current_time", "Current date and time.",
        R"({"type": "object", "properties": {"city": {"type": "string", "description": "City or place"}}})"},
       [now](const ToolArguments& a) { return RunCurrentTime(now, a); }});
  tools.push_back({{"add_minutes", "Gives the time of day a number of minutes after a time.",
                    R"({"type": "object", "properties": {"time": )" MAINS_TIME
                    R"(, "minutes": {"type": "integer", "description": "Number of minutes"}}, )"
                    R"("required": ["time", "minutes"]})"},
                   RunAddMinutes,
                   true});
  tools.push_back({{"minutes_between", "Number of minutes from one time of day to another.",
                    R"({"type": "object", "properties": {"start": )" MAINS_TIME R"(, "end": )" MAINS_TIME
                    R"(}, "required": ["start", "end"]})"},
                   RunMinutesBetween,
                   true});
}

}  // namespace

// add_days, days_between, weekday and current_time are worded as the pocket model is trained on them
// (pocket/data/natural.py).
void AddDateTools(const Clock& now, std::vector<BuiltIn>& tools) {
  tools.push_back(
      {{"add_days", "Gives the date a number of days after a date.",
        R"({"type": "object", "properties": {"date": )" MAINS_DATE
        R"(, "days": {"type": "integer", "description": "Number of days"}}, "required": ["date", "days"]})"},
       [now](const ToolArguments& a) { return RunAddDays(now, a); }});
  tools.push_back({{"days_between", "Number of days between two dates.",
                    R"({"type": "object", "properties": {"start": )" MAINS_DATE R"(, "end": )" MAINS_DATE
                    R"(}, "required": ["start", "end"]})"},
                   [now](const ToolArguments& a) { return RunDaysBetween(now, a); }});
  tools.push_back({{"weekday", "Tells the day of the week of a date.", kOneDate},
                   [now](const ToolArguments& a) { return RunWeekday(now, a); }});
  AddTimeTools(now, tools);
  tools.push_back({{"add_months", "Gives the date a number of months after a date; a year has 12.",
                    R"({"type": "object", "properties": {"date": )" MAINS_DATE
                    R"(, "months": {"type": "integer", "description": "Number of months"}}, )"
                    R"("required": ["date", "months"]})"},
                   [now](const ToolArguments& a) { return RunAddMonths(now, a); },
                   true});
  tools.push_back({{"week_number", "Tells the calendar week of a date.", kOneDate},
                   [now](const ToolArguments& a) { return RunWeekNumber(now, a); },
                   true});
}

#undef MAINS_DATE
#undef MAINS_TIME

}  // namespace mains
