"""Declared tools as strangers write them: many parameters that a request never mentions, no descriptions, nothing
required. For training; the calls stay what they were."""

import copy

_NAMES = ("sort_order page_size category style condition reference facility radius variant batch_id source_type theme visibility "
          "version session_id client_id dry_run callback trace_id retry_policy namespace cursor locale currency_code channel "
          "template_id parent_id group_name access_level section remark level mode_name origin_system sub_type rank_by unit_name "
          "owner_id party_kind series_name best_match scale_name period_of_time area_code floor_plan tag_list").split()


def _name(rng, words):
    return rng.choice(("_".join(words), words[0] + "".join(w.capitalize() for w in words[1:])))


def widened(items, rng):
    """The same conversations with other schemas. Where a missing argument is asked for, required ones stay required."""
    tools = copy.deepcopy(items[0]["tools"])
    bare, camel = rng.random() < 0.6, rng.random() < 0.3
    asked = any(item["kind"] == "missing" for item in items)
    loose = not asked and rng.random() < 0.6
    for tool in tools:
        parameters = tool["function"]["parameters"]
        properties = list(parameters["properties"].items())
        for word in rng.sample(_NAMES, rng.randint(0, 9)):
            name = word if not camel else _name(rng, word.split("_"))
            if name not in parameters["properties"]:
                properties.insert(rng.randint(0, len(properties)), (name, {"type": rng.choice(("string", "string", "integer", "boolean"))}))
        parameters["properties"] = dict(properties)
        if bare:
            for schema in parameters["properties"].values():
                schema.pop("description", None)
        if loose:
            parameters["required"] = []
    return [dict(item, tools=tools) for item in items]
