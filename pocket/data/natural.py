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
from .tools import THINKING, Again, Scene, Tool, _distractors, _system, make_call, thought_of_call, thought_of_none
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
check_traffic: check_traffic traffic_info traffic road_status ; Tells how busy the roads to a place are. ; destination:place
en: (how is|what about) [the] traffic to {destination}?
en: (is there|are there) [a] (jam|jams) on the way to {destination}?
en: are the roads to {destination} (clear|free)?
en: will I get stuck going to {destination}?
de: Wie ist der Verkehr nach {destination}?
de: Gibt es Stau auf dem Weg nach {destination}?
de: Ist die Strecke nach {destination} frei?
zh: 去{destination}堵车吗？
zh: 到{destination}的路况怎么样？
zh: 往{destination}的路通不通？
tip_amount: tip_amount tip gratuity calculate_tip ; Works out how much to tip. ; bill:price percent:percent?
en: what do I tip on {bill} euros?
en: (tip|gratuity) of {percent} percent on {bill} euros
en: the bill was {bill} euros, I want to leave {percent} percent
de: Wie viel Trinkgeld bei {bill} Euro?
de: Trinkgeld von {percent} Prozent auf {bill} Euro
zh: {bill}欧元该给多少小费？
zh: 账单{bill}欧元，给百分之{percent}小费
split_bill: split_bill share_costs go_dutch divide_bill ; Splits a bill among people. ; bill:price people:people
en: {bill} euros for {people} people, what does each pay?
en: (split|divide) {bill} euros (among|between) {people} people
en: there are {people} of us and the bill is {bill} euros
de: {bill} Euro auf {people} Personen aufteilen
de: Wir sind {people} Personen und zahlen {bill} Euro, was muss jeder geben?
zh: {bill}欧元{people}个人平摊
zh: 我们{people}个人一共{bill}欧元，每人多少？
log_water: log_water drink_log water_intake add_glass ; Writes down how much the user has drunk. ; glasses:count
en: I (had|drank) {glasses} glasses of water
en: {glasses} more glasses of water [for me]
en: (note|write down) that I drank {glasses} glasses
de: Ich habe {glasses} Gläser Wasser getrunken
de: Noch {glasses} Gläser Wasser
zh: 我喝了{glasses}杯水
zh: 记一下，又喝了{glasses}杯
ring_phone: ring_phone find_my_phone locate_phone where_is_phone ; Makes the user's own phone ring so that it is found. ;
en: where (is|did I put|did I leave) my phone?
en: I (can't find|have lost) my phone
en: make my phone ring
en: my phone is (somewhere|gone), help
de: Wo ist mein Handy?
de: Ich finde mein Telefon nicht
de: Lass mein Handy klingeln
zh: 我的手机(在哪|呢)？
zh: 手机找不到了
zh: 让我的手机响一下
set_volume: set_volume volume loudness sound_level ; Sets how loud it is. ; level:percent room:room?
en: (volume|sound) [to] {level} percent
en: turn it (down|up) to {level} percent
en: it is too (loud|quiet) in the {room}, make it {level} percent
de: Lautstärke auf {level} Prozent
de: Mach es (leiser|lauter), {level} Prozent
zh: 音量调到百分之{level}
zh: {room}太吵了，调到百分之{level}
set_brightness: set_brightness screen_brightness dim_screen brightness ; Sets how bright the screen is. ; level:percent
en: (dim|brighten) the screen to {level} percent
en: the screen (hurts my eyes|is too dark), {level} percent
en: screen at {level} percent brightness
de: Bildschirm auf {level} Prozent
de: Der Bildschirm ist zu hell, {level} Prozent
zh: 屏幕亮度百分之{level}
zh: 屏幕太亮了，调到百分之{level}
quiet_mode: quiet_mode do_not_disturb silence mute_notifications ; Holds back all notifications for some minutes. ; minutes:minutes
en: (no interruptions|leave me alone|don't disturb me) for {minutes} minutes
en: I need {minutes} minutes of peace
en: silence everything for {minutes} minutes
de: {minutes} Minuten Ruhe bitte
de: Stör mich {minutes} Minuten lang nicht
zh: {minutes}分钟内别打扰我
zh: 让我安静{minutes}分钟
take_picture: take_picture snapshot camera_shot selfie ; Takes a picture with the camera. ;
en: (take|snap|shoot) a (picture|selfie)
en: say cheese
en: (I want|we need) a picture of (this|us)
de: Mach ein Bild [von uns]
de: Bitte lächeln
zh: 拍张照
zh: 给我们来一张合影
navigate: navigate start_navigation drive_to directions guide_me ; Guides the user to a place. ; destination:place by:transport?
en: (take|bring|guide) me to {destination}
en: how do I get to {destination} [{by}]?
en: I want to go to {destination} {by}
en: show me the way to {destination}
de: Bring mich nach {destination}
de: Wie komme ich nach {destination} [{by}]?
zh: 带我去{destination}
zh: 怎么去{destination}？
zh: 我想{by}去{destination}
get_ride: get_ride call_cab request_ride pick_up ; Has the user picked up by car. ; destination:place at:time?
en: I need a ride to {destination}
en: (somebody|someone) has to drive me to {destination} at {at}
en: pick me up at {at} for {destination}
de: Ich brauche eine Mitfahrt nach {destination}
de: Hol mich um {at} ab, es geht nach {destination}
zh: 找辆车送我去{destination}
zh: {at}来接我去{destination}
water_plants: water_plants irrigate watering give_water ; Waters the plants of a room. ; room:room minutes:minutes?
en: (everything is drying out|the soil is dry) in the {room}
en: water the {room} for {minutes} minutes
en: the green ones in the {room} are thirsty
de: Im Raum {room} ist die Erde trocken
de: Gieße {minutes} Minuten im Raum {room}
zh: {room}的花该浇水了
zh: 给{room}浇{minutes}分钟水
brew_coffee: brew_coffee make_coffee espresso coffee_machine ; Lets the machine brew coffee. ; cups:count
en: {cups} cups [of coffee] please
en: I need {cups} coffees [to wake up]
en: brew {cups} cups
de: {cups} Tassen Kaffee bitte
de: Brüh {cups} Kaffee auf
zh: 煮{cups}杯咖啡
zh: 来{cups}杯咖啡提提神
vacuum_room: vacuum_room hoover sweep_floor clean_floor ; Lets the robot clean the floor of a room. ; room:room
en: the {room} is (dirty|dusty)
en: there are crumbs in the {room}
en: (vacuum|sweep|hoover) the {room}
de: Im Raum {room} ist es staubig
de: Sauge den Raum {room}
zh: {room}脏了
zh: 把{room}的地扫一下
note_debt: note_debt owes_me lend_money money_lent ; Notes that somebody owes the user money. ; person:person amount:price
en: {person} owes me {amount} euros
en: I lent {person} {amount} euros
en: I want {amount} euros back from {person}
de: {person} schuldet mir {amount} Euro
de: Ich habe {person} {amount} Euro geliehen
zh: {person}欠我{amount}欧元
zh: 我借给{person}{amount}欧元
log_run: log_run add_run jogging_log save_run ; Writes down that the user has run. ; kilometers:kilometers minutes:minutes?
en: I ran {kilometers} kilometers [today]
en: {kilometers} kilometers in {minutes} minutes, not bad
en: jogged {kilometers} kilometers, it took {minutes} minutes
de: Ich bin {kilometers} Kilometer gelaufen
de: {kilometers} Kilometer in {minutes} Minuten gejoggt
zh: 我跑了{kilometers}公里
zh: {minutes}分钟跑完{kilometers}公里
log_meal: log_meal food_diary ate record_food ; Writes down what the user has eaten. ; foods:items
en: I (ate|had|just had) {foods}
en: for (lunch|dinner|breakfast) there was {foods}
en: {foods}, that was my meal
de: Ich habe {foods} gegessen
de: Zum Mittag gab es {foods}
zh: 我吃了{foods}
zh: 午饭是{foods}
cook_with: cook_with suggest_dish what_to_cook dish_ideas ; Suggests a dish made of what is there. ; ingredients:items
en: what can I (make|cook) (with|from) {ingredients}?
en: all I have is {ingredients}, what do I eat?
en: a dish with {ingredients}?
de: Was kann ich aus {ingredients} kochen?
de: Ich habe nur {ingredients}, was koche ich?
zh: 用{ingredients}能做什么菜？
zh: 家里只有{ingredients}，做什么好？
spell_word: spell_word spelling spell letters_of ; Spells a word letter by letter. ; word:word
en: how do you (spell|write) {word}?
en: which letters does {word} have?
en: spell {word} [for me]
de: Wie schreibt man {word}?
de: Buchstabiere {word}
zh: {word}怎么写？
zh: {word}由哪些字组成？
synonyms: synonyms other_words thesaurus similar_words ; Finds words that mean the same. ; word:word
en: (another|a different|a better) word for {word}
en: what else can I say instead of {word}?
en: words like {word}
de: Ein anderes Wort für {word}
de: Was kann man statt {word} sagen?
zh: {word}的近义词
zh: {word}还能怎么说？
pick_one: pick_one choose_random decide random_choice ; Picks one of several things by chance. ; options:items
en: I can't decide between {options}
en: (pick|choose) one of {options}
en: {options}: which one?
de: Ich kann mich nicht entscheiden: {options}
de: Wähle eins aus {options}
zh: {options}选哪个好？
zh: 从{options}里挑一个
flip_coin: flip_coin toss coin heads_or_tails ; Tosses a coin. ;
en: heads or tails?
en: (flip|toss) a coin
en: let a coin decide
de: Kopf oder Zahl?
de: Wirf eine Münze
zh: 抛个硬币
zh: 正面还是反面？
new_password: new_password make_password generate_secret random_password ; Makes a random password. ; length:count
en: I need a password with {length} characters
en: something secret with {length} letters
en: {length} random characters to log in
de: Ein Passwort mit {length} Zeichen
de: Denk dir {length} geheime Zeichen aus
zh: 给我一个{length}位的密码
zh: 来{length}个随机字符当密码
shorten_link: shorten_link short_url tiny_link compress_url ; Makes a short link of a long one. ; url:url
en: {url} is too long
en: (shorten|make shorter) {url}
en: I need {url} as a short link
de: {url} ist zu lang, mach es kürzer
de: Kürze {url}
zh: {url}太长了
zh: 把{url}缩短
page_summary: page_summary summarize_page sum_up read_page ; Says in short what a page on the web is about. ; url:url
en: what is {url} about?
en: sum up {url}
en: I have no time to read {url}
de: Worum geht es auf {url}?
de: Fasse {url} zusammen
zh: {url}讲了什么？
zh: 总结一下{url}
block_caller: block_caller block_number ban_number reject_calls ; Blocks calls from a number. ; number:phone
en: {number} keeps (calling|bothering) me
en: I never want to hear from {number} again
en: block {number}
de: {number} ruft dauernd an, stell das ab
de: Blockiere {number}
zh: {number}老是骚扰我
zh: 拉黑{number}
number_of: number_of get_phone_number phone_lookup contact_number ; Gives the phone number of a person. ; person:person
en: what is the number of {person}?
en: how do I reach {person}?
en: do I have {person}'s number?
de: Welche Nummer hat {person}?
de: Wie erreiche ich {person}?
zh: {person}的号码是多少？
zh: 怎么联系{person}？
locate_person: locate_person find_person whereabouts person_location ; Tells where a person is at the moment. ; person:person
en: where is {person} [now]?
en: is {person} (at home|still out|on the way)?
en: how far away is {person}?
de: Wo ist {person} [gerade]?
de: Ist {person} schon unterwegs?
zh: {person}现在在哪？
zh: {person}到哪儿了？
share_location: share_location send_position show_where_i_am live_location ; Shows somebody where the user is. ; person:person minutes:minutes?
en: (show|let) {person} [see] where I am
en: {person} wants to know where I am
en: {person} may see my position for {minutes} minutes
de: Zeig {person}, wo ich bin
de: {person} darf {minutes} Minuten sehen, wo ich bin
zh: 让{person}知道我在哪
zh: 给{person}共享{minutes}分钟我的位置
day_off: day_off take_leave absent_on free_day ; Enters a day on which the user does not work. ; day:date_text
en: I (won't work|am not coming in|am off) {day}
en: (take|give) me {day} off
en: {day} I stay at home
de: {day} arbeite ich nicht
de: Ich nehme mir {day} frei
zh: {day}我不上班
zh: {day}我要请假
speak_language: speak_language set_language switch_language language_is ; Changes the language of the program. ; language:tongue
en: (speak|talk) {language} (with|to) me
en: from now on in {language}
en: switch to {language}
de: Sprich {language} mit mir
de: Ab jetzt auf {language}
zh: 跟我说{language}
zh: 换成{language}
send_back: send_back return_item return_order give_back ; Sends an order back to the shop. ; number:code
en: I want to (return|send back) {number}
en: {number} is the wrong size, take it back
en: {number} goes back
de: Ich möchte {number} zurückschicken
de: {number} passt nicht, das geht zurück
zh: 我要退货{number}
zh: {number}不合适，退回去
account_balance: account_balance balance money_left bank_balance ; Tells how much money the user has. ;
en: how much money do I have [left]?
en: am I (broke|in the red)?
en: what is on my account?
de: Wie viel Geld habe ich [noch]?
de: Bin ich pleite?
zh: 我还有多少钱？
zh: 账户余额
calories_of: calories_of calories energy_of nutrition ; Tells the calories of food. ; foods:items
en: how many calories (do|have) {foods} [have]?
en: do {foods} make me fat?
en: energy in {foods}
de: Wie viele Kalorien haben {foods}?
de: Machen {foods} dick?
zh: {foods}有多少卡路里？
zh: 吃{foods}会胖吗？
torch_on: torch_on flashlight torch light_up ; Switches on the light of the phone. ;
en: I can't see (anything|a thing) [here]
en: (torch|flashlight) [on] please
en: shine some light
de: Ich sehe hier nichts
de: Taschenlampe an
zh: 打开手电筒
zh: 这里太黑了看不见
print_file: print_file to_paper hard_copy send_to_printer ; Prints a file. ; path:file copies:count?
en: I need {path} on paper
en: {path} on paper, {copies} times
en: {copies} copies of {path}
de: Ich brauche {path} auf Papier
de: {path} bitte {copies} Mal ausdrucken
zh: 我要{path}的纸质版
zh: {path}打{copies}份
disk_space: disk_space free_space storage_left disk_usage ; Tells how much room is left on the disk. ;
en: is my disk full?
en: how much (room|space) is left?
en: can I store more [on this machine]?
de: Ist die Festplatte voll?
de: Wie viel Platz ist noch frei?
zh: 硬盘满了吗？
zh: 还剩多少空间？
restart_computer: restart_computer reboot restart power_cycle ; Restarts the computer. ;
en: the computer (hangs|is frozen)
en: (reboot|restart) [the machine]
en: switch it off and on again
de: Der Rechner hängt
de: Starte den Computer neu
zh: 电脑卡死了
zh: 重启一下
check_network: check_network network_status internet_test wifi_check ; Checks the connection to the internet. ;
en: is the (internet|network) down?
en: why is the (internet|network) so slow?
en: am I online?
de: Ist das Internet weg?
de: Warum ist das Netz so langsam?
zh: 是不是断网了？
zh: 网怎么这么慢？
post_status: post_status tell_everyone share_news announce ; Tells all friends something. ; text:statement
en: (tell everybody|everyone should know) that {text}
en: new status: {text}
en: post that {text}
de: Alle sollen wissen: {text}
de: Neuer Status: {text}
zh: 告诉大家{text}
zh: 发个动态：{text}
next_train: next_train train_times departures timetable ; Tells when the next train to a place leaves. ; destination:place origin:place_b?
en: when (is|does) the next train to {destination} [leave]?
en: next train from {origin} to {destination}
en: can I still catch a train to {destination}?
de: Wann fährt der nächste Zug nach {destination}?
de: Der nächste Zug von {origin} nach {destination}
zh: 去{destination}的下一班火车几点？
zh: 从{origin}到{destination}下一班车
flight_status: flight_status has_landed flight_info arrival_of ; Tells whether a flight is on time. ; number:code
en: has {number} (landed|taken off)?
en: is {number} (delayed|late|on time)?
en: when does my plane {number} go?
de: Ist {number} schon gelandet?
de: Hat {number} Verspätung?
zh: {number}落地了吗？
zh: {number}晚点了吗？
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
        folder = values.folder(rng, split)
        return folder, folder
    if key == "company":
        name = values.invented_word(rng, language) + rng.choice(("", "", " AG", " Inc" if language == "en" else ""))
        return name, name
    pool = {"word": _WORDS, "place_kind": _KINDS}[key][language]
    word = values.open_text(rng, language, 2) if values.is_open(rng, split) else rng.choice(pool)
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
             "find_text": "document", "sort_list": "table_row", "weigh_in": "run_record", "set_volume": "loudspeaker television radio",
             "quiet_mode": "alarm", "take_picture": "photo camera screenshot", "navigate": "route", "get_ride": "taxi car rental_car",
             "water_plants": "plant sprinkler", "brew_coffee": "coffee", "vacuum_room": "robot_vacuum kitchen bathroom",
             "note_debt": "payment bank_transfer loan", "log_run": "run_record workout", "cook_with": "recipe meal_plan",
             "new_password": "password", "page_summary": "web_page article", "block_caller": "call contact", "number_of": "contact",
             "day_off": "vacation_request", "send_back": "refund parcel shipment delivery", "account_balance": "budget",
             "print_file": "document file_item printer", "restart_computer": "server", "check_network": "router",
             "post_status": "message blog_post", "next_train": "train_ticket", "flight_status": "flight", "log_meal": "diary_entry",
             "share_location": "map", "torch_on": "light", "speak_language": "translation"}


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
    reason = thought_of_call(name, reasons) if name else None
    return pieces, {n: arguments[n] for n in family.parameters if n in arguments}, reason, pattern


def _conversation(scene, family, name):
    """About a declared tool, or, without a name, about one that is not there."""
    rng, language = scene.rng, scene.language
    pieces, arguments, reason, pattern = _asked(family, name, scene)
    text = _noisy(pieces, rng, language)
    if not name:
        reason = thought_of_none(scene.declared, family.about.rstrip(".").lower())
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
