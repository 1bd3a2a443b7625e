"""What tools are about: verbs, things, and which roles go with which thing.

A family is a thing ("reminder"); a tool is a verb over it. Families are split before anything else: the
ones named in HELD_OUT never occur in training. Among them are all that come near the human-written
sets used for evaluation (weather, playlists, playing music, restaurant bookings, ratings, creative
works, cinema), so that those sets are unseen families in fact.
"""

import re

from . import lexicon
from .phrases import stable_hash

# key: English base forms, third person; German imperatives, infinitives; Chinese
VERBS = {
    "create": ("create|make|set up|add", "Creates", "Erstelle|Lege an", "erstellen|anlegen", "创建|新建|添加"),
    "delete": ("delete|remove|cancel|get rid of", "Deletes", "Lösche|Entferne", "löschen|entfernen", "删除|取消|去掉"),
    "find": ("find|look up|search for|look for", "Finds", "Suche|Finde", "suchen|finden", "查找|搜索|找一下"),
    "show": ("show|display|show me|give me", "Shows", "Zeige|Zeig mir", "anzeigen|zeigen", "显示|查看|看一下"),
    "change": ("change|update|modify|edit", "Changes", "Ändere|Bearbeite", "ändern|bearbeiten", "修改|更新|更改"),
    "send": ("send|send out", "Sends", "Sende|Schicke|Verschicke", "senden|verschicken", "发送|发出"),
    "share": ("share", "Shares", "Teile", "teilen", "分享|共享"),
    "open": ("open", "Opens", "Öffne", "öffnen", "打开"),
    "close": ("close|shut", "Closes", "Schließe", "schließen", "关闭|关上"),
    "start": ("start|begin|launch|run", "Starts", "Starte|Beginne", "starten|beginnen", "启动|开始"),
    "stop": ("stop|halt|end", "Stops", "Stoppe|Beende", "stoppen|beenden", "停止|结束"),
    "pause": ("pause|suspend", "Pauses", "Pausiere|Unterbrich", "pausieren|unterbrechen", "暂停"),
    "book": ("book|reserve", "Books", "Buche|Reserviere", "buchen|reservieren", "预订|预定"),
    "order": ("order|buy|get me", "Orders", "Bestelle|Kaufe", "bestellen|kaufen", "订购|购买|下单买"),
    "print": ("print|print out", "Prints", "Drucke", "drucken|ausdrucken", "打印"),
    "copy": ("copy|duplicate", "Copies", "Kopiere|Dupliziere", "kopieren|duplizieren", "复制|拷贝"),
    "move": ("move|shift", "Moves", "Verschiebe|Verlege", "verschieben|verlegen", "移动|转移"),
    "rename": ("rename", "Renames", "Benenne um", "umbenennen", "重命名"),
    "download": ("download|fetch", "Downloads", "Lade herunter", "herunterladen", "下载"),
    "translate": ("translate", "Translates", "Übersetze", "übersetzen", "翻译"),
    "count": ("count|tally", "Counts", "Zähle", "zählen", "统计|数一下"),
    "check": ("check|inspect|test", "Checks", "Prüfe|Überprüfe", "prüfen|überprüfen", "检查|查一下"),
    "set": ("set|adjust|turn", "Sets", "Stelle ein|Setze", "einstellen|setzen", "设置|调整"),
    "play": ("play|put on", "Plays", "Spiele|Spiel", "spielen|abspielen", "播放|放"),
    "track": ("track|follow|trace", "Tracks", "Verfolge", "verfolgen|nachverfolgen", "追踪|跟踪"),
    "approve": ("approve|accept|confirm", "Approves", "Genehmige|Bestätige", "genehmigen|bestätigen", "批准|确认"),
    "reject": ("reject|decline|turn down", "Rejects", "Lehne ab", "ablehnen", "拒绝|驳回"),
    "archive": ("archive|file away", "Archives", "Archiviere", "archivieren", "归档|存档"),
    "export": ("export", "Exports", "Exportiere", "exportieren", "导出"),
    "clean": ("clean|wash", "Cleans", "Reinige|Putze", "reinigen|putzen", "清洁|打扫"),
    "repair": ("repair|fix", "Repairs", "Repariere", "reparieren", "修理|维修"),
    "lock": ("lock", "Locks", "Verriegle|Sperre", "verriegeln|sperren", "锁定|锁上"),
    "unlock": ("unlock", "Unlocks", "Entriegle|Entsperre", "entriegeln|entsperren", "解锁"),
    "publish": ("publish|post", "Publishes", "Veröffentliche|Poste", "veröffentlichen|posten", "发布"),
    "rate": ("rate|review|score", "Rates", "Bewerte", "bewerten", "评价|评分"),
    "sell": ("sell|put up for sale", "Sells", "Verkaufe", "verkaufen", "出售|卖掉"),
    "sort": ("sort|arrange", "Sorts", "Sortiere|Ordne", "sortieren|ordnen", "排序|整理"),
}

