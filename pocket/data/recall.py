"""Looking up and copying what stands in the text: what every call is made of, without its wrapping.

Generated tool schemas are long and their answers short, so that attention learns to copy late. These items
are short and ask often: lists of keys and values, records, descriptions of tools, texts to be repeated.
"""

from . import values
from .families import NOUNS, TRAIN_THINGS, tool_name
from .item import LANGUAGES, assistant, make_item, pick_language, user
from .phrases import PatternSet, expand
from .schemas import InventedThing
from .tools import Tool, verb_form

_REPEAT = {"en": ["(Repeat|Copy|Write|Say|Type|Print)[ this][ exactly]: {t}", "(Say|Write) this again: {t}", "Copy this text: {t}",
                  "(Once more|Again|One more time|Once again), please: {t}", "(Echo|Repeat|Spell out) {t}", "Same words again: {t}", "What I said was {t}",
                  "(Read|Give|Say) it back to me: {t}", "Word for word: {t}"],
           "de": ["(Wiederhole|Kopiere|Schreib|Sag|Tippe)[ bitte][ genau]: {t}", "Sag das noch einmal: {t}", "Gib das wieder: {t}",
                  "(Noch einmal|Wieder|Nochmals|Erneut)[,] bitte: {t}", "Kopiere diesen Text: {t}", "Dieselben Wörter noch einmal: {t}",
                  "(Lies|Gib) es mir zurück: {t}", "Wort für Wort[ und Zeichen für Zeichen]: {t}", "Und jetzt du: {t}", "Ich sagte {t}", "(Schreibe|Sprich) nach: {t}"],
           "zh": ["[请](重复|照抄|复制|抄写|输入)[一下|这段文字]：{t}", "再说一遍：{t}", "原样写出：{t}", "请再来一次：{t}", "复制这段文字：{t}",
                  "一字不差地写：{t}", "我刚才说的是{t}", "(跟我|照着)(念|写|说)：{t}"]}
REPEAT = {language: PatternSet(f"recall/{language}", patterns) for language, patterns in _REPEAT.items()}
PATTERNS = dict(REPEAT)
_ANSWERS = 8


def _word(rng, language, split):
    kind = rng.randrange(7)
    if kind == 0:
        return str(rng.randint(0, 10 ** rng.randint(1, 7)))
    if kind == 1:
        return values.code(rng)
    if kind == 2:
        return values.person(rng, language, split)
    if kind == 3:
        return values.place(rng, language, split)
    if kind == 4:
        return values.title(rng, language, split)
    return values.invented_word(rng, language)


def _distinct(count, make):
    found = []
    while len(found) < count:
        value = make()
        if value not in found:
            found.append(value)
    return found


def _questions(rng, pairs):
    asked = [rng.choice(pairs) for _ in range(_ANSWERS)]
    messages = []
    for key, value in asked:
        messages += [user(key), assistant(value)]
    return messages


def _repeat(rng, language, split):
    messages, pattern = [], ""
    for _ in range(rng.randint(1, 5)):
        pattern = REPEAT[language].pick(rng, split)
        text = ("" if language == "zh" else " ").join(_word(rng, language, split) for _ in range(rng.randint(2, 12)))
        messages += [user(expand(pattern, rng).replace("{t}", text)), assistant(text)]
    return "", messages, pattern


def _lookup(rng, language, split):
    """Keys and values in the system message; then keys, answered by their values, or the other way."""
    keys = _distinct(rng.randint(3, 14), lambda: _word(rng, language, split))
    pairs = [(key, _word(rng, language, split)) for key in keys]
    join = rng.choice((": ", " = ", " -> ", "\t"))
    if rng.random() < 0.3:
        join = '": "'
        system = "{" + ", ".join(f'"{k}{join}{v}"' for k, v in pairs) + "}"
    else:
        system = rng.choice(("\n", "; ")).join(k + join + v for k, v in pairs)
    if rng.random() < 0.3 and len({v for _, v in pairs}) == len(pairs):
        pairs = [(v, k) for k, v in pairs]
    return system, _questions(rng, pairs), "lookup"


def _tools(rng, language, split):
    """Descriptions of tools, or their parameters, to names; as text, in the shape of schemas."""
    drawn, seen = [], set()
    while len(drawn) < rng.randint(3, 7):
        thing = rng.choice(TRAIN_THINGS)
        tool = Tool(rng.choice(thing.verbs), thing, rng, language, rng.random() < 0.4)
        about = tool.schema["function"].get("description")
        if about and about not in seen and tool.name not in seen:
            seen |= {about, tool.name}
            drawn.append((tool.name, about))
    system = "\n".join(f'{{"name": "{name}", "description": "{about}"}}' for name, about in drawn)
    pairs = [(about, name) for name, about in drawn]
    if rng.random() < 0.3:
        pairs = [(name, about) for name, about in drawn]
    return system, _questions(rng, pairs), "tools"


_NONE = {"en": "none", "de": "keins", "zh": "没有"}


def _match(rng, language, split):
    """Names of tools; then what somebody wants, answered by the name that says it: words are found again in other
    cases, joined, cut and inflected. Most things are invented, so that the word itself must be found."""
    things = [InventedThing(rng) if rng.random() < 0.6 else rng.choice(TRAIN_THINGS) for _ in range(rng.randint(2, 5))]
    declared = {}
    for thing in things:
        for verb in rng.sample(thing.verbs, min(len(thing.verbs), rng.randint(1, 3))):
            declared.setdefault((verb, thing.key), (tool_name(verb, thing, rng), verb, thing))
    listed = list(declared.values())
    rng.shuffle(listed)
    names = [name for name, _, _ in listed]
    system = "\n".join(names) if rng.random() < 0.5 else ", ".join(f'{{"name": "{name}"}}' for name in names)

    def wish(verb, thing):
        if language == "de":
            return f"{thing.de} {verb_form(verb, 'de_infinitive', rng)}"
        form = verb_form(verb, language, rng)
        return f"{form}{thing.zh}" if language == "zh" else f"{form.replace(' me', '')} {thing.en}"
    messages = []
    for _ in range(_ANSWERS):
        name, verb, thing = rng.choice(listed)
        if rng.random() < 0.12:
            other = InventedThing(rng)
            name, verb, thing = _NONE[language], rng.choice(other.verbs), other
        messages += [user(wish(verb, thing)), assistant(name)]
    return system, messages, "match"


_ASKED = {"en": ("English", "Englisch", "英语"), "de": ("German", "Deutsch", "德语"), "zh": ("Chinese", "Chinesisch", "中文")}


def _words(rng, language, split):
    """What a thing is called in another language, of the lexicon and of the things of tools."""
    messages = []
    for _ in range(_ANSWERS):
        words = dict(zip(LANGUAGES, rng.choice(NOUNS)))
        one, other = rng.sample(LANGUAGES, 2)
        messages += [user(f"{words[one]} = {_ASKED[other][LANGUAGES.index(language)]}?" if rng.random() < 0.5 else f"{words[one]} = {other}"),
                     assistant(words[other])]
    return "", messages, "words"


def make_recall_item(split, rng, language=None):
    language = language or pick_language(rng)
    system, messages, pattern = rng.choices((_repeat, _lookup, _tools, _match, _words), (0.1, 0.1, 0.1, 0.2, 0.5))[0](rng, language, split)
    last = len(messages) - 1
    return make_item("recall", "recall", language, split, "recall", pattern, messages,
                     [{"turn": last, "kind": "text", "value": messages[last]["content"]}], system=system, thinking=False)
