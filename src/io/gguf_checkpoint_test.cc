#include "io/gguf_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "io/test_files.h"

namespace mains {
namespace {

namespace fs = std::filesystem;
using test::GgufBuilder;
using ::testing::HasSubstr;

constexpr uint32_t kF32 = 0;

std::string Zeros(size_t numbers) {
  return std::string(4 * numbers, '\0');
}

// The required keys of an architecture, each of which may be left out.
GgufBuilder Llama(const std::set<std::string>& without = {}) {
  GgufBuilder b;
  if (!without.contains("general.architecture")) b.String("general.architecture", "llama");
  const std::pair<const char*, uint32_t> numbers[] = {{"llama.block_count", 1},
                                                      {"llama.embedding_length", 8},
                                                      {"llama.attention.head_count", 2},
                                                      {"llama.attention.head_count_kv", 1},
                                                      {"llama.feed_forward_length", 16}};
  for (const auto& [key, value] : numbers) {
    if (!without.contains(key)) b.Int(key, value);
  }
  b.Real("llama.attention.layer_norm_rms_epsilon", 1e-5f)
      .Tensor("token_embd.weight", {8, 10}, kF32, Zeros(80));
  return b;
}

Result<std::unique_ptr<const Checkpoint>> From(GgufBuilder builder) {
  // The bytes must outlive the checkpoint.
  std::shared_ptr<std::string> bytes = std::make_shared<std::string>(builder.Build());
  ASSIGN_OR_RETURN(std::shared_ptr<const GgufFile> file, GgufFile::Parse(test::AsBytes(*bytes), "f", bytes));
  return GgufCheckpointFrom(std::move(file));
}

void ExpectError(GgufBuilder builder, const std::string& part) {
  const Result<std::unique_ptr<const Checkpoint>> opened = From(std::move(builder));
  ASSERT_FALSE(opened.ok()) << part;
  EXPECT_THAT(opened.error().message, HasSubstr(part));
}

TEST(GgufCheckpoint, SpeaksTheOriginalLanguage) {
  const Result<std::unique_ptr<const Checkpoint>> opened =
      From(Llama()
               .Tensor("blk.0.attn_q.weight", {8, 8}, kF32, Zeros(64))
               .Tensor("rope_freqs.weight", {2}, kF32, Zeros(2)));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  const Checkpoint& c = **opened;
  EXPECT_EQ(c.source(), Checkpoint::Source::kGguf);
  EXPECT_EQ(c.config()["architectures"], Json::array({"LlamaForCausalLM"}));
  EXPECT_EQ(c.config()["head_dim"], 4);
  EXPECT_EQ(c.config()["vocab_size"], 10);
  EXPECT_EQ(c.config()["rms_norm_eps"], 1e-5);
  EXPECT_EQ(c.config()["tie_word_embeddings"], true);
  EXPECT_EQ(c.config()["rope_interleaved"], true);
  EXPECT_EQ(c.config()["rope_parameters"]["rope_theta"], 10000.0);
  ASSERT_NE(c.Find("model.layers.0.self_attn.q_proj.weight"), nullptr);
  EXPECT_NE(c.Find("rope_freqs.weight"), nullptr);
  EXPECT_EQ(c.Find("model.embed_tokens.weight")->dims, (std::vector<int64_t>{10, 8}));
}

TEST(GgufCheckpoint, MissingKeysAreNamed) {
  for (const char* key : {"general.architecture", "llama.block_count", "llama.embedding_length",
                          "llama.attention.head_count"}) {
    ExpectError(Llama({key}), key);
  }
}

TEST(GgufCheckpoint, RefusesWhatItDoesNotUnderstand) {
  GgufBuilder unknown;
  unknown.String("general.architecture", "mamba");
  ExpectError(std::move(unknown),
              "deepseek2, deepseek32, glm-dsa, glm4moe, llama, minimax-m2, qwen2, qwen3, qwen3moe, seed_oss");
  ExpectError(Llama().Real("llama.attention.clamp_kqv", 8.0f), "llama.attention.clamp_kqv");
  ExpectError(Llama().Int("llama.expert_count", 8), "Mixtral");
  ExpectError(Llama().Flag("llama.attention.causal", false), "sees the future");
  ExpectError(Llama({"llama.block_count"}).String("llama.block_count", "1"), "llama.block_count");
  ExpectError(Llama({"llama.block_count"}).Int("llama.block_count", 1).Int("llama.nextn_predict_layers", 1),
              "prediction layers");
  ExpectError(Llama({"llama.attention.head_count"}).Int("llama.attention.head_count", 0), "above 0");
  // What is off, and the keys of other namespaces, do not matter.
  EXPECT_TRUE(
      From(Llama().Int("llama.expert_count", 0).Real("llama.logit_scale", 0).Int("other.key", 5)).ok());
}

TEST(GgufCheckpoint, RopeScaling) {
  const Result<std::unique_ptr<const Checkpoint>> yarn =
      From(Llama()
               .String("llama.rope.scaling.type", "yarn")
               .Real("llama.rope.scaling.factor", 4)
               .Int("llama.rope.scaling.original_context_length", 32)
               .Real("llama.rope.scaling.yarn_beta_slow", 0.1f));
  ASSERT_TRUE(yarn.ok()) << yarn.error().message;
  const Json& rope = (*yarn)->config()["rope_parameters"];
  EXPECT_EQ(rope["rope_type"], "yarn");
  EXPECT_EQ(rope["factor"], 4.0);
  EXPECT_EQ(rope["original_max_position_embeddings"], 32);
  EXPECT_EQ(rope["beta_slow"], 0.1);  // the decimal, not its f32 neighbour
  const Result<std::unique_ptr<const Checkpoint>> linear = From(Llama().Real("llama.rope.scaling.factor", 2));
  ASSERT_TRUE(linear.ok());
  EXPECT_EQ((*linear)->config()["rope_parameters"]["rope_type"], "linear");
}

TEST(GgufCheckpoint, SplitFilesAreOneModel) {
  test::TemporaryFolder folder;
  const auto part = [](GgufBuilder b, uint32_t no, uint32_t tensors) {
    return b.Int("split.count", 2).Int("split.no", no).Int("split.tensors.count", tensors).Build();
  };
  const fs::path first = folder / "m-00001-of-00002.gguf", second = folder / "m-00002-of-00002.gguf";
  test::WriteBytes(first, part(Llama(), 0, 2));
  const Result<std::unique_ptr<const Checkpoint>> alone = Checkpoint::Open(first);
  ASSERT_FALSE(alone.ok());
  EXPECT_THAT(alone.error().message, HasSubstr("m-00002-of-00002.gguf"));

  test::WriteBytes(second, part(GgufBuilder().Tensor("output.weight", {8, 10}, kF32, Zeros(80)), 1, 2));
  const Result<std::unique_ptr<const Checkpoint>> both = Checkpoint::Open(first);
  ASSERT_TRUE(both.ok()) << both.error().message;
  EXPECT_NE((*both)->Find("lm_head.weight"), nullptr);
  EXPECT_EQ((*both)->config()["tie_word_embeddings"], false);
  EXPECT_EQ((*both)->file_bytes(), static_cast<int64_t>(fs::file_size(first) + fs::file_size(second)));

  const Result<std::unique_ptr<const Checkpoint>> later = Checkpoint::Open(second);
  ASSERT_FALSE(later.ok());
  EXPECT_THAT(later.error().message, HasSubstr("m-00001-of-00002.gguf"));

  test::WriteBytes(second, part(GgufBuilder().Tensor("token_embd.weight", {8, 10}, kF32, Zeros(80)), 1, 2));
  EXPECT_THAT(Checkpoint::Open(first).error().message, HasSubstr("occurs twice"));
  test::WriteBytes(second, part(GgufBuilder(), 1, 2));
  EXPECT_THAT(Checkpoint::Open(first).error().message, HasSubstr("promises 2"));
  test::WriteBytes(second, part(Llama(), 0, 2));
  EXPECT_THAT(Checkpoint::Open(first).error().message, HasSubstr("does not say part 2"));
  fs::rename(first, folder / "other.gguf");
  EXPECT_THAT(Checkpoint::Open(folder / "other.gguf").error().message, HasSubstr("name that ends in"));
}

TEST(GgufCheckpoint, LatentWeightsComeSplitOrJoined) {
  const auto mla = [] {
    GgufBuilder b;
    b.String("general.architecture", "deepseek2").Int("deepseek2.nextn_predict_layers", 1);
    const std::pair<const char*, uint32_t> numbers[] = {
        {"block_count", 3},           {"embedding_length", 8},
        {"attention.head_count", 2},  {"attention.kv_lora_rank", 8},
        {"attention.key_length", 12}, {"attention.value_length", 6},
        {"rope.dimension_count", 4},  {"expert_count", 256},
        {"expert_used_count", 2},     {"expert_feed_forward_length", 8},
        {"expert_gating_func", 2}};
    for (const auto& [key, value] : numbers) b.Int(std::string("deepseek2.") + key, value);
    return b.Tensor("blk.0.attn_kv_b.weight", {8, 28}, kF32, Zeros(224));
  };
  const Result<std::unique_ptr<const Checkpoint>> joined = From(mla());
  ASSERT_TRUE(joined.ok()) << joined.error().message;
  EXPECT_NE((*joined)->Find("model.layers.0.self_attn.kv_b_proj.weight"), nullptr);
  const Json& config = (*joined)->config();
  EXPECT_EQ(config["qk_nope_head_dim"], 8);  // older files: no "_mla" widths
  EXPECT_EQ(config["v_head_dim"], 6);
  EXPECT_EQ(config["num_hidden_layers"], 2);
  EXPECT_EQ(config["num_nextn_predict_layers"], 1);
  EXPECT_EQ(config["num_key_value_heads"], 2);
  const Result<std::unique_ptr<const Checkpoint>> both =
      From(mla()
               .Tensor("blk.0.attn_k_b.weight", {8, 8, 2}, kF32, Zeros(128))
               .Tensor("blk.0.attn_v_b.weight", {8, 6, 2}, kF32, Zeros(96)));
  ASSERT_TRUE(both.ok()) << both.error().message;
  EXPECT_EQ((*both)->Find("model.layers.0.self_attn.kv_b_proj.weight"), nullptr);
  EXPECT_EQ((*both)->Find("model.layers.0.self_attn.k_b_proj.weight")->dims, (std::vector<int64_t>{2, 8, 8}));
  ExpectError(mla().Real("deepseek2.attention.temperature_scale", 0.1f), "temperature_scale");
}

TEST(GgufCheckpoint, SparseAttentionNamesItsIndexer) {
  const auto sparse = [](const std::string& name, const std::set<std::string>& without = {}) {
    GgufBuilder b;
    b.String("general.architecture", name).Int(name + ".nextn_predict_layers", 1);
    const std::pair<const char*, uint32_t> numbers[] = {{"block_count", 2},
                                                        {"embedding_length", 8},
                                                        {"attention.head_count", 2},
                                                        {"attention.kv_lora_rank", 8},
                                                        {"attention.key_length", 12},
                                                        {"attention.value_length", 8},
                                                        {"attention.key_length_mla", 10},
                                                        {"attention.value_length_mla", 6},
                                                        {"attention.indexer.head_count", 3},
                                                        {"attention.indexer.key_length", 16},
                                                        {"attention.indexer.top_k", 5},
                                                        {"rope.dimension_count", 4},
                                                        {"expert_count", 4},
                                                        {"expert_used_count", 2},
                                                        {"expert_feed_forward_length", 8},
                                                        {"context_length", 1 << 17}};
    for (const auto& [key, value] : numbers) {
      if (!without.contains(key)) b.Int(name + "." + key, value);
    }
    return b.Tensor("blk.1.indexer.k_norm.bias", {16}, kF32, Zeros(16))
        .Tensor("blk.1.nextn.eh_proj.weight", {16, 8}, kF32, Zeros(128));
  };
  const Result<std::unique_ptr<const Checkpoint>> opened = From(sparse("deepseek32"));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  const Json& config = (*opened)->config();
  EXPECT_EQ(config["architectures"], Json::array({"DeepseekV32ForCausalLM"}));
  EXPECT_EQ(config["index_n_heads"], 3);
  EXPECT_EQ(config["index_head_dim"], 16);
  EXPECT_EQ(config["index_topk"], 5);
  EXPECT_EQ(config["qk_nope_head_dim"], 6);
  EXPECT_EQ(config["num_hidden_layers"], 1);
  EXPECT_EQ(config["scoring_func"], "sigmoid");
  EXPECT_NE((*opened)->Find("model.layers.1.self_attn.indexer.k_norm.bias"), nullptr);
  EXPECT_NE((*opened)->Find("model.layers.1.eh_proj.weight"), nullptr);
  ExpectError(sparse("deepseek32", {"attention.indexer.top_k"}), "attention.indexer.top_k");
  EXPECT_TRUE(From(sparse("glm-dsa")).ok());
  ExpectError(sparse("glm-dsa", {"context_length"}).Int("glm-dsa.context_length", 1 << 20), "GLM-5.2");
}

// --- The goldens: the same model as its makers' folder and as a GGUF file.

std::vector<fs::path> GoldenPairs() {
  std::vector<fs::path> folders;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(std::string(MAINS_SOURCE_DIR) + "/tests/goldens")) {
    if (fs::exists(entry.path() / "model.gguf") && fs::exists(entry.path() / "config.json"))
      folders.push_back(entry);
  }
  return folders;
}

std::string BytesOf(const StoredTensor& tensor) {
  return std::string(reinterpret_cast<const char*>(tensor.data), static_cast<size_t>(tensor.bytes));
}

// The reordered rows of a Llama q or k matrix, back in the original order: of a head's rows, the even
// ones came from its first half.
std::string Uninterleaved(const StoredTensor& tensor, int64_t heads) {
  const std::string in = BytesOf(tensor);
  std::string out(in.size(), '\0');
  const size_t rows = static_cast<size_t>(tensor.dims[0]), row_bytes = in.size() / rows;
  const size_t per_head = rows / static_cast<size_t>(heads);
  for (size_t row = 0; row < rows; ++row) {
    const size_t head = row / per_head, i = row % per_head;
    const size_t from = head * per_head + i / 2 + i % 2 * (per_head / 2);
    out.replace(from * row_bytes, row_bytes, in, row * row_bytes, row_bytes);
  }
  return out;
}

// Whether `gguf` holds the experts that the folder has one by one.
bool SameExperts(const Checkpoint& hf, const StoredTensor& gguf) {
  const size_t at = gguf.name.find(".experts.");
  if (at == gguf.name.npos) return false;
  std::string all;
  for (int64_t e = 0; e < gguf.dims[0]; ++e) {
    const StoredTensor* one =
        hf.Find(gguf.name.substr(0, at + 9) + std::to_string(e) + "." + gguf.name.substr(at + 9));
    if (one == nullptr) return false;
    all += BytesOf(*one);
  }
  return all == BytesOf(gguf);
}

TEST(GgufCheckpoint, GoldensSayTheSameAsTheirFolders) {
  int pairs = 0, tensors = 0, keys = 0;
  for (const fs::path& folder : GoldenPairs()) {
    const Result<std::unique_ptr<const Checkpoint>> hf = Checkpoint::Open(folder);
    const Result<std::unique_ptr<const Checkpoint>> gguf = Checkpoint::Open(folder / "model.gguf");
    ASSERT_TRUE(gguf.ok()) << gguf.error().message;
    if (!hf.ok() || (*hf)->Find("model.embed_tokens.weight") == nullptr) continue;
    ++pairs;
    const Json& want = (*hf)->config();
    const Json& got = (*gguf)->config();
    for (const auto& [key, value] : got.items()) {
      // deepseek2 stands for several classes that differ in numbers only.
      const bool other_name =
          got["model_type"] == "deepseek_v3" && (key == "architectures" || key == "model_type");
      if (!want.contains(key) || want[key].is_null() || key == "rope_parameters" || other_name) continue;
      EXPECT_EQ(value, want[key]) << folder << " " << key;
      ++keys;
    }
    for (const std::string& name : (*gguf)->Names()) {
      const StoredTensor& tensor = *(*gguf)->Find(name);
      const StoredTensor* same = (*hf)->Find(name);
      if (same == nullptr) {
        const bool split = name.ends_with("k_b_proj.weight") || name.ends_with("v_b_proj.weight");
        EXPECT_TRUE(split || name == "rope_freqs.weight" || SameExperts(**hf, tensor))
            << folder << " " << name;
      } else if (got["model_type"] == "llama" &&
                 (name.find("q_proj") != name.npos || name.find("k_proj") != name.npos)) {
        const bool q = name.find("q_proj") != name.npos;
        const int64_t heads = got[q ? "num_attention_heads" : "num_key_value_heads"].get<int64_t>();
        EXPECT_EQ(Uninterleaved(tensor, heads), BytesOf(*same)) << folder << " " << name;
      } else {
        EXPECT_EQ(tensor.dims, same->dims) << folder << " " << name;
        EXPECT_EQ(BytesOf(tensor), BytesOf(*same)) << folder << " " << name;
      }
      ++tensors;
    }
  }
  EXPECT_GE(pairs, 12);
  EXPECT_GE(tensors, 400);
  EXPECT_GE(keys, 200);
}

}  // namespace
}  // namespace mains
