// tokenizer.json of the `tokenizers` package, version 0.23. What is in the file and not done here is
// refused by its type's name.
#include <algorithm>
#include <utility>

#include "io/json.h"
#include "io/tokenizer/tokenizer_parts.h"

namespace mains {
namespace {

Error Refuse(const std::string& why) {
  return {ErrorCode::kUnsupported, "tokenizer.json: " + why};
}
Error Malformed(const std::string& why) {
  return {ErrorCode::kInvalid, "tokenizer.json: " + why};
}

// The merge list as read: two texts per merge, end to end in one string.
struct RawMerges {
  struct Pair {
    uint32_t begin, middle, end;
  };
  std::string text;
  std::vector<Pair> pairs;

  Status Add(std::string_view left, std::string_view right) {
    if (text.size() + left.size() + right.size() > UINT32_MAX) return Malformed("the merges exceed 4 GiB");
    const uint32_t begin = static_cast<uint32_t>(text.size());
    text += left;
    text += right;
    pairs.push_back({begin, begin + static_cast<uint32_t>(left.size()), static_cast<uint32_t>(text.size())});
    return {};
  }
};

// Reads the file in one pass. model.vocab and model.merges, which are nearly all of it, go straight to
// where they are needed; the rest becomes a small tree.
class Reader final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return Value(nullptr); }
  bool boolean(bool value) override { return Value(value); }
  bool number_integer(number_integer_t value) override {
    return mode_ == Mode::kVocab ? AddToken(value) : Value(value);
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (mode_ == Mode::kVocab) return AddToken(value > INT64_MAX ? -1 : static_cast<int64_t>(value));
    return Value(value);
  }
  bool number_float(number_float_t value, const string_t&) override { return Value(value); }
  bool binary(binary_t&) override { return Fail("binary data"); }
  bool string(string_t& value) override {
    if (mode_ == Mode::kMerges) return AddMergeText(value);
    return Value(std::move(value));
  }
  bool start_object(size_t) override {
    if (mode_ == Mode::kSkip) return ++skip_depth_, true;
    if (mode_ != Mode::kTree) return Fail("an object inside model.vocab or model.merges");
    if (InModel("vocab")) return has_vocab ? Fail("model.vocab occurs twice") : (mode_ = Mode::kVocab, true);
    return Open(Json::object());
  }
  bool end_object() override {
    if (mode_ == Mode::kSkip) return Unskip();
    if (mode_ == Mode::kVocab) return mode_ = Mode::kTree, has_vocab = true;
    stack_.pop_back();
    return true;
  }
  bool start_array(size_t) override {
    if (mode_ == Mode::kSkip) return ++skip_depth_, true;
    if (mode_ == Mode::kMerges && !in_pair_) return in_pair_ = true, pair_.clear(), true;
    if (mode_ != Mode::kTree) return Fail("an array inside model.vocab or model.merges");
    if (InModel("merges"))
      return has_merges ? Fail("model.merges occurs twice") : (mode_ = Mode::kMerges, true);
    // A vocabulary of another kind of model, which is refused by its name at the end.
    if (InModel("vocab")) return mode_ = Mode::kSkip, skip_depth_ = 1, true;
    return Open(Json::array());
  }
  bool end_array() override {
    if (mode_ == Mode::kSkip) return Unskip();
    if (mode_ != Mode::kMerges) return stack_.pop_back(), true;
    if (!in_pair_) return mode_ = Mode::kTree, has_merges = true;
    in_pair_ = false;
    if (pair_.size() != 2) return Fail("a merge of " + std::to_string(pair_.size()) + " parts");
    return Check(merges.Add(pair_[0], pair_[1]));
  }
  bool key(string_t& name) override {
    if (mode_ == Mode::kSkip) return true;
    if (mode_ == Mode::kTree && stack_.back()->contains(name))
      return Fail("the key \"" + name + "\" occurs twice");
    key_ = std::move(name);
    if (mode_ == Mode::kTree && stack_.size() == 1) top_key_ = key_;
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return Fail("not valid JSON at byte " + std::to_string(position));
  }

  Json root;
  std::shared_ptr<Vocabulary> vocabulary = std::make_shared<Vocabulary>();
  RawMerges merges;
  bool has_vocab = false, has_merges = false;
  std::string error;

 private:
  enum class Mode { kTree, kVocab, kMerges, kSkip };

