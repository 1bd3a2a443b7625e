// Perplexity and divergence against sums written out here; base files against every damage.
#include "engine/perplexity.h"

#include <cmath>
#include <fstream>
#include <random>

#include "base/file.h"
#include "engine/golden.h"
#include "tensor/tensor.h"

namespace mains {
namespace {

using testing::TemporaryFolder;

std::unique_ptr<Engine> Load(const std::string& golden) {
  EngineOptions options;
  options.threads = 1;
  return testing::LoadGolden(golden, options);
}

std::vector<std::vector<int32_t>> Sequences() {
  std::mt19937 random(3);
  std::vector<std::vector<int32_t>> sequences;
  for (const size_t length : {20, 20, 2, 1}) {
    std::vector<int32_t>& ids = sequences.emplace_back();
    for (size_t i = 0; i < length; ++i) ids.push_back(static_cast<int32_t>(random() % 128));
  }
  return sequences;
}

void Save(Engine& engine, const std::filesystem::path& path,
          const std::vector<std::vector<int32_t>>& sequences) {
  std::vector<int64_t> lengths;
  for (const std::vector<int32_t>& ids : sequences) lengths.push_back(static_cast<int64_t>(ids.size()));
  const std::unique_ptr<LogprobWriter> writer =
      LogprobWriter::Create(path, engine.facts().vocab, lengths).value();
  const std::unique_ptr<PerplexityMeter> meter = PerplexityMeter::Make(engine, nullptr, writer.get()).value();
  for (const std::vector<int32_t>& ids : sequences) ASSERT_TRUE(meter->Add(ids).ok());
  ASSERT_FALSE(std::filesystem::exists(path)) << "nothing before it is whole";
  ASSERT_TRUE(writer->Commit().ok());
}

// log softmax of every position but the last of each sequence: [predicted][vocab].
std::vector<std::vector<double>> Logprobs(Engine& engine,
                                          const std::vector<std::vector<int32_t>>& sequences) {
  std::vector<std::vector<double>> all;
  for (const std::vector<int32_t>& ids : sequences) {
    const Engine::LogitsSink sink = [&](int64_t first, const Tensor& logits) {
      for (int64_t r = 0; r < logits.dim(0); ++r) {
        if (first + r + 1 == static_cast<int64_t>(ids.size())) continue;
        double sum = 0;
        for (int64_t i = 0; i < logits.dim(1); ++i) sum += std::exp(static_cast<double>(logits.Row(r)[i]));
        std::vector<double>& row = all.emplace_back();
        for (int64_t i = 0; i < logits.dim(1); ++i) row.push_back(logits.Row(r)[i] - std::log(sum));
      }
      return Status();
    };
    EXPECT_TRUE(engine.EvaluateAll(ids, TokenKind::kPrompt, sink).ok());
  }
  return all;
}

TEST(Perplexity, IsThatOfTheLogits) {
  const std::unique_ptr<Engine> engine = Load("qwen3");
  const std::vector<std::vector<int32_t>> sequences = Sequences();
  const std::unique_ptr<PerplexityMeter> meter = PerplexityMeter::Make(*engine, nullptr, nullptr).value();
  for (const std::vector<int32_t>& ids : sequences) ASSERT_TRUE(meter->Add(ids).ok());
  const PerplexityResult result = meter->Total();
  const std::vector<std::vector<double>> rows = Logprobs(*engine, sequences);
  std::vector<double> right;
  for (const std::vector<int32_t>& ids : sequences) {
    for (size_t i = 1; i < ids.size(); ++i) right.push_back(rows[right.size()][static_cast<size_t>(ids[i])]);
  }
  ASSERT_EQ(right.size(), 39u);
  EXPECT_EQ(result.predicted, 39);
  EXPECT_EQ(result.tokens, 43);
  double sum = 0, squares = 0;
  for (const double x : right) sum += x;
  const double mean = sum / 39;
  for (const double x : right) squares += (x - mean) * (x - mean);
  EXPECT_NEAR(result.perplexity, std::exp(-mean), 1e-4 * std::exp(-mean));
  const double error = std::exp(-mean) * std::sqrt(squares / 38 / 39);
  EXPECT_NEAR(result.perplexity_error, error, 1e-4 * error);
  EXPECT_FALSE(result.divergence.has_value());
}

TEST(Perplexity, AModelDoesNotDifferFromItself) {
  const TemporaryFolder folder;
  const std::unique_ptr<Engine> engine = Load("qwen3_moe");
  Save(*engine, folder.path() / "base", Sequences());
  const std::unique_ptr<const LogprobFile> base = LogprobFile::Open(folder.path() / "base").value();
  const std::unique_ptr<PerplexityMeter> meter = PerplexityMeter::Make(*engine, base.get(), nullptr).value();
  for (const std::vector<int32_t>& ids : Sequences()) ASSERT_TRUE(meter->Add(ids).ok());
  const PerplexityResult result = meter->Total();
  ASSERT_TRUE(result.divergence.has_value());
  EXPECT_EQ(result.divergence->mean_kl, 0);
  EXPECT_EQ(result.divergence->max_kl, 0);
  EXPECT_EQ(result.divergence->max_difference, 0);
  EXPECT_EQ(result.divergence->same_best, 1);
  EXPECT_NEAR(result.divergence->base_perplexity, result.perplexity, 1e-3 * result.perplexity);
}

TEST(Perplexity, DivergenceIsThatOfTheLogits) {
  const TemporaryFolder folder;
  const std::unique_ptr<Engine> one = Load("qwen3"), other = Load("qwen3_yarn");
  ASSERT_EQ(one->facts().vocab, other->facts().vocab);
  const std::vector<std::vector<int32_t>> sequences = Sequences();
  Save(*one, folder.path() / "base", sequences);
  const std::unique_ptr<const LogprobFile> base = LogprobFile::Open(folder.path() / "base").value();
  const std::unique_ptr<PerplexityMeter> meter = PerplexityMeter::Make(*other, base.get(), nullptr).value();
  for (const std::vector<int32_t>& ids : sequences) ASSERT_TRUE(meter->Add(ids).ok());
  const PerplexityResult result = meter->Total();
  const std::vector<std::vector<double>> p = Logprobs(*one, sequences), q = Logprobs(*other, sequences);
  double kl = 0, largest = 0, same = 0;
  for (size_t r = 0; r < p.size(); ++r) {
    for (size_t i = 0; i < p[r].size(); ++i) {
      kl += std::exp(p[r][i]) * (p[r][i] - q[r][i]);
      largest = std::max(largest, std::abs(p[r][i] - q[r][i]));
    }
    same += std::max_element(p[r].begin(), p[r].end()) - p[r].begin() ==
            std::max_element(q[r].begin(), q[r].end()) - q[r].begin();
  }
  const double n = static_cast<double>(p.size());
  EXPECT_GT(kl / n, 1e-4) << "two models";
  EXPECT_NEAR(result.divergence->mean_kl, kl / n, 1e-4 * std::max(1.0, kl / n));
  EXPECT_NEAR(result.divergence->max_difference, largest, 1e-3);
  EXPECT_EQ(result.divergence->same_best, same / n);
  EXPECT_LE(result.divergence->median_kl, result.divergence->kl_99_9);
  EXPECT_LE(result.divergence->kl_99_9, result.divergence->max_kl);
}

TEST(Perplexity, ABaseOfAnotherVocabularyIsRefused) {
  const TemporaryFolder folder;
  ASSERT_TRUE(LogprobWriter::Create(folder.path() / "base", 77, {}).value()->Commit().ok());
  const std::unique_ptr<const LogprobFile> base = LogprobFile::Open(folder.path() / "base").value();
  const std::unique_ptr<Engine> engine = Load("qwen3");
  const Error error = PerplexityMeter::Make(*engine, base.get(), nullptr).error();
  EXPECT_EQ(error.code, ErrorCode::kInvalid);
  EXPECT_NE(error.message.find("77"), std::string::npos);
}

TEST(LogprobFile, RoundsToASmallStep) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 5);
  std::vector<float> logits(1001);
  for (float& x : logits) x = normal(random);
  std::vector<uint16_t> codes, flat_codes;
  const CodedLogprobs row = CodedLogprobs::Of(logits, codes);
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x));
  for (size_t i = 0; i < logits.size(); ++i) {
    EXPECT_NEAR(row.At(i), logits[i] - std::log(sum), row.step) << i;
  }
  EXPECT_LT(row.step, 1e-3);
  EXPECT_NEAR(row.LogSum(), 0, row.step);
  // All equal: no range to divide.
  const CodedLogprobs flat = CodedLogprobs::Of(std::vector<float>(8, 3.0f), flat_codes);
  EXPECT_NEAR(flat.At(5) - flat.LogSum(), -std::log(8), 1e-6);
}

