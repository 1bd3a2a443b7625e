#include "app/tools/calculator.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "app/tools/exact_number.h"
#include "app/tools/expression.h"
#include "app/tools/real.h"

namespace mains {
namespace {

constexpr int kSignificantDigits = 15;
constexpr int kMaxExactDigits = 300;  // longer results are rounded: nobody reads them
constexpr int kMaxFractionDigits = 30;
// Working precisions. A result counts once two precisions agree on its digits.
constexpr int kPrecisions[] = {256, 512, 1024, 2048};
// Binary exponents beyond this are refused: sin(exp(10^9)) would need a billion bits of π.
constexpr int64_t kMaxExponent = 1 << 18;
constexpr int64_t kMaxAngleExponent = 1 << 10;
// Bits that all exact results together may have.
constexpr int64_t kMaxWork = int64_t{1} << 22;
constexpr uint64_t kMaxRootDegree = 1000;

using Value = std::variant<mpq_class, Real>;

Error Bad(std::string message) {
  return Error{ErrorCode::kInvalid, std::move(message)};
}

Error TooLarge() {
  return Error{ErrorCode::kResource,
               "a number on the way is too large or too small: it would have more than 78000 digits"};
}

Error Undecided() {
  return Bad("a rounded value is too near to a whole number or to zero to decide this step");
}

bool IsExact(const Value& value) {
  return std::holds_alternative<mpq_class>(value);
}

bool IsWhole(const mpq_class& value) {
  return value.get_den() == 1;
}

// The whole number in the value if it fits an unsigned long.
std::optional<uint64_t> SmallCount(const Value& value) {
  const mpq_class* const exact = std::get_if<mpq_class>(&value);
  if (exact == nullptr || !IsWhole(*exact) || !exact->get_num().fits_ulong_p()) return std::nullopt;
  return exact->get_num().get_ui();
}

mpq_class PowerOfTen(uint64_t exponent) {
  mpz_class power;
  mpz_ui_pow_ui(power.get_mpz_t(), 10, exponent);
  return power;
}

// The whole power of a whole base that the value is, if it is one.
std::optional<mpz_class> WholeLogarithm(const mpq_class& value, const mpz_class& base) {
  if (value == 1) return mpz_class(0);
  if (base < 2 || (value.get_num() != 1 && value.get_den() != 1)) return std::nullopt;
  const bool inverse = value.get_den() != 1;
  mpz_class rest;
  const uint64_t count =
      mpz_remove(rest.get_mpz_t(), inverse ? value.get_den_mpz_t() : value.get_num_mpz_t(), base.get_mpz_t());
  if (rest != 1) return std::nullopt;
  const mpz_class whole = count;
  return inverse ? mpz_class(-whole) : whole;
}

class Machine {
 public:
  Machine(const Program& program, int precision) : program_(program), precision_(precision) {}

  Result<Value> Run() {
    for (const Instruction& instruction : program_.code) {
      RETURN_IF_ERROR(Step(instruction));
      RETURN_IF_ERROR(CheckTop());
    }
    return Pop();
  }

 private:
  using RealFunction = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);
  using RealOperation = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t);

  Value Pop() {
    Value top = std::move(stack_.back());
    stack_.pop_back();
    return top;
  }
  Status Push(Value value) {
    stack_.push_back(std::move(value));
    return {};
  }
  std::vector<Value> PopMany(int count) {
    std::vector<Value> values(std::make_move_iterator(stack_.end() - count),
                              std::make_move_iterator(stack_.end()));
    stack_.resize(stack_.size() - static_cast<size_t>(count), mpq_class());
    return values;
  }

  Real AsReal(const Value& value) const {
    if (const Real* const real = std::get_if<Real>(&value)) return *real;
    return Real(std::get<mpq_class>(value), precision_);
  }

