#include "app/agent_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/conversation.h"
#include "app/repeat_guard.h"
#include "app/tool_grammars.h"
#include "app/tool_results.h"

namespace mains {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kRepeatRemark =
    "this call was made before and had the same result; answer, or do something else";

ChatMessage ResultMessage(const ChatToolCall& call, const ToolResult& result) {
  ChatMessage message = TextMessage("tool", result.text);
  message.tool_call_id = call.id;
  message.name = call.name;
  return message;
}

std::tm LocalNow() {
  const std::time_t seconds = std::time(nullptr);
  std::tm now = {};
  localtime_r(&seconds, &now);
  return now;
}

// What a model is told of calls that could not be read. A message of the user's, for there is no call that
// it could be the result of.
ChatMessage ComplaintMessage(const std::vector<ToolEvent>& malformed) {
  std::string text = "This call of a tool could not be read";
  for (const ToolEvent& event : malformed)
    text += fmt::format("{} {}", &event == &malformed.front() ? ":" : ";", event.reason);
  return TextMessage("user",
                     text + ". Nothing was run for it. Write it again in full, or answer without it.");
}

// One turn, from the user's message to the answer.
class Turn {
 public:
  Turn(const ChatModel& model, Session& session, const ToolUse* tools, const AgentRequest& request,
       const AgentEvents& events)
      : model_(model), session_(session), tools_(tools), request_(request), events_(events) {
    for (const ChatMessage& message : request.messages)
      calls_before_ += static_cast<int64_t>(message.tool_calls.size());
  }

  Result<AgentTurn> Run() {
    while (true) {
      ASSIGN_OR_RETURN(const bool go_on, Round());
      if (!go_on) return std::move(turn_);
    }
  }

 private:
  bool Cancelled() const { return events_.cancelled && events_.cancelled(); }
  void Notice(const std::string& sentence) const {
    if (events_.on_notice) events_.on_notice(sentence);
  }
  bool End(TurnEnd end) {
    turn_.end = end;
    return false;
  }

  // Whether there is to be another.
  Result<bool> Round();
  Result<Prompt> MakePrompt() const;
  Result<Generation> Answer(Prompt prompt);
  bool ActOn(const Generation& answer);
  ChatToolCall ToCall(const ParsedToolCall& parsed, size_t index) const;
  ToolResult RunCall(const ChatToolCall& call, size_t index);
  bool Judge(const Generation& answer, size_t first_call);

