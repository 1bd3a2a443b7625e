"""Drills of looking up and copying over the whole vocabulary, without words and without meaning.

Text teaches the model to copy the tokens that it often sees copied; names of new tools are made of others. Here any
token stands anywhere: what follows is found in the text or not at all. (Measured before there were drills: of
`end_stage_light` it copied `end_age_light`, of `track_insurance_claim` it made `trackLaundreim`.)
"""

import functools

from . import chat
from .data import jumble
from .data.families import NOUNS, VERB_WORDS
from .data.item import LANGUAGES, pick_language
from .tokenizer import encode_pieces

_BETWEEN = (": ", '": "', '", "', " = ", "\n", "; ", '", "description": "', ". ")


def _tokens(rng, vocabulary, longest):
    return [rng.randrange(vocabulary) for _ in range(rng.randint(1, longest))]


def _again(rng, vocabulary):
    """A span, and parts of it again: each goes on as the span does from its second token on."""
    span = [rng.randrange(vocabulary) for _ in range(rng.randint(16, 80))]
    ids, weights = list(span), [0.0] * len(span)
    for _ in range(rng.randint(2, 5)):
        begin = rng.randrange(len(span) - 4)
        part = span[begin:begin + rng.randint(4, 20)]
        mark = rng.randrange(vocabulary)
        ids += [mark] + part
        weights += [0.0, 0.0] + [1.0] * (len(part) - 1)
    return ids, weights


def _lookup(rng, vocabulary, encode):
    """Pairs in either order; then keys, each with its value."""
    join, end, given, found = (encode(text) for text in rng.sample(_BETWEEN, 4))
    count, pairs, taken = rng.randint(3, 12), [], set()
    while len(pairs) < count:
        key = _tokens(rng, vocabulary, 3)
        if key[0] not in taken:
            taken.add(key[0])
            pairs.append((key, _tokens(rng, vocabulary, 6)))
    value_first = rng.random() < 0.5
    ids, weights = [], []

    def add(tokens, weight=0.0):
        ids.extend(tokens)
        weights.extend([weight] * len(tokens))
    for key, value in pairs:
        add((value + join + key if value_first else key + join + value) + end)
    for _ in range(rng.randint(4, 10)):
        key, value = rng.choice(pairs)
        add(given + key + found)
        add(value + end, 1.0)
    return ids, weights


def _translated(rng, tokenizer):
    """Words and what each is called in another language, mostly in English, as tools are named: facts, which take many
    meetings and are forgotten where they are not met (RECIPE.md), so as many as a text can hold."""
    one, other = rng.choice((("de", "en"), ("zh", "en"), ("de", "en"), ("zh", "en"), ("en", "de"), ("en", "zh"), ("de", "zh"), ("zh", "de")))
    a, b = LANGUAGES.index(one), LANGUAGES.index(other)
    join, end = rng.choice(_BETWEEN), "\n" if rng.random() < 0.7 else rng.choice(_BETWEEN)
    pieces = []
    for words in rng.sample(NOUNS + VERB_WORDS, 40):
        pieces += [(words[a] + join, 0), (words[b] + end, 1)]
    return encode_pieces(tokenizer, pieces)


@functools.lru_cache(maxsize=16)
def _spellings(tokenizer):
    """Of every token, those that are the same word: with or without the space before, capitals or small."""
    words = {}
    for token in range(tokenizer.get_vocab_size(with_added_tokens=False)):
        words.setdefault(tokenizer.decode([token]).strip().lower(), []).append(token)
    same = [[]] * tokenizer.get_vocab_size(with_added_tokens=False)
    for word, spelled in words.items():
        for token in spelled:
            same[token] = spelled if len(word) > 1 else [token]
    return same


# Of drills of choice, at most: tools, tokens of a name, words of a description, words of none in a request.
_LEVELS = ((3, 1, 1, 0), (4, 2, 2, 1), (6, 3, 4, 2), (8, 4, 6, 4))
_LEVEL_SHARES = (0.25, 0.3, 0.25, 0.2)
_QUESTIONS = 16
_TOLD = 0.3  # the weight of what follows once it is clear which name it is
# Where an answer names a tool: what stands before the name, and behind it.
_ANSWERS = ((chat.ASSISTANT + chat.THINK, "\n"), (chat.ASSISTANT + chat.END_THINK + chat.CALLS_BEGIN + chat.INVOKE, '">\n'))


def _frame(encode):
    """What stands between the words: as tools are declared, requests asked and answers begun."""
    empty, one = '", "parameters": {"type": "object", "properties": {', '": {"type": "string"}}}}\n'
    return {"name": encode('{"name": "'), "about": encode('", "description": "'), "ends": [encode('"}\n'), encode(empty + "}}}\n")],
            "parameter": encode(empty + '"'), "parameter_end": encode(one), "user": encode(chat.USER),
            "found": [(encode(begin), encode(end)) for begin, end in _ANSWERS]}