  Status CheckTop() {
    if (const mpq_class* const exact = std::get_if<mpq_class>(&stack_.back())) {
      work_ += SizeInBits(*exact);
      if (SizeInBits(*exact) > 2 * kMaxNumberBits) return TooLarge();
      if (work_ > kMaxWork) {
        return Error{ErrorCode::kResource, "the expression needs too many digits; work it out in pieces"};
      }
      return {};
    }
    const mpfr_srcptr real = std::get<Real>(stack_.back()).get();
    if (mpfr_nan_p(real)) return Bad("a function has no real value there");
    if (mpfr_inf_p(real)) return TooLarge();
    if (!mpfr_zero_p(real) && std::abs(static_cast<int64_t>(mpfr_get_exp(real))) > kMaxExponent)
      return TooLarge();
    return {};
  }

  // Whether a rounded value may be zero, as far as its precision goes.
  bool MayBeZero(const Real& value) const {
    return mpfr_zero_p(value.get()) || mpfr_get_exp(value.get()) < -precision_ / 2;
  }
  bool IsNegative(const Value& value) const {
    if (const mpq_class* const exact = std::get_if<mpq_class>(&value)) return sgn(*exact) < 0;
    return mpfr_sgn(std::get<Real>(value).get()) < 0;
  }

  Status Step(const Instruction& instruction);
  Status Binary(Operation operation);
  Status ExactBinary(Operation operation, const mpq_class& a, const mpq_class& b);
  Status RealBinary(Operation operation, const Value& a, const Value& b);
  Status Power(const Value& base, const Value& exponent);
  Status ExactPower(const mpq_class& base, const mpz_class& exponent);
  Status RealPower(const Value& base, const Value& exponent);
  Status Modulo(const Value& a, const Value& b);
  Status Factorial();
  Status Binomial();
  Status Unary(Operation operation);
  Status RealUnary(const Value& value, RealFunction function);
  Status Trigonometric(const Value& value, RealFunction function);
  Status Logarithm(const Value& value, RealFunction function, const mpz_class& base);
  Status Root(const Value& value, uint64_t degree);
  Status Whole(Operation operation);
  Status Round(int arguments);
  Status Many(const Instruction& instruction);
  Status Divisors(Operation operation, const std::vector<Value>& values);

  const Program& program_;
  const int precision_;
  int64_t work_ = 0;
  std::vector<Value> stack_;
};

Status Machine::Step(const Instruction& instruction) {
  switch (instruction.operation) {
    case Operation::kNumber: return Push(program_.numbers[static_cast<size_t>(instruction.operand)]);
    case Operation::kPi: {
      Real pi(precision_);
      mpfr_const_pi(pi.get(), MPFR_RNDN);
      return Push(std::move(pi));
    }
    case Operation::kE: return RealUnary(mpq_class(1), mpfr_exp);
    case Operation::kPercent: RETURN_IF_ERROR(Push(mpq_class(100))); return Binary(Operation::kDivide);
    case Operation::kDegree:
      RETURN_IF_ERROR(Step({Operation::kPi}));
      RETURN_IF_ERROR(Binary(Operation::kMultiply));
      RETURN_IF_ERROR(Push(mpq_class(180)));
      return Binary(Operation::kDivide);
    case Operation::kAddPercent:
    case Operation::kSubtractPercent: {
      const Value part = Pop();
      stack_.push_back(Value(stack_.back()));
      RETURN_IF_ERROR(Push(part));
      RETURN_IF_ERROR(Binary(Operation::kMultiply));
      return Binary(instruction.operation == Operation::kAddPercent ? Operation::kAdd : Operation::kSubtract);
    }
    case Operation::kAdd:
    case Operation::kSubtract:
    case Operation::kMultiply:
    case Operation::kDivide:
    case Operation::kModulo:
    case Operation::kPower: return Binary(instruction.operation);
    case Operation::kFactorial: return Factorial();
    case Operation::kBinomial: return Binomial();
    case Operation::kFloor:
    case Operation::kCeil:
    case Operation::kTruncate: return Whole(instruction.operation);
    case Operation::kRound: return Round(instruction.operand);
    case Operation::kRoot: {
      const std::optional<uint64_t> degree = SmallCount(Pop());
      if (!degree || *degree == 0 || *degree > kMaxRootDegree)
        return Bad("root(x, n) needs a whole n from 1 to 1000");
      return Root(Pop(), *degree);
    }
    case Operation::kLog: {
      const Value base = Pop();
      if (IsExact(base) && IsExact(stack_.back()) && IsWhole(std::get<mpq_class>(base))) {
        const mpz_class& whole_base = std::get<mpq_class>(base).get_num();
        const mpq_class& value = std::get<mpq_class>(stack_.back());
        const std::optional<mpz_class> whole =
            sgn(value) > 0 && whole_base > 1 ? WholeLogarithm(value, whole_base) : std::nullopt;
        if (whole) {
          stack_.back() = mpq_class(*whole);
          return {};
        }
      }
      RETURN_IF_ERROR(Unary(Operation::kLn));
      RETURN_IF_ERROR(Push(base));
      RETURN_IF_ERROR(Unary(Operation::kLn));
      return Binary(Operation::kDivide);
    }
    case Operation::kMin:
    case Operation::kMax:
    case Operation::kSum:
    case Operation::kMean:
    case Operation::kGcd:
    case Operation::kLcm: return Many(instruction);
    default: return Unary(instruction.operation);
  }
}

