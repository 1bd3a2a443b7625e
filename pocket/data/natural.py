"""Hand-written tools and the ways people ask for them, among them the program's own kinds of tools:
calculator, dates, units, lists, files. Each line is one pattern; its slots are the parameters.

family: name variants ; English description ; parameters as name:role[?] (? = optional)
then patterns as "en: ...", "de: ...", "zh: ...".
"""

from . import roles as R
from . import tool_phrases as P
from . import values
from .item import assistant, make_item, pick_language, tool_result, user
from .numbers import typo
from .phrases import PatternSet, expand, tidy
from .tools import THINKING, Again, Scene, Tool, _distractors, _system, arguments_thought, look_through, make_call
from .families import TRAIN_THINGS, nonsense_name

_TEXT = """
calculator: calculator calculate calc evaluate compute math ; Works out an arithmetic expression exactly. ; expression:sum
en: (what is|what's|how much is) {expression}?
en: (calculate|compute|work out) {expression}
en: {expression}
en: (can you tell me|do you know) what {expression} (is|makes)?
en: I need the result of {expression}
de: (Was ist|Wie viel ist|Was ergibt) {expression}?
de: (Berechne|Rechne) {expression}
de: {expression}
de: Ich brauche das Ergebnis von {expression}
zh: {expression}(等于多少|是多少|得多少)？
zh: (计算|算一下) {expression}
zh: 帮我算{expression}
convert_units: convert_units unit_converter convert units ; Converts a value from one unit to another. ; value:quantity from_unit:unit_a to_unit:unit_b
en: (how many|how much) {to_unit} (are|is) {value} {from_unit}?
en: convert {value} {from_unit} (to|into) {to_unit}
en: {value} {from_unit} in {to_unit}
en: what is {value} {from_unit} in {to_unit}?
en: I have {value} {from_unit}, what is that in {to_unit}?
de: Wie viele {to_unit} sind {value} {from_unit}?
de: Rechne {value} {from_unit} in {to_unit} um
de: {value} {from_unit} in {to_unit}
de: Was sind {value} {from_unit} in {to_unit}?
zh: {value}{from_unit}(等于|是)多少{to_unit}？
zh: 把{value}{from_unit}换算成{to_unit}
zh: {value}{from_unit}换成{to_unit}
add_days: add_days date_add shift_date date_plus ; Gives the date a number of days after a date. ; date:iso_day days:day_count
en: (what date|which day) is {days} days after {date}?
en: add {days} days to {date}
en: {date} plus {days} days
de: Welches Datum ist {days} Tage nach dem {date}?
de: {date} plus {days} Tage
de: Zähle {days} Tage zum {date} dazu
zh: {date}之后{days}天是几号？
zh: {date}加{days}天
zh: 从{date}开始过{days}天是哪天？
days_between: days_between date_difference date_diff count_days ; Number of days between two dates. ; start:iso_day end:iso_day_b
en: how many days (are there|lie) between {start} and {end}?
en: days from {start} (to|until) {end}
en: how long is it from {start} to {end}?
de: Wie viele Tage (liegen|sind es) zwischen {start} und {end}?
de: Tage von {start} bis {end}
zh: {start}到{end}有多少天？
zh: 从{start}到{end}(相隔|一共)几天？
weekday: weekday day_of_week get_weekday ; Tells the day of the week of a date. ; date:iso_day
en: (what|which) (day of the week|weekday) is {date}?
en: is {date} a weekend?
en: what day does {date} fall on?
de: Welcher Wochentag ist der {date}?
de: Auf welchen Tag fällt {date}?
zh: {date}是星期几？
zh: {date}那天周几？
current_time: current_time now get_time clock what_time ; Current date and time. ; city:place?
en: what time is it [now]?
en: what time is it in {city}?
en: (tell|give) me the (time|clock time) [please]
en: current time in {city}
de: Wie spät ist es [gerade]?
de: Wie spät ist es in {city}?
de: Uhrzeit bitte
zh: 现在几点[了]？
zh: {city}现在几点？
sort_list: sort_list sort order_items list_sort ; Sorts a list. ; items:items descending:descending?
en: sort {items}
en: (put|bring) {items} in (alphabetical order|order)
en: sort {items} {descending}
de: Sortiere {items}
de: Bringe {items} in die richtige Reihenfolge
de: Sortiere {items} {descending}
zh: 把{items}排序
zh: 给{items}排个序
zh: 把{items}{descending}排序
count_words: count_words word_count words ; Counts the words of a text. ; text:text
en: how many words are in "{text}"?
en: count the words: "{text}"
de: Wie viele Wörter hat "{text}"?
de: Zähle die Wörter: "{text}"
zh: “{text}”有多少个词？
zh: 数一下词数：“{text}”
reverse_text: reverse_text reverse flip_text ; Turns a text back to front. ; text:text
en: (reverse|flip) "{text}"
en: what is "{text}" (backwards|back to front)?
de: Drehe "{text}" um
de: Was ist "{text}" rückwärts?
zh: 把“{text}”倒过来
zh: “{text}”反着写是什么？
change_case: change_case to_case text_case ; Changes letters to upper or lower case. ; text:text upper:upper
en: (write|put) "{text}" in {upper} [letters]
en: make "{text}" {upper}
de: Schreibe "{text}" in {upper}
zh: 把“{text}”改成{upper}
read_file: read_file cat open_file show_file ; Shows the text of a file. ; path:file
en: (show|read|print) [me] [the file] {path}
en: what is in {path}?
en: what does {path} say?
en: (I want to see|let me see) {path}
de: (Zeig|Lies) [mir] [die Datei] {path}
de: Was steht in {path}?
zh: (看看|读一下|显示){path}
zh: {path}里写了什么？
list_files: list_files ls list_dir directory ; Lists the files of a folder. ; folder:folder?
en: (what|which) files are (there|here)?
en: (list|show) the files in {folder}
en: what is in the folder {folder}?
en: look into {folder}
de: Welche Dateien gibt es [hier]?
de: (Zeig|Liste) die Dateien in {folder}
zh: (这里)有哪些文件？
zh: 列出{folder}里的文件
find_text: find_text grep search_files search_in_files ; Looks for a text in files. ; text:topic folder:folder?
en: (which|what) files (mention|contain) {text}?
en: (search|look) for {text} in {folder}
en: where do I write about {text}?
de: Welche Dateien enthalten {text}?
de: Suche {text} in {folder}
zh: 哪些文件提到{text}？
zh: 在{folder}里找{text}
turn_on: turn_on switch_on power_on enable ; Switches a device on in a room. ; room:room
en: (turn|switch) on the (lights|lamp) in the {room}
en: {room} lights on
en: it is too dark in the {room}
en: (light|lamp) in the {room} on please
de: (Mach|Schalte) das Licht im Raum {room} an
de: Licht an: {room}
zh: 打开{room}的灯
zh: {room}太暗了
zh: 把{room}的灯打开
turn_off: turn_off switch_off power_off disable ; Switches a device off in a room. ; room:room
en: (turn|switch) off the (lights|lamp) in the {room}
en: {room} lights off
en: lights out in the {room}
en: kill the light in the {room}
de: (Mach|Schalte) das Licht im Raum {room} aus
de: Licht aus: {room}
zh: 关掉{room}的灯
zh: 把{room}的灯关了
travel_time: travel_time get_directions distance_time journey ; How long a journey takes. ; origin:place destination:place_b by:transport?
en: how long (does it take|is it) from {origin} to {destination} [{by}]?
en: how far is {destination} from {origin}?
en: (going|getting) from {origin} to {destination} {by}
en: when would I be in {destination} if I leave {origin} now?
de: Wie lange brauche ich von {origin} nach {destination} [{by}]?
de: Wie weit ist {destination} von {origin} entfernt?
zh: 从{origin}到{destination}要多久？
zh: {origin}离{destination}多远？
zh: {by}从{origin}到{destination}要多长时间？
buy_tickets: buy_tickets purchase_tickets get_tickets ticket_order ; Buys tickets for a journey. ; origin:place destination:place_b passengers:people? date:date_text?
en: (two way|one way) from {origin} to {destination} [for {passengers} people]
en: {passengers} tickets to {destination} from {origin}
en: get {passengers} of us from {origin} to {destination} on {date}
en: we are {passengers} and want to go to {destination}, leaving {origin}
de: {passengers} Karten von {origin} nach {destination}
de: Von {origin} nach {destination}, {passengers} Personen, {date}
zh: {passengers}张从{origin}到{destination}的票
zh: {date}从{origin}去{destination}，{passengers}个人
send_text: send_text message_person text_someone sms ; Sends somebody a short text. ; person:person text:statement
en: (text|message|tell|write) {person} that {text}
en: let {person} know {text}
en: send {person} "{text}"
en: {person} should know that {text}
de: Schreib {person}: {text}
de: Sag {person} Bescheid: {text}
de: Schick {person} "{text}"
zh: 告诉{person}{text}
zh: 给{person}发消息说{text}
zh: 跟{person}说一声，{text}
phone_person: phone_person make_call dial ring ; Calls somebody. ; person:person
en: (call|ring|phone|dial) {person}
en: (get|put) {person} on the (phone|line)
en: I (need|want) to (talk|speak) to {person}
de: Ruf {person} an
de: Verbinde mich mit {person}
de: Ich muss mit {person} sprechen
zh: 打电话给{person}
zh: 给{person}打个电话
zh: 我要和{person}通话
remind_me: remind_me add_reminder remember ; Reminds the user of something at a time. ; what:chore at:time? day:date_text?
en: remind me to {what} at {at}
en: remind me to {what} [{day}]
en: (don't let me forget|I must not forget) to {what}
en: at {at} I have to {what}, remind me
en: {day} I need to {what}, please remind me
de: Erinnere mich um {at}: {what}
de: Denk für mich daran: {what}
de: Erinnere mich {day} daran: {what}
zh: {at}提醒我{what}
zh: 提醒我{day}{what}
zh: 别让我忘了{what}
wake_me: wake_me set_alarm alarm_at wake_up ; Sets an alarm. ; at:time
en: wake me [up] at {at}
en: I (have|need) to (get up|be up) at {at}
en: (alarm|wake-up call) (at|for) {at}
de: Weck mich um {at}
de: Ich muss um {at} aufstehen
zh: {at}叫我起床
zh: 我{at}要起床
countdown: countdown timer_start egg_timer kitchen_timer ; Starts a countdown. ; minutes:minutes
en: {minutes} minutes (countdown|timer)
en: (tell|call) me when {minutes} minutes are (over|up)
en: timer for {minutes} minutes
en: my eggs need {minutes} minutes
de: Timer auf {minutes} Minuten
de: Sag Bescheid, wenn {minutes} Minuten um sind
zh: {minutes}分钟后叫我
zh: 倒计时{minutes}分钟
set_heat: set_heat heating_set warm temperature_set ; Sets the heating of a room. ; room:room degrees:degrees
en: make it {degrees} degrees in the {room}
en: {room} to {degrees} degrees
en: I want the {room} at {degrees} degrees
en: (heat|warm) the {room} to {degrees}
de: Heize den Raum {room} auf {degrees} Grad
de: {room} auf {degrees} Grad
zh: 把{room}调到{degrees}度
zh: {room}要{degrees}度
shopping_add: shopping_add add_to_cart put_on_list list_add ; Puts things on the shopping list. ; things:items
en: (we are out of|we need|we ran out of) {things}
en: (put|add|get) {things} (on|to) [the|my] [shopping] list
en: I have to buy {things}
en: {things} on the list
de: Wir brauchen {things}
de: Setz {things} auf die Liste
de: {things} ist alle
zh: 家里没有{things}了
zh: 把{things}加到清单里
zh: 要买{things}
track_order: track_order where_is_parcel order_status parcel_status ; Says where an order is. ; number:code
en: where is (my|the) (order|parcel|package) {number}?
en: has {number} (arrived|shipped|left) [yet]?
en: status of {number}
en: when will {number} (come|get here)?
de: Wo ist (mein|das) Paket {number}?
de: Ist {number} schon da?
zh: {number}到哪了？
zh: 我的包裹{number}发货了吗？
stock_price: stock_price share_price quote ; Price of a company's share. ; company:company
en: how is {company} (doing|trading) [today]?
en: (share|stock) price of {company}
en: what is {company} worth [now]?
en: (price|quote) for {company} please
de: Wie steht die Aktie von {company}?
de: Was ist {company} gerade wert?
zh: {company}的股价是多少？
zh: {company}股票怎么样？
pay_person: pay_person transfer_money send_money wire ; Sends money to somebody. ; person:person amount:price
en: (pay|send|give|wire) {person} {amount} euros
en: I owe {person} {amount} euros, pay it back
en: transfer {amount} euros to {person}
en: {amount} euros to {person}
de: (Zahle|Überweise) {person} {amount} Euro
de: Ich schulde {person} {amount} Euro
de: {amount} Euro an {person}
zh: 给{person}转{amount}欧元
zh: 我欠{person}{amount}欧元，还给他
define_word: define_word dictionary lookup_word meaning ; Looks a word up in the dictionary. ; word:word
en: what does {word} mean?
en: (define|look up) {word}
en: what is the meaning of the word {word}?
en: {word} definition
de: Was bedeutet das Wort {word}?
de: Schlag {word} nach
zh: {word}是什么意思？
zh: 查一下{word}这个词
translate_text: translate_text translator translate say_in ; Translates a text. ; text:statement language:tongue
en: how do you say "{text}" in {language}?
en: translate "{text}" into {language}
en: what is "{text}" in {language}?
en: {language} for "{text}"
de: Wie sagt man "{text}" auf {language}?
de: Übersetze "{text}" ins {language}e
zh: “{text}”用{language}怎么说？
zh: 把“{text}”翻译成{language}
weigh_in: log_weight weigh_in save_weight ; Writes down the user's weight. ; kilos:weight
en: I weigh {kilos} kilos [today]
en: (my weight is|the scale says) {kilos} kg
en: note {kilos} kilograms
de: Ich wiege {kilos} Kilo
de: Die Waage zeigt {kilos} kg
zh: 我现在{kilos}公斤
zh: 体重{kilos}公斤，记一下
roll_dice: roll_dice dice throw_dice random_roll ; Throws dice. ; dice:count?
en: (roll|throw) (the|some) dice
en: (roll|throw) {dice} dice
en: give me {dice} random throws
de: Würfle [mal]
de: Würfle mit {dice} Würfeln
zh: 掷骰子
zh: 掷{dice}个骰子
meet_people: meet_people plan_meeting find_slot arrange ; Arranges a meeting. ; people:attendees day:date_text?
en: {people} and I want to (meet|sit down) [on {day}]
en: get {people} together
en: I need to sit down with {people}
en: find a slot for {people} and me
de: Ich will mich mit {people} treffen
de: {people} und ich brauchen einen Termin
zh: 我要和{people}开会
zh: 帮我约{people}
find_place: find_place nearby places_search where_to ; Finds places of a kind nearby. ; kind:place_kind city:place?
en: (is there|I need) a {kind} [near] {city}
en: where is the nearest {kind}?
en: any good {kind} in {city}?
en: {kind} near me
de: Wo ist die nächste Adresse für {kind}?
de: Ich suche {kind} in {city}
zh: 附近有{kind}吗？
zh: {city}哪里有{kind}？
"""

