#include <cstdio>

#include "app/command.h"

int main(int argc, char** argv) {
  CLI::App app("mains: open models on this machine, from their own published files", "mains");
  app.require_subcommand(1);
  mains::CommandLine line{app, {}};
  mains::AddBatchCommand(line);
  mains::AddBenchCommand(line);
  mains::AddChatCommand(line);
  mains::AddInfoCommand(line);
  mains::AddLogitsCommand(line);
  mains::AddMeasureCommand(line);
  mains::AddModelsCommand(line);
  mains::AddPerplexityCommand(line);
  mains::AddPullCommand(line);
  mains::AddRunCommand(line);
  mains::AddTokenizeCommand(line);
  mains::AddToolCommand(line);
  mains::AddTemplateCommand(line);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (const mains::Status status = line.run(); !status.ok()) {
    const mains::Error& error = status.error();
    if (!error.message.empty()) std::fprintf(stderr, "mains: %s\n", error.message.c_str());
    return error.code == mains::ErrorCode::kCancelled ? 130 : 1;
  }
  return 0;
}
