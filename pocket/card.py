"""The model card from what was measured: the worst figures first, nothing typed by hand.

    python -m pocket.card --results RESULTS [MORE...] --shipped FILE.gguf --out README.md

Several runs of pocket.evaluate, of other rows or other systems, make one table.
"""

import argparse
import hashlib
import json
import pathlib

from .evaluate import ROWS, as_percent, table

TRAINED = "trained (bf16)"  # the column of evaluate.py
HEADLINES = ("unseen tool families", "human: snips")
# (what, row, target share): the plan's, judged over the languages together.
TARGETS = (
    ("seen tool families", "seen families, unseen templates", 0.93),
    ("unseen tool families", "unseen tool families", 0.65),
    ("Snips, choice of the tool", "human: snips", 0.70),
    ("arithmetic up to six digits", "arithmetic, up to six digits", 0.97),
    ("dates and units, unseen templates", "dates and units, unseen templates", 0.80),
)


def pooled(records, row, system, kind="exact"):
    """(right, of) over all languages."""
    entries = [r[kind] for r in records if r["row"] == row and r["system"] == system and kind in r]
    return sum(e["right"] for e in entries), sum(e["of"] for e in entries)


def percent(right, of):
    return f"{100 * right / of:.1f} %" if of else "–"


def worst(records, system, count=8):
    mine = sorted((r for r in records if r["system"] == system), key=lambda r: r["exact"]["share"])
    lines = ["| set | language | exactly right |", "|---|---|---|"]
    return "\n".join(lines + [f"| {r['row']} | {r['language']} | {as_percent(r['exact'])} of {r['exact']['of']} |" for r in mine[:count]])


def targets(records, system):
    lines = ["| cell | target | reached | |", "|---|---|---|---|"]
    for what, row, target in TARGETS:
        right, of = pooled(records, row, system)
        if of:
            lines.append(f"| {what} | {100 * target:.0f} % | {percent(right, of)} of {of} | {'met' if right / of >= target else '**missed**'} |")
    return "\n".join(lines)


def headlines(records, systems):
    lines = ["| | " + " | ".join(systems) + " |", "|---|" + "---|" * len(systems)]
    for row in HEADLINES:
        lines.append(f"| **{row}** | " + " | ".join(percent(*pooled(records, row, s)) for s in systems) + " |")
    return "\n".join(lines)


def quantisation(records, shipped, trained):
    """Points lost by the shipped file over all items that both were asked, and the most in one row."""
    asked = lambda row, system: pooled(records, row, system)[1]
    rows = [row for row in dict.fromkeys(r["row"] for r in records) if asked(row, shipped) == asked(row, trained) > 0]
    total = {s: [sum(x) for x in zip(*(pooled(records, row, s) for row in rows))] for s in (shipped, trained)}
    share = lambda pair: 100 * pair[0] / pair[1]
    losses = {row: share(pooled(records, row, trained)) - share(pooled(records, row, shipped)) for row in rows}
    most = max(losses, key=losses.get)
    return (f"Over the {total[shipped][1]:,} items of the {len(rows)} sets that both were asked, the shipped file reaches {share(total[shipped]):.2f} %, the trained weights {share(total[trained]):.2f} %. "
            f"The set that loses most is “{most}” ({losses[most]:+.1f} points); on the headlines it loses "
            + " and ".join(f"{losses[row]:+.1f}" for row in HEADLINES if row in losses) + " points.")


def card(results, shipped, notes):
    records, shape = results["records"], results["architecture"]
    systems = list(dict.fromkeys(r["system"] for r in records))
    first = systems[0]
    digest = hashlib.sha256(shipped.read_bytes()).hexdigest()
    about_file = [f"`{shipped.name}`, {shipped.stat().st_size:,} bytes, SHA-256 `{digest}`."]
    if TRAINED in systems and first != TRAINED:
        about_file.append(quantisation(records, first, TRAINED))
    sections = [
        notes["what"].strip(),
        "## Worst figures first\n\n" + worst(records, first),
        "## Headlines\n\n" + headlines(records, systems),
        "## Targets\n\n" + targets(records, first) + "\n\n" + notes["misses"].strip(),
        "## All cells\n\nExactly right (the whole call with all arguments, or the whole answer), greedy, with 95 % Wilson intervals; “human:” "
        "sets were written by people and never read in training.\n\n" + table(records).strip(),
        "## The file\n\n" + " ".join(about_file),
        "## The architecture\n\nBy the trainer's own code on eight rows of 1,024 held-out tokens, each taken as one document:\n\n" + "\n".join(f"* {key.replace('_', ' ')}: {value}" for key, value in shape.items()),
        notes["made"].strip(),
    ]
    return "\n\n".join(sections) + "\n"


def merged(runs):
    """One table of several: of a cell that two runs measured, the one with more items."""
    best, architecture = {}, {}
    for run in runs:
        architecture = architecture or run["architecture"]
        for record in run["records"]:
            key = (record["row"], record["language"], record["system"])
            if key not in best or best[key]["exact"]["of"] < record["exact"]["of"]:
                best[key] = record
    rows = list(dict.fromkeys(("human: ", *(row for row, _, _ in ROWS))))
    place = lambda key: next((i for i, row in enumerate(rows) if key[0].startswith(row)), len(rows))
    systems = list(dict.fromkeys(r["system"] for run in runs for r in run["records"]))
    order = sorted(best, key=lambda key: (place(key), systems.index(key[2])))
    return {"records": [best[key] for key in order], "architecture": architecture}


def read_notes(path):
    """The parts that people write, by their `# @name` lines."""
    parts = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# @"):
            name = line[3:].strip()
            parts[name] = []
        else:
            parts[name].append(line)
    return {name: "\n".join(lines) for name, lines in parts.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=pathlib.Path, nargs="+", required=True, help="folders of pocket.evaluate")
    parser.add_argument("--shipped", type=pathlib.Path, required=True)
    parser.add_argument("--notes", type=pathlib.Path, default=pathlib.Path(__file__).with_name("CARD_NOTES.md"))
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    results = merged([json.loads((folder / "results.json").read_text(encoding="utf-8")) for folder in options.results])
    options.out.write_text(card(results, options.shipped, read_notes(options.notes)), encoding="utf-8")


if __name__ == "__main__":
    main()
