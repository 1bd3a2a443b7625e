#include "io/chat/tool_definition.h"

#include "fmt/format.h"
#include "io/chat/jinja_json.h"
#include "io/chat/jinja_repr.h"
#include "io/chat/jinja_runtime.h"
#include "io/json.h"

namespace mains {
namespace {

using jinja::Kind;
using jinja::Value;

std::string Quoted(const std::string& text) {
  return DumpJson(Json(text));
}

Result<std::string> DefinitionText(const ToolDefinition& tool) {
  std::string text = fmt::format(R"({{"type": "function", "function": {{"name": {})", Quoted(tool.name));
  if (!tool.description.empty()) text += ", \"description\": " + Quoted(tool.description);
  if (!tool.parameters.empty()) {
    ASSIGN_OR_RETURN(const Json schema,
                     ParseJson(tool.parameters, "the schema of tool \"" + tool.name + "\""));
    if (!schema.is_object()) {
      return Error{ErrorCode::kInvalid,
                   fmt::format("the schema of tool \"{}\" must be a JSON object", tool.name)};
    }
    text += ", \"parameters\": " + tool.parameters;
  }
  return text + "}}";
}

std::string StringAt(const Value& object, std::string_view key) {
  const Value* found = object.dict().Find(key);
  return found != nullptr && found->IsString() ? std::string(found->str().bytes()) : "";
}

Result<ToolDefinition> ReadDefinition(const Value& item) {
  const Value* function = item.IsDict() ? item.dict().Find("function") : nullptr;
  const Value& object = function != nullptr ? *function : item;
  if (!object.IsDict()) return Error{ErrorCode::kInvalid, "must be an object"};
  ToolDefinition tool = {StringAt(object, "name"), StringAt(object, "description"), ""};
  if (tool.name.empty()) return Error{ErrorCode::kInvalid, "has no \"name\""};
  const Value* parameters = object.dict().Find("parameters");
  if (parameters == nullptr || parameters->IsNone()) return tool;
  if (!parameters->IsDict()) return Error{ErrorCode::kInvalid, "\"parameters\" must be a JSON schema object"};
  jinja::Runtime rt(jinja::Limits(), {});
  tool.parameters = jinja::ToJson(rt, *parameters, {});
  if (rt.failed()) return rt.error();
  return tool;
}

}  // namespace

Result<Value> ToolsValue(const std::vector<ToolDefinition>& tools) {
  if (tools.empty()) return Value();
  std::string list;
  for (const ToolDefinition& tool : tools) {
    ASSIGN_OR_RETURN(const std::string text, DefinitionText(tool));
    list += (list.empty() ? "[" : ", ") + text;
  }
  return jinja::ValueFromJson(list + "]", "the tools");
}

Result<std::vector<ToolDefinition>> ReadToolDefinitions(std::string_view json) {
  ASSIGN_OR_RETURN(const Value list, jinja::ValueFromJson(json, "tools"));
  if (!list.Is(Kind::kList)) return Error{ErrorCode::kInvalid, "tools: must be a list"};
  std::vector<ToolDefinition> tools;
  for (const Value& item : list.list().items) {
    Result<ToolDefinition> tool = ReadDefinition(item);
    if (!tool.ok()) return tool.error().Within(fmt::format("tools[{}]: ", tools.size()));
    tools.push_back(std::move(tool).value());
  }
  return tools;
}

}  // namespace mains