Status Machine::Binary(Operation operation) {
  const Value b = Pop(), a = Pop();
  if (operation == Operation::kPower) return Power(a, b);
  if (operation == Operation::kModulo) return Modulo(a, b);
  if (IsExact(a) && IsExact(b)) return ExactBinary(operation, std::get<mpq_class>(a), std::get<mpq_class>(b));
  return RealBinary(operation, a, b);
}

Status Machine::ExactBinary(Operation operation, const mpq_class& a, const mpq_class& b) {
  switch (operation) {
    case Operation::kAdd: return Push(mpq_class(a + b));
    case Operation::kSubtract: return Push(mpq_class(a - b));
    case Operation::kMultiply: return Push(mpq_class(a * b));
    default:
      if (b == 0) return Bad("division by zero");
      return Push(mpq_class(a / b));
  }
}

Status Machine::RealBinary(Operation operation, const Value& a, const Value& b) {
  const RealOperation function = operation == Operation::kAdd        ? &mpfr_add
                                 : operation == Operation::kSubtract ? &mpfr_sub
                                 : operation == Operation::kMultiply ? &mpfr_mul
                                                                     : &mpfr_div;
  const Real x = AsReal(a), y = AsReal(b);
  if (operation == Operation::kDivide && mpfr_zero_p(y.get())) return Bad("division by zero");
  if (operation == Operation::kDivide && MayBeZero(y)) return Undecided();
  Real result(precision_);
  function(result.get(), x.get(), y.get(), MPFR_RNDN);
  return Push(std::move(result));
}

// The sign is that of the divisor, as in Python.
Status Machine::Modulo(const Value& a, const Value& b) {
  if (!IsExact(a) || !IsExact(b)) return Bad("a remainder needs exact numbers");
  const mpq_class& x = std::get<mpq_class>(a);
  const mpq_class& y = std::get<mpq_class>(b);
  if (y == 0) return Bad("division by zero");
  const mpq_class quotient = x / y;
  mpz_class floor;
  mpz_fdiv_q(floor.get_mpz_t(), quotient.get_num_mpz_t(), quotient.get_den_mpz_t());
  return Push(mpq_class(x - y * floor));
}

Status Machine::Power(const Value& base, const Value& exponent) {
  const mpq_class* const e = std::get_if<mpq_class>(&exponent);
  if (e == nullptr) return RealPower(base, exponent);
  if (IsExact(base) && IsWhole(*e)) return ExactPower(std::get<mpq_class>(base), e->get_num());
  const mpz_class& degree = e->get_den();
  if (!IsExact(base) || degree > kMaxRootDegree) return RealPower(base, exponent);
  if (IsNegative(base)) return Bad("a negative number has no real power with a fraction as exponent");
  RETURN_IF_ERROR(Root(base, degree.get_ui()));
  RETURN_IF_ERROR(CheckTop());
  if (IsExact(stack_.back())) return ExactPower(std::get<mpq_class>(Pop()), e->get_num());
  stack_.pop_back();
  return RealPower(base, exponent);
}

