#include "app/conversation.h"

#include <gtest/gtest.h>

namespace mains {
namespace {

ChatMessage Calling() {
  ChatMessage message = TextMessage("assistant", "");
  message.tool_calls = {{"call_1", "add", R"({"b": 1, "a": "\u00e4"})"}, {"", "now", "{}"}};
  return message;
}

ChatMessage Answering() {
  ChatMessage message = TextMessage("tool", "12:00");
  message.tool_call_id = "call_1";
  message.name = "add";
  return message;
}

TEST(Conversation, ComesBackAsItWas) {
  const std::vector<ChatMessage> messages = {TextMessage("system", "Be \"brief\"\n"),
                                             TextMessage("user", "Ä?"), TextMessage("assistant", "Yes", "hm"),
                                             Calling(), Answering()};
  const Result<std::vector<ChatMessage>> read =
      ParseConversation(DumpJson(ConversationJson(messages)), "file");
  ASSERT_TRUE(read.ok()) << read.error().message;
  ASSERT_EQ(read->size(), messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ((*read)[i].role, messages[i].role);
    EXPECT_EQ((*read)[i].content, messages[i].content);
    EXPECT_EQ((*read)[i].reasoning, messages[i].reasoning);
    EXPECT_EQ((*read)[i].tool_call_id, messages[i].tool_call_id);
    EXPECT_EQ((*read)[i].name, messages[i].name);
    ASSERT_EQ((*read)[i].tool_calls.size(), messages[i].tool_calls.size());
    for (size_t c = 0; c < messages[i].tool_calls.size(); ++c) {
      EXPECT_EQ((*read)[i].tool_calls[c].id, messages[i].tool_calls[c].id);
      EXPECT_EQ((*read)[i].tool_calls[c].name, messages[i].tool_calls[c].name);
      EXPECT_EQ((*read)[i].tool_calls[c].arguments, messages[i].tool_calls[c].arguments);
    }
  }
}

TEST(Conversation, TakesArgumentsAsObjectsAndCallsWithoutContent) {
  const Result<std::vector<ChatMessage>> read = ParseConversation(
      R"([{"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]}])",
      "file");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ((*read)[0].tool_calls[0].arguments, R"({"x":1})");
}

TEST(WithToday, StandsInTheSystemMessage) {
  std::tm now = {};
  now.tm_year = 126;
  now.tm_mon = 10;
  now.tm_mday = 2;
  now.tm_wday = 1;
  std::vector<ChatMessage> messages = WithToday({TextMessage("user", "hi")}, now);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[0].content, "Today is Monday, 2026-11-02.");
  messages = WithToday({TextMessage("system", "Be brief."), TextMessage("user", "hi")}, now);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].content, "Be brief. Today is Monday, 2026-11-02.");
}

TEST(Conversation, RefusesWhatItCannotShow) {
  for (const char* json :
       {"", "{}", "[1]", "[{}]", R"([{"role": "user"}])", R"([{"content": "a"}])",
        R"([{"role": "critic", "content": "a"}])", R"([{"role": "user", "tool_calls": []}])",
        R"([{"role": "assistant", "tool_calls": [1]}])",
        R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 1}}]}])",
        R"([{"role": "user", "content": [1]}])"}) {
    const Result<std::vector<ChatMessage>> read = ParseConversation(json, "talk.json");
    ASSERT_FALSE(read.ok()) << json;
    EXPECT_NE(read.error().message.find("talk.json"), std::string::npos) << read.error().message;
  }
}

}  // namespace
}  // namespace mains
