// Conversations to the text that a model was trained on, by the model's own chat template or, for the
// models that ship none, by an encoder of ours. The result says which bytes came from the
// conversation: the tokenizer must not make special tokens of those.
#pragma once

#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/chat/jinja_json.h"
#include "io/chat/jinja_runtime.h"
#include "io/chat/jinja_value.h"
#include "io/text_span.h"

namespace mains {

// A message of a conversation for callers that have no JSON at hand.
struct ChatToolCall {
  std::string id = {};
  std::string name = {};
  std::string arguments = {};  // a JSON object as text; passed on as an object where it parses, else as text
};

struct ChatMessage {
  std::string role = {};
  std::string content = {};
  std::string reasoning = {};  // none if empty
  std::vector<ChatToolCall> tool_calls = {};
  std::string tool_call_id = {};  // of tool results; none if empty
  std::string name = {};          // none if empty
};

// What transformers' apply_chat_template takes. Values come from jinja::ValueFromJson, which keeps the
// order of keys, or from MessagesValue.
struct ChatInput {
  jinja::Value messages;   // a list of objects
  jinja::Value tools;      // a list of objects, or undefined
  jinja::Value documents;  // a list of objects, or undefined
  jinja::Value kwargs;     // an object (enable_thinking and the like), or undefined
  bool add_generation_prompt = true;
  std::optional<std::tm> now;  // local time for strftime_now; the clock's if absent
};

jinja::Value MessagesValue(const std::vector<ChatMessage>& messages);

struct RenderedChat {
  std::string text;
  std::vector<TextSpan> literal;  // from the conversation: sorted, disjoint
};

// Variables such as bos_token that the template may name; part of the model, not of the conversation.
using SpecialTokens = std::vector<std::pair<std::string, std::string>>;

class GgufFile;

enum class NativeChat { kDeepSeekV32, kDeepSeekV4 };

// Immutable; Render may be called from any number of threads at once.
class ChatTemplate {
 public:
  static Result<ChatTemplate> FromSource(std::string_view source, SpecialTokens tokens = {},
                                         const jinja::Limits& limits = {});
  // Reads chat_template.jinja, else chat_template.json, else tokenizer_config.json of a model folder,
  // else takes the native encoder of the family that config.json names. An error says where it looked.
  static Result<ChatTemplate> FromFolder(const std::filesystem::path& folder,
                                         const jinja::Limits& limits = {});
  // The template in the metadata of a GGUF file, with the texts of its bos and eos tokens; else the native
  // encoder of its architecture.
  static Result<ChatTemplate> FromGguf(const GgufFile& file, const jinja::Limits& limits = {});
  static ChatTemplate Native(NativeChat native);

  // Errors: of the template (with its line), of the limits, or of the request's shape. Arguments of
  // the engine itself (messages, tools, documents, add_generation_prompt) cannot be set by kwargs.
  Result<RenderedChat> Render(const ChatInput& input) const;

 private:
  struct Compiled;
  ChatTemplate() = default;
  std::optional<NativeChat> native_;
  std::shared_ptr<const Compiled> main_;
  std::shared_ptr<const Compiled> tool_use_;  // used instead when tools are given; may be null
  SpecialTokens tokens_;
  jinja::Limits limits_;
};

}  // namespace mains
