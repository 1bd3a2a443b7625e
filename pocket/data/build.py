"""The mixture: item number i of a split is the same in every run and on every machine.

    python -m pocket.data.build --out FOLDER [--items 1000]

writes the test cells as JSON lines, with manifest.json that holds their hashes and those of the splits.
"""

import argparse
import hashlib
import json
import pathlib
import random

from . import arithmetic, builtin, dates, families, home, jumble, lists, natural, people, prose, recall, robot, schemas, tools
from .item import LANGUAGES, SPLITS
from .phrases import PatternSet, count_expansions, stable_hash

# (task, share of the items, maker)
MIXTURE = (
    ("tools", 0.20, tools.make_tools_item),
    ("natural", 0.10, natural.make_natural_item),
    ("builtin", 0.08, builtin.make_builtin_item),
    ("home", 0.05, home.make_home_item),
    ("arithmetic", 0.20, arithmetic.make_arithmetic_item),
    ("dates", 0.10, dates.make_dates_item),
    ("lists", 0.10, lists.make_lists_item),
    ("robot", 0.05, robot.make_robot_item),
    ("prose", 0.07, prose.make_prose_item),
    ("identity", 0.05, prose.make_identity_item),
)
MAKERS = {name: maker for name, _, maker in MIXTURE}
# Drills of pretraining: looking up and copying.
MAKERS["series"] = lambda split, rng, language: tools.make_tools_item(split, rng, language, "make_series")
MAKERS["recall"] = recall.make_recall_item
# For tests: the requests that no call answers.
MAKERS["missing"] = lambda split, rng, language: tools.make_tools_item(split, rng, language, "make_missing")
MAKERS["no_tool"] = lambda split, rng, language: tools.make_tools_item(split, rng, language, "make_no_tool")

# Training draws several conversations over the same tools at once: to read the tools is most of their cost. With
# these shares of the draws six tenths of the tokens are about tools, a fifth arithmetic, a tenth dates and units.
def _tools_of_any_things(split, rng, language, count):
    """A third of the draws is about things that do not exist."""
    things = None
    if rng.random() < 0.35:
        things = [schemas.InventedThing(rng) for _ in range(8)] + rng.sample(families.TRAIN_THINGS, 4)
    return tools.make_tools_items(split, rng, language, count, things)


TOGETHER = {"tools": _tools_of_any_things, "natural": natural.make_natural_items, "builtin": builtin.make_builtin_items,
            "people": people.make_people_items, "jumble": jumble.make_jumble_items}
CONVERSATIONS = 8  # of a draw
MADE_UP = ("tools", "natural", "people")  # whose schemas may look otherwise
WIDENED, RENAMED = 0.3, 0.4  # of the draws of made-up tools
RENAMED_PEOPLE = 0.7  # of the draws of tools that people named: there names begin with few words
DRAWS = {"tools": 0.12, "natural": 0.065, "people": 0.06, "jumble": 0.1, "builtin": 0.035, "home": 0.02, "arithmetic": 0.41, "dates": 0.28, "lists": 0.1,
         "robot": 0.02, "prose": 0.03, "identity": 0.03}
PRETRAINING_DRAWS = {**DRAWS, "series": 0.005, "recall": 0.14}


def items_at(seed, split, index, source=None, draws=None):
    """Draw `index` of a stream for training: one item, or several that begin with the same tools."""
    rng = random.Random(stable_hash(f"{seed}/{split}/{source}/draw/{index}"))
    draws = draws or DRAWS
    name = source or rng.choices(list(draws), list(draws.values()))[0]
    if name not in TOGETHER:
        return [item_at(seed, split, index, name)]
    items = TOGETHER[name](split, rng, None, CONVERSATIONS)
    if name in MADE_UP and rng.random() < WIDENED:
        items = schemas.widened(items, rng)
    if name in MADE_UP and rng.random() < (RENAMED_PEOPLE if name == "people" else RENAMED):
        items = schemas.renamed(items, rng)
    for number, item in enumerate(items):
        item.update(id=f"{seed}/{split}/{index}.{number}", source=name)
    return items


