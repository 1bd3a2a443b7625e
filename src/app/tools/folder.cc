#include "app/tools/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/file.h"
#include "io/quoted.h"

namespace mains {
namespace {

constexpr size_t kMaxPathBytes = 4000;

struct CloseDirectory {
  void operator()(DIR* d) const { closedir(d); }
};

// The parts of a path below the folder; none for the folder itself.
Result<std::vector<std::string>> SplitPath(std::string_view path) {
  const auto refuse = [path](std::string_view why) {
    return Error{ErrorCode::kInvalid, "the path " + Quoted(path) + " " + std::string(why) +
                                          "; only what is in the current folder can be read"};
  };
  if (path.size() > kMaxPathBytes) return refuse("is too long");
  if (path.find('\0') != path.npos) return refuse("contains a NUL character");
  if (path.starts_with('/')) return refuse("begins at the root of the disk");
  if (path == "~" || path.starts_with("~/")) return refuse("begins at the home folder");
  std::vector<std::string> parts;
  while (!path.empty()) {
    const size_t end = path.find('/');
    const std::string_view part = path.substr(0, end);
    if (part == "..") return refuse("leads out of its folder by \"..\"");
    if (!part.empty() && part != ".") parts.emplace_back(part);
    path = end == path.npos ? std::string_view() : path.substr(end + 1);
  }
  return parts;
}

int OpenByKernel(int root, const std::string& path, int flags) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  return static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
}

int OpenByWalk(int root, const std::vector<std::string>& parts, int flags) {
  FileHandle at(openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (size_t i = 0; at.get() >= 0 && i + 1 < parts.size(); ++i) {
    at = FileHandle(openat(at.get(), parts[i].c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  if (at.get() < 0) return -1;
  return openat(at.get(), parts.empty() ? "." : parts.back().c_str(), flags | O_NOFOLLOW);
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string path;
  for (const std::string& part : parts) path += (path.empty() ? "" : "/") + part;
  return path.empty() ? "." : path;
}

Error OpenError(std::string_view path, bool folder, int error) {
  const std::string name = Quoted(path);
  switch (error) {
    case ENOENT:
      return {ErrorCode::kNotFound, std::string("there is no ") + (folder ? "folder " : "file ") + name +
                                        " here; list_files shows what there is"};
    case ELOOP:
    case EXDEV:
      return {ErrorCode::kInvalid, name + " is or passes through a symbolic link; links are not followed"};
    case ENOTDIR:
      return {ErrorCode::kInvalid, folder ? name + " is not a folder"
                                          : "a part of " + name + " is not a folder, or is a symbolic link"};
    default: return {ErrorCode::kIo, name + " cannot be opened: " + ErrnoMessage(error)};
  }
}

// Their files show the state of the system rather than what somebody has put into a folder.
bool IsSystemView(int fd) {
  struct statfs info = {};
  if (fstatfs(fd, &info) != 0) return false;
  return info.f_type == PROC_SUPER_MAGIC || info.f_type == SYSFS_MAGIC || info.f_type == DEBUGFS_MAGIC ||
         info.f_type == SECURITYFS_MAGIC;
}

FolderEntry::Kind KindOf(int folder, const dirent& entry) {
  unsigned char type = entry.d_type;
  if (type == DT_UNKNOWN) {  // some file systems do not say
    struct stat info = {};
    if (fstatat(folder, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) == 0) type = IFTODT(info.st_mode);
  }
  switch (type) {
    case DT_REG: return FolderEntry::Kind::kFile;
    case DT_DIR: return FolderEntry::Kind::kFolder;
    case DT_LNK: return FolderEntry::Kind::kLink;
    default: return FolderEntry::Kind::kOther;
  }
}

}  // namespace

FileHandle::~FileHandle() {
  if (fd_ >= 0) close(fd_);
}

FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

int FileHandle::Release() {
  return std::exchange(fd_, -1);
}

Result<FileHandle> Folder::Open(std::string_view path, bool folder) const {
  ASSIGN_OR_RETURN(const std::vector<std::string> parts, SplitPath(path));
  const FileHandle root(open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (root.get() < 0) return OpenError(root_.string(), true, errno);
  // O_NONBLOCK: opening a pipe that nobody writes to must not wait.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (folder ? O_DIRECTORY : 0);
  int fd = -1;
  errno = ENOSYS;
  if (resolve_ == Resolve::kBest) fd = OpenByKernel(root.get(), Joined(parts), flags);
  // Old kernels lack the call, and sandboxes forbid what they do not know.
  if (fd < 0 && (errno == ENOSYS || errno == EPERM)) fd = OpenByWalk(root.get(), parts, flags);
  if (fd < 0) return OpenError(path, folder, errno);
  FileHandle handle(fd);
  if (IsSystemView(fd)) {
    return Error{ErrorCode::kInvalid,
                 Quoted(path) + " belongs to the system's own views (/proc, /sys); those are not read"};
  }
  return handle;
}

Result<FileStart> Folder::Read(std::string_view path, int64_t max_bytes) const {
  ASSIGN_OR_RETURN(const FileHandle file, Open(path, false));
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) return OpenError(path, false, errno);
  if (S_ISDIR(info.st_mode)) {
    return Error{ErrorCode::kInvalid, Quoted(path) + " is a folder; list_files shows its files"};
  }
  if (!S_ISREG(info.st_mode)) {
    return Error{ErrorCode::kInvalid, Quoted(path) + " is no ordinary file but a device, a pipe or a socket"};
  }
  FileStart start;
  start.file_bytes = info.st_size;
  char buffer[16384];
  while (static_cast<int64_t>(start.bytes.size()) < max_bytes) {
    const size_t wanted =
        std::min(sizeof buffer, static_cast<size_t>(max_bytes - static_cast<int64_t>(start.bytes.size())));
    const ssize_t got = read(file.get(), buffer, wanted);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return OpenError(path, false, errno);
    if (got == 0) break;
    start.bytes.append(buffer, static_cast<size_t>(got));
  }
  start.file_bytes = std::max(start.file_bytes, static_cast<int64_t>(start.bytes.size()));
  return start;
}

Result<std::vector<FolderEntry>> Folder::List(std::string_view path, size_t max_entries, bool& more) const {
  ASSIGN_OR_RETURN(FileHandle handle, Open(path, true));
  const std::unique_ptr<DIR, CloseDirectory> directory(fdopendir(handle.get()));
  if (directory == nullptr) return OpenError(path, true, errno);
  handle.Release();
  more = false;
  std::vector<FolderEntry> entries;
  errno = 0;
  while (const dirent* const entry = readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entries.size() == max_entries) {
      more = true;
      break;
    }
    entries.push_back({name, KindOf(dirfd(directory.get()), *entry)});
    errno = 0;
  }
  if (!more && errno != 0) return OpenError(path, true, errno);
  std::sort(entries.begin(), entries.end(),
            [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
  return entries;
}

}  // namespace mains