  const ChatModel& model_;
  Session& session_;
  const ToolUse* tools_;
  const AgentRequest& request_;
  const AgentEvents& events_;
  AgentTurn turn_;
  RepeatGuard guard_;
  int64_t calls_before_ = 0;  // in the conversation, so that ids differ
};

Result<bool> Turn::Round() {
  const bool is_first = turn_.answers.empty();
  if (static_cast<int64_t>(turn_.answers.size()) >= request_.limits.max_rounds) return End(TurnEnd::kRounds);
  if (!is_first && Cancelled()) return End(TurnEnd::kCancelled);
  ASSIGN_OR_RETURN(Prompt prompt, MakePrompt());
  // The first prompt is the user's: if that does not fit, it is an error that says so.
  if (!is_first && static_cast<int64_t>(prompt.ids.size()) >= model_.engine().max_context()) {
    return End(TurnEnd::kContext);
  }
  if (!is_first && request_.limits.max_tokens > 0 && turn_.generated_tokens() >= request_.limits.max_tokens) {
    return End(TurnEnd::kLength);
  }
  Result<Generation> answer = Answer(std::move(prompt));
  if (!answer.ok()) {
    if (is_first || answer.error().code != ErrorCode::kCancelled) return answer.error();
    return End(TurnEnd::kCancelled);
  }
  turn_.answers.push_back(std::move(answer).value());
  return ActOn(turn_.answers.back());
}

Result<Prompt> Turn::MakePrompt() const {
  std::vector<ChatMessage> messages = request_.messages;
  messages.insert(messages.end(), turn_.messages.begin(), turn_.messages.end());
  ChatInput input;
  if (tools_ != nullptr) {
    input.tools = tools_->declared;
    messages = WithToday(std::move(messages), LocalNow());
  }
  input.messages = MessagesValue(messages);
  return RenderPrompt(model_, std::move(input), request_.think);
}

Result<Generation> Turn::Answer(Prompt prompt) {
  GenerationRequest request;
  request.sampling = request_.sampling;
  request.stops = request_.stops;
  request.cancelled = events_.cancelled;
  request.on_text = events_.on_text;
  request.on_call = events_.on_call;
  const int64_t room = model_.engine().max_context() - static_cast<int64_t>(prompt.ids.size());
  if (request_.limits.max_tokens > 0) {
    request.max_tokens = request_.limits.max_tokens - turn_.generated_tokens();
    if (request_.limits.fit_tokens || !turn_.answers.empty()) {
      request.max_tokens = std::min(request.max_tokens, std::max<int64_t>(room, 0));
    }
  }
  std::optional<GrammarMatcher> matcher;
  if (tools_ != nullptr) {
    const std::shared_ptr<const Grammar>& grammar =
        prompt.in_thinking ? tools_->grammar_in_thinking : tools_->grammar;
    if (grammar != nullptr) matcher.emplace(grammar, tools_->vocabulary);
    request.calls.emplace(CallReading{tools_->format, tools_->definitions, matcher ? &*matcher : nullptr});
  }
  request.prompt = std::move(prompt);
  return Generate(model_, session_, request);
}

bool Turn::ActOn(const Generation& answer) {
  ChatMessage said = TextMessage("assistant", answer.answer, answer.thinking);
  // An answer that was cut off may be about to take back what it asked for: nothing of it is run.
  const bool complete = answer.reason == FinishReason::kToolCalls;
  for (size_t i = 0; complete && i < answer.calls.size(); ++i) {
    said.tool_calls.push_back(ToCall(answer.calls[i], i));
  }
  for (const ToolEvent& event : answer.malformed) said.content += complete ? event.text : "";
  const std::vector<ChatToolCall> calls = said.tool_calls;
  turn_.messages.push_back(std::move(said));
  if (!complete) return End(EndOf(answer.reason));
  const size_t first_call = turn_.calls.size();
  // Half of what is left of the context is for the results, the rest for what the model makes of them.
  int64_t room = (model_.engine().max_context() - answer.prompt_tokens - answer.generated_tokens) / 2;
  for (size_t i = 0; i < calls.size(); ++i) {
    ToolResult result = RunCall(calls[i], i);
    const FittedResult fitted =
        FitResult(*model_.tokenizer, room / static_cast<int64_t>(calls.size() - i), result);
    if (fitted.is_cut) Notice("The result is too long for the context: the model gets its beginning.");
    room -= fitted.tokens;
    if (events_.on_result) events_.on_result(result.text);
    turn_.messages.push_back(ResultMessage(calls[i], result));
    turn_.calls.push_back({static_cast<int64_t>(turn_.answers.size()) - 1, calls[i], std::move(result)});
  }
  calls_before_ += static_cast<int64_t>(calls.size());
  if (!answer.malformed.empty()) turn_.messages.push_back(ComplaintMessage(answer.malformed));
  if (Cancelled()) return End(TurnEnd::kCancelled);
  return Judge(answer, first_call);
}

ChatToolCall Turn::ToCall(const ParsedToolCall& parsed, size_t index) const {
  ChatToolCall call = {parsed.id, parsed.name, parsed.arguments};
  if (!call.id.empty()) return call;
  const int64_t number = calls_before_ + static_cast<int64_t>(index);
  const ToolFormat& format = tools_->format;
  // Templates that write ids can be strict about what they look like.
  if (format.id == ToolFormat::Id::kName) {
    call.id = fmt::format("functions.{}:{}", call.name, number);
  } else if (format.id_length > 0) {
    call.id = fmt::format("{:0>{}}", number, format.id_length);
  } else {
    call.id = fmt::format("call_{}", number);
  }
  return call;
}

ToolResult Turn::RunCall(const ChatToolCall& call, size_t index) {
  if (Cancelled()) return ToolFailure("not run: the user stopped the turn");
  if (static_cast<int64_t>(index) >= request_.limits.max_calls) {
    return ToolFailure(
        fmt::format("not run: one answer may call at most {} tools", request_.limits.max_calls));
  }
  const Clock::time_point start = Clock::now();
  ToolResult result = tools_->box->Call(call.name, call.arguments);
  turn_.tool_seconds += std::chrono::duration<double>(Clock::now() - start).count();
  return result;
}

// Whether to go on after the calls from `first_call` on.
bool Turn::Judge(const Generation& answer, size_t first_call) {
  std::vector<RepeatGuard::Call> round;
  for (size_t i = first_call; i < turn_.calls.size(); ++i) {
    const AgentCall& call = turn_.calls[i];
    round.push_back({call.call.name, call.call.arguments, call.result.text});
  }
  for (const ToolEvent& event : answer.malformed) round.push_back({"", event.text, event.reason});
  switch (guard_.Judge(round)) {
    case RepeatGuard::Verdict::kNew: return true;
    case RepeatGuard::Verdict::kStuck: return End(TurnEnd::kStuck);
    case RepeatGuard::Verdict::kRepeat: break;
  }
  Notice("The same again: the model is told.");
  ChatMessage& last = turn_.messages.back();  // a result or the complaint about a call
  last.content = last.role == "tool" ? WithRemark(last.content, kRepeatRemark)
                                     : last.content + " Remark: " + kRepeatRemark;
  return true;
}

template <typename Number>
Number SumOf(const std::vector<Generation>& answers, Number Generation::*field) {
  Number sum = 0;
  for (const Generation& answer : answers) sum += answer.*field;
  return sum;
}

}  // namespace

