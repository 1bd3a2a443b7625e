"""The training text is the program's own prompt, byte for byte and token for token."""

import json
import os
import pathlib
import subprocess

import pytest

from pocket import chat
from pocket.data import build, verify

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAINS = pathlib.Path(os.environ.get("MAINS_BIN", ROOT / "build/release/mains"))
SAMPLE = [build.item_at(9, split, i) for split in ("train", "test_values") for i in range(150)]
CHATS = [item for item in SAMPLE if "text" not in item]
TOKENIZER_ITEMS = 300


def text_of(pieces):
    return "".join(text for text, _ in pieces)


def jobs():
    """(conversation for the program, our text): whole conversations and prompts."""
    out = []
    for item in CHATS:
        thinking = {"thinking": item["thinking"]}
        tools = {"tools": item["tools"]} if item["tools"] else {}
        out.append(({"messages": chat.conversation(item), "add_generation_prompt": False, **thinking, **tools},
                    text_of(chat.render(item))))
        for check in item["checks"]:
            upto = dict(item, messages=item["messages"][:check["turn"]])
            out.append(({"messages": chat.conversation(upto), **thinking, **tools}, chat.prompt(item, check["turn"])))
    return out


def test_rendered_as_the_program_does(tmp_path):
    made = jobs()
    batch = tmp_path / "batch.jsonl"
    batch.write_text("".join(json.dumps({"native": "deepseek_v32", "input": job}) + "\n" for job, _ in made), encoding="utf-8")
    done = subprocess.run([MAINS, "template", "--batch", batch], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(lines) == len(made)
    for (job, ours), theirs in zip(made, lines):
        assert theirs.get("text") == ours, (job, theirs)


def test_a_golden_conversation():
    item = {"system": "S", "thinking": True, "tools": [], "messages": [
        {"role": "user", "content": "U"},
        {"role": "assistant", "content": "", "reasoning_content": "R", "tool_calls": [
            {"type": "function", "function": {"name": "f", "arguments": '{"a": "x", "b": [1, "ü"]}'}},
            {"type": "function", "function": {"name": "g", "arguments": "{}"}}]},
        {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"},
        {"role": "assistant", "content": "C", "reasoning_content": "Q"}]}
    assert text_of(chat.render(item)) == (
        "<｜begin▁of▁sentence｜>S<｜User｜>U<｜Assistant｜><think>R</think>\n\n<｜DSML｜function_calls>\n"
        '<｜DSML｜invoke name="f">\n<｜DSML｜parameter name="a" string="true">x</｜DSML｜parameter>\n'
        '<｜DSML｜parameter name="b" string="false">[1, "ü"]</｜DSML｜parameter>\n</｜DSML｜invoke>\n'
        '<｜DSML｜invoke name="g">\n\n</｜DSML｜invoke>\n</｜DSML｜function_calls><｜end▁of▁sentence｜>'
        "\n\n<function_results>\n<result>1</result>\n<result>2</result>\n</function_results>\n\n<think>Q</think>C"
        "<｜end▁of▁sentence｜>")


def test_what_is_rendered_can_be_read_back():
    for item in CHATS:
        for check in item["checks"]:
            upto = dict(item, messages=item["messages"][:check["turn"] + 1])
            asked = chat.prompt(upto, check["turn"])
            whole = text_of(chat.render(upto))
            assert whole.startswith(asked)
            read = chat.parse_turn(whole[len(asked):])
            message = item["messages"][check["turn"]]
            assert read["calls"] == verify.turn_of(message)["calls"] and read["content"] == message["content"]
            assert read["reasoning"] == (message.get("reasoning_content") or "" if item["thinking"] else "")


@pytest.mark.parametrize("text", [
    chat.CALLS_BEGIN, chat.CALLS_BEGIN + "x" + chat.CALLS_END, chat.CALLS_BEGIN + chat.CALLS_END,
    chat.CALLS_BEGIN + chat.INVOKE + 'f">\n' + chat.PARAMETER + 'a" string="false">{' + chat.PARAMETER_END + chat.INVOKE_END + chat.CALLS_END,
])
def test_broken_calls_are_no_calls(text):
    assert chat.parse_turn(text)["calls"] is None


def test_only_answers_weigh_and_every_answer_once():
    for item in CHATS:
        said = [m for m in item["messages"] if m["role"] == "assistant"]
        weighed = [text for pieces in chat.turns(item) for text, weight in pieces if weight]
        assert sum(text == chat.EOS for text in weighed) == len(said)
        for pieces in chat.turns(item):
            for text, weight in pieces:
                assert not (weight and (chat.USER in text or chat.RESULT in text))


# The tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from pocket import tokenizer as tokens
    folder = tmp_path_factory.mktemp("tokenizer")
    trained = tokens.train(tokens.training_texts(TOKENIZER_ITEMS), 2048)
    tokens.save(trained, folder)
    return tokens.load(folder), folder


ODD_TEXTS = ["", "12345", "3.14 km/h", "naïve café", "你好，世界", "🙂 a\tb\r\n\r\n", "<think>", "  x  ", "\u200b\ufeff", "a" * 300]


def test_tokens_give_back_the_text(tokenizer):
    for text in ODD_TEXTS + [text_of(chat.render(item)) for item in SAMPLE[:100]]:
        ids = tokenizer[0].encode(text, add_special_tokens=False).ids
        assert tokenizer[0].decode(ids, skip_special_tokens=False) == text


def test_digits_are_single_tokens_and_marks_are_one(tokenizer):
    for digit in "0123456789":
        assert len(tokenizer[0].encode(digit, add_special_tokens=False).ids) == 1
    assert not [t for t in tokenizer[0].get_vocab() if t.isascii() and sum(c.isdigit() for c in t) > 1
                and t not in chat.fused_texts()]
    for mark in list(chat.SPECIAL) + chat.fused_texts():
        assert tokenizer[0].encode(mark, add_special_tokens=False).ids == [tokenizer[0].token_to_id(mark)]
        assert len(mark.encode()) < 1024


def test_what_could_be_said_in_a_place_weighs_the_same():
    """Else the model says more often what weighs more: that a value is missing, one more word of it."""
    function = {"name": "book", "description": "", "parameters": {
        "type": "object", "properties": {"place": {"type": "string"}, "count": {"type": "integer"}}}}
    call = {"function": {"name": "book", "arguments": '{"place": "Ulm", "count": 2}'}}
    answers = [{"reasoning_content": "book\nplace: Ulm\ncount: missing", "content": "How many?"},
               {"reasoning_content": "Wanted: sell a boat\nTools: book\nNone fits", "content": "No."},
               {"reasoning_content": "book\nplace: Ulm\ncount: 2", "content": "", "tool_calls": [call]}]
    pieces = [chat.render({"system": "", "tools": [{"type": "function", "function": function}], "thinking": thinking, "messages": [
        {"role": "user", "content": "book it"}, {"role": "assistant", **answer}]}) for thinking in (True, False) for answer in answers]
    weight = {text: weight for rendered in pieces[:3] for text, weight in rendered}
    assert weight["book\nplace: Ulm\ncount: missing"] == 4
    assert weight["Wanted: sell a boat\n"] == weight["None fits"] == weight[chat.END_THINK] == 4 and weight["Tools: book\n"] == 1
    assert weight["Ulm" + chat.PARAMETER_END] == weight["2" + chat.PARAMETER_END] == 4
    assert weight['book">\n'] == weight["place" + chat.STRING] == weight["count" + chat.NOT_STRING] == 2
    assert dict(pieces[5])['book">\n'] == 4, "without a thought the name decides"


def test_weights_follow_the_values(tokenizer):
    from pocket.tokenizer import encode_pieces
    for item in CHATS[:60]:
        for pieces in chat.turns(item):
            ids, weights = encode_pieces(tokenizer[0], pieces)
            assert len(ids) == len(weights) and set(weights) <= {0, 1, 2, 4}
            assert (4 in weights) == any(weight == 4 and text for text, weight in pieces)


def test_tokens_are_those_of_the_program(tokenizer, tmp_path):
    texts = [t for t in ODD_TEXTS if t] + [text_of(chat.render(item)) for item in SAMPLE]
    done = subprocess.run([MAINS, "tokenize", tokenizer[1], "--records", "--json", "--no-special"],
                          input="\0".join(texts).encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    rows = [json.loads(line) for line in done.stdout.decode().split("\n") if line]
    assert rows == [tokenizer[0].encode(text, add_special_tokens=False).ids for text in texts]
