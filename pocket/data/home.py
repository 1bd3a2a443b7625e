"""Requests phrased by the sentence grammars of Home Assistant (intents, CC BY 4.0), read where they lie.

Nothing of them is kept in this repository. Where the folder is not there, this source gives no items.
Left out: weather and playing media, since those are families of the tests.
"""

import functools
import os
import pathlib
import re

from . import natural, values
from .item import LANGUAGES, assistant, make_item, pick_language, user
from .phrases import expand, stable_hash, tidy
from .tools import THINKING, _system, thought_of_call
from . import roles as R

_FOLDERS = {"en": "en", "de": "de", "zh": "zh-cn"}
_LEFT_OUT = ("Weather", "MediaSearchAndPlay", "Nevermind", "Respond", "GetState", "Broadcast")
_DEVICES = {
    "en": "ceiling lamp,desk lamp,fan,heater,garage door,TV,speaker,coffee machine,dishwasher,humidifier,fountain,gate".split(","),
    "de": "Deckenlampe,Schreibtischlampe,Ventilator,Heizung,Garagentor,Fernseher,Lautsprecher,Kaffeemaschine".split(","),
    "zh": "吸顶灯,台灯,风扇,暖气,车库门,电视,音箱,咖啡机,洗碗机,加湿器".split(","),
}
_FLOORS = {"en": ["first", "second", "upper", "ground"], "de": ["Erdgeschoss", "Obergeschoss", "Keller"], "zh": ["一楼", "二楼", "三楼"]}
_SLOT_ABOUT = {"name": "Name of the device", "area": "Room", "floor": "Floor", "brightness": "Brightness in percent",
               "color": "Colour", "position": "Position in percent", "temperature": "Temperature in degrees",
               "item": "The item", "volume_level": "Volume in percent", "hours": "Hours", "minutes": "Minutes",
               "seconds": "Seconds", "start_minutes": "Minutes the timer was started with"}


def data_folder():
    """The folder with the grammars, or None."""
    root = os.environ.get("MAINS_TEST_DATA") or pathlib.Path(__file__).resolve().parents[3] / "shared/data"
    folder = pathlib.Path(root) / "requests/home_assistant/sentences"
    return folder if folder.is_dir() else None


class _Unusable(Exception):
    """An expansion that needs what this reader does not know."""


