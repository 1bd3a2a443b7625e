"""Values that people put into requests: names, places, titles, texts, codes. All written for this set.

In training half of them are open: words put together at random, invented ones among them. A list of twenty topics is
learned by heart in a few million tokens, and then a model writes one of them in place of the one it was asked about.
Tests draw from the lists, with a quarter of names and places invented: their items stay what they are.
"""

import functools

from . import lexicon
from .phrases import split_values

_OPEN = 0.5  # share of the values of training that come from no list

_FIRST = """Anna Ben Clara David Elif Farid Greta Hannes Ines Jonas Karim Lena Marco Nadia Oskar Paula Quentin Rosa
Samuel Tara Umut Vera Walter Xenia Yusuf Zoe Alice Bruno Carmen Dmitri Emma Felix Gloria Hugo Ida Jack Kira Liam
Mona Nils Olga Peter Ravi Sofia Tom Ulla Victor Wendy Yara Aisha Boris Chloe Diego Erik Fiona George Helen Ivan Julia
Kenji Laura Miguel Nora Omar Priya Rania Stefan Theo Ursula Vincent Maya Leo Frieda Anton Mathilda Noah Lucia""".split()
_LAST = """Adler Brandt Carter Duval Ellis Fischer Garcia Hoffmann Ibrahim Jensen Keller Lindqvist Moreau Nowak Okafor
Petrov Quinn Rossi Schneider Tanaka Unger Vogel Weber Young Zhang Baker Costa Dorn Evans Ferrari Grant Huber Ito Jung
Kowalski Larsen Meyer Nguyen Olsen Park Reyes Silva Turner Vidal Wolf Bianchi Chen Dahl Engel Frost""".split()
_ZH_SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗郑梁谢宋唐许邓韩冯曹"
_ZH_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰涛明超秀霞平刚桂英华玉兰建国文辉力子轩雨涵晨曦梓萱浩宇"
_CITIES = {
    "en": """London Paris Oslo Madrid Toronto Nairobi Lisbon Boston Dublin Prague Sydney Chicago Athens Tokyo Cairo
Helsinki Denver Seattle Glasgow Leeds Austin Geneva Mumbai Lima Bogota Perth Bristol Krakow Turin Porto Malmo Quito
Santiago Havana Delhi Hanoi Bergen Seville Cardiff Utrecht""".split() + ["New York", "San Diego", "Cape Town",
                                                                       "Salt Lake City", "Buenos Aires"],
    "de": """Berlin Hamburg München Köln Leipzig Wien Zürich Basel Graz Bonn Kiel Bremen Dresden Ulm Mainz Kassel Erfurt
Linz Bern Potsdam Rostock Aachen Lübeck Freiburg Jena Weimar Trier Passau Salzburg Innsbruck Münster Würzburg Göttingen
Osnabrück Bamberg Konstanz Cottbus Zwickau""".split() + ["Bad Homburg", "Sankt Gallen"],
    "zh": """北京 上海 广州 深圳 成都 杭州 武汉 西安 南京 重庆 苏州 天津 长沙 青岛 大连 厦门 昆明 哈尔滨 济南 福州 郑州 合肥 南昌
贵阳 兰州 桂林 三亚 洛阳 拉萨 珠海 宁波 无锡 烟台 扬州 柏林 巴黎 伦敦 东京""".split(),
}
_ONSETS = "b br ch d dr f fl g gr h j k kl l m n p pr qu r s sh st t th tr v w x y z zw".split()
_VOWELS = "a e i o u ai ei oo ua y".split()
_CODAS = ["", "", "", "l", "n", "r", "s", "x", "m", "k", "nd", "rt", "sk"]
_ZH_SOUNDS = "阿巴卡达尔菲格哈伊基拉马诺欧帕罗萨塔瓦西亚泽林斯维特克莫尼多"
_ADJECTIVES = {
    "en": "silent golden broken hidden last quiet distant crimson paper winter little electric lonely burning hollow "
          "seventh gentle wild frozen bright".split(),
    "de": "stille goldene letzte ferne rote kleine einsame wilde blaue siebte helle graue alte verlorene".split(),
    "zh": "寂静的 金色的 最后的 遥远的 红色的 小小的 孤独的 蓝色的 古老的 失落的 明亮的 冬天的".split(),
}
_NOUNS = {
    "en": "harbor garden river mirror letter mountain lantern engine orchard island clockmaker bridge sparrow kingdom "
          "train summer window shadow violin desert".split(),
    "de": "Brücke Insel Stadt Laterne Reise Straße Uhr Nacht Blume Stimme Küste Burg Lampe Geschichte".split(),
    "zh": "花园 河流 镜子 信 山 灯笼 岛屿 桥 麻雀 王国 火车 夏天 窗户 影子 小提琴 沙漠".split(),
}
_ACTIONS = {
    "en": ["call", "email", "visit", "text", "pick up", "meet", "thank", "pay", "write to", "talk to", "wait for"],
    "de": ["anrufen", "besuchen", "abholen", "treffen", "fragen", "informieren", "bezahlen", "begleiten", "grüßen"],
    "zh": ["给{}打电话", "拜访{}", "去接{}", "见{}", "感谢{}", "给{}付钱", "给{}写信", "问问{}", "等{}"],
}
_PEOPLE = {
    "en": ["mum", "the dentist", "the landlord", "grandpa", "the plumber", "my sister", "the bank", "our neighbour",
           "the vet", "the tax office", "the new intern", "aunt May"],
    "de": ["Mama", "den Zahnarzt", "die Vermieterin", "Opa", "den Klempner", "meine Schwester", "die Bank",
           "die Nachbarn", "den Tierarzt", "die neue Kollegin", "Tante Inge"],
    "zh": ["妈妈", "牙医", "房东", "爷爷", "水管工", "姐姐", "银行", "邻居", "兽医", "新同事", "姑姑"],
}
_CHORES = {
    "en": ["water the plants", "take out the trash", "renew the passport", "buy stamps", "charge the camera",
           "return the library books", "feed the cat", "clean the oven", "back up the laptop", "book a haircut",
           "check the tyre pressure", "send the invoice", "sign the contract", "defrost the freezer", "pack the tent",
           "practise the piano", "iron the shirts", "change the air filter", "print the boarding passes",
           "order new contact lenses", "prepare the slides", "measure the curtains", "lock the bike"],
    "de": ["die Blumen gießen", "den Müll rausbringen", "den Pass verlängern", "Briefmarken kaufen",
           "die Kamera aufladen", "die Bücher zurückgeben", "die Katze füttern", "den Ofen putzen",
           "die Rechnung schicken", "den Vertrag unterschreiben", "das Zelt einpacken", "Klavier üben",
           "die Hemden bügeln", "den Reifendruck prüfen", "die Folien vorbereiten", "das Fahrrad abschließen",
           "den Keller aufräumen", "die Heizung entlüften", "ein Geschenk besorgen"],
    "zh": ["给花浇水", "倒垃圾", "续签护照", "买邮票", "给相机充电", "还书", "喂猫", "清洁烤箱", "备份电脑", "寄发票", "签合同", "打包帐篷",
           "练钢琴", "熨衬衫", "检查胎压", "准备幻灯片", "整理地下室", "买礼物", "换灯泡", "交电费"],
}
_STATEMENTS = {
    "en": ["I will be {n} minutes late", "the keys are under the {o}", "dinner is at {n}", "the meeting moved to room {n}",
           "please bring the {o}", "see you at the {o}", "happy birthday", "we need {n} more chairs", "the {o} arrived",
           "I am on my way", "thanks for the {o}", "can you look after the {o}", "the {o} is broken again",
           "running out of {o}", "good luck with the {o}", "number {n} is still missing"],
    "de": ["ich komme {n} Minuten später", "der Schlüssel liegt unter der {o}", "das Essen ist um {n} fertig",
           "wir treffen uns in Raum {n}", "bring bitte die {o} mit", "bis gleich an der {o}", "alles Gute zum Geburtstag",
           "wir brauchen noch {n} Stühle", "die {o} ist da", "ich bin unterwegs", "danke für die {o}",
           "die {o} ist wieder kaputt", "viel Glück mit der {o}", "Nummer {n} fehlt noch"],
    "zh": ["我会晚到{n}分钟", "钥匙在{o}下面", "{n}点吃晚饭", "会议改到{n}号房间", "请带上{o}", "在{o}见", "生日快乐", "我们还需要{n}把椅子",
           "{o}到了", "我在路上", "谢谢你的{o}", "{o}又坏了", "祝你{o}顺利", "还缺{n}号"],
}
_THINGS = {
    "en": "milk eggs bread apples rice tea coffee butter onions soap candles batteries flour sugar tomatoes cheese nails "
          "screws paper pencils tape rope paint glue lemons carrots salt honey napkins towels".split()
          + ["olive oil", "oat milk", "light bulbs", "toilet paper", "red wine"],
    "de": "Milch Eier Brot Äpfel Reis Tee Kaffee Butter Zwiebeln Seife Kerzen Batterien Mehl Zucker Tomaten Käse Nägel "
          "Schrauben Papier Stifte Farbe Kleber Zitronen Karotten Salz Honig Servietten Handtücher Hafermilch Olivenöl "
          "Glühbirnen".split(),
    "zh": "牛奶 鸡蛋 面包 苹果 大米 茶叶 咖啡 黄油 洋葱 肥皂 蜡烛 电池 面粉 白糖 西红柿 奶酪 钉子 螺丝 纸 铅笔 胶带 绳子 油漆 胶水 柠檬 胡萝卜 "
          "盐 蜂蜜 毛巾 灯泡".split(),
}
_TOPICS = {
    "en": "solar panels,beekeeping,train strikes,sourdough,violin repair,rent control,sea levels,chess openings,"
          "winter tyres,tax returns,bird migration,knitting,volcanoes,used bikes,heat pumps,old maps,vegan cakes,"
          "night trains,steel prices,sleep,garden ponds,railway history,salsa lessons,first aid".split(","),
    "de": "Solaranlagen,Imkerei,Bahnstreik,Sauerteig,Mietpreise,Schach,Winterreifen,Steuererklärung,Vogelzug,Stricken,"
          "Vulkane,Wärmepumpen,alte Karten,vegane Kuchen,Nachtzüge,Stahlpreise,Gartenteich,Erste Hilfe,Tanzkurse".split(","),
    "zh": "太阳能板,养蜂,火车罢工,面包发酵,小提琴维修,房租,海平面,国际象棋,冬季轮胎,报税,候鸟迁徙,编织,火山,二手自行车,热泵,老地图,夜班火车,"
          "钢铁价格,睡眠,急救".split(","),
}
_ROOMS = {
    "en": "kitchen,bedroom,garage,living room,bathroom,office,hallway,attic,basement,balcony,nursery,workshop".split(","),
    "de": "Küche,Schlafzimmer,Garage,Wohnzimmer,Bad,Büro,Flur,Dachboden,Keller,Balkon,Kinderzimmer,Werkstatt".split(","),
    "zh": "厨房,卧室,车库,客厅,浴室,书房,走廊,阁楼,地下室,阳台,儿童房,工作间".split(","),
}
_EXTENSIONS = "pdf txt csv png jpg docx md json log zip xlsx mp3".split()
_STEMS = ("report invoice notes budget photo plan draft summary backup contract recipe schedule list data map "
          "agenda letter slides results").split()