  bool Fail(std::string why) {
    if (error.empty()) error = std::move(why);
    return false;
  }
  bool Check(const Status& status) { return status.ok() || Fail(status.error().message); }
  bool InModel(std::string_view name) const {
    return stack_.size() == 2 && top_key_ == "model" && key_ == name;
  }
  bool Unskip() {
    if (--skip_depth_ == 0) mode_ = Mode::kTree;
    return true;
  }
  Json* Insert(Json value) {
    if (stack_.empty()) return &(root = std::move(value));
    if (stack_.back()->is_array()) return &stack_.back()->emplace_back(std::move(value));
    return &((*stack_.back())[key_] = std::move(value));
  }
  bool Value(Json value) {
    if (mode_ == Mode::kSkip) return true;
    if (mode_ != Mode::kTree) return Fail("a value of the wrong kind inside model.vocab or model.merges");
    Insert(std::move(value));
    return true;
  }
  bool Open(Json container) {
    if (static_cast<int>(stack_.size()) >= kMaxJsonDepth) return Fail("nested too deeply");
    stack_.push_back(Insert(std::move(container)));
    return true;
  }
  bool AddToken(int64_t id) { return Check(vocabulary->Add(key_, id)); }
  bool AddMergeText(const std::string& text) {
    if (in_pair_) return pair_.push_back(text), true;
    if (text.starts_with("#version")) return true;
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
      return Fail("the merge \"" + text.substr(0, 80) + "\" is not two texts and a space");
    }
    return Check(
        merges.Add(std::string_view(text).substr(0, space), std::string_view(text).substr(space + 1)));
  }

  Mode mode_ = Mode::kTree;
  int64_t skip_depth_ = 0;
  bool in_pair_ = false;
  std::vector<std::string> pair_;
  std::vector<Json*> stack_;
  std::string key_, top_key_;
};

// Typed access to the members of one component of the file.
class Component {
 public:
  explicit Component(const Json& json) : json_(json) {}

  std::string Type() const {
    return Has("type") && json_["type"].is_string() ? json_["type"].get<std::string>() : "";
  }
  bool Has(const char* name) const {
    return json_.is_object() && json_.contains(name) && !json_[name].is_null();
  }
  Result<bool> Bool(const char* name, std::optional<bool> otherwise = {}) const {
    if (Has(name) && json_[name].is_boolean()) return json_[name].get<bool>();
    if (!Has(name) && otherwise) return *otherwise;
    return Missing(name, "true or false");
  }
  Result<std::string> Text(const char* name, std::optional<std::string> otherwise = {}) const {
    if (Has(name) && json_[name].is_string()) return json_[name].get<std::string>();
    if (!Has(name) && otherwise) return *otherwise;
    return Missing(name, "a text");
  }
  Result<int64_t> Count(const char* name) const {
    if (Has(name) && json_[name].is_number_integer() && json_[name] >= 0 && json_[name] <= INT32_MAX) {
      return json_[name].get<int64_t>();
    }
    return Missing(name, "a count");
  }
  Result<const Json*> List(const char* name) const {
    if (Has(name) && json_[name].is_array()) return &json_[name];
    return Missing(name, "a list");
  }
  // {"String": "..."} or {"Regex": "..."}.
  Result<ClassRegex> Pattern() const {
    if (Has("pattern")) {
      const Json& pattern = json_["pattern"];
      if (pattern.is_object() && pattern.contains("String") && pattern["String"].is_string()) {
        return ClassRegex::CompileLiteral(pattern["String"].get<std::string>());
      }
      if (pattern.is_object() && pattern.contains("Regex") && pattern["Regex"].is_string()) {
        return ClassRegex::Compile(pattern["Regex"].get<std::string>());
      }
    }
    return Missing("pattern", "a String or Regex");
  }

 private:
  Error Missing(const char* name, const char* wanted) const {
    return Malformed(Type() + "." + name + " must be " + wanted);
  }
  const Json& json_;
};

using NormalizerPtr = std::unique_ptr<const Normalizer>;
using PreTokenizerPtr = std::unique_ptr<const PreTokenizer>;

