"""compare.py with peers that are scripts, and what synthetic_gguf.py writes, by the gguf package."""

import json
import os
import stat
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize

MAINS_BIN = Path(os.environ.get("MAINS_BIN", Path(__file__).resolve().parents[2] / "build/release/mains")).resolve()
sys.path.insert(0, str(Path(__file__).resolve().parent))
import compare  # noqa: E402
import synthetic_gguf  # noqa: E402

# A program that answers as llama-bench does, at the speed that its own first option says.
PEER = f"""#!{sys.executable}
import json, sys
arguments = sys.argv[1:]
speed = float(arguments.pop(0))
option = dict(zip(arguments[::2], arguments[1::2]))
assert option["-m"].endswith(".gguf") and option["-o"] == "json" and option["-t"] == "3"
n_prompt, n_gen = int(option["-p"]), int(option["-n"])
print("some words before")
print(json.dumps([{{"n_prompt": n_prompt, "n_gen": n_gen, "n_depth": int(option.get("-d", 0)),
                   "samples_ts": [speed * (2 if n_prompt else 1)] * int(option["-r"])}}], indent=2))
"""
# One that knows -gp in place of -d, and one that answers as llama-batched-bench does.
PEER_GP = f"""#!{sys.executable}
import json, sys
if sys.argv[1] == "--help":
    sys.exit(print("  -gp <pp,tg>   (default: )"))
option = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert "-d" not in option
prompt, generated = [int(n) for n in option.get("-gp", f"{{option['-p']}},{{option['-n']}}").split(",")]
print(json.dumps([{{"n_prompt": prompt, "n_gen": generated, "avg_ts": 50.0 if "-gp" in option else 40.0}}]))
"""
BATCHED = f"""#!{sys.executable}
import sys
option = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert int(option["-c"]) >= int(option["-npl"]) * (int(option["-npp"]) + int(option["-ntg"]))
print("|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |")
print("|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|")
print(f"|{{option['-npp']:>6}} | {{option['-ntg']:>6}} | {{option['-npl']:>4}} |    160 |    0.500 |   256.00 |    0.400 |    75.50 |    0.900 |   177.78 |")
"""
MAINS = f"""#!{sys.executable}
import json, sys
assert sys.argv[1] == "bench" and sys.argv[-1] == "--json"
option = dict(zip(sys.argv[3:-1:2], sys.argv[4:-1:2]))
print(json.dumps({{"n_prompt": int(option["-p"]), "n_gen": int(option["-n"]), "n_depth": int(option.get("-d", 0)),
                  "n_sequences": int(option.get("-b", 1)), "samples_ts": [30.0], "limits": {{"peaks": [{{"numbers": "f32"}}]}}, "limit": {{"bound": "read", "share": 0.5}}}}))
"""


