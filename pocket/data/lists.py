"""Lists and strings: sorting, counting, reversing, picking, joining; answers by Python."""

from . import values
from .item import assistant, make_item, pick_language, user
from .phrases import PatternSet, expand, lines

_BLOCKS = {
    "sort": {"en": "(Sort|Order) these numbers: {l}\n(Sort|Arrange) {l} from smallest to largest\n{l} in ascending order\nPut {l} in order\nplease sort {l}\nWhat is {l} sorted?",
             "de": "Sortiere diese Zahlen: {l}\n(Ordne|Sortiere) {l} aufsteigend\n{l} in aufsteigender Reihenfolge\nBringe {l} in die richtige Reihenfolge",
             "zh": "把这些数排序：{l}\n将{l}从小到大排列\n{l}按升序排\n请给{l}排序"},
    "max": {"en": "(What|Which) is the (largest|biggest) of {l}?\nFind the maximum of {l}\nlargest number in {l}\nWhich of {l} is the highest?\nmax of {l}",
            "de": "(Was|Welche) ist die größte Zahl von {l}?\nFinde das Maximum von {l}\nGrößte Zahl in {l}\nMaximum: {l}",
            "zh": "{l}中最大的是哪个？\n找出{l}的最大值\n{l}里哪个数最大？\n最大值：{l}"},
    "min": {"en": "(What|Which) is the (smallest|lowest) of {l}?\nFind the minimum of {l}\nsmallest number in {l}\nmin of {l}",
            "de": "Welche ist die kleinste Zahl von {l}?\nFinde das Minimum von {l}\nKleinste Zahl in {l}\nMinimum: {l}",
            "zh": "{l}中最小的是哪个？\n找出{l}的最小值\n{l}里哪个数最小？\n最小值：{l}"},
    "sum": {"en": "(Add up|Sum) {l}\nWhat is the (sum|total) of {l}?\ntotal of {l}\nHow much is {l} together?",
            "de": "(Addiere|Summiere) {l}\nWas ist die Summe von {l}?\nSumme von {l}\nWie viel ist {l} zusammen?",
            "zh": "把{l}加起来\n{l}的总和是多少？\n{l}的和\n求{l}之和"},
    "count": {"en": "How many (things|items) are in this list: {l}?\nCount: {l}\nHow long is the list {l}?\nnumber of entries in {l}",
              "de": "Wie viele Dinge stehen in dieser Liste: {l}?\nZähle: {l}\nWie lang ist die Liste {l}?\nAnzahl der Einträge: {l}",
              "zh": "这个列表里有几样东西：{l}？\n数一数：{l}\n{l}一共有多少项？\n列表{l}的长度"},
    "nth": {"en": "What is the {n}. item of {l}?\nitem number {n} of {l}\nTell me entry {n} of this list: {l}\nIn {l}, what is number {n}?",
            "de": "Was ist der {n}. Eintrag von {l}?\nEintrag Nummer {n} von {l}\nNenne Eintrag {n} dieser Liste: {l}\nWas steht an Stelle {n} von {l}?",
            "zh": "{l}中第{n}个是什么？\n{l}的第{n}项\n说出列表{l}的第{n}个\n第{n}个是什么：{l}"},
    "reverse": {"en": "(Reverse|Turn around) this list: {l}\n{l} backwards\nGive {l} in reverse order\nlast to first: {l}",
                "de": "Drehe diese Liste um: {l}\n{l} rückwärts\nNenne {l} in umgekehrter Reihenfolge\nVon hinten nach vorn: {l}",
                "zh": "把列表倒过来：{l}\n{l}倒序\n反过来列出{l}\n从后往前：{l}"},
    "letters": {"en": "How many letters are in {w}?\nCount the letters of {w}\nlength of the word {w}\nHow long is the word {w}?",
                "de": "Wie viele Buchstaben hat {w}?\nZähle die Buchstaben von {w}\nLänge des Wortes {w}\nWie lang ist das Wort {w}?",
                "zh": "{w}有几个字母？\n数一数{w}的字母\n单词{w}的长度\n{w}有多少个字母？"},
    "spell": {"en": "Spell {w}\nHow (do you|is) {w} spelled?\n{w} letter by letter\nspell the word {w} please",
              "de": "Buchstabiere {w}\nWie schreibt man {w}?\n{w} Buchstabe für Buchstabe\nbitte {w} buchstabieren",
              "zh": "拼写{w}\n{w}怎么拼？\n一个字母一个字母地写{w}\n请拼出{w}"},
    "backwards": {"en": "Write {w} backwards\n(Reverse|Flip) the word {w}\nWhat is {w} spelled backwards?\n{w} back to front",
                  "de": "Schreibe {w} rückwärts\nDrehe das Wort {w} um\nWas ist {w} rückwärts?\n{w} von hinten",
                  "zh": "把{w}倒着写\n反转单词{w}\n{w}反过来是什么？\n{w}倒过来"},
    "contains": {"en": "Is {x} in this list: {l}?\nDoes {l} contain {x}?\n{l}: is {x} among them?\nDo you see {x} in {l}?",
                 "de": "Steht {x} in dieser Liste: {l}?\nEnthält {l} auch {x}?\n{l}: ist {x} dabei?\nKommt {x} in {l} vor?",
                 "zh": "列表{l}里有{x}吗？\n{l}包含{x}吗？\n{l}：有没有{x}？\n{x}在{l}里吗？"},
}
SETS = {kind: {k: PatternSet(f"lists/{kind}/{k}", lines(v)) for k, v in blocks.items()} for kind, blocks in _BLOCKS.items()}
_YES = {"en": ("yes", "no"), "de": ("ja", "nein"), "zh": ("有", "没有")}


