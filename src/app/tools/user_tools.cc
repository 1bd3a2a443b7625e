#include "app/tools/user_tools.h"

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <cmath>

#include "app/tools/command_runner.h"
#include "base/file.h"
#include "base/utf8.h"
#include "io/json.h"
#include "io/quoted.h"

namespace mains {
namespace {

constexpr int64_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxTools = 128;
constexpr double kMaxTimeoutSeconds = 3600;

Error Bad(std::string message) {
  return Error{ErrorCode::kInvalid, std::move(message)};
}

Result<std::string> ReadText(const Json& tool, const char* key, const std::string& where) {
  const auto found = tool.find(key);
  if (found == tool.end()) return Bad(where + ": \"" + key + "\" is missing");
  if (!found->is_string()) return Bad(where + ": \"" + key + "\" must be a string");
  return found->get<std::string>();
}

Result<CommandElement> ParseElement(const std::string& text, const Json& properties,
                                    const std::string& where) {
  CommandElement element;
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] == '{' || text[i] == '}') && i + 1 < text.size() && text[i + 1] == text[i]) {
      plain += text[i++];
      continue;
    }
    const size_t end = text[i] == '{' ? text.find('}', i) : i;
    if (text[i] == '}' || end == text.npos) {
      return Bad(where + ": a brace in " + Quoted(text) +
                 " has no partner; \"{{\" and \"}}\" stand for braces");
    }
    if (text[i] != '{') {
      plain += text[i];
      continue;
    }
    const std::string name = text.substr(i + 1, end - i - 1);
    if (!properties.contains(name)) {
      return Bad(where + ": " + Quoted("{" + name + "}") +
                 " names no parameter of the tool; \"{{\" and \"}}\" stand for braces");
    }
    if (!plain.empty()) element.pieces.push_back({false, std::move(plain)});
    plain.clear();
    element.pieces.push_back({true, name});
    i = end;
  }
  if (!plain.empty()) element.pieces.push_back({false, std::move(plain)});
  return element;
}

bool HasPlaceholder(const CommandElement& element) {
  return std::any_of(element.pieces.begin(), element.pieces.end(),
                     [](const CommandElement::Piece& piece) { return piece.is_parameter; });
}

Status ReadCommand(const Json& tool, const Json& properties, const std::string& where, UserTool& out) {
  const auto command = tool.find("command");
  const bool is_list =
      command != tool.end() && command->is_array() && !command->empty() &&
      std::all_of(command->begin(), command->end(), [](const Json& e) { return e.is_string(); });
  if (!is_list) return Bad(where + ": \"command\" must be a list of strings, the program first");
  for (const Json& element : *command) {
    const std::string text = element.get<std::string>();
    if (text.find('\0') != text.npos) return Bad(where + ": \"command\" contains a NUL character");
    ASSIGN_OR_RETURN(CommandElement parsed, ParseElement(text, properties, where + ": \"command\""));
    out.command.push_back(std::move(parsed));
  }
  if (out.command[0].pieces.empty()) return Bad(where + ": the program in \"command\" is empty");
  if (HasPlaceholder(out.command[0])) {
    return Bad(where + ": the program itself, the first element of \"command\", cannot be a placeholder");
  }
  out.arguments_on_input = std::none_of(out.command.begin(), out.command.end(), HasPlaceholder);
  return {};
}

Status CheckKeys(const Json& tool, const std::string& where) {
  static constexpr const char* kKeys[] = {"name",    "description",     "parameters",
                                          "command", "timeout_seconds", "allow_leading_dash"};
  for (const auto& [key, value] : tool.items()) {
    const auto is_key = [&key = key](const char* known) { return key == known; };
    if (std::none_of(std::begin(kKeys), std::end(kKeys), is_key)) {
      return Bad(
          where + ": unknown key " + Quoted(key) +
          "; the keys are name, description, parameters, command, timeout_seconds, allow_leading_dash");
    }
  }
  return {};
}

