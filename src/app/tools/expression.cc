#include "app/tools/expression.h"

#include <algorithm>
#include <array>
#include <optional>

#include "app/tools/exact_number.h"
#include "base/utf8.h"
#include "io/quoted.h"

namespace mains {
namespace {

constexpr size_t kMaxExpressionBytes = 4096;
constexpr size_t kMaxTokens = 500;

Error Bad(std::string message) {
  return Error{ErrorCode::kInvalid, std::move(message)};
}

// ---- Characters: what is typed in many ways becomes one way. ----

// Stand-ins for signs that ASCII lacks.
constexpr char kRootSign = '\x01', kDegreeSign = '\x02';  // \x03: 万, \x04: 亿

struct Spelling {
  std::string_view from, to;
};
// Longer spellings stand before their beginnings.
constexpr Spelling kSpellings[] = {
    {"×", "*"},         {"✕", "*"},        {"⋅", "*"},      {"·", "*"},      {"∙", "*"},     {"•", "*"},
    {"÷", "/"},         {"∶", "/"},        {"⁄", "/"},      {"∕", "/"},      {"−", "-"},     {"–", "-"},
    {"—", "-"},         {"√", "\x01"},     {"π", " pi "},   {"°", "\x02"},   {"‘", "'"},     {"’", "'"},
    {"\u00A0", " "},    {"\u2009", " "},   {"\u202F", " "}, {"\u3000", " "}, {"∗", "*"},     {"。", "."},
    {"加上", "+"},      {"加", "+"},       {"减去", "-"},   {"减", "-"},     {"減去", "-"},  {"減", "-"},
    {"乘以", "*"},      {"乘上", "*"},     {"乘", "*"},     {"除以", "/"},   {"的", " of "}, {"根号", "\x01"},
    {"圆周率", " pi "}, {"等于多少", "="}, {"等于", "="},   {"是多少", "="}, {"万", "\x03"}, {"萬", "\x03"},
    {"亿", "\x04"},     {"億", "\x04"},
};
constexpr Spelling kSuperscripts[] = {{"⁰", "0"}, {"¹", "1"}, {"²", "2"}, {"³", "3"}, {"⁴", "4"}, {"⁵", "5"},
                                      {"⁶", "6"}, {"⁷", "7"}, {"⁸", "8"}, {"⁹", "9"}, {"⁻", "-"}};

template <size_t n>
const Spelling* FindSpelling(std::string_view text, const Spelling (&table)[n]) {
  for (const Spelling& spelling : table) {
    if (text.starts_with(spelling.from)) return &spelling;
  }
  return nullptr;
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsNarrowSpace(std::string_view text) {
  return text.starts_with("\u00A0") || text.starts_with("\u2009") || text.starts_with("\u202F");
}

// Full-width forms as ASCII.
Result<std::string> WithoutWideForms(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    if (!c.valid) return Bad("the expression is not valid UTF-8");
    if (c.code_point >= 0xFF01 && c.code_point <= 0xFF5E) {
      out += static_cast<char>(c.code_point - 0xFEE0);
    } else {
      out += text.substr(0, static_cast<size_t>(c.length));
    }
    text.remove_prefix(static_cast<size_t>(c.length));
  }
  return out;
}

Result<std::string> Normalised(std::string_view raw) {
  ASSIGN_OR_RETURN(const std::string narrow, WithoutWideForms(raw));
  std::string out;
  bool raised = false;
  for (std::string_view text = narrow; !text.empty();) {
    const Spelling* const raise = FindSpelling(text, kSuperscripts);
    if (raised && raise == nullptr) out += ')';
    if (raise != nullptr) {
      if (!raised) out += "^(";
      out += raise->to;
      text.remove_prefix(raise->from.size());
    } else if (static_cast<unsigned char>(text[0]) < 0x80) {
      out += text[0] < ' ' ? ' ' : text[0];
      text.remove_prefix(1);
    } else if (IsNarrowSpace(text) && !out.empty() && IsDigit(out.back())) {
      const size_t size = FindSpelling(text, kSpellings)->from.size();
      out += text.size() > size && IsDigit(text[size]) ? '\'' : ' ';  // 1 234 567
      text.remove_prefix(size);
    } else if (const Spelling* const spelling = FindSpelling(text, kSpellings)) {
      out += spelling->to;
      text.remove_prefix(spelling->from.size());
    } else {
      const size_t size = static_cast<size_t>(DecodeUtf8(text).length);
      return Bad(Quoted(text.substr(0, size)) + " has no meaning in arithmetic");
    }
    raised = raise != nullptr;
  }
  if (raised) out += ')';
  return out;
}

// ---- Tokens. ----

enum class TokenKind {
  kNumber,
  kConstant,
  kFunction,
  kOperator,
  kPostfix,
  kPercent,
  kRoot,
  kOpen,
  kClose,
  kComma
};

struct Function {
  std::string_view name;
  Operation operation;
  int least_arguments = 1;
  int most_arguments = 1;
};

constexpr int kManyArguments = 100;
constexpr Function kFunctions[] = {
    {"sqrt", Operation::kSqrt},
    {"wurzel", Operation::kSqrt},
    {"cbrt", Operation::kCbrt},
    {"abs", Operation::kAbs},
    {"floor", Operation::kFloor},
    {"ceil", Operation::kCeil},
    {"trunc", Operation::kTruncate},
    {"exp", Operation::kExp},
    {"ln", Operation::kLn},
    {"log10", Operation::kLog10},
    {"lg", Operation::kLog10},
    {"log2", Operation::kLog2},
    {"sin", Operation::kSin},
    {"cos", Operation::kCos},
    {"tan", Operation::kTan},
    {"asin", Operation::kAsin},
    {"acos", Operation::kAcos},
    {"atan", Operation::kAtan},
    {"sinh", Operation::kSinh},
    {"cosh", Operation::kCosh},
    {"tanh", Operation::kTanh},
    {"factorial", Operation::kFactorial},
    {"round", Operation::kRound, 1, 2},
    {"root", Operation::kRoot, 2, 2},
    {"log", Operation::kLog, 2, 2},
    {"mod", Operation::kModulo, 2, 2},
    {"pow", Operation::kPower, 2, 2},
    {"min", Operation::kMin, 1, kManyArguments},
    {"max", Operation::kMax, 1, kManyArguments},
    {"sum", Operation::kSum, 1, kManyArguments},
    {"mean", Operation::kMean, 1, kManyArguments},
    {"average", Operation::kMean, 1, kManyArguments},
    {"gcd", Operation::kGcd, 1, kManyArguments},
    {"lcm", Operation::kLcm, 1, kManyArguments},
    {"binomial", Operation::kBinomial, 2, 2},
};

struct Token {
  TokenKind kind;
  Operation operation = Operation::kNumber;  // of operators, postfixes, constants
  const Function* function = nullptr;
  mpq_class number = 0;
  std::string text;
};

struct Word {
  std::string_view name;
  TokenKind kind;
  Operation operation;
};
constexpr Word kWords[] = {
    {"plus", TokenKind::kOperator, Operation::kAdd},
    {"minus", TokenKind::kOperator, Operation::kSubtract},
    {"times", TokenKind::kOperator, Operation::kMultiply},
    {"mal", TokenKind::kOperator, Operation::kMultiply},
    {"of", TokenKind::kOperator, Operation::kMultiply},
    {"von", TokenKind::kOperator, Operation::kMultiply},
    {"durch", TokenKind::kOperator, Operation::kDivide},
    {"over", TokenKind::kOperator, Operation::kDivide},
    {"pi", TokenKind::kConstant, Operation::kPi},
    {"e", TokenKind::kConstant, Operation::kE},
    {"percent", TokenKind::kPercent, Operation::kPercent},
    {"prozent", TokenKind::kPercent, Operation::kPercent},
    {"deg", TokenKind::kPostfix, Operation::kDegree},
};

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> Run() {
    while (Skip()) {
      if (tokens_.size() >= kMaxTokens) {
        return Error{ErrorCode::kResource, "the expression has more than 500 parts; work it out in pieces"};
      }
      const char c = text_[0];
      const bool digit_follows = text_.size() > 1 && IsDigit(text_[1]);
      RETURN_IF_ERROR(IsDigit(c) || ((c == '.' || c == ',') && digit_follows && !InCall(c)) ? Number()
                      : IsLetter(c)                                                         ? Name()
                                                                                            : Sign());
    }
    return std::move(tokens_);
  }

