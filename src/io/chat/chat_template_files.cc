// Finding the chat template of a model folder, by the rules of transformers.
#include <system_error>

#include "base/file.h"
#include "fmt/format.h"
#include "io/chat/chat_template.h"
#include "io/gguf.h"
#include "io/json.h"

namespace mains {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxConfigBytes = 64 << 20;

constexpr const char* kTokenNames[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// The document, or null if there is no such file.
Result<Json> ReadOptionalJson(const fs::path& path) {
  if (!Exists(path)) return Json();
  ASSIGN_OR_RETURN(std::string text, ReadFile(path, kMaxConfigBytes));
  return ParseJson(text, path.filename().string());
}

std::string StringAt(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string()
             ? object[key].get<std::string>()
             : "";
}

// Tokens are strings or objects whose "content" is the string.
SpecialTokens ReadTokens(const Json& config) {
  SpecialTokens tokens;
  for (const char* name : kTokenNames) {
    if (!config.is_object() || !config.contains(name)) continue;
    const std::string text =
        config[name].is_object() ? StringAt(config[name], "content") : StringAt(config, name);
    if (!text.empty()) tokens.emplace_back(name, text);
  }
  return tokens;
}

struct Sources {
  std::string main, tool_use;  // empty if absent
};

// "chat_template": a string, or a list of {"name", "template"}.
Sources FromConfig(const Json& config) {
  Sources sources;
  if (!config.is_object() || !config.contains("chat_template")) return sources;
  const Json& value = config["chat_template"];
  if (value.is_string()) sources.main = value.get<std::string>();
  if (!value.is_array()) return sources;
  for (const Json& entry : value) {
    const std::string name = StringAt(entry, "name");
    if (name == "default") sources.main = StringAt(entry, "template");
    if (name == "tool_use") sources.tool_use = StringAt(entry, "template");
  }
  return sources;
}

Result<Sources> FindSources(const fs::path& folder, const Json& tokenizer_config,
                            const jinja::Limits& limits) {
  Sources sources;
  if (const fs::path file = folder / "chat_template.jinja"; Exists(file)) {
    ASSIGN_OR_RETURN(sources.main, ReadFile(file, limits.source_bytes));
    if (const fs::path more = folder / "additional_chat_templates" / "tool_use.jinja"; Exists(more)) {
      ASSIGN_OR_RETURN(sources.tool_use, ReadFile(more, limits.source_bytes));
    }
    return sources;
  }
  ASSIGN_OR_RETURN(const Json processor, ReadOptionalJson(folder / "chat_template.json"));
  sources = FromConfig(processor);
  return sources.main.empty() ? FromConfig(tokenizer_config) : sources;
}

// The encoder of ours for models that are published without a template, by model_type or by the
// architecture of a GGUF file.
std::optional<NativeChat> NativeOf(std::string_view type) {
  if (type == "deepseek_v32" || type == "deepseek32") return NativeChat::kDeepSeekV32;
  if (type == "deepseek_v4") return NativeChat::kDeepSeekV4;
  return std::nullopt;
}

Result<ChatTemplate> NativeFor(const fs::path& folder) {
  ASSIGN_OR_RETURN(const Json config, ReadOptionalJson(folder / "config.json"));
  const std::string type = StringAt(config, "model_type");
  if (const std::optional<NativeChat> native = NativeOf(type)) return ChatTemplate::Native(*native);
  return Error{
      ErrorCode::kNotFound,
      fmt::format("{} has no chat template: looked for chat_template.jinja, chat_template.json and "
                  "\"chat_template\" in tokenizer_config.json, and there is no built-in encoder for its "
                  "model_type \"{}\". Give a template file, or use plain completion.",
                  folder.string(), type)};
}

}  // namespace

Result<ChatTemplate> ChatTemplate::FromFolder(const fs::path& folder, const jinja::Limits& limits) {
  ASSIGN_OR_RETURN(const Json tokenizer_config, ReadOptionalJson(folder / "tokenizer_config.json"));
  ASSIGN_OR_RETURN(const Sources sources, FindSources(folder, tokenizer_config, limits));
  if (sources.main.empty() && sources.tool_use.empty()) return NativeFor(folder);

  SpecialTokens tokens = ReadTokens(tokenizer_config);
  if (tokens.empty()) {
    ASSIGN_OR_RETURN(const Json map, ReadOptionalJson(folder / "special_tokens_map.json"));
    tokens = ReadTokens(map);
  }
  if (sources.main.empty()) return FromSource(sources.tool_use, std::move(tokens), limits);
  ASSIGN_OR_RETURN(ChatTemplate made, FromSource(sources.main, std::move(tokens), limits));
  if (!sources.tool_use.empty()) {
    ASSIGN_OR_RETURN(const ChatTemplate tool_use, FromSource(sources.tool_use, {}, limits));
    made.tool_use_ = tool_use.main_;
  }
  return made;
}

Result<ChatTemplate> ChatTemplate::FromGguf(const GgufFile& file, const jinja::Limits& limits) {
  if (!file.Has("tokenizer.chat_template")) {
    const Result<std::string_view> architecture = file.GetString("general.architecture");
    const std::optional<NativeChat> native = architecture.ok() ? NativeOf(*architecture) : std::nullopt;
    if (native) return ChatTemplate::Native(*native);
    return Error{
        ErrorCode::kNotFound,
        fmt::format("{} has no chat template (no tokenizer.chat_template among its metadata). Give a "
                    "template file, or use plain completion.",
                    file.what())};
  }
  ASSIGN_OR_RETURN(const std::string_view source, file.GetString("tokenizer.chat_template"));
  SpecialTokens tokens;
  if (file.Has("tokenizer.ggml.tokens")) {
    ASSIGN_OR_RETURN(const std::vector<std::string_view> vocabulary,
                     file.GetStringArray("tokenizer.ggml.tokens"));
    for (const char* name : {"bos", "eos"}) {
      const std::string key = fmt::format("tokenizer.ggml.{}_token_id", name);
      if (!file.Has(key)) continue;
      ASSIGN_OR_RETURN(const int64_t id, file.GetInt(key));
      if (id < 0 || id >= static_cast<int64_t>(vocabulary.size())) continue;
      tokens.emplace_back(fmt::format("{}_token", name), vocabulary[static_cast<size_t>(id)]);
    }
  }
  ASSIGN_OR_RETURN(ChatTemplate made, FromSource(source, std::move(tokens), limits));
  if (file.Has("tokenizer.chat_template.tool_use")) {
    ASSIGN_OR_RETURN(const std::string_view text, file.GetString("tokenizer.chat_template.tool_use"));
    ASSIGN_OR_RETURN(const ChatTemplate tool_use, FromSource(text, {}, limits));
    made.tool_use_ = tool_use.main_;
  }
  return made;
}

}  // namespace mains
