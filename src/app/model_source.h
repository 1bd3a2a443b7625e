// Where a model is read from: files on this machine, or the program itself.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/chat/chat_template.h"
#include "io/checkpoint.h"
#include "io/gguf.h"
#include "io/hub/model_path.h"
#include "io/json.h"
#include "io/tokenizer/tokenizer.h"

namespace mains {

struct ModelSource {
  ModelLocation location;                // of the embedded model, the name only
  std::shared_ptr<const GgufFile> gguf;  // the file, or the first part of a split one; null: a folder
  bool embedded = false;

  // What the readers of models take; nothing for the embedded one.
  std::filesystem::path path() const {
    return location.gguf.empty() ? location.folder : location.gguf.front();
  }
};

// What ResolveModel finds under this name; else, for "pocket", the model inside the program.
Result<ModelSource> FindModel(const std::string& name);
// For commands that need a part of a model only: also takes a file or folder of any kind that exists.
Result<ModelSource> FindModelOrPart(const std::string& name);

Result<std::unique_ptr<const Checkpoint>> OpenCheckpoint(const ModelSource& source);
Result<std::shared_ptr<const Tokenizer>> LoadTokenizer(const ModelSource& source);
// A file that is neither a folder nor GGUF is taken for the template itself.
Result<ChatTemplate> LoadChatTemplate(const ModelSource& source);
// generation_config.json, or in its spelling what a GGUF file recommends under general.sampling and mains
// (chat_model.h); null if there is neither.
Result<Json> ReadGenerationConfig(const ModelSource& source);

}  // namespace mains
