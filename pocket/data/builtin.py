"""The program's own tools, all declared together as `mains run "request"` declares them.

The other sources make tools up; here the schemas are those of src/app/tools, the results are what these
tools return, and there are requests that need one, two side by side, one after the other, or none.
"""

import datetime
import re
from fractions import Fraction

from . import natural, roles as R, tool_phrases as P, values
from .families import TRAIN_THINGS
from .item import LANGUAGES, assistant, make_item, pick_language, tool_result, user
from .phrases import PatternSet, expand, tidy
from .tools import _distractors, _system, Tool, thought_of_call

NAMES = ("calculator", "convert_units", "add_days", "days_between", "weekday", "current_time", "sort_list", "count_words",
         "reverse_text", "change_case", "read_file", "list_files", "find_text")
_FAMILIES = {family.key: family for family in natural.FAMILIES}


class _Always:
    """Draws that leave every description in place."""

    @staticmethod
    def random():
        return 0.0

    @staticmethod
    def choice(options):
        return options[0]


def definitions():
    """What the program declares, in its order."""
    return [_FAMILIES[name].schema(_Always, False) for name in NAMES]


# Phrasings beside those of natural.py. Slots: numbers a b c, p percent, n a small number, d e days, x y units.
_PHRASES = {
    "calculator": """
en: (what is|what's|how much is) {p}% of {a}? ;; {a} * {p} / 100
en: {p} percent of {a} ;; {a} * {p} / 100
en: (what is|what's) {a} times {b}? ;; {a} * {b}
en: {a} multiplied by {b} ;; {a} * {b}
en: {a} plus {b} ;; {a} + {b}
en: (what is|how much is) {a} minus {b}? ;; {a} - {b}
en: (what is|what's) the sum of {a}, {b} and {c}? ;; {a} + {b} + {c}
en: I bought {n} tickets at {b} euros each, what do I pay? ;; {n} * {b}
en: {n} boxes with {c} pieces each, how many pieces are that? ;; {n} * {c}
en: what is {n} squared? ;; {n} ^ 2
en: add {a} and {b} ;; {a} + {b}
en: subtract {b} from {a} ;; {a} - {b}
en: {a} minus a {p}% discount ;; {a} - {a} * {p} / 100
de: (Was sind|Wie viel sind) {p} % von {a}? ;; {a} * {p} / 100
de: {p} Prozent von {a} ;; {a} * {p} / 100
de: (Was ist|Wie viel ist) {a} mal {b}? ;; {a} * {b}
de: {a} plus {b} ;; {a} + {b}
de: (Was ist|Wie viel ist) {a} minus {b}? ;; {a} - {b}
de: Was ist die Summe aus {a}, {b} und {c}? ;; {a} + {b} + {c}
de: Ich kaufe {n} Karten zu je {b} Euro, was kostet das? ;; {n} * {b}
de: {n} Kisten mit je {c} Stück, wie viele sind das? ;; {n} * {c}
de: Was ist {n} hoch 2? ;; {n} ^ 2
de: Addiere {a} und {b} ;; {a} + {b}
de: Zieh {b} von {a} ab ;; {a} - {b}
de: {a} Euro mit {p} % Rabatt ;; {a} - {a} * {p} / 100
zh: {a}的百分之{p}是多少？ ;; {a} * {p} / 100
zh: {a}的{p}%是多少？ ;; {a} * {p} / 100
zh: {a}乘以{b}(等于多少|是多少)？ ;; {a} * {b}
zh: {a}加{b}(等于多少|是多少)？ ;; {a} + {b}
zh: {a}减{b}(等于多少|是多少)？ ;; {a} - {b}
zh: {a}、{b}和{c}一共是多少？ ;; {a} + {b} + {c}
zh: 我买了{n}张票，每张{b}元，一共多少钱？ ;; {n} * {b}
zh: {n}个箱子，每箱{c}件，一共几件？ ;; {n} * {c}
zh: {n}的平方是多少？ ;; {n} ^ 2
zh: 把{a}和{b}加起来 ;; {a} + {b}
zh: {a}元打折{p}%是多少？ ;; {a} - {a} * {p} / 100
""",
    "weekday": """
en: (what|which) (weekday|day of the week) (is|was) {d}?
en: what day (is|was) {d}?
en: on (what|which) weekday does {d} fall?
en: is {d} a (Monday|Sunday|Friday)?
de: Welcher Wochentag (ist|war) (der|am) {d}?
de: Auf welchen Wochentag fällt der {d}?
de: Ist der {d} ein (Montag|Sonntag|Freitag)?
de: Was für ein Tag ist der {d}?
zh: {d}是(星期几|周几|礼拜几)？
zh: 请问{d}是(星期几|周几)？
zh: {d}是不是(周末|星期天|星期一)？
zh: (告诉我|我想知道){d}是(星期几|周几)
""",
    "add_days": """
en: (what date|which date|what day) is (it|that) {n} days after {d}?
en: {n} days from {d}, (what date|which day) is that?
en: what is the date {n} days after {d}?
en: a letter takes {n} days; I post it on {d}, when does it arrive?
de: (Welches Datum|Welcher Tag) ist {n} Tage nach dem {d}?
de: {n} Tage ab dem {d}, welches Datum ist das?
de: Ein Brief braucht {n} Tage. Ich schicke ihn am {d} ab, wann kommt er an?
zh: {d}再过{n}天是(几号|哪天)？
zh: 从{d}起{n}天后是(几号|哪天)？
zh: {d}寄出的信，{n}天后到，是哪天？
""",
    "days_between": """
en: how many days (are there|is it) (from|between) {d} (to|and) {e}?
en: how long is it from {d} until {e} in days?
en: count the days between {d} and {e}
en: my course runs from {d} to {e}, how many days is that?
de: Wie viele Tage sind es (vom|zwischen) {d} (bis|und) {e}?
de: Wie lange ist es vom {d} bis zum {e} in Tagen?
de: Mein Kurs geht vom {d} bis {e}, wie viele Tage sind das?
zh: 从{d}到{e}(有|是|一共)多少天？
zh: {d}和{e}相差几天？
zh: 课程从{d}到{e}，一共几天？
""",
    "convert_units": """
en: (what is|what's|how much is) {a} {x} in {y}?
en: how many {y} (are|is|are there in) {a} {x}?
en: (please convert|convert|change) {a} {x} (to|into) {y}
en: {a} {x} to {y}
en: the sign says {a} {x}, how many {y} is that?
de: (Was sind|Wie viel sind) {a} {x} in {y}?
de: Wie viele {y} (sind|ergeben) {a} {x}?
de: Rechne {a} {x} in {y} um
de: {a} {x} (zu|in|nach) {y}
zh: {a}{x}(是|等于|合)多少{y}？
zh: {a}{x}换算成{y}(是多少|)
zh: 把{a}{x}(转换|换算)成{y}
zh: {a}{x}有多少{y}？
""",
}
# Two calls, the second with the result of the first.
_CHAINS = {
    "add_days weekday": """
en: (what|which) (weekday|day of the week) is it {n} days after {d}?
en: {n} days after {d}, what weekday is that?
en: on which weekday do I end up {n} days after {d}?
en: what day of the week will it be {n} days from {d}?
de: Welcher Wochentag ist {n} Tage nach dem {d}?
de: {n} Tage nach dem {d}, welcher Wochentag ist das?
de: Auf welchen Wochentag fällt der Tag {n} Tage nach dem {d}?
zh: {d}之后{n}天是星期几？
zh: {d}再过{n}天是周几？
zh: 从{d}起{n}天后是星期几？
""",
    "calculator convert_units": """
en: (work out|calculate) {a} {o} {b} and convert (it|the result) from {x} to {y}
en: (what is|how much is) {a} {o} {b} {x} in {y}?
en: I have {a} {o} {b} {x}, how many {y} is that?
en: {a} {o} {b} {x} to {y}
de: Berechne {a} {o} {b} und rechne das Ergebnis von {x} in {y} um
de: Was sind {a} {o} {b} {x} in {y}?
de: Ich habe {a} {o} {b} {x}, wie viele {y} sind das?
zh: 先算{a} {o} {b}，再把结果从{x}换算成{y}
zh: {a} {o} {b}{x}是多少{y}？
zh: 我有{a} {o} {b}{x}，等于多少{y}？
""",
    "read_file count_words": """
en: how many words (are in|does) the file {f} [have]?
en: count the words (in|of) {f}
en: how long is {f} in words?
de: Wie viele Wörter hat die Datei {f}?
de: Zähle die Wörter in {f}
zh: {f}里有多少个词？
zh: 数一下{f}的词数
""",
}
_OUT_OF_REACH = {
    "en": """
(what's|what is|how is) the weather [like] in {place} [today]?
will it rain in {place} tomorrow?
play some music
play {title}
book a (flight|table|room|taxi) in {place}
send {person} an e-mail
call {person}
turn on the lights
set an alarm for 7 am
who won the match yesterday?
what's the news [today]?
translate "good night" into French
order a pizza
what is {company} stock worth?
remind me to {chore}
write to {person} that I am late
delete all my files
buy me a new phone
show me a picture of {place}
""",
    "de": """
Wie ist das Wetter in {place}?
Regnet es morgen in {place}?
Spiel Musik
Spiel {title}
Buche (einen Flug|einen Tisch|ein Zimmer|ein Taxi) in {place}
Schreib {person} eine Mail
Ruf {person} an
Mach das Licht an
Stell den Wecker auf 7 Uhr
Wer hat gestern gewonnen?
Was gibt es Neues?
Übersetze "gute Nacht" ins Französische
Bestell eine Pizza
Erinnere mich daran: {chore}
Lösche alle meine Dateien
Zeig mir ein Bild von {place}
""",
    "zh": """
{place}天气怎么样？
{place}明天会下雨吗？
放点音乐
播放{title}
帮我在{place}订(机票|位子|房间|出租车)
给{person}发封邮件
给{person}打电话
打开灯
设一个早上7点的闹钟
昨天谁赢了？
今天有什么新闻？
把“晚安”翻译成法语
点一份披萨
提醒我{chore}
删除我所有的文件
给我看{place}的照片
""",
}
REPLIES = {
    "calculator": {"en": "{expression} = {result}.", "de": "{expression} = {result}.", "zh": "{expression} = {result}。"},
    "convert_units": {"en": "{value} {from_unit} are {result} {to_unit}.", "de": "{value} {from_unit} sind {result} {to_unit}.",
                      "zh": "{value}{from_unit}是{result}{to_unit}。"},
    "add_days": {"en": "It is {result}.", "de": "Das ist der {result}.", "zh": "是{result}。"},
    "days_between": {"en": "There are {result} days between {start} and {end}.", "de": "Zwischen {start} und {end} liegen {result} Tage.",
                     "zh": "{start}到{end}有{result}天。"},
    "weekday": {"en": "{date} is a {result}.", "de": "{date} ist ein {local}.", "zh": "{date}是{local}。"},
    "other": {"en": "The result is {result}.", "de": "Das Ergebnis ist {result}.", "zh": "结果是{result}。"},
}
_LOCAL_DAYS = {"de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag".split(),
               "zh": "星期一 星期二 星期三 星期四 星期五 星期六 星期日".split()}
