// The vocabulary inside a GGUF file. GGUF names the pre-tokenizer of byte-level vocabularies by a short
// name; the patterns behind the names are those of the publishers' tokenizer.json. A file that holds that
// tokenizer.json itself ("tokenizer.huggingface.json" of docs/gguf.md) is read by it instead.
#include <algorithm>
#include <unordered_set>

#include "io/gguf.h"
#include "io/tokenizer/tokenizer_parts.h"

namespace mains {
namespace {

constexpr int32_t kTypeNormal = 1, kTypeUnknown = 2, kTypeControl = 3, kTypeUserDefined = 4, kTypeByte = 6;

Error Malformed(const std::string& why) {
  return {ErrorCode::kInvalid, "the GGUF vocabulary: " + why};
}
Error Refuse(const std::string& why) {
  return {ErrorCode::kUnsupported, "the GGUF vocabulary: " + why};
}

// What several families share.
#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define LINES_AND_SPACES R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"
constexpr std::string_view kLlama3 =
    CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)" LINES_AND_SPACES;
constexpr std::string_view kQwen2 =
    CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)" LINES_AND_SPACES;
constexpr std::string_view kQwen35 =
    CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)" LINES_AND_SPACES;
constexpr std::string_view kSeed =
    CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+)" LINES_AND_SPACES;
constexpr std::string_view kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)" CONTRACTIONS
    "?"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)" CONTRACTIONS
    "?"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" LINES_AND_SPACES;
constexpr std::string_view kDeepSeekV3Words =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
    R"(| ?[\p{P}\p{S}]+[\r\n]*)" LINES_AND_SPACES;
#undef LINES_AND_SPACES
#undef CONTRACTIONS
constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// DeepSeek-LLM lists the letters it means instead of naming a class. The five written as numbers look like
// others, into which editors turn them.
constexpr std::string_view kDeepSeekLlmLetters =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅ)"
    R"(ὐ-ὗὙὛὝὟ-\x{1F7D}ᾀ-ᾴᾶ-ᾼ\x{1FBE}ῂ-ῄῆ-ῌῐ-\x{1FD3}ῖ-\x{1FDB}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\x{2126}ℨ\x{212A}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿ)"
    R"(ﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";
constexpr std::string_view kDeepSeekLlmPunctuation = R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)";
constexpr std::string_view kDeepSeekCjk = "[一-龥ࠀ-一가-퟿]+";

struct PreTokenizerFamily {
  std::vector<std::string_view> names;  // tokenizer.ggml.pre
  std::vector<std::string_view> patterns;
  bool digits = false;  // every digit on its own, after the patterns
  bool nfc = false;
  bool ignore_merges = false;
  bool add_bos = false;  // when the file does not say
};

