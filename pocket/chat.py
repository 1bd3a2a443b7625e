"""Conversations to text and back, in DeepSeek V3.2's format (encoding_dsv32.py beside its weights).

The text must be byte for byte what the program's own encoder renders (src/io/chat/deepseek_v32_chat.cc);
tests/pocket compares them. Rendering gives pieces with a weight for the loss: 0 for what the model is
given, more for what it must say: 4 for thoughts over tools, for values, and for names without a thought; 2 for names
that a thought has decided, for those of parameters, and for all else that is said; 1 for lists of tools. What ends a name or a
value weighs what it does.
"""

import json
import re

BOS, EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
USER, ASSISTANT = "<｜User｜>", "<｜Assistant｜>"
THINK, END_THINK = "<think>", "</think>"
DSML = "｜DSML｜"

TOOLS_BEFORE = f"""## Tools

You have access to a set of tools you can use to answer the user's question.
You can invoke functions by writing a "<{DSML}function_calls>" block like the following as part of your reply to the user:
<{DSML}function_calls>
<{DSML}invoke name="$FUNCTION_NAME">
<{DSML}parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</{DSML}parameter>
...
</{DSML}invoke>
<{DSML}invoke name="$FUNCTION_NAME2">
...
</{DSML}invoke>
</{DSML}function_calls>

String and scalar parameters should be specified as is without any escaping or quotes, while lists and objects should use JSON format. The "string" attribute should be set to "true" for string type parameters and "false" for other types (numbers, booleans, arrays, objects).

If the thinking_mode is enabled, then after function results you should strongly consider outputting a thinking block. Here is an example:

<{DSML}function_calls>
...
</{DSML}function_calls>

<function_results>
...
</function_results>

<think>...thinking about results</think>

Here are the functions available in JSONSchema format:
<functions>
"""
TOOLS_AFTER = "\n</functions>\n"
CALLS_BEGIN, CALLS_END = f"\n\n<{DSML}function_calls>\n", f"\n</{DSML}function_calls>"
INVOKE, INVOKE_END = f'<{DSML}invoke name="', f"\n</{DSML}invoke>"
PARAMETER, PARAMETER_END = f'<{DSML}parameter name="', f"</{DSML}parameter>"
STRING, NOT_STRING = '" string="true">', '" string="false">'
RESULTS_BEGIN, RESULT, RESULT_END, RESULTS_END = "\n\n<function_results>", "\n<result>", "</result>", "\n</function_results>"

LIST_WEIGHT, TEXT_WEIGHT, NAME_WEIGHT = 1, 2, 2
DECISION_WEIGHT, VALUE_WEIGHT = 4, 4


def _thought(text, tools):
    """Pieces of a thought. Over tools (data/tools.py) all of it decides but the list of what is there. Whatever could stand in
    one place weighs the same: else what weighs more is said more often (that a value is missing, one more word of it)."""
    if not tools:
        return [(text + END_THINK, TEXT_WEIGHT)]
    parts = re.split(r"(^Tools: .*\n)", text, flags=re.M)
    return [*((part, LIST_WEIGHT if i % 2 else DECISION_WEIGHT) for i, part in enumerate(parts)), (END_THINK, DECISION_WEIGHT)]


def _calls(tool_calls, name_weight):
    pieces = [(CALLS_BEGIN, TEXT_WEIGHT)]
    for i, call in enumerate(tool_calls):
        function = call["function"]
        pieces += [("\n" if i else "", TEXT_WEIGHT), (INVOKE, TEXT_WEIGHT), (function["name"] + '">\n', name_weight)]
        for j, (name, value) in enumerate(json.loads(function["arguments"]).items()):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            mark = STRING if isinstance(value, str) else NOT_STRING
            pieces += [("\n" if j else "", TEXT_WEIGHT), (PARAMETER, TEXT_WEIGHT), (name + mark, NAME_WEIGHT),
                       (text + PARAMETER_END, VALUE_WEIGHT)]
        pieces.append((INVOKE_END, TEXT_WEIGHT))
    return pieces + [(CALLS_END, TEXT_WEIGHT)]


def declaration(tools):
    """The text that tells of the tools, behind the system message."""
    listed = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    return "\n\n" + TOOLS_BEFORE + listed + TOOLS_AFTER


def _result_count(messages, index):
    """(which result of its turn, how many calls the turn made)"""
    caller = index
    while messages[caller]["role"] == "tool":
        caller -= 1
    return index - caller, len(messages[caller].get("tool_calls", []))


def conversation(item):
    """The messages with the system message in front, as the program is given them."""
    return ([{"role": "system", "content": item["system"]}] if item["system"] else []) + item["messages"]