 private:
  bool Skip() {
    while (text_.starts_with(' ')) text_.remove_prefix(1);
    // "2 + 3 = ?" asks for the left side.
    if (text_.find_first_not_of("=? ") == text_.npos) text_ = {};
    return !text_.empty();
  }

  // Whether a comma parts arguments here.
  bool InCall(char c) const { return c == ',' && !calls_.empty() && calls_.back(); }

  bool AfterOperand() const {
    if (tokens_.empty()) return false;
    const TokenKind kind = tokens_.back().kind;
    return kind == TokenKind::kNumber || kind == TokenKind::kConstant || kind == TokenKind::kClose ||
           kind == TokenKind::kPostfix || kind == TokenKind::kPercent;
  }

  void Add(TokenKind kind, size_t size, Operation operation = Operation::kNumber) {
    std::string text(text_.substr(0, size));
    if (text[0] == kRootSign) text = "√";
    if (text[0] == kDegreeSign) text = "°";
    tokens_.push_back({kind, operation, nullptr, 0, std::move(text)});
    text_.remove_prefix(size);
  }

  Status Number() {
    size_t size = 0;
    const auto at = [&](size_t i) { return i < text_.size() ? text_[i] : '\0'; };
    const auto separates = [&](char c) {
      return c == '.' || (c == ',' && !InCall(c)) || c == '\'' || c == '_';
    };
    while (IsDigit(at(size)) || (separates(at(size)) && (IsDigit(at(size + 1)) || at(size) == '.'))) ++size;
    const bool exponent =
        (at(size) == 'e' || at(size) == 'E') &&
        (IsDigit(at(size + 1)) || ((at(size + 1) == '-' || at(size + 1) == '+') && IsDigit(at(size + 2))));
    if (exponent) {
      size += 2;
      while (IsDigit(at(size))) ++size;
    }
    ASSIGN_OR_RETURN(mpq_class value, ParseNumber(text_.substr(0, size)));
    Add(TokenKind::kNumber, size);
    tokens_.back().number = std::move(value);
    while (Skip()) {  // 3万, 2.5 million
      const Spelling* const multiple = FindSpelling(text_, kMultiples);
      if (multiple == nullptr) break;
      tokens_.back().number *= mpz_class(std::string(multiple->to));
      tokens_.back().text += std::string(multiple->from);
      text_.remove_prefix(multiple->from.size());
    }
    return {};
  }

