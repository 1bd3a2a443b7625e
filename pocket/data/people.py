"""Requests that people wrote, over tools described by people. For training alone; English.

Read where they lie, below $MAINS_TRAINING_TEXT (two clones, DATA.md says of what and under which licences); nothing of
them is kept in this repository. Without that folder this source gives no items. Everything about the held-out families
is left out: intents by name, requests by word.
"""

import csv
import functools
import json
import os
import pathlib
import re

from . import natural, tool_phrases as P
from .item import assistant, make_item, user
from .phrases import expand
from .tools import THINKING, _system, thought_of_call, thought_of_none
from . import roles as R

_HELD_OUT = re.compile(
    r"\b(weather|forecast|rain\w*|snow\w*|sunny|umbrella|temperature|playlists?|songs?|tracks?|music\w*|albums?|singers?|artists?|"
    r"radio|restaurants?|tables?|books?|reviews?|novels?|rat(e|es|ed|ing|ings)|movies?|films?|cinemas?|theat(er|re)s?|tv|show ?times?|"
    r"paintings?|stocks?|greenhouse|aquarium|telescope|drones?|donat\w+|tournaments?|insurance|laundry|volunteer\w*)\b", re.I)


class Kind:
    """One kind of tool: what it may be called, what its parameters may be called, and what was asked of it."""

    def __init__(self, domain, names, abouts, slots, required=()):
        self.domain, self.names, self.abouts, self.slots, self.required = domain, names, abouts, slots, required
        self.requests = []  # (text, {slot: value}, the question for what is missing and the answer to it, or None)


class Slot:
    def __init__(self, names, abouts, schema):
        self.names, self.abouts, self.schema = names, abouts, schema


def folder():
    """The folder with the clones, or None."""
    root = os.environ.get("MAINS_TRAINING_TEXT")
    return pathlib.Path(root) if root and pathlib.Path(root).is_dir() else None


# NLU-Evaluation-Data: what people say to an assistant at home, with the parts that matter marked.

