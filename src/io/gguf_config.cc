// The metadata half of gguf_names.h: what config.json would say.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <string>

#include "base/utf8.h"
#include "io/gguf_names.h"
#include "io/quoted.h"

namespace mains {
namespace {

using Family = GgufArchitecture::Family;

// Keys "<architecture>.x" that say nothing about what a forward pass computes.
constexpr std::string_view kHarmlessKeys[] = {
    "rope.scaling.finetuned",  // whether the scaling was trained
    "tensor_data_layout",      // a name for the row order that the architecture implies
    "vocab_size",              // the embedding's shape says it
};

// The decimal number that a writer rounded to f32: 0.1f reads 0.1, not 0.10000000149.
double Decimal(double value) {
  const float narrow = static_cast<float>(value);
  if (!std::isfinite(narrow) || static_cast<double>(narrow) != value) return value;
  std::array<char, 64> text;
  const std::to_chars_result written = std::to_chars(text.data(), text.data() + text.size(), narrow);
  double decimal = value;
  std::from_chars(text.data(), written.ptr, decimal);
  return decimal;
}

class ConfigBuilder {
 public:
  ConfigBuilder(const GgufFile& file, const GgufArchitecture& architecture, const TensorLookup& find)
      : file_(file), architecture_(architecture), find_(find) {}

  Result<Json> Build() {
    config_["architectures"] = Json::array({architecture_.hf_class});
    config_["model_type"] = architecture_.model_type;
    config_["hidden_act"] = "silu";
    AddTrunk();
    switch (architecture_.family) {
      case Family::kLlama: AddLlama(); break;
      case Family::kQwen: AddHeads(); break;
      case Family::kQwenMoe: AddQwenMoe(); break;
      case Family::kGlmMoe: AddGlmMoe(); break;
      case Family::kMinimax: AddMinimax(); break;
      case Family::kSeedOss: AddSeedOss(); break;
      case Family::kMla: AddMla(); break;
      case Family::kSparseMla: AddSparseMla(); break;
    }
    AddRope();
    if (error_) return *error_;
    RETURN_IF_ERROR(RefuseUnread());
    return std::move(config_);
  }

 private:
  // --- Look-ups below the architecture's name; each marks its key as read. The first error sticks.

  std::string Key(std::string_view key) const {
    return std::string(architecture_.name) + "." + std::string(key);
  }
  bool Has(std::string_view key) const { return file_.Has(Key(key)); }
  void Fail(Error error) {
    if (!error_) error_ = std::move(error);
  }
  template <typename T>
  std::optional<T> Keep(std::string_view key, Result<T> value) {
    read_.insert(Key(key));
    if (value.ok()) return *value;
    if (value.error().code != ErrorCode::kNotFound) Fail(value.error());
    return std::nullopt;
  }
  std::optional<int64_t> IntIf(std::string_view key) { return Keep<int64_t>(key, file_.GetInt(Key(key))); }
  std::optional<double> RealIf(std::string_view key) {
    const std::optional<double> value = Keep<double>(key, file_.GetReal(Key(key)));
    if (!value) return std::nullopt;
    return Decimal(*value);
  }
  bool FlagOr(std::string_view key, bool otherwise) {
    return Keep<bool>(key, file_.GetBool(Key(key))).value_or(otherwise);
  }
  int64_t Int(std::string_view key) {
    const std::optional<int64_t> value = IntIf(key);
    if (!value) Fail({ErrorCode::kInvalid, file_.what() + ": the key " + Quoted(Key(key)) + " is missing"});
    return value.value_or(1);
  }

  const StoredTensor* Tensor(std::string_view name) const { return find_(name); }
  const StoredTensor* InFirstLayer(const std::string& name) const { return find_("model.layers.0." + name); }

  // --- The parts of a configuration.

