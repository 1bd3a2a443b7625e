"""Drills of looking up and copying over the whole vocabulary, without words and without meaning.

Text teaches the model to copy the tokens that it often sees copied; names of new tools are made of others. Here any
token stands anywhere: what follows is found in the text or not at all. (Measured before there were drills: of
`end_stage_light` it copied `end_age_light`, of `track_insurance_claim` it made `trackLaundreim`.)
"""

import functools

from . import chat

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


@functools.lru_cache(maxsize=8)
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


def _choice(rng, vocabulary, encode, spellings):
    """Names, each with a description; then some words of one description in another order and spelling, among words
    of none: the name is the one that shares most."""
    join, end, given, found = (encode(text) for text in rng.sample(_BETWEEN, 4))
    easy = rng.random() < 0.5  # few and short: from these the others are learned
    names, abouts = [], []
    for _ in range(rng.randint(2, 3 if easy else 8)):
        names.append(_tokens(rng, vocabulary, 2 if easy else 5))
        abouts.append([rng.randrange(vocabulary) for _ in range(rng.randint(1, 2 if easy else 7))])
    if not easy and rng.random() < 0.5:  # neighbours that share a word, as tools of one verb or one thing do
        for before, about in zip(abouts, abouts[1:]):
            about[0] = rng.choice(before)
    ids, weights = [], []

    def add(tokens, weight=0.0):
        ids.extend(tokens)
        weights.extend([weight] * len(tokens))
    for name, about in zip(names, abouts):
        add(name + join + about + end)
    for _ in range(rng.randint(4, 8)):
        at = rng.randrange(len(names))
        others = {word for i, about in enumerate(abouts) if i != at for word in about}
        own = [word for word in dict.fromkeys(abouts[at]) if word not in others]
        if not own:
            continue
        said = rng.sample(own, rng.randint(1, len(own))) + [word for word in abouts[at] if word in others]
        if not easy:
            said = [rng.choice(spellings[word]) if rng.random() < 0.5 else word for word in said]
        said += [rng.randrange(vocabulary) for _ in range(rng.randint(0, 1 if easy else 6))]
        rng.shuffle(said)
        add(given + said + found)
        add(names[at] + end, 1.0)
    return ids, weights


def drill(tokenizer, rng):
    """(ids, weights): weights are 1 where the text before tells the token, 0 elsewhere."""
    vocabulary = tokenizer.get_vocab_size(with_added_tokens=False)
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    kind = rng.random()
    if kind < 0.25:
        ids, weights = _again(rng, vocabulary)
    elif kind < 0.55:
        ids, weights = _lookup(rng, vocabulary, encode)
    else:
        ids, weights = _choice(rng, vocabulary, encode, _spellings(tokenizer))
    begin, end = tokenizer.token_to_id(chat.BOS), tokenizer.token_to_id(chat.EOS)
    return [begin] + ids + [end], [0.0] + weights + [0.0]
