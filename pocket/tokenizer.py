"""Byte-level BPE of 8,192 tokens with DeepSeek's special tokens, its pre-tokenizer with single digits.

    python -m pocket.tokenizer --out FOLDER [--items 20000]

trains on the training split alone and writes tokenizer.json and tokenizer_config.json.
"""

import argparse
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from . import chat
from .data.build import item_at

VOCABULARY = 8192
# DeepSeek V3's patterns, with one digit where it has up to three.
DIGIT = r"\p{N}"
CJK = "[一-龥\u3040-ゟ゠-ヿ]+"
WORDS = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
         r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def added_tokens():
    special = [AddedToken(text, normalized=False, special=text not in (chat.THINK, chat.END_THINK, chat.DSML))
               for text in chat.SPECIAL]
    return special + [AddedToken(text, normalized=False, special=False) for text in chat.fused_texts()]


def train(texts, vocabulary=VOCABULARY):
    """`texts`: an iterable of plain text, without marks of the format."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in (DIGIT, CJK, WORDS)] +
        [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=False, use_regex=False)
    added = added_tokens()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary - len(added), min_frequency=2, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(texts, trainer)
    # Added behind the vocabulary; what is left of the size stays unused.
    tokenizer.add_tokens([token for token in added if not token.special])
    tokenizer.add_special_tokens([token for token in added if token.special])
    return tokenizer


def training_texts(items, seed=0):
    """The text of items of the training split, cut where fused and special tokens stand."""
    marks = sorted(list(chat.SPECIAL) + chat.fused_texts(), key=len, reverse=True)
    for index in range(items):
        text = "".join(text for text, _ in chat.render(item_at(seed, "train", index)))
        for mark in marks:
            text = text.replace(mark, "\x00")
        yield from (part for part in text.split("\x00") if part)


def save(tokenizer, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": chat.BOS, "eos_token": chat.EOS,
              "pad_token": chat.SPECIAL[2], "add_bos_token": False, "add_eos_token": False,
              "clean_up_tokenization_spaces": False, "model_max_length": 2048}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False, indent=1), encoding="utf-8")


def load(folder):
    return Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))


# Merges that stay in every segmentation: punctuation and the commonest pieces, without which texts grow by half.
_COMMON_MERGES = 800


def segmentations(tokenizer, count=8, seed=1):
    """The tokenizer, and `count` more of the same vocabulary that lack some of the rarer merges.

    A vocabulary learned from the training split has one token for every word of a known tool, while new words
    come in pieces. A model that has read known words in pieces too copies the new ones.
    """
    document = json.loads(tokenizer.to_str())
    merges, found = document["model"]["merges"], [tokenizer]
    for number in range(count):
        rng = random.Random(seed * 1000 + number)
        missing = (number + 1) / count
        document["model"]["merges"] = [m for rank, m in enumerate(merges) if rank < _COMMON_MERGES or rng.random() >= missing]
        found.append(Tokenizer.from_str(json.dumps(document)))
    return found


def encode_pieces(tokenizer, pieces):
    """(ids, weights) of rendered pieces. A token takes the largest weight of the characters it covers.

    The text is tokenized whole, as the program does it, so tokens may reach over the ends of pieces.
    """
    text = "".join(piece for piece, _ in pieces)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    by_character = bytearray()
    for piece, weight in pieces:
        by_character += bytes([weight]) * len(piece)
    weights = [max(by_character[begin:max(end, begin + 1)], default=0) for begin, end in encoding.offsets]
    return encoding.ids, weights


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--items", type=int, default=20000)
    options = parser.parse_args()
    tokenizer = train(training_texts(options.items))
    save(tokenizer, options.out)
    print(f"{tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
