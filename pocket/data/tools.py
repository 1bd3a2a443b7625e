"""Tool calls over generated schemas: calls, two calls, questions for what is missing, no tool fits."""

import datetime
import re

from . import roles as R
from . import tool_phrases as P
from . import values
from .families import TEST_THINGS, TRAIN_THINGS, VERBS, nonsense_name, tool_name
from .item import assistant, make_item, pick_language, tool_result, user
from .numbers import typo
from .phrases import expand, tidy

_LANGUAGE_INDEX = {"en": 0, "de": 1, "zh": 2}
_BASE = {"en": 0, "de_imperative": 2, "de_infinitive": 3, "zh": 4}


def verb_form(verb, form, rng):
    return rng.choice(VERBS[verb][_BASE[form]].split("|"))


class Tool:
    """One generated tool: its schema, and for each parameter the role behind it."""

    def __init__(self, verb, thing, rng, language, hidden_name=False):
        self.verb, self.thing = verb, thing
        self.name = nonsense_name(rng) if hidden_name else tool_name(verb, thing, rng)
        self.parameters = {}  # name: Role
        count = rng.choices((0, 1, 2, 3, 4), (6, 30, 36, 20, 8))[0]
        keys = sorted(thing.roles, key=lambda k: thing.roles.index(k) + rng.random() * 3)[:count]
        for key in keys:
            role = R.ROLES[key]
            name = f"p{len(self.parameters) + 1}" if hidden_name and rng.random() < 0.25 else rng.choice(role.names)
            if name in self.parameters:
                name = key if key not in self.parameters else f"{name}_{len(self.parameters)}"
            self.parameters[name] = role
        names = list(self.parameters)
        self.required = [n for i, n in enumerate(names) if i == 0 or rng.random() < 0.5]
        self.about_language = language if language != "en" and rng.random() < 0.3 else "en"
        self.hidden_name = hidden_name
        self.gist = f"{verb} {thing.noun}"
        self.schema = self._schema(rng)

    def _about(self, rng):
        language, thing = self.about_language, self.thing
        pattern = rng.choice(P.TOOL_ABOUT[language])
        if language == "en":
            return pattern.format(Verbs=VERBS[self.verb][1], obj=thing.en,
                                  verb=VERBS[self.verb][0].split("|")[0].replace(" me", ""))
        if language == "de":
            return pattern.format(obj=thing.de, inf=VERBS[self.verb][3].split("|")[0])
        return pattern.format(verb=VERBS[self.verb][4].split("|")[0], obj=thing.zh)

    def _schema(self, rng):
        properties = {}
        for name, role in self.parameters.items():
            schema = R.schema_of(role, rng)
            if name.startswith("p") and name[1:].isdigit() or rng.random() < 0.85:
                noun = self.thing.key.replace("_", " ")
                schema["description"] = role.about[self.about_language].replace("{o}", noun)
            properties[name] = schema
        parameters = {"type": "object", "properties": properties}
        if self.required:
            parameters["required"] = list(self.required)
        function = {"name": self.name}
        if self.hidden_name or rng.random() < 0.93:
            function["description"] = self._about(rng)
        function["parameters"] = parameters
        return {"type": "function", "function": function}


class Request:
    """A sentence in pieces, so that noise never touches what is to be copied."""

    def __init__(self):
        self.pieces = []  # (text, is_value)

    def fill(self, template, slots):
        """Adds a template; a slot's content is text or a list of pieces."""
        for part in re.split(r"(\{\w+\})", template):
            if not part:
                continue
            content = slots.get(part[1:-1]) if part.startswith("{") else part
            if isinstance(content, list):
                self.pieces += content
            elif content:
                self.pieces.append((content, False))

    def text(self):
        joined = "".join(text for text, _ in self.pieces)
        return tidy(joined)

    def noisy(self, rng, language):
        """Typos and case changes of the sentence around the values."""
        if language == "zh" or rng.random() > 0.3:
            return self.text()
        kind = rng.randrange(3)
        pieces = []
        for text, is_value in self.pieces:
            if not is_value and kind == 0:
                text = text.lower()
            elif not is_value and kind == 1 and len(text) > 6:
                text = typo(text, rng)
            pieces.append((text, is_value))
        self.pieces = pieces
        text = self.text()
        return text.rstrip("?.!") if kind == 2 else text


def _argument_pieces(role, phrase, surface, language, rng):
    """The phrase as pieces with the value marked. English and German phrases are set off by a space."""
    slot = "{q}" if "{q}" in phrase else "{v}"
    before, found, after = phrase.partition(slot)
    lead = "" if language == "zh" or before.startswith((",", ":")) else " "
    pieces = [(lead + before, False)]
    if found:
        said = R.quote(surface, language, rng) if slot == "{q}" else surface
        pieces += [(said, True), (after, False)]
    return pieces


