"""Quantised GGUF twins of a golden, and random blocks of every format with the values they stand for."""

import tempfile
import zlib
from pathlib import Path

import gguf
import hf_to_gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.torch import save_file

from . import checkpoint, packing, reference

ROWS, COLUMNS = 4, 512

# Byte offsets of the float16 scales in a block.
_HALF_SCALES = {
    Type.Q4_0: (0,), Type.Q4_1: (0, 2), Type.Q5_0: (0,), Type.Q5_1: (0, 2), Type.Q8_0: (0,), Type.Q2_K: (80, 82),
    Type.Q3_K: (108,), Type.Q4_K: (0, 2), Type.Q5_K: (0, 2), Type.Q6_K: (208,), Type.IQ4_NL: (0,), Type.IQ4_XS: (0,),
    Type.MXFP4: (), Type.BF16: (), Type.F16: (), Type.IQ1_S: (0,), Type.IQ1_M: (), Type.IQ2_XXS: (0,), Type.IQ2_XS: (0,),
    Type.IQ2_S: (0,), Type.IQ3_XXS: (0,), Type.IQ3_S: (0,), Type.TQ1_0: (52,), Type.TQ2_0: (64,),
}  # fmt: skip


def _choose(entry, wanted):
    # llama.cpp's MXFP4 files hold experts as MXFP4 and the rest as Q8_0.
    if wanted == Type.MXFP4 and entry.values.ndim != 3 and "_exps" not in entry.name:
        wanted = Type.Q8_0
    return hf_to_gguf.choose_type(entry, wanted)


def _read_back(written):
    """The checkpoint's tensors that a written file stands for."""
    values = [(e, gguf.quants.dequantize(data, t).reshape(e.values.shape)) for e, t, data in written]
    return {n: torch.from_numpy(np.ascontiguousarray(a)) for n, a in hf_to_gguf.restore_checkpoint(values).items()}


def make_quantized(golden, folder, kind, prompt):
    """Writes model-KIND.gguf and golden-KIND.safetensors: the logits of the dequantised weights."""
    moe = any("experts" in k for k in golden.config)
    choose = _choose if moe else hf_to_gguf.choose_type
    written = hf_to_gguf.convert(folder, folder / f"model-{kind}.gguf", kind, choose)
    tensors = _read_back(written)
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint.write_json(Path(scratch) / "config.json", golden.config)
        checkpoint.write_safetensors(scratch, tensors)
        logits = reference.run_prompt(reference.load(scratch, golden.model_class), prompt)
    save_file({"prompt_ids": prompt.int(), "logits": logits}, folder / f"golden-{kind}.safetensors")


# For formats with an offset, the ratio of its scale to the values' that centres random blocks.
_OFFSETS = {Type.Q4_1: -7.5, Type.Q5_1: -15.5, Type.Q2_K: 1.5, Type.Q4_K: 7.5, Type.Q5_K: 15.5}
_MIXED = {
    "token_embd": Type.Q4_K, "output": Type.Q6_K, "blk.0.attn_q": Type.Q4_K, "blk.0.attn_k": Type.Q5_K,
    "blk.0.attn_v": Type.Q6_K, "blk.0.attn_output": Type.Q3_K, "blk.0.ffn_gate": Type.IQ4_XS, "blk.0.ffn_up": Type.Q2_K,
    "blk.0.ffn_down": Type.Q6_K, "blk.1.attn_q": Type.Q5_K, "blk.1.attn_k": Type.Q4_1, "blk.1.attn_v": Type.Q5_0,
    "blk.1.attn_output": Type.IQ4_NL, "blk.1.ffn_gate": Type.Q4_K, "blk.1.ffn_up": Type.Q4_K, "blk.1.ffn_down": Type.Q5_K,
}  # fmt: skip


def _choose_mixed(entry, _):
    return _MIXED.get(entry.name.removesuffix(".weight"), Type.F32)