const std::vector<PreTokenizerFamily>& Families() {
  static const std::vector<PreTokenizerFamily> families = {
      {{"llama3", "llama-v3", "llama-bpe"}, {kLlama3}, false, false, true, true},
      {{"qwen2"}, {kQwen2}, false, true},
      {{"deepseek-r1-qwen", "megrez", "hunyuan"}, {kQwen2}},
      {{"qwen35"}, {kQwen35}},
      {{"glm4", "chatglm-bpe"}, {kLlama3}},  // GLM cuts as Llama 3 does
      {{"seed-coder"}, {kSeed}},
      {{"gpt-4o", "llama4", "minimax-m2"}, {kGpt4o}},
      {{"kimi-k2"}, {kKimiPattern}, false, false, true},
      {{"deepseek-v3", "hunyuan-dense", "joyai-llm"},
       {R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+", kDeepSeekV3Words}},
      {{"deepseek-llm"},
       {"[\r\n]", kDeepSeekLlmLetters, kDeepSeekLlmPunctuation, R"(\s+$)", kDeepSeekCjk},
       true},
      {{"deepseek-coder"}, {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kDeepSeekCjk}, true},
      {{"gpt-2"}, {kGpt2}},
  };
  return families;
}

Result<const PreTokenizerFamily*> FindFamily(const std::string& name) {
  for (const PreTokenizerFamily& family : Families()) {
    for (std::string_view known : family.names) {
      if (known == name) return &family;
    }
  }
  if (name.empty() || name == "default") {
    return Refuse(
        "it does not say which pre-tokenizer the model was trained with (tokenizer.ggml.pre); a guess would "
        "make the "
        "model worse without a sign. Convert the model again with a current converter");
  }
  return Refuse("the pre-tokenizer \"" + name.substr(0, 80) + "\" is not supported");
}

Status CheckSizes(const GgufVocabulary& gguf) {
  if (gguf.tokens.empty()) return Malformed("it has no tokens");
  if (!gguf.token_types.empty() && gguf.token_types.size() != gguf.tokens.size()) {
    return Malformed(std::to_string(gguf.token_types.size()) + " token types for " +
                     std::to_string(gguf.tokens.size()) + " tokens");
  }
  for (const int32_t type : gguf.token_types) {
    if (type < 0 || type > kTypeByte)
      return Malformed("the token type " + std::to_string(type) + " is unknown");
  }
  const std::pair<const char*, std::optional<int64_t>> ids[] = {{"bos", gguf.bos}, {"eos", gguf.eos},
                                                                {"eot", gguf.eot}, {"eom", gguf.eom},
                                                                {"unk", gguf.unk}, {"pad", gguf.pad}};
  for (const auto& [name, id] : ids) {
    if (id && (*id < 0 || *id >= static_cast<int64_t>(gguf.tokens.size()))) {
      return Malformed(std::string(name) + " is the id " + std::to_string(*id) + ", but there are only " +
                       std::to_string(gguf.tokens.size()) + " tokens");
    }
  }
  return {};
}

int32_t TypeOf(const GgufVocabulary& gguf, size_t id) {
  return gguf.token_types.empty() ? kTypeNormal : gguf.token_types[id];
}

// Converters fill holes in the ids with tokens of this name; no text means them.
bool IsFiller(const std::string& text, size_t id) {
  return text == "[PAD" + std::to_string(id) + "]";
}

AddedToken MakeAdded(const GgufVocabulary& gguf, size_t id, bool special) {
  AddedToken token;
  token.id = static_cast<int32_t>(id);
  token.content = gguf.tokens[id];
  token.special = special;
  return token;
}

void SetSpecialIds(const GgufVocabulary& gguf, bool add_bos_otherwise, TokenizerParts& parts) {
  const auto narrow = [](const std::optional<int64_t>& id) {
    return id ? std::optional<int32_t>(static_cast<int32_t>(*id)) : std::nullopt;
  };
  parts.bos = narrow(gguf.bos);
  parts.pad = narrow(gguf.pad);
  if (gguf.unk) parts.unk = narrow(gguf.unk);
  for (const std::optional<int64_t>& id : {gguf.eos, gguf.eot, gguf.eom}) {
    if (id) parts.eos.push_back(static_cast<int32_t>(*id));
  }
  if (gguf.add_bos.value_or(add_bos_otherwise) && parts.bos) parts.prefix = {*parts.bos};
  if (gguf.add_eos.value_or(false) && gguf.eos) parts.suffix = {static_cast<int32_t>(*gguf.eos)};
}

Result<std::pair<std::string_view, std::string_view>> SplitMerge(const std::string& line) {
  const size_t space = line.find(' ', 1);
  if (space == std::string::npos)
    return Malformed("the merge \"" + line.substr(0, 80) + "\" has no second part");
  return std::pair{std::string_view(line).substr(0, space), std::string_view(line).substr(space + 1)};
}

// User-defined tokens that merges make or use: they belong to the model as well.
Result<std::unordered_set<std::string>> UserDefinedInMerges(const GgufVocabulary& gguf) {
  std::unordered_set<std::string> user_defined, used;
  for (size_t id = 0; id < gguf.tokens.size(); ++id) {
    if (TypeOf(gguf, id) == kTypeUserDefined) user_defined.insert(gguf.tokens[id]);
  }
  if (user_defined.empty()) return used;
  for (const std::string& line : gguf.merges) {
    ASSIGN_OR_RETURN(const auto parts, SplitMerge(line));
    for (std::string text : {std::string(parts.first), std::string(parts.second),
                             std::string(parts.first) + std::string(parts.second)}) {
      if (user_defined.contains(text)) used.insert(std::move(text));
    }
  }
  return used;
}

Result<std::shared_ptr<const Tokenizer>> LoadByteLevel(const GgufVocabulary& gguf) {
  ASSIGN_OR_RETURN(const PreTokenizerFamily* family, FindFamily(gguf.pre));
  ASSIGN_OR_RETURN(const std::unordered_set<std::string> in_model, UserDefinedInMerges(gguf));
  TokenizerParts parts;
  auto vocabulary = std::make_shared<Vocabulary>();
  for (size_t id = 0; id < gguf.tokens.size(); ++id) {
    const int32_t type = TypeOf(gguf, id);
    const bool added = type == kTypeControl || type == kTypeUserDefined;
    if (IsFiller(gguf.tokens[id], id)) continue;
    if (added) parts.added.push_back(MakeAdded(gguf, id, type == kTypeControl));
    // A control token must not come out of user text, whatever its spelling.
    if (added && !in_model.contains(gguf.tokens[id])) continue;
    if (const Status status = vocabulary->Add(gguf.tokens[id], static_cast<int64_t>(id)); !status.ok()) {
      return Malformed(status.error().message);
    }
  }
  if (const Status status = vocabulary->Finish(); !status.ok()) return Malformed(status.error().message);
  std::vector<Merge> merges;
  merges.reserve(gguf.merges.size());
  for (const std::string& line : gguf.merges) {
    ASSIGN_OR_RETURN(const auto texts, SplitMerge(line));
    const Result<Merge> merge = NameMerge(*vocabulary, texts.first, texts.second, merges.size());
    if (!merge.ok()) return Malformed(merge.error().message);
    merges.push_back(*merge);
  }
  if (merges.empty()) return Malformed("it has no merges");
  BpeOptions options;
  options.ignore_merges = family->ignore_merges;
  ASSIGN_OR_RETURN(parts.model, MakeBpe(*vocabulary, merges, options));
  ASSIGN_OR_RETURN(parts.pre_tokenizer, MakePatternPreTokenizer(family->patterns, family->digits));
  if (family->nfc) parts.normalizer = MakeUnicodeNormalizer(NormalForm::kNfc);
  std::vector<DecodeStep> steps;
  steps.push_back(DecodeStep::Of(DecodeStep::Kind::kByteLevel));
  ASSIGN_OR_RETURN(parts.decoder, TokenDecoder::Make(std::move(steps)));
  parts.vocabulary = std::move(vocabulary);
  SetSpecialIds(gguf, family->add_bos, parts);
  return BuildTokenizer(std::move(parts));
}

Result<std::shared_ptr<const Tokenizer>> LoadScored(const GgufVocabulary& gguf) {
  using Kind = ScoredVocabulary::Kind;
  if (gguf.scores.size() != gguf.tokens.size()) {
    return Malformed(std::to_string(gguf.scores.size()) + " scores for " +
                     std::to_string(gguf.tokens.size()) + " tokens");
  }
  TokenizerParts parts;
  ScoredVocabulary scored;
  scored.scores = gguf.scores;
  auto vocabulary = std::make_shared<Vocabulary>();
  size_t bytes = 0;
  for (size_t id = 0; id < gguf.tokens.size(); ++id) {
    if (const Status status = vocabulary->Add(gguf.tokens[id], static_cast<int64_t>(id)); !status.ok()) {
      return Malformed(status.error().message);
    }
    constexpr Kind kKinds[] = {Kind::kNormal,      Kind::kNormal, Kind::kUnknown, Kind::kControl,
                               Kind::kUserDefined, Kind::kUnused, Kind::kByte};
    const int32_t type = TypeOf(gguf, id);
    const Kind kind = kKinds[type];
    scored.kinds.push_back(kind);
    bytes += kind == Kind::kByte;
    if (kind == Kind::kUnknown) parts.unk = scored.unk_id = static_cast<int32_t>(id);
    if (type != kTypeControl && type != kTypeUserDefined && type != kTypeUnknown) continue;
    if (IsFiller(gguf.tokens[id], id)) continue;
    AddedToken token = MakeAdded(gguf, id, type != kTypeUserDefined);
    token.pattern = token.content;
    token.normalized = type == kTypeUserDefined;
    parts.added.push_back(std::move(token));
  }
  if (const Status status = vocabulary->Finish(); !status.ok()) return Malformed(status.error().message);
  scored.byte_fallback = bytes == 256;
  Result<std::unique_ptr<const TokenModel>> model = MakeScoredBpe(*vocabulary, std::move(scored));
  if (!model.ok()) return Malformed(model.error().message);
  parts.model = std::move(model).value();
  const bool prefix = gguf.add_space_prefix.value_or(true);
  parts.normalizer = MakeSentencePieceNormalizer(prefix, false);
  ASSIGN_OR_RETURN(parts.decoder, MakeSentencePieceDecoder(prefix));
  parts.vocabulary = std::move(vocabulary);
  SetSpecialIds(gguf, true, parts);
  return BuildTokenizer(std::move(parts));
}

// Reads a value of the metadata if it is there; one of another type is an error.
template <typename Get>
auto IfPresent(const GgufFile& file, const std::string& key, Get get)
    -> Result<std::optional<std::decay_t<decltype((file.*get)(key).value())>>> {
  using Value = std::decay_t<decltype((file.*get)(key).value())>;
  if (!file.Has(key)) return std::optional<Value>();
  ASSIGN_OR_RETURN(Value value, (file.*get)(key));
  return std::optional<Value>(std::move(value));
}

constexpr std::string_view kStoredJson = "tokenizer.huggingface.json";
constexpr std::string_view kPrefix = "tokenizer.ggml.";

Status ReadSpecialIds(const GgufFile& file, GgufVocabulary& gguf) {
  const std::pair<const char*, std::optional<int64_t>*> ids[] = {
      {"bos_token_id", &gguf.bos}, {"eos_token_id", &gguf.eos},     {"eot_token_id", &gguf.eot},
      {"eom_token_id", &gguf.eom}, {"unknown_token_id", &gguf.unk}, {"padding_token_id", &gguf.pad}};
  for (const auto& [name, id] : ids) {
    ASSIGN_OR_RETURN(*id, IfPresent(file, std::string(kPrefix) + name, &GgufFile::GetInt));
  }
  return {};
}

Result<GgufVocabulary> ReadVocabulary(const GgufFile& file) {
  const std::string prefix(kPrefix);
  GgufVocabulary gguf;
  ASSIGN_OR_RETURN(const std::string_view model, file.GetString(prefix + "model"));
  gguf.model = model;
  ASSIGN_OR_RETURN(const auto pre, IfPresent(file, prefix + "pre", &GgufFile::GetString));
  gguf.pre = pre.value_or("");
  ASSIGN_OR_RETURN(const auto tokens, file.GetStringArray(prefix + "tokens"));
  gguf.tokens.assign(tokens.begin(), tokens.end());
  ASSIGN_OR_RETURN(auto scores, IfPresent(file, prefix + "scores", &GgufFile::GetRealArray));
  if (scores) gguf.scores = std::move(*scores);
  ASSIGN_OR_RETURN(const auto types, IfPresent(file, prefix + "token_type", &GgufFile::GetIntArray));
  for (const int64_t type : types.value_or(std::vector<int64_t>())) {
    if (type < 0 || type > kTypeByte)
      return Malformed("the token type " + std::to_string(type) + " is unknown");
    gguf.token_types.push_back(static_cast<int32_t>(type));
  }
  ASSIGN_OR_RETURN(const auto merges, IfPresent(file, prefix + "merges", &GgufFile::GetStringArray));
  if (merges) gguf.merges.assign(merges->begin(), merges->end());
  RETURN_IF_ERROR(ReadSpecialIds(file, gguf));
  const std::pair<const char*, std::optional<bool>*> switches[] = {
      {"add_bos_token", &gguf.add_bos},
      {"add_eos_token", &gguf.add_eos},
      {"add_space_prefix", &gguf.add_space_prefix}};
  for (const auto& [name, value] : switches) {
    ASSIGN_OR_RETURN(*value, IfPresent(file, prefix + name, &GgufFile::GetBool));
  }
  return gguf;
}

// The publisher's own tokenizer.json, whole, as a value of the metadata; only the ids that end and begin
// texts stand beside it.
Result<std::shared_ptr<const Tokenizer>> LoadStoredJson(const GgufFile& file) {
  ASSIGN_OR_RETURN(const std::string_view json, file.GetString(kStoredJson));
  GgufVocabulary ids;
  RETURN_IF_ERROR(ReadSpecialIds(file, ids));
  ASSIGN_OR_RETURN(TokenizerParts parts, ParseTokenizerJson(json, {}));
  for (const std::optional<int64_t>& id : {ids.bos, ids.eos, ids.eot, ids.eom, ids.unk, ids.pad}) {
    const bool added = id && std::any_of(parts.added.begin(), parts.added.end(),
                                         [&](const AddedToken& token) { return token.id == *id; });
    if (id && !added && !parts.vocabulary->Text(*id)) {
      return Malformed("the special id " + std::to_string(*id) + " names no token");
    }
  }
  SetSpecialIds(ids, false, parts);
  return BuildTokenizer(std::move(parts));
}

}  // namespace

Result<std::unique_ptr<const PreTokenizer>> MakePatternPreTokenizer(
    const std::vector<std::string_view>& patterns, bool digits) {
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  for (std::string_view pattern : patterns) {
    ASSIGN_OR_RETURN(ClassRegex regex, ClassRegex::Compile(pattern));
    steps.push_back(MakeSplit(std::move(regex), SplitBehavior::kIsolated, false));
  }
  if (digits) steps.push_back(MakeDigits(true));
  ASSIGN_OR_RETURN(std::unique_ptr<const PreTokenizer> bytes, MakeByteLevel(false, false));
  steps.push_back(std::move(bytes));
  return MakeSequence(std::move(steps));
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::FromGguf(const GgufVocabulary& gguf) {
  RETURN_IF_ERROR(CheckSizes(gguf));
  if (gguf.model == "gpt2") return LoadByteLevel(gguf);
  if (gguf.model == "llama") return LoadScored(gguf);
  return Refuse("the tokenizer model \"" + gguf.model.substr(0, 80) +
                "\" is not supported, only gpt2 and llama are");
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::FromGguf(const GgufFile& file) {
  if (file.Has(kStoredJson)) return LoadStoredJson(file);
  ASSIGN_OR_RETURN(const GgufVocabulary vocabulary, ReadVocabulary(file));
  return FromGguf(vocabulary);
}

}  // namespace mains
