#include "app/chat_model.h"

#include <array>

namespace mains {
namespace {

const std::array<ThinkingTags, 4> kThinkingTags = {{{"<think>", "</think>"},
                                                    {"<seed:think>", "</seed:think>"},
                                                    {"<mm:think>", "</mm:think>"},
                                                    {"◁think▷", "◁/think▷"}}};

// The pair that the vocabulary has tokens for.
ThinkingTags FindThinkingTags(const Tokenizer& tokenizer) {
  for (const ThinkingTags& tags : kThinkingTags) {
    if (tokenizer.TokenId(tags.open) && tokenizer.TokenId(tags.close)) return tags;
  }
  return {};
}

std::optional<bool> FlagAt(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_boolean()) return std::nullopt;
  return object[key].get<bool>();
}

// Families ask for the same thing under different names; a template ignores names it does not use.
Result<jinja::Value> ThinkingArguments(const ThinkingTags& tags, std::optional<bool> think) {
  if (!think) return jinja::Value();
  Json arguments = {{"enable_thinking", *think}, {"thinking", *think}};
  if (tags.open == "<mm:think>") arguments["thinking_mode"] = *think ? "enabled" : "disabled";
  if (tags.open == "<seed:think>" && !*think) arguments["thinking_budget"] = 0;
  return jinja::ValueFromJson(DumpJson(arguments), "thinking");
}

}  // namespace

Result<ChatModel> LoadChatModel(const LoadOptions& options, const std::function<bool()>& cancelled) {
  ASSIGN_OR_RETURN(LoadedModel loaded, LoadEngine(options, cancelled));
  ASSIGN_OR_RETURN(std::shared_ptr<const Tokenizer> tokenizer, LoadTokenizer(loaded.source));
  Result<ChatTemplate> chat_template = LoadChatTemplate(loaded.source);
  ASSIGN_OR_RETURN(Json generation_config, ReadGenerationConfig(loaded.source));
  ThinkingTags tags = FindThinkingTags(*tokenizer);
  const Json advice = generation_config.is_object() ? generation_config.value("mains", Json()) : Json();
  return ChatModel{.loaded = std::move(loaded),
                   .tokenizer = std::move(tokenizer),
                   .chat_template = std::move(chat_template),
                   .thinking_tags = std::move(tags),
                   .generation_config = std::move(generation_config),
                   .wants_builtin_tools = FlagAt(advice, "builtin_tools").value_or(false),
                   .thinks = FlagAt(advice, "thinking")};
}

Result<Prompt> RenderPrompt(const ChatModel& model, const std::vector<ChatMessage>& messages,
                            std::optional<bool> think) {
  ChatInput input;
  input.messages = MessagesValue(messages);
  return RenderPrompt(model, std::move(input), think);
}

Result<Prompt> RenderPrompt(const ChatModel& model, ChatInput input, std::optional<bool> think) {
  if (!model.chat_template.ok()) {
    return Error{model.chat_template.error().code,
                 model.chat_template.error().message + " (mains run --raw continues a text without one.)"};
  }
  ASSIGN_OR_RETURN(input.kwargs, ThinkingArguments(model.thinking_tags, think));
  ASSIGN_OR_RETURN(const RenderedChat chat, model.chat_template->Render(input));
  EncodeOptions options;
  options.add_special = false;  // the template writes its own
  options.literal = chat.literal;
  Prompt prompt;
  ASSIGN_OR_RETURN(prompt.ids, model.tokenizer->Encode(chat.text, options));
  prompt.in_thinking = EndsInThinking(chat.text, model.thinking_tags);
  return prompt;
}

Result<Prompt> RawPrompt(const ChatModel& model, std::string_view text) {
  Prompt prompt;
  ASSIGN_OR_RETURN(prompt.ids, model.tokenizer->Encode(text));
  prompt.in_thinking = EndsInThinking(text, model.thinking_tags);
  return prompt;
}

}  // namespace mains
