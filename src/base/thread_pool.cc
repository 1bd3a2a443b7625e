#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"

namespace mains {
namespace {

// How often a worker looks for work before it sleeps: verbs follow each other within microseconds,
// and a futex wake costs more than that.
constexpr int kSpins = 4000;

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

struct ThreadPool::Impl {
  struct Job {
    const std::function<void(int64_t, int64_t, int)>* body = nullptr;
    int64_t count = 0;
    int64_t grain = 1;
  };

  Job job;
  std::atomic<int64_t> next{0};
  std::atomic<int64_t> generation{0};  // increases once per ParallelFor
  std::atomic<int> busy{0};            // workers that have not finished this generation
  std::atomic<bool> stop{false};
  std::atomic<bool> running{false};
  std::mutex mutex;
  std::condition_variable wake;
  int sleeping = 0;            // guarded by mutex
  std::exception_ptr failure;  // of this generation; guarded by mutex
  std::vector<std::thread> workers;

  void Work(int thread) {
    try {
      for (;;) {
        const int64_t begin = next.fetch_add(job.grain, std::memory_order_relaxed);
        if (begin >= job.count) return;
        (*job.body)(begin, std::min(begin + job.grain, job.count), thread);
      }
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next.store(job.count, std::memory_order_relaxed);  // the rest need not run
    }
  }

  // Returns when the generation moves past `seen` (true) or the pool stops (false).
  bool AwaitJob(int64_t seen) {
    for (int i = 0; i < kSpins; ++i) {
      if (generation.load(std::memory_order_acquire) != seen) return true;
      if (stop.load(std::memory_order_acquire)) return false;
      Pause();
    }
    std::unique_lock lock(mutex);
    ++sleeping;
    wake.wait(lock, [&] { return generation.load() != seen || stop.load(); });
    --sleeping;
    return !stop.load();
  }

  void Loop(int thread) {
    int64_t seen = 0;
    while (AwaitJob(seen)) {
      ++seen;
      Work(thread);
      busy.fetch_sub(1, std::memory_order_release);
    }
  }
};

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>()) {
  CHECK(threads >= 1) << threads;
  for (int i = 1; i < threads; ++i) impl_->workers.emplace_back([this, i] { impl_->Loop(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stop.store(true);
  }
  impl_->wake.notify_all();
  for (std::thread& worker : impl_->workers) worker.join();
}

int ThreadPool::threads() const {
  return static_cast<int>(impl_->workers.size()) + 1;
}

void ThreadPool::ParallelFor(int64_t count, int64_t grain, double work,
                             const std::function<void(int64_t, int64_t, int)>& body) {
  if (work >= kMinSharedWork) {
    ParallelFor(count, grain, body);
    return;
  }
  CHECK(grain >= 1) << grain;
  for (int64_t begin = 0; begin < count; begin += grain) body(begin, std::min(begin + grain, count), 0);
}

void ThreadPool::ParallelFor(int64_t count, int64_t grain,
                             const std::function<void(int64_t, int64_t, int)>& body) {
  CHECK(grain >= 1) << grain;
  if (count <= 0) return;
  if (impl_->workers.empty() || count <= grain) {
    for (int64_t begin = 0; begin < count; begin += grain) body(begin, std::min(begin + grain, count), 0);
    return;
  }
  CHECK(!impl_->running.exchange(true)) << "ParallelFor is not reentrant";
  impl_->job = {&body, count, grain};
  impl_->next.store(0, std::memory_order_relaxed);
  impl_->busy.store(static_cast<int>(impl_->workers.size()), std::memory_order_relaxed);
  {
    // Under the mutex, so that a worker between its last look and its wait cannot miss the job.
    std::lock_guard lock(impl_->mutex);
    impl_->generation.fetch_add(1, std::memory_order_release);
    if (impl_->sleeping > 0) impl_->wake.notify_all();
  }
  impl_->Work(0);
  for (int i = 0; impl_->busy.load(std::memory_order_acquire) != 0; ++i) {
    // A worker that the system has put aside needs this core more than our spinning does.
    if (i < kSpins) {
      Pause();
    } else {
      std::this_thread::yield();
    }
  }
  impl_->running.store(false);
  if (impl_->failure) std::rethrow_exception(std::exchange(impl_->failure, nullptr));
}

}  // namespace mains
