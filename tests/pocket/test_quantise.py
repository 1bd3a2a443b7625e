"""The file that the program carries: its blocks as the gguf package reads them, its weights, tokens and prompts
as the program reads them."""

import json
import os
import pathlib
import subprocess

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pocket import chat, quantise
from pocket import tokenizer as tokens
from pocket.data import build

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAINS = pathlib.Path(os.environ.get("MAINS_BIN", ROOT / "build/release/mains"))
GOLDEN = ROOT / "tests/goldens/deepseek_v32"
KINDS = list(quantise.TYPES.values())


def run(*arguments, data=b""):
    done = subprocess.run([MAINS, *map(str, arguments)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def read_back(data, kind, shape):
    return gguf.quants.dequantize(data, kind).reshape(shape)


def samples():
    random = np.random.default_rng(5)
    normal = random.standard_normal((6, 96)).astype(np.float32)
    outlier = normal.copy()
    outlier[:, 7] *= 30
    yield from (normal, outlier, normal * 1e-3, normal + 4, np.abs(normal), np.float32(0) * normal, normal * 1e4,
                np.full((2, 32), 3.25, np.float32), np.repeat(np.eye(2, 32, dtype=np.float32), 2, axis=1))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_blocks_read_back_close(kind):
    bits = 8 if kind == gguf.GGMLQuantizationType.Q8_0 else 4
    for values in samples():
        data = quantise.encode_blocks(values, kind)
        assert data.dtype == np.uint8 and data.shape == gguf.quant_shape_to_byte_shape(values.shape, kind)
        back = read_back(data, kind, values.shape)
        assert np.isfinite(back).all()
        span = np.abs(values.reshape(-1, 32)).max(1).repeat(32).reshape(values.shape)
        assert (np.abs(back - values) <= span * (1.2 if bits == 4 else 0.6) / 2 ** (bits - 1) + 1e-7).all()


@pytest.mark.parametrize("kind", [k for k in KINDS if k != gguf.GGMLQuantizationType.IQ4_NL], ids=lambda kind: kind.name)
def test_no_worse_than_the_packages_own(kind):
    for values in samples():
        ours = read_back(quantise.encode_blocks(values, kind), kind, values.shape)
        theirs = read_back(gguf.quants.quantize(values, kind), kind, values.shape)
        assert ((ours - values) ** 2).sum() <= ((theirs - values) ** 2).sum() * 1.0001 + 1e-12


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_weights_say_where_errors_hurt(kind):
    random = np.random.default_rng(6)
    values = random.standard_normal((200, 64)).astype(np.float32)
    weights = random.exponential(size=64).astype(np.float32) ** 3

    def error(data):
        return (weights * (read_back(data, kind, values.shape) - values) ** 2).sum()

    assert error(quantise.encode_blocks(values, kind, weights)) < error(quantise.encode_blocks(values, kind))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(file, the same weights as a folder of safetensors)"""
    folder = tmp_path_factory.mktemp("model")
    file = folder / "model.gguf"
    written = quantise.quantise(GOLDEN, file)
    plain = folder / "plain"
    plain.mkdir()
    values = [(e, gguf.quants.dequantize(data, kind).reshape(e.values.shape)) for e, kind, data in written]
    save_file({n: np.ascontiguousarray(a) for n, a in quantise.hf_to_gguf.restore_checkpoint(values).items()},
              plain / "model.safetensors")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (plain / name).write_bytes((GOLDEN / name).read_bytes())
    return file, plain


def test_types_are_where_they_belong(made):
    types = {t.name: t.tensor_type.name for t in gguf.GGUFReader(made[0]).tensors}
    assert types["blk.1.ffn_gate_exps.weight"] == types["blk.1.ffn_up_exps.weight"] == "IQ4_NL"
    assert types["token_embd.weight"] == types["blk.0.ffn_gate.weight"] == types["blk.0.indexer.attn_k.weight"] == "Q8_0"
    for name in ("output_norm", "blk.1.ffn_gate_inp", "blk.1.indexer.proj", "blk.3.nextn.enorm"):
        assert types[f"{name}.weight"] == "F32"
    assert types["blk.1.exp_probs_b.bias"] == "F32" and types["blk.3.nextn.eh_proj.weight"] == "Q8_0"


def test_the_program_computes_the_same_from_the_file(made, tmp_path):
    ids = load_file(GOLDEN / "golden.safetensors")["prompt_ids"].tolist()
    out = []
    for i, model in enumerate(made):
        run("logits", model, "--ids", ",".join(map(str, ids)), "--out", tmp_path / f"{i}.npy", "--kv", "f32")
        out.append(np.load(tmp_path / f"{i}.npy"))
    assert out[0].shape == out[1].shape and np.abs(out[0] - out[1]).max() <= 1e-4 * np.abs(out[1]).max()


def test_same_bytes_every_time(made, tmp_path):
    quantise.quantise(GOLDEN, tmp_path / "again.gguf")
    assert (tmp_path / "again.gguf").read_bytes() == made[0].read_bytes()


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    """(a folder with a tokenizer, a model file that holds it and no weights)"""
    folder = tmp_path_factory.mktemp("tokenizer")
    trained = tokens.train(tokens.training_texts(200), 2048)
    tokens.save(trained, folder)
    ids = {f"{role}_token_id": trained.token_to_id(text) for role, text in zip(("bos", "eos", "pad"), chat.SPECIAL)}
    (folder / "config.json").write_text(json.dumps(ids), encoding="utf-8")
    writer = gguf.GGUFWriter(folder / "tokens.gguf", "deepseek32")
    quantise.add_tokenizer(writer, folder)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return folder, folder / "tokens.gguf"


def test_tokens_are_those_of_the_folder(vocabulary):
    folder, file = vocabulary
    reference = tokens.load(folder)
    texts = [mark for mark in [*chat.SPECIAL, *chat.fused_texts()]]
    texts += ["12345", "3.14 km/h", "naïve café", "你好，世界", "🙂 a\tb\r\n\r\n", "  x  ", "\u200b\ufeff", "a" * 300]
    texts += ["".join(text for text, _ in chat.render(build.item_at(9, "train", i))) for i in range(100)]
    lines = run("tokenize", file, "--records", "--no-special", data=b"".join(t.encode() + b"\0" for t in texts)).splitlines()
    assert [json.loads(line) for line in lines] == [reference.encode(t, add_special_tokens=False).ids for t in texts]


def test_prompts_are_those_of_the_folder(vocabulary, tmp_path):
    for i in range(20):
        item = build.item_at(3, "train", i)
        if "text" in item or not item["checks"]:
            continue
        turn = item["checks"][0]["turn"]
        conversation = tmp_path / "conversation.json"
        conversation.write_text(json.dumps({
            "messages": chat.conversation(dict(item, messages=item["messages"][:turn])), "thinking": item["thinking"],
            **({"tools": item["tools"]} if item["tools"] else {})}), encoding="utf-8")
        assert run("template", vocabulary[1], conversation).decode() == chat.prompt(item, turn)
