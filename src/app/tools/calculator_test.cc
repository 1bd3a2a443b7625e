#include "app/tools/calculator.h"

#include <gtest/gtest.h>

#include <string>

#include "app/tools/exact_number.h"

namespace mains {
namespace {

std::string Value(std::string_view expression) {
  const Result<std::string> result = Calculate(expression);
  return result.ok() ? *result : "error: " + result.error().message;
}

bool Refuses(std::string_view expression, std::string_view part = {}) {
  const Result<std::string> result = Calculate(expression);
  return !result.ok() && result.error().message.find(part) != std::string::npos;
}

TEST(CalculatorTest, IsExact) {
  EXPECT_EQ(Value("0.1 + 0.2"), "0.3");
  EXPECT_EQ(Value("65458 - 5 + 61"), "65514");
  EXPECT_EQ(Value("617+6*9"), "671");
  EXPECT_EQ(Value("2^100"), "1267650600228229401496703205376");
  EXPECT_EQ(Value("1/3 + 1/6"), "0.5");
  EXPECT_EQ(Value("22/7"), "22/7 ≈ 3.14285714285714");
  EXPECT_EQ(Value("2/3 * 3/2"), "1");
  EXPECT_EQ(Value("10^-3"), "0.001");
  EXPECT_EQ(Value("sqrt(144/25)"), "2.4");
  EXPECT_EQ(Value("8^(2/3)"), "4");
  EXPECT_EQ(Value("30!"), "265252859812191058636308480000000");
  EXPECT_EQ(Value("log(8, 2)"), "3");
  EXPECT_EQ(Value("log10(0.001)"), "-3");
  EXPECT_EQ(Value("binomial(50, 25)"), "126410606437752");
  EXPECT_EQ(Value("gcd(48, 36) + lcm(4, 6)"), "24");
}

// The digits of π, e and √2 are in every table.
TEST(CalculatorTest, RoundsCorrectlyAndSaysSo) {
  EXPECT_EQ(Value("pi"), "≈ 3.14159265358979");
  EXPECT_EQ(Value("exp(1)"), "≈ 2.71828182845905");
  EXPECT_EQ(Value("sqrt(2) * 10^30"), "≈ 1.4142135623731e30");
  EXPECT_EQ(Value("e^(pi*sqrt(163)) - 262537412640768744"), "≈ -7.49927402801814e-13");
  EXPECT_EQ(Value("sqrt(2)^2 - 2"), "≈ 0");
  EXPECT_EQ(Value("2/3"), "2/3 ≈ 0.666666666666667");
  EXPECT_EQ(Value("1000!"), "≈ 4.02387260077094e2567");
  EXPECT_EQ(Value("sin(30°)"), "≈ 0.5");
}

TEST(CalculatorTest, Precedence) {
  EXPECT_EQ(Value("2+3*4"), "14");
  EXPECT_EQ(Value("-2^2"), "-4");
  EXPECT_EQ(Value("2^3^2"), "512");
  EXPECT_EQ(Value("2^-3*4"), "0.5");
  EXPECT_EQ(Value("2*-3"), "-6");
  EXPECT_EQ(Value("100-10-5"), "85");
  EXPECT_EQ(Value("-5!"), "-120");
  EXPECT_EQ(Value("√9^2 + √(4+5)"), "12");
  EXPECT_EQ(Value("--3"), "3");
  EXPECT_EQ(Value("max(1, 2+3, min(9, 8))"), "8");
  EXPECT_EQ(Value("round(2.5) + round(-2.5) + round(2.345, 2)"), "2.35");
}

TEST(CalculatorTest, Percentages) {
  EXPECT_EQ(Value("15% of 80"), "12");
  EXPECT_EQ(Value("15% von 80"), "12");
  EXPECT_EQ(Value("80 + 15%"), "92");
  EXPECT_EQ(Value("80 - 15 %"), "68");
  EXPECT_EQ(Value("100 - 10% - 5%"), "85.5");
  EXPECT_EQ(Value("50% + 10%"), "0.6");
  EXPECT_EQ(Value("80 * 15%"), "12");
  EXPECT_EQ(Value("80 + 15% of 80"), "92");
  EXPECT_EQ(Value("80 + 2*15%"), "80.3");
  EXPECT_EQ(Value("17 % 5"), "2");
  EXPECT_EQ(Value("-7 mod 3"), "2");
  EXPECT_EQ(Value("7.5 % 2"), "1.5");
}

TEST(CalculatorTest, SignsOfManyKeyboards) {
  EXPECT_EQ(Value("６×（３−１）÷４"), "3");
  EXPECT_EQ(Value("3加5乘以2"), "13");
  EXPECT_EQ(Value("12除以4减1"), "2");
  EXPECT_EQ(Value("3.5万 + 1亿"), "100035000");
  EXPECT_EQ(Value("6 : 4"), "1.5");
  EXPECT_EQ(Value("3 x 4"), "12");
  EXPECT_EQ(Value("3x4"), "12");
  EXPECT_EQ(Value("5² + 10⁻¹"), "25.1");
  EXPECT_EQ(Value("2**10"), "1024");
  EXPECT_EQ(Value("5 plus 3 mal 2"), "11");
  EXPECT_EQ(Value("2 + 3 = ?"), "5");
  EXPECT_EQ(Value("2 million / 4"), "500000");
}

TEST(CalculatorTest, SeparatorsOfThousands) {
  EXPECT_EQ(Value("1,234.5 + 1"), "1235.5");
  EXPECT_EQ(Value("1.234,5 + 1"), "1235.5");
  EXPECT_EQ(Value("1,234,567"), "1234567");
  EXPECT_EQ(Value("1.234.567"), "1234567");
  EXPECT_EQ(Value("1'234'567.25"), "1234567.25");
  EXPECT_EQ(Value("1\u202F234\u202F567"), "1234567");
  EXPECT_EQ(Value("3,5 * 2"), "7");
  EXPECT_EQ(Value("0,125 * 8"), "1");
  EXPECT_EQ(Value("1.234"), "1.234");
  EXPECT_TRUE(Refuses("1,234 * 2", "1234 or 1.234"));
  EXPECT_TRUE(Refuses("1,23,456.7", "every third digit"));
}

TEST(CalculatorTest, SaysWhatIsWrong) {
  EXPECT_TRUE(Refuses("", "empty"));
  EXPECT_TRUE(Refuses("2 +", "after \"+\" a number is missing"));
  EXPECT_TRUE(Refuses("* 3", "at the beginning a number is wanted"));
  EXPECT_TRUE(Refuses("2 3", "a sign such as + or * is missing"));
  EXPECT_TRUE(Refuses("2(3)", "is missing"));
  EXPECT_TRUE(Refuses("(2", "closing parenthesis is missing"));
  EXPECT_TRUE(Refuses("2)", "too many"));
  EXPECT_TRUE(Refuses("foo + 1", "\"foo\" is not known"));
  EXPECT_TRUE(Refuses("log(10)", "log10(x)"));
  EXPECT_TRUE(Refuses("1/0", "division by zero"));
  EXPECT_TRUE(Refuses("0^-1", "division by zero"));
  EXPECT_TRUE(Refuses("5 % 0", "division by zero"));
  EXPECT_TRUE(Refuses("sqrt(-1)", "no real root"));
  EXPECT_TRUE(Refuses("ln(0)", "logarithm"));
  EXPECT_TRUE(Refuses("asin(2)", "no real value"));
  EXPECT_TRUE(Refuses("2.5!", "whole number"));
  EXPECT_TRUE(Refuses("max()", "number is wanted"));
  EXPECT_TRUE(Refuses("root(8)", "arguments"));
  EXPECT_TRUE(Refuses("√-4", "wanted"));
  EXPECT_TRUE(Refuses("5 € + 3", "no meaning"));
  EXPECT_TRUE(Refuses("floor(sqrt(2)^2)", "too near"));
  EXPECT_TRUE(Refuses("1/(sqrt(2)^2 - 2)", "too near"));
  EXPECT_TRUE(Refuses("\xff", "UTF-8"));
}

TEST(CalculatorTest, RefusesWhatWouldTakeLong) {
  EXPECT_TRUE(Refuses("9^9^9^9", "too large"));
  EXPECT_TRUE(Refuses("99999999!", "too large"));
  EXPECT_TRUE(Refuses("exp(exp(exp(10)))", "too large"));
  EXPECT_TRUE(Refuses("sin(10^400)", "too large"));
  EXPECT_TRUE(Refuses("1e999999999", "power of ten"));
  EXPECT_TRUE(Refuses("binomial(10^18, 10^9)", "too large"));
  EXPECT_TRUE(Refuses(std::string(5000, '1'), "4096 bytes"));
  std::string powers = "3^100000";
  for (int i = 0; i < 40; ++i) powers += "+3^100000";
  EXPECT_TRUE(Refuses(powers, "too many digits"));
  EXPECT_TRUE(Refuses(std::string(600, '-') + "1", "500 parts"));
  EXPECT_EQ(Value(std::string(200, '(') + "1" + std::string(200, ')')), "1");
  EXPECT_EQ(Value("1^(10^1000) + (-1)^(10^1000+1) + 0^(10^1000)"), "0");
}

// By hand, from the definition of rounding.
TEST(ExactNumberTest, RoundsHalvesAwayFromZeroAndCarries) {
  EXPECT_EQ(RoundedDecimal(mpq_class(5, 10000) + 1, 4), "1.001");
  EXPECT_EQ(RoundedDecimal(mpq_class(99949, 100000), 3), "0.999");
  EXPECT_EQ(RoundedDecimal(mpq_class(9996, 10000), 3), "1");
  EXPECT_EQ(RoundedDecimal(mpq_class(-1, 3), 3), "-0.333");
  EXPECT_EQ(RoundedDecimal(mpq_class(mpz_class("123456789012345678901234567890")), 5), "1.2346e29");
  EXPECT_EQ(RoundedDecimal(mpq_class(1, 7000000000), 3), "1.43e-10");
  EXPECT_EQ(RoundedDecimal(0, 3), "0");
}

TEST(ExactNumberTest, ReadsNumbers) {
  EXPECT_EQ(*ParseNumber("-1.5e2"), mpq_class(-150));
  EXPECT_EQ(*ParseNumber("+.5"), mpq_class(1, 2));
  EXPECT_EQ(*ParseNumber("5."), mpq_class(5));
  for (const char* const wrong : {"", ".", "-", "e5", "1e", "1e5.5", "1.2.3", "1,,2", "0x10", "1 2", "--1",
                                  "1,234", ",", "12.34.567", "1234,567.8", "1.5e99999999999999999999"}) {
    EXPECT_FALSE(ParseNumber(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace mains