@functools.cache
def load(language):
    """(rules, lists, {intent: sentences}), or None if the grammars or the YAML reader are absent."""
    folder = data_folder()
    try:
        import yaml
    except ImportError:
        return None
    if folder is None or not (folder / _FOLDERS[language] / "_common.yaml").is_file():
        return None
    folder = folder / _FOLDERS[language]
    common = yaml.safe_load((folder / "_common.yaml").read_text(encoding="utf-8"))
    intents = {}
    for path in sorted(folder.rglob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for intent, body in (document.get("intents") or {}).items():
            if any(part in intent for part in _LEFT_OUT):
                continue
            for block in body["data"]:
                intents.setdefault(intent, []).extend(s for s in block["sentences"] if "{" in s or "<" in s)
    return common.get("expansion_rules") or {}, common.get("lists") or {}, {k: v for k, v in intents.items() if v}


_PART = re.compile(r"[()\[\]|]|\{[^}]*\}|<[^>]*>|[^()\[\]|{<]+")


class _Expander:
    """One random sentence of a grammar, as pieces, with the slots it filled."""

    def __init__(self, rules, lists, language, split, rng):
        self.rules, self.lists, self.language, self.split, self.rng = rules, lists, language, split, rng
        self.pieces, self.slots = [], {}

    def expand(self, sentence, depth=0):
        if depth > 12 or ";" in sentence:
            raise _Unusable
        self._walk(self._parse(_PART.findall(sentence), [0], None), depth)

    def _parse(self, parts, at, closing):
        branches, branch = [], []
        while at[0] < len(parts):
            part = parts[at[0]]
            at[0] += 1
            if part == closing:
                break
            if part == "|":
                branches.append(branch)
                branch = []
            elif part in ("(", "["):
                branch.append((part, self._parse(parts, at, ")" if part == "(" else "]")))
            else:
                branch.append(part)
        return branches + [branch]

    def _walk(self, branches, depth):
        for part in self.rng.choice(branches):
            if isinstance(part, tuple):
                if part[0] == "(" or self.rng.random() < 0.4:
                    self._walk(part[1], depth)
            elif part.startswith("<"):
                rule = self.rules.get(part[1:-1])
                if rule is None:
                    raise _Unusable
                self.expand(rule, depth + 1)
            elif part.startswith("{"):
                self._slot(part[1:-1])
            else:
                self.pieces.append((part, False))

    def _slot(self, spec):
        name, _, slot = spec.partition(":")
        slot = slot or name
        if slot in self.slots:
            raise _Unusable
        surface, value = self._value(name)
        self.slots[slot] = (surface, value)
        self.pieces.append((surface, True))

    def _value(self, name):
        rng, language, split = self.rng, self.language, self.split
        if name == "name":
            device = rng.choice(_DEVICES[language]) if rng.random() < 0.8 else values.invented_word(rng, language)
            return device, device
        if name == "area":
            room = values.room(rng, language, split)
            return room, room
        if name == "floor":
            floor = rng.choice(_FLOORS[language])
            return floor, floor
        known = self.lists.get(name)
        if known is None:
            raise _Unusable
        if known.get("wildcard"):
            thing = values.thing(rng, language, split)
            return thing, thing
        if "range" in known:
            number = rng.randint(int(known["range"]["from"]), int(known["range"]["to"]))
            return str(number), number
        entry = rng.choice(known["values"])
        if not isinstance(entry, dict):
            entry = {"in": entry, "out": entry}
        surface = expand(str(entry["in"]), rng)
        if "<" in surface or "{" in surface or isinstance(entry["out"], bool):
            raise _Unusable
        return surface, entry["out"]


def _schema_name(intent, rng):
    words = re.findall(r"[A-Z][a-z]+", intent)[1:] or [intent]
    words = [w.lower() for w in words]
    return rng.choice(("_".join(words), "home_" + "_".join(words), intent, words[0] + "".join(w.capitalize() for w in words[1:])))


def _schema(intent, slots, rng):
    words = " ".join(w.lower() for w in re.findall(r"[A-Z][a-z]+", intent)[1:])
    names = list(slots) + [s for s in ("name", "area") if s not in slots and rng.random() < 0.5]
    rng.shuffle(names)
    properties = {}
    for name in names:
        value = slots[name][1] if name in slots else ""
        kind = "integer" if isinstance(value, int) else "string"
        properties[name] = {"type": kind, "description": _SLOT_ABOUT.get(name, name.replace("_", " ").capitalize())}
    return {"type": "function", "function": {
        "name": _schema_name(intent, rng), "description": f"Smart home: {words}.",
        "parameters": {"type": "object", "properties": properties, "required": []}}}


def make_home_item(split, rng, language=None):
    """An item, or None where the grammars are not there."""
    language = language or pick_language(rng)
    loaded = load(language)
    if loaded is None or split == "test_families":
        return None
    rules, lists, intents = loaded
    for _ in range(50):
        intent = rng.choice(sorted(intents))
        held = [s for s in intents[intent] if stable_hash("home:" + s) % 7 == 0]
        kept = [s for s in intents[intent] if stable_hash("home:" + s) % 7]
        pool = held if split == "test_templates" else kept
        if not pool:
            continue
        pattern = rng.choice(pool)
        expander = _Expander(rules, lists, language, split, rng)
        try:
            expander.expand(pattern)
        except _Unusable:
            continue
        text = tidy("".join(piece for piece, _ in expander.pieces))
        if text and all(surface in text for surface, _ in expander.slots.values()):
            return _item(intent, pattern, text, expander.slots, language, split, rng)
    return None


def _item(intent, pattern, text, slots, language, split, rng):
    schema = _schema(intent, slots, rng)
    name = schema["function"]["name"]
    arguments = {s: slots[s][1] for s in schema["function"]["parameters"]["properties"] if s in slots}
    thinking = rng.random() < THINKING
    others = [t for t in natural._others(None, [], rng, language, rng.randint(0, 6))
              if t.name != name and not _is_home(t)]
    declared = [t.schema for t in others] + [schema]
    rng.shuffle(declared)
    reasons = [f"{s}: {slots[s][0]}" + ("" if str(slots[s][1]) == slots[s][0] else f" = {slots[s][1]}") for s in arguments]
    reason = thought_of_call(name, reasons)
    text = rng.choice(("", "", "", {"en": "please ", "de": "bitte ", "zh": "请"}[language])) + text
    messages = [user(text), assistant("", reason if thinking else None, [(name, arguments)])]
    checks = [{"turn": 1, "kind": "call", "calls": [{"name": name, "arguments": arguments}]}]
    needs_today = any("date" in d["function"]["parameters"]["properties"] for d in declared)
    return make_item("tools", "call", language, split, "home_" + intent, pattern, messages, checks,
                     system=_system(language, rng, R.random_day(rng), needs_today), tools=declared, thinking=thinking)


def _is_home(tool):
    thing = getattr(tool, "thing", None)
    return thing is not None and thing.key in ("light", "thermostat", "blind", "door", "robot_vacuum", "timer", "alarm",
                                               "shopping_list", "task", "sensor", "sprinkler", "camera", "stage_light")


def available():
    return {language: load(language) is not None for language in LANGUAGES}