def render(item, upto=None):
    """Pieces (text, weight). With `upto`, the prompt that asks for messages[upto], an assistant message."""
    if "text" in item:
        return [(BOS, 0), (item["text"], TEXT_WEIGHT), (EOS, TEXT_WEIGHT)]
    messages = item["messages"][:upto]
    thinking = item["thinking"]
    last_user = max(i for i, m in enumerate(messages) if m["role"] == "user")
    first_thought = 0 if item.get("keep_thinking") else last_user  # the format drops earlier thoughts
    pieces = [(BOS, 0), (item["system"], 0)]
    if item["tools"]:
        pieces.append((declaration(item["tools"]), 0))
    for i, message in enumerate(messages):
        role = message["role"]
        closing = i + 1 == len(messages) and upto is None
        if role == "user":
            pieces.append((USER + message["content"], 0))
            if not closing:
                pieces.append((ASSISTANT + (THINK if thinking and i >= first_thought else END_THINK), 0))
        elif role == "tool":
            order, calls = _result_count(messages, i)
            pieces.append(((RESULTS_BEGIN if order == 1 else "") + RESULT + message["content"] + RESULT_END, 0))
            if order == calls:
                pieces.append((RESULTS_END, 0))
                if not closing:
                    pieces.append(("\n\n" + (THINK if thinking and i >= first_thought else END_THINK), 0))
        else:
            thought = thinking and i > first_thought
            if thought:
                pieces += _thought(message["reasoning_content"], item["tools"])
            pieces.append((message["content"], TEXT_WEIGHT))
            if message.get("tool_calls"):
                pieces += _calls(message["tool_calls"], NAME_WEIGHT if thought else DECISION_WEIGHT)
            pieces.append((EOS, TEXT_WEIGHT))
    return [(text, weight) for text, weight in pieces if text]


def prompt(item, turn):
    """The text that asks for the assistant message messages[turn]."""
    return "".join(text for text, _ in render(item, turn))


def turns(item):
    """Training samples of an item: (pieces) per stretch between user messages.

    The format drops reasoning of earlier turns, so a conversation with two user messages is two samples.
    """
    if "text" in item or not item["thinking"] or item.get("keep_thinking"):
        return [render(item)]
    users = [i for i, m in enumerate(item["messages"]) if m["role"] == "user"]
    samples = []
    for begin, end in zip(users, users[1:] + [len(item["messages"])]):
        part = dict(item, messages=item["messages"][:end])
        pieces = render(part)
        if begin != users[0]:  # what came before was learned by the sample before
            cut = max(i for i, (text, _) in enumerate(pieces) if text.startswith(USER))
            pieces = [(t, 0 if i < cut else w) for i, (t, w) in enumerate(pieces)]
        samples.append(pieces)
    return samples


_INVOKE = re.compile(re.escape(INVOKE) + r'([^"\n]*)">\n(.*?)' + re.escape(INVOKE_END), re.S)
_PARAMETER = re.compile(re.escape(PARAMETER) + r'([^"\n]*)" string="(true|false)">(.*?)' + re.escape(PARAMETER_END), re.S)


def parse_turn(text):
    """What the model said, up to its end mark: {"reasoning", "content", "calls" or None if malformed}."""
    text = text.split(EOS)[0]
    reasoning, mark, rest = text.partition(END_THINK)
    if not mark:
        reasoning, rest = "", text
    content, begun, block = rest.partition(CALLS_BEGIN)
    turn = {"reasoning": reasoning.removeprefix(THINK), "content": content, "calls": []}
    if not begun:
        return turn
    if not block.endswith(CALLS_END):
        return dict(turn, calls=None)
    left = block[:-len(CALLS_END)]
    for match in _INVOKE.finditer(left):
        arguments = {}
        for name, is_string, value in _PARAMETER.findall(match[2]):
            if is_string == "false":
                try:
                    value = json.loads(value)
                except ValueError:
                    return dict(turn, calls=None)
            arguments[name] = value
        turn["calls"].append({"name": match[1], "arguments": arguments})
    return turn if turn["calls"] else dict(turn, calls=None)


# Fixed texts that are one token each: what every conversation with tools repeats. Without them the
# explanation of tools alone costs a small vocabulary some 300 tokens per request. Each is under 1 KiB, the
# limit of the program's tokenizer, and none is found inside a user's text.
def fused_texts():
    half = TOOLS_BEFORE.index("String and scalar")
    parts = ["\n\n" + TOOLS_BEFORE[:half], TOOLS_BEFORE[half:]]
    return parts + [TOOLS_AFTER, CALLS_BEGIN, CALLS_END, INVOKE, INVOKE_END, PARAMETER, PARAMETER_END, STRING, NOT_STRING,
                    RESULTS_BEGIN, RESULT, RESULT_END, RESULTS_END]


SPECIAL = (BOS, EOS, "<｜▁pad▁｜>", USER, ASSISTANT, THINK, END_THINK, DSML)
