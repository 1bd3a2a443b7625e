// Tools on the command line: which ones a model is offered, and who allows what they do.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "app/agent_loop.h"
#include "app/chat_model.h"
#include "app/tools/tool_box.h"
#include "base/result.h"

namespace mains {

struct ToolOptions {
  std::string file;      // the user's own
  bool none = false;     // offer none
  bool builtin = false;  // offer those that come with the program, whatever the model
  bool yes = false;      // run the user's own without asking
};

// Adds --tools, --builtin-tools, --no-tools and --yes.
void AddToolOptions(CLI::App& command, ToolOptions& options);

// The built-in tools, all if asked for, those that it knows if the model is made for them; and the user's
// own. Each program that one of the latter starts is first shown to the user, who has to agree; where nobody
// can be asked nothing is started without `yes`. `cancelled` is asked while waiting; it must outlive the box.
Result<ToolBox> MakeToolBox(const ToolOptions& options, const ChatModel& model,
                            const std::function<bool()>& cancelled);

// What the model needs to use `box`; nothing if that is empty, or if the model cannot call tools, which the
// user is told on stderr.
std::optional<ToolUse> OfferTools(const ChatModel& model, ToolBox& box);

}  // namespace mains
