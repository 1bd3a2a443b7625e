#include "app/tools/date_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "app/tools/text_forms.h"
#include "io/quoted.h"

namespace mains {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr size_t kMaxTextBytes = 100;

Error Bad(std::string message) {
  return Error{ErrorCode::kInvalid, std::move(message)};
}

// A run of digits, of letters, or one sign.
struct Piece {
  enum class Kind { kDigits, kLetters, kSign } kind;
  std::string text;
};

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80;
}

// Spaces part pieces and are dropped.
std::vector<Piece> SplitPieces(std::string_view text) {
  std::vector<Piece> pieces;
  bool joins = false;
  for (const char c : text) {
    const Piece::Kind kind = IsDigit(c)    ? Piece::Kind::kDigits
                             : IsLetter(c) ? Piece::Kind::kLetters
                                           : Piece::Kind::kSign;
    if (c == ' ') {
      joins = false;
      continue;
    }
    if (joins && kind != Piece::Kind::kSign && pieces.back().kind == kind) {
      pieces.back().text += c;
    } else {
      pieces.push_back({kind, std::string(1, c)});
    }
    joins = true;
  }
  return pieces;
}

// The pieces as a pattern: "9" for digits, "a" for letters, signs as they are.
std::string Pattern(const std::vector<Piece>& pieces) {
  std::string pattern;
  for (const Piece& piece : pieces) {
    pattern += piece.kind == Piece::Kind::kDigits    ? "9"
               : piece.kind == Piece::Kind::kLetters ? "a"
                                                     : piece.text;
  }
  return pattern;
}

std::optional<int> Number(const std::string& digits, size_t max_digits) {
  int value = 0;
  if (digits.size() > max_digits) return std::nullopt;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
}

// By the first letters, which are the same in the short and the long form.
std::optional<unsigned> MonthNumber(const std::string& name) {
  static constexpr std::array<std::string_view, 12> kEnglish = {
      "january", "february", "march",     "april",   "may",      "june",
      "july",    "august",   "september", "october", "november", "december"};
  static constexpr std::array<std::string_view, 12> kGerman = {
      "januar", "februar", "märz",      "april",   "mai",      "juni",
      "juli",   "august",  "september", "oktober", "november", "dezember"};
  static constexpr size_t kShortest = 3;
  for (unsigned i = 0; i < 12; ++i) {
    const bool fits =
        name.size() >= kShortest && (kEnglish[i].starts_with(name) || kGerman[i].starts_with(name));
    if (fits || (i == 8 && name == "sept")) return i + 1;
  }
  if (name == "jänner") return 1;
  return name == "maerz" || name == "mrz" ? std::optional(3U) : std::nullopt;
}

Result<year_month_day> MakeDate(std::string_view text, int y, unsigned m, unsigned d) {
  const year_month_day date{year(y), month(m), day(d)};
  if (y < 1 || y > 9999) return Bad(Quoted(text) + ": the year must be from 1 to 9999");
  if (m < 1 || m > 12) return Bad(Quoted(text) + ": there is no month " + std::to_string(m));
  if (!date.ok()) return Bad(Quoted(text) + ": that month has no day " + std::to_string(d));
  return date;
}

struct RelativeDay {
  std::string_view name;
  int offset;
};
constexpr RelativeDay kRelativeDays[] = {{"today", 0},
                                         {"heute", 0},
                                         {"今天", 0},
                                         {"今日", 0},
                                         {"tomorrow", 1},
                                         {"morgen", 1},
                                         {"明天", 1},
                                         {"übermorgen", 2},
                                         {"后天", 2},
                                         {"day after tomorrow", 2},
                                         {"the day after tomorrow", 2},
                                         {"yesterday", -1},
                                         {"gestern", -1},
                                         {"昨天", -1},
                                         {"vorgestern", -2},
                                         {"前天", -2}};

Error UnclearDate(std::string_view text) {
  return Bad(Quoted(text) + " is no date that can be read; write it as YYYY-MM-DD");
}

// Three numbers with the same sign between them.
Result<year_month_day> FromNumbers(std::string_view text, const std::vector<Piece>& pieces) {
  const std::string &first = pieces[0].text, &last = pieces[4].text;
  const char sign = pieces[1].text[0];
  const auto middle = Number(pieces[2].text, 2);
  if (sign != pieces[3].text[0] || !middle) return UnclearDate(text);
  if (first.size() == 4) {  // year first
    const auto y = Number(first, 4), d = Number(last, 2);
    return y && d ? MakeDate(text, *y, static_cast<unsigned>(*middle), static_cast<unsigned>(*d))
                  : UnclearDate(text);
  }
  const auto a = Number(first, 2), y = Number(last, 4);
  if (!a || !y) return UnclearDate(text);
  if (last.size() != 4) return Bad(Quoted(text) + ": write the year with four digits, as in 2026-03-04");
  const bool month_first_possible = *a <= 12 && sign == '/';
  const bool day_first_possible = *middle <= 12;
  if (sign == '/' && month_first_possible && day_first_possible && *a != *middle) {
    return Bad(Quoted(text) +
               fmt::format(" can mean {:04}-{:02}-{:02} or {:04}-{:02}-{:02}; write one of those", *y, *a,
                           *middle, *y, *middle, *a));
  }
  const bool day_first = sign != '/' || day_first_possible;
  const int m = day_first ? *middle : *a, d = day_first ? *a : *middle;
  return MakeDate(text, *y, static_cast<unsigned>(m), static_cast<unsigned>(d));
}

