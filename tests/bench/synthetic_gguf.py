"""GGUF files of honest shapes and random weights, to measure speed with: no download, the same for every program.

    python tests/bench/synthetic_gguf.py FOLDER --models qwen3-0.6b,qwen3-moe-2b --types q8_0,q4_k

Speed does not depend on what the weights say, only on how they are stored; so blocks of a type are drawn once
and repeated, scaled so that activations stay of ordinary size and no path sees infinities. The vocabulary is a
real byte-level one (every pair of bytes merges, then triples), so that programs that load it accept it.
"""

import argparse
import dataclasses
import pathlib
import sys

import gguf
import numpy as np

Q = gguf.GGMLQuantizationType
POOL_BLOCKS = 1 << 15  # drawn of each type


@dataclasses.dataclass(frozen=True)
class Shape:
    arch: str
    vocab: int
    layers: int
    d: int
    ff: int
    heads: int
    kv_heads: int
    head_dim: int = 128
    tied: bool = True
    rope_base: float = 1e6
    experts: int = 0
    top_k: int = 0
    expert_ff: int = 0
    # Latent attention and its mixture, as DeepSeek-V3 has them.
    dense_layers: int = 0
    shared: int = 0
    groups: int = 1
    top_groups: int = 1
    q_rank: int = 0
    kv_rank: int = 0
    rope_dim: int = 64
    value_dim: int = 128


SHAPES = {
    # 896 columns: no block of 256 fits, so most of its 4-bit file has 5-bit and 8-bit blocks of 32.
    "qwen2.5-0.5b": Shape("qwen2", 151936, 24, 896, 4864, 14, 2, head_dim=64),
    "qwen3-0.6b": Shape("qwen3", 151936, 28, 1024, 3072, 16, 8),
    "qwen3-1.7b": Shape("qwen3", 151936, 28, 2048, 6144, 16, 8),
    "qwen3-4b": Shape("qwen3", 151936, 36, 2560, 9728, 32, 8),
    # 18 x 64 experts of 3 x 1024 x 512, and 0.25 B of everything else.
    "qwen3-moe-2b": Shape("qwen3moe", 151936, 18, 1024, 3072, 16, 4, experts=64, top_k=8, expert_ff=512),
    # DeepSeek-V3's proportions: one dense layer, then 64 experts of which 8 in 4 of 8 groups, and a shared one.
    "deepseek-v3-2b": Shape("deepseek2", 129280, 18, 1024, 4096, 16, 1, tied=False, rope_base=1e4, experts=64,
                            top_k=8, expert_ff=512, dense_layers=1, shared=1, groups=8, top_groups=4, q_rank=768,
                            kv_rank=512),
    # For tests: the same architectures, as small as their blocks of 256 allow.
    "tiny-qwen2": Shape("qwen2", 512, 2, 96, 256, 2, 1, head_dim=48),
    "tiny-qwen3": Shape("qwen3", 512, 2, 256, 512, 4, 2, head_dim=64),
    "tiny-qwen3-moe": Shape("qwen3moe", 512, 2, 256, 512, 4, 2, head_dim=64, experts=8, top_k=2, expert_ff=256),
    "tiny-deepseek-v3": Shape("deepseek2", 512, 3, 256, 512, 4, 1, head_dim=32, tied=False, rope_base=1e4,
                              experts=8, top_k=2, expert_ff=256, dense_layers=1, shared=1, groups=4, top_groups=2,
                              q_rank=256, kv_rank=256, rope_dim=32, value_dim=64),
}
TYPES = {"bf16": Q.BF16, "q8_0": Q.Q8_0, "q4_0": Q.Q4_0, "q4_k": Q.Q4_K, "q4_k_m": Q.Q4_K, "q3_k": Q.Q3_K,
         "q2_k": Q.Q2_K, "iq1_s": Q.IQ1_S, "iq2_xxs": Q.IQ2_XXS, "iq2_s": Q.IQ2_S, "iq3_xxs": Q.IQ3_XXS,
         "iq3_s": Q.IQ3_S}
