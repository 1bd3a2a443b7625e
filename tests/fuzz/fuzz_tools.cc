// Any bytes as what a model or a user gives to tools. The first byte chooses: an expression, arguments of the
// built-in tools, a file of the user's own tools, a unit, a date.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "app/tools/calculator.h"
#include "app/tools/date_text.h"
#include "app/tools/text_forms.h"
#include "app/tools/tool_box.h"
#include "app/tools/unit_conversion.h"
#include "app/tools/user_tools.h"
#include "base/check.h"
#include "base/utf8.h"

namespace {

// All that can run without touching the disk.
mains::ToolBox& Box() {
  static mains::ToolBox* const kBox = [] {
    mains::BuiltInOptions options;
    options.only = {"calculator", "convert_units", "add_days", "add_months", "days_between", "weekday", "week_number",
                    "add_minutes", "minutes_between", "sort_list", "remove_duplicates", "count_words", "count_characters",
                    "reverse_text", "change_case"};
    auto* const box = new mains::ToolBox;
    CHECK(mains::AddBuiltInTools(*box, options).ok());
    return box;
  }();
  return *kBox;
}

void Call(std::string_view text) {
  const size_t end = text.find('\n');
  const mains::ToolResult result =
      Box().Call(text.substr(0, end), end == text.npos ? std::string_view() : text.substr(end + 1));
  CHECK(mains::IsValidUtf8(result.text) && mains::Json::accept(result.text)) << result.text;
}

void UserFile(std::string_view text) {
  const mains::Result<std::vector<mains::UserTool>> tools = mains::ParseUserTools(text, "tools");
  if (!tools.ok()) return;
  for (const mains::UserTool& tool : *tools) {
    const mains::Result<mains::Json> schema = mains::ParseJson(tool.definition.parameters, "schema");
    CHECK(schema.ok()) << tool.definition.parameters;
    const auto arguments = mains::ToolArguments::Parse(R"({"a": "-x", "b": 5})", *schema);
    if (arguments.ok()) (void)mains::PrepareCommand(tool, *arguments).ok();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'c': {
      const mains::Result<std::string> result = mains::Calculate(text);
      CHECK(mains::IsValidUtf8(result.ok() ? *result : result.error().message));
      break;
    }
    case 't': Call(text); break;
    case 'f': UserFile(text); break;
    case 'u': (void)mains::ConvertUnits(3, text, "km/h").ok(); break;
    case 'd':
      (void)mains::ParseDate(text, std::chrono::year(2026) / 1 / 1).ok();
      (void)mains::ParseTime(text).ok();
      break;
    default: (void)mains::QuoteForDisplay({std::string(text)}); break;
  }
  return 0;
}
