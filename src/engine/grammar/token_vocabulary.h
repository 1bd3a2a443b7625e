// A tokenizer's tokens, arranged for grammars: as tries, so that all tokens with a common beginning are
// looked at once. Made once per tokenizer (about 100 ms for 128k tokens); immutable and thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/tokenizer/tokenizer.h"

namespace mains {

// Nodes in preorder; node 0 is the empty text.
class TokenTrie {
 public:
  TokenTrie() = default;
  explicit TokenTrie(std::vector<std::pair<std::string, int32_t>> tokens);

  struct Node {
    uint32_t end = 0;  // one past the last node of its subtree; the subtree's first child is the next node
    uint32_t first_token = 0;  // index into ids() of its tokens, followed by those of the rest of the subtree
    uint32_t depth = 0;        // bytes from the root
    uint8_t byte = 0;
  };
  std::span<const Node> nodes() const { return {nodes_.data(), nodes_.size() - 1}; }
  uint32_t longest() const { return longest_; }  // token, in bytes
  bool HasChildren(uint32_t node) const { return nodes_[node].end > node + 1; }
  // The tokens that end at `node`.
  std::span<const int32_t> TokensAt(uint32_t node) const {
    return std::span(ids_).subspan(nodes_[node].first_token,
                                   nodes_[node + 1].first_token - nodes_[node].first_token);
  }

 private:
  std::vector<Node> nodes_ = std::vector<Node>(2);  // and one behind the last, for its first_token
  std::vector<int32_t> ids_;
  uint32_t longest_ = 0;
};

class TokenVocabulary {
 public:
  static std::shared_ptr<const TokenVocabulary> Make(const Tokenizer& tokenizer);

  struct Token {
    std::string bytes;     // what it adds inside a text
    bool special = false;  // special, added, control: matches marks only
    // What it adds as the first of a text, where that differs: SentencePiece drops a leading space there.
    std::string first_bytes = {};
  };
  // Ids are positions; tokens without bytes are never allowed, but for `eos`.
  static std::shared_ptr<const TokenVocabulary> Make(std::vector<Token> tokens, std::vector<int32_t> eos);

  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  size_t mask_words() const { return (tokens_.size() + 63) / 64; }
  const Token* Find(int32_t id) const {
    return id >= 0 && id < size() ? &tokens_[static_cast<size_t>(id)] : nullptr;
  }
  const std::vector<int32_t>& eos() const { return eos_; }
  bool IsEos(int32_t id) const;
  // Whether some byte of UTF-8 has no token of its own; then a text that a grammar asks for may not be
  // sayable, and a mask can be empty.
  bool lacks_bytes() const { return lacks_bytes_; }

  enum Kind : uint8_t {
    kOrdinary,
    kSpecial,
    kFirst,
    kKinds
  };  // kFirst: ordinary ones at the start of a text
  const TokenTrie& trie(Kind kind) const {
    return tries_[kind == kFirst && !first_differs_ ? kOrdinary : kind];
  }
  bool first_differs() const { return first_differs_; }
  uint64_t serial() const { return serial_; }  // tells vocabularies apart, also those long gone

 private:
  TokenVocabulary(std::vector<Token> tokens, std::vector<int32_t> eos);
  std::vector<Token> tokens_;
  std::vector<int32_t> eos_;
  TokenTrie tries_[kKinds];
  bool lacks_bytes_ = false;
  bool first_differs_ = false;
  uint64_t serial_ = 0;
};

}  // namespace mains
