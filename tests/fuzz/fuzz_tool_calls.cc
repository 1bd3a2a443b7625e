// Any bytes as what a model wrote, in any syntax: however it is cut, the same calls with whole arguments.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "io/chat/tool_call_parser.h"
#include "io/json.h"

namespace {

using mains::ToolEvent;

const std::vector<mains::ToolDefinition> kTools = {
    {"f", "", R"({"type": "object", "properties": {"s": {"type": "string"}, "n": {"type": "integer"},
      "o": {"type": "object", "properties": {"l": {"type": "array", "items": {"$ref": "#"}}}}}})"}};

// Content and arguments joined, one line for each event.
std::string Read(const mains::ToolFormat& format, std::string_view text, size_t piece) {
  mains::ToolCallParser parser(format, kTools);
  std::string read, arguments;
  ToolEvent::Kind last = ToolEvent::Kind::kCall;
  const auto add = [&](const std::vector<ToolEvent>& events) {
    for (const ToolEvent& event : events) {
      const bool goes_on =
          event.kind == last && (last == ToolEvent::Kind::kContent || last == ToolEvent::Kind::kArguments);
      last = event.kind;
      if (!goes_on) read += "\n" + std::to_string(static_cast<int>(event.kind)) + " ";
      read += event.text + event.reason + event.call.name + event.call.id;
      for (const std::string& note : event.call.notes) read += note;
      if (event.kind == ToolEvent::Kind::kBegin) arguments.clear();
      if (event.kind == ToolEvent::Kind::kArguments) arguments += event.text;
      if (event.kind == ToolEvent::Kind::kCall) {
        CHECK(arguments == event.call.arguments) << arguments << " / " << event.call.arguments;
        CHECK(mains::ParseJson(arguments, "arguments").value().is_object());
      }
    }
  };
  for (size_t at = 0; at < text.size(); at += piece) add(parser.Feed(text.substr(at, piece)));
  add(parser.Finish());
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::vector<mains::ToolFormat>& formats = mains::KnownToolFormats();
  mains::ToolFormat format = formats[data[0] % formats.size()];
  if (data[1] % 2 == 1) {
    format.value_open += "\n";
    format.value_close = "\n" + format.value_close;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string whole = Read(format, text, text.size() + 1);
  CHECK(whole.empty() == text.empty());
  // Byte by byte only where it is short.
  const size_t piece = text.size() < 4096 ? 1 : 1 + data[1];
  CHECK(Read(format, text, piece) == whole);
  return 0;
}
