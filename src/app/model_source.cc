#include "app/model_source.h"

#include <fmt/format.h>

#include "app/embedded_model.h"
#include "base/file.h"
#include "io/gguf_checkpoint.h"

namespace mains {
namespace {

constexpr int64_t kMaxConfigBytes = 1 << 20;
constexpr int64_t kMaxTemplateBytes = 256 << 20;

Result<ModelSource> EmbeddedModel() {
  if (!HasEmbeddedModel()) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("this build has no embedded model, so {} names nothing; name a model folder, a "
                             ".gguf file or a model of the hub (mains models lists what is here)",
                             kEmbeddedModelName)};
  }
  ModelSource source;
  source.location.format = ModelLocation::Format::kGguf;
  source.location.name = kEmbeddedModelName;
  source.embedded = true;
  ASSIGN_OR_RETURN(source.gguf, GgufFile::Parse(EmbeddedModelBytes(),
                                                fmt::format("{} (in this program)", kEmbeddedModelName)));
  return source;
}

Result<ModelSource> FromLocation(ModelLocation location) {
  ModelSource source;
  source.location = std::move(location);
  if (!source.location.gguf.empty()) {
    ASSIGN_OR_RETURN(source.gguf, GgufFile::Open(source.location.gguf.front()));
  }
  return source;
}

}  // namespace

Result<ModelSource> FindModel(const std::string& name) {
  Result<ModelLocation> location = ResolveModel(name);
  if (location.ok()) return FromLocation(std::move(location).value());
  if (name == kEmbeddedModelName) return EmbeddedModel();
  return location.error();
}

Result<ModelSource> FindModelOrPart(const std::string& name) {
  std::error_code error;
  if (!std::filesystem::exists(name, error) || name == kEmbeddedModelName) return FindModel(name);
  ModelLocation location;
  location.name = name;
  if (std::filesystem::path(name).extension() == ".gguf") {
    location.format = ModelLocation::Format::kGguf;
    location.gguf = {name};
  } else {
    location.folder = name;
  }
  return FromLocation(std::move(location));
}

Result<std::unique_ptr<const Checkpoint>> OpenCheckpoint(const ModelSource& source) {
  return source.embedded ? GgufCheckpointFrom(source.gguf) : Checkpoint::Open(source.path());
}

Result<std::shared_ptr<const Tokenizer>> LoadTokenizer(const ModelSource& source) {
  if (!source.gguf) return Tokenizer::Load(source.path());
  Result<std::shared_ptr<const Tokenizer>> tokenizer = Tokenizer::FromGguf(*source.gguf);
  if (!tokenizer.ok()) return tokenizer.error().Within(source.gguf->what() + ": ");
  return tokenizer;
}

Result<ChatTemplate> LoadChatTemplate(const ModelSource& source) {
  if (source.gguf) return ChatTemplate::FromGguf(*source.gguf);
  const std::filesystem::path path = source.path();
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return ChatTemplate::FromFolder(path);
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxTemplateBytes));
  return ChatTemplate::FromSource(text);
}

Result<Json> ReadGenerationConfig(const ModelSource& source) {
  if (source.gguf) {
    Json config;
    const std::pair<const char*, const char*> keys[] = {{"temp", "temperature"},
                                                        {"top_k", "top_k"},
                                                        {"top_p", "top_p"},
                                                        {"min_p", "min_p"},
                                                        {"penalty_repeat", "repetition_penalty"}};
    for (const auto& [gguf, hf] : keys) {
      const std::string key = std::string("general.sampling.") + gguf;
      if (!source.gguf->Has(key)) continue;
      ASSIGN_OR_RETURN(config[hf], source.gguf->GetReal(key));
    }
    for (const char* key : {"builtin_tools", "thinking"}) {
      const std::string gguf = std::string("mains.") + key;
      if (!source.gguf->Has(gguf)) continue;
      ASSIGN_OR_RETURN(config["mains"][key], source.gguf->GetBool(gguf));
    }
    if (config.contains("temperature")) config["do_sample"] = config["temperature"] != 0.0;
    return config;
  }
  const std::filesystem::path path = source.location.folder / "generation_config.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return Json();
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxConfigBytes));
  return ParseJson(text, path.string());
}

}  // namespace mains
