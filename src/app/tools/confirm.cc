#include "app/tools/confirm.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "app/tools/user_tools.h"

namespace mains {

bool ConfirmOnTerminal(const PendingCommand& command) {
  if (isatty(STDIN_FILENO) == 0) return false;
  std::fprintf(stderr, "The tool %s wants to run:\n  %s\n", command.tool.c_str(), command.display.c_str());
  if (!command.input.empty())
    std::fprintf(stderr, "with the input\n  %s\n", QuoteForDisplay({command.input}).c_str());
  std::fprintf(stderr, "Run it? [y/N] ");
  std::string answer;
  if (!std::getline(std::cin, answer)) return false;
  return answer == "y" || answer == "Y" || answer == "yes" || answer == "j" || answer == "ja" ||
         answer == "是";
}

}  // namespace mains
