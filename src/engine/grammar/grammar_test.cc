#include "engine/grammar/grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <thread>

#include "base/utf8.h"
#include "engine/grammar/grammar_matcher.h"
#include "engine/grammar/token_vocabulary.h"

namespace mains {
namespace {

using ::testing::HasSubstr;
using Expr = GrammarExpr;

// --- What a grammar means, computed the slow and obvious way. ---

struct RefNode {
  enum Kind { kText, kMark, kSequence, kChoice, kRepeat, kList, kRef } kind = kText;
  std::string text;
  std::vector<RefNode> children;
  std::vector<bool> optional, repeats;  // of kList, whose last child is the separator
  int min = 0, max = -1;
  int rule = 0;
};

struct Symbol {
  char byte;
  bool mark;  // only a mark can have said it
};
using Symbols = std::vector<Symbol>;

// For every expression and place in `text`: where it may end. The place after the end of the text, kBeyond,
// means that the text ended inside, and that what is missing exists.
class Reference {
 public:
  Reference(const std::vector<RefNode>& rules, const Symbols& text)
      : rules_(rules), text_(text), ends_(rules.size(), std::vector<std::set<int>>(text.size() + 2)) {
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t r = 0; r < rules.size(); ++r) {
        for (int at = 0; at <= Beyond(); ++at) {
          const std::set<int> ends = Ends(rules[r], at);
          changed |= ends != ends_[r][at];
          ends_[r][at] = ends;
        }
      }
    }
  }
  bool Viable() const { return !Last().empty(); }
  bool Whole() const { return Last().contains(static_cast<int>(text_.size())); }

 private:
  int Beyond() const { return static_cast<int>(text_.size()) + 1; }
  std::set<int> Last() const {
    std::set<int> out;
    for (const int end : ends_[0][0]) {
      if (end >= static_cast<int>(text_.size())) out.insert(end);
    }
    return out;
  }
  std::set<int> After(const RefNode& node, const std::set<int>& from) const {
    std::set<int> out;
    for (const int at : from) out.merge(Ends(node, at));
    return out;
  }
  std::set<int> Ends(const RefNode& node, int at) const {
    switch (node.kind) {
      case RefNode::kText:
      case RefNode::kMark:
        for (const char c : node.text) {
          if (at >= static_cast<int>(text_.size())) return {Beyond()};
          if (text_[at].byte != c || (text_[at].mark && node.kind != RefNode::kMark)) return {};
          ++at;
        }
        return {at};
      case RefNode::kSequence: {
        std::set<int> places{at};
        for (const RefNode& child : node.children) places = After(child, places);
        return places;
      }
      case RefNode::kChoice: {
        std::set<int> out;
        for (const RefNode& child : node.children) out.merge(Ends(child, at));
        return out;
      }
      case RefNode::kRepeat: {
        std::set<int> places{at}, out;
        for (int i = 0; i < node.min; ++i) places = After(node.children[0], places);
        out = places;
        for (int i = node.min; node.max < 0 ? i < node.min + Beyond() + 1 : i < node.max; ++i) {
          places = After(node.children[0], places);
          out.insert(places.begin(), places.end());
        }
        return out;
      }
      case RefNode::kList: return ListEnds(node, at);
      case RefNode::kRef: return ends_[node.rule][at];
    }
    return {};
  }
  std::set<int> ListEnds(const RefNode& node, int at) const {
    std::set<int> none{at}, some;
    for (size_t i = 0; i + 1 < node.children.size(); ++i) {
      std::set<int> begin = After(node.children.back(), some);
      begin.insert(none.begin(), none.end());
      std::set<int> after = After(node.children[i], begin);
      for (int n = 0; node.repeats[i] && n < Beyond() + 1; ++n) {
        std::set<int> more = After(node.children[i], After(node.children.back(), after));
        after.merge(more);
      }
      if (!node.optional[i]) {
        none.clear();
        some.clear();
      }
      some.insert(after.begin(), after.end());
    }
    some.insert(none.begin(), none.end());
    return some;
  }

  const std::vector<RefNode>& rules_;
  const Symbols& text_;
  std::vector<std::vector<std::set<int>>> ends_;
};

