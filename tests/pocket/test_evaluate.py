"""The evaluation: intervals, comparisons, controls, human-written sets; with torch, the model's own path."""

import json
import math
import pathlib

import pytest

from pocket import card, chat, controls, evaluate, human_sets
from pocket.data import build, tools
from pocket.data.verify import turn_of
from pocket.intervals import mcnemar, wilson

PACKAGE = pathlib.Path(evaluate.__file__).parent


@pytest.mark.parametrize("right, total, low, high", [  # by the score test, solved by hand
    (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)])
def test_wilson(right, total, low, high):
    assert wilson(right, total) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    for bound in wilson(right, total):  # where the interval ends, the score statistic is z
        if 1e-9 < bound < 1 - 1e-9:
            assert abs(right / total - bound) / math.sqrt(bound * (1 - bound) / total) == pytest.approx(1.959964, abs=1e-5)


def test_wilson_of_nothing_knows_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_mcnemar():
    assert mcnemar([True] * 6 + [False], [False] * 6 + [True]) == (6, 1, pytest.approx(2 * (1 + 7) / 2 ** 7))
    assert mcnemar([True, False], [True, False]) == (0, 0, 1.0)


class Oracle:
    """Says what the items say."""

    name = "oracle"

    def answer(self, jobs):
        return [turn_of(item["messages"][turn]) for item, turn in jobs]


def test_the_oracle_is_always_right_and_controls_are_not():
    systems = [Oracle(), controls.KeywordRouter(), controls.NearestTemplate(200), controls.RandomUnderSchema()]
    rows = list(evaluate.generated_rows(24))
    records = evaluate.evaluate(systems, rows, log=lambda line: None)
    assert len(records) == len(rows) * len(systems)
    for record in records:
        if record["system"] == "oracle":
            assert record["exact"]["right"] == record["exact"]["of"], record
    for name in ("keyword router", "nearest template", "random under the schema"):
        mine = [r["exact"] for r in records if r["system"] == name]
        assert sum(e["right"] for e in mine) < 0.5 * sum(e["of"] for e in mine)
        assert all("against_first" in r for r in records if r["system"] == name)
    text = evaluate.table(records)
    assert text.count("\n") == len(rows) + 2 and "100.0" in text


def test_random_values_fit_the_schema():
    items = [build.item_at(4, "train", i, "tools") for i in range(50)]
    for item, turn in zip(items, controls.RandomUnderSchema().answer([(i, 1) for i in items])):
        declared = {t["function"]["name"]: t["function"]["parameters"] for t in item["tools"]}
        for call in turn["calls"]:
            assert set(declared[call["name"]].get("required", [])) == set(call["arguments"])


def test_human_sets_are_judged_and_rendered():
    sets = human_sets.all_sets()
    if not sets:
        pytest.skip("no human-written sets in the test data: Snips, CLINC150 and Recognizers-Text are left out")
    assert len(sets["snips"]) == 700 and len(sets["clinc_oos"]) > 1000
    assert {"recognizers_date", "recognizers_number", "recognizers_unit"} <= set(sets)
    for items in sets.values():
        for item in items[::7]:
            assert chat.prompt(item, 1).endswith(chat.ASSISTANT + chat.THINK)
            check = item["checks"][0]
            if check["kind"] == "choice":
                assert evaluate.judge(item, {"content": "", "calls": [{"name": check["name"], "arguments": {}}]})
            elif check["kind"] == "call":
                assert evaluate.judge(item, {"content": "", "calls": check["calls"]})
            assert not evaluate.judge(item, {"content": "?", "calls": []})


def test_generators_never_read_the_human_sets():
    """Nothing that makes training data names them, nor imports what reads them."""
    for path in [*(PACKAGE / "data").glob("*.py"), PACKAGE / "train.py", PACKAGE / "stream.py", PACKAGE / "rl.py", PACKAGE / "tokenizer.py"]:
        code = path.read_text(encoding="utf-8").lower()
        for word in ("snips", "clinc", "recognizers-", "human_sets"):
            assert word not in code, (path.name, word)


def test_no_tool_of_the_human_sets_is_trained_on():
    names = {name.lower() for name in human_sets._SNIPS}
    for index in range(1500):
        item = build.item_at(0, "train", index, "tools")
        assert not names & {t["function"]["name"].lower().replace("_", "").replace("-", "") for t in item["tools"]}
    assert not names & {t.key for t in tools.TRAIN_THINGS}


