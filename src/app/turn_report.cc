#include "app/turn_report.h"

#include <fmt/format.h>

#include <utility>

namespace mains {
namespace {

void ShowCall(AnswerPrinter& printer, const ToolEvent& event) {
  switch (event.kind) {
    case ToolEvent::Kind::kContent:
    case ToolEvent::Kind::kArguments: return;
    case ToolEvent::Kind::kBegin: return printer.BeginCall(event.text);
    case ToolEvent::Kind::kCall: return printer.EndCall(event.call.arguments);
    case ToolEvent::Kind::kMalformed: return printer.BreakCall(event.reason);
  }
}

}  // namespace

AgentEvents PrintingEvents(AnswerPrinter& printer, std::function<bool()> cancelled) {
  AgentEvents events;
  events.cancelled = std::move(cancelled);
  events.on_text = [&printer](const ThinkingSplitter::Parts& parts) { printer.Show(parts); };
  events.on_call = [&printer](const ToolEvent& event) { ShowCall(printer, event); };
  events.on_result = [&printer](const std::string& result) { printer.ShowResult(result); };
  events.on_notice = [&printer](const std::string& sentence) { printer.Note(sentence); };
  return events;
}

std::string WhyItEnded(const AgentTurn& turn, const AgentLimits& limits, int64_t max_context) {
  switch (turn.end) {
    case TurnEnd::kAnswer: return "";
    case TurnEnd::kLength: return "stopped by --max-tokens";
    case TurnEnd::kContext: return fmt::format("stopped: the context of {} tokens is full", max_context);
    case TurnEnd::kCancelled: return "stopped by Ctrl-C";
    case TurnEnd::kRounds:
      return fmt::format("stopped: no answer after {} rounds of calls", limits.max_rounds);
    case TurnEnd::kStuck: return "stopped: the model keeps making the same calls, with the same results";
  }
  return "";
}

std::string RateText(int64_t tokens, double seconds) {
  const std::string count = fmt::format("{} {}", tokens, tokens == 1 ? "token" : "tokens");
  if (tokens == 0 || seconds <= 0) return count;
  const double rate = static_cast<double>(tokens) / seconds;
  return count + (rate < 99.95 ? fmt::format(" ({:.3g}/s)", rate) : fmt::format(" ({:.0f}/s)", rate));
}

std::string SpeedLine(const AgentTurn& turn) {
  return fmt::format("prompt {}, answer {}, first token after {:.0f} ms",
                     RateText(turn.read_tokens(), turn.prompt_seconds()),
                     RateText(turn.generated_tokens(), turn.generation_seconds()),
                     turn.answers.front().first_token_seconds * 1000);
}

}  // namespace mains