Result<year_month_day> FromNames(std::string_view text, const std::string& y, const std::string& m,
                                 const std::string& d) {
  const auto year_number = y.size() == 4 ? Number(y, 4) : std::nullopt;
  const auto month_number = MonthNumber(m);
  const auto day_number = Number(d, 2);
  if (!year_number || !month_number || !day_number) return UnclearDate(text);
  return MakeDate(text, *year_number, *month_number, static_cast<unsigned>(*day_number));
}

bool IsOrdinalEnding(const std::string& text) {
  return text == "st" || text == "nd" || text == "rd" || text == "th";
}

}  // namespace

Result<year_month_day> ParseDate(std::string_view text, year_month_day today) {
  if (text.size() > kMaxTextBytes) return UnclearDate(text);
  const std::string folded = TrimmedForm(FoldedForm(text));
  for (const RelativeDay& relative : kRelativeDays) {
    if (folded == relative.name) return year_month_day(sys_days(today) + days(relative.offset));
  }
  std::vector<Piece> pieces = SplitPieces(folded);
  for (size_t i = 1; i < pieces.size(); ++i) {  // 4th
    if (pieces[i - 1].kind == Piece::Kind::kDigits && IsOrdinalEnding(pieces[i].text)) {
      pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  const std::string pattern = Pattern(pieces);
  const auto at = [&pieces](size_t i) -> const std::string& { return pieces[i].text; };
  if (pattern == "9" && at(0).size() == 8) {
    const std::string digits = at(0);
    return FromNumbers(text,
                       SplitPieces(digits.substr(0, 4) + "-" + digits.substr(4, 2) + "-" + digits.substr(6)));
  }
  if (pattern == "9-9-9" || pattern == "9/9/9" || pattern == "9.9.9") return FromNumbers(text, pieces);
  if (pattern == "9a9a9a" || pattern == "9a9a9") {
    const bool chinese =
        at(1) == "年" && at(3) == "月" && (pieces.size() == 5 || at(5) == "日" || at(5) == "号");
    if (chinese) return FromNumbers(text, SplitPieces(at(0) + "-" + at(2) + "-" + at(4)));
  }
  if (pattern == "9a9") return FromNames(text, at(2), at(1), at(0));
  if (pattern == "9.a9") return FromNames(text, at(3), at(2), at(0));
  if (pattern == "9-a-9" || pattern == "9.a.9") return FromNames(text, at(4), at(2), at(0));
  if (pattern == "a9,9") return FromNames(text, at(3), at(0), at(1));
  if (pattern == "a99") return FromNames(text, at(2), at(0), at(1));
  return UnclearDate(text);
}

std::string DateText(year_month_day date) {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

Result<int> ParseTime(std::string_view text) {
  const Error unclear = Bad(Quoted(text) + " is no time of day that can be read; write it as HH:MM");
  if (text.size() > kMaxTextBytes) return unclear;
  const std::vector<Piece> pieces = SplitPieces(TrimmedForm(FoldedForm(text)));
  const std::string pattern = Pattern(pieces);
  const auto at = [&pieces](size_t i) -> const std::string& { return pieces[i].text; };
  const bool with_minutes = pattern == "9:9" || pattern == "9:9a";
  const std::string last = pieces.empty() ? "" : pieces.back().text;
  const bool has_half = last == "am" || last == "pm";
  std::optional<int> hour, minute = 0;
  if (with_minutes) {
    hour = Number(at(0), 2);
    minute = at(2).size() == 2 ? Number(at(2), 2) : std::nullopt;
    if (pattern == "9:9a" && !has_half && last != "uhr") return unclear;
  } else if (pattern == "9a" &&
             (has_half || last == "uhr" || last == "点" || last == "点半" || last == "时")) {
    hour = Number(at(0), 2);
    if (last == "点半") minute = 30;
  } else if (pattern == "9a9" && at(1) == "uhr") {
    hour = Number(at(0), 2), minute = Number(at(2), 2);
  } else if (pattern == "9a9a" && (at(1) == "点" || at(1) == "时") && last == "分") {
    hour = Number(at(0), 2), minute = Number(at(2), 2);
  }
  if (!hour || !minute || *hour > 23 || *minute > 59) return unclear;
  if (has_half && (*hour < 1 || *hour > 12)) return unclear;
  if (has_half) hour = *hour % 12 + (last == "pm" ? 12 : 0);
  return *hour * 60 + *minute;
}

std::string TimeText(int minutes) {
  return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
}

}  // namespace mains
