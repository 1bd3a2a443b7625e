#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "engine/grammar/grammar.h"
#include "engine/grammar/grammar_automaton.h"
#include "engine/grammar/text_automata.h"

namespace mains {
namespace {

using Expr = GrammarExpr;

enum class Kind : uint8_t {
  kEmpty,
  kNever,
  kText,  // `text`, of the format itself if `mark`
  kBytes,
  kSequence,
  kChoice,
  kRepeat,
  kList,  // children are the elements, the last one the separator
  kDfa,   // index: of the automata
  kRef,   // index: the rule
  kBegin,
  kEnd,
};

struct Node {
  Kind kind = Kind::kEmpty;
  bool mark = false;
  bool irregular = false;  // has Ref or Mark inside
  bool anchored = false;   // has TextBegin or TextEnd inside
  uint8_t first = 0, last = 0;
  int32_t depth = 0;
  int32_t index = 0;
  int32_t min = 0, max = 0;  // of kRepeat; max -1: no end
  std::string text;
  std::vector<int32_t> children;
  std::vector<GrammarBuilder::Element> elements;  // of kList, for their flags
};

// Writes expressions into an Nfa. What is written between `from` and `to` adds no edge into `from` and none
// out of `to`, but where the two are one state.
class Emitter {
 public:
  Emitter(const std::vector<Node>& nodes, const std::vector<Dfa>& automata, Nfa& nfa, GrammarBudget& budget)
      : nodes_(nodes), automata_(automata), nfa_(nfa), budget_(budget) {}

  // Recursion is bounded by kMaxExprDepth.
  void Emit(int32_t expr, int32_t from, int32_t to) {
    Spend(0, 1);
    if (!status_.ok()) return;
    const Node& node = nodes_[static_cast<size_t>(expr)];
    switch (node.kind) {
      case Kind::kEmpty: nfa_.AddEmpty(from, to); break;
      case Kind::kNever: break;
      case Kind::kText: EmitText(node, from, to); break;
      case Kind::kBytes: nfa_.AddBytes(from, to, node.first, node.last); break;
      case Kind::kSequence: EmitSequence(node, from, to); break;
      case Kind::kChoice:
        for (const int32_t child : node.children) Emit(child, from, to);
        break;
      case Kind::kRepeat: EmitRepeat(node, from, to); break;
      case Kind::kList: EmitList(node, from, to); break;
      case Kind::kDfa: EmitDfa(automata_[static_cast<size_t>(node.index)], from, to); break;
      case Kind::kRef: nfa_.AddCall(from, to, node.index); break;
      case Kind::kBegin: nfa_.AddEmpty(from, to, Nfa::Label::kBegin); break;
      case Kind::kEnd: nfa_.AddEmpty(from, to, Nfa::Label::kEnd); break;
    }
  }
  int32_t NewState() {
    Spend(1, 0);
    return nfa_.AddState();
  }
  const Status& status() const { return status_; }

