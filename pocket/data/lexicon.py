"""Words in three languages. Things: more families of tools, by kinds that share verbs and parameters. Words: nouns
that no tool is made of, so that what a request names in one language is known where a tool names it in another.

Among the words are those of the held-out families. They stand in the drill of words (`recall.py`) and nowhere else:
a tool that is new is made of words that are known, as for any reader.
"""

# kind: verbs ; roles, the likeliest first ; English article. Then English|German accusative|German plural|Chinese.
_THINGS = """
@ start stop set check repair ; room mode time minutes percent ; the
fan|den Ventilator|Ventilatoren|风扇
heater|den Heizlüfter|Heizlüfter|取暖器
air conditioner|die Klimaanlage|Klimaanlagen|空调
humidifier|den Luftbefeuchter|Luftbefeuchter|加湿器
dishwasher|den Geschirrspüler|Geschirrspüler|洗碗机
dryer|den Trockner|Trockner|烘干机
water pump|die Wasserpumpe|Wasserpumpen|水泵
fountain|den Springbrunnen|Springbrunnen|喷泉
projector|den Beamer|Beamer|投影仪
loudspeaker|den Lautsprecher|Lautsprecher|音箱
television|den Fernseher|Fernseher|电视机
radio|das Radio|Radios|收音机
router|den Router|Router|路由器
boiler|den Heizkessel|Heizkessel|锅炉
sauna|die Sauna|Saunen|桑拿房
lawn mower|den Rasenmäher|Rasenmäher|割草机
microwave|die Mikrowelle|Mikrowellen|微波炉
toaster|den Toaster|Toaster|烤面包机
kettle|den Wasserkocher|Wasserkocher|电水壶
rice cooker|den Reiskocher|Reiskocher|电饭锅
doorbell|die Türklingel|Türklingeln|门铃
siren|die Sirene|Sirenen|警报器
conveyor|das Förderband|Förderbänder|传送带
generator|den Generator|Generatoren|发电机
@ open close lock unlock check ; room code time percent ; the
window|das Fenster|Fenster|窗户
gate|das Tor|Tore|大门
garage|die Garage|Garagen|车库
curtain|den Vorhang|Vorhänge|窗帘
safe|den Tresor|Tresore|保险箱
locker|das Schließfach|Schließfächer|储物柜
mailbox|den Briefkasten|Briefkästen|信箱
skylight|das Dachfenster|Dachfenster|天窗
valve|das Ventil|Ventile|阀门
barrier|die Schranke|Schranken|栏杆
drawer|die Schublade|Schubladen|抽屉
roof|das Dach|Dächer|屋顶
tent|das Zelt|Zelte|帐篷
@ order track delete rate find ; size count price time ; a
burger|einen Burger|Burger|汉堡
salad|einen Salat|Salate|沙拉
soup|eine Suppe|Suppen|汤
sandwich|ein Sandwich|Sandwiches|三明治
cake|einen Kuchen|Kuchen|蛋糕
noodle dish|ein Nudelgericht|Nudelgerichte|面条
tea|einen Tee|Tees|茶
juice|einen Saft|Säfte|果汁
breakfast|ein Frühstück|Frühstücke|早餐
lunch box|eine Lunchbox|Lunchboxen|盒饭
fruit basket|einen Obstkorb|Obstkörbe|果篮
bouquet|einen Blumenstrauß|Blumensträuße|花束
wine|einen Wein|Weine|葡萄酒
cheese platter|eine Käseplatte|Käseplatten|奶酪拼盘
ice cream|ein Eis|Eissorten|冰淇淋
dumpling dish|ein Teiggericht|Teiggerichte|饺子
@ order find sell check rate ; color size price count code ; a
shirt|ein Hemd|Hemden|衬衫
jacket|eine Jacke|Jacken|夹克
coat|einen Mantel|Mäntel|大衣
backpack|einen Rucksack|Rucksäcke|背包
suitcase|einen Koffer|Koffer|行李箱
bicycle helmet|einen Fahrradhelm|Fahrradhelme|头盔
chair|einen Stuhl|Stühle|椅子
desk|einen Schreibtisch|Schreibtische|书桌
sofa|ein Sofa|Sofas|沙发
mattress|eine Matratze|Matratzen|床垫
bookshelf|ein Bücherregal|Bücherregale|书架
carpet|einen Teppich|Teppiche|地毯
mirror|einen Spiegel|Spiegel|镜子
lamp shade|einen Lampenschirm|Lampenschirme|灯罩
pillow|ein Kissen|Kissen|枕头
blanket|eine Decke|Decken|毯子
umbrella|einen Regenschirm|Regenschirme|雨伞
watch|eine Armbanduhr|Armbanduhren|手表
ring|einen Ring|Ringe|戒指
necklace|eine Halskette|Halsketten|项链
guitar|eine Gitarre|Gitarren|吉他
piano|ein Klavier|Klaviere|钢琴
laptop|einen Laptop|Laptops|笔记本电脑
tablet|ein Tablet|Tablets|平板电脑
headset|ein Headset|Headsets|耳机
keyboard|eine Tastatur|Tastaturen|键盘
monitor|einen Monitor|Monitore|显示器
toolbox|einen Werkzeugkasten|Werkzeugkästen|工具箱
drill|eine Bohrmaschine|Bohrmaschinen|电钻
ladder|eine Leiter|Leitern|梯子
toy|ein Spielzeug|Spielzeuge|玩具
puzzle|ein Puzzle|Puzzles|拼图
football|einen Fußball|Fußbälle|足球
tennis racket|einen Tennisschläger|Tennisschläger|网球拍
surfboard|ein Surfbrett|Surfbretter|冲浪板
tire|einen Reifen|Reifen|轮胎
battery|einen Akku|Akkus|电池
cable|ein Kabel|Kabel|电缆
candle|eine Kerze|Kerzen|蜡烛
knife|ein Messer|Messer|刀
@ book find delete move rate ; date place people time price ; a
boat trip|eine Bootsfahrt|Bootsfahrten|游船
bus ticket|eine Busfahrkarte|Busfahrkarten|汽车票
ferry|eine Fähre|Fähren|渡轮
museum visit|einen Museumsbesuch|Museumsbesuche|博物馆参观
guided tour|eine Führung|Führungen|导览
cooking class|einen Kochkurs|Kochkurse|烹饪课
massage|eine Massage|Massagen|按摩
haircut|einen Haarschnitt|Haarschnitte|理发
dentist visit|einen Zahnarztbesuch|Zahnarztbesuche|看牙
vaccination|eine Impfung|Impfungen|疫苗接种
swimming lane|eine Schwimmbahn|Schwimmbahnen|泳道
tennis court|einen Tennisplatz|Tennisplätze|网球场
conference room|einen Konferenzraum|Konferenzräume|会议室
campsite|einen Zeltplatz|Zeltplätze|露营地
ski pass|einen Skipass|Skipässe|滑雪票
babysitter|einen Babysitter|Babysitter|保姆
photographer|einen Fotografen|Fotografen|摄影师
interpreter|einen Dolmetscher|Dolmetscher|口译员
plumber|einen Klempner|Klempner|水管工
electrician|einen Elektriker|Elektriker|电工
gardener|einen Gärtner|Gärtner|园丁
lawyer|einen Anwalt|Anwälte|律师
tutor|einen Nachhilfelehrer|Nachhilfelehrer|家教
moving van|einen Umzugswagen|Umzugswagen|搬家车
@ create show change delete share export ; title date person text private ; a
diary entry|einen Tagebucheintrag|Tagebucheinträge|日记
checklist|eine Checkliste|Checklisten|清单
bookmark|ein Lesezeichen|Lesezeichen|书签
comment|einen Kommentar|Kommentare|评论
blog post|einen Blogbeitrag|Blogbeiträge|博客文章
article|einen Artikel|Artikel|文章
letter|einen Brief|Briefe|信件
memo|ein Memo|Memos|备忘录
contract|einen Vertrag|Verträge|合同
form|ein Formular|Formulare|表单
certificate|ein Zertifikat|Zertifikate|证书
presentation|eine Präsentation|Präsentationen|演示文稿
spreadsheet|eine Tabelle|Tabellen|电子表格
drawing|eine Zeichnung|Zeichnungen|图画
map|eine Karte|Karten|地图
menu|eine Speisekarte|Speisekarten|菜单
schedule|einen Stundenplan|Stundenpläne|课程表
signature|eine Signatur|Signaturen|签名
template|eine Vorlage|Vorlagen|模板
glossary|ein Glossar|Glossare|术语表
quiz|ein Quiz|Quizfragen|测验
poem|ein Gedicht|Gedichte|诗
story|eine Geschichte|Geschichten|故事
speech|eine Rede|Reden|演讲稿
poster|ein Plakat|Plakate|海报
logo|ein Logo|Logos|标志
invitation|eine Einladung|Einladungen|邀请函
guest list|eine Gästeliste|Gästelisten|宾客名单
travel plan|einen Reiseplan|Reisepläne|旅行计划
meal plan|einen Essensplan|Essenspläne|饮食计划
wish list|eine Wunschliste|Wunschlisten|愿望清单
@ create approve reject send archive track ; person price date code text ; a
refund|eine Rückerstattung|Rückerstattungen|退款
complaint|eine Beschwerde|Beschwerden|投诉
vacation request|einen Urlaubsantrag|Urlaubsanträge|休假申请
loan|einen Kredit|Kredite|贷款
purchase order|eine Bestellung|Bestellungen|采购单
quote|ein Angebot|Angebote|报价
receipt|eine Quittung|Quittungen|收据
tax return|eine Steuererklärung|Steuererklärungen|报税表
visa|ein Visum|Visa|签证
permit|eine Genehmigung|Genehmigungen|许可证
application|eine Bewerbung|Bewerbungen|求职申请
scholarship|ein Stipendium|Stipendien|奖学金
timesheet|einen Stundenzettel|Stundenzettel|工时表
warranty|eine Garantie|Garantien|保修
delivery|eine Lieferung|Lieferungen|配送
shipment|eine Sendung|Sendungen|货件
lease|einen Mietvertrag|Mietverträge|租约
fine|ein Bußgeld|Bußgelder|罚单
@ find track count check clean ; place code color weight date ; the
dog|den Hund|Hunde|狗
cat|die Katze|Katzen|猫
horse|das Pferd|Pferde|马
cow|die Kuh|Kühe|奶牛
chicken coop|den Hühnerstall|Hühnerställe|鸡舍
beehive|den Bienenstock|Bienenstöcke|蜂箱
bird feeder|das Vogelhaus|Vogelhäuser|喂鸟器
fish pond|den Fischteich|Fischteiche|鱼塘
pool|den Pool|Pools|泳池
car|das Auto|Autos|汽车
truck|den Lastwagen|Lastwagen|卡车
van|den Transporter|Transporter|面包车
tractor|den Traktor|Traktoren|拖拉机
motorcycle|das Motorrad|Motorräder|摩托车
scooter|den Roller|Roller|滑板车
container|den Container|Container|集装箱
pallet|die Palette|Paletten|托盘
crane|den Kran|Kräne|起重机
wind turbine|das Windrad|Windräder|风力发电机
solar panel|das Solarmodul|Solarmodule|太阳能板
kitchen|die Küche|Küchen|厨房
bathroom|das Bad|Bäder|浴室
staircase|die Treppe|Treppen|楼梯
balcony|den Balkon|Balkone|阳台
chimney|den Schornstein|Schornsteine|烟囱
@ start stop check copy rename download ; title file format notify ; a
container image|ein Container-Abbild|Container-Abbilder|容器镜像
workflow|einen Workflow|Workflows|工作流
script|ein Skript|Skripte|脚本
simulation|eine Simulation|Simulationen|模拟
video|ein Video|Videos|视频
recording|eine Aufnahme|Aufnahmen|录音
screenshot|einen Screenshot|Screenshots|截图
slide show|eine Diashow|Diashows|幻灯片
update|ein Update|Updates|更新包
virus scan|einen Virenscan|Virenscans|病毒扫描
data set|einen Datensatz|Datensätze|数据集
archive file|eine Archivdatei|Archivdateien|压缩包
log file|eine Protokolldatei|Protokolldateien|日志文件
font|eine Schriftart|Schriftarten|字体
game|ein Spiel|Spiele|游戏
app|eine App|Apps|应用程序
experiment|ein Experiment|Experimente|实验
backup plan|einen Sicherungsplan|Sicherungspläne|备份计划
""".strip().splitlines()