def sample_arguments(tool, names, language, split, rng, today):
    """{name: (value, surface, pieces)} for the named parameters."""
    out = {}
    for name in names:
        role = tool.parameters[name]
        surface, value, phrase = R.sample(role, language, split, rng, today)
        out[name] = (value, surface, _argument_pieces(role, phrase, surface, language, rng))
    return out


def _pattern_for(tool, language, split, rng, declared):
    """Without a verb only where the thing alone says which tool is meant."""
    alone = not any(other.thing.key == tool.thing.key for other in declared if other is not tool and hasattr(other, "thing"))
    if alone and tool.verb in P.ELLIPTIC_VERBS and rng.random() < 0.2:
        return P.ELLIPTIC[language].pick(rng, split)
    if alone and tool.verb in P.QUESTION_VERBS and rng.random() < 0.3:
        return P.QUESTIONS[language].pick(rng, split)
    return P.REQUESTS[language].pick(rng, split)


def _is_inline(pieces):
    first = pieces[0][0]
    return not first.startswith((",", ":"))


def add_request(request, tool, arguments, language, split, rng, declared=()):
    """Writes one request into `request`, to be answered by one of `declared`; returns its pattern."""
    pattern = _pattern_for(tool, language, split, rng, declared)
    template = expand(pattern, rng)
    thing = tool.thing
    parts = [pieces for _, _, pieces in arguments.values()]
    rng.shuffle(parts)
    inline = [p for p in parts if _is_inline(p)]
    trail = [p for p in parts if not _is_inline(p)]
    trail.sort(key=lambda p: p[0][0].startswith(":"))  # a colon comes last
    flat = lambda groups: [piece for group in groups for piece in group]
    if language == "de":
        imperative = verb_form(tool.verb, "de_imperative", rng).split(" ", 1)
        if template.startswith("{obj}"):
            pass
        elif not template.startswith("{head}"):
            imperative[0] = imperative[0][0].lower() + imperative[0][1:]
        tail = imperative[1] if len(imperative) > 1 and imperative[1] != "mir" else ""
        slots = {"head": imperative[0] + (" mir" if imperative[1:] == ["mir"] else ""), "tail": tail,
                 "inf": verb_form(tool.verb, "de_infinitive", rng), "obj": thing.de, "plural": thing.de_plural,
                 "inline": flat(inline), "trail": flat(trail)}
    else:
        form = verb_form(tool.verb, language, rng)
        if language == "en" and not template.startswith("{verb}"):
            form = form.replace(" me", "")
        slots = {"verb": form, "obj": getattr(thing, language), "plural": thing.en_plural, "args": flat(inline + trail)}
    request.fill(template, slots)
    return pattern


def _capitalised(text):
    return text[:1].upper() + text[1:]


def _distractor(tool, rng, language, things):
    """Another tool: often over the same thing, or with the same verb."""
    kind = rng.random()
    if kind < 0.3 and len(tool.thing.verbs) > 1:
        verb = rng.choice([v for v in tool.thing.verbs if v != tool.verb])
        return Tool(verb, tool.thing, rng, language, rng.random() < 0.1)
    same = [t for t in things if tool.verb in t.verbs and t.key != tool.thing.key]
    if kind < 0.6 and same:
        return Tool(tool.verb, rng.choice(same), rng, language, rng.random() < 0.1)
    thing = rng.choice([t for t in things if t.key != tool.thing.key])
    return Tool(rng.choice(thing.verbs), thing, rng, language, rng.random() < 0.1)


def _distractors(tools, count, rng, language, things):
    seen = {t.name for t in tools}
    doing = {(t.verb, t.thing.key) for t in tools}
    out = []
    while len(out) < count:
        other = _distractor(rng.choice(tools), rng, language, things)
        if other.name in seen or (other.verb, other.thing.key) in doing:
            continue
        seen.add(other.name)
        doing.add((other.verb, other.thing.key))
        out.append(other)
    return out


def _reason_value(role, surface, value, today):
    if role.kind == "date":
        day = datetime.date.fromisoformat(value)
        gap = (day - today).days
        if gap > 14:  # named outright, nothing to add up
            return f"{surface} = {value}"
        return f"{surface}: {R.weekday_name(today, 'en')} {today.isoformat()} + {gap} = {value}"
    if R.is_copied(role) or role.kind == "boolean":
        return str(value).lower() if role.kind == "boolean" else surface
    return surface if surface == str(value) else f"{surface} = {value}"


