// Any bytes as a JSON schema and as a pattern; what follows the first NUL is then read along the grammar, and
// what the masks say is compared with what is taken.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "engine/grammar/grammar_matcher.h"
#include "engine/grammar/json_schema.h"

namespace {

std::shared_ptr<const mains::TokenVocabulary> Vocabulary() {
  std::vector<mains::TokenVocabulary::Token> tokens;
  for (int b = 0; b < 256; ++b) tokens.push_back({std::string(1, static_cast<char>(b)), false});
  for (const char* text :
       {"{\"", "\":", "\",\"", "\"}", "}]}", "true", "12", " \"", "\\u", "[[", "\xC3\xA9", "\xF0\x9F"}) {
    tokens.push_back({text, false});
  }
  tokens.push_back({"<end>", true});
  const int32_t end = static_cast<int32_t>(tokens.size()) - 1;
  return mains::TokenVocabulary::Make(std::move(tokens), {end});
}

void Read(const std::shared_ptr<const mains::Grammar>& grammar, std::string_view text) {
  static const std::shared_ptr<const mains::TokenVocabulary> vocabulary = Vocabulary();
  mains::GrammarMatcher matcher(grammar, vocabulary);
  std::vector<uint64_t> mask;
  const auto allowed = [&mask](int32_t id) {
    return (mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0;
  };
  constexpr size_t kMost = 200;
  for (const char c : text.substr(0, kMost)) {
    matcher.FillMask(mask);
    bool any = false;
    for (const uint64_t word : mask) any |= word != 0;
    CHECK(any);
    // A byte that may come, else the longer token that it names, else the first that may come.
    int32_t id = static_cast<uint8_t>(c);
    if (!allowed(id)) id = 256 + id % 12;
    if (!allowed(id)) {
      for (id = 0; !allowed(id);) ++id;
    }
    mains::GrammarMatcher copy = matcher;
    for (int32_t other = 0; other < 256 + 12; other += 37)
      CHECK(mains::GrammarMatcher(matcher).Accept(other) == allowed(other));
    CHECK(matcher.Accept(id));
    if (matcher.ended()) break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t nul = input.find('\0');
  const std::string_view source = input.substr(0, nul);
  const std::string_view text = nul == std::string_view::npos ? source : input.substr(nul + 1);
  if (const auto grammar = mains::GrammarFromJsonSchemaText(source); grammar.ok()) Read(*grammar, text);
  if (const auto grammar = mains::GrammarFromRegex(source); grammar.ok()) Read(*grammar, text);
  return 0;
}
