"""Training samples, packed into rows: the same ones in the same order after any interruption."""

import collections
import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor

import torch
from tokenizers import Tokenizer

from . import chat, drills, hops, pointing
from .data.build import DRAWS, PRETRAINING_DRAWS, items_at
from .data.phrases import stable_hash
from .model import group_documents
from .tokenizer import encode_pieces, segmentations

# What the model is given also teaches it in pretraining, a little: every 32nd token of it counts 0.8 (the
# cost of the loss goes with the number of tokens that count). Later only answers count.
PROMPT_WEIGHT, PROMPT_EVERY = 0.8, 32
# Of the draws of a stage: how many are cut into other tokens, and how many are drills of copying.
OTHERWISE_CUT = {"pretrain": 0.5, "sft": 0.25}
DRILLED = {"pretrain": 0.4, "sft": 0.15}


def _split(tokenizer, pieces):
    """(ids, weights) of what stands before the first user's mark, and of the rest. A mark ends any token."""
    at = next((i for i, (text, _) in enumerate(pieces) if text.startswith(chat.USER)), 0)
    return encode_pieces(tokenizer, pieces[:at]), encode_pieces(tokenizer, pieces[at:])


def samples_of(tokenizers, index, seed, stage, split, sources, longest=1 << 30):
    """Samples of draw `index`, a function of its arguments alone: (ids, weights, continuations [(ids, weights)]).

    `tokenizers`: the one of the program, then others that training draws from. Conversations over the same tools
    continue the same beginning, which is read once for all of them: a sample of one conversation has no
    continuations, one of several has them all, up to `longest` tokens.
    """
    tokenizer, rng = tokenizers[0], random.Random(stable_hash(f"{seed}/{split}/{stage}/sample/{index}"))
    if split == "train" and sources is None:
        drilled = rng.random() < DRILLED[stage]
        if len(tokenizers) > 1 and rng.random() < OTHERWISE_CUT[stage]:
            tokenizer = rng.choice(tokenizers[1:])
        if drilled:
            return [drills.drill(tokenizer, rng)]
    items = items_at(seed, split, index, sources and sources[index % len(sources)],
                     DRAWS if stage == "sft" else PRETRAINING_DRAWS)
    begun, branches, out = None, [], []

    def finish():
        if len(branches) == 1:
            out.append((begun[0] + branches[0][0], begun[1] + branches[0][1], []))
        elif branches:
            out.append((*begun, list(branches)))
        branches.clear()
    for item in items:
        if stage == "sft" and "text" in item:
            continue
        for pieces in chat.turns(item):
            before, after = _split(tokenizer, pieces)
            if stage != "sft":
                before, after = (
                    (ids, [1.0 if w else PROMPT_WEIGHT * ((i + index) % PROMPT_EVERY == 0) for i, w in enumerate(weights)])
                    for ids, weights in (before, after))
            if branches and (before[0] != begun[0] or
                             len(begun[0]) + sum(len(ids) for ids, _ in branches) + len(after[0]) > longest):
                finish()
            begun = before
            branches.append(after)
    finish()
    return out


def tokens_in(sample):
    return len(sample[0]) + sum(len(ids) for ids, _ in sample[2])


_tokenizers = None  # of a worker process


def _start_worker(text):
    global _tokenizers
    _tokenizers = segmentations(Tokenizer.from_str(text))


def _chunk(first, count, *arguments):
    return [samples_of(_tokenizers, first + i, *arguments) for i in range(count)]


class _Workers:
    """Items made ahead by other processes, handed out in order."""

    CHUNK = 64

    def __init__(self, count, tokenizer, first, arguments):
        self.executor = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _start_worker, (tokenizer.to_str(),))
        self.next_chunk, self.arguments = first, arguments
        self.pending, self.ready = collections.deque(), collections.deque()
        for _ in range(2 * count):
            self._ask()

    def _ask(self):
        self.pending.append(self.executor.submit(_chunk, self.next_chunk, self.CHUNK, *self.arguments))
        self.next_chunk += self.CHUNK

    def take(self):
        if not self.ready:
            self.ready.extend(self.pending.popleft().result())
            self._ask()
        return self.ready.popleft()

    def close(self):
        self.executor.shutdown(wait=False, cancel_futures=True)