Result<UserTool> ReadTool(const Json& tool, const OrderedJson& ordered, const std::string& where) {
  if (!tool.is_object()) return Bad(where + ": must be an object");
  RETURN_IF_ERROR(CheckKeys(tool, where));
  UserTool out;
  ASSIGN_OR_RETURN(out.definition.name, ReadText(tool, "name", where));
  ASSIGN_OR_RETURN(out.definition.description, ReadText(tool, "description", where));
  const auto parameters = tool.find("parameters");
  if (parameters == tool.end())
    return Bad(where + ": \"parameters\" is missing; {\"type\": \"object\"} takes none");
  if (const Status status = CheckToolSchema(*parameters); !status.ok())
    return status.error().Within(where + ": ");
  out.definition.parameters =
      ordered["parameters"].dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  const Json properties = parameters->value("properties", Json::object());
  RETURN_IF_ERROR(ReadCommand(tool, properties, where, out));
  if (const auto timeout = tool.find("timeout_seconds"); timeout != tool.end()) {
    const bool fits =
        timeout->is_number() && timeout->get<double>() > 0 && timeout->get<double>() <= kMaxTimeoutSeconds;
    if (!fits) return Bad(where + ": \"timeout_seconds\" must be a number above 0 and at most 3600");
    out.timeout_seconds = timeout->get<double>();
  }
  if (const auto dash = tool.find("allow_leading_dash"); dash != tool.end()) {
    if (!dash->is_boolean()) return Bad(where + ": \"allow_leading_dash\" must be true or false");
    out.allow_leading_dash = dash->get<bool>();
  }
  return out;
}

bool IsSafeUnquoted(std::string_view text) {
  const auto safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:=@%+,").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), safe);
}

std::string QuoteElement(const std::string& text) {
  if (IsSafeUnquoted(text)) return text;
  const bool hidden = HasHiddenCharacter(text);
  std::string out = hidden ? "$'" : "'";
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view character = rest.substr(0, static_cast<size_t>(DecodeUtf8(rest).length));
    rest.remove_prefix(character.size());
    if (character == "'") {
      out += hidden ? "\\'" : "'\\''";
    } else if (character == "\\" && hidden) {
      out += "\\\\";
    } else if (character == "\n") {
      out += "\\n";
    } else if (HasHiddenCharacter(character)) {
      static constexpr char kHex[] = "0123456789abcdef";
      for (const char c : character) {
        out += "\\x";
        out += kHex[static_cast<unsigned char>(c) >> 4];
        out += kHex[static_cast<unsigned char>(c) & 15];
      }
    } else {
      out += character;
    }
  }
  return out + "'";
}

class CommandTool final : public Tool {
 public:
  CommandTool(UserTool tool, UserToolOptions options)
      : tool_(std::move(tool)), options_(std::move(options)) {}

  const ToolDefinition& definition() const override { return tool_.definition; }

  ToolResult Run(const ToolArguments& arguments) override {
    const Result<PendingCommand> command = PrepareCommand(tool_, arguments);
    if (!command.ok()) return ToolFailure(command.error().message);
    if (!options_.confirm || !options_.confirm(*command)) {
      return ToolFailure("the user did not allow this command to run");
    }
    CommandRun run;
    run.argv = command->argv;
    run.input = command->input;
    run.timeout_seconds = tool_.timeout_seconds;
    run.interrupted = options_.interrupted;
    const Result<CommandOutcome> outcome = RunCommand(run);
    return outcome.ok() ? Answer(*outcome) : ToolFailure(outcome.error().message);
  }

 private:
  ToolResult Answer(const CommandOutcome& outcome) const {
    std::string_view shown = outcome.output;
    std::string note;
    if (outcome.output_bytes > static_cast<int64_t>(shown.size())) {
      shown = shown.substr(0, CompleteUtf8Prefix(shown));
      note = "only the first " + std::to_string(shown.size()) + " of " +
             std::to_string(outcome.output_bytes) + " bytes of output";
    }
    while (shown.ends_with('\n') || shown.ends_with('\r')) shown.remove_suffix(1);
    const std::string text = RepairUtf8(shown);
    const std::string trouble = Trouble(outcome);
    if (trouble.empty()) return ToolText(text, note);
    return ToolFailure(trouble + (text.empty() ? "" : ": " + text) + (note.empty() ? "" : " (" + note + ")"));
  }

