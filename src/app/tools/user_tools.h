// Tools that the user defines: programs that are run, after a question, with arguments from the model.
//
// The file is a JSON list of objects:
//   {"name": "play", "description": "Plays a song.",
//    "parameters": {"type": "object", "properties": {"song": {"type": "string"}}, "required": ["song"]},
//    "command": ["mpc", "searchplay", "{song}"], "timeout_seconds": 10}
//
// - No shell is ever involved. A placeholder "{song}" stands for the argument, in a whole element of the
// command or
//   in a part of one ("--title={song}"); what is put in is never split. "{{" and "}}" stand for braces.
// - The first element is the program and has no placeholder.
// - Strings are put in as they are, all else as JSON. An element with a placeholder whose argument was left
// out
//   (it was not required) is left out too.
// - A command without placeholders gets the arguments as one JSON object on its standard input; otherwise its
//   standard input is empty.
// - An argument that begins with "-" would read as an option where its placeholder begins an element, so the
// call
//   is refused there, unless an earlier element is "--" or the tool says "allow_leading_dash": true.
// - "timeout_seconds" (up to 3600) is 60 if left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/tools/tool_arguments.h"
#include "app/tools/tool_box.h"
#include "base/result.h"

namespace mains {

// An element of a command: text and placeholders by turns.
struct CommandElement {
  struct Piece {
    bool is_parameter = false;
    std::string text;  // as it is, or the name of the parameter
  };
  std::vector<Piece> pieces;
};

struct UserTool {
  ToolDefinition definition;
  std::vector<CommandElement> command;
  bool arguments_on_input = false;  // no element has a placeholder
  bool allow_leading_dash = false;
  double timeout_seconds = 60;
};

// The tools of a file's text; `what` names it in errors. Total.
Result<std::vector<UserTool>> ParseUserTools(std::string_view text, std::string_view what);

// What would be run for these arguments, which fit the tool's schema.
Result<PendingCommand> PrepareCommand(const UserTool& tool, const ToolArguments& arguments);

// As one would type it in a POSIX shell; what is hidden or turns the direction of text is written as an
// escape.
std::string QuoteForDisplay(const std::vector<std::string>& argv);

}  // namespace mains
