// Messages of a chat, and their file: a JSON list of messages as the servers of chat models take them
// ("role", "content", "reasoning_content"; "tool_calls" of the assistant; "tool_call_id" and "name" of a
// tool's result).
#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/chat/chat_template.h"
#include "io/json.h"

namespace mains {

// A message of text alone.
ChatMessage TextMessage(std::string role, std::string content, std::string reasoning = {});

// The messages with the day in the system message, which is made if there is none: "Today is Sunday,
// 2026-11-22.", after what it says already. `now` is local time.
std::vector<ChatMessage> WithToday(std::vector<ChatMessage> messages, const std::tm& now);

Json ConversationJson(const std::vector<ChatMessage>& messages);

// Roles system, user, assistant and tool, with text as content. The arguments of calls are kept as the
// text that they are. `what` names the document in errors.
Result<std::vector<ChatMessage>> ParseConversation(std::string_view json, std::string_view what);

}  // namespace mains