  std::string Trouble(const CommandOutcome& outcome) const {
    switch (outcome.end) {
      case CommandOutcome::End::kTimeout: return "the program was ended because its time was over";
      case CommandOutcome::End::kInterrupted: return "the user ended the program";
      case CommandOutcome::End::kSignal:
        return "the program was ended by signal " + std::to_string(outcome.code) + " (" +
               strsignal(outcome.code) + ")";
      case CommandOutcome::End::kExit: break;
    }
    return outcome.code == 0 ? "" : "the program ended with exit code " + std::to_string(outcome.code);
  }

  UserTool tool_;
  UserToolOptions options_;
};

}  // namespace

Result<std::vector<UserTool>> ParseUserTools(std::string_view text, std::string_view what) {
  ASSIGN_OR_RETURN(const Json file, ParseJson(text, what));
  const std::string name(what);
  if (!file.is_array()) return Bad(name + ": must be a list of tools, [{\"name\": ...}, ...]");
  if (file.size() > kMaxTools) return Bad(name + ": more than 128 tools");
  ASSIGN_OR_RETURN(const OrderedJson ordered, ParseOrderedJson(text, what));  // for the order of the schemas
  std::vector<UserTool> tools;
  for (size_t i = 0; i < file.size(); ++i) {
    ASSIGN_OR_RETURN(UserTool tool, ReadTool(file[i], ordered[i], name + ": tool " + std::to_string(i + 1)));
    tools.push_back(std::move(tool));
  }
  return tools;
}

Result<PendingCommand> PrepareCommand(const UserTool& tool, const ToolArguments& arguments) {
  PendingCommand command;
  command.tool = tool.definition.name;
  if (tool.arguments_on_input) command.input = arguments.Dump();
  bool options_are_over = false;
  for (const CommandElement& element : tool.command) {
    std::string text;
    bool left_out = false;
    for (const CommandElement::Piece& piece : element.pieces) {
      if (!piece.is_parameter) {
        text += piece.text;
        continue;
      }
      left_out = left_out || !arguments.Has(piece.text);
      if (left_out) break;
      const std::string value = arguments.Plain(piece.text);
      if (value.find('\0') != value.npos)
        return Bad("parameter " + Quoted(piece.text) + " contains a NUL character");
      if (text.empty() && value.starts_with('-') && !options_are_over && !tool.allow_leading_dash) {
        return Bad("parameter " + Quoted(piece.text) +
                   " must not begin with \"-\": the program would take it for an option");
      }
      text += value;
    }
    if (left_out) continue;
    // A "--" from the model ends no options.
    options_are_over = options_are_over || (text == "--" && !HasPlaceholder(element));
    command.argv.push_back(std::move(text));
  }
  command.display = QuoteForDisplay(command.argv);
  return command;
}

std::string QuoteForDisplay(const std::vector<std::string>& argv) {
  std::string display;
  for (const std::string& element : argv) display += (display.empty() ? "" : " ") + QuoteElement(element);
  return display;
}

Status AddUserToolsFromText(ToolBox& box, std::string_view text, std::string_view what,
                            const UserToolOptions& options) {
  ASSIGN_OR_RETURN(std::vector<UserTool> tools, ParseUserTools(text, what));
  for (UserTool& tool : tools) {
    const Status added = box.Add(std::make_unique<CommandTool>(std::move(tool), options));
    if (!added.ok()) return added.error().Within(std::string(what) + ": ");
  }
  return {};
}

Status AddUserTools(ToolBox& box, const std::filesystem::path& file, const UserToolOptions& options) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxFileBytes));
  return AddUserToolsFromText(box, text, file.string(), options);
}

}  // namespace mains
