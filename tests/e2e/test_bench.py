"""bench and perplexity, as their users see them. How fast anything is, is not asked here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
MAINS = Path(os.environ.get("MAINS_BIN", ROOT / "build/release/mains")).resolve()
GOLDENS = ROOT / "tests/goldens"
sys.path.insert(0, str(ROOT / "tests/bench"))
import synthetic_gguf  # noqa: E402

HAS_POCKET = (ROOT / "pocket/xs/mains-pocket-xs.gguf").exists()
TEXT = "the andthe inon of the and in on " * 12


@pytest.fixture
def mains(env, tmp_path):
    def run(*arguments, **more):
        return subprocess.run([MAINS, *map(str, arguments)], env=env | more, cwd=tmp_path, capture_output=True,
                              text=True, timeout=120)
    return run


def bench(mains, *arguments, **more):
    done = mains("bench", *arguments, "--json", **more)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "progress is for terminals"
    return [json.loads(line) for line in done.stdout.splitlines()]


# ---- bench -----------------------------------------------------------------------------------


def step_flops(c, tokens, past):
    """Of a dense model with grouped-query attention, by the formulas of the paper; logits of the last token."""
    d, dim = c["hidden_size"], c["head_dim"]
    heads, kv = c["num_attention_heads"], c["num_key_value_heads"]
    pairs = sum(past + t + 1 for t in range(tokens))
    attention = (2 * tokens * d * (heads + 2 * kv) * dim            # q, k, v
                 + 4 * tokens * (heads + kv) * dim                  # their norms
                 + 3 * tokens * (heads + kv) * dim                  # rotation
                 + 2 * pairs * heads * 2 * dim + 2 * tokens * heads * dim * d)
    layer = 8 * tokens * d + attention + 3 * 2 * tokens * d * c["intermediate_size"]
    return c["num_hidden_layers"] * layer + 4 * d + 2 * d * c["vocab_size"]


def test_json_has_what_programs_need(mains):
    found = bench(mains, GOLDENS / "qwen3", "-p", "40", "-n", "3", "-d", "0,10", "-b", "1,2", "-r", "2", "-t", "1",
                  "--chunk", "16", "--kv", "f32", "--no-limits")
    assert [r["test"] for r in found] == ["pp40", "tg3", "pp40 x2", "tg3 x2", "pp40 @ d10", "tg3 @ d10",
                                          "pp40 x2 @ d10", "tg3 x2 @ d10"]
    config = json.loads((GOLDENS / "qwen3/config.json").read_text())
    for r in found:
        assert r["n_tokens"] == r["n_sequences"] * (r["n_prompt"] + r["n_gen"])
        assert len(r["samples_ns"]) == len(r["samples_ts"]) == 2
        for ns, ts in zip(r["samples_ns"], r["samples_ts"]):
            assert ts == pytest.approx(r["n_tokens"] / (ns / 1e9), rel=0.01)
        assert r["median_ts"] == pytest.approx(np.median(r["samples_ts"]))
        assert r["avg_ts"] == pytest.approx(np.mean(r["samples_ts"]))
        assert r["stddev_ts"] == pytest.approx(np.std(r["samples_ts"], ddof=1))
        assert (r["n_threads"], r["n_chunk"], r["type_kv"]) == (1, 16, "f32")
        assert r["model_type"] == "Qwen3ForCausalLM" and r["weights"] == "f32"
        assert r["build_commit"] and r["cpu_info"] and r["isa"] and r["test_time"].endswith("Z")
        assert "limits" not in r and "limit" not in r and "verbs" not in r

        step = 16 // r["n_sequences"] if r["n_prompt"] else 1
        count = r["n_prompt"] + r["n_gen"]
        flops = sum(step_flops(config, min(step, count - begin), r["n_depth"] + begin)
                    for begin in range(0, count, step))
        assert r["flops"] == r["n_sequences"] * flops
        # Keys and values in f32 of what was there, read once a step, and of what comes, written.
        row = 2 * 4 * config["num_key_value_heads"] * config["head_dim"] * config["num_hidden_layers"]
        ends = [min(begin + step, count) for begin in range(0, count, step)]
        state = sum(r["n_depth"] + end for end in ends) * row + count * row
        assert r["state_bytes"] == r["n_sequences"] * state


def test_bytes_of_a_generated_token_are_those_of_the_file(mains):
    file = GOLDENS / "qwen3"
    info = json.loads(mains("info", file, "--json").stdout)
    [r] = bench(mains, file, "-p", "0", "-n", "1", "-r", "1", "--no-limits")
    assert r["model_size"] == info["weight_bytes"] and r["model_n_params"] == info["parameters"]
    assert r["flops"] == info["flops_per_token"]["first"]
    assert r["weight_bytes"] + r["state_bytes"] == info["bytes_read_per_token"]["first"]


@pytest.mark.parametrize("name", ["qwen3", "deepseek_v3", "deepseek_v32"])
def test_verbs_add_up(mains, name):
    found = bench(mains, GOLDENS / name, "-p", "20", "-n", "2", "-d", "12", "-r", "1", "--verbs", "--no-limits")
    for r in found:
        assert sum(v["flops"] for v in r["verbs"]) == r["flops"]
        assert sum(v["state_bytes"] for v in r["verbs"]) == r["state_bytes"]
        read = sum(v["weight_bytes"] for v in r["verbs"])
        assert read == r["weight_bytes"] if name == "qwen3" else read <= r["weight_bytes"]
        assert all(v["calls"] > 0 and v["seconds"] >= 0 for v in r["verbs"])
        assert 0 < sum(v["seconds"] for v in r["verbs"]) <= r["verbs_seconds"]
        assert {"linear", "attend" if r["n_gen"] or name == "qwen3" else "attend_expanded"} <= {
            v["verb"] for v in r["verbs"]}


def test_limits_are_measured_beside(mains):
    [r] = bench(mains, GOLDENS / "qwen3", "-p", "4", "-n", "0", "-r", "1", "-t", "1", "--verbs")
    limits = r["limits"]
    assert limits["read_bytes_per_second"] > 1e8
    kinds = [f"{p['numbers']} {p['unit']}" for p in limits["peaks"]]
    assert len(kinds) + len(limits["absent"]) == 5
    assert all(p["operations_per_second"] > 1e8 and p["instruction"] for p in limits["peaks"])
    assert r["limit"]["bound"] in ["read", *[p["instruction"] for p in limits["peaks"]]]
    assert r["limit"]["share"] > 0
    assert all(v["limit"]["share"] >= 0 for v in r["verbs"])


def test_the_instruction_set_that_is_forced_is_used(mains):
    [r] = bench(mains, GOLDENS / "qwen3", "-p", "4", "-n", "0", "-r", "1", "-t", "1", MAINS_ISA="reference")
    assert r["isa"] == "reference" and r["device"] == "reference, 1 thread"
    assert [p["unit"] for p in r["limits"]["peaks"]] == ["scalar"]


def test_tables_are_for_people(mains):
    done = mains("bench", GOLDENS / "qwen3", GOLDENS / "llama", "-p", "4", "-n", "2", "-r", "1", "-t", "1", "--verbs")
    assert done.returncode == 0, done.stderr
    for word in ["limits: read", "GB/s", "share of limit", "pp4", "tg2", "1 thread", "build", "f32",
                 "gated_linear", "between verbs", "Qwen3ForCausalLM", "LlamaForCausalLM"]:
        assert word in done.stdout, word
    assert "nan" not in done.stdout and "inf" not in done.stdout.replace("info", "")


@pytest.mark.skipif(not HAS_POCKET, reason="no embedded model in this checkout")
def test_the_model_in_the_program_can_be_measured(mains):
    [r] = bench(mains, "pocket", "-p", "8", "-n", "0", "-r", "1", "--no-limits")
    assert r["model_filename"] == "pocket" and r["median_ts"] > 0


@pytest.mark.parametrize("arguments, code, message", [
    (["MODEL", "-p", "0", "-n", "0"], 2, "no test"),
    (["MODEL", "-p", "x"], 2, "--prompt"),
    (["MODEL", "-b", "0"], 2, "--batch"),
    ([], 2, "MODEL"),
    (["no/such-model"], 1, "no/such-model"),
    (["MODEL", "-p", "1000000", "-n", "0", "--no-limits"], 1, "pp1000000 needs a context of 1000000 tokens"),
])
def test_errors_of_bench(mains, arguments, code, message):
    done = mains("bench", *[GOLDENS / "qwen3" if a == "MODEL" else a for a in arguments])
    assert done.returncode == code, done.stderr
    assert message.lower() in done.stderr.lower()


# ---- perplexity ------------------------------------------------------------------------------


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def token_ids(mains, model):
    return json.loads(mains("tokenize", model, TEXT, "--json").stdout)


def reference_logprobs(mains, tmp_path, model, ids, length):
    """[(ids of a sequence, log softmax [length, vocab])] by NumPy from mains logits."""
    found = []
    for begin in range(0, len(ids), length):
        part = ids[begin:begin + length]
        done = mains("logits", model, "--ids", ",".join(map(str, part)), "--out", "l.npy")
        assert done.returncode == 0, done.stderr
        logits = np.load(tmp_path / "l.npy").astype(np.float64)
        found.append((part, logits - np.log(np.exp(logits).sum(-1, keepdims=True))))
    return found


def test_perplexity_and_divergence_are_those_of_the_logits(mains, tmp_path, text):
    model, other = GOLDENS / "qwen3", GOLDENS / "qwen3_yarn"
    ids = token_ids(mains, model)
    p = reference_logprobs(mains, tmp_path, model, ids, 50)
    done = mains("perplexity", model, "--text", text, "--length", 50, "--save-base", "base", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    right = np.concatenate([rows[np.arange(len(part) - 1), part[1:]] for part, rows in p])
    assert (found["sequences"], found["tokens"], found["predicted"]) == (len(p), len(ids), len(right))
    assert found["perplexity"] == pytest.approx(np.exp(-right.mean()), rel=1e-4)
    assert found["perplexity_error"] == pytest.approx(
        np.exp(-right.mean()) * right.std(ddof=1) / len(right) ** 0.5, rel=1e-3)
    best = np.concatenate([rows[:-1].argmax(-1) == part[1:] for part, rows in p])
    assert found["most_likely"] == pytest.approx(best.mean())

    done = mains("perplexity", model, "--text", text, "--length", 50, "--base", "base", "--json")
    same = json.loads(done.stdout)
    assert same["mean_kl"] == same["max_kl"] == same["max_logprob_difference"] == 0
    assert same["same_top_1"] == 1

    assert token_ids(mains, other) == ids
    q = reference_logprobs(mains, tmp_path, other, ids, 50)
    done = mains("perplexity", other, "--text", text, "--length", 50, "--base", "base", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    kl = np.concatenate([(np.exp(a) * (a - b)).sum(-1)[:-1] for (_, a), (_, b) in zip(p, q)])
    assert kl.mean() > 1e-4, "two models"
    assert found["mean_kl"] == pytest.approx(kl.mean(), rel=1e-2, abs=1e-6)
    assert found["kl_99_9"] == pytest.approx(np.quantile(kl, 0.999), rel=1e-2)
    assert found["max_kl"] == pytest.approx(kl.max(), rel=1e-2)
    agree = np.concatenate([(a.argmax(-1) == b.argmax(-1))[:-1] for (_, a), (_, b) in zip(p, q)])
    assert found["same_top_1"] == pytest.approx(agree.mean(), abs=2 / len(agree))
    largest = max(np.abs(a - b)[:-1].max() for (_, a), (_, b) in zip(p, q))
    assert found["max_logprob_difference"] == pytest.approx(largest, abs=1e-2)
    assert found["base_perplexity"] == pytest.approx(np.exp(-right.mean()), rel=1e-3)


def test_measure_and_perplexity_agree(mains, text):
    measured = json.loads(mains("measure", GOLDENS / "qwen3", "--text", text, "--length", 40, "--json").stdout)
    found = json.loads(mains("perplexity", GOLDENS / "qwen3", "--text", text, "--length", 40, "--json").stdout)
    assert found["mean_logprob"] == pytest.approx(measured["mean_logprob"], rel=1e-6)
    assert found["most_likely"] == measured["most_likely"]
    done = mains("perplexity", GOLDENS / "qwen3", "--text", text, "--length", 40)
    assert f"perplexity               {found['perplexity']:.4f} ±" in done.stdout


def test_a_wrong_base_is_an_error_and_nothing_is_left(mains, tmp_path, text):
    model = GOLDENS / "qwen3"
    run = lambda *a: mains("perplexity", model, "--text", text, "--length", 50, *a)
    assert run("--save-base", "base").returncode == 0
    whole = (tmp_path / "base").read_bytes()
    cases = {"foreign": (b"GGUF" + whole[4:], "not a file of log-probabilities"),
             "cut": (whole[:-1], "cut off or damaged"),
             "empty": (b"", "not a file of log-probabilities"),
             "damaged": (whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:], "damaged")}
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        done = run("--base", name, "--save-base", "never")
        assert done.returncode == 1 and done.stdout == "", name
        assert message in done.stderr or (name == "empty" and name in done.stderr), done.stderr
    done = run("--base", "absent")
    assert done.returncode == 1 and "absent" in done.stderr
    done = mains("perplexity", model, "--text", text, "--length", 40, "--base", "base")
    assert done.returncode == 1 and "same text and length" in done.stderr
    (tmp_path / "other.txt").write_text(TEXT.replace("of", "on"))
    done = mains("perplexity", model, "--text", "other.txt", "--length", 50, "--base", "base")
    assert done.returncode == 1 and "same text and length" in done.stderr
    (tmp_path / "short.txt").write_text("")
    done = mains("perplexity", model, "--text", "short.txt")
    assert done.returncode == 1 and "no token follows another" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir() if "never" in p.name or "base." in p.name) == []


# ---- synthetic files -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tiny-qwen3", "tiny-qwen3-moe", "tiny-deepseek-v3"])
@pytest.mark.parametrize("kind", list(synthetic_gguf.TYPES))
def test_synthetic_files_load_and_compute(mains, tmp_path, name, kind):
    file = synthetic_gguf.ensure(tmp_path / "models", name, kind)
    assert synthetic_gguf.ensure(tmp_path / "models", name, kind) == file
    assert [p.name for p in file.parent.iterdir()] == [file.name], "no parts are left"
    done = mains("logits", file, "--ids", "1,2,3,400", "--out", "l.npy")
    assert done.returncode == 0, done.stderr
    logits = np.load(tmp_path / "l.npy")
    assert logits.shape == (4, 512) and np.isfinite(logits).all() and 0.05 < logits.std() < 10
    [r] = bench(mains, file, "-p", "4", "-n", "0", "-r", "1", "--no-limits")
    assert r["weights"].startswith(kind.removesuffix("_m")) or kind in ("q4_k", "q4_k_m")
    shown = mains("tokenize", file, "hello")
    assert shown.returncode == 0, shown.stderr
