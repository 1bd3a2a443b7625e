// Dates and times of day as people write them. Proleptic Gregorian calendar, years 1 to 9999.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mains {

// "2026-03-04", "2026/3/4", "20260304", "4.3.2026", "4. März 2026", "4 March 2026", "March 4th, 2026",
// "2026年3月4日", and today, tomorrow and yesterday in English, German and Chinese. "3/4/2026" could mean two
// days and is refused, as are years of two digits.
Result<std::chrono::year_month_day> ParseDate(std::string_view text, std::chrono::year_month_day today);

std::string DateText(std::chrono::year_month_day date);  // 2026-03-04

// Minutes since midnight: "9:05", "09:05", "9:05 pm", "9 am", "21:05 Uhr", "21点", "21点5分", "9点半". 24:00
// is none.
Result<int> ParseTime(std::string_view text);

std::string TimeText(int minutes);  // 09:05

}  // namespace mains