Expr ToExpr(const RefNode& node, GrammarBuilder& b, const std::vector<GrammarRule>& rules) {
  std::vector<Expr> children;
  for (const RefNode& child : node.children) children.push_back(ToExpr(child, b, rules));
  switch (node.kind) {
    case RefNode::kText: return b.Text(node.text);
    case RefNode::kMark: return b.Mark(node.text);
    case RefNode::kSequence: return b.Sequence(children);
    case RefNode::kChoice: return b.Choice(children);
    case RefNode::kRepeat:
      return b.Repeat(children[0], node.min, node.max < 0 ? std::nullopt : std::optional<int64_t>(node.max));
    case RefNode::kRef: return b.Ref(rules[node.rule]);
    case RefNode::kList: break;
  }
  std::vector<GrammarBuilder::Element> elements;
  for (size_t i = 0; i + 1 < children.size(); ++i) {
    elements.push_back({children[i], node.optional[i], node.repeats[i]});
  }
  return b.SeparatedList(elements, children.back());
}

class RandomGrammar {
 public:
  explicit RandomGrammar(uint32_t seed) : random_(seed) {}
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }

  std::string Text(int min_length) {
    std::string out;
    for (int n = min_length + Below(3); n > 0; --n) out += static_cast<char>('a' + Below(3));
    return out;
  }
  RefNode Node(int depth, int rules) {
    RefNode node;
    const int kind = depth == 0 ? Below(3) : Below(9);
    if (kind < 2) {
      node.kind = kind == 0 ? RefNode::kText : RefNode::kMark;
      node.text = Text(Below(8) == 0 ? 0 : 1);
    } else if (kind < 4) {
      node.kind = RefNode::kRef;
      node.rule = Below(rules);
    } else if (kind == 4) {
      node.kind = RefNode::kRepeat;
      node.children.push_back(Node(depth - 1, rules));
      node.min = Below(3);
      node.max = Below(2) == 0 ? -1 : node.min + Below(3);
    } else {
      node.kind = kind == 5 ? RefNode::kList : kind == 6 ? RefNode::kChoice : RefNode::kSequence;
      for (int n = 2 + Below(2); n > 0; --n) {
        node.children.push_back(Node(depth - 1, rules));
        node.optional.push_back(Below(2) == 0);
        node.repeats.push_back(Below(4) == 0);
      }
    }
    return node;
  }

 private:
  std::mt19937 random_;
};

std::shared_ptr<const TokenVocabulary> SmallVocabulary() {
  std::vector<TokenVocabulary::Token> tokens;
  for (const char* text :
       {"a", "b", "c", "ab", "ba", "cc", "abc", "bca", "aab", "cab", "bbb", "abcab", "d", "ad"}) {
    tokens.push_back({text, false});
  }
  for (const char* text : {"a", "ab", "bc", "cab", "abcabc"}) tokens.push_back({text, true});
  tokens.push_back({"<end>", true});
  tokens.push_back({"", false});
  return TokenVocabulary::Make(tokens, {static_cast<int32_t>(tokens.size()) - 2});
}

