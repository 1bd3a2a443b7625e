"""What a parameter can be: its names, description, type, how people state it, and the exact value.

A role's phrase has one slot {v}, filled with what the person wrote. The value of the argument is either
that very text or what it means: an integer for "twelve", an ISO date for "next Friday", "high" for
"dringend". Phrases may begin with ", " (they then follow the rest of the sentence).
"""

import datetime

from . import values
from .numbers import number_surface
from .phrases import PatternSet, lines


class Role:
    def __init__(self, key, kind, names, labels, about, phrases, options=None, low=1, high=100):
        self.key, self.kind = key, kind
        self.names = names.split()
        self.labels = dict(zip(("en", "de", "zh"), labels.split("|")))
        self.about = dict(zip(("en", "de", "zh"), about.split("|")))
        self.phrases = {language: PatternSet(f"role/{key}/{language}", lines(block))
                        for language, block in zip(("en", "de", "zh"), phrases.split("---"))}
        self.options = options
        self.low, self.high = low, high


# name: {value: (English words, German words, Chinese words)}
ENUMS = {
    "priority": {"low": ("low", "niedriger", "低"), "medium": ("medium", "mittlerer", "中"),
                 "high": ("high", "hoher", "高"), "urgent": ("urgent", "dringender", "紧急")},
    "color": {"red": ("red", "rot", "红色"), "green": ("green", "grün", "绿色"), "blue": ("blue", "blau", "蓝色"),
              "yellow": ("yellow", "gelb", "黄色"), "white": ("white", "weiß", "白色"),
              "purple": ("purple", "lila", "紫色"), "black": ("black", "schwarz", "黑色")},
    "frequency": {"daily": ("daily|every day", "täglich|jeden Tag", "每天"),
                  "weekly": ("weekly|every week", "wöchentlich|jede Woche", "每周"),
                  "monthly": ("monthly|every month", "monatlich|jeden Monat", "每月"),
                  "yearly": ("yearly|every year", "jährlich|jedes Jahr", "每年")},
    "size": {"small": ("small", "klein", "小号"), "medium": ("medium", "mittel", "中号"),
             "large": ("large", "groß", "大号"), "extra_large": ("extra large", "extra groß", "特大号")},
    "format": {"pdf": ("PDF",) * 3, "csv": ("CSV",) * 3, "json": ("JSON",) * 3, "html": ("HTML",) * 3,
               "docx": ("Word", "Word", "Word")},
    "tongue": {"en": ("English", "Englisch", "英语"), "de": ("German", "Deutsch", "德语"),
               "zh": ("Chinese", "Chinesisch", "中文"), "fr": ("French", "Französisch", "法语"),
               "es": ("Spanish", "Spanisch", "西班牙语"), "ja": ("Japanese", "Japanisch", "日语"),
               "it": ("Italian", "Italienisch", "意大利语")},
    "status": {"open": ("open", "offen", "未处理"), "in_progress": ("in progress", "in Arbeit", "进行中"),
               "done": ("done|finished", "erledigt|fertig", "已完成"), "blocked": ("blocked", "blockiert", "受阻")},
    "mode": {"eco": ("eco", "Eco", "节能"), "turbo": ("turbo", "Turbo", "强力"), "quiet": ("quiet", "Leise", "静音"),
             "auto": ("automatic", "Automatik", "自动")},
    "transport": {"car": ("by car", "mit dem Auto", "开车"), "bike": ("by bike", "mit dem Rad", "骑车"),
                  "train": ("by train", "mit dem Zug", "坐火车"), "foot": ("on foot", "zu Fuß", "步行"),
                  "bus": ("by bus", "mit dem Bus", "坐公交")},
    "order": {"ascending": ("ascending|from smallest to largest", "aufsteigender", "升序"),
              "descending": ("descending|from largest to smallest", "absteigender", "降序")},
}

