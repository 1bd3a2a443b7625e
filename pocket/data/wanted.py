"""What a request is for: the first line of a thought that looks for a tool.

To find the tool, words of the request must be found in declarations among words that are in none, and what was found
must be added up. A thought that first says the words that are in both makes two small steps of it: a word that stands
twice is told from one that does not, and a name is looked up without noise. Where no word is in both, it says those of
the request, whether a tool fits or none: what is not yet known is not said. (Thoughts that began with a paraphrase, or
with "something else" where none fitted, led astray in requests of a new kind; RECIPE.md.)
"""

import json
import re

MOST = 4  # words that both have
_MOST_ALONE, _MOST_CHARACTERS = 3, 6  # words of a request alone; of one without spaces
_COMMON = frozenset("""
a an the of to in on at by for from with and or is are be it its this that my me your you i we our some any all new please can could
will would should do does how what which who when where one more has have get gets not no as if so up out about into over hi hello
hey ok okay well now then just sorry bother thanks wondering want need like let know don isn
der die das den dem des ein eine einen einem einer eines und oder ist sind zu zum zur im am auf bei mit von vom für nach aus mir
mich mein meine meinen meiner dein deine ich wir es bitte kann kannst soll wie was wer wann wo nicht kein keine alle hallo danke
jetzt mal doch könntest würdest möchte will muss brauche entschuldigung sei nett
""".split())
_CHINESE_COMMON = frozenset("的了是在我请把帮给一个下吗你们有和与或到从为")
_WORD = re.compile(r"[A-Z]?[^\W\d_A-Z一-鿿]+|[A-Z]+(?![a-z])|[一-鿿]+|\d+")
_CHINESE = re.compile(r"[一-鿿]")


def _words(text):
    """Words of a text or of a name, however it is joined; as they are written."""
    return _WORD.findall(text)


def _stem(word):
    """Equal for most forms of a word."""
    word = word.lower()
    for ending in ("ing", "ies", "ied", "en", "ed", "es", "er", "s", "e", "t", "n", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[:-len(ending)]
    return word


def _shared_chinese(said, text):
    """The longest pieces of two characters or more that a run of the request shares with the text, in its order."""
    out, at = [], 0
    while at < len(said):
        end = at
        while end < len(said) and said[at:end + 1] in text:
            end += 1
        piece = said[at:end]
        if len(piece) >= 2 and not set(piece) <= _CHINESE_COMMON:
            out.append(piece)
        at = max(end, at + 1)
    return out


def _shared(said, text):
    """Words of `said` that `text` has too, as `text` has them, in the order of `said`."""
    forms = {}
    for word in _words(text):
        if not _CHINESE.match(word) and word.lower() not in _COMMON and len(word) > 1:
            forms.setdefault(_stem(word), word.lower())
    out = []
    for word in _words(said):
        if _CHINESE.match(word):
            out += _shared_chinese(word, text)
        elif word.lower() not in _COMMON and _stem(word) in forms:
            out.append(forms[_stem(word)])
    return list(dict.fromkeys(out))


def _alone(said):
    """The first words of a request that say something."""
    words = [w for w in _words(said) if _CHINESE.match(w) or len(w) > 1 and not w.isdigit() and w.lower() not in _COMMON]
    chinese = [w[:_MOST_CHARACTERS] for w in words if _CHINESE.match(w) and len(w) > 1]
    return chinese[:1] or words[:_MOST_ALONE]


def _without(text, arguments):
    for value in sorted((str(v) for v in arguments.values() if not isinstance(v, bool)), key=len, reverse=True):
        text = text.replace(value, " ")
    return text


def wanted(requests, function, arguments, alone=True):
    """Words that the last of the requests, or one before, shares with the tool: its name and description first, its
    parameters then. Where it shares none, and words of a request may stand `alone`, those of the last; else None."""
    parameters = " ".join(f"{name} {schema.get('description', '')}" for name, schema in function["parameters"]["properties"].items())
    for text in (f"{function['name']} {function.get('description') or ''}", parameters):
        for said in reversed(requests):
            found = _shared(_without(said, arguments), text) or _shared(said, text)
            if found:
                return " ".join(found[:MOST])
    if not alone:
        return None
    return " ".join(_alone(_without(requests[-1], arguments)) or _alone(requests[-1])) or None


def wanted_of(request, about=""):
    """The same where no tool that is declared would do it; `about` describes one that would."""
    return wanted([request], {"name": "", "description": about, "parameters": {"properties": {}}}, {}) or request.strip()


def with_wanted(item):
    """The item, its thoughts beginning with what is wanted, where words say it."""
    functions = {tool["function"]["name"]: tool["function"] for tool in item["tools"]}
    messages, requests = [], []
    for message in item["messages"]:
        if message["role"] == "user":
            requests.append(message["content"])
        elif message.get("reasoning_content"):
            calls = [call["function"] for call in message.get("tool_calls", [])]
            thought = message["reasoning_content"].split("\n")
            lines, named, number = [], sum(line in functions for line in thought), 0
            for line in thought:
                if line in functions:
                    arguments = json.loads(calls[number]["arguments"]) if number < len(calls) else {}
                    # Words of the request alone do not tell which of two calls is meant.
                    said, number = wanted(requests, functions[line], arguments, alone=named == 1), number + 1
                    lines += [f"Wanted: {said}"] if said else []
                lines.append(line)
            message = dict(message, reasoning_content="\n".join(lines))
        messages.append(message)
    return dict(item, messages=messages)
