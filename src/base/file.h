// Files: mapped for reading, read whole under a limit, and written whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mains {

// A read-only mapping of a whole file. Shared ownership keeps the bytes alive for the tensors that
// point into them. Immutable, so safe to use from any thread.
class MappedFile {
 public:
  // Fails on directories, unreadable files and files that change size while being opened.
  static Result<std::shared_ptr<const MappedFile>> Open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  MappedFile() = default;
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// The whole file as a string; an error if it is larger than `max_bytes`.
Result<std::string> ReadFile(const std::filesystem::path& path, int64_t max_bytes);

// Writes to a temporary beside `path`, syncs, renames over `path` and syncs the folder: readers see
// the old bytes or the new ones, never a part. The temporary is removed on failure.
Status WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes);

// The same for what is made piece by piece: nobody sees the file before Commit.
class AtomicFile {
 public:
  static Result<std::unique_ptr<AtomicFile>> Create(const std::filesystem::path& path);
  ~AtomicFile();  // without Commit, nothing is left
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  Status Write(std::string_view bytes);
  // Once, and nothing after it.
  Status Commit();

 private:
  AtomicFile() = default;
  std::filesystem::path path_;
  std::string temporary_;  // empty: there is none any more
  int fd_ = -1;
};

// "No such file or directory" and the like for an errno value.
std::string ErrnoMessage(int error_number);

}  // namespace mains
