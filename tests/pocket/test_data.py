"""The generated data: exact by second ways of computing, split before anything else, the same every time."""

import collections
import datetime
import decimal
import itertools
import json
import pathlib
import random
import re

import pytest

from pocket import controls
from pocket.data import arithmetic, build, dates, home, jumble, lexicon, natural, robot, schemas, values, verify
from pocket.data.families import NOUNS, TEST_THINGS, TRAIN_THINGS, VERB_WORDS
from pocket.data.item import LANGUAGES, SPLITS
from pocket.data.numbers import number_in_words

SPLITS_FILE = pathlib.Path(build.__file__).resolve().parents[1] / "SPLITS.json"


def items(split, count, source=None, language=None, seed=7):
    return [build.item_at(seed, split, i, source, language) for i in range(count)]


@pytest.fixture(scope="module")
def sample():
    return [item for split in SPLITS for item in items(split, 400)]


def first_call(item):
    return [(c["name"], c["arguments"]) for check in item["checks"] if check["kind"] == "call" for c in check["calls"]]


# What stands in the items is right


def test_every_item_passes_its_own_checks(sample):
    for item in sample:
        for check in item["checks"]:
            assert not verify.explain(check, verify.turn_of(item["messages"][check["turn"]])), item


def test_conversations_drawn_together_begin_alike():
    kinds = set()
    for source in build.TOGETHER:
        for index in range(60):
            together = build.items_at(5, "train", index, source)
            assert len(together) == build.CONVERSATIONS or source in ("natural", "people")
            assert len({json.dumps((item["system"], item["tools"])) for item in together}) == 1
            assert len({json.dumps(item["messages"]) for item in together}) > len(together) / 2
            names = {t["function"]["name"] for t in together[0]["tools"]}
            for item in together:
                kinds.add(item["kind"])
                for check in item["checks"]:
                    assert not verify.explain(check, verify.turn_of(item["messages"][check["turn"]])), item
                assert {name for name, _ in first_call(item)} <= names
    assert kinds == {"call", "two_calls", "chain", "missing", "no_tool"}


def test_widened_schemas_keep_the_calls():
    grown, relaxed = 0, 0
    for index in range(40):
        rng = random.Random(index)
        items = build.TOGETHER["tools"]("train", rng, None, 4)
        wide = schemas.widened(items, rng)
        before, after = ({t["function"]["name"]: t["function"]["parameters"] for t in some[0]["tools"]} for some in (items, wide))
        assert list(before) == list(after)
        for name, parameters in before.items():
            names = list(parameters["properties"])
            assert [n for n in after[name]["properties"] if n in names] == names, "in their order"
            grown += len(after[name]["properties"]) > len(names)
            relaxed += after[name].get("required") == [] != parameters.get("required", [])
        for one, other in zip(items, wide, strict=True):
            assert one["messages"] == other["messages"]
            if one["kind"] == "missing":
                assert all(after[n].get("required", []) == p.get("required", []) for n, p in before.items())
    assert grown > 50 and relaxed > 10


def test_words_are_asked_in_another_language_and_stay_out_of_tools():
    known = {word for words in lexicon.WORDS for word in words}
    known |= {word for t in TRAIN_THINGS for word in (t.noun, t.de.split(" ", 1)[-1], t.zh)}
    asked = [m["content"] for item in items("train", 300, "recall") if item["template"] == "words" for m in item["messages"]]
    assert len(asked) > 300
    for question, answer in zip(asked[::2], asked[1::2], strict=True):
        assert question.split(" = ")[0] in known and answer in known
    names = {t.key for t in TRAIN_THINGS}
    assert len(names) == len(TRAIN_THINGS) > 280
    assert not names & {english.replace(" ", "_") for english, _, _ in lexicon.WORDS[:lexicon.WORD_COUNT]}