int64_t AgentTurn::prompt_tokens() const {
  return SumOf(answers, &Generation::prompt_tokens);
}
int64_t AgentTurn::read_tokens() const {
  return prompt_tokens() - SumOf(answers, &Generation::reused_tokens);
}
int64_t AgentTurn::generated_tokens() const {
  return SumOf(answers, &Generation::generated_tokens);
}
double AgentTurn::prompt_seconds() const {
  return SumOf(answers, &Generation::prompt_seconds);
}
double AgentTurn::generation_seconds() const {
  return SumOf(answers, &Generation::generation_seconds);
}

const char* TurnEndName(TurnEnd end) {
  switch (end) {
    case TurnEnd::kAnswer: return "stop";
    case TurnEnd::kLength: return "length";
    case TurnEnd::kContext: return "context";
    case TurnEnd::kCancelled: return "cancelled";
    case TurnEnd::kRounds: return "rounds";
    case TurnEnd::kStuck: return "stuck";
  }
  return "unknown";
}

TurnEnd EndOf(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
    case FinishReason::kToolCalls: break;
    case FinishReason::kLength: return TurnEnd::kLength;
    case FinishReason::kContext: return TurnEnd::kContext;
    case FinishReason::kCancelled: return TurnEnd::kCancelled;
  }
  return TurnEnd::kAnswer;
}

Result<ToolUse> PrepareTools(const ChatModel& model, ToolBox& box) {
  if (!model.chat_template.ok()) return model.chat_template.error();
  ToolUse use;
  use.box = &box;
  use.definitions = box.definitions();
  ASSIGN_OR_RETURN(use.format, DetectToolFormat(*model.chat_template));
  if (!use.format.declares_tools) {
    return Error{ErrorCode::kUnsupported, "the chat template does not tell the model which tools there are"};
  }
  ASSIGN_OR_RETURN(use.declared, ToolsValue(use.definitions));
  std::vector<ToolDefinition> closed = use.definitions;
  for (ToolDefinition& tool : closed) tool.parameters = ClosedSchema(tool.parameters);
  for (const bool in_thinking : {false, true}) {
    Result<std::shared_ptr<const Grammar>> grammar = AnswerGrammar(model, use.format, closed, in_thinking);
    if (!grammar.ok()) {
      use.without_grammar = grammar.error().message;
      return use;
    }
    (in_thinking ? use.grammar_in_thinking : use.grammar) = std::move(grammar).value();
  }
  use.vocabulary = TokenVocabulary::Make(*model.tokenizer);
  return use;
}

Result<AgentTurn> RunAgentTurn(const ChatModel& model, Session& session, const ToolUse* tools,
                               const AgentRequest& request, const AgentEvents& events) {
  return Turn(model, session, tools, request, events).Run();
}

}  // namespace mains