# key | English singular | plural | German accusative | German plural | Chinese | verbs | roles (first ones
# are the likeliest to be required)
_THINGS = """
reminder|a reminder|reminders|eine Erinnerung|Erinnerungen|提醒|create delete show change|chore date time priority frequency
alarm|an alarm|alarms|einen Wecker|Wecker|闹钟|set create delete show|time date frequency title
timer|a timer|timers|einen Timer|Timer|计时器|start set stop pause|minutes title room
event|an event|events|einen Termin|Termine|日程|create delete change show find|title date time place attendees
meeting|a meeting|meetings|ein Meeting|Meetings|会议|create book delete move show|attendees date time title minutes
task|a task|tasks|eine Aufgabe|Aufgaben|任务|create delete change show find|chore date priority person status
note|a note|notes|eine Notiz|Notizen|笔记|create delete find show share|text title private
message|a message|messages|eine Nachricht|Nachrichten|消息|send delete find show|person text priority
mail|an e-mail|e-mails|eine E-Mail|E-Mails|邮件|send delete find archive|email text title priority
call|a call|calls|einen Anruf|Anrufe|电话|start create track|person phone time minutes
contact|a contact|contacts|einen Kontakt|Kontakte|联系人|create delete find change|person phone email
shopping_list|a shopping list|shopping lists|eine Einkaufsliste|Einkaufslisten|购物清单|create show change share|items title person
light|the light|lights|das Licht|Lichter|灯|set start stop check|room percent color
thermostat|the thermostat|thermostats|den Thermostat|Thermostate|恒温器|set check start|degrees room mode time
blind|the blinds|blinds|die Jalousie|Jalousien|百叶窗|open close set|room percent time
door|the door|doors|die Tür|Türen|门|open close lock unlock check|room code
robot_vacuum|the robot vacuum|robot vacuums|den Saugroboter|Saugroboter|扫地机器人|start stop pause|room mode time
washing_machine|the washing machine|washing machines|die Waschmaschine|Waschmaschinen|洗衣机|start stop pause|mode degrees time
oven|the oven|ovens|den Ofen|Öfen|烤箱|start set stop|degrees minutes mode
coffee|a coffee|coffees|einen Kaffee|Kaffees|咖啡|order create|size count time
flight|a flight|flights|einen Flug|Flüge|航班|book find track delete|origin target date people price
train_ticket|a train ticket|train tickets|eine Fahrkarte|Fahrkarten|火车票|book find print delete|origin target date time people
hotel_room|a hotel room|hotel rooms|ein Hotelzimmer|Hotelzimmer|酒店房间|book find delete|place date people price
rental_car|a rental car|rental cars|einen Mietwagen|Mietwagen|租车|book find delete|place date size price
taxi|a taxi|taxis|ein Taxi|Taxis|出租车|order book delete track|origin target time people
route|a route|routes|eine Route|Routen|路线|find show create share|origin target transport kilometers
parking_space|a parking space|parking spaces|einen Parkplatz|Parkplätze|停车位|find book|place time kilometers price
parcel|a parcel|parcels|ein Paket|Pakete|包裹|send track|code target weight
invoice|an invoice|invoices|eine Rechnung|Rechnungen|发票|create send find print approve|person price date code
payment|a payment|payments|eine Zahlung|Zahlungen|付款|create approve reject track|person price text date
bank_transfer|a bank transfer|bank transfers|eine Überweisung|Überweisungen|转账|create delete show|person price text date
budget|a budget|budgets|ein Budget|Budgets|预算|create change show check|title price frequency
expense|an expense|expenses|eine Ausgabe|Ausgaben|支出|create delete find export|price title date
document|a document|documents|ein Dokument|Dokumente|文档|create open print share translate|file tongue format person
file_item|a file|files|eine Datei|Dateien|文件|copy move rename delete download|file title format
folder|a folder|folders|einen Ordner|Ordner|文件夹|create delete rename share archive|title person private
photo|a photo|photos|ein Foto|Fotos|照片|find delete share print|place date person size
backup|a backup|backups|ein Backup|Backups|备份|create start check delete|file date frequency
report|a report|reports|einen Bericht|Berichte|报告|create send export print archive|query date format person
ticket|a support ticket|support tickets|ein Support-Ticket|Support-Tickets|工单|create close find change|text priority status code
bug|a bug report|bug reports|eine Fehlermeldung|Fehlermeldungen|缺陷报告|create close find change|title text priority status
web_page|a web page|web pages|eine Webseite|Webseiten|网页|open download check translate|url tongue format
news|news|news articles|Nachrichtenartikel|Nachrichtenartikel|新闻|find show share|query date tongue count
wiki_article|an encyclopedia article|encyclopedia articles|einen Lexikonartikel|Lexikonartikel|百科条目|find open translate|query tongue
recipe|a recipe|recipes|ein Rezept|Rezepte|食谱|find create share print|items people minutes
grocery_order|a grocery order|grocery orders|eine Lebensmittelbestellung|Lebensmittelbestellungen|生鲜订单|order delete track|items date time price
pizza|a pizza|pizzas|eine Pizza|Pizzen|披萨|order track|size items count
medicine|a medicine dose|medicine doses|eine Medikamentendosis|Medikamentendosen|服药记录|create show delete|title time count frequency
workout|a workout|workouts|ein Training|Trainings|锻炼|start create track show|title minutes kilometers
run_record|a run|runs|einen Lauf|Läufe|跑步记录|create track show|kilometers minutes date
doctor_appointment|a doctor's appointment|doctor's appointments|einen Arzttermin|Arzttermine|医生预约|book delete move|person date time text
course|a course|courses|einen Kurs|Kurse|课程|find book delete rate|query date people tongue
flashcard|a flashcard|flashcards|eine Lernkarte|Lernkarten|单词卡|create delete show|text tongue title
translation|a translation|translations|eine Übersetzung|Übersetzungen|译文|create show|text tongue
survey|a survey|surveys|eine Umfrage|Umfragen|问卷|create send close export|title attendees date
job_offer|a job offer|job offers|ein Stellenangebot|Stellenangebote|职位|find create publish close|query place price
plant|a plant|plants|eine Pflanze|Pflanzen|植物|create check order|title room frequency
pet_feeder|the pet feeder|pet feeders|den Futterautomaten|Futterautomaten|喂食器|start set check|time count mode
sprinkler|the sprinkler|sprinklers|den Rasensprenger|Rasensprenger|洒水器|start stop set|minutes time mode
camera|the camera|cameras|die Kamera|Kameras|摄像头|start stop check|room minutes notify
printer|the printer|printers|den Drucker|Drucker|打印机|start check clean repair|room file count
ebike|an e-bike|e-bikes|ein E-Bike|E-Bikes|电动自行车|book lock unlock find|code place minutes
charging_station|a charging station|charging stations|eine Ladestation|Ladestationen|充电桩|find book start|place kilometers time
apartment|an apartment|apartments|eine Wohnung|Wohnungen|公寓|find rate show|place price size
auction|an auction|auctions|eine Auktion|Auktionen|拍卖|create close find|title price date
coupon|a coupon|coupons|einen Gutschein|Gutscheine|优惠券|create find delete send|code percent date
subscription|a subscription|subscriptions|ein Abo|Abos|订阅|create delete pause show|title price frequency
membership|a membership|memberships|eine Mitgliedschaft|Mitgliedschaften|会员|create delete pause check|person frequency code
library_book|a library book|library books|ein Bibliotheksbuch|Bibliotheksbücher|图书馆藏书|find book order|title person date
table_row|a table row|table rows|eine Tabellenzeile|Tabellenzeilen|表格行|create delete sort count|order file page
chart|a chart|charts|ein Diagramm|Diagramme|图表|create export show|file title color format
server|the server|servers|den Server|Server|服务器|start stop check|title mode notify
database|the database|databases|die Datenbank|Datenbanken|数据库|export check copy|file format notify
password|a password|passwords|ein Passwort|Passwörter|密码|create change check|title count private
user_account|a user account|user accounts|ein Benutzerkonto|Benutzerkonten|用户账号|create delete lock unlock|person email private
sensor|the sensor|sensors|den Sensor|Sensoren|传感器|check start set|room frequency notify
elevator|the elevator|elevators|den Aufzug|Aufzüge|电梯|start stop lock|page code
ship|a ship|ships|ein Schiff|Schiffe|船只|track find|title origin target
warehouse_item|a stock item|stock items|einen Lagerartikel|Lagerartikel|库存商品|count move find create|code count weight
spare_part|a spare part|spare parts|ein Ersatzteil|Ersatzteile|零件|order find check|code count date
gift|a gift|gifts|ein Geschenk|Geschenke|礼物|order find create|person price date
postcard|a postcard|postcards|eine Postkarte|Postkarten|明信片|send print create|person text place
podcast_episode|a podcast episode|podcast episodes|eine Podcastfolge|Podcastfolgen|播客|download find archive|query minutes date
weather_report|the weather report|weather reports|den Wetterbericht|Wetterberichte|天气预报|show find check|place date_text time
playlist|a playlist|playlists|eine Playlist|Playlists|播放列表|create change delete share|title items person
song|a song|songs|ein Lied|Lieder|歌曲|play find stop|title person
restaurant_table|a table at a restaurant|restaurant tables|einen Tisch im Restaurant|Tische|餐厅座位|book delete find|people place date_text time
book_review|a book review|book reviews|eine Buchrezension|Buchrezensionen|书评|create rate publish|title rating text
creative_work|a work of art|works of art|ein Kunstwerk|Kunstwerke|艺术作品|find show|title person
cinema_showing|a cinema showing|cinema showings|eine Kinovorstellung|Kinovorstellungen|电影场次|find book|title place time date_text
greenhouse|the greenhouse|greenhouses|das Gewächshaus|Gewächshäuser|温室|set check open close|degrees percent time
aquarium|the aquarium|aquariums|das Aquarium|Aquarien|水族箱|clean check set|degrees frequency color
telescope|the telescope|telescopes|das Teleskop|Teleskope|望远镜|set start book|title time minutes
lost_item|a lost item report|lost item reports|eine Verlustmeldung|Verlustmeldungen|失物登记|create close find|title place date color
volunteer_shift|a volunteer shift|volunteer shifts|eine Ehrenamtsschicht|Ehrenamtsschichten|志愿者班次|book create delete|person date time minutes
drone|the drone|drones|die Drohne|Drohnen|无人机|start stop track|target kilometers mode
will_document|a power of attorney|powers of attorney|eine Vollmacht|Vollmachten|授权书|create send archive|person date private
insurance_claim|an insurance claim|insurance claims|einen Versicherungsfall|Versicherungsfälle|保险理赔|create track approve reject|code price text date
laundry_service|a laundry pickup|laundry pickups|eine Wäscheabholung|Wäscheabholungen|洗衣上门取件|book delete track|items weight date time
stage_light|the stage light|stage lights|den Scheinwerfer|Scheinwerfer|舞台灯|set start stop|color percent title
donation|a donation|donations|eine Spende|Spenden|捐款|create show track|person price frequency private
tournament|a tournament|tournaments|ein Turnier|Turniere|比赛|create close show|title people date place
""".strip().splitlines()