# English|German accusative|Chinese
_WORDS = """
weather report|den Wetterbericht|天气预报
weather|das Wetter|天气
playlist|eine Playlist|播放列表
song|ein Lied|歌曲
music|Musik|音乐
album|ein Album|专辑
concert|ein Konzert|音乐会
restaurant|ein Restaurant|餐厅
restaurant table|einen Tisch im Restaurant|餐厅座位
table|einen Tisch|桌子
book|ein Buch|书
book review|eine Buchrezension|书评
novel|einen Roman|小说
work of art|ein Kunstwerk|艺术作品
painting|ein Gemälde|画
statue|eine Statue|雕像
film|einen Film|电影
cinema|ein Kino|电影院
cinema showing|eine Kinovorstellung|电影场次
theatre|ein Theater|剧院
greenhouse|das Gewächshaus|温室
aquarium|das Aquarium|水族箱
telescope|das Teleskop|望远镜
microscope|das Mikroskop|显微镜
lost item report|eine Verlustmeldung|失物登记
volunteer shift|eine Ehrenamtsschicht|志愿者班次
volunteer|einen Freiwilligen|志愿者
drone|die Drohne|无人机
rocket|die Rakete|火箭
satellite|den Satelliten|卫星
power of attorney|eine Vollmacht|授权书
insurance claim|einen Versicherungsfall|保险理赔
insurance|eine Versicherung|保险
laundry pickup|eine Wäscheabholung|洗衣上门取件
laundry|die Wäsche|衣物
stage light|den Scheinwerfer|舞台灯
stage|die Bühne|舞台
donation|eine Spende|捐款
tournament|ein Turnier|比赛
championship|eine Meisterschaft|锦标赛
team|eine Mannschaft|球队
player|einen Spieler|球员
mountain|den Berg|山
river|den Fluss|河
lake|den See|湖
sea|das Meer|海
island|die Insel|岛
forest|den Wald|森林
beach|den Strand|海滩
bridge|die Brücke|桥
castle|die Burg|城堡
church|die Kirche|教堂
school|die Schule|学校
university|die Universität|大学
hospital|das Krankenhaus|医院
pharmacy|die Apotheke|药店
airport|den Flughafen|机场
station|den Bahnhof|车站
harbour|den Hafen|港口
market|den Markt|市场
factory|die Fabrik|工厂
farm|den Bauernhof|农场
garden|den Garten|花园
tree|einen Baum|树
flower|eine Blume|花
bird|einen Vogel|鸟
fish|einen Fisch|鱼
apple|einen Apfel|苹果
bread|ein Brot|面包
water|Wasser|水
milk|Milch|牛奶
egg|ein Ei|鸡蛋
bottle|eine Flasche|瓶子
cup|eine Tasse|杯子
spoon|einen Löffel|勺子
teacher|einen Lehrer|老师
student|einen Schüler|学生
doctor|einen Arzt|医生
child|ein Kind|孩子
friend|einen Freund|朋友
neighbour|einen Nachbarn|邻居
customer|einen Kunden|顾客
company|eine Firma|公司
meeting place|einen Treffpunkt|集合地点
birthday|einen Geburtstag|生日
wedding|eine Hochzeit|婚礼
journey|eine Reise|旅行
holiday|einen Urlaub|假期
key|einen Schlüssel|钥匙
wallet|eine Geldbörse|钱包
glasses|eine Brille|眼镜
clock|eine Uhr|钟
newspaper|eine Zeitung|报纸
magazine|eine Zeitschrift|杂志
dictionary|ein Wörterbuch|词典
picture|ein Bild|图片
voice|eine Stimme|声音
question|eine Frage|问题
answer|eine Antwort|答案
secret|ein Geheimnis|秘密
""".strip().splitlines()

