// A model that one can talk to: the engine, its tokenizer, its chat template, and what its publisher
// recommends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/load_options.h"
#include "base/result.h"
#include "engine/text_stream.h"
#include "io/chat/chat_template.h"
#include "io/json.h"
#include "io/tokenizer/tokenizer.h"

namespace mains {

struct ChatModel {
  LoadedModel loaded;
  std::shared_ptr<const Tokenizer> tokenizer;
  Result<ChatTemplate> chat_template;  // the error says why there is none
  ThinkingTags thinking_tags;          // empty if the model has none
  Json generation_config;              // generation_config.json, or null
  // What the publisher of a model made for this program says in there: {"mains": {"builtin_tools": true,
  // "thinking": true}}. Offer it the built-in tools; let it think, unless the user says otherwise.
  bool wants_builtin_tools = false;
  std::optional<bool> thinks;

  Engine& engine() const { return *loaded.engine; }
};

Result<ChatModel> LoadChatModel(const LoadOptions& options, const std::function<bool()>& cancelled);

struct Prompt {
  std::vector<int32_t> ids;
  bool in_thinking = false;  // the model's first word is thought
};

// `think`: asks the template to switch thinking on or off; nothing leaves it to the model.
Result<Prompt> RenderPrompt(const ChatModel& model, const std::vector<ChatMessage>& messages,
                            std::optional<bool> think);
// The same for a conversation in the template's own terms, with tools; its kwargs are set here.
Result<Prompt> RenderPrompt(const ChatModel& model, ChatInput input, std::optional<bool> think);
// The text as it is, without a template; text that spells a special token is that token.
Result<Prompt> RawPrompt(const ChatModel& model, std::string_view text);

}  // namespace mains