HELD_OUT = set("weather_report playlist song restaurant_table book_review creative_work cinema_showing greenhouse "
               "aquarium telescope lost_item volunteer_shift drone will_document insurance_claim laundry_service "
               "stage_light donation tournament".split())


class Thing:
    def __init__(self, line):
        fields = line.split("|")
        self.key, self.en, self.en_plural, self.de, self.de_plural, self.zh = fields[:6]
        self.verbs, self.roles = fields[6].split(), fields[7].split()
        self.held_out = self.key in HELD_OUT

    @property
    def word(self):
        """The word for names of tools."""
        return self.key

    @property
    def noun(self):
        """The English noun without its article."""
        return re.sub(r"^(a|an|the) ", "", self.en)


THINGS = [Thing(line) for line in _THINGS + lexicon.THING_LINES]
TRAIN_THINGS = [t for t in THINGS if not t.held_out]
TEST_THINGS = [t for t in THINGS if t.held_out]

# (English, German, Chinese): what things are called that tools are trained on, and the words of the lexicon; verbs.
NOUNS = lexicon.WORDS + [(t.noun, lexicon.bare(t.de), t.zh) for t in TRAIN_THINGS]
VERB_WORDS = [tuple(verb[i].split("|")[0] for i in (0, 3, 4)) for verb in VERBS.values()]
_HELD_OUT_WORDS = {part for t in TEST_THINGS for part in (*t.noun.split(), lexicon.bare(t.de), t.zh)}