// The recursion of these three is bounded by the depth of the JSON.
Result<NormalizerPtr> ParseNormalizer(const Json& json) {
  const Component c(json);
  const std::string type = c.Type();
  if (type == "NFC") return MakeUnicodeNormalizer(NormalForm::kNfc);
  if (type == "NFD") return MakeUnicodeNormalizer(NormalForm::kNfd);
  if (type == "NFKC") return MakeUnicodeNormalizer(NormalForm::kNfkc);
  if (type == "NFKD") return MakeUnicodeNormalizer(NormalForm::kNfkd);
  if (type == "Lowercase") return MakeLowercaseNormalizer();
  if (type == "Strip") {
    ASSIGN_OR_RETURN(const bool left, c.Bool("strip_left"));
    ASSIGN_OR_RETURN(const bool right, c.Bool("strip_right"));
    return MakeStripNormalizer(left, right);
  }
  if (type == "Prepend") {
    ASSIGN_OR_RETURN(std::string prefix, c.Text("prepend"));
    return MakePrependNormalizer(std::move(prefix));
  }
  if (type == "Replace") {
    ASSIGN_OR_RETURN(ClassRegex pattern, c.Pattern());
    ASSIGN_OR_RETURN(std::string content, c.Text("content"));
    return MakeReplaceNormalizer(std::move(pattern), std::move(content));
  }
  if (type == "Sequence") {
    ASSIGN_OR_RETURN(const Json* list, c.List("normalizers"));
    std::vector<NormalizerPtr> steps;
    for (const Json& step : *list) {
      ASSIGN_OR_RETURN(NormalizerPtr made, ParseNormalizer(step));
      steps.push_back(std::move(made));
    }
    return MakeSequenceNormalizer(std::move(steps));
  }
  return Refuse("the normalizer \"" + type + "\" is not supported");
}

Result<SplitBehavior> ParseBehavior(const std::string& name) {
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return Refuse("the split behavior \"" + name + "\" is not supported");
}

// Older files say add_prefix_space instead of prepend_scheme.
Result<PrependScheme> ParsePrependScheme(const Component& c) {
  ASSIGN_OR_RETURN(const std::string scheme, c.Text("prepend_scheme", "always"));
  ASSIGN_OR_RETURN(const bool prefix, c.Bool("add_prefix_space", true));
  if (!prefix && c.Has("prepend_scheme") && scheme != "never") {
    return Malformed("Metaspace: add_prefix_space contradicts prepend_scheme");
  }
  if (!prefix || scheme == "never") return PrependScheme::kNever;
  if (scheme == "first") return PrependScheme::kFirst;
  if (scheme == "always") return PrependScheme::kAlways;
  return Refuse("the prepend scheme \"" + scheme + "\" is not supported");
}

Result<PreTokenizerPtr> ParsePreTokenizer(const Json& json) {
  const Component c(json);
  const std::string type = c.Type();
  if (type == "Split") {
    ASSIGN_OR_RETURN(ClassRegex pattern, c.Pattern());
    ASSIGN_OR_RETURN(const std::string name, c.Text("behavior"));
    ASSIGN_OR_RETURN(const SplitBehavior behavior, ParseBehavior(name));
    ASSIGN_OR_RETURN(const bool invert, c.Bool("invert", false));
    return MakeSplit(std::move(pattern), behavior, invert);
  }
  if (type == "ByteLevel") {
    ASSIGN_OR_RETURN(const bool prefix, c.Bool("add_prefix_space"));
    ASSIGN_OR_RETURN(const bool regex, c.Bool("use_regex", true));
    return MakeByteLevel(prefix, regex);
  }
  if (type == "Metaspace") {
    ASSIGN_OR_RETURN(const std::string replacement, c.Text("replacement"));
    ASSIGN_OR_RETURN(const PrependScheme scheme, ParsePrependScheme(c));
    ASSIGN_OR_RETURN(const bool split, c.Bool("split", true));
    if (replacement.empty()) return Malformed("Metaspace.replacement is empty");
    return MakeMetaspace(replacement, scheme, split);
  }
  if (type == "Digits") {
    ASSIGN_OR_RETURN(const bool individual, c.Bool("individual_digits", false));
    return MakeDigits(individual);
  }
  if (type == "Punctuation") {
    ASSIGN_OR_RETURN(const std::string name, c.Text("behavior", "Isolated"));
    ASSIGN_OR_RETURN(const SplitBehavior behavior, ParseBehavior(name));
    return MakePunctuation(behavior);
  }
  if (type == "Whitespace") return MakeWhitespace();
  if (type == "WhitespaceSplit") return MakeWhitespaceSplit();
  if (type == "Sequence") {
    ASSIGN_OR_RETURN(const Json* list, c.List("pretokenizers"));
    std::vector<PreTokenizerPtr> steps;
    for (const Json& step : *list) {
      ASSIGN_OR_RETURN(PreTokenizerPtr made, ParsePreTokenizer(step));
      steps.push_back(std::move(made));
    }
    return MakeSequence(std::move(steps));
  }
  return Refuse("the pre-tokenizer \"" + type + "\" is not supported");
}

