#include "models/registry.h"

#include <algorithm>

namespace mains {
namespace {

std::vector<ModelDefinition>& Definitions() {
  static std::vector<ModelDefinition> definitions;
  return definitions;
}

Result<std::string> Architecture(const Json& config) {
  const auto found = config.find("architectures");
  if (found == config.end() || !found->is_array() || found->empty() || !found->front().is_string()) {
    return Error{
        ErrorCode::kInvalid,
        "the configuration names no architecture (\"architectures\": [\"...\"]), so it is not known how to "
        "run this model"};
  }
  return found->front().get<std::string>();
}

}  // namespace

RegisterModel::RegisterModel(const ModelDefinition& definition) {
  Definitions().push_back(definition);
}

std::vector<std::string> KnownArchitectures() {
  std::vector<std::string> names;
  for (const ModelDefinition& d : Definitions()) names.emplace_back(d.architecture);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::unique_ptr<LanguageModel>> LoadModel(const Checkpoint& checkpoint,
                                                 const std::set<std::string>& ignored_keys, bool draft_layer,
                                                 WeightPacker* packer) {
  const std::string where = checkpoint.path().string() + ": ";
  ASSIGN_OR_RETURN(const std::string architecture, Architecture(checkpoint.config()));
  for (const ModelDefinition& d : Definitions()) {
    if (architecture != d.architecture) continue;
    ModelReader reader(checkpoint, d.section, d.prefix, ignored_keys, draft_layer, packer);
    std::unique_ptr<LanguageModel> model = d.load(reader);
    RETURN_IF_ERROR(reader.Finish());
    return model;
  }
  std::string known;
  for (const std::string& name : KnownArchitectures()) known += (known.empty() ? "" : ", ") + name;
  return Error{ErrorCode::kUnsupported,
               where + "architecture " + architecture + " is not supported; known are " + known};
}

}  // namespace mains
