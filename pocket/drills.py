"""Drills of looking up and copying over the whole vocabulary, without words and without meaning.

Text teaches the model to copy the tokens that it often sees copied; names of new tools are made of others. Here any
token stands anywhere: what follows is found in the text or not at all. (Measured before there were drills: of
`end_stage_light` it copied `end_age_light`, of `track_insurance_claim` it made `trackLaundreim`.)
"""

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


def drill(tokenizer, rng):
    """(ids, weights): weights are 1 where the text before tells the token, 0 elsewhere."""
    vocabulary = tokenizer.get_vocab_size(with_added_tokens=False)
    if rng.random() < 0.35:
        ids, weights = _again(rng, vocabulary)
    else:
        ids, weights = _lookup(rng, vocabulary, lambda text: tokenizer.encode(text, add_special_tokens=False).ids)
    begin, end = tokenizer.token_to_id(chat.BOS), tokenizer.token_to_id(chat.EOS)
    return [begin] + ids + [end], [0.0] + weights + [0.0]
