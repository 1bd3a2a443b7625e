#include "engine/grammar/token_vocabulary.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <string_view>

namespace mains {
namespace {

using Spelling = std::pair<std::string, int32_t>;

std::vector<Spelling> Spellings(const std::vector<TokenVocabulary::Token>& tokens,
                                TokenVocabulary::Kind kind) {
  std::vector<Spelling> out;
  for (size_t id = 0; id < tokens.size(); ++id) {
    const TokenVocabulary::Token& token = tokens[id];
    if (token.special != (kind == TokenVocabulary::kSpecial)) continue;
    const bool first = kind == TokenVocabulary::kFirst && !token.first_bytes.empty();
    const std::string& bytes = first ? token.first_bytes : token.bytes;
    if (!bytes.empty()) out.emplace_back(bytes, static_cast<int32_t>(id));
  }
  return out;
}

}  // namespace

TokenTrie::TokenTrie(std::vector<Spelling> tokens) {
  std::sort(tokens.begin(), tokens.end());
  nodes_.assign(1, Node{});
  std::vector<uint32_t> path{0};  // node of each length of the previous spelling
  std::string_view previous;
  for (const auto& [bytes, id] : tokens) {
    const size_t common = static_cast<size_t>(
        std::mismatch(previous.begin(), previous.end(), bytes.begin(), bytes.end()).first - previous.begin());
    while (path.size() > common + 1) {
      nodes_[path.back()].end = static_cast<uint32_t>(nodes_.size());
      path.pop_back();
    }
    for (size_t i = common; i < bytes.size(); ++i) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, static_cast<uint32_t>(ids_.size()), static_cast<uint32_t>(i + 1),
                        static_cast<uint8_t>(bytes[i])});
    }
    ids_.push_back(id);
    longest_ = std::max(longest_, static_cast<uint32_t>(bytes.size()));
    previous = bytes;
  }
  for (const uint32_t node : path) nodes_[node].end = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back({0, static_cast<uint32_t>(ids_.size()), 0, 0});
}

std::shared_ptr<const TokenVocabulary> TokenVocabulary::Make(const Tokenizer& tokenizer) {
  std::vector<Token> tokens(static_cast<size_t>(tokenizer.vocab_size()));
  for (int32_t id = 0; id < static_cast<int32_t>(tokens.size()); ++id) {
    if (!tokenizer.TokenText(id)) continue;
    Token& token = tokens[static_cast<size_t>(id)];
    token.bytes = tokenizer.TokenBytes(id);
    token.special =
        tokenizer.IsSpecial(id) || tokenizer.IsAdded(id) || tokenizer.IsEos(id) || tokenizer.unk() == id;
    if (token.special) continue;
    std::string first = tokenizer.DecodeBytes(std::span(&id, 1));
    if (first != token.bytes) token.first_bytes = std::move(first);
  }
  return Make(std::move(tokens), tokenizer.eos());
}

std::shared_ptr<const TokenVocabulary> TokenVocabulary::Make(std::vector<Token> tokens,
                                                             std::vector<int32_t> eos) {
  return std::shared_ptr<const TokenVocabulary>(new TokenVocabulary(std::move(tokens), std::move(eos)));
}

TokenVocabulary::TokenVocabulary(std::vector<Token> tokens, std::vector<int32_t> eos)
    : tokens_(std::move(tokens)), eos_(std::move(eos)) {
  static std::atomic<uint64_t> last_serial = 0;
  serial_ = ++last_serial;
  std::erase_if(eos_, [this](int32_t id) { return Find(id) == nullptr; });
  tries_[kOrdinary] = TokenTrie(Spellings(tokens_, kOrdinary));
  tries_[kSpecial] = TokenTrie(Spellings(tokens_, kSpecial));
  std::vector<bool> bytes(256);
  for (const Token& token : tokens_) {
    first_differs_ |= !token.first_bytes.empty();
    if (!token.special && token.bytes.size() == 1) bytes[static_cast<uint8_t>(token.bytes[0])] = true;
  }
  if (first_differs_) tries_[kFirst] = TokenTrie(Spellings(tokens_, kFirst));
  constexpr int kLastUtf8Byte = 0xF4;
  for (int b = 0; b <= kLastUtf8Byte; ++b)
    lacks_bytes_ |= b != 0xC0 && b != 0xC1 && !bytes[static_cast<size_t>(b)];
}

bool TokenVocabulary::IsEos(int32_t id) const {
  return std::find(eos_.begin(), eos_.end(), id) != eos_.end();
}

}  // namespace mains
