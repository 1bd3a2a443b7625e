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

// Ranges of a job that one thread has before it: it takes them from the front, others from the back. So each
// thread goes through its part of a weight as one stream, which is what the processor's prefetching sees, and
// none waits while there is work. Two numbers of 32 bits in one word: the first range left, and the end.
class alignas(64) Share {
 public:
  void Set(uint64_t begin, uint64_t end) { span_.store(end << 32 | begin, std::memory_order_relaxed); }
  // A range, or -1 if none is left.
  int64_t TakeFront() {
    return Take([](uint64_t begin, uint64_t end) { return Taken{begin, begin + 1, end}; });
  }
  int64_t TakeBack() {
    return Take([](uint64_t begin, uint64_t end) { return Taken{end - 1, begin, end - 1}; });
  }

 private:
  struct Taken {
    uint64_t range, begin, end;
  };
  template <typename F>
  int64_t Take(const F& take) {
    uint64_t span = span_.load(std::memory_order_relaxed);
    for (;;) {
      const uint64_t begin = span & 0xFFFF'FFFF, end = span >> 32;
      if (begin >= end) return -1;
      const Taken t = take(begin, end);
      if (span_.compare_exchange_weak(span, t.end << 32 | t.begin, std::memory_order_relaxed))
        return static_cast<int64_t>(t.range);
    }
  }
  std::atomic<uint64_t> span_{0};
};

}  // namespace

struct ThreadPool::Impl {
  struct Job {
    const std::function<void(int64_t, int64_t, int)>* body = nullptr;
    int64_t count = 0;
    int64_t grain = 1;
  };

  Job job;
  std::vector<Share> shares;           // one per thread
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
    const auto run = [&](int64_t range) {
      const int64_t begin = range * job.grain;
      (*job.body)(begin, std::min(begin + job.grain, job.count), thread);
    };
    try {
      Share& own = shares[static_cast<size_t>(thread)];
      for (int64_t range; (range = own.TakeFront()) >= 0;) run(range);
      for (size_t i = 1; i < shares.size(); ++i) {
        Share& other = shares[(static_cast<size_t>(thread) + i) % shares.size()];
        for (int64_t range; (range = other.TakeBack()) >= 0;) run(range);
      }
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      for (Share& share : shares) share.Set(0, 0);  // the rest need not run
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
  impl_->shares = std::vector<Share>(static_cast<size_t>(threads));
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
  const uint64_t ranges = static_cast<uint64_t>((count + grain - 1) / grain), threads = impl_->shares.size();
  CHECK(ranges < uint64_t{1} << 32) << ranges;
  for (uint64_t i = 0; i < threads; ++i)
    impl_->shares[i].Set(ranges * i / threads, ranges * (i + 1) / threads);
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
