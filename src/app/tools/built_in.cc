#include "app/tools/built_in.h"

#include <algorithm>

#include "base/utf8.h"
#include "io/quoted.h"

namespace mains {
namespace {

class BuiltInTool final : public Tool {
 public:
  explicit BuiltInTool(BuiltIn built_in) : built_in_(std::move(built_in)) {}
  const ToolDefinition& definition() const override { return built_in_.definition; }
  ToolResult Run(const ToolArguments& arguments) override { return built_in_.run(arguments); }

 private:
  BuiltIn built_in_;
};

}  // namespace

Status AddBuiltInTools(ToolBox& box, const BuiltInOptions& options) {
  std::vector<BuiltIn> tools;
  AddCalculatorTools(tools);
  AddDateTools(options.now ? options.now : std::chrono::system_clock::now, tools);
  AddTextTools(tools);
  AddFileTools(options.folder, options.max_result_bytes, tools);
  for (const std::string& name : options.only) {
    const bool known = std::any_of(tools.begin(), tools.end(),
                                   [&](const BuiltIn& tool) { return tool.definition.name == name; });
    if (!known) return Error{ErrorCode::kNotFound, "there is no built-in tool " + Quoted(name)};
  }
  const auto is_wanted = [&options](const BuiltIn& tool) {
    if (options.only.empty()) return options.extra || !tool.extra;
    return std::find(options.only.begin(), options.only.end(), tool.definition.name) != options.only.end();
  };
  std::stable_partition(tools.begin(), tools.end(), [](const BuiltIn& tool) { return !tool.extra; });
  for (BuiltIn& tool : tools) {
    if (is_wanted(tool)) RETURN_IF_ERROR(box.Add(std::make_unique<BuiltInTool>(std::move(tool))));
  }
  return {};
}

std::string CutText(const std::string& text, int64_t max_bytes, bool& cut) {
  cut = static_cast<int64_t>(text.size()) > max_bytes;
  if (!cut) return text;
  const std::string_view start =
      std::string_view(text).substr(0, static_cast<size_t>(std::max<int64_t>(max_bytes, 0)));
  return std::string(start.substr(0, CompleteUtf8Prefix(start)));
}

}  // namespace mains
