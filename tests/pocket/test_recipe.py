"""A miniature of the recipe: all stages in a minute, interrupted and resumed, exported and compared."""

import dataclasses
import itertools
import json
import math
import os
import pathlib
import random
import socket
import subprocess
import sys

import numpy
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the miniature of the pocket recipe is left out")

from pocket import chat, drills, export, hops, model as M, pointing, quantise, stream, train  # noqa: E402
from pocket import tokenizer as tokens  # noqa: E402
from pocket.generate import generate  # noqa: E402
from pocket.rounding import KIND, Rounding  # noqa: E402
from pocket.data import build  # noqa: E402
from pocket.data.families import NOUNS, VERB_WORDS  # noqa: E402
from pocket.stream import Stream, samples_of, tokens_in  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAINS = pathlib.Path(os.environ.get("MAINS_BIN", ROOT / "build/release/mains"))
TOTAL = 48_000


def options(out, **more):
    given = {"shape": "tiny", "tokens": TOTAL, "rows": 4, "length": 384, "minutes": 5, "threads": 1, "device": "cpu",
             "dtype": "float32", "vocabulary-items": 200, "vocabulary": 1024, **more}
    return train.parse(["--out", str(out)] + [text for key, value in given.items() for text in (f"--{key}", str(value))])


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vocabulary")
    tokens.save(tokens.train(tokens.training_texts(200), 1024), folder)
    return folder


def fresh(tmp_path, vocabulary, **more):
    tmp_path.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((vocabulary / name).read_bytes())
    return train.prepare(options(tmp_path, **more))


@pytest.fixture(scope="module", autouse=True)
def tiny_context():
    """Long enough for an item with tools, more than the indexer selects."""
    saved = M.SHAPES["tiny"]
    M.SHAPES["tiny"] = M.dataclasses.replace(saved, trained_context=384, max_position_embeddings=768)
    yield
    M.SHAPES["tiny"] = saved


def test_the_loss_falls_and_the_output_changes(tmp_path, vocabulary, monkeypatch):
    monkeypatch.setattr(train.rl, "MAX_NEW", 8)
    monkeypatch.setattr(train.rl, "TRIES", 1)
    monkeypatch.setitem(stream.DRILLED, "pretrain", 0)  # random tokens are not learned in a minute
    trainer = fresh(tmp_path, vocabulary)
    asked = [trainer.tokenizer.encode(chat.BOS + chat.USER + "7 + 5" + chat.ASSISTANT).ids]
    eos = trainer.tokenizer.token_to_id(chat.EOS)
    before = generate(trainer.model.eval(), asked, eos, 8)
    trainer.run(5)
    assert trainer.finished
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert list(dict.fromkeys(r["stage"] for r in log)) == ["pretrain", "indexer", "sparse", "sft", "rl"]
    dense = [r["loss"] for r in log if r["stage"] == "pretrain"]
    assert abs(dense[0] - math.log(trainer.config.vocab_size)) < 0.5
    assert dense[-1] < dense[0] - 0.5
    assert all(r["load"] >= 1 and r["tokens_per_second"] > 0 for r in log if r["stage"] == "pretrain")
    assert any("mtp_loss" in r for r in log) and any("indexer_kl" in r for r in log)
    assert generate(trainer.model.eval(), asked, eos, 8) != before
    reloaded = export.load_folder(tmp_path)
    ids = torch.tensor(asked)
    torch.testing.assert_close(reloaded.logits(ids), trainer.model.logits(ids), atol=0.05, rtol=0.05)  # bf16 weights


@pytest.mark.parametrize("stage, at", [("pretrain", 3), ("sparse", 25), ("sft", 29)])
def test_an_interruption_changes_nothing(tmp_path, vocabulary, stage, at):
    whole = fresh(tmp_path / "whole", vocabulary)
    losses = [whole.step()["loss"] for _ in range(at + 3)]
    part = fresh(tmp_path / "part", vocabulary)
    part.run(5, max_steps=at)
    again = fresh(tmp_path / "part", vocabulary)
    assert (again.steps, again.stage.name) == (at, stage)
    assert [again.step()["loss"] for _ in range(3)] == losses[at:]
    for a, b in zip(whole.model.parameters(), again.model.parameters()):
        assert torch.equal(a, b)