  void AddTrunk() {
    const int64_t mtp = IntIf("nextn_predict_layers").value_or(0);
    const int64_t blocks = Int("block_count");
    if (mtp < 0 || mtp >= blocks) {
      Fail({ErrorCode::kInvalid, file_.what() + ": " + std::to_string(mtp) + " prediction layers of " +
                                     std::to_string(blocks) + " blocks"});
      return;
    }
    layers_ = blocks - mtp;
    config_["num_hidden_layers"] = layers_;
    if (mtp > 0) config_["num_nextn_predict_layers"] = mtp;
    config_["hidden_size"] = hidden_ = Int("embedding_length");
    config_["num_attention_heads"] = heads_ = Int("attention.head_count");
    if (const std::optional<int64_t> n = IntIf("context_length")) config_["max_position_embeddings"] = *n;
    if (const std::optional<int64_t> n = IntIf("feed_forward_length")) config_["intermediate_size"] = *n;
    const std::optional<double> eps = RealIf("attention.layer_norm_rms_epsilon");
    if (eps) config_["rms_norm_eps"] = *eps;
    if (const StoredTensor* embedding = Tensor("model.embed_tokens.weight")) {
      config_["vocab_size"] = embedding->dims[0];
    }
    config_["tie_word_embeddings"] = Tensor("lm_head.weight") == nullptr;
    if (!FlagOr("attention.causal", true)) {
      Fail({ErrorCode::kUnsupported, file_.what() + ": attention that sees the future cannot be run here"});
    }
    if (heads_ < 1 || hidden_ < 1) {
      Fail({ErrorCode::kInvalid, file_.what() + ": the numbers of heads and of dimensions must be above 0"});
    }
  }

  // Ordinary grouped-query attention.
  void AddHeads() {
    if (error_) return;
    config_["num_key_value_heads"] = IntIf("attention.head_count_kv").value_or(heads_);
    head_dim_ = IntIf("attention.key_length").value_or(hidden_ / heads_);
    config_["head_dim"] = head_dim_;
    const std::optional<int64_t> values = IntIf("attention.value_length");
    if (head_dim_ < 1 || values.value_or(head_dim_) != head_dim_) {
      Fail({ErrorCode::kUnsupported, file_.what() + ": keys of " + std::to_string(head_dim_) +
                                         " dimensions and values of " +
                                         std::to_string(values.value_or(head_dim_)) + " do not go together"});
    }
    rotary_width_ = head_dim_;
  }

  void AddLlama() {
    AddHeads();
    config_["rope_interleaved"] = true;
    config_["attention_bias"] = InFirstLayer("self_attn.q_proj.bias") != nullptr;
    config_["mlp_bias"] = InFirstLayer("mlp.gate_proj.bias") != nullptr;
    if (IntIf("expert_count").value_or(0) != 0) {
      Fail({ErrorCode::kUnsupported,
            file_.what() + ": Llama models with experts (Mixtral) cannot be run here"});
    }
  }

  void AddSeedOss() {
    AddHeads();
    config_["attention_bias"] = InFirstLayer("self_attn.q_proj.bias") != nullptr;
    config_["attention_out_bias"] = InFirstLayer("self_attn.o_proj.bias") != nullptr;
    config_["mlp_bias"] = InFirstLayer("mlp.gate_proj.bias") != nullptr;
  }

  void AddQwenMoe() {
    AddHeads();
    config_["num_experts"] = Int("expert_count");
    config_["num_experts_per_tok"] = Int("expert_used_count");
    config_["moe_intermediate_size"] = Int("expert_feed_forward_length");
    // The format has no key for it here; its programs always normalise.
    config_["norm_topk_prob"] = FlagOr("expert_weights_norm", true);
    ExpectGating(1, 1);
  }

  void AddMinimax() {
    AddHeads();
    config_["num_local_experts"] = Int("expert_count");
    config_["num_experts_per_tok"] = Int("expert_used_count");
    config_["intermediate_size"] = Int("expert_feed_forward_length");
    config_["scoring_func"] = "sigmoid";
    config_["use_routing_bias"] = InFirstLayer("block_sparse_moe.e_score_correction_bias") != nullptr;
    config_["use_qk_norm"] = InFirstLayer("self_attn.q_norm.weight") != nullptr;
    ExpectGating(2, 2);
    if (!FlagOr("expert_weights_norm", true)) {
      Fail({ErrorCode::kUnsupported, file_.what() +
                                         ": MiniMax-M2 normalises the weights of its experts, but " +
                                         Quoted(Key("expert_weights_norm")) + " says otherwise"});
    }
  }

  void AddGlmMoe() {
    AddHeads();
    config_["attention_bias"] = InFirstLayer("self_attn.q_proj.bias") != nullptr;
    config_["use_qk_norm"] = InFirstLayer("self_attn.q_norm.weight") != nullptr;
    AddDeepseekExperts();
    ExpectGating(2, 2);
    AddGroups(1, 1);
  }

