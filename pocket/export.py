"""The checkpoint in the layout of DeepseekV32ForCausalLM, as the publishers of the large ones write it."""

import json
import pathlib

import torch
from safetensors.torch import load_file, save_file

from .model import Config, MoE, Pocket


def hf_config(config, ids):
    """`ids`: token ids of bos, eos and pad."""
    return {
        "architectures": ["DeepseekV32ForCausalLM"], "model_type": "deepseek_v32",
        "vocab_size": config.vocab_size, "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_hidden_layers, "first_k_dense_replace": config.first_k_dense_replace,
        "moe_layer_freq": 1, "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_attention_heads, "qk_nope_head_dim": config.qk_nope_head_dim,
        "qk_rope_head_dim": config.qk_rope_head_dim, "v_head_dim": config.v_head_dim,
        "q_lora_rank": config.q_lora_rank, "kv_lora_rank": config.kv_lora_rank,
        "intermediate_size": config.intermediate_size, "n_routed_experts": config.n_routed_experts,
        "num_experts_per_tok": config.num_experts_per_tok, "moe_intermediate_size": config.moe_intermediate_size,
        "n_shared_experts": config.n_shared_experts, "n_group": 1, "topk_group": 1, "topk_method": "noaux_tc",
        "scoring_func": "sigmoid", "norm_topk_prob": True, "routed_scaling_factor": config.routed_scaling_factor,
        "index_n_heads": config.index_n_heads, "index_head_dim": config.index_head_dim, "index_topk": config.index_topk,
        "num_nextn_predict_layers": 1, "hidden_act": "silu", "attention_bias": False, "attention_dropout": 0.0,
        "rms_norm_eps": config.rms_norm_eps, "rope_theta": config.rope_theta, "rope_scaling": None,
        "max_position_embeddings": config.max_position_embeddings, "initializer_range": config.initializer_range,
        "tie_word_embeddings": True, "torch_dtype": "bfloat16", "use_cache": True,
        "bos_token_id": ids[0], "eos_token_id": ids[1], "pad_token_id": ids[2]}


# The MTP layer drafts with dense attention. Its indexer is never trained, and without one in the checkpoint
# engines attend to everything.
UNUSED = "mtp.layer.self_attn.indexer."


def hf_tensors(model):
    """Names of the checkpoint to tensors. The MTP layer stands behind the last one, as in DeepSeek-V3."""
    out = {}
    last = model.config.num_hidden_layers
    state = {n: t for n, t in model.state_dict().items() if not n.startswith(UNUSED)}
    for name, tensor in state.items():
        name = name.replace("mtp.layer.", f"layers.{last}.").replace("mtp.norm.", f"layers.{last}.shared_head.norm.")
        out["model." + name.replace("mtp.", f"layers.{last}.")] = tensor
    for name in [n for n in out if n.endswith((".gate_up", ".down"))]:
        tensor, prefix = out.pop(name), name.rsplit(".", 1)[0]
        for expert, weight in enumerate(tensor.transpose(1, 2)):
            if name.endswith(".down"):
                out[f"{prefix}.experts.{expert}.down_proj.weight"] = weight
            else:
                gate, up = weight.chunk(2, 0)
                out[f"{prefix}.experts.{expert}.gate_proj.weight"] = gate
                out[f"{prefix}.experts.{expert}.up_proj.weight"] = up
    return out


def save_folder(model, folder, ids, dtype=torch.bfloat16):
    """Writes config.json, generation_config.json and model.safetensors; the tokenizer's files are its own."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, tensor in hf_tensors(model).items():
        exact = name.endswith(("e_score_correction_bias", "indexer.weights_proj.weight"))
        tensors[name] = tensor.detach().to("cpu", torch.float32 if exact else dtype).contiguous().clone()
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})
    config = hf_config(model.config, ids)
    config["torch_dtype"] = str(dtype).removeprefix("torch.")
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    generation = {"bos_token_id": ids[0], "eos_token_id": ids[1], "pad_token_id": ids[2], "do_sample": False,
                  "mains": {"builtin_tools": True, "thinking": True}}  # what it is made for (docs/design.md)
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2), encoding="utf-8")


def load_folder(folder):
    """The model of a folder that save_folder wrote."""
    folder = pathlib.Path(folder)
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = Config(**{k: v for k, v in stored.items() if k in Config.__dataclass_fields__})
    model = Pocket(config)
    tensors = load_file(str(folder / "model.safetensors"))
    last = config.num_hidden_layers
    state = {n: t for n, t in model.state_dict().items() if n.startswith(UNUSED)}
    for name, tensor in tensors.items():
        name = name.removeprefix("model.")
        for part in ("enorm", "hnorm", "eh_proj"):
            name = name.replace(f"layers.{last}.{part}.", f"mtp.{part}.")
        name = name.replace(f"layers.{last}.shared_head.norm.", "mtp.norm.").replace(f"layers.{last}.", "mtp.layer.")
        state[name] = tensor.float()
    for prefix, module in model.named_modules():
        if isinstance(module, MoE):
            expert = lambda i, part: state.pop(f"{prefix}.experts.{i}.{part}_proj.weight")
            count = config.n_routed_experts
            gate_up = torch.stack([torch.cat((expert(i, "gate"), expert(i, "up"))) for i in range(count)])
            state[f"{prefix}.gate_up"] = gate_up.transpose(1, 2).contiguous()
            state[f"{prefix}.down"] = torch.stack([expert(i, "down") for i in range(count)]).transpose(1, 2).contiguous()
    model.load_state_dict(state)
    return model.eval()