# Never trained on.
HELD_OUT = {"meet_people", "stock_price", "weigh_in", "find_place", "define_word"}

# One kind of quantity a line.
_UNITS = {
    "en": ["kilometers miles meters feet inches centimeters km cm", "kilograms pounds grams ounces kg lb", "liters gallons pints",
           "hours minutes seconds days weeks", "celsius fahrenheit"],
    "de": ["Kilometer Meilen Meter Fuß Zoll Zentimeter km cm", "Kilogramm Pfund Gramm Unzen kg", "Liter Gallonen Milliliter",
           "Stunden Minuten Sekunden Tage Wochen", "Celsius Fahrenheit"],
    "zh": ["公里 英里 米 英尺 英寸 厘米", "公斤 磅 克 盎司 斤", "升 加仑 毫升", "小时 分钟 秒 天", "摄氏度 华氏度"],
}
_KINDS = {
    "en": ["pharmacy", "bakery", "petrol station", "vet", "bike shop", "laundromat", "hardware store", "post office",
           "swimming pool", "locksmith", "bank", "playground"],
    "de": ["Apotheke", "Bäckerei", "Tankstelle", "Tierarzt", "Fahrradladen", "Waschsalon", "Baumarkt", "Post", "Schwimmbad"],
    "zh": ["药店", "面包店", "加油站", "兽医院", "自行车店", "洗衣店", "五金店", "邮局", "游泳池"],
}
_WORDS = {
    "en": "petrichor,saunter,brisk,lattice,tacit,ember,quarry,thrift,gauge,hinge,zenith,murmur".split(","),
    "de": "Fernweh,Geborgenheit,heikel,Zwickmühle,schlendern,Dämmerung,Kaliber,spröde".split(","),
    "zh": "踌躇,斟酌,氛围,蹒跚,缄默,璀璨,蜿蜒,惬意".split(","),
}
_UPPER = {"en": ("capital", "small"), "de": ("Großbuchstaben", "Kleinbuchstaben"), "zh": ("大写", "小写")}
_DESCENDING = {"en": ("from largest to smallest", "from smallest to largest"), "de": ("absteigend", "aufsteigend"),
               "zh": ("从大到小", "从小到大")}
