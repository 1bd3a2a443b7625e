#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "base/arena.h"
#include "base/checked.h"
#include "base/file.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "base/utf8.h"

namespace mains {
namespace {

TEST(CheckedU64, PoisonsInsteadOfWrapping) {
  const uint64_t max = UINT64_MAX;
  EXPECT_FALSE((CheckedU64(max) + 1).ToSize());
  EXPECT_FALSE((CheckedU64(max) * 2).ToSize());
  EXPECT_FALSE((CheckedU64(0) - 1).ToSize());
  EXPECT_FALSE(CheckedU64(max - 3).RoundUp(64).ToSize());
  EXPECT_FALSE(((CheckedU64(max) + 1) - 1).ToSize()) << "the poison must stick";
  EXPECT_FALSE(CheckedU64(uint64_t{1} << 63).ToSize()) << "does not fit int64_t";
  EXPECT_EQ((CheckedU64(65) * 3).RoundUp(64).ToSize(), 256);
}

TEST(InBounds, CannotBeFooledByOverflow) {
  EXPECT_TRUE(InBounds(0, 10, 10));
  EXPECT_TRUE(InBounds(10, 0, 10));
  EXPECT_FALSE(InBounds(11, 0, 10));
  EXPECT_FALSE(InBounds(1, UINT64_MAX, 10));
  EXPECT_FALSE(InBounds(UINT64_MAX, 2, 10));
}

Result<int> Half(int n) {
  if (n % 2 != 0) return Error{ErrorCode::kInvalid, "odd"};
  return n / 2;
}

Result<int> Quarter(int n) {
  ASSIGN_OR_RETURN(const int half, Half(n));
  return Half(half);
}

TEST(Result, PropagatesErrors) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).error().message, "odd");
  EXPECT_EQ(Quarter(6).error().Within("six: ").message, "six: odd");
}

TEST(ThreadPool, CoversEveryIndexOnceForManyJobs) {
  ThreadPool pool(3);
  for (int64_t count : {0, 1, 2, 7, 64, 1000}) {
    for (int64_t grain : {1, 3, 64}) {
      std::vector<std::atomic<int>> hits(static_cast<size_t>(count));
      pool.ParallelFor(count, grain, [&](int64_t begin, int64_t end, int thread) {
        EXPECT_LE(end - begin, grain);
        EXPECT_LT(thread, 3);
        for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
      });
      for (const auto& h : hits) EXPECT_EQ(h, 1);
    }
  }
}

// A thread that is held up loses its part to the others, from the end.
TEST(ThreadPool, OthersFinishWhatOneCannot) {
  ThreadPool pool(3);
  std::atomic<int> done{0};
  std::atomic<bool> held{false};
  pool.ParallelFor(300, 1, [&](int64_t, int64_t, int) {
    if (!held.exchange(true)) {
      while (done.load() < 299) std::this_thread::yield();
    }
    ++done;
  });
  EXPECT_EQ(done, 300);
}

TEST(ThreadPool, LittleWorkStaysWithTheCaller) {
  ThreadPool pool(3);
  const std::thread::id caller = std::this_thread::get_id();
  std::vector<int> hits(10);
  pool.ParallelFor(10, 3, ThreadPool::kMinSharedWork - 1, [&](int64_t begin, int64_t end, int thread) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_EQ(thread, 0);
    EXPECT_LE(end - begin, 3);
    for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
  });
  EXPECT_EQ(hits, std::vector<int>(10, 1));
}

TEST(Arena, RewindsAndReuses) {
  Arena arena;
  void* first = nullptr;
  {
    Frame frame(arena);
    first = arena.Allocate(100);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0u);
    arena.Allocate(int64_t{3} << 20);
    EXPECT_GE(arena.live_bytes(), int64_t{3} << 20);
  }
  EXPECT_EQ(arena.live_bytes(), 0);
  EXPECT_EQ(arena.Allocate(100), first);
}

TEST(Arena, MeasureOnlyCountsWithoutMemory) {
  Arena arena(Arena::Mode::kMeasureOnly);
  EXPECT_EQ(arena.Allocate(int64_t{1} << 50), nullptr);
  EXPECT_EQ(arena.peak_bytes(), int64_t{1} << 50);
}

TEST(Utf8, ReplacesMaximalSubparts) {
  EXPECT_EQ(RepairUtf8("a\xE4\xBD\xA0z"), "a\xE4\xBD\xA0z");
  EXPECT_EQ(RepairUtf8("\xE4\xBD"), "\xEF\xBF\xBD") << "an unfinished character is one replacement";
  EXPECT_EQ(RepairUtf8("\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "overlong";
  EXPECT_EQ(RepairUtf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD") << "surrogate";
  EXPECT_FALSE(IsValidUtf8("\xF4\x90\x80\x80")) << "beyond U+10FFFF";
}

TEST(Utf8, StreamingPrefixNeverCutsACharacter) {
  const std::string text = "a\xC3\xA4\xE4\xBD\xA0\xF0\x9F\x98\x80";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const size_t safe = CompleteUtf8Prefix(std::string_view(text).substr(0, cut));
    EXPECT_TRUE(IsValidUtf8(std::string_view(text).substr(0, safe)));
    EXPECT_LT(cut - safe, 4u);
  }
  EXPECT_EQ(CompleteUtf8Prefix("\x80\x80"), 2u) << "stray bytes can never become a character";
}

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "mains_base_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(FileTest, AtomicWriteReplacesAndLeavesNothingBehind) {
  const auto path = folder_ / "f";
  ASSERT_TRUE(WriteFileAtomically(path, "old").ok());
  ASSERT_TRUE(WriteFileAtomically(path, "new bytes").ok());
  EXPECT_EQ(ReadFile(path, 100).value(), "new bytes");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
  EXPECT_FALSE(WriteFileAtomically(folder_ / "missing" / "f", "x").ok());
}

TEST_F(FileTest, LimitsAndMissingFilesAreNamed) {
  const auto path = folder_ / "f";
  ASSERT_TRUE(WriteFileAtomically(path, "12345").ok());
  EXPECT_EQ(ReadFile(path, 4).error().code, ErrorCode::kResource);
  EXPECT_EQ(ReadFile(folder_ / "none", 4).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(MappedFile::Open(folder_).error().code, ErrorCode::kInvalid) << "a folder is no file";
  auto mapped = MappedFile::Open(path);
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ((*mapped)->bytes().size(), 5u);
}

}  // namespace
}  // namespace mains
