// A file beside a model with its weights as --weights rounded and packed them, so that the next start only
// maps it:
// "<file>.gguf.mains-q4", "<folder>/weights.mains-q4". It is found by a fingerprint of the checkpoint, never
// shared between versions of the layout, written whole or not at all, and may be deleted at any time.
//
//   "MAINSPW1", zeros up to 4,096
//   the packed matrices, each from a multiple of 4,096
//   JSON: {"fingerprint", "layout", "matrices": [["tensor@byte type rowsxcols", offset, bytes], ...]}
//   u64 offset of the JSON, u64 bytes of it, its SHA-256 (32 bytes), "MAINSPW1"
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "io/checkpoint.h"
#include "io/json.h"
#include "tensor/weight.h"

namespace mains {

// Not thread-safe.
class RoundedCache {
 public:
  // "weights.mains-q4" in the folder, or "<file>.mains-q4"; empty for kNative.
  static std::filesystem::path PathOf(const std::filesystem::path& model, WeightPrecision precision);
  // The file that belongs to this checkpoint and precision, or the beginning of one. Fails where neither is
  // possible: the model lies in no files, or its folder cannot be written.
  static Result<std::unique_ptr<RoundedCache>> Open(const Checkpoint& checkpoint, WeightPrecision precision);

  const std::filesystem::path& path() const { return path_; }
  // Whether there was a file that fits: then matrices are found, else they are added.
  bool found() const { return map_ != nullptr; }
  // The packed bytes of the matrix at `data` in the checkpoint, or null. `target` tells its type and shape;
  // they live as long as `owner()`.
  const std::byte* Find(const std::byte* data, const Weight& target) const;
  std::shared_ptr<const void> owner() const { return map_; }
  // After the first failure, to be found by Commit, nothing more is written.
  void Add(const std::byte* data, const Weight& target, const std::byte* packed);
  // After the last matrix, if the file is new.
  Status Commit();

 private:
  explicit RoundedCache(const Checkpoint& checkpoint);
  bool Read();
  std::string KeyOf(const std::byte* data, const Weight& target) const;

  std::filesystem::path path_;
  std::string fingerprint_;
  std::map<const std::byte*, const StoredTensor*> by_place_;
  std::shared_ptr<const MappedFile> map_;
  std::map<std::string, std::span<const std::byte>> places_;
  std::unique_ptr<AtomicFile> file_;
  int64_t written_ = 0;
  Json matrices_ = Json::array();
  Status failure_;
};

}  // namespace mains
