// Measurements against what the sinks of EvaluateAll and the tokens themselves say; the figures of probes are
// compared with PyTorch in tests/pocket/test_measure.py, the shares of attention in ops/probe_test.cc.
#include "engine/measure.h"

#include <random>

#include "engine/golden.h"
#include "io/checkpoint.h"
#include "tensor/tensor.h"

namespace mains {
namespace {

std::vector<int32_t> Ids(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < n; ++i) ids.push_back(static_cast<int32_t>(random() % 128));
  return ids;
}

std::unique_ptr<Engine> Load(const std::string& golden, int64_t chunk = 512, bool reference = false) {
  EngineOptions options;
  options.draft = 1;
  options.prompt_chunk = chunk;
  options.reference = reference;
  options.threads = 1;
  return testing::LoadGolden(golden, options);
}

using Rows = std::vector<std::vector<float>>;

Engine::LogitsSink Into(Rows& rows) {
  return [&rows](int64_t first, const Tensor& t) {
    EXPECT_EQ(first, static_cast<int64_t>(rows.size()));
    for (int64_t r = 0; r < t.dim(0); ++r) rows.emplace_back(t.Row(r), t.Row(r) + t.dim(1));
    return Status();
  };
}

size_t Best(const std::vector<float>& row) {
  return static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

TEST(Measure, LikelihoodsAndGuessesAreThoseOfTheLogits) {
  const std::unique_ptr<Engine> engine = Load("deepseek_v32");
  // Mostly what the model finds most likely, so that guesses count.
  std::vector<int32_t> ids = Ids(5, 1);
  const std::unique_ptr<Session> session = engine->NewSession();
  ASSERT_TRUE(session->Append(ids).ok());
  while (session->length() < 60) {
    const std::vector<float> logits(session->logits().begin(), session->logits().end());
    const int32_t id = session->length() % 9 == 0 ? 7 : static_cast<int32_t>(Best(logits));
    ASSERT_TRUE(session->Append({&id, 1}, TokenKind::kGenerated).ok());
  }
  ids = session->ids();
  std::vector<uint8_t> counted(ids.size(), 1);
  for (size_t i = 0; i < counted.size(); i += 4) counted[i] = 0;

  Measurement total;
  std::vector<float> logprobs;
  ASSERT_TRUE(Measure(*engine, ids, counted, total, &logprobs).ok());
  Rows logits, guesses;
  ASSERT_TRUE(engine->EvaluateAll(ids, TokenKind::kPrompt, Into(logits), {}, Into(guesses)).ok());
  ASSERT_EQ(logits.size(), ids.size());
  ASSERT_EQ(guesses.size(), ids.size() - 1);
  ASSERT_EQ(logprobs.size(), ids.size() - 1);
  int64_t counted_guesses = 0, accepted = 0;
  double sum = 0;
  for (size_t t = 0; t + 1 < ids.size(); ++t) {
    double z = 0;
    for (const float x : logits[t]) z += std::exp(static_cast<double>(x));
    const double expected = static_cast<double>(logits[t][static_cast<size_t>(ids[t + 1])]) - std::log(z);
    EXPECT_NEAR(logprobs[t], expected, 1e-4);
    sum += expected;
    if (Best(logits[t]) != static_cast<size_t>(ids[t + 1]) || counted[t + 1] == 0) continue;
    ++counted_guesses;
    accepted += Best(guesses[t]) == Best(logits[t + 1]) ? 1 : 0;
  }
  EXPECT_NEAR(total.logprob_sum, sum, 1e-3);
  EXPECT_EQ(total.guesses, counted_guesses);
  EXPECT_EQ(total.accepted, accepted);
  EXPECT_GT(counted_guesses, 20);
  EXPECT_EQ(total.predicted, 59);
}

TEST(Measure, FiguresAddUpAndDependOnNoChunk) {
  for (const std::string name : {"deepseek_v32", "deepseek_v32_tied", "glm_moe_dsa", "qwen3_moe", "qwen3"}) {
    SCOPED_TRACE(name);
    const std::vector<std::vector<int32_t>> sequences = {Ids(70, 1), Ids(8, 2), Ids(1, 3), Ids(33, 4)};
    std::vector<Measurement> all;
    for (const auto& [chunk, reference] : {std::pair(512, false), std::pair(7, false), std::pair(64, true)}) {
      const std::unique_ptr<Engine> engine = Load(name, chunk, reference);
      Measurement& total = all.emplace_back();
      for (const std::vector<int32_t>& ids : sequences) ASSERT_TRUE(Measure(*engine, ids, {}, total).ok());
      const Json& config = engine->checkpoint().config();
      const int64_t top_k = config.value("num_experts_per_tok", 0), limit = config.value("index_topk", 1000);
      EXPECT_EQ(total.tokens, 112);
      EXPECT_EQ(total.sequences, 4);
      EXPECT_EQ(total.predicted, 108);
      ASSERT_EQ(static_cast<int64_t>(total.layers.size()), engine->facts().layers);
      for (size_t i = 0; i < total.layers.size(); ++i) {
        const LayerMeasurement& layer = total.layers[i];
        int64_t sum = 0;
        for (const int64_t n : layer.expert_tokens) sum += n;
        const bool dense = top_k == 0 || static_cast<int64_t>(i) < config.value("first_k_dense_replace", 0);
        EXPECT_EQ(sum, dense ? 0 : 112 * top_k);
        EXPECT_EQ(layer.share_tokens, limit < 70 ? 70 - limit + 33 - limit : 0);
        EXPECT_EQ(layer.Recall().has_value(), limit < 70);
        if (layer.Recall()) {
          EXPECT_GT(*layer.Recall(), 0.1);
          EXPECT_LT(*layer.Recall(), 1);
        }
        EXPECT_EQ(layer.LoadRatio().has_value(), !dense);
        if (!dense) {
          EXPECT_GE(*layer.LoadRatio(), 1);
        }
      }
    }
    for (size_t i = 0; i < all[0].layers.size(); ++i) {
      for (const Measurement& other : all) {
        EXPECT_EQ(all[0].layers[i].expert_tokens, other.layers[i].expert_tokens);
        EXPECT_NEAR(all[0].layers[i].share_sum, other.layers[i].share_sum, 1e-3);
      }
    }
  }
}

TEST(Measure, MarksMustFitTheTokens) {
  const std::unique_ptr<Engine> engine = Load("qwen3");
  Measurement total;
  const std::vector<uint8_t> marks = {1};
  EXPECT_EQ(Measure(*engine, Ids(3, 1), marks, total).error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(total.Acceptance().has_value());
  EXPECT_FALSE(total.LoadRatio().has_value());
}

}  // namespace
}  // namespace mains
