// How a model family writes calls of tools. Some twenty syntaxes are in use, and all are one of a few shapes
// with marks of their own, so a syntax is data: the marks, what stands between them, and how values are
// written. Which one a model uses is found by letting its own chat template render a call.
//
// An answer is text with blocks of calls in it:
//   text lead block_open call (call_separator call)* block_close text
//   kObject: call_open name_open NAME name_close ARGUMENTS call_close   with name_open = {"name": "
//   kJson:   call_open name_open NAME name_close ARGUMENTS call_close   with ARGUMENTS a JSON object
//   kTagged: call_open name_open NAME name_close PARAMETER* call_close
//            with PARAMETER = key_open KEY key_close [TYPE value_open] VALUE value_close
//   kNested: the same; a value that is an object or a list is written in further tags of the same kind
// Any of the marks may be empty. Where block_open is empty the calls stand in the text by themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/chat/chat_template.h"

namespace mains {

// Marks are spelled as the template writes them, with the white space between them; a reader takes any white
// space, or none, where a mark begins or ends with some.
struct ToolFormat {
  enum class Payload { kObject, kJson, kTagged, kNested };
  enum class Id {
    kNone,
    kName,        // the id holds the name: functions.NAME:INDEX (Kimi K2)
    kBeforeName,  // ID id_mark NAME (Solar)
    kAfterName,   // NAME id_mark ID (Mistral)
    kInObject,    // {"name": ..., "arguments": ..., "id": ID} (Mistral Nemo)
    kIndex,       // NAME id_mark INDEX, counted from 1 in each answer (Kimi K3)
  };
  // What a tagged parameter says of its type, between key_close and value_open.
  enum class Type {
    kNone,        // nothing: the tool's schema decides
    kStringFlag,  // true if the value is a string, written as it is; else false, and the value is JSON (DSML)
    kName,        // string, number, boolean, object, array or null (Kimi K3)
  };

  std::string family = {};  // what this syntax is called here: "hermes", "dsml"
  Payload payload = Payload::kObject;

  std::string lead = {};  // between the text of the answer and the first mark
  std::string block_open = {}, block_close = {};
  bool one_call_blocks = false;  // a further call opens a block of its own, after block_separator
  std::string block_separator = {};
  std::string list_open = {}, list_close = {};  // inside the block, where its calls are one JSON list
  std::string call_open = {}, call_separator = {}, call_close = {};
  std::string empty_call_close = {};  // call_close of a call without arguments
  bool single_call = false;           // the template refuses a second call in one answer
  // Nothing marks a call: an answer that is such an object is one (Llama 3). block_open is then empty, and
  // other_open a mark that may stand before it.
  bool bare_object = false;
  std::string other_open = {};

  std::string name_open = {}, name_close = {};
  Id id = Id::kNone;
  std::string id_mark = {};
  int64_t id_length = 0;  // letters and digits, where the model makes ids up

  std::string key_open = {}, key_close = {}, value_open = {}, value_close = {};
  Type type = Type::kNone;
  bool has_cdata = false;          // strings with markup or line ends are wrapped in <![CDATA[ ]]>
  bool escapes_names = false;      // & and " in names and keys are &amp; and &quot;
  bool has_python_values = false;  // values that are no strings are as Python prints them: True, None

  bool declares_tools = false;  // the template tells the model of its tools; else the caller must

  // The marks that open a block or a call in text: none of them may stand in an answer's text.
  std::vector<std::string> OpeningMarks() const;
  // Whether `token`, the text of a special token, is part of a mark, so that it must reach the parser
  // although special tokens are no text otherwise.
  bool Uses(std::string_view token) const;
};

// The syntaxes known, without white space between marks: each template has its own. The first that fits a
// template is its format.
const std::vector<ToolFormat>& KnownToolFormats();

// Renders a conversation with calls through the template and recognises the syntax. Errors: kUnsupported if
// the template renders no calls, or calls in no known syntax (the message shows them); the template's own
// error if it cannot be rendered with tools at all.
Result<ToolFormat> DetectToolFormat(const ChatTemplate& chat_template);

}  // namespace mains
