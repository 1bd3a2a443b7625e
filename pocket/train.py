"""Trains a pocket model by the stages of the recipe; stops by the clock and goes on where it stopped.

    python -m pocket.train --out FOLDER --shape xs --minutes 170

Stages: pretrain (dense attention) -> indexer (warm-up of the indexer alone) -> sparse (with the MTP layer
in its last quarter) -> sft (loss on answers) -> rl (short, on policy, verifiable rewards). FOLDER holds
tokenizer.json, checkpoint.pt, log.jsonl, and at the end of a sitting the model in Hugging Face layout.
"""

import argparse
import contextlib
import dataclasses
import json
import math
import os
import pathlib
import signal
import time

import torch

from . import chat, export, model as network, pointing, rl, tokenizer as tokens
from .muon import Muon
from .model import SHAPES, Pocket, Run, language_loss, parameter_counts
from .older_torch import ADAM_OPTIONS, LOAD_OPTIONS
from .ranks import Ranks
from .rounding import Rounding
from .stream import Stream

# Step of the router's selection bias; none in the last stages. It begins larger, since 0.001 alone lets two
# experts take everything in the first hundred steps (measured: load max/mean 4.0 of 8 experts, top 2).
BIAS_STEP, FIRST_BIAS_STEP, BIAS_STEPS_FALL = 0.001, 0.02, 300
MTP_WEIGHT = 0.1
POINTING_WEIGHT, TELLING_WEIGHT = 0.3, 0.3  # of where the heads of pointing.py look, and of what that brings
SPARSE_EVERY, INDEXER_EVERY, MTP_EVERY = 4, 32, 4  # steps of the stages with sparse attention


@dataclasses.dataclass
class Stage:
    name: str
    tokens: int  # budget; for rl: number of updates
    rate: float  # peak learning rate
    end: float = 1.0  # the rate at the end, as a share of the peak
    sparse: bool = False
    balance: bool = True
    rounded: bool = False  # the experts compute with the values that quantisation leaves


