// The syntaxes of tool calls one by one: what models write beside the book, streaming, and values without
// types.
#include "io/chat/tool_call_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/chat/tool_values.h"
#include "io/json.h"

namespace mains {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = ToolEvent::Kind;

ToolFormat Known(const std::string& family) {
  for (const ToolFormat& format : KnownToolFormats()) {
    if (format.family == family) return format;
  }
  ADD_FAILURE() << "no syntax " << family;
  return {};
}

std::vector<ToolDefinition> Weather() {
  return {{"get_weather", "", R"({"type": "object", "properties": {"city": {"type": "string"},
      "days": {"type": "integer"}, "wind": {"type": ["boolean", "null"]}, "when": {"$ref": "#/$defs/date"}},
      "$defs": {"date": {"anyOf": [{"type": "string"}, {"type": "number"}]}}})"}};
}

ParsedAnswer Parse(const std::string& family, std::string_view text) {
  return ParseToolCalls(Known(family), Weather(), text);
}

std::string OnlyArguments(const std::string& family, std::string_view text) {
  const ParsedAnswer answer = Parse(family, text);
  EXPECT_THAT(answer.malformed, IsEmpty()) << text;
  EXPECT_EQ(answer.calls.size(), 1) << text;
  if (answer.calls.empty()) return "";
  EXPECT_EQ(answer.calls[0].name, "get_weather");
  return answer.calls[0].arguments;
}

TEST(ToolCallParser, TextWithoutCallsPassesUnchanged) {
  for (const std::string text : {"", "plain", " two\n\n", "1 < 2 and <tool> [TOOL] <|", "{\"name\": \"x\"}",
                                 "{\"name\": \"get_weather\", \"parameters\": {}", "```json\n{}\n```"}) {
    for (const ToolFormat& format : KnownToolFormats()) {
      const ParsedAnswer answer = ParseToolCalls(format, Weather(), text);
      EXPECT_EQ(answer.content, text) << format.family;
      EXPECT_THAT(answer.calls, IsEmpty()) << format.family;
      EXPECT_THAT(answer.malformed, IsEmpty()) << format.family;
    }
  }
}

TEST(ToolCallParser, AMarkInAnAnswerIsShownAsMalformed) {
  const ParsedAnswer answer = Parse("hermes", "I wrote <tool_call> by hand, {not} a call.");
  EXPECT_EQ(answer.content, "I wrote");
  EXPECT_THAT(answer.malformed, ElementsAre("<tool_call> by hand, {not} a call."));
}

TEST(ToolCallParser, AfterAMalformedCallTheNextIsRead) {
  const ParsedAnswer answer =
      Parse("hermes",
            "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"a\", \"city\": "
            "\"b\"}}\n</tool_call>\n"
            "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"c\"}}\n</tool_call> done");
  EXPECT_THAT(answer.malformed, ElementsAre(HasSubstr("\"b\"")));
  ASSERT_EQ(answer.calls.size(), 1);
  EXPECT_EQ(answer.calls[0].arguments, "{\"city\": \"c\"}");
  EXPECT_EQ(answer.content, " done");
}

TEST(ToolCallParser, KeysThatOccurTwiceAreAnError) {
  const std::string parameter = "<parameter=city>\na\n</parameter>\n";
  EXPECT_EQ(Parse("qwen_xml", "<tool_call>\n<function=get_weather>\n" + parameter + parameter +
                                  "</function>\n</tool_call>")
                .malformed.size(),
            1);
}

TEST(ToolCallParser, ReadsJsonAsModelsWriteIt) {
  for (const std::string inside :
       {R"({"name":"get_weather","arguments":{"city": "Paris"}})",
        R"({"arguments": {"city": "Paris"}, "name": "get_weather"})",
        R"({"name": "get_weather", "parameters": {"city": "Paris"}, "type": "function"})",
        R"([{"name": "get_weather", "arguments": {"city": "Paris"}}])",
        R"({"name": "get_weather", "arguments": "{\"city\": \"Paris\"}"})"}) {
    EXPECT_EQ(OnlyArguments("hermes", "<tool_call>" + inside + "</tool_call>"), "{\"city\": \"Paris\"}")
        << inside;
    EXPECT_EQ(OnlyArguments("hermes", "<tool_call>\n\n" + inside), "{\"city\": \"Paris\"}") << inside;
  }
  EXPECT_EQ(OnlyArguments("hermes", R"(<tool_call>{"name": "get_weather"}</tool_call>)"), "{}");
  for (const std::string inside : {R"({"name": "get_weather", "arguments": [1]})", R"({"arguments": {}})",
                                   R"({"name": 3, "arguments": {}})", R"({"name": "a b", "arguments": {}})",
                                   R"({"name": "x", "arguments": "no"})", "[]", ""}) {
    EXPECT_EQ(Parse("hermes", "<tool_call>" + inside + "</tool_call>").malformed.size(), 1) << inside;
  }
}

