"""The engine's log-probabilities against the trainer's, on held-out samples.

    python -m pocket.compare --model FOLDER --mains BINARY [--mains-model FILE] [--samples 1000]

--mains-model is what the program runs, FOLDER itself if left out: a quantised file shows what quantising costs.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import numpy
import torch

from . import export
from .model import Run
from .stream import samples_of


def held_out(tokenizer, count, shortest, longest, seed=98):
    """(ids, which of them are the assistant's) of the first `count` samples of these lengths."""
    found, index = [], 0
    while len(found) < count:
        for begun, weights, branches in samples_of([tokenizer], index, seed, "sft", "test_values", None):
            whole = [(begun + rest, weights + more) for rest, more in branches] or [(begun, weights)]
            found += [(ids, [int(w > 0) for w in counted]) for ids, counted in whole if shortest <= len(ids) <= longest]
        index += 1
    return found[:count]


def trainer_logprobs(model, sequences, rows=16):
    """Of every token but the first of each sequence, one after another, in float32 with sparse attention."""
    out = [None] * len(sequences)
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    for first in range(0, len(order), rows):
        batch = order[first:first + rows]
        longest = max(len(sequences[i]) for i in batch)
        ids = torch.tensor([sequences[i] + [0] * (longest - len(sequences[i])) for i in batch])
        with torch.no_grad():
            logprobs = model.logits(ids, run=Run(sparse=True))[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
        for i, row in zip(batch, logprobs):
            out[i] = row[:len(sequences[i]) - 1].numpy()
    return numpy.concatenate(out)


def engine_logprobs(mains, model, samples):
    """The same of the program, and what else it measured: guesses ahead where the assistant speaks, as they are made."""
    with tempfile.TemporaryDirectory() as scratch:
        ids, out = pathlib.Path(scratch) / "ids.jsonl", pathlib.Path(scratch) / "logprobs.npy"
        ids.write_text("".join(json.dumps({"ids": s, "counted": c}) + "\n" for s, c in samples), encoding="utf-8")
        done = subprocess.run([mains, "measure", str(model), "--ids", ids, "--logprobs", out, "--json"], stdout=subprocess.PIPE, check=True)
        return numpy.load(out), json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, required=True, help="folder that training wrote")
    parser.add_argument("--mains", required=True, help="the program")
    parser.add_argument("--mains-model", help="what it runs; --model if left out")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--shortest", type=int, default=32)
    parser.add_argument("--longest", type=int, default=1024)
    options = parser.parse_args()
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    samples = held_out(tokenizer, options.samples, options.shortest, options.longest)
    sequences = [ids for ids, _ in samples]
    started = time.monotonic()
    ours = trainer_logprobs(export.load_folder(options.model), sequences)
    between = time.monotonic()
    theirs, figures = engine_logprobs(options.mains, options.mains_model or options.model, samples)
    difference = numpy.abs(ours - theirs)
    print(json.dumps({
        "samples": len(sequences), "tokens": sum(map(len, sequences)), "compared": len(ours),
        "correlation": round(float(numpy.corrcoef(ours, theirs)[0, 1]), 6),
        "mean_difference": float(difference.mean()), "p999_difference": float(numpy.quantile(difference, 0.999)),
        "largest_difference": float(difference.max()), "trainer_mean": float(ours.mean()), "engine_mean": float(theirs.mean()),
        "trainer_seconds": round(between - started, 1), "engine_seconds": round(time.monotonic() - between, 1),
        **{k: figures[k] for k in ("expert_load_max_over_mean", "indexer_recall", "mtp_acceptance", "mtp_tokens")}}))


if __name__ == "__main__":
    main()
