#include "engine/grammar/grammar_automaton.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "engine/grammar/grammar.h"

namespace mains {
namespace {

using StateSet = std::vector<int32_t>;  // sorted, no two equal

struct HashStateSet {
  size_t operator()(const StateSet& set) const {
    uint64_t hash = 0x9E3779B97F4A7C15ull + set.size();
    for (const int32_t state : set) {
      hash = (hash ^ static_cast<uint32_t>(state)) * 0xFF51AFD7ED558CCDull;
      hash ^= hash >> 32;
    }
    return static_cast<size_t>(hash);
  }
};

void SortUnique(StateSet& set) {
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
}

// The subset construction (Rabin and Scott 1959).
class Determinizer {
 public:
  Determinizer(const Nfa& nfa, int32_t end, GrammarBudget& budget) : nfa_(nfa), end_(end), budget_(budget) {}

  Result<Dfa> Run(int32_t start) {
    // Kept apart from an equal set in the middle of a text, where the begin is behind.
    first_ = Closure({start}, true, false);
    AddState(first_, true);
    for (size_t at = 0; at < sets_.size(); ++at) {
      RETURN_IF_ERROR(Spend());
      const StateSet set = *sets_[at];
      Expand(set, at);
    }
    RETURN_IF_ERROR(Spend());
    return std::move(dfa_);
  }

 private:
  Status Spend() {
    const int64_t states = static_cast<int64_t>(dfa_.states.size());
    RETURN_IF_ERROR(budget_.Spend(states - spent_states_, work_));
    spent_states_ = states;
    work_ = 0;
    return {};
  }

