#include "app/tools/exact_number.h"

#include <algorithm>
#include <charconv>

#include "io/quoted.h"

namespace mains {
namespace {

Error Bad(std::string message) {
  return Error{ErrorCode::kInvalid, std::move(message)};
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

mpz_class PowerOfTen(uint64_t exponent) {
  mpz_class power;
  mpz_ui_pow_ui(power.get_mpz_t(), 10, exponent);
  return power;
}

// Whether the separator stands before every third digit of the whole part.
bool GroupsOfThree(std::string_view whole, char separator) {
  size_t group = 0;
  bool first = true;
  for (size_t i = 0; i <= whole.size(); ++i) {
    if (i < whole.size() && whole[i] != separator) {
      ++group;
      continue;
    }
    if (group == 0 || group > 3 || (!first && group != 3)) return false;
    first = false;
    group = 0;
  }
  return true;
}

// Where the fraction begins: the position of the decimal separator, or npos; and what groups thousands.
struct Layout {
  size_t decimal = std::string_view::npos;
  char group = '\0';
};

Result<Layout> FindLayout(std::string_view text) {
  const size_t point = text.find('.'), comma = text.find(',');
  const bool points = point != text.npos && text.find('.', point + 1) != text.npos;
  const bool commas = comma != text.npos && text.find(',', comma + 1) != text.npos;
  Layout layout;
  if (text.find('\'') != text.npos) layout.group = '\'';
  if (text.find('_') != text.npos) layout.group = '_';
  if (point == text.npos && comma == text.npos) return layout;
  if (layout.group != '\0') {
    layout.decimal = point != text.npos ? point : comma;
  } else if (point != text.npos && comma != text.npos) {
    layout.decimal = std::max(text.rfind('.'), text.rfind(','));
    layout.group = text[layout.decimal] == '.' ? ',' : '.';
  } else if (points || commas) {
    layout.group = points ? '.' : ',';
  } else if (point != text.npos) {
    layout.decimal = point;
  } else {
    const bool maybe_thousands = text.size() - comma == 4 && comma >= 1 && comma <= 3 && text[0] != '0';
    if (maybe_thousands) {
      const std::string whole(text.substr(0, comma)), rest(text.substr(comma + 1));
      return Bad(Quoted(text) + " can mean " + whole + rest + " or " + whole + "." + rest +
                 "; write one of those");
    }
    layout.decimal = comma;
  }
  return layout;
}

Result<mpq_class> ParseDigits(std::string_view text) {
  ASSIGN_OR_RETURN(const Layout layout, FindLayout(text));
  const std::string_view whole = text.substr(0, layout.decimal);
  const std::string_view fraction =
      layout.decimal == text.npos ? std::string_view() : text.substr(layout.decimal + 1);
  const bool grouped = layout.group != '\0' && whole.find(layout.group) != whole.npos;
  if (grouped && !GroupsOfThree(whole, layout.group)) {
    return Bad(Quoted(text) + " is no number: separators of thousands stand before every third digit");
  }
  std::string digits;
  for (const char c : whole) {
    if (IsDigit(c)) {
      digits += c;
    } else if (c != layout.group) {
      return Bad(Quoted(text) + " is no number");
    }
  }
  if (!std::all_of(fraction.begin(), fraction.end(), IsDigit) || (digits.empty() && fraction.empty())) {
    return Bad(Quoted(text) + " is no number");
  }
  digits += fraction;
  mpq_class value(mpz_class(digits, 10), PowerOfTen(fraction.size()));
  value.canonicalize();
  return value;
}

}  // namespace

int64_t SizeInBits(const mpq_class& value) {
  return static_cast<int64_t>(mpz_sizeinbase(value.get_num_mpz_t(), 2) +
                              mpz_sizeinbase(value.get_den_mpz_t(), 2));
}

Result<mpq_class> ParseNumber(std::string_view text) {
  const std::string_view all = text;
  if (text.size() > static_cast<size_t>(kMaxDecimalExponent)) {
    return Error{ErrorCode::kResource, "a number of more than 10000 digits is too long"};
  }
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const size_t e = text.find_first_of("eE");
  int exponent = 0;
  if (e != text.npos) {
    std::string_view digits = text.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error == std::errc::invalid_argument || end != digits.data() + digits.size()) {
      return Bad(Quoted(all) + " is no number");
    }
    if (error != std::errc() || exponent > kMaxDecimalExponent || exponent < -kMaxDecimalExponent) {
      return Error{ErrorCode::kResource, Quoted(all) + ": the power of ten must be from -10000 to 10000"};
    }
  }
  ASSIGN_OR_RETURN(mpq_class value, ParseDigits(text.substr(0, e)));
  const mpz_class power = PowerOfTen(static_cast<uint64_t>(std::abs(exponent)));
  if (exponent > 0) value *= power;
  if (exponent < 0) value /= power;
  if (negative) value = -value;
  return value;
}

std::optional<std::string> FiniteDecimal(const mpq_class& value, int max_digits) {
  mpz_class rest = value.get_den();
  const mpz_class two = 2, five = 5;
  const uint64_t twos = mpz_remove(rest.get_mpz_t(), rest.get_mpz_t(), two.get_mpz_t());
  const uint64_t fives = mpz_remove(rest.get_mpz_t(), rest.get_mpz_t(), five.get_mpz_t());
  const uint64_t places = std::max(twos, fives);
  if (rest != 1 || places > static_cast<uint64_t>(max_digits)) return std::nullopt;
  const mpz_class scaled = abs(value.get_num()) * (PowerOfTen(places) / value.get_den());
  std::string digits = scaled.get_str();
  if (digits.size() > static_cast<size_t>(max_digits)) return std::nullopt;
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  if (places > 0) digits.insert(digits.size() - places, ".");
  return (sgn(value) < 0 ? "-" : "") + digits;
}

std::string RoundedDecimal(const mpq_class& value, int significant_digits) {
  if (value == 0) return "0";
  const mpq_class positive = abs(value);
  // The sizes in base 10 may be one too large each: begins above the exponent and walks down to it.
  int64_t exponent = static_cast<int64_t>(mpz_sizeinbase(positive.get_num_mpz_t(), 10)) -
                     static_cast<int64_t>(mpz_sizeinbase(positive.get_den_mpz_t(), 10)) + 3;
  mpz_class floor, remainder;
  mpq_class scaled;
  do {
    --exponent;
    const int64_t shift = significant_digits - exponent;
    const mpz_class power = PowerOfTen(static_cast<uint64_t>(std::abs(shift)));
    scaled = shift >= 0 ? mpq_class(positive * power) : mpq_class(positive / power);
    mpz_fdiv_qr(floor.get_mpz_t(), remainder.get_mpz_t(), scaled.get_num_mpz_t(), scaled.get_den_mpz_t());
  } while (floor < PowerOfTen(static_cast<uint64_t>(significant_digits - 1)));
  if (2 * remainder >= scaled.get_den()) ++floor;
  const std::string digits = floor.get_str();
  // One digit more if it was rounded up to a power of ten.
  exponent += static_cast<int64_t>(digits.size()) - significant_digits;
  return DecimalText(sgn(value) < 0, digits, exponent);
}

std::string DecimalText(bool negative, std::string digits, int64_t exponent) {
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.empty()) return "0";
  const std::string sign = negative ? "-" : "";
  const int64_t size = static_cast<int64_t>(digits.size());
  if (exponent > 21 || exponent < -6) {
    if (size > 1) digits.insert(1, ".");
    return sign + digits + "e" + std::to_string(exponent - 1);
  }
  if (exponent <= 0) return sign + "0." + std::string(static_cast<size_t>(-exponent), '0') + digits;
  if (size <= exponent) return sign + digits + std::string(static_cast<size_t>(exponent - size), '0');
  digits.insert(static_cast<size_t>(exponent), ".");
  return sign + digits;
}

}  // namespace mains
