"""What the program measures of a model against the trainer's own figures, on the same ids."""

import json
import os
import pathlib
import subprocess

import numpy
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the program's measurements are not compared")

from pocket import compare, evaluate, export, model as M  # noqa: E402

MAINS = pathlib.Path(os.environ.get("MAINS_BIN", pathlib.Path(__file__).resolve().parents[2] / "build/release/mains"))
TINY = M.dataclasses.replace(M.TINY, max_position_embeddings=512)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(4)
    made = M.Pocket(TINY).eval()
    for parameter in made.parameters():  # larger than at the start of training, so that choices are clear
        torch.nn.init.normal_(parameter, std=0.3) if parameter.dim() > 1 else None
    with torch.no_grad():
        made.embed_tokens.weight[5:9] *= 6  # what it says most: then an untrained guess is right now and then
    return made


def measure(folder, sequences, *options):
    lines = folder / "ids.jsonl"
    lines.write_text("".join(json.dumps(s) + "\n" for s in sequences), encoding="utf-8")
    done = subprocess.run([MAINS, "measure", folder, "--ids", lines, "--json", "--threads", "1", *options], capture_output=True,
                          check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_figures_agree(tmp_path, model):
    export.save_folder(model, tmp_path, (1, 2, 3), torch.float32)
    torch.manual_seed(5)
    # The text is the model's own, here and there another token, so that guesses can be right.
    ids = torch.randint(5, TINY.vocab_size, (3, 1))
    with torch.no_grad():
        for _ in range(79):
            ids = torch.cat((ids, model.logits(ids, run=M.Run(sparse=True))[:, -1:].argmax(-1)), 1)
    noise = torch.rand(ids.shape) < 0.1
    ids = torch.where(noise, torch.randint(5, TINY.vocab_size, ids.shape), ids)
    counted = torch.rand(ids.shape) < 0.8
    found = measure(tmp_path, [{"ids": i, "counted": [int(x) for x in c]} for i, c in zip(ids.tolist(), counted.tolist())])

    load, recall = evaluate.load_and_recall(model, ids)
    assert found["expert_load_max_over_mean"] == pytest.approx(load, rel=1e-6)
    assert found["indexer_recall"] == pytest.approx(recall, abs=1e-5) and 0 < recall < 1
    shift = lambda t: torch.cat((t[:, 1:], torch.zeros_like(t[:, :1])), 1)
    batch = {"ids": ids, "targets": shift(ids), "weights": shift(counted).float(), "documents": torch.zeros_like(ids),
             "positions": torch.arange(80).expand_as(ids), "groups": None}
    accepted, count = evaluate.acceptance(model, batch)
    assert count > 40 and 0 < accepted < 1
    assert found["mtp_tokens"] == count and found["mtp_acceptance"] == pytest.approx(accepted, abs=1e-6)
    assert found["tokens"] == ids.numel() and found["sequences"] == 3


def test_logprobs_agree(tmp_path, model):
    export.save_folder(model, tmp_path, (1, 2, 3), torch.float32)
    torch.manual_seed(6)
    sequences = [torch.randint(5, TINY.vocab_size, (n,)).tolist() for n in (2, 30, 1, 70)]
    found = measure(tmp_path, sequences, "--logprobs", tmp_path / "logprobs.npy")
    theirs = numpy.load(tmp_path / "logprobs.npy")
    ours = compare.trainer_logprobs(model, sequences)
    assert theirs.shape == ours.shape == (1 + 29 + 69,)
    numpy.testing.assert_allclose(theirs, ours, atol=1e-4)
    assert found["mean_logprob"] == pytest.approx(ours.mean(), abs=1e-4)


@pytest.mark.parametrize("line", ["{}", "[1, -1]", "[1.5]", "x", '{"ids": 3}', '{"ids": [1, 2], "counted": [1]}', "[99999]"])
def test_wrong_lines_are_refused_by_number(tmp_path, model, line):
    export.save_folder(model, tmp_path, (1, 2, 3), torch.float32)
    (tmp_path / "ids.jsonl").write_text("[7, 8]\n" + line + "\n", encoding="utf-8")
    done = subprocess.run([MAINS, "measure", tmp_path, "--ids", tmp_path / "ids.jsonl"], capture_output=True, check=False)
    assert done.returncode == 1 and b"2" in done.stderr, done.stderr
