"""The tools that a model may call, against Python's fractions, decimal, datetime and zoneinfo."""

import calendar
import datetime
import decimal
import json
import math
import os
import random
import re
import subprocess
import sys
import unicodedata
import zoneinfo
from fractions import Fraction
from pathlib import Path


ROOT = Path(__file__).resolve().parents[2]
MAINS = Path(os.environ.get("MAINS_BIN", ROOT / "build/release/mains")).resolve()
sys.path.insert(0, str(ROOT))
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def call_all(name, arguments, cwd=None):
    """The results of many calls of one tool."""
    lines = "".join(json.dumps(a, ensure_ascii=False) + "\n" for a in arguments)
    done = subprocess.run([MAINS, "tool", name, "--lines"], input=lines, capture_output=True, text=True, check=True, cwd=cwd)
    results = [json.loads(line, parse_float=str, parse_int=str) for line in done.stdout.splitlines()]
    assert len(results) == len(arguments)
    return results


def rounded(value, digits=15):
    """A fraction to significant digits, halves away from zero, as an exact fraction."""
    value = Fraction(value)
    if value == 0:
        return Fraction(0)
    exponent = math.floor(math.log10(abs(value.numerator)) - math.log10(value.denominator)) - 2
    while abs(value) >= Fraction(10) ** (exponent + 1):
        exponent += 1
    unit = Fraction(10) ** (exponent - digits + 1)
    whole = math.floor(abs(value) / unit + Fraction(1, 2)) * unit
    return whole if value > 0 else -whole


def check_exact(expression, value, result):
    text = result["result"]
    if "≈" not in text:
        assert Fraction(text) == value, expression
        return
    shown, approximation = text.split("≈")
    if shown.strip():
        assert Fraction(shown.strip()) == value, expression
    assert Fraction(approximation.strip()) == rounded(value), expression


class Undefined(Exception):
    pass


def make_expression(rng, depth):
    """(text, value, precedence)"""
    if depth == 0 or rng.random() < 0.15:
        if rng.random() < 0.7:
            n = rng.randint(0, rng.choice((9, 99, 99999, 10**25)))
            return str(n), Fraction(n), 9
        text = f"{rng.randint(0, 999)}.{rng.randint(0, 9999)}"
        return text, Fraction(text), 9
    kind = rng.choice(("+", "-", "*", "/", "mod", "^", "neg", "!", "%", "abs", "floor", "round"))
    a, x, p = make_expression(rng, depth - 1)
    wrapped = f"({a})" if p < 9 else a
    if kind == "neg":
        return f"-{wrapped}", -x, 3
    if kind == "!":
        n = rng.randint(0, 30)
        return f"{n}!", Fraction(math.factorial(n)), 9
    if kind == "%":
        return f"({wrapped}%)*1", x / 100, 2
    if kind == "abs":
        return f"abs({a})", abs(x), 9
    if kind == "floor":
        return f"floor({a})", Fraction(math.floor(x)), 9
    if kind == "round":
        places = rng.randint(0, 6)
        size = math.floor(abs(x) * 10**places + Fraction(1, 2))
        return f"round({a}, {places})", Fraction(size, 10**places) * (1 if x >= 0 else -1), 9
    if kind == "^":
        n = rng.randint(-3, 6)
        if x == 0 and n < 0:
            raise Undefined
        return f"{wrapped}^{n}", x**n, 4
    b, y, q = make_expression(rng, depth - 1)
    other = f"({b})" if q < 9 else b
    sign = {"*": rng.choice("*×⋅"), "/": rng.choice("/÷"), "-": rng.choice("-−")}.get(kind, kind)
    space = rng.choice(("", " ")) if kind != "mod" else " "
    text = f"{wrapped}{space}{sign}{space}{other}"
    if kind in ("/", "mod") and y == 0:
        raise Undefined
    value = {"+": lambda: x + y, "-": lambda: x - y, "*": lambda: x * y, "/": lambda: x / y, "mod": lambda: x % y}[kind]()
    return text, value, 1 if kind in "+-" else 2


