// The known syntaxes of tool calls, each from the template or encoder that its publisher ships.
#include "io/chat/tool_format.h"

namespace mains {
namespace {

using Payload = ToolFormat::Payload;
using Id = ToolFormat::Id;
using Type = ToolFormat::Type;

// DeepSeek V3.2 and V4: encoding_dsv32.py, encoding_dsv4.py.
ToolFormat Dsml(const std::string& block) {
  return {.family = "dsml_" + block,
          .payload = Payload::kTagged,
          .block_open = "<｜DSML｜" + block + ">",
          .block_close = "</｜DSML｜" + block + ">",
          .call_open = "<｜DSML｜invoke name=\"",
          .call_close = "</｜DSML｜invoke>",
          .name_close = "\">",
          .key_open = "<｜DSML｜parameter name=\"",
          .key_close = "\" string=\"",
          .value_open = "\">",
          .value_close = "</｜DSML｜parameter>",
          .type = Type::kStringFlag};
}

// DeepSeek V3 and R1 (`fenced`), V3.1.
ToolFormat DeepSeekMarks(bool fenced) {
  return {.family = fenced ? "deepseek_r1" : "deepseek_v3.1",
          .payload = Payload::kJson,
          .block_open = "<｜tool▁calls▁begin｜>",
          .block_close = "<｜tool▁calls▁end｜>",
          .call_open = fenced ? "<｜tool▁call▁begin｜>function<｜tool▁sep｜>" : "<｜tool▁call▁begin｜>",
          .call_close = fenced ? "```<｜tool▁call▁end｜>" : "<｜tool▁call▁end｜>",
          .name_close = fenced ? "```json" : "<｜tool▁sep｜>"};
}

// One JSON object per call. `arguments`: its key for them.
ToolFormat Objects(const std::string& family, const std::string& open, const std::string& close,
                   const std::string& arguments = "arguments") {
  return {.family = family,
          .payload = Payload::kObject,
          .block_open = open,
          .block_close = close,
          .call_close = "}",
          .name_open = "{\"name\":\"",
          .name_close = "\",\"" + arguments + "\":"};
}

ToolFormat ObjectList(const std::string& family, const std::string& open, const std::string& close) {
  ToolFormat format = Objects(family, open, close);
  format.list_open = "[";
  format.list_close = "]";
  return format;
}

ToolFormat MistralObjects() {
  ToolFormat format = ObjectList("mistral_ids", "[TOOL_CALLS]", "");
  format.id = Id::kInObject;
  format.id_mark = ",\"id\":\"";
  format.id_length = 9;
  format.call_close = "\"}";
  return format;
}

ToolFormat Llama() {
  ToolFormat format = Objects("llama", "", "", "parameters");
  format.bare_object = true;
  format.other_open = "<|python_tag|>";
  return format;
}

// <function=NAME><parameter=KEY>: Qwen3-Coder, Qwen3.5, StepFun; with marks of its own Seed-OSS.
ToolFormat FunctionTags(const std::string& family, const std::string& block) {
  return {.family = family,
          .payload = Payload::kTagged,
          .block_open = "<" + block + ">",
          .block_close = "</" + block + ">",
          .call_open = "<function=",
          .call_close = "</function>",
          .name_close = ">",
          .key_open = "<parameter=",
          .key_close = ">",
          .value_close = "</parameter>"};
}

// GLM-4.5 to 5; `suffix` and the rest: Hunyuan 3.
ToolFormat ArgumentPairs(const std::string& family, const std::string& suffix) {
  ToolFormat format = {.family = family,
                       .payload = Payload::kTagged,
                       .call_open = "<tool_call" + suffix + ">",
                       .call_close = "</tool_call" + suffix + ">",
                       .key_open = "<arg_key" + suffix + ">",
                       .key_close = "</arg_key" + suffix + ">",
                       .value_open = "<arg_value" + suffix + ">",
                       .value_close = "</arg_value" + suffix + ">"};
  if (!suffix.empty()) {
    format.block_open = "<tool_calls" + suffix + ">";
    format.block_close = "</tool_calls" + suffix + ">";
    format.name_close = "<tool_sep" + suffix + ">";
  }
  return format;
}

ToolFormat MiniMaxM2() {
  return {.family = "minimax_m2",
          .payload = Payload::kTagged,
          .block_open = "<minimax:tool_call>",
          .block_close = "</minimax:tool_call>",
          .call_open = "<invoke name=\"",
          .call_close = "</invoke>",
          .name_close = "\">",
          .key_open = "<parameter name=\"",
          .key_close = "\">",
          .value_close = "</parameter>"};
}

ToolFormat MiniMaxM3() {
  const std::string token = "]<]minimax[>[";
  return {.family = "minimax_m3",
          .payload = Payload::kNested,
          .block_open = token + "<tool_call>",
          .block_close = token + "</tool_call>",
          .call_open = token + "<invoke name=\"",
          .call_close = token + "</invoke>",
          .name_close = "\">",
          .key_open = token + "<",
          .key_close = ">",
          .value_close = token + "</"};
}

ToolFormat KimiK2() {
  return {.family = "kimi_k2",
          .payload = Payload::kJson,
          .block_open = "<|tool_calls_section_begin|>",
          .block_close = "<|tool_calls_section_end|>",
          .call_open = "<|tool_call_begin|>",
          .call_close = "<|tool_call_end|>",
          .name_open = "functions.",
          .name_close = "<|tool_call_argument_begin|>",
          .id = Id::kName,
          .id_mark = ":"};
}

ToolFormat KimiK3() {
  return {.family = "kimi_k3",
          .payload = Payload::kTagged,
          .block_open = "<|open|>tools<|sep|>",
          .block_close = "<|close|>tools<|sep|>",
          .call_open = "<|open|>call tool=\"",
          .call_close = "<|close|>call<|sep|>",
          .name_close = "\"<|sep|>",
          .id = Id::kIndex,
          .id_mark = "\" index=\"",
          .key_open = "<|open|>argument key=\"",
          .key_close = "\" type=\"",
          .value_open = "\"<|sep|>",
          .value_close = "<|close|>argument<|sep|>",
          .type = Type::kName,
          .escapes_names = true};
}

// [TOOL_CALLS]NAME[CALL_ID]ID[ARGS]{...} of Mistral Small 3.2; later ones have no ids.
ToolFormat MistralNames(bool has_ids) {
  return {.family = has_ids ? "mistral_names_ids" : "mistral_names",
          .payload = Payload::kJson,
          .block_open = "[TOOL_CALLS]",
          .one_call_blocks = true,
          .name_close = "[ARGS]",
          .id = has_ids ? Id::kAfterName : Id::kNone,
          .id_mark = has_ids ? "[CALL_ID]" : "",
          .id_length = has_ids ? 9 : 0};
}

ToolFormat Solar() {
  return {.family = "solar",
          .payload = Payload::kJson,
          .call_open = "<|tool_call:begin|>",
          .call_close = "<|tool_call:end|>",
          .name_close = "<|tool_call:args|>",
          .id = Id::kBeforeName,
          .id_mark = "<|tool_call:name|>",
          .id_length = 10};
}

ToolFormat Functionary() {
  return {.family = "functionary",
          .payload = Payload::kJson,
          .call_open = "<function=",
          .call_close = "</function>",
          .name_close = ">"};
}

ToolFormat MiniCpm() {
  return {.family = "minicpm5",
          .payload = Payload::kTagged,
          .call_open = "<function name=\"",
          .call_close = "</function>",
          .name_close = "\">",
          .key_open = "<param name=\"",
          .key_close = "\">",
          .value_close = "</param>",
          .has_cdata = true};
}

}  // namespace

const std::vector<ToolFormat>& KnownToolFormats() {
  // The bare object of Llama comes last: it is part of others.
  static const std::vector<ToolFormat> formats = {
      Dsml("function_calls"),
      Dsml("tool_calls"),
      DeepSeekMarks(true),
      DeepSeekMarks(false),
      Objects("hermes", "<tool_call>", "</tool_call>"),
      Objects("minimax_m1", "<tool_calls>", "</tool_calls>"),
      ObjectList("nemotron", "<TOOLCALL>", "</TOOLCALL>"),
      MistralObjects(),
      ObjectList("mistral", "[TOOL_CALLS]", ""),
      FunctionTags("qwen_xml", "tool_call"),
      FunctionTags("seed", "seed:tool_call"),
      ArgumentPairs("glm", ""),
      ArgumentPairs("hunyuan", ":opensource"),
      MiniMaxM2(),
      MiniMaxM3(),
      KimiK2(),
      KimiK3(),
      MistralNames(true),
      MistralNames(false),
      Solar(),
      Functionary(),
      MiniCpm(),
      Llama(),
  };
  return formats;
}

}  // namespace mains
