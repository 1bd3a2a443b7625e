"""The model file that the program carries: a trained folder as one GGUF file of blocks of 32.

    python -m pocket.quantise --model FOLDER --out FILE.gguf [--experts iq4_nl] [--rest q8_0] [--calibrate ITEMS]

Routed experts take the type of --experts, the other matrices that of --rest; norms, routers, biases and the
indexer's head weights stay F32, and rows that no block divides F16. Scales (and minima) are those of the
least squared error of a block, weighted, where items are given to calibrate with, by the mean squares of what
each column is multiplied with. The same folder and options give the same bytes.
"""

import argparse
import json
import pathlib
import sys

import gguf
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import hf_to_gguf  # noqa: E402

Type = gguf.GGMLQuantizationType
BLOCK = 32
# What a code times the scale stands for; of IQ4_NL in the program in src/tensor/codebooks.h.
CODEBOOKS = {
    Type.Q8_0: np.arange(-127, 128, dtype=np.float32),
    Type.Q4_0: np.arange(-8, 8, dtype=np.float32),
    Type.IQ4_NL: np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32),
}
TYPES = {"iq4_nl": Type.IQ4_NL, "q4_1": Type.Q4_1, "q4_0": Type.Q4_0, "q8_0": Type.Q8_0}
# Starting scales of a block, as shares of the one that just spans it; each is refined by least squares.
SHARES = np.linspace(0.7, 1.2, 26, dtype=np.float32)
SHARES_OF_BYTES = np.linspace(0.97, 1.0, 4, dtype=np.float32)
REFINEMENTS = 3


def nearest(codebook, values):
    """Indices of the closest entries of a sorted codebook."""
    if codebook[-1] - codebook[0] == len(codebook) - 1:  # whole numbers
        return np.clip(np.rint(values) - codebook[0], 0, len(codebook) - 1).astype(np.uint8)
    return np.searchsorted((codebook[1:] + codebook[:-1]) / 2, values).astype(np.uint8)


def to_half(values):
    """The float32 that a stored float16 reads as; never infinite."""
    return np.clip(values, -65504, 65504).astype(np.float16).astype(np.float32)


def divide(a, b):
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)


def keep_better(best, error, *found):
    """Replaces per block what has a larger error; all arrays have the blocks first."""
    better = error < best[0]
    for kept, new in zip(best, (error, *found), strict=True):
        kept[better] = new[better]


def fit_scale(blocks, weights, codebook):
    """(scale [n], indices [n, 32]) of least weighted squared error among those tried."""
    extreme = blocks[np.arange(len(blocks)), np.abs(blocks).argmax(1)]
    best = [np.full(len(blocks), np.inf, np.float32), np.zeros(len(blocks), np.float32), np.zeros(blocks.shape, np.uint8)]
    # A codebook that is not symmetric may serve a block better upside down.
    for end in sorted({float(codebook[0]), float(codebook[-1])}):
        for share in SHARES if len(codebook) == 16 else SHARES_OF_BYTES:
            scale = to_half(extreme / end * share)
            for _ in range(REFINEMENTS):
                indices = nearest(codebook, divide(blocks, np.broadcast_to(scale[:, None], blocks.shape)))
                codes = codebook[indices]
                error = (weights * (blocks - scale[:, None] * codes) ** 2).sum(1)
                keep_better(best, error, scale, indices)
                scale = to_half(divide((weights * blocks * codes).sum(1), (weights * codes * codes).sum(1)))
    return best[1], best[2]


def fit_scale_and_minimum(blocks, weights):
    """(scale [n], minimum [n], codes [n, 32] of 0..15): a value is minimum + scale * code."""
    low, high = blocks.min(1), blocks.max(1)
    best = [np.full(len(blocks), np.inf, np.float32), np.zeros(len(blocks), np.float32),
            np.zeros(len(blocks), np.float32), np.zeros(blocks.shape, np.uint8)]
    total = weights.sum(1)
    for share in SHARES:
        inset = (high - low) * (1 - share) / 2
        scale, minimum = to_half((high - low) * share / 15), to_half(low + inset)
        for _ in range(REFINEMENTS):
            quotient = divide(blocks - minimum[:, None], np.broadcast_to(scale[:, None], blocks.shape))
            codes = np.clip(np.rint(quotient), 0, 15)
            error = (weights * (blocks - minimum[:, None] - scale[:, None] * codes) ** 2).sum(1)
            keep_better(best, error, scale, minimum, codes.astype(np.uint8))
            # The line through the points (code, value).
            mean_code, mean = divide((weights * codes).sum(1), total), divide((weights * blocks).sum(1), total)
            spread = codes - mean_code[:, None]
            scale = to_half(divide((weights * spread * blocks).sum(1), (weights * spread * spread).sum(1)))
            minimum = to_half(mean - scale * mean_code)
    return best[1], best[2], best[3]


def half_bytes(values):
    return values.astype("<f2").view(np.uint8).reshape(len(values), 2)


def nibbles(codes):
    """16 bytes a block: elements 0 to 15 low, 16 to 31 high."""
    return codes[:, :16] | codes[:, 16:] << 4


def encode_blocks(values, kind, weights=None):
    """The file's bytes of values [..., columns]: uint8 [..., bytes]. `weights` are broadcast to the values."""
    shape = values.shape
    blocks = np.ascontiguousarray(values, np.float32).reshape(-1, BLOCK)
    if weights is None:
        weights = np.ones((), np.float32)
    weights = np.ascontiguousarray(np.broadcast_to(weights, shape), np.float32).reshape(-1, BLOCK)
    # Columns that nothing was ever multiplied with still have to look like themselves.
    weights = weights + 1e-3 * weights.mean(1, keepdims=True) + np.float32(1e-30)
    if kind == Type.Q4_1:
        scale, minimum, codes = fit_scale_and_minimum(blocks, weights)
        parts = (half_bytes(scale), half_bytes(minimum), nibbles(codes))
    else:
        scale, indices = fit_scale(blocks, weights, CODEBOOKS[kind])
        codes = CODEBOOKS[kind][indices].astype(np.int8).view(np.uint8) if kind == Type.Q8_0 else nibbles(indices)
        parts = (half_bytes(scale), codes)
    return np.concatenate(parts, axis=1).reshape(*shape[:-1], -1)


