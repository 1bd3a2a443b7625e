// How the tools that come with the program are made: a definition and a function each.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "app/tools/tool_box.h"

namespace mains {

struct BuiltIn {
  ToolDefinition definition;
  std::function<ToolResult(const ToolArguments&)> run;
  bool extra = false;  // the pocket model is not trained on it
};

void AddCalculatorTools(std::vector<BuiltIn>& tools);
using Clock = std::function<std::chrono::system_clock::time_point()>;
void AddDateTools(const Clock& now, std::vector<BuiltIn>& tools);
void AddTextTools(std::vector<BuiltIn>& tools);
void AddFileTools(const std::filesystem::path& folder, int64_t max_result_bytes, std::vector<BuiltIn>& tools);

// The text cut to the bytes that are allowed, at the end of a character; sets `cut`.
std::string CutText(const std::string& text, int64_t max_bytes, bool& cut);

}  // namespace mains
