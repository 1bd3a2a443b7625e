#include "io/hf_checkpoint.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "io/quoted.h"
#include "io/safetensors.h"
#include "io/tensor_table.h"

namespace mains {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxConfigBytes = 2 << 20;
constexpr int64_t kMaxIndexBytes = 128 << 20;  // Kimi K3 names about half a million tensors

class HfCheckpoint final : public Checkpoint {
 public:
  static Result<std::unique_ptr<const Checkpoint>> Open(const fs::path& folder) {
    std::unique_ptr<HfCheckpoint> checkpoint = std::make_unique<HfCheckpoint>();
    checkpoint->path_ = folder;
    checkpoint->mapped_ = true;
    RETURN_IF_ERROR(checkpoint->ReadConfig());
    RETURN_IF_ERROR(checkpoint->ReadTensors());
    return std::unique_ptr<const Checkpoint>(std::move(checkpoint));
  }

  Source source() const override { return Source::kHuggingFace; }
  const StoredTensor* Find(std::string_view name) const override { return tensors_.Find(name); }
  std::vector<std::string> Names() const override { return tensors_.Names(); }
  int64_t file_bytes() const override { return file_bytes_; }

 private:
  Status ReadConfig() {
    const fs::path file = path_ / "config.json";
    Result<std::string> text = ReadFile(file, kMaxConfigBytes);
    if (!text.ok()) {
      return Error{text.error().code,
                   text.error().message + "; a model folder needs its config.json and *.safetensors files"};
    }
    ASSIGN_OR_RETURN(config_, ParseJson(*text, file.string()));
    if (!config_.is_object()) return Error{ErrorCode::kInvalid, file.string() + ": not a JSON object"};
    return {};
  }

  Status ReadTensors() {
    std::error_code ignored;
    if (fs::exists(path_ / "model.safetensors", ignored)) return AddFile("model.safetensors");
    if (fs::exists(path_ / "model.safetensors.index.json", ignored)) return ReadShards();
    return ReadOnlyFile();
  }

  Status AddFile(const std::string& name) {
    const fs::path path = path_ / name;
    ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
    ASSIGN_OR_RETURN(std::vector<StoredTensor> tensors, ParseSafetensors(file->bytes(), path.string(), file));
    for (StoredTensor& tensor : tensors) {
      const Status added = tensors_.Add(std::move(tensor));
      if (!added.ok()) return added.error().Within(path.string() + ": ");
    }
    file_bytes_ += static_cast<int64_t>(file->bytes().size());
    return {};
  }

  Status ReadShards() {
    const fs::path file = path_ / "model.safetensors.index.json";
    const auto invalid = [&](const std::string& why) {
      return Error{ErrorCode::kInvalid, file.string() + ": " + why};
    };
    ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxIndexBytes));
    ASSIGN_OR_RETURN(const Json index, ParseJson(text, file.string()));
    if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
      return invalid("there is no object \"weight_map\"");
    }
    std::set<std::string> shards;
    for (const auto& [tensor, shard] : index["weight_map"].items()) {
      if (!shard.is_string()) return invalid("tensor " + Quoted(tensor) + " names no shard");
      shards.insert(shard.get<std::string>());
    }
    for (const std::string& shard : shards) {
      if (!IsShardName(shard)) return invalid("the shard name " + Quoted(shard) + " is not a file name");
      const Status added = AddFile(shard);
      if (added.ok()) continue;
      if (added.error().code != ErrorCode::kNotFound) return added;
      return Error{ErrorCode::kNotFound, added.error().message + "; the index names this shard: download it"};
    }
    for (const auto& [tensor, shard] : index["weight_map"].items()) {
      if (tensors_.Find(tensor) == nullptr) {
        return invalid("tensor " + Quoted(tensor) + " is not in the shard " +
                       Quoted(shard.get<std::string>()));
      }
    }
    return {};
  }

  // A plain name of a file in this very folder.
  static bool IsShardName(std::string_view name) {
    return name.ends_with(".safetensors") && name.find_first_of(std::string_view("/\\\0", 3)) == name.npos &&
           !name.starts_with('.');
  }

  Status ReadOnlyFile() {
    std::vector<std::string> found;
    std::error_code failed;
    for (fs::directory_iterator at(path_, failed), end; !failed && at != end; at.increment(failed)) {
      if (at->path().extension() == ".safetensors") found.push_back(at->path().filename().string());
    }
    if (failed) return Error{ErrorCode::kIo, path_.string() + ": cannot list: " + failed.message()};
    if (found.size() == 1) return AddFile(found[0]);
    return Error{
        ErrorCode::kNotFound,
        path_.string() + (found.empty() ? ": no *.safetensors file; weights in other formats (*.bin, *.pt) "
                                          "must be converted to safetensors first"
                                        : ": several *.safetensors files but no "
                                          "model.safetensors.index.json that says how they belong together")};
  }

  TensorTable tensors_;
  int64_t file_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<const Checkpoint>> OpenHfCheckpoint(const fs::path& folder) {
  return HfCheckpoint::Open(folder);
}

}  // namespace mains
