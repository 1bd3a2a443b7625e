// A checkpoint: a configuration and named tensors, from a Hugging Face folder or a GGUF file. Models
// see one spelling only, that of the original checkpoint (config.json keys, safetensors names): for
// GGUF, gguf_names.cc translates metadata into config keys and HF names into GGUF names.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/json.h"
#include "tensor/weight.h"

namespace mains {

// A tensor as stored: dims row-major (outermost first), bytes inside a mapped file.
struct StoredTensor {
  std::string name;  // in the original checkpoint's spelling
  DType dtype = DType::kF32;
  // The file's own name of an element type that nothing here can read ("F8_E5M2", "NVFP4"), else
  // empty. Such a tensor is listed, dtype says nothing about it, and whoever needs it is refused.
  std::string foreign_type;
  std::vector<int64_t> dims;
  const std::byte* data = nullptr;
  int64_t bytes = 0;
  std::shared_ptr<const void> owner;
};

class Checkpoint {
 public:
  enum class Source { kHuggingFace, kGguf };

  // A folder with config.json and *.safetensors (single, or sharded with an index), or a .gguf file
  // (for split files, the first part). All structure is verified here: after Open no tensor can lie
  // outside its file.
  static Result<std::unique_ptr<const Checkpoint>> Open(const std::filesystem::path& model);
  virtual ~Checkpoint() = default;

  virtual Source source() const = 0;
  const std::filesystem::path& path() const { return path_; }
  const Json& config() const { return config_; }
  // The tensor of that name, or null. Pointers stay valid as long as the checkpoint.
  virtual const StoredTensor* Find(std::string_view name) const = 0;
  virtual std::vector<std::string> Names() const = 0;
  // All bytes of the mapped files.
  virtual int64_t file_bytes() const = 0;
  // Bytes of a tensor that are not needed any more: if they lie in a mapped file, the pages that are wholly
  // theirs leave this process's memory. They can be read again, from the file.
  void DropPages(const std::byte* data, int64_t bytes) const;

 protected:
  bool mapped_ = false;  // tensors lie in mapped files, not in memory of somebody's own
  std::filesystem::path path_;
  Json config_;
};

}  // namespace mains
