#include "app/batch_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "io/chat/tool_call_parser.h"
#include "io/quoted.h"

namespace mains {
namespace {

constexpr std::array<std::string_view, 11> kKeys = {"id",       "messages",   "prompt",      "tools",
                                                    "thinking", "max_tokens", "temperature", "top_p",
                                                    "top_k",    "seed",       "documents"};

Error Wrong(std::string_view key, const char* wanted) {
  return {ErrorCode::kInvalid, fmt::format("{} must be {}", Quoted(key), wanted)};
}

// The value under `key`, or null if there is none or it is null.
const OrderedJson* Find(const OrderedJson& line, const char* key) {
  const OrderedJson::const_iterator found = line.find(key);
  return found == line.end() || found->is_null() ? nullptr : &*found;
}

Status ReadWhole(const OrderedJson& line, const char* key, int64_t* out) {
  const OrderedJson* value = Find(line, key);
  if (value == nullptr) return {};
  if (!value->is_number_integer() || *value < 0 || *value > INT64_MAX)
    return Wrong(key, "a whole number from 0 on");
  *out = value->get<int64_t>();
  return {};
}

template <typename T>
Status ReadNumber(const OrderedJson& line, const char* key, std::optional<T>* out) {
  const OrderedJson* value = Find(line, key);
  if (value == nullptr) return {};
  if (!value->is_number()) return Wrong(key, "a number");
  *out = value->get<T>();
  return {};
}

Result<jinja::Value> TemplateValue(const OrderedJson& value, const char* key) {
  return jinja::ValueFromJson(value.dump(), key);
}

Result<Prompt> ReadPrompt(const ChatModel& model, const OrderedJson& line, std::optional<bool> think) {
  const OrderedJson* messages = Find(line, "messages");
  const OrderedJson* text = Find(line, "prompt");
  if ((messages != nullptr) == (text != nullptr)) {
    return Error{ErrorCode::kInvalid, R"(a request has either "messages" or "prompt")"};
  }
  if (text != nullptr) {
    if (!text->is_string()) return Wrong("prompt", "text");
    for (const char* key : {"tools", "documents", "thinking"}) {
      if (Find(line, key) != nullptr) return Wrong(key, "left out where \"prompt\" is given");
    }
    return RawPrompt(model, text->get<std::string>());
  }
  if (!messages->is_array()) return Wrong("messages", "a list of objects");
  ChatInput input;
  ASSIGN_OR_RETURN(input.messages, TemplateValue(*messages, "messages"));
  for (const auto& [key, value] :
       {std::pair{"tools", &input.tools}, std::pair{"documents", &input.documents}}) {
    const OrderedJson* list = Find(line, key);
    if (list == nullptr) continue;
    if (!list->is_array()) return Wrong(key, "a list of objects");
    if (list->empty()) continue;
    ASSIGN_OR_RETURN(*value, TemplateValue(*list, key));
  }
  if (const OrderedJson* given = Find(line, "thinking")) {
    if (!given->is_boolean()) return Wrong("thinking", "true or false");
    think = given->get<bool>();
  }
  return RenderPrompt(model, std::move(input), think);
}

// The model's words without the special tokens that are structure: those that mark thinking or calls stay.
std::string TextOf(const ChatModel& model, const ToolFormat* format, std::span<const int32_t> ids) {
  StreamDecoder decoder(model.tokenizer);
  std::string text;
  for (const int32_t id : ids) {
    if (model.tokenizer->IsSpecial(id)) {
      const std::string_view token = model.tokenizer->TokenText(id).value_or("");
      const bool mark = token == model.thinking_tags.open || token == model.thinking_tags.close ||
                        (format != nullptr && format->Uses(token));
      if (token.empty() || !mark) continue;
    }
    text += decoder.Append(id);
  }
  return text + decoder.Flush();
}

// Adds content, tool_calls and malformed_calls; returns whether there are calls.
bool AddCalls(const ToolFormat& format, const std::vector<ToolDefinition>& tools, std::string_view text,
              Json& out) {
  ParsedAnswer parsed = ParseToolCalls(format, tools, text);
  out["content"] = std::move(parsed.content);
  for (const std::string& malformed : parsed.malformed) out["malformed_calls"].push_back(malformed);
  for (size_t i = 0; i < parsed.calls.size(); ++i) {
    ParsedToolCall& call = parsed.calls[i];
    out["tool_calls"].push_back(
        {{"id", call.id.empty() ? fmt::format("call_{}", i) : call.id},
         {"type", "function"},
         {"function", {{"name", std::move(call.name)}, {"arguments", std::move(call.arguments)}}}});
  }
  return !parsed.calls.empty();
}

}  // namespace

Result<BatchRequest> ReadBatchRequest(const ChatModel& model, const BatchDefaults& defaults,
                                      std::string_view text) {
  ASSIGN_OR_RETURN(const OrderedJson line, ParseOrderedJson(text, "the line"));
  if (!line.is_object()) return Error{ErrorCode::kInvalid, "the line must be an object"};
  for (const auto& [key, value] : line.items()) {
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      return Error{ErrorCode::kInvalid, fmt::format("the key {} means nothing here", Quoted(key))};
    }
  }
  BatchRequest request;
  request.id = BatchRequestId(text);
  SamplingOptions sampling = defaults.sampling;
  RETURN_IF_ERROR(ReadNumber(line, "temperature", &sampling.temperature));
  RETURN_IF_ERROR(ReadNumber(line, "top_p", &sampling.top_p));
  int64_t top_k = sampling.top_k.value_or(-1), seed = -1;
  RETURN_IF_ERROR(ReadWhole(line, "top_k", &top_k));
  RETURN_IF_ERROR(ReadWhole(line, "seed", &seed));
  if (top_k >= 0) sampling.top_k = top_k;
  if (seed >= 0) sampling.seed = static_cast<uint64_t>(seed);
  ASSIGN_OR_RETURN(request.sampling,
                   ChooseSampling(sampling, model.generation_config, model.engine().facts().vocab));
  request.max_tokens = defaults.max_tokens;
  RETURN_IF_ERROR(ReadWhole(line, "max_tokens", &request.max_tokens));
  if (const OrderedJson* tools = Find(line, "tools"); tools != nullptr && tools->is_array()) {
    ASSIGN_OR_RETURN(request.tools, ReadToolDefinitions(tools->dump()));
  }
  ASSIGN_OR_RETURN(request.prompt, ReadPrompt(model, line, defaults.think));
  return request;
}

