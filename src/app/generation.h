// One answer: a prompt into a session, tokens out of it, text to the caller as it becomes certain.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/chat_model.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/grammar/grammar_matcher.h"
#include "engine/sampler.h"
#include "io/chat/tool_call_parser.h"

namespace mains {

enum class FinishReason {
  kStop,       // the model ended its turn, or a stop string was found
  kToolCalls,  // the model ended its turn, and wants tools to be called
  kLength,     // max_tokens
  kContext,    // the context is full
  kCancelled,  // by the user
};
const char* FinishReasonName(FinishReason reason);  // "stop", "tool_calls", "length", ...

// How calls of tools are read out of the answer, and kept well formed.
struct CallReading {
  const ToolFormat& format;
  const std::vector<ToolDefinition>& tools;
  GrammarMatcher* grammar = nullptr;  // at its start; null: the model writes what it likes
};

struct GenerationRequest {
  Prompt prompt;
  SamplingParams sampling;
  int64_t max_tokens = 0;            // 0: until the model stops or the context is full
  std::vector<std::string> stops;    // end the answer; thinking and calls are not searched
  std::optional<CallReading> calls;  // nothing: all is text
  std::function<bool()> cancelled;
  // What the text has gained; each time thinking, or answer, or first the one and then the other.
  std::function<void(const ThinkingSplitter::Parts&)> on_text;
  // Calls as they are written: every event but content.
  std::function<void(const ToolEvent&)> on_call;
};

struct GeneratedToken {
  SampledToken sampled;
  std::string text;  // the token's own bytes
};

struct Generation {
  std::string thinking, answer;
  std::vector<ParsedToolCall> calls;  // the complete ones, in order
  std::vector<ToolEvent> malformed;   // what began as a call and is none
  FinishReason reason = FinishReason::kStop;
  int64_t prompt_tokens = 0;
  int64_t reused_tokens = 0;  // of the prompt: the session had them already
  int64_t generated_tokens = 0;
  std::vector<GeneratedToken> tokens;  // if log-probabilities were asked for
  double prompt_seconds = 0;           // until the first token could be drawn
  double generation_seconds = 0;
  double first_token_seconds = 0;  // when it was drawn, since the process began
};

// Keeps what the session's tokens and the prompt have in common, reads the rest, and generates. The
// tokens that the session held before need not be related. A prompt that leaves no room for an answer
// is an error with both numbers. With a grammar every answer that ends by itself is one that the grammar
// allows. Cancelling is not an error, unless it falls into the prompt (then
// kCancelled).
Result<Generation> Generate(const ChatModel& model, Session& session, const GenerationRequest& request);

}  // namespace mains
