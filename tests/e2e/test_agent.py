"""Models that call tools, through run and chat, as their users see them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from script_model import TOOL_TEMPLATE, call, write_script_model
from terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
MAINS = Path(os.environ.get("MAINS_BIN", ROOT / "build/release/mains")).resolve()

SUM = call("calculator", expression="12*7")
SAVE = call("save", name="note")
BEFORE = "Let me see. " + SUM


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    # "?" works something out, "!" too but speaks first, "%" thinks first, "#" wants the user's own tool.
    return write_script_model(tmp_path_factory.mktemp("models") / "tools", [
        f"?{SUM}", f"!{BEFORE}", f"%<think>hm</think>{SUM}", "4It is 84.", f"#{SAVE}", "~Saved.", "nNot saved.",
    ], words=[SUM, BEFORE, SAVE, "It is 84.", "hm", "Saved.", "Not saved."], template=TOOL_TEMPLATE)


@pytest.fixture
def tool_model(model, tmp_path):
    """The same, from a publisher who says that it is made for tools."""
    folder = tmp_path / "made_for_tools"
    shutil.copytree(model, folder)
    (folder / "generation_config.json").write_text('{"do_sample": false, "mains": {"builtin_tools": true}}')
    return folder


@pytest.fixture
def mains(env, tmp_path):
    def run(*arguments, **kwargs):
        return subprocess.run([MAINS, *map(str, arguments)], env=env, cwd=tmp_path, capture_output=True,
                              text=True, timeout=60, **{"stdin": subprocess.DEVNULL} | kwargs)
    return run


# ---- which tools ---------------------------------------------------------------------------------


def offered(mains, *arguments):
    done = mains("chat", *arguments, stdin=None, input="/tools\n")
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_tools_are_offered_only_where_asked_for_or_to_models_made_for_them(mains, model, tool_model):
    assert "No tools" in offered(mains, model)
    assert "calculator" in offered(mains, model, "--builtin-tools")
    assert "calculator" in offered(mains, tool_model)
    assert "No tools" in offered(mains, tool_model, "--no-tools")


def test_a_plain_request_is_not_changed_by_tools_that_nobody_asked_for(mains, model, tool_model):
    def prompt_tokens(*arguments):
        return json.loads(mains("run", *arguments, "Hi", "--json").stdout)["usage"]["prompt_tokens"]
    assert prompt_tokens(model) == prompt_tokens(tool_model, "--no-tools") == 3
    assert prompt_tokens(model, "--builtin-tools") > prompt_tokens(tool_model) > 100


def test_a_model_that_knows_no_tools_runs_without_and_says_so_once(mains, tmp_path):
    plain = write_script_model(tmp_path / "plain", ["?Yes"])
    done = mains("run", plain, "Well?", "--builtin-tools")
    assert (done.returncode, done.stdout) == (0, "Yes\n")
    assert done.stderr.count("running without tools") == 1
    done = mains("chat", plain, "--builtin-tools", stdin=None, input="One?\nTwo?\n")
    assert (done.returncode, done.stdout) == (0, "Yes\nYes\n")
    assert done.stderr.count("running without tools") == 1


# ---- run -----------------------------------------------------------------------------------------


def test_run_shows_calls_and_results_beside_the_answer(mains, model):
    done = mains("run", model, "How many?", "--builtin-tools")
    assert (done.returncode, done.stdout) == (0, "It is 84.\n"), done.stderr
    assert '→ calculator expression="12*7"\n← 84\n' in done.stderr
    assert "first token after" in done.stderr
    done = mains("run", model, "How many?", "--builtin-tools", "--quiet")
    assert (done.stdout, done.stderr) == ("It is 84.\n", "")


def test_what_is_said_before_a_call_is_no_answer(mains, model):
    done = mains("run", model, "How many!", "--builtin-tools")
    assert (done.returncode, done.stdout) == (0, "It is 84.\n")
    assert "Let me see." in done.stderr


def test_run_json_has_messages_and_calls(mains, model):
    done = mains("run", model, "How many%", "--builtin-tools", "--json", "--temperature", 0)
    assert done.returncode == 0 and done.stderr == ""
    out = json.loads(done.stdout)
    assert out["text"] == "It is 84." and out["finish_reason"] == "stop"
    asked, said, result, answer = out["messages"]
    assert asked == {"role": "user", "content": "How many%"}
    assert said["reasoning_content"] == "hm"
    [made] = said["tool_calls"]
    assert made["function"]["name"] == "calculator"
    assert json.loads(made["function"]["arguments"]) == {"expression": "12*7"}
    assert result["role"] == "tool" and result["tool_call_id"] == made["id"]
    assert json.loads(result["content"]) == {"result": 84}
    assert answer == {"role": "assistant", "content": "It is 84."}
    assert out["calls"] == [{"round": 0, "name": "calculator", "arguments": {"expression": "12*7"}, "ok": True,
                             "result": {"result": 84}}]
    assert out["rounds"] == 2
    assert out["reused_tokens"] > 100, "the second round reads only what is new"
    assert set(out["timings"]) == {"load_seconds", "first_token_seconds", "prompt_seconds", "generation_seconds",
                                   "tool_seconds"}


def test_run_on_a_terminal(env, model):
    with Terminal([MAINS, "run", model, "How many%", "--builtin-tools", "--seed", "1"], env) as screen:
        shown = screen.wait_for("first token after")
        assert screen.wait() == 0
    assert 'hm\n→ calculator expression="12*7"\n← 84\nIt is 84.\n\nprompt ' in shown


# ---- no model named ------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, is_request", [
    (["What is 12 times 7?"], True), (["12/4"], True), (["hello"], True), (["-"], True),
    (["--file", "request.txt"], True), (["no/such-model"], False), (["absent.gguf"], False), (["folder"], False),
    ([], False),
])
def test_one_word_alone_is_a_request_unless_it_means_a_model(mains, tmp_path, arguments, is_request):
    (tmp_path / "folder").mkdir()
    (tmp_path / "request.txt").write_text("hello")
    done = mains("run", *arguments, "--max-tokens", 1)
    assert ("request is missing" in done.stderr or "what is the request" in done.stderr) != is_request, done.stderr
    assert (done.returncode == 2) != is_request


# ---- chat ----------------------------------------------------------------------------------------


def test_chat_keeps_calls_and_results_in_the_conversation(mains, model, tmp_path):
    done = mains("chat", model, "--builtin-tools", stdin=None,
                 input="How many?\n/save one.json\nAnd how many?\n/undo\n/save two.json\n/undo\n/save none.json\n")
    assert (done.returncode, done.stdout) == (0, "It is 84.\nIt is 84.\n"), done.stderr
    talk = json.loads((tmp_path / "one.json").read_text())
    assert [m["role"] for m in talk] == ["user", "assistant", "tool", "assistant"], "no system message of ours"
    assert json.loads((tmp_path / "two.json").read_text()) == talk
    assert json.loads((tmp_path / "none.json").read_text()) == []
    done = mains("chat", model, "--builtin-tools", stdin=None, input="/load one.json\n/undo\n/save none.json\n")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "none.json").read_text()) == []


# ---- the user's own tools ------------------------------------------------------------------------


@pytest.fixture
def tools_file(tmp_path):
    parameters = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    file = tmp_path / "tools.json"
    file.write_text(json.dumps([{"name": "save", "description": "Saves.", "parameters": parameters,
                                 "command": ["printf", "%s~", "{name}"]}]))
    return file


def test_without_anybody_to_ask_nothing_is_started(mains, model, tools_file):
    done = mains("run", model, "Save#", "--tools", tools_file)
    assert (done.returncode, done.stdout) == (0, "Not saved.\n"), done.stderr
    assert "--yes" in done.stderr
    done = mains("run", model, "Save#", "--tools", tools_file, "--yes")
    assert (done.returncode, done.stdout) == (0, "Saved.\n"), done.stderr
    assert '→ save name="note"\n← note~\n' in done.stderr


@pytest.mark.parametrize("typed, answer", [("y\r", "Saved."), ("n\r", "Not saved."), ("\r", "Not saved."),
                                           ("yesterday\r", "Not saved."), ("\x04", "Not saved.")])
def test_each_start_is_asked_for(env, model, tools_file, typed, answer):
    with Terminal([MAINS, "run", model, "Save#", "--tools", tools_file], env) as screen:
        asked = screen.wait_for("[y/N] ")
        assert "printf" in asked and "note" in asked
        screen.type(typed)
        screen.wait_for(answer + "\n")
        assert screen.wait() == 0


def test_ctrl_c_at_the_question_ends_the_turn(env, model, tools_file):
    with Terminal([MAINS, "run", model, "Save#", "--tools", tools_file], env) as screen:
        screen.wait_for("[y/N] ")
        screen.type("\x03")
        screen.wait_for("stopped by Ctrl-C")
        assert screen.wait() == 130
    with Terminal([MAINS, "chat", model, "--tools", tools_file], env) as screen:
        screen.wait_for("> ")
        screen.type("Save#\r")
        screen.wait_for("[y/N] ")
        screen.type("\x03")
        screen.wait_for("Stopped.")
        screen.wait_for("> ")
        screen.type("Save#\r")
        screen.wait_for("[y/N] ")
        screen.type("y\r")
        screen.wait_for("Saved.\n")
        screen.wait_for("> ")  # until then the terminal takes Ctrl-D for itself
        screen.type("\x04")
        assert screen.wait() == 0
