"""mains and other engines on the same synthetic files, in turns.

    python tests/bench/compare.py --folder /tmp/models --models qwen3-0.6b --types q8_0,q4_k_m \\
        --peer llama.cpp=/opt/llama.cpp/bin/llama-bench --peer "ik=/opt/ik/llama-bench -fa 1 -rtr 1" --markdown out.md

A peer is a program that takes llama-bench's options (-m -p -n -d -t -r -o json) and prints its JSON; what stands
behind its path is put before those. One that knows -gp (ik_llama.cpp) is asked for depths by it. Several sequences at
once (tg64x8) are measured by a second program of the same name, whose file is called like llama-batched-bench. Machines drift between speed levels for minutes, so every round runs each
program once and the medians of the rounds are compared; shares of the machine's limits are those that mains
measured in the same round. A peer that crashes on a file, or says nothing that can be read, is reported and left
out of that file. docs/performance.md says where to get peers.
"""

import argparse
import functools
import json
import os
import pathlib
import platform
import re
import shlex
import signal
import statistics
import subprocess
import sys
import typing

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import synthetic_gguf  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEST = re.compile(r"(pp|tg)([0-9]+)(?:@d([0-9]+)|x([0-9]+))?")
BATCHED_PROMPT = 16  # tokens of each of several sequences before they go on together


class Test(typing.NamedTuple):
    prompt: int
    generated: int
    depth: int
    sequences: int

    def __str__(self):
        return ((f"pp{self.prompt}" if self.prompt else f"tg{self.generated}") + (f"@d{self.depth}" if self.depth else "")
                + (f"x{self.sequences}" if self.sequences > 1 else ""))


def parse_test(text):
    match = TEST.fullmatch(text)
    if not match or int(match[2]) == 0 or match[4] and (match[1] == "pp" or int(match[4]) < 2):
        raise argparse.ArgumentTypeError(f"{text}: a test is pp512, tg128, tg64@d4096 or tg64x8")
    count, depth, sequences = int(match[2]), int(match[3] or 0), int(match[4] or 1)
    return Test(count, 0, depth, sequences) if match[1] == "pp" else Test(0, count, depth, sequences)


def parse_peer(text):
    name, equals, command = text.partition("=")
    if not name or not equals or not shlex.split(command):
        raise argparse.ArgumentTypeError(f"{text}: a peer is NAME=PATH, with its own options behind the path")
    return name, shlex.split(command)


def listed(text):
    return [item for item in text.split(",") if item]


# ---- running ---------------------------------------------------------------------------------


class Failure(Exception):
    """What a program did instead of measuring, in a few words."""


def start(command, timeout):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, errors="replace")
    except subprocess.TimeoutExpired:
        raise Failure(f"still running after {timeout} s") from None
    except OSError as error:
        raise Failure(f"cannot be started: {error.strerror}") from None
    if done.returncode < 0:
        raise Failure(f"crashes ({signal.Signals(-done.returncode).name})")
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Failure(f"fails ({done.returncode}): {lines[-1][:120] if lines else 'without a word'}")
    return done.stdout


def objects_of_lines(output):
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def objects_of_array(output):
    """Of the first array, which other words may surround."""
    return json.JSONDecoder().raw_decode(output[re.search(r"\[\s*\{", output).start():])[0]


def rates_of(found, test):
    """Tokens per second of each repeat of one test."""
    for record in found:
        key = (record.get("n_prompt", 0), record.get("n_gen", 0), record.get("n_depth", 0), record.get("n_sequences", 1))
        behind_prompt = (test.depth, test.generated, 0, 1)  # how -gp says it
        if key == test or test.generated and test.depth and key == behind_prompt:
            return record.get("samples_ts") or [record["avg_ts"]], record
    raise Failure("did not run this test")


class Mains:
    name = "mains"

    def __init__(self, path, options):
        self.path, self.options = path, options

    def run(self, file, test):
        """(rates, record); raises Failure."""
        o = self.options
        more = [*(["-d", str(test.depth)] if test.depth else []), *(["-b", str(test.sequences)] if test.sequences > 1 else [])]
        return rates_of(objects_of_lines(start(
            [self.path, "bench", str(file), "-p", str(test.prompt), "-n", str(test.generated), *more,
             "-t", str(o.threads), "-r", str(o.repeats), "--json"], o.timeout)), test)


