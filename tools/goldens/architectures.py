"""The architectures, each as a configuration in its published spelling and the branches it takes."""

from dataclasses import dataclass, field

from .checkpoint import BOS, EOS, VOCAB_SIZE

_COMMON = {
    "bos_token_id": BOS, "eos_token_id": EOS, "hidden_act": "silu", "hidden_size": 32, "initializer_range": 0.02,
    "intermediate_size": 64, "max_position_embeddings": 128, "num_attention_heads": 4, "num_hidden_layers": 3,
    "num_key_value_heads": 2, "rms_norm_eps": 1e-6, "tie_word_embeddings": False, "use_cache": True,
    "vocab_size": VOCAB_SIZE, "attention_dropout": 0.0,
}  # fmt: skip
_V4 = {"torch_dtype": "float32", "transformers_version": "4.57.1"}
_V5 = {"dtype": "float32", "transformers_version": "5.23.0"}


@dataclass
class Golden:
    """One folder under tests/goldens."""

    name: str
    model_class: str
    config: dict
    branches: str
    seed: int = 1
    notes: list = field(default_factory=list)
    dtype: str = "float32"
    shards: int = 1
    mtp: bool = False
    bare_mtp: bool = False
    gguf: bool = True
    gguf_types: tuple = ()
    quantize: str = ""


def _golden(name, model_class, *parts, **keywords):
    config = {"architectures": [model_class]}
    for part in (_COMMON, *parts):
        config |= part
    return Golden(name, model_class, dict(sorted(config.items())), **keywords)


def _theta(value, **more):
    """Rotary settings in the spelling of transformers 5."""
    return {"rope_parameters": {"rope_theta": value, "rope_type": "default"} | more}


_BETAS = ("llama.cpp v0.5.0 under node-llama-cpp computes with betas 32 and 1 whatever yarn_beta_fast and yarn_beta_slow say: "
          "it agrees with this golden only when the configuration has those")  # fmt: skip