def test_a_thought_names_the_tool_and_each_parameter_where_it_stands():
    seen = {"call": 0, "none": 0, "ask": 0}
    for item in items("train", 400, "tools") + items("train", 200, "natural") + items("train", 100, "builtin"):
        thought, check = item["messages"][1].get("reasoning_content"), item["checks"][0]
        if not thought or item["kind"] not in ("call", "no_tool", "missing"):
            continue
        schemas_by_name = {t["function"]["name"]: t["function"]["parameters"] for t in item["tools"]}
        seen[check["kind"]] += 1
        if check["kind"] == "none":
            assert thought.startswith("Wanted: ") and thought.endswith("\nNone fits")
            continue
        name, *lines = thought.split("\n")
        declared = list(schemas_by_name[name]["properties"])
        named = [line.partition(": ")[0] for line in lines if line != "No arguments"]
        if check["kind"] == "call":
            assert name == check["calls"][0]["name"] and set(named) == set(check["calls"][0]["arguments"])
            assert not any(line.endswith(": missing") for line in lines)
        else:
            (missing,) = [line for line in lines if line.endswith(": missing")]
            assert missing.partition(": ")[0] in schemas_by_name[name]["required"]
            assert named == [n for n in declared if n in named]
    assert min(seen.values()) > 10, seen


def test_renamed_tools_are_called_by_their_new_names():
    changed = 0
    for index in range(60):
        rng = random.Random(index)
        items = build.TOGETHER["tools"]("train", rng, None, 5)
        other = schemas.renamed(items, rng)
        names = [[t["function"]["name"] for t in some[0]["tools"]] for some in (items, other)]
        assert len(set(names[1])) == len(names[1])
        new = dict(zip(*names, strict=True))
        for one, two in zip(items, other, strict=True):
            assert [(new[n], a) for n, a in first_call(one)] == first_call(two)
            for check in two["checks"]:
                assert not verify.explain(check, verify.turn_of(two["messages"][check["turn"]])), two
            said = "\n".join(m.get("reasoning_content", "") for m in two["messages"])
            for old, name in new.items():
                gone = old != name and old not in new.values()
                assert not gone or old not in re.split(r"\n|, |: ", said), (old, said)
        changed += names[0] != names[1]
    assert changed > 50


def test_invented_things_are_named_alike_in_all_languages(monkeypatch):
    monkeypatch.setattr(build.tools, "typo", lambda text, rng: text)
    for language in LANGUAGES:
        things = [schemas.InventedThing(random.Random(i)) for i in range(8)]
        for item in build.tools.make_tools_items("train", random.Random(3), language, 6, things):
            if item["kind"] == "call":
                (thing,) = [t for t in things if t.key == item["family"]]
                assert thing.key in item["messages"][0]["content"].lower()


TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}


def test_calls_fit_the_declared_schemas(sample):
    for item in sample:
        tools = {t["function"]["name"]: t["function"]["parameters"] for t in item["tools"]}
        assert len(tools) == len(item["tools"]), "two tools of one name"
        for name, arguments in first_call(item):
            schema = tools[name]
            assert set(schema.get("required", [])) <= set(arguments) <= set(schema["properties"])
            for key, value in arguments.items():
                declared = schema["properties"][key]
                assert isinstance(value, TYPES[declared["type"]]), (item["id"], key, value)
                assert not isinstance(value, bool) or declared["type"] == "boolean"
                assert value in declared.get("enum", [value])
                if declared.get("format") == "date":
                    datetime.date.fromisoformat(value)


def test_drills_ask_for_what_stands_in_the_text():
    for item in items("train", 300, "recall"):
        if item["template"] == "words":
            continue
        given = item["system"]
        for question, answer in zip(item["messages"][::2], item["messages"][1::2], strict=True):
            nothing = answer["content"] in ("none", "keins", "没有")  # no tool of the list does what is asked for
            assert nothing or answer["content"] in (given or question["content"]), (given, question, answer)


