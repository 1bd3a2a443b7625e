// Random walks: whatever a model picks among the allowed tokens is read as text and as calls that fit.
#include "engine/grammar/tool_grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "engine/grammar/grammar_matcher.h"
#include "engine/grammar/token_vocabulary.h"
#include "io/chat/tool_call_parser.h"
#include "io/json.h"
#include "io/tokenizer/tokenizer.h"

namespace mains {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSchema = R"({"type": "object", "properties": {
  "path": {"type": "string"}, "mode": {"type": "string", "enum": ["r", "w+", "a b"]},
  "count": {"type": "integer"}, "yes": {"type": "boolean"}, "limit": {"type": ["integer", "null"]},
  "tags": {"type": "array", "items": {"type": "string"}},
  "options": {"type": "object", "properties": {"a": {"type": "number"}, "deep": {"type": "object",
     "properties": {"text": {"type": "string"}}, "additionalProperties": false}}, "required": ["a"],
     "additionalProperties": false}},
  "required": ["path", "mode"]})";

std::vector<ToolDefinition> Tools() {
  return {{"write_file", "", kSchema},
          {"noop", "", ""},
          {"ask", "", R"({"properties": {"q": {"type": "string", "minLength": 1}}, "required": ["q"]})"}};
}

// Whether the value is of the schema, as far as the schemas above go. Independent of what is tested.
bool Fits(const Json& value, const Json& schema) {
  const Json types = schema.value("type", Json("object"));
  const auto is = [&](const std::string& type) {
    if (type == "string") return value.is_string();
    if (type == "integer") return value.is_number() && std::trunc(value.get<double>()) == value.get<double>();
    if (type == "number") return value.is_number();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    return type == "array" ? value.is_array() : value.is_object();
  };
  const bool typed = types.is_string() ? is(types.get<std::string>())
                                       : std::any_of(types.begin(), types.end(),
                                                     [&](const Json& t) { return is(t.get<std::string>()); });
  if (!typed) return false;
  if (schema.contains("enum") &&
      std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
    return false;
  if (schema.contains("minLength") && value.get<std::string>().empty()) return false;
  if (value.is_array())
    return std::all_of(value.begin(), value.end(),
                       [&](const Json& item) { return Fits(item, schema["items"]); });
  if (!value.is_object()) return true;
  const Json members = schema.value("properties", Json::object());
  for (const Json& name : schema.value("required", Json::array())) {
    if (!value.contains(name.get<std::string>())) return false;
  }
  return std::all_of(value.items().begin(), value.items().end(), [&](const auto& item) {
    return members.contains(item.key()) && Fits(item.value(), members[item.key()]);
  });
}

// The marks of a syntax with line ends between them, as most templates have them.
ToolFormat Spaced(ToolFormat format) {
  format.lead = "\n\n";
  // Not inside the string that is an id.
  if (format.id != ToolFormat::Id::kInObject) format.call_close = "\n" + format.call_close;
  for (std::string* mark : {&format.empty_call_close, &format.block_close, &format.key_open})
    if (!mark->empty()) *mark = "\n" + *mark;
  if (!format.block_open.empty()) format.block_open += "\n";
  format.call_separator = "\n";
  if (!format.list_open.empty()) format.call_separator = ", ";
  const bool is_tagged = format.payload == ToolFormat::Payload::kTagged;
  if (is_tagged && format.type == ToolFormat::Type::kNone && !format.has_cdata) {
    format.value_open += "\n";
    format.value_close = "\n" + format.value_close;
  }
  return format;
}

std::vector<ToolFormat> Formats() {
  std::vector<ToolFormat> formats = {DetectToolFormat(ChatTemplate::Native(NativeChat::kDeepSeekV32)).value(),
                                     DetectToolFormat(ChatTemplate::Native(NativeChat::kDeepSeekV4)).value()};
  for (ToolFormat format : KnownToolFormats()) {
    if (!format.list_open.empty()) format.call_separator = ",";
    formats.push_back(format);
    formats.push_back(Spaced(format));
    if (format.payload == ToolFormat::Payload::kObject && format.list_open.empty() && !format.bare_object) {
      format.one_call_blocks = true;
      formats.push_back(format);
    }
  }
  return formats;
}

enum class MarkTokens { kOrdinary, kSpecial, kFused };

// A byte each, some longer ones, and the marks of a syntax; 0 ends.
std::shared_ptr<const TokenVocabulary> Vocabulary(const ToolFormat& format, MarkTokens how) {
  std::vector<TokenVocabulary::Token> tokens = {{"</s>", true}};
  for (int byte = 0; byte < 256; ++byte) tokens.push_back({std::string(1, static_cast<char>(byte)), false});
  for (const char* text : {"the", " a", "\n\n", "你好", "😀", "<", "</", "\": ", "\", \"", "true", "{}",
                           "write", "_file", "path", "123", ">\n", "noop", "functions."})
    tokens.push_back({text, false});
  for (const std::string* mark :
       {&format.block_open, &format.block_close, &format.call_open, &format.call_close, &format.name_open,
        &format.name_close, &format.id_mark, &format.key_open, &format.key_close, &format.value_open,
        &format.value_close}) {
    std::string text = *mark;
    if (how != MarkTokens::kFused) text.erase(0, std::min(text.find_first_not_of('\n'), text.size()));
    if (text.size() > 1) tokens.push_back({text, how != MarkTokens::kOrdinary});
  }
  if (how == MarkTokens::kFused) {
    tokens.push_back({format.lead + format.block_open + format.call_open, true});
    if (format.type == ToolFormat::Type::kStringFlag)
      tokens.push_back({format.key_close + "true" + format.value_open, true});
  }
  return TokenVocabulary::Make(std::move(tokens), {0});
}

// A model that says at random what it may, with a liking for ends.
std::string Walk(const std::shared_ptr<const Grammar>& grammar,
                 const std::shared_ptr<const TokenVocabulary>& vocabulary, std::mt19937& random,
                 bool& ended) {
  GrammarMatcher matcher(grammar, vocabulary);
  std::vector<uint64_t> mask;
  std::string text;
  for (int step = 0; step < 2000; ++step) {
    matcher.FillMask(mask);
    std::vector<int32_t> allowed, closing, special;
    for (int32_t id = 0; id < vocabulary->size(); ++id) {
      if ((mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) == 0) continue;
      const TokenVocabulary::Token& token = *vocabulary->Find(id);
      allowed.push_back(id);
      if (token.special) special.push_back(id);
      if (token.special || std::string_view("\"}][<").find(token.bytes[0]) != std::string_view::npos)
        closing.push_back(id);
    }
    if (allowed.empty()) {
      ADD_FAILURE() << "a dead end after " << text;
      return text;
    }
    const std::vector<int32_t>* from = &allowed;
    const uint32_t taste = random() % 3;
    if (taste > 0 && !closing.empty()) from = &closing;
    if (taste > 1 && !special.empty()) from = &special;
    const bool ends = matcher.CanEnd() && step > 20;
    const int32_t id = ends ? vocabulary->eos()[0] : (*from)[random() % from->size()];
    EXPECT_TRUE(matcher.Accept(id)) << id << " after " << text;
    ended = vocabulary->IsEos(id);
    if (ended) return text;
    text += vocabulary->Find(id)->bytes;
  }
  return text;
}

void ExpectGoodAnswer(const ToolFormat& format, const std::vector<ToolDefinition>& tools, ToolChoice choice,
                      const std::string& text, int64_t& calls) {
  const ParsedAnswer answer = ParseToolCalls(format, tools, text);
  EXPECT_THAT(answer.malformed, ::testing::IsEmpty()) << format.family << ": " << text;
  calls += static_cast<int64_t>(answer.calls.size());
  if (choice == ToolChoice::kNone) {
    EXPECT_THAT(answer.calls, ::testing::IsEmpty()) << format.family << ": " << text;
  }
  if (choice == ToolChoice::kRequired) {
    EXPECT_THAT(answer.calls, ::testing::Not(::testing::IsEmpty())) << format.family << ": " << text;
    EXPECT_EQ(answer.content, "") << format.family << ": " << text;
  }
  for (const ParsedToolCall& call : answer.calls) {
    const auto tool = std::find_if(tools.begin(), tools.end(),
                                   [&](const ToolDefinition& t) { return t.name == call.name; });
    ASSERT_NE(tool, tools.end()) << format.family << ": " << text;
    const Json schema = ParseJson(tool->parameters.empty() ? "{}" : tool->parameters, "schema").value();
    EXPECT_TRUE(Fits(ParseJson(call.arguments, "arguments").value(), schema))
        << format.family << ": " << call.arguments << "\n"
        << text;
    EXPECT_THAT(call.notes, ::testing::IsEmpty()) << format.family << ": " << text;
    if (format.id_length > 0) {
      EXPECT_EQ(call.id.size(), static_cast<size_t>(format.id_length)) << text;
    }
  }
}

TEST(ToolGrammar, WalksAreCallsThatFit) {
  std::mt19937 random(11);
  int64_t walks = 0, whole = 0, calls = 0;
  for (const ToolFormat& format : Formats()) {
    for (const ToolChoice choice : {ToolChoice::kAuto, ToolChoice::kRequired, ToolChoice::kNone}) {
      const Result<std::shared_ptr<const Grammar>> grammar = ToolGrammar(format, Tools(), {.choice = choice});
      ASSERT_TRUE(grammar.ok()) << format.family << ": " << grammar.error().message;
      for (const MarkTokens how : {MarkTokens::kOrdinary, MarkTokens::kSpecial, MarkTokens::kFused}) {
        const std::shared_ptr<const TokenVocabulary> vocabulary = Vocabulary(format, how);
        for (int i = 0; i < (choice == ToolChoice::kRequired ? 12 : 4); ++i) {
          bool ended = false;
          const std::string text = Walk(*grammar, vocabulary, random, ended);
          ++walks;
          if (!ended) continue;
          ++whole;
          ExpectGoodAnswer(format, Tools(), choice, text, calls);
        }
      }
    }
  }
  EXPECT_GT(walks, 2000);
  EXPECT_GT(whole, walks * 9 / 10);  // the others did not find an end
  EXPECT_GT(calls, 1500);
}

// The words of a published vocabulary, with the marks of the syntax as special tokens.
TEST(ToolGrammar, WalksOverAPublishedVocabulary) {
  const char* data = std::getenv("MAINS_TEST_DATA");
  const std::filesystem::path file =
      std::filesystem::path(data != nullptr ? data : MAINS_SOURCE_DIR "/../shared/data") / "vocab" /
      "ggml-vocab-qwen2.gguf";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "the published vocabulary is not at " << file;
  const std::shared_ptr<const Tokenizer> tokenizer = Tokenizer::Load(file).value();
  const std::shared_ptr<const TokenVocabulary> words = TokenVocabulary::Make(*tokenizer);
  std::mt19937 random(12);
  int64_t calls = 0, whole = 0;
  for (size_t i = 0; i < KnownToolFormats().size(); i += 4) {
    const ToolFormat& format = KnownToolFormats()[i];
    std::vector<TokenVocabulary::Token> tokens;
    for (int32_t id = 0; id < words->size(); ++id) tokens.push_back(*words->Find(id));
    const std::shared_ptr<const TokenVocabulary> marks = Vocabulary(format, MarkTokens::kSpecial);
    for (int32_t id = 0; id < marks->size(); ++id) {
      if (marks->Find(id)->special && !marks->IsEos(id)) tokens.push_back(*marks->Find(id));
    }
    const std::shared_ptr<const TokenVocabulary> vocabulary =
        TokenVocabulary::Make(std::move(tokens), words->eos());
    const std::shared_ptr<const Grammar> grammar =
        ToolGrammar(format, Tools(), {.choice = ToolChoice::kRequired}).value();
    for (int walk = 0; walk < 5; ++walk) {
      bool ended = false;
      const std::string text = Walk(grammar, vocabulary, random, ended);
      if (!ended) continue;
      ++whole;
      ExpectGoodAnswer(format, Tools(), ToolChoice::kRequired, text, calls);
    }
  }
  EXPECT_GT(whole, 20);
  EXPECT_GE(calls, whole);
}

std::shared_ptr<const Grammar> Make(const std::string& family, const ToolGrammarOptions& options) {
  for (const ToolFormat& format : KnownToolFormats()) {
    if (format.family == family) return ToolGrammar(format, Tools(), options).value();
  }
  return nullptr;
}

TEST(ToolGrammar, SaysWhatMayBeSaid) {
  const std::string call = R"(<tool_call>{"name":"ask","arguments":{"q": "x"}}</tool_call>)";
  const std::shared_ptr<const Grammar> any = Make("hermes", {});
  for (const std::string& text : std::vector<std::string>{"", "Text.", "Text. " + call, call})
    EXPECT_TRUE(any->Accepts(text)) << text;
  for (const std::string& text :
       std::vector<std::string>{call + "text", "Text <tool_call> text", "<tool_call></tool_call>",
                                R"(<tool_call>{"name":"other","arguments":{}}</tool_call>)",
                                R"(<tool_call>{"name":"ask","arguments":{}}</tool_call>)",
                                R"(<tool_call>{"name":"noop","arguments":{"x": 1}}</tool_call>)"})
    EXPECT_FALSE(any->Accepts(text)) << text;

  const std::shared_ptr<const Grammar> required = Make("hermes", {.choice = ToolChoice::kRequired});
  EXPECT_TRUE(required->Accepts(call));
  EXPECT_FALSE(required->Accepts("Text. " + call));
  EXPECT_FALSE(required->Accepts("Text."));
  const std::shared_ptr<const Grammar> named =
      Make("hermes", {.choice = ToolChoice::kNamed, .named = "noop"});
  EXPECT_TRUE(named->Accepts(R"(<tool_call>{"name":"noop","arguments":{}}</tool_call>)"));
  EXPECT_FALSE(named->Accepts(call));
  const std::shared_ptr<const Grammar> none = Make("hermes", {.choice = ToolChoice::kNone});
  EXPECT_TRUE(none->Accepts("Text."));
  EXPECT_FALSE(none->Accepts(call));
}

TEST(ToolGrammar, OneCallUnlessParallel) {
  const std::string call = "<tool_call>noop</tool_call>";
  EXPECT_TRUE(Make("glm", {})->Accepts(call + call));
  EXPECT_TRUE(Make("glm", {.parallel = false})->Accepts(call));
  EXPECT_FALSE(Make("glm", {.parallel = false})->Accepts(call + call));
}

TEST(ToolGrammar, ThinkingComesFirst) {
  const ThinkingTags tags = {"<think>", "</think>"};
  const std::shared_ptr<const Grammar> inside =
      Make("glm", {.choice = ToolChoice::kRequired, .thinking = tags, .in_thinking = true});
  EXPECT_TRUE(inside->Accepts("a <tool_call> thought</think>\n\n<tool_call>noop</tool_call>"));
  EXPECT_FALSE(inside->Accepts("<tool_call>noop</tool_call>"));
  const std::shared_ptr<const Grammar> free =
      Make("glm", {.choice = ToolChoice::kRequired, .thinking = tags});
  EXPECT_TRUE(free->Accepts("<think>a thought</think><tool_call>noop</tool_call>"));
  EXPECT_TRUE(free->Accepts("<tool_call>noop</tool_call>"));
}

TEST(ToolGrammar, TaggedValues) {
  const std::string open = "<tool_call><function=write_file><parameter=path>",
                    close = "</function></tool_call>";
  const std::shared_ptr<const Grammar> grammar = Make("qwen_xml", {});
  for (const char* inside :
       {"a\n<b> \"c\" {</parameter><parameter=mode>a b</parameter>",
        "</parameter><parameter=mode>r</parameter><parameter=count>-3</parameter>",
        "x</parameter><parameter=mode>r</parameter><parameter=limit>null</parameter>"
        "<parameter=tags>[\"a\", \"b\"]</parameter><parameter=options>{\"a\": 1.5}</parameter>"})
    EXPECT_TRUE(grammar->Accepts(open + inside + close)) << inside;
  for (const char* inside : {"x</parameter>", "x</parameter><parameter=mode>x</parameter>",
                             "x</parameter><parameter=mode>r</parameter><parameter=count>many</parameter>",
                             "x</parameter><parameter=mode>r</parameter><parameter=other>1</parameter>",
                             "x</parameter><parameter=path>x</parameter><parameter=mode>r</parameter>"})
    EXPECT_FALSE(grammar->Accepts(open + inside + close)) << inside;
}

TEST(ToolGrammar, RefusesWhatItCannotHonour) {
  const ToolFormat format = KnownToolFormats()[0];
  EXPECT_THAT(ToolGrammar(format, {}, {.choice = ToolChoice::kRequired}).error().message,
              HasSubstr("no tools"));
  EXPECT_THAT(ToolGrammar(format, Tools(), {.choice = ToolChoice::kNamed, .named = "gone"}).error().message,
              HasSubstr("\"gone\""));
  EXPECT_THAT(ToolGrammar(format, {{"f", "", "[1]"}}).error().message, HasSubstr("tool \"f\""));
  EXPECT_THAT(ToolGrammar(format, {{"f", "", R"({"properties": {"x": {"not": {}}}})"}}).error().message,
              HasSubstr("not"));
  EXPECT_TRUE(ToolGrammar(format, {}).value()->Accepts("text"));
}

}  // namespace
}  // namespace mains