Status ParseDecoder(const Json& json, std::vector<DecodeStep>& steps) {
  const Component c(json);
  const std::string type = c.Type();
  if (type == "ByteLevel") {
    steps.push_back(DecodeStep::Of(DecodeStep::Kind::kByteLevel));
  } else if (type == "ByteFallback") {
    steps.push_back(DecodeStep::Of(DecodeStep::Kind::kByteFallback));
  } else if (type == "Fuse") {
    steps.push_back(DecodeStep::Of(DecodeStep::Kind::kFuse));
  } else if (type == "Metaspace") {
    ASSIGN_OR_RETURN(const std::string replacement, c.Text("replacement"));
    ASSIGN_OR_RETURN(const PrependScheme scheme, ParsePrependScheme(c));
    if (replacement.empty()) return Malformed("Metaspace.replacement is empty");
    steps.push_back(DecodeStep::Metaspace(replacement, scheme != PrependScheme::kNever));
  } else if (type == "Strip") {
    ASSIGN_OR_RETURN(const std::string content, c.Text("content"));
    ASSIGN_OR_RETURN(const int64_t start, c.Count("start"));
    ASSIGN_OR_RETURN(const int64_t stop, c.Count("stop"));
    if (content.size() != 1)
      return Refuse("the decoder Strip of \"" + content.substr(0, 80) + "\" is not supported");
    steps.push_back(DecodeStep::Strip(content[0], start, stop));
  } else if (type == "Replace") {
    ASSIGN_OR_RETURN(ClassRegex pattern, c.Pattern());
    ASSIGN_OR_RETURN(std::string content, c.Text("content"));
    steps.push_back(DecodeStep::Replace(std::move(pattern), std::move(content)));
  } else if (type == "Sequence") {
    ASSIGN_OR_RETURN(const Json* list, c.List("decoders"));
    for (const Json& step : *list) RETURN_IF_ERROR(ParseDecoder(step, steps));
  } else {
    return Refuse("the decoder \"" + type + "\" is not supported");
  }
  return {};
}

// The ids that one special token of a template stands for.
Status AppendTemplateToken(const Json& item, const Json& tokens, std::vector<int32_t>& ids) {
  const Component piece(item);
  ASSIGN_OR_RETURN(const std::string name, piece.Text("id"));
  if (!tokens.is_object() || !tokens.contains(name)) {
    return Malformed("TemplateProcessing names the token \"" + name.substr(0, 80) +
                     "\" without giving its ids");
  }
  ASSIGN_OR_RETURN(const Json* list, Component(tokens[name]).List("ids"));
  for (const Json& id : *list) {
    if (!id.is_number_integer() || id < 0 || id > INT32_MAX)
      return Malformed("TemplateProcessing has an impossible id");
    ids.push_back(id.get<int32_t>());
  }
  return {};
}

Status ParsePostProcessor(const Json& json, TokenizerParts& parts) {
  const Component c(json);
  const std::string type = c.Type();
  if (type == "ByteLevel") return {};  // concerns offsets only
  if (type == "Sequence") {
    ASSIGN_OR_RETURN(const Json* list, c.List("processors"));
    for (const Json& step : *list) RETURN_IF_ERROR(ParsePostProcessor(step, parts));
    return {};
  }
  if (type != "TemplateProcessing") return Refuse("the post-processor \"" + type + "\" is not supported");
  ASSIGN_OR_RETURN(const Json* single, c.List("single"));
  const Json tokens = c.Has("special_tokens") ? json["special_tokens"] : Json();
  std::vector<int32_t> before, after;
  int sequences = 0;
  for (const Json& item : *single) {
    if (item.is_object() && item.contains("Sequence")) {
      ++sequences;
    } else if (item.is_object() && item.contains("SpecialToken")) {
      RETURN_IF_ERROR(AppendTemplateToken(item["SpecialToken"], tokens, sequences == 0 ? before : after));
    } else {
      return Malformed("TemplateProcessing.single has an item that is neither Sequence nor SpecialToken");
    }
  }
  if (sequences != 1)
    return Refuse("a template with " + std::to_string(sequences) + " sequences is not supported");
  // A later processor of a sequence wraps what the earlier ones made.
  parts.prefix.insert(parts.prefix.begin(), before.begin(), before.end());
  parts.suffix.insert(parts.suffix.end(), after.begin(), after.end());
  return {};
}

