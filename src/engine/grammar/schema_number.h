// Automata of decimal numbers: within bounds, and multiples.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/grammar/grammar.h"
#include "io/json.h"

namespace mains {

// A finite decimal number, exactly: no leading zeros before the point (but "0"), no trailing ones after it.
struct Decimal {
  bool negative = false;  // never for zero
  std::string whole = "0";
  std::string fraction;

  bool IsZero() const { return whole == "0" && fraction.empty(); }
  friend bool operator==(const Decimal&, const Decimal&) = default;
};

// Nothing if it is no number, or one of more than some 400 digits.
std::optional<Decimal> DecimalOf(const OrderedJson& number);
// Below, equal, above: -1, 0, 1.
int Compare(const Decimal& a, const Decimal& b);
std::string ToString(const Decimal& number);

struct NumberBound {
  Decimal value;
  bool exclusive = false;
};

struct NumberRange {
  bool integer = false;
  std::optional<NumberBound> minimum, maximum;
  std::vector<Decimal> multiples;  // positive
};

// Whether the number is in the range; nothing if that is beyond exact reckoning here.
std::optional<bool> InRange(const Decimal& number, const NumberRange& range);

// The numbers of the range without exponents; zero without a sign.
Result<GrammarExpr> RangeExpr(GrammarBuilder& builder, const NumberRange& range);

}  // namespace mains