Json BatchRequestId(std::string_view line) {
  const Result<Json> json = ParseJson(line, "the line");
  return json.ok() && json->is_object() && json->contains("id") ? (*json)["id"] : Json();
}

Json BatchAnswerJson(const ChatModel& model, const ToolFormat* format, const BatchRequest& request,
                     const BatchAnswer& answer) {
  if (request.tools.empty()) format = nullptr;
  ThinkingSplitter splitter(model.thinking_tags, request.prompt.in_thinking);
  ThinkingSplitter::Parts parts = splitter.Push(TextOf(model, format, answer.ids));
  const ThinkingSplitter::Parts rest = splitter.Finish();
  parts.thinking += rest.thinking;
  parts.answer += rest.answer;
  Json out = {{"id", request.id},
              {"text", model.tokenizer->Decode(answer.ids)},
              {"reasoning", std::move(parts.thinking)},
              {"content", parts.answer},
              {"finish_reason", FinishReasonName(answer.reason)},
              {"usage",
               {{"prompt_tokens", answer.prompt_tokens},
                {"cached_tokens", answer.reused_tokens},
                {"completion_tokens", answer.generated_tokens},
                {"total_tokens", answer.prompt_tokens + answer.generated_tokens}}},
              {"seed", request.sampling.seed}};
  if (format != nullptr && AddCalls(*format, request.tools, parts.answer, out) &&
      answer.reason == FinishReason::kStop) {
    out["finish_reason"] = "tool_calls";
  }
  return out;
}

Json BatchErrorJson(const Json& id, const Error& error) {
  return {{"id", id}, {"error", {{"message", error.message}}}};
}

}  // namespace mains