def test_calculator_is_exact():
    rng = random.Random(1)
    cases = []
    while len(cases) < 4000:
        try:
            text, value, _ = make_expression(rng, rng.randint(1, 4))
        except Undefined:
            continue
        if value.numerator.bit_length() < 3000 and value.denominator.bit_length() < 3000 and len(text) < 300:
            cases.append((text, value))
    for (text, value), result in zip(cases, call_all("calculator", [{"expression": t} for t, _ in cases])):
        assert "result" in result, (text, result)
        check_exact(text, value, result)


def test_calculator_without_parentheses():
    """Precedence: Python has the same for + - * / and for % as a remainder of two numbers."""
    rng = random.Random(2)
    cases = []
    while len(cases) < 2000:
        parts = [str(rng.randint(1, 999))]
        for _ in range(rng.randint(1, 6)):
            parts += [rng.choice("+-*/%"), str(rng.randint(1, 99))]
        if rng.random() < 0.3:
            parts.insert(0, "-")
        cases.append((" ".join(parts), eval(re.sub(r"(\d+)", r"Fraction(\1)", " ".join(parts)))))
    for (text, value), result in zip(cases, call_all("calculator", [{"expression": t} for t, _ in cases])):
        check_exact(text, value, result)


def test_calculator_functions():
    rng = random.Random(3)
    context = decimal.Context(prec=60)
    exact = {"sqrt": context.sqrt, "ln": context.ln, "exp": context.exp, "log10": context.log10}
    loose = {"sin": math.sin, "cos": math.cos, "tan": math.tan, "atan": math.atan, "asin": math.asin, "acos": math.acos,
             "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "log2": math.log2}
    cases = []
    for _ in range(1500):
        name = rng.choice(sorted(exact) + sorted(loose))
        top = 1 if name in ("asin", "acos") else 30
        x = f"{rng.uniform(0.001, top):.6f}" if top == 30 else f"{rng.uniform(0.001, 0.999):.6f}"
        cases.append((name, x))
    for (name, x), result in zip(cases, call_all("calculator", [{"expression": f"{n}({x})"} for n, x in cases])):
        text = result["result"].replace("≈", "").strip()
        if name in exact:
            assert Fraction(text) == rounded(Fraction(exact[name](decimal.Decimal(x)))), (name, x)
        else:
            assert math.isclose(float(text), loose[name](float(x)), rel_tol=1e-12, abs_tol=1e-15), (name, x)


LENGTHS = {"km": 1000, "kilometers": 1000, "Kilometer": 1000, "公里": 1000, "miles": Fraction("1609.344"),
           "Meilen": Fraction("1609.344"), "英里": Fraction("1609.344"), "feet": Fraction("0.3048"), "Fuß": Fraction("0.3048"),
           "英尺": Fraction("0.3048"), "inches": Fraction("0.0254"), "Zoll": Fraction("0.0254"), "cm": Fraction("0.01"),
           "Zentimeter": Fraction("0.01"), "厘米": Fraction("0.01"), "mm": Fraction("0.001"), "yards": Fraction("0.9144"),
           "nautical miles": 1852, "海里": 1852, "里": 500, "尺": Fraction(1, 3), "Mikrometer": Fraction(1, 10**6)}
MASSES = {"kg": 1, "kilograms": 1, "Kilogramm": 1, "公斤": 1, "grams": Fraction(1, 1000), "克": Fraction(1, 1000),
          "pounds": Fraction("0.45359237"), "lb": Fraction("0.45359237"), "ounces": Fraction("0.45359237") / 16,
          "Unzen": Fraction("0.45359237") / 16, "斤": Fraction(1, 2), "两": Fraction(1, 20), "Tonnen": 1000, "吨": 1000,
          "stone": Fraction("0.45359237") * 14, "mg": Fraction(1, 10**6), "毫克": Fraction(1, 10**6)}
TIMES = {"seconds": 1, "Sekunden": 1, "秒": 1, "minutes": 60, "Minuten": 60, "分钟": 60, "hours": 3600, "Stunden": 3600,
         "小时": 3600, "days": 86400, "Tage": 86400, "天": 86400, "weeks": 604800, "Wochen": 604800, "ms": Fraction(1, 1000)}
GALLON = Fraction("3.785411784")
VOLUMES = {"liters": 1, "Liter": 1, "升": 1, "ml": Fraction(1, 1000), "毫升": Fraction(1, 1000), "gallons": GALLON,
           "Gallonen": GALLON, "加仑": GALLON, "pints": GALLON / 8, "quarts": GALLON / 4, "cups": GALLON / 16,
           "imperial gallons": Fraction("4.54609"), "m3": 1000, "cubic feet": Fraction("0.3048") ** 3 * 1000,
           "Kubikmeter": 1000, "立方厘米": Fraction(1, 1000)}
AREAS = {"m2": 1, "m²": 1, "Quadratmeter": 1, "平方米": 1, "square feet": Fraction("0.3048") ** 2, "hectares": 10000,
         "公顷": 10000, "acres": Fraction("4046.8564224"), "亩": Fraction(2000, 3), "km²": 10**6, "平方公里": 10**6}
SPEEDS = {"km/h": Fraction(1000, 3600), "Kilometer pro Stunde": Fraction(1000, 3600), "公里每小时": Fraction(1000, 3600),
          "mph": Fraction("0.44704"), "miles per hour": Fraction("0.44704"), "m/s": 1, "knots": Fraction(1852, 3600)}
DATA = {"bytes": 8, "kB": 8000, "MB": 8 * 10**6, "GB": 8 * 10**9, "KiB": 8 * 1024, "MiB": 8 * 2**20, "GiB": 8 * 2**30,
        "Mbit": 10**6, "字节": 8}
ENERGIES = {"J": 1, "kJ": 1000, "kWh": 3600000, "cal": Fraction("4.184"), "kcal": 4184, "Wh": 3600, "千卡": 4184}
PRESSURES = {"Pa": 1, "kPa": 1000, "hPa": 100, "bar": 100000, "mbar": 100, "atm": 101325, "Torr": Fraction(101325, 760)}


def check_conversion(case, value, result):
    shown = Fraction(result["result"])
    assert shown == (rounded(value, 10) if "rounded to 10 digits" in result.get("note", "") else value), case


def test_units():
    rng = random.Random(4)
    cases = []
    for _ in range(3000):
        table = rng.choice((LENGTHS, MASSES, TIMES, VOLUMES, AREAS, SPEEDS, DATA, ENERGIES, PRESSURES))
        a, b = rng.choice(sorted(table)), rng.choice(sorted(table))
        value = rng.choice((rng.randint(0, 10000), rng.randint(-9999, 9999) / 10, rng.randint(1, 99) / 1000))
        cases.append(({"value": value, "from_unit": a, "to_unit": b}, Fraction(str(value)) * table[a] / table[b]))
    for (case, value), result in zip(cases, call_all("convert_units", [c for c, _ in cases])):
        assert "result" in result, (case, result)
        check_conversion(case, value, result)


def test_temperatures():
    to_kelvin = {"celsius": lambda v: v + Fraction("273.15"), "fahrenheit": lambda v: (v + Fraction("459.67")) * 5 / 9,
                 "K": lambda v: v}
    from_kelvin = {"摄氏度": lambda k: k - Fraction("273.15"), "Fahrenheit": lambda k: k * 9 / 5 - Fraction("459.67"),
                   "kelvin": lambda k: k}
    rng = random.Random(5)
    cases = []
    for _ in range(500):
        a, b = rng.choice(sorted(to_kelvin)), rng.choice(sorted(from_kelvin))
        value = Fraction(rng.randint(0, 20000), 10)
        cases.append(({"value": float(value), "from_unit": a, "to_unit": b}, from_kelvin[b](to_kelvin[a](value))))
    for (case, value), result in zip(cases, call_all("convert_units", [c for c, _ in cases])):
        check_conversion(case, value, result)


def random_date(rng):
    return datetime.date.fromordinal(rng.randint(1, datetime.date.max.toordinal()))


def written(rng, date):
    """The same day in one of the ways that people write it."""
    english, german = calendar.month_name[date.month], "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()[date.month - 1]
    return rng.choice((date.isoformat(), f"{date.day}.{date.month}.{date.year:04}", f"{date.year:04}年{date.month}月{date.day}日",
                       f"{english} {date.day}, {date.year:04}", f"{date.day}. {german} {date.year:04}", date.strftime("%d %b ") + f"{date.year:04}"))


def test_dates():
    rng = random.Random(6)
    pairs = [(random_date(rng), random_date(rng)) for _ in range(1500)]
    asked = [{"start": written(rng, a), "end": written(rng, b)} for a, b in pairs]
    for (a, b), case, result in zip(pairs, asked, call_all("days_between", asked)):
        assert int(result["result"]) == (b - a).days, case
    steps = [(b - a).days for a, b in pairs]
    for (a, b), result in zip(pairs, call_all("add_days", [{"date": a.isoformat(), "days": n} for (a, _), n in zip(pairs, steps)])):
        assert result["result"] == b.isoformat()
    days = [a for a, _ in pairs]
    for a, result in zip(days, call_all("weekday", [{"date": written(rng, a)} for a in days])):
        assert result["result"] == WEEKDAYS[a.weekday()], a
    for a, result in zip(days, call_all("week_number", [{"date": a.isoformat()} for a in days])):
        year, week, _ = a.isocalendar()
        assert result["result"] == f"{year:04}-W{week:02}", a


def test_months():
    rng = random.Random(7)
    cases = []
    while len(cases) < 1000:
        day, count = random_date(rng), rng.randint(-500, 500)
        year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
        if not 1 <= year <= 9999:
            continue
        last = calendar.monthrange(year, month + 1)[1]
        cases.append((day, count, datetime.date(year, month + 1, min(day.day, last)), last < day.day))
    results = call_all("add_months", [{"date": d.isoformat(), "months": n} for d, n, _, _ in cases])
    for (day, count, expected, shortened), result in zip(cases, results):
        assert result["result"] == expected.isoformat(), (day, count)
        assert ("note" in result) == shortened


def test_times_of_day():
    rng = random.Random(8)
    base = datetime.datetime(2000, 1, 1)
    cases = [(rng.randint(0, 1439), rng.randint(-5000, 5000)) for _ in range(1000)]
    clock = [(base + datetime.timedelta(minutes=t)).strftime("%H:%M") for t, _ in cases]
    results = call_all("add_minutes", [{"time": c, "minutes": n} for c, (_, n) in zip(clock, cases)])
    for (t, n), result in zip(cases, results):
        then = base + datetime.timedelta(minutes=t + n)
        assert result["result"] == then.strftime("%H:%M")
        over = (then.date() - base.date()).days
        wanted = f"{abs(over)} day{'s' if abs(over) > 1 else ''} {'later' if over > 0 else 'before'}" if over else None
        assert result.get("note") == wanted


def test_clocks_of_cities():
    cities = {"Berlin": "Europe/Berlin", "münchen": "Europe/Berlin", "Zürich": "Europe/Zurich", "London": "Europe/London",
              "Lissabon": "Europe/Lisbon", "New York": "America/New_York", "Seattle": "America/Los_Angeles",
              "Salt Lake City": "America/Denver", "Buenos Aires": "America/Argentina/Buenos_Aires", "Tokyo": "Asia/Tokyo",
              "上海": "Asia/Shanghai", "哈尔滨": "Asia/Shanghai", "伦敦": "Europe/London", "Mumbai": "Asia/Kolkata",
              "Sydney": "Australia/Sydney", "Cape Town": "Africa/Johannesburg", "UTC": "UTC", "Asia/Kathmandu": "Asia/Kathmandu",
              "St. Johns": "America/St_Johns", "Honolulu": "Pacific/Honolulu"}
    before = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    results = call_all("current_time", [{"city": c} for c in cities])
    after = datetime.datetime.now(datetime.timezone.utc)
    for (city, zone), result in zip(cities.items(), results):
        note = re.fullmatch(r"(\w+), (.+), UTC([+-]\d\d:\d\d)", result["note"])
        assert note, result
        there = datetime.datetime.strptime(result["result"] + note[3].replace(":", ""), "%Y-%m-%d %H:%M%z")
        assert before <= there <= after, city
        local = there.astimezone(zoneinfo.ZoneInfo(zone))
        assert local.utcoffset() == there.utcoffset(), city
        assert note[1] == WEEKDAYS[local.weekday()]


def test_sorting():
    rng = random.Random(9)
    words = "apple Äpfel zebra Zoo straße STRASSE éclair Eclair 苹果 香蕉 ａｂｃ abd b2 B10 _x ñu nu".split()
    lists = [rng.sample(words, rng.randint(0, len(words))) for _ in range(300)]
    for items, result in zip(lists, call_all("sort_list", [{"items": i} for i in lists])):
        fold = lambda s: unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", s).casefold())
        assert result["result"] == sorted(items, key=lambda s: (fold(s), s.encode()))
    numbers = [[rng.choice((str(rng.randint(-99, 99)), f"{rng.uniform(-5, 5):.3f}")) for _ in range(8)] for _ in range(300)]
    asked = [{"items": i, "descending": True} for i in numbers]
    for items, result in zip(numbers, call_all("sort_list", asked)):
        assert result["result"] == sorted(items, key=Fraction, reverse=True)


def test_texts():
    rng = random.Random(10)
    texts = ["".join(rng.choice("abc äöü 你好 ÀÉ.,!") for _ in range(rng.randint(0, 30))) for _ in range(300)]
    for text, result in zip(texts, call_all("reverse_text", [{"text": t} for t in texts])):
        assert result["result"] == text[::-1]
    for text, result in zip(texts, call_all("change_case", [{"text": t, "upper": True} for t in texts])):
        assert result["result"] == text.upper()
    for text, result in zip(texts, call_all("count_words", [{"text": t} for t in texts])):
        assert int(result["result"]) == len(re.findall(r"[你好]|[^\s你好]*[a-zäöüàé][^\s你好]*", text.lower())), text


def test_the_tools_are_those_that_the_pocket_model_is_trained_on():
    from pocket.data import builtin

    listed = subprocess.run([MAINS, "tool", "--json"], capture_output=True, text=True, check=True).stdout.splitlines()
    trained = builtin.definitions()
    # json.dumps, because the order of keys is part of what a model sees
    assert [json.dumps(json.loads(line)) for line in listed][:len(trained)] == [json.dumps(d) for d in trained]


def test_the_training_data_has_the_results_of_these_tools():
    """Every call that the data makes up, less those that depend on the disk and the clock."""
    from pocket.data import build

    calls = {}
    for i in range(2500):
        messages = build.item_at(1, "train", i, "builtin")["messages"]
        for at, message in enumerate(messages):
            for n, call in enumerate(message.get("tool_calls", ())):
                calls.setdefault(call["function"]["name"], []).append(
                    (json.loads(call["function"]["arguments"]), json.loads(messages[at + 1 + n]["content"])["result"]))
    for name in ("current_time", "read_file", "list_files", "find_text"):
        del calls[name]
    assert len(calls) == 9
    for name, cases in calls.items():
        for (arguments, expected), result in zip(cases, call_all(name, [a for a, _ in cases])):
            got = result["result"]
            if name in ("calculator", "convert_units"):  # the data rounds to six places, the program to ten digits
                number = Fraction(got.split("≈")[-1].strip())
                wanted = Fraction(str(expected))
                assert abs(number - wanted) <= Fraction(1, 10**6) + abs(wanted) / 10**9, (arguments, got)
            elif name == "count_words":
                assert got.isdigit()
            elif name == "sort_list":
                assert sorted(got) == sorted(expected)
            else:
                assert got == str(expected), (name, arguments)


def run_tool(*arguments, cwd, text=None):
    return subprocess.run([MAINS, "tool", *arguments], capture_output=True, text=True, cwd=cwd, input=text)


def test_files_below_the_current_folder_only(tmp_path):
    inside = tmp_path / "inside"
    (inside / "docs").mkdir(parents=True)
    (inside / "docs/note.txt").write_text("Der Schlüssel liegt unter der Matte.\n")
    (tmp_path / "secret.txt").write_text("SECRET")
    (inside / "link").symlink_to(tmp_path / "secret.txt")
    (inside / "up").symlink_to(tmp_path)
    os.mkfifo(inside / "pipe")
    good = run_tool("read_file", '{"path": "docs/note.txt"}', cwd=inside)
    assert good.returncode == 0 and json.loads(good.stdout)["result"].startswith("Der Schlüssel")
    for path in ("../secret.txt", "docs/../../secret.txt", str(tmp_path / "secret.txt"), "link", "up/secret.txt", "pipe",
                 "/proc/self/root/etc/passwd", "/etc/passwd", "docs"):
        bad = run_tool("read_file", json.dumps({"path": path}), cwd=inside)
        assert bad.returncode == 1 and "error" in json.loads(bad.stdout), path
        assert "SECRET" not in bad.stdout and "root:" not in bad.stdout
    found = run_tool("find_text", '{"text": "schlüssel"}', cwd=inside)
    assert json.loads(found.stdout)["result"] == ["docs/note.txt:1: Der Schlüssel liegt unter der Matte."]


def test_own_tools_run_after_consent_only(tmp_path):
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps([{
        "name": "keep", "description": "Keeps a note.", "command": ["touch", "--", "{name}"],
        "parameters": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}]))
    refused = run_tool("keep", '{"name": "x"}', "--tools", str(tools), cwd=tmp_path, text="y\n")
    assert refused.returncode == 1 and "did not allow" in refused.stdout
    assert not (tmp_path / "x").exists()
    hostile = "; touch pwned; $(touch pwned) `touch pwned`\n-rf"
    allowed = run_tool("keep", json.dumps({"name": hostile}), "--tools", str(tools), "--yes", cwd=tmp_path)
    assert allowed.returncode == 0, allowed.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["tools.json", hostile])
    wrong = run_tool("--tools", str(tmp_path / "none.json"), cwd=tmp_path)
    assert wrong.returncode == 1 and "none.json" in wrong.stderr


