// What sequences remember, in pages of 64 positions that sequences share. A page holds all streams of
// all layers for its positions. Appending to a shared page copies it first, so that forking costs
// nothing and nobody sees anybody else's tokens.
//
// Not thread-safe: used by the engine, one step at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "ops/batch.h"

namespace mains {

// Where each stream lies in a page.
class StateFormat {
 public:
  StateFormat(const std::vector<int64_t>& widths, DType dtype);
  std::span<const StateStream> streams() const { return streams_; }
  int64_t page_bytes() const { return page_bytes_; }
  int64_t bytes_per_position() const { return page_bytes_ / kPagePositions; }
  DType dtype() const { return dtype_; }

 private:
  std::vector<StateStream> streams_;
  int64_t page_bytes_ = 0;
  DType dtype_;
};

// Reference-counted pages. Freed pages are kept and used again.
class PagePool {
 public:
  PagePool(int64_t page_bytes, int64_t max_pages) : page_bytes_(page_bytes), max_pages_(max_pages) {}
  ~PagePool();
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  // A page with one reference; fails when the limit or the memory is reached.
  Result<std::byte*> Allocate();
  void AddReference(std::byte* page) { ++Head(page).references; }
  void Release(std::byte* page);
  bool Shared(const std::byte* page) const { return Head(page).references > 1; }

  int64_t page_bytes() const { return page_bytes_; }
  int64_t max_pages() const { return max_pages_; }
  int64_t used_pages() const { return used_; }

 private:
  // Before each page's data, a cache line of its own.
  struct alignas(64) PageHead {
    int64_t references;
    std::byte* next_free;  // of a free page; giving one back must not need memory
  };
  static PageHead& Head(std::byte* page) { return reinterpret_cast<PageHead*>(page)[-1]; }
  static const PageHead& Head(const std::byte* page) { return reinterpret_cast<const PageHead*>(page)[-1]; }

  int64_t page_bytes_, max_pages_;
  int64_t used_ = 0;
  std::byte* free_ = nullptr;
};

// The state of one sequence: positions [0, length).
class SequenceState {
 public:
  explicit SequenceState(PagePool& pool) : pool_(&pool) {}
  ~SequenceState() { Truncate(0); }
  SequenceState(SequenceState&& other) noexcept;
  SequenceState& operator=(SequenceState&&) = delete;

  int64_t length() const { return length_; }
  // Pages for `count` more positions, of which none is shared. On failure nothing has changed.
  Status Reserve(int64_t count) { return Reserve(count, length_); }
  // The same for who also writes again what is at positions [from, length).
  Status Reserve(int64_t count, int64_t from);
  // The reserved positions have been written.
  void Commit(int64_t count);
  // Forgets positions [length, ...) and gives back pages that hold nothing else.
  void Truncate(int64_t length);
  SequenceState Fork() const;
  std::byte* const* pages() const { return pages_.data(); }
  int64_t page_count() const { return static_cast<int64_t>(pages_.size()); }

 private:
  PagePool* pool_;
  std::vector<std::byte*> pages_;
  int64_t length_ = 0;
};

}  // namespace mains