def is_held_out(words):
    """Whether one of the words names something that no tool of training is about."""
    return any(part in _HELD_OUT_WORDS for word in words for part in (word, *word.split()))


_SYNONYM_VERBS = {
    "create": "create add new make insert", "delete": "delete remove cancel drop", "find": "find search lookup query",
    "show": "show get list view", "change": "update edit modify change", "send": "send dispatch", "start": "start run begin",
    "stop": "stop end halt", "book": "book reserve", "order": "order buy purchase", "check": "check inspect status",
    "set": "set adjust configure",
}


def _split_pascal(words):
    return "".join(w.capitalize() for w in words)


def tool_name(verb, thing, rng):
    words = [rng.choice(_SYNONYM_VERBS.get(verb, verb).split())] + thing.word.split("_")
    if rng.random() < 0.15:
        words = words[1:] + words[:1]
    style = rng.random()
    if style < 0.55:
        return "_".join(words)
    if style < 0.75:
        return words[0] + _split_pascal(words[1:])
    if style < 0.85:
        return _split_pascal(words)
    if style < 0.93:
        return "-".join(words)
    return "_".join(words).upper()


def meanings():
    """{phrase: keys of what it can mean}: verbs and things, in three languages, as requests and tools name them."""
    found = {}

    def add(key, *phrases):
        for phrase in phrases:
            found.setdefault(phrase, set()).add(key)
    for key, (english, third, imperative, infinitive, chinese) in VERBS.items():
        # "Lege an" stands on both sides of its object.
        add(key, *english.split("|"), third, *(phrase.split()[0] for phrase in imperative.split("|")), *infinitive.split("|"),
            *chinese.split("|"), *_SYNONYM_VERBS.get(key, "").split())
    for words in lexicon.WORDS[:lexicon.WORD_COUNT]:
        if not is_held_out(words):
            add(f"the word {words[0]}", *words)
    for thing in TRAIN_THINGS:
        add(thing.key, thing.noun, thing.en_plural, thing.word.replace("_", " "), lexicon.bare(thing.de), thing.de_plural, thing.zh)
    return found


_NONSENSE = "zor blim quex fan tup vad wix hul mer jot kib snu pral dov yax glem".split()


def nonsense_name(rng):
    """A name that says nothing, so that the description must be read."""
    word = "".join(rng.choice(_NONSENSE) for _ in range(rng.randint(1, 2)))
    return rng.choice((word, f"{word}_{rng.randint(1, 99)}", f"fn_{rng.randint(1, 999)}", f"tool{rng.randint(1, 40)}",
                       f"op_{word}", word.capitalize()))


def family_listing():
    return {"train": sorted(t.key for t in TRAIN_THINGS), "test": sorted(t.key for t in TEST_THINGS),
            "hash": f"{stable_hash(' '.join(sorted(HELD_OUT))):016x}"}
