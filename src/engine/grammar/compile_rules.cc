// From rules to one table of states: empties out of the way, deterministic, nothing that leads nowhere.
#include <algorithm>
#include <limits>
#include <utility>

#include "engine/grammar/grammar.h"
#include "engine/grammar/grammar_automaton.h"

namespace mains {
namespace {

constexpr int32_t kNever = std::numeric_limits<int32_t>::max();

// Gives every call of a rule that may be empty an edge around it, so that a call always reads something.
void BypassEmptyCalls(Nfa& nfa, std::span<const RuleNfa> rules) {
  const size_t count = static_cast<size_t>(nfa.states());
  std::vector<int32_t> ends(count, -1);
  std::vector<bool> seen(count), empty(rules.size());
  std::vector<std::vector<int32_t>> waiting(rules.size());
  std::vector<int32_t> stack;
  const auto reach = [&](int32_t state) {
    if (seen[static_cast<size_t>(state)]) return;
    seen[static_cast<size_t>(state)] = true;
    stack.push_back(state);
  };
  for (size_t r = 0; r < rules.size(); ++r) {
    if (rules[r].start < 0) continue;
    ends[static_cast<size_t>(rules[r].end)] = static_cast<int32_t>(r);
    reach(rules[r].start);
  }
  while (!stack.empty()) {
    const int32_t state = stack.back();
    stack.pop_back();
    if (const int32_t rule = ends[static_cast<size_t>(state)];
        rule >= 0 && !empty[static_cast<size_t>(rule)]) {
      empty[static_cast<size_t>(rule)] = true;
      for (const int32_t target : waiting[static_cast<size_t>(rule)]) reach(target);
    }
    for (int32_t e = nfa.FirstEdge(state); e >= 0; e = nfa.GetEdge(e).next) {
      const Nfa::Edge& edge = nfa.GetEdge(e);
      if (edge.label == Nfa::Label::kEmpty) reach(edge.target);
      if (edge.label != Nfa::Label::kCall) continue;
      if (empty[static_cast<size_t>(edge.rule)]) {
        reach(edge.target);
      } else {
        waiting[static_cast<size_t>(edge.rule)].push_back(edge.target);
      }
    }
  }
  for (int32_t state = 0; state < static_cast<int32_t>(count); ++state) {
    for (int32_t e = nfa.FirstEdge(state); e >= 0;) {
      const Nfa::Edge edge = nfa.GetEdge(e);
      if (edge.label == Nfa::Label::kCall && empty[static_cast<size_t>(edge.rule)])
        nfa.AddEmpty(state, edge.target);
      e = edge.next;
    }
  }
}

// Appends the states of one rule; targets become numbers of the whole table.
void AppendRule(const Dfa& dfa, CompiledGrammar& out) {
  const int32_t base = static_cast<int32_t>(out.states.size());
  for (const Dfa::State& state : dfa.states) {
    CompiledGrammar::State& s = out.states.emplace_back();
    s.final = state.final;
    s.bytes_begin = static_cast<int32_t>(out.bytes.size());
    for (const Dfa::ByteEdge& e : state.bytes) out.bytes.push_back({e.first, e.last, e.target + base});
    s.bytes_end = static_cast<int32_t>(out.bytes.size());
    s.marks_begin = static_cast<int32_t>(out.marks.size());
    for (const Dfa::ByteEdge& e : state.marks) out.marks.push_back({e.first, e.last, e.target + base});
    s.marks_end = static_cast<int32_t>(out.marks.size());
    s.calls_begin = static_cast<int32_t>(out.calls.size());
    for (const Dfa::CallEdge& e : state.calls) out.calls.push_back({e.rule, e.target + base});
    s.calls_end = static_cast<int32_t>(out.calls.size());
  }
}

// For every state the frames that the shortest nesting from it to its rule's end takes, kNever if there is no
// way; and the same for every rule entered to read something. Values are settled in rising order (Knuth 1977,
// "A generalization of Dijkstra's algorithm").
class NeedFinder {
 public:
  explicit NeedFinder(const CompiledGrammar& grammar)
      : grammar_(grammar),
        states_(grammar.states.size()),
        need_(states_ + grammar.rule_start.size(), kNever),
        settled_(need_.size()),
        by_target_(states_),
        by_rule_(grammar.rule_start.size()),
        entry_of_(states_, -1),
        buckets_(static_cast<size_t>(kMaxGrammarNesting) + 1) {}

