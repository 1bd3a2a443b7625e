// The question before a command of the user's tools is run.
#pragma once

#include "app/tools/tool_box.h"

namespace mains {

// Shows the command on standard error and reads the answer from standard input; anything but a clear yes is a
// no. False without a question if standard input is no terminal.
bool ConfirmOnTerminal(const PendingCommand& command);

}  // namespace mains
