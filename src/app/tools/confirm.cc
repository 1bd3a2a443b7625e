#include "app/tools/confirm.h"

#include <cstdio>

#include "app/confirm.h"
#include "app/tools/user_tools.h"

namespace mains {

bool ConfirmOnTerminal(const PendingCommand& command, const std::function<bool()>& cancelled) {
  if (!CanAsk()) return false;
  std::fprintf(stderr, "The tool %s wants to run:\n  %s\n", command.tool.c_str(), command.display.c_str());
  if (!command.input.empty()) {
    std::fprintf(stderr, "with the input\n  %s\n", QuoteForDisplay({command.input}).c_str());
  }
  return AskForConsent("Run it?", cancelled) == Consent::kYes;
}

}  // namespace mains
