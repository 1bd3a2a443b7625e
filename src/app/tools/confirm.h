// The question before a command of the user's tools is run.
#pragma once

#include <functional>

#include "app/tools/tool_box.h"

namespace mains {

// Shows the command on standard error and asks (app/confirm.h); anything but a clear yes is a no. False
// without a question where nobody can be asked. `cancelled` is asked while waiting; it may be left out.
bool ConfirmOnTerminal(const PendingCommand& command, const std::function<bool()>& cancelled = {});

}  // namespace mains
