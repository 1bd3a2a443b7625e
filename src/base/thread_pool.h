// One persistent pool of threads for the arithmetic. Work is split over outputs, so results never
// depend on the number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace mains {

class ThreadPool {
 public:
  static constexpr double kMinSharedWork = 400'000;

  // `threads` counts the caller: a pool of 1 starts nothing and runs everything in place.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  // Calls body(begin, end, thread) for disjoint ranges that cover [0, count), each at most `grain`
  // long, and returns when all are done. `thread` is in [0, threads()). Every thread begins with a part of
  // its own and goes through it in order; one that is done takes from the ends of the others'. Not reentrant;
  // one caller at a time. If bodies throw (memory that cannot be had), some ranges may not have run, and one
  // of the exceptions is thrown here after all have ended.
  void ParallelFor(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t, int)>& body);
  // The same, in place if all ranges together are `work` operations (a multiply-add, or a number unpacked,
  // each) and that is too little to share: handing work over takes microseconds, and milliseconds where the
  // system has given the other cores away.
  void ParallelFor(int64_t count, int64_t grain, double work,
                   const std::function<void(int64_t, int64_t, int)>& body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mains