_ALIASES = {"place_b": "place", "iso_day_b": "iso_day"}


def _expression(rng):
    operators = rng.choice((("+",), ("-",), ("*",), ("/",), ("+", "*"), ("-", "+"), ("*", "-")))
    text = str(rng.randint(2, rng.choice((20, 999, 99999))))
    for operator in operators:
        text += f" {operator} {rng.randint(2, rng.choice((20, 999)))}"
    return text if rng.random() < 0.8 else text.replace(" ", "")


_SPECIAL_SCHEMA = {
    "sum": ({"type": "string"}, "Arithmetic expression"), "quantity": ({"type": "number"}, "Value to convert"),
    "unit_a": ({"type": "string"}, "Unit of the value, as the user says it"),
    "unit_b": ({"type": "string"}, "Unit wanted, as the user says it"),
    "iso_day": ({"type": "string", "format": "date"}, "Date, YYYY-MM-DD"), "day_count": ({"type": "integer"}, "Number of days"),
    "descending": ({"type": "boolean"}, "Whether the largest comes first"),
    "upper": ({"type": "boolean"}, "True for capital letters"), "folder": ({"type": "string"}, "Folder"),
    "company": ({"type": "string"}, "Company"), "word": ({"type": "string"}, "The word"),
    "place_kind": ({"type": "string"}, "Kind of place"),
}