Status Machine::ExactPower(const mpq_class& base, const mpz_class& exponent) {
  if (exponent == 0) return Push(mpq_class(1));
  if (base == 0) return sgn(exponent) > 0 ? Push(mpq_class(0)) : Bad("division by zero");
  const mpz_class size = abs(exponent);
  if (abs(base) == 1) return Push(mpq_class(sgn(base) > 0 || mpz_even_p(size.get_mpz_t()) ? 1 : -1));
  // A number of n bits has at least n - 1 after the point of its logarithm.
  const mpz_class least_bits = size * (SizeInBits(base) - 2);
  if (least_bits > kMaxNumberBits) return TooLarge();
  const uint64_t n = size.get_ui();
  mpz_class numerator, denominator;
  mpz_pow_ui(numerator.get_mpz_t(), base.get_num_mpz_t(), n);
  mpz_pow_ui(denominator.get_mpz_t(), base.get_den_mpz_t(), n);
  mpq_class result =
      sgn(exponent) > 0 ? mpq_class(numerator, denominator) : mpq_class(denominator, numerator);
  result.canonicalize();
  return Push(std::move(result));
}

Status Machine::RealPower(const Value& base, const Value& exponent) {
  const Real x = AsReal(base), y = AsReal(exponent);
  if (mpfr_sgn(x.get()) < 0 && !mpfr_integer_p(y.get())) {
    return Bad("a negative number has no real power with such an exponent");
  }
  Real result(precision_);
  mpfr_pow(result.get(), x.get(), y.get(), MPFR_RNDN);
  return Push(std::move(result));
}

Status Machine::Factorial() {
  const std::optional<uint64_t> n = SmallCount(Pop());
  if (!n) return Bad("a factorial needs a whole number that is not negative");
  if (*n > 20000) return TooLarge();
  mpz_class result;
  mpz_fac_ui(result.get_mpz_t(), *n);
  return Push(mpq_class(result));
}

Status Machine::Binomial() {
  const std::optional<uint64_t> k = SmallCount(Pop());
  const std::optional<uint64_t> n = SmallCount(Pop());
  if (!n || !k) return Bad("binomial(n, k) needs whole numbers that are not negative");
  if (*k > *n) return Push(mpq_class(0));
  const uint64_t smaller = std::min(*k, *n - *k);
  if (smaller > 2000 || (*n > 100000 && smaller > 500)) return TooLarge();
  mpz_class result;
  mpz_bin_ui(result.get_mpz_t(), mpz_class(*n).get_mpz_t(), smaller);
  return Push(mpq_class(result));
}

Status Machine::RealUnary(const Value& value, RealFunction function) {
  const Real x = AsReal(value);
  Real result(precision_);
  function(result.get(), x.get(), MPFR_RNDN);
  return Push(std::move(result));
}

Status Machine::Trigonometric(const Value& value, RealFunction function) {
  const Real x = AsReal(value);
  if (!mpfr_zero_p(x.get()) && mpfr_get_exp(x.get()) > kMaxAngleExponent) {
    return Error{ErrorCode::kResource, "the angle is too large"};
  }
  return RealUnary(x, function);
}

Status Machine::Logarithm(const Value& value, RealFunction function, const mpz_class& base) {
  if (const Real* const real = std::get_if<Real>(&value); real != nullptr && MayBeZero(*real))
    return Undecided();
  const mpq_class* const exact = std::get_if<mpq_class>(&value);
  if (IsNegative(value) || (exact != nullptr && *exact == 0))
    return Bad("only positive numbers have a logarithm");
  if (exact != nullptr) {
    if (const std::optional<mpz_class> whole = WholeLogarithm(*exact, base)) return Push(mpq_class(*whole));
  }
  return RealUnary(value, function);
}

Status Machine::Root(const Value& value, uint64_t degree) {
  const bool odd = degree % 2 == 1;
  if (const Real* const real = std::get_if<Real>(&value)) {
    if (!odd && IsNegative(value))
      return MayBeZero(*real) ? Undecided() : Bad("a negative number has no real root");
    Real result(precision_);
    mpfr_rootn_ui(result.get(), real->get(), degree, MPFR_RNDN);
    return Push(std::move(result));
  }
  const mpq_class& exact = std::get<mpq_class>(value);
  if (!odd && sgn(exact) < 0) return Bad("a negative number has no real root");
  mpz_class numerator, denominator;
  if (mpz_root(numerator.get_mpz_t(), exact.get_num_mpz_t(), degree) != 0 &&
      mpz_root(denominator.get_mpz_t(), exact.get_den_mpz_t(), degree) != 0) {
    return Push(mpq_class(numerator, denominator));
  }
  const Real x = AsReal(value);
  Real result(precision_);
  mpfr_rootn_ui(result.get(), x.get(), degree, MPFR_RNDN);
  return Push(std::move(result));
}