def program(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def programs(tmp_path):
    return {"mains": program(tmp_path / "mains", MAINS), "peer": program(tmp_path / "peer", PEER),
            "gp": program(tmp_path / "gp", PEER_GP), "batched": program(tmp_path / "some-batched-bench", BATCHED),
            "crash": program(tmp_path / "crash", f"#!{sys.executable}\nimport os\nos.abort()\n"),
            "silent": program(tmp_path / "silent", "#!/bin/sh\necho no json here\n"),
            "fails": program(tmp_path / "fails", "#!/bin/sh\necho unknown model architecture >&2\nexit 1\n")}


def run(tmp_path, programs, *arguments):
    compare.main(["--mains", str(programs["mains"]), "--folder", str(tmp_path / "models"), "--models", "tiny-qwen3",
                  "--types", "q8_0", "--threads", "3", "--json", str(tmp_path / "out.json"),
                  "--markdown", str(tmp_path / "out.md"), *arguments])
    return json.loads((tmp_path / "out.json").read_text())["results"], (tmp_path / "out.md").read_text()


def test_ratios_are_to_the_best_peer(tmp_path, programs, capsys):
    results, text = run(tmp_path, programs, "--tests", "pp8,tg4,tg4@d16", "--rounds", "2",
                        "--peer", f"slow={programs['peer']} 10", "--peer", f"fast={programs['peer']} 20")
    assert [r["test"] for r in results] == ["pp8", "tg4", "tg4@d16"]
    assert [r["medians"] for r in results] == [{"mains": 30, "slow": 20, "fast": 40}] + [
        {"mains": 30, "slow": 10, "fast": 20}] * 2
    assert [(r["best_peer"], r["ratio"]) for r in results] == [("fast", 0.75), ("fast", 1.5), ("fast", 1.5)]
    assert results[0]["share"] == 0.5 and "50 % of read" in text
    assert "| tiny-qwen3 q8_0 | pp8 | 30.0 | 20.0 | 40.0 | 0.75 (fast) |" in text
    assert "3 threads used" in text and "cores" in capsys.readouterr().out


def test_depths_and_several_sequences_in_other_programs_terms(tmp_path, programs):
    results, _ = run(tmp_path, programs, "--tests", "tg4,tg4@d16,tg4x8", "--rounds", "1", "--peer", f"ik={programs['gp']}",
                     "--peer", f"ik={programs['batched']}", "--peer", f"alone={programs['gp']}")
    assert [r["medians"]["ik"] for r in results] == [40, 50, 75.5]
    assert [r["test"] for r in results] == ["tg4", "tg4@d16", "tg4x8"]
    assert results[2]["failures"] == {"alone": "no program given for this test"}


def test_a_peer_that_fails_is_reported(tmp_path, programs):
    results, text = run(tmp_path, programs, "--tests", "tg4", "--rounds", "1", *[
        word for name in ["crash", "silent", "fails"] for word in ["--peer", f"{name}={programs[name]}"]],
        "--peer", f"absent={tmp_path}/absent")
    [row] = results
    assert row["medians"]["mains"] == 30 and row["ratio"] is None
    assert row["failures"]["crash"] == "crashes (SIGABRT)"
    assert row["failures"]["silent"] == "prints nothing that can be read"
    assert "unknown model architecture" in row["failures"]["fails"]
    assert "cannot be started" in row["failures"]["absent"]
    assert "crashes (SIGABRT)" in text


def test_mains_itself(tmp_path):
    results, text = run(tmp_path, {"mains": MAINS_BIN}, "--tests", "pp8,tg2,tg2@d4,tg2x2", "--rounds", "2", "--threads", "1")
    assert all(row["medians"]["mains"] > 0 and row["share"] > 0 and not row["failures"] for row in results), text


@pytest.mark.parametrize("arguments", [["--tests", "pp0"], ["--tests", "xx"], ["--tests", "pp8x2"], ["--peer", "nameless"],
                                       ["--peer", "mains=x"], ["--models", "gpt-5"], ["--types", "q9"]])
def test_wrong_arguments_are_refused(tmp_path, programs, arguments):
    with pytest.raises(SystemExit):
        run(tmp_path, programs, *arguments)


def values(tensor):
    if tensor.tensor_type == gguf.GGMLQuantizationType.BF16:
        return (tensor.data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return dequantize(tensor.data, tensor.tensor_type)


@pytest.mark.parametrize("kind", list(synthetic_gguf.TYPES))
def test_weights_have_the_scale_that_was_meant(tmp_path, kind):
    found = set()
    for name in ["tiny-qwen2", "tiny-qwen3", "tiny-deepseek-v3"]:
        for tensor in gguf.GGUFReader(synthetic_gguf.ensure(tmp_path, name, kind)).tensors:
            if len(tensor.shape) == 1:
                continue
            x = values(tensor).astype(np.float64)
            wanted = 0.02 if tensor.name == "token_embd.weight" else float(tensor.shape[0]) ** -0.5
            assert x.std() == pytest.approx(wanted, rel=0.06), tensor.name
            assert abs(x.mean()) < 0.15 * wanted, tensor.name
            found.add(tensor.tensor_type.name)
    assert (synthetic_gguf.TYPES[kind].name in found) and (kind != "q4_k_m" or {"Q6_K", "Q5_0", "Q8_0"} <= found)


def test_shapes_have_the_sizes_of_their_names():
    for name, billions in [("qwen2.5-0.5b", 0.494), ("qwen3-0.6b", 0.6), ("qwen3-1.7b", 1.7), ("qwen3-4b", 4.0),
                           ("qwen3-moe-2b", 2.1), ("deepseek-v3-2b", 2.2)]:
        count = sum(int(np.prod(dims)) for _, dims in synthetic_gguf.tensors(synthetic_gguf.SHAPES[name]))
        assert count / 1e9 == pytest.approx(billions, rel=0.06), name
        for kind in synthetic_gguf.TYPES:  # every row is whole blocks
            for tensor, dims in synthetic_gguf.tensors(synthetic_gguf.SHAPES[name]):
                block, _ = gguf.GGML_QUANT_SIZES[synthetic_gguf.kind_of(tensor, dims, synthetic_gguf.SHAPES[name], kind)]
                assert dims[-1] % block == 0, (name, kind, tensor)


def test_vocabularies_are_unique_and_made_of_merges():
    tokens, types, merges = synthetic_gguf.vocabulary(151936)
    assert len(tokens) == len(types) == len(set(tokens)) == 151936
    known = set(tokens)
    assert all("".join(merge.split(" ")) in known for merge in merges)
    assert len(merges) == 151936 - 256 - 4