def _special(key, language, split, rng):
    """(surface, value) of the roles that only this file has."""
    index = rng.randrange(2)
    if key == "sum":
        text = _expression(rng)
        return text, text
    if key == "quantity":
        tenths = rng.choice((rng.randint(1, 500) * 10, rng.randint(1, 999)))
        value = tenths / 10 if tenths % 10 else tenths // 10
        return str(value).replace(".", ",") if language == "de" else str(value), value
    if key == "iso_day":
        day = R.random_day(rng).isoformat()
        return day, day
    if key == "day_count":
        days = rng.randint(2, 300)
        return str(days), days
    if key == "descending":
        return _DESCENDING[language][index], index == 0
    if key == "upper":
        return _UPPER[language][index], index == 0
    if key == "folder":
        folder = rng.choice(("docs", "photos", "src", "archive", "notes")) + rng.choice(("", "/2024", "/old", "/work"))
        return folder, folder
    if key == "company":
        name = values.invented_word(rng, language) + rng.choice(("", "", " AG", " Inc" if language == "en" else ""))
        return name, name
    pool = {"word": _WORDS, "place_kind": _KINDS}[key][language]
    word = rng.choice(pool)
    return word, word


def _sample(key, language, split, rng, today):
    key = _ALIASES.get(key, key)
    if key in _SPECIAL_SCHEMA:
        return _special(key, language, split, rng)
    if key == "statement":
        text = values.statement(rng, language, split)
        return text, text
    if key == "topic":
        text = values.topic(rng, language, split)
        return text, text
    surface, value, _ = R.sample(R.ROLES[key], language, split, rng, today)
    return surface, value


