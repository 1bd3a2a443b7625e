"""run, chat and logits, as their users see them."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from script_model import VOCAB, write_script_model
from terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
MAINS = Path(os.environ.get("MAINS_BIN", ROOT / "build/release/mains")).resolve()
GOLDENS = ROOT / "tests/goldens"



@pytest.fixture(scope="module")
def model(tmp_path_factory):
    # "?" answers "Yes"; "!" thinks first; "#" never ends.
    return write_script_model(tmp_path_factory.mktemp("models") / "script", [
        "?Yes<|eos|>",
        "!<think>\nhm</think>",
        "</think>Ok<|eos|>",
        "#ab",
        "ba",
    ])


def with_template(golden, folder):
    """A golden model with a chat template: its words mean nothing, but they depend on all that came."""
    folder.mkdir()
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(GOLDENS / golden / name, folder)
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}<|user|>{{ m.content }}<|eos|>{% endfor %}<|user|>")
    return folder


@pytest.fixture(scope="module")
def random_model(tmp_path_factory):
    return with_template("qwen3", tmp_path_factory.mktemp("models") / "random")


@pytest.fixture
def mains(env, tmp_path):
    def run(*arguments, **kwargs):
        return subprocess.run([MAINS, *map(str, arguments)], env=env, cwd=tmp_path, capture_output=True,
                              text=True, timeout=60, **kwargs)
    return run


def run_json(mains, *arguments):
    done = mains("run", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ---- run -------------------------------------------------------------------------------------


def test_run_answers_and_stops_at_the_end_of_the_turn(mains, model):
    done = mains("run", model, "Well?")
    assert (done.returncode, done.stdout) == (0, "Yes\n")
    for word in ["prompt", "answer", "first token after", "seed"]:
        assert word in done.stderr
    assert "peak memory" in mains("run", model, "Well?", "--verbose").stderr
    assert mains("run", model, "Well?", "--quiet").stderr == ""


def test_run_shows_thinking_apart(mains, model):
    done = mains("run", model, "Well!")
    assert done.stdout == "Ok\n" and done.stderr.startswith("[thinking]\nhm\n[/thinking]\n")
    done = mains("run", model, "Well!", "--quiet")
    assert (done.stdout, done.stderr) == ("Ok\n", "")
    # With the open tag in the prompt the first word is thought already.
    done = run_json(mains, model, "Well!", "--think")
    assert (done["thinking"], done["text"]) == ("hm", "Ok")


def test_run_reads_the_request_from_anywhere(mains, model, tmp_path):
    (tmp_path / "request").write_text("Well?")
    assert mains("run", model, "--file", "request").stdout == "Yes\n"
    assert mains("run", model, "-", input="Well?").stdout == "Yes\n"
    assert mains("run", model, "Well?", "--raw").stdout == "Yes\n"


def test_text_of_the_user_is_never_a_special_token(mains, model):
    # As a token it would be one; as text it is seven characters.
    tokens = lambda *a: run_json(mains, model, *a)["usage"]["prompt_tokens"]
    assert tokens("<|eos|>?") == tokens("1234567?") == 1 + 8
    assert tokens("<|eos|>?", "--raw") == 2, "raw text is the user's own template"


def test_run_json_has_all_fields(mains, model):
    done = run_json(mains, model, "Well?", "--seed", 7, "--logprobs", 2)
    assert done["text"] == "Yes" and done["thinking"] == "" and done["finish_reason"] == "stop"
    assert done["usage"] == {"prompt_tokens": 6, "completion_tokens": 4, "total_tokens": 10}
    assert (done["rounds"], done["reused_tokens"]) == (1, 0)
    assert done["messages"] == [{"role": "user", "content": "Well?"}, {"role": "assistant", "content": "Yes"}]
    assert done["calls"] == []
    assert done["seed"] == 7
    assert all(seconds >= 0 for seconds in done["timings"].values())
    assert [t["token"] for t in done["logprobs"]] == ["Y", "e", "s", "<|eos|>"]
    first = done["logprobs"][0]
    assert first["bytes"] == [ord("Y")] and first["id"] == VOCAB["Y"]
    assert first["logprob"] == pytest.approx(0, abs=1e-6)
    assert [t["id"] for t in first["top_logprobs"]] == [VOCAB["Y"], 0], "equals in the order of ids"
    # One logit of 3 * sqrt(128), the others 0.
    assert first["top_logprobs"][1]["logprob"] == pytest.approx(-3 * 128**0.5, rel=1e-4)


def test_run_stops_at_stop_strings_and_limits(mains, model):
    assert mains("run", model, "#", "--stop", "bab").stdout == "a\n"
    assert mains("run", model, "#", "--stop", "zz", "--stop", "ba").stdout == "a\n"
    done = run_json(mains, model, "#", "--max-tokens", 5)
    assert (done["text"], done["finish_reason"]) == ("ababa", "length")
    done = run_json(mains, model, "#", "--context", 8)
    assert (done["text"], done["finish_reason"]) == ("ababababab"[:7], "context")


def test_context_overflow_is_an_error_with_both_numbers(mains, model):
    done = mains("run", model, "A" * 50, "--context", 20)
    assert done.returncode == 1 and done.stdout == ""
    assert "51 tokens" in done.stderr and "context 20" in done.stderr
    done = mains("run", model, "A?", "--context", 20, "--max-tokens", 18)
    assert done.returncode == 1 and "3 tokens of prompt and 18 of answer exceed the context of 20" in done.stderr
    assert mains("run", model, "A?", "--context", 20, "--max-tokens", 17).returncode == 0


def test_a_seed_repeats_an_answer_whatever_the_threads(mains, random_model):
    def answer(*arguments):
        return run_json(mains, random_model, "Hello", "--temperature", 1.5, "--max-tokens", 40, *arguments)
    first = answer("--seed", 3, "--threads", 1)
    assert first["seed"] == 3
    assert answer("--seed", 3, "--threads", 2)["text"] == first["text"]
    assert answer("--seed", 4)["text"] != first["text"]
    unseeded = answer()
    assert answer("--seed", unseeded["seed"])["text"] == unseeded["text"], "the seed that was shown repeats it"


def test_the_publishers_sampling_is_used_and_flags_override_it(mains, random_model, tmp_path):
    folder = tmp_path / "greedy"
    shutil.copytree(random_model, folder)
    (folder / "generation_config.json").write_text('{"temperature": 5.0, "top_k": 1}')
    answer = lambda *a: run_json(mains, folder, "Hello", "--max-tokens", 20, *a)["text"]
    greedy = answer("--temperature", 0)
    assert answer() == greedy, "top_k 1"
    assert answer("--top-k", 0, "--seed", 1) != greedy
    (folder / "generation_config.json").write_text('{"temperature": -1}')
    done = mains("run", folder, "Hello")
    assert done.returncode == 1 and "generation_config.json: temperature is -1" in done.stderr


def test_interrupting_a_run_keeps_what_there_is(env, model):
    process = subprocess.Popen([MAINS, "run", model, "#"], env=env, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    first = process.stdout.read(10)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert first == b"ababababab" and rest.endswith(b"\n")
    assert b"stopped by Ctrl-C" in errors


@pytest.mark.parametrize("arguments, code, message", [
    (["run", "no/such-model", "hi"], 1, "no/such-model"),
    (["run", "/nonexistent/model", "hi"], 1, "/nonexistent/model"),
    (["run", "MODEL"], 2, "the request is missing"),
    (["run", "no/such-model"], 2, "the request is missing"),
    (["run", "MODEL", "a", "--tools", "absent.json"], 1, "absent.json"),
    (["run", "MODEL", "a", "--tools", "b", "--no-tools"], 2, "--no-tools"),
    (["run", "MODEL", "a", "--file", "b"], 2, "--file"),
    (["run", "MODEL", "--file", "absent"], 1, "absent"),
    (["run", "MODEL", "a", "--temperature", "hot"], 2, "--temperature"),
    (["run", "MODEL", "a", "--temperature", "-1"], 1, "temperature is -1; it must be from 0 to 100"),
    (["run", "MODEL", "a", "--top-p", "2"], 1, "top_p is 2"),
    (["run", "MODEL", "a", "--logprobs", "5"], 2, "--json"),
    (["run", "MODEL", "a", "--threads", "-1"], 2, "--threads"),
    (["run", "MODEL", "a", "--kv", "f64"], 2, "--kv"),
    (["run", "MODEL", "", "--raw"], 1, "prompt is empty"),
    (["chat", "no/such-model"], 1, "no/such-model"),
    (["logits", "MODEL", "--ids", "1,2"], 2, "--out"),
    (["logits", "MODEL", "--out", "x.npy"], 2, "--ids"),
    (["logits", "MODEL", "--ids", "1,x", "--out", "x.npy"], 2, "--ids"),
    (["logits", "MODEL", "--ids", "1,2000", "--out", "x.npy"], 1, "token id 2000 at index 1"),
    (["logits", "MODEL", "--ids", "-1", "--out", "x.npy"], 1, "token id -1"),
    (["logits", "MODEL", "--ids", "1", "--out", "/nonexistent/x.npy"], 1, "/nonexistent/x.npy"),
])
def test_errors_say_what_is_wrong(mains, model, tmp_path, arguments, code, message):
    done = mains(*[model if a == "MODEL" else a for a in arguments])
    assert done.returncode == code, done.stderr
    assert message in done.stderr and done.stdout == ""
    assert not list(tmp_path.glob("*.npy*")), "nothing is left behind"


def test_a_model_without_a_template_can_continue_text(mains, model, tmp_path):
    folder = tmp_path / "base"
    shutil.copytree(model, folder)
    (folder / "chat_template.jinja").unlink()
    done = mains("run", folder, "Well?")
    assert done.returncode == 1 and "--raw" in done.stderr
    assert mains("run", folder, "Well?", "--raw").stdout == "Yes\n"


# ---- logits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["qwen3", "deepseek_v3"])
def test_logits_are_those_of_the_reference(mains, tmp_path, name):
    golden = load_file(GOLDENS / name / "golden.safetensors")
    ids = ",".join(map(str, golden["prompt_ids"]))
    done = mains("logits", GOLDENS / name, "--ids", ids, "--kv", "f32", "--out", "l.npy", "--hidden", "h.npy")
    assert done.returncode == 0, done.stderr
    logits = np.load(tmp_path / "l.npy")
    assert logits.dtype == np.float32 and logits.shape == golden["logits"].shape
    assert np.abs(logits - golden["logits"]).max() < 1e-4 * np.abs(golden["logits"]).max()
    hidden = np.load(tmp_path / "h.npy")
    for i, layer in enumerate(hidden):
        expected = golden[f"hidden.{i}"]
        assert np.abs(layer - expected).max() < 1e-4 * np.abs(expected).max(), f"layer {i}"
    assert f"hidden.{len(hidden)}" not in golden


def test_logits_of_text(mains, model, tmp_path):
    done = mains("logits", model, "--text", "Well?", "--out", "l.npy")
    assert done.returncode == 0, done.stderr
    logits = np.load(tmp_path / "l.npy")
    assert logits.shape == (5, len(VOCAB)) and logits[4].argmax() == VOCAB["Y"]


# ---- measure ---------------------------------------------------------------------------------


def test_measured_likelihoods_are_those_of_the_reference(mains, tmp_path):
    golden = load_file(GOLDENS / "deepseek_v32" / "golden.safetensors")
    ids, logits = golden["prompt_ids"], golden["logits"].astype(np.float64)
    (tmp_path / "ids.jsonl").write_text(f"{ids.tolist()}\n\n{ids[:3].tolist()}\n")
    done = mains("measure", GOLDENS / "deepseek_v32", "--ids", "ids.jsonl", "--kv", "f32", "--json", "--logprobs", "p.npy")
    assert done.returncode == 0, done.stderr
    expected = (logits - np.log(np.exp(logits).sum(-1, keepdims=True)))[np.arange(31), ids[1:]]
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), [*expected, *expected[:2]], atol=1e-3)
    found = json.loads(done.stdout)
    assert (found["sequences"], found["tokens"]) == (2, 35)
    assert [sum(layer["expert_tokens"]) for layer in found["layers"]] == [0, 35 * 3, 35 * 3]
    assert [layer["indexer_tokens"] for layer in found["layers"]] == [24, 24, 24]  # behind the first 8 of 32
    assert 0 < found["indexer_recall"] < 1 <= found["expert_load_max_over_mean"] <= 8


def test_measuring_a_text_cuts_it_into_sequences(mains, tmp_path):
    (tmp_path / "text.txt").write_text("the andthe inon " * 8)
    done = mains("measure", GOLDENS / "glm4_moe", "--text", "text.txt", "--length", 10)
    assert done.returncode == 0, done.stderr
    count = json.loads(mains("measure", GOLDENS / "glm4_moe", "--text", "text.txt", "--length", 10, "--json").stdout)
    assert count["sequences"] == -(-count["tokens"] // 10) > 1
    assert done.stdout.startswith(f"{count['tokens']} tokens in {count['sequences']} sequences\n")
    assert mains("measure", GOLDENS / "glm4_moe").returncode == 2


@pytest.mark.parametrize("golden", ["deepseek_v32", "glm4_moe"])
def test_guessing_ahead_changes_no_answer(mains, tmp_path, golden):
    folder = with_template(golden, tmp_path / "model")
    for temperature in (0, 1):
        answers = {mains("run", folder, "Hello", "--max-tokens", 60, "--temperature", temperature, "--seed", 3, "--draft",
                         draft).stdout for draft in (0, 1, 4)}
        assert len(answers) == 1 and len(answers.pop()) > 20


# ---- chat ------------------------------------------------------------------------------------


def test_chat_reads_lines_where_there_is_no_terminal(mains, model, tmp_path):
    done = mains("chat", model, input="One?\n\nTwo!\n/save talk.json\n")
    assert (done.returncode, done.stdout) == (0, "Yes\nOk\n"), done.stderr
    assert json.loads((tmp_path / "talk.json").read_text()) == [
        {"role": "user", "content": "One?"}, {"role": "assistant", "content": "Yes"},
        {"role": "user", "content": "Two!"},
        {"role": "assistant", "content": "Ok", "reasoning_content": "hm"}]
    done = mains("chat", model, input="/load talk.json\n/undo\n//?\n/system Be brief\n/save again.json\n/quit\n#\n")
    assert (done.returncode, done.stdout) == (0, "Yes\n"), done.stderr
    assert [m["content"] for m in json.loads((tmp_path / "again.json").read_text())] == [
        "Be brief", "One?", "Yes", "/?", "Yes"]


def test_chat_reuses_what_it_has_read(mains, model):
    done = mains("chat", model, "--verbose", input="One?\nTwo?\n/reset\nOne?\n/think on\nOne?\n")
    # <|user|>One?, then <|assistant|>Yes<|eos|><|user|>Two? after it. The assistant's own token was not
    # in the session, nor is it after /reset, but for <|user|>One? itself less its last token.
    reused = [line for line in done.stderr.splitlines() if "reused" in line]
    assert [line.split(";")[0] for line in reused] == [
        "prompt  5 tokens, 0 of them reused",
        "prompt  15 tokens, 5 of them reused",
        "prompt  5 tokens, 4 of them reused",
        "prompt  16 tokens, 5 of them reused",
    ]


def test_what_is_reused_does_not_change_the_answer(mains, random_model, tmp_path):
    options = ["--temperature", 1, "--seed", 11, "--max-tokens", 15]
    whole = mains("chat", random_model, *options, input="Hello\n/save one.json\nAnd then\n/save two.json\n")
    assert whole.returncode == 0, whole.stderr
    fresh = mains("chat", random_model, *options, input="/load one.json\nAnd then\n/save three.json\n")
    assert fresh.returncode == 0, fresh.stderr
    assert (tmp_path / "two.json").read_text() == (tmp_path / "three.json").read_text()


@pytest.mark.parametrize("line, message", [
    ("/bogus", "/help"), ("/think maybe", "on or off"), ("/undo", "nothing to undo"),
    ("/save", "name of a file"), ("/load absent.json", "absent.json"),
    ("/load bad.json", "message 0 needs"), ("/save /nonexistent/x.json", "/nonexistent/x.json"),
])
def test_a_script_ends_at_its_first_error(mains, model, tmp_path, line, message):
    (tmp_path / "bad.json").write_text('[{"role": "user"}]')
    done = mains("chat", model, input=line + "\nWell?\n")
    assert done.returncode == 1 and message in done.stderr and done.stdout == ""


def test_chat_on_a_terminal(env, model, tmp_path):
    with Terminal([MAINS, "chat", model], env) as screen:
        screen.wait_for("/help lists commands")
        screen.wait_for("> ")
        screen.type("Well?\r")
        screen.wait_for("Yes\n")
        screen.wait_for("> ")
        screen.type("/bogus\r")
        screen.wait_for("there is no /bogus")
        screen.wait_for("> ")
        screen.type("\x03")
        screen.wait_for("To leave: Ctrl-D or /quit.")
        screen.wait_for("> ")
        screen.type("#\r")
        screen.wait_for("ababab")
        screen.type("\x03")
        screen.wait_for("Stopped.")
        screen.wait_for("> ")
        screen.type("half a li")
        screen.wait_for("half a li")
        screen.type("\x03")
        screen.wait_for("> ")
        screen.type("\x1b[A\x1b[A\x1b[A\r")  # three lines up in the history
        screen.wait_for("Yes\n")
        screen.wait_for("> ")
        screen.type(f"/save {tmp_path}/talk.json\r")
        screen.wait_for("Saved")
        screen.wait_for("> ")
        screen.type("\x04")
        assert screen.wait() == 0
    talk = json.loads((tmp_path / "talk.json").read_text())
    assert [m["content"] for m in talk if m["role"] == "user"] == ["Well?", "#", "Well?"]
    assert talk[3]["content"].startswith("abab")
    assert "Well?" in (tmp_path / "state/mains/history").read_text()
    assert [p.name for p in (tmp_path / "state/mains").iterdir()] == ["history"], "no temporary is left"


def test_chat_dims_thinking_and_tames_escapes_on_a_terminal(env, tmp_path):
    model = write_script_model(tmp_path / "model", ["?<think>hm</think>Ok<|eos|>"])
    with Terminal([MAINS, "chat", model], env) as screen:
        screen.wait_for("> ")
        screen.type("Ä?\r")  # a letter of two bytes; this tokenizer has no token for it
        screen.wait_for("hm")
        screen.wait_for("Ok\n")
        screen.wait_for("> ")
        screen.type("/quit\r")
        assert screen.wait() == 0
