"""A checkpoint that says what a test wants: after each token comes the one that the script names.

It is a Qwen3 of one layer that adds nothing, with one-hot embeddings, so that the logits depend on the
last token alone and the language head is the script.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

CHARACTERS = [chr(c) for c in range(33, 127)] + ["Ġ", "Ċ"]  # byte-level: space and line end
ADDED = ["<|eos|>", "<|user|>", "<|assistant|>", "<think>", "</think>"]
VOCAB = {text: i for i, text in enumerate(CHARACTERS + ADDED)}
# With tools: what the model says after a result depends on the last character of the result itself.
TOOL_TEMPLATE = (
    "{%- if tools -%}{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|eos|>{%- endif -%}"
    "{%- for m in messages -%}"
    "{%- if m.role == 'assistant' -%}<|assistant|>{{ m.content }}"
    "{%- for call in m.tool_calls or [] -%}<tool_call>\n"
    "{\"name\": \"{{ call.function.name }}\", \"arguments\": {{ call.function.arguments | tojson }}}"
    "\n</tool_call>{%- endfor -%}<|eos|>"
    "{%- elif m.role == 'system' -%}{{ m.content }}<|eos|>"
    "{%- elif m.role == 'tool' -%}{{ m.content }}{{ m.content | replace('\"', '') | replace('}', '') | last }}"
    "{%- else -%}<|user|>{{ m.content }}{%- endif -%}"
    "{%- endfor -%}"
)


def call(name: str, /, **arguments) -> str:
    return f'<tool_call>\n{json.dumps({"name": name, "arguments": arguments})}\n</tool_call>'
WIDTH = 128
# The user's last character decides how the answer begins: there is no generation prompt but the role.
TEMPLATE = (
    "{%- for m in messages -%}"
    "{%- if m.role == 'assistant' -%}<|assistant|>{{ m.content }}<|eos|>"
    "{%- elif m.role == 'system' -%}{{ m.content }}<|eos|>"
    "{%- else -%}<|user|>{{ m.content }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if enable_thinking is defined and enable_thinking -%}<think>{%- endif -%}"
)


def spelled(text: str) -> str:
    """As byte-level BPE spells it: visible bytes of Latin-1 as themselves, the others from U+0100 on."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return "".join(chr(byte) if byte in visible else chr(256 + hidden.index(byte)) for byte in text.encode())


def token_ids(text: str, vocab: dict = VOCAB) -> list[int]:
    ids = []
    long = [token for token in vocab if len(token) > 1]
    text = spelled(text)
    while text:
        token = max((token for token in long if text.startswith(token)), key=len, default=text[0])
        ids.append(vocab[token])
        text = text[len(token):]
    return ids


def tokenizer_json(vocab: dict = VOCAB) -> dict:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = [
        {"id": VOCAB[text], "content": text, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": "think" not in text}
        for text in ADDED
    ]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "ignore_merges": False, "vocab": {t: i for t, i in vocab.items() if t not in ADDED},
                  "merges": []},
    }


def write_script_model(folder: Path, scripts: list[str], context: int = 1_000_000, words: list[str] = (),
                       template: str = TEMPLATE) -> Path:
    """Each script is a walk: every token in it is followed by the next one. Others end the text.

    `words` are tokens too, for what a walk by characters cannot say; no text is ever cut into them.
    """
    vocab = VOCAB | {spelled(word): len(VOCAB) + i for i, word in enumerate(words)}
    follows = {i: VOCAB["<|eos|>"] for i in range(len(vocab))}
    for script in scripts:
        ids = token_ids(script, vocab)
        follows.update(zip(ids, ids[1:]))
    head = np.zeros((len(vocab), WIDTH), np.float32)
    for token, following in follows.items():
        head[following, token] = 3
    zeros = lambda *shape: np.zeros(shape, np.float32)
    ones = lambda n: np.ones(n, np.float32)
    embeddings = np.eye(len(vocab), WIDTH, dtype=np.float32)
    layer = "model.layers.0."
    folder.mkdir(parents=True, exist_ok=True)
    save_file({
        "model.embed_tokens.weight": embeddings,
        layer + "input_layernorm.weight": ones(WIDTH),
        layer + "post_attention_layernorm.weight": ones(WIDTH),
        layer + "self_attn.q_proj.weight": zeros(32, WIDTH),
        layer + "self_attn.k_proj.weight": zeros(16, WIDTH),
        layer + "self_attn.v_proj.weight": zeros(16, WIDTH),
        layer + "self_attn.o_proj.weight": zeros(WIDTH, 32),
        layer + "self_attn.q_norm.weight": ones(16),
        layer + "self_attn.k_norm.weight": ones(16),
        layer + "mlp.gate_proj.weight": zeros(32, WIDTH),
        layer + "mlp.up_proj.weight": zeros(32, WIDTH),
        layer + "mlp.down_proj.weight": zeros(WIDTH, 32),
        "model.norm.weight": ones(WIDTH),
        "lm_head.weight": head,
    }, folder / "model.safetensors")
    config = {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": False,
        "head_dim": 16, "hidden_act": "silu", "hidden_size": WIDTH, "intermediate_size": 32,
        "max_position_embeddings": context, "num_attention_heads": 2, "num_hidden_layers": 1,
        "num_key_value_heads": 1, "rms_norm_eps": 1e-6, "rope_scaling": None, "rope_theta": 10000.0,
        "sliding_window": None, "tie_word_embeddings": False, "torch_dtype": "float32",
        "use_sliding_window": False, "vocab_size": len(vocab), "eos_token_id": VOCAB["<|eos|>"],
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(vocab)))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|eos|>"}))
    (folder / "chat_template.jinja").write_text(template)
    return folder