class Family:
    def __init__(self, header):
        key, rest = header.split(":", 1)
        names, about, parameters = (part.strip() for part in rest.split(";"))
        self.key, self.names, self.about = key, names.split(), about
        self.parameters = {}
        self.required = []
        for spec in parameters.split():
            name, role = spec.rstrip("?").split(":")
            self.parameters[name] = role
            if not spec.endswith("?"):
                self.required.append(name)
        self.patterns = {"en": [], "de": [], "zh": []}

    def freeze(self):
        self.sets = {language: PatternSet(f"natural/{self.key}/{language}", patterns)
                     for language, patterns in self.patterns.items()}
        self.held_out = self.key in HELD_OUT

    def schema(self, rng, hidden):
        properties = {}
        for name, key in self.parameters.items():
            key = _ALIASES.get(key, key)
            if key in _SPECIAL_SCHEMA:
                kind, about = _SPECIAL_SCHEMA[key]
                schema = dict(kind)
            elif key in ("statement", "topic"):
                schema, about = {"type": "string"}, "Text"
            else:
                schema, about = R.schema_of(R.ROLES[key], rng), R.ROLES[key].about["en"]
            if rng.random() < 0.85:
                schema["description"] = about.replace("{o}", "entry")
            properties[name] = schema
        parameters = {"type": "object", "properties": properties}
        if self.required:
            parameters["required"] = list(self.required)
        name = nonsense_name(rng) if hidden else rng.choice(self.names)
        return {"type": "function", "function": {"name": name, "description": self.about, "parameters": parameters}}


