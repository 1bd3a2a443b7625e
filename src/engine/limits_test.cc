// What a session refuses, that refusing changes nothing, and that memory that cannot be had is an
// error like any other.
#include <atomic>
#include <cstdlib>
#include <new>

#include "base/thread_pool.h"
#include "engine/golden.h"
#include "engine/state.h"
#include "nn/language_model.h"

// Every allocation of this test program goes through here, so that the n-th from now can fail, on
// whatever thread it happens.
namespace {

constexpr long kNever = -1;
std::atomic<long> allocations_left{kNever};

bool AllocationFails() {
  if (allocations_left.load(std::memory_order_relaxed) == kNever) return false;
  long left = allocations_left.load();
  while (left != kNever && !allocations_left.compare_exchange_weak(left, left - 1)) {
  }
  return left == 0;  // the next value is kNever: only one fails
}

}  // namespace

// Not inlined: the compiler would see free() meet operator new and warn.
[[gnu::noinline]] void* operator new(size_t size) {
  void* memory = AllocationFails() ? nullptr : std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
// Pages and activations come from here.
extern "C" void* aligned_alloc(size_t alignment, size_t size) {
  void* memory = nullptr;
  return AllocationFails() || posix_memalign(&memory, alignment, size) != 0 ? nullptr : memory;
}

namespace mains {
namespace {

constexpr int64_t kContext = 200;

std::unique_ptr<Engine> Load(const std::string& golden, EngineOptions options = {}) {
  options.max_context = kContext;
  options.threads = 2;
  options.state_dtype = DType::kF32;
  if (options.state_bytes == 0) options.state_bytes = int64_t{64} << 20;
  return std::move(Engine::Load(testing::GoldenDir() / golden, options)).value();
}

std::vector<int32_t> Ids(int64_t n) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < n; ++i) ids.push_back(static_cast<int32_t>(i * 37 % 128));
  return ids;
}

// What must not change when a call fails.
struct Snapshot {
  explicit Snapshot(const Session& s) : ids(s.ids()), logits(s.logits().begin(), s.logits().end()) {}
  std::vector<int32_t> ids;
  std::vector<float> logits;
  bool operator==(const Snapshot&) const = default;
};

// That a session goes on as if nothing had happened to it.
void ExpectHealthy(Engine& engine, Session& session) {
  const std::vector<int32_t> next = {3, 1, 4};
  ASSERT_TRUE(session.Append(next).ok());
  const std::unique_ptr<Session> fresh = engine.NewSession();
  std::vector<int32_t> all = session.ids();
  ASSERT_TRUE(fresh->Append(std::span(all).first(all.size() - 3)).ok());
  ASSERT_TRUE(fresh->Append(next).ok());
  EXPECT_EQ(Snapshot(*fresh), Snapshot(session));
  session.Truncate(session.length() - 3);
}

TEST(Limits, IdsOutsideTheVocabularyAreRefused) {
  const std::unique_ptr<Engine> engine = Load("qwen3");
  const std::unique_ptr<Session> session = engine->NewSession();
  ASSERT_TRUE(session->Append(Ids(10)).ok());
  const Snapshot before(*session);
  for (int32_t bad : {-1, 128, 129, INT32_MAX, INT32_MIN}) {
    for (size_t at : {size_t{0}, size_t{3}, size_t{599}}) {
      std::vector<int32_t> ids(at + 1, 5);
      ids[at] = bad;
      const Status status = session->Append(ids);
      ASSERT_FALSE(status.ok());
      EXPECT_EQ(status.error().code, ErrorCode::kInvalid);
      EXPECT_NE(status.error().message.find("id " + std::to_string(bad) + " at index " + std::to_string(at)),
                std::string::npos)
          << status.error().message;
      EXPECT_EQ(Snapshot(*session), before);
      EXPECT_EQ(engine
                    ->EvaluateAll(ids, TokenKind::kPrompt,
                                  [](int64_t, const Tensor&) {
                                    ADD_FAILURE();
                                    return Status();
                                  })
                    .error()
                    .code,
                ErrorCode::kInvalid);
    }
  }
  const std::vector<int32_t> edges = {0, 127};
  EXPECT_TRUE(session->Append(edges).ok());
  ExpectHealthy(*engine, *session);
}

TEST(Limits, TheContextIsExact) {
  for (TokenKind kind : {TokenKind::kPrompt, TokenKind::kGenerated}) {
    const std::unique_ptr<Engine> engine = Load("qwen3");
    EXPECT_EQ(engine->max_context(), kContext);
    for (int64_t first : {int64_t{0}, int64_t{1}, int64_t{150}, kContext - 1, kContext}) {
      const std::unique_ptr<Session> session = engine->NewSession();
      ASSERT_TRUE(session->Append(Ids(first)).ok());
      const Snapshot before(*session);
      const Status over = session->Append(Ids(kContext - first + 1), kind);
      ASSERT_FALSE(over.ok()) << first;
      EXPECT_EQ(over.error().code, ErrorCode::kInvalid);
      EXPECT_NE(over.error().message.find("201 tokens exceed the context of 200"), std::string::npos)
          << over.error().message;
      EXPECT_EQ(Snapshot(*session), before);
      if (first < kContext) {
        ASSERT_TRUE(session->Append(Ids(kContext - first - 1), kind).ok()) << "one less";
      }
      EXPECT_TRUE(session->Append(Ids(kContext - session->length()), kind).ok()) << "exactly full";
      EXPECT_EQ(session->length(), kContext);
      EXPECT_FALSE(session->Append(Ids(1), kind).ok());
      EXPECT_EQ(session->length(), kContext);
    }
  }
}

TEST(Limits, AppendingNothingIsFine) {
  const std::unique_ptr<Engine> engine = Load("qwen3");
  const std::unique_ptr<Session> session = engine->NewSession();
  EXPECT_TRUE(session->Append({}).ok());
  EXPECT_TRUE(session->logits().empty());
  ASSERT_TRUE(session->Append(Ids(3)).ok());
  const Snapshot before(*session);
  EXPECT_TRUE(session->Append({}, TokenKind::kGenerated).ok());
  StepItem item{session.get(), {}};
  engine->Step({&item, 1});
  EXPECT_TRUE(item.status.ok());
  engine->Step({});
  EXPECT_EQ(Snapshot(*session), before);
}

TEST(Limits, ARefusedItemDoesNotDisturbItsStep) {
  const std::unique_ptr<Engine> engine = Load("qwen3_moe");
  const std::unique_ptr<Session> a = engine->NewSession(), b = engine->NewSession(), c = engine->NewSession();
  ASSERT_TRUE(b->Append(Ids(kContext)).ok());
  const Snapshot before(*b);
  const std::vector<int32_t> ids = Ids(20), wrong = {500};
  std::vector<StepItem> items = {{a.get(), ids, TokenKind::kPrompt},
                                 {b.get(), ids, TokenKind::kPrompt},
                                 {c.get(), wrong, TokenKind::kPrompt}};
  engine->Step(items);
  EXPECT_TRUE(items[0].status.ok());
  EXPECT_EQ(items[1].status.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(items[2].status.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(Snapshot(*b), before);
  EXPECT_EQ(c->length(), 0);
  const std::unique_ptr<Session> fresh = engine->NewSession();
  ASSERT_TRUE(fresh->Append(ids).ok());
  EXPECT_EQ(Snapshot(*a), Snapshot(*fresh));
}

TEST(Limits, FullStateIsAnErrorThatPasses) {
  EngineOptions options;
  {
    const std::unique_ptr<Engine> probe = Load("qwen3");
    options.state_bytes = 3 * probe->state_bytes_per_token() * kPagePositions;
  }
  options.prompt_chunk = 50;
  const std::unique_ptr<Engine> engine = Load("qwen3", options);
  std::unique_ptr<Session> a = engine->NewSession();
  const std::unique_ptr<Session> b = engine->NewSession();
  ASSERT_TRUE(a->Append(Ids(100)).ok());  // two of three pages
  ASSERT_TRUE(b->Append(Ids(10)).ok());
  const int64_t used = engine->state_bytes_used();
  EXPECT_EQ(used, options.state_bytes);

  const Snapshot before(*b);
  const Status full = b->Append(Ids(120));  // its first chunk fits, its second does not
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, ErrorCode::kResource);
  EXPECT_EQ(Snapshot(*b), before);
  EXPECT_EQ(engine->state_bytes_used(), used);
  // A fork shares, but its first token of its own needs a page.
  const std::unique_ptr<Session> fork = b->Fork();
  EXPECT_EQ(fork->Append(Ids(1)).error().code, ErrorCode::kResource);
  EXPECT_EQ(Snapshot(*fork), before);
  // Where there is room in the last page, and one owner, nothing is needed.
  ASSERT_TRUE(a->Append(Ids(20)).ok());

  a.reset();
  EXPECT_TRUE(fork->Append(Ids(1)).ok());
  ASSERT_TRUE(b->Append(Ids(50)).ok());
  EXPECT_EQ(engine->state_bytes_used(), 2 * engine->state_bytes_per_token() * kPagePositions);
}

TEST(Limits, CancellingLeavesTheSessionAsItWas) {
  EngineOptions options;
  options.prompt_chunk = 30;
  const std::unique_ptr<Engine> engine = Load("deepseek_v3", options);
  const std::unique_ptr<Session> session = engine->NewSession();
  ASSERT_TRUE(session->Append(Ids(40)).ok());
  const Snapshot before(*session);
  const int64_t used = engine->state_bytes_used();
  for (int stop_at : {1, 2, 5}) {
    int calls = 0;
    const Status status = session->Append(Ids(150), TokenKind::kPrompt, [&](double done, const char*) {
      EXPECT_DOUBLE_EQ(done, ++calls * 0.2);
      return calls < stop_at;
    });
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kCancelled);
    EXPECT_EQ(calls, stop_at);
    EXPECT_EQ(Snapshot(*session), before);
    EXPECT_EQ(engine->state_bytes_used(), used);
  }
  ExpectHealthy(*engine, *session);
}

// Runs `call` again and again, failing its first, second, third ... allocation, until it makes none
// that fails. After each failure `check` looks at what is left.
template <typename Call, typename Check>
int FailEveryAllocation(const Call& call, const Check& check) {
  int failures = 0;
  for (long n = 0;; ++n) {
    allocations_left = n;
    const bool ok = call();
    const bool failed_one = allocations_left.exchange(kNever) == kNever;
    if (!failed_one) {
      EXPECT_TRUE(ok) << "no allocation failed";
      return failures;
    }
    failures += !ok;
    check(ok);
    if (::testing::Test::HasFatalFailure() || n > 100'000) return failures;
  }
}

TEST(OutOfMemory, AnAppendFailsCleanlyAtEveryAllocation) {
  for (const std::string golden : {"qwen3", "deepseek_v3"}) {
    SCOPED_TRACE(golden);
    EngineOptions options;
    options.prompt_chunk = 5;
    const std::unique_ptr<Engine> engine = Load(golden, options);
    std::unique_ptr<Session> session = engine->NewSession();
    ASSERT_TRUE(session->Append(Ids(60)).ok());
    const std::unique_ptr<Session> shares = session->Fork();
    const Snapshot before(*session);
    const std::vector<int32_t> more = Ids(9);  // into the next page
    const int failures = FailEveryAllocation(
        [&] {
          const Status status = session->Append(more);
          if (!status.ok()) {
            EXPECT_EQ(status.error().code, ErrorCode::kResource) << status.error().message;
          }
          return status.ok();
        },
        [&](bool ok) {
          if (!ok) {
            ASSERT_EQ(Snapshot(*session), before);
          }
          session = shares->Fork();
          ASSERT_EQ(Snapshot(*shares), before);
        });
    EXPECT_GT(failures, 20);
    ExpectHealthy(*engine, *session);
    session.reset();
    ExpectHealthy(*engine, *shares);
    EXPECT_EQ(engine->state_bytes_used(), engine->state_bytes_per_token() * kPagePositions);
  }
}

TEST(OutOfMemory, GuessingAheadFailsCleanlyAtEveryAllocation) {
  EngineOptions options;
  options.draft = 3;
  const std::unique_ptr<Engine> engine = Load("deepseek_v32", options);
  for (const int64_t length : {10, 62}) {
    for (const auto& [count, kind] :
         {std::pair(1, TokenKind::kGenerated), std::pair(20, TokenKind::kPrompt)}) {
      const std::unique_ptr<Session> shares = engine->NewSession();
      ASSERT_TRUE(shares->Append(Ids(length)).ok());
      std::unique_ptr<Session> session = shares->Fork();
      const Snapshot before(*session);
      const std::vector<int32_t> more = Ids(count);
      const int failures = FailEveryAllocation(
          [&] {
            const Status status = session->Append(more, kind);
            if (!status.ok()) {
              EXPECT_EQ(status.error().code, ErrorCode::kResource) << status.error().message;
            }
            return status.ok();
          },
          [&](bool ok) {
            if (!ok) {
              ASSERT_EQ(Snapshot(*session), before);
              ASSERT_TRUE(session->Append(more, kind).ok());
            }
            ASSERT_EQ(session->length(), length + count);
            session = shares->Fork();
            ASSERT_EQ(Snapshot(*shares), before);
          });
      EXPECT_GT(failures, 20);
      session.reset();
      ExpectHealthy(*engine, *shares);
    }
  }
}

TEST(OutOfMemory, AStepIsDoneOrNotDoneForEachSession) {
  const std::unique_ptr<Engine> engine = Load("glm4_moe");
  const std::vector<int32_t> first = Ids(5), second = Ids(2);
  std::unique_ptr<Session> a, b;
  const auto renew = [&] {
    a = engine->NewSession();
    b = engine->NewSession();
    ASSERT_TRUE(a->Append(Ids(62)).ok());
    ASSERT_TRUE(b->Append(Ids(5)).ok());
  };
  renew();
  const Snapshot a_before(*a), b_before(*b);
  std::vector<StepItem> items;
  items.reserve(2);
  const int failures = FailEveryAllocation(
      [&] {
        items.clear();
        items.push_back({a.get(), first, TokenKind::kPrompt});
        items.push_back({b.get(), second, TokenKind::kGenerated});
        engine->Step(items);
        return items[0].status.ok() && items[1].status.ok();
      },
      [&](bool) {
        for (const StepItem& item : items) {
          const Snapshot& before = item.session == a.get() ? a_before : b_before;
          if (item.status.ok()) {
            ASSERT_EQ(item.session->ids().size(), before.ids.size() + item.ids.size());
          } else {
            ASSERT_EQ(item.status.error().code, ErrorCode::kResource);
            ASSERT_EQ(Snapshot(*item.session), before);
          }
        }
        renew();
      });
  EXPECT_GT(failures, 20);
  ExpectHealthy(*engine, *a);
  ExpectHealthy(*engine, *b);
  a.reset();
  b.reset();
  EXPECT_EQ(engine->state_bytes_used(), 0);
}

TEST(OutOfMemory, EvaluateAllFailsCleanly) {
  EngineOptions options;
  options.prompt_chunk = 3;
  const std::unique_ptr<Engine> engine = Load("kimi_k2_int4", options);
  const std::vector<int32_t> ids = Ids(5);
  const Engine::LogitsSink sink = [](int64_t, const Tensor&) { return Status(); };
  const int failures = FailEveryAllocation(
      [&] {
        const Status status = engine->EvaluateAll(ids, TokenKind::kPrompt, sink);
        if (!status.ok()) {
          EXPECT_EQ(status.error().code, ErrorCode::kResource);
        }
        return status.ok();
      },
      [&](bool) { ASSERT_EQ(engine->state_bytes_used(), 0); });
  EXPECT_GT(failures, 10);
}

// A body that throws on some thread: the caller gets the exception once all threads are done with the
// body, and the pool works as before.
TEST(OutOfMemory, ThreadPoolsCarryExceptionsToTheCaller) {
  for (int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    for (int64_t bad : {0, 1, 50, 99}) {
      EXPECT_THROW(pool.ParallelFor(100, 1,
                                    [&](int64_t begin, int64_t, int) {
                                      if (begin == bad) throw std::bad_alloc();
                                    }),
                   std::bad_alloc);
      std::atomic<int> hits{0};
      pool.ParallelFor(100, 1, [&](int64_t, int64_t, int) { ++hits; });
      EXPECT_EQ(hits, 100);
    }
  }
}

}  // namespace
}  // namespace mains