def test_series_ask_declared_tools_several_times():
    for item in items("train", 60, "series"):
        tools = {t["function"]["name"]: t["function"]["parameters"] for t in item["tools"]}
        answers = item["messages"][1::2]
        assert len(answers) >= 3
        for call in (c["function"] for answer in answers for c in answer.get("tool_calls", [])):
            schema = tools[call["name"]]
            given = set(json.loads(call["arguments"]))
            assert set(schema.get("required", [])) <= given <= set(schema["properties"])


def test_copied_values_stand_in_the_request(sample):
    checked = 0
    for item in sample:
        if item["kind"] == "chain":
            continue  # the second call is made of the first one's result
        said = " ".join(m["content"] for m in item["messages"] if m["role"] == "user")
        properties = {t["function"]["name"]: t["function"]["parameters"]["properties"] for t in item["tools"]}
        for name, arguments in first_call(item):
            if item["family"] == "builtin" and name in ("calculator", "calc"):
                continue  # worded sums become expressions
            for key, value in arguments.items():
                schema = properties[name][key]
                if schema["type"] == "array":
                    assert all(part in said for part in value), (said, value)
                    checked += 1
                elif schema["type"] == "string" and "enum" not in schema and not re.fullmatch(r"[\d:-]+|on|off|\w+", value):
                    assert value in said, (said, value)
                    checked += 1
    assert checked > 100


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ("topic", "thing", "title"))
def test_values_of_training_are_no_list_to_learn(kind, language):
    rng = random.Random(11)
    drawn = {split: collections.Counter(getattr(values, kind)(rng, language, split) for _ in range(600)) for split in SPLITS}
    assert sum(count == 1 for count in drawn["train"].values()) > 180, drawn["train"]
    kept = set(values._topic[language][1]) | set(values._thing[language][1])
    assert kept & set(drawn["test_values"]) and not kept & set(drawn["train"])
    for split in set(SPLITS) - {"train"}:  # the items of tests stay what they are
        assert len(drawn[split]) < len(drawn["train"]) - 80, split


def test_tools_that_fit_nothing_are_not_called(sample):
    kinds = {}
    for item in sample:
        if item["task"] == "tools":
            kinds.setdefault(item["kind"], []).append(item)
    assert all(len(v) > 20 for v in kinds.values()) and {"call", "two_calls", "chain", "missing", "no_tool"} == set(kinds)
    for item in kinds["no_tool"]:
        assert not any(m.get("tool_calls") for m in item["messages"])
    for item in kinds["missing"]:
        assert not item["messages"][1].get("tool_calls")