TEST(ToolCallParser, KeepsTheWrittenOrderAndDigits) {
  EXPECT_EQ(OnlyArguments("deepseek_v3.1",
                          "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>"
                          "{\"z\": 12345678901234567890.10, \"a\": 1e2}<｜tool▁call▁end｜>"),
            "{\"z\": 12345678901234567890.10, \"a\": 1e2}");
  EXPECT_EQ(OnlyArguments("glm",
                          "<tool_call>get_weather\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n"
                          "<arg_key>city</arg_key><arg_value>3</arg_value></tool_call>"),
            R"({"days": 3, "city": "3"})");
}

TEST(ToolCallParser, IdsAndNames) {
  const ParsedAnswer kimi = Parse(
      "kimi_k2",
      "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:7<|tool_call_argument_begin|>{}"
      "<|tool_call_end|><|tool_call_begin|>get_weather<|tool_call_argument_begin|> <|tool_call_end|>"
      "<|tool_calls_section_end|>");
  ASSERT_EQ(kimi.calls.size(), 2);
  EXPECT_EQ(kimi.calls[0].id, "functions.get_weather:7");
  EXPECT_EQ(kimi.calls[0].name, "get_weather");
  EXPECT_EQ(kimi.calls[1].name, "get_weather");
  EXPECT_EQ(kimi.calls[1].arguments, "{}");
  const ParsedAnswer mistral =
      Parse("mistral_names_ids", "[TOOL_CALLS]get_weather[CALL_ID]a1[ARGS]{}[TOOL_CALLS]get_weather[ARGS]{}");
  ASSERT_EQ(mistral.calls.size(), 2);
  EXPECT_EQ(mistral.calls[0].id, "a1");
  EXPECT_EQ(mistral.calls[1].id, "");
  const ParsedAnswer nemo = Parse(
      "mistral_ids", R"([TOOL_CALLS] [{"name": "get_weather", "arguments": {}, "id": "a1"}, {"name": "b"}])");
  ASSERT_EQ(nemo.calls.size(), 2);
  EXPECT_EQ(nemo.calls[0].id, "a1");
}

TEST(ToolCallParser, ForgottenBlocks) {
  EXPECT_EQ(OnlyArguments("qwen_xml", "<function=get_weather>\n</function>\n</tool_call>"), "{}");
  EXPECT_EQ(OnlyArguments("kimi_k2",
                          "<|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{}"
                          "<|tool_call_end|><|tool_calls_section_end|>"),
            "{}");
  const ParsedAnswer answer =
      Parse("hermes", R"(<tool_call>{"name": "a"}<tool_call>{"name": "b"}</tool_call>)");
  EXPECT_EQ(answer.calls.size(), 2);
  EXPECT_EQ(answer.content, "");
}

TEST(ToolCallParser, LlamaWritesNoMarks) {
  const std::string call = R"({"name": "get_weather", "parameters": {"city": "Paris"}})";
  EXPECT_EQ(OnlyArguments("llama", call), "{\"city\": \"Paris\"}");
  EXPECT_EQ(OnlyArguments("llama", "<|python_tag|>" + call), "{\"city\": \"Paris\"}");
  for (const std::string& text : {std::string(R"({"name": "unknown", "parameters": {}})"),
                                  std::string(R"({"a": 1})"), "The call: " + call})
    EXPECT_EQ(Parse("llama", text).content, text);
  EXPECT_EQ(Parse("llama", "<|python_tag|>print(1)").malformed.size(), 1);
}

TEST(ToolCallParser, EndMarksInsideValuesAreText) {
  ToolFormat format = Known("qwen_xml");
  format.value_open = "\n";
  format.value_close = "\n</parameter>";
  const ParsedAnswer answer = ParseToolCalls(format, Weather(),
                                             "<tool_call>\n<function=get_weather>\n<parameter=city>\nuse "
                                             "<parameter=x>\n</parameter> or </parameter>\n\n"
                                             "</parameter>\n</function>\n</tool_call>");
  ASSERT_EQ(answer.calls.size(), 1);
  EXPECT_EQ(answer.calls[0].arguments, R"({"city": "use <parameter=x>\n</parameter> or </parameter>\n"})");
}

