// The tools that a model may call: what is declared to the model, and the one place where a call, which is
// text from a model and so not to be trusted, is checked and run.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/tools/tool_arguments.h"
#include "base/result.h"
#include "io/chat/tool_definition.h"

namespace mains {

// The definition in the shape that chat templates take:
// {"type": "function", "function": {"name": ..., "description": ..., "parameters": ...}}.
std::string DefinitionJson(const ToolDefinition& definition);

// What goes back to the model. A failed call is also an answer: its text says what to do instead.
struct ToolResult {
  bool ok = false;
  std::string text;  // a JSON object: {"result": ...} or {"error": "..."}, either with a "note" at times
};

ToolResult ToolFailure(std::string_view message);
// `note` says what the result leaves out; none if empty.
ToolResult ToolText(std::string_view text, std::string_view note = {});
ToolResult ToolList(const std::vector<std::string>& items, std::string_view note = {});
// A decimal number: as a JSON number if every reader of JSON keeps it exactly, else as text.
ToolResult ToolNumber(std::string_view digits, std::string_view note = {});

class Tool {
 public:
  virtual ~Tool() = default;
  virtual const ToolDefinition& definition() const = 0;
  // `arguments` fit the schema of the definition. Does not throw.
  virtual ToolResult Run(const ToolArguments& arguments) = 0;
};

// Not thread-safe.
class ToolBox {
 public:
  // Refuses a name that is taken or that a model could not write, and a schema that cannot be checked.
  Status Add(std::unique_ptr<Tool> tool);

  // In the order in which they were added.
  std::vector<ToolDefinition> definitions() const;
  bool empty() const { return tools_.empty(); }

  // Runs the tool of that name, if it is declared and `arguments` (the text of a JSON object; an empty text
  // counts as {}) fit its schema. Never throws; whatever is wrong becomes a result that says so.
  ToolResult Call(std::string_view name, std::string_view arguments);

 private:
  struct Entry {
    std::unique_ptr<Tool> tool;
    Json schema;
  };
  std::vector<Entry> tools_;
};

// The tools that come with the program (docs: README, "Tools"). None of them writes, starts a program or
// opens a connection; files are read below `folder` only.
struct BuiltInOptions {
  std::filesystem::path folder = ".";
  // What a result may hold at most; what is left out is said in its note.
  int64_t max_result_bytes = 16 * 1024;
  // Tools by name; if empty, those that the pocket model is trained on, in the order that it is used to
  // (pocket/data/builtin.py), and with `extra` all others behind them. An unknown name is an error.
  std::vector<std::string> only = {};
  bool extra = false;
  // The clock; the system's if not set.
  std::function<std::chrono::system_clock::time_point()> now = {};
};
Status AddBuiltInTools(ToolBox& box, const BuiltInOptions& options = {});

// A program that is about to be started for a tool of the user's own.
struct PendingCommand {
  std::string tool;
  std::vector<std::string> argv;
  std::string input;    // for its standard input; empty: that is closed
  std::string display;  // argv as one would type it in a shell: everything unusual is quoted
};

struct UserToolOptions {
  // Asked before each start; the program is started only if it says true. Refuses if not set.
  std::function<bool(const PendingCommand&)> confirm = {};
  // Asked while the program runs; true ends it. May be left out.
  std::function<bool()> interrupted = {};
};
// Adds the tools of a `--tools` file. Errors name the place in the file and what was expected there.
Status AddUserTools(ToolBox& box, const std::filesystem::path& file, const UserToolOptions& options);
// The same from its text; `what` names it in errors.
Status AddUserToolsFromText(ToolBox& box, std::string_view text, std::string_view what,
                            const UserToolOptions& options);

}  // namespace mains
