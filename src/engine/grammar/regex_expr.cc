// Regular expressions (the part of ECMA-262, flag u, that is regular) as grammar expressions.
#include <algorithm>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "engine/grammar/json_schema.h"
#include "io/tokenizer/char_set.h"

namespace mains {
namespace {

using Expr = GrammarExpr;

constexpr int kMaxGroups = 90;  // inside each other
constexpr size_t kMaxPatternBytes = 1 << 16;

CharSet SetOf(std::initializer_list<CharRange> ranges) {
  return CharSet(std::span(ranges.begin(), ranges.size()));
}
CharSet Digits() {
  return SetOf({{'0', '9'}});
}
CharSet WordCharacters() {
  return SetOf({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
}
CharSet Spaces() {
  return SetOf({{0x09, 0x0D},
                {0x20, 0x20},
                {0xA0, 0xA0},
                {0x1680, 0x1680},
                {0x2000, 0x200A},
                {0x2028, 0x2029},
                {0x202F, 0x202F},
                {0x205F, 0x205F},
                {0x3000, 0x3000},
                {0xFEFF, 0xFEFF}});
}
CharSet LineEnds() {
  return SetOf({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}});
}

class RegexParser {
 public:
  RegexParser(GrammarBuilder& builder, std::string_view pattern, CharForm form)
      : b_(builder), pattern_(pattern), form_(form) {}

  // A failure leaves `error` set.
  Expr Parse() {
    const Expr whole = Alternatives(0);
    if (error.empty() && at_ < pattern_.size()) Fail("an unmatched \")\"");
    return whole;
  }
  std::string error;

 private:
  bool AtEnd() const { return at_ >= pattern_.size() || !error.empty(); }
  char Peek() const { return at_ < pattern_.size() ? pattern_[at_] : '\0'; }
  bool Take(std::string_view text) {
    if (!pattern_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  Expr Fail(const std::string& what) {
    if (error.empty()) error = what + " at byte " + std::to_string(at_);
    return b_.Empty();
  }
  uint32_t TakeCharacter() {
    const DecodedChar c = DecodeUtf8(pattern_.substr(at_));
    at_ += static_cast<size_t>(c.length);
    return c.code_point;
  }

  // Recursion is bounded by kMaxGroups.
  Expr Alternatives(int depth) {
    std::vector<Expr> choices{Sequence(depth)};
    while (!AtEnd() && Take("|")) choices.push_back(Sequence(depth));
    return choices.size() == 1 ? choices[0] : b_.Choice(choices);
  }
  Expr Sequence(int depth) {
    std::vector<Expr> parts;
    while (!AtEnd() && Peek() != '|' && Peek() != ')') {
      const bool anchor = Peek() == '^' || Peek() == '$';
      Expr part = Atom(depth);
      if (error.empty() && !AtEnd()) part = Quantified(part, anchor);
      parts.push_back(part);
    }
    return parts.size() == 1 ? parts[0] : b_.Sequence(parts);
  }
  Expr Quantified(Expr part, bool anchor) {
    int64_t min = 0, max = -1;
    const char c = Peek();
    if (c == '*' || c == '+' || c == '?') {
      ++at_;
      min = c == '+' ? 1 : 0;
      if (c == '?') max = 1;
    } else if (c != '{' || !TakeCounts(min, max)) {
      return part;
    }
    if (anchor) return Fail("a quantifier after an anchor");
    Take("?");  // lazy: the same texts
    if (Peek() == '*' || Peek() == '+' || Peek() == '?') return Fail("a quantifier with nothing to repeat");
    if (max >= 0 && max < min) return Fail("a quantifier whose counts are in the wrong order");
    return b_.Repeat(part, min, max < 0 ? std::nullopt : std::optional<int64_t>(max));
  }
  // "{2}", "{2,}", "{2,3}"; anything else is no quantifier.
  bool TakeCounts(int64_t& min, int64_t& max) {
    const size_t before = at_;
    ++at_;
    const auto number = [this](int64_t& out) {
      const size_t first = at_;
      out = 0;
      for (; Peek() >= '0' && Peek() <= '9'; ++at_)
        out = std::min<int64_t>(out * 10 + (Peek() - '0'), 1'000'000'000);
      return at_ > first;
    };
    bool good = number(min);
    max = min;
    if (good && Take(",")) {
      if (!number(max)) max = -1;
    }
    good = good && Take("}");
    if (!good) at_ = before;
    return good;
  }

  Expr Atom(int depth) {
    switch (Peek()) {
      case '(': return Group(depth);
      case '[': ++at_; return Class(BracketSet());
      case '.': ++at_; return Class(LineEnds().Complement());
      case '^': ++at_; return b_.TextBegin();
      case '$': ++at_; return b_.TextEnd();
      case '\\': {
        CharSet set;
        uint32_t c = 0;
        if (Escape(false, set, c)) return Class(set);
        return Literal(c);
      }
      case '*':
      case '+':
      case '?': return Fail("a quantifier with nothing to repeat");
      default:
        if (int64_t min = 0, max = 0; Peek() == '{' && TakeCounts(min, max)) {
          return Fail("a quantifier with nothing to repeat");
        }
        return Literal(TakeCharacter());
    }
  }
  Expr Group(int depth) {
    if (depth >= kMaxGroups) return Fail("groups nested more than " + std::to_string(kMaxGroups) + " deep");
    for (const char* look : {"(?=", "(?!", "(?<=", "(?<!"}) {
      if (pattern_.substr(at_).starts_with(look)) return Fail("look-around, which is not supported,");
    }
    ++at_;
    if (Take("?<")) {
      while (!AtEnd() && Peek() != '>') ++at_;
      if (!Take(">")) return Fail("an unfinished group name");
    } else if (!Take("?:") && Peek() == '?') {
      return Fail("an unknown kind of group");
    }
    const Expr inside = Alternatives(depth + 1);
    if (error.empty() && !Take(")")) return Fail("an unmatched \"(\"");
    return inside;
  }

  Expr Literal(uint32_t c) {
    if (!error.empty()) return b_.Empty();
    if (form_ == CharForm::kJson && (c < 0x20 || c == '"' || c == '\\')) return Class(CharSet::Of(c));
    std::string text;
    AppendUtf8(c, text);
    return b_.Text(text);
  }
  Expr Class(const CharSet& set) {
    if (!error.empty()) return b_.Empty();
    std::vector<CodePointRange> ranges;
    for (const CharRange& range : set.ranges()) ranges.push_back({range.first, range.last});
    return b_.CodePoints(ranges, form_);
  }

  CharSet BracketSet() {
    CharSet out;
    const bool negated = Take("^");
    while (true) {
      if (AtEnd()) {
        Fail("an unmatched \"[\"");
        return out;
      }
      if (Take("]")) break;
      uint32_t first = 0, last = 0;
      const bool first_is_set = ClassItem(out, first);
      const bool range = Peek() == '-' && at_ + 1 < pattern_.size() && pattern_[at_ + 1] != ']';
      if (!range) {
        if (!first_is_set) out.Add(CharSet::Of(first));
        continue;
      }
      ++at_;
      if (ClassItem(out, last) || first_is_set) {
        Fail("a range with a class at one end");
      } else if (error.empty() && last < first) {
        Fail("a range in the wrong order");
      } else if (error.empty()) {
        out.Add(CharSet::Range(first, last));
      }
    }
    return negated ? out.Complement() : out;
  }
  // One character, or (true) a set that is added to `out`.
  bool ClassItem(CharSet& out, uint32_t& c) {
    if (Peek() != '\\') {
      if (!AtEnd()) c = TakeCharacter();
      return false;
    }
    CharSet set;
    if (!Escape(true, set, c)) return false;
    out.Add(set);
    return true;
  }

  // What follows a backslash: a set (true) or a character.
  bool Escape(bool in_class, CharSet& set, uint32_t& c) {
    ++at_;
    if (at_ >= pattern_.size()) {
      Fail("an unfinished escape");
      return false;
    }
    const char kind = Peek();
    const auto is_set = [&](CharSet s, bool complement) {
      ++at_;
      set = complement ? s.Complement() : std::move(s);
      return true;
    };
    switch (kind) {
      case 'd': return is_set(Digits(), false);
      case 'D': return is_set(Digits(), true);
      case 'w': return is_set(WordCharacters(), false);
      case 'W': return is_set(WordCharacters(), true);
      case 's': return is_set(Spaces(), false);
      case 'S': return is_set(Spaces(), true);
      case 'p':
      case 'P': ++at_; return Property(kind == 'P', set);
      default: c = EscapedCharacter(in_class); return false;
    }
  }
  uint32_t EscapedCharacter(bool in_class) {
    const char kind = Peek();
    static constexpr std::string_view kControls = "t\tn\nr\rf\fv\v";
    if (kind == 'b' && in_class) {
      ++at_;
      return '\b';
    }
    if (const size_t found = kControls.find(kind); found != std::string_view::npos && found % 2 == 0) {
      ++at_;
      return static_cast<uint8_t>(kControls[found + 1]);
    }
    if (kind == '0' && (at_ + 1 >= pattern_.size() || pattern_[at_ + 1] < '0' || pattern_[at_ + 1] > '9')) {
      ++at_;
      return 0;
    }
    if (kind == 'x' || kind == 'u') return HexCharacter();
    if (kind == 'c' && at_ + 1 < pattern_.size() && IsLetter(pattern_[at_ + 1])) {
      at_ += 2;
      return static_cast<uint32_t>(pattern_[at_ - 1]) & 31;
    }
    if (IsLetter(kind) || (kind >= '0' && kind <= '9')) {
      Fail(std::string("\"\\") + kind + "\", which is not supported,");
      return 0;
    }
    return TakeCharacter();
  }
  static bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
  bool TakeHex(int digits, uint32_t& value) {
    value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const char c = Peek();
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) return false;
      value = value * 16 + static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return true;
  }
  uint32_t HexCharacter() {
    uint32_t value = 0;
    const bool braces = pattern_.substr(at_).starts_with("u{");
    const int digits = Peek() == 'x' ? 2 : 4;
    at_ += braces ? 2 : 1;
    bool good = true;
    if (braces) {
      const size_t close = pattern_.find('}', at_);
      good = close != std::string_view::npos && close > at_ && close - at_ <= 6 &&
             TakeHex(static_cast<int>(close - at_), value) && Take("}");
    } else {
      good = TakeHex(digits, value);
    }
    if (good && value >= 0xD800 && value < 0xDC00 && Take("\\u")) {
      uint32_t low = 0;
      good = TakeHex(4, low) && low >= 0xDC00 && low < 0xE000;
      value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
    }
    if (!good || value > kMaxCodePoint || (value >= 0xD800 && value < 0xE000)) {
      Fail("a malformed character code");
      return 0;
    }
    return value;
  }
  bool Property(bool complement, CharSet& set) {
    const size_t close = pattern_.find('}', at_);
    if (Peek() != '{' || close == std::string_view::npos) {
      Fail("\"\\p\" without a name in braces");
      return true;
    }
    std::string_view name = pattern_.substr(at_ + 1, close - at_ - 1);
    for (const std::string_view prefix : {"Script=", "sc=", "General_Category=", "gc="}) {
      if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    }
    static constexpr std::pair<std::string_view, std::string_view> kLong[] = {{"Letter", "L"},
                                                                              {"Lowercase_Letter", "Ll"},
                                                                              {"Uppercase_Letter", "Lu"},
                                                                              {"Mark", "M"},
                                                                              {"Number", "N"},
                                                                              {"Decimal_Number", "Nd"},
                                                                              {"Punctuation", "P"},
                                                                              {"Symbol", "S"},
                                                                              {"Separator", "Z"},
                                                                              {"Other", "C"},
                                                                              {"digit", "Nd"}};
    for (const auto& [long_name, short_name] : kLong) {
      if (name == long_name) name = short_name;
    }
    const std::optional<CharSet> found = CharSet::Property(name);
    if (!found) {
      Fail("the unknown property \"" + std::string(name.substr(0, 40)) + "\"");
      return true;
    }
    at_ = close + 1;
    set = complement ? found->Complement() : *found;
    return true;
  }

  GrammarBuilder& b_;
  std::string_view pattern_;
  CharForm form_;
  size_t at_ = 0;
};

}  // namespace

Result<GrammarExpr> RegexExpr(GrammarBuilder& builder, std::string_view pattern, CharForm form, bool search,
                              std::string_view where) {
  const std::string shown = std::string(where) + "the pattern \"" + RepairUtf8(pattern.substr(0, 80)) +
                            (pattern.size() > 80 ? "...\"" : "\"");
  if (pattern.size() > kMaxPatternBytes) {
    return Error{ErrorCode::kResource,
                 shown + " is longer than " + std::to_string(kMaxPatternBytes) + " bytes"};
  }
  if (!IsValidUtf8(pattern)) return Error{ErrorCode::kInvalid, shown + " is not valid UTF-8"};
  RegexParser parser(builder, pattern, form);
  const Expr whole = parser.Parse();
  if (!parser.error.empty()) return Error{ErrorCode::kUnsupported, shown + " has " + parser.error};
  constexpr CodePointRange kAll{0, kMaxCodePoint};
  const Expr found =
      builder.Search(whole, search ? builder.CodePoints(std::span(&kAll, 1), form) : builder.Never());
  if (builder.error()) return builder.error()->Within(shown + ": ");
  return found;
}

Result<std::shared_ptr<const Grammar>> GrammarFromRegex(std::string_view pattern) {
  GrammarBuilder builder;
  ASSIGN_OR_RETURN(const Expr whole, RegexExpr(builder, pattern, CharForm::kRaw, false, ""));
  return builder.Build(whole);
}

}  // namespace mains
