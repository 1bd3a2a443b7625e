// Which file loads which architecture. A model file defines one ModelDefinition per architecture name
// and registers it by existing; nothing else needs an edit.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "io/model_reader.h"
#include "nn/language_model.h"

namespace mains {

struct ModelDefinition {
  const char* architecture;  // as in config.json's "architectures"
  std::unique_ptr<LanguageModel> (*load)(ModelReader& reader);
  const char* section = "";  // of the configuration, where the language model's keys are
  const char* prefix = "";   // of its tensor names
};

struct RegisterModel {
  explicit RegisterModel(const ModelDefinition& definition);
};

// Loads the language model of a checkpoint. Weights stay where the checkpoint has them, or go where `packer`
// puts them.
// `ignored_keys`: configuration keys that the user vouches for. `draft_layer`: with the layer that
// guesses ahead, if the checkpoint has one.
Result<std::unique_ptr<LanguageModel>> LoadModel(const Checkpoint& checkpoint,
                                                 const std::set<std::string>& ignored_keys = {},
                                                 bool draft_layer = false, WeightPacker* packer = nullptr);

std::vector<std::string> KnownArchitectures();

}  // namespace mains