@pytest.mark.parametrize("operator", "+-*/")
def test_scratchpads_end_in_the_result(operator):
    rng = random.Random(5)
    for _ in range(300):
        a, b = rng.randrange(10 ** rng.randint(1, 7)), rng.randint(1, 10 ** rng.randint(1, 2))
        steps, result = arithmetic.scratch(a, operator, b, rng, rng.random() < 0.5)
        exact = {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[operator]
        assert result == exact
        last = re.findall(r"-?\d+", steps[-1])
        assert int(last[-1]) == (a % b if operator == "/" else exact)
        for step in steps:  # every equation that is not taken back holds
            for left, right in re.findall(r"(?<![/\d])(\d+[+*-][\d+*-]+)=(\d+)(?! no)\b", step.split(" no, ")[-1]):
                assert eval(left) == int(right), step  # of digits and operators only


def test_dates_agree_with_day_numbers():
    rng = random.Random(6)
    for _ in range(500):
        start = datetime.date(2020, 1, 1) + datetime.timedelta(days=rng.randrange(4000))
        count = rng.choice((-1, 1)) * rng.randint(1, 200)
        steps, day = dates.add_days(start, count)
        assert day.toordinal() - start.toordinal() == count and steps[-1].endswith(day.isoformat())
        if count > 0:
            assert dates.days_until(start, day)[1] == count


def test_units_agree_with_decimals():
    factors = {"miles kilometers": "1.609344", "inches centimeters": "2.54", "feet inches": "12", "hours minutes": "60",
               "kilograms grams": "1000", "weeks days": "7", "days hours": "24", "liters milliliters": "1000"}
    found = 0
    for item in items("train", 1500, "dates", "en"):
        if item["kind"] != "unit":
            continue
        words = item["messages"][0]["content"].rstrip("?").replace("=", " ")
        for pair, factor in factors.items():
            a, b = pair.split()
            match = re.search(rf"([\d.]+) {a}\b", words)
            if match and re.search(rf"\b{b}\b", words):
                value = decimal.Decimal(match[1]) * decimal.Decimal(factor)
                assert decimal.Decimal(item["checks"][0]["value"]) == value
                found += 1
    assert found > 20


def walk(world, start, moves):
    """A second robot, in complex numbers."""
    at, free = complex(*start), {complex(x, y) for x in range(world["width"]) for y in range(world["height"])}
    free -= {complex(*rock) for rock in world["rocks"]}
    for direction, count in moves:
        for _ in range(count):
            after = at + {"east": 1, "west": -1, "north": 1j, "south": -1j}[direction]
            at = after if after in free else at
    return [int(at.real), int(at.imag)]


def test_two_robots_agree():
    rng = random.Random(8)
    for _ in range(300):
        world = robot.make_world(rng, True)
        start = robot._free_field(world, rng)
        moves = [(rng.choice(list(robot.STEPS)), rng.randint(1, 4)) for _ in range(6)]
        assert robot.run(world, start, moves) == walk(world, start, moves)


@pytest.mark.parametrize("language, words", [
    ("en", {0: "zero", 21: "twenty-one", 100: "one hundred", 115: "one hundred and fifteen", 2001: "two thousand and one"}),
    ("de", {1: "eins", 21: "einundzwanzig", 101: "einhunderteins", 1000: "eintausend", 76: "sechsundsiebzig"}),
    ("zh", {0: "零", 10: "十", 21: "二十一", 105: "一百零五", 110: "一百一十", 10050: "一万零五十", 1001: "一千零一"}),
])
def test_numbers_in_words(language, words):
    assert {n: number_in_words(n, language) for n in words} == words
    assert len({number_in_words(n, language) for n in range(20000)}) == 20000


# Verifiers


def turn(content="", *calls):
    return {"content": content, "calls": [{"name": n, "arguments": a} for n, a in calls]}


@pytest.mark.parametrize("check, good, bad", [
    ({"kind": "call", "calls": [{"name": "a", "arguments": {"x": 5}}]}, turn("", ("a", {"x": 5.0})), turn("", ("a", {"x": "5"}))),
    ({"kind": "call", "calls": [{"name": "a", "arguments": {"x": True}}]}, turn("", ("a", {"x": True})), turn("", ("a", {"x": 1}))),
    ({"kind": "call", "calls": [{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}}]},
     turn("", ("b", {}), ("a", {})), turn("", ("b", {}))),
    ({"kind": "none"}, turn("I cannot."), turn("Which one?")),
    ({"kind": "ask"}, turn("哪一个？"), turn("", ("a", {}))),
    ({"kind": "number", "value": "12"}, turn("It is 12."), turn("It is 21.")),
    ({"kind": "quantity", "value": "2.5"}, turn("2,5 km"), turn("25 km")),
    ({"kind": "rest", "quotient": 3, "remainder": 1}, turn("3 Rest 1"), turn("1 Rest 3")),
    ({"kind": "field", "value": [1, 2]}, turn("It stands at (1, 2)."), turn("(2, 1)")),
    ({"kind": "list", "value": ["a", "b"]}, turn("a, b"), turn("b, a")),
    ({"kind": "contains", "all": ["x1"]}, turn("Done: x1."), turn("")),
])
def test_verifiers_tell_right_from_wrong(check, good, bad):
    assert verify.passes(check, good) and not verify.passes(check, bad)
    assert not verify.passes(check, {"content": "", "calls": None}), "an unreadable call passes nothing"


