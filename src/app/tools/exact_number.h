// Numbers without rounding: read from text as people write them, and written back as text.
#pragma once

#include <gmpxx.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mains {

// Longer numbers are refused, so that no input costs more than milliseconds.
constexpr int64_t kMaxNumberBits = int64_t{1} << 18;
constexpr int kMaxDecimalExponent = 10000;

// Bits of numerator and denominator together.
int64_t SizeInBits(const mpq_class& value);

// "42", "-1.5", "1.5e-3", "1,234.5", "1.234,5", "1'234", "3,5". A single point is always a decimal point. A
// single comma is a decimal comma, except that "1,234" could mean two numbers and is refused. Separators of
// thousands must stand before every third digit. ASCII digits only.
Result<mpq_class> ParseNumber(std::string_view text);

// All digits of a number that has finitely many, if they are at most `max_digits`.
std::optional<std::string> FiniteDecimal(const mpq_class& value, int max_digits);

// Rounded to that many significant digits, halves away from zero: "0.333", "6.67e-11".
std::string RoundedDecimal(const mpq_class& value, int significant_digits);

// The text of 0.DIGITS * 10^exponent; trailing zeros are dropped. Very large and small numbers get an "e".
std::string DecimalText(bool negative, std::string digits, int64_t exponent);

}  // namespace mains
