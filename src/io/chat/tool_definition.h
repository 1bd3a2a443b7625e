// What a model is told about a tool, and the shapes in which chat templates take it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/chat/jinja_value.h"

namespace mains {

struct ToolDefinition {
  std::string name;         // letters, digits, "_", "-" and "."
  std::string description;  // one sentence for the model
  std::string parameters;   // JSON schema of an object, its keys in the order that the model is to see
};

// ChatInput::tools: a list of {"type": "function", "function": {"name", "description", "parameters"}}, keys
// in this order and those of the schema in theirs; undefined if there are none. Empty descriptions and
// schemas are left out. An error names the tool whose schema is not a JSON object.
Result<jinja::Value> ToolsValue(const std::vector<ToolDefinition>& tools);

// The same list from its JSON text, as a client of the OpenAI API sends it: {"type": "function", "function":
// {...}} or the bare function. Errors name the element.
Result<std::vector<ToolDefinition>> ReadToolDefinitions(std::string_view json);

}  // namespace mains