def test_any_way_to_the_goal_counts():
    world = {"width": 4, "height": 4, "rocks": []}
    check = {"kind": "grid", "world": world, "start": [0, 0], "goal": [1, 1], "tool": "go", "direction": "d", "count": "n"}
    assert verify.passes(check, turn("", ("go", {"d": "north", "n": 1}), ("go", {"d": "east", "n": 1})))
    assert verify.passes(check, turn("", ("go", {"d": "east", "n": 1}), ("go", {"d": "north", "n": 1})))
    for calls in ([("go", {"d": "up", "n": 1})], [("go", {"d": "east", "n": 10 ** 9})], [("jump", {"d": "east", "n": 1})]):
        assert not verify.passes(check, turn("", *calls))


# Splits


def test_patterns_are_on_one_side_only():
    sets = build.pattern_sets()
    assert len(sets) > 100
    for patterns in sets.values():
        assert not set(patterns.train) & set(patterns.test)
        assert patterns.train
    for split in SPLITS:
        for item in items(split, 300):
            for patterns in sets.values():
                if item["template"] in patterns.test and item["template"] not in patterns.train:
                    shared = [s for s in sets.values() if item["template"] in s.train]
                    assert split == "test_templates" or shared, (item["template"], patterns.name)


def test_held_out_families_are_never_trained_on():
    held = {t.key for t in TEST_THINGS} | {"natural_" + key for key in natural.HELD_OUT}
    assert len(TEST_THINGS) >= 15 and not {t.key for t in TEST_THINGS} & {t.key for t in TRAIN_THINGS}
    names = {name for family in natural.FAMILIES if family.held_out for name in family.names}
    words = {t.key.replace("_", "") for t in TEST_THINGS}
    for item in items("train", 2000):
        assert item["family"] not in held
        for tool in item["tools"]:
            name = tool["function"]["name"]
            assert name not in names, name
            assert not any(word in name.lower().replace("_", "").replace("-", "") for word in words), name


def test_unseen_families_are_unseen():
    held = {t.key for t in TEST_THINGS} | {"natural_" + key for key in natural.HELD_OUT}
    for source in ("tools", "natural"):
        assert {item["family"] for item in items("test_families", 200, source)} <= held


def test_the_splits_are_those_of_the_file():
    """A changed split makes earlier results incomparable: change the file knowingly, with a new version."""
    stored = json.loads(SPLITS_FILE.read_text(encoding="utf-8"))
    manifest = build.split_manifest()
    assert stored["hash"] == manifest["hash"]
    assert stored["families"] == manifest["families"]


def test_forty_phrasings_for_each_task_and_language():
    for task, by_language in build.phrasing_counts().items():
        for language in LANGUAGES:
            assert by_language[language][1] >= 40, (task, language, by_language[language])


def test_jumbled_requests_in_another_language_say_it_by_meaning(monkeypatch):
    monkeypatch.setattr(jumble, "_FOREIGN", 1)
    english = {}
    for words in NOUNS + VERB_WORDS:
        english.setdefault(words[1].lower(), set()).add(words[0].lower())
    asked = right = 0
    for seed in range(80):
        drawn = jumble.make_jumble_items("train", random.Random(seed), "de", 8)
        functions = {t["function"]["name"]: t["function"] for t in drawn[0]["tools"]}
        told = {name: set(controls.words(json.dumps(function))) for name, function in functions.items()}
        for item in drawn:
            if item["kind"] == "no_tool" or item["checks"][0]["calls"][0]["arguments"]:
                continue
            meant = [word for said in item["messages"][0]["content"].lower().split() for word in english.get(said, ())]
            named = {name for name, words in told.items() if any(word in words for word in meant)}
            asked, right = asked + bool(named), right + (item["checks"][0]["calls"][0]["name"] in named)
    assert asked > 60 and right > 0.9 * asked, (right, asked)