class Quantiser:
    """Which type every tensor takes, and its bytes."""

    def __init__(self, experts, rest, moments):
        self.experts, self.rest, self.moments = experts, rest, moments

    def choose(self, entry, _):
        if entry.name.endswith("indexer.proj.weight"):
            return Type.F32
        return hf_to_gguf.choose_type(entry, self.experts if "_exps." in entry.name else self.rest)

    def encode(self, entry, kind):
        if kind in (Type.F32, Type.F16):
            return hf_to_gguf.quantize(entry, kind)
        return encode_blocks(entry.values, kind, self._weights(entry))

    def _weights(self, entry):
        names = [name.removesuffix("#v") for name in entry.restore(entry.values)]
        if any(name not in self.moments for name in names):
            return None
        found = np.stack([self.moments[name] for name in names])
        return found[:, None] if entry.values.ndim == 3 and len(names) > 1 else found[0]


def add_tokenizer(writer, folder):
    """tokenizer.json as it is, under the key that GGUF has for it: no tokenizer.ggml.pre means single digits."""
    stored = json.loads((pathlib.Path(folder) / "tokenizer.json").read_text(encoding="utf-8"))
    ids = json.loads((pathlib.Path(folder) / "config.json").read_text(encoding="utf-8"))
    writer.add_tokenizer_model("gpt2")
    writer.add_string("tokenizer.huggingface.json", json.dumps(stored, ensure_ascii=False, separators=(",", ":")))
    for role, add in (("bos", writer.add_bos_token_id), ("eos", writer.add_eos_token_id), ("pad", writer.add_pad_token_id)):
        if f"{role}_token_id" in ids:
            add(ids[f"{role}_token_id"])


def add_settings(writer, folder):
    """The tokenizer, and what generation_config.json says: greedy or not, what the program is to offer."""
    add_tokenizer(writer, folder)
    file = pathlib.Path(folder) / "generation_config.json"
    config = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if not config.get("do_sample", True):
        writer.add_float32("general.sampling.temp", 0.0)
    for key, value in config.get("mains", {}).items():
        writer.add_bool(f"mains.{key}", value)


def collect_moments(folder, items):
    """Mean squares of the inputs of every matrix, by its name in the checkpoint, over training items."""
    import torch

    from . import chat, export
    from . import tokenizer as tokens
    from .data.build import item_at

    model, tokenizer = export.load_folder(folder), tokens.load(folder)
    sums, counts = {}, {}

    def add(name, rows):
        if len(rows):
            sums[name] = sums.get(name, 0) + rows.double().square().sum(0)
            counts[name] = counts.get(name, 0) + len(rows)

    def watch_linear(name):
        return lambda _, inputs: add(f"model.{name}.weight", inputs[0].detach().flatten(0, -2))

    def watch_experts(name):
        def watch(moe, inputs):
            rows = inputs[0].detach().flatten(0, -2)
            chosen = moe.gate(rows)[0]
            for expert in range(moe.config.n_routed_experts):
                own = rows[(chosen == expert).any(-1)]
                gate, up = (own @ moe.gate_up[expert]).chunk(2, -1)
                prefix = f"model.{name}.experts.{expert}"
                add(f"{prefix}.gate_proj.weight", own)
                add(f"{prefix}.up_proj.weight", own)
                add(f"{prefix}.down_proj.weight", torch.nn.functional.silu(gate) * up)
        return watch

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_pre_hook(watch_linear(name))
        elif hasattr(module, "gate_up"):
            module.register_forward_pre_hook(watch_experts(name))
    with torch.no_grad():
        for index in range(items):
            text = "".join(piece for piece, _ in chat.render(item_at(0, "train", index)))
            ids = tokenizer.encode(text, add_special_tokens=False).ids[:model.config.max_position_embeddings]
            model.hidden(torch.tensor([ids]))
    return {name: (total / counts[name]).float().numpy() for name, total in sums.items()}


def quantise(folder, out, experts="iq4_nl", rest="q8_0", calibrate=0, name="pocket"):
    """Writes the file; returns [(entry, type, bytes)]."""
    moments = collect_moments(folder, calibrate) if calibrate else {}
    quantiser = Quantiser(TYPES[experts], TYPES[rest], moments)
    return hf_to_gguf.convert(folder, out, experts.upper(), quantiser.choose, quantiser.encode, add_settings, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, required=True, help="a folder that training wrote")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--experts", choices=TYPES, default="iq4_nl")
    parser.add_argument("--rest", choices=TYPES, default="q8_0")
    parser.add_argument("--calibrate", type=int, default=0, metavar="ITEMS", help="training items to weigh columns by")
    parser.add_argument("--name", default="pocket", help="the file's general.name")
    options = parser.parse_args()
    written = quantise(options.model, options.out, options.experts, options.rest, options.calibrate, options.name)
    by_type = {}
    for _, kind, data in written:
        by_type[kind.name] = by_type.get(kind.name, 0) + data.nbytes
    print(f"{options.out}: {options.out.stat().st_size} bytes, of weights "
          + ", ".join(f"{size} {kind}" for kind, size in sorted(by_type.items())))


if __name__ == "__main__":
    main()
