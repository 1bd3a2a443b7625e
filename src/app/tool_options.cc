#include "app/tool_options.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "app/answer_printer.h"
#include "app/confirm.h"
#include "app/tools/confirm.h"

namespace mains {
namespace {

void Say(const std::string& text) {
  std::fprintf(stderr, "mains: %s\n", ForTerminal(text).c_str());
}

// Whether a program may be started. Says once where nobody can be asked.
class StartPolicy {
 public:
  StartPolicy(bool yes, std::function<bool()> cancelled) : yes_(yes), cancelled_(std::move(cancelled)) {}

  bool Allows(const PendingCommand& command) {
    if (yes_) return true;
    if (CanAsk()) return ConfirmOnTerminal(command, cancelled_);
    if (!told_) Say("tools that start programs need somebody to ask, or --yes; refused: " + command.tool);
    told_ = true;
    return false;
  }

 private:
  bool yes_;
  std::function<bool()> cancelled_;
  bool told_ = false;
};

}  // namespace

void AddToolOptions(CLI::App& command, ToolOptions& options) {
  const std::string group = "Tools (default: the built-in ones for models made for them, else none)";
  CLI::Option* none = command.add_flag("--no-tools", options.none, "Offer the model no tools")->group(group);
  command.add_option("--tools", options.file, "Offer the tools that this file describes")
      ->excludes(none)
      ->type_name("FILE")
      ->group(group);
  command.add_flag("--builtin-tools", options.builtin, "Offer the tools that come with the program")
      ->excludes(none)
      ->group(group);
  command.add_flag("--yes", options.yes, "Run the tools of the file without asking")->group(group);
}

Result<ToolBox> MakeToolBox(const ToolOptions& options, const ChatModel& model,
                            const std::function<bool()>& cancelled) {
  ToolBox box;
  if (options.none) return box;
  if (options.builtin || model.wants_builtin_tools) {
    BuiltInOptions built_in;
    built_in.extra = options.builtin;
    RETURN_IF_ERROR(AddBuiltInTools(box, built_in));
  }
  if (options.file.empty()) return box;
  const std::shared_ptr<StartPolicy> policy = std::make_shared<StartPolicy>(options.yes, cancelled);
  UserToolOptions user;
  user.confirm = [policy](const PendingCommand& command) { return policy->Allows(command); };
  user.interrupted = cancelled;
  RETURN_IF_ERROR(AddUserTools(box, options.file, user));
  return box;
}

std::optional<ToolUse> OfferTools(const ChatModel& model, ToolBox& box) {
  if (box.empty()) return std::nullopt;
  Result<ToolUse> use = PrepareTools(model, box);
  if (!use.ok()) {
    Say("running without tools: " + use.error().message);
    return std::nullopt;
  }
  if (!use->without_grammar.empty()) {
    Say("calls are checked only when they are run: " + use->without_grammar);
  }
  return std::move(use).value();
}

}  // namespace mains
