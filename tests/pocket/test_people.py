"""Requests that people wrote: read from small files of the same form."""

import json
import random

import pytest

from pocket.data import build, people

SPOKEN = {
    ("alarm", "set"): ["wake me at [time : six]", "set an alarm for [time : nine am] [date : tomorrow]", "alarm at [time : noon]"],
    ("iot", "coffee"): ["make me a [coffee_type : latte]", "coffee please", "brew a [coffee_type : strong espresso]"],
    ("lists", "query"): ["read my [list_name : shopping] list", "what is on the [list_name : work] list", "my lists"],
    ("weather", "query"): ["will it be sunny [date : today]"],
    ("news", "query"): ["news about [news_topic : bridges]", "read me a book about [news_topic : ships]"],
}


def _service(wording):
    names = lambda *words: {"name": "".join(words) + (f"_{wording}" if wording else ""), "description": f"{' '.join(words)} in wording {wording}."}
    slot = lambda name, values, categorical: {**names(name), "possible_values": values, "is_categorical": categorical}
    return {"service_name": "Ferries_1" if not wording else f"Ferries_1{wording}", "slots": [
        slot("harbour", [], False), slot("people", ["1", "2", "3"], True), slot("with_car", ["True", "False"], True)],
        "intents": [{**names("BookFerry"), "required_slots": ["harbour", "people"], "optional_slots": {"with_car": "dontcare"}}]}


def _turn(text, acts, spans=(), speaker="USER"):
    actions = [{"act": act, "slot": slot, "values": [value], "canonical_values": [value]} for act, slot, value in acts]
    slots = [{"slot": slot, "start": text.index(value), "exclusive_end": text.index(value) + len(value)} for slot, value in spans]
    return {"speaker": speaker, "utterance": text, "frames": [
        {"service": "Ferries_1", "actions": actions, "slots": slots, "state": {"active_intent": "BookFerry"}}]}


WANTED = ("INFORM_INTENT", "intent", "BookFerry")
TALKS = [
    [_turn("A ferry from Lund for two with our car.", [WANTED, ("INFORM", "harbour", "Lund"), ("INFORM", "people", "2"), ("INFORM", "with_car", "True")],
           [("harbour", "Lund")])],
    [_turn("I need a ferry for three.", [WANTED, ("INFORM", "people", "3")]),
     _turn("Where do you start?", [("REQUEST", "harbour", "")], speaker="SYSTEM"),
     _turn("We start in Kiel.", [("INFORM", "harbour", "Kiel")], [("harbour", "Kiel")])],
    [_turn("A ferry to the film festival.", [WANTED])],  # near a family of the tests
    [_turn("A ferry from somewhere.", [WANTED, ("INFORM", "harbour", "Oslo")])],  # the value is not in the words
]


@pytest.fixture
def texts(tmp_path, monkeypatch):
    (tmp_path / "NLU-Evaluation-Data").mkdir()
    for fold in (1, 2):
        sets = tmp_path / f"NLU-Evaluation-Data/CrossValidation/autoGeneFromRealAnno/all/CrossValidation/KFold_{fold}/trainset"
        sets.mkdir(parents=True)
        for (scenario, intent), said in SPOKEN.items():
            rows = [f'null;{scenario};{intent};"{marked}{"" if number < 2 else " " + "now " * number}"' for marked in said for number in range(8)]
            (sets / f"{scenario}_{intent}.csv").write_text("answerid;scenario;intent;answer_annotation\n" + "\n".join(rows) + "\n", encoding="utf-8")
    talks = tmp_path / "dstc8-schema-guided-dialogue"
    for wording in range(6):
        path = talks / (f"sgd_x/data/v{wording}/train" if wording else "train")
        path.mkdir(parents=True)
        (path / "schema.json").write_text(json.dumps([_service(wording)]), encoding="utf-8")
    (talks / "train/dialogues_001.json").write_text(json.dumps([{"turns": turns} for turns in TALKS]), encoding="utf-8")
    monkeypatch.setenv("MAINS_TRAINING_TEXT", str(tmp_path))
    people.load.cache_clear()
    yield
    people.load.cache_clear()


def _items(count=150):
    return [item for index in range(count) for item in build.items_at(3, "train", index, "people")]


def test_arguments_are_what_people_said(texts):
    called = 0
    for item in _items():
        said = " ".join(m["content"] for m in item["messages"] if m["role"] == "user")
        properties = {t["function"]["name"]: t["function"]["parameters"]["properties"] for t in item["tools"]}
        for message in item["messages"]:
            for call in message.get("tool_calls", []):
                called += 1
                for name, value in json.loads(call["function"]["arguments"]).items():
                    kind = properties[call["function"]["name"]][name]["type"]
                    if kind == "string":
                        assert value.lower() in said.lower()
                    else:
                        assert isinstance(value, bool) if kind == "boolean" else type(value) is int
    assert called > 300


def test_what_is_required_and_not_said_is_asked_for(texts):
    asked, answered = 0, 0
    for item in _items(400):
        if item["kind"] != "missing":
            continue
        asked += 1
        reply = item["messages"][1]
        assert reply["content"].endswith("?") or reply["content"].endswith(".")
        assert not reply.get("tool_calls")
        if item["thinking"]:
            assert ": missing" in reply["reasoning_content"]
        if len(item["messages"]) > 2 and "from somewhere" not in item["messages"][0]["content"]:
            answered += 1
            assert reply["content"] == "Where do you start?"
            assert sorted(map(str, json.loads(item["messages"][3]["tool_calls"][0]["function"]["arguments"]).values())) == ["3", "Kiel"]
    assert asked > 10 and answered > 5


def test_nothing_near_the_families_of_the_tests_is_read(texts):
    spoken, services = people.load()
    assert {kind.domain for kind in spoken} == {"alarm", "iot", "lists"}  # of the news, half is about a book: too few remain
    said = [text for kind in [*spoken, *(k for kinds in services for k in kinds)] for text, _, _ in kind.requests]
    assert not any(word in text for text in said for word in ("sunny", "book", "film", "somewhere"))


def test_what_no_tool_does_is_declined(texts):
    declined = [item for item in _items() if item["kind"] == "no_tool"]
    assert declined
    for item in declined:
        assert len(item["messages"]) == 2 and not item["messages"][1].get("tool_calls")
        if item["thinking"]:
            assert item["messages"][1]["reasoning_content"].endswith("None fits")


def test_tests_and_machines_without_the_texts_get_other_requests(texts, monkeypatch):
    made = people.make_people_items("test_templates", random.Random(1), "en", 3)
    assert all(item["family"] != "people" for item in made)
    monkeypatch.delenv("MAINS_TRAINING_TEXT")
    people.load.cache_clear()
    assert all(item["family"] != "people" for item in people.make_people_items("train", random.Random(1), "en", 3))
