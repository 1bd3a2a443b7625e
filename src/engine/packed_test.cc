// Whole models whose weights are large enough to be packed while loading: close to the exact products, and
// with all that is promised of results: the same bits in a prompt and one by one, on any number of threads.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "engine/engine.h"
#include "engine/golden.h"
#include "io/test_files.h"
#include "tensor/convert.h"
#include "tensor/dtype.h"
#include "tensor/packed.h"
#include "tensor/tensor.h"

namespace mains {
namespace {

using testing::RelativeError;

constexpr int64_t kWidth = 512, kVocab = 512, kLayers = 2, kExperts = 4;

// Blocks of random codes with scales that keep activations of ordinary size.
std::vector<uint8_t> RandomBlocks(DType dtype, int64_t elements, std::mt19937& random) {
  std::vector<uint8_t> bytes(static_cast<size_t>(ByteSize(dtype, elements)));
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
  const size_t block = static_cast<size_t>(Info(dtype).block_bytes);
  const auto put = [&](size_t at, float value) {
    const uint16_t bits = F16FromF32(value);
    std::memcpy(bytes.data() + at, &bits, 2);
  };
  if (dtype == DType::kBF16) {
    std::normal_distribution<float> normal(0, 0.03f);
    for (size_t at = 0; at < bytes.size(); at += 2) {
      const uint16_t bits = Bf16FromF32(normal(random));
      std::memcpy(bytes.data() + at, &bits, 2);
    }
    return bytes;
  }
  for (size_t at = 0; at < bytes.size(); at += block) {
    if (dtype == DType::kQ8_0) put(at, 0.0006f);
    if (dtype == DType::kQ6_K) put(at + 208, 0.00003f);
    if (dtype == DType::kQ4_K) put(at, 0.0003f), put(at + 2, 0.0022f);  // minima take half of the range away
  }
  return bytes;
}

struct Kind {
  const char* name;
  DType dtype;
  bool mixture;
  WeightPrecision precision = WeightPrecision::kNative;
  double error = 0.05;
};

class Maker {
 public:
  Maker(const Kind& kind, test::MemoryCheckpoint& checkpoint) : kind_(kind), checkpoint_(checkpoint) {}

  void Matrix(const std::string& name, int64_t rows, int64_t cols) {
    checkpoint_.Add(name + ".weight", kind_.dtype, {rows, cols},
                    RandomBlocks(kind_.dtype, rows * cols, random_));
  }
  void Floats(const std::string& name, std::vector<int64_t> dims, float value, float spread) {
    int64_t count = 1;
    for (const int64_t d : dims) count *= d;
    std::normal_distribution<float> normal(value, spread);
    std::vector<float> values(static_cast<size_t>(count));
    for (float& v : values) v = normal(random_);
    checkpoint_.Add(name + ".weight", DType::kF32, std::move(dims), values);
  }
  void GatedMlp(const std::string& prefix, int64_t ff) {
    Matrix(prefix + "gate_proj", ff, kWidth);
    Matrix(prefix + "up_proj", ff, kWidth);
    Matrix(prefix + "down_proj", kWidth, ff);
  }
  void Layer(const std::string& prefix) {
    Floats(prefix + "input_layernorm", {kWidth}, 1, 0.1f);
    Floats(prefix + "post_attention_layernorm", {kWidth}, 1, 0.1f);
    Floats(prefix + "self_attn.q_norm", {128}, 1, 0.1f);
    Floats(prefix + "self_attn.k_norm", {128}, 1, 0.1f);
    for (const char* name : {"q_proj", "k_proj", "v_proj"}) Matrix(prefix + "self_attn." + name, 512, kWidth);
    Matrix(prefix + "self_attn.o_proj", kWidth, 512);
    if (!kind_.mixture) {
      GatedMlp(prefix + "mlp.", 1024);
      return;
    }
    Floats(prefix + "mlp.gate", {kExperts, kWidth}, 0, 0.05f);
    for (int64_t e = 0; e < kExperts; ++e) GatedMlp(prefix + "mlp.experts." + std::to_string(e) + ".", 512);
  }

