"""Where the attention should look to choose a tool and to call it: places of tokens, hop by hop.

A tool that shares words with the request is chosen in four hops:

    named   what is declared of a tool looks back at the tool's name
    found   a word of the request looks at the same word in a declaration, or at one of the same meaning (data/families.py)
    asked   where the assistant names a tool, it looks at the words of the request that were found there
    chosen  and then at the name itself, token by token

and a fifth spells what follows the name:

    copied  what an argument is called looks at the declaration, its value at the request or the thought, a result that is
            told at what was given, token by token
"""

import bisect
import dataclasses
import functools
import itertools
import os
import re

from . import chat
from .data import families

HOPS = ("named", "found", "asked", "chosen", "copied")
_FEW = 2  # a word that stands in more tools than these tells none of them
_FEWEST_LETTERS, _FEWEST_INSIDE = 3, 5  # of what stands alike from a word's begin on, or inside; a Chinese character is enough
_ENDINGS = ("ing", "ed", "es", "er", "en", "s", "e", "t", "n")
_LONGEST_NAME = 40  # tokens
_LONGEST_PHRASE = 6  # words


def of_sample(tokenizer, begun, branches, first):
    """{hop: [(query, targets, tool, what it sees)]} and the names' ranges, of a sample whose tokens stand in a row from
    `first` on: the beginning, then its continuations; ({}, []) where there is no choice. `tokenizer`: of the vocabulary
    that the tokens are of."""
    declared = _Declared(tokenizer, begun)
    if len(declared.tools) < 2:
        return {}, []
    move = lambda places: range(places.start + first, places.stop + first)
    here, place = range(first, first + len(begun)), len(begun)
    found = {"named": [(first + query, [first + t for t in targets], tool, (here,)) for query, targets, tool in declared.named()]}
    parts = [(begun, 0, declared.end)]
    for branch in branches:
        parts.append((branch, place, 0))
        place += len(branch)
    for ids, at, begin in parts:
        seen = (here,) if at == 0 else (here, range(first + at, first + at + len(ids)))
        for hop, queries in declared.hops(ids, at, begin).items():
            found.setdefault(hop, []).extend((first + query, [first + t for t in targets], tool, seen) for query, targets, tool in queries)
    return found, [move(tool.name_places()) for tool in declared.tools]


@functools.lru_cache(maxsize=16)
def _characters(tokenizer):
    """The text of every token, in the alphabet of bytes where each byte is one character."""
    return [tokenizer.id_to_token(i) or "" for i in range(tokenizer.get_vocab_size())]


_WORD = re.compile(r"[A-ZÄÖÜ]?[a-zäöüß]+|[A-ZÄÖÜ]+|[\u4e00-\u9fff]")


def _split(text):
    """Its words in small letters; of Chinese its characters."""
    return tuple(word.lower() for word in _WORD.findall(text))


@functools.cache
def _meanings():
    """{words: what they mean}, in three languages."""
    return {_split(phrase): meanings for phrase, meanings in families.meanings().items()}


@functools.lru_cache(maxsize=16)
def _plain(tokenizer):
    """What every token says, without spaces around it; "" of marks and of parts of a character."""
    said = [tokenizer.decode([i]).strip() for i in range(tokenizer.get_vocab_size())]
    return ["" if "\ufffd" in text else text for text in said]


def _is_chinese(text):
    return ord(text[0]) > 0x2fff


def _stem(word):
    """Without an ending that the same word may lack elsewhere."""
    return next((word[:-len(ending)] for ending in _ENDINGS if word.endswith(ending) and len(word) - len(ending) >= 3), word)


@functools.lru_cache(maxsize=16)
def _words(tokenizer):
    """What every token says, in whatever spelling and without endings; None of what is no word."""
    said = []
    for i in range(tokenizer.get_vocab_size()):
        text = tokenizer.decode([i], skip_special_tokens=False).strip().lower().lstrip("_-")
        alone = len(text) == 1 and not _is_chinese(text)
        said.append(_stem(text) if text[:1].isalnum() and not alone else None)
    return said


def _bytes():
    """{letter of the alphabet of bytes: byte}: those that print stand for themselves, the others follow from 256 on."""
    own = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {chr(256 + i): byte for i, byte in enumerate(others)}