def item_at(seed, split, index, source=None, language=None):
    """Item `index`; of one source and language if they are given."""
    rng = random.Random(stable_hash(f"{seed}/{split}/{source}/{language}/{index}"))
    name = source or rng.choices([n for n, _, _ in MIXTURE], [s for _, s, _ in MIXTURE])[0]
    item = MAKERS[name](split, rng, language)
    if item is None:  # no grammars to phrase with, or a split they have no part in
        item = natural.make_natural_item(split, rng, language)
    item["id"] = f"{seed}/{split}/{index}"
    item["source"] = name
    return item


def pattern_sets():
    """Every set of patterns, by name."""
    found = {}

    def visit(value):
        if isinstance(value, PatternSet):
            found[value.name] = value
        elif isinstance(value, dict):
            for inner in value.values():
                visit(inner)

    from . import roles, tool_phrases
    for module in (arithmetic, dates, lists, robot, prose, tool_phrases):
        for value in vars(module).values():
            visit(value)
    for role in roles.ROLES.values():
        visit(role.phrases)
    for family in natural.FAMILIES:
        visit(family.sets)
    visit(builtin.PATTERNS)
    visit(recall.PATTERNS)
    return found


def split_manifest():
    """What is on which side, and the hash of it all."""
    sets = pattern_sets()
    described = {"patterns": {name: {"train": s.train, "test": s.test} for name, s in sorted(sets.items())},
                 "families": families.family_listing(),
                 "natural_families": {"test": sorted(natural.HELD_OUT)},
                 "splits": list(SPLITS)}
    text = json.dumps(described, ensure_ascii=False, sort_keys=True)
    return {"hash": hashlib.sha256(text.encode()).hexdigest(), **described}


def phrasing_counts():
    """{task: {language: (patterns, phrasings)}}"""
    counts = {}
    for name, patterns in pattern_sets().items():
        task, language = name.split("/")[0], name.split("/")[-1]
        group = {"request": "tools", "elliptic": "tools", "question": "tools", "role": "roles", "off_topic": "tools",
                 "rest": "arithmetic", "story": "arithmetic", "after": "dates", "before": "dates", "weekday": "dates",
                 "between": "dates", "clock": "dates", "span": "dates", "units": "dates",
                 "chain": "builtin", "out_of_reach": "builtin"}.get(task, task)
        have = counts.setdefault(group, {}).setdefault(language, [0, 0])
        have[0] += len(patterns.all)
        have[1] += sum(1 if group == "roles" else count_expansions(p) for p in patterns.all)
    return counts


# The cells of the table.
CELLS = {
    "new_values": "test_values", "new_templates": "test_templates", "new_families": "test_families", "longer": "test_longer",
}
CELL_SOURCES = ("tools", "natural", "missing", "no_tool", "arithmetic", "dates", "lists", "robot", "identity")


def cell(name, source, language, count, seed=1):
    split = CELLS[name]
    return [item_at(seed, split, i, source, language) for i in range(count)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--items", type=int, default=1000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    hashes = {}
    for name in CELLS:
        for source in CELL_SOURCES:
            if name == "new_families" and source not in CELL_SOURCES[:4]:
                continue
            for language in LANGUAGES:
                text = "".join(json.dumps(item, ensure_ascii=False, sort_keys=True) + "\n"
                               for item in cell(name, source, language, options.items))
                path = options.out / f"{name}.{source}.{language}.jsonl"
                path.write_text(text, encoding="utf-8")
                hashes[path.name] = hashlib.sha256(text.encode()).hexdigest()
    manifest = {"items": options.items, "cells": hashes, "splits": split_manifest()}
    (options.out / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    print(f"{len(hashes)} cells, splits {manifest['splits']['hash'][:16]}")


if __name__ == "__main__":
    main()
