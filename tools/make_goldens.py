#!/usr/bin/env python3
"""Makes tests/goldens: tiny random checkpoints and what Hugging Face transformers computes from them.

    python3 -m venv venv && venv/bin/pip install -r tools/requirements.txt
    venv/bin/python tools/make_goldens.py               # everything
    venv/bin/python tools/make_goldens.py --only qwen3  # one folder; may be given several times

Nothing is downloaded. Weights depend only on tensor name, shape and seed, so the files come out the same
on every run with the pinned packages (logits to the last bits, which differ between processors).
tests/goldens/README.md says what the files are.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import hf_to_gguf
import torch
import transformers
from goldens import architectures, checkpoint, ggufs, mtp, packing, reference
from safetensors.torch import save_file

MAX_FILE_BYTES = 1 << 20
MAX_SEEDS = 400


def make_tensors(golden, shapes, seed):
    tied = golden.config.get("tie_word_embeddings", False)
    tensors = {n: checkpoint.random_tensor(n, s, seed, tied) for n, s in shapes.items()}
    if golden.dtype != "float32":
        tensors = {n: t.to(getattr(torch, golden.dtype)) for n, t in tensors.items()}
    return tensors


def published_shapes(golden, scratch):
    config = reference.class_config(golden.config, golden.model_class)
    shapes = checkpoint.published_shapes(getattr(transformers, golden.model_class)(config), scratch)
    if golden.mtp:
        shapes |= checkpoint.mtp_layer(shapes, config.num_hidden_layers, config.hidden_size, golden.bare_mtp)
    return shapes


def write_checkpoint(folder, config, tensors, shards=1):
    folder.mkdir(exist_ok=True)
    checkpoint.write_json(folder / "config.json", config)
    checkpoint.write_safetensors(folder, tensors, shards)


def try_seed(golden, shapes, seed, out, scratch):
    """Writes the published checkpoint of this seed and runs the reference on it."""
    tensors = make_tensors(golden, shapes, seed)
    config, source = golden.config, out
    if golden.quantize == "gguf":
        source = scratch / "plain"
        write_checkpoint(source, config, tensors)
        checkpoint.write_tokenizer(source)
        write_checkpoint(source, config, ggufs.write_mixed(source, out / "model.gguf"))
        checkpoint.write_json(out / "config.json", config)
    elif golden.quantize:
        published, plain, quantization = packing.quantize_checkpoint(golden.quantize, tensors)
        source = scratch / "plain"
        write_checkpoint(source, config, plain)
        write_checkpoint(out, config | {"quantization_config": quantization}, published)
    else:
        write_checkpoint(out, config, tensors, golden.shards)
    model = reference.load(source, golden.model_class)
    return reference.run(model, reference.prompt_ids(seed))


def make(golden, out):
    """Writes the folder; returns its facts."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        shapes = published_shapes(golden, Path(scratch) / "class")
        for seed in range(golden.seed, golden.seed + MAX_SEEDS):
            try:
                tensors, facts = try_seed(golden, shapes, seed, out, Path(scratch))
                break
            except reference.DegenerateSeed:
                continue
        else:
            raise RuntimeError(f"{golden.name}: no seed without a near tie")
    save_file({n: t.contiguous() for n, t in tensors.items()}, out / "golden.safetensors")
    if golden.mtp:
        save_file(mtp.run(golden, out, tensors["prompt_ids"].long()), out / "mtp.safetensors")
    checkpoint.write_tokenizer(out)
    if golden.gguf:
        hf_to_gguf.convert(out, out / "model.gguf")
    for kind in golden.gguf_types:
        ggufs.make_quantized(golden, out, kind, tensors["prompt_ids"].long())
    meta = {"name": golden.name, "class": golden.model_class, "transformers": transformers.__version__, "seed": seed}
    meta |= {"branches": golden.branches, "notes": golden.notes, "facts": facts}
    checkpoint.write_json(out / "meta.json", meta)
    return facts | {"seed": seed}


def check_sizes(folder):
    files = [f for f in folder.rglob("*") if f.is_file()]
    large = [f.name for f in files if f.stat().st_size > MAX_FILE_BYTES]
    assert not large, large
    return sum(f.stat().st_size for f in files)


_COLUMNS = {
    "seed": "seed",
    "float64": "float64_max_relative_difference",
    "cache": "cache_max_relative_difference",
    "routing": "smallest_routing_gap",
    "index": "smallest_index_gap",
    "top-2": "smallest_greedy_gap",
    "largest": "largest_logit",
    "ids": "distinct_greedy_ids",
}


def print_row(name, size, facts):
    cells = [f"{facts[key]:>9.2g}" if key in facts else f"{'-':>9}" for key in _COLUMNS.values()]
    print(f"{name:<24}{size // 1024:>6}" + "".join(cells), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", help="make only this folder ('quants' for the block formats)")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "tests" / "goldens")
    arguments = parser.parse_args()
    goldens = {g.name: g for g in architectures.all_goldens()}
    wanted = arguments.only or [*goldens, "quants"]
    if unknown := set(wanted) - set(goldens) - {"quants"}:
        parser.error(f"no such golden: {', '.join(sorted(unknown))}; there are {', '.join(goldens)}, quants")

    torch.manual_seed(0)
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    print(f"{'name':<24}{'KiB':>6}" + "".join(f"{title:>9}" for title in _COLUMNS))
    for name in wanted:
        folder = arguments.out / name
        if name == "quants":
            ggufs.make_blocks(folder)
            print_row(name, check_sizes(folder), {})
            continue
        facts = make(goldens[name], folder)
        print_row(name, check_sizes(folder), facts)


if __name__ == "__main__":
    main()