FILE_TYPES = {"bf16": gguf.LlamaFileType.MOSTLY_BF16, "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
              "q4_0": gguf.LlamaFileType.MOSTLY_Q4_0, "q4_k": gguf.LlamaFileType.MOSTLY_Q4_K_S,
              "q4_k_m": gguf.LlamaFileType.MOSTLY_Q4_K_M, "q3_k": gguf.LlamaFileType.MOSTLY_Q3_K_S,
              "q2_k": gguf.LlamaFileType.MOSTLY_Q2_K, "iq1_s": gguf.LlamaFileType.MOSTLY_IQ1_S,
              "iq2_xxs": gguf.LlamaFileType.MOSTLY_IQ2_XXS, "iq2_s": gguf.LlamaFileType.MOSTLY_IQ2_S,
              "iq3_xxs": gguf.LlamaFileType.MOSTLY_IQ3_XXS, "iq3_s": gguf.LlamaFileType.MOSTLY_IQ3_S}


# ---- blocks ----------------------------------------------------------------------------------


def halves(values):
    return np.asarray(values, np.float16).reshape(-1, 1).view(np.uint8)


def pool_bf16(rng, n):
    return (rng.standard_normal((n, 1), np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)


def pool_f32(rng, n):
    return rng.standard_normal((n, 1), np.float32).view(np.uint8)


def pool_q8_0(rng, n):
    # Uniform bytes have a deviation of 73.9.
    return np.hstack([halves(np.full(n, 1 / 73.9)), rng.integers(0, 256, (n, 32), np.uint8)])


def pool_q4_0(rng, n):
    # Nibbles less 8, uniform: a deviation of 4.64.
    return np.hstack([halves(np.full(n, 1 / 4.64)), rng.integers(0, 256, (n, 16), np.uint8)])


def pool_q4_k(rng, n):
    """value = d * scale * nibble - dmin * min. With min = scale and dmin = 7.5 d the mean is 0."""
    scale = rng.integers(32, 64, (n, 8), np.uint8)
    packed = np.zeros((n, 12), np.uint8)  # scales 0-3, mins 0-3, then the others in what is left of the bytes
    packed[:, 0:4] = scale[:, 0:4] | (scale[:, 4:8] >> 4 << 6)
    packed[:, 4:8] = scale[:, 0:4] | (scale[:, 4:8] >> 4 << 6)
    packed[:, 8:12] = (scale[:, 4:8] & 15) | ((scale[:, 4:8] & 15) << 4)
    d = np.full(n, 1 / (4.61 * 48.4))
    return np.hstack([halves(d), halves(7.5 * d), packed, rng.integers(0, 256, (n, 128), np.uint8)])


def pool_q6_k(rng, n):
    """value = d * scale * (six bits - 32)."""
    scale = rng.integers(64, 128, (n, 16), np.int8) * rng.choice(np.array([-1, 1], np.int8), (n, 16))
    return np.hstack([rng.integers(0, 256, (n, 192), np.uint8), scale.view(np.uint8),
                      halves(np.full(n, 1 / (18.5 * 97.3)))])


def pool_q3_k(rng, n):
    """value = d * (six bits - 32) * (three bits - 4)."""
    return np.hstack([rng.integers(0, 256, (n, 108), np.uint8), halves(np.full(n, 1 / (18.5 * 2.35)))])


def pool_q2_k(rng, n):
    """value = d * scale * two bits - dmin * min. With min = scale and dmin = 1.5 d the mean is 0."""
    scale = rng.integers(8, 16, (n, 16), np.uint8)
    d = np.full(n, 1 / (1.12 * 11.7))
    return np.hstack([scale | scale << 4, rng.integers(0, 256, (n, 64), np.uint8), halves(d), halves(1.5 * d)])


def pool_bits(kind):
    """Codes, signs and scales are uniform bits behind d, which makes the deviation 1."""
    def pool(rng, n):
        blocks = rng.integers(0, 256, (n, gguf.GGML_QUANT_SIZES[kind][1]), np.uint8)
        blocks[:, 0:2] = halves(np.ones(n))
        deviation = gguf.quants.dequantize(blocks[:256].reshape(1, -1), kind).std()
        blocks[:, 0:2] = halves(np.full(n, 1 / deviation))
        return blocks
    return pool


GRIDS = (Q.IQ1_S, Q.IQ2_XXS, Q.IQ2_S, Q.IQ3_XXS, Q.IQ3_S)
D_FIRST = (Q.Q5_0, Q.IQ4_NL, *GRIDS)
POOLS = {**{kind: pool_bits(kind) for kind in D_FIRST}, Q.F32: pool_f32, Q.BF16: pool_bf16, Q.Q8_0: pool_q8_0,
         Q.Q4_0: pool_q4_0, Q.Q4_K: pool_q4_k, Q.Q6_K: pool_q6_k, Q.Q3_K: pool_q3_k, Q.Q2_K: pool_q2_k}
# Where the block keeps what scales it: bytes of f16, from and to. Plain numbers are scaled as they are drawn.
SCALES = {Q.Q8_0: (0, 2), Q.Q4_0: (0, 2), Q.Q4_K: (0, 4), Q.Q6_K: (208, 210), Q.Q3_K: (108, 110),
          Q.Q2_K: (80, 84), **{kind: (0, 2) for kind in D_FIRST}}
# What llama.cpp's quantizer takes where no block of 256 fits.
INSTEAD = {Q.Q4_K: Q.Q5_0, Q.Q6_K: Q.Q8_0, **{kind: Q.IQ4_NL for kind in (Q.Q2_K, Q.Q3_K, *GRIDS)}}


class Blocks:
    """Packed rows of random weights."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.pools = {}

    def pool(self, kind, deviation):
        key = (kind, round(deviation, 6))
        if key not in self.pools:
            pool = np.ascontiguousarray(POOLS[kind](self.rng, POOL_BLOCKS))
            if kind in SCALES:
                begin, end = SCALES[kind]
                factors = np.ascontiguousarray(pool[:, begin:end]).view(np.float16).astype(np.float32) * deviation
                pool[:, begin:end] = factors.astype(np.float16).view(np.uint8)
            elif kind == Q.BF16:
                values = (pool.view(np.uint16).astype(np.uint32) << 16).view(np.float32) * np.float32(deviation)
                pool = (values.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
            else:
                pool = (pool.view(np.float32) * np.float32(deviation)).view(np.uint8)
            self.pools[key] = pool
        return self.pools[key]

    def rows(self, kind, dims, deviation):
        """Bytes of a tensor, [*dims[:-1], bytes of a row]; no two rows begin at the same block by design."""
        block, size = gguf.GGML_QUANT_SIZES[kind]
        assert dims[-1] % block == 0, f"{dims} in blocks of {block}"
        pool = self.pool(kind, deviation)
        count = int(np.prod(dims)) // block
        out = np.empty((count, size), np.uint8)
        at, begin = 0, int(self.rng.integers(POOL_BLOCKS))
        while at < count:
            take = min(count - at, POOL_BLOCKS - begin)
            out[at:at + take] = pool[begin:begin + take]
            at += take
            begin = int(self.rng.integers(POOL_BLOCKS // 2))
        return out.reshape(*dims[:-1], dims[-1] // block * size)


# ---- what a file holds -----------------------------------------------------------------------


def byte_level():
    """The 256 characters that stand for bytes."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in visible]
    return [chr(b) if b in visible else chr(256 + hidden.index(b)) for b in range(256)]


def vocabulary(size):
    """Tokens, their types and merges: bytes, pairs, triples, and four control tokens at the end."""
    special = ["<|bos|>", "<|endoftext|>", "<|pad|>", "<|im_end|>"]  # names that programs know for ends
    characters = byte_level()
    tokens, merges = list(characters), []
    for known in (characters, [a + b for a in characters for b in characters]):
        for left in known:
            for right in characters:
                if len(tokens) == size - len(special):
                    break
                tokens.append(left + right)
                merges.append(f"{left} {right}")
    types = [gguf.TokenType.NORMAL] * len(tokens) + [gguf.TokenType.CONTROL] * len(special)
    return tokens + special, types, merges


def add_metadata(writer, name, shape, kind):
    writer.add_type("model")
    writer.add_name(f"synthetic {name}")
    writer.add_file_type(FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(shape.layers)
    writer.add_context_length(40960)
    writer.add_embedding_length(shape.d)
    writer.add_feed_forward_length(shape.ff)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(shape.vocab)
    if shape.experts:
        writer.add_expert_count(shape.experts)
        writer.add_expert_used_count(shape.top_k)
        writer.add_expert_feed_forward_length(shape.expert_ff)
    if shape.arch == "deepseek2":
        writer.add_key_length(shape.kv_rank + shape.rope_dim)
        writer.add_value_length(shape.kv_rank)
        writer.add_key_length_mla(shape.head_dim + shape.rope_dim)
        writer.add_value_length_mla(shape.value_dim)
        writer.add_q_lora_rank(shape.q_rank)
        writer.add_kv_lora_rank(shape.kv_rank)
        writer.add_rope_dimension_count(shape.rope_dim)
        writer.add_leading_dense_block_count(shape.dense_layers)
        writer.add_expert_shared_count(shape.shared)
        writer.add_expert_group_count(shape.groups)
        writer.add_expert_group_used_count(shape.top_groups)
        writer.add_expert_weights_scale(2.5)
        writer.add_expert_weights_norm(True)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    else:
        writer.add_key_length(shape.head_dim)
        writer.add_value_length(shape.head_dim)
    tokens, types, merges = vocabulary(shape.vocab)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("deepseek-v3" if shape.arch == "deepseek2" else "qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    for i, role in enumerate(["bos", "eos", "pad", "eot"]):
        getattr(writer, f"add_{role}_token_id")(shape.vocab - 4 + i)
    writer.add_add_bos_token(False)


def attention(shape):
    """(name, dims) of a layer's attention; dims outermost first, one number for a norm."""
    d, h, n = shape.d, shape.heads, shape.head_dim
    if shape.arch != "deepseek2":
        k = shape.kv_heads * n
        vectors = ([("attn_q.bias", (h * n,)), ("attn_k.bias", (k,)), ("attn_v.bias", (k,))] if shape.arch == "qwen2" else
                   [("attn_q_norm", (n,)), ("attn_k_norm", (n,))])
        return [("attn_norm", (d,)), ("attn_q", (h * n, d)), ("attn_k", (k, d)), ("attn_v", (k, d)),
                ("attn_output", (d, h * n)), *vectors]
    r = shape.kv_rank
    return [("attn_norm", (d,)), ("attn_q_a", (shape.q_rank, d)), ("attn_q_a_norm", (shape.q_rank,)),
            ("attn_q_b", (h * (n + shape.rope_dim), shape.q_rank)), ("attn_kv_a_mqa", (r + shape.rope_dim, d)),
            ("attn_kv_a_norm", (r,)), ("attn_k_b", (h, r, n)), ("attn_v_b", (h, shape.value_dim, r)),
            ("attn_output", (d, h * shape.value_dim))]


def feed_forward(shape, layer):
    d = shape.d
    if not shape.experts or layer < shape.dense_layers:
        return [("ffn_gate", (shape.ff, d)), ("ffn_up", (shape.ff, d)), ("ffn_down", (d, shape.ff))]
    e, f = shape.experts, shape.expert_ff
    tensors = [("ffn_gate_inp", (e, d)), ("ffn_gate_exps", (e, f, d)), ("ffn_up_exps", (e, f, d)),
               ("ffn_down_exps", (e, d, f))]
    if shape.shared:
        s = shape.shared * f
        tensors += [("ffn_gate_shexp", (s, d)), ("ffn_up_shexp", (s, d)), ("ffn_down_shexp", (d, s))]
    if shape.arch == "deepseek2":
        tensors.append(("exp_probs_b.bias", (e,)))
    return tensors


def tensors(shape):
    """(full name, dims) in the order of the forward pass."""
    found = [("token_embd.weight", (shape.vocab, shape.d))]
    for layer in range(shape.layers):
        for name, dims in [*attention(shape), ("ffn_norm", (shape.d,)), *feed_forward(shape, layer)]:
            found.append((f"blk.{layer}.{name}" + ("" if "." in name else ".weight"), dims))
    found.append(("output_norm.weight", (shape.d,)))
    if not shape.tied:
        found.append(("output.weight", (shape.vocab, shape.d)))
    return found


def kind_of(name, dims, shape, kind):
    """As llama.cpp's quantizer chooses: norms and routers stay f32, columns that no block fits get another type."""
    if len(dims) == 1 or "ffn_gate_inp" in name:
        return Q.F32
    wanted = TYPES[kind]
    if kind == "q4_k_m":
        last = name == "output.weight" or (name == "token_embd.weight" and shape.tied)
        layer = int(name.split(".")[1]) if name.startswith("blk.") else 0
        eighth = shape.layers // 8
        more = layer < eighth or layer >= 7 * shape.layers // 8 or (layer - eighth) % 3 == 2
        if last or (("ffn_down" in name or "attn_v." in name) and more):
            wanted = Q.Q6_K
    if gguf.GGML_QUANT_SIZES[wanted][0] == 256 and dims[-1] % 256:
        return INSTEAD[wanted] if dims[-1] % 32 == 0 else Q.BF16
    return wanted


def write(path, name, kind, seed=1):
    """Writes the shape `name` with weights of `kind`; the file appears when it is whole."""
    shape, blocks = SHAPES[name], Blocks(seed)
    path = pathlib.Path(path)
    partial = path.with_name(path.name + ".partial")
    writer = gguf.GGUFWriter(partial, shape.arch)
    add_metadata(writer, name, shape, kind)
    plan = [(tensor, dims, kind_of(tensor, dims, shape, kind)) for tensor, dims in tensors(shape)]
    for tensor, dims, dtype in plan:
        block, size = gguf.GGML_QUANT_SIZES[dtype]
        bytes_ = int(np.prod(dims)) // block * size
        stored = dims if dtype == Q.F32 else (*dims[:-1], dims[-1] // block * size)
        writer.add_tensor_info(tensor, stored, np.dtype(np.float32 if dtype == Q.F32 else np.uint8), bytes_,
                               raw_dtype=dtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor, dims, dtype in plan:
        if len(dims) == 1:
            values = np.zeros(dims) if tensor.endswith("bias") else np.ones(dims)
            writer.write_tensor_data(values.astype(np.float32))
        else:
            # Of a product with a unit-sized input, outputs of about unit size.
            deviation = 0.02 if tensor == "token_embd.weight" else dims[-1] ** -0.5
            writer.write_tensor_data(blocks.rows(dtype, dims, deviation))
    writer.close()
    partial.rename(path)
    return path


def ensure(folder, name, kind):
    """The file in the folder, made if it is not there."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{kind}.gguf"
    return path if path.exists() else write(path, name, kind)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--models", default="qwen3-0.6b", help=", ".join(SHAPES))
    parser.add_argument("--types", default="q8_0", help=", ".join(TYPES))
    options = parser.parse_args()
    for name in options.models.split(","):
        for kind in options.types.split(","):
            if name not in SHAPES or kind not in TYPES:
                sys.exit(f"{name} {kind}: models are {', '.join(SHAPES)}; types are {', '.join(TYPES)}")
            path = ensure(options.folder, name, kind)
            print(f"{path}  {path.stat().st_size / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