_TABLE = [
    Role("title", "title", "title name subject heading label", "title|Titel|标题",
         "Title of the {o}|Titel|标题", """
        called {v}
        titled {v}
        named {v}
        with the title {v}
        under the name {v}
        , title: {v}
        ---
        mit dem Titel {v}
        namens {v}
        mit dem Namen {v}
        unter dem Namen {v}
        , Titel: {v}
        ---
        ，标题是{v}
        ，名为{v}
        ，叫做{v}
        ，名字用{v}
        ，标题：{v}"""),
    Role("person", "person", "person contact recipient to who name assignee guest", "person|Person|人员",
         "Name of the person|Name der Person|人员姓名", """
        for {v}
        with {v}
        to {v}
        , it is for {v}
        , and the person is {v}
        ---
        für {v}
        mit {v}
        , es geht um {v}
        , und zwar für {v}
        , Person: {v}
        ---
        ，给{v}
        ，对象是{v}
        ，人员：{v}
        ，和{v}一起
        ，联系人{v}"""),
    Role("place", "place", "city location place destination town where", "city|Ort|城市",
         "City or place|Stadt oder Ort|城市或地点", """
        in {v}
        at {v}
        for {v}
        near {v}
        , location {v}
        ---
        in {v}
        für {v}
        bei {v}
        in der Nähe von {v}
        , Ort: {v}
        ---
        ，地点在{v}
        ，在{v}
        ，城市是{v}
        ，地点：{v}
        ，{v}那边"""),
    Role("origin", "place", "origin from_city start departure from source", "starting point|Startort|出发地",
         "Where it starts|Startort|出发地", """
        from {v}
        starting in {v}
        leaving from {v}
        , departing {v}
        ---
        von {v}
        ab {v}
        mit Start in {v}
        , Abfahrt in {v}
        ---
        ，从{v}出发
        ，出发地{v}
        ，起点是{v}
        ，由{v}开始"""),
    Role("target", "place", "destination to_city arrival goal target", "destination|Ziel|目的地",
         "Where it goes|Zielort|目的地", """
        to {v}
        going to {v}
        bound for {v}
        , destination {v}
        ---
        nach {v}
        Richtung {v}
        mit Ziel {v}
        , Ziel: {v}
        ---
        ，到{v}
        ，目的地{v}
        ，终点是{v}
        ，前往{v}"""),
    Role("date", "date", "date day due_date on when deadline start_date", "date|Datum|日期",
         "Date|Datum|日期", """
        {v}
        , it should be {v}
        , make that {v}
        , date: {v}
        , preferably {v}
        ---
        {v}
        , und zwar {v}
        , Datum: {v}
        , am besten {v}
        ---
        ，日期是{v}
        ，时间定在{v}
        ，{v}
        ，就{v}吧
        ，日期：{v}"""),
    Role("date_text", "date_text", "date day when due date_text", "day|Tag|日子",
         "Day, as the user says it|Tag, wie der Nutzer ihn nennt|日期（按用户的原话）", """
        for {v}
        , that is for {v}
        , timing: {v}
        , let us say {v}
        ---
        für {v}
        , gemeint ist {v}
        , Zeitpunkt: {v}
        , sagen wir {v}
        ---
        ，时间{v}
        ，{v}的
        ，时间：{v}
        ，要{v}的"""),
    Role("time", "time", "time at hour start_time time_of_day clock", "time|Uhrzeit|时间",
         "Time of day, HH:MM|Uhrzeit, HH:MM|时间，HH:MM", """
        at {v}
        , at {v}
        , time: {v}
        , starting {v}
        ---
        um {v}
        , um {v}
        , Beginn {v}
        , Uhrzeit: {v}
        ---
        ，{v}
        ，时间是{v}
        ，在{v}
        ，定在{v}"""),
    Role("minutes", "integer", "minutes duration duration_minutes length_min mins", "duration in minutes|Dauer in Minuten|分钟数",
         "Duration in minutes|Dauer in Minuten|时长（分钟）", """
        for {v} minutes
        lasting {v} minutes
        , {v} minutes long
        , duration {v} minutes
        , {v} min
        ---
        für {v} Minuten
        , {v} Minuten lang
        , Dauer {v} Minuten
        , {v} min
        ---
        ，时长{v}分钟
        ，持续{v}分钟
        ，{v}分钟
        ，一共{v}分钟""", low=2, high=180),
    Role("count", "integer", "count quantity amount number n copies pieces limit", "number|Anzahl|数量",
         "How many|Anzahl|数量", """
        , {v} of them
        , {v} pieces
        , quantity {v}
        , {v} in total
        , number: {v}
        ---
        , {v} Stück
        , insgesamt {v}
        , Anzahl {v}
        , {v} davon
        ---
        ，一共{v}个
        ，数量{v}
        ，要{v}个
        ，数量：{v}""", low=2, high=60),
    Role("people", "integer", "people guests persons party_size seats attendees", "number of people|Personenzahl|人数",
         "Number of people|Anzahl der Personen|人数", """
        for {v} people
        for a group of {v}
        , {v} persons
        , we are {v} people
        ---
        für {v} Personen
        für eine Gruppe von {v}
        , {v} Leute
        , wir sind {v} Personen
        ---
        ，{v}个人
        ，一共{v}人
        ，人数{v}
        ，我们有{v}个人""", low=2, high=30),
    Role("percent", "integer", "percent level percentage value intensity", "level in percent|Wert in Prozent|百分比",
         "Level from 0 to 100|Wert von 0 bis 100|0到100的数值", """
        to {v} percent
        at {v}%
        , {v} percent
        , level {v}
        ---
        auf {v} Prozent
        bei {v} %
        , {v} Prozent
        , Stufe {v}
        ---
        ，百分之{v}
        ，{v}%
        ，调到{v}%
        ，数值{v}""", low=1, high=100),
    Role("degrees", "number", "temperature degrees celsius target_temp temp", "temperature|Temperatur|温度",
         "Temperature in degrees Celsius|Temperatur in Grad Celsius|摄氏温度", """
        to {v} degrees
        at {v} degrees
        , {v} °C
        , temperature {v}
        ---
        auf {v} Grad
        bei {v} Grad
        , {v} °C
        , Temperatur {v}
        ---
        ，{v}度
        ，温度{v}度
        ，调到{v}度
        ，{v}摄氏度""", low=4, high=40),
    Role("price", "number", "price amount max_price budget cost sum", "amount|Betrag|金额",
         "Amount of money in euros|Betrag in Euro|金额（欧元）", """
        for {v} euros
        , at most {v} euros
        , price {v} euros
        costing {v} euros
        , amount: {v} euros
        ---
        für {v} Euro
        , höchstens {v} Euro
        , Preis {v} Euro
        , Betrag: {v} Euro
        ---
        ，{v}欧元
        ，金额{v}欧元
        ，最多{v}欧元
        ，价格：{v}欧元""", low=3, high=900),
    Role("weight", "number", "weight weight_kg kilograms mass load", "weight|Gewicht|重量",
         "Weight in kilograms|Gewicht in Kilogramm|重量（公斤）", """
        weighing {v} kilos
        , {v} kg
        , weight {v} kilograms
        with a weight of {v} kg
        ---
        mit {v} Kilo
        , {v} kg schwer
        , Gewicht {v} Kilogramm
        mit einem Gewicht von {v} kg
        ---
        ，重{v}公斤
        ，{v}公斤
        ，重量{v}千克
        ，重量是{v}公斤""", low=1, high=80),
    Role("kilometers", "number", "distance distance_km radius km range", "distance|Entfernung|距离",
         "Distance in kilometres|Entfernung in Kilometern|距离（公里）", """
        within {v} kilometers
        , {v} km away at most
        , distance {v} km
        in a radius of {v} km
        ---
        im Umkreis von {v} Kilometern
        , höchstens {v} km entfernt
        , Entfernung {v} km
        bis {v} km
        ---
        ，{v}公里以内
        ，距离{v}公里
        ，半径{v}公里
        ，不超过{v}公里""", low=1, high=120),
    Role("rating", "integer", "stars rating score grade points", "number of stars|Anzahl der Sterne|星级",
         "From 1 to 5|Von 1 bis 5|1到5", """
        with {v} stars
        , {v} stars
        , {v} out of 5
        , score {v}
        ---
        mit {v} Sternen
        , {v} Sterne
        , {v} von 5
        , Note {v}
        ---
        ，{v}星
        ，{v}颗星
        ，打{v}分
        ，评分{v}""", low=1, high=5),
    Role("page", "integer", "page page_number index line position row", "page|Seite|页码",
         "Page number|Seitenzahl|页码", """
        on page {v}
        , page {v}
        from page {v}
        , see page {v}
        ---
        auf Seite {v}
        , Seite {v}
        ab Seite {v}
        , siehe Seite {v}
        ---
        ，第{v}页
        ，在第{v}页
        ，页码{v}
        ，从第{v}页""", low=1, high=500),
    Role("text", "statement", "text message body content note comment", "text|Text|内容",
         "The text itself|Der Text|文字内容", """
        saying {q}
        with the text {q}
        : {q}
        , text: {q}
        that says {q}
        , and write {q}
        ---
        mit dem Text {q}
        : {q}
        , Text: {q}
        mit dem Inhalt {q}
        , schreib {q}
        ---
        ：{q}
        ，内容是{q}
        ，写上{q}
        ，内容：{q}
        ，就说{q}"""),
    Role("chore", "chore", "text task what action todo description subject", "task|Aufgabe|事项",
         "What is to be done|Was zu tun ist|要做的事", """
        to {v}
        : {v}
        saying {q}
        , namely to {v}
        about this: {v}
        ---
        : {v}
        mit dem Text {q}
        , es geht um Folgendes: {v}
        , nämlich {v}
        ---
        ：{v}
        ，内容是{v}
        ，事项：{v}
        ，要{v}
        ，内容{q}"""),
    Role("query", "topic", "query q search keywords topic text subject", "search words|Suchbegriff|关键词",
         "What to look for|Suchbegriff|搜索内容", """
        about {v}
        on {v}
        regarding {v}
        , keywords {q}
        concerning {v}
        , topic: {v}
        ---
        über {v}
        zu {v}
        zum Thema {v}
        , Stichwort {q}
        , Thema: {v}
        ---
        ，关于{v}
        ，主题是{v}
        ，关键词{q}
        ，有关{v}
        ，主题：{v}"""),
    Role("items", "list", "items things entries list products elements", "items|Dinge|物品",
         "The items|Die Dinge|物品列表", """
        with {v}
        : {v}
        containing {v}
        , items: {v}
        , namely {v}
        ---
        mit {v}
        : {v}
        , nämlich {v}
        , Dinge: {v}
        ---
        ：{v}
        ，包括{v}
        ，有{v}
        ，物品：{v}"""),
    Role("attendees", "people_list", "attendees participants people members invitees names", "participants|Teilnehmer|参加者",
         "Names of the participants|Namen der Teilnehmer|参加者姓名", """
        with {v}
        for {v}
        , participants: {v}
        together with {v}
        ---
        mit {v}
        für {v}
        , Teilnehmer: {v}
        zusammen mit {v}
        ---
        ，参加者有{v}
        ，和{v}一起
        ，成员：{v}
        ，参加的人是{v}"""),
    Role("room", "room", "room area zone space", "room|Raum|房间",
         "Room|Raum|房间", """
        in the {v}
        , room: {v}
        for the {v}
        over in the {v}
        ---
        im Raum {v}
        , Raum: {v}
        (Raum {v})
        , Zimmer {v}
        ---
        ，在{v}
        ，房间是{v}
        ，{v}的
        ，地点{v}"""),
    Role("email", "email", "email address mail to recipient_email", "e-mail address|E-Mail-Adresse|邮箱",
         "E-mail address|E-Mail-Adresse|电子邮箱", """
        to {v}
        , address {v}
        for {v}
        , mail: {v}
        ---
        an {v}
        , Adresse {v}
        für {v}
        , E-Mail: {v}
        ---
        ，发到 {v}
        ，邮箱 {v}
        ，地址是 {v}
        ，邮箱：{v}"""),
    Role("file", "file", "file path filename file_path document source", "file|Datei|文件",
         "Path of the file|Pfad der Datei|文件路径", """
        from {v}
        , file {v}
        in {v}
        using {v}
        ---
        aus {v}
        , Datei {v}
        in {v}
        mit {v}
        ---
        ，文件是 {v}
        ，文件 {v}
        ，用 {v}
        ，路径：{v}"""),
    Role("url", "url", "url link address page_url site", "link|Link|链接",
         "Web address|Webadresse|网址", """
        at {v}
        from {v}
        , link: {v}
        , see {v}
        ---
        unter {v}
        von {v}
        , Link: {v}
        , siehe {v}
        ---
        ，链接是 {v}
        ，网址 {v}
        ，链接：{v}
        ，见 {v}"""),
    Role("phone", "phone", "phone number phone_number tel mobile", "phone number|Telefonnummer|电话号码",
         "Phone number|Telefonnummer|电话号码", """
        to {v}
        , number {v}
        with the number {v}
        , phone: {v}
        ---
        an {v}
        , Nummer {v}
        unter der Nummer {v}
        , Telefon: {v}
        ---
        ，号码 {v}
        ，电话是 {v}
        ，电话：{v}
        ，打 {v}"""),
    Role("code", "code", "id code number reference order_id key ref ticket_id", "number or code|Nummer|编号",
         "Identifier|Kennung|编号", """
        {v}
        with the number {v}
        , number {v}
        with id {v}
        , code {v}
        ---
        {v}
        mit der Nummer {v}
        , Nummer {v}
        mit der Kennung {v}
        ---
        ，编号 {v}
        ，编号是 {v}
        ，号码 {v}
        ，代码：{v}"""),
    Role("priority", "enum", "priority urgency importance", "priority|Priorität|优先级",
         "How important it is|Wichtigkeit|优先级", """
        with {v} priority
        , priority {v}
        , {v} priority
        , importance: {v}
        ---
        mit {v} Priorität
        , {v} Priorität
        von {v} Wichtigkeit
        , das hat {v} Priorität
        ---
        ，优先级{v}
        ，重要程度{v}
        ，优先级为{v}
        ，优先级：{v}"""),
    Role("color", "enum", "color colour paint_color tint", "colour|Farbe|颜色",
         "Colour|Farbe|颜色", """
        in {v}
        , colour {v}
        , make it {v}
        , in the color {v}
        ---
        in der Farbe {v}
        , Farbe {v}
        , und zwar {v}
        , bitte {v}
        ---
        ，颜色{v}
        ，要{v}
        ，颜色是{v}
        ，用{v}"""),
    Role("frequency", "enum", "frequency repeat interval recurrence", "frequency|Häufigkeit|频率",
         "How often|Wie oft|频率", """
        {v}
        , repeated {v}
        , {v}
        , and do it {v}
        ---
        {v}
        , Wiederholung {v}
        , {v}
        , und das {v}
        ---
        ，{v}
        ，{v}重复
        ，频率{v}
        ，{v}一次"""),
    Role("size", "enum", "size format_size dimension", "size|Größe|尺寸",
         "Size|Größe|尺寸", """
        in size {v}
        , size {v}
        , {v} size
        , make it {v}
        ---
        in Größe {v}
        , Größe {v}
        , Größe: {v}
        , bitte {v}
        ---
        ，尺寸{v}
        ，要{v}
        ，{v}的
        ，大小：{v}"""),
    Role("format", "enum", "format file_format type output", "format|Format|格式",
         "File format|Dateiformat|文件格式", """
        as {v}
        in {v} format
        , format {v}
        , as a {v} file
        ---
        als {v}
        im Format {v}
        , Format {v}
        , als {v}-Datei
        ---
        ，格式为{v}
        ，用{v}格式
        ，{v}格式
        ，格式：{v}"""),
    Role("tongue", "enum", "language lang target_language locale", "language|Sprache|语言",
         "Language code|Sprachcode|语言代码", """
        in {v}
        into {v}
        , language: {v}
        , I want it in {v}
        ---
        auf {v}
        , Sprache: {v}
        , und zwar auf {v}
        in der Sprache {v}
        ---
        ，用{v}
        ，语言是{v}
        ，{v}版
        ，语言：{v}"""),
    Role("status", "enum", "status state new_status stage", "status|Status|状态",
         "Status|Status|状态", """
        with status {v}
        , status: {v}
        as {v}
        , status {v}
        ---
        mit Status {v}
        , Status: {v}
        als {v}
        , Status {v}
        ---
        ，状态{v}
        ，状态为{v}
        ，状态：{v}
        ，标为{v}"""),
    Role("mode", "enum", "mode program setting profile", "mode|Modus|模式",
         "Mode of operation|Betriebsart|模式", """
        in {v} mode
        , mode {v}
        using {v} mode
        , set to {v}
        ---
        im Modus {v}
        , Modus {v}
        mit dem Programm {v}
        , Programm: {v}
        ---
        ，{v}模式
        ，用{v}模式
        ，模式为{v}
        ，模式：{v}"""),
    Role("transport", "enum", "transport vehicle mode travel_mode means", "means of transport|Verkehrsmittel|交通方式",
         "Means of transport|Verkehrsmittel|交通方式", """
        {v}
        , {v}
        , travelling {v}
        , we go {v}
        ---
        {v}
        , {v}
        , und zwar {v}
        , wir kommen {v}
        ---
        ，{v}
        ，{v}去
        ，方式是{v}
        ，我们{v}"""),
    Role("order", "enum", "order sort_order direction sorting", "order|Reihenfolge|顺序",
         "Sort order|Reihenfolge|排序", """
        in {v} order
        , {v} order
        , sorted {v}
        , order: {v}
        ---
        in {v} Reihenfolge
        , {v} Reihenfolge
        , sortiert in {v} Folge
        , und zwar in {v} Ordnung
        ---
        ，{v}
        ，按{v}
        ，{v}排列
        ，顺序{v}"""),
    Role("notify", "boolean", "notify send_notification alert announce", "notification|Benachrichtigung|通知",
         "Whether everybody is told|Ob alle benachrichtigt werden|是否通知大家", """
        , and notify everyone=1
        , and let everybody know=1
        , with a notification=1
        , without a notification=0
        , but do not tell anyone=0
        , and keep it quiet=0
        ---
        , und benachrichtige alle=1
        , mit Benachrichtigung=1
        , und sag allen Bescheid=1
        , ohne Benachrichtigung=0
        , aber ohne jemandem Bescheid zu sagen=0
        , ohne Hinweis an die anderen=0
        ---
        ，并通知大家=1
        ，需要通知=1
        ，告诉所有人=1
        ，不要通知=0
        ，不用通知任何人=0
        ，别告诉别人=0"""),
    Role("private", "boolean", "private is_private hidden confidential", "privacy|Privatsphäre|私密",
         "Whether only the user can see it|Ob es nur der Nutzer sieht|是否仅自己可见", """
        , make it private=1
        , only visible to me=1
        , confidential please=1
        , visible to all=0
        , make it public=0
        , everyone may see it=0
        ---
        , nur für mich sichtbar=1
        , bitte privat=1
        , vertraulich=1
        , für alle sichtbar=0
        , bitte öffentlich=0
        , jeder darf es sehen=0
        ---
        ，设为私密=1
        ，仅自己可见=1
        ，要保密=1
        ，公开=0
        ，所有人可见=0
        ，大家都能看=0"""),
]
ROLES = {role.key: role for role in _TABLE}

_WEEKDAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag".split(),
    "zh": "周一 周二 周三 周四 周五 周六 周日".split(),
}
_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
}


def weekday_name(date, language):
    return _WEEKDAYS[language][date.weekday()]


def month_name(month, language):
    return f"{month}月" if language == "zh" else _MONTHS[language][month - 1]


def today_line(today, language):
    """The line of the system message that says what day it is."""
    name = weekday_name(today, language)
    return {"en": f"Today is {name}, {today.isoformat()}.", "de": f"Heute ist {name}, der {today.isoformat()}.",
            "zh": f"今天是{today.isoformat()}，{name}。"}[language]


def random_day(rng):
    return datetime.date(2020, 1, 1) + datetime.timedelta(days=rng.randrange(365 * 12))


def _ordinal(n):
    return f"{n}" + ("th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th"))


def relative_day(rng, language, today):
    """(what people say, the date)"""
    kind = rng.randrange(5)
    if kind == 0:
        offset = rng.choice((0, 1, 1, 1, 2))
        said = {"en": ("today", "tomorrow", "the day after tomorrow"), "de": ("heute", "morgen", "übermorgen"),
                "zh": ("今天", "明天", "后天")}[language][offset]
        return said, today + datetime.timedelta(days=offset)
    if kind == 1:
        offset = rng.randint(2, 14)
        said = number_surface(offset, language, rng, 0.4)
        return ({"en": f"in {said} days", "de": f"in {said} Tagen", "zh": f"{said}天后"}[language],
                today + datetime.timedelta(days=offset))
    if kind == 2:  # the next such day after today
        offset = rng.randint(1, 7)
        day = today + datetime.timedelta(days=offset)
        name = weekday_name(day, language)
        return {"en": rng.choice((f"this coming {name}", f"on {name}")),
                "de": rng.choice((f"am kommenden {name}", f"am {name}")),
                "zh": f"接下来的{name}"}[language], day
    day = today + datetime.timedelta(days=rng.randint(1, 200))
    month = month_name(day.month, language)
    if kind == 3 and day.year == today.year:
        return {"en": rng.choice((f"on {month} {_ordinal(day.day)}", f"on {day.day} {month}",
                                  f"on the {_ordinal(day.day)} of {month}")),
                "de": rng.choice((f"am {day.day}. {month}", f"am {day.day}.{day.month}.")),
                "zh": f"{day.month}月{day.day}" + rng.choice("日号")}[language], day
    return {"en": rng.choice((f"on {month} {day.day}, {day.year}", f"on {day.isoformat()}")),
            "de": rng.choice((f"am {day.day}. {month} {day.year}", f"am {day.day}.{day.month}.{day.year}")),
            "zh": rng.choice((f"{day.year}年{day.month}月{day.day}日", day.isoformat()))}[language], day


