// Text to token ids and back, with the ids that the model's publisher would give.
//
// Sources: tokenizer.json (the `tokenizers` package, 0.23), tiktoken rank files, SentencePiece BPE
// models, and the vocabulary inside a GGUF file. What a file asks for and this code does not do is
// refused by name when it is loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/text_span.h"
#include "io/tokenizer/token_decoder.h"

namespace mains {

enum class ParseSpecial {
  kTemplate,  // added tokens are recognised outside the literal spans
  kNone,      // the whole text is literal
};

struct EncodeOptions {
  bool add_special = true;  // whatever the model puts around a text, such as bos
  ParseSpecial parse_special = ParseSpecial::kTemplate;
  // What came from a user: tokenized as plain text, so that a written "<|im_end|>" never becomes the
  // token. In any order; parts beyond the text are ignored.
  std::span<const TextSpan> literal = {};
};

// Other files that stand beside a tokenizer; each is the file's JSON text, or empty if there is none.
struct TokenizerSidecars {
  std::string tokenizer_config;   // tokenizer_config.json
  std::string generation_config;  // generation_config.json: the end-of-text ids
  std::string config;             // config.json: the same, older
};

// The tokenizer metadata of a GGUF file, as stored.
struct GgufVocabulary {
  std::string model;  // tokenizer.ggml.model: "gpt2" or "llama"
  std::string pre;    // tokenizer.ggml.pre
  std::vector<std::string> tokens;
  std::vector<float> scores;         // "llama" only
  std::vector<int32_t> token_types;  // 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte
  std::vector<std::string> merges;   // "gpt2" only
  std::optional<int64_t> bos, eos, eot, eom, unk, pad;
  std::optional<bool> add_bos, add_eos, add_space_prefix;
};

class GgufFile;
struct TokenizerParts;  // tokenizer_parts.h: what the loaders fill in

// Immutable and thread-safe.
class Tokenizer {
 public:
  // `model`: a model folder (tokenizer.json, else tiktoken.model, else tokenizer.model), one of these
  // files, or a .gguf file.
  static Result<std::shared_ptr<const Tokenizer>> Load(const std::filesystem::path& model);
  static Result<std::shared_ptr<const Tokenizer>> FromTokenizerJson(std::string_view json,
                                                                    const TokenizerSidecars& sidecars = {});
  static Result<std::shared_ptr<const Tokenizer>> FromTiktoken(std::string_view ranks,
                                                               const TokenizerSidecars& sidecars);
  static Result<std::shared_ptr<const Tokenizer>> FromSentencePiece(std::string_view model,
                                                                    const TokenizerSidecars& sidecars = {});
  static Result<std::shared_ptr<const Tokenizer>> FromGguf(const GgufVocabulary& vocabulary);
  // By the publisher's tokenizer.json where the file holds it, else by GGUF's own vocabulary.
  static Result<std::shared_ptr<const Tokenizer>> FromGguf(const GgufFile& file);

  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Bytes that are not UTF-8 are read as U+FFFD, one per maximal ill-formed subpart. Time n log n. Fails
  // only if a pattern of the tokenizer's file is pathological.
  Result<std::vector<int32_t>> Encode(std::string_view text, const EncodeOptions& options = {}) const;

  // The bytes that the ids stand for. Ids without a token stand for nothing.
  std::string DecodeBytes(std::span<const int32_t> ids, bool skip_special = false) const;
  // The same as valid UTF-8: every maximal ill-formed subpart is one U+FFFD. (The `tokenizers` package
  // gives one per byte where byte-fallback tokens do not form a character.)
  std::string Decode(std::span<const int32_t> ids, bool skip_special = false) const;

  // One more than the largest id.
  int64_t vocab_size() const;
  // The token as the vocabulary spells it ("Ġthe", "▁the"); nothing for an id that names none.
  std::optional<std::string_view> TokenText(int64_t id) const;
  // The bytes that the token adds inside a text.
  std::string TokenBytes(int64_t id) const;
  // By the vocabulary's spelling.
  std::optional<int32_t> TokenId(std::string_view text) const;
  // Whether decoding may leave it out.
  bool IsSpecial(int64_t id) const;
  // Whether it is found in template text only, never in a user's.
  bool IsAdded(int64_t id) const;

  std::optional<int32_t> bos() const;
  std::optional<int32_t> pad() const;
  std::optional<int32_t> unk() const;
  // All ids that end a text or a turn, the model's first choice first.
  const std::vector<int32_t>& eos() const;
  bool IsEos(int64_t id) const;

 private:
  friend class StreamDecoder;
  friend Result<std::shared_ptr<const Tokenizer>> BuildTokenizer(TokenizerParts parts);
  struct Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);
  static Result<std::shared_ptr<const Tokenizer>> Make(TokenizerParts parts);
  std::unique_ptr<const Impl> impl_;
};

// Decodes ids one at a time and gives out whole characters only; all that it gave out, in order, is what
// Tokenizer::Decode makes of all ids. One thread at a time.
class StreamDecoder {
 public:
  explicit StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special = false);

  // The text that has become certain; often empty.
  std::string Append(int32_t id);
  // The end: what is left, an unfinished character as U+FFFD. Ready for a new text afterwards.
  std::string Flush();

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  bool skip_special_;
  TokenDecoder::State state_;
  std::string pending_;  // bytes that may yet become a character
};

}  // namespace mains