_SPOKEN = """
alarm_set|set alarm,wake up,create alarm,new alarm|Sets an alarm.,Wakes the user at a given time.
alarm_query|list alarms,show alarms,check alarm|Tells which alarms are set.,Shows the alarms.
alarm_remove|delete alarm,cancel alarm,remove alarm|Removes an alarm.,Cancels alarms that were set.
audio_volume_down|volume down,lower volume,quieter|Turns the volume down.,Makes the loudspeaker quieter.
audio_volume_mute|mute,mute sound,silence|Mutes the loudspeaker.,Switches the sound off.
audio_volume_up|volume up,raise volume,louder|Turns the volume up.,Makes the loudspeaker louder.
calendar_query|get events,check calendar,list appointments,read schedule|Tells what is in the calendar.,Looks up appointments and events.
calendar_remove|delete event,cancel appointment,clear calendar|Removes events from the calendar.,Cancels appointments.
calendar_set|add event,create appointment,schedule event,calendar reminder|Puts an event into the calendar.,Adds appointments and reminders of events.
cooking_recipe|find recipe,cooking help,get recipe|Finds recipes and answers questions about cooking.,Tells how a dish is cooked.
datetime_convert|convert time,time zone converter|Converts a time from one time zone to another.
datetime_query|get time,current date,clock,what time|Tells the time or the date.,Tells the time here or elsewhere and what day it is.
email_addcontact|add contact,save contact,new email contact|Adds somebody to the contacts.,Saves an email address.
email_query|check email,read inbox,get mails|Looks for emails in the inbox.,Tells about new emails.
email_querycontact|find contact,contact info,look up person|Looks up a person's number or address.,Finds the details of a contact.
email_sendemail|send email,write mail,reply to email|Sends an email.,Writes or answers an email.
general_joke|tell joke,get joke|Tells a joke.,Says something funny.
iot_cleaning|start vacuum,clean floor,robot cleaner|Starts the vacuum cleaner.,Has the floor cleaned by the robot.
iot_coffee|make coffee,coffee machine,brew|Makes coffee.,Starts the coffee machine.
iot_hue_lightchange|light color,change light,set light color|Changes the colour of the lights.
iot_hue_lightdim|dim lights,light down,darker|Dims the lights.,Makes the lights darker.
iot_hue_lightoff|lights off,turn off light,switch light off|Turns lights off.,Switches the light off.
iot_hue_lighton|lights on,turn on light,switch light on|Turns lights on.,Switches the light on.
iot_hue_lightup|brighten lights,light up,brighter|Makes the lights brighter.,Raises the brightness of the lights.
iot_wemo_off|plug off,socket off,turn off plug|Turns a smart plug off.,Switches a socket off.
iot_wemo_on|plug on,socket on,turn on plug|Turns a smart plug on.,Switches a socket on.
lists_createoradd|add to list,create list,new list item|Adds items to a list or makes a new list.
lists_query|show list,read list,get lists|Tells what is on a list.,Shows the user's lists.
lists_remove|remove from list,delete list,clear list item|Removes items from a list or the whole list.
news_query|get news,read news,headlines|Reads the news.,Finds news about a topic.
play_audiobook|play audiobook,read aloud,audiobook player|Plays an audiobook.,Reads aloud and goes on where it stopped.
play_game|play game,start game,open game|Starts a game.,Opens a game to play.
play_podcasts|play podcast,podcast player,next episode|Plays podcasts.,Plays an episode of a podcast.
qa_currency|exchange rate,convert currency,currency|Tells exchange rates of currencies.,Converts money from one currency to another.
qa_factoid|answer question,ask encyclopedia,find fact|Answers questions about people, places and facts.
qa_maths|calculator,compute,do math|Does arithmetic.,Works out a calculation.
recommendation_events|find events,whats on,events nearby|Finds events in a place.,Tells what happens around.
social_post|post tweet,post status,social post|Posts to a social network.,Publishes a message on social media.
social_query|check social media,read feed,social updates|Tells what is new on social media.
takeaway_order|order food,order takeaway,food delivery|Orders food.,Orders a meal for delivery or takeaway.
takeaway_query|delivery status,check takeaway,track food order|Tells whether a place delivers and how far an order is.
transport_query|get directions,train times,plan journey|Tells how to get somewhere and when trains leave.,Gives directions and timetables.
transport_taxi|call taxi,book ride,order cab|Calls a taxi.,Books a ride.
transport_ticket|buy ticket,book train,travel tickets|Buys tickets for a journey.,Books train tickets.
transport_traffic|check traffic,traffic report,road conditions|Tells about the traffic.,Looks for traffic jams.
"""
# slot: names | description
_SPOKEN_SLOTS = """
time|time,at_time,clock_time,when|Time of day
date|date,day,on_date|Date or day
timeofday|time_of_day,part_of_day,daytime|Part of the day
event_name|event,title,event_name,subject|Name of the event
person|person,name,contact,who|Name of the person
relation|relation,relationship,who_to_user|What the person is to the user
place_name|place,location,city,where|Name of the place
business_name|business,company,business_name|Name of the business
business_type|business_type,kind_of_place,category|Kind of place
media_type|medium,media_type,source,network|Medium or network
news_topic|topic,news_topic,about|Topic of the news
list_name|list,list_name,which_list|Name of the list
food_type|food,dish,food_type,meal|Food or dish
currency_name|currency,currency_name|Name of the currency
transport_type|transport,vehicle,transport_type,by|Means of transport
transport_agency|agency,provider,taxi_company|Company that drives
device_type|device,device_type,appliance|The device
house_place|room,house_place,area|Room or part of the house
color_type|color,colour,light_color|Colour
change_amount|amount,change_by,level|How much to change
definition_word|word,term|The word
game_name|game,game_name|Name of the game
podcast_name|podcast,podcast_name,show_name|Name of the podcast
podcast_descriptor|which_episode,episode,podcast_descriptor|Which episode
player_setting|setting,player_setting,action|What the player does
audiobook_name|audiobook,book_title,audiobook_name|Title of the audiobook
joke_type|joke_type,kind,style|Kind of joke
order_type|order_type,delivery_kind|Delivery or takeaway
personal_info|info,field,personal_info|What to look up
email_address|email,address,email_address|Email address
email_folder|folder,email_folder|Folder of the mail box
time_zone|time_zone,zone,timezone|Time zone
coffee_type|coffee,coffee_type,drink|Kind of coffee
meal_type|meal,meal_type|Which meal
general_frequency|frequency,repeat,how_often|How often
"""
_MARKED = re.compile(r"\[(\w+) : ([^\]]*)\]")


