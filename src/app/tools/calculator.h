// Arithmetic on exact numbers, with correctly rounded functions where no exact result exists.
//
// Written down: + - * / ^ % ! ( ), also × ⋅ ÷ : − √ ² π ° and full-width signs, ** for ^, "mod", "of", "von",
// plus, minus, times, mal, 加 减 乘 除以 的, 万 and 亿 after a number, a closing "=".
// - ^ binds to the right and before a sign: 2^3^2 = 512, -2^2 = -4. 0^0 = 1.
// - % after a number is a hundredth: 15% of 80 = 12. After + or - a single percentage is one of what stands
//   before: 80 + 15% = 92, but 50% + 10% = 0.6. Between two numbers % is the remainder, as is mod; its sign
//   is that of the divisor: -7 % 3 = 2.
// - Functions: sqrt cbrt root(x, n) abs floor ceil trunc round(x, places) (halves away from zero) exp ln
// log10
//   log2 log(x, base) sin cos tan asin acos atan (radians; sin(30°) for degrees) sinh cosh tanh min max sum
//   mean gcd lcm mod factorial binomial. log(x) alone is refused: it means two things.
// - 2(3) and 2π are refused: 1/2π means two things.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mains {

// "12", "0.1", "1/3 ≈ 0.333333333333333", "≈ 1.4142135623731": "≈" stands before every rounded number, which
// has 15 significant digits, all right. Refuses what would take long: numbers over 2^18 bits, long
// expressions. Does not recurse; any bytes give an answer.
Result<std::string> Calculate(std::string_view expression);

}  // namespace mains