 private:
  const Kind& kind_;
  test::MemoryCheckpoint& checkpoint_;
  std::mt19937 random_{1};
};

std::unique_ptr<const Checkpoint> RandomModel(const Kind& kind) {
  Json config = {{"architectures", {kind.mixture ? "Qwen3MoeForCausalLM" : "Qwen3ForCausalLM"}},
                 {"hidden_size", kWidth},
                 {"vocab_size", kVocab},
                 {"num_hidden_layers", kLayers},
                 {"num_attention_heads", 4},
                 {"num_key_value_heads", 4},
                 {"head_dim", 128},
                 {"intermediate_size", 1024},
                 {"rms_norm_eps", 1e-6},
                 {"rope_theta", 1e6},
                 {"hidden_act", "silu"},
                 {"tie_word_embeddings", false},
                 {"max_position_embeddings", 4096}};
  if (kind.mixture) {
    config.update({{"num_experts", kExperts},
                   {"num_experts_per_tok", kExperts},  // no choice that a rounding could turn
                   {"moe_intermediate_size", 512},
                   {"norm_topk_prob", true}});
  }
  auto checkpoint = std::make_unique<test::MemoryCheckpoint>(config);
  Maker make(kind, *checkpoint);
  make.Matrix("model.embed_tokens", kVocab, kWidth);
  make.Matrix("lm_head", kVocab, kWidth);
  make.Floats("model.norm", {kWidth}, 1, 0.1f);
  for (int64_t i = 0; i < kLayers; ++i) make.Layer("model.layers." + std::to_string(i) + ".");
  return checkpoint;
}

Weight Sized(DType dtype, int64_t rows) {
  Weight w;
  w.dtype = dtype;
  w.rows = rows;
  w.cols = kWidth;
  return w;
}

std::vector<float> Logits(const Kind& kind, bool packed, std::optional<Isa> isa, int threads, int64_t chunk) {
  EngineOptions options;
  options.round_activations = packed;
  options.precision = kind.precision;
  options.isa = isa;
  options.threads = threads;
  options.prompt_chunk = chunk;
  options.state_dtype = DType::kF32;
  options.state_bytes = int64_t{64} << 20;
  const Result<std::unique_ptr<Engine>> engine = Engine::Load(RandomModel(kind), options);
  EXPECT_TRUE(engine.ok()) << engine.error().message;
  if (!engine.ok()) return {};
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 40; ++i) ids.push_back(i * 37 % static_cast<int32_t>(kVocab));
  std::vector<float> logits;
  const Status status = (*engine)->EvaluateAll(ids, TokenKind::kPrompt, [&](int64_t, const Tensor& t) {
    logits.insert(logits.end(), t.f32(), t.f32() + t.elements());
    return Status();
  });
  EXPECT_TRUE(status.ok()) << status.error().message;
  return logits;
}

class PackedModel : public ::testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(
    Kinds, PackedModel,
    ::testing::Values(Kind{"dense_q8_0", DType::kQ8_0, false}, Kind{"dense_q4_k", DType::kQ4_K, false},
                      Kind{"mixture_q6_k", DType::kQ6_K, true}, Kind{"mixture_q8_0", DType::kQ8_0, true},
                      Kind{"dense_bf16_q8", DType::kBF16, false, WeightPrecision::k8Bit},
                      Kind{"dense_bf16_q4", DType::kBF16, false, WeightPrecision::k4Bit, 0.3},
                      Kind{"mixture_bf16_q4", DType::kBF16, true, WeightPrecision::k4Bit, 0.3},
                      Kind{"dense_bf16_q3", DType::kBF16, false, WeightPrecision::k3Bit, 0.5},
                      Kind{"mixture_bf16_q3", DType::kBF16, true, WeightPrecision::k3Bit, 0.3}),
    [](const auto& kind) { return std::string(kind.param.name); });

TEST_P(PackedModel, IsCloseToExactProducts) {
  const std::vector<float> exact = Logits(GetParam(), false, {}, 2, 512);
  const std::vector<float> packed = Logits(GetParam(), true, {}, 2, 512);
  ASSERT_EQ(exact.size(), static_cast<size_t>(40 * kVocab));
  EXPECT_LT(RelativeError(packed, exact), GetParam().error);
  EXPECT_NE(packed, exact) << "nothing was packed";
}

// Keys, values and the head have 8 bits; of a mixture all but the experts. In 3 bits, outputs of layers
// have 4.
TEST(Rounding, GivesMoreBitsWhereTheyCostLittle) {
  for (const bool mixture : {false, true}) {
    for (const WeightPrecision precision : {WeightPrecision::k4Bit, WeightPrecision::k3Bit}) {
      EngineOptions options;
      options.precision = precision;
      const Result<std::unique_ptr<Engine>> engine =
          Engine::Load(RandomModel({"", DType::kBF16, mixture}), options);
      ASSERT_TRUE(engine.ok()) << engine.error().message;
      const std::map<std::string, int64_t>& bytes = (*engine)->facts().format_bytes;
      const int64_t attention = 512 * kWidth, head = kVocab * kWidth;
      const int64_t feed_forward = mixture ? kExperts * 512 * kWidth : 1024 * kWidth;  // one of three
      const int64_t in_8 = kLayers * (mixture ? 4 : 2) * attention + head;
      const int64_t outputs = kLayers * ((mixture ? 0 : attention) + feed_forward);
      const int64_t others = kLayers * ((mixture ? 0 : attention) + 2 * feed_forward);
      const auto packed = [](DType dtype, int64_t numbers) {
        return PackedBytes(Sized(dtype, numbers / kWidth));
      };
      EXPECT_EQ(bytes.at("q8_0 packed"), packed(DType::kQ8_0, in_8));
      if (precision == WeightPrecision::k4Bit) {
        EXPECT_EQ(bytes.at("q4_k packed"), packed(DType::kQ4_K, outputs + others));
      } else {
        EXPECT_EQ(bytes.at("q4_k packed"), packed(DType::kQ4_K, outputs));
        EXPECT_EQ(bytes.at("q3_k packed"), packed(DType::kQ3_K, others));
      }
    }
  }
}

TEST_P(PackedModel, HasTheSameBitsInAnyChunksOnAnyThreads) {
  for (Isa isa : SupportedIsas()) {
    SCOPED_TRACE(IsaName(isa));
    const std::vector<float> whole = Logits(GetParam(), true, isa, 1, 512);
    for (const auto& [threads, chunk] : {std::pair<int, int64_t>{2, 512}, {1, 1}, {3, 7}, {2, 13}}) {
      EXPECT_EQ(Logits(GetParam(), true, isa, threads, chunk), whole)
          << threads << " threads, chunks of " << chunk;
    }
  }
}

}  // namespace
}  // namespace mains