_DOMAINS = "example.com example.org mail.example.net test.example.com shop.example.org".split()


def _pools(name, by_language):
    return {language: split_values(name + language, values) for language, values in by_language.items()}


_first, _last = split_values("first", _FIRST), split_values("last", _LAST)
_city = _pools("city", _CITIES)
_chore, _thing, _topic, _room = (_pools(n, v) for n, v in
                                 (("chore", _CHORES), ("thing", _THINGS), ("topic", _TOPICS), ("room", _ROOMS)))


def _pool(pools, split):
    return pools[1 if split == "test_values" else 0]


def invented_word(rng, language):
    if language == "zh":
        return "".join(rng.choice(_ZH_SOUNDS) for _ in range(rng.randint(2, 4)))
    return "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS)
                   for _ in range(rng.randint(2, 3))).capitalize()


@functools.cache
def _nouns(language):
    """Of things that tools are trained on, without what tests of new values ask for."""
    at = ("en", "de", "zh").index(language)
    kept = {value for pools in (_thing, _topic, _chore, _room) for value in pools[language][1]}
    return [words[at] for words in lexicon.WORDS[lexicon.WORD_COUNT:] if words[at] not in kept]


@functools.cache
def _characters():
    return sorted({character for noun in _nouns("zh") for character in noun} | set(_ZH_SOUNDS + _ZH_GIVEN))