bool Bit(const std::vector<uint64_t>& mask, int32_t id) {
  return (mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0;
}

Symbols Said(const TokenVocabulary::Token& token) {
  Symbols out;
  for (const char c : token.bytes) out.push_back({c, token.special});
  return out;
}

// Walks at random, comparing every mask with the reference; gives the number of masks compared.
int CompareWalk(const std::vector<RefNode>& rules, const std::shared_ptr<const Grammar>& grammar,
                const std::shared_ptr<const TokenVocabulary>& vocabulary, RandomGrammar& random) {
  GrammarMatcher matcher(grammar, vocabulary);
  Symbols said;
  std::vector<uint64_t> mask;
  int compared = 0;
  while (said.size() < 14) {
    matcher.FillMask(mask);
    ++compared;
    EXPECT_EQ(matcher.CanEnd(), Reference(rules, said).Whole());
    std::vector<int32_t> allowed;
    for (int32_t id = 0; id < vocabulary->size(); ++id) {
      bool expected = vocabulary->IsEos(id) && matcher.CanEnd();
      const Symbols token = Said(*vocabulary->Find(id));
      if (!token.empty() && !vocabulary->IsEos(id)) {
        Symbols longer = said;
        longer.insert(longer.end(), token.begin(), token.end());
        expected = Reference(rules, longer).Viable();
      }
      EXPECT_EQ(Bit(mask, id), expected) << "token " << id << " after " << said.size();
      GrammarMatcher copy = matcher;
      EXPECT_EQ(copy.Accept(id), expected);
      if (Bit(mask, id) && !vocabulary->IsEos(id)) allowed.push_back(id);
    }
    EXPECT_TRUE(!allowed.empty() || matcher.CanEnd());
    if (allowed.empty() || ::testing::Test::HasFailure()) break;
    const int32_t id = allowed[static_cast<size_t>(random.Below(static_cast<int>(allowed.size())))];
    EXPECT_TRUE(matcher.Accept(id));
    const Symbols token = Said(*vocabulary->Find(id));
    said.insert(said.end(), token.begin(), token.end());
  }
  return compared;
}

TEST(Grammar, MasksAreExactOnRandomGrammars) {
  const std::shared_ptr<const TokenVocabulary> vocabulary = SmallVocabulary();
  int built = 0, compared = 0, left_recursive = 0;
  for (uint32_t seed = 0; seed < 400 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomGrammar random(seed);
    std::vector<RefNode> rules;
    for (int r = 0; r < 3; ++r) rules.push_back(random.Node(r == 0 ? 3 : 2, 3));
    GrammarBuilder b;
    const std::vector<GrammarRule> ids{b.NewRule("r0"), b.NewRule("r1"), b.NewRule("r2")};
    for (int r = 0; r < 3; ++r) b.Define(ids[r], ToExpr(rules[r], b, ids));
    const Result<std::shared_ptr<const Grammar>> grammar = b.Build(b.Ref(ids[0]));
    if (!grammar.ok()) {
      const bool left = grammar.error().code == ErrorCode::kUnsupported;
      left_recursive += left;
      EXPECT_EQ(Reference(rules, {}).Viable() && !left, false) << grammar.error().message;
      continue;
    }
    ++built;
    EXPECT_TRUE(Reference(rules, {}).Viable());
    for (int walk = 0; walk < 3; ++walk) compared += CompareWalk(rules, *grammar, vocabulary, random);
  }
  EXPECT_GT(built, 150);
  EXPECT_GT(compared, 1200);
  EXPECT_GT(left_recursive, 5);
}

// --- Elements. ---

std::shared_ptr<const TokenVocabulary> Bytes(std::vector<TokenVocabulary::Token> more = {}) {
  std::vector<TokenVocabulary::Token> tokens;
  for (int b = 0; b < 256; ++b) tokens.push_back({std::string(1, static_cast<char>(b)), false});
  tokens.insert(tokens.end(), more.begin(), more.end());
  tokens.push_back({"<eos>", true});
  return TokenVocabulary::Make(tokens, {static_cast<int32_t>(tokens.size()) - 1});
}

std::shared_ptr<const Grammar> MustBuild(GrammarBuilder& b, Expr start) {
  Result<std::shared_ptr<const Grammar>> grammar = b.Build(start);
  EXPECT_TRUE(grammar.ok()) << grammar.error().message;
  return *grammar;
}

std::vector<std::string> Allowed(const GrammarMatcher& matcher, const TokenVocabulary& vocabulary) {
  std::vector<uint64_t> mask;
  matcher.FillMask(mask);
  std::vector<std::string> out;
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    if (Bit(mask, id)) out.push_back(vocabulary.Find(id)->bytes);
  }
  return out;
}