  static constexpr Spelling kMultiples[] = {
      {"\x03", "10000"},        {"\x04", "100000000"},  {"thousand", "1000"},
      {"tausend", "1000"},      {"Tausend", "1000"},    {"millions", "1000000"},
      {"Millionen", "1000000"}, {"million", "1000000"}, {"Million", "1000000"}};

  Status Name() {
    size_t size = 1;
    while (size < text_.size() && (IsLetter(text_[size]) || IsDigit(text_[size]))) ++size;
    std::string name(text_.substr(0, size));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    if (name[0] == 'x' && AfterOperand() && (size == 1 || IsDigit(name[1]))) {  // 3 x 4, 3x4
      Add(TokenKind::kOperator, 1, Operation::kMultiply);
      return {};
    }
    if (name == "mod" && AfterOperand()) {
      Add(TokenKind::kOperator, size, Operation::kModulo);
      return {};
    }
    for (const Word& word : kWords) {
      if (word.name != name) continue;
      Add(word.kind, size, word.operation);
      return {};
    }
    for (const Function& function : kFunctions) {
      if (function.name != name) continue;
      Add(TokenKind::kFunction, size, function.operation);
      tokens_.back().function = &function;
      return {};
    }
    return Bad(Quoted(text_.substr(0, size)) + " is not known to the calculator");
  }

