#include "engine/grammar/schema_number.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <tuple>

#include "engine/grammar/grammar_automaton.h"

namespace mains {
namespace {

using Expr = GrammarExpr;

constexpr int64_t kMaxDigits = 400;
constexpr int64_t kMaxMultipleStates = 20'000;

// Compares a number that is read digit by digit with a bound; both without sign.
class Comparer {
 public:
  explicit Comparer(const Decimal& bound) : whole_(bound.whole), fraction_(bound.fraction) {}

  struct State {
    bool after_point = false;
    int64_t digits = 0;  // read, up to one more than the bound has
    int order = 0;       // of what was read with as many digits of the bound
    auto operator<=>(const State&) const = default;
  };

  State Next(State s, char c) const {
    if (c == '.') return {true, 0, WholeOrder(s)};
    const std::string& bound = s.after_point ? fraction_ : whole_;
    const int64_t size = static_cast<int64_t>(bound.size());
    const char digit = s.digits < size ? bound[static_cast<size_t>(s.digits)] : '0';
    // Before the point the lengths are compared first, and digits beyond the bound's say all there is to say.
    if (s.order == 0 && (s.after_point || s.digits < size)) s.order = c == digit ? 0 : c < digit ? -1 : 1;
    s.digits = std::min(s.digits + 1, size + 1);
    if (s.after_point && s.order != 0) s.digits = 0;
    return s;
  }
  int Order(State s) const {
    const int order = s.after_point ? s.order : WholeOrder(s);
    if (order != 0) return order;
    const int64_t read = s.after_point ? s.digits : 0;
    return read < static_cast<int64_t>(fraction_.size()) ? -1 : 0;
  }

 private:
  int WholeOrder(State s) const {
    const int64_t size = static_cast<int64_t>(whole_.size());
    return s.digits < size ? -1 : s.digits > size ? 1 : s.order;
  }
  std::string whole_, fraction_;
};

// Texts of digits and at most one point whose comparison with `bound` `allowed` likes (index: order + 1).
Result<Expr> CompareExpr(GrammarBuilder& b, const Decimal& bound, const bool (&allowed)[3]) {
  const Comparer comparer(bound);
  Dfa dfa;
  std::map<Comparer::State, int32_t> ids;
  std::vector<Comparer::State> states;
  const auto intern = [&](Comparer::State state) {
    const auto [found, added] = ids.emplace(state, static_cast<int32_t>(states.size()));
    if (added) {
      states.push_back(state);
      dfa.states.emplace_back().final = allowed[comparer.Order(state) + 1];
    }
    return found->second;
  };
  intern({});
  for (size_t at = 0; at < states.size(); ++at) {
    const Comparer::State state = states[at];
    std::vector<Dfa::ByteEdge> edges;
    if (!state.after_point) edges.push_back({'.', '.', intern(comparer.Next(state, '.'))});
    for (char c = '0'; c <= '9'; ++c) {
      edges.push_back({static_cast<uint8_t>(c), static_cast<uint8_t>(c), intern(comparer.Next(state, c))});
    }
    dfa.states[at].bytes = std::move(edges);
  }
  Trim(dfa);
  return b.Automaton(dfa);
}

// N of N / 10^places, or -1 if it has more than 18 digits.
int64_t Scaled(const Decimal& number, int64_t places) {
  std::string digits = number.whole + number.fraction;
  digits.append(
      static_cast<size_t>(std::max<int64_t>(0, places - static_cast<int64_t>(number.fraction.size()))), '0');
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  return digits.size() > 18 ? -1 : std::strtoll(digits.c_str(), nullptr, 10);
}

// Digits, and as many after a point as the multiple has, that make a multiple of it.
Result<Expr> MultipleExpr(GrammarBuilder& b, const Decimal& multiple) {
  const int64_t places = static_cast<int64_t>(multiple.fraction.size());
  const int64_t modulus = Scaled(multiple, places);
  if (modulus <= 0 || modulus > kMaxMultipleStates / (places + 1)) {
    return Error{ErrorCode::kUnsupported,
                 "multiples of " + ToString(multiple) + " are not supported: too many digits"};
  }
  Dfa dfa;
  // State: remainder and digits after the point; -1: before it.
  const auto id = [&](int64_t remainder, int64_t after) {
    return static_cast<int32_t>(after <= 0 ? remainder * 2 + (after == 0)
                                           : 2 * modulus + (after - 1) * modulus + remainder);
  };
  dfa.states.resize(static_cast<size_t>((places + 2) * modulus));
  for (int64_t after = -1; after <= places; ++after) {
    for (int64_t r = 0; r < modulus; ++r) {
      Dfa::State& state = dfa.states[static_cast<size_t>(id(r, after))];
      int64_t rest = r;
      for (int64_t i = std::max<int64_t>(after, 0); i < places; ++i) rest = rest * 10 % modulus;
      state.final = rest == 0;
      if (after < 0 && places > 0) state.bytes.push_back({'.', '.', id(r, 0)});
      if (after == places) continue;
      for (int64_t d = 0; d <= 9; ++d) {
        const uint8_t c = static_cast<uint8_t>('0' + d);
        state.bytes.push_back({c, c, id((r * 10 + d) % modulus, after < 0 ? -1 : after + 1)});
      }
    }
  }
  Trim(dfa);
  return b.Automaton(dfa);
}

// Numbers without sign between the bounds.
Result<Expr> Magnitudes(GrammarBuilder& b, const NumberRange& range, const std::optional<NumberBound>& low,
                        const std::optional<NumberBound>& high) {
  const Expr digits = b.Repeat(b.Bytes('0', '9'), 0, std::nullopt);
  Expr out = b.Choice({b.Text("0"), b.Sequence({b.Bytes('1', '9'), digits})});
  if (!range.integer)
    out = b.Sequence({out, b.Optional(b.Sequence({b.Text("."), b.Bytes('0', '9'), digits}))});
  if (low) {
    ASSIGN_OR_RETURN(const Expr above, CompareExpr(b, low->value, {false, !low->exclusive, true}));
    out = b.Both(out, above);
  }
  if (high) {
    ASSIGN_OR_RETURN(const Expr below, CompareExpr(b, high->value, {true, !high->exclusive, false}));
    out = b.Both(out, below);
  }
  for (const Decimal& multiple : range.multiples) {
    ASSIGN_OR_RETURN(const Expr of_it, MultipleExpr(b, multiple));
    out = b.Both(out, of_it);
  }
  return out;
}

std::optional<NumberBound> Negated(const std::optional<NumberBound>& bound) {
  if (!bound) return std::nullopt;
  NumberBound out = *bound;
  out.value.negative = !out.value.negative && !out.value.IsZero();
  return out;
}

}  // namespace

std::optional<Decimal> DecimalOf(const OrderedJson& number) {
  if (!number.is_number()) return std::nullopt;
  const std::string text = number.dump();  // shortest digits that read back as the same double
  Decimal out;
  size_t at = 0;
  if (at < text.size() && text[at] == '-') {
    out.negative = true;
    ++at;
  }
  std::string digits;
  int64_t point = -1;
  for (; at < text.size() && text[at] != 'e' && text[at] != 'E'; ++at) {
    if (text[at] == '.') {
      point = static_cast<int64_t>(digits.size());
    } else if (text[at] >= '0' && text[at] <= '9') {
      digits += text[at];
    } else {
      return std::nullopt;  // nlohmann writes null for what is not finite
    }
  }
  if (digits.empty()) return std::nullopt;
  if (point < 0) point = static_cast<int64_t>(digits.size());
  if (at < text.size())
    point += std::clamp<int64_t>(std::atoll(text.c_str() + at + 1), -kMaxDigits, kMaxDigits);
  if (point < 0) {
    digits.insert(0, static_cast<size_t>(-point), '0');
    point = 0;
  }
  if (point > static_cast<int64_t>(digits.size()))
    digits.append(static_cast<size_t>(point) - digits.size(), '0');
  out.whole = digits.substr(0, static_cast<size_t>(point));
  out.fraction = digits.substr(static_cast<size_t>(point));
  out.whole.erase(0, std::min(out.whole.find_first_not_of('0'), out.whole.size()));
  if (out.whole.empty()) out.whole = "0";
  out.fraction.erase(out.fraction.find_last_not_of('0') + 1);
  if (out.IsZero()) out.negative = false;
  return out;
}

int Compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  const auto sizes = std::tuple(a.whole.size(), b.whole.size());
  int order = std::get<0>(sizes) != std::get<1>(sizes) ? (std::get<0>(sizes) < std::get<1>(sizes) ? -1 : 1)
                                                       : a.whole.compare(b.whole);
  if (order == 0) order = a.fraction.compare(b.fraction);  // no trailing zeros: as the numbers
  order = order < 0 ? -1 : order > 0 ? 1 : 0;
  return a.negative ? -order : order;
}

