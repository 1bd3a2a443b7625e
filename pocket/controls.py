"""What answers without understanding: the floor that the table's figures must be seen against.

Every answerer has a name and answer(jobs) -> turns, where a job is (item, index of the assistant turn).
"""

import collections
import json
import math
import pathlib
import random
import re
import subprocess
import tempfile

from . import chat
from .data.build import item_at
from .data.phrases import stable_hash

_WORD = re.compile(r"[a-zäöüß]+|\d+|[\u4e00-\u9fff]", re.I)


def words(text):
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text).replace("_", " ").replace("-", " ")
    return [w.lower() for w in _WORD.findall(spaced)]


def _request(item, turn):
    return next(m["content"] for m in reversed(item["messages"][:turn]) if m["role"] == "user")


def _guess_arguments(function, text):
    """The naive filling: numbers in order, quoted text, else the last word."""
    numbers, quoted = re.findall(r"[0-9]{1,15}(?:\.[0-9]+)?", text), re.findall(r"[“\"'„「](.+?)[”\"'“」]", text)
    arguments = {}
    for name in function["parameters"].get("required", []):
        schema = function["parameters"]["properties"][name]
        if "enum" in schema:
            arguments[name] = next((v for v in schema["enum"] if str(v) in text.lower()), schema["enum"][0])
        elif schema["type"] in ("integer", "number"):
            number = numbers.pop(0) if numbers else "0"
            arguments[name] = float(number) if "." in number else int(number)
        elif schema["type"] == "boolean":
            arguments[name] = True
        else:
            value = quoted.pop(0) if quoted else (text.split() or [""])[-1].rstrip("?.!")
            arguments[name] = [value] if schema["type"] == "array" else value
    return arguments


class KeywordRouter:
    """The tool whose name and description share most words with the request; none without a shared word."""

    name = "keyword router"

    def choose(self, item, text):
        said, best, top = set(words(text)), None, 0.0
        for tool in item["tools"]:
            function = tool["function"]
            have = set(words(function["name"] + " " + function.get("description", "")))
            score = len(said & have) / math.sqrt(len(have) or 1)
            if score > top:
                best, top = function, score
        return best

    def answer(self, jobs):
        turns = []
        for item, turn in jobs:
            text = _request(item, turn)
            function = self.choose(item, text)
            calls = [{"name": function["name"], "arguments": _guess_arguments(function, text)}] if function else []
            turns.append({"content": "" if calls else "No tool fits.", "calls": calls})
        return turns


class NearestTemplate:
    """Does what the most similar training request did: same kind of turn; its tool by shared words."""

    name = "nearest template"

    def __init__(self, items=3000, seed=1):
        self.rows = []  # (words, kind of the turn, its text)
        self.count = collections.Counter()
        for index in range(items):
            item = item_at(seed, "train", index)
            if "text" in item:
                continue
            bag = set(words(item["messages"][0]["content"]))
            answer = item["messages"][1]
            self.rows.append((bag, bool(answer.get("tool_calls")), answer["content"]))
            self.count.update(bag)
        self.router = KeywordRouter()
        self.holders = collections.defaultdict(list)
        for i, (bag, _, _) in enumerate(self.rows):
            for word in bag:
                self.holders[word].append(i)

    def nearest(self, text):
        scores = collections.Counter()
        for word in set(words(text)):
            for i in self.holders[word][:400]:
                scores[i] += math.log(len(self.rows) / self.count[word])
        best = max(scores, key=lambda i: scores[i] / math.sqrt(len(self.rows[i][0])), default=None)
        return self.rows[best] if best is not None else (set(), False, "")

    def answer(self, jobs):
        turns = []
        for item, turn in jobs:
            text = _request(item, turn)
            _, called, reply = self.nearest(text)
            function = called and item["tools"] and (self.router.choose(item, text) or item["tools"][0]["function"])
            calls = [{"name": function["name"], "arguments": _guess_arguments(function, text)}] if function else []
            turns.append({"content": "" if calls else reply, "calls": calls})
        return turns


