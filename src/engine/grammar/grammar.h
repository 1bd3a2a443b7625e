// What a model may say: a context-free grammar over bytes.
//
// Why bytes: tokens are cut anywhere, even inside a character, and a grammar over bytes does not care
// where. Why marks: a tool call's format is written with special tokens (`<|tool_call_begin|>`), and these
// must be free to stand for the format's own text but never for text that the model makes up, or an
// argument could close the call it stands in. So:
//   - an ordinary token matches byte by byte, anywhere, and may run from one element into the next;
//   - a special or added token matches only bytes of Mark(...), its whole text at once. It may begin and
//     end in the middle of a mark and span several adjacent ones;
//   - end-of-text tokens are allowed where the grammar can end.
//
// How it runs: every rule is a deterministic automaton whose edges are bytes or calls of other rules; a
// sentence is read with a stack of calls (grammar_matcher.h). What can never be completed is removed when
// the grammar is built, so that a matcher is never led into a dead end.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mains {

// Beyond these a grammar is refused (kResource): a hostile schema must cost little.
constexpr int64_t kMaxGrammarRules = 20'000;
constexpr int64_t kMaxGrammarStates =
    400'000;  // of all rules together, before and after making them deterministic
constexpr int64_t kMaxGrammarWork = 10'000'000;  // steps of making rules deterministic
constexpr int32_t kMaxExprDepth = 300;           // expressions inside expressions
constexpr int32_t kMaxGrammarNesting =
    512;  // rules inside rules while reading; deeper sentences are not in the language

struct CompiledGrammar;  // grammar_automaton.h
struct Dfa;              // grammar_automaton.h
class MaskCache;         // mask_cache.h

// Immutable and thread-safe. A recursive rule may nest up to kMaxGrammarNesting deep.
class Grammar {
 public:
  explicit Grammar(std::unique_ptr<const CompiledGrammar> compiled);
  ~Grammar();
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;

  // Whether `text`, spelled with ordinary tokens only, is a whole sentence. Time linear in the text for
  // unambiguous grammars.
  bool Accepts(std::string_view text) const;

  // For matchers.
  const CompiledGrammar& compiled() const { return *compiled_; }
  MaskCache& masks() const { return *masks_; }

 private:
  std::unique_ptr<const CompiledGrammar> compiled_;
  std::unique_ptr<MaskCache> masks_;  // thread-safe; holds no more than a fixed number of bytes
};

// Handles of a builder's expressions and rules; they mean something to the builder that made them.
struct GrammarExpr {
  int32_t id = -1;
};
struct GrammarRule {
  int32_t id = -1;
};

// How a character is written.
enum class CharForm {
  kRaw,   // as UTF-8
  kJson,  // as inside a JSON string: quote, backslash and control characters as their shortest escape
};

struct CodePointRange {
  uint32_t first = 0, last = 0;  // surrogates inside are left out
};

// Builds one grammar. Any misuse or limit is remembered and reported by Build; until then every call
// gives a usable handle. One thread at a time.
class GrammarBuilder {
 public:
  using Expr = GrammarExpr;
  using Rule = GrammarRule;

  GrammarBuilder();
  ~GrammarBuilder();
  GrammarBuilder(const GrammarBuilder&) = delete;
  GrammarBuilder& operator=(const GrammarBuilder&) = delete;

  Expr Empty();  // the empty text
  Expr Never();  // no text at all
  Expr Text(std::string_view bytes);
  Expr Mark(std::string_view bytes);        // text of the format itself; see the top
  Expr Bytes(uint8_t first, uint8_t last);  // one byte in a range
  Expr CodePoints(std::span<const CodePointRange> ranges, CharForm form = CharForm::kRaw);  // one character
  Expr Sequence(std::span<const Expr> parts);
  Expr Choice(std::span<const Expr> choices);
  Expr Sequence(std::initializer_list<Expr> parts) {
    return Sequence(std::span(parts.begin(), parts.size()));
  }
  Expr Choice(std::initializer_list<Expr> parts) { return Choice(std::span(parts.begin(), parts.size())); }
  Expr Optional(Expr expr);
  // From `min` to `max` times; no `max`: without end. Costs as many copies; a Ref is a cheap one.
  Expr Repeat(Expr expr, int64_t min, std::optional<int64_t> max);

  // Elements in this order with a separator between those that are there.
  struct Element {
    Expr expr;
    bool optional = false;
    bool repeats = false;  // may come several times
  };
  Expr SeparatedList(std::span<const Element> elements, Expr separator);

  // UTF-8 text, also empty, that contains none of `stops` (non-empty). Followed by Mark(stop) it ends where
  // a reader who looks for the first `stop` finds it, if no end of `stop` is also a start of it.
  Expr TextWithout(std::span<const std::string> stops);
  Expr AnyText() { return TextWithout({}); }

  // Of expressions without Ref and Mark, as sets of texts: in both; in the first only.
  Expr Both(Expr a, Expr b);
  Expr Except(Expr a, Expr b);
  // The texts in which `expr` is found, where TextBegin() and TextEnd() inside it stand for the ends of the
  // whole text, and `any` is what one character before or after it may be. Without Ref and Mark.
  Expr Search(Expr expr, Expr any);
  Expr TextBegin();
  Expr TextEnd();

  // What an automaton made elsewhere accepts.
  Expr Automaton(const Dfa& dfa);

  // A rule may be used before it is defined, also by itself, but not at its own beginning (left recursion).
  Rule NewRule(std::string name);
  void Define(Rule rule, Expr expr);
  Expr Ref(Rule rule);
  // NewRule, Define and Ref.
  Expr Named(std::string name, Expr expr);

  // The first error of any call so far, to stop early.
  const std::optional<Error>& error() const;

  // The grammar of `start`; the builder is used up. Fails with the first error, or if `start` has no
  // sentence.
  Result<std::shared_ptr<const Grammar>> Build(Expr start);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mains
