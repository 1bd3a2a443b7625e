#include "base/arena.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "base/check.h"
#include "base/huge_pages.h"

namespace mains {
namespace {

constexpr int64_t kAlignment = 64;  // a cache line, and the widest vector
constexpr int64_t kMinBlock = int64_t{1} << 20;

}  // namespace

void Arena::Free::operator()(std::byte* p) const {
  std::free(p);
}

void* Arena::Allocate(int64_t bytes) {
  CHECK(bytes >= 0) << bytes;
  bytes = std::max((bytes + kAlignment - 1) / kAlignment * kAlignment, kAlignment);
  live_ += bytes;
  peak_ = std::max(peak_, live_);
  if (mode_ == Mode::kMeasureOnly) return nullptr;

  while (block_ < blocks_.size() && blocks_[block_].size - used_ < bytes) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    const int64_t size = std::max(bytes, kMinBlock);
    void* data = std::aligned_alloc(kAlignment, static_cast<size_t>(size));
    if (data == nullptr) throw std::bad_alloc();
    PreferHugePages(data, static_cast<size_t>(size));
    blocks_.push_back({std::unique_ptr<std::byte, Free>(static_cast<std::byte*>(data)), size});
    used_ = 0;
  }
  void* result = blocks_[block_].data.get() + used_;
  used_ += bytes;
  return result;
}

void Arena::Rewind(Mark mark) {
  CHECK(mark.live <= live_) << mark.live << " > " << live_;
  block_ = mark.block;
  used_ = mark.used;
  live_ = mark.live;
}

}  // namespace mains