  std::vector<int32_t> Run() {
    for (size_t r = 0; r < grammar_.rule_start.size(); ++r) {
      if (grammar_.rule_start[r] >= 0) entry_of_[Index(grammar_.rule_start[r])] = static_cast<int32_t>(r);
    }
    for (size_t s = 0; s < states_; ++s) Link(s);
    for (size_t s = 0; s < states_; ++s) {
      if (grammar_.states[s].final) Offer(static_cast<int32_t>(s), 0);
    }
    for (int32_t value = 0; value <= kMaxGrammarNesting; ++value) {
      std::vector<int32_t>& bucket = buckets_[Index(value)];
      for (size_t i = 0; i < bucket.size(); ++i) {  // grows meanwhile
        if (!settled_[Index(bucket[i])]) Settle(bucket[i], value);
      }
    }
    return std::move(need_);
  }

 private:
  struct Use {
    int32_t from, rule, target;  // rule -1: a byte
  };
  static size_t Index(int32_t i) { return static_cast<size_t>(i); }

  void Link(size_t s) {
    const int32_t from = static_cast<int32_t>(s);
    const CompiledGrammar::State& state = grammar_.states[s];
    for (int32_t e = state.bytes_begin; e < state.bytes_end; ++e) {
      by_target_[Index(grammar_.bytes[Index(e)].target)].push_back(
          {from, -1, grammar_.bytes[Index(e)].target});
    }
    for (const CompiledGrammar::Call& call : grammar_.Calls(from)) {
      by_target_[Index(call.target)].push_back({from, call.rule, call.target});
      by_rule_[Index(call.rule)].push_back({from, call.rule, call.target});
    }
  }
  void Offer(int32_t node, int32_t value) {
    if (value >= need_[Index(node)] || value > kMaxGrammarNesting) return;
    need_[Index(node)] = value;
    buckets_[Index(value)].push_back(node);
  }
  // The edge leads to a rule's end with `value` frames.
  void OfferFrom(int32_t state, int32_t value) {
    Offer(state, value);
    if (entry_of_[Index(state)] >= 0) Offer(static_cast<int32_t>(states_) + entry_of_[Index(state)], value);
  }
  void Settle(int32_t node, int32_t value) {
    settled_[Index(node)] = true;
    const bool is_rule = Index(node) >= states_;
    for (const Use& use : is_rule ? by_rule_[Index(node) - states_] : by_target_[Index(node)]) {
      if (is_rule) {
        if (settled_[Index(use.target)]) OfferFrom(use.from, std::max(need_[Index(use.target)], value + 1));
      } else if (use.rule < 0) {
        OfferFrom(use.from, value);
      } else if (settled_[states_ + Index(use.rule)]) {
        OfferFrom(use.from, std::max(value, need_[states_ + Index(use.rule)] + 1));
      }
    }
  }

