// What a model with tools may say: text, then calls of these tools in its own syntax, their arguments as the
// tools' schemas ask (io/chat/tool_format.h). Whatever the grammar lets through, ToolCallParser reads as
// calls with arguments that fit the schemas.
//
// Of a schema's objects the grammar leaves out what it does not have to name: where additionalProperties is
// not said there are none at the top, and syntaxes of tagged parameters write none at all. A parameter that
// may be a string or something else is written without its type in some syntaxes, so that a string that
// looks like a number is read as one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/grammar/grammar.h"
#include "engine/text_stream.h"
#include "io/chat/tool_definition.h"
#include "io/chat/tool_format.h"

namespace mains {

enum class ToolChoice {
  kAuto,      // text, calls, or both
  kNone,      // text without calls
  kRequired,  // at least one call, no text
  kNamed,     // calls of one tool, no text
};

struct ToolGrammarOptions {
  ToolChoice choice = ToolChoice::kAuto;
  std::string named = {};      // kNamed: the tool
  bool parallel = true;        // more than one call, if the syntax has a way to write it
  ThinkingTags thinking = {};  // if not empty, thinking may come before all this
  bool in_thinking = false;    // the prompt has opened it, and it must be closed
};

// Errors: kInvalid for kRequired without tools, a named tool that is not there, or a schema that is no
// object's; kUnsupported for a schema that cannot be honoured (json_schema.h), with the tool's name.
Result<std::shared_ptr<const Grammar>> ToolGrammar(const ToolFormat& format,
                                                   const std::vector<ToolDefinition>& tools,
                                                   const ToolGrammarOptions& options = {});

}  // namespace mains