TEST(ToolCallParser, EndMarksInsideJsonValuesAreText) {
  const std::string open = "<｜DSML｜function_calls><｜DSML｜invoke name=\"get_weather\">",
                    end = "</｜DSML｜invoke>";
  const std::string list = R"(["a</｜DSML｜parameter></｜DSML｜invoke>\\", "\""])";
  EXPECT_EQ(OnlyArguments("dsml_function_calls", open + "<｜DSML｜parameter name=\"l\" string=\"false\">" +
                                                     list + "</｜DSML｜parameter>" + end),
            "{\"l\": " + list + "}");
  // What only looks like JSON ends at the first mark.
  const ParsedAnswer broken =
      Parse("dsml_function_calls",
            open + "<｜DSML｜parameter name=\"l\" string=\"false\">[\"a" + "</｜DSML｜parameter>" + end);
  ASSERT_EQ(broken.calls.size(), 1);
  EXPECT_EQ(broken.calls[0].arguments, R"({"l": "[\"a"})");
  EXPECT_THAT(broken.calls[0].notes, ElementsAre("\"l\": not JSON as it says, kept as text"));
}

TEST(ToolCallParser, StreamsNamesAndArguments) {
  ToolCallParser parser(Known("dsml_function_calls"), {});
  EXPECT_THAT(parser.Feed("Text\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"write"),
              ::testing::SizeIs(1));
  std::vector<ToolEvent> events = parser.Feed("_file\">\n");
  ASSERT_EQ(events.size(), 1);
  EXPECT_EQ(events[0].kind, Kind::kBegin);
  EXPECT_EQ(events[0].text, "write_file");
  events = parser.Feed("<｜DSML｜parameter name=\"text\" string=\"true\">" + std::string(1000, 'a'));
  ASSERT_EQ(events.size(), 1);
  EXPECT_EQ(events[0].kind, Kind::kArguments);
  EXPECT_GT(events[0].text.size(), 900);
  events = parser.Feed("</｜DSML｜parameter>\n</｜DSML｜invoke>");
  ASSERT_EQ(events.size(), 2);
  EXPECT_EQ(events[1].kind, Kind::kCall);
  EXPECT_EQ(events[1].call.arguments, "{\"text\": \"" + std::string(1000, 'a') + "\"}");
}

TEST(ToolCallParser, StreamsContentUpToWhatMayBeAMark) {
  ToolCallParser parser(Known("hermes"), {});
  EXPECT_EQ(parser.Feed("one two")[0].text, "one two");
  EXPECT_EQ(parser.Feed(" <b> <tool_c")[0].text, " <b>");
  EXPECT_EQ(parser.Feed("up>")[0].text, " <tool_cup>");
  EXPECT_THAT(parser.Finish(), IsEmpty());
}

TEST(ToolCallParser, SaysWhatWasNoValueOfItsType) {
  const ParsedAnswer answer =
      Parse("glm",
            "<tool_call>get_weather<arg_key>days</arg_key><arg_value>soon</arg_value><arg_key>wind</arg_key>"
            "<arg_value>None</arg_value><arg_key>when</arg_key><arg_value>7</arg_value></tool_call>");
  ASSERT_EQ(answer.calls.size(), 1);
  EXPECT_EQ(answer.calls[0].arguments, R"({"days": "soon", "wind": null, "when": 7})");
  EXPECT_THAT(answer.calls[0].notes, ElementsAre("\"days\": not an integer, kept as text"));
}

TEST(ToolCallParser, LongTextsInSmallPiecesTakeLinearTime) {
  for (const ToolFormat& format : KnownToolFormats()) {
    ToolCallParser parser(format, Weather());
    const std::string open = format.block_open + format.list_open + format.call_open + format.name_open;
    parser.Feed(open + "get_weather" + format.name_close + "{\"city\": \"" + format.key_open + "city" +
                format.key_close);
    for (int i = 0; i < 200'000; ++i) parser.Feed(i % 7 == 0 ? "</" : "abc");
    parser.Finish();
  }
}

TEST(ToolCallParser, DeeplyNestedArgumentsAreMalformedNotFatal) {
  std::string tags, brackets(100'000, '[');
  for (int i = 0; i < 50'000; ++i) tags += "]<]minimax[>[<a>";
  EXPECT_EQ(Parse("minimax_m3", "]<]minimax[>[<tool_call>]<]minimax[>[<invoke name=\"get_weather\">" + tags)
                .malformed.size(),
            1);
  EXPECT_EQ(
      Parse("hermes", "<tool_call>{\"name\": \"x\", \"arguments\": {\"a\": " + brackets).malformed.size(), 1);
  EXPECT_EQ(OnlyArguments("seed", "<seed:tool_call><function=get_weather><parameter=x>" + brackets +
                                      "</parameter></function></seed:tool_call>")
                .size(),
            brackets.size() + 9);
}

TEST(ToolValues, IntegersOfAnySize) {
  const ValueTypes integer = ValueTypes::Named("integer");
  for (const char* text : {"3", "-3.0", "784520123912391012320586", "1e30"}) {
    EXPECT_EQ(CastText(text, integer).json, text);
    EXPECT_EQ(CastText(text, integer).note, "") << text;
  }
  EXPECT_EQ(CastText("2.5", integer).json, "\"2.5\"");
  EXPECT_EQ(CastText("1e999", integer).json, "\"1e999\"");
}

TEST(ToolValues, PythonLiterals) {
  EXPECT_EQ(JsonFromPython(R"({'a': [1, -2.5, True], "b": (None, 'it\'s "x"\n'), 'c': {}})"),
            R"({"a": [1, -2.5, true], "b": [null, "it's \"x\"\n"], "c": {}})");
  EXPECT_EQ(JsonFromPython(R"(['\x41\u4f60\U0001f600',])"), "[\"A你😀\"]");
  for (const char* text : {"", "[", "[1", "{'a'}", "{1: 2}", "['a]", "[1 2]", "[nan]", "['\\xZZ']",
                           "['\\ud800']", "[,]", "f(1)", "{'a': 1, 'a': 2}"}) {
    EXPECT_EQ(JsonFromPython(text), std::nullopt) << text;
  }
}

TEST(ToolDefinitions, BothWays) {
  const std::vector<ToolDefinition> tools = Weather();
  const jinja::Value value = ToolsValue(tools).value();
  ASSERT_TRUE(value.Is(jinja::Kind::kList));
  EXPECT_TRUE(ToolsValue({}).value().IsUndefined());
  EXPECT_EQ(ToolsValue({{"f", "", "[]"}}).error().message, "the schema of tool \"f\" must be a JSON object");
  const std::vector<ToolDefinition> read =
      ReadToolDefinitions(R"([{"type": "function", "function": {"name": "f", "description": "d", "parameters":
        {"type": "object", "properties": {"z": {}, "a": {}}}}}, {"name": "g"}])")
          .value();
  ASSERT_EQ(read.size(), 2);
  EXPECT_EQ(read[0].name, "f");
  EXPECT_EQ(read[0].description, "d");
  EXPECT_EQ(read[0].parameters, R"({"type": "object", "properties": {"z": {}, "a": {}}})");
  EXPECT_EQ(read[1].parameters, "");
  EXPECT_EQ(ReadToolDefinitions(R"([{"name": "f"}, {}])").error().message, "tools[1]: has no \"name\"");
}

TEST(ToolFormat, OfATemplateThatPutsTheIdInPlaceOfTheName) {
  // As the publisher's Kimi K2 templates do.
  const char* source =
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% if m.tool_calls %}<|tool_calls_section_begin|>"
      "{% for c in m.tool_calls %}<|tool_call_begin|>{{ c.id }}<|tool_call_argument_begin|>"
      "{{ c.function.arguments | tojson }}<|tool_call_end|>{% endfor %}<|tool_calls_section_end|>{% endif "
      "%}{% endfor %}";
  const Result<ToolFormat> format = DetectToolFormat(ChatTemplate::FromSource(source).value());
  ASSERT_TRUE(format.ok()) << format.error().message;
  EXPECT_EQ(format->family, "kimi_k2");
  EXPECT_FALSE(format->declares_tools);
}

TEST(ToolFormat, TakesTheWhiteSpaceOfTheTemplate) {
  const char* source =
      "{{ tools }}{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}  <tool_call> "
      "{\"name\":\"{{ c.function.name }}\","
      "\"arguments\": {{ c.function.arguments | tojson }} }</tool_call>{% endfor %}{% endfor %}";
  const ToolFormat format = DetectToolFormat(ChatTemplate::FromSource(source).value()).value();
  EXPECT_EQ(format.lead, "  ");
  EXPECT_EQ(format.block_open, "<tool_call> ");
  EXPECT_EQ(format.name_close, "\",\"arguments\": ");
  EXPECT_EQ(format.call_close, " }");
  EXPECT_EQ(format.block_separator, "  ");
  EXPECT_TRUE(format.one_call_blocks);
  EXPECT_TRUE(format.declares_tools);
}

TEST(ToolFormat, AnUnknownSyntaxIsShown) {
  const char* source =
      "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}CALL {{ c.function.name }}!{% endfor "
      "%}{% endfor %}";
  const Result<ToolFormat> format = DetectToolFormat(ChatTemplate::FromSource(source).value());
  ASSERT_FALSE(format.ok());
  EXPECT_EQ(format.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(format.error().message, HasSubstr("CALL probe_one!"));
}

TEST(ToolFormat, UsesItsSpecialTokens) {
  EXPECT_TRUE(Known("kimi_k2").Uses("<|tool_call_begin|>"));
  EXPECT_TRUE(Known("dsml_function_calls").Uses("｜DSML｜"));
  EXPECT_TRUE(Known("dsml_function_calls").Uses("\n\n<｜DSML｜function_calls>\n"));
  EXPECT_FALSE(Known("hermes").Uses("<|im_end|>"));
  EXPECT_FALSE(Known("hermes").Uses("<think>"));
}

}  // namespace
}  // namespace mains
