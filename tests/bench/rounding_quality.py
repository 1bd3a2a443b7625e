"""What rounding weights costs a trained model, in ours and in another program's blocks of the same size.

    python tests/bench/rounding_quality.py --model build/pocket-xs --types q4_k,q3_k \\
        [--text text.txt] [--ggml /opt/llama.cpp/build/bin/libggml-base.so]

Every matrix but the embedding, the routers and the indexer is rounded and stored again as f32, so that nothing
differs but the values: NMSE (squared error over squares, of all matrices) and the KL divergence from the model as
it was, by `mains perplexity`. Blocks of 256 run on over the ends of rows: the pocket model's are shorter. --ggml
names a library with quantize_row_*_ref and dequantize_row_*; it is measured beside ours. The text, if none is
given, is that of held-out conversations as the pocket models are trained on.
"""

import argparse
import ctypes
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy
from safetensors.numpy import save_file
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from pocket.data.build import cell  # noqa: E402
from pocket.data.item import LANGUAGES  # noqa: E402

BLOCKS = {"q3_k": ("q3_K", 256, 110), "q4_k": ("q4_K", 256, 144), "q8_0": ("q8_0", 32, 34), "iq4_nl": ("iq4_nl", 32, 18)}
KEPT = ("embed_tokens", "lm_head", "mlp.gate.", "indexer", "norm")


def by_mains(program, kind, x, folder):
    x.tofile(folder / "x.f32")
    subprocess.run([program, kind, folder / "x.f32", folder / "y.f32"], check=True)
    return numpy.fromfile(folder / "y.f32", dtype=numpy.float32)


def by_ggml(library, kind, x, _):
    name, elements, size = BLOCKS[kind]
    blocks, y = (ctypes.c_uint8 * (len(x) // elements * size))(), numpy.empty_like(x)
    pointer = ctypes.c_void_p
    getattr(library, f"quantize_row_{name}_ref")(x.ctypes.data_as(pointer), blocks, ctypes.c_int64(len(x)))
    getattr(library, f"dequantize_row_{name}")(blocks, y.ctypes.data_as(pointer), ctypes.c_int64(len(x)))
    return y


def rounded(tensors, kind, round_, folder):
    """(tensors, NMSE)"""
    out, error, energy = {}, 0.0, 0.0
    for name, x in tensors.items():
        flat = numpy.ascontiguousarray(x).reshape(-1)
        if x.ndim == 2 and flat.size % 256 == 0 and not any(part in name for part in KEPT):
            y = round_(kind, flat, folder)
            error += float(((y - flat).astype(numpy.float64) ** 2).sum())
            energy += float((flat.astype(numpy.float64) ** 2).sum())
            out[name] = y.reshape(x.shape)
        else:
            out[name] = x
    return out, error / energy


def held_out(count=25):
    """Thinking and answers; what was written by program alone, so that it needs no files."""
    items = [item for source in ("tools", "arithmetic", "dates", "lists", "builtin") for language in LANGUAGES
             for item in cell("new_values", source, language, count)]
    return "\n".join(f"{m.get('reasoning_content', '')} {m.get('content') or ''}".strip() for item in items for m in item["messages"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, required=True, help="folder with model.safetensors")
    parser.add_argument("--text", type=pathlib.Path)
    parser.add_argument("--types", default="q4_k,q3_k")
    parser.add_argument("--mains", default=ROOT / "build/release/mains")
    parser.add_argument("--round", default=ROOT / "build/release/tests/bench/round_floats")
    parser.add_argument("--ggml")
    options = parser.parse_args()
    tensors = {name: t.float().numpy() for name, t in load_file(options.model / "model.safetensors").items()}
    rounders = {"mains": lambda *a: by_mains(options.round, *a)}
    if options.ggml:
        library = ctypes.CDLL(options.ggml)
        rounders["ggml"] = lambda *a: by_ggml(library, *a)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        copy = folder / "model"
        shutil.copytree(options.model, copy, ignore=shutil.ignore_patterns("*.safetensors", "*.pt", "*.jsonl"))
        base = folder / "base.logprobs"
        if options.text is None:
            options.text = folder / "text.txt"
            options.text.write_text(held_out(), encoding="utf-8")

        def perplexity(weights, *more):
            save_file(weights, copy / "model.safetensors")
            run = subprocess.run([options.mains, "perplexity", copy, "--text", options.text, "--json", *more],
                                 check=True, capture_output=True, text=True)
            return json.loads(run.stdout)
        print("as it was:", json.dumps(perplexity(tensors, "--save-base", base)))
        for kind in options.types.split(","):
            for name, round_ in rounders.items():
                weights, nmse = rounded(tensors, kind, round_, folder)
                print(f"{kind} by {name}: NMSE {nmse:.3e}", json.dumps(perplexity(weights, "--base", base)), flush=True)


if __name__ == "__main__":
    main()
