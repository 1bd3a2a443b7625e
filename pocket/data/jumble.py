"""Tools and requests of words that mean nothing together: which tool is meant is told by shared words alone.

A tool is declared with its name before its description, and the answer begins with the name: words of the request are
found again in a description, and from there the name *before* it. That way back is what models of this size learn
last (measured after 158 million tokens, on `drills.py`: of pairs asked by what stands first, 91 % right; by what
stands second, 55). In requests that make sense the verb and habit guess half of it; here nothing does.
"""

import functools

from . import tool_phrases as P, values
from .families import NOUNS, TRAIN_THINGS, VERB_WORDS, VERBS, is_held_out
from .item import LANGUAGES, assistant, make_item, pick_language, user
from .phrases import expand
from .schemas import FIRST_WORDS, empty_name
from .tools import THINKING, thought_of_call, thought_of_none

_STRANGER, _NO_TOOL = 0.25, 0.12
_FOREIGN = 0.35  # of the lists are declared in another language than they are asked in


@functools.cache
def _words(language):
    """Of things that tools are trained on, of verbs, and what names begin with; nothing of the held-out families."""
    at = ("en", "de", "zh").index(language)
    words = {part for thing in TRAIN_THINGS for part in (thing.noun, thing.de.split(" ", 1)[-1], thing.zh)[at].split()}
    if language == "zh":
        return sorted(words | {form for verb in VERBS.values() for form in verb[4].split("|")})
    words |= {part for verb in VERBS.values() for part in verb[0 if language == "en" else 3].replace("|", " ").split()}
    return sorted(words | set(FIRST_WORDS) if language == "en" else words)


@functools.cache
def _translations(one, other):
    """{word: the word of another language that means it}, of single words; nothing of the held-out families."""
    known = [words for words in NOUNS if not is_held_out(words)] + VERB_WORDS
    known = [words for words in known if " " not in "".join(words)]
    a, b = LANGUAGES.index(one), LANGUAGES.index(other)
    found = {words[a]: words[b] for words in known if words[a].lower() != words[b].lower()}
    return {word: said for word, said in found.items() if list(found.values()).count(said) == 1}


def _invented(language, rng):
    if language == "zh" or rng.random() < 0.7:
        return values.invented_word(rng, language)
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 7)))


class _Words:
    """Words of a draw, none twice, in none of its two languages: those that tools are declared in, and asked in."""

    def __init__(self, declared, asked, rng):
        self.declared, self.asked, self.rng, self.taken = declared, asked, rng, set()
        self.same = _translations(declared, asked) if declared != asked else {}
        self.known = sorted(self.same) or _words(declared)

    def take(self):
        """As a tool is declared with it."""
        while True:
            word = _invented(self.declared, self.rng) if self.rng.random() < _STRANGER else self.rng.choice(self.known)
            both = {word.lower(), self.said(word).lower()}
            if not both & self.taken:
                self.taken |= both
                return word

    def some(self, fewest, most):
        return [self.take() for _ in range(self.rng.randint(fewest, most))]

    def said(self, word):
        """As a request says it."""
        return self.same.get(word, word)

    def some_said(self, fewest, most):
        return [self.said(word) for word in self.some(fewest, most)]


def _joined(words, rng, style=None):
    """As names are written; Chinese words stay as they are."""
    words = [w.lower() for w in words]
    style = style if style is not None else rng.randrange(4)
    if style == 0:
        return "_".join(words)
    if style == 1:
        return "-".join(words)
    return "".join(w if style == 2 and i == 0 else w.capitalize() for i, w in enumerate(words))


def _inflected(word, language, rng):
    """The same word in another place: other endings, capitals or small."""
    if language != "zh" and rng.random() < 0.3:
        word += rng.choice(("s", "ed", "ing", "er") if language == "en" else ("e", "en", "t", "s"))
    kind = rng.random()
    return word.lower() if kind < 0.6 else word.capitalize() if kind < 0.75 else word


