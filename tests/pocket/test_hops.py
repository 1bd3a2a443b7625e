"""Where the attention should look: places are those of what the text says."""

import json
import re

import pytest

pytest.importorskip("torch", reason="torch is not installed: what training tells the attention is left out")

from pocket import chat, hops, stream, tokenizer as tokens  # noqa: E402
from pocket.data import families  # noqa: E402


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return tokens.train(tokens.training_texts(200), 1024)


def _samples(tokenizer, source, count):
    for index in range(count):
        for begun, _, branches in stream.samples_of([tokenizer], index, 3, "sft", "train", [source]):
            yield begun, [part for part, _ in branches]


@pytest.mark.parametrize("source", ["tools", "jumble", "natural"])
def test_points_are_where_the_text_says(tokenizer, source):
    said = lambda ids: tokenizer.decode(ids, skip_special_tokens=False)
    word = lambda token: said([token]).strip().lower().lstrip("_-")
    user, assistant = tokenizer.token_to_id(chat.USER), tokenizer.token_to_id(chat.ASSISTANT)
    count, same, meant = dict.fromkeys(hops.HOPS, 0), 0, 0
    for begun, branches in _samples(tokenizer, source, 12):
        first = 7  # where the sample stands in its row
        row = [0] * first + begun + sum(branches, [])
        places, names = hops.of_sample(tokenizer, begun, branches, first)
        for hop, queries in places.items():
            for query, targets, tool, seen in queries:
                visible = {place for part in seen for place in part if place <= query}
                assert targets and visible.issuperset(targets) and query in visible and -1 <= tool < len(names)
                count[hop] += 1
                if hop == "named":
                    assert list(targets) == [place for place in names[tool] if place <= query]
                    assert said(row[targets[0] - 4:targets[0]]).endswith('{"name": "') and said(row[names[tool].stop:])[0] == '"'
                elif hop == "found":
                    if any(hops._stem(word(row[place])) != hops._stem(word(row[query])) for place in targets):
                        read = said(row[:query + 1]).lower()
                        assert any(read.endswith(phrase.lower()[:len(read)]) for phrase in families.meanings())
                        meant += 1
                elif hop == "asked":
                    begin = max(i for i in range(query) if row[i] == user)
                    assert all(begin < place < row.index(assistant, begin) for place in targets)
                elif hop == "chosen":
                    assert targets[0] in names[tool]
                    same += row[targets[0]] == row[query + 1]
                else:
                    letter = word(row[query + 1])[:1]
                    assert max(targets) <= query and all(letter in said([row[place]]).lower() for place in targets)
    assert min(count.values()) > 20, count
    assert same > 0.9 * count["chosen"], "declared and called, a name is mostly cut alike"
    assert meant or source == "jumble"


@pytest.mark.parametrize("request_, found", [
    ("Lösche bitte den Kochkurs", {"Lösche": "cancel", "Kochkurs": "cooking class"}),
    ("取消烹饪课", {"取消": "cancel", "烹饪课": "cooking class"}),
    ("get rid of the cooking course, Friday", {"get rid of": "cancel"}),
    ("Lösch die Fotos", {"Fotos": "photo"})])
def test_words_are_found_by_what_they_mean(tokenizer, request_, found):
    tools = [{"type": "function", "function": {"name": name, "description": "", "parameters": {"type": "object", "properties": {}}}}
             for name in ("cancelCookingClass", "show_photo")]
    item = {"system": "", "tools": tools, "thinking": False, "messages": [
        {"role": "user", "content": request_}, {"role": "assistant", "content": "no"}]}
    ids = tokenizer.encode("".join(text for text, _ in chat.render(item)), add_special_tokens=False).ids
    said = lambda places: tokenizer.decode([ids[place] for place in places], skip_special_tokens=False)
    places, _ = hops.of_sample(tokenizer, ids, [], 0)
    got = {}
    for query, targets, _, _ in places["found"]:
        words = [phrase for phrase in found if said(range(query + 1)).endswith(phrase)]
        if words:
            got[words[0]] = re.sub("([A-Z])", r" \1", said(targets)).lower().strip()
    assert got == found


def test_what_is_copied(tokenizer):
    """Arguments' names from the declaration of the tool that is called, values from the request or the thought, results from
    what was given; nothing of numbers and words that go on elsewhere."""
    function = lambda name, *arguments: {"type": "function", "function": {"name": name, "description": "", "parameters": {
        "type": "object", "properties": {argument: {"type": "string"} for argument in arguments}}}}
    call = {"function": {"name": "greet", "arguments": json.dumps({"person": "Anna Vidal", "count": 12, "when": "2026-05-03"})}}
    item = {"system": "", "tools": [function("greet", "person", "count", "when"), function("wave", "hand")], "thinking": True, "messages": [
        {"role": "user", "content": "greet Anna Vidal, 12 of the 127, on May 3rd"},
        {"role": "assistant", "reasoning_content": "greet\nperson: Anna Vidal\ncount: 12\nwhen: May 3rd = 2026-05-03", "content": "",
         "tool_calls": [call]},
        {"role": "tool", "content": '{"result": "hello back"}'},
        {"role": "assistant", "reasoning_content": "Tell it.", "content": "Said: hello back."}]}
    ids = tokenizer.encode("".join(text for text, _ in chat.render(item)), add_special_tokens=False).ids
    places, _ = hops.of_sample(tokenizer, ids, [], 0)
    copied = {query + 1: targets for query, targets, _, _ in places["copied"]}
    text = tokenizer.decode(ids, skip_special_tokens=False)
    said = "".join(tokenizer.decode([token], skip_special_tokens=False) if k in copied else "|" for k, token in enumerate(ids))
    assert re.sub(r"\|+", "|", said).replace(" ", "") == (
        "|person|AnnaVidal|count|12|when|May3rd|person|AnnaVidal|count|12|when|2026-05-03|helloback|"), text
    begins = lambda k: tokenizer.decode(ids[k:k + 30], skip_special_tokens=False).lstrip()
    count = [targets for k, targets in copied.items() if begins(k).startswith("12\nwhen")]
    assert [begins(place)[:6] for targets in count for place in targets] == ["12 of "]


def test_a_number_is_copied_whole(tokenizer):
    assert hops._alike_length("12 of", "127") == 0 and hops._alike_length("a 127,", "a 12,") == 2
    assert hops._alike_length("12, 3", "12, 4") == 4 and hops._alike_length("12", "12") == 2
