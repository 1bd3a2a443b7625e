// Every chat template at hand: which syntax of tool calls it is found to use, and that what it writes is read
// back as it was, however it is cut.
#include "io/chat/tool_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>

#include "base/file.h"
#include "io/chat/tool_call_parser.h"
#include "io/json.h"

namespace mains {
namespace {

namespace fs = std::filesystem;

fs::path Templates() {
  const char* data = std::getenv("MAINS_TEST_DATA");
  return fs::path(data != nullptr ? data : MAINS_SOURCE_DIR "/../shared/data") / "chat_templates";
}

#define NEEDS_TEMPLATES() \
  if (!fs::exists(Templates())) GTEST_SKIP() << "the published chat templates are not at " << Templates()

ChatTemplate FromText(const std::string& source) {
  return ChatTemplate::FromSource(source, {{"bos_token", "<s>"}, {"eos_token", "</s>"}}).value();
}

// By file name; and the encoders of our own.
std::map<std::string, ChatTemplate> AllTemplates() {
  std::map<std::string, ChatTemplate> all;
  for (const fs::directory_entry& entry : fs::directory_iterator(Templates())) {
    if (entry.path().extension() == ".jinja")
      all.emplace(entry.path().stem().string(), FromText(ReadFile(entry.path(), 1 << 20).value()));
  }
  all.emplace("native DeepSeek V3.2", ChatTemplate::Native(NativeChat::kDeepSeekV32));
  all.emplace("native DeepSeek V4", ChatTemplate::Native(NativeChat::kDeepSeekV4));
  return all;
}

constexpr const char* kSchema = R"({"type": "object", "properties": {
    "path": {"type": "string"}, "text": {"type": "string"}, "digits": {"type": "string"},
    "empty": {"type": "string"}, "count": {"type": "integer"}, "ratio": {"type": "number"},
    "yes": {"type": "boolean"}, "no": {"type": "boolean"},
    "options": {"type": "object", "properties": {
        "名": {"type": "string"}, "deep": {"type": "object", "properties": {"n": {"type": "integer"},
        "quote": {"type": "string"}}}, "on": {"type": "boolean"}}},
    "nothing": {"type": "object"},
    "list": {"type": "array", "items": {"type": "string"}}, "numbers": {"type": "array", "items": {"type": "number"}}},
    "required": ["path"]})";

// Everything that a syntax could trip over.
constexpr const char* kNasty = R"({"path": "a \"quoted\" \\ 'name' {with} [brackets]",
    "text": "line one\n  line two\n</parameter> and </arg_value> and <b>&amp;</b> 你好 😀\n]]> </param> </function\n",
    "digits": "007", "empty": "", "count": 3, "ratio": -1.5, "yes": true, "no": false,
    "options": {"名": "值 \"x\" {", "deep": {"n": 12, "quote": "it's \"both\"\nlines"}, "on": false},
    "nothing": {}, "list": ["a, b", "true", "12", "}"], "numbers": [1, 2.5]})";

std::vector<ToolDefinition> Tools() {
  return {{"write_file", "Writes.", kSchema},
          {"noop", "Nothing.", R"({"type": "object", "properties": {}})"}};
}

std::vector<ChatToolCall> Calls(const ToolFormat& format, int count) {
  const bool kimi = format.id == ToolFormat::Id::kName;
  const std::vector<ChatToolCall> calls = {
      {kimi ? "functions.write_file:0" : "abcdefgh1", "write_file", kNasty},
      {kimi ? "functions.noop:1" : "abcdefgh2", "noop", "{}"},
      {kimi ? "functions.write_file:2" : "abcdefgh3", "write_file", R"({"path": "b"})"}};
  return {calls.begin(), calls.begin() + count};
}

// What the template writes of an assistant's turn, from its text or its first mark on.
std::string Turn(const ChatTemplate& chat_template, const ToolFormat& format, int count,
                 const std::string& content) {
  ChatInput input;
  input.messages =
      MessagesValue({{.role = "user", .content = "the question"},
                     {.role = "assistant", .content = content, .tool_calls = Calls(format, count)}});
  input.tools = ToolsValue(Tools()).value();
  input.add_generation_prompt = false;
  const std::string text = chat_template.Render(input).value().text;
  const size_t question = text.rfind("the question") + 12;
  size_t begin = content.empty() ? std::string::npos : text.find(content, question);
  for (const std::string& mark : format.OpeningMarks()) begin = std::min(begin, text.find(mark, question));
  if (format.bare_object) begin = text.find("{\"name\"", question);
  return text.substr(begin);
}