TEST(Grammar, SpecialTokensStandForMarksOnly) {
  const auto vocabulary = Bytes({{"<call>", true}, {"</call>", true}, {"\n<call>\n", true}, {"all>x", true}});
  const int32_t call = 256, close = 257, fused = 258, tail = 259;
  GrammarBuilder b;
  const std::vector<std::string> stops{"</call>"};
  const auto grammar = MustBuild(b, b.Sequence({b.Text("go"), b.Optional(b.Mark("\n")), b.Mark("<call>"),
                                                b.Mark("\n"), b.TextWithout(stops), b.Mark("</call>")}));
  GrammarMatcher start(grammar, vocabulary);
  EXPECT_FALSE(start.Accept(call));
  EXPECT_TRUE(start.Accept('g') && start.Accept('o'));
  EXPECT_THAT(Allowed(start, *vocabulary),
              ::testing::UnorderedElementsAre("\n", "<", "<call>", "\n<call>\n"));
  GrammarMatcher one = start;
  EXPECT_TRUE(one.Accept(fused));
  EXPECT_TRUE(one.Accept('x') && one.Accept('<'));
  EXPECT_FALSE(one.Accept(call));  // free text
  EXPECT_TRUE(one.Accept(close));  // "<" stays text
  EXPECT_TRUE(one.CanEnd());
  GrammarMatcher two = start;  // the same, spelled out
  for (const char c : std::string("\n<call>\n</call>")) EXPECT_TRUE(two.Accept(c)) << c;
  EXPECT_THAT(Allowed(two, *vocabulary), ::testing::ElementsAre("<eos>"));
  GrammarMatcher three = start;  // from the middle of a mark, but not beyond its end
  EXPECT_TRUE(three.Accept('<') && three.Accept('c'));
  EXPECT_FALSE(three.Accept(tail));
  EXPECT_EQ(start.ForcedText(), "");
  EXPECT_EQ(three.ForcedText(), "all>\n");
  EXPECT_TRUE(two.Accept(260) && two.ended() && !two.Accept('x'));
}

TEST(Grammar, TextWithoutStopsIsWhatASearchWouldFind) {
  const auto vocabulary = Bytes();
  for (const std::vector<std::string>& stops :
       {std::vector<std::string>{"aab"}, {"ab", "ba"}, {"a"}, {"é"}, {"abab", "bb"}, {}}) {
    GrammarBuilder b;
    const auto grammar = MustBuild(b, b.TextWithout(stops));
    std::mt19937 random(7);
    for (int i = 0; i < 400; ++i) {
      std::string text;
      for (size_t n = random() % 7; n > 0; --n) {
        static const std::vector<std::string> kPieces{"a", "b", "é", "\xC3", "😀", "\xA9", "ab"};
        text += kPieces[random() % kPieces.size()];
      }
      bool expected = IsValidUtf8(text);
      for (const std::string& stop : stops) expected &= text.find(stop) == std::string::npos;
      EXPECT_EQ(grammar->Accepts(text), expected) << text;
    }
  }
}

TEST(Grammar, TextIsExactlyUtf8) {
  GrammarBuilder b;
  const auto grammar = MustBuild(b, b.AnyText());
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    static const std::string kBytes =
        "a\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xF0\xF1\xF4\xF5\xFF";
    std::string text;
    for (size_t n = random() % 5; n > 0; --n) text += kBytes[random() % kBytes.size()];
    EXPECT_EQ(grammar->Accepts(text), IsValidUtf8(text));
  }
}

TEST(Grammar, CharacterClassesHoldTheirCharacters) {
  std::mt19937 random(5);
  const uint32_t edges[] = {0,      0x1F,   0x22,   0x5C,   0x7F,    0x80,    0x7FF,   0x800,
                            0xD7FF, 0xD800, 0xE000, 0xFFFF, 0x10000, 0x3FFFF, 0x40000, 0x10FFFF};
  for (int i = 0; i < 200; ++i) {
    std::vector<CodePointRange> ranges;
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      uint32_t a = edges[random() % 16] + random() % 3, z = edges[random() % 16] + random() % 3;
      ranges.push_back({std::min(a, z), std::max(a, z)});
    }
    GrammarBuilder b;
    const Result<std::shared_ptr<const Grammar>> grammar = b.Build(b.CodePoints(ranges));
    for (int k = 0; grammar.ok() && k < 100; ++k) {
      const uint32_t c = edges[random() % 16] + random() % 4 - (random() % 2);
      if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) continue;
      bool expected = false;
      for (const CodePointRange& r : ranges) expected |= c >= r.first && c <= r.last;
      std::string text;
      AppendUtf8(c, text);
      EXPECT_EQ((*grammar)->Accepts(text), expected) << std::hex << c;
    }
  }
}

TEST(Grammar, SetsOfTexts) {
  GrammarBuilder b;
  const Expr letter = b.Bytes('a', 'z');
  const Expr word = b.Repeat(letter, 1, std::nullopt);
  const Expr short_word = b.Both(word, b.Repeat(b.Bytes(0, 255), 0, 3));
  const auto grammar = MustBuild(b, b.Except(short_word, b.Choice({b.Text("no"), b.Text("nay")})));
  for (const char* text : {"n", "nox", "na", "yes"}) EXPECT_TRUE(grammar->Accepts(text)) << text;
  for (const char* text : {"", "no", "nay", "four", "A"}) EXPECT_FALSE(grammar->Accepts(text)) << text;
}