  Status Sign() {
    const char c = text_[0];
    if (text_.starts_with("**")) return Sign(TokenKind::kOperator, 2, Operation::kPower);
    switch (c) {
      case '+': return Sign(TokenKind::kOperator, 1, Operation::kAdd);
      case '-': return Sign(TokenKind::kOperator, 1, Operation::kSubtract);
      case '*': return Sign(TokenKind::kOperator, 1, Operation::kMultiply);
      case '/':
      case ':': return Sign(TokenKind::kOperator, 1, Operation::kDivide);
      case '^': return Sign(TokenKind::kOperator, 1, Operation::kPower);
      case '!': return Sign(TokenKind::kPostfix, 1, Operation::kFactorial);
      case '%': return Sign(TokenKind::kPercent, 1, Operation::kPercent);
      case kDegreeSign: return Sign(TokenKind::kPostfix, 1, Operation::kDegree);
      case kRootSign: return Sign(TokenKind::kRoot, 1, Operation::kSqrt);
      case ';':
      case ',': return Sign(TokenKind::kComma, 1, Operation::kNumber);
      case '(':
      case '[':
        calls_.push_back(!tokens_.empty() && tokens_.back().kind == TokenKind::kFunction);
        return Sign(TokenKind::kOpen, 1, Operation::kNumber);
      case ')':
      case ']':
        if (!calls_.empty()) calls_.pop_back();
        return Sign(TokenKind::kClose, 1, Operation::kNumber);
      case '\x03':
      case '\x04': return Bad("万 and 亿 stand right after a number");
      default: return Bad(Quoted(text_.substr(0, 1)) + " has no meaning in arithmetic");
    }
  }

  Status Sign(TokenKind kind, size_t size, Operation operation) {
    Add(kind, size, operation);
    return {};
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  std::vector<bool> calls_;  // of the open parentheses: whether a function's
};

// ---- Shunting yard: tokens to code, without recursion. ----

int Precedence(Operation operation) {
  switch (operation) {
    case Operation::kAdd:
    case Operation::kSubtract: return 1;
    case Operation::kMultiply:
    case Operation::kDivide:
    case Operation::kModulo: return 2;
    case Operation::kNegate: return 3;
    case Operation::kPower: return 4;
    default: return 5;  // the root sign
  }
}

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Result<Program> Run() {
    if (tokens_.empty()) return Bad("the expression is empty");
    for (at_ = 0; at_ < tokens_.size(); ++at_) RETURN_IF_ERROR(wants_operand_ ? Operand() : Operator());
    if (wants_operand_) return Bad("after " + Quoted(tokens_.back().text) + " a number is missing");
    RETURN_IF_ERROR(ReduceToOpen());
    if (!pending_.empty()) return Bad("a closing parenthesis is missing");
    return std::move(program_);
  }

 private:
  struct Pending {
    bool is_open = false;
    Operation operation = Operation::kNumber;
    const Function* function = nullptr;  // whose parenthesis it is
    int arguments = 0;
  };

  const Token& token() const { return tokens_[at_]; }
  bool NextIs(TokenKind kind) const { return at_ + 1 < tokens_.size() && tokens_[at_ + 1].kind == kind; }

  void Push(Instruction instruction) {
    program_.code.push_back(instruction);
    percentages_.push_back(false);
    EndOperand();
  }

  // A root sign binds to the operand right behind it.
  void EndOperand() {
    wants_operand_ = false;
    while (!pending_.empty() && !pending_.back().is_open && pending_.back().operation == Operation::kSqrt) {
      program_.code.push_back({Operation::kSqrt});
      percentages_.back() = false;
      pending_.pop_back();
    }
  }

  Status Operand() {
    const Token& t = token();
    switch (t.kind) {
      case TokenKind::kNumber:
        program_.numbers.push_back(t.number);
        Push({Operation::kNumber, static_cast<int>(program_.numbers.size()) - 1});
        return {};
      case TokenKind::kConstant: Push({t.operation}); return {};
      case TokenKind::kRoot: pending_.push_back({false, Operation::kSqrt}); return {};
      case TokenKind::kFunction:
        if (!NextIs(TokenKind::kOpen)) return Bad("after " + Quoted(t.text) + " a parenthesis is missing");
        pending_.push_back({true, t.operation, t.function, 1});
        ++at_;
        return {};
      case TokenKind::kOpen: pending_.push_back({true}); return {};
      case TokenKind::kOperator:
        if (at_ > 0 && tokens_[at_ - 1].kind == TokenKind::kRoot) break;
        if (t.operation == Operation::kSubtract) pending_.push_back({false, Operation::kNegate});
        if (t.operation == Operation::kSubtract || t.operation == Operation::kAdd) return {};
        break;
      default: break;
    }
    const std::string before = at_ == 0 ? "at the beginning" : "after " + Quoted(tokens_[at_ - 1].text);
    return Bad(before + " a number is wanted, but " + Quoted(t.text) + " came");
  }

