#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <vector>

namespace mains {
namespace {

// Closes the descriptor on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

Error FileError(const std::filesystem::path& path, const char* action, int error_number) {
  const ErrorCode code = error_number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return {code, path.string() + ": cannot " + action + ": " + ErrnoMessage(error_number)};
}

Result<struct stat> StatRegular(const Descriptor& fd, const std::filesystem::path& path) {
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return FileError(path, "stat", errno);
  if (!S_ISREG(info.st_mode)) return Error{ErrorCode::kInvalid, path.string() + ": not a regular file"};
  return info;
}

Status WriteAll(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return FileError(path, "write", errno);
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Status SyncFolder(const std::filesystem::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) return FileError(folder, "open", errno);
  if (::fsync(fd.get()) != 0) return FileError(folder, "sync", errno);
  return {};
}

}  // namespace

std::string ErrnoMessage(int error_number) {
  return std::error_code(error_number, std::generic_category()).message();
}

Result<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::filesystem::path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return FileError(path, "open", errno);
  ASSIGN_OR_RETURN(const struct stat info, StatRegular(fd, path));

  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  file->size_ = static_cast<size_t>(info.st_size);
  if (file->size_ > 0) {  // mmap refuses length 0; an empty file is an empty span
    void* data = ::mmap(nullptr, file->size_, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (data == MAP_FAILED) return FileError(path, "map", errno);
    file->data_ = static_cast<const std::byte*>(data);
  }
  return std::shared_ptr<const MappedFile>(std::move(file));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

Result<std::string> ReadFile(const std::filesystem::path& path, int64_t max_bytes) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return FileError(path, "open", errno);
  ASSIGN_OR_RETURN(const struct stat info, StatRegular(fd, path));
  if (info.st_size > max_bytes) {
    return Error{ErrorCode::kResource, path.string() + ": " + std::to_string(info.st_size) +
                                           " bytes, more than the limit of " + std::to_string(max_bytes)};
  }
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::read(fd.get(), bytes.data() + have, bytes.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(path, "read", errno);
    if (n == 0) return Error{ErrorCode::kIo, path.string() + ": the file shrank while it was read"};
    have += static_cast<size_t>(n);
  }
  return bytes;
}

Status WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes) {
  ASSIGN_OR_RETURN(const std::unique_ptr<AtomicFile> file, AtomicFile::Create(path));
  RETURN_IF_ERROR(file->Write(bytes));
  return file->Commit();
}

Result<std::unique_ptr<AtomicFile>> AtomicFile::Create(const std::filesystem::path& path) {
  std::unique_ptr<AtomicFile> file(new AtomicFile);
  std::string name = path.string() + ".XXXXXX";
  file->fd_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (file->fd_ < 0) return FileError(path, "create a temporary beside", errno);
  file->path_ = path;
  file->temporary_ = std::move(name);
  return file;
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Status AtomicFile::Write(std::string_view bytes) {
  return WriteAll(fd_, bytes, temporary_);
}

Status AtomicFile::Commit() {
  if (::fchmod(fd_, 0644) != 0) return FileError(temporary_, "set the mode of", errno);
  if (::fsync(fd_) != 0) return FileError(temporary_, "sync", errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return FileError(path_, "rename to", errno);
  temporary_.clear();
  return SyncFolder(path_.has_parent_path() ? path_.parent_path() : ".");
}

}  // namespace mains