TEST(Grammar, NestsToTheLimitAndNoFurther) {
  GrammarBuilder b;
  const GrammarRule list = b.NewRule("list");
  b.Define(list, b.Sequence({b.Text("["), b.Optional(b.Ref(list)), b.Text("]")}));
  const auto grammar = MustBuild(b, b.Ref(list));
  const auto vocabulary = Bytes({{"[[[[", false}, {"]]]]", false}, {"[[]]", false}});
  GrammarMatcher matcher(grammar, vocabulary);
  std::vector<uint64_t> mask;
  int depth = 0;
  for (; depth < 10'000; ++depth) {
    matcher.FillMask(mask);
    EXPECT_EQ(Bit(mask, 256), GrammarMatcher(matcher).Accept(256));
    EXPECT_EQ(Bit(mask, 258), GrammarMatcher(matcher).Accept(258));
    if (!Bit(mask, '[')) break;
    ASSERT_TRUE(matcher.Accept('['));
  }
  EXPECT_EQ(depth, kMaxGrammarNesting);
  for (; depth > 0; --depth) ASSERT_TRUE(matcher.Accept(']'));
  EXPECT_TRUE(matcher.CanEnd());
  EXPECT_FALSE(grammar->Accepts(std::string(100'000, '[')));
}

TEST(Grammar, AmbiguityDoesNotMultiply) {
  // Twice as many ways with every "(": a stack for each would not fit any memory.
  GrammarBuilder b;
  const GrammarRule s = b.NewRule("s");
  b.Define(s, b.Choice({b.Sequence({b.Text("("), b.Ref(s), b.Text("x")}),
                        b.Sequence({b.Text("("), b.Ref(s), b.Text("y")}),
                        b.Sequence({b.Ref(b.NewRule("unused")), b.Text("z")}), b.Text("-")}));
  EXPECT_FALSE(b.Build(b.Ref(s)).ok());  // a rule that was never defined

  GrammarBuilder c;
  const GrammarRule t = c.NewRule("t"), u = c.NewRule("u");
  c.Define(u, c.Sequence({c.Text("("), c.Ref(t)}));
  c.Define(t,
           c.Choice({c.Sequence({c.Ref(u), c.Text("x")}), c.Sequence({c.Ref(u), c.Text("y")}), c.Text("-")}));
  const auto grammar = MustBuild(c, c.Ref(t));
  std::string text(200, '(');
  text += '-';
  for (int i = 0; i < 200; ++i) text += i % 3 == 0 ? 'x' : 'y';
  EXPECT_TRUE(grammar->Accepts(text));
  text.back() = 'z';
  EXPECT_FALSE(grammar->Accepts(text));
}

TEST(Grammar, WhatIsImpossibleIsRefusedOrRemoved) {
  GrammarBuilder endless;
  const GrammarRule r = endless.NewRule("r");
  endless.Define(r, endless.Sequence({endless.Text("a"), endless.Ref(r)}));
  EXPECT_THAT(endless.Build(endless.Ref(r)).error().message, HasSubstr("nothing matches"));

  GrammarBuilder left;
  const GrammarRule l = left.NewRule("loop");
  left.Define(l, left.Choice({left.Text("a"),
                              left.Sequence({left.Optional(left.Text("b")), left.Ref(l), left.Text("c")})}));
  EXPECT_THAT(left.Build(left.Ref(l)).error().message, HasSubstr("\"loop\" may begin with itself"));

  GrammarBuilder b;  // "a" leads to where only the impossible follows
  const GrammarRule dead = b.NewRule("dead");
  b.Define(dead, b.Sequence({b.Text("x"), b.Ref(dead)}));
  const auto grammar = MustBuild(b, b.Choice({b.Sequence({b.Text("a"), b.Ref(dead)}), b.Text("b")}));
  EXPECT_THAT(Allowed(GrammarMatcher(grammar, Bytes()), *Bytes()), ::testing::ElementsAre("b"));
}

TEST(Grammar, LimitsAreErrors) {
  GrammarBuilder deep;
  Expr e = deep.Text("x");
  for (int i = 0; i < 100'000; ++i) e = deep.Sequence({e, deep.Text("y")});
  EXPECT_EQ(deep.Build(e).error().code, ErrorCode::kResource);

  GrammarBuilder wide;
  e = wide.Text("x");
  for (int i = 0; i < 40; ++i) e = wide.Repeat(e, 1000, 1000);
  EXPECT_EQ(wide.Build(e).error().code, ErrorCode::kResource);

  GrammarBuilder copies;
  e = copies.Never();
  for (int i = 0; i < 200; ++i) e = copies.Choice({e, e});
  EXPECT_EQ(copies.Build(e).error().code, ErrorCode::kResource);

  GrammarBuilder states;  // 2^40 states, made deterministic
  const Expr ab = states.Bytes('a', 'b');
  e = states.Sequence({states.Repeat(ab, 0, std::nullopt), states.Text("a"), states.Repeat(ab, 40, 40)});
  EXPECT_EQ(states.Build(e).error().code, ErrorCode::kResource);

  GrammarBuilder rules;
  for (int i = 0; i < 100'000; ++i) rules.Named("r", rules.Text("a"));
  EXPECT_EQ(rules.Build(rules.Empty()).error().code, ErrorCode::kResource);

  GrammarBuilder chain;  // a chain of rules longer than the nesting allows
  e = chain.Text("x");
  for (int i = 0; i < 5'000; ++i) e = chain.Named("r", chain.Sequence({chain.Text("("), e, chain.Text(")")}));
  EXPECT_FALSE(chain.Build(e).ok());
}

TEST(Grammar, MisuseIsAnError) {
  GrammarBuilder b;
  EXPECT_FALSE(b.Build(b.Search(b.Mark("x"), b.Never())).ok());
  GrammarBuilder c;
  EXPECT_FALSE(c.Build(c.TextBegin()).ok());
  GrammarBuilder d;
  EXPECT_FALSE(d.Build(Expr{99}).ok());
  GrammarBuilder f;
  EXPECT_FALSE(f.Build(f.TextWithout(std::vector<std::string>{""})).ok());
}

TEST(Grammar, FirstTokenMayLoseItsSpace) {
  const auto vocabulary = TokenVocabulary::Make({{" a", false, "a"}, {"a", false}, {"b", false}}, {});
  GrammarBuilder b;
  const auto grammar = MustBuild(b, b.Text("a ab"));
  GrammarMatcher at_start(grammar, vocabulary);
  EXPECT_THAT(Allowed(at_start, *vocabulary), ::testing::ElementsAre(" a", "a"));
  EXPECT_TRUE(at_start.Accept(0));
  EXPECT_THAT(Allowed(at_start, *vocabulary), ::testing::ElementsAre(" a"));
  EXPECT_TRUE(at_start.Accept(0) && at_start.Accept(2) && at_start.CanEnd());
  GrammarMatcher inside(grammar, vocabulary, TextPlace::kInside);
  EXPECT_THAT(Allowed(inside, *vocabulary), ::testing::ElementsAre("a"));
}

TEST(Grammar, MatchersOfOneGrammarRunOnManyThreads) {
  GrammarBuilder b;
  const GrammarRule list = b.NewRule("list");
  const Expr item = b.Choice({b.Ref(list), b.Repeat(b.Bytes('a', 'z'), 1, std::nullopt)});
  const GrammarBuilder::Element element{item, true, true};
  b.Define(list,
           b.Sequence({b.Text("["), b.SeparatedList(std::span(&element, 1), b.Text(",")), b.Text("]")}));
  const auto grammar = MustBuild(b, b.Ref(list));
  const auto vocabulary = Bytes({{"],[", false}, {"]]", false}, {"ab", false}});
  std::vector<std::vector<std::vector<uint64_t>>> masks(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < masks.size(); ++t) {
    threads.emplace_back([&, t] {
      GrammarMatcher matcher(grammar, vocabulary);
      for (const char c : std::string("[[a,[b,c]],[d,[[e]]]]")) {
        matcher.FillMask(masks[t].emplace_back());
        matcher.Accept(c);
      }
      matcher.FillMask(masks[t].emplace_back());
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& m : masks) EXPECT_EQ(m, masks[0]);
}

}  // namespace
}  // namespace mains
