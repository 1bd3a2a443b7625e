// An arithmetic expression as text to a program for a stack machine.
#pragma once

#include <gmpxx.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mains {

enum class Operation {
  kNumber,  // pushes numbers[operand]
  kPi,
  kE,
  kNegate,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kPower,
  kFactorial,
  kPercent,
  kDegree,
  kAddPercent,       // a b: a + a * b
  kSubtractPercent,  // a b: a - a * b
  // Functions of one argument.
  kSqrt,
  kCbrt,
  kAbs,
  kFloor,
  kCeil,
  kTruncate,
  kExp,
  kLn,
  kLog10,
  kLog2,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kTanh,
  // Functions of `operand` arguments.
  kRound,
  kRoot,
  kLog,
  kMin,
  kMax,
  kSum,
  kMean,
  kGcd,
  kLcm,
  kBinomial,
};

struct Instruction {
  Operation operation;
  int operand = 0;
};

// Runs on an empty stack without underflow and leaves one value.
struct Program {
  std::vector<Instruction> code;
  std::vector<mpq_class> numbers;
};

// The syntax is that of calculator.h. Errors say where and what was expected.
Result<Program> ParseExpression(std::string_view text);

}  // namespace mains