_DATE_TEXTS = {
    "en": ["tomorrow", "next week", "this weekend", "Friday", "Monday morning", "tonight", "next month", "Christmas",
           "the summer", "Tuesday evening", "the end of the month", "today", "Easter", "Sunday"],
    "de": ["morgen", "nächste Woche", "dieses Wochenende", "Freitag", "Montagmorgen", "heute Abend", "nächsten Monat",
           "Weihnachten", "den Sommer", "Dienstagabend", "Monatsende", "heute", "Ostern", "Sonntag"],
    "zh": ["明天", "下周", "这个周末", "周五", "周一早上", "今晚", "下个月", "圣诞节", "夏天", "周二晚上", "月底", "今天", "春节", "周日"],
}


def clock_time(rng, language):
    """(what people say, HH:MM)"""
    hour, minute = rng.randint(0, 23), rng.choice((0, 0, 0, 5, 10, 15, 20, 30, 30, 30, 40, 45, 50, rng.randrange(60)))
    value = f"{hour:02d}:{minute:02d}"
    if language == "en":
        half = "am" if hour < 12 else "pm"
        spoken = [value, f"{(hour + 11) % 12 + 1}:{minute:02d} {half}"]
        if minute == 0:
            spoken += [f"{(hour + 11) % 12 + 1} {half}"] * 2
            spoken += ["noon"] if hour == 12 else ["midnight"] if hour == 0 else []
        if minute in (15, 30, 45) and 1 <= hour % 12:
            word = {15: "quarter past", 30: "half past", 45: "quarter to"}[minute]
            shown = hour if minute != 45 else hour + 1
            part = "in the morning" if hour < 12 else "in the afternoon" if hour < 17 else "in the evening"
            spoken.append(f"{word} {number_surface((shown + 11) % 12 + 1, 'en', rng, 0.7)} {part}")
    elif language == "de":
        spoken = [value + " Uhr", f"{hour}:{minute:02d} Uhr", f"{hour} Uhr {minute}" if minute else f"{hour} Uhr"]
        if minute == 30 and 0 < hour < 12:
            spoken.append(f"halb {number_surface(hour % 12 + 1, 'de', rng, 0.7)} morgens")
    else:
        part = "凌晨" if hour < 6 else "上午" if hour < 12 else "中午" if hour == 12 else "下午" if hour < 18 else "晚上"
        shown = hour if hour <= 12 else hour - 12
        tail = "" if minute == 0 else "半" if minute == 30 else f"{minute}分"
        spoken = [value, f"{part}{shown}点{tail}", f"{hour}点{tail}"]
    return rng.choice(spoken), value


