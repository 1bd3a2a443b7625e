// Automata over bytes, marked bytes and calls of rules: what grammars are compiled to.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace mains {

// Nondeterministic. States are numbers; edges are kept as lists.
class Nfa {
 public:
  enum class Label : uint8_t {
    kByte,
    kMark,   // a byte of the format itself
    kCall,   // a sentence of a rule
    kEmpty,  // nothing
    kBegin,  // nothing, at the start of the text only
    kEnd,    // nothing, at the end of the text only
  };
  struct Edge {
    int32_t next = -1;  // index of the state's next edge
    int32_t target = 0;
    int32_t rule = 0;  // of kCall
    Label label = Label::kEmpty;
    uint8_t first = 0, last = 0;  // of kByte and kMark
  };

  int32_t AddState() {
    first_edge_.push_back(-1);
    return static_cast<int32_t>(first_edge_.size()) - 1;
  }
  void AddEdge(int32_t from, Edge edge) {
    has_ends_ |= edge.label == Label::kEnd;
    edge.next = first_edge_[static_cast<size_t>(from)];
    first_edge_[static_cast<size_t>(from)] = static_cast<int32_t>(edges_.size());
    edges_.push_back(edge);
  }
  void AddBytes(int32_t from, int32_t to, uint8_t first, uint8_t last, bool mark = false) {
    AddEdge(from, {-1, to, 0, mark ? Label::kMark : Label::kByte, first, last});
  }
  void AddCall(int32_t from, int32_t to, int32_t rule) { AddEdge(from, {-1, to, rule, Label::kCall, 0, 0}); }
  void AddEmpty(int32_t from, int32_t to, Label label = Label::kEmpty) {
    AddEdge(from, {-1, to, 0, label, 0, 0});
  }

  int32_t states() const { return static_cast<int32_t>(first_edge_.size()); }
  bool has_ends() const { return has_ends_; }  // edges of kEnd
  int32_t FirstEdge(int32_t state) const { return first_edge_[static_cast<size_t>(state)]; }
  const Edge& GetEdge(int32_t edge) const { return edges_[static_cast<size_t>(edge)]; }

 private:
  std::vector<int32_t> first_edge_;
  std::vector<Edge> edges_;
  bool has_ends_ = false;
};

// Deterministic over bytes and over calls (though a byte may also begin a called rule's sentence).
struct Dfa {
  struct ByteEdge {
    uint8_t first = 0, last = 0;
    int32_t target = 0;
  };
  struct CallEdge {
    int32_t rule = 0;
    int32_t target = 0;
  };
  struct State {
    std::vector<ByteEdge> bytes;  // of ordinary tokens: marks and others; sorted, disjoint
    std::vector<ByteEdge> marks;  // of special tokens: marks alone
    std::vector<CallEdge> calls;
    bool final = false;
  };
  std::vector<State> states;  // 0 is the start
};

// Counts what making a grammar costs, against the limits of grammar.h.
struct GrammarBudget {
  int64_t states = 0;
  int64_t work = 0;
  Status Spend(int64_t more_states, int64_t more_work);
};

// The automaton of `nfa` between two of its states.
Result<Dfa> Determinize(const Nfa& nfa, int32_t start, int32_t end, GrammarBudget& budget);
// In both (`except` false), or in `a` and not in `b`. Neither has marks or calls.
Result<Dfa> Combine(const Dfa& a, const Dfa& b, bool except, GrammarBudget& budget);
// Removes states from which no end can be reached. Neither marks nor calls.
void Trim(Dfa& dfa);

// All rules in one table of states, as matchers read it.
struct CompiledGrammar {
  static constexpr int kTwinBytes = 256;
  struct ByteEdge {
    uint8_t first = 0, last = 0;
    int32_t target = 0;
  };
  struct Call {
    int32_t rule = 0;
    int32_t target = 0;
  };
  struct State {
    // [begin, end) of the tables below
    int32_t bytes_begin = 0, bytes_end = 0;
    int32_t marks_begin = 0, marks_end = 0;
    int32_t calls_begin = 0, calls_end = 0;
    int32_t need = 0;  // how many frames above this one the shortest nesting to the rule's end takes
    bool final = false;
  };
  std::vector<State> states;
  std::vector<ByteEdge> bytes, marks;
  std::vector<Call> calls;
  std::vector<int32_t> rule_start;  // state, by rule; -1: the rule has no sentence
  std::vector<int32_t> twin;        // by state: the one for all that texts of kTwinBytes cannot tell from it
  int32_t start = 0;                // state
  bool has_marks = false;
  // The whole language includes the empty text. (A called rule never reads nothing: callers have an edge
  // around it instead.)
  const State& operator[](int32_t state) const { return states[static_cast<size_t>(state)]; }
  std::span<const Call> Calls(int32_t state) const {
    const State& s = (*this)[state];
    return std::span(calls).subspan(static_cast<size_t>(s.calls_begin),
                                    static_cast<size_t>(s.calls_end - s.calls_begin));
  }
  // The state after `byte`, or -1.
  int32_t Next(int32_t state, uint8_t byte, bool mark) const;
};

// For every state one that stands for all states from which the same texts of up to `bytes` bytes can be
// read, in the same way. Takes time in proportion to the grammar; each state stands for itself where that is
// too long.
std::vector<int32_t> FindStateClasses(const CompiledGrammar& grammar, int bytes);

// What Build hands over: rules over one shared Nfa.
struct RuleNfa {
  std::string name;
  int32_t start = -1, end = -1;  // -1: never defined
};
// `nfa` gets edges around calls of rules that may be empty.
Result<CompiledGrammar> CompileRules(Nfa& nfa, std::span<const RuleNfa> rules, int32_t start_rule,
                                     GrammarBudget& budget);

}  // namespace mains