def _number_list(rng, longer):
    size = rng.randint(8, 12) if longer else rng.randint(3, 7)
    return rng.sample(range(0, rng.choice((20, 100, 1000))), size)


def _sort_steps(numbers):
    left, steps = list(numbers), []
    while left:
        low = min(left)
        left.remove(low)
        steps.append(f"{low} | " + " ".join(map(str, left)))
    return steps


def _scan_steps(numbers, better):
    best, steps = numbers[0], [str(numbers[0])]
    for number in numbers[1:]:
        best = better(best, number)
        steps.append(f"{number}: {best}")
    return steps, best


def _on_numbers(kind, split, rng):
    numbers = _number_list(rng, split == "test_longer")
    shown = ", ".join(map(str, numbers))
    if kind == "sort":
        done = sorted(numbers)
        return {"{l}": shown}, _sort_steps(numbers), ", ".join(map(str, done)), {"kind": "list", "value": [str(n) for n in done]}
    if kind == "sum":
        total, steps = numbers[0], []
        for number in numbers[1:]:
            steps.append(f"{total} + {number} = {total + number}")
            total += number
        return {"{l}": shown}, steps, str(total), {"kind": "number", "value": str(total)}
    steps, best = _scan_steps(numbers, max if kind == "max" else min)
    return {"{l}": shown}, steps, str(best), {"kind": "number", "value": str(best)}


def _on_things(kind, split, rng, language):
    size = rng.randint(8, 11) if split == "test_longer" else rng.randint(3, 7)
    things = []
    while len(things) < size:
        thing = values.thing(rng, language, split) if rng.random() < 0.7 else values.invented_word(rng, language)
        if thing not in things:
            things.append(thing)
    mark = "、" if language == "zh" else ", "
    slots = {"{l}": mark.join(things)}
    numbered = [f"{i} {t}" for i, t in enumerate(things, 1)]
    if kind == "count":
        return slots, numbered, str(size), {"kind": "number", "value": str(size)}
    if kind == "nth":
        n = rng.randint(1, size)
        slots["{n}"] = str(n)
        return slots, numbered[:n], things[n - 1], {"kind": "text", "value": things[n - 1]}
    if kind == "contains":
        found = rng.random() < 0.5
        x = rng.choice(things)
        while not found and x in things:
            x = values.thing(rng, language, split) if rng.random() < 0.7 else values.invented_word(rng, language)
        slots["{x}"] = x
        word = _YES[language][0 if found else 1]
        return slots, [f"{t} {'=' if t == x else '-'}" for t in things], word, {"kind": "text", "value": word}
    done = things[::-1]
    return slots, [f"{len(things) - i} {t}" for i, t in enumerate(done)], mark.join(done), {"kind": "list", "value": done}


def _on_word(kind, split, rng):
    word = values.invented_word(rng, "en").lower()
    if split == "test_longer":
        word += values.invented_word(rng, "en").lower()
    spelled = " ".join(word)
    if kind == "letters":
        return {"{w}": word}, [f"{i} {c}" for i, c in enumerate(word, 1)], str(len(word)), {"kind": "number", "value": str(len(word))}
    if kind == "spell":
        return {"{w}": word}, [spelled], "-".join(word), {"kind": "text", "value": "-".join(word)}
    return {"{w}": word}, [spelled, " ".join(word[::-1])], word[::-1], {"kind": "text", "value": word[::-1]}


def make_lists_item(split, rng, language=None):
    language = language or pick_language(rng)
    kind = rng.choice(sorted(SETS))
    if kind in ("sort", "max", "min", "sum"):
        slots, steps, reply, check = _on_numbers(kind, split, rng)
    elif kind in ("letters", "spell", "backwards"):
        slots, steps, reply, check = _on_word(kind, split, rng)
    else:
        slots, steps, reply, check = _on_things(kind, split, rng, language)
    pattern = SETS[kind][language].pick(rng, split)
    text = expand(pattern, rng)
    for slot, value in slots.items():
        text = text.replace(slot, value)
    messages = [user(text), assistant(reply, "\n".join(steps))]
    return make_item("lists", kind, language, split, "lists_" + kind, pattern, messages, [{"turn": 1, **check}])
