// Conversion between units of measurement, exact wherever the result has an exact decimal.
#pragma once

#include <gmpxx.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace mains {

struct Conversion {
  std::string number;  // all digits if they are at most 20, else rounded to 10 significant digits
  std::string note;    // that it is rounded, and which unit was taken where a name has several; mostly empty
};

// Names as FindUnits reads them. Errors name what is unknown, or both dimensions if they differ.
Result<Conversion> ConvertUnits(const mpq_class& value, std::string_view from, std::string_view to);

}  // namespace mains