def _decimal(rng, role, language):
    if rng.random() < 0.55:
        n = rng.randint(role.low, role.high)
        return number_surface(n, language, rng), n
    tenths = rng.randint(role.low * 10, role.high * 10)
    value = tenths / 10 if tenths % 10 else tenths // 10
    text = str(value)
    return (text.replace(".", ",") if language == "de" else text), value


def join_list(parts, language, rng):
    if len(parts) == 1:
        return parts[0]
    if language == "zh":
        return "、".join(parts[:-1]) + rng.choice(("和", "、", "以及")) + parts[-1]
    word = " and " if language == "en" else " und "
    return ", ".join(parts[:-1]) + rng.choice((word, word, ", ")) + parts[-1]


_QUOTES = {"en": ("“”", '""', "''"), "de": ("„“", '""', "‚‘"), "zh": ("“”", "「」", '""')}
_COPIED = {"title": values.title, "person": values.person, "place": values.place, "statement": values.statement,
           "chore": values.chore, "topic": values.topic, "room": values.room}


def sample(role, language, split, rng, today):
    """(surface, value, phrase) of one argument; phrase has {v}, {q} or none."""
    phrase = role.phrases[language].pick(rng, split)
    kind = role.kind
    if kind == "boolean":
        text, value = phrase.rsplit("=", 1)
        return "", value == "1", text
    if kind in _COPIED:
        surface = _COPIED[kind](rng, language, split)
        if kind == "title" and rng.random() < 0.5:
            phrase = phrase.replace("{v}", "{q}")
        return surface, surface, phrase
    if kind == "integer":
        value = rng.randint(role.low, role.high)
        return number_surface(value, language, rng), value, phrase
    if kind == "number":
        surface, value = _decimal(rng, role, language)
        return surface, value, phrase
    if kind == "enum":
        value = rng.choice(sorted(ENUMS[role.key]))
        words = ENUMS[role.key][value][("en", "de", "zh").index(language)]
        return rng.choice(words.split("|")), value, phrase
    if kind == "date":
        surface, day = relative_day(rng, language, today)
        return surface, day.isoformat(), phrase
    if kind == "date_text":
        surface = rng.choice(_DATE_TEXTS[language])
        return surface, surface, phrase
    if kind == "time":
        surface, value = clock_time(rng, language)
        return surface, value, phrase
    if kind == "list":
        parts = list(dict.fromkeys(values.thing(rng, language, split) for _ in range(rng.randint(1, 4))))
        return join_list(parts, language, rng), parts, phrase
    if kind == "people_list":
        parts = list(dict.fromkeys(values.person(rng, language, split) for _ in range(rng.randint(2, 3))))
        return join_list(parts, language, rng), parts, phrase
    surface = {"email": lambda: values.email(rng, split), "file": lambda: values.file_name(rng, split),
               "url": lambda: values.url(rng), "phone": lambda: values.phone(rng), "code": lambda: values.code(rng)}[kind]()
    return surface, surface, phrase


def is_copied(role):
    """Whether the argument is the very text of the request."""
    return role.kind in _COPIED or role.kind in ("date_text", "email", "file", "url", "phone", "code", "list",
                                                 "people_list")


def quote(text, language, rng):
    pair = rng.choice(_QUOTES[language])
    return pair[0] + text + pair[-1]


def schema_of(role, rng):
    """JSON schema without its description."""
    if role.kind == "enum":
        options = list(ENUMS[role.key])
        return {"type": "string", "enum": options}
    if role.kind in ("list", "people_list"):
        return {"type": "array", "items": {"type": "string"}}
    kind = {"integer": "integer", "number": "number", "boolean": "boolean"}.get(role.kind, "string")
    schema = {"type": kind}
    if role.key == "percent" and rng.random() < 0.5:
        schema.update(minimum=0, maximum=100)
    if role.key == "date" and rng.random() < 0.4:
        schema["format"] = "date"
    return schema
