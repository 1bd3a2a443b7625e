"""What the multi-token-prediction layer guesses, from the parts of transformers, which itself does not run it.

The layer's checkpoint is rewritten as a model of one decoder layer: that layer, its norm as the last norm,
its head as the head. Masks, rotations, attention, experts are then transformers' own; what comes before, two
norms and a projection, is plain torch. Facts and their sources: src/nn/decoder.h.
"""

import json
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

from . import checkpoint, reference


def rms_norm(x, weight, eps):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


def _split(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tensors = load_file(folder / "model.safetensors")
    prefix = f"model.layers.{config['num_hidden_layers']}."
    own = {n.removeprefix(prefix): t.float() for n, t in tensors.items() if n.startswith(prefix)}
    return config, {n: t for n, t in tensors.items() if not n.startswith(prefix)}, own


def _as_last_layer(config, tensors, own):
    """The main checkpoint with the layer in the place of the last one."""
    last = f"model.layers.{config['num_hidden_layers'] - 1}."
    outside = ("enorm", "hnorm", "eh_proj", "shared_head", "embed_tokens")
    swapped = tensors | {last + n: t for n, t in own.items() if not n.startswith(outside)}
    head = own.get("shared_head.head.weight", tensors.get("lm_head.weight", tensors["model.embed_tokens.weight"]))
    return swapped | {"model.norm.weight": own["shared_head.norm.weight"], "lm_head.weight": head.clone()}


@torch.no_grad()
def run(golden, folder, prompt):
    """{"logits": [n - 1, vocab]}: row t from the hidden state at t and prompt[t + 1], about prompt[t + 2]."""
    folder = Path(folder)
    config, tensors, own = _split(folder)
    main = reference.load(folder, golden.model_class)
    hidden = main.get_decoder()(input_ids=prompt.view(1, -1)).last_hidden_state[0, :-1]  # after the final norm
    embedding = own.get("embed_tokens.weight", tensors["model.embed_tokens.weight"].float())
    eps = config["rms_norm_eps"]
    following = rms_norm(embedding[prompt[1:]], own["enorm.weight"], eps)
    merged = torch.cat((following, rms_norm(hidden, own["hnorm.weight"], eps)), -1) @ own["eh_proj.weight"].t()

    with tempfile.TemporaryDirectory() as scratch:
        checkpoint.write_json(Path(scratch) / "config.json", config | {"tie_word_embeddings": False})
        checkpoint.write_safetensors(scratch, _as_last_layer(config, tensors, own))
        layer = reference.load(scratch, golden.model_class)
    decoder = layer.get_decoder()
    decoder.layers = torch.nn.ModuleList([decoder.layers[-1]])
    layer.config.num_hidden_layers = decoder.config.num_hidden_layers = 1
    if "self_attn.indexer.wk.weight" not in own and "index_topk" in config:
        decoder.layers[0].self_attn.indexer.index_topk = len(prompt)
    logits, gaps = reference.run_watched(layer, merged)
    assert gaps.get("routing", 1) > reference.MIN_ROUTING_GAP and gaps.get("index", 1) > reference.MIN_INDEX_GAP, gaps
    return {"logits": logits.contiguous()}