class _Tool:
    """Its keys are the words that no other tool has."""

    def __init__(self, words, rng, begins, common, style, bare):
        self.rng, self.words, self.language, self.keys = rng, words, words.declared, words.some(1, 3)
        kind = rng.random()
        shown = rng.sample(self.keys, rng.randint(1, len(self.keys))) if kind < 0.5 else []
        if kind >= 0.8:
            self.name = empty_name(rng)
        else:
            begin = [rng.choice(begins)] if begins and rng.random() < 0.6 else []
            self.name = _joined(begin + (shown or words.some(1, 2)), rng, style)
        self.visible, about = list(shown), None
        if not shown or rng.random() < 0.85:
            told = list(self.keys) if not shown or rng.random() < 0.6 else [k for k in self.keys if k not in shown] or list(self.keys)
            self.visible += [k for k in told if k not in shown]
            said = told + words.some(0, 3) + rng.sample(common, rng.randint(0, len(common)))
            rng.shuffle(said)
            about = self._text([_inflected(w, self.language, rng) for w in said])
        self.parameters = {}  # name: (words, schema, whether the value is a number)
        for _ in range(0 if bare else rng.choices((0, 1, 2, 3, 4, 6), (18, 26, 24, 16, 10, 6))[0]):
            own = words.some(1, 2)
            number = rng.random() < 0.2
            schema = {"type": rng.choice(("integer", "number")) if number else "string"}
            if rng.random() < 0.35:
                schema["description"] = self._text([*own, *words.some(0, 2)])
            self.parameters[_joined(own, rng, rng.choice((0, 0, 0, 2)))] = (own, schema, number)
        self.required = [n for n in self.parameters if rng.random() < 0.3]
        properties = {n: schema for n, (_, schema, _) in self.parameters.items()}
        function = {"name": self.name, **({"description": about} if about else {}),
                    "parameters": {"type": "object", "properties": properties, **({"required": self.required} if self.required else {})}}
        self.schema = {"type": "function", "function": function}

    def _text(self, words):
        text = ("" if self.language == "zh" else " ").join(words)
        return text[:1].upper() + text[1:] + (("。" if self.language == "zh" else ".") if self.rng.random() < 0.7 else "")

    def value(self, number):
        rng = self.rng
        if number:
            return rng.randint(0, 10 ** rng.randint(1, 4))
        kind = rng.random()
        if kind < 0.3:
            return values.person(rng, self.words.asked, "train")
        if kind < 0.5:
            return values.place(rng, self.words.asked, "train")
        return values.title(rng, self.words.asked, "train") if kind < 0.8 else values.code(rng)

    def request(self, words):
        """(parts in any order, arguments)"""
        rng = self.rng
        say = lambda word: _inflected(self.words.said(word), self.words.asked, rng)
        given = [n for n in self.parameters if n in self.required or rng.random() < 0.35]
        arguments = {n: self.value(self.parameters[n][2]) for n in given}
        parts = [[say(k)] for k in rng.sample(self.visible, rng.randint(1, len(self.visible)))]
        if given and rng.random() < 0.15:
            parts = []  # its parameters tell it
        for name, value in arguments.items():
            alone = len(self.parameters) == 1 and parts and rng.random() < 0.5
            said = [] if alone else [say(w) for w in self.parameters[name][0]]
            parts.append([*said, str(value)])
        parts += [[w] for w in words.some_said(0, rng.choice((1, 3, 6)))]
        rng.shuffle(parts)
        return parts, arguments


class Scene:
    """Tools that are declared together, and requests for them."""

    def __init__(self, rng, language, bare=False):
        """bare: without parameters."""
        declared = rng.choice([other for other in LANGUAGES if other != language] + ["en"]) if rng.random() < _FOREIGN else language
        self.rng, self.language, self.words = rng, language, _Words(declared, language, rng)
        begins = self.words.some(1, 2) if rng.random() < 0.6 else []
        common = self.words.some(0, 3)
        style = rng.randrange(4) if rng.random() < 0.6 else None
        tools = {}
        for _ in range(rng.choices(range(2, 10), (14, 14, 14, 14, 14, 14, 8, 8))[0]):
            tool = _Tool(self.words, rng, begins, common, style, bare)
            tools.setdefault(tool.name, tool)
        self.declared = list(tools.values())
        self.between = "" if language == "zh" else " "

    def request(self):
        """(text, the tool, arguments)"""
        tool = self.rng.choice(self.declared)
        parts, arguments = tool.request(self.words)
        return self.between.join(word for part in parts for word in part), tool, arguments


def make_jumble_items(split, rng, language=None, count=1):
    """`count` conversations over the same tools."""
    scene = Scene(rng, language or pick_language(rng))
    language, items = scene.language, []
    for _ in range(count):
        thinking = rng.random() < THINKING
        if rng.random() < _NO_TOOL:
            said = scene.words.some_said(2, 7)
            text, thought = scene.between.join(said), thought_of_none(scene.declared, scene.between.join(said[:3]).lower())
            answer = assistant(expand(rng.choice(P.NO_TOOL[language]), rng), thought if thinking else None)
            label, check = "no_tool", {"turn": 1, "kind": "none"}
        else:
            text, tool, arguments = scene.request()
            thought = thought_of_call(tool.name, [f"{n}: {v}" for n, v in arguments.items()])
            answer = assistant("", thought if thinking else None, [(tool.name, arguments)])
            label, check = "call", {"turn": 1, "kind": "call", "calls": [{"name": tool.name, "arguments": arguments}]}
        items.append(make_item("tools", label, language, split, "jumble", "", [user(text), answer], [check],
                               tools=[t.schema for t in scene.declared], thinking=thinking))
    return items