// The events of a text cut into the given pieces, with what was cut apart joined again.
std::vector<ToolEvent> Events(const ToolFormat& format, const std::vector<std::string_view>& pieces) {
  ToolCallParser parser(format, Tools());
  std::vector<ToolEvent> events;
  const auto add = [&](std::vector<ToolEvent> more) {
    for (ToolEvent& event : more) {
      const bool goes_on =
          !events.empty() && events.back().kind == event.kind && event.call.name.empty() &&
          (event.kind == ToolEvent::Kind::kContent || event.kind == ToolEvent::Kind::kArguments);
      if (goes_on) {
        events.back().text += event.text;
      } else {
        events.push_back(std::move(event));
      }
    }
  };
  for (const std::string_view piece : pieces) add(parser.Feed(piece));
  add(parser.Finish());
  return events;
}

std::string Show(const std::vector<ToolEvent>& events) {
  std::string shown;
  for (const ToolEvent& event : events) {
    shown += std::to_string(static_cast<int>(event.kind)) + " " + std::to_string(event.index) + " " +
             event.text + "|" + event.reason + "|" + event.call.id + "|" + event.call.name + "|" +
             event.call.arguments + "|" + ::testing::PrintToString(event.call.notes) + "\n";
  }
  return shown;
}

std::vector<std::string_view> Bytes(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (size_t i = 0; i < text.size(); ++i) pieces.push_back(text.substr(i, 1));
  return pieces;
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// What a text is made of besides what the events repeat: the end of a block with a malformed call in it.
bool IsBlockEnd(const ToolFormat& format, std::string_view text) {
  std::string rest(text);
  for (const std::string& mark : {format.block_close, format.list_close, std::string(",")}) {
    const std::string_view core =
        std::string_view(mark).substr(std::min(mark.size(), mark.find_first_not_of('\n')));
    const size_t found = core.empty() ? std::string::npos : rest.find(core);
    if (found != std::string::npos) rest.erase(found, core.size());
  }
  return IsBlank(rest) || std::string_view(format.block_close).find(rest) != std::string_view::npos;
}

// Whether the text from `at` on is what the events from `next` on say: text and malformed calls as they stand
// there, calls for what is between, and nothing else but white space.
bool Covers(const ToolFormat& format, std::string_view text, size_t at, const std::vector<ToolEvent>& events,
            size_t next, ToolEvent::Kind last) {
  for (; next < events.size(); ++next) {
    const ToolEvent& event = events[next];
    if (event.kind == ToolEvent::Kind::kCall) last = event.kind;
    if (event.kind != ToolEvent::Kind::kContent && event.kind != ToolEvent::Kind::kMalformed) continue;
    for (size_t found = text.find(event.text, at); found != std::string_view::npos;
         found = text.find(event.text, found + 1)) {
      const std::string_view between = text.substr(at, found - at);
      const bool fits = IsBlank(between) || last == ToolEvent::Kind::kCall ||
                        (last == ToolEvent::Kind::kMalformed && IsBlockEnd(format, between));
      if (fits && Covers(format, text, found + event.text.size(), events, next + 1, event.kind)) return true;
    }
    return false;
  }
  const std::string_view rest = text.substr(at);
  return IsBlank(rest) || last == ToolEvent::Kind::kCall ||
         (last == ToolEvent::Kind::kMalformed && IsBlockEnd(format, rest));
}

// Empty if every letter of `text` came out as text, as part of a call, or as malformed.
std::string Lost(const ToolFormat& format, std::string_view text, const std::vector<ToolEvent>& events) {
  std::string arguments;
  for (const ToolEvent& event : events) {
    if (event.kind == ToolEvent::Kind::kBegin) arguments.clear();
    if (event.kind == ToolEvent::Kind::kArguments) arguments += event.text;
    if (event.kind == ToolEvent::Kind::kCall && arguments != event.call.arguments)
      return "arguments came otherwise in pieces: " + arguments;
  }
  return Covers(format, text, 0, events, 0, ToolEvent::Kind::kContent) ? "" : "something is left out";
}

TEST(ToolFormat, IsFoundInEveryTemplate) {
  NEEDS_TEMPLATES();
  const std::map<std::string, std::string> expected = {
      {"ByteDance-Seed-OSS", "seed"},
      {"GLM-4.6", "glm"},
      {"GLM-4.7-Flash", "glm"},
      {"Kimi-K3", "kimi_k3"},
      {"MiMo-VL", "hermes"},
      {"MiniMax-M1", "minimax_m1"},
      {"MiniMax-M2", "minimax_m2"},
      {"MiniMax-M3", "minimax_m3"},
      {"Mistral-Small-3.2-24B-Instruct-2506", "mistral_names_ids"},
      {"NVIDIA-Nemotron-Nano-v2", "nemotron"},
      {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "hermes"},
      {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "hermes"},
      {"Qwen-QwQ-32B", "hermes"},
      {"Qwen-Qwen2.5-7B-Instruct", "hermes"},
      {"Qwen-Qwen3-0.6B", "hermes"},
      {"Qwen3-Coder", "qwen_xml"},
      {"Qwen3.5-4B", "qwen_xml"},
      {"StepFun3.5-Flash", "qwen_xml"},
      {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "deepseek_r1"},
      {"deepseek-ai-DeepSeek-V3.1", "deepseek_v3.1"},
      {"deepseek-ai-DeepSeek-V3.2", "dsml_function_calls"},
      {"deepseek-ai-DeepSeek-V4", "dsml_tool_calls"},
      {"deepseek-ai-DeepSeek-V4-Flash-0731", "dsml_tool_calls"},
      {"meetkai-functionary-medium-v3.1", "functionary"},
      {"meta-llama-Llama-3.1-8B-Instruct", "llama"},
      {"meta-llama-Llama-3.2-3B-Instruct", "llama"},
      {"meta-llama-Llama-3.3-70B-Instruct", "llama"},
      {"mistralai-Mistral-Nemo-Instruct-2407", "mistral_ids"},
      {"moonshotai-Kimi-K2", "kimi_k2"},
      {"native DeepSeek V3.2", "dsml_function_calls"},
      {"native DeepSeek V4", "dsml_tool_calls"},
      {"openbmb-MiniCPM5-1B", "minicpm5"},
      {"tencent-Hy3", "hunyuan"},
      {"upstage-Solar-Open-100B", "solar"},
  };
  // Why tools cannot be used with the others.
  const std::map<std::string, std::string> unsupported = {
      {"HuggingFaceTB-SmolLM3-3B", "writes no tool calls"},
      {"Kimi-K2-Instruct", "unsafe"},  // changes a list, which the reference's sandbox refuses too
      {"Kimi-K2-Thinking", "unsafe"},
      {"LFM2-8B-A1B", "writes no tool calls"},
      {"deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "writes no tool calls"},
      {"fireworks-ai-llama-3-firefunction-v2", "'functions' is undefined"},
      {"google-gemma-2-2b-it", "writes no tool calls"},
      {"ibm-granite-granite-3.3-2B-Instruct", "writes no tool calls"},
      {"llama-cpp-deepseek-r1", "generator"},  // makes JSON of a generator, as the reference refuses too
      {"microsoft-Phi-3.5-mini-instruct", "writes no tool calls"},
  };
  std::map<std::string, std::string> found, refused;
  for (const auto& [name, chat_template] : AllTemplates()) {
    const Result<ToolFormat> format = DetectToolFormat(chat_template);
    if (format.ok()) {
      found[name] = format->family;
    } else {
      refused[name] = format.error().message;
    }
  }
  EXPECT_EQ(found, expected);
  for (const auto& [name, message] : refused) {
    ASSERT_TRUE(unsupported.contains(name)) << name << ": " << message;
    EXPECT_THAT(message, ::testing::HasSubstr(unsupported.at(name))) << name;
  }
  EXPECT_EQ(refused.size(), unsupported.size());
}

TEST(ToolFormat, EveryTemplateIsReadBackInEveryChunking) {
  NEEDS_TEMPLATES();
  int turns = 0;
  for (const auto& [name, chat_template] : AllTemplates()) {
    const Result<ToolFormat> format = DetectToolFormat(chat_template);
    if (!format.ok()) continue;
    for (const int count : {1, 2, 3}) {
      if (count > 1 && format->single_call) continue;
      for (const std::string content : {"", "The answer, 12 < 13."}) {
        const std::string turn = Turn(chat_template, *format, count, content);
        const std::vector<ToolEvent> whole = Events(*format, {turn});
        std::vector<ParsedToolCall> calls;
        for (const ToolEvent& event : whole) {
          EXPECT_NE(event.kind, ToolEvent::Kind::kMalformed) << name << ": " << event.text << event.reason;
          if (event.kind == ToolEvent::Kind::kCall) calls.push_back(event.call);
        }
        ASSERT_EQ(calls.size(), count) << name << "\n" << turn << "\n" << Show(whole);
        const std::vector<ChatToolCall> wanted = Calls(*format, count);
        for (size_t i = 0; i < calls.size(); ++i) {
          EXPECT_EQ(calls[i].name, wanted[i].name) << name;
          EXPECT_EQ(ParseJson(calls[i].arguments, "got").value(),
                    ParseJson(wanted[i].arguments, "wanted").value())
              << name << ": " << calls[i].arguments << "\n"
              << turn;
          EXPECT_THAT(calls[i].notes, ::testing::IsEmpty()) << name;
          if (!calls[i].id.empty()) {
            EXPECT_EQ(calls[i].id, wanted[i].id) << name;
          }
        }
        if (turn.starts_with("The answer")) {
          EXPECT_THAT(whole[0].text, ::testing::StartsWith("The answer, 12 < 13.")) << name;
        }
        EXPECT_EQ(Lost(*format, turn, whole), "") << name;
        const std::string shown = Show(whole);
        ASSERT_EQ(Show(Events(*format, Bytes(turn))), shown) << name;
        const size_t step = count == 2 || format->single_call ? 1 : 97;
        for (size_t cut = 0; cut <= turn.size(); cut += step) {
          const std::string_view text = turn;
          ASSERT_EQ(Show(Events(*format, {text.substr(0, cut), text.substr(cut)})), shown)
              << name << " at " << cut;
        }
        ++turns;
      }
    }
  }
  EXPECT_EQ(turns, 31 * 6 + 3 * 2);  // 3 of the 34 refuse a second call
}

TEST(ToolFormat, TruncatedTurnsLoseNothing) {
  NEEDS_TEMPLATES();
  for (const auto& [name, chat_template] : AllTemplates()) {
    const Result<ToolFormat> format = DetectToolFormat(chat_template);
    if (!format.ok()) continue;
    const std::string turn = Turn(chat_template, *format, format->single_call ? 1 : 2, "The answer.");
    for (size_t length = 0; length <= turn.size(); ++length) {
      const std::string_view text = std::string_view(turn).substr(0, length);
      const std::vector<ToolEvent> events = Events(*format, {text});
      ASSERT_EQ(Lost(*format, text, events), "") << name << "\n" << text;
      if (length % 11 != 0) continue;
      ASSERT_EQ(Show(Events(*format, Bytes(text))), Show(events)) << name << "\n" << text;
    }
  }
}

TEST(ToolFormat, DamagedTurnsLoseNothing) {
  NEEDS_TEMPLATES();
  std::mt19937 random(7);
  const auto below = [&](size_t n) { return n == 0 ? 0 : random() % n; };
  for (const auto& [name, chat_template] : AllTemplates()) {
    const Result<ToolFormat> format = DetectToolFormat(chat_template);
    if (!format.ok()) continue;
    const std::string turn = Turn(chat_template, *format, format->single_call ? 1 : 2, "The answer.");
    for (int round = 0; round < 200; ++round) {
      std::string text = turn;
      for (size_t changes = 1 + below(3); changes > 0; --changes) {
        const size_t at = below(text.size()), length = below(std::min<size_t>(text.size() - at, 40));
        switch (below(4)) {
          case 0: text.erase(at, length); break;
          case 1: text.insert(at, text.substr(below(text.size()), length)); break;
          case 2: text[at] = static_cast<char>("<>{}\"\n |/a"[below(10)]); break;
          default: text.insert(at, KnownToolFormats()[below(KnownToolFormats().size())].call_close);
        }
      }
      const std::vector<ToolEvent> events = Events(*format, {text});
      ASSERT_EQ(Lost(*format, text, events), "") << name << "\n" << text << "\n" << Show(events);
      const size_t cut = below(text.size());
      ASSERT_EQ(
          Show(Events(*format, {std::string_view(text).substr(0, cut), std::string_view(text).substr(cut)})),
          Show(events))
          << name << "\n"
          << text;
      ASSERT_EQ(Show(Events(*format, Bytes(text))), Show(events)) << name << "\n" << text;
    }
  }
}

TEST(ToolFormat, ResultsOfToolsReachTheModel) {
  NEEDS_TEMPLATES();
  for (const auto& [name, chat_template] : AllTemplates()) {
    const Result<ToolFormat> format = DetectToolFormat(chat_template);
    if (!format.ok()) continue;
    const std::vector<ChatToolCall> calls = Calls(*format, 1);
    ChatInput input;
    input.messages = MessagesValue(
        {{.role = "user", .content = "the question"},
         {.role = "assistant", .tool_calls = calls},
         {.role = "tool", .content = "the result", .tool_call_id = calls[0].id, .name = "write_file"}});
    input.tools = ToolsValue(Tools()).value();
    const Result<RenderedChat> chat = chat_template.Render(input);
    ASSERT_TRUE(chat.ok()) << name << ": " << chat.error().message;
    EXPECT_THAT(chat->text, ::testing::HasSubstr("the result")) << name;
  }
}

}  // namespace
}  // namespace mains