class Stream:
    """Rows of `length` tokens, whole samples only. The state is the next item and the samples at hand.

    `workers` processes make items ahead (a GPU eats faster than one core cooks); the rows are the same.
    """

    POOL = 32  # samples to choose from when filling a row

    def __init__(self, tokenizer, length, seed, stage, split="train", sources=None, workers=0):
        self.tokenizers = segmentations(tokenizer) if split == "train" else [tokenizer]
        self.length, self.seed, self.workers = length, seed, workers
        self.arguments = (seed, stage, split, sources, length)
        self.next_item = 0
        self.pool = []  # samples
        self.dropped = 0
        self._ahead = None

    def _samples(self):
        if self.workers and self._ahead is None:
            self._ahead = _Workers(self.workers, self.tokenizers[0], self.next_item, self.arguments)
        made = self._ahead.take() if self._ahead else samples_of(self.tokenizers, self.next_item, *self.arguments)
        self.next_item += 1
        for sample in made:
            if tokens_in(sample) > self.length:
                self.dropped += 1
            elif any(sample[1]) or any(any(weights) for _, weights in sample[2]):
                yield sample

    def close(self):
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    def row(self):
        """(ids, targets, weights, documents, positions, reads), each of `length`; of every sample the number of tokens and
        those of its continuations; and where its attention should go (hops.of_sample). Each continuation is a document;
        its positions go on. `reads`: how often a token would be read if every continuation stood behind a beginning of its
        own; 0 for padding."""
        ids, targets, weights, documents, positions, reads, counts = [], [], [], [], [], [], []
        document, points = 0, []

        def add(part, weight, first, times=1):
            nonlocal document
            ids.extend(part)
            targets.extend(part[1:] + [0])
            weights.extend(list(weight[1:]) + [0])
            documents.extend([document] * len(part))
            positions.extend(range(first, first + len(part)))
            reads.extend([times] * len(part))
            document += 1
        while True:
            while len(self.pool) < self.POOL:
                self.pool += self._samples()
            room = self.length - len(ids)
            at = next((i for i, sample in enumerate(self.pool) if tokens_in(sample) <= room), None)
            if at is None:
                break
            begun, weight, branches = self.pool.pop(at)
            points.append(hops.of_sample(self.tokenizers[0], begun, [part for part, _ in branches], len(ids)))
            add(begun, weight, 0, max(1, len(branches)))
            for part, weight in branches:
                add(part, weight, len(begun))
            counts.append((len(begun), [len(part) for part, _ in branches]))
        pad = self.length - len(ids)
        return (ids + [0] * pad, targets + [0] * pad, weights + [0] * pad, documents + [document] * pad,
                positions + list(range(pad)), reads + [0] * pad), counts, points

    def batch(self, rows, device="cpu"):
        """dict of [rows, length] tensors, "groups" of the documents in them, and of every hop its "points"."""
        drawn = [self.row() for _ in range(rows)]
        spans = []
        points = {hop: [] for hop in hops.HOPS}
        for i, (_, counts, pointed) in enumerate(drawn):
            first = i * self.length
            for places, names in pointed:
                for hop, queries in places.items():
                    if queries:
                        points[hop].append(pointing.tensors(queries, names, first, device))
            for count, branches in counts:
                spans.append((first, count, branches))
                first += count + sum(branches)
        columns = zip(*(row for row, _, _ in drawn))
        names = ("ids", "targets", "weights", "documents", "positions", "reads")
        kinds = (torch.long, torch.long, torch.float, torch.long, torch.long, torch.float)
        batch = {n: torch.tensor(c, dtype=k).to(device, non_blocking=True) for n, k, c in zip(names, kinds, columns)}
        return {**batch, "groups": group_documents(spans, device), "points": points}

    def state(self):
        return {"next_item": self.next_item, "pool": self.pool, "dropped": self.dropped}

    def restore(self, state):
        self.close()
        self.next_item, self.pool, self.dropped = state["next_item"], list(state["pool"]), state["dropped"]
