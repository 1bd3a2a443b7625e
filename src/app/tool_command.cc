// mains tool: lists the tools that a model may call, or calls one.
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "app/command.h"
#include "app/tools/confirm.h"
#include "app/tools/tool_box.h"

namespace mains {
namespace {

struct ToolCommandOptions {
  std::string name, arguments, tools;
  bool yes = false, lines = false, json = false;
};

void List(const ToolBox& box, bool json) {
  for (const ToolDefinition& definition : box.definitions()) {
    if (json) {
      std::printf("%s\n", DefinitionJson(definition).c_str());
    } else {
      std::printf("%-18s %s\n", definition.name.c_str(), definition.description.c_str());
    }
  }
}

Status Run(const ToolCommandOptions& options) {
  ToolBox box;
  BuiltInOptions built_in;
  built_in.extra = true;
  RETURN_IF_ERROR(AddBuiltInTools(box, built_in));
  if (!options.tools.empty()) {
    UserToolOptions user;
    user.confirm = [&options](const PendingCommand& command) {
      return options.yes || ConfirmOnTerminal(command);
    };
    RETURN_IF_ERROR(AddUserTools(box, options.tools, user));
  }
  if (options.name.empty()) {
    List(box, options.json);
    return {};
  }
  if (options.lines) {
    for (std::string line; std::getline(std::cin, line);)
      std::printf("%s\n", box.Call(options.name, line).text.c_str());
    return {};
  }
  const ToolResult result = box.Call(options.name, options.arguments);
  std::printf("%s\n", result.text.c_str());
  // The text on standard output has said why.
  return result.ok ? Status() : Error{ErrorCode::kInvalid, ""};
}

}  // namespace

void AddToolCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand("tool", "List the tools that a model may call, or call one");
  auto options = std::make_shared<ToolCommandOptions>();
  command->add_option("name", options->name, "The tool; without it, all are listed");
  command->add_option("arguments", options->arguments,
                      "Its arguments, a JSON object such as {\"expression\": \"2+3\"}");
  command->add_option("--tools", options->tools, "A JSON file with tools of your own");
  command->add_flag("--yes", options->yes, "Run the commands of your own tools without asking");
  command->add_flag("--lines", options->lines, "Read arguments from the input, a JSON object a line");
  command->add_flag("--json", options->json, "List the tools as a model sees them");
  command->callback([&line, options] { line.run = [options] { return Run(*options); }; });
}

}  // namespace mains
