#include "app/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/process_clock.h"

namespace mains {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// From token ids to what the caller sees.
class AnswerText {
 public:
  AnswerText(const ChatModel& model, const GenerationRequest& request, Generation& out)
      : tokenizer_(*model.tokenizer),
        tags_(model.thinking_tags),
        request_(request),
        out_(out),
        decoder_(model.tokenizer),
        splitter_(model.thinking_tags, request.prompt.in_thinking),
        stops_(request.stops) {
    if (request.calls) parser_.emplace(request.calls->format, request.calls->tools);
  }

  void Add(int32_t id) {
    if (tokenizer_.IsSpecial(id) && !IsMark(tokenizer_.TokenText(id))) return;
    Give(splitter_.Push(decoder_.Append(id)));
  }
  void Finish() {
    Give(splitter_.Push(decoder_.Flush()));
    Give(splitter_.Finish());
    if (parser_) TakeAll(parser_->Finish());
    const std::string rest = stops_.Finish();
    if (!rest.empty()) Show({{}, rest});
  }
  bool stopped() const { return stops_.stopped(); }

 private:
  // Special tokens are structure, not text, but for those that mark thinking and calls.
  bool IsMark(std::optional<std::string_view> token) const {
    if (!token) return false;
    return *token == tags_.open || *token == tags_.close ||
           (request_.calls && request_.calls->format.Uses(*token));
  }
  void Give(ThinkingSplitter::Parts parts) {
    Show({std::move(parts.thinking), {}});
    if (parser_) {
      TakeAll(parser_->Feed(parts.answer));
    } else {
      Show({{}, stops_.Push(parts.answer)});
    }
  }
  void TakeAll(std::vector<ToolEvent> events) {
    for (ToolEvent& event : events) Take(std::move(event));
  }
  void Take(ToolEvent event) {
    if (stopped()) return;
    if (event.kind == ToolEvent::Kind::kContent) {
      Show({{}, stops_.Push(event.text)});
      return;
    }
    if (request_.on_call) request_.on_call(event);
    if (event.kind == ToolEvent::Kind::kCall) out_.calls.push_back(std::move(event.call));
    if (event.kind == ToolEvent::Kind::kMalformed) out_.malformed.push_back(std::move(event));
  }
  void Show(const ThinkingSplitter::Parts& parts) {
    if (parts.thinking.empty() && parts.answer.empty()) return;
    out_.thinking += parts.thinking;
    out_.answer += parts.answer;
    if (request_.on_text) request_.on_text(parts);
  }

  const Tokenizer& tokenizer_;
  const ThinkingTags& tags_;
  const GenerationRequest& request_;
  Generation& out_;
  StreamDecoder decoder_;
  ThinkingSplitter splitter_;
  std::optional<ToolCallParser> parser_;
  StopStrings stops_;
};

// Leaves in the session the longest start of the prompt that it holds, but for the prompt's last token:
// its logits are needed. Tokens that the session generated itself count as the same tokens.
int64_t KeepCommonStart(Session& session, std::span<const int32_t> prompt) {
  const std::vector<int32_t>& have = session.ids();
  const size_t limit = std::min(have.size(), prompt.size() - 1);
  size_t same = 0;
  while (same < limit && have[same] == prompt[same]) ++same;
  session.Truncate(static_cast<int64_t>(same));
  return static_cast<int64_t>(same);
}

Status CheckRoom(const Engine& engine, int64_t prompt, int64_t max_tokens) {
  if (prompt == 0)
    return Error{ErrorCode::kInvalid, "the prompt is empty: give the model a token to go on from"};
  const int64_t context = engine.max_context();
  if (prompt >= context) {
    return Error{
        ErrorCode::kInvalid,
        fmt::format("the prompt has {} tokens and the context {}, which leaves no room for an answer; "
                    "shorten the prompt{}",
                    prompt, context, context < engine.facts().max_positions ? " or raise --context" : "")};
  }
  if (max_tokens > context - prompt) {
    return Error{
        ErrorCode::kInvalid,
        fmt::format("{} tokens of prompt and {} of answer exceed the context of {}; ask for at most {} "
                    "(--max-tokens) or shorten the prompt",
                    prompt, max_tokens, context, context - prompt)};
  }
  return {};
}

}  // namespace

const char* FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop: return "stop";
    case FinishReason::kToolCalls: return "tool_calls";
    case FinishReason::kLength: return "length";
    case FinishReason::kContext: return "context";
    case FinishReason::kCancelled: return "cancelled";
  }
  return "unknown";
}

Result<Generation> Generate(const ChatModel& model, Session& session, const GenerationRequest& request) {
  const std::vector<int32_t>& prompt = request.prompt.ids;
  Generation out;
  out.prompt_tokens = static_cast<int64_t>(prompt.size());
  RETURN_IF_ERROR(CheckRoom(model.engine(), out.prompt_tokens, request.max_tokens));
  const auto cancelled = [&] { return request.cancelled && request.cancelled(); };

  const Clock::time_point start = Clock::now();
  out.reused_tokens = KeepCommonStart(session, prompt);
  RETURN_IF_ERROR(session.Append(std::span(prompt).subspan(static_cast<size_t>(out.reused_tokens)),
                                 TokenKind::kPrompt, [&](double, const char*) { return !cancelled(); }));
  out.prompt_seconds = SecondsSince(start);

  const Clock::time_point first = Clock::now();
  Sampler sampler(request.sampling, out.prompt_tokens);
  AnswerText text(model, request, out);
  GrammarMatcher* const grammar = request.calls ? request.calls->grammar : nullptr;
  std::vector<uint64_t> allowed;
  bool ended = false;
  while (true) {
    if (cancelled()) {
      out.reason = FinishReason::kCancelled;
      break;
    }
    if (grammar != nullptr) grammar->FillMask(allowed);
    SampledToken token = sampler.Sample(session.logits(), session.ids(), allowed);
    const int32_t id = token.id;
    if (id < 0 || (grammar != nullptr && !grammar->Accept(id))) {
      return Error{ErrorCode::kUnsupported,
                   "the model's vocabulary has no token for what its tools' grammar asks for next"};
    }
    if (out.generated_tokens == 0) out.first_token_seconds = SecondsSinceProcessStart();
    ++out.generated_tokens;
    if (request.sampling.logprobs > 0) {
      out.tokens.push_back({std::move(token), model.tokenizer->TokenBytes(id)});
    }
    ended = model.tokenizer->IsEos(id);
    if (ended) break;
    text.Add(id);
    if (text.stopped()) break;
    if (out.generated_tokens == request.max_tokens) {
      out.reason = FinishReason::kLength;
      break;
    }
    if (session.length() == model.engine().max_context()) {
      out.reason = FinishReason::kContext;
      break;
    }
    RETURN_IF_ERROR(session.Append({&id, 1}, TokenKind::kGenerated));
  }
  text.Finish();
  if (ended && !(out.calls.empty() && out.malformed.empty())) out.reason = FinishReason::kToolCalls;
  out.generation_seconds = SecondsSince(first);
  return out;
}

}  // namespace mains