TEST(LogprobFile, DamageIsFoundWhereverItIs) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "base";
  const std::vector<std::vector<int32_t>> sequences = {{1, 2, 3}, {4, 5}};
  const std::vector<int64_t> lengths = {3, 2};
  const std::unique_ptr<LogprobWriter> writer = LogprobWriter::Create(path, 3, lengths).value();
  std::vector<uint16_t> codes;
  for (const std::vector<int32_t>& ids : sequences) {
    ASSERT_TRUE(writer->Begin(ids).ok());
    for (size_t i = 1; i < ids.size(); ++i) {
      const float first = static_cast<float>(ids[i]);
      ASSERT_TRUE(writer->Add(CodedLogprobs::Of(std::vector<float>{first, 0, -1}, codes)).ok());
    }
    ASSERT_TRUE(writer->End().ok());
  }
  ASSERT_TRUE(writer->Commit().ok());
  const std::string whole = ReadFile(path, 1 << 20).value();
  EXPECT_EQ(whole.size(), 16u + 8 + 32 + (12 + 2 * 16 + 32) + (8 + 16 + 32));

  const auto fails = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;  // hundreds of times: nothing is synced
    const Result<std::unique_ptr<const LogprobFile>> file = LogprobFile::Open(path);
    if (!file.ok()) return file.error().code == ErrorCode::kInvalid;
    for (size_t i = 0; i < sequences.size(); ++i) {
      if (!(*file)->Check(static_cast<int64_t>(i), sequences[i]).ok()) return true;
    }
    return false;
  };
  EXPECT_FALSE(fails(whole));
  for (size_t length = 1; length < whole.size(); ++length)
    EXPECT_TRUE(fails(whole.substr(0, length))) << length;
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_TRUE(fails(damaged)) << i;
  }
  EXPECT_TRUE(fails(whole + "x"));
  EXPECT_TRUE(fails("GGUF" + whole.substr(4)));
  // A head that claims what cannot be, with a checksum that is right, is as wrong.
  ASSERT_TRUE(LogprobWriter::Create(path, INT64_C(0xFFFFFFFF), std::vector<int64_t>(9, 0xFFFFFFFF))
                  .value()
                  ->Commit()
                  .ok());
  EXPECT_EQ(LogprobFile::Open(path).error().code, ErrorCode::kInvalid);

  ASSERT_TRUE(WriteFileAtomically(path, whole).ok());
  const std::unique_ptr<const LogprobFile> file = LogprobFile::Open(path).value();
  EXPECT_EQ(file->sequences(), 2);
  const std::vector<int32_t> other = {1, 2, 4};
  EXPECT_EQ(file->Check(0, other).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(file->Check(1, sequences[0]).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(file->Check(2, sequences[0]).error().code, ErrorCode::kInvalid);
}

TEST(LogprobFile, WhatIsNotCommittedLeavesNothing) {
  const TemporaryFolder folder;
  {
    const std::unique_ptr<LogprobWriter> writer =
        LogprobWriter::Create(folder.path() / "base", 3, {}).value();
    EXPECT_FALSE(std::filesystem::is_empty(folder.path())) << "a temporary";
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_FALSE(LogprobWriter::Create(folder.path() / "absent" / "base", 3, {}).ok());
}

}  // namespace
}  // namespace mains