 private:
  void Spend(int64_t states, int64_t work) {
    if (status_.ok()) status_ = budget_.Spend(states, work);
  }
  void EmitText(const Node& node, int32_t from, int32_t to) {
    if (node.text.empty()) nfa_.AddEmpty(from, to);
    for (size_t i = 0; i < node.text.size() && status_.ok(); ++i) {
      const int32_t next = i + 1 == node.text.size() ? to : NewState();
      const uint8_t byte = static_cast<uint8_t>(node.text[i]);
      nfa_.AddBytes(from, next, byte, byte, node.mark);
      from = next;
    }
  }
  void EmitSequence(const Node& node, int32_t from, int32_t to) {
    if (node.children.empty()) nfa_.AddEmpty(from, to);
    for (size_t i = 0; i < node.children.size() && status_.ok(); ++i) {
      const int32_t next = i + 1 == node.children.size() ? to : NewState();
      Emit(node.children[i], from, next);
      from = next;
    }
  }
  void EmitRepeat(const Node& node, int32_t from, int32_t to) {
    const int32_t child = node.children[0];
    for (int32_t i = 0; i < node.min && status_.ok(); ++i) {
      const int32_t next = NewState();
      Emit(child, from, next);
      from = next;
    }
    if (node.max < 0) {
      const int32_t loop = NewState();
      nfa_.AddEmpty(from, loop);
      Emit(child, loop, loop);
      from = loop;
    }
    for (int32_t i = node.min; i < node.max && status_.ok(); ++i) {
      const int32_t next = NewState();
      Emit(child, from, next);
      nfa_.AddEmpty(from, to);
      from = next;
    }
    nfa_.AddEmpty(from, to);
  }
  // For every element: a state where it or a later one may come, and a state after it.
  void EmitList(const Node& node, int32_t from, int32_t to) {
    const int32_t separator = node.children.back();
    const size_t count = node.elements.size();
    std::vector<int32_t> pick;
    for (size_t i = 0; i <= count && status_.ok(); ++i) pick.push_back(NewState());
    bool rest_optional = true;
    for (size_t i = count; i-- > 0 && status_.ok();) {
      const GrammarBuilder::Element& element = node.elements[i];
      const int32_t begin = NewState(), after = NewState();
      nfa_.AddEmpty(pick[i], begin);
      if (element.optional) nfa_.AddEmpty(pick[i], pick[i + 1]);
      Emit(element.expr.id, begin, after);
      if (i + 1 < count) Emit(separator, after, pick[i + 1]);
      if (element.repeats) Emit(separator, after, begin);
      if (rest_optional) nfa_.AddEmpty(after, to);
      rest_optional &= element.optional;
    }
    if (!status_.ok()) return;
    nfa_.AddEmpty(from, pick[0]);
    if (rest_optional) nfa_.AddEmpty(from, to);
  }
  void EmitDfa(const Dfa& dfa, int32_t from, int32_t to) {
    std::vector<int32_t> states;
    for (size_t s = 0; s < dfa.states.size() && status_.ok(); ++s) states.push_back(NewState());
    if (!status_.ok() || states.empty()) return;
    nfa_.AddEmpty(from, states[0]);
    for (size_t s = 0; s < states.size(); ++s) {
      for (const Dfa::ByteEdge& e : dfa.states[s].bytes) {
        nfa_.AddBytes(states[s], states[static_cast<size_t>(e.target)], e.first, e.last);
      }
      if (dfa.states[s].final) nfa_.AddEmpty(states[s], to);
    }
  }

  const std::vector<Node>& nodes_;
  const std::vector<Dfa>& automata_;
  Nfa& nfa_;
  GrammarBudget& budget_;
  Status status_;
};

}  // namespace

struct GrammarBuilder::Impl {
  std::vector<Node> nodes;
  std::vector<Dfa> automata;
  std::map<int32_t, int32_t> automaton_of;  // by expression
  std::map<std::pair<CharForm, std::vector<std::pair<uint32_t, uint32_t>>>, int32_t> characters;
  Nfa nfa;
  std::vector<RuleNfa> rules;
  GrammarBudget budget;
  std::optional<Error> error;

  Expr Fail(Error e) {
    if (!error) error = std::move(e);
    return {0};
  }
  Expr Misuse(const std::string& what) { return Fail({ErrorCode::kInvalid, "grammar: " + what}); }
  bool Known(Expr e) const { return e.id >= 0 && static_cast<size_t>(e.id) < nodes.size(); }

  Expr Add(Node node) {
    if (error) return {0};
    for (const int32_t child : node.children) {
      const Node& c = nodes[static_cast<size_t>(child)];
      node.depth = std::max(node.depth, c.depth + 1);
      node.irregular |= c.irregular;
      node.anchored |= c.anchored;
    }
    if (node.depth > kMaxExprDepth) {
      return Fail({ErrorCode::kResource, "the grammar nests more than " + std::to_string(kMaxExprDepth) +
                                             " expressions inside each other"});
    }
    if (Status status = budget.Spend(0, 1 + static_cast<int64_t>(node.text.size() + node.children.size()));
        !status.ok()) {
      return Fail(status.error());
    }
    nodes.push_back(std::move(node));
    return {static_cast<int32_t>(nodes.size()) - 1};
  }
  Expr AddWith(Kind kind, std::span<const Expr> children) {
    Node node;
    node.kind = kind;
    for (const Expr child : children) {
      if (!Known(child)) return Misuse("an expression of another builder");
      node.children.push_back(child.id);
    }
    return Add(std::move(node));
  }
  Expr AddDfa(Result<Dfa> dfa) {
    if (error) return {0};
    if (!dfa.ok()) return Fail(dfa.error());
    Node node;
    node.kind = Kind::kDfa;
    node.index = static_cast<int32_t>(automata.size());
    automata.push_back(std::move(*dfa));
    return Add(std::move(node));
  }

