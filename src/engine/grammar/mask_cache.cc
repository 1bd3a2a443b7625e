#include "engine/grammar/mask_cache.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "engine/grammar/grammar.h"

namespace mains {
namespace {

constexpr size_t kMaxBytes = size_t{64} << 20;

// Reads all tokens below some nodes of a trie, from one state in a frame of unknown callers.
class Walker {
 public:
  Walker(const CompiledGrammar& grammar, const TokenTrie& trie, bool special, int32_t depth)
      : grammar_(grammar), trie_(trie), special_(special), calls_(depth) {}

  void Walk(uint32_t top, int32_t state) {
    Level& first = At(0);
    first.readings.assign(1, {state, CallGraph::kRoot});
    calls_.Rewind({1, 0});
    Close(top, first);
    const auto nodes = trie_.nodes();
    for (uint32_t n = top + 1; n < nodes[top].end;) {
      const TokenTrie::Node& node = nodes[n];
      const size_t depth = node.depth - nodes[top].depth;
      Level& level = At(depth);
      const Level& above = levels_[depth - 1];
      calls_.Rewind(above.size);
      level.readings.clear();
      calls_.Step(grammar_, above.readings, node.byte, special_, level.readings);
      if (level.readings.empty()) {
        n = node.end;
        continue;
      }
      const auto ids = trie_.TokensAt(n);
      tokens.insert(tokens.end(), ids.begin(), ids.end());
      if (trie_.HasChildren(n)) Close(n, level);
      ++n;
    }
  }

  int32_t highest() const { return calls_.highest(); }
  std::vector<int32_t> tokens;
  std::vector<uint32_t> ends;

 private:
  struct Level {
    std::vector<Reading> readings;
    CallGraph::Size size;
  };
  Level& At(size_t depth) {
    if (levels_.size() <= depth) levels_.resize(depth + 1);
    return levels_[depth];
  }
  void Close(uint32_t node, Level& level) {
    if (calls_.Return(grammar_, level.readings)) ends.push_back(node);
    calls_.Call(grammar_, level.readings);
    level.size = calls_.size();
  }

  const CompiledGrammar& grammar_;
  const TokenTrie& trie_;
  bool special_;
  CallGraph calls_;
  std::vector<Level> levels_;
};

}  // namespace

size_t MaskCache::HashKey::operator()(const Key& key) const {
  uint64_t hash = key.vocabulary * 0x9E3779B97F4A7C15ull + key.places;
  hash = (hash ^ hash >> 29) * 0xBF58476D1CE4E5B9ull + static_cast<uint32_t>(key.state);
  hash = (hash ^ hash >> 32) * 0x94D049BB133111EBull + key.kind;
  return static_cast<size_t>(hash ^ hash >> 31);
}

std::shared_ptr<const MaskCache::Places> MaskCache::Intern(uint64_t vocabulary, uint8_t kind,
                                                           std::vector<uint32_t> nodes) {
  std::sort(nodes.begin(), nodes.end());
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const Places>& found = places_[{vocabulary * TokenVocabulary::kKinds + kind, nodes}];
  if (!found) {
    bytes_ += 2 * nodes.size() * sizeof(uint32_t) + 128;
    found = std::make_shared<const Places>(Places{++last_id_, std::move(nodes)});
  }
  return found;
}

std::shared_ptr<const MaskCache::Answer> MaskCache::Compute(const TokenVocabulary& vocabulary,
                                                            TokenVocabulary::Kind kind, const Places& places,
                                                            int32_t state, int32_t depth) {
  Walker walker(grammar_, vocabulary.trie(kind), kind == TokenVocabulary::kSpecial, depth);
  for (const uint32_t node : places.nodes) walker.Walk(node, state);
  auto answer = std::make_shared<Answer>();
  answer->highest = walker.highest() - depth;
  if (!walker.ends.empty()) answer->ends = Intern(vocabulary.serial(), kind, std::move(walker.ends));
  if (walker.tokens.size() > 2 * vocabulary.mask_words()) {
    answer->mask.resize(vocabulary.mask_words());
    for (const int32_t id : walker.tokens) {
      answer->mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
    }
  } else {
    answer->tokens = std::move(walker.tokens);
    answer->tokens.shrink_to_fit();
  }
  return answer;
}

std::shared_ptr<const MaskCache::Answer> MaskCache::Find(const TokenVocabulary& vocabulary,
                                                         TokenVocabulary::Kind kind, const Places& places,
                                                         int32_t state, int32_t depth) {
  const Key key{vocabulary.serial(), places.id, state, kind};
  {
    const std::lock_guard lock(mutex_);
    const auto found = answers_.find(key);
    if (found != answers_.end() && depth + found->second->highest <= kMaxGrammarNesting) return found->second;
  }
  // What a walk from the ground gave up for depth it would give up from any depth; where it comes near the
  // limit from this depth only, the answer is this depth's own.
  std::shared_ptr<const Answer> answer = Compute(vocabulary, kind, places, state, 0);
  const bool general = depth + answer->highest <= kMaxGrammarNesting;
  const std::lock_guard lock(mutex_);
  if (bytes_ > kMaxBytes) {
    answers_.clear();
    places_.clear();
    bytes_ = 0;
  }
  if (answers_.emplace(key, answer).second) {
    bytes_ += answer->tokens.size() * sizeof(int32_t) + answer->mask.size() * sizeof(uint64_t) + 128;
  }
  return general ? answer : nullptr;
}

void MaskCache::Fill(const TokenVocabulary& vocabulary, TokenVocabulary::Kind kind, const CallGraph& calls,
                     std::span<const Reading> readings, std::span<uint64_t> mask) {
  struct Task {
    std::shared_ptr<const Places> places;
    Reading reading;
  };
  std::vector<Task> tasks;
  std::set<std::tuple<uint64_t, int32_t, int32_t>> seen;
  const auto add = [&](const std::shared_ptr<const Places>& places, Reading reading) {
    if (seen.emplace(places->id, reading.state, reading.frame).second) tasks.push_back({places, reading});
  };
  const bool twins = vocabulary.trie(kind).longest() <= CompiledGrammar::kTwinBytes;
  const std::shared_ptr<const Places> root = Intern(vocabulary.serial(), kind, {0});
  for (const Reading& reading : readings) add(root, reading);
  for (size_t i = 0; i < tasks.size(); ++i) {
    Task task = tasks[i];
    if (twins) task.reading.state = grammar_.twin[static_cast<size_t>(task.reading.state)];
    const int32_t depth = calls.Depth(task.reading.frame);
    std::shared_ptr<const Answer> answer = Find(vocabulary, kind, *task.places, task.reading.state, depth);
    if (!answer) answer = Compute(vocabulary, kind, *task.places, task.reading.state, depth);
    for (const int32_t id : answer->tokens) mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
    for (size_t w = 0; w < answer->mask.size(); ++w) mask[w] |= answer->mask[w];
    if (!answer->ends) continue;
    for (int32_t c = calls.FirstCaller(task.reading.frame); c >= 0; c = calls.GetCaller(c).next) {
      add(answer->ends, calls.GetCaller(c).reading);
    }
  }
}

}  // namespace mains
