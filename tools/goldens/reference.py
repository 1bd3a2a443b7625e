"""What Hugging Face transformers computes: hidden states, logits, greedy continuation."""

import contextlib
import copy
import json
from pathlib import Path

import torch
import transformers
from torch.overrides import TorchFunctionMode

PROMPT_TOKENS = 32
DECODE_TOKENS = 32
MIN_ROUTING_GAP = 1e-4
MIN_INDEX_GAP = 1e-4
MIN_LOGIT_GAP = 1e-2


class DegenerateSeed(Exception):
    """The seed gives a near tie, so that rounding could change what is computed."""


def class_config(config, model_class):
    # Kimi K2 is published with a model type of its own and DeepSeek-V3's class.
    model_type = "deepseek_v3" if config["model_type"] == "kimi_k2" else config["model_type"]
    return getattr(transformers, model_class).config_class.from_dict(config | {"model_type": model_type})


def load(folder, model_class):
    """The model in float32, every tensor of it taken from the folder."""
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    model, info = getattr(transformers, model_class).from_pretrained(
        folder,
        config=class_config(config, model_class),
        dtype=torch.float32,
        attn_implementation="eager",
        experts_implementation="eager",
        output_loading_info=True,
    )
    problems = {k: v for k, v in info.items() if v and k != "unexpected_keys"}
    assert not problems, problems
    layers = text_config(model).num_hidden_layers
    unknown = [k for k in info["unexpected_keys"] if f"layers.{layers}." not in k]
    assert not unknown, unknown
    return model.eval()


def text_config(model):
    return model.config.get_text_config()


def _decoder(model):
    return model.get_decoder()


class _RecordTopk(TorchFunctionMode):
    """Collects what an indexer of sparse attention chooses from: it returns its choice only."""

    def __init__(self, record):
        super().__init__()
        self.record = record

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.topk:
            self.record.append(args)
        return func(*args, **(kwargs or {}))


def _watch_indexer(module, record):
    forward = module.forward

    def watched(*args, **kwargs):
        with _RecordTopk(record):
            return forward(*args, **kwargs)

    module.forward = watched


@contextlib.contextmanager
def _recording(model):
    """Collects decoder layer inputs and outputs, and what each router and indexer saw."""
    record = {"hidden": [], "routing": [], "index": []}
    handles = []

    def keep_hidden(_, __, out):
        record["hidden"].append(out[0] if isinstance(out, tuple) else out)

    indexers = [m for m in model.modules() if type(m).__name__.endswith("Indexer")]
    for i, layer in enumerate(_decoder(model).layers):
        if i == 0:
            handles.append(layer.register_forward_pre_hook(lambda _, args: record["hidden"].append(args[0])))
        handles.append(layer.register_forward_hook(keep_hidden))
    for module in model.modules():
        if "Router" in type(module).__name__:
            handles.append(module.register_forward_hook(lambda m, args, out: record["routing"].append((m, args, out))))
    for indexer in indexers:
        _watch_indexer(indexer, record["index"])
    try:
        yield record
    finally:
        for handle in handles:
            handle.remove()
        for indexer in indexers:
            del indexer.forward


