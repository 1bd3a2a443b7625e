#include "app/tools/unit_conversion.h"

#include <optional>
#include <utility>
#include <vector>

#include "app/tools/exact_number.h"
#include "app/tools/text_forms.h"
#include "app/tools/unit.h"
#include "io/quoted.h"

namespace mains {
namespace {

constexpr int kMaxExactDigits = 20;
constexpr int kSignificantDigits = 10;

Error UnknownUnit(std::string_view name) {
  return Error{ErrorCode::kInvalid, "the unit " + Quoted(name) +
                                        " is not known; write a name or a symbol such as km, miles, kg, °C, "
                                        "liters, m2 or km/h"};
}

// Twice 60 digits of π, far beyond the digits that are shown.
const mpq_class& Tau() {
  static const mpq_class kTau = [] {
    const Result<mpq_class> tau =
        ParseNumber("6.28318530717958647692528676655900576839433879875021164194988918");
    CHECK(tau.ok());
    return *tau;
  }();
  return kTau;
}

// The first pair that measures the same thing, the likeliest meanings first.
std::optional<std::pair<Unit, Unit>> Match(const std::vector<Unit>& from, const std::vector<Unit>& to) {
  for (const Unit& a : from) {
    for (const Unit& b : to) {
      if (a.dimension == b.dimension) return std::make_pair(a, b);
    }
  }
  return std::nullopt;
}

Result<mpq_class> ToBase(const mpq_class& value, const Unit& unit) {
  const mpq_class scaled = (value + unit.offset) * unit.factor;
  if (!unit.reciprocal) return scaled;
  if (scaled == 0) return Error{ErrorCode::kInvalid, "0 has no counterpart in the other unit"};
  return mpq_class(1 / scaled);
}

Result<mpq_class> FromBase(const mpq_class& base, const Unit& unit) {
  if (unit.reciprocal && base == 0)
    return Error{ErrorCode::kInvalid, "0 has no counterpart in the other unit"};
  const mpq_class scaled = unit.reciprocal ? mpq_class(1 / base) : base;
  return mpq_class(scaled / unit.factor - unit.offset);
}

std::string Joined(std::string_view name_a, const Unit& a, std::string_view name_b, const Unit& b) {
  std::string note;
  if (!a.note.empty()) note = std::string(name_a) + ": " + a.note;
  if (!b.note.empty() && b.note != a.note) {
    note += (note.empty() ? "" : "; ") + std::string(name_b) + ": " + b.note;
  }
  return note;
}

}  // namespace

Result<Conversion> ConvertUnits(const mpq_class& value, std::string_view from, std::string_view to) {
  const std::vector<Unit> froms = FindUnits(from), tos = FindUnits(to);
  if (froms.empty()) return UnknownUnit(from);
  if (tos.empty()) return UnknownUnit(to);
  const auto pair = Match(froms, tos);
  if (!pair) {
    return Error{ErrorCode::kInvalid, Quoted(from) + " measures " + DimensionName(froms[0].dimension) +
                                          " and " + Quoted(to) + " measures " +
                                          DimensionName(tos[0].dimension) + "; neither turns into the other"};
  }
  const auto& [a, b] = *pair;
  ASSIGN_OR_RETURN(mpq_class base, ToBase(value, a));
  // The scale of temperature begins at its absolute zero.
  const bool is_temperature = a.offset != 0 || b.offset != 0;
  if (is_temperature && base < 0) return Error{ErrorCode::kInvalid, "nothing is colder than -273.15 °C"};
  const int taus = b.tau_power - a.tau_power;
  for (int i = 0; i < std::abs(taus); ++i)
    base = taus > 0 ? mpq_class(base * Tau()) : mpq_class(base / Tau());
  ASSIGN_OR_RETURN(const mpq_class result, FromBase(base, b));
  Conversion conversion;
  conversion.note = Joined(from, a, to, b);
  const std::optional<std::string> exact = FiniteDecimal(result, kMaxExactDigits);
  const bool is_exact = exact && (taus == 0 || result == 0);
  conversion.number = is_exact ? *exact : RoundedDecimal(result, kSignificantDigits);
  if (!is_exact)
    conversion.note = "rounded to 10 digits" + (conversion.note.empty() ? "" : "; " + conversion.note);
  return conversion;
}

}  // namespace mains
