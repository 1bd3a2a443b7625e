// Reads one generation token by token along a grammar and says which tokens may come next.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/grammar/call_graph.h"
#include "engine/grammar/grammar.h"
#include "engine/grammar/token_vocabulary.h"

namespace mains {

enum class TextPlace {
  kStart,   // the first token will be decoded as the first of a text
  kInside,  // text came before, such as the model's thinking
};

// A value: a copy goes on by itself (speculation, several answers) and costs a few kilobytes. One thread
// at a time; copies and other matchers of the same grammar may run on other threads.
class GrammarMatcher {
 public:
  GrammarMatcher(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenVocabulary> vocabulary,
                 TextPlace place = TextPlace::kStart);

  // Sets `mask` to the tokens that may come next: bit i of word i / 64 is token i, as the sampler takes it.
  // Exact: a token is in it if and only if what was said with it can be completed to a sentence. Empty
  // only after the end in a vocabulary without end-of-text tokens, or where TokenVocabulary::lacks_bytes.
  void FillMask(std::vector<uint64_t>& mask) const;

  // Says that `id` came next; false, and nothing changes, if it may not. An end-of-text token ends it.
  bool Accept(int32_t id);

  // Whether what was said is a whole sentence.
  bool CanEnd() const;
  // Whether an end-of-text token was accepted.
  bool ended() const { return ended_; }

  // The longest text that must come next, as bytes, at most `limit` of them; empty if there is a choice, or
  // if it may end here. What it says by marks may be spelled with special tokens.
  std::string ForcedText(size_t limit = 4096) const;

 private:
  TokenVocabulary::Kind OrdinaryKind() const;

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const TokenVocabulary> vocabulary_;
  CallGraph calls_;
  std::vector<Reading> readings_;  // all ways to read what was said
  bool at_start_;
  bool ended_ = false;
};

}  // namespace mains
