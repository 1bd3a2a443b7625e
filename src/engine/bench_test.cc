// What a test of speed runs and counts; how long it takes is nobody's business here.
#include "engine/bench.h"

#include <map>

#include "engine/golden.h"
#include "io/checkpoint.h"

namespace mains {
namespace {

std::unique_ptr<Engine> Load(const std::string& golden, int64_t chunk = 512) {
  EngineOptions options;
  options.threads = 1;
  options.prompt_chunk = chunk;
  return testing::LoadGolden(golden, options);
}

std::map<std::string, VerbUse> ByName(const std::vector<VerbUse>& uses) {
  std::map<std::string, VerbUse> map;
  for (const VerbUse& use : uses) map[use.name] = use;
  return map;
}

BenchResult RunOrDie(Engine& engine, const BenchTest& test, bool verbs = true) {
  BenchSettings settings;
  settings.repeats = 2;
  settings.verbs = verbs;
  Result<BenchResult> result = RunBench(engine, test, settings);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.ok() ? *result : BenchResult();
}

TEST(Bench, NamesOfTests) {
  EXPECT_EQ((BenchTest{512, 0, 0, 1}).Name(), "pp512");
  EXPECT_EQ((BenchTest{0, 128, 4096, 1}).Name(), "tg128 @ d4096");
  EXPECT_EQ((BenchTest{0, 16, 0, 4}).Name(), "tg16 x4");
  EXPECT_EQ((BenchTest{0, 16, 7, 4}).tokens(), 64);
}

// Operations of a dense model by the formulas of engine/shape_test.cc, summed over a test.
TEST(Bench, OperationsAreThoseOfTheTokens) {
  const std::unique_ptr<Engine> engine = Load("llama", 16);
  const Json& c = engine->checkpoint().config();
  const auto at = [&](const char* key) { return c[key].get<int64_t>(); };
  const int64_t d = at("hidden_size"), heads = at("num_attention_heads"), kv = at("num_key_value_heads"),
                dim = d / heads, layers = at("num_hidden_layers"), ff = at("intermediate_size");
  const auto step = [&](int64_t t, int64_t past) {
    int64_t pairs = 0;
    for (int64_t i = 0; i < t; ++i) pairs += past + i + 1;
    const int64_t attention = 2 * t * d * (heads + 2 * kv) * dim + 6 * t * (heads + kv) * dim / 2 +
                              2 * pairs * heads * 2 * dim + 2 * t * heads * dim * d;
    return layers * (8 * t * d + attention + 6 * t * d * ff) + 4 * d + 2 * d * at("vocab_size");
  };
  const BenchResult prompt = RunOrDie(*engine, {40, 0, 5, 1});
  EXPECT_EQ(prompt.seconds.size(), 2u);
  EXPECT_EQ(prompt.cost.flops, static_cast<double>(step(16, 5) + step(16, 21) + step(8, 37)));
  const BenchResult generated = RunOrDie(*engine, {0, 3, 10, 1});
  EXPECT_EQ(generated.cost.flops, static_cast<double>(step(1, 10) + step(1, 11) + step(1, 12)));
  // Sequences share the weights, not the work nor the state.
  const BenchResult four = RunOrDie(*engine, {0, 3, 10, 4});
  EXPECT_EQ(four.cost.flops, 4 * generated.cost.flops);
  EXPECT_EQ(four.cost.state_bytes, 4 * generated.cost.state_bytes);
  const double rows = static_cast<double>(d) * 4 * 3 * 3;  // the embeddings of three more tokens, three times
  EXPECT_EQ(four.cost.weight_bytes, generated.cost.weight_bytes + rows);
}

TEST(Bench, VerbsAddUpToTheTest) {
  for (const std::string golden : {"llama", "qwen3_moe", "deepseek_v3", "deepseek_v32"}) {
    for (const BenchTest& test : {BenchTest{37, 0, 20, 1}, BenchTest{0, 4, 20, 1}, BenchTest{24, 0, 0, 3}}) {
      SCOPED_TRACE(golden + " " + test.Name());
      const std::unique_ptr<Engine> engine = Load(golden, 16);
      const BenchResult result = RunOrDie(*engine, test);
      TokenCost sum;
      double seconds = 0;
      for (const VerbUse& use : result.verbs) {
        EXPECT_GT(use.calls, 0);
        sum.flops += use.cost.flops;
        sum.weight_bytes += use.cost.weight_bytes;
        sum.state_bytes += use.cost.state_bytes;
        seconds += use.seconds;
      }
      EXPECT_EQ(sum.flops, result.cost.flops);
      EXPECT_EQ(sum.state_bytes, result.cost.state_bytes);
      EXPECT_LE(sum.weight_bytes, result.cost.weight_bytes) << "experts that no token chose are not read";
      if (golden == "llama") {
        EXPECT_EQ(sum.weight_bytes, result.cost.weight_bytes);
      }
      EXPECT_LE(seconds, result.verbs_seconds);
      const std::map<std::string, VerbUse> verbs = ByName(result.verbs);
      EXPECT_TRUE(verbs.contains("linear"));
      EXPECT_EQ(verbs.contains("moe_add"), golden != "llama");
      EXPECT_EQ(verbs.at("linear").kind, VerbUse::Kind::kMatrices);
      EXPECT_EQ(verbs.at("rms_norm").kind, VerbUse::Kind::kOther);
      EXPECT_TRUE(engine->EndProfile().empty()) << "a profile ends once";
    }
  }
}

TEST(Bench, AProfileChangesNoLogits) {
  const std::unique_ptr<Engine> engine = Load("qwen3_moe");
  const std::vector<int32_t> ids = {3, 1, 4, 1, 5, 9, 2, 6};
  const std::unique_ptr<Session> plain = engine->NewSession(), profiled = engine->NewSession();
  ASSERT_TRUE(plain->Append(ids).ok());
  engine->StartProfile();
  ASSERT_TRUE(profiled->Append(ids).ok());
  EXPECT_FALSE(engine->EndProfile().empty());
  EXPECT_TRUE(std::equal(plain->logits().begin(), plain->logits().end(), profiled->logits().begin()));
}

TEST(Bench, WhatCannotRunIsRefused) {
  const std::unique_ptr<Engine> engine = Load("llama");
  const int64_t context = engine->max_context();
  for (const BenchTest& test :
       {BenchTest{}, BenchTest{1, 1, 0, 1}, BenchTest{1, 0, 0, 0}, BenchTest{1, 0, -1, 1},
        BenchTest{context, 0, 1, 1}, BenchTest{0, 2, context - 1, 1}}) {
    EXPECT_EQ(RunBench(*engine, test, {}).error().code, ErrorCode::kInvalid);
  }
  BenchSettings settings;
  settings.progress = [](const std::string& what) { return what != "1 of 5"; };
  EXPECT_EQ(RunBench(*engine, {4, 0, 4, 1}, settings).error().code, ErrorCode::kCancelled);
}

TEST(Bench, SharesOfLimits) {
  MachineLimits limits;
  limits.read_bytes_per_second = 10;
  limits.peaks = {
      {"f32", "vector", "fma", 100}, {"int8", "vector", "dot", 400}, {"int8", "tile", "tile", 800}};
  EXPECT_EQ(limits.Best("int8")->instruction, "tile");
  EXPECT_EQ(limits.Best("bf16")->instruction, "fma") << "without an instruction of its own";
  EXPECT_EQ(limits.Best("nothing"), nullptr);
  limits.peaks.push_back({"bf16", "vector", "slow", 50});
  EXPECT_EQ(limits.Best("bf16")->instruction, "fma") << "faster, and as exact";
  const LimitShare reading = ShareOfLimit({100, 30, 10}, 8, "f32", limits);
  EXPECT_EQ(reading.bound, "read");
  EXPECT_DOUBLE_EQ(reading.share, 0.5);
  const LimitShare computing = ShareOfLimit({800, 30, 10}, 16, "f32", limits);
  EXPECT_EQ(computing.bound, "fma");
  EXPECT_DOUBLE_EQ(computing.share, 0.5);
  EXPECT_EQ(ShareOfLimit({800, 30, 10}, 16, "int8", limits).bound, "read");
  EXPECT_EQ(ShareOfLimit({}, 1, "f32", limits).bound, "");
  EXPECT_EQ(ShareOfLimit({1, 1, 1}, 0, "f32", limits).bound, "");
}

TEST(Bench, WeightFormatsByBytes) {
  const std::unique_ptr<Engine> engine = Load("qwen3_bf16");
  const std::vector<FormatShare> formats = WeightFormats(engine->facts());
  ASSERT_FALSE(formats.empty());
  EXPECT_EQ(formats[0].name, "bf16");
  double sum = 0;
  for (const FormatShare& format : formats) sum += format.share;
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_EQ(NumbersOf("f32"), "f32");
  EXPECT_EQ(NumbersOf("f16"), "bf16");
  EXPECT_EQ(NumbersOf("q4_k"), "int8");
  EXPECT_EQ(NumbersOf("f8_e4m3"), "int8");
}

// That every kernel runs and gives a figure; not which.
TEST(Limits, AreMeasuredOnEveryInstructionSet) {
  for (const Isa isa : {Isa::kReference, Isa::kNeon, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    SCOPED_TRACE(IsaName(isa));
    for (const int threads : {1, 2}) {
      LimitOptions options;
      options.isa = isa;
      options.threads = threads;
      options.seconds = 0;
      options.buffer_bytes = 1;
      Result<std::unique_ptr<LimitMeter>> meter = LimitMeter::Make(options);
      ASSERT_TRUE(meter.ok());
      EXPECT_EQ((*meter)->buffer_bytes(), 4 << 20) << "at least one block";
      const MachineLimits limits = (*meter)->Measure();
      EXPECT_GT(limits.read_bytes_per_second, 0);
      ASSERT_NE(limits.Best("f32"), nullptr);
      for (const MachinePeak& peak : limits.peaks)
        EXPECT_GT(peak.operations_per_second, 0) << peak.instruction;
    }
  }
  LimitOptions options;
  options.buffer_bytes = int64_t{1} << 60;
  EXPECT_EQ(LimitMeter::Make(options).error().code, ErrorCode::kResource);
}

}  // namespace
}  // namespace mains