std::string ToString(const Decimal& number) {
  return (number.negative ? "-" : "") + number.whole + (number.fraction.empty() ? "" : "." + number.fraction);
}

std::optional<bool> InRange(const Decimal& number, const NumberRange& range) {
  if (range.integer && !number.fraction.empty()) return false;
  if (range.minimum) {
    const int order = Compare(number, range.minimum->value);
    if (order < 0 || (order == 0 && range.minimum->exclusive)) return false;
  }
  if (range.maximum) {
    const int order = Compare(number, range.maximum->value);
    if (order > 0 || (order == 0 && range.maximum->exclusive)) return false;
  }
  for (const Decimal& multiple : range.multiples) {
    const int64_t places = static_cast<int64_t>(std::max(number.fraction.size(), multiple.fraction.size()));
    const int64_t n = Scaled(number, places), m = Scaled(multiple, places);
    if (n < 0 || m <= 0) return std::nullopt;
    if (n % m != 0) return false;
  }
  return true;
}

Result<GrammarExpr> RangeExpr(GrammarBuilder& b, const NumberRange& range) {
  std::vector<Expr> choices;
  const bool may_be_positive = !range.maximum || !range.maximum->value.negative;
  const bool may_be_negative = !range.minimum || range.minimum->value.negative;
  if (may_be_positive) {
    const bool bounded = range.minimum && !range.minimum->value.negative;
    ASSIGN_OR_RETURN(const Expr positive,
                     Magnitudes(b, range, bounded ? range.minimum : std::nullopt, range.maximum));
    choices.push_back(positive);
  }
  if (may_be_negative) {
    const bool bounded = range.maximum && range.maximum->value.negative;
    const std::optional<NumberBound> above_zero = NumberBound{Decimal{}, true};
    ASSIGN_OR_RETURN(const Expr negative, Magnitudes(b, range, bounded ? Negated(range.maximum) : above_zero,
                                                     Negated(range.minimum)));
    choices.push_back(b.Sequence({b.Text("-"), negative}));
  }
  return b.Choice(choices);
}

}  // namespace mains