def thought_of_call(name, parts):
    """The tool, then its parameters, a line each: so a name is cut into the same tokens as where it is declared and where
    it is called."""
    return "\n".join([name, *(parts or ["No arguments"])])


def thought_of_none(declared, wanted):
    return f"Wanted: {wanted}\nTools: {', '.join(t.name for t in declared)}\nNone fits"


def reason_for_call(tool, arguments, today, missing=None):
    """The thought before a call, or before the question for the parameter that is `missing`: it stands where its value
    would, so that what is missing is decided parameter by parameter."""
    parts = []
    for name in tool.parameters:
        if name == missing:
            parts.append(f"{name}: missing")
        elif name in arguments:
            value, surface, _ = arguments[name]
            parts.append(f"{name}: {_reason_value(tool.parameters[name], surface, value, today)}")
    return thought_of_call(tool.name, parts)


def result_of(tool, language, split, rng):
    """(tool result, reply, texts that the reply must contain)"""
    noun = tool.thing.noun if language == "en" else (
        tool.thing.de_plural if language == "de" else tool.thing.zh)
    if rng.random() < 0.12:
        error = rng.choice(P.ERRORS[language])
        return {"error": error}, expand(rng.choice(P.FAILED[language]), rng).replace("{error}", error), [error]
    if tool.verb in ("find", "show"):
        found = [values.title(rng, language, split) for _ in range(rng.randint(0, 3))]
        result = {rng.choice(("results", "items", "found")): found}
        if not found:
            return result, P.NOTHING[language][0], []
        joined = R.join_list(found, language, rng)
        return result, expand(rng.choice(P.FOUND[language]), rng).replace("{list}", joined), found
    if tool.verb in ("check", "count", "track"):
        field = rng.choice(P.FIELDS)
        value = rng.choice(P.STATES) if rng.random() < 0.4 else rng.randint(0, 500)
        text = expand(rng.choice(P.STATE[language]), rng).replace("{field}", field).replace("{value}", str(value))
        return {field: value}, text, [str(value)]
    if rng.random() < 0.5:
        code = values.code(rng)
        result = rng.choice(({"ok": True, "id": code}, {"status": "ok", "number": code}))
        return result, expand(rng.choice(P.DONE_ID[language]), rng).replace("{id}", code), [code]
    text = expand(rng.choice(P.DONE[language]), rng).replace("{thing}", noun)
    return rng.choice(({"status": "ok"}, {"ok": True}, "ok", {"result": "done"})), text, []


def _system(language, rng, today, needed):
    text = rng.choice(P.SYSTEM[language])
    if needed or rng.random() < 0.25:
        text = (text + " " + R.today_line(today, language)).strip()
    return text


THINKING = 0.7  # of the conversations about tools


class Scene:
    """What every kind of item draws first."""

    def __init__(self, split, rng, language=None):
        self.split, self.rng = split, rng
        self.language = language or pick_language(rng)
        self.today = R.random_day(rng)
        self.things = TEST_THINGS if split == "test_families" else TRAIN_THINGS
        self.thinking = rng.random() < THINKING

    def tool(self, verbs=None):
        thing = self.rng.choice(self.things)
        options = [v for v in thing.verbs if verbs is None or v in verbs] or thing.verbs
        return Tool(self.rng.choice(options), thing, self.rng, self.language, self.rng.random() < 0.15)

    def absent(self):
        """A tool that is wanted but not among the declared ones."""
        return self.tool()

    def shown(self, tools, distractors=None):
        """The declared tools in random order."""
        rng = self.rng
        if distractors is None:
            total = rng.randint(9, 12) if self.split == "test_longer" else rng.choices(range(1, 9), (10, 14, 18, 18, 14, 10, 8, 8))[0]
            distractors = max(0, total - len(tools))
        declared = list(tools) + _distractors(tools, distractors, rng, self.language, self.things)
        rng.shuffle(declared)
        return declared

    def mentioned(self, tool):
        return [n for n in tool.parameters if n in tool.required or self.rng.random() < 0.5]

    def item(self, kind, tool, pattern, declared, messages, checks):
        return make_item("tools", kind, self.language, self.split, tool.thing.key, pattern, messages, checks,
                         system=self.system(declared), tools=[t.schema for t in declared], thinking=self.thinking)

    def system(self, declared):
        self.declared = declared
        needs_today = any(role.kind == "date" for t in declared for role in t.parameters.values())
        self.said = _system(self.language, self.rng, self.today, needs_today)
        return self.said

    def reasoning(self, text):
        return text if self.thinking else None