def test_the_question_on_a_terminal(tmp_path):
    sys.path.insert(0, str(ROOT / "tests/e2e"))
    from terminal import Terminal

    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps([{"name": "say", "description": "Says it.", "command": ["echo", "said", "{what}"],
                                  "parameters": {"type": "object", "properties": {"what": {"type": "string"}}}}]))
    for answer, expected in (("y", '"said a b"'), ("n", "did not allow"), ("", "did not allow")):
        command = [str(MAINS), "tool", "say", '{"what": "a b"}', "--tools", str(tools)]
        with Terminal(command, dict(os.environ)) as terminal:
            terminal.wait_for("echo said 'a b'")
            terminal.wait_for("Run it? [y/N] ")
            terminal.type(answer + "\n")
            terminal.wait_for(expected)


def test_built_in_tools_only_read():
    """None of them can write, start a program or connect: nothing in their sources could."""
    runner = {"command_runner.cc", "user_tools.cc", "confirm.cc"}
    for path in (ROOT / "src/app/tools").glob("*.cc"):
        if path.name in runner or path.name.endswith("_test.cc"):
            continue
        calls = re.findall(r"\b(?:posix_spawn\w*|exec[lv]\w*|fork|vfork|clone|socket|connect|unlink\w*|rename\w*|mkdir\w*|"
                           r"write|pwrite|fwrite|ofstream|fopen|O_WRONLY|O_RDWR|O_CREAT|RunCommand)\b\s*[(|,]?", path.read_text())
        assert not [c for c in calls if c.endswith("(") or c.startswith("O_") or c == "ofstream"], path.name
