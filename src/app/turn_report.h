// A turn of the agent loop on the terminal: what happens as it happens, and how it went.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "app/agent_loop.h"
#include "app/answer_printer.h"

namespace mains {

// Events that show everything through `printer`, which must outlive them.
AgentEvents PrintingEvents(AnswerPrinter& printer, std::function<bool()> cancelled);

// "stopped: ..." for turns that did not end with an answer, else empty.
std::string WhyItEnded(const AgentTurn& turn, const AgentLimits& limits, int64_t max_context);

// "87 tokens (410/s)".
std::string RateText(int64_t tokens, double seconds);

// "prompt 312 tokens (5210/s), answer 87 tokens (410/s), first token after 62 ms". Only what was computed
// counts, not what the session knew already.
std::string SpeedLine(const AgentTurn& turn);

}  // namespace mains