def _load():
    families = []
    for line in _TEXT.strip().splitlines():
        prefix, rest = line.split(":", 1)
        if prefix in ("en", "de", "zh"):
            families[-1].patterns[prefix].append(rest.strip())
        else:
            families.append(Family(line))
    for family in families:
        family.freeze()
    return families


FAMILIES = _load()


class _Declared:
    """What a distractor of tools.py and a tool of this file have in common here."""

    def __init__(self, family, schema):
        self.name, self.family, self.schema = schema["function"]["name"], family, schema
        self.gist = "" if self.name == family.names[0] else family.names[0].replace("_", " ")


def _others(family, pool, rng, language, count):
    """Distractors: tools of this file and generated ones."""
    out, seen = [], set()
    near = [f for f in pool if f is not family]
    for other in rng.sample(near, min(len(near), count)):
        if rng.random() < 0.5:
            schema = other.schema(rng, rng.random() < 0.1)
            out.append(_Declared(other, schema))
    thing = rng.choice(TRAIN_THINGS)
    base = Tool(rng.choice(thing.verbs), thing, rng, language)
    out += _distractors([base], count, rng, language, TRAIN_THINGS)
    unique = []
    for tool in out:
        if tool.name not in seen:
            seen.add(tool.name)
            unique.append(tool)
    return unique[:count]


# Generated families that say the same as one of these; they do not stand beside each other.
_OVERLAPS = {"turn_on": "light", "turn_off": "light", "remind_me": "reminder", "wake_me": "alarm", "countdown": "timer",
             "send_text": "message", "phone_person": "call", "set_heat": "thermostat", "shopping_add": "shopping_list",
             "track_order": "parcel", "pay_person": "payment bank_transfer", "travel_time": "route",
             "buy_tickets": "train_ticket flight", "meet_people": "meeting event", "translate_text": "translation",
             "read_file": "document file_item", "define_word": "wiki_article", "list_files": "folder",
             "find_text": "document", "sort_list": "table_row", "weigh_in": "run_record"}


def _clashes(family, tool):
    thing = getattr(tool, "thing", None)
    return thing is not None and thing.key in _OVERLAPS.get(family.key, "").split()


class _Scene(Scene):
    """A conversation over a tool of this file among others; `fits`: it is declared."""

    def __init__(self, split, rng, language):
        super().__init__(split, rng, language)
        held = [f for f in FAMILIES if f.held_out]
        self.pool = held if split == "test_families" else [f for f in FAMILIES if not f.held_out]
        family = rng.choice([f for f in self.pool if f.patterns[self.language]])
        self.target = _Declared(family, family.schema(rng, rng.random() < 0.12))
        count = rng.randint(8, 11) if split == "test_longer" else rng.randint(0, 7)
        declared = [t for t in _others(family, self.pool, rng, self.language, count)
                    if t.name != self.target.name and not _clashes(family, t)]
        self.fits = not declared or rng.random() > 0.08
        if self.fits:
            declared.append(self.target)
        rng.shuffle(declared)
        self.declared = declared
        self.own = [t for t in declared if isinstance(t, _Declared) and t.family.patterns[self.language]]
        families = {t.family for t in declared if isinstance(t, _Declared)}
        self.generated = [t for t in declared if isinstance(t, Tool) and not any(_clashes(f, t) for f in families)]
        self.absent_families = [f for f in self.pool if f.patterns[self.language] and f not in families and
                                not any(_clashes(f, t) for t in declared)]
        needs_today = any(r.kind == "date" for t in declared if isinstance(t, Tool) for r in t.parameters.values())
        self.said = _system(self.language, rng, self.today, needs_today)