def _names_of(phrases):
    """The spellings in which tools are called: snake, camel, Pascal case."""
    out = []
    for phrase in phrases.split(","):
        words = phrase.split()
        capital = "".join(w.capitalize() for w in words)
        out += ["_".join(words), capital[:1].lower() + capital[1:], capital]
    return list(dict.fromkeys(out))


def _spoken(root):
    rows = set()
    # Two of the ten folds hold all rows between them: each leaves out another tenth.
    for fold in (1, 2):
        for path in sorted(root.glob(f"CrossValidation/autoGeneFromRealAnno/*/CrossValidation/KFold_{fold}/trainset/*.csv")):
            with open(path, encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file, delimiter=";"):
                    rows.add((f"{row['scenario']}_{row['intent']}", row["answer_annotation"]))
    slots = {}
    for line in _SPOKEN_SLOTS.strip().splitlines():
        slot, names, about = line.split("|")
        slots[slot] = Slot(names.split(","), [about], {"type": "string"})
    kinds = {}
    for line in _SPOKEN.strip().splitlines():
        intent, names, abouts = line.split("|")
        kinds[intent] = Kind(intent.split("_")[0], _names_of(names), [a.strip(" .") + "." for a in abouts.split(".,")], {})
    for intent, marked in sorted(rows):
        text = _MARKED.sub(lambda m: m[2].strip(), marked).strip()
        found = [(m[1], m[2].strip()) for m in _MARKED.finditer(marked)]
        if intent not in kinds or not text or _HELD_OUT.search(text) or len({s for s, _ in found}) < len(found) or \
                any(s not in slots for s, _ in found):
            continue
        kinds[intent].requests.append((text, dict(found), None))
    for kind in kinds.values():
        counts = {}
        for _, found, _ in kind.requests:
            for slot in found:
                counts[slot] = counts.get(slot, 0) + 1
        kind.slots = {slot: slots[slot] for slot in sorted(counts, key=counts.get, reverse=True)[:6] if counts[slot] >= 3}
        kind.requests = [r for r in kind.requests if all(slot in kind.slots for slot in r[1])]
    return [k for k in kinds.values() if len(k.requests) > 10]


# Schema-Guided Dialogue: services described by people, in six wordings each, and talks about them.

_LEFT_OUT_SERVICES = ("Weather", "Music", "Media", "Movies", "Restaurants")


def _slot_schema(slot):
    values = slot["possible_values"]
    if set(values) == {"True", "False"}:
        return {"type": "boolean"}
    if values and all(v.isdigit() for v in values):
        return {"type": "integer"}
    return {"type": "string", **({"enum": values} if slot["is_categorical"] and values else {})}


def _value(schema, text):
    if schema["type"] == "boolean":
        return text == "True"
    return int(text) if schema["type"] == "integer" else text


def _given(turn, kind):
    """{slot: value} said in a turn of a user, or None where a value cannot be told from the words."""
    frame, text, out = turn["frames"][0], turn["utterance"], {}
    for part in frame["slots"]:
        if part["slot"] in kind.slots and "start" in part:
            out[part["slot"]] = text[part["start"]:part["exclusive_end"]]
    for action in frame["actions"]:
        slot = kind.slots.get(action["slot"])
        if action["act"] != "INFORM" or slot is None or action["values"] == ["dontcare"]:
            continue
        schema = slot.schema
        if schema["type"] == "string" and "enum" not in schema:
            if action["slot"] not in out:
                return None
            continue
        if len(action["canonical_values"]) != 1 or not _fits(schema, action["canonical_values"][0]):
            return None
        out[action["slot"]] = _value(schema, action["canonical_values"][0])
    return out