class Again(Scene):
    """Another request over declared tools: those of a scene, or some among others."""

    def __init__(self, scene, among=None):
        self.split, self.rng, self.language, self.today, self.things = scene.split, scene.rng, scene.language, scene.today, scene.things
        self.declared, self.said = scene.declared, scene.said
        self.among = among or self.declared
        self.thinking = self.rng.random() < THINKING

    def tool(self, verbs=None):
        return self.rng.choice(self.among)

    def absent(self):
        names, doing = {t.name for t in self.declared}, {(t.verb, t.thing.key) for t in self.declared}
        while True:
            tool = super().tool()
            if tool.name not in names and (tool.verb, tool.thing.key) not in doing:
                return tool

    def shown(self, tools, distractors=None):
        return self.declared

    def system(self, declared):
        return self.said


def _finish_turns(scene, messages, checks, tools):
    """Results come back and are told, in half of the items."""
    if scene.rng.random() > 0.5:
        return
    replies, needed = [], []
    for tool in tools:
        result, reply, contained = result_of(tool, scene.language, scene.split, scene.rng)
        messages.append(tool_result(result))
        replies.append(reply)
        needed += contained
    text = (" " if scene.language != "zh" else "").join(replies)
    messages.append(assistant(text, scene.reasoning("Tell the result." if len(tools) == 1 else "Tell both results.")))
    checks.append({"turn": len(messages) - 1, "kind": "contains", "all": needed})


def _call_values(arguments):
    return {name: value for name, (value, _, _) in arguments.items()}


def make_call(scene):
    tool = scene.tool()
    declared = scene.shown([tool])
    arguments = sample_arguments(tool, scene.mentioned(tool), scene.language, scene.split, scene.rng, scene.today)
    request = Request()
    pattern = add_request(request, tool, arguments, scene.language, scene.split, scene.rng, declared)
    call = (tool.name, _call_values(arguments))
    messages = [user(request.noisy(scene.rng, scene.language)),
                assistant("", scene.reasoning(reason_for_call(tool, arguments, scene.today)), [call])]
    checks = [{"turn": 1, "kind": "call", "calls": [{"name": call[0], "arguments": call[1]}]}]
    _finish_turns(scene, messages, checks, [tool])
    return scene.item("call", tool, pattern, declared, messages, checks)


def make_two_calls(scene):
    rng = scene.rng
    first = scene.tool()
    if rng.random() < 0.35 or len(getattr(scene, "declared", (0, 0))) == 1:
        second = first  # the same tool twice, with other values
    else:
        second = scene.tool()
        while second.name == first.name or (second.verb, second.thing.key) == (first.verb, first.thing.key):
            second = scene.tool()
    tools = [first] if second is first else [first, second]
    declared = scene.shown(tools)
    request, calls, reasons, pattern = Request(), [], [], ""
    for i, tool in enumerate((first, second)):
        arguments = sample_arguments(tool, scene.mentioned(tool), scene.language, scene.split, rng, scene.today)
        if i:
            joiner = rng.choice(P.JOINERS[scene.language])
            request.pieces.append((joiner + ("" if scene.language == "zh" else " "), False))
        else:
            joiner = ""
        pattern = add_request(request, tool, arguments, scene.language, scene.split, rng, declared)
        calls.append((tool.name, _call_values(arguments)))
        reasons.append(reason_for_call(tool, arguments, scene.today))
    messages = [user(request.noisy(rng, scene.language)),
                assistant("", scene.reasoning("Two calls\n" + "\nThen:\n".join(reasons)), calls)]
    checks = [{"turn": 1, "kind": "call", "calls": [{"name": n, "arguments": a} for n, a in calls]}]
    _finish_turns(scene, messages, checks, [first, second])
    return scene.item("two_calls", first, pattern, declared, messages, checks)