def open_word(rng, language):
    """A noun, an invented word, or letters."""
    kind = rng.random()
    if kind < 0.45:
        return rng.choice(_nouns(language))
    if language == "zh":
        return "".join(rng.choice(_characters()) for _ in range(rng.randint(1, 4)))
    if kind < 0.6:
        return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 8)))
    word = invented_word(rng, language)
    return word if kind < 0.8 else word.lower()


def open_text(rng, language, most=3):
    """Of one word to `most`, in Chinese of fewer."""
    most = (most + 1) // 2 if language == "zh" else most
    return ("" if language == "zh" else " ").join(open_word(rng, language) for _ in range(rng.randint(1, most)))


def is_open(rng, split):
    """Whether a value comes from no list: half of the time in training, never in tests."""
    return split == "train" and rng.random() < _OPEN


def person(rng, language, split):
    if language == "zh" and rng.random() < 0.8:
        return rng.choice(_ZH_SURNAMES) + "".join(rng.choice(_ZH_GIVEN) for _ in range(rng.randint(1, 2)))
    invented = 0.4 if split == "train" else 0.2
    first = invented_word(rng, language) if rng.random() < invented else rng.choice(_pool(_first, split))
    if rng.random() < 0.55:
        return first
    return first + " " + (invented_word(rng, "en") if rng.random() < invented else rng.choice(_pool(_last, split)))


