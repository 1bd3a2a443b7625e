#include "io/gguf_names.h"

#include <algorithm>
#include <cctype>

#include "io/quoted.h"

namespace mains {
namespace {

using Family = GgufArchitecture::Family;

// deepseek2 also stands for DeepSeek-R1, Kimi K2, Moonlight and GLM-4.7-Flash, whose configurations
// differ in numbers only.
constexpr GgufArchitecture kArchitectures[] = {
    {"deepseek2", "DeepseekV3ForCausalLM", "deepseek_v3", Family::kMla},
    {"deepseek32", "DeepseekV32ForCausalLM", "deepseek_v32", Family::kSparseMla},
    {"glm-dsa", "GlmMoeDsaForCausalLM", "glm_moe_dsa", Family::kSparseMla},
    {"glm4moe", "Glm4MoeForCausalLM", "glm4_moe", Family::kGlmMoe},
    {"llama", "LlamaForCausalLM", "llama", Family::kLlama},
    {"minimax-m2", "MiniMaxM2ForCausalLM", "minimax_m2", Family::kMinimax},
    {"qwen2", "Qwen2ForCausalLM", "qwen2", Family::kQwen},
    {"qwen3", "Qwen3ForCausalLM", "qwen3", Family::kQwen},
    {"qwen3moe", "Qwen3MoeForCausalLM", "qwen3_moe", Family::kQwenMoe},
    {"seed_oss", "SeedOssForCausalLM", "seed_oss", Family::kSeedOss},
};

struct NamePair {
  std::string_view gguf;
  std::string_view hf;
};

constexpr NamePair kOutside[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
};

// Within a layer: "blk.N." against "model.layers.N.". The norm before the feed-forward has two names.
constexpr NamePair kInLayer[] = {
    {"attn_norm", "input_layernorm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"post_attention_norm", "post_attention_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"attn_q_a", "self_attn.q_a_proj"},
    {"attn_q_a_norm", "self_attn.q_a_layernorm"},
    {"attn_q_b", "self_attn.q_b_proj"},
    {"attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa"},
    {"attn_kv_a_norm", "self_attn.kv_a_layernorm"},
    {"attn_kv_b", "self_attn.kv_b_proj"},
    {"attn_k_b", "self_attn.k_b_proj"},
    {"attn_v_b", "self_attn.v_b_proj"},
    {"indexer.attn_k", "self_attn.indexer.wk"},
    {"indexer.attn_q_b", "self_attn.indexer.wq_b"},
    {"indexer.k_norm", "self_attn.indexer.k_norm"},
    {"indexer.proj", "self_attn.indexer.weights_proj"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {"ffn_gate_inp", "mlp.gate"},
    {"ffn_gate_exps", "mlp.experts.gate_proj"},
    {"ffn_up_exps", "mlp.experts.up_proj"},
    {"ffn_down_exps", "mlp.experts.down_proj"},
    {"ffn_gate_shexp", "mlp.shared_experts.gate_proj"},
    {"ffn_up_shexp", "mlp.shared_experts.up_proj"},
    {"ffn_down_shexp", "mlp.shared_experts.down_proj"},
    {"nextn.eh_proj", "eh_proj"},
    {"nextn.embed_tokens", "embed_tokens"},
    {"nextn.enorm", "enorm"},
    {"nextn.hnorm", "hnorm"},
    {"nextn.shared_head_head", "shared_head.head"},
    {"nextn.shared_head_norm", "shared_head.norm"},
};

// Where MiniMax-M2 spells the same things otherwise.
constexpr NamePair kInMinimaxLayer[] = {
    {"ffn_gate_inp", "block_sparse_moe.gate"},
    {"ffn_gate_exps", "block_sparse_moe.experts.w1"},
    {"ffn_down_exps", "block_sparse_moe.experts.w2"},
    {"ffn_up_exps", "block_sparse_moe.experts.w3"},
};

std::string_view Counterpart(std::span<const NamePair> table, std::string_view name) {
  for (const NamePair& pair : table) {
    if (pair.gguf == name) return pair.hf;
  }
  return {};
}

std::string_view InLayer(Family family, std::string_view name) {
  if (family == Family::kMinimax) {
    if (const std::string_view own = Counterpart(kInMinimaxLayer, name); !own.empty()) return own;
  }
  return Counterpart(kInLayer, name);
}

}  // namespace

Result<const GgufArchitecture*> FindGgufArchitecture(const GgufFile& file) {
  ASSIGN_OR_RETURN(const std::string_view name, file.GetString("general.architecture"));
  std::string known;
  for (const GgufArchitecture& architecture : kArchitectures) {
    if (name == architecture.name) return &architecture;
    known += (known.empty() ? "" : ", ") + std::string(architecture.name);
  }
  return Error{ErrorCode::kUnsupported, file.what() + ": GGUF files of the architecture " + Quoted(name) +
                                            " cannot be run here; those of " + known + " can"};
}

std::string HfTensorName(const GgufArchitecture& architecture, std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == name.npos) return std::string(name);
  const std::string suffix(name.substr(dot));
  const std::string_view base = name.substr(0, dot);
  if (!base.starts_with("blk.")) {
    const std::string_view outside = Counterpart(kOutside, base);
    return outside.empty() ? std::string(name) : std::string(outside) + suffix;
  }
  const std::string_view rest = base.substr(4);
  const size_t digits = rest.find('.');
  if (digits == rest.npos) return std::string(name);
  const std::string layer = "model.layers." + std::string(rest.substr(0, digits)) + ".";
  const std::string_view leaf = rest.substr(digits + 1);
  if (leaf == "exp_probs_b" && suffix == ".bias") {
    const bool minimax = architecture.family == Family::kMinimax;
    return layer +
           (minimax ? "block_sparse_moe.e_score_correction_bias" : "mlp.gate.e_score_correction_bias");
  }
  const std::string_view hf = InLayer(architecture.family, leaf);
  return hf.empty() ? std::string(name) : layer + std::string(hf) + suffix;
}

}  // namespace mains
