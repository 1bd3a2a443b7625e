// A line of a batch: a conversation and how to answer it, as JSON; and the answer as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/batch_runner.h"
#include "app/chat_model.h"
#include "app/sampling_options.h"
#include "base/result.h"
#include "io/chat/tool_definition.h"
#include "io/chat/tool_format.h"
#include "io/json.h"

namespace mains {

// What holds for lines that do not say otherwise.
struct BatchDefaults {
  SamplingOptions sampling;
  int64_t max_tokens = 0;
  std::optional<bool> think;
};

struct BatchRequest {
  Json id;  // as given; null if there is none
  Prompt prompt;
  SamplingParams sampling;
  int64_t max_tokens = 0;
  std::vector<ToolDefinition> tools;
};

// {"id"?, "messages": [...] or "prompt": text, "tools"?: [...], "documents"?: [...], "thinking"?: bool,
// "max_tokens"?, "temperature"?, "top_p"?, "top_k"?, "seed"?}. "prompt" goes to the model as it is, without
// its template. A key that means nothing here is an error that names it.
Result<BatchRequest> ReadBatchRequest(const ChatModel& model, const BatchDefaults& defaults,
                                      std::string_view line);
// Its "id", if the line is that far in order: for error objects.
Json BatchRequestId(std::string_view line);

// {"id", "text", "reasoning", "content", "tool_calls"?, "malformed_calls"?, "finish_reason", "usage",
// "seed"}: `text` is all that the model wrote, marks included. `format`: how the model writes calls of tools,
// or null if nothing here can read them; then they are content.
Json BatchAnswerJson(const ChatModel& model, const ToolFormat* format, const BatchRequest& request,
                     const BatchAnswer& answer);
Json BatchErrorJson(const Json& id, const Error& error);

}  // namespace mains