def plan(total):
    """The stages of a run over `total` tokens. At a constant 3e-3 copying stays at 94 % of tokens (measured)."""
    return [Stage("pretrain", int(total * 0.68), 3e-3, 0.25),
            Stage("indexer", int(total * 0.02), 3e-3),
            Stage("sparse", int(total * 0.10), 7.5e-4, sparse=True),
            Stage("sft", int(total * 0.20), 7.5e-4, 0.02, sparse=True, rounded=True),
            Stage("rl", max(2, total // 2_000_000), 3e-5, sparse=True, balance=False, rounded=True)]


class Trainer:
    def __init__(self, options, tokenizer):
        self.options, self.tokenizer, self.ranks = options, tokenizer, Ranks()
        torch.manual_seed(options.seed)
        self.config = dataclasses.replace(SHAPES[options.shape], vocab_size=tokenizer.get_vocab_size())
        self.device = torch.device(options.device)
        self.model = Pocket(self.config).to(self.device)
        self.tellers = pointing.Tellers(self.config).to(self.device)
        self.stages = plan(options.tokens)
        self.out = pathlib.Path(options.out)
        self.stage_index, self.done, self.seen, self.steps = 0, 0, 0, 0
        self.log_file, self.stream = None, None
        self._enter_stage()
        if not self.ranks.first:
            torch.manual_seed(options.seed + 1000 * self.ranks.rank)

    # Stages

    @property
    def stage(self):
        return self.stages[self.stage_index]

    @property
    def finished(self):
        return self.stage_index >= len(self.stages)

    def _enter_stage(self):
        """The optimizer keeps its moments between stages that train the same parameters."""
        if self.finished:
            return
        stage = self.stage
        only_indexer = stage.name == "indexer"
        indexer = set(map(id, self.model.indexer_parameters()))
        for parameter in self.model.parameters():
            parameter.requires_grad_(id(parameter) in indexer or not only_indexer)
        self.tellers.requires_grad_(not only_indexer)
        if stage.name in ("pretrain", "indexer", "sparse", "rl"):
            self.optimizers = self._optimizers(stage.rate)
        self.rounding = Rounding(self.model) if stage.rounded else None
        if self.stream is not None:
            self.stream.close()
        self.stream = Stream(self.tokenizer, min(self.options.length, self.config.trained_context),
                             self.options.seed * 10 + self.stage_index + 1000 * self.ranks.rank, "sft" if stage.name in ("sft", "rl") else "pretrain",
                             workers=self.options.workers)

    def _optimizers(self, rate):
        """Muon for the matrices inside the layers, AdamW for embeddings, routers and vectors."""
        hidden, decayed, plain = [], [], []
        for name, parameter in [*self.model.named_parameters(), *self.tellers.named_parameters()]:
            if parameter.requires_grad:
                inside = parameter.dim() > 1 and not name.startswith("embed_tokens") and not name.endswith("gate.weight")
                (hidden if inside else decayed if parameter.dim() > 1 else plain).append(parameter)
        groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
        adam = torch.optim.AdamW([g for g in groups if g["params"]], lr=rate, betas=(0.9, 0.95), **ADAM_OPTIONS)
        return [Muon(hidden, rate), adam]

    def _rate(self):
        stage, part = self.stage, self.done / max(1, self.stage.tokens)
        warm = min(1.0, (self.done + 1) / max(1, 0.03 * stage.tokens))
        falling = stage.end if part >= 1 else 1 - (1 - stage.end) * max(0.0, part)
        return stage.rate * warm * falling

    # Steps

    def _autocast(self):
        if self.options.dtype == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def _forward(self, batch):
        """(loss to descend, what to log)"""
        stage, model = self.stage, self.model
        only_indexer = stage.name == "indexer"
        # A step that chooses tokens takes 1.5 times, one with the indexer's loss 4.5 times a dense one (measured on
        # a CPU), and the chosen ones hold nine tenths of the mass: some steps are enough to get used to it.
        with_indexer = only_indexer or (stage.sparse and self.steps % INDEXER_EVERY == 0)
        run = Run(sparse=stage.sparse and self.steps % SPARSE_EVERY == 0, indexer_loss=with_indexer)
        if not only_indexer:
            run.point(model, batch["points"])
        frozen = torch.no_grad() if only_indexer else contextlib.nullcontext()
        with self._autocast():
            hidden, context = model.hidden(batch["ids"], positions=batch["positions"], mask=batch["groups"], run=run)
            flat = hidden.reshape(-1, hidden.shape[-1])
            with frozen:
                loss, right = language_loss(flat, model.embed_tokens.weight, batch["targets"].flatten(),
                                            batch["weights"].flatten())
            logged = {"loss": loss.detach(), "accuracy": right.detach()}
            total = loss if not only_indexer else 0
            if run.losses:
                kl = torch.stack(run.losses).mean()
                total = total + kl
                logged["indexer_kl"] = kl.detach()
            for hop, (off, found) in run.pointed.items():
                total = total + POINTING_WEIGHT * off
                logged.update({hop: off.detach(), f"{hop}_found": found})
                if hop in self.tellers.hops:
                    untold, right = self.tellers.loss(hop, run.states[hop], batch["points"][hop])
                    total = total + TELLING_WEIGHT * untold
                    logged.update({f"{hop}_untold": untold.detach(), f"{hop}_told": right})
            if run.recalls:
                logged["recall"] = torch.stack(run.recalls).mean()
            with_mtp = stage.name == "sft" or (stage.name == "sparse" and self.done >= 0.75 * stage.tokens)
            if with_mtp and self.steps % MTP_EVERY == 1:  # a fifth of the forward pass
                mtp_loss, mtp_right = self._mtp(batch, hidden, context)
                total = total + MTP_WEIGHT * mtp_loss
                logged.update(mtp_loss=mtp_loss.detach(), mtp_accuracy=mtp_right.detach())
        return total, logged

    def _mtp(self, batch, hidden, context):
        """The target is the token after next: targets and their weights, one to the left."""
        states = self.model.mtp_hidden(hidden, batch["targets"], context)[:, :-1]
        targets, weights = batch["targets"][:, 1:], batch["weights"][:, 1:]
        inside = batch["documents"][:, :-1] == batch["documents"][:, 1:]
        return language_loss(states.reshape(-1, states.shape[-1]), self.model.embed_tokens.weight, targets.reshape(-1),
                             (weights * inside).reshape(-1))

    def _balance(self):
        """Load max/mean over layers; moves the selection bias of overloaded experts down, of idle ones up."""
        ratios = []
        step = BIAS_STEP * (FIRST_BIAS_STEP / BIAS_STEP) ** max(0.0, 1 - self.steps / BIAS_STEPS_FALL)
        for gate in self.model.gates():
            self.ranks.sum_(gate.load)
            if gate.load.sum() == 0:
                continue
            mean = gate.load.mean()
            ratios.append((gate.load.max() / mean).item())
            if self.stage.balance:
                gate.e_score_correction_bias += step * torch.sign(mean - gate.load)
            gate.load.zero_()
        return max(ratios, default=0.0)

    def step(self):
        self.model.train()
        started = time.perf_counter()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._rate()
            optimizer.zero_grad(set_to_none=True)
        if self.rounding is not None:
            self.rounding.update(self.steps)
        if self.stage.name == "rl":
            self.model.count_reads(None)
            logged, used = rl.update(self), 1
        else:
            batch = self.stream.batch(self.options.rows, self.device)
            # What several conversations share stands once in a row, but each of them reads it: balanced as it is used.
            self.model.count_reads(batch["reads"])
            loss, logged = self._forward(batch)
            loss.backward()
            used = batch["ids"].numel() * self.ranks.count
            self.seen += used
        self.ranks.average_gradients(p for p in [*self.model.parameters(), *self.tellers.parameters()] if p.requires_grad)
        norm = torch.nn.utils.clip_grad_norm_([p for p in self.model.parameters() if p.grad is not None], 1.0)
        if not math.isfinite(norm.item()):
            raise RuntimeError(f"the gradient is {norm.item()} in step {self.steps}: lower the rate or look at the batch")
        for optimizer in self.optimizers:
            optimizer.step()
        self.done += used
        self.steps += 1
        seconds = time.perf_counter() - started
        record = {"step": self.steps, "stage": self.stage.name, "tokens": self.seen, "rate": round(self._rate(), 6),
                  "norm": round(norm.item(), 4), "load": round(self._balance(), 3), "tokens_per_second": round(used / seconds),
                  **{k: round(float(v), 5) for k, v in logged.items()}}
        if self.done >= self.stage.tokens:
            self.stage_index, self.done = self.stage_index + 1, 0
            self._enter_stage()
        return record

    # Interruption

    def save(self):
        streams = self.ranks.gather(None if self.finished else self.stream.state())
        if not self.ranks.first:
            return
        state = {"model": self.model.state_dict(), "tellers": self.tellers.state_dict(), "stage": self.stage_index,
                 "done": self.done, "seen": self.seen, "steps": self.steps, "random": torch.get_rng_state(), "shape": self.options.shape}
        if self.device.type == "cuda":
            state["random_cuda"] = torch.cuda.get_rng_state()
        if not self.finished:
            state.update(optimizers=[o.state_dict() for o in self.optimizers], streams=streams)
            if self.rounding is not None:
                state["scales"] = self.rounding.scales
        partial = self.out / "checkpoint.pt.part"
        torch.save(state, partial)
        os.replace(partial, self.out / "checkpoint.pt")

    def restore(self):
        """True if there was something to go on with."""
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, **LOAD_OPTIONS)
        if state["shape"] != self.options.shape:
            raise SystemExit(f"{path} is of shape {state['shape']}: give the same --shape, or another --out")
        self.model.load_state_dict(state["model"])
        self.tellers.load_state_dict(state["tellers"])
        self.stage_index, self.done, self.seen, self.steps = (state[k] for k in ("stage", "done", "seen", "steps"))
        self._enter_stage()
        if not self.finished:
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            if self.ranks.rank < len(state["streams"]):  # a rank that was not there before begins its own
                self.stream.restore(state["streams"][self.ranks.rank])
            if self.rounding is not None:
                self.rounding.scales = state["scales"]
        if self.ranks.first:
            torch.set_rng_state(state["random"].cpu())
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["random_cuda"].cpu())
        return True

    def log(self, record):
        if not self.ranks.first:
            return
        if self.log_file is None:
            self.log_file = open(self.out / "log.jsonl", "a", encoding="utf-8", buffering=1)
        self.log_file.write(json.dumps(record) + "\n")

    def export(self):
        ids = [self.tokenizer.token_to_id(text) for text in chat.SPECIAL[:3]]
        export.save_folder(self.model, self.out, ids)

    def run(self, minutes, max_steps=None):
        """Until the plan, the clock or the number of steps ends, or SIGTERM; then saves and exports."""
        end, saved, first = time.monotonic() + 60 * minutes, time.monotonic(), self.steps
        asked = []
        before = signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
        while not self.finished and (max_steps is None or self.steps - first < max_steps):
            if self.ranks.any(bool(asked) or time.monotonic() > end):
                break
            record = self.step()
            self.log(record)
            if record["step"] % self.options.print_every == 0 and self.ranks.first:
                print(json.dumps(record), flush=True)
            if self.ranks.any(time.monotonic() - saved > 60 * self.options.save_minutes):
                self.save()
                saved = time.monotonic()
        signal.signal(signal.SIGTERM, before)
        self.save()
        self.stream.close()
        if self.ranks.first:
            self.export()
        if self.log_file is not None:
            self.log_file.close()
            self.log_file = None


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="xs")
    parser.add_argument("--tokens", type=int, default=110_000_000, help="of the whole plan")
    parser.add_argument("--minutes", type=float, default=170, help="of this sitting")
    parser.add_argument("--rows", type=int, default=6, help="sequences per step and rank")
    parser.add_argument("--length", type=int, default=1536)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--workers", type=int, default=0, help="processes that make data ahead; for a GPU, one per core")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="fuse the norms (needs a C++ compiler)")
    parser.add_argument("--save-minutes", type=float, default=5)
    parser.add_argument("--print-every", type=int, default=20)
    parser.add_argument("--vocabulary-items", type=int, default=20000, help="items the tokenizer is trained on")
    parser.add_argument("--vocabulary", type=int, default=tokens.VOCABULARY)
    return parser.parse_args(arguments)


def prepare(options):
    """A trainer, resumed if the folder holds a checkpoint."""
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.compile:
        network.rms_norm = torch.compile(network.rms_norm)
    ranks = Ranks()
    if ranks.first and not (out / "tokenizer.json").exists():
        tokens.save(tokens.train(tokens.training_texts(options.vocabulary_items), options.vocabulary), out)
    ranks.any(False)  # the others wait for it
    trainer = Trainer(options, tokens.load(out))
    resumed = trainer.restore()
    total, active = parameter_counts(trainer.model)
    print(f"{'resumed' if resumed else 'new'}: {total} parameters, {active} active, {trainer.seen} tokens seen", flush=True)
    return trainer


def main():
    options = parse()
    trainer = prepare(options)
    trainer.run(options.minutes)
    print("finished" if trainer.finished else f"stopped in {trainer.stage.name}; the same command goes on")
    trainer.ranks.close()


if __name__ == "__main__":
    main()
