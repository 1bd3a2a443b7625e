// Which states no token can tell apart. A string of at most 1,000 characters has a state for every count, and
// all but the last few allow the same tokens: they shall share one remembered mask.
#include <map>
#include <numeric>
#include <utility>

#include "engine/grammar/grammar_automaton.h"

namespace mains {
namespace {

constexpr int64_t kMaxClassWork = 3'000'000;

// Refines classes round by round (Moore 1956), looking again only at states that lead to one that has just
// moved. After round k two states of a class agree on everything that k bytes can show.
class ClassFinder {
 public:
  explicit ClassFinder(const CompiledGrammar& grammar)
      : grammar_(grammar),
        count_(grammar.states.size()),
        class_of_(count_),
        position_(count_),
        back_(count_) {}

  std::vector<int32_t> Run(int rounds) {
    std::vector<int32_t> own(count_);
    std::iota(own.begin(), own.end(), 0);
    Start();
    std::vector<int32_t> suspects = own;
    for (int round = 0; round < rounds && !suspects.empty(); ++round) {
      suspects = Round(suspects);
      if (work_ > kMaxClassWork) return own;
    }
    std::vector<int32_t> out(count_);
    for (size_t s = 0; s < count_; ++s) out[s] = members_[Index(class_of_[s])][0];
    return out;
  }

 private:
  using Signature = std::vector<int32_t>;
  static size_t Index(int32_t i) { return static_cast<size_t>(i); }

  // Calls `visit` with the labels and the target of every edge.
  template <typename Visit>
  void ForEdges(size_t s, const Visit& visit) const {
    const CompiledGrammar::State& state = grammar_.states[s];
    for (int32_t e = state.bytes_begin; e < state.bytes_end; ++e) {
      const auto& edge = grammar_.bytes[Index(e)];
      visit(edge.first * 256 + edge.last, edge.target);
    }
    for (int32_t e = state.marks_begin; e < state.marks_end; ++e) {
      const auto& edge = grammar_.marks[Index(e)];
      visit(0x10000 + edge.first * 256 + edge.last, edge.target);
    }
    for (const CompiledGrammar::Call& call : grammar_.Calls(static_cast<int32_t>(s))) {
      visit(0x20000 + call.rule, call.target);
    }
  }

  // By what shows at once. `need` decides what nesting allows.
  void Start() {
    std::map<Signature, int32_t> ids;
    for (size_t s = 0; s < count_; ++s) {
      Signature signature{grammar_.states[s].final, grammar_.states[s].need};
      ForEdges(s, [&](int32_t label, int32_t target) {
        signature.push_back(label);
        back_[Index(target)].push_back(static_cast<int32_t>(s));
        ++work_;
      });
      const auto [found, added] = ids.emplace(std::move(signature), static_cast<int32_t>(members_.size()));
      if (added) members_.emplace_back();
      Join(static_cast<int32_t>(s), found->second);
    }
  }
  void Join(int32_t state, int32_t to) {
    class_of_[Index(state)] = to;
    position_[Index(state)] = members_[Index(to)].size();
    members_[Index(to)].push_back(state);
  }
  void Leave(int32_t state) {
    std::vector<int32_t>& members = members_[Index(class_of_[Index(state)])];
    position_[Index(members.back())] = position_[Index(state)];
    std::swap(members[position_[Index(state)]], members.back());
    members.pop_back();
  }
  Signature TargetsOf(int32_t state) {
    Signature out;
    ForEdges(Index(state), [&](int32_t, int32_t target) { out.push_back(class_of_[Index(target)]); });
    work_ += static_cast<int64_t>(out.size()) + 1;
    return out;
  }

  // Members that are no suspects all have the same targets' classes, as before: they keep the class.
  std::vector<int32_t> Round(const std::vector<int32_t>& suspects) {
    std::vector<std::pair<int32_t, Signature>> now;
    std::map<int32_t, int64_t> suspects_of;
    for (const int32_t s : suspects) {
      now.emplace_back(s, TargetsOf(s));
      ++suspects_of[class_of_[Index(s)]];
    }
    std::map<int32_t, std::map<Signature, int32_t>> classes;  // of each class: the classes it splits into
    std::vector<bool> suspected(count_);
    for (const int32_t s : suspects) suspected[Index(s)] = true;
    for (const auto& [c, n] : suspects_of) {
      if (n == static_cast<int64_t>(members_[Index(c)].size())) continue;
      for (const int32_t member : members_[Index(c)]) {
        ++work_;
        if (suspected[Index(member)]) continue;
        classes[c].emplace(TargetsOf(member), c);
        break;
      }
    }
    std::vector<std::pair<int32_t, int32_t>> moves;
    int32_t next_class = static_cast<int32_t>(members_.size());
    for (auto& [s, signature] : now) {
      const int32_t c = class_of_[Index(s)];
      auto& parts = classes[c];
      const auto [found, added] = parts.emplace(std::move(signature), parts.empty() ? c : next_class);
      if (added && found->second == next_class) ++next_class;
      if (found->second != c) moves.emplace_back(s, found->second);
    }
    members_.resize(Index(next_class));
    std::vector<int32_t> out;
    std::vector<bool> listed(count_);
    for (const auto& [s, to] : moves) {
      Leave(s);
      Join(s, to);
      for (const int32_t from : back_[Index(s)]) {
        if (!listed[Index(from)]) out.push_back(from);
        listed[Index(from)] = true;
      }
    }
    work_ += static_cast<int64_t>(suspects.size() + moves.size() + count_ / 64);
    return out;
  }

  const CompiledGrammar& grammar_;
  size_t count_;
  std::vector<int32_t> class_of_;
  std::vector<size_t> position_;  // in its class's members
  std::vector<std::vector<int32_t>> back_;
  std::vector<std::vector<int32_t>> members_;
  int64_t work_ = 0;
};

}  // namespace

std::vector<int32_t> FindStateClasses(const CompiledGrammar& grammar, int bytes) {
  return ClassFinder(grammar).Run(bytes);
}

}  // namespace mains