def _routing_gap(module, args, out):
    """How far the last chosen expert (or group) is from the first one left out."""
    logits, chosen = out[0].double(), out[-1]
    bias = getattr(module, "e_score_correction_bias", args[1] if len(args) > 1 else None)
    scores = logits.softmax(-1) if bias is None else logits.sigmoid() + bias
    gap = float("inf")
    groups, kept = getattr(module, "num_group", 1), getattr(module, "topk_group", 1)
    if groups > 1:
        group_scores = scores.view(len(scores), groups, -1).topk(2, dim=-1)[0].sum(-1).sort(-1, descending=True)
        gap = (group_scores[0][:, kept - 1] - group_scores[0][:, kept]).min().item()
        keep = torch.zeros_like(group_scores[0]).scatter_(1, group_scores[1][:, :kept], 1).bool()
        keep = keep.repeat_interleave(scores.shape[1] // groups, dim=1)
        scores = scores.masked_fill(~keep, float("-inf"))
    ordered, order = scores.sort(-1, descending=True)
    top_k = chosen.shape[-1]
    assert torch.equal(order[:, :top_k].sort(-1)[0], chosen.sort(-1)[0])
    return min(gap, (ordered[:, top_k - 1] - ordered[:, top_k]).min().item())


def _index_gap(scores, top_k):
    """How far the last chosen position is from the first one left out, where there is one."""
    if scores.shape[-1] <= top_k:
        return float("inf")
    ordered = scores.sort(-1, descending=True)[0]
    visible = ordered[..., top_k] > -1e30
    return (ordered[..., top_k - 1] - ordered[..., top_k])[visible].min().item()


def _forward(model, ids, cache=None):
    return model(input_ids=ids.view(1, -1), past_key_values=cache, use_cache=cache is not None).logits[0]


@contextlib.contextmanager
def _float32_means_float64():
    """The classes compute norms, softmax and routing in torch.float32 whatever the weights are."""
    single = torch.float32
    torch.float32 = torch.float = torch.float64
    try:
        yield
    finally:
        torch.float32 = torch.float = single


def _relative(a, b):
    return ((a.double() - b.double()).abs().max() / b.abs().max()).item()


def _float64_difference(model, ids, logits):
    """Largest difference of the float32 logits from a float64 forward, relative to the largest logit.

    Only the inverse rotary frequencies stay float32: they are data of the reference.
    """
    double = copy.deepcopy(model).double()
    with _float32_means_float64():
        return _relative(logits, _forward(double, ids))


def prompt_ids(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 124, (PROMPT_TOKENS,), generator=generator)


@torch.no_grad()
def run_prompt(model, prompt):
    """Logits for every prompt position (used where a full golden is not needed)."""
    return _forward(model, prompt)


@torch.no_grad()
def run_watched(model, embeddings):
    """Logits from embeddings [n, hidden], and the smallest gaps of routers and indexers."""
    with _recording(model) as record:
        logits = model(inputs_embeds=embeddings.unsqueeze(0), use_cache=False).logits[0]
    gaps = {}
    if record["routing"]:
        gaps["routing"] = min(_routing_gap(*r) for r in record["routing"])
    if record["index"]:
        gaps["index"] = min(_index_gap(*a[:2]) for a in record["index"])
    return logits, gaps


@torch.no_grad()
def run(model, prompt):
    """The tensors of golden.safetensors, and facts about them. Raises DegenerateSeed on a near tie."""
    with _recording(model) as record:
        prompt_logits = _forward(model, prompt)
    hidden = [h[0] for h in record["hidden"]]

    cache = transformers.DynamicCache(config=text_config(model))
    logits = _forward(model, prompt, cache)[-1]
    decode_ids, decode_logits = [], []
    for _ in range(DECODE_TOKENS):
        decode_ids.append(logits.argmax())
        logits = _forward(model, decode_ids[-1], cache)[0]
        decode_logits.append(logits)
    decode_ids, decode_logits = torch.stack(decode_ids), torch.stack(decode_logits)

    everything = torch.cat([prompt, decode_ids])
    with _recording(model) as record:
        whole = _forward(model, everything)
    routing_gap = min((_routing_gap(*r) for r in record["routing"]), default=None)
    if routing_gap is not None and routing_gap < MIN_ROUTING_GAP:
        raise DegenerateSeed(f"routing gap {routing_gap:.1e}")
    index_gap = min((_index_gap(*a[:2]) for a in record["index"]), default=None)
    if index_gap is not None and index_gap < MIN_INDEX_GAP:
        raise DegenerateSeed(f"index gap {index_gap:.1e}")
    best = whole[len(prompt) - 1 : -1].topk(2)[0]
    logit_gap = (best[:, 0] - best[:, 1]).min().item()
    if logit_gap < MIN_LOGIT_GAP:
        raise DegenerateSeed(f"logit gap {logit_gap:.1e}")
    cache_difference = _relative(torch.cat([prompt_logits, decode_logits]), whole)
    assert cache_difference < 1e-5, cache_difference
    double_difference = _float64_difference(model, everything, whole)
    assert double_difference < 1e-4, double_difference

    tensors = {f"hidden.{i}": h for i, h in enumerate(hidden)}
    tensors |= {
        "prompt_ids": prompt.int(),
        "logits": prompt_logits,
        "decode_ids": decode_ids.int(),
        "decode_logits": decode_logits,
    }
    facts = {
        "float64_max_relative_difference": double_difference,
        "cache_max_relative_difference": cache_difference,
        "smallest_greedy_gap": logit_gap,
        "largest_logit": whole.abs().max().item(),
        "distinct_greedy_ids": len(set(decode_ids.tolist())),
    }
    if routing_gap is not None:
        facts["smallest_routing_gap"] = routing_gap
    if index_gap is not None:
        facts["smallest_index_gap"] = index_gap
    return tensors, facts
