"""Published UTF-8 test cases, byte by byte through the streaming decoder: only whole characters come out,
and what is ill-formed is replaced as the cases say, however it arrives."""
import json
import sys

import pytest

from test_tokenizers import DATA, ROOT, decode, encode

sys.path.insert(0, str(ROOT / "tools"))
from make_random_checkpoint import byte_tokenizer  # noqa: E402

CASES = DATA / "text" / "utf8tests.txt"
needs_cases = pytest.mark.skipif(not CASES.is_file(), reason=f"{CASES} is absent: its UTF-8 cases are left out")


def bytes_of(text):
    return b"" if text in ("nothing", "") else bytes.fromhex(text)


def cases():
    """(bytes, expected bytes): the same for valid cases, with U+FFFD in place of errors for the others."""
    for line in CASES.read_text().splitlines():
        number, kind, *rest = line.split(":") if line and not line.startswith("#") else ("", "")
        if kind == "valid":
            yield ":".join(rest).encode(), ":".join(rest).encode()
        elif kind == "valid hex":
            yield bytes_of(rest[0]), bytes_of(rest[0])
        elif kind == "invalid hex":
            yield bytes_of(rest[0]), bytes_of(rest[2])


@pytest.fixture
def tokenizer(tmp_path):
    """A tokenizer whose ids are bytes."""
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(byte_tokenizer()))
    return path


@needs_cases
def test_bytes_in_text_out(tokenizer):
    given, expected = zip(*cases())
    assert len(given) > 100
    texts = [e.decode() for e in expected]
    assert decode(tokenizer, [list(g) for g in given]) == texts
    assert decode(tokenizer, [list(g) for g in given], "--stream") == texts


@needs_cases
def test_text_in_bytes_out(tokenizer):
    pairs = [(g, e) for g, e in cases() if b"\0" not in g]  # NUL separates the records
    assert encode(tokenizer, [g for g, _ in pairs]) == [list(e) for _, e in pairs]
