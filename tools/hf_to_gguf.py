#!/usr/bin/env python3
"""Writes a Hugging Face checkpoint as GGUF, as llama.cpp's converter lays it out.

    python3 tools/hf_to_gguf.py CHECKPOINT_FOLDER OUT.gguf [--type F32|F16|BF16|Q8_0|Q4_0|...]

Made for the small checkpoints under tests/goldens: everything is held in memory, the tokenizer must be a
byte-level BPE tokenizer.json, and quantised input must be dequantised first. Facts (names, metadata keys,
row orders) are those of llama.cpp's conversion/ folder; tensor names come from the gguf package.
Packages: tools/requirements.txt.
"""

import argparse
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "qwen3_moe": gguf.MODEL_ARCH.QWEN3MOE,
    "glm4_moe": gguf.MODEL_ARCH.GLM4_MOE,
    "minimax_m2": gguf.MODEL_ARCH.MINIMAXM2,
    "seed_oss": gguf.MODEL_ARCH.SEED_OSS,
    "deepseek_v3": gguf.MODEL_ARCH.DEEPSEEK2,
    "kimi_k2": gguf.MODEL_ARCH.DEEPSEEK2,
    "kimi_k25": gguf.MODEL_ARCH.DEEPSEEK2,
    "glm4_moe_lite": gguf.MODEL_ARCH.DEEPSEEK2,
    # The pinned package does not know deepseek32 by name; its tensors have the names of GLM-5's.
    "deepseek_v32": gguf.MODEL_ARCH.GLM_DSA,
    "glm_moe_dsa": gguf.MODEL_ARCH.GLM_DSA,
}
ARCHITECTURE_NAMES = gguf.MODEL_ARCH_NAMES | {"deepseek_v32": "deepseek32"}
MTP_ARCHITECTURES = (gguf.MODEL_ARCH.GLM4_MOE, gguf.MODEL_ARCH.GLM_DSA)


@dataclass
class Entry:
    """One GGUF tensor, and the way back from its values to the checkpoint's tensors."""

    name: str
    values: np.ndarray
    restore: Callable[[np.ndarray], dict[str, np.ndarray]]


@dataclass
class Model:
    config: dict  # the text model's, with the rotary settings under rope_parameters
    arch: gguf.MODEL_ARCH
    tensors: dict[str, np.ndarray]

    @property
    def arch_name(self):
        return ARCHITECTURE_NAMES.get(self.config["model_type"], ARCHITECTURE_NAMES[self.arch])

    @property
    def mla(self):
        return self.arch in (gguf.MODEL_ARCH.DEEPSEEK2, gguf.MODEL_ARCH.GLM_DSA)

    @property
    def mtp_layers(self):
        # deepseek2 files leave the multi-token-prediction layers out; the others keep them as last blocks.
        return self.config.get("num_nextn_predict_layers") or 0 if self.arch in MTP_ARCHITECTURES else 0

    @property
    def blocks(self):
        return self.config["num_hidden_layers"] + self.mtp_layers

    @property
    def head_dim(self):
        return self.config.get("head_dim") or self.config["hidden_size"] // self.config["num_attention_heads"]


def read_safetensors(file):
    """The tensors as float32. By hand: numpy has no bfloat16, and torch is not needed for anything else."""
    data = Path(file).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, tensor in header.items():
        begin, end = (start + offset for offset in tensor["data_offsets"])
        stored = np.frombuffer(data[begin:end], {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}[tensor["dtype"]])
        if tensor["dtype"] == "BF16":
            stored = (stored.astype(np.uint32) << 16).view(np.float32)
        tensors[name] = stored.astype(np.float32).reshape(tensor["shape"])
    return tensors


def read_tensors(folder):
    tensors = {}
    for file in sorted(Path(folder).glob("*.safetensors")):
        if file.name.startswith("model"):
            tensors |= read_safetensors(file)
    return tensors


def read_model(folder):
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    arch = ARCHITECTURES[config["model_type"]]
    tensors = read_tensors(folder)
    if "text_config" in config:
        config = config["text_config"]
        prefix = "language_model."
        tensors = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    rope = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    rope.setdefault("rope_theta", config.get("rope_theta"))
    rope.setdefault("rope_type", rope.get("type", "default"))
    rope.setdefault("partial_rotary_factor", config.get("partial_rotary_factor", 1.0))
    return Model(config | {"rope_parameters": rope}, arch, tensors)