def _asked(family, name, scene):
    """(request in pieces, arguments, what is thought, pattern)"""
    rng, language = scene.rng, scene.language
    pattern = family.sets[language].pick(rng, scene.split)
    arguments, reasons, pieces = {}, [], []
    units = dict(zip(("unit_a", "unit_b"), rng.sample(rng.choice(_UNITS[language]).split(), 2)))
    for part in _split_slots(expand(pattern, rng)):
        if not part.startswith("{"):
            pieces.append((part, False))
            continue
        key = family.parameters[part[1:-1]]
        surface, value = (units[key],) * 2 if key in units else _sample(key, language, scene.split, rng, scene.today)
        arguments[part[1:-1]] = value
        reasons.append(f"{part[1:-1]}: " + (surface if surface == str(value) or isinstance(value, list)
                                            else f"{surface} = {str(value).lower() if isinstance(value, bool) else value}"))
        pieces.append((surface, True))
    reason = f"{look_through(scene.declared, name)} {arguments_thought(reasons)}"
    return pieces, {n: arguments[n] for n in family.parameters if n in arguments}, reason, pattern


def _conversation(scene, family, name):
    """About a declared tool, or, without a name, about one that is not there."""
    rng, language = scene.rng, scene.language
    pieces, arguments, reason, pattern = _asked(family, name, scene)
    text = _noisy(pieces, rng, language)
    if not name:
        reason = look_through(scene.declared, None)
        messages = [user(text), assistant(expand(rng.choice(P.NO_TOOL[language]), rng), scene.reasoning(reason))]
        checks, kind = [{"turn": 1, "kind": "none"}], "no_tool"
    else:
        messages = [user(text), assistant("", scene.reasoning(reason), [(name, arguments)])]
        checks, kind = [{"turn": 1, "kind": "call", "calls": [{"name": name, "arguments": arguments}]}], "call"
        if rng.random() < 0.4:
            value = rng.choice((rng.randint(0, 9999), rng.choice(P.STATES), values.title(rng, language, scene.split)))
            messages.append(tool_result({"result": value}))
            text = {"en": "The result is {}.", "de": "Das Ergebnis ist {}.", "zh": "结果是{}。"}[language].format(value)
            messages.append(assistant(text, scene.reasoning("Tell the result.")))
            checks.append({"turn": 3, "kind": "contains", "all": [str(value)]})
    return make_item("tools", kind, language, scene.split, "natural_" + family.key, pattern, messages, checks,
                     system=scene.said, tools=[t.schema for t in scene.declared], thinking=scene.thinking)


def make_natural_items(split, rng, language=None, count=1):
    """`count` conversations that begin with the same declared tools: some of this file, some generated."""
    scene = _Scene(split, rng, language)
    items = [_conversation(scene, scene.target.family, scene.target.name if scene.fits else None)]
    while len(items) < count:
        scene.thinking, kind = rng.random() < THINKING, rng.random()
        if kind < 0.1 and scene.absent_families:
            items.append(_conversation(scene, rng.choice(scene.absent_families), None))
        elif scene.generated and (kind < 0.4 or not scene.own):
            items.append(make_call(Again(scene, scene.generated)))
        elif scene.own:
            tool = rng.choice(scene.own)
            items.append(_conversation(scene, tool.family, tool.name))
        else:
            break
    return items


def make_natural_item(split, rng, language=None):
    return make_natural_items(split, rng, language)[0]


def _split_slots(template):
    out, rest = [], template
    while rest:
        begin = rest.find("{")
        if begin < 0:
            out.append(rest)
            break
        end = rest.index("}", begin)
        out += [part for part in (rest[:begin], rest[begin:end + 1]) if part]
        rest = rest[end + 1:]
    return out


_POLITE = {"en": ("please ", "hey, ", "could you help? "), "de": ("bitte: ", "hey, "), "zh": ("请", "你好，")}


def _noisy(pieces, rng, language):
    kind = rng.random()
    if kind < 0.1 and language != "zh":
        pieces = [(text if is_value else text.lower(), is_value) for text, is_value in pieces]
    elif kind < 0.2 and language != "zh":
        pieces = [(text if is_value or len(text) < 6 else typo(text, rng), is_value) for text, is_value in pieces]
    text = tidy("".join(text for text, _ in pieces))
    if kind > 0.9:
        text = rng.choice(_POLITE[language]) + text
    return text.rstrip("?.") if 0.2 < kind < 0.35 else text
