// Runs a program without a shell, with its output caught and its time limited.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace mains {

struct CommandRun {
  std::vector<std::string> argv;  // the program first, looked up in PATH if it has no "/"
  std::string input;              // its standard input, which is empty if this is
  double timeout_seconds = 60;
  int64_t max_output_bytes = 64 * 1024;
  std::function<bool()> interrupted = {};  // asked while it runs; true ends it
};

struct CommandOutcome {
  enum class End { kExit, kSignal, kTimeout, kInterrupted } end = End::kExit;
  int code = 0;              // exit code or number of the signal
  std::string output;        // standard output and standard error as they came, cut at the limit
  int64_t output_bytes = 0;  // all that was written
};

// The program inherits the environment and the current folder and no open file but its three. It has a
// process group of its own: at the end of its time the group gets SIGTERM and two seconds later SIGKILL, and
// whatever of the group outlives the program is killed. (A process that leaves the group on purpose is not
// followed.) Errors: it cannot be started.
Result<CommandOutcome> RunCommand(const CommandRun& run);

}  // namespace mains