def test_no_word_of_the_held_out_families_is_jumbled():
    for one, other in itertools.permutations(LANGUAGES, 2):
        known = jumble._translations(one, other)
        assert len(known) > 250
        for thing in TEST_THINGS:
            words = {"en": thing.noun, "de": lexicon.bare(thing.de), "zh": thing.zh}
            assert words[one] not in known and words[other] not in known.values(), thing.key


# Reproducible, and without the grammars


def test_an_item_is_the_same_every_time():
    assert items("train", 50) == items("train", 50)
    assert build.item_at(1, "train", 3) != build.item_at(2, "train", 3)


def test_three_quarters_of_the_conversations_of_training_are_about_tools():
    drawn = [item for i in range(1500) for item in build.items_at(7, "train", i)]
    share = lambda task: sum(item["task"] == task for item in drawn) / len(drawn)
    for task, low, high in (("tools", 0.7, 0.82), ("arithmetic", 0.09, 0.15), ("dates", 0.05, 0.11), ("lists", 0.015, 0.06)):
        assert low < share(task) < high, (task, share(task))


def test_jumbled_requests_say_which_tool_they_mean(monkeypatch):
    """Of the words that tools declare, each belongs to one tool, but for what many share; a request has none of another."""
    monkeypatch.setattr(jumble, "_FOREIGN", 0)
    kinds = collections.Counter()
    for seed in range(60):
        drawn = jumble.make_jumble_items("train", random.Random(seed), "en", 8)
        assert len(drawn) == 8 and all(item["tools"] == drawn[0]["tools"] for item in drawn)
        functions = {t["function"]["name"]: t["function"] for t in drawn[0]["tools"]}
        told = {name: set(controls.words(json.dumps(function))) for name, function in functions.items()}
        shared = collections.Counter(word for words in told.values() for word in words)
        for item in drawn:
            kinds[item["kind"]] += 1
            request = item["messages"][0]["content"]
            own = {name: sum(shared[w] == 1 and len(w) > 3 for w in words & set(controls.words(request))) for name, words in told.items()}
            if item["kind"] == "no_tool":
                assert not any(own.values()), (request, own)
                continue
            (call,) = item["checks"][0]["calls"]
            parameters = functions[call["name"]]["parameters"]
            assert set(parameters.get("required", [])) <= set(call["arguments"]) <= set(parameters["properties"])
            values = [str(value) for value in call["arguments"].values()]
            assert all(value in request for value in values)
            if not values:
                assert not any(count for name, count in own.items() if name != call["name"]), (request, own)
    assert kinds["call"] > 5 * kinds["no_tool"] > 100


def test_shares_are_those_of_the_plan():
    drawn = items("train", 3000)
    share = lambda key, value: sum(item[key] == value for item in drawn) / len(drawn)
    for task, expected in (("tools", 0.43), ("arithmetic", 0.20), ("dates", 0.10), ("lists", 0.10), ("robot", 0.05),
                           ("prose", 0.07), ("identity", 0.05)):
        assert abs(share("task", task) - expected) < 0.04, task
    for language, expected in (("en", 0.55), ("de", 0.25), ("zh", 0.20)):
        assert abs(share("language", language) - expected) < 0.04, language


def test_generates_without_the_home_assistant_grammars(monkeypatch):
    monkeypatch.setattr(home, "load", lambda language: None)
    made = items("train", 100, "home")
    assert all(item["family"].startswith("natural_") for item in made)


def test_home_assistant_grammars_give_calls():
    if not any(home.available().values()):
        pytest.skip("no home_assistant grammars in the test data: their phrasing is left out")
    made = [item for item in items("train", 100, "home", "en") if item["family"].startswith("home_")]
    assert len(made) > 90
    for item in made:
        assert first_call(item) and item["messages"][0]["content"]
