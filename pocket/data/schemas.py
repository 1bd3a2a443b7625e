"""Declared tools as strangers write them: many parameters that a request never mentions, no descriptions, nothing
required; names that say nothing; and things that nobody has heard of. For training, so that names are copied and
descriptions read: a model that has seen a hundred kinds of tools often knows them by heart, and says the nearest
of them where a new one stands (measured: without a grammar 8 % of calls to unseen tools were right, with one 20).
"""

import copy
import re

from . import values
from .families import VERBS, Thing, nonsense_name
from .roles import ROLES

_NAMES = ("sort_order page_size category style condition reference facility radius variant batch_id source_type theme visibility "
          "version session_id client_id dry_run callback trace_id retry_policy namespace cursor locale currency_code channel "
          "template_id parent_id group_name access_level section remark level mode_name origin_system sub_type rank_by unit_name "
          "owner_id party_kind series_name best_match scale_name period_of_time area_code floor_plan tag_list").split()


# What names of tools begin with, whatever they do.
FIRST_WORDS = ("accept add adjust answer apply arrange ask assign attach begin block book browse build buy calculate call cancel change "
                "charge check choose clean clear close collect compare compute confirm convert cook copy count create cut deliver describe "
                "detect do download draw drive edit estimate exchange explore export feed fetch fill filter find finish fix follow forward "
                "get give go grade handle have help hear hide hire hold import inform install invite join keep know leave lend let like "
                "list load locate lock look make manage mark measure meet merge mix move mute name notify offer open order pack park pay pick "
                "plan plant play post predict prepare print process publish put query quote rate read rebook recommend record refund remove "
                "rename rent repair reply report request reserve reset resolve return review run save schedule score search see select sell "
                "send serve set share show sing skip sort start stop store stream submit suggest swap switch take tell test track trade "
                "transfer translate turn try tune update upload use verify view visit vote wash watch write").split()


def _name(rng, words):
    return rng.choice(("_".join(words), words[0] + "".join(w.capitalize() for w in words[1:])))


def empty_name(rng):
    """A name that says nothing of what its tool does: no word at all, an invented one, or words of something else."""
    kind = rng.random()
    if kind < 0.3:
        return nonsense_name(rng)
    words = [values.invented_word(rng, "en").lower() if rng.random() < 0.6 else rng.choice(rng.choice(_NAMES).split("_"))
             for _ in range(rng.randint(1, 3))]
    name = rng.choice(("_".join(words), words[0] + "".join(w.capitalize() for w in words[1:]), "-".join(words)))
    return name if kind < 0.85 else f"{name}{rng.randint(1, 99)}"


def _other_beginning(name, rng):
    """The name with another first word, so that how a name begins does not tell which tool it is."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name)
    first = rng.choice(FIRST_WORDS)
    if len(words) < 2:
        words = ["", *words]
    elif rng.random() < 0.2:  # and another last one
        words[1:] = [values.invented_word(rng, "en").lower()]
    if "_" in name or "-" in name:
        return ("-" if "-" in name else "_").join([first, *(w.lower() for w in words[1:])])
    return (first.capitalize() if name[:1].isupper() else first) + "".join(w.capitalize() for w in words[1:])


def widened(items, rng):
    """The same conversations with other schemas. Where a missing argument is asked for, required ones stay required."""
    tools = copy.deepcopy(items[0]["tools"])
    bare, camel = rng.random() < 0.6, rng.random() < 0.3
    asked = any(item["kind"] == "missing" for item in items)
    loose = not asked and rng.random() < 0.6
    for tool in tools:
        parameters = tool["function"]["parameters"]
        properties = list(parameters["properties"].items())
        for word in rng.sample(_NAMES, rng.randint(0, 9)):
            name = word if not camel else _name(rng, word.split("_"))
            if name not in parameters["properties"]:
                properties.insert(rng.randint(0, len(properties)), (name, {"type": rng.choice(("string", "string", "integer", "boolean"))}))
        parameters["properties"] = dict(properties)
        if bare:
            for schema in parameters["properties"].values():
                schema.pop("description", None)
        if loose:
            parameters["required"] = []
    return [dict(item, tools=tools) for item in items]


def renamed(items, rng):
    """The same conversations over tools whose names say nothing, or begin with any word, where a description tells what
    they do."""
    tools, names = copy.deepcopy(items[0]["tools"]), {}
    keeps_nouns = rng.random() < 0.5
    taken = {t["function"]["name"] for t in tools}
    for tool in tools:
        function = tool["function"]
        if "description" not in function:
            continue
        old = function["name"]
        name = _other_beginning(old, rng) if keeps_nouns else empty_name(rng)
        while name in taken:
            name = _other_beginning(old, rng) if keeps_nouns else empty_name(rng)
        taken.add(name)
        names[function["name"]] = function["name"] = name
    if not names:
        return items
    # Longest first: one name may begin another.
    return [dict(item, tools=tools, messages=[_with_names(m, names) for m in item["messages"]],
                 checks=[_check_with_names(c, names) for c in item["checks"]]) for item in items]


def _thought_with_names(thought, names):
    """A name is a line of its own, or stands in the list of all; elsewhere the same word says what is wanted."""
    lines = thought.split("\n")
    for i, line in enumerate(lines):
        if line.startswith("Tools: "):
            lines[i] = "Tools: " + ", ".join(names.get(n, n) for n in line.removeprefix("Tools: ").split(", "))
        else:
            lines[i] = names.get(line, line)
    return "\n".join(lines)


def _with_names(message, names):
    message = copy.deepcopy(message)
    if "reasoning_content" in message:
        message["reasoning_content"] = _thought_with_names(message["reasoning_content"], names)
    for call in message.get("tool_calls", []):
        call["function"]["name"] = names.get(call["function"]["name"], call["function"]["name"])
    return message


def _check_with_names(check, names):
    if check["kind"] != "call":
        return check
    return dict(check, calls=[dict(c, name=names.get(c["name"], c["name"])) for c in check["calls"]])


class InventedThing(Thing):
    """A thing of an invented word, the same in all languages: what fits is found by the word alone."""

    def __init__(self, rng):
        word = values.invented_word(rng, "en").lower()
        self.key, self.en, self.en_plural = word, f"a {word}", word + "s"
        self.de, self.de_plural, self.zh = f"einen {word.capitalize()}", word.capitalize() + "s", word
        self.verbs = rng.sample(sorted(VERBS), 5)
        self.roles = rng.sample(sorted(ROLES), 6)
        self.held_out = False
