#include "app/batch_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace mains {
namespace {

using ::testing::HasSubstr;

const std::string kGolden = std::string(MAINS_SOURCE_DIR) + "/tests/goldens/deepseek_v32";
constexpr int64_t kContext = 120;

std::unique_ptr<Engine> LoadGolden(int64_t state_bytes = 64 << 20) {
  EngineOptions options;
  options.threads = 1;
  options.max_context = kContext;
  options.state_bytes = state_bytes;
  return Engine::Load(kGolden, options).value();
}

// Prompts of 1 to 90 tokens; two of three begin with the same 40.
std::vector<BatchJob> Jobs(int64_t count) {
  std::mt19937 random(3);
  const auto token = [&] { return static_cast<int32_t>(random() % 124); };
  std::vector<int32_t> common(40);
  for (int32_t& id : common) id = token();
  std::vector<BatchJob> jobs;
  for (int64_t i = 0; i < count; ++i) {
    BatchJob job;
    job.index = i;
    if (i % 3 != 0) job.prompt = common;
    const size_t own = 1 + random() % 50;
    for (size_t t = 0; t < own; ++t) job.prompt.push_back(token());
    job.sampling.temperature = i % 2 == 0 ? 0.0f : 1.0f;
    job.sampling.seed = static_cast<uint64_t>(i);
    job.max_tokens = static_cast<int64_t>(random() % 40);
    jobs.push_back(std::move(job));
  }
  return jobs;
}

using Answers = std::map<int64_t, Result<BatchAnswer>>;

Answers RunAll(Engine& engine, const Tokenizer& tokenizer, const std::vector<BatchJob>& jobs,
               int64_t parallel) {
  Answers answers;
  size_t at = 0;
  const Status status = BatchRunner(engine, tokenizer, parallel)
                            .Run([&] { return at < jobs.size() ? std::optional(jobs[at++]) : std::nullopt; },
                                 [&](int64_t index, Result<BatchAnswer> answer) {
                                   EXPECT_TRUE(answers.emplace(index, std::move(answer)).second);
                                 },
                                 {});
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(engine.state_bytes_used(), 0);
  return answers;
}

// The same without any of the runner's machinery.
std::vector<int32_t> Alone(Engine& engine, const Tokenizer& tokenizer, const BatchJob& job) {
  const std::unique_ptr<Session> session = engine.NewSession();
  EXPECT_TRUE(session->Append(job.prompt).ok());
  Sampler sampler(job.sampling, static_cast<int64_t>(job.prompt.size()));
  std::vector<int32_t> ids;
  while (true) {
    const int32_t id = sampler.Sample(session->logits(), session->ids()).id;
    if (tokenizer.IsEos(id)) return ids;
    ids.push_back(id);
    if (static_cast<int64_t>(ids.size()) == job.max_tokens || session->length() == kContext) return ids;
    EXPECT_TRUE(session->Append({&id, 1}, TokenKind::kGenerated).ok());
  }
}

class BatchRunnerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Engine> engine_ = LoadGolden();
  std::shared_ptr<const Tokenizer> tokenizer_ = Tokenizer::Load(kGolden).value();
};

TEST_F(BatchRunnerTest, AnswersAreThoseOfEachAlone) {
  const std::vector<BatchJob> jobs = Jobs(30);
  for (const int64_t parallel : {1, 2, 7, 64}) {
    const Answers answers = RunAll(*engine_, *tokenizer_, jobs, parallel);
    ASSERT_EQ(answers.size(), jobs.size());
    int64_t reused = 0;
    for (const BatchJob& job : jobs) {
      const Result<BatchAnswer>& answer = answers.at(job.index);
      ASSERT_TRUE(answer.ok()) << answer.error().message;
      EXPECT_EQ(answer->ids, Alone(*engine_, *tokenizer_, job)) << parallel << " " << job.index;
      EXPECT_EQ(answer->prompt_tokens, static_cast<int64_t>(job.prompt.size()));
      const int64_t room = kContext - answer->prompt_tokens + 1;
      const bool full = answer->reason == FinishReason::kContext;
      EXPECT_EQ(full, static_cast<int64_t>(answer->ids.size()) == room &&
                          (job.max_tokens == 0 || job.max_tokens > room));
      reused += answer->reused_tokens;
    }
    if (parallel < 64) {
      EXPECT_GE(reused, 40 * 5);
    }
  }
}

TEST_F(BatchRunnerTest, LittleMemoryMakesItSlowerOnly) {
  const std::vector<BatchJob> jobs = Jobs(20);
  const Answers want = RunAll(*engine_, *tokenizer_, jobs, 1);
  const int64_t page = [&] {
    const std::unique_ptr<Session> session = engine_->NewSession();
    EXPECT_TRUE(session->Append(jobs[0].prompt).ok());
    return engine_->state_bytes_used();
  }();
  // Two pages hold the longest of these and no second session.
  const std::unique_ptr<Engine> small = LoadGolden(2 * page);
  const Answers got = RunAll(*small, *tokenizer_, jobs, 8);
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [index, answer] : want) {
    ASSERT_TRUE(got.at(index).ok()) << got.at(index).error().message;
    EXPECT_EQ(got.at(index)->ids, answer->ids) << index;
  }
  // Where even one does not fit, each says so.
  std::unique_ptr<Engine> tiny = LoadGolden(page);
  int errors = 0;
  for (const auto& [index, answer] : RunAll(*tiny, *tokenizer_, jobs, 8)) errors += !answer.ok();
  EXPECT_GT(errors, 0);
  EXPECT_LT(errors, 20);
}

TEST_F(BatchRunnerTest, APromptWithoutRoomIsItsOwnError) {
  std::vector<BatchJob> jobs = Jobs(3);
  jobs[1].prompt.assign(kContext, 5);
  jobs[2].prompt.clear();
  const Answers answers = RunAll(*engine_, *tokenizer_, jobs, 2);
  EXPECT_TRUE(answers.at(0).ok());
  EXPECT_THAT(answers.at(1).error().message, HasSubstr("leaves no room for an answer"));
  EXPECT_THAT(answers.at(2).error().message, HasSubstr("empty"));
}

TEST_F(BatchRunnerTest, CancellingLeavesNothingBehind) {
  const std::vector<BatchJob> jobs = Jobs(10);
  size_t at = 0;
  int steps = 0, ended = 0;
  const Status status =
      BatchRunner(*engine_, *tokenizer_, 4)
          .Run([&] { return at < jobs.size() ? std::optional(jobs[at++]) : std::nullopt; },
               [&](int64_t, const Result<BatchAnswer>&) { ++ended; }, [&] { return ++steps > 3; });
  EXPECT_EQ(status.error().code, ErrorCode::kCancelled);
  EXPECT_LT(ended, 10);
  EXPECT_EQ(engine_->state_bytes_used(), 0);
}

}  // namespace
}  // namespace mains