  // What `seeds` reach by reading nothing. The states that matter: those with something to read, and the end.
  StateSet Closure(const StateSet& seeds, bool at_begin, bool at_end) {
    if (seen_.size() < static_cast<size_t>(nfa_.states())) seen_.resize(static_cast<size_t>(nfa_.states()));
    ++stamp_;
    StateSet out;
    stack_ = seeds;
    for (const int32_t state : seeds) seen_[static_cast<size_t>(state)] = stamp_;
    while (!stack_.empty()) {
      const int32_t state = stack_.back();
      stack_.pop_back();
      bool matters = state == end_;
      for (int32_t e = nfa_.FirstEdge(state); e >= 0; e = nfa_.GetEdge(e).next) {
        const Nfa::Edge& edge = nfa_.GetEdge(e);
        ++work_;
        const bool follow = edge.label == Nfa::Label::kEmpty ||
                            (edge.label == Nfa::Label::kBegin && at_begin) ||
                            (edge.label == Nfa::Label::kEnd && at_end);
        if (!follow) {
          matters |= edge.label != Nfa::Label::kBegin;
        } else if (seen_[static_cast<size_t>(edge.target)] != stamp_) {
          seen_[static_cast<size_t>(edge.target)] = stamp_;
          stack_.push_back(edge.target);
        }
      }
      if (matters) out.push_back(state);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  void AddState(const StateSet& set, bool at_begin) {
    sets_.push_back(&set);
    Dfa::State& state = dfa_.states.emplace_back();
    state.final = std::binary_search(set.begin(), set.end(), end_);
    if (state.final || !nfa_.has_ends()) return;
    const StateSet ends = Closure(set, at_begin, true);
    state.final = std::binary_search(ends.begin(), ends.end(), end_);
  }

  int32_t Intern(StateSet set) {
    const auto [found, added] = ids_.emplace(std::move(set), static_cast<int32_t>(dfa_.states.size()));
    if (added) AddState(found->first, false);
    return found->second;
  }

  int32_t Target(StateSet& targets) {
    SortUnique(targets);
    if (targets.size() != 1) return Intern(Closure(targets, false, false));
    const auto [found, added] = singles_.emplace(targets[0], -1);
    if (added) {
      const int32_t id = Intern(Closure(targets, false, false));
      return singles_[targets[0]] = id;
    }
    return found->second;
  }

  void Put(const Nfa::Edge& edge, std::array<StateSet, 256>& buckets) {
    for (int byte = edge.first; byte <= edge.last; ++byte) {
      buckets[static_cast<size_t>(byte)].push_back(edge.target);
    }
    constexpr int kBytesPerStep = 32;
    work_ += 1 + (edge.last - edge.first) / kBytesPerStep;
  }

  std::vector<Dfa::ByteEdge> Drain(std::array<StateSet, 256>& buckets) {
    std::vector<Dfa::ByteEdge> out;
    for (int byte = 0; byte < 256; ++byte) {
      StateSet& targets = buckets[static_cast<size_t>(byte)];
      if (targets.empty()) continue;
      const int32_t target = Target(targets);
      targets.clear();
      if (!out.empty() && out.back().target == target && out.back().last + 1 == byte) {
        out.back().last = static_cast<uint8_t>(byte);
      } else {
        out.push_back({static_cast<uint8_t>(byte), static_cast<uint8_t>(byte), target});
      }
    }
    return out;
  }

  void Expand(const StateSet& set, size_t at) {
    bool any_byte = false, any_mark = false;
    std::vector<std::pair<int32_t, int32_t>> calls;
    for (const int32_t from : set) {
      for (int32_t e = nfa_.FirstEdge(from); e >= 0; e = nfa_.GetEdge(e).next) {
        const Nfa::Edge& edge = nfa_.GetEdge(e);
        if (edge.label == Nfa::Label::kCall) calls.emplace_back(edge.rule, edge.target);
        if (edge.label != Nfa::Label::kByte && edge.label != Nfa::Label::kMark) continue;
        Put(edge, bytes_);
        any_byte = true;
        if (edge.label == Nfa::Label::kMark) {
          Put(edge, marks_);
          any_mark = true;
        }
      }
    }
    if (any_byte) {
      std::vector<Dfa::ByteEdge> edges = Drain(bytes_);
      dfa_.states[at].bytes = std::move(edges);
    }
    if (any_mark) {
      std::vector<Dfa::ByteEdge> edges = Drain(marks_);
      dfa_.states[at].marks = std::move(edges);
    }
    std::sort(calls.begin(), calls.end());
    for (size_t i = 0; i < calls.size();) {
      const int32_t rule = calls[i].first;
      StateSet targets;
      for (; i < calls.size() && calls[i].first == rule; ++i) targets.push_back(calls[i].second);
      const int32_t target = Target(targets);
      dfa_.states[at].calls.push_back({rule, target});
    }
  }

  const Nfa& nfa_;
  int32_t end_;
  GrammarBudget& budget_;
  Dfa dfa_;
  std::unordered_map<StateSet, int32_t, HashStateSet> ids_;
  StateSet first_;
  std::vector<const StateSet*> sets_;  // first_ and keys of ids_, which never move
  std::unordered_map<int32_t, int32_t> singles_;
  std::vector<uint32_t> seen_;
  uint32_t stamp_ = 0;
  StateSet stack_;
  std::array<StateSet, 256> bytes_, marks_;
  int64_t work_ = 0, spent_states_ = 0;
};

}  // namespace

Status GrammarBudget::Spend(int64_t more_states, int64_t more_work) {
  states += more_states;
  work += more_work;
  if (states <= kMaxGrammarStates && work <= kMaxGrammarWork) return {};
  return Error{ErrorCode::kResource, "the grammar is too large: it needs more than " +
                                         std::to_string(kMaxGrammarStates) + " states or " +
                                         std::to_string(kMaxGrammarWork) +
                                         " steps to make; use smaller repeat counts and simpler patterns"};
}

Result<Dfa> Determinize(const Nfa& nfa, int32_t start, int32_t end, GrammarBudget& budget) {
  return Determinizer(nfa, end, budget).Run(start);
}

Result<Dfa> Combine(const Dfa& a, const Dfa& b, bool except, GrammarBudget& budget) {
  constexpr int32_t kNowhere = -1;  // of b, when `except` lets a go on alone
  Dfa out;
  std::unordered_map<uint64_t, int32_t> ids;
  std::vector<std::pair<int32_t, int32_t>> pairs;
  const auto intern = [&](int32_t in_a, int32_t in_b) {
    const uint64_t key =
        static_cast<uint64_t>(static_cast<uint32_t>(in_a)) << 32 | static_cast<uint32_t>(in_b);
    const auto [found, added] = ids.emplace(key, static_cast<int32_t>(pairs.size()));
    if (added) {
      pairs.emplace_back(in_a, in_b);
      const bool b_final = in_b != kNowhere && b.states[static_cast<size_t>(in_b)].final;
      out.states.emplace_back().final = a.states[static_cast<size_t>(in_a)].final && b_final != except;
    }
    return found->second;
  };
  intern(0, 0);
  for (size_t at = 0; at < pairs.size(); ++at) {
    RETURN_IF_ERROR(budget.Spend(1, 1));
    const auto [in_a, in_b] = pairs[at];
    static const std::vector<Dfa::ByteEdge> kNone;
    const std::vector<Dfa::ByteEdge>& edges_b =
        in_b == kNowhere ? kNone : b.states[static_cast<size_t>(in_b)].bytes;
    size_t j = 0;
    for (const Dfa::ByteEdge& edge : a.states[static_cast<size_t>(in_a)].bytes) {
      int first = edge.first;
      while (first <= edge.last) {
        while (j < edges_b.size() && edges_b[j].last < first) ++j;
        const bool inside = j < edges_b.size() && edges_b[j].first <= first;
        int last = edge.last;
        if (inside) {
          last = std::min<int>(last, edges_b[j].last);
        } else if (j < edges_b.size()) {
          last = std::min<int>(last, edges_b[j].first - 1);
        }
        if (inside || except) {
          const int32_t target = intern(edge.target, inside ? edges_b[j].target : kNowhere);
          out.states[at].bytes.push_back({static_cast<uint8_t>(first), static_cast<uint8_t>(last), target});
        }
        first = last + 1;
      }
    }
  }
  Trim(out);
  return out;
}

void Trim(Dfa& dfa) {
  const size_t count = dfa.states.size();
  std::vector<std::vector<int32_t>> back(count);
  std::vector<int32_t> stack;
  std::vector<bool> useful(count);
  for (size_t s = 0; s < count; ++s) {
    for (const Dfa::ByteEdge& edge : dfa.states[s].bytes) {
      back[static_cast<size_t>(edge.target)].push_back(static_cast<int32_t>(s));
    }
    if (dfa.states[s].final) {
      useful[s] = true;
      stack.push_back(static_cast<int32_t>(s));
    }
  }
  while (!stack.empty()) {
    const size_t s = static_cast<size_t>(stack.back());
    stack.pop_back();
    for (const int32_t from : back[s]) {
      if (useful[static_cast<size_t>(from)]) continue;
      useful[static_cast<size_t>(from)] = true;
      stack.push_back(from);
    }
  }
  if (count > 0) useful[0] = true;
  std::vector<int32_t> renumbered(count, -1);
  int32_t kept = 0;
  for (size_t s = 0; s < count; ++s) {
    if (useful[s]) renumbered[s] = kept++;
  }
  for (size_t s = 0; s < count; ++s) {
    if (!useful[s]) continue;
    std::vector<Dfa::ByteEdge>& bytes = dfa.states[s].bytes;
    std::erase_if(bytes,
                  [&](const Dfa::ByteEdge& edge) { return !useful[static_cast<size_t>(edge.target)]; });
    for (Dfa::ByteEdge& edge : bytes) edge.target = renumbered[static_cast<size_t>(edge.target)];
    if (static_cast<size_t>(renumbered[s]) != s)
      dfa.states[static_cast<size_t>(renumbered[s])] = std::move(dfa.states[s]);
  }
  dfa.states.resize(static_cast<size_t>(kept));
}

int32_t CompiledGrammar::Next(int32_t state, uint8_t byte, bool mark) const {
  const State& s = (*this)[state];
  const ByteEdge* edge = (mark ? marks : bytes).data();
  const ByteEdge* end = edge + (mark ? s.marks_end : s.bytes_end);
  edge += mark ? s.marks_begin : s.bytes_begin;
  if (end - edge > 8) {
    edge = std::lower_bound(edge, end, byte, [](const ByteEdge& e, uint8_t b) { return e.last < b; });
  } else {
    while (edge != end && edge->last < byte) ++edge;
  }
  return edge != end && edge->first <= byte ? edge->target : -1;
}

}  // namespace mains