  Status Operator() {
    const Token& t = token();
    switch (t.kind) {
      case TokenKind::kOperator: return Binary(t.operation);
      case TokenKind::kPostfix:
        program_.code.push_back({t.operation});
        percentages_.back() = false;
        return {};
      case TokenKind::kPercent: return Percent();
      case TokenKind::kClose: return Close();
      case TokenKind::kComma: return Comma();
      default:
        return Bad("between " + Quoted(tokens_[at_ - 1].text) + " and " + Quoted(t.text) +
                   " a sign such as + or * is missing");
    }
  }

  Status Percent() {
    const bool remainder = NextIs(TokenKind::kNumber) || NextIs(TokenKind::kConstant) ||
                           NextIs(TokenKind::kOpen) || NextIs(TokenKind::kFunction) ||
                           NextIs(TokenKind::kRoot);
    if (remainder) return Binary(Operation::kModulo);
    program_.code.push_back({Operation::kPercent});
    percentages_.back() = true;
    return {};
  }

  Status Binary(Operation operation) {
    const int own = Precedence(operation);
    while (!pending_.empty() && !pending_.back().is_open) {
      const int other = Precedence(pending_.back().operation);
      if (other < own || (other == own && operation == Operation::kPower)) break;
      Reduce();
    }
    pending_.push_back({false, operation});
    wants_operand_ = true;
    return {};
  }

  void Reduce() {
    Operation operation = pending_.back().operation;
    pending_.pop_back();
    if (operation != Operation::kNegate) {
      const bool right = percentages_.back();
      percentages_.pop_back();
      const bool left = percentages_.back();
      const bool sum = operation == Operation::kAdd || operation == Operation::kSubtract;
      percentages_.back() = sum && left && right;
      if (sum && right && !left) {
        operation = operation == Operation::kAdd ? Operation::kAddPercent : Operation::kSubtractPercent;
      }
    }
    program_.code.push_back({operation});
  }

  Status ReduceToOpen() {
    while (!pending_.empty() && !pending_.back().is_open) Reduce();
    return {};
  }

  Status Comma() {
    RETURN_IF_ERROR(ReduceToOpen());
    if (pending_.empty() || pending_.back().function == nullptr) {
      return Bad("a comma parts the arguments of functions only; one expression at a time");
    }
    ++pending_.back().arguments;
    wants_operand_ = true;
    return {};
  }

  Status Close() {
    RETURN_IF_ERROR(ReduceToOpen());
    if (pending_.empty()) return Bad("there is a closing parenthesis too many");
    const Pending open = pending_.back();
    pending_.pop_back();
    if (open.function != nullptr) {
      const Function& function = *open.function;
      if (function.name == "log" && open.arguments == 1) {
        return Bad("log(x) means two things; write ln(x), log10(x) or log(x, base)");
      }
      if (open.arguments < function.least_arguments || open.arguments > function.most_arguments) {
        return Bad(std::string(function.name) + " takes " + std::to_string(function.least_arguments) +
                   (function.most_arguments > function.least_arguments
                        ? " to " + std::to_string(function.most_arguments)
                        : "") +
                   " arguments, but " + std::to_string(open.arguments) + " came");
      }
      program_.code.push_back({open.operation, open.arguments});
      percentages_.resize(percentages_.size() - static_cast<size_t>(open.arguments) + 1);
      percentages_.back() = false;
    }
    EndOperand();
    return {};
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  bool wants_operand_ = true;
  std::vector<Pending> pending_;
  std::vector<bool> percentages_;  // of the operands so far: whether each is a mere percentage
  Program program_;
};

}  // namespace

Result<Program> ParseExpression(std::string_view text) {
  if (text.size() > kMaxExpressionBytes) {
    return Error{ErrorCode::kResource, "the expression is longer than 4096 bytes; work it out in pieces"};
  }
  ASSIGN_OR_RETURN(const std::string normalised, Normalised(text));
  ASSIGN_OR_RETURN(std::vector<Token> tokens, Lexer(normalised).Run());
  return Parser(std::move(tokens)).Run();
}

}  // namespace mains
