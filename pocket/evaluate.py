"""The table of the model card: every cell with its interval, beside what controls reach.

    python -m pocket.evaluate --model FOLDER --out RESULTS [--items 1000]
        [--mains BINARY --shipped FILE.gguf] [--twin FOLDER]

The two headline rows are unseen tool families and requests that people wrote. Cells hold 1,000 items, or
all there are. Comparisons with a control are paired, on the same items (McNemar, exact).
"""

import argparse
import json
import pathlib
import time

from . import controls, human_sets
from .data.build import cell
from .data.item import LANGUAGES
from .data.phrases import stable_hash
from .data.verify import passes
from .intervals import mcnemar, wilson

TOLD = "the program's own tools, the result told"  # asked after the right calls and their results, where items go on to that
# (row, cell, sources)
ROWS = (
    ("unseen tool families", "new_families", ("tools", "natural")),
    ("unseen families, an argument is missing", "new_families", ("missing",)),
    ("unseen families, no tool fits", "new_families", ("no_tool",)),
    ("seen families, unseen templates", "new_templates", ("tools", "natural")),
    ("seen families, unseen values", "new_values", ("tools", "natural")),
    ("seen families, more tools than trained", "longer", ("tools", "natural")),
    ("seen families, an argument is missing", "new_templates", ("missing",)),
    ("seen families, no tool fits", "new_templates", ("no_tool",)),
    ("the program's own tools, unseen templates", "new_templates", ("builtin",)),
    ("the program's own tools, unseen values", "new_values", ("builtin",)),
    (TOLD, "new_values", ("builtin",)),
    ("arithmetic, up to six digits", "new_values", ("arithmetic",)),
    ("arithmetic, longer than trained", "longer", ("arithmetic",)),
    ("dates and units, unseen templates", "new_templates", ("dates",)),
    ("dates and units, longer", "longer", ("dates",)),
    ("lists and strings, unseen templates", "new_templates", ("lists",)),
    ("lists and strings, longer", "longer", ("lists",)),
    ("robot, unseen templates", "new_templates", ("robot",)),
    ("robot, longer", "longer", ("robot",)),
    ("identity, unseen templates", "new_templates", ("identity",)),
)


