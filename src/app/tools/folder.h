// Reading below one folder and nowhere else: no "..", no absolute path, no symbolic link, no device. Every
// path is resolved by the kernel under those rules (openat2), so that nothing can be swapped between a check
// and its use; where that call is missing, by a walk that opens each part without following links.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mains {

// A file descriptor that is closed at the end.
class FileHandle {
 public:
  explicit FileHandle(int fd = -1) : fd_(fd) {}
  ~FileHandle();
  FileHandle(FileHandle&& other) noexcept : fd_(other.Release()) {}
  FileHandle& operator=(FileHandle&& other) noexcept;
  int get() const { return fd_; }
  int Release();

 private:
  int fd_;
};

struct FolderEntry {
  std::string name;  // as the system has it, any bytes but "/" and NUL
  enum class Kind { kFile, kFolder, kLink, kOther } kind = Kind::kOther;
};

struct FileStart {
  std::string bytes;       // at most what was asked for
  int64_t file_bytes = 0;  // of the whole file, as the system says
};

class Folder {
 public:
  // For tests: kWalk never uses openat2.
  enum class Resolve { kBest, kWalk };

  explicit Folder(std::filesystem::path root, Resolve resolve = Resolve::kBest)
      : root_(std::move(root)), resolve_(resolve) {}

  // The first `max_bytes` bytes of a regular file.
  Result<FileStart> Read(std::string_view path, int64_t max_bytes) const;
  // At most `max_entries`, sorted by name, without "." and ".."; `more` says whether some are left out.
  Result<std::vector<FolderEntry>> List(std::string_view path, size_t max_entries, bool& more) const;

 private:
  Result<FileHandle> Open(std::string_view path, bool folder) const;

  std::filesystem::path root_;
  Resolve resolve_;
};

}  // namespace mains
