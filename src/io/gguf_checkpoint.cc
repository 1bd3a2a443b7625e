#include "io/gguf_checkpoint.h"

#include <fmt/format.h>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <vector>

#include "io/gguf_names.h"
#include "io/quoted.h"
#include "io/tensor_table.h"

namespace mains {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxParts = 99999;  // what five digits can count

class GgufCheckpoint final : public Checkpoint {
 public:
  static Result<std::unique_ptr<const Checkpoint>> From(const fs::path& path,
                                                        std::vector<std::shared_ptr<const GgufFile>> parts,
                                                        bool mapped) {
    std::unique_ptr<GgufCheckpoint> checkpoint = std::make_unique<GgufCheckpoint>();
    checkpoint->path_ = path;
    checkpoint->mapped_ = mapped;
    const GgufFile& first = *parts.front();
    std::set<std::string_view> names;
    for (const std::shared_ptr<const GgufFile>& part : parts) {
      for (const GgufTensor& tensor : part->tensors()) names.insert(tensor.name);
    }
    ASSIGN_OR_RETURN(const GgufArchitecture* architecture, FindGgufArchitecture(first));
    for (const std::shared_ptr<const GgufFile>& part : parts) {
      RETURN_IF_ERROR(checkpoint->AddTensors(*architecture, part, names));
      checkpoint->file_bytes_ += static_cast<int64_t>(part->file_size());
    }
    const TensorLookup find = [&](std::string_view name) { return checkpoint->tensors_.Find(name); };
    ASSIGN_OR_RETURN(checkpoint->config_, HfConfig(first, *architecture, find));
    return std::unique_ptr<const Checkpoint>(std::move(checkpoint));
  }

  Source source() const override { return Source::kGguf; }
  const StoredTensor* Find(std::string_view name) const override { return tensors_.Find(name); }
  std::vector<std::string> Names() const override { return tensors_.Names(); }
  int64_t file_bytes() const override { return file_bytes_; }

 private:
  // Some converters kept attn_kv_b beside the two halves that they had split it into.
  static bool IsRedundant(std::string_view name, const std::set<std::string_view>& names) {
    constexpr std::string_view kJoined = ".attn_kv_b.weight";
    if (!name.ends_with(kJoined)) return false;
    const std::string layer(name.substr(0, name.size() - kJoined.size()));
    return names.contains(layer + ".attn_k_b.weight") && names.contains(layer + ".attn_v_b.weight");
  }

  Status AddTensors(const GgufArchitecture& architecture, const std::shared_ptr<const GgufFile>& file,
                    const std::set<std::string_view>& names) {
    for (const GgufTensor& tensor : file->tensors()) {
      if (IsRedundant(tensor.name, names)) continue;
      StoredTensor stored;
      stored.name = HfTensorName(architecture, tensor.name);
      if (tensor.dtype) {
        stored.dtype = *tensor.dtype;
      } else {
        stored.foreign_type = GgufTypeName(tensor.type);
      }
      stored.dims = tensor.dims;
      stored.data = tensor.bytes.data();
      stored.bytes = static_cast<int64_t>(tensor.bytes.size());
      stored.owner = file;
      const Status added = tensors_.Add(std::move(stored));
      if (!added.ok()) return added.error().Within(file->what() + ": ");
    }
    return {};
  }

  TensorTable tensors_;
  int64_t file_bytes_ = 0;
};

struct Split {
  int64_t number = 0;   // of this part, from 0
  int64_t count = 1;    // parts
  int64_t tensors = 0;  // in all parts together
};

Result<Split> SplitOf(const GgufFile& file) {
  Split split;
  if (!file.Has("split.count")) return split;
  ASSIGN_OR_RETURN(split.count, file.GetInt("split.count"));
  if (split.count == 0 && !file.Has("split.no")) return Split{};
  ASSIGN_OR_RETURN(split.number, file.GetInt("split.no"));
  ASSIGN_OR_RETURN(split.tensors, file.GetInt("split.tensors.count"));
  if (split.count < 1 || split.count > kMaxParts || split.number < 0 || split.number >= split.count) {
    return Error{ErrorCode::kInvalid, file.what() + ": part " + std::to_string(split.number) + " of " +
                                          std::to_string(split.count) + " is not possible"};
  }
  return split;
}

// "model" + part 2 of 3 -> "model-00003-of-00003.gguf", parts counted from 0.
std::string PartName(std::string_view stem, int64_t number, int64_t count) {
  return fmt::format("{}-{:05}-of-{:05}.gguf", stem, number + 1, count);
}

Result<std::vector<std::shared_ptr<const GgufFile>>> OpenParts(const fs::path& path) {
  ASSIGN_OR_RETURN(std::shared_ptr<const GgufFile> given, GgufFile::Open(path));
  std::vector<std::shared_ptr<const GgufFile>> parts = {given};
  ASSIGN_OR_RETURN(const Split split, SplitOf(*given));
  if (split.count == 1) return parts;

  const std::string name = path.filename().string(), ending = PartName("", split.number, split.count);
  if (!name.ends_with(ending)) {
    return Error{ErrorCode::kInvalid, path.string() + ": part " + std::to_string(split.number + 1) + " of " +
                                          std::to_string(split.count) + " must have a name that ends in " +
                                          ending};
  }
  const std::string stem = name.substr(0, name.size() - ending.size());
  if (split.number != 0) {
    return Error{ErrorCode::kInvalid, path.string() +
                                          ": this is a later part of a split model; open its first part, " +
                                          PartName(stem, 0, split.count)};
  }
  int64_t tensors = static_cast<int64_t>(given->tensors().size());
  for (int64_t i = 1; i < split.count; ++i) {
    const fs::path beside = path.parent_path() / PartName(stem, i, split.count);
    ASSIGN_OR_RETURN(std::shared_ptr<const GgufFile> part, GgufFile::Open(beside));
    ASSIGN_OR_RETURN(const Split its, SplitOf(*part));
    if (its.number != i || its.count != split.count) {
      return Error{ErrorCode::kInvalid, beside.string() + ": its metadata does not say part " +
                                            std::to_string(i + 1) + " of " + std::to_string(split.count)};
    }
    tensors += static_cast<int64_t>(part->tensors().size());
    parts.push_back(std::move(part));
  }
  if (tensors != split.tensors) {
    return Error{ErrorCode::kInvalid, path.string() + ": the parts hold " + std::to_string(tensors) +
                                          " tensors, but the first promises " +
                                          std::to_string(split.tensors)};
  }
  return parts;
}

}  // namespace

Result<std::unique_ptr<const Checkpoint>> OpenGgufCheckpoint(const fs::path& path) {
  ASSIGN_OR_RETURN(std::vector<std::shared_ptr<const GgufFile>> parts, OpenParts(path));
  return GgufCheckpoint::From(path, std::move(parts), /*mapped=*/true);
}

Result<std::unique_ptr<const Checkpoint>> GgufCheckpointFrom(std::shared_ptr<const GgufFile> file) {
  ASSIGN_OR_RETURN(const Split split, SplitOf(*file));
  if (split.count != 1) {
    return Error{ErrorCode::kUnsupported, file->what() + ": one part of a split model"};
  }
  const fs::path path = file->what();
  return GgufCheckpoint::From(path, {std::move(file)}, /*mapped=*/false);
}

}  // namespace mains