def test_hops_are_told_and_go_on_after_an_interruption(tmp_path, vocabulary, monkeypatch):
    deep = dataclasses.replace(M.SHAPES["tiny"], num_hidden_layers=5, num_attention_heads=3, trained_context=2048,
                               max_position_embeddings=2048)
    monkeypatch.setitem(M.SHAPES, "tiny", deep)
    more = {"length": 2048, "rows": 2}
    whole = fresh(tmp_path / "whole", vocabulary, **more)
    log = [whole.step() for _ in range(4)]
    assert all(any(key in record for record in log) for hop in hops.HOPS for key in (hop, f"{hop}_found"))
    assert all(any(f"{hop}_told" in record for record in log) for hop in whole.tellers.hops) and len(whole.tellers.hops) == 3
    fresh(tmp_path / "part", vocabulary, **more).run(5, max_steps=2)
    again = fresh(tmp_path / "part", vocabulary, **more)
    begun = pointing.Tellers(deep).state_dict()
    assert [again.step()["loss"] for _ in range(2)] == [record["loss"] for record in log[2:]]
    for name, value in whole.tellers.state_dict().items():
        assert torch.equal(value, again.tellers.state_dict()[name]) and not torch.equal(value, begun[name])


def test_another_shape_does_not_overwrite_a_checkpoint(tmp_path, vocabulary):
    fresh(tmp_path, vocabulary).run(5, max_steps=1)
    with pytest.raises(SystemExit, match="another --out"):
        fresh(tmp_path, vocabulary, shape="xs")


def test_a_longer_plan_goes_on(tmp_path, vocabulary):
    fresh(tmp_path, vocabulary).run(5, max_steps=2)
    again = fresh(tmp_path, vocabulary, tokens=2 * TOTAL)
    assert again.steps == 2 and again.stage.tokens == 2 * train.plan(TOTAL)[0].tokens


def test_rounded_experts_are_what_the_file_will_hold():
    """The forward pass sees values of the codebook; the gradient reaches the weights unchanged."""
    gguf = pytest.importorskip("gguf", reason="gguf is not installed: the comparison with its blocks is left out")
    torch.manual_seed(3)
    moe = M.MoE(M.TINY)
    torch.nn.init.normal_(moe.gate_up)
    torch.nn.init.normal_(moe.down)
    holder = torch.nn.Module()
    holder.embed_tokens, holder.moe = torch.nn.Embedding(2, 2), moe
    rounding = Rounding(holder)
    rounding.update()
    weight = moe._weight("down", torch.float)
    rows = moe.down.detach().transpose(1, 2).numpy()
    stored = gguf.quants.dequantize(quantise.encode_blocks(rows, KIND), KIND)
    assert numpy.abs(weight.detach().transpose(1, 2).numpy() - stored).max() < 1e-6
    assert not torch.equal(weight, moe.down)
    weight.sum().backward()
    assert torch.equal(moe.down.grad, torch.ones_like(moe.down))
    rounding.remove()
    assert torch.equal(moe._weight("down", torch.float), moe.down)


def lively(config, seed=0):
    """A model whose paths all matter: larger weights, uneven norms, a selection bias."""
    torch.manual_seed(seed)
    made = M.Pocket(config).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
            elif "norm" in name:
                parameter.add_(torch.randn_like(parameter) * 0.2)
        for gate in made.gates():
            gate.e_score_correction_bias.normal_(std=0.1)
    return made


TINY = M.dataclasses.replace(M.TINY, max_position_embeddings=512)