def generated_rows(count, languages=LANGUAGES):
    """(row, language, items)"""
    for row, name, sources in ROWS:
        for language in languages:
            items = [item for source in sources for item in cell(name, source, language, count // len(sources))]
            if row == TOLD:
                # Not those whose answer need not hold anything: whatever was said would be right.
                items = [dict(item, checks=item["checks"][-1:]) for item in items if all(item["checks"][-1].get("all") or [""])]
            yield row, language, items


def human_rows(limit=None):
    """All there are, or `limit` of each, drawn by hash."""
    for name, items in human_sets.all_sets().items():
        for language in sorted({item["language"] for item in items}):
            part = [item for item in items if item["language"] == language]
            part.sort(key=lambda item: stable_hash(item["messages"][0]["content"]))
            yield "human: " + name, language, part[:limit]


def judge(item, turn):
    """Whether the turn passes the item's first check."""
    check = item["checks"][0]
    if check["kind"] == "choice":
        calls = turn.get("calls")
        return bool(calls) and len(calls) == 1 and calls[0]["name"] == check["name"]
    return passes(check, turn)


def wanted_names(item):
    check = item["checks"][0]
    return sorted(c["name"] for c in check["calls"]) if check["kind"] == "call" else None


def measure(answerer, items):
    """Outcomes of one cell: exact, and for calls whether the tools alone were right."""
    turns = answerer.answer([(item, item["checks"][0]["turn"]) for item in items])
    result = {"exact": [judge(i, t) for i, t in zip(items, turns)]}
    named = [(wanted_names(i), sorted(c["name"] for c in t.get("calls") or [])) for i, t in zip(items, turns)]
    result["tool"] = [a == b for a, b in named if a is not None]
    strict = [passes(i["exact"], t) for i, t in zip(items, turns) if "exact" in i]
    if strict:
        result["all arguments"] = strict
    result["unreadable"] = [t.get("calls") is None for t in turns]
    return result


def summary(outcomes):
    low, high = wilson(sum(outcomes), len(outcomes))
    return {"right": sum(outcomes), "of": len(outcomes), "share": round(sum(outcomes) / len(outcomes), 4) if outcomes else None,
            "low": round(low, 4), "high": round(high, 4)}


def evaluate(answerers, rows, log=print):
    """One record per row, language and answerer; controls are compared with the first answerer."""
    records = []
    for row, language, items in rows:
        if not items:
            continue
        base = None
        for answerer in answerers:
            started = time.monotonic()
            measured = measure(answerer, items)
            record = {"row": row, "language": language, "system": answerer.name,
                      **{kind: summary(outcomes) for kind, outcomes in measured.items() if outcomes}}
            if base is None:
                base = measured["exact"]
            else:
                better, worse, p = mcnemar(base, measured["exact"])
                record["against_first"] = {"only_first": better, "only_this": worse, "p": p}
            record["seconds"] = round(time.monotonic() - started, 1)
            records.append(record)
            log(json.dumps(record, ensure_ascii=False))
    return records


def as_percent(entry):
    if not entry or entry["share"] is None:
        return "–"
    return f"{100 * entry['share']:.1f} ({100 * entry['low']:.1f}–{100 * entry['high']:.1f})"


def table(records):
    """Markdown: systems as columns, exact share with interval; the number of items in the row's head, and in a
    cell if it is another."""
    systems = list(dict.fromkeys(r["system"] for r in records))
    lines = ["| set | language | items | " + " | ".join(systems) + " |", "|---|---|---|" + "---|" * len(systems)]
    keys = list(dict.fromkeys((r["row"], r["language"]) for r in records))
    for row, language in keys:
        here = {r["system"]: r for r in records if (r["row"], r["language"]) == (row, language)}
        entries = [here.get(s, {}).get("exact") for s in systems]
        count = next(e for e in entries if e)["of"]
        cells = [as_percent(e) + (f" of {e['of']}" if e and e["of"] != count else "") for e in entries]
        lines.append(f"| {row} | {language} | {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def load_and_recall(model, ids):
    """Largest expert load of a layer over the mean, and the share of dense attention that the indexer keeps (None where
    it keeps all). Every row of `ids` is one document."""
    import torch

    from .model import Run
    model.train()  # the gates count their load
    for gate in model.gates():
        gate.load.zero_()
    run = Run(sparse=True, indexer_loss=True)
    with torch.enable_grad():
        model.hidden(ids, run=run)
    model.eval()
    loads = [(gate.load.max() / gate.load.mean()).item() for gate in model.gates() if gate.load.sum() > 0]
    return max(loads), torch.stack(run.recalls).mean().item() if run.recalls else None


def acceptance(model, batch):
    """How often the MTP layer guesses what the model says next, and of how many."""
    import torch

    from .model import Run
    with torch.no_grad():
        hidden, context = model.hidden(batch["ids"], positions=batch["positions"], mask=batch["groups"], run=Run(sparse=True))
        said = torch.nn.functional.linear(hidden, model.embed_tokens.weight).argmax(-1)
        drafted = torch.nn.functional.linear(model.mtp_hidden(hidden, batch["targets"], context), model.embed_tokens.weight).argmax(-1)
    # At t the main model says token t + 1, the draft t + 2; where the text goes as it said, its own next word decides.
    follows = (said == batch["targets"]) & (batch["weights"] > 0)
    inside = follows[:, :-1] & (batch["documents"][:, :-1] == batch["documents"][:, 1:])
    accepted = (drafted[:, :-1] == said[:, 1:])[inside]
    return accepted.float().mean().item() if accepted.numel() else None, accepted.numel()


def architecture(model, tokenizer, documents=8, length=1024):
    """What earns the architecture its name: expert load, indexer recall, MTP acceptance, on held-out text.

    `mains measure` gives the same figures of the same ids."""
    from .stream import Stream
    batch = Stream(tokenizer, length, 99, "sft", split="test_values").batch(documents)
    load, recall = load_and_recall(model, batch["ids"])
    accepted, count = acceptance(model, batch)
    return {"expert_load_max_over_mean": round(load, 3), "indexer_recall": recall and round(recall, 4),
            "mtp_acceptance": accepted and round(accepted, 4), "mtp_tokens": count}


def systems(options):
    """The columns of the table; the others are compared with the first."""
    wanted, folder, threads = set(options.systems.split(",")), str(options.model), options.threads or 1
    make = {}
    if options.mains:
        shipped = options.shipped or folder
        program = lambda model, name, **more: controls.MainsProgram(options.mains, model, name, threads=threads, **more)
        make["shipped"] = lambda: [program(shipped, "shipped")]
        make["trained"] = lambda: [program(folder, "trained (bf16)")]
        make["no grammar"] = lambda: [program(shipped, "no grammar", grammar=False)]
        make["no thinking"] = lambda: [program(shipped, "thinking suppressed", thinking=False)]
    else:
        make["trained"] = lambda: [controls.TorchModel(folder, "trained (bf16)", device=options.device)]
        make["no thinking"] = lambda: [controls.TorchModel(folder, "thinking suppressed", thinking=False, device=options.device)]
    make["controls"] = lambda: [controls.KeywordRouter(), controls.NearestTemplate(), controls.RandomUnderSchema()]
    if options.twin:
        make["twin"] = lambda: [controls.TorchModel(options.twin, "dense twin", sparse=False, device=options.device)]
    return [answerer for name, made in make.items() if name in wanted for answerer in made()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, required=True, help="folder that training wrote")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--human-items", type=int, help="of each human-written set; all if left out")
    parser.add_argument("--rows", help="only rows that begin with one of these, separated by semicolons")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--twin", type=pathlib.Path, help="folder of the dense model of equal cost")
    parser.add_argument("--mains", help="the program, which then answers in place of PyTorch and is much faster")
    parser.add_argument("--shipped", help="the quantised file; with --mains it is the first system, and the folder the second")
    parser.add_argument("--systems", default="shipped,trained,no grammar,no thinking,controls,twin", help="which columns, by name")
    options = parser.parse_args()
    if options.threads:
        import torch
        torch.set_num_threads(options.threads)
    answerers = systems(options)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = list(human_rows(options.human_items)) + list(generated_rows(options.items))
    if options.rows:
        rows = [r for r in rows if r[0].startswith(tuple(options.rows.split(";")))]
    if not human_sets.folder():
        print("the human-written sets are not there (MAINS_TEST_DATA): the headline figures are left out")
    records = evaluate(answerers, rows)
    first = controls.TorchModel(options.model)
    shape = architecture(first.model, first.tokenizer)
    (options.out / "results.json").write_text(json.dumps({"records": records, "architecture": shape}, ensure_ascii=False, indent=1),
                                              encoding="utf-8")
    (options.out / "table.md").write_text(table(records), encoding="utf-8")
    print(table(records), json.dumps(shape))


if __name__ == "__main__":
    main()