  // The automaton of an expression without Ref and Mark.
  const Dfa* Regular(Expr expr, bool anchors_allowed) {
    if (error) return nullptr;
    const auto refuse = [this](const char* what) -> const Dfa* {
      Misuse(what);
      return nullptr;
    };
    if (!Known(expr)) return refuse("an expression of another builder");
    const Node& node = nodes[static_cast<size_t>(expr.id)];
    if (node.irregular) return refuse("Both, Except and Search take no Ref and no Mark");
    if (node.anchored && !anchors_allowed) return refuse("TextBegin and TextEnd belong inside Search");
    if (node.kind == Kind::kDfa) return &automata[static_cast<size_t>(node.index)];
    if (const auto found = automaton_of.find(expr.id); found != automaton_of.end()) {
      return &automata[static_cast<size_t>(found->second)];
    }
    Nfa own;
    Emitter emitter(nodes, automata, own, budget);
    const int32_t start = emitter.NewState(), end = emitter.NewState();
    emitter.Emit(expr.id, start, end);
    Result<Dfa> dfa =
        emitter.status().ok() ? Determinize(own, start, end, budget) : Result<Dfa>(emitter.status().error());
    if (!dfa.ok()) {
      Fail(dfa.error());
      return nullptr;
    }
    Trim(*dfa);
    automaton_of.emplace(expr.id, static_cast<int32_t>(automata.size()));
    automata.push_back(std::move(*dfa));
    return &automata.back();
  }
  Expr CombineExprs(Expr a, Expr b, bool except) {
    // By value: making the second may move the first.
    const Dfa* found = Regular(a, false);
    if (found == nullptr) return {0};
    const Dfa first = *found;
    const Dfa* second = Regular(b, false);
    if (second == nullptr) return {0};
    return AddDfa(Combine(first, *second, except, budget));
  }
};

GrammarBuilder::GrammarBuilder() : impl_(std::make_unique<Impl>()) {
  impl_->Add(Node{});  // expression 0 stands in after errors
}
GrammarBuilder::~GrammarBuilder() = default;

const std::optional<Error>& GrammarBuilder::error() const {
  return impl_->error;
}

Expr GrammarBuilder::Empty() {
  return {0};
}

Expr GrammarBuilder::Never() {
  Node node;
  node.kind = Kind::kNever;
  return impl_->Add(std::move(node));
}

Expr GrammarBuilder::Text(std::string_view bytes) {
  Node node;
  node.kind = Kind::kText;
  node.text = bytes;
  return impl_->Add(std::move(node));
}

Expr GrammarBuilder::Mark(std::string_view bytes) {
  Node node;
  node.kind = Kind::kText;
  node.mark = node.irregular = true;
  node.text = bytes;
  return impl_->Add(std::move(node));
}

Expr GrammarBuilder::Bytes(uint8_t first, uint8_t last) {
  if (first > last) return Never();
  Node node;
  node.kind = Kind::kBytes;
  node.first = first;
  node.last = last;
  return impl_->Add(std::move(node));
}

Expr GrammarBuilder::CodePoints(std::span<const CodePointRange> ranges, CharForm form) {
  std::pair<CharForm, std::vector<std::pair<uint32_t, uint32_t>>> key{form, {}};
  for (const CodePointRange& range : ranges) key.second.emplace_back(range.first, range.last);
  std::sort(key.second.begin(), key.second.end());
  if (const auto found = impl_->characters.find(key); found != impl_->characters.end())
    return {found->second};
  const Expr made = impl_->AddDfa(CharacterDfa(ranges, form, impl_->budget));
  if (!impl_->error) impl_->characters.emplace(std::move(key), made.id);
  return made;
}

Expr GrammarBuilder::Sequence(std::span<const Expr> parts) {
  return impl_->AddWith(Kind::kSequence, parts);
}

Expr GrammarBuilder::Choice(std::span<const Expr> choices) {
  return impl_->AddWith(Kind::kChoice, choices);
}

Expr GrammarBuilder::Optional(Expr expr) {
  return Choice({Empty(), expr});
}

Expr GrammarBuilder::Repeat(Expr expr, int64_t min, std::optional<int64_t> max) {
  if (!impl_->Known(expr)) return impl_->Misuse("an expression of another builder");
  if (min < 0) return impl_->Misuse("a repeat count below zero");
  if (max && *max < min) return Never();
  if (min > kMaxGrammarStates || (max && *max > kMaxGrammarStates)) {
    return impl_->Fail({ErrorCode::kResource, "a repeat count of more than " +
                                                  std::to_string(kMaxGrammarStates) + "; use a smaller one"});
  }
  Node node;
  node.kind = Kind::kRepeat;
  node.min = static_cast<int32_t>(min);
  node.max = max ? static_cast<int32_t>(*max) : -1;
  node.children = {expr.id};
  return impl_->Add(std::move(node));
}

Expr GrammarBuilder::SeparatedList(std::span<const Element> elements, Expr separator) {
  Node node;
  node.kind = Kind::kList;
  node.elements.assign(elements.begin(), elements.end());
  for (const Element& element : elements) node.children.push_back(element.expr.id);
  node.children.push_back(separator.id);
  for (const int32_t child : node.children) {
    if (!impl_->Known({child})) return impl_->Misuse("an expression of another builder");
  }
  return impl_->Add(std::move(node));
}

Expr GrammarBuilder::TextWithout(std::span<const std::string> stops) {
  return impl_->AddDfa(TextWithoutDfa(stops, impl_->budget));
}

Expr GrammarBuilder::Automaton(const Dfa& dfa) {
  return impl_->AddDfa(dfa);
}

Expr GrammarBuilder::Both(Expr a, Expr b) {
  return impl_->CombineExprs(a, b, false);
}

Expr GrammarBuilder::Except(Expr a, Expr b) {
  return impl_->CombineExprs(a, b, true);
}

Expr GrammarBuilder::Search(Expr expr, Expr any) {
  const Expr around = Repeat(any, 0, std::nullopt);
  const Expr whole = Sequence({around, expr, around});
  const Dfa* dfa = impl_->Regular(whole, true);
  return dfa == nullptr ? Empty() : impl_->AddDfa(Dfa(*dfa));
}

Expr GrammarBuilder::TextBegin() {
  Node node;
  node.kind = Kind::kBegin;
  node.anchored = true;
  return impl_->Add(std::move(node));
}

Expr GrammarBuilder::TextEnd() {
  Node node;
  node.kind = Kind::kEnd;
  node.anchored = true;
  return impl_->Add(std::move(node));
}

GrammarRule GrammarBuilder::NewRule(std::string name) {
  if (static_cast<int64_t>(impl_->rules.size()) >= kMaxGrammarRules) {
    impl_->Fail(
        {ErrorCode::kResource, "the grammar has more than " + std::to_string(kMaxGrammarRules) + " rules"});
    return {0};
  }
  impl_->rules.push_back({std::move(name), -1, -1});
  return {static_cast<int32_t>(impl_->rules.size()) - 1};
}

void GrammarBuilder::Define(Rule rule, Expr expr) {
  if (impl_->error) return;
  if (rule.id < 0 || static_cast<size_t>(rule.id) >= impl_->rules.size() || !impl_->Known(expr)) {
    impl_->Misuse("a rule or an expression of another builder");
    return;
  }
  RuleNfa& r = impl_->rules[static_cast<size_t>(rule.id)];
  if (r.start >= 0 || impl_->nodes[static_cast<size_t>(expr.id)].anchored) {
    impl_->Misuse(r.start >= 0 ? "the rule \"" + r.name + "\" is defined twice"
                               : "TextBegin and TextEnd belong inside Search");
    return;
  }
  Emitter emitter(impl_->nodes, impl_->automata, impl_->nfa, impl_->budget);
  r.start = emitter.NewState();
  r.end = emitter.NewState();
  emitter.Emit(expr.id, r.start, r.end);
  if (!emitter.status().ok()) impl_->Fail(emitter.status().error());
}

Expr GrammarBuilder::Ref(Rule rule) {
  if (rule.id < 0 || static_cast<size_t>(rule.id) >= impl_->rules.size()) {
    return impl_->error ? Empty() : impl_->Misuse("a rule of another builder");
  }
  Node node;
  node.kind = Kind::kRef;
  node.irregular = true;
  node.index = rule.id;
  return impl_->Add(std::move(node));
}

Expr GrammarBuilder::Named(std::string name, Expr expr) {
  const Rule rule = NewRule(std::move(name));
  Define(rule, expr);
  return Ref(rule);
}

Result<std::shared_ptr<const Grammar>> GrammarBuilder::Build(Expr start) {
  const Rule rule = NewRule("the grammar");
  Define(rule, start);
  if (impl_->error) return *impl_->error;
  ASSIGN_OR_RETURN(CompiledGrammar compiled, CompileRules(impl_->nfa, impl_->rules, rule.id, impl_->budget));
  return std::make_shared<const Grammar>(std::make_unique<const CompiledGrammar>(std::move(compiled)));
}

}  // namespace mains
