"""The model inside the program: the shipped file, found by its name wherever the program is started."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAINS = pathlib.Path(os.environ.get("MAINS_BIN", ROOT / "build/release/mains")).absolute()
FILE = ROOT / "pocket/xs/mains-pocket-xs.gguf"


def mains(*arguments, cwd):
    return subprocess.run([MAINS, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """Whether there is one; the repository's file is never left out."""
    done = mains("info", "pocket", "--json", cwd=tmp_path_factory.mktemp("empty"))
    if done.returncode == 0:
        return True
    assert done.returncode == 1 and "this build has no embedded model" in done.stderr
    assert not FILE.exists()
    return False


def test_it_is_the_file_of_the_repository(embedded, tmp_path):
    if embedded and FILE.exists():
        inside, outside = (mains("info", model, "--json", cwd=tmp_path) for model in ("pocket", FILE))
        assert json.loads(inside.stdout) == json.loads(outside.stdout)
        answers = [json.loads(mains("run", model, "Hello", "--json", "--seed", 1, "--max-tokens", 20, cwd=tmp_path).stdout)
                   for model in ("pocket", FILE)]
        assert answers[0]["text"] == answers[1]["text"] and answers[0]["thinking"] == answers[1]["thinking"]


def test_every_command_that_takes_a_model_takes_it(embedded, tmp_path):
    conversation = tmp_path / "c.json"
    conversation.write_text('[{"role": "user", "content": "Hello"}]', encoding="utf-8")
    for arguments in (("run", "pocket", "Hello", "--max-tokens", "2", "--quiet"), ("tokenize", "pocket", "Hello"),
                      ("template", "pocket", conversation), ("template", "pocket", conversation, "--tokens"),
                      ("logits", "pocket", "--text", "Hello", "--out", tmp_path / "l.npy")):
        assert (mains(*arguments, cwd=tmp_path).returncode == 0) == embedded, arguments


def test_a_model_at_a_path_of_that_name_goes_first(tmp_path):
    shutil.copytree(ROOT / "pocket/first", tmp_path / "pocket")
    done = mains("info", "pocket", "--json", cwd=tmp_path)
    assert done.returncode == 0 and json.loads(done.stdout)["format"] == "safetensors"


def test_a_folder_without_a_model_hides_nothing(embedded, tmp_path):
    (tmp_path / "pocket").mkdir()
    assert (mains("info", "pocket", cwd=tmp_path).returncode == 0) == embedded


def test_it_acts(embedded, tmp_path):
    """The main job, with nothing but the program: a request in, a call of the right tool, its result in the answer."""
    if embedded:
        done = mains("run", "What is 1284 * 46?", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert [(c["name"], c["ok"]) for c in said["calls"]] == [("calculator", True)] and "59064" in said["text"], said
