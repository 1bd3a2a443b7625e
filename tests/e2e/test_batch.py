"""mains batch: a file of requests gives a file of answers, the same as if each were asked alone."""

import json
import os
import pathlib
import stat
import subprocess

import pytest

from script_model import write_script_model

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAINS = os.environ.get("MAINS_BIN", str(ROOT / "build/release/mains"))
MODEL = ROOT / "pocket/first"
QUESTIONS = ["What is 47 + 385?", "subtract 386 from 2041", "Was ist 12 mal 7?", "123减45等于多少?", "Who wrote Faust?",
             "What is 1 + 1?", "47乘以38是多少？", "What is 9 x 9?"]


def mains(*arguments, data=None):
    return subprocess.run([MAINS, *map(str, arguments)], capture_output=True, text=True, input=data, check=False)


def lines(requests):
    return "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in requests)


def batch(requests, *options):
    done = mains("batch", MODEL, "-", "--quiet", *options, data=lines(requests))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ask(question, **more):
    return {"messages": [{"role": "user", "content": question}], **more}


@pytest.mark.parametrize("parallel", [1, 3, 16])
def test_as_if_each_were_asked_alone(parallel):
    answers = batch([ask(q, id=i) for i, q in enumerate(QUESTIONS)], "--parallel", parallel)
    assert [a["id"] for a in answers] == list(range(len(QUESTIONS)))
    for question, answer in zip(QUESTIONS, answers):
        alone = json.loads(mains("run", MODEL, question, "--json").stdout)
        assert (answer["reasoning"], answer["content"], answer["finish_reason"]) == \
            (alone["thinking"], alone["text"], alone["finish_reason"])
        assert {k: answer["usage"][k] for k in alone["usage"]} == alone["usage"]
        assert answer["reasoning"] in answer["text"] and answer["content"] in answer["text"]


def test_lines_say_how_they_are_answered():
    question = QUESTIONS[0]
    answers = batch([ask(question, max_tokens=3), ask(question, temperature=1.5, seed=1), ask(question, temperature=1.5, seed=1),
                     ask(question, temperature=1.5, seed=2), {"prompt": "<|user|>x", "max_tokens": 2}],
                    "--max-tokens", 30)
    assert answers[0]["usage"]["completion_tokens"] == 3 and answers[0]["finish_reason"] == "length"
    assert answers[1] == {**answers[2], "usage": answers[1]["usage"]} and answers[1]["seed"] == 1
    assert answers[3]["seed"] == 2 and answers[4]["usage"]["completion_tokens"] <= 2


def test_a_bad_line_is_an_error_of_its_own():
    bad = ["{", "[]", '{"id": 7}', json.dumps(ask("x", seed="one")), json.dumps(ask("x", colour="red")),
           json.dumps(ask("x", id="a", temperature=-1)), json.dumps({"id": [1], "messages": "x"}),
           json.dumps({"messages": [], "prompt": "x"}), '{"id": 1, "id": 2}', json.dumps(ask("x" * 5000, id="long"))]
    answers = batch(bad + [ask(QUESTIONS[0], id="good")])
    assert len(answers) == len(bad) + 1
    for answer in answers[:-1]:
        assert set(answer) == {"id", "error"} and answer["error"]["message"]
    assert answers[2]["id"] == 7 and answers[5]["id"] == "a" and answers[6]["id"] == [1]
    assert "colour" in answers[4]["error"]["message"] and "room" in answers[9]["error"]["message"]
    assert answers[-1]["id"] == "good" and "432" in answers[-1]["content"]


def test_files_come_whole_or_not_at_all(tmp_path):
    requests, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    requests.write_text("\n" + lines([ask(q) for q in QUESTIONS[:2]]) + "\n", encoding="utf-8")
    done = mains("batch", MODEL, requests, "--out", out)
    assert done.returncode == 0 and done.stdout == "" and "2 requests" in done.stderr
    assert [json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()] == [None, None]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
    assert stat.S_ISREG(out.stat().st_mode)
    missing = mains("batch", MODEL, requests, "--out", tmp_path / "none/out.jsonl")
    assert missing.returncode == 1 and "none/out.jsonl" in missing.stderr
    assert mains("batch", MODEL, tmp_path / "absent.jsonl").returncode == 1
    assert mains("batch").returncode == 2


CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": "ü"}}\n</tool_call>'
TEMPLATE = (
    "{%- if tools %}{{ tools | tojson }}<|eos|>{% endif -%}"
    "{%- for m in messages -%}"
    "{%- if m.role == 'assistant' -%}<|assistant|>{{ m.content }}"
    "{%- for c in m.tool_calls or [] -%}"
    "<tool_call>\n{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}}\n</tool_call>"
    "{%- endfor -%}<|eos|>"
    "{%- else -%}<|user|>{{ m.content }}{%- endif -%}"
    "{%- endfor -%}"
)


@pytest.fixture(scope="module")
def calling_model(tmp_path_factory):
    """Says a whole call in one token, after x."""
    return write_script_model(tmp_path_factory.mktemp("models") / "calls", ["x" + CALL, "yno"], words=[CALL],
                              template=TEMPLATE)


def test_calls_of_tools_are_read(calling_model):
    tools = [{"type": "function", "function": {"name": "add", "description": "", "parameters": {
        "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}}}]
    requests = [ask("x", tools=tools), ask("y", tools=tools), ask("x"), ask("x", tools=[{"type": "function"}])]
    done = mains("batch", calling_model, "-", "--quiet", "--temperature", 0, data=lines(requests))
    assert done.returncode == 0, done.stderr
    called, told, toolless, wrong = (json.loads(line) for line in done.stdout.splitlines())
    assert called["text"] == CALL and called["content"] == "" and called["finish_reason"] == "tool_calls"
    (call,) = called["tool_calls"]
    assert call["type"] == "function" and call["id"] and call["function"]["name"] == "add"
    assert json.loads(call["function"]["arguments"]) == {"a": 1, "b": "ü"}
    assert told["content"] == "no" and told["finish_reason"] == "stop" and "tool_calls" not in told
    assert toolless["content"] == CALL and toolless["finish_reason"] == "stop"
    assert set(wrong) == {"id", "error"}


def test_only_declared_tools_are_called_but_without_the_grammar(calling_model):
    tools = [{"type": "function", "function": {"name": "other", "parameters": {"type": "object", "properties": {}}}}]
    arguments = ("batch", calling_model, "-", "--quiet", "--temperature", 0, "--max-tokens", 40)
    kept, free = (json.loads(mains(*arguments, flag, data=lines([ask("x", tools=tools)])).stdout)
                  for flag in ("--grammar", "--no-grammar"))
    assert free["text"] == CALL and free["tool_calls"][0]["function"]["name"] == "add"
    assert all(call["function"]["name"] == "other" for call in kept.get("tool_calls", [])) and '"add"' not in kept["text"]


def test_nothing_asked_is_nothing_answered():
    assert batch([]) == []