  const CompiledGrammar& grammar_;
  size_t states_;
  std::vector<int32_t> need_;  // states, then rules
  std::vector<bool> settled_;
  std::vector<std::vector<Use>> by_target_, by_rule_;
  std::vector<int32_t> entry_of_;  // rule that starts at the state
  std::vector<std::vector<int32_t>> buckets_;
};

// Removes edges that lead nowhere. What they point at stays in the table, unreachable.
void Prune(CompiledGrammar& grammar, const std::vector<int32_t>& need) {
  const auto dead = [&](int32_t state) { return need[static_cast<size_t>(state)] == kNever; };
  const auto dead_call = [&](const CompiledGrammar::Call& call) {
    return dead(call.target) || need[grammar.states.size() + static_cast<size_t>(call.rule)] == kNever;
  };
  const auto sift = [](auto& edges, int32_t begin, int32_t& end, const auto& is_dead) {
    end = static_cast<int32_t>(std::remove_if(edges.begin() + begin, edges.begin() + end, is_dead) -
                               edges.begin());
  };
  for (size_t s = 0; s < grammar.states.size(); ++s) {
    CompiledGrammar::State& state = grammar.states[s];
    const auto dead_byte = [&](const CompiledGrammar::ByteEdge& edge) { return dead(edge.target); };
    sift(grammar.bytes, state.bytes_begin, state.bytes_end, dead_byte);
    sift(grammar.marks, state.marks_begin, state.marks_end, dead_byte);
    sift(grammar.calls, state.calls_begin, state.calls_end, dead_call);
    state.need = need[s];
    grammar.has_marks |= state.marks_begin < state.marks_end;
  }
}

// A rule that begins with a call of itself, also through others: reading it would never begin.
Status CheckLeftRecursion(const CompiledGrammar& grammar, std::span<const RuleNfa> rules) {
  enum : uint8_t { kNew, kOpen, kDone };
  std::vector<uint8_t> mark(rules.size(), kNew);
  std::vector<std::pair<int32_t, size_t>> stack;  // rule, how many of its calls are done
  for (size_t root = 0; root < rules.size(); ++root) {
    if (mark[root] != kNew || grammar.rule_start[root] < 0) continue;
    stack.emplace_back(static_cast<int32_t>(root), 0);
    mark[root] = kOpen;
    while (!stack.empty()) {
      auto& [rule, done] = stack.back();
      const auto calls = grammar.Calls(grammar.rule_start[static_cast<size_t>(rule)]);
      if (done == calls.size()) {
        mark[static_cast<size_t>(rule)] = kDone;
        stack.pop_back();
        continue;
      }
      const int32_t callee = calls[done++].rule;
      if (mark[static_cast<size_t>(callee)] == kOpen) {
        return Error{ErrorCode::kUnsupported,
                     "\"" + rules[static_cast<size_t>(callee)].name +
                         "\" may begin with itself before anything else, which has no "
                         "end; put something in front of the reference"};
      }
      if (mark[static_cast<size_t>(callee)] == kNew) {
        mark[static_cast<size_t>(callee)] = kOpen;
        stack.emplace_back(callee, 0);
      }
    }
  }
  return {};
}

}  // namespace

Result<CompiledGrammar> CompileRules(Nfa& nfa, std::span<const RuleNfa> rules, int32_t start_rule,
                                     GrammarBudget& budget) {
  BypassEmptyCalls(nfa, rules);
  CompiledGrammar out;
  out.rule_start.assign(rules.size(), -1);
  std::vector<int32_t> queue{start_rule};
  std::vector<bool> queued(rules.size());
  queued[static_cast<size_t>(start_rule)] = true;
  for (size_t i = 0; i < queue.size(); ++i) {
    const RuleNfa& rule = rules[static_cast<size_t>(queue[i])];
    if (rule.start < 0)
      return Error{ErrorCode::kInvalid, "the rule \"" + rule.name + "\" is used but never defined"};
    ASSIGN_OR_RETURN(const Dfa dfa, Determinize(nfa, rule.start, rule.end, budget));
    out.rule_start[static_cast<size_t>(queue[i])] = static_cast<int32_t>(out.states.size());
    const size_t calls_before = out.calls.size();
    AppendRule(dfa, out);
    for (size_t c = calls_before; c < out.calls.size(); ++c) {
      const size_t callee = static_cast<size_t>(out.calls[c].rule);
      if (!queued[callee]) queue.push_back(out.calls[c].rule);
      queued[callee] = true;
    }
  }
  const std::vector<int32_t> need = NeedFinder(out).Run();
  Prune(out, need);
  RETURN_IF_ERROR(CheckLeftRecursion(out, rules));
  out.start = out.rule_start[static_cast<size_t>(start_rule)];
  if (need[static_cast<size_t>(out.start)] == kNever) {
    return Error{ErrorCode::kInvalid,
                 "nothing matches: every way through it is impossible, endless, or nested more than " +
                     std::to_string(kMaxGrammarNesting) + " deep"};
  }
  out.twin = FindStateClasses(out, CompiledGrammar::kTwinBytes);
  return out;
}

}  // namespace mains