_BYTES = _bytes()


class _Text:
    """Tokens as one text in the alphabet of bytes."""

    def __init__(self, texts, ids):
        self.ids, self.said = ids, "".join(texts[token] for token in ids)
        self.begins = [0, *itertools.accumulate(len(texts[token]) for token in ids)]

    def phrases(self, begin, end):
        """[(range of tokens, meanings)] of the longest phrases in the tokens [begin, end) that mean something."""
        first, words = self.begins[begin], []  # (word, its first byte, the byte behind it)
        text = bytes(_BYTES.get(c, ord("?")) for c in self.said[first:self.begins[end]]).decode("utf-8", "surrogateescape")
        at = [first, *(first + n for n in itertools.accumulate(len(c.encode("utf-8", "surrogateescape")) for c in text))]
        words = [(match[0].lower(), at[match.start()], at[match.end()]) for match in _WORD.finditer(text)]
        found, k = [], 0
        while k < len(words):
            for count in range(min(_LONGEST_PHRASE, len(words) - k), 0, -1):
                meanings = _meanings().get(tuple(word for word, _, _ in words[k:k + count]))
                if meanings:
                    found.append((range(self.token_at(words[k][1]), self.token_at(words[k + count - 1][2] - 1) + 1), meanings))
                    break
            k += count if meanings else 1
        return found

    def first_letter(self, token):
        begin, end = self.begins[token], self.begins[token + 1]
        return begin + (self.said[begin] == "Ġ" and end > begin + 1)

    def token_at(self, c):
        return bisect.bisect_right(self.begins, c) - 1


def _alike_length(a, b):
    """How long both are the same; without a number that goes on in one of them."""
    length = len(os.path.commonprefix((a, b)))
    if a[length:length + 1].isdigit() or b[length:length + 1].isdigit():
        length = len(a[:length].rstrip("0123456789"))
    return length


@dataclasses.dataclass
class _Tool:
    name: str
    begin: int  # its tokens
    end: int
    name_begin: int  # the tokens of its name
    name_ends: list  # and with each of them, how many characters of it

    def name_places(self):
        return range(self.name_begin, self.name_begin + len(self.name_ends))


