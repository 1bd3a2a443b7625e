// From what a model wrote, thinking already taken out, to text and calls of tools. What comes out depends on
// the text alone, never on how it was cut into pieces, and nothing that the model wrote is lost but white
// space beside calls: what begins as a call and is none comes out as malformed, with its text.
//
// Time linear in the text, memory in the longest call. One answer each; one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/chat/tool_definition.h"
#include "io/chat/tool_format.h"

namespace mains {

struct ParsedToolCall {
  std::string id = {};         // as the model wrote it; empty if the syntax has none
  std::string name = {};       // may be a tool that was never declared
  std::string arguments = {};  // one JSON object, its keys unique and in the order written
  // What was read otherwise than the schema says: "days: not an integer, kept as text".
  std::vector<std::string> notes = {};
};

struct ToolEvent {
  enum class Kind {
    kContent,    // text: what the answer has gained, none of it part of a mark
    kBegin,      // text: the name of a call; only its id may be known too (call.id)
    kArguments,  // text: what its arguments have gained; together they are call.arguments, if the call ends
                 // well
    kCall,       // call: complete
    kMalformed,  // text: all that was written of the call, marks included; reason: what is wrong with it
  };
  Kind kind = Kind::kContent;
  int64_t index = 0;  // of the call in the answer, malformed ones counted; nothing for content
  std::string text = {};
  std::string reason = {};
  ParsedToolCall call = {};
};

class ToolCallParser {
 public:
  // Of `tools` the schemas are used, where values are written without their types. A schema that is no JSON
  // is as good as none.
  ToolCallParser(const ToolFormat& format, const std::vector<ToolDefinition>& tools);
  ~ToolCallParser();
  ToolCallParser(ToolCallParser&&) noexcept;
  ToolCallParser& operator=(ToolCallParser&&) noexcept;

  // In the order of the text. Content is given out as soon as it is certain, and so are arguments written as
  // JSON and long strings; kCall or kMalformed ends every call that was begun.
  std::vector<ToolEvent> Feed(std::string_view text);
  // The end of the answer: what was held back. A call without its end is malformed.
  std::vector<ToolEvent> Finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A whole answer at once.
struct ParsedAnswer {
  std::string content;
  std::vector<ParsedToolCall> calls;
  std::vector<std::string> malformed;  // the text of each
};
ParsedAnswer ParseToolCalls(const ToolFormat& format, const std::vector<ToolDefinition>& tools,
                            std::string_view text);

}  // namespace mains
