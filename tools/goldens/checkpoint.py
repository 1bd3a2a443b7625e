"""Tiny random checkpoints under the names that the makers publish, and their files."""

import json
import math
import re
import zlib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

VOCAB_SIZE = 128
BOS, EOS, PAD, USER = 124, 125, 126, 127

_MERGES = (
    "t h|h e|i n|e r|a n|r e|o n|a t|e n|n d|o r|e s|o u|i s|i t|a r|s t|t o|n t|Ġ t|Ġ a|Ġ s|Ġ o|Ġ w|Ġ c"
    "|Ġt he|in g|an d"
).split("|")
_SPECIALS = {"<|bos|>": BOS, "<|eos|>": EOS, "<|pad|>": PAD, "<|user|>": USER}


def random_tensor(name, shape, seed, tied):
    """A tensor that depends on nothing but its name, shape and the seed.

    The scales keep activations near one and logits between about -10 and 10; norms and biases are far
    from their neutral values so that leaving one out, or applying it twice, cannot pass a test.
    """
    generator = torch.Generator().manual_seed((seed << 32) ^ zlib.crc32(name.encode()))

    def normal(std):
        return torch.randn(shape, generator=generator) * std

    if re.search(r"norm\w*\.weight$", name):
        return torch.rand(shape, generator=generator) + 0.5
    if name.endswith("e_score_correction_bias"):
        return normal(0.15)
    if name.endswith("bias"):
        return normal(0.2)
    fan_in = math.prod(shape[1:])
    if "embed_tokens" in name:
        return normal(3 / math.sqrt(fan_in) if tied else 1.0)
    gains = {
        "lm_head": 3,
        "shared_head.head": 3,
        "gate.weight": 1.5,
        "q_": 1.5,
        "k_proj": 1.5,
        "kv_": 1.5,
        "down_proj": 2,
        "w2": 2,
    }
    gain = next((g for key, g in gains.items() if key in name), 1.0)
    return normal(gain / math.sqrt(fan_in))


def mtp_layer(shapes, num_layers, hidden_size, bare=False):
    """Shapes of the multi-token-prediction layer that DeepSeek and GLM publish after the last layer.

    `bare`: without an indexer, and without the repeated embedding and head.
    """
    last, extra = f"model.layers.{num_layers - 1}.", f"model.layers.{num_layers}."
    layer = {extra + n.removeprefix(last): s for n, s in shapes.items() if n.startswith(last)}
    if bare:
        layer = {n: s for n, s in layer.items() if ".indexer." not in n}
    layer[extra + "eh_proj.weight"] = (hidden_size, 2 * hidden_size)
    for norm in ("enorm", "hnorm", "shared_head.norm"):
        layer[f"{extra}{norm}.weight"] = (hidden_size,)
    for table in () if bare else ("embed_tokens", "shared_head.head"):
        layer[f"{extra}{table}.weight"] = (VOCAB_SIZE, hidden_size)
    return layer


def published_shapes(model, scratch):
    """Names and shapes as `save_pretrained` publishes them: it undoes the fusing done at load."""
    model.save_pretrained(scratch)
    shapes = {}
    for file in sorted(Path(scratch).glob("*.safetensors")):
        shapes.update({published_name(name): tuple(t.shape) for name, t in load_file(file).items()})
    return shapes


def published_name(name):
    """Mends what `save_pretrained` of transformers 5.23.0 leaves wrong for Kimi K2.5 (loading is right)."""
    name = name.replace("language_model.model.blocks.", "language_model.model.layers.")
    name = name.replace("vision_tower.encoder.patch_embed.", "vision_tower.patch_embed.")
    return name.removeprefix("model.") if name.startswith("model.mm_projector.") else name


def write_safetensors(folder, tensors, shards=1):
    folder = Path(folder)
    tensors = {n: t.contiguous() for n, t in sorted(tensors.items())}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names, weight_map = list(tensors), {}
    size = -(-len(names) // shards)
    for i in range(shards):
        file = f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        part = {n: tensors[n] for n in names[i * size : (i + 1) * size]}
        save_file(part, folder / file, metadata={"format": "pt"})
        weight_map.update(dict.fromkeys(part, file))
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map})


def write_json(path, value):
    Path(path).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_tokenizer(folder):
    """A byte-level BPE tokenizer over printable ASCII, so that real loaders accept the folder."""
    tokens = [chr(c) for c in range(33, 127)] + ["Ġ", "Ċ"] + [m.replace(" ", "") for m in _MERGES]
    vocab = {t: i for i, t in enumerate(tokens)} | _SPECIALS
    assert len(vocab) == VOCAB_SIZE
    added = [
        {
            "id": i,
            "content": t,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for t, i in _SPECIALS.items()
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
    }
    model |= {"fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab}
    model["merges"] = [m.split(" ") for m in _MERGES]
    write_json(
        Path(folder) / "tokenizer.json",
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": None,
            "pre_tokenizer": byte_level,
            "post_processor": None,
            "decoder": byte_level,
            "model": model,
        },
    )
    write_json(
        Path(folder) / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "add_bos_token": False,
            "bos_token": "<|bos|>",
            "eos_token": "<|eos|>",
            "pad_token": "<|pad|>",
            "clean_up_tokenization_spaces": False,
            "model_max_length": 64,
        },
    )
