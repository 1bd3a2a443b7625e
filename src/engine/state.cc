#include "engine/state.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/huge_pages.h"

namespace mains {

StateFormat::StateFormat(const std::vector<int64_t>& widths, DType dtype) : dtype_(dtype) {
  for (int64_t width : widths) {
    streams_.push_back({width, dtype, page_bytes_});
    // Each stream's part of a page starts on a cache line.
    page_bytes_ += (kPagePositions * ByteSize(dtype, width) + 63) / 64 * 64;
  }
}

PagePool::~PagePool() {
  CHECK_EQ(used_, 0);
  while (free_ != nullptr) std::free(&Head(std::exchange(free_, Head(free_).next_free)));
}

Result<std::byte*> PagePool::Allocate() {
  if (used_ >= max_pages_) {
    return Error{ErrorCode::kResource, "the memory for conversations is full (" + std::to_string(max_pages_) +
                                           " pages of " + std::to_string(kPagePositions) + " tokens)"};
  }
  std::byte* page = nullptr;
  if (free_ != nullptr) {
    page = std::exchange(free_, Head(free_).next_free);
  } else {
    const size_t bytes = (sizeof(PageHead) + static_cast<size_t>(page_bytes_) + 63) / 64 * 64;
    void* memory = std::aligned_alloc(64, bytes);
    if (memory == nullptr) {
      return Error{ErrorCode::kResource, "out of memory: a page of " + std::to_string(page_bytes_) +
                                             " bytes for " + std::to_string(kPagePositions) + " more tokens"};
    }
    PreferHugePages(memory, bytes);
    page = static_cast<std::byte*>(memory) + sizeof(PageHead);
  }
  new (&Head(page)) PageHead{1, nullptr};
  ++used_;
  return page;
}

void PagePool::Release(std::byte* page) {
  if (--Head(page).references > 0) return;
  Head(page).next_free = std::exchange(free_, page);
  --used_;
}

SequenceState::SequenceState(SequenceState&& other) noexcept
    : pool_(other.pool_), pages_(std::move(other.pages_)), length_(std::exchange(other.length_, 0)) {
  other.pages_.clear();
}

Status SequenceState::Reserve(int64_t count, int64_t from) {
  const size_t keep = pages_.size(), first = static_cast<size_t>(from / kPagePositions);
  size_t copies = 0;
  for (size_t i = first; i < keep && count > 0; ++i) copies += pool_->Shared(pages_[i]) ? 1 : 0;
  const size_t needed = static_cast<size_t>((length_ + count + kPagePositions - 1) / kPagePositions);
  const size_t total = std::max(needed, keep) + copies;
  // The list grows before a page is taken that it would have to hold; twofold, so that generating token
  // by token copies it seldom.
  if (total > pages_.capacity()) pages_.reserve(std::max(total, 2 * keep));

  while (pages_.size() < total) {
    Result<std::byte*> page = pool_->Allocate();
    if (!page.ok()) {
      for (; pages_.size() > keep; pages_.pop_back()) pool_->Release(pages_.back());
      return page.error();
    }
    pages_.push_back(*page);
  }
  for (size_t i = first; i < keep && copies > 0; ++i) {
    if (!pool_->Shared(pages_[i])) continue;
    std::memcpy(pages_.back(), pages_[i], static_cast<size_t>(pool_->page_bytes()));
    std::swap(pages_[i], pages_.back());
    pool_->Release(pages_.back());
    pages_.pop_back();
    --copies;
  }
  return {};
}

void SequenceState::Commit(int64_t count) {
  length_ += count;
  CHECK_LE(length_, page_count() * kPagePositions);
}

void SequenceState::Truncate(int64_t length) {
  length_ = std::min(length_, length);
  const size_t keep = static_cast<size_t>((length_ + kPagePositions - 1) / kPagePositions);
  for (; pages_.size() > keep; pages_.pop_back()) pool_->Release(pages_.back());
}

SequenceState SequenceState::Fork() const {
  SequenceState copy(*pool_);
  // Pages reserved beyond the length hold nothing yet and stay with the original.
  const size_t used = static_cast<size_t>((length_ + kPagePositions - 1) / kPagePositions);
  copy.pages_.assign(pages_.begin(), pages_.begin() + static_cast<std::ptrdiff_t>(used));
  for (std::byte* page : copy.pages_) pool_->AddReference(page);
  copy.length_ = length_;
  return copy;
}

}  // namespace mains