class RandomUnderSchema:
    """What random weights under a grammar of the tools say: a declared tool or none, values of the right type."""

    name = "random under the schema"

    def answer(self, jobs):
        turns = []
        for item, turn in jobs:
            rng = random.Random(stable_hash(chat.prompt(item, turn)))
            functions = [t["function"] for t in item["tools"]]
            function = rng.choice(functions + [None]) if functions else None
            if function is None:
                turns.append({"content": rng.choice(("No.", "Which one?", str(rng.randint(0, 99)))), "calls": []})
                continue
            arguments = {name: self._value(function["parameters"]["properties"][name], rng)
                         for name in function["parameters"].get("required", [])}
            turns.append({"content": "", "calls": [{"name": function["name"], "arguments": arguments}]})
        return turns

    @staticmethod
    def _value(schema, rng):
        if "enum" in schema:
            return rng.choice(schema["enum"])
        return {"integer": rng.randint(0, 99), "number": rng.randint(0, 99), "boolean": rng.random() < 0.5,
                "array": ["a"]}.get(schema["type"], "a")


class TorchModel:
    """The trainer's own model."""

    def __init__(self, folder, name=None, *, thinking=True, sparse=True, batch=32, max_new=640, mask_logits=None, device="cpu"):
        from . import export
        from . import tokenizer as tokens
        self.model = export.load_folder(folder).to(device)
        self.tokenizer = tokens.load(folder)
        self.name = name or "model"
        self.thinking, self.sparse, self.batch, self.max_new, self.mask_logits = thinking, sparse, batch, max_new, mask_logits

    def answer(self, jobs):
        import torch
        from .generate import generate
        eos = self.tokenizer.token_to_id(chat.EOS)
        prompts = []
        for item, turn in jobs:
            shown = item if self.thinking else dict(item, thinking=False)
            prompts.append(self.tokenizer.encode(chat.prompt(shown, turn), add_special_tokens=False).ids)
        order = sorted(range(len(jobs)), key=lambda i: len(prompts[i]))  # like lengths together
        turns = [None] * len(jobs)
        room = self.model.config.max_position_embeddings - self.max_new
        for begin in range(0, len(order), self.batch):
            part = order[begin:begin + self.batch]
            fitting = [i for i in part if len(prompts[i]) <= room]
            for i in set(part) - set(fitting):
                turns[i] = {"content": "", "calls": None}
            if fitting:
                dtype = torch.bfloat16
                with torch.autocast(self.model.embed_tokens.weight.device.type, dtype, enabled=False):
                    answers = generate(self.model, [prompts[i] for i in fitting], eos, self.max_new, sparse=self.sparse,
                                       mask_logits=self.mask_logits)
                for i, text in zip(fitting, self.tokenizer.decode_batch(answers, skip_special_tokens=False)):
                    turns[i] = chat.parse_turn(text)
        return turns


class MainsProgram:
    """The program itself, all requests in one run, on any of its model files: the shipped one above all."""

    def __init__(self, binary, model, name="mains", *, thinking=True, grammar=True, max_new=640, parallel=16, threads=1):
        self.binary, self.model, self.name, self.thinking, self.max_new = binary, model, name, thinking, max_new
        self.grammar, self.parallel, self.threads = grammar, parallel, threads

    def answer(self, jobs):
        with tempfile.TemporaryDirectory() as folder:
            requests, answers = pathlib.Path(folder) / "requests.jsonl", pathlib.Path(folder) / "answers.jsonl"
            requests.write_text("".join(json.dumps(self._request(*job)) + "\n" for job in jobs), encoding="utf-8")
            done = subprocess.run([self.binary, "batch", self.model, requests, "--out", answers, "--quiet", "--temperature", "0",
                                   "--max-tokens", str(self.max_new), "--parallel", str(self.parallel),
                                   "--threads", str(self.threads), "--grammar" if self.grammar else "--no-grammar"], capture_output=True, check=False)
            if done.returncode:
                raise RuntimeError(f"mains batch failed: {done.stderr.decode()[:500]}")
            return [self._turn(json.loads(line)) for line in answers.read_text(encoding="utf-8").splitlines()]

    def _request(self, item, turn):
        request = {"messages": chat.conversation(dict(item, messages=item["messages"][:turn])),
                   "thinking": self.thinking and item["thinking"]}
        return request | ({"tools": item["tools"]} if item["tools"] else {})

    @staticmethod
    def _turn(answer):
        if "error" not in answer:
            return chat.parse_turn(answer["text"])
        if "no room for an answer" not in answer["error"]["message"]:
            raise RuntimeError(f"mains batch: {answer['error']['message']}")
        return {"content": "", "calls": None}