Status Machine::Unary(Operation operation) {
  Value value = Pop();
  mpq_class* const exact = std::get_if<mpq_class>(&value);
  const bool zero = exact != nullptr && *exact == 0;
  switch (operation) {
    case Operation::kNegate: return exact != nullptr ? Push(mpq_class(-*exact)) : RealUnary(value, mpfr_neg);
    case Operation::kAbs: return exact != nullptr ? Push(mpq_class(abs(*exact))) : RealUnary(value, mpfr_abs);
    case Operation::kSqrt: return Root(value, 2);
    case Operation::kCbrt: return Root(value, 3);
    case Operation::kExp: return zero ? Push(mpq_class(1)) : RealUnary(value, mpfr_exp);
    case Operation::kLn: return Logarithm(value, mpfr_log, 0);
    case Operation::kLog10: return Logarithm(value, mpfr_log10, 10);
    case Operation::kLog2: return Logarithm(value, mpfr_log2, 2);
    case Operation::kSin: return zero ? Push(mpq_class(0)) : Trigonometric(value, mpfr_sin);
    case Operation::kCos: return zero ? Push(mpq_class(1)) : Trigonometric(value, mpfr_cos);
    case Operation::kTan: return zero ? Push(mpq_class(0)) : Trigonometric(value, mpfr_tan);
    case Operation::kAsin: return RealUnary(value, mpfr_asin);
    case Operation::kAcos: return RealUnary(value, mpfr_acos);
    case Operation::kAtan: return RealUnary(value, mpfr_atan);
    case Operation::kSinh: return RealUnary(value, mpfr_sinh);
    case Operation::kCosh: return RealUnary(value, mpfr_cosh);
    default: return RealUnary(value, mpfr_tanh);
  }
}

// Of a rounded value only if it is well inside of two whole numbers.
Status Machine::Whole(Operation operation) {
  const Value value = Pop();
  mpq_class exact;
  if (const Real* const real = std::get_if<Real>(&value)) {
    Real nearest(precision_), distance(precision_);
    mpfr_rint(nearest.get(), real->get(), MPFR_RNDN);
    mpfr_sub(distance.get(), real->get(), nearest.get(), MPFR_RNDN);
    if (MayBeZero(distance) || mpfr_get_exp(real->get()) > precision_ / 4) return Undecided();
    mpfr_get_q(exact.get_mpq_t(), real->get());
  } else {
    exact = std::get<mpq_class>(value);
  }
  mpz_class whole;
  const bool down = operation == Operation::kFloor || (operation == Operation::kTruncate && sgn(exact) > 0);
  (down ? mpz_fdiv_q : mpz_cdiv_q)(whole.get_mpz_t(), exact.get_num_mpz_t(), exact.get_den_mpz_t());
  return Push(mpq_class(whole));
}

Status Machine::Round(int arguments) {
  uint64_t places = 0;
  if (arguments == 2) {
    const std::optional<uint64_t> given = SmallCount(Pop());
    if (!given || *given > 1000) return Bad("round(x, places) needs a whole number of places from 0 to 1000");
    places = *given;
  }
  // floor(|x| * 10^places + 1/2) / 10^places with the sign of x
  const bool negative = IsNegative(stack_.back());
  RETURN_IF_ERROR(Unary(Operation::kAbs));
  RETURN_IF_ERROR(Push(PowerOfTen(places)));
  RETURN_IF_ERROR(Binary(Operation::kMultiply));
  RETURN_IF_ERROR(Push(mpq_class(1, 2)));
  RETURN_IF_ERROR(Binary(Operation::kAdd));
  RETURN_IF_ERROR(Whole(Operation::kFloor));
  RETURN_IF_ERROR(Push(PowerOfTen(places)));
  RETURN_IF_ERROR(Binary(Operation::kDivide));
  return negative ? Unary(Operation::kNegate) : Status();
}