def make_missing(scene):
    """A required argument is not given: ask, and call once it is."""
    rng = scene.rng
    tool = scene.tool()
    for _ in range(100):
        if any(tool.parameters[n].kind != "boolean" for n in tool.required):
            break
        tool = scene.tool()
    else:
        return make_call(scene)  # none of the declared tools needs anything
    declared = scene.shown([tool])
    missing = rng.choice([n for n in tool.required if tool.parameters[n].kind != "boolean"])
    arguments = sample_arguments(tool, [n for n in scene.mentioned(tool) if n != missing], scene.language, scene.split,
                                 rng, scene.today)
    request = Request()
    pattern = add_request(request, tool, arguments, scene.language, scene.split, rng, declared)
    label = tool.parameters[missing].labels[scene.language]
    question = expand(rng.choice(P.ASK[scene.language]), rng).replace("{label}", label)
    messages = [user(request.noisy(rng, scene.language)),
                assistant(question, scene.reasoning(reason_for_call(tool, arguments, scene.today, missing)))]
    checks = [{"turn": 1, "kind": "ask"}]
    if rng.random() < 0.5:
        late = sample_arguments(tool, [missing], scene.language, scene.split, rng, scene.today)
        answer = rng.choice(P.ANSWERS[scene.language]).replace("{v}", late[missing][1])
        merged = {n: (late if n == missing else arguments)[n] for n in tool.parameters if n in arguments or n == missing}
        call = (tool.name, _call_values(merged))
        messages += [user(answer), assistant("", scene.reasoning(reason_for_call(tool, merged, scene.today)), [call])]
        checks.append({"turn": 3, "kind": "call", "calls": [{"name": call[0], "arguments": call[1]}]})
    return scene.item("missing", tool, pattern, declared, messages, checks)


def off_topic(language, split, rng):
    pattern = P.OFF_TOPIC[language].pick(rng, split)
    text = expand(pattern, rng)
    for slot, make in (("{topic}", values.topic), ("{topic2}", values.topic), ("{person}", values.person),
                       ("{place}", values.place)):
        text = text.replace(slot, make(rng, language, split))
    return pattern, text


def make_no_tool(scene):
    rng = scene.rng
    tool = scene.absent()
    if rng.random() < 0.3:
        pattern, text = off_topic(scene.language, scene.split, rng)
        declared, wanted = scene.shown([tool]), "something else"
    else:  # the right tool is left out, its neighbours stay
        declared = [t for t in scene.shown([tool], rng.randint(1, 8)) if t is not tool]
        arguments = sample_arguments(tool, scene.mentioned(tool), scene.language, scene.split, rng, scene.today)
        request = Request()
        pattern = add_request(request, tool, arguments, scene.language, scene.split, rng, declared)
        text = request.noisy(rng, scene.language)
        wanted = tool.gist
    reply = expand(rng.choice(P.NO_TOOL[scene.language]), rng)
    messages = [user(text), assistant(reply, scene.reasoning(thought_of_none(declared, wanted)))]
    return scene.item("no_tool", tool, pattern, declared, messages, [{"turn": 1, "kind": "none"}])


def make_series(scene):
    """Several requests over the same tools, one call each, thinking kept: for pretraining, where schemas that are
    read once should be asked about often."""
    rng = scene.rng
    declared = scene.shown([scene.tool()])
    messages, checks, tool, pattern = [], [], declared[0], ""
    for _ in range(rng.randint(3, 7)):
        if rng.random() < 0.1:
            pattern, text = off_topic(scene.language, scene.split, rng)
            answer = assistant(expand(rng.choice(P.NO_TOOL[scene.language]), rng),
                               scene.reasoning(thought_of_none(declared, "something else")))
            checks = [{"turn": len(messages) + 1, "kind": "none"}]
        else:
            tool = rng.choice(declared)
            arguments = sample_arguments(tool, scene.mentioned(tool), scene.language, scene.split, rng, scene.today)
            request = Request()
            pattern = add_request(request, tool, arguments, scene.language, scene.split, rng, declared)
            text, call = request.noisy(rng, scene.language), (tool.name, _call_values(arguments))
            answer = assistant("", scene.reasoning(reason_for_call(tool, arguments, scene.today)), [call])
            checks = [{"turn": len(messages) + 1, "kind": "call", "calls": [{"name": call[0], "arguments": call[1]}]}]
        messages += [user(text), answer]
    return dict(scene.item("series", tool, pattern, declared, messages, checks), keep_thinking=True)


_KINDS = ((make_call, 0.63), (make_missing, 0.15), (make_no_tool, 0.12), (make_two_calls, 0.10))


def _draw_kind(rng):
    return rng.choices([m for m, _ in _KINDS], [w for _, w in _KINDS])[0]


def make_tools_item(split, rng, language=None, kind=None):
    scene = Scene(split, rng, language)
    makers = {m.__name__: m for m in (make_series, *(m for m, _ in _KINDS))}
    maker = makers[kind] if kind else _draw_kind(rng)
    return maker(scene)


def make_tools_items(split, rng, language, count, things=None):
    """`count` conversations that begin with the same declared tools, of `things` if they are given."""
    scene = Scene(split, rng, language)
    scene.things = things or scene.things
    items = [_draw_kind(rng)(scene)]
    return items + [_draw_kind(rng)(Again(scene)) for _ in range(count - 1)]
