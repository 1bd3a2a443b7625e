// JSON from outside, parsed strictly: RFC 8259, valid UTF-8, no duplicate keys, no NUL in keys,
// bounded depth. Built on nlohmann-json; objects are sorted maps, so that a hostile object of a
// million keys costs n log n. Where the order of keys is part of the meaning, as in JSON schemas, there is
// ParseOrderedJson; chat templates parse with a SAX handler of their own.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.h"

namespace mains {

using Json = nlohmann::json;
using OrderedJson =
    nlohmann::ordered_json;  // keeps the order of keys; looking one up takes time linear in their number

constexpr int kMaxJsonDepth = 128;

// `what` names the document in error messages ("config.json").
Result<Json> ParseJson(std::string_view text, std::string_view what);
// The same, keeping the order of keys; also n log n.
Result<OrderedJson> ParseOrderedJson(std::string_view text, std::string_view what);

// Drives `handler` (nlohmann's SAX interface) over `text` without building a tree.
bool SaxParseJson(std::string_view text, nlohmann::json_sax<Json>& handler);

// Compact text; ill-formed UTF-8 inside strings is replaced by U+FFFD rather than refused.
std::string DumpJson(const Json& json);

}  // namespace mains
