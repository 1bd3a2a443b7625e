#include "engine/grammar/grammar_matcher.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "engine/grammar/mask_cache.h"

namespace mains {
namespace {

// More ways than this to read the same text, and the latest are no longer followed: what is allowed then is
// still right, but perhaps not all that is right. No grammar of a sane schema comes near.
constexpr size_t kMaxReadings = 10'000;

// Frames after which those that are no longer needed are looked for.
constexpr size_t kCompactFrames = 256;

// Reads bytes; false, with `calls` and `readings` in between, where it cannot.
bool Read(const CompiledGrammar& grammar, std::string_view bytes, bool mark, CallGraph& calls,
          std::vector<Reading>& readings) {
  std::vector<Reading> next;
  for (const char c : bytes) {
    calls.Return(grammar, readings);
    calls.Call(grammar, readings);
    next.clear();
    calls.Step(grammar, readings, static_cast<uint8_t>(c), mark, next);
    std::swap(readings, next);
    if (readings.empty()) return false;
  }
  return true;
}

}  // namespace

Grammar::Grammar(std::unique_ptr<const CompiledGrammar> compiled)
    : compiled_(std::move(compiled)), masks_(std::make_unique<MaskCache>(*compiled_)) {}
Grammar::~Grammar() = default;

bool Grammar::Accepts(std::string_view text) const {
  CallGraph calls;
  std::vector<Reading> readings{{compiled_->start, CallGraph::kRoot}};
  constexpr size_t kPiece = 1024;
  for (size_t at = 0; at < text.size(); at += kPiece) {
    if (!Read(*compiled_, text.substr(at, kPiece), false, calls, readings)) return false;
    calls.Compact(readings);
  }
  return calls.Return(*compiled_, readings);
}

GrammarMatcher::GrammarMatcher(std::shared_ptr<const Grammar> grammar,
                               std::shared_ptr<const TokenVocabulary> vocabulary, TextPlace place)
    : grammar_(std::move(grammar)),
      vocabulary_(std::move(vocabulary)),
      readings_{{grammar_->compiled().start, CallGraph::kRoot}},
      at_start_(place == TextPlace::kStart && vocabulary_->first_differs()) {}

TokenVocabulary::Kind GrammarMatcher::OrdinaryKind() const {
  return at_start_ ? TokenVocabulary::kFirst : TokenVocabulary::kOrdinary;
}

void GrammarMatcher::FillMask(std::vector<uint64_t>& mask) const {
  mask.assign(vocabulary_->mask_words(), 0);
  if (!ended_) {
    grammar_->masks().Fill(*vocabulary_, OrdinaryKind(), calls_, readings_, mask);
    if (grammar_->compiled().has_marks) {
      grammar_->masks().Fill(*vocabulary_, TokenVocabulary::kSpecial, calls_, readings_, mask);
    }
  }
  if (!CanEnd()) return;
  for (const int32_t id : vocabulary_->eos()) mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
}

bool GrammarMatcher::Accept(int32_t id) {
  const TokenVocabulary::Token* token = vocabulary_->Find(id);
  if (token == nullptr) return false;
  if (vocabulary_->IsEos(id) && CanEnd()) {
    ended_ = true;
    return true;
  }
  if (ended_) return false;
  const bool first = at_start_ && !token->special && !token->first_bytes.empty();
  const std::string_view bytes = first ? token->first_bytes : token->bytes;
  if (bytes.empty()) return false;
  const CallGraph::Size size = calls_.size();
  std::vector<Reading> before = readings_;
  if (!Read(grammar_->compiled(), bytes, token->special, calls_, readings_)) {
    calls_.Rewind(size);
    readings_ = std::move(before);
    return false;
  }
  at_start_ = false;
  if (readings_.size() > kMaxReadings) readings_.resize(kMaxReadings);
  if (calls_.size().frames > kCompactFrames) {
    calls_.Compact(readings_);
  }
  return true;
}

bool GrammarMatcher::CanEnd() const {
  if (ended_) return true;
  std::vector<Reading> readings = readings_;
  return calls_.Return(grammar_->compiled(), readings);
}

std::string GrammarMatcher::ForcedText(size_t limit) const {
  std::string out;
  if (ended_) return out;
  const CompiledGrammar& grammar = grammar_->compiled();
  CallGraph calls = calls_;
  std::vector<Reading> readings = readings_, next;
  while (out.size() < limit) {
    if (calls.Return(grammar, readings)) return out;
    calls.Call(grammar, readings);
    int byte = -1;
    for (const Reading& reading : readings) {
      const CompiledGrammar::State& state = grammar[reading.state];
      for (int32_t e = state.bytes_begin; e < state.bytes_end; ++e) {
        const CompiledGrammar::ByteEdge& edge = grammar.bytes[static_cast<size_t>(e)];
        if (edge.first != edge.last || (byte >= 0 && byte != edge.first)) return out;
        byte = edge.first;
      }
    }
    if (byte < 0) return out;
    next.clear();
    calls.Step(grammar, readings, static_cast<uint8_t>(byte), false, next);
    if (next.empty()) return out;
    out += static_cast<char>(byte);
    std::swap(readings, next);
  }
  return out;
}

}  // namespace mains