_ENGLISH_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = {"en": "January February March April May June July August September October November December".split(),
           "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()}
# A kind of quantity a row; for each language the names of its units, and how much of one base unit they are.
_UNITS = [
    ({"kilometers|km": 1000, "miles|mi": "1609.344", "meters|m": 1, "feet|ft": "0.3048", "inches": "0.0254",
                "centimeters|cm": "0.01", "yards": "0.9144"},
     {"Kilometer|km": 1000, "Meilen": "1609.344", "Meter|m": 1, "Fuß": "0.3048", "Zoll": "0.0254", "Zentimeter|cm": "0.01"},
     {"公里": 1000, "英里": "1609.344", "米": 1, "英尺": "0.3048", "英寸": "0.0254", "厘米": "0.01", "里": 500}),
    ({"kilograms|kg": 1, "pounds|lb": "0.45359237", "grams|g": "0.001", "ounces|oz": "0.028349523125"},
     {"Kilogramm|kg": 1, "Pfund": "0.5", "Gramm|g": "0.001"},
     {"公斤": 1, "磅": "0.45359237", "克": "0.001", "斤": "0.5", "两": "0.05"}),
    ({"hours": 3600, "minutes": 60, "seconds": 1, "days": 86400, "weeks": 604800},
     {"Stunden": 3600, "Minuten": 60, "Sekunden": 1, "Tage": 86400, "Wochen": 604800},
     {"小时": 3600, "分钟": 60, "秒": 1, "天": 86400, "周": 604800}),
    ({"liters": 1, "milliliters|ml": "0.001"}, {"Liter": 1, "Milliliter|ml": "0.001"}, {"升": 1, "毫升": "0.001"}),
]


def _sets(name, blocks):
    """{key: {language: (PatternSet, {pattern: expression})}}"""
    out = {}
    for key, block in blocks.items():
        by_language, expressions = {"en": [], "de": [], "zh": []}, {}
        for line in block.strip().splitlines():
            language, rest = line.split(": ", 1)
            pattern, _, expression = rest.partition(" ;; ")
            by_language[language].append(pattern)
            expressions[pattern] = expression
        out[key] = {l: (PatternSet(f"{name}/{key}/{l}", p), expressions) for l, p in by_language.items()}
    return out


_SINGLE, _CHAINED = _sets("builtin", _PHRASES), _sets("chain", _CHAINS)
_NONE = {l: PatternSet(f"out_of_reach/{l}", block.strip().splitlines()) for l, block in _OUT_OF_REACH.items()}
PATTERNS = {**{f"builtin {k} {l}": s for k, d in _SINGLE.items() for l, (s, _) in d.items()},
            **{f"chain {k} {l}": s for k, d in _CHAINED.items() for l, (s, _) in d.items()},
            **{f"none {l}": s for l, s in _NONE.items()}}


def number_text(value):
    """An exact decimal, or None: what the program writes as a JSON number."""
    value = Fraction(value)
    digits = 0
    while (value * 10 ** digits).denominator != 1:
        digits += 1
        if digits > 12:
            return None
    text = f"{int(value * 10 ** digits):0{digits + 1}d}" if value >= 0 else "-" + number_text(-value)
    return text if value < 0 or not digits else text[:-digits] + "." + text[-digits:]


class _Call:
    """One call with its result, and how it is told."""

    def __init__(self, name, arguments, reasons, result, language):
        self.name, self.arguments, self.reasons, self.result, self.language = name, arguments, reasons, result, language

    def reason(self):
        return thought_of_call(self.name, self.reasons)

    def content(self):
        value = self.result
        numeric = isinstance(value, str) and value.lstrip("-").replace(".", "", 1).isdigit()
        return '{"result": %s}' % value if numeric else {"result": value}

    def reply(self):
        template = REPLIES.get(self.name, REPLIES["other"])[self.language]
        shown = R.join_list(self.result, self.language, _Always) if isinstance(self.result, list) else self.result
        local = shown
        if self.name == "weekday" and self.language != "en":
            local = _LOCAL_DAYS[self.language][_ENGLISH_DAYS.index(shown)]
        return template.format(**{**self.arguments, "result": shown, "local": local})


def _day_text(day, today, language, rng):
    """As people write it."""
    gap = (day - today).days
    near = {"en": {0: "today", 1: "tomorrow", -1: "yesterday"}, "de": {}, "zh": {0: "今天", 1: "明天", -1: "昨天"}}[language]
    if gap in near:
        return near[gap]
    kind = rng.randrange(3)
    if kind == 0:
        return day.isoformat()
    if language == "en":
        month = _MONTHS["en"][day.month - 1]
        return rng.choice((f"{month} {day.day}, {day.year}", f"{day.day} {month} {day.year}"))
    if language == "de":
        return rng.choice((f"{day.day}. {_MONTHS['de'][day.month - 1]} {day.year}", f"{day.day:02}.{day.month:02}.{day.year}"))
    return f"{day.year}年{day.month}月{day.day}日"


def _draw_day(today, language, rng):
    gap = rng.choice((0, 1, -1)) if rng.random() < 0.15 else rng.randint(-3000, 4000)
    day = today + datetime.timedelta(days=gap)
    return day, _day_text(day, today, language, rng)


def _day_reason(name, surface, day, today):
    gap = (day - today).days
    if surface == day.isoformat():
        return f"{name}: {surface}"
    if abs(gap) <= 1:
        return f"{name}: {surface}: {today.isoformat()} + {gap} = {day.isoformat()}"
    return f"{name}: {surface} = {day.isoformat()}"


def _numbers(rng):
    big = rng.choice((99, 999, 9999))
    tenths = lambda: number_text(Fraction(rng.randint(11, 999), 10)) if rng.random() < 0.25 else str(rng.randint(2, big))
    return {"a": tenths(), "b": tenths(), "c": str(rng.randint(2, big)), "p": str(rng.choice((5, 10, 12, 15, 19, 20, 25, 30, 7.5, rng.randint(2, 95)))),
            "n": str(rng.randint(2, 60))}


def _said(number, language):
    return number.replace(".", ",") if language == "de" else number


def evaluate(expression):
    """Of numbers with + - * / ^ 2, by Fraction."""
    return eval(re.sub(r"\d+(?:\.\d+)?", lambda m: f"Fraction('{m[0]}')", expression).replace("^ Fraction('2')", "** 2"))


def _unit_pair(language, rng):
    table = rng.choice(_UNITS)[LANGUAGES.index(language)]
    first, second = rng.sample(sorted(table), 2)
    return (rng.choice(first.split("|")), rng.choice(second.split("|")), Fraction(table[first]) / Fraction(table[second]))


def _converted(number, factor):
    exact = Fraction(number) * factor
    return number_text(exact) or number_text(round(exact, 6))


def _number_value(text):
    return float(text) if "." in text else int(text)


def _single(name, language, split, rng, today):
    """(request, _Call, pattern) of one tool."""
    if name in _SINGLE and rng.random() < 0.75:
        patterns, expressions = _SINGLE[name][language]
        pattern = patterns.pick(rng, split)
        template = expand(pattern, rng)
        slots, arguments, reasons, result = {}, {}, [], ""
        if name == "calculator":
            numbers = _numbers(rng)
            slots = {k: _said(v, language) for k, v in numbers.items()}
            expression = expressions[pattern].format(**numbers)
            result = number_text(evaluate(expression)) or number_text(round(evaluate(expression), 6))
            arguments, reasons = {"expression": expression}, [f"expression: {expression}"]
        elif name == "convert_units":
            x, y, factor = _unit_pair(language, rng)
            number = _numbers(rng)["a"]
            slots = {"a": _said(number, language), "x": x, "y": y}
            arguments = {"value": _number_value(number), "from_unit": x, "to_unit": y}
            reasons, result = [f"value: {number}", f"from_unit: {x}", f"to_unit: {y}"], _converted(number, factor)
        else:
            day, said = _draw_day(today, language, rng)
            slots["d"] = said
            if name == "weekday":
                arguments, reasons = {"date": day.isoformat()}, [_day_reason("date", said, day, today)]
                result = _ENGLISH_DAYS[day.weekday()]
            elif name == "add_days":
                days = rng.randint(2, 400)
                slots["n"] = str(days)
                arguments = {"date": day.isoformat(), "days": days}
                reasons = [_day_reason("date", said, day, today), f"days: {days}"]
                result = (day + datetime.timedelta(days=days)).isoformat()
            else:
                end, end_said = _draw_day(today, language, rng)
                slots["e"] = end_said
                arguments = {"start": day.isoformat(), "end": end.isoformat()}
                reasons = [_day_reason("start", said, day, today), _day_reason("end", end_said, end, today)]
                result = str((end - day).days)
        for slot, value in slots.items():
            template = template.replace("{" + slot + "}", value)
        return tidy(template), _Call(name, arguments, reasons, result, language), pattern
    return _from_natural(name, language, split, rng, today)


def _from_natural(name, language, split, rng, today):
    family = _FAMILIES[name]
    while True:
        pattern = family.sets[language].pick(rng, split)
        template, arguments, reasons, pieces = expand(pattern, rng), {}, [], []
        units = _unit_pair(language, rng)
        for part in natural._split_slots(template):
            if not part.startswith("{"):
                pieces.append(part)
                continue
            slot = part[1:-1]
            key = family.parameters[slot]
            if key in ("unit_a", "unit_b"):
                surface = value = units[key == "unit_b"]
            else:
                surface, value = natural._sample(key, language, split, rng, today)
            arguments[slot] = value
            shown = str(value).lower() if isinstance(value, bool) else value
            reasons.append(f"{slot}: {surface}" if surface == str(value) or isinstance(value, list) else f"{slot}: {surface} = {shown}")
            pieces.append(surface)
        if all(n in arguments for n in family.required):
            break
    ordered = {n: arguments[n] for n in family.parameters if n in arguments}
    return tidy("".join(pieces)), _Call(name, ordered, reasons, _result(name, ordered, units, rng, language, split), language), pattern


def _result(name, a, units, rng, language, split):
    if name == "calculator":
        try:
            value = evaluate(a["expression"])
        except ZeroDivisionError:
            value = Fraction(0)
        return number_text(value) or number_text(round(value, 6))
    if name == "convert_units":
        return _converted(str(a["value"]), units[2])
    if name == "add_days":
        return (datetime.date.fromisoformat(a["date"]) + datetime.timedelta(days=a["days"])).isoformat()
    if name == "days_between":
        return str((datetime.date.fromisoformat(a["end"]) - datetime.date.fromisoformat(a["start"])).days)
    if name == "weekday":
        return _ENGLISH_DAYS[datetime.date.fromisoformat(a["date"]).weekday()]
    if name == "current_time":
        moment = datetime.datetime.combine(R.random_day(rng), datetime.time(rng.randrange(24), rng.randrange(60)))
        return moment.strftime("%Y-%m-%d %H:%M")
    if name == "sort_list":
        return sorted(a["items"], key=str.lower, reverse=bool(a.get("descending")))
    if name == "count_words":
        return str(len(a["text"].split()) if language != "zh" else len(a["text"]))
    if name == "reverse_text":
        return a["text"][::-1]
    if name == "change_case":
        return a["text"].upper() if a["upper"] else a["text"].lower()
    if name == "read_file":
        return values.statement(rng, language, split)
    files = [values.file_name(rng, split) for _ in range(rng.randint(1, 3))]
    return files if name == "list_files" else [f"{f}:{rng.randint(1, 90)}: {a['text']}" for f in files]


def _chain(language, split, rng, today):
    """(request, [first call, second call], pattern)"""
    key = rng.choices(list(_CHAINS), (4, 4, 2))[0]
    pattern = _CHAINED[key][language][0].pick(rng, split)
    template, slots = expand(pattern, rng), {}
    if key == "add_days weekday":
        day, said = _draw_day(today, language, rng)
        days = rng.randint(2, 400)
        end = day + datetime.timedelta(days=days)
        slots = {"d": said, "n": str(days)}
        calls = [_Call("add_days", {"date": day.isoformat(), "days": days},
                       [_day_reason("date", said, day, today), f"days: {days}"], end.isoformat(), language),
                 _Call("weekday", {"date": end.isoformat()}, [f"date: {end.isoformat()}"], _ENGLISH_DAYS[end.weekday()], language)]
    elif key == "calculator convert_units":
        x, y, factor = _unit_pair(language, rng)
        a, b = str(rng.randint(2, 999)), str(rng.randint(2, 99))
        operator = rng.choice("+*")
        value = number_text(evaluate(f"{a} {operator} {b}"))
        slots = {"a": a, "b": b, "o": operator, "x": x, "y": y}
        calls = [_Call("calculator", {"expression": f"{a} {operator} {b}"}, [f"expression: {a} {operator} {b}"], value, language),
                 _Call("convert_units", {"value": int(value), "from_unit": x, "to_unit": y},
                       [f"value: {value}", f"from_unit: {x}", f"to_unit: {y}"], _converted(value, factor), language)]
    else:
        path, text = values.file_name(rng, split), values.statement(rng, language, split)
        slots = {"f": path}
        calls = [_Call("read_file", {"path": path}, [f"path: {path}"], text, language),
                 _Call("count_words", {"text": text}, [f"text: {text}"], _result("count_words", {"text": text}, None, rng, language, split), language)]
    for slot, value in slots.items():
        template = template.replace("{" + slot + "}", value)
    return tidy(template), calls, pattern


def _declared(rng, split, language, needed):
    """Mostly all of the program's tools in its order; at times some left out, some of the user's own added."""
    tools = definitions()
    kind = rng.random()
    if kind < 0.5:
        return tools
    keep = [t for t in tools if t["function"]["name"] in needed or rng.random() < (1.0 if kind < 0.75 else 0.6)]
    thing = rng.choice(TRAIN_THINGS)
    base = Tool(rng.choice(thing.verbs), thing, rng, language)
    keep += [t.schema for t in _distractors([base], rng.randint(1, 2), rng, language, TRAIN_THINGS)
             if t.thing.key not in ("file_item", "document", "folder", "table_row", "note")]
    if kind > 0.9:
        rng.shuffle(keep)
    return keep


def _dress(text, rng, language):
    kind = rng.random()
    if kind < 0.12 and language != "zh" and '"' not in text:
        return text[:1].lower() + text[1:]
    if kind < 0.25:
        return text.rstrip("?？。.!")
    if kind < 0.35:
        return rng.choice(natural._POLITE[language]) + text
    return text


def _program_system(language, rng, today):
    """Mostly what the program says by itself, in English whatever the request's language."""
    if rng.random() < 0.7:
        return R.today_line(today, "en")
    return _system(language, rng, today, True)


_AND = {"en": (" and ", ", and also ", ". And "), "de": (" und ", ". Außerdem: ", ", und "), "zh": ("，还有", "，另外")}


def _request(split, rng, language, today):
    """(kind, text, rounds of calls, pattern)"""
    kind = rng.choices(("call", "two_calls", "chain", "no_tool"), (0.50, 0.17, 0.20, 0.13))[0]
    if kind == "no_tool":
        pattern = _NONE[language].pick(rng, split)
        text = expand(pattern, rng)
        for slot, make in (("{place}", values.place), ("{title}", values.title), ("{person}", values.person), ("{chore}", values.chore)):
            text = text.replace(slot, make(rng, language, split))
        return kind, text.replace("{company}", values.invented_word(rng, language)), [], pattern
    if kind == "chain":
        text, (first, second), pattern = _chain(language, split, rng, today)
        return kind, text, [[first], [second]], pattern
    text, call, pattern = _single(rng.choice(NAMES[:5] * 2 + NAMES), language, split, rng, today)
    if kind == "call":
        return kind, text, [[call]], pattern
    more, other, _ = _single(rng.choice(NAMES[:5] * 2 + NAMES), language, split, rng, today)
    lower = more[:1].lower() + more[1:] if language == "en" else more
    return kind, text.rstrip("?？。.!") + rng.choice(_AND[language]) + lower, [[call, other]], pattern


def _conversation(kind, text, rounds, rng, language, thinking):
    """(messages, checks)"""
    messages, checks = [user(_dress(text, rng, language))], []
    if kind == "no_tool":
        reply = expand(rng.choice(P.NO_TOOL[language]), rng)
        messages.append(assistant(reply, "Wanted: something else\nNone fits" if thinking else None))
        checks.append({"turn": 1, "kind": "none"})
    for calls in rounds:
        reason = ("Two calls\n" if len(calls) == 2 else "") + "\nThen:\n".join(call.reason() for call in calls)
        if kind == "chain":
            reason = ("First:\n" if calls is rounds[0] else "Then:\n") + reason
        checks.append({"turn": len(messages), "kind": "call", "calls": [{"name": c.name, "arguments": c.arguments} for c in calls]})
        messages.append(assistant("", reason if thinking else None, [(c.name, c.arguments) for c in calls]))
        messages += [tool_result(c.content()) for c in calls]
    if rounds:
        last = rounds[-1]
        reply = (" " if language != "zh" else "").join(c.reply() for c in last)
        checks.append({"turn": len(messages), "kind": "contains", "all": [str(c.result) for c in last if not isinstance(c.result, list)
                                                                          and not (c.name == "weekday" and language != "en")]})
        messages.append(assistant(reply, ("Tell the result." if len(last) == 1 else "Tell both results.") if thinking else None))
    return messages, checks


def make_builtin_items(split, rng, language=None, count=1):
    """`count` conversations that begin with the same declared tools."""
    language, today, items, tools, system = language or pick_language(rng), R.random_day(rng), [], None, ""
    while len(items) < count:
        kind, text, rounds, pattern = _request(split, rng, language, today)
        needed = {call.name for calls in rounds for call in calls}
        if tools is None:
            tools, system = _declared(rng, split, language, needed), _program_system(language, rng, today)
        elif not needed <= {t["function"]["name"] for t in tools}:
            continue
        thinking = rng.random() < 0.85
        messages, checks = _conversation(kind, text, rounds, rng, language, thinking)
        items.append(make_item("tools", kind, language, split, "builtin", pattern, messages, checks, system=system,
                               tools=tools, thinking=thinking))
    return items


def make_builtin_item(split, rng, language=None):
    return make_builtin_items(split, rng, language)[0]