  // Experts as DeepSeek spells them; GLM does the same.
  void AddDeepseekExperts() {
    config_["n_routed_experts"] = Int("expert_count");
    config_["num_experts_per_tok"] = Int("expert_used_count");
    config_["moe_intermediate_size"] = Int("expert_feed_forward_length");
    config_["n_shared_experts"] = IntIf("expert_shared_count").value_or(0);
    config_["first_k_dense_replace"] = IntIf("leading_dense_block_count").value_or(0);
    config_["norm_topk_prob"] = FlagOr("expert_weights_norm", false);
    const double scale = RealIf("expert_weights_scale").value_or(1.0);
    config_["routed_scaling_factor"] = scale == 0.0 ? 1.0 : scale;  // 0 has meant "none"
  }

  void AddGroups(int64_t groups, int64_t used) {
    config_["n_group"] = IntIf("expert_group_count").value_or(groups);
    config_["topk_group"] = IntIf("expert_group_used_count").value_or(used);
  }

  // 1 is softmax, 2 sigmoid. `otherwise` is what readers of the format assume when it is not said.
  void ExpectGating(int64_t only, int64_t otherwise) {
    const std::optional<int64_t> stated = IntIf("expert_gating_func");
    const int64_t gating = stated.value_or(0) == 0 ? otherwise : *stated;
    if (gating == only) return;
    Fail({ErrorCode::kUnsupported, file_.what() + ": " + Quoted(Key("expert_gating_func")) + " is " +
                                       std::to_string(gating) +
                                       "; models of this architecture run here with " + std::to_string(only) +
                                       (only == 1 ? " (softmax)" : " (sigmoid)")});
  }

  // DeepSeek-V2 and V3, and what has their shape.
  void AddMla() {
    if (error_) return;
    constexpr int64_t kDeepseekV3Experts = 256, kDeepseekV3Vocabulary = 129280, kGlmVocabulary = 154880;
    AddLatentAttention();
    const int64_t vocabulary = config_.value("vocab_size", int64_t{0});
    // DeepSeek-V3 and R1 files made before the format had the keys route in 8 groups of which 4 count.
    const bool first_v3 =
        config_["n_routed_experts"] == kDeepseekV3Experts && vocabulary == kDeepseekV3Vocabulary;
    AddGroups(first_v3 ? 8 : 1, first_v3 ? 4 : 1);
    // Files of DeepSeek-V2 say nothing and mean softmax; those of GLM-4.7-Flash say nothing either.
    ExpectGating(2, vocabulary == kGlmVocabulary ? 2 : 1);
    if (vocabulary == kGlmVocabulary) {
      config_["architectures"] = Json::array({"Glm4MoeLiteForCausalLM"});
      config_["model_type"] = "glm4_moe_lite";
    }
  }

  // DeepSeek-V3.2 and GLM-5: latent attention to what an indexer selects.
  void AddSparseMla() {
    if (error_) return;
    constexpr int64_t kFirstSharingContext = 1 << 20;  // GLM-5.2's; GLM-5 and 5.1 have less
    AddLatentAttention();
    AddGroups(1, 1);
    ExpectGating(2, 2);
    config_["index_n_heads"] = Int("attention.indexer.head_count");
    config_["index_head_dim"] = Int("attention.indexer.key_length");
    config_["index_topk"] = Int("attention.indexer.top_k");
    // Files say it by their context only, so that readers of the format know the layers by heart.
    const bool shares = config_["model_type"] == "glm_moe_dsa" &&
                        config_.value("max_position_embeddings", int64_t{0}) >= kFirstSharingContext;
    if (!shares) return;
    Fail({ErrorCode::kUnsupported,
          file_.what() + ": GLM models whose layers share what an indexer selects (GLM-5.2 and later) "
                         "cannot be run here"});
  }

  // Multi-head latent attention. Newer files write it as attention over the latent vector, with one
  // key-value head and the true widths under "_mla"; older ones write the widths themselves.
  void AddLatentAttention() {
    IntIf("attention.head_count_kv");
    config_["num_key_value_heads"] = heads_;
    if (const std::optional<int64_t> rank = IntIf("attention.q_lora_rank")) config_["q_lora_rank"] = *rank;
    config_["kv_lora_rank"] = Int("attention.kv_lora_rank");
    const int64_t key = Int("attention.key_length"), value = Int("attention.value_length");
    const int64_t rope = rotary_width_ = Int("rope.dimension_count");
    const int64_t head = IntIf("attention.key_length_mla").value_or(key);
    config_["v_head_dim"] = IntIf("attention.value_length_mla").value_or(value);
    config_["qk_rope_head_dim"] = rope;
    config_["qk_nope_head_dim"] = head - rope;
    if (rope < 1 || head <= rope) {
      Fail({ErrorCode::kInvalid, file_.what() + ": heads of " + std::to_string(head) +
                                     " dimensions cannot rotate " + std::to_string(rope) + " and keep some"});
      return;
    }
    config_["attention_bias"] = InFirstLayer("self_attn.kv_a_proj_with_mqa.bias") != nullptr;
    AddDeepseekExperts();
    config_["scoring_func"] = "sigmoid";
  }

