// The commands of the program. Each lives in a file of its own, <name>_command.cc, which adds its
// options to the parser and sets what runs when it is chosen; main.cc lists them.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "base/result.h"

namespace mains {

// Exit codes: 0 done, 1 the command failed (the reason is on stderr), 2 the command line is wrong, 130
// cancelled by the user.
struct CommandLine {
  CLI::App& app;
  std::function<Status()> run;  // set by the subcommand that was chosen
};

void AddBatchCommand(CommandLine& line);
void AddBenchCommand(CommandLine& line);
void AddChatCommand(CommandLine& line);
void AddInfoCommand(CommandLine& line);
void AddLogitsCommand(CommandLine& line);
void AddMeasureCommand(CommandLine& line);
void AddModelsCommand(CommandLine& line);
void AddPerplexityCommand(CommandLine& line);
void AddPullCommand(CommandLine& line);
void AddRunCommand(CommandLine& line);
void AddTokenizeCommand(CommandLine& line);
void AddToolCommand(CommandLine& line);
void AddTemplateCommand(CommandLine& line);

}  // namespace mains