class _Declared:
    """The tools that the beginning of a conversation declares. Places are counted from its first token."""

    _NAME = '{"name":Ġ"'

    def __init__(self, tokenizer, ids):
        self.ids, self.texts, self.words, self.plain = ids, _characters(tokenizer), _words(tokenizer), _plain(tokenizer)
        mark = tokenizer.token_to_id
        self.user, self.assistant = mark(chat.USER), mark(chat.ASSISTANT)
        # Behind each a name, up to the second mark.
        self.name_marks = {mark(chat.THINK): "Ċ", mark("Ċ"): "Ċ", mark(chat.INVOKE): '"'}
        self.end_of_thought, self.end_of_turn = mark(chat.END_THINK), mark(chat.EOS)
        self.thoughts = {mark(chat.THINK): True, self.end_of_thought: False}
        self.given = {mark(chat.RESULTS_BEGIN): True, mark(chat.RESULTS_END): False}
        behind = (self.user, mark(chat.TOOLS_AFTER))
        self.end = next((i for i, token in enumerate(ids) if token in behind), len(ids))
        self.text = _Text(self.texts, ids[:self.end])
        self.tools = self._read()
        self.meant = {}  # meaning: [(place, number of the tool)]
        for number, tool in enumerate(self.tools):
            for tokens, meanings in self.text.phrases(tool.name_begin, tool.end):
                for meaning in meanings:
                    self.meant.setdefault(meaning, []).extend((place, number) for place in tokens)
        self.places = {}  # word: [(place, number of the tool)]
        for number, tool in enumerate(self.tools):
            for place in range(tool.name_begin, tool.end):
                self.places.setdefault(self.words[ids[place]], []).append((place, number))
        self.places.pop(None, None)

    def _read(self):
        text, token_of = self.text.said, self.text.token_at
        tools, at = [], text.find(self._NAME)
        while at >= 0:
            begin = at + len(self._NAME)
            end = text.find('"', begin)
            if end > begin:
                if tools:
                    tools[-1].end = token_of(at)
                tokens = range(token_of(begin), token_of(end - 1) + 1)
                ends = [min(self.text.begins[token + 1], end) - begin for token in tokens]
                tools.append(_Tool(text[begin:end], token_of(at), self.end, tokens[0], ends))
            at = text.find(self._NAME, begin)
        return tools

    def named(self):
        """[(place, places, number of the tool)]: every token of a name at what is there of it, of what follows every second
        one at the whole."""
        found = []
        for number, tool in enumerate(self.tools):
            name = tool.name_places()
            found += [(place, range(name.start, place + 1), number) for place in name]
            found += [(place, name, number) for place in range(name.stop, tool.end, 2)]
        return found

    def hops(self, ids, first, begin=0):
        """{hop: [(place, places, number of the tool)]} of the other hops, in ids[begin:] whose token ids[0] has the place `first`."""
        out = {"found": [], "asked": [], "chosen": [], "copied": self._copied(ids, first, begin)}
        asked, is_said, is_told, same = None, False, False, []
        for i in range(begin, len(ids)):
            if ids[i] == self.user:
                asked, is_said, is_told = i, False, False
            elif ids[i] == self.end_of_turn or is_told and ids[i] == self.end_of_thought:
                asked = None  # names behind a thought repeat it
            elif asked is not None and ids[i] == self.assistant:
                is_said = True
                same = [(k, where) for k in range(asked + 1, i) if (where := self._same(ids, k))]
                same += self._alike_in_meaning(ids, asked + 1, i, {k for k, _ in same})
                for k, where in same:
                    alone = len({number for _, number in where}) == 1
                    out["found"].append((first + k, [place for place, _ in where], where[0][1] if alone else -1))
            elif asked is not None and is_said and ids[i] in self.name_marks:
                number, starts = self._name_behind(ids, i)
                if number is None:
                    continue
                words = [first + k for k, where in same if all(of == number for _, of in where)]
                for k, target, is_open in self._said(number, ids, starts):
                    if words and is_open:
                        out["asked"].append((first + k - 1, words, number))
                    out["chosen"].append((first + k - 1, [target], number))
                is_told = True
        return out

    def _same(self, ids, k):
        """[(place, tool)] of the declared word that has most around it alike; none where that tells little."""
        where = self.places.get(self.words[ids[k]])
        if not where:
            return None
        lengths = [self._alike(ids, k, place) for place, _ in where]
        most = max(lengths)
        if not most:
            return None
        where = [at for at, length in zip(where, lengths) if length == most]
        return where if len({number for _, number in where}) <= _FEW else None

    def _alike_in_meaning(self, ids, begin, end, known):
        """As _same, of the last token of every word of ids[begin:end] that is declared in other words."""
        found = []
        for tokens, meanings in _Text(self.texts, ids).phrases(begin, end):
            where = [at for meaning in meanings for at in self.meant.get(meaning, ())]
            if where and tokens[-1] not in known and len({number for _, number in where}) <= _FEW:
                found.append((tokens[-1], where))
        return found

    def _begins(self, ids, k):
        """Whether a word begins with ids[k]."""
        inside = lambda character: character.islower() or character > "\x7f" and character not in "ĠĊ"
        text, before = self.texts[ids[k]], self.texts[ids[k - 1]] if k else ""
        return not inside(text[0]) or not before or not (before[-1].isalpha() and before[-1] not in "ĠĊ")

    def _alike(self, ids, k, place):
        """How many letters stand alike around ids[k] and the declared token `place`, whose words are the same; 0: too few."""
        def pair(i, p):
            return 0 <= i < len(ids) and 0 <= p < self.end and self.words[ids[i]] and self.words[ids[i]] == self.words[self.ids[p]]
        first, last = 0, 0
        while pair(k + first - 1, place + first - 1) and not self._begins(ids, k + first):
            first -= 1
        while pair(k + last + 1, place + last + 1) and not self._begins(ids, k + last + 1):
            last += 1
        total = sum(len(self.words[ids[i]]) for i in range(k + first, k + last + 1))
        whole = self._begins(ids, k + first) and self._begins(self.ids, place + first)
        enough = _is_chinese(self.words[ids[k]]) or total >= (_FEWEST_LETTERS if whole else _FEWEST_INSIDE)
        return total if enough else 0

    def _name_behind(self, ids, mark):
        """(number of the tool, places of the tokens that name it), or (None, None)."""
        said, k = "", mark + 1
        while k < len(ids) and k - mark < _LONGEST_NAME and self.name_marks[ids[mark]] not in said:
            said += self.texts[ids[k]]
            k += 1
        name = said.split(self.name_marks[ids[mark]])[0]
        number = next((n for n, tool in enumerate(self.tools) if tool.name == name), None)
        if number is None:
            return None, None
        starts, told, k = [], 0, mark + 1
        while told < len(name):
            starts.append(k)
            told += len(self.texts[ids[k]])
            k += 1
        return number, starts

    def _said(self, number, ids, starts):
        """Of a name's tokens: (place in ids, place of the declared token that says it, whether other tools could be meant yet)."""
        tool, told, is_open = self.tools[number], 0, True
        for k in starts:
            is_open = is_open and sum(other.name.startswith(tool.name[:told]) for other in self.tools) > 1
            yield k, tool.name_begin + next(n for n, end in enumerate(tool.name_ends) if end > told), is_open
            told += len(self.texts[ids[k]])

    def _copied(self, ids, first, begin):
        """The hop of what follows a name, [(place, places, -1)]: every token of the longest runs that stand already in what
        is there since the request, or in the declaration of the tool that was named last; of a thought that has named none
        yet, in any declaration."""
        out, text = [], _Text(self.texts, ids)
        declared = lambda tools: [(self.text, tools[0].name_begin, tools[-1].end, 0)]
        asked, tool, is_said, is_given, is_thought, has_results, k = None, None, False, False, False, False, begin
        while k < len(ids):
            token, run = ids[k], 1
            if token == self.user:
                asked, is_said, has_results = k, False, False
            elif token == self.assistant:
                is_said = asked is not None
            elif token == self.end_of_turn:
                tool = None
            is_given, is_thought = self.given.get(token, is_given), self.thoughts.get(token, is_thought)
            has_results = has_results or is_given
            if is_said and not is_given:
                number, starts = self._name_behind(ids, k) if token in self.name_marks else (None, None)
                if number is not None:
                    tool, run = self.tools[number], starts[-1] + 1 - k
                elif tool or has_results != is_thought:
                    behind = declared([tool]) if tool else [] if has_results else declared(self.tools)
                    copied = self._longest_run(text, k, [(text, asked + 1, k, first), *behind])
                    out += [(first + j - 1, places, -1) for j, places in copied]
                    run = max(1, len(copied))
            k += run
        return out

    def _longest_run(self, text, k, sources):
        """[(token, places of what it says)] from the token k on; empty where too little of it stands elsewhere."""
        said, c = text.said, text.first_letter(k)
        if not self._begins_copy(said, c, self.plain[text.ids[k]]):
            return []
        most, found = 0, []
        for source, begin, end, offset in sources:
            begin, end = source.begins[begin], source.begins[end]
            at = source.said.find(said[c:text.begins[k + 1]], begin, end)
            while at >= 0:
                length = 0
                if self._begins_copy(source.said, at, self.plain[text.ids[k]]):
                    length = _alike_length(said[c:], source.said[at:end])
                if length > most:
                    most, found = length, []
                if length and length == most:
                    found.append((source, at, offset))
                at = source.said.find(said[c:text.begins[k + 1]], at + 1, end)
        last = k
        while last < len(text.ids) and text.begins[last + 1] <= c + most:
            last += 1
        letters = "".join(self.plain[token] for token in text.ids[k:last])
        count = sum(letter.isalnum() for letter in letters)
        if not count or not letters[0].isdigit() and count < (2 if _is_chinese(letters) else _FEWEST_LETTERS):
            return []
        return [(j, [offset + source.token_at(at + text.first_letter(j) - c) for source, at, offset in found]) for j in range(k, last)]

    def _begins_copy(self, said, c, plain):
        """Whether at said[c] a word or a number begins; `plain`: the text of its token."""
        if not plain[:1].isalnum():
            return False
        before = said[c - 1:c]
        if plain[0].isdigit():
            return not before.isdigit()
        return _is_chinese(plain) or not plain[0].islower() or not before.isalpha() or before in "ĠĊ"
