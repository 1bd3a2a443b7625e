// Which tokens a state of a grammar allows, computed once per state.
//
// A token that is read inside one frame is allowed or not whatever the stack below is: that much of the
// answer belongs to the state alone. Where a token runs past the end of its frame, the places in the trie
// where the frame ends are the other half of the answer, and the caller's state goes on from there; for that
// state and these places the answer is again the same whatever lies below. So a mask is a few remembered
// pieces, one or two for each frame that a single token can close.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/grammar/call_graph.h"
#include "engine/grammar/grammar_automaton.h"
#include "engine/grammar/token_vocabulary.h"

namespace mains {

// Thread-safe. Keeps at most about 64 MiB, and starts anew when that is full.
class MaskCache {
 public:
  explicit MaskCache(const CompiledGrammar& grammar) : grammar_(grammar) {}

  // Adds the tokens of one kind that may follow `readings` of `calls` (as after CallGraph::Step) to `mask`.
  void Fill(const TokenVocabulary& vocabulary, TokenVocabulary::Kind kind, const CallGraph& calls,
            std::span<const Reading> readings, std::span<uint64_t> mask);

 private:
  // Nodes of a trie from which a walk starts.
  struct Places {
    uint64_t id = 0;
    std::vector<uint32_t> nodes;
  };
  struct Answer {
    std::vector<int32_t> tokens;  // allowed; or, if they are many,
    std::vector<uint64_t> mask;
    std::shared_ptr<const Places> ends;  // where the frame ends and the trie goes on; null: nowhere
    int32_t highest = 0;                 // frames above this one that the walk went up, or would have
  };
  struct Key {
    uint64_t vocabulary, places;
    int32_t state;
    uint8_t kind;
    bool operator==(const Key&) const = default;
  };
  struct HashKey {
    size_t operator()(const Key& key) const;
  };

  std::shared_ptr<const Places> Intern(uint64_t vocabulary, uint8_t kind, std::vector<uint32_t> nodes);
  std::shared_ptr<const Answer> Find(const TokenVocabulary& vocabulary, TokenVocabulary::Kind kind,
                                     const Places& places, int32_t state, int32_t depth);
  std::shared_ptr<const Answer> Compute(const TokenVocabulary& vocabulary, TokenVocabulary::Kind kind,
                                        const Places& places, int32_t state, int32_t depth);

  const CompiledGrammar& grammar_;
  std::mutex mutex_;
  std::unordered_map<Key, std::shared_ptr<const Answer>, HashKey> answers_;
  std::map<std::pair<uint64_t, std::vector<uint32_t>>, std::shared_ptr<const Places>> places_;
  uint64_t last_id_ = 0;
  size_t bytes_ = 0;
};

}  // namespace mains
