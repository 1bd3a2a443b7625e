#include "app/tools/tool_box.h"

#include <algorithm>
#include <exception>

#include "io/quoted.h"

namespace mains {
namespace {

constexpr size_t kMaxNameBytes = 64;

bool IsToolName(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  return !name.empty() && name.size() <= kMaxNameBytes && std::all_of(name.begin(), name.end(), fits);
}

std::string Quote(std::string_view text) {
  return DumpJson(Json(text));
}

ToolResult Success(std::string value, std::string_view note) {
  std::string text = "{\"result\": " + std::move(value);
  if (!note.empty()) text += ", \"note\": " + Quote(note);
  return {true, text + "}"};
}

}  // namespace

std::string DefinitionJson(const ToolDefinition& definition) {
  return "{\"type\": \"function\", \"function\": {\"name\": " + Quote(definition.name) +
         ", \"description\": " + Quote(definition.description) +
         ", \"parameters\": " + definition.parameters + "}}";
}

ToolResult ToolFailure(std::string_view message) {
  return {false, "{\"error\": " + Quote(message) + "}"};
}

ToolResult ToolText(std::string_view text, std::string_view note) {
  return Success(Quote(text), note);
}

ToolResult ToolList(const std::vector<std::string>& items, std::string_view note) {
  std::string list;
  for (const std::string& item : items) list += (list.empty() ? "" : ", ") + Quote(item);
  return Success("[" + list + "]", note);
}

ToolResult ToolNumber(std::string_view digits, std::string_view note) {
  // 15 significant digits survive the way through a double.
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool survives = std::count_if(digits.begin(), digits.end(), is_digit) <= 15;
  return survives ? Success(std::string(digits), note) : ToolText(digits, note);
}

Status ToolBox::Add(std::unique_ptr<Tool> tool) {
  const ToolDefinition& definition = tool->definition();
  if (!IsToolName(definition.name)) {
    return Error{ErrorCode::kInvalid, "the tool's name is " + Quoted(definition.name) +
                                          "; it must be 1 to 64 letters, digits, \"_\", \"-\" or \".\""};
  }
  for (const Entry& entry : tools_) {
    if (entry.tool->definition().name == definition.name) {
      return Error{ErrorCode::kInvalid, "there are two tools named " + Quoted(definition.name)};
    }
  }
  const std::string where = "tool " + Quoted(definition.name) + ": ";
  Result<Json> schema = ParseJson(definition.parameters, "parameters");
  if (!schema.ok()) return schema.error().Within(where);
  if (const Status status = CheckToolSchema(*schema); !status.ok()) return status.error().Within(where);
  tools_.push_back({std::move(tool), *std::move(schema)});
  return {};
}

std::vector<ToolDefinition> ToolBox::definitions() const {
  std::vector<ToolDefinition> all;
  for (const Entry& entry : tools_) all.push_back(entry.tool->definition());
  return all;
}

ToolResult ToolBox::Call(std::string_view name, std::string_view arguments) {
  std::string names;
  for (const Entry& entry : tools_) {
    const std::string& known = entry.tool->definition().name;
    if (known != name) {
      names += (names.empty() ? "" : ", ") + known;
      continue;
    }
    const Result<ToolArguments> checked = ToolArguments::Parse(arguments, entry.schema);
    if (!checked.ok()) return ToolFailure(known + ": " + checked.error().message);
    try {
      return entry.tool->Run(*checked);
    } catch (const std::exception& e) {  // of libraries, for memory that cannot be had
      return ToolFailure(known + ": " + e.what());
    }
  }
  return ToolFailure("there is no tool " + Quoted(name) +
                     "; the tools are: " + (names.empty() ? "none" : names));
}

}  // namespace mains