Status Machine::Many(const Instruction& instruction) {
  std::vector<Value> values = PopMany(instruction.operand);
  const Operation operation = instruction.operation;
  if (operation == Operation::kGcd || operation == Operation::kLcm) return Divisors(operation, values);
  RETURN_IF_ERROR(Push(values[0]));
  for (size_t i = 1; i < values.size(); ++i) {
    if (operation == Operation::kSum || operation == Operation::kMean) {
      RETURN_IF_ERROR(Push(values[i]));
      RETURN_IF_ERROR(Binary(Operation::kAdd));
      RETURN_IF_ERROR(CheckTop());
      continue;
    }
    const Value best = Pop();
    RETURN_IF_ERROR(Push(best));
    RETURN_IF_ERROR(Push(values[i]));
    RETURN_IF_ERROR(Binary(Operation::kSubtract));
    const Value difference = Pop();
    if (const Real* const real = std::get_if<Real>(&difference); real != nullptr && MayBeZero(*real))
      return Undecided();
    const bool best_is_smaller = IsNegative(difference);
    RETURN_IF_ERROR(Push(best_is_smaller == (operation == Operation::kMin) ? best : values[i]));
  }
  if (operation != Operation::kMean) return {};
  RETURN_IF_ERROR(Push(mpq_class(instruction.operand)));
  return Binary(Operation::kDivide);
}

Status Machine::Divisors(Operation operation, const std::vector<Value>& values) {
  mpz_class result = operation == Operation::kGcd ? 0 : 1;
  for (const Value& value : values) {
    const mpq_class* const exact = std::get_if<mpq_class>(&value);
    if (exact == nullptr || !IsWhole(*exact)) return Bad("gcd and lcm need whole numbers");
    (operation == Operation::kGcd ? mpz_gcd : mpz_lcm)(result.get_mpz_t(), result.get_mpz_t(),
                                                       exact->get_num_mpz_t());
    work_ += SizeInBits(result);
    if (SizeInBits(result) > kMaxNumberBits) return TooLarge();
  }
  return Push(mpq_class(result));
}

std::string ExactText(const mpq_class& value) {
  if (const std::optional<std::string> all = FiniteDecimal(value, kMaxExactDigits)) return *all;
  const std::string rounded = "≈ " + RoundedDecimal(value, kSignificantDigits);
  const std::string fraction = SizeInBits(value) < 4000 ? value.get_str() : "";
  const bool short_enough = !fraction.empty() && fraction.size() <= kMaxFractionDigits;
  return short_enough ? fraction + " " + rounded : rounded;
}

std::string RealText(const Real& value) {
  if (mpfr_zero_p(value.get())) return "≈ 0";
  mpfr_exp_t exponent = 0;
  char buffer[kSignificantDigits + 2];
  mpfr_get_str(buffer, &exponent, 10, kSignificantDigits, value.get(), MPFR_RNDN);
  std::string digits = buffer;
  const bool negative = digits[0] == '-';
  if (negative) digits.erase(0, 1);
  return "≈ " + DecimalText(negative, std::move(digits), exponent);
}

}  // namespace

Result<std::string> Calculate(std::string_view expression) {
  ASSIGN_OR_RETURN(const Program program, ParseExpression(expression));
  std::string before;
  bool tiny = false;
  for (const int precision : kPrecisions) {
    ASSIGN_OR_RETURN(const Value value, Machine(program, precision).Run());
    if (const mpq_class* const exact = std::get_if<mpq_class>(&value)) return ExactText(*exact);
    const Real& real = std::get<Real>(value);
    std::string text = RealText(real);
    if (text == before) return text;
    tiny = mpfr_zero_p(real.get()) || mpfr_get_exp(real.get()) < -precision / 2;
    before = std::move(text);
  }
  // sqrt(2)^2 - 2: what is left shrinks with every digit that is computed.
  if (tiny) return std::string("≈ 0");
  return Error{ErrorCode::kResource, "the digits of the result cancel out; work it out in smaller steps"};
}

}  // namespace mains