def _encode_random(entry, kind):
    """Random blocks with the spread of the entry's values: no quantiser exists in Python for these formats."""
    if kind == Type.F32:
        return hf_to_gguf.quantize(entry, kind)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    random = np.random.default_rng(zlib.crc32(entry.name.encode()))
    blocks = random.integers(0, 256, (entry.values.size // block, size), dtype=np.uint8)

    def encode(scale):
        for offset, factor in zip(_HALF_SCALES[kind], (1, _OFFSETS.get(kind)), strict=False):
            blocks[:, offset : offset + 2] = np.float16([scale * factor]).view(np.uint8)
        return blocks.reshape(entry.values.shape[0], -1)

    unit = gguf.quants.dequantize(encode(1.0), kind).std()
    return encode(entry.values.std() / unit)


def write_mixed(folder, out):
    """Writes a GGUF of random blocks in many formats; returns the checkpoint's tensors that it stands for."""
    return _read_back(hf_to_gguf.convert(folder, out, "Q4_K_M", _choose_mixed, _encode_random))


def _random_blocks(kind, random):
    block, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (ROWS * COLUMNS // block, size), dtype=np.uint8)
    if kind in (Type.F16, Type.BF16):
        values = random.standard_normal((ROWS, COLUMNS)).astype(np.float32) * 3
        return gguf.quants.quantize(values, kind).view(np.uint8).reshape(ROWS, -1)
    if kind == Type.MXFP4:
        blocks[:, 0] = random.integers(110, 140, len(blocks))
        blocks[:4, 0] = (0, 1, 2, 250)
    if kind == Type.IQ1_M:  # a nibble of the scale in each of four places: its exponent stays below infinity's
        blocks[:, 55] &= 0xBF
    if kind == Type.TQ2_0:
        blocks[:, :64] &= ~(blocks[:, :64] >> 1 & 0x55)  # a pair is 0, 1 or 2
    for offset in _HALF_SCALES[kind]:
        scales = random.uniform(-0.1, 0.1, len(blocks)).astype(np.float16)
        blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(ROWS, -1)


def _save(folder, name, tensors):
    save_file(dict(sorted(tensors.items())), folder / f"{name}.safetensors")


def make_blocks(folder):
    """Writes one file per block format, and one per format of published checkpoints."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in _HALF_SCALES:
        blocks = _random_blocks(kind, np.random.default_rng(int(kind)))
        raw = blocks if kind not in (Type.F16,) else blocks.view(np.float16)
        values = gguf.quants.dequantize(raw, kind).astype(np.float32).reshape(ROWS, COLUMNS)
        assert np.isfinite(values).all()
        _save(folder, kind.name, {"blocks": torch.from_numpy(blocks.copy()), "values": torch.from_numpy(values)})
    _make_float8(folder)
    _make_packed(folder)


def _make_float8(folder):
    codes = torch.arange(256, dtype=torch.uint8)
    for name, dtype, values in (
        ("FP8_E4M3", torch.float8_e4m3fn, packing.e4m3_values()),
        ("E8M0", torch.float8_e8m0fnu, packing.e8m0_values()),
    ):
        values = torch.from_numpy(values)
        assert torch.equal(codes.view(dtype).float().nan_to_num(-1), values.nan_to_num(-1))
        _save(folder, name, {"codes": codes, "values": values})


def _make_packed(folder):
    generator = torch.Generator().manual_seed(7)

    def weight(rows, columns):
        return torch.randn(rows, columns, generator=generator)

    codes, scales = packing.quantize_fp8(weight(200, 136), power_of_two=False)
    _save(
        folder,
        "FP8_BLOCK_128",
        {"weight": codes, "weight_scale_inv": scales, "values": packing.dequantize_fp8(codes, scales)},
    )
    for name, zero_points in (("INT4_PACK", False), ("INT4_PACK_ZERO_POINT", True)):
        packed = packing.quantize_int4(weight(12, 96), zero_points=zero_points)
        _save(folder, name, packed | {"values": packing.dequantize_int4(packed)})
    packed, scales = packing.quantize_mxfp4(weight(8, 96))
    values = packing.dequantize_mxfp4(packed, scales)
    _save(folder, "MXFP4_PACK", {"weight_packed": packed, "weight_scale": scales, "values": values})
    # DeepSeek-V4's names for the same layout: signed bytes and scales typed as E8M0.
    native = {"weight": packed.view(torch.int8), "scale": scales.view(torch.float8_e8m0fnu), "values": values}
    _save(folder, "MXFP4_DEEPSEEK_V4", native)
