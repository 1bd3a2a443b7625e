#include "io/checkpoint.h"

#include <sys/mman.h>
#include <unistd.h>

#include "io/gguf_checkpoint.h"
#include "io/hf_checkpoint.h"

namespace mains {

Result<std::unique_ptr<const Checkpoint>> Checkpoint::Open(const std::filesystem::path& model) {
  std::error_code failed;
  const std::filesystem::file_status status = std::filesystem::status(model, failed);
  if (!std::filesystem::exists(status)) {
    return Error{ErrorCode::kNotFound, model.string() + ": there is no such model folder or file"};
  }
  if (std::filesystem::is_directory(status)) return OpenHfCheckpoint(model);
  if (model.extension() == ".gguf") return OpenGgufCheckpoint(model);
  return Error{ErrorCode::kUnsupported,
               model.string() + ": a model is a folder with config.json and *.safetensors, or a .gguf file"};
}

void Checkpoint::DropPages(const std::byte* data, int64_t bytes) const {
  if (!mapped_ || bytes <= 0) return;
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + static_cast<uintptr_t>(bytes)) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace mains
