#include "app/conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace mains {
namespace {

constexpr std::array<std::string_view, 4> kRoles = {"system", "user", "assistant", "tool"};

Json CallJson(const ChatToolCall& call) {
  Json entry = {{"type", "function"}, {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
  if (!call.id.empty()) entry["id"] = call.id;
  return entry;
}

// The text at `key`, or nothing: other types than text count as absent.
std::optional<std::string> TextAt(const Json& object, const char* key) {
  const Json::const_iterator found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<ChatToolCall> ParseCall(const Json& entry) {
  if (!entry.is_object() || !entry.contains("function") || !entry["function"].is_object())
    return std::nullopt;
  const Json& function = entry["function"];
  const std::optional<std::string> name = TextAt(function, "name");
  if (!name || !function.contains("arguments")) return std::nullopt;
  const Json& arguments = function["arguments"];
  if (!arguments.is_string() && !arguments.is_object()) return std::nullopt;
  return ChatToolCall{TextAt(entry, "id").value_or(""), *name,
                      arguments.is_string() ? arguments.get<std::string>() : DumpJson(arguments)};
}

// The message, or what is wrong with it.
Result<ChatMessage> ParseMessage(const Json& entry) {
  const auto wrong = [](const char* problem) { return Error{ErrorCode::kInvalid, problem}; };
  const std::optional<std::string> role = entry.is_object() ? TextAt(entry, "role") : std::nullopt;
  if (!role) return wrong("needs \"role\" and \"content\", both text");
  if (std::find(kRoles.begin(), kRoles.end(), *role) == kRoles.end()) {
    return wrong("has a role other than system, user, assistant and tool");
  }
  const bool has_calls =
      *role == "assistant" && entry.contains("tool_calls") && entry["tool_calls"].is_array();
  const std::optional<std::string> content = TextAt(entry, "content");
  if (!content && !has_calls) return wrong("needs \"role\" and \"content\", both text");
  ChatMessage message =
      TextMessage(*role, content.value_or(""), TextAt(entry, "reasoning_content").value_or(""));
  message.tool_call_id = TextAt(entry, "tool_call_id").value_or("");
  message.name = TextAt(entry, "name").value_or("");
  if (!has_calls) return message;
  for (const Json& call : entry["tool_calls"]) {
    std::optional<ChatToolCall> parsed = ParseCall(call);
    if (!parsed) return wrong("has a tool call without \"function\", its \"name\" or its \"arguments\"");
    message.tool_calls.push_back(std::move(*parsed));
  }
  return message;
}

}  // namespace

ChatMessage TextMessage(std::string role, std::string content, std::string reasoning) {
  ChatMessage message;
  message.role = std::move(role);
  message.content = std::move(content);
  message.reasoning = std::move(reasoning);
  return message;
}

std::vector<ChatMessage> WithToday(std::vector<ChatMessage> messages, const std::tm& now) {
  constexpr std::array<const char*, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                "Thursday", "Friday", "Saturday"};
  const std::string today =
      fmt::format("Today is {}, {:04}-{:02}-{:02}.", kDays[static_cast<size_t>(now.tm_wday)],
                  now.tm_year + 1900, now.tm_mon + 1, now.tm_mday);
  if (messages.empty() || messages[0].role != "system") {
    messages.insert(messages.begin(), TextMessage("system", today));
  } else {
    messages[0].content += (messages[0].content.empty() ? "" : " ") + today;
  }
  return messages;
}

Json ConversationJson(const std::vector<ChatMessage>& messages) {
  Json list = Json::array();
  for (const ChatMessage& message : messages) {
    Json entry = {{"role", message.role}, {"content", message.content}};
    if (!message.reasoning.empty()) entry["reasoning_content"] = message.reasoning;
    if (!message.tool_call_id.empty()) entry["tool_call_id"] = message.tool_call_id;
    if (!message.name.empty()) entry["name"] = message.name;
    for (const ChatToolCall& call : message.tool_calls) entry["tool_calls"].push_back(CallJson(call));
    list.push_back(std::move(entry));
  }
  return list;
}

Result<std::vector<ChatMessage>> ParseConversation(std::string_view json, std::string_view what) {
  ASSIGN_OR_RETURN(const Json list, ParseJson(json, what));
  if (!list.is_array()) {
    return Error{ErrorCode::kInvalid, fmt::format("{}: a list of messages was expected", what)};
  }
  std::vector<ChatMessage> messages;
  for (size_t i = 0; i < list.size(); ++i) {
    Result<ChatMessage> message = ParseMessage(list[i]);
    if (!message.ok()) return message.error().Within(fmt::format("{}: message {} ", what, i));
    messages.push_back(std::move(message).value());
  }
  return messages;
}

}  // namespace mains