  void AddRope() {
    if (error_) return;
    Json rope = {{"rope_type", "default"}, {"rope_theta", RealIf("rope.freq_base").value_or(10000.0)}};
    const std::optional<int64_t> turned = IntIf("rope.dimension_count");
    if (turned && *turned != rotary_width_) {
      rope["partial_rotary_factor"] = static_cast<double>(*turned) / static_cast<double>(rotary_width_);
    }
    const std::optional<double> factor = RealIf("rope.scaling.factor");
    const std::optional<std::string_view> stated =
        Keep<std::string_view>("rope.scaling.type", file_.GetString(Key("rope.scaling.type")));
    // A factor without a type has always meant linear scaling; 0 and 1 mean none.
    const bool scaled = factor.value_or(1.0) != 1.0 && *factor != 0.0;
    const std::string type(stated.value_or(scaled ? "linear" : "none"));
    if (type != "none" && factor.value_or(0.0) != 0.0) {
      rope["rope_type"] = RepairUtf8(type.substr(0, 64));
      rope["factor"] = *factor;
    }
    if (type == "yarn") AddYarn(&rope);
    const std::optional<int64_t> original = IntIf("rope.scaling.original_context_length");
    if (original && type != "none") rope["original_max_position_embeddings"] = *original;
    config_["rope_parameters"] = std::move(rope);
  }

  void AddYarn(Json* rope) {
    const std::pair<const char*, const char*> keys[] = {
        {"rope.scaling.yarn_beta_fast", "beta_fast"},
        {"rope.scaling.yarn_beta_slow", "beta_slow"},
        {"rope.scaling.yarn_attn_factor", "attention_factor"},
    };
    for (const auto& [gguf, hf] : keys) {
      if (const std::optional<double> value = RealIf(gguf)) (*rope)[hf] = *value;
    }
    if (architecture_.family != Family::kMla && architecture_.family != Family::kSparseMla) return;
    // The converter stores a tenth of mscale_all_dim, and readers take mscale to be the same.
    if (const std::optional<double> log_multiplier = RealIf("rope.scaling.yarn_log_multiplier")) {
      const double mscale = Decimal(static_cast<float>(*log_multiplier / 0.1));
      (*rope)["mscale"] = (*rope)["mscale_all_dim"] = mscale;
    }
  }

  Status RefuseUnread() const {
    const std::string own = std::string(architecture_.name) + ".";
    for (const auto& [key, value] : file_.metadata()) {
      if (!key.starts_with(own) || read_.contains(std::string(key)) || SaysNothing(value)) continue;
      const std::string_view name = key.substr(own.size());
      if (std::find(std::begin(kHarmlessKeys), std::end(kHarmlessKeys), name) != std::end(kHarmlessKeys))
        continue;
      return Error{ErrorCode::kUnsupported,
                   file_.what() + ": the key " + Quoted(key) +
                       " is not understood; a model that ignores it might compute something else"};
    }
    return {};
  }

  // Zero, false and the empty: all bytes of the value are 0.
  static bool SaysNothing(const GgufValue& value) {
    return std::all_of(value.bytes.begin(), value.bytes.end(), [](std::byte b) { return b == std::byte{0}; });
  }

  const GgufFile& file_;
  const GgufArchitecture& architecture_;
  const TensorLookup& find_;
  Json config_ = Json::object();
  std::set<std::string> read_;
  std::optional<Error> error_;
  int64_t layers_ = 0;
  int64_t hidden_ = 0;
  int64_t heads_ = 1;
  int64_t head_dim_ = 0;
  int64_t rotary_width_ = 1;
};

}  // namespace

Result<Json> HfConfig(const GgufFile& file, const GgufArchitecture& architecture, const TensorLookup& find) {
  return ConfigBuilder(file, architecture, find).Build();
}

}  // namespace mains