def interleave(values, heads):
    """Row order of the llama converter: rotary pairs (i, i + d/2) become neighbours (2i, 2i + 1)."""
    return values.reshape(heads, 2, -1, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def _split_kv_b(model, name, values, gguf_name):
    """kv_b_proj [heads * (nope + v), rank] becomes k_b [heads, rank, nope] and v_b [heads, v, rank]."""
    config = model.config
    heads, nope, rank = config["num_attention_heads"], config["qk_nope_head_dim"], values.shape[1]
    per_head = values.reshape(heads, -1, rank)
    k_b, v_b = per_head[:, :nope].swapaxes(1, 2), per_head[:, nope:]

    # The two halves come back under names of their own; restore_checkpoint joins them.
    yield Entry(gguf_name(name.replace("kv_b_proj", "k_b_proj")), k_b, lambda a: {name + "#k": a.swapaxes(1, 2)})
    yield Entry(gguf_name(name.replace("kv_b_proj", "v_b_proj")), v_b, lambda a: {name + "#v": a})


def restore_checkpoint(entries):
    """The checkpoint's tensors that (name, values) pairs of GGUF entries stand for."""
    tensors = {}
    for entry, values in entries:
        tensors |= entry.restore(values)
    for name in [n.removesuffix("#k") for n in tensors if n.endswith("#k")]:
        joined = np.concatenate([tensors.pop(name + "#k"), tensors.pop(name + "#v")], axis=1)
        tensors[name] = joined.reshape(-1, joined.shape[2])
    return tensors


def _merge_experts(tensors):
    """Groups per-expert tensors under the name without the expert's number, in expert order."""
    merged = {}
    for name in tensors:
        if match := re.fullmatch(r"(.*\.experts)\.(\d+)(\..*)", name):
            merged.setdefault(match[1] + match[3], []).append((int(match[2]), name))
    return {name: [n for _, n in sorted(parts)] for name, parts in merged.items()}


def _kept_layers(model):
    layer = {n: re.match(r"model\.layers\.(\d+)\.", n) for n in model.tensors}
    return {n: t for n, t in model.tensors.items() if not layer[n] or int(layer[n][1]) < model.blocks}


def plan(model):
    """Every GGUF tensor of the model."""
    names = gguf.get_tensor_name_map(model.arch, model.blocks)
    config, tensors = model.config, _kept_layers(model)

    def gguf_name(name):
        name = name.replace("e_score_correction_bias", "e_score_correction.bias")
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert found, f"no GGUF name for {name}"
        return found

    merged = _merge_experts(tensors)
    for name, parts in merged.items():
        stack = np.stack([tensors[p] for p in parts])
        yield Entry(gguf_name(name), stack, lambda a, parts=parts: dict(zip(parts, a, strict=True)))
    skip = {p for parts in merged.values() for p in parts}
    for name, values in tensors.items():
        if name in skip:
            continue
        if name.endswith("kv_b_proj.weight"):
            yield from _split_kv_b(model, name, values, gguf_name)
            continue
        if model.arch == gguf.MODEL_ARCH.LLAMA and re.search(r"\.[qk]_proj\.", name):
            values = interleave(values, config["num_attention_heads" if ".q_proj." in name else "num_key_value_heads"])
        yield Entry(gguf_name(name), values, lambda a, name=name: {name: a})
    if config["rope_parameters"]["rope_type"] == "llama3":
        yield Entry("rope_freqs.weight", llama3_factors(model), lambda a: {})


def llama3_factors(model):
    """What each rotary frequency is divided by."""
    rope, dim = model.config["rope_parameters"], model.head_dim
    wavelengths = 2 * math.pi * rope["rope_theta"] ** (np.arange(0, dim, 2) / dim)
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    original = rope["original_max_position_embeddings"]
    smooth = np.clip((original / wavelengths - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)


def add_metadata(writer, model, file_type, name):
    config = model.config
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_block_count(model.blocks)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(1 if model.mla else config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    if "head_dim" in config and not model.mla:
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    _add_rope(writer, model)
    if model.mla:
        _add_mla(writer, config)
    if "index_topk" in config:
        writer.add_indexer_head_count(config["index_n_heads"])
        writer.add_indexer_key_length(config["index_head_dim"])
        writer.add_indexer_top_k(config["index_topk"])
    _add_experts(writer, model)


def _add_rope(writer, model):
    config, rope = model.config, model.config["rope_parameters"]
    writer.add_rope_freq_base(rope["rope_theta"])
    if model.mla:
        writer.add_rope_dimension_count(config["qk_rope_head_dim"])
    elif model.arch == gguf.MODEL_ARCH.LLAMA:
        writer.add_rope_dimension_count(model.head_dim)
    elif model.arch == gguf.MODEL_ARCH.GLM4_MOE:
        writer.add_rope_dimension_count(int(model.head_dim * rope["partial_rotary_factor"]))
    elif model.arch == gguf.MODEL_ARCH.MINIMAXM2:
        writer.add_rope_dimension_count(config["rotary_dim"])
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        if "attention_factor" in rope:
            writer.add_rope_scaling_yarn_attn_factor(rope["attention_factor"])
        if "beta_fast" in rope:
            writer.add_rope_scaling_yarn_beta_fast(rope["beta_fast"])
        if "beta_slow" in rope:
            writer.add_rope_scaling_yarn_beta_slow(rope["beta_slow"])
    if model.mla and "mscale_all_dim" in rope:
        # deepseek2 files hold a tenth of it, for old readers.
        writer.add_rope_scaling_yarn_log_mul(0.1 * rope["mscale_all_dim"])


def _add_mla(writer, config):
    # Written as the multi-query attention that absorbed decoding computes: one key of rank + rope numbers.
    rank, rope = config["kv_lora_rank"], config["qk_rope_head_dim"]
    if config.get("q_lora_rank") is not None:
        writer.add_q_lora_rank(config["q_lora_rank"])
    writer.add_kv_lora_rank(rank)
    writer.add_key_length(rank + rope)
    writer.add_value_length(rank)
    writer.add_key_length_mla(config["qk_nope_head_dim"] + rope)
    writer.add_value_length_mla(config["v_head_dim"])


def _add_experts(writer, model):
    config = model.config
    count = next((config[k] for k in ("num_local_experts", "num_experts", "n_routed_experts") if k in config), None)
    if count is None:
        return
    writer.add_expert_count(count)
    writer.add_expert_used_count(config["num_experts_per_tok"])
    writer.add_expert_feed_forward_length(config.get("moe_intermediate_size", config["intermediate_size"]))
    keys = {
        "n_group": writer.add_expert_group_count,
        "topk_group": writer.add_expert_group_used_count,
        "n_shared_experts": writer.add_expert_shared_count,
        "first_k_dense_replace": writer.add_leading_dense_block_count,
        "routed_scaling_factor": writer.add_expert_weights_scale,
    }
    for key, add in keys.items():
        if key in config:
            add(config[key])
    shared_rules = model.mla or model.arch == gguf.MODEL_ARCH.GLM4_MOE
    if shared_rules and config["norm_topk_prob"]:
        writer.add_expert_weights_norm(True)
    if shared_rules or config.get("scoring_func") == "sigmoid":
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    if model.mtp_layers:
        writer.add_nextn_predict_layers(model.mtp_layers)


def add_tokenizer(writer, folder):
    tokenizer = json.loads((Path(folder) / "tokenizer.json").read_text(encoding="utf-8"))
    settings = json.loads((Path(folder) / "tokenizer_config.json").read_text(encoding="utf-8"))
    special = {t["content"]: t["id"] for t in tokenizer["added_tokens"]}
    vocab = tokenizer["model"]["vocab"] | special
    tokens = sorted(vocab, key=vocab.get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in tokens])
    writer.add_token_merges([" ".join(m) for m in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(vocab[settings["bos_token"]])
    writer.add_eos_token_id(vocab[settings["eos_token"]])
    writer.add_pad_token_id(vocab[settings["pad_token"]])
    writer.add_add_bos_token(settings["add_bos_token"])


def choose_type(entry, wanted):
    """Norms, biases and routers stay F32; rows that the blocks do not divide become F16."""
    if entry.values.ndim == 1 or entry.name.endswith("ffn_gate_inp.weight"):
        return gguf.GGMLQuantizationType.F32
    if entry.values.shape[-1] % gguf.GGML_QUANT_SIZES[wanted][0]:
        return gguf.GGMLQuantizationType.F16
    return wanted


def quantize(entry, kind):
    return gguf.quants.quantize(np.ascontiguousarray(entry.values), kind)


def convert(folder, out, type_name="F32", choose=choose_type, encode=quantize, tokenizer=add_tokenizer, name="golden"):
    """Writes the file; returns [(entry, type, written array)]."""
    model, wanted = read_model(folder), gguf.GGMLQuantizationType[type_name.removesuffix("_M")]
    file_types = {"F32": "ALL_F32", "MXFP4": "MOSTLY_MXFP4_MOE"}
    file_type = gguf.LlamaFileType[file_types.get(type_name, f"MOSTLY_{type_name}")]
    writer = gguf.GGUFWriter(out, model.arch_name)
    add_metadata(writer, model, file_type, name)
    tokenizer(writer, folder)
    written = []
    for entry in plan(model):
        kind = choose(entry, wanted)
        data = encode(entry, kind)
        writer.add_tensor(entry.name, data, raw_dtype=kind)
        written.append((entry, kind, data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return written


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--type", default="F32")
    arguments = parser.parse_args()
    convert(arguments.folder, arguments.out, arguments.type)


if __name__ == "__main__":
    main()