def _fits(schema, text):
    return text in ("True", "False") if schema["type"] == "boolean" else text.isdigit() if schema["type"] == "integer" else text in schema["enum"]


def _services(root):
    """{service: {intent: Kind}}"""
    wordings = [json.loads((root / "train/schema.json").read_text(encoding="utf-8"))]
    wordings += [json.loads((root / f"sgd_x/data/v{v}/train/schema.json").read_text(encoding="utf-8")) for v in range(1, 6)]
    services = {}
    for told in zip(*wordings, strict=True):
        if told[0]["service_name"].startswith(_LEFT_OUT_SERVICES):
            continue
        slots = {}
        for same in zip(*(s["slots"] for s in told), strict=True):
            slots[same[0]["name"]] = Slot([s["name"] for s in same], [s["description"] for s in same], _slot_schema(same[0]))
        kinds = services[told[0]["service_name"]] = {}
        for same in zip(*(s["intents"] for s in told), strict=True):
            used = [*same[0]["required_slots"], *same[0]["optional_slots"]]
            kinds[same[0]["name"]] = Kind(told[0]["service_name"].split("_")[0], [i["name"] for i in same],
                                          [i["description"].rstrip(".") + "." for i in same], {s: slots[s] for s in used},
                                          tuple(same[0]["required_slots"]))
    return services


def _read_talk(turns, services):
    """The turns that say what is wanted in one service, with the question and the answer that follow."""
    for at, turn in enumerate(turns):
        frames = turn["frames"]
        if turn["speaker"] != "USER" or len(frames) != 1 or frames[0]["service"] not in services or \
                not any(a["act"] == "INFORM_INTENT" for a in frames[0]["actions"]) or _HELD_OUT.search(turn["utterance"]):
            continue
        kind = services[frames[0]["service"]].get(frames[0]["state"]["active_intent"])
        given = _given(turn, kind) if kind else None
        if given is None:
            continue
        follow = None
        if at + 2 < len(turns) and all(a["act"] == "REQUEST" for a in turns[at + 1]["frames"][0]["actions"]) and \
                len(turns[at + 2]["frames"]) == 1 and turns[at + 2]["frames"][0]["service"] == frames[0]["service"] and \
                all(a["act"] == "INFORM" for a in turns[at + 2]["frames"][0]["actions"]):
            late = _given(turns[at + 2], kind)
            if late and not set(late) & set(given):
                follow = (turns[at + 1]["utterance"], turns[at + 2]["utterance"], late)
        kind.requests.append((turn["utterance"], given, follow))


def _talks(root):
    services = _services(root)
    for path in sorted((root / "train").glob("dialogues_*.json")):
        for talk in json.loads(path.read_text(encoding="utf-8")):
            _read_talk(talk["turns"], services)
    return [[k for k in kinds.values() if k.requests] for kinds in services.values()]


@functools.cache
def load():
    """(kinds of things said at home, kinds by service), or None."""
    root = folder()
    if root is None:
        return None
    return _spoken(root / "NLU-Evaluation-Data"), _talks(root / "dstc8-schema-guided-dialogue")


# Items

class _Declared:
    """A kind under names of this item."""

    def __init__(self, kind, rng, described, required):
        self.kind, self.name, self.about = kind, rng.choice(kind.names), rng.choice(kind.abouts)
        self.parameters, taken = {}, set()
        for slot, facts in kind.slots.items():
            name = rng.choice([n for n in facts.names if n not in taken] or [slot])
            taken.add(name)
            self.parameters[slot] = name
        self.required = [self.parameters[s] for s in kind.required] if required else []
        properties = {}
        for slot in sorted(kind.slots, key=lambda s: rng.random()):
            facts = kind.slots[slot]
            schema = dict(facts.schema)
            if described:
                schema["description"] = rng.choice(facts.abouts)
            properties[self.parameters[slot]] = schema
        parameters = {"type": "object", "properties": properties}
        if self.required:
            parameters["required"] = self.required
        function = {"name": self.name, "description": self.about, "parameters": parameters}
        self.schema = {"type": "function", "function": function}

    def arguments(self, given):
        named = {self.parameters[s]: v for s, v in given.items()}
        return {n: named[n] for n in self.schema["function"]["parameters"]["properties"] if n in named}

    def thought(self, arguments):
        lines = []
        for name in self.schema["function"]["parameters"]["properties"]:
            if name in arguments:
                value = arguments[name]
                lines.append(f"{name}: {str(value).lower() if isinstance(value, bool) else value}")
            elif name in self.required:
                lines.append(f"{name}: missing")
        return thought_of_call(self.name, lines)

    def lacks(self, arguments):
        return any(n not in arguments for n in self.required)