@pytest.mark.parametrize("length", [TINY.index_topk // 2, TINY.index_topk, TINY.index_topk * 3])
def test_logits_agree_with_transformers(tmp_path, length, monkeypatch):
    transformers = pytest.importorskip("transformers")
    monkeypatch.setattr(M.F, "relu", lambda x: x)  # of both: rectified scores tie at zero, and then it takes any
    ours = lively(TINY)
    export.save_folder(ours, tmp_path, (1, 2, 3), torch.float32)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32, attn_implementation="eager").eval()
    assert type(theirs).__name__ == "DeepseekV32ForCausalLM"
    ids = torch.randint(5, TINY.vocab_size, (2, length))
    with torch.no_grad():
        sparse, dense = ours.logits(ids, run=M.Run(sparse=True)), ours.logits(ids)
        torch.testing.assert_close(sparse, theirs(ids).logits, atol=1e-5, rtol=1e-4)
    assert torch.equal(sparse, dense) == (length <= TINY.index_topk), "the sparse regime must differ from the dense one"


@pytest.mark.parametrize("length", [TINY.index_topk, TINY.index_topk * 3])
def test_logits_agree_with_the_program(tmp_path, length):
    """The same checkpoint in the engine, below and above the number of tokens that the indexer selects."""
    ours = lively(TINY)
    export.save_folder(ours, tmp_path, (1, 2, 3), torch.float32)
    ids = torch.randint(5, TINY.vocab_size, (1, length))
    done = subprocess.run([MAINS, "logits", tmp_path, "--ids", ",".join(map(str, ids[0].tolist())), "--out", tmp_path / "logits.npy"],
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    theirs = torch.from_numpy(numpy.load(tmp_path / "logits.npy"))
    with torch.no_grad():
        torch.testing.assert_close(ours.logits(ids, run=M.Run(sparse=True))[0], theirs, atol=1e-4, rtol=1e-3)


def test_ties_go_to_the_first():
    scores = torch.tensor([[0.0, 1, 0, 0, 2], [1, 1, 1, 1, 1], [3, 0, float("-inf"), float("-inf"), float("-inf")]])
    chosen = M.selected(scores, 3)
    assert chosen[0].tolist() == [True, True, False, False, True]
    assert chosen[1].tolist() == [True, True, True, False, False]
    assert chosen[2, :2].tolist() == [True, True]


@pytest.mark.parametrize("sparse", [False, True])
def test_packed_documents_do_not_see_each_other(sparse):
    made = lively(TINY)
    spans = [(0, 40), (40, 9), (60, 30)]
    ids = torch.randint(5, TINY.vocab_size, (1, 90))
    positions = torch.arange(90)[None].clone()
    for first, count in spans:
        positions[0, first:first + count] = torch.arange(count)
    with torch.no_grad():
        packed, _ = made.hidden(ids, positions=positions, mask=M.group_documents(spans), run=M.Run(sparse=sparse))
        for first, count in spans:
            alone, _ = made.hidden(ids[:, first:first + count], run=M.Run(sparse=sparse))
            torch.testing.assert_close(packed[:, first:first + count], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("run", [{}, {"sparse": True}, {"sparse": True, "indexer_loss": True}])
def test_continuations_are_what_they_are_alone(run):
    """Outputs and gradients of three continuations of one beginning, among other documents, are those of three documents."""
    made = lively(TINY)
    begun, counts, other = 23, [9, 30, 14], 12
    ids = torch.randint(5, TINY.vocab_size, (1, begun + sum(counts) + other))
    spans, positions, begin = [(0, begun, counts), (begun + sum(counts), other)], [*range(begun)], begun
    positions += [begun + i for count in counts for i in range(count)] + [*range(other)]
    packed_run, loss, whole_run = M.Run(**run), 0, M.Run(**run)
    packed, context = made.hidden(ids, positions=torch.tensor([positions]), mask=M.group_documents(spans), run=packed_run)
    drafted = made.mtp_hidden(packed, ids, context)
    for count in counts:
        here = slice(begin, begin + count)
        own = torch.cat((ids[:, :begun], ids[:, here]), 1)
        alone, alone_context = made.hidden(own, run=whole_run)
        torch.testing.assert_close(packed[:, :begun], alone[:, :begun], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(packed[:, here], alone[:, begun:], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(drafted[:, here], made.mtp_hidden(alone, own, alone_context)[:, begun:], atol=1e-5, rtol=1e-4)
        loss = loss + alone[:, begun:].square().sum()
        begin += count
    weights = [p for n, p in made.named_parameters() if "indexer" not in n and not n.startswith("mtp")]
    expected = torch.autograd.grad(loss, weights)
    got = torch.autograd.grad(packed[:, begun:begun + sum(counts)].square().sum(), weights)
    for a, b in zip(got, expected):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)
    assert bool(packed_run.losses) == bool(run.get("indexer_loss"))


@pytest.mark.parametrize("sparse", [False, True])
def test_cached_generation_is_the_whole_forward(sparse):
    made = lively(TINY)
    prompts = [torch.randint(5, TINY.vocab_size, (n,)).tolist() for n in (37, 20, 5)]
    for prompt, answer in zip(prompts, generate(made, prompts, -1, 10, sparse=sparse)):
        assert len(answer) == 10
        for i, token in enumerate(answer):
            logits = made.logits(torch.tensor([prompt + answer[:i]]), run=M.Run(sparse=sparse))[0, -1]
            assert logits[token] >= logits.max() - 1e-4


def test_chunked_loss_is_cross_entropy():
    torch.manual_seed(1)
    x, table = torch.randn(50, 8, requires_grad=True), torch.randn(30, 8, requires_grad=True)
    targets, weights = torch.randint(0, 30, (50,)), torch.rand(50) * (torch.arange(50) % 3 > 0)
    loss, _ = M.language_loss(x, table, targets, weights, rows=7)
    got = torch.autograd.grad(loss, (x, table))
    plain = (torch.nn.functional.cross_entropy(x @ table.t(), targets, reduction="none") * weights).sum() / weights.sum()
    torch.testing.assert_close(loss, plain)
    for a, b in zip(got, torch.autograd.grad(plain, (x, table))):
        torch.testing.assert_close(a, b)


def test_experts_in_one_batch_are_experts_one_by_one():
    made = lively(TINY)
    moe = made.layers[1].mlp
    x = torch.randn(1, 33, TINY.hidden_size)
    chosen, weights = moe.gate(x[0])
    expected = moe.shared_experts(x[0])
    for token in range(33):
        for expert, weight in zip(chosen[token], weights[token]):
            gate, up = (x[0, token] @ moe.gate_up[expert]).chunk(2)
            expected[token] += weight * ((torch.nn.functional.silu(gate) * up) @ moe.down[expert])
    torch.testing.assert_close(moe(x)[0], expected, atol=1e-5, rtol=1e-4)


def test_the_bias_evens_out_the_load(tmp_path, vocabulary):
    trainer = fresh(tmp_path, vocabulary)
    gate = trainer.model.gates()[0]
    gate.load.copy_(torch.tensor([10.0, 1, 1, 0]))
    before = gate.e_score_correction_bias.clone()
    assert trainer._balance() == pytest.approx(10 / 3, abs=0.01)
    moved = gate.e_score_correction_bias - before
    assert moved[0] == pytest.approx(-train.FIRST_BIAS_STEP) and (moved[1:] > 0).all()
    trainer.steps = 10 * train.BIAS_STEPS_FALL
    gate.load.copy_(torch.tensor([10.0, 1, 1, 0]))
    trainer._balance()
    assert (gate.e_score_correction_bias - before)[0] == pytest.approx(-train.FIRST_BIAS_STEP - train.BIAS_STEP)


def test_the_load_counts_a_token_as_often_as_it_is_read():
    torch.manual_seed(1)
    config = dataclasses.replace(M.XS, vocab_size=64)
    gate = M.Gate(config).train()
    torch.nn.init.normal_(gate.weight)
    x = torch.randn(6, config.hidden_size)
    chosen, _ = gate(x)
    assert gate.load.tolist() == torch.bincount(chosen.flatten(), minlength=config.n_routed_experts).tolist()
    gate.load.zero_()
    gate.reads = torch.tensor([8.0, 1, 1, 1, 1, 0])
    gate(x)
    for expert in range(config.n_routed_experts):
        assert gate.load[expert] == (gate.reads[:, None] * (chosen == expert)).sum()


def test_rows_hold_whole_samples(vocabulary, monkeypatch):
    monkeypatch.setitem(stream.DRILLED, "sft", 0)  # conversations alone have beginnings and continuations
    tokenizer = tokens.load(vocabulary)
    batch = Stream(tokenizer, 1024, 3, "sft").batch(8)
    assert batch["ids"].shape == (8, 1024)
    bos, eos, user = (tokenizer.token_to_id(text) for text in (chat.BOS, chat.EOS, chat.USER))
    continued, begun, reads, expected = 0, 0, [], []
    for row in range(8):
        for document in batch["documents"][row].unique():
            here = batch["documents"][row] == document
            assert len(batch["reads"][row][here].unique()) == 1
            ids, positions = batch["ids"][row][here].tolist(), batch["positions"][row][here].tolist()
            assert positions == list(range(positions[0], positions[0] + len(ids)))
            if positions[0]:  # a continuation of the document before
                assert ids[0] == user and eos in ids and bos not in ids and positions[0] == begun
                assert batch["reads"][row][here][0] == 1
                continued += 1
                expected[-1] += 1
            else:
                assert not any(ids) or ids[0] == bos and bos not in ids[1:]
                begun = len(ids)
                reads.append(int(batch["reads"][row][here][0]))
                expected.append(0)
                if not any(ids):
                    assert reads.pop() == expected.pop() == 0
    assert continued > 5
    assert reads == [max(1, count) for count in expected], "a beginning is read by each of its continuations"
    last = (batch["documents"][:, 1:] != batch["documents"][:, :-1]).nonzero(as_tuple=True)
    assert (batch["weights"][:, :-1][last] == 0).all(), "the end of a document predicts nothing"
    assert {0, 2, 4} <= set(batch["weights"].unique().tolist()) <= {0, 1, 2, 4}


def test_samples_say_what_conversations_say(vocabulary, monkeypatch):
    """Beginning and continuation are the tokens of the whole text, whatever is shared."""
    monkeypatch.setitem(stream.DRILLED, "sft", 0)
    tokenizer, shared = tokens.load(vocabulary), 0
    for index in range(60):
        whole = [tokens.encode_pieces(tokenizer, pieces) for item in build.items_at(3, "train", index) if "text" not in item
                 for pieces in chat.turns(item)]
        got = []
        for ids, weights, branches in samples_of([tokenizer], index, 3, "sft", "train", None, 1200):
            got += [(ids + more, weights + also) for more, also in branches] or [(ids, weights)]
            assert tokens_in((ids, weights, branches)) <= 1200 or len(branches) == 0
            shared += len(branches) > 1
        assert got == whole
    assert shared > 3


def test_other_segmentations_say_the_same(vocabulary, monkeypatch):
    """The same vocabulary and text, in more tokens; what is short and common stays whole."""
    monkeypatch.setattr(tokens, "_COMMON_MERGES", 400)  # the vocabulary of the tests has some 700
    tokenizer = tokens.load(vocabulary)
    others = tokens.segmentations(tokenizer, count=4)
    assert others[0] is tokenizer
    text = "".join(piece for item in build.items_at(3, "train", 1, "tools") for piece, _ in chat.render(item))
    whole = tokenizer.encode(text, add_special_tokens=False).ids
    for other in others[1:]:
        ids = other.encode(text, add_special_tokens=False).ids
        assert other.get_vocab() == tokenizer.get_vocab() and other.decode(ids) == tokenizer.decode(whole)
        assert len(whole) <= len(ids) < 2 * len(whole)
    assert len(ids) > len(whole), "the last lacks all the rarer merges"


def test_drills_of_words_say_what_a_word_is_called(vocabulary):
    tokenizer, known = tokens.load(vocabulary), NOUNS + VERB_WORDS
    called = [pair for words in known for pair in itertools.permutations(words, 2)]
    for seed in range(8):
        ids, weights = drills._translated(random.Random(seed), tokenizer)
        text = tokenizer.decode(ids)
        told = {other for word, other in called if any(word + join + other in text for join in drills._BETWEEN)}
        weighed = [tokenizer.decode([token for token, _ in run])
                   for weight, run in itertools.groupby(zip(ids, weights), lambda pair: pair[1]) if weight]
        assert len(weighed) == 40 and all(any(word in said for word in told) for said in weighed), (text, weighed)


def test_drills_ask_for_what_stands_in_the_text(vocabulary, monkeypatch):
    tokenizer = tokens.load(vocabulary)
    monkeypatch.setattr(drills, "_translated", lambda rng, tokenizer: drills._again(rng, tokenizer.get_vocab_size()))  # those are known or not
    asked, seen, alone = 0, set(), 0
    for seed in range(100):
        begun, nothing, questions = drills.drill(tokenizer, random.Random(seed))
        assert not questions or not any(nothing)
        alone += bool(questions)
        for more, also in questions or [([], [])]:
            ids, weights = begun + more, nothing + also
            assert len(ids) == len(weights) and not any(weights[:5])
            given = set(ids[:weights.index(1.0)])
            assert all(token in given for token, weight in zip(ids, weights) if weight == 1.0)
            asked += weights.count(1.0)
            seen |= given
    assert asked > 2000 and alone > 50 and len(seen) > 0.9 * tokenizer.get_vocab_size(with_added_tokens=False)


def _parts(tokens, mark):
    """What stands behind each `mark`."""
    places = [i for i, token in enumerate(tokens) if token == mark] + [len(tokens)]
    return [tokens[begin + 1:end] for begin, end in zip(places, places[1:])]


def test_drills_of_choice_ask_for_the_description_that_shares_most():
    name, about, end, parameter, user, found, told = range(60000, 60007)
    frame = {"name": [name], "about": [about], "ends": [[end], [end]], "parameter": [end, parameter], "parameter_end": [end],
             "user": [user], "found": [([found], [told])]}
    spellings = [[token] for token in range(50000)]
    tellings = set()
    for seed in range(300):
        ids, weights, questions = drills._choice(random.Random(seed), 50000, frame, spellings)
        assert not any(weights) and questions
        tools = {}
        for declared in _parts(ids, name):
            tools[tuple(declared[:declared.index(about)])] = set(declared[declared.index(about) + 1:declared.index(end)])
        tellings.add(len(tools))
        for asked, given in questions:
            begin = asked.index(found) + 1
            said, answer = set(asked[1:begin - 1]), tuple(asked[begin:-1])
            shared = {called: len(said & words) for called, words in tools.items()}
            assert asked[0] == user and asked[-1] == told and answer in tools and shared[answer] == max(shared.values()) > 0
            assert not any(given[:begin])
            for i, weight in enumerate(given[begin:-1]):  # what tells it from the others counts most
                alike = sum(called[:i] == answer[:i] for called in tools)
                assert weight == (1.0 if alike > 1 else drills._TOLD)
    assert tellings == set(range(2, 9))


def test_workers_make_the_same_rows(vocabulary):
    tokenizer = tokens.load(vocabulary)
    alone, helped = Stream(tokenizer, 384, 3, "pretrain"), Stream(tokenizer, 384, 3, "pretrain", workers=1)
    try:
        for _ in range(3):
            assert helped.row() == alone.row()
        state = alone.state()
        helped.restore(state)
        assert helped.row() == alone.row()
    finally:
        helped.close()


def test_two_ranks_train_one_model(tmp_path, vocabulary):
    """Both processes hold the same weights after each step, of twice the samples; one of them writes the folder."""
    fresh(tmp_path, vocabulary).run(5, max_steps=0)
    script = tmp_path / "two.py"
    script.write_text(
        "import sys, torch\n"
        "from pocket import train\n"
        "options = train.parse(sys.argv[1:])\n"
        "options.threads = 1\n"
        "trainer = train.prepare(options)\n"
        "first = trainer.steps\n"
        "trainer.run(5, max_steps=2)\n"
        "sums = trainer.ranks.gather(sum(p.double().sum().item() for p in trainer.model.parameters()))\n"
        "ids = trainer.ranks.gather(trainer.stream.pool[0][0])\n"
        "assert sums[0] == sums[1] and ids[0] != ids[1], sums\n"
        "sys.stdout.write(f'agreed {trainer.seen}\\n' if trainer.ranks.first else '')\n"
        "trainer.ranks.close()\n", encoding="utf-8")
    # As torchrun starts them; that of torch 1.13 fails on its own defaults.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(script), "--out", str(tmp_path), "--shape", "tiny", "--tokens", str(TOTAL), "--rows", "4",
               "--length", "384", "--device", "cpu"]
    ranks = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(
        os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1", RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2",
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))) for rank in range(2)]
    try:
        said = [rank.communicate(timeout=300) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], said
    assert f"agreed {2 * 2 * 4 * 128}" in said[0][0]
    assert train.prepare(options(tmp_path)).steps == 2