Status ParseAddedTokens(const Json& list, TokenizerParts& parts) {
  if (!list.is_array()) return Malformed("added_tokens must be a list");
  for (const Json& item : list) {
    const Component c(item);
    AddedToken token;
    ASSIGN_OR_RETURN(token.content, c.Text("content"));
    ASSIGN_OR_RETURN(const int64_t id, c.Count("id"));
    ASSIGN_OR_RETURN(token.special, c.Bool("special", false));
    ASSIGN_OR_RETURN(token.normalized, c.Bool("normalized", !token.special));
    ASSIGN_OR_RETURN(token.single_word, c.Bool("single_word", false));
    ASSIGN_OR_RETURN(token.lstrip, c.Bool("lstrip", false));
    ASSIGN_OR_RETURN(token.rstrip, c.Bool("rstrip", false));
    token.id = static_cast<int32_t>(id);
    parts.added.push_back(std::move(token));
  }
  return {};
}

Status ParseModel(const Json& json, Reader& reader, TokenizerParts& parts) {
  const Component c(json);
  const std::string type = c.Type();
  if (type != "BPE" && !(type.empty() && reader.has_merges)) {
    return Refuse("the model \"" + type + "\" is not supported, only BPE is");
  }
  if (!reader.has_vocab) return Malformed("model.vocab is missing");
  if (!reader.has_merges) return Malformed("model.merges is missing");
  if (c.Has("dropout") && json["dropout"] != 0)
    return Refuse("BPE with dropout gives different ids every time");
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    ASSIGN_OR_RETURN(const std::string affix, c.Text(name, ""));
    if (!affix.empty()) return Refuse(std::string("BPE with ") + name + " is not supported");
  }
  BpeOptions options;
  ASSIGN_OR_RETURN(options.unk_token, c.Text("unk_token", ""));
  ASSIGN_OR_RETURN(options.fuse_unk, c.Bool("fuse_unk", false));
  ASSIGN_OR_RETURN(options.byte_fallback, c.Bool("byte_fallback", false));
  ASSIGN_OR_RETURN(options.ignore_merges, c.Bool("ignore_merges", false));

  RETURN_IF_ERROR(reader.vocabulary->Finish());
  std::vector<Merge> merges;
  merges.reserve(reader.merges.pairs.size());
  const std::string_view text = reader.merges.text;
  for (const RawMerges::Pair& pair : reader.merges.pairs) {
    ASSIGN_OR_RETURN(const Merge merge,
                     NameMerge(*reader.vocabulary, text.substr(pair.begin, pair.middle - pair.begin),
                               text.substr(pair.middle, pair.end - pair.middle), merges.size()));
    merges.push_back(merge);
  }
  parts.vocabulary = reader.vocabulary;
  ASSIGN_OR_RETURN(parts.model, MakeBpe(*parts.vocabulary, merges, options));
  if (!options.unk_token.empty()) parts.unk = parts.vocabulary->Find(options.unk_token);
  return {};
}

}  // namespace

Result<TokenizerParts> ParseTokenizerJson(std::string_view json, const TokenizerSidecars& sidecars) {
  Reader reader;
  if (!SaxParseJson(json, reader)) return Malformed(reader.error);
  const Component root(reader.root);
  if (!root.Has("model")) return Malformed("there is no model");
  const auto present = [&](const char* name) { return root.Has(name) ? &reader.root[name] : nullptr; };

  TokenizerParts parts;
  RETURN_IF_ERROR(ParseModel(reader.root["model"], reader, parts));
  if (const Json* part = present("normalizer")) {
    ASSIGN_OR_RETURN(parts.normalizer, ParseNormalizer(*part));
  }
  if (const Json* part = present("pre_tokenizer")) {
    ASSIGN_OR_RETURN(parts.pre_tokenizer, ParsePreTokenizer(*part));
  }
  std::vector<DecodeStep> steps;
  if (const Json* part = present("decoder")) RETURN_IF_ERROR(ParseDecoder(*part, steps));
  ASSIGN_OR_RETURN(parts.decoder, TokenDecoder::Make(std::move(steps)));
  if (const Json* part = present("post_processor")) RETURN_IF_ERROR(ParsePostProcessor(*part, parts));
  if (const Json* part = present("added_tokens")) RETURN_IF_ERROR(ParseAddedTokens(*part, parts));
  ASSIGN_OR_RETURN(const TokenizerConfig config, ParseTokenizerConfig(sidecars));
  RETURN_IF_ERROR(ApplyTokenizerConfig(config, parts));
  return parts;
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::FromTokenizerJson(std::string_view json,
                                                                      const TokenizerSidecars& sidecars) {
  ASSIGN_OR_RETURN(TokenizerParts parts, ParseTokenizerJson(json, sidecars));
  return BuildTokenizer(std::move(parts));
}

}  // namespace mains