class Peer:
    def __init__(self, name, commands, options):
        self.name, self.options = name, options
        is_batched = lambda command: "batched" in pathlib.Path(command[0]).name
        self.bench = next((c for c in commands if not is_batched(c)), None)
        self.batched = next((c for c in commands if is_batched(c)), None)

    def run(self, file, test):
        """(rates, record); raises Failure."""
        command = self.batched if test.sequences > 1 else self.bench
        if command is None:
            raise Failure("no program given for this test")
        return (self._run_batched if test.sequences > 1 else self._run_bench)(command, file, test)

    def _run_bench(self, command, file, test):
        asked = ["-p", str(test.prompt), "-n", str(test.generated)]
        if test.depth and test.generated and self._knows_gp():
            asked = ["-p", "0", "-n", "0", "-gp", f"{test.depth},{test.generated}"]
        elif test.depth:  # which old programs do not know
            asked += ["-d", str(test.depth)]
        return rates_of(objects_of_array(start(
            [*command, "-m", str(file), *asked, "-t", str(self.options.threads), "-r", str(self.options.repeats), "-o", "json"],
            self.options.timeout)), test)

    @functools.cache
    def _knows_gp(self):
        help_ = subprocess.run([self.bench[0], "--help"], capture_output=True, text=True, timeout=self.options.timeout)
        return " -gp " in help_.stdout + help_.stderr

    def _run_batched(self, command, file, test):
        context = test.sequences * (BATCHED_PROMPT + test.generated)
        rates = []
        for _ in range(self.options.repeats):
            output = start([*command, "-m", str(file), "-c", str(context), "-npp", str(BATCHED_PROMPT), "-ntg", str(test.generated),
                            "-npl", str(test.sequences), "-t", str(self.options.threads)], self.options.timeout)
            # | PP | TG | B | N_KV | T_PP | S_PP | T_TG | S_TG | T | S |
            columns = re.search(rf"^\|\s*{BATCHED_PROMPT} \|\s*{test.generated} \|\s*{test.sequences} \|(.*)\|\s*$", output, re.M)[1]
            rates.append(float(columns.split("|")[4]))
        return rates, {}


def compare(runners, file, tests, options, tell):
    """{(test, runner): {"rates", "share", "bound", "failure"}} of one file."""
    cells = {(test, r.name): {"rates": [], "shares": [], "bound": "", "failure": ""}
             for test in tests for r in runners}
    for round_ in range(options.rounds):
        for test in tests:
            # Who begins changes: nobody always follows the same one.
            for runner in runners[round_ % len(runners):] + runners[:round_ % len(runners)]:
                cell = cells[test, runner.name]
                if cell["failure"]:
                    continue
                tell(f"{file.name} {test} round {round_ + 1} of {options.rounds}: {runner.name}")
                try:
                    rates, record = runner.run(file, test)
                except Failure as failure:
                    cell["failure"] = str(failure)
                    continue
                except (AttributeError, KeyError, TypeError, ValueError):
                    cell["failure"] = "prints nothing that can be read"
                    continue
                cell["rates"] += rates
                if "limit" in record:
                    cell["shares"].append(record["limit"]["share"])
                    cell["bound"] = record["limit"]["bound"]
    return cells


# ---- telling ---------------------------------------------------------------------------------


def machine(options):
    """What was measured on, in a line."""
    cpu, flags = platform.processor() or platform.machine(), set()
    info = pathlib.Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            cpu = value.strip()
        if key.strip() == "flags":
            flags = set(value.split())
    known = [name for name in ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"] if name in flags]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (f"{cpu}, {os.cpu_count()} cores ({options.threads} threads used), {memory / 2**30:.0f} GiB, "
            f"{' '.join(known) or 'no vector extensions known'}; {platform.system()} {platform.release()}")


def median(values):
    return statistics.median(values) if values else None