def test_a_model_is_evaluated(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed: evaluating a model is left out")
    from pocket import export, model
    from pocket import tokenizer as tokens
    torch.manual_seed(0)
    trained = tokens.train(tokens.training_texts(100), 800)
    tokens.save(trained, tmp_path)
    config = model.dataclasses.replace(model.TINY, vocab_size=trained.get_vocab_size(), max_position_embeddings=1024)
    export.save_folder(model.Pocket(config), tmp_path, [trained.token_to_id(t) for t in chat.SPECIAL[:3]])
    system = controls.TorchModel(tmp_path, max_new=6, batch=4)
    items = [build.item_at(2, "test_values", i, "dates", "en") for i in range(6)]
    (record,) = evaluate.evaluate([system], [("dates", "en", items)], log=lambda line: None)
    assert record["exact"]["of"] == 6
    forbidden = []

    def only_end(rows, logits):
        forbidden.append(len(rows))
        keep = logits[:, trained.token_to_id(chat.EOS)].clone()
        logits.fill_(float("-inf"))
        logits[:, trained.token_to_id(chat.EOS)] = keep

    system.mask_logits = only_end
    assert system.answer([(items[0], 1)]) == [{"reasoning": "", "content": "", "calls": []}] and forbidden
    shape = evaluate.architecture(system.model, system.tokenizer, documents=2, length=1024)
    assert 1 <= shape["expert_load_max_over_mean"] <= config.n_routed_experts and 0 < shape["indexer_recall"] <= 1
    json.dumps(shape)


def test_human_prompts_fit_the_trained_context():
    """Counted generously: no token of a trained vocabulary is shorter than a third of these bytes."""
    for items in human_sets.all_sets().values():
        for item in items[::9]:
            text = chat.prompt(item, 1)
            for mark in chat.fused_texts():
                text = text.replace(mark, "")
            assert len(text.encode()) / 3 < 1024


def test_the_card_shows_the_worst_first_and_names_what_was_missed(tmp_path):
    def record(row, system, right, of=100):
        return {"row": row, "language": "en", "system": system, "exact": evaluate.summary([True] * right + [False] * (of - right))}
    shares = {"unseen tool families": (70, 71), "human: snips": (60, 60), "arithmetic, up to six digits": (99, 99), "robot, longer": (3, 5)}
    records = [record(row, system, right) for row, both in shares.items()
               for system, right in zip(("shipped", card.TRAINED), both, strict=True)]
    file = tmp_path / "model.gguf"
    file.write_bytes(b"x" * 1234)
    text = card.card({"records": records, "architecture": {"indexer_recall": 0.5}}, file,
                     {"what": "# Model", "misses": "Because.", "made": "## How"})
    worst = text[text.index("## Worst"):text.index("## Headlines")]
    assert worst.index("robot, longer") < worst.index("human: snips") < worst.index("unseen tool families")
    assert "| unseen tool families | 65 % | 70.0 % of 100 | met |" in text
    assert "| Snips, choice of the tool | 70 % | 60.0 % of 100 | **missed** |" in text
    assert "1,234 bytes" in text and "“robot, longer” (+2.0 points)" in text and "* indexer recall: 0.5" in text


def test_runs_of_other_rows_and_systems_make_one_table():
    def run(row, system, of, architecture=None):
        record = {"row": row, "language": "en", "system": system, "exact": evaluate.summary([True] * of)}
        return {"records": [record], "architecture": architecture}
    one = card.merged([run("robot, longer", "shipped", 50, {"load": 1}), run("human: snips", "shipped", 700),
                       run("robot, longer", "shipped", 1000), run("robot, longer", "no grammar", 200)])
    assert [(r["row"], r["system"], r["exact"]["of"]) for r in one["records"]] == [
        ("human: snips", "shipped", 700), ("robot, longer", "shipped", 1000), ("robot, longer", "no grammar", 200)]
    assert one["architecture"] == {"load": 1}
    lines = evaluate.table(one["records"]).splitlines()
    assert lines[-1] == "| robot, longer | en | 1000 | 100.0 (99.6–100.0) | 100.0 (98.1–100.0) of 200 |"
    assert lines[-2] == "| human: snips | en | 700 | 100.0 (99.5–100.0) | – |"


def test_the_card_of_the_repository_is_that_of_its_file():
    import hashlib
    folder = pathlib.Path(card.__file__).parent
    digest = hashlib.sha256((folder / "xs/mains-pocket-xs.gguf").read_bytes()).hexdigest()
    assert digest in (folder / "README.md").read_text(encoding="utf-8")
    assert set(card.read_notes(folder / "CARD_NOTES.md")) == {"what", "misses", "made"}
