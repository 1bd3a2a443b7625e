// The loop that lets a model act: it answers, its calls of tools are run, it is told the results and
// answers again, until an answer wants no more calls. Everything a model needs to be told about tools goes
// through its own chat template, and calls are read in the syntax that the template writes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/chat_model.h"
#include "app/generation.h"
#include "app/tools/tool_box.h"
#include "base/result.h"
#include "engine/grammar/grammar.h"
#include "engine/grammar/token_vocabulary.h"
#include "io/chat/tool_format.h"

namespace mains {

// What a model is to know of its tools, made once for both.
struct ToolUse {
  ToolBox* box = nullptr;  // borrowed
  ToolFormat format;
  std::vector<ToolDefinition> definitions;
  jinja::Value declared;  // ChatInput::tools
  std::shared_ptr<const TokenVocabulary> vocabulary;
  // Of the answers in which every call is one of a declared tool with arguments that fit its schema. By
  // whether the prompt has opened the model's thinking. Null: none could be made, see `without_grammar`.
  std::shared_ptr<const Grammar> grammar, grammar_in_thinking;
  std::string without_grammar;  // why
};

// kUnsupported: the model's template knows no tools, or writes calls in a syntax that nothing here reads.
// Without a grammar (a schema that cannot become one) calls are checked when they are run.
Result<ToolUse> PrepareTools(const ChatModel& model, ToolBox& box);

struct AgentLimits {
  int64_t max_rounds = 25;  // answers in a turn
  int64_t max_calls = 32;   // run of one answer; others get an error as their result
  int64_t max_tokens = 0;   // generated in the turn; 0: until it ends or the context is full
  // Where the context has room for less than max_tokens: generate as much as fits. Else that is an error.
  bool fit_tokens = false;
};

struct AgentRequest {
  std::vector<ChatMessage> messages;
  std::optional<bool> think;
  SamplingParams sampling;
  std::vector<std::string> stops;
  AgentLimits limits;
};

// All but `cancelled` may be left out.
struct AgentEvents {
  std::function<bool()> cancelled;
  std::function<void(const ThinkingSplitter::Parts&)> on_text;
  std::function<void(const ToolEvent&)> on_call;               // as the model writes it
  std::function<void(const std::string& result)> on_result;    // in the order of the calls
  std::function<void(const std::string& sentence)> on_notice;  // what the user should know
};

struct AgentCall {
  int64_t round = 0;  // from 0: index into AgentTurn::answers
  ChatToolCall call;
  ToolResult result;
};

enum class TurnEnd {
  kAnswer,     // the model has said what it had to say
  kLength,     // max_tokens
  kContext,    // the context is full
  kCancelled,  // by the user; what had been run stays in the messages
  kRounds,     // max_rounds
  kStuck,      // the same calls with the same results, although the model was told
};

struct AgentTurn {
  std::vector<ChatMessage> messages;  // what the turn adds to the conversation: every call has a result
  std::vector<Generation> answers;    // one a round
  std::vector<AgentCall> calls;
  TurnEnd end = TurnEnd::kAnswer;
  double tool_seconds = 0;

  const std::string& text() const { return answers.back().answer; }
  // Of all rounds. `read`: tokens of prompts that the session did not have yet.
  int64_t prompt_tokens() const;
  int64_t read_tokens() const;
  int64_t generated_tokens() const;
  double prompt_seconds() const;
  double generation_seconds() const;
};
// "stop", "length", "context", "cancelled", "rounds", "stuck".
const char* TurnEndName(TurnEnd end);
// How a turn of this one answer ends.
TurnEnd EndOf(FinishReason reason);

// `tools` may be null: then this is one answer. A call runs only if its answer was complete and nothing was
// cancelled; one that the model got wrong, in form or in content, gets an error as its result. Errors are
// those of Generate; cancelling before anything was said is one of them (kCancelled).
Result<AgentTurn> RunAgentTurn(const ChatModel& model, Session& session, const ToolUse* tools,
                               const AgentRequest& request, const AgentEvents& events);

}  // namespace mains