_PLURALS = {"knife": "knives", "bookshelf": "bookshelves", "story": "stories", "delivery": "deliveries", "diary entry": "diary entries",
            "gallery": "galleries", "battery": "batteries", "warranty": "warranties", "glossary": "glossaries", "ferry": "ferries"}


def _plural(noun):
    if noun in _PLURALS:
        return _PLURALS[noun]
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh", "z")) else "s")


def _thing_lines():
    """The things in the form of the lines of families.py."""
    verbs = roles = article = ""
    for line in _THINGS:
        if line.startswith("@"):
            verbs, roles, article = (part.strip() for part in line[1:].split(";"))
            continue
        english, german, plural, chinese = line.split("|")
        before = article if article == "the" else "an" if english[0] in "aeiou" else "a"
        yield "|".join((english.replace(" ", "_"), f"{before} {english}", _plural(english), german, plural, chinese, verbs, roles))


THING_LINES = list(_thing_lines())


def bare(german):
    """Without its article."""
    first, _, rest = german.partition(" ")
    return rest if first in ("der", "die", "das", "den", "ein", "eine", "einen") else german


# (English, German, Chinese) without articles; those that no tool is made of first.
WORD_COUNT = len(_WORDS)
WORDS = [(line.split("|")[0], bare(line.split("|")[1]), line.split("|")[-1]) for line in _WORDS]
WORDS += [(line.split("|")[0], bare(line.split("|")[1]), line.split("|")[3]) for line in _THINGS if not line.startswith("@")]
