// What a tokenizer is made of; each loader fills one in.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/tokenizer/added_tokens.h"
#include "io/tokenizer/normalizer.h"
#include "io/tokenizer/pre_tokenizer.h"
#include "io/tokenizer/token_decoder.h"
#include "io/tokenizer/token_model.h"
#include "io/tokenizer/tokenizer.h"
#include "io/tokenizer/vocabulary.h"

namespace mains {

struct TokenizerParts {
  std::shared_ptr<const Vocabulary> vocabulary;  // what the model may produce
  std::unique_ptr<const TokenModel> model;
  std::unique_ptr<const Normalizer> normalizer;       // null: none
  std::unique_ptr<const PreTokenizer> pre_tokenizer;  // null: the text is one piece
  std::optional<TokenDecoder> decoder;
  std::vector<AddedToken> added;
  // The normalizer's dummy prefix belongs to the first piece only; see `legacy` in SentencePiece loading.
  std::unique_ptr<const Normalizer> later_normalizer;  // for pieces after an added token; null: `normalizer`

  std::vector<int32_t> prefix, suffix;  // ids around a text when special tokens are wanted
  std::optional<int32_t> bos, pad, unk;
  std::vector<int32_t> eos;
};

// Checks what all loaders need checked and builds the tokenizer.
Result<std::shared_ptr<const Tokenizer>> BuildTokenizer(TokenizerParts parts);

// What the sidecar files say.
struct TokenizerConfig {
  std::string tokenizer_class;
  std::string bos_token, eos_token, pad_token, unk_token;  // empty: not given
  std::optional<bool> add_bos, add_eos;
  bool legacy = true;
  std::vector<AddedToken> added;  // added_tokens_decoder
  std::vector<int64_t> eos_ids;   // generation_config.json, then config.json
};
Result<TokenizerConfig> ParseTokenizerConfig(const TokenizerSidecars& sidecars);

// Adds the config's tokens that `parts` lacks, and sets bos, eos, pad and unk by their texts.
Status ApplyTokenizerConfig(const TokenizerConfig& config, TokenizerParts& parts);

// What a tokenizer.json and the files beside it say.
Result<TokenizerParts> ParseTokenizerJson(std::string_view json, const TokenizerSidecars& sidecars);

// The pre-tokenizer of the byte-level families: every match of the patterns, one pattern after the other,
// becomes a piece of its own; then, for `digits`, every digit; then bytes become characters.
Result<std::unique_ptr<const PreTokenizer>> MakePatternPreTokenizer(
    const std::vector<std::string_view>& patterns, bool digits = false);

// What SentencePiece does to a text before it looks at it: spaces become U+2581, one goes before the text
// (`add_dummy_prefix`), and runs of spaces and those at the ends go away (`remove_extra_whitespaces`).
std::unique_ptr<const Normalizer> MakeSentencePieceNormalizer(bool add_dummy_prefix,
                                                              bool remove_extra_whitespaces);

// And its way back.
Result<TokenDecoder> MakeSentencePieceDecoder(bool add_dummy_prefix);

// Kimi's pattern, shared by its tiktoken file and its GGUF conversions.
extern const std::string_view kKimiPattern;

}  // namespace mains