def _llama():
    llama = {"model_type": "llama", "attention_bias": False, "mlp_bias": False, "pretraining_tp": 1}
    v4 = _V4 | {"rope_theta": 10000.0, "rope_scaling": None}
    yarn = {"factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 2.0, "beta_slow": 0.1}
    llama3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
    cls = "LlamaForCausalLM"
    return [
        _golden("llama", cls, llama, v4, {"rope_theta": 5e6, "rms_norm_eps": 1e-5},
                branches="grouped-query attention, untied head, head_dim from hidden_size; also Yi"),
        _golden("llama_bias", cls, llama, _V5, _theta(10000.0), {"attention_bias": True, "mlp_bias": True, "head_dim": 16},
                branches="biases on q, k, v, o and on the feed-forward; explicit head_dim"),
        _golden("llama_linear", cls, llama, v4, {"rope_scaling": {"type": "linear", "factor": 4.0}},
                branches="linear rope scaling, key 'type'"),
        _golden("llama_yarn", cls, llama, _V5, _theta(10000.0, **yarn | {"rope_type": "yarn"}), {"head_dim": 16},
                notes=[_BETAS],
                branches="YaRN with attention factor from the factor, blended frequencies, beta_fast and beta_slow given"),
        _golden("llama_llama3rope", cls, llama, _V5, _theta(10000.0, **llama3 | {"rope_type": "llama3"}), {"head_dim": 16},
                branches="llama3 rope scaling: low, blended and high frequencies",
                notes=["GGUF: rope_freqs.weight uses the original length of rope_parameters (llama.cpp's converter "
                       "reads it from the top level of the configuration, where Llama 3's default 8192 agrees)"]),
    ]  # fmt: skip


def _qwen():
    qwen2 = {"model_type": "qwen2", "use_sliding_window": False, "sliding_window": 8, "max_window_layers": 1}
    qwen3 = {"model_type": "qwen3", "head_dim": 16, "attention_bias": False, "use_sliding_window": False,
             "sliding_window": None, "max_window_layers": 3}  # fmt: skip
    v4 = _V4 | {"rope_theta": 1e6, "rope_scaling": None}
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
    tied = {"tie_word_embeddings": True}
    cls = "Qwen3ForCausalLM"
    quantized = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    large = {
        "hidden_size": 256,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "head_dim": 64,
        "num_key_value_heads": 1,
    }
    return [
        _golden("qwen2", "Qwen2ForCausalLM", qwen2, v4, tied, shards=3,
                branches="bias on q, k, v; tied embeddings; sliding-window keys present and switched off; three shards"),
        _golden("qwen3", cls, qwen3, v4, tied, quantized, gguf_types=("Q8_0", "Q4_0", "Q5_1", "MXFP4", "BF16", "F16"),
                branches="per-head q and k norms, tied embeddings, explicit head_dim, GGUF in several types"),
        _golden("qwen3_kquants", cls, qwen3, v4, large, gguf=False, quantize="gguf",
                branches="a GGUF whose matrices are random blocks of Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_XS, IQ4_NL, Q4_1, Q5_0",
                notes=["GGUF only: there is no model.safetensors"]),
        _golden("qwen3_yarn", cls, qwen3, v4, {"rope_theta": 10000.0, "rope_scaling": yarn},
                branches="YaRN with default betas, untied head, key 'rope_type' under rope_scaling"),
        _golden("qwen3_bf16", cls, qwen3, _V5, _theta(1e6), {"dtype": "bfloat16"}, dtype="bfloat16", gguf=False,
                branches="weights stored in bfloat16; the reference computes in float32 on them"),
        _golden("qwen3_f16", cls, qwen3, v4, {"torch_dtype": "float16"}, dtype="float16", gguf=False,
                branches="weights stored in float16; the reference computes in float32 on them"),
    ]  # fmt: skip


def _qwen3_moe():
    moe = {
        "model_type": "qwen3_moe", "head_dim": 16, "attention_bias": False, "decoder_sparse_step": 1, "mlp_only_layers": [],
        "moe_intermediate_size": 32, "norm_topk_prob": True, "num_experts": 8, "num_experts_per_tok": 2,
        "output_router_logits": False, "router_aux_loss_coef": 0.001, "sliding_window": None, "use_sliding_window": False,
        "max_window_layers": 3,
    }  # fmt: skip
    v4 = _V4 | {"rope_theta": 1e6, "rope_scaling": None}
    cls = "Qwen3MoeForCausalLM"
    mixed = {"num_hidden_layers": 4, "decoder_sparse_step": 2, "mlp_only_layers": [3]}
    no_gguf = ["no GGUF: llama.cpp's qwen3moe has neither dense layers nor unnormalised weights"]
    return [
        _golden("qwen3_moe", cls, moe, v4, branches="softmax router, top 2 of 8, norm_topk_prob, every layer sparse"),
        _golden("qwen3_moe_mixed", cls, moe, _V5, _theta(1e6), mixed, gguf=False, notes=no_gguf,
                branches="decoder_sparse_step 2 and mlp_only_layers [3]: only layer 1 is sparse"),
        _golden("qwen3_moe_nonorm", cls, moe, v4, {"norm_topk_prob": False, "num_experts_per_tok": 3}, gguf=False,
                notes=no_gguf, branches="norm_topk_prob false, top 3"),
        _golden("qwen3_moe_mxfp4", cls, moe, _V5, _theta(1e6), {"num_hidden_layers": 2, "hidden_size": 64}, gguf=False,
                quantize="mxfp4", branches="experts in compressed-tensors mxfp4-pack-quantized"),
    ]  # fmt: skip


def _glm():
    glm = {
        "model_type": "glm4_moe", "attention_bias": True, "first_k_dense_replace": 1, "head_dim": 16,
        "moe_intermediate_size": 16, "n_group": 1, "n_routed_experts": 8, "n_shared_experts": 1, "norm_topk_prob": True,
        "num_experts_per_tok": 2, "num_nextn_predict_layers": 1, "rms_norm_eps": 1e-5, "routed_scaling_factor": 2.5,
        "topk_group": 1, "use_qk_norm": True,
    }  # fmt: skip
    v4 = _V4 | {"rope_theta": 1e6, "rope_scaling": None, "partial_rotary_factor": 0.5}
    air = {"use_qk_norm": False, "n_group": 2, "topk_group": 1, "n_shared_experts": 2, "routed_scaling_factor": 1.0}
    lite = _MLA | _MLA_Q | {
        "model_type": "glm4_moe_lite", "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1, "v_head_dim": 16,
        "num_key_value_heads": 4, "num_nextn_predict_layers": 1, "rms_norm_eps": 1e-5, "rope_interleave": True,
        "routed_scaling_factor": 1.8, "topk_method": "noaux_tc", "partial_rotary_factor": 1.0,
    }  # fmt: skip
    return [
        _golden("glm4_moe", "Glm4MoeForCausalLM", glm, v4, mtp=True,
                branches="partial rotary 0.5, bias on q, k, v, q and k norms, sigmoid router with selection bias, first layer "
                         "dense, shared expert, multi-token-prediction layer"),
        _golden("glm4_moe_air", "Glm4MoeForCausalLM", glm, air, _V5, _theta(1e6, partial_rotary_factor=0.5), mtp=True,
                branches="as glm4_moe without q and k norms, two expert groups of which one is kept, two shared experts"),
        _golden("glm4_moe_lite", "Glm4MoeLiteForCausalLM", lite, _V4, {"rope_theta": 1e6, "rope_scaling": None}, mtp=True,
                branches="GLM-4.7-Flash: latent attention with q_lora, sigmoid router, MTP layer",
                notes=[_LORA_EPS, "GGUF: arch deepseek2 without the MTP layer; expert_gating_func is written although the "
                       "published configuration has no scoring_func, from which llama.cpp's converter writes it"]),
    ]  # fmt: skip


def _minimax_and_seed():
    minimax = {
        "model_type": "minimax_m2", "head_dim": 16, "rotary_dim": 8, "rope_theta": 5e6, "intermediate_size": 16,
        "num_local_experts": 8, "num_experts_per_tok": 2, "qk_norm_type": "per_layer", "use_qk_norm": True,
        "scoring_func": "sigmoid", "use_routing_bias": True, "shared_intermediate_size": 0, "num_mtp_modules": 3,
        "mtp_transformer_layers": 1, "attn_type_list": [1, 1, 1],
    }  # fmt: skip
    seed_oss = {
        "model_type": "seed_oss", "head_dim": 16, "attention_bias": True, "attention_out_bias": False, "mlp_bias": False,
        "residual_dropout": 0.0, "rope_theta": 1e7, "rope_scaling": {"rope_type": "default"}, "pretraining_tp": 1,
    }  # fmt: skip
    return [
        _golden("minimax_m2", "MiniMaxM2ForCausalLM", minimax, _V4,
                branches="q and k norms over the whole vector, rotary on 8 of 16 dimensions, sigmoid router with selection "
                         "bias, every layer sparse, no shared expert"),
        _golden("seed_oss", "SeedOssForCausalLM", seed_oss, _V4,
                branches="bias on q, k, v and not on o; explicit head_dim; rope_scaling of type default"),
    ]  # fmt: skip


_LORA_EPS = "q_a_layernorm and kv_a_layernorm use eps 1e-6 in the HF class whatever rms_norm_eps says"
_MLA = {
    "attention_bias": False, "hidden_size": 32, "kv_lora_rank": 16, "moe_intermediate_size": 16, "n_routed_experts": 8,
    "n_shared_experts": 1, "norm_topk_prob": True, "num_experts_per_tok": 3, "num_key_value_heads": 4,
    "q_lora_rank": None, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 12,
}  # fmt: skip
_MLA_Q = {"q_lora_rank": 24}


def _deepseek():
    v3 = _MLA | _MLA_Q | {
        "model_type": "deepseek_v3", "ep_size": 1, "first_k_dense_replace": 1, "moe_layer_freq": 1, "n_group": 4,
        "num_nextn_predict_layers": 1, "rope_theta": 10000.0, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid",
        "topk_group": 2, "topk_method": "noaux_tc",
        "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 2,
                         "beta_slow": 0.1, "mscale": 1.0, "mscale_all_dim": 1.0},
    }  # fmt: skip
    moonlight = {
        "hidden_size": 64, "intermediate_size": 96, "kv_lora_rank": 32, "moe_intermediate_size": 32, "n_group": 1,
        "n_routed_experts": 4, "n_shared_experts": 2, "num_attention_heads": 2, "num_experts_per_tok": 2,
        "num_hidden_layers": 2, "num_key_value_heads": 2, "num_nextn_predict_layers": 0, "q_lora_rank": None,
        "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "rms_norm_eps": 1e-5, "rope_scaling": None, "rope_theta": 50000.0,
        "routed_scaling_factor": 2.446, "topk_group": 1, "v_head_dim": 32,
    }  # fmt: skip
    k2 = {
        "model_type": "kimi_k2", "n_group": 1, "topk_group": 1, "num_nextn_predict_layers": 0, "rope_theta": 50000.0,
        "routed_scaling_factor": 2.827,
        "rope_scaling": {"type": "yarn", "factor": 32.0, "original_max_position_embeddings": 16, "beta_fast": 1.0,
                         "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0},
    }  # fmt: skip
    fp8 = {
        "hidden_size": 160, "intermediate_size": 192, "moe_intermediate_size": 144, "n_group": 2, "topk_group": 1,
        "n_routed_experts": 4, "num_experts_per_tok": 2, "num_hidden_layers": 2, "num_nextn_predict_layers": 0,
        "q_lora_rank": 48, "kv_lora_rank": 64, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 32,
        "torch_dtype": "bfloat16",
    }  # fmt: skip
    mscale = {"rope_scaling": v3["rope_scaling"] | {"mscale": 0.707}}
    int4 = {"hidden_size": 64, "moe_intermediate_size": 32, "dtype": "bfloat16"}
    cls = "DeepseekV3ForCausalLM"
    k25 = {
        "architectures": ["KimiK25ForConditionalGeneration"], "model_type": "kimi_k25", "bos_token_id": BOS,
        "eos_token_id": EOS, "dtype": "float32", "tie_word_embeddings": False, "image_token_id": 100, "video_token_id": 101,
        "vision_start_token_id": 102, "vision_end_token_id": 103, "projection_hidden_size": 16,
        "text_config": dict(sorted((_COMMON | v3 | k2 | {"architectures": [cls]}).items())),
        "vision_config": {"model_type": "kimi_k25_vision", "hidden_size": 16, "intermediate_size": 24,
                          "num_attention_heads": 2, "num_hidden_layers": 1, "patch_size": 4, "pos_emb_height": 4,
                          "pos_emb_width": 4, "pos_emb_time": 2},
    }  # fmt: skip
    return [
        _golden("deepseek_v3", cls, v3, _V4, mtp=True, notes=[_LORA_EPS, _BETAS],
                branches="latent attention with q_lora, v_head_dim other than nope, sigmoid router in 4 groups of which 2 are "
                         "kept, first layer dense, shared expert, YaRN with mscale_all_dim, MTP layer"),
        _golden("deepseek_v3_noqlora", cls, v3, moonlight, _V4, gguf_types=("Q8_0", "Q4_0", "MXFP4"), notes=[_LORA_EPS],
                branches="Moonlight: q_proj without q_lora, one group, no rope scaling, two shared experts, GGUF in several types"),
        _golden("kimi_k2", cls, v3, k2, _V5, notes=[_LORA_EPS],
                branches="model_type kimi_k2, one group, YaRN factor 32 with equal betas"),
        Golden("kimi_k25", "Kimi_K25ForConditionalGeneration", k25, notes=[_LORA_EPS],
               branches="text under text_config, weights prefixed language_model., vision tensors present and not run"),
        _golden("deepseek_v3_fp8", cls, v3, fp8, mscale, _V4 | {"torch_dtype": "bfloat16"}, gguf=False, quantize="fp8",
                notes=[_LORA_EPS], branches="FP8 e4m3 weights with 128x128 scales and partial edge blocks; the rest bfloat16; "
                "mscale 0.707 beside mscale_all_dim 1: rotary factor other than one"),
        _golden("deepseek_v3_fp8_ue8m0", cls, v3, fp8, _V4 | {"torch_dtype": "bfloat16"}, gguf=False, quantize="fp8_ue8m0",
                notes=[_LORA_EPS], branches="scale_fmt ue8m0: power-of-two scales, stored as F32 and, in layer 1, as F8_E8M0"),
        _golden("kimi_k2_int4", cls, v3, k2, _V5, int4, gguf=False, quantize="int4", notes=[_LORA_EPS],
                branches="experts in compressed-tensors pack-quantized INT4, group 32, symmetric; the rest bfloat16"),
    ]  # fmt: skip


def _sparse():
    dsa = _MLA | _MLA_Q | {
        "ep_size": 1, "first_k_dense_replace": 1, "index_head_dim": 16, "index_n_heads": 16, "index_topk": 8,
        "moe_layer_freq": 1, "num_nextn_predict_layers": 1, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid",
        "topk_method": "noaux_tc",
    }  # fmt: skip
    v32 = dsa | {
        "model_type": "deepseek_v32", "n_group": 4, "topk_group": 2, "rope_theta": 10000.0,
        "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 2,
                         "beta_slow": 0.1, "mscale": 1.0, "mscale_all_dim": 1.0},
    }  # fmt: skip
    tied = {"tie_word_embeddings": True, "rope_scaling": None, "n_group": 1, "topk_group": 1, "num_experts_per_tok": 2}
    glm = dsa | {
        "model_type": "glm_moe_dsa", "n_group": 1, "topk_group": 1, "rms_norm_eps": 1e-5, "v_head_dim": 16, "head_dim": 8,
        "qk_head_dim": 16, "indexer_rope_interleave": True, "rope_interleave": True,
    }  # fmt: skip
    return [
        _golden("deepseek_v32", "DeepseekV32ForCausalLM", v32, _V4, mtp=True, notes=[_LORA_EPS],
                branches="sparse attention to 8 positions chosen by an indexer with half-split rope, YaRN, routing in groups, "
                         "MTP layer with an indexer of its own"),
        _golden("deepseek_v32_tied", "DeepseekV32ForCausalLM", v32, tied, _V4, mtp=True, bare_mtp=True, gguf=False,
                notes=[_LORA_EPS],
                branches="tied embeddings, plain rope, one routing group; MTP layer without an indexer, which then attends to "
                         "everything, and with the model's embedding and head"),
        _golden("glm_moe_dsa", "GlmMoeDsaForCausalLM", glm, _V5, _theta(1e6), mtp=True, notes=[_LORA_EPS],
                branches="GLM-5: sparse attention to 8 positions chosen by an indexer with interleaved rope, every layer with "
                         "an indexer of its own, MTP layer"),
    ]  # fmt: skip


def all_goldens():
    return [*_llama(), *_qwen(), *_qwen3_moe(), *_deepseek(), *_glm(), *_minimax_and_seed(), *_sparse()]