def _some(kinds, count, rng):
    return rng.sample(kinds, min(len(kinds), count))


def _drawn(kinds, rng, count):
    """Some kinds, at most one service of a domain; often several of one service or scenario."""
    spoken, services = kinds
    if rng.random() < 0.5:
        if rng.random() < 0.4:
            domain = rng.choice(spoken).domain
            near, far = ([k for k in spoken if (k.domain == domain) == same] for same in (True, False))
            return _some(near, 3, rng) + _some(far, max(1, count - 3), rng), spoken
        return _some(spoken, count, rng), spoken
    out, domains = [], set()
    for service in rng.sample(services, len(services)):
        if len(out) < count and service and service[0].domain not in domains:
            domains.add(service[0].domain)
            out += _some(service, rng.randint(1, 3), rng)
    return out[:count], [k for service in services for k in service]


def _said(text, rng):
    """As people type: sometimes small letters, no full stop."""
    kind = rng.random()
    return text.lower() if kind < 0.15 else text.rstrip(".?!") if kind < 0.3 else text


def make_people_items(split, rng, language=None, count=1):
    """`count` conversations over the same tools; none without the folder, or for tests."""
    loaded = load()
    if loaded is None or split != "train":
        return natural.make_natural_items(split, rng, language, count)
    kinds, pool = _drawn(loaded, rng, rng.randint(2, 7))
    needy = rng.random() < 0.35
    declared, names = [], set()
    for kind in kinds:
        tool = _Declared(kind, rng, len(kinds) < 5 and rng.random() < 0.5, needy)
        if tool.name not in names:
            names.add(tool.name)
            declared.append(tool)
    domains = {t.kind.domain for t in declared}
    absent = [k for k in pool if k.domain not in domains]
    system, items = _system("en", rng, R.random_day(rng), False), []
    while len(items) < count:
        thinking = rng.random() < THINKING
        if absent and rng.random() < 0.14:
            kind = rng.choice(absent)
            text, _, _ = rng.choice(kind.requests)
            thought = thought_of_none(declared, rng.choice(kind.abouts).rstrip(".").lower())
            messages = [user(_said(text, rng)), assistant(expand(rng.choice(P.NO_TOOL["en"]), rng), thought if thinking else None)]
            label = "no_tool"
        else:
            tool = rng.choice(declared)
            # Of two, the one that says more: most talks begin with a few words.
            text, given, follow = max(_some(tool.kind.requests, 2, rng), key=lambda r: len(r[1]) * (rng.random() < 0.7))
            arguments = tool.arguments(given)
            thought = tool.thought(arguments) if thinking else None
            messages = [user(text if any(isinstance(v, str) and v.lower() != v for v in given.values()) else _said(text, rng))]
            label = "missing" if tool.lacks(arguments) else "call"
            if label == "call":
                messages.append(assistant("", thought, [(tool.name, arguments)]))
            else:
                missing = next(n for n in tool.required if n not in arguments)
                question = expand(rng.choice(P.ASK["en"]), rng).replace("{label}", missing.replace("_", " "))
                messages.append(assistant(follow[0] if follow else question, thought))
                if follow:
                    late = tool.arguments({**given, **follow[2]})
                    if not tool.lacks(late):
                        messages += [user(follow[1]), assistant("", tool.thought(late) if thinking else None, [(tool.name, late)])]
        items.append(make_item("tools", label, "en", split, "people", "", messages, [], system=system,
                               tools=[t.schema for t in declared], thinking=thinking))
    return items