def _declared(rng, vocabulary, level):
    """[(name, description)]; from the third level on some names begin alike and some descriptions share a word."""
    most, longest, words, _ = _LEVELS[level]
    tools, taken = [], set()
    for _ in range(rng.randint(2, most)):
        name = _tokens(rng, vocabulary, longest)
        if tuple(name) not in taken:
            tools.append((name, [rng.randrange(vocabulary) for _ in range(rng.randint(1, words))]))
            taken.add(tuple(name))
    if level >= 2 and rng.random() < 0.5:
        begin = rng.randrange(vocabulary)
        tools = [([begin, *name] if rng.random() < 0.6 else name, about) for name, about in tools]
    if level >= 2 and rng.random() < 0.5:  # neighbours, as tools of one verb or one thing are
        for (_, before), (_, about) in zip(tools, tools[1:]):
            if len(about) > 1:
                about[0] = rng.choice(before)
    return tools


def _choice(rng, vocabulary, frame, spellings):
    """(ids, weights, [(ids, weights) of requests]): tools, which each request continues by itself: some words of one
    description in another order and spelling, among words of none. The name of the tool that shares most is the answer.

    A name stands before its description, so that from a word found again the way leads back: what models of this size
    learn last. It needs a frame that stays, many questions to a list, and short lists among the long ones (RECIPE.md)."""
    level = rng.choices(range(len(_LEVELS)), _LEVEL_SHARES)[0]
    tools, (found, told) = _declared(rng, vocabulary, level), rng.choice(frame["found"])
    end = rng.choice([*frame["ends"], None])
    ids, questions = [], []
    for name, about in tools:
        ids += frame["name"] + name + frame["about"] + about
        ids += end or frame["parameter"] + _tokens(rng, vocabulary, 3) + frame["parameter_end"]
    for _ in range(_QUESTIONS):
        at = rng.randrange(len(tools))
        name, about = tools[at]
        others = {word for i, (_, words) in enumerate(tools) if i != at for word in words}
        own = [word for word in dict.fromkeys(about) if word not in others]
        if not own:
            continue
        said = rng.sample(own, rng.randint(1, len(own))) + [word for word in about if word in others]
        if level == 3:
            said = [rng.choice(spellings[word]) if rng.random() < 0.4 else word for word in said]
        said += [rng.randrange(vocabulary) for _ in range(rng.randint(0, _LEVELS[level][3]))]
        rng.shuffle(said)
        asked = frame["user"] + said + found
        open_yet = [sum(other[:i] == name[:i] for other, _ in tools) > 1 for i in range(len(name))]
        weights = [1.0 if is_open else _TOLD for is_open in open_yet]
        questions.append((asked + name + told, [0.0] * len(asked) + weights + [_TOLD] * len(told)))
    return ids, [0.0] * len(ids), questions


def _jumbled(rng, tokenizer):
    """The same in words, with whole schemas: requests of data/jumble.py, each answered by the name alone."""
    scene = jumble.Scene(rng, pick_language(rng), bare=rng.random() < 0.4)
    found, told = rng.choice(_ANSWERS)
    names = [tool.name for tool in scene.declared]
    ids, weights = encode_pieces(tokenizer, [(chat.declaration([tool.schema for tool in scene.declared]), 0)])
    questions = []
    for _ in range(_QUESTIONS):
        text, tool, _ = scene.request()
        alike = max((_common(tool.name, other) for other in names if other != tool.name), default=0)
        pieces = [(chat.USER + text + found, 0), (tool.name[:alike + 1], 10), (tool.name[alike + 1:] + told, round(10 * _TOLD))]
        asked, counts = encode_pieces(tokenizer, pieces)
        questions.append((asked, [count / 10 for count in counts]))
    return ids, weights, questions


def _common(one, other):
    """How many characters they begin with in common."""
    return next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def drill(tokenizer, rng):
    """A sample (stream.samples_of): weights are 1 where the text before tells the token, less where one before has told it,
    0 elsewhere. Requests over the same tools are its continuations: none sees the others, whose answers would tell it."""
    vocabulary = tokenizer.get_vocab_size(with_added_tokens=False)
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    kind = rng.random()
    begin, end = tokenizer.token_to_id(chat.BOS), tokenizer.token_to_id(chat.EOS)
    if kind < 0.4:
        ids, weights = (_again(rng, vocabulary) if kind < 0.05 else _lookup(rng, vocabulary, encode) if kind < 0.15
                        else _translated(rng, tokenizer))
        return [begin] + ids + [end], [0.0] + weights + [0.0], []
    if kind < 0.65:
        ids, weights, questions = _choice(rng, vocabulary, _frame(encode), _spellings(tokenizer))
    else:
        ids, weights, questions = _jumbled(rng, tokenizer)
    return [begin] + ids, [0.0] + weights, questions