def row_of(cells, test, runners):
    """{"test", "mains", peers..., "ratio", "best", "share", "bound"}"""
    medians = {r.name: median(cells[test, r.name]["rates"]) for r in runners}
    peers = {name: rate for name, rate in medians.items() if name != "mains" and rate}
    best = max(peers, key=peers.get) if peers else None
    own = cells[test, "mains"]
    return {"test": str(test), "medians": medians,
            "failures": {r.name: cells[test, r.name]["failure"] for r in runners if cells[test, r.name]["failure"]},
            "best_peer": best, "ratio": medians["mains"] / peers[best] if best and medians["mains"] else None,
            "share": median(own["shares"]), "bound": own["bound"]}


def cell_text(row, name):
    rate = row["medians"][name]
    if rate is None:
        return row["failures"].get(name, "-")
    return f"{rate:.1f}" if rate >= 10 else f"{rate:.2f}"


def table(results, runners):
    head = ["file", "test", *[r.name for r in runners], "mains / best peer", "mains, share of limit"]
    rows = [head]
    for file, row in results:
        ratio = f"{row['ratio']:.2f} ({row['best_peer']})" if row["ratio"] else "-"
        share = f"{100 * row['share']:.0f} % of {row['bound']}" if row["share"] is not None else "-"
        rows.append([file, row["test"], *[cell_text(row, r.name) for r in runners], ratio, share])
    return rows


def markdown(rows, heading):
    lines = [heading, "", "| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows[1:]]
    return "\n".join(lines) + "\n"


def plain(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def parse(arguments_):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mains", default=str(ROOT / "build/release/mains"))
    parser.add_argument("--peer", action="append", type=parse_peer, default=[], metavar='NAME="PATH ARGS"')
    parser.add_argument("--folder", required=True, help="where the files are, or are made")
    parser.add_argument("--models", type=listed, default=["qwen3-0.6b", "qwen3-1.7b", "qwen3-4b", "qwen3-moe-2b",
                                                         "deepseek-v3-2b"])
    parser.add_argument("--types", type=listed, default=["q8_0", "q4_0", "q4_k_m", "bf16"])
    parser.add_argument("--tests", type=lambda text: [parse_test(t) for t in listed(text)],
                        default=[parse_test("pp512"), parse_test("tg128")])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1, help="of a test in one run of a program")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--timeout", type=int, default=1800, help="seconds for one run of a program")
    parser.add_argument("--markdown", metavar="FILE")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments_)
    if any(name == "mains" for name, _ in options.peer):
        parser.error("a peer needs a name of its own, other than mains")
    for name in options.models:
        if name not in synthetic_gguf.SHAPES:
            parser.error(f"{name}: models are {', '.join(synthetic_gguf.SHAPES)}")
    for kind in options.types:
        if kind not in synthetic_gguf.TYPES:
            parser.error(f"{kind}: types are {', '.join(synthetic_gguf.TYPES)}")
    return options


def main(arguments_=None):
    options = parse(arguments_)
    runners = [Mains(options.mains, options)]
    runners += [Peer(name, [command for other, command in options.peer if other == name], options)
                for name in dict.fromkeys(name for name, _ in options.peer)]
    tell = (lambda text: print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)) if sys.stderr.isatty() \
        else (lambda text: None)
    results = []
    for name in options.models:
        for kind in options.types:
            tell(f"{name} {kind}: the file")
            file = synthetic_gguf.ensure(options.folder, name, kind)
            cells = compare(runners, file, options.tests, options, tell)
            results += [(f"{name} {kind}", row_of(cells, test, runners)) for test in options.tests]
    tell("")
    heading = (f"{machine(options)}\n\nTokens per second, medians of {options.rounds} rounds of "
               f"{options.repeats}; random weights.")
    rows = table(results, runners)
    print(f"{heading}\n\n{plain(rows)}")
    if options.markdown:
        pathlib.Path(options.markdown).write_text(markdown(rows, heading))
    if options.json:
        content = {"machine": machine(options), "rounds": options.rounds, "repeats": options.repeats,
                   "results": [{"file": file, **row} for file, row in results]}
        pathlib.Path(options.json).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