def place(rng, language, split):
    if rng.random() < (_OPEN if split == "train" else 0.25):
        return invented_word(rng, language)
    pools = _city[language if rng.random() < 0.8 else rng.choice(("en", "de"))]
    return rng.choice(_pool(pools, split))


def title(rng, language, split):
    if is_open(rng, split):
        text = open_text(rng, language)
        return text.title() if rng.random() < 0.5 else text
    kind = rng.randrange(4)
    adjective, noun = rng.choice(_ADJECTIVES[language]), rng.choice(_NOUNS[language])
    if language == "zh":
        return (adjective + noun, noun + "与" + rng.choice(_NOUNS["zh"]), invented_word(rng, "zh") + "之" + noun,
                rng.choice(_pool(_topic["zh"], split)))[kind]
    if kind == 0:
        article = "The " if language == "en" else "Die "
        return article + adjective.capitalize() + " " + noun.capitalize()
    if kind == 1:
        return noun.capitalize() + (" and " if language == "en" else " und ") + rng.choice(_NOUNS[language]).capitalize()
    if kind == 2:
        return invented_word(rng, language) + " " + noun.capitalize()
    return rng.choice(_pool(_topic[language], split))


def chore(rng, language, split):
    if is_open(rng, split):
        return _chore_of(open_text(rng, language, 2), rng, language)
    if rng.random() < 0.6:
        return rng.choice(_pool(_chore[language], split))
    return _chore_of(rng.choice(_PEOPLE[language]) if rng.random() < 0.6 else person(rng, language, split), rng, language)


def _chore_of(who, rng, language):
    action = rng.choice(_ACTIONS[language])
    return {"en": action + " " + who, "de": who + " " + action, "zh": action.format(who)}[language]


def statement(rng, language, split):
    if is_open(rng, split) and rng.random() < 0.6:
        return open_text(rng, language, 6)
    text = rng.choice(_STATEMENTS[language])
    thing = open_text(rng, language, 2) if is_open(rng, split) else rng.choice(_NOUNS[language])
    return text.replace("{n}", str(rng.randint(2, 20))).replace("{o}", thing)


def topic(rng, language, split):
    base = open_text(rng, language) if is_open(rng, split) else rng.choice(_pool(_topic[language], split))
    if rng.random() < 0.3:
        where = place(rng, language, split)
        return {"en": f"{base} in {where}", "de": f"{base} in {where}", "zh": f"{where}的{base}"}[language]
    return base


def thing(rng, language, split):
    if is_open(rng, split):
        return open_text(rng, language, 2)
    return rng.choice(_pool(_thing[language], split))


def room(rng, language, split):
    if is_open(rng, split) and rng.random() < 0.5:
        return open_text(rng, language, 2)
    return rng.choice(_pool(_room[language], split))


def code(rng):
    letters = "".join(rng.choice("ABCDEFGHKLMNPRSTUVWXYZ") for _ in range(rng.randint(1, 3)))
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(3, 6)))
    return rng.choice((f"{letters}-{digits}", f"{letters}{digits}", f"#{digits}", digits, f"{digits}-{letters}"))


def email(rng, split):
    first = invented_word(rng, "en").lower() if is_open(rng, split) else rng.choice(_pool(_first, split)).lower()
    return rng.choice((first, f"{first}.{rng.choice(_pool(_last, split)).lower()}",
                       f"{first}{rng.randint(1, 99)}")) + "@" + rng.choice(_DOMAINS)


def url(rng):
    return f"https://{rng.choice(_DOMAINS)}/{rng.choice(_STEMS)}" + rng.choice(("", f"/{rng.randint(1, 999)}"))


def file_name(rng, split):
    open_stem = "_".join(open_word(rng, "en").lower().replace(" ", "-") for _ in range(rng.randint(1, 2))) if is_open(rng, split) else ""
    name = (open_stem or rng.choice(_STEMS)) + rng.choice(("", f"_{rng.randint(1, 99)}", f"-{rng.randint(2019, 2030)}"))
    return rng.choice(("", "", "docs/", "archive/", "photos/")) + name + "." + rng.choice(_EXTENSIONS)


def folder(rng, split):
    if is_open(rng, split):
        return "/".join(open_word(rng, "en").lower().replace(" ", "_") for _ in range(rng.randint(1, 2)))
    return rng.choice(("docs", "photos", "src", "archive", "notes")) + rng.choice(("", "/2024", "/old", "/work"))


def phone(rng):
    return "+" + str(rng.randint(1, 99)) + " " + str(rng.randint(100, 999)) + " " + str(rng.randint(10000, 9999999))
