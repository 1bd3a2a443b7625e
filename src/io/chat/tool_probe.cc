// Which syntax of tool calls a chat template writes: it renders a conversation with calls that we know, and
// the marks of each known syntax are looked for around them. The white space between the marks is taken as
// the template writes it.
#include <array>
#include <optional>

#include "fmt/format.h"
#include "io/chat/jinja_json.h"
#include "io/chat/tool_definition.h"
#include "io/chat/tool_format.h"
#include "io/chat/tool_marks.h"
#include "io/json.h"
#include "io/quoted.h"

namespace mains {
namespace {

using toolmarks::LeadingSpace;
using toolmarks::Match;
using toolmarks::MatchMark;
using toolmarks::TrailingSpace;
using Id = ToolFormat::Id;
using Payload = ToolFormat::Payload;
using Type = ToolFormat::Type;

constexpr std::string_view kQuestion = "mains-probe-question";
constexpr std::string_view kAnswer = "mains-probe-answer";
constexpr std::string_view kDescription = "mains-probe-tool";
constexpr std::string_view kArguments = R"({"city": "Paris", "days": 3, "exact": true})";

constexpr size_t kMaxTurnBytes = 1 << 16;  // what a turn with two short calls may take

struct Argument {
  std::string_view key, text, python, type;
};
constexpr std::array<Argument, 3> kPairs = {{{"city", "Paris", "Paris", "string"},
                                             {"days", "3", "3", "number"},
                                             {"exact", "true", "True", "boolean"}}};

// The first call has arguments, the second none.
struct Probe {
  std::vector<ChatToolCall> calls;
  bool has_answer = false;  // text before the calls
};

// Takes what it expects from the front of a text; after a failure everything is empty.
class Ruler {
 public:
  explicit Ruler(std::string_view text) : rest_(text) {}

  // A mark, as it is written there, with the white space before it.
  std::string Take(std::string_view mark) {
    size_t length = 0;
    if (!ok_ || MatchMark(rest_, mark, length) != Match::kYes) return Fail();
    return Cut(length);
  }
  std::string Space() { return Cut(LeadingSpace(rest_)); }
  void Expect(std::string_view text) {
    if (!TryExpect(text)) Fail();
  }
  bool TryExpect(std::string_view text) {
    if (!ok_ || !rest_.starts_with(text)) return false;
    Cut(text.size());
    return true;
  }
  void Digits() {
    size_t n = 0;
    while (n < rest_.size() && rest_[n] >= '0' && rest_[n] <= '9') ++n;
    if (n == 0) Fail();
    Cut(n);
  }
  // A JSON object equal to `wanted`.
  void Object(std::string_view wanted) {
    toolmarks::JsonObjectScanner scanner;
    if (!ok_ || scanner.Read(rest_) != toolmarks::JsonObjectScanner::State::kDone) {
      Fail();
      return;
    }
    const Result<Json> found = ParseJson(Cut(scanner.position()), "arguments");
    if (!found.ok() || *found != *ParseJson(wanted, "arguments")) Fail();
  }
  // Whether the mark comes next.
  bool Sees(std::string_view mark) const {
    size_t length = 0;
    return ok_ && !mark.empty() && MatchMark(rest_, mark, length) == Match::kYes;
  }
  std::string Fail() {
    ok_ = false;
    rest_ = {};
    return {};
  }
  bool ok() const { return ok_; }

 private:
  std::string Cut(size_t length) {
    const std::string taken(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return taken;
  }
  std::string_view rest_;
  bool ok_ = true;
};

// Measures one syntax against a text that begins with its first mark.
class Measurement {
 public:
  Measurement(const ToolFormat& known, const Probe& probe, std::string_view text)
      : known_(known), format_(known), probe_(probe), ruler_(text) {}

  std::optional<ToolFormat> Run() {
    OpenBlock(format_.block_open);
    if (!known_.list_open.empty()) format_.list_open = ruler_.Take(known_.list_open) + ruler_.Space();
    Call(probe_.calls[0], true);
    bool is_open = true;
    if (probe_.calls.size() > 1) {
      is_open = BetweenCalls();
      Call(probe_.calls[1], false);
    } else {
      format_.empty_call_close = format_.call_close;
      format_.single_call = true;
    }
    if (is_open && !known_.list_close.empty()) format_.list_close = ruler_.Take(known_.list_close);
    format_.block_close = ruler_.Take(known_.block_close);
    if (!ruler_.ok()) return std::nullopt;
    return format_;
  }

 private:
  void OpenBlock(std::string& mark) {
    mark = ruler_.Take(known_.block_open);
    if (!mark.empty()) mark += ruler_.Space();
  }

  // Whether both calls are in one block.
  bool BetweenCalls() {
    if (known_.block_open.empty()) {
      format_.call_separator = ruler_.Space();
      return true;
    }
    if (ruler_.Sees(known_.block_close) || (known_.list_open.empty() && ruler_.Sees(known_.block_open))) {
      ruler_.Take(known_.block_close);
      format_.one_call_blocks = true;
      format_.block_separator = ruler_.Space();
      std::string again;
      OpenBlock(again);
      return false;
    }
    format_.call_separator = known_.list_open.empty() ? "" : ruler_.Take(",");
    format_.call_separator += ruler_.Space();
    return true;
  }

  void Call(const ChatToolCall& call, bool has_arguments) {
    format_.call_open = ruler_.Take(known_.call_open);
    if (known_.id == Id::kBeforeName) {
      ruler_.Expect(call.id);
      format_.id_mark = ruler_.Take(known_.id_mark);
    }
    format_.name_open = ruler_.Take(known_.name_open);
    ruler_.Expect(call.name);
    if (known_.id == Id::kAfterName) {
      format_.id_mark = ruler_.Take(known_.id_mark);
      ruler_.Expect(call.id);
    } else if (known_.id == Id::kName || known_.id == Id::kIndex) {
      format_.id_mark = ruler_.Take(known_.id_mark);
      ruler_.Digits();
    }
    format_.name_close = ruler_.Take(known_.name_close);
    if (known_.payload == Payload::kObject || known_.payload == Payload::kJson) {
      format_.name_close += ruler_.Space();
      ruler_.Object(has_arguments ? kArguments : std::string_view("{}"));
    } else if (has_arguments) {
      for (size_t i = 0; i < kPairs.size(); ++i) Parameter(kPairs[i], i == 0);
    }
    if (known_.id == Id::kInObject) {
      format_.id_mark = ruler_.Take(known_.id_mark);
      ruler_.Expect(call.id);
    }
    const std::string close = ruler_.Take(known_.call_close);
    if (has_arguments) format_.call_close = close;
    if (!has_arguments || known_.payload == Payload::kObject || known_.payload == Payload::kJson)
      format_.empty_call_close = close;
  }

  void Parameter(const Argument& pair, bool is_first) {
    const std::string open = ruler_.Take(known_.key_open);
    if (!is_first && open != format_.key_open) ruler_.Fail();
    format_.key_open = open;
    ruler_.Expect(pair.key);
    format_.key_close = ruler_.Take(known_.key_close);
    if (known_.type == Type::kStringFlag) ruler_.Expect(pair.type == "string" ? "true" : "false");
    if (known_.type == Type::kName) ruler_.Expect(pair.type);
    format_.value_open = ruler_.Take(known_.value_open) + ruler_.Space();
    if (!ruler_.TryExpect(pair.text)) {
      ruler_.Expect(pair.python);
      format_.has_python_values = true;
    }
    format_.value_close = ruler_.Take(known_.value_close);
    if (known_.payload == Payload::kNested) {
      ruler_.Expect(pair.key);
      ruler_.Take(known_.key_close);
    }
  }

  const ToolFormat& known_;
  ToolFormat format_;
  const Probe& probe_;
  Ruler ruler_;
};

// What every text in this syntax contains; it begins the first call, or its block.
std::string_view FirstMark(const ToolFormat& format) {
  if (!format.block_open.empty()) return format.block_open;
  return format.call_open.empty() ? std::string_view("{") : std::string_view(format.call_open);
}

std::optional<ToolFormat> Recognise(std::string_view text, const Probe& probe) {
  for (const ToolFormat& known : KnownToolFormats()) {
    const std::string_view mark = FirstMark(known);
    for (size_t at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at + 1)) {
      std::optional<ToolFormat> format = Measurement(known, probe, text.substr(at)).Run();
      if (!format) continue;
      const std::string_view before = text.substr(0, at);
      const size_t space = TrailingSpace(before);
      if (before.substr(0, before.size() - space).ends_with(kAnswer))
        format->lead = before.substr(before.size() - space);
      return format;
    }
  }
  return std::nullopt;
}

Result<std::string> RenderProbe(const ChatTemplate& chat_template, const Probe& probe) {
  ChatMessage question = {.role = "user", .content = std::string(kQuestion)};
  ChatMessage answer = {.role = "assistant", .tool_calls = probe.calls};
  if (probe.has_answer) answer.content = kAnswer;
  ChatInput input;
  input.messages = MessagesValue({question, answer});
  const std::string schema =
      R"({"type": "object", "properties": {"city": {"type": "string", "description": "a"},
          "days": {"type": "integer", "description": "b"}, "exact": {"type": "boolean", "description": "c"}},
          "required": ["city"]})";
  ASSIGN_OR_RETURN(input.tools,
                   ToolsValue({{"probe_one", std::string(kDescription), schema},
                               {"probe_two", "other", R"({"type": "object", "properties": {}})"}}));
  input.add_generation_prompt = false;
  ASSIGN_OR_RETURN(RenderedChat chat, chat_template.Render(input));
  return std::move(chat.text);
}

// Templates are particular about ids, about the number of calls, and about text beside calls.
std::vector<Probe> Probes() {
  std::vector<Probe> probes;
  for (const size_t calls : {2, 1}) {
    for (const bool has_answer : {true, false}) {
      for (const bool kimi : {false, true}) {
        Probe probe = {{{kimi ? "functions.probe_one:0" : "probeid01", "probe_one", std::string(kArguments)},
                        {kimi ? "functions.probe_two:1" : "probeid02", "probe_two", "{}"}},
                       has_answer};
        probe.calls.resize(calls);
        probes.push_back(std::move(probe));
      }
    }
  }
  return probes;
}

}  // namespace

Result<ToolFormat> DetectToolFormat(const ChatTemplate& chat_template) {
  std::optional<Error> failure;
  std::string unknown;
  bool renders = false;
  for (const Probe& probe : Probes()) {
    const Result<std::string> text = RenderProbe(chat_template, probe);
    if (!text.ok()) {
      if (!failure) failure = text.error();
      continue;
    }
    renders = true;
    const size_t question = text->rfind(kQuestion);
    const std::string_view turn = std::string_view(*text).substr(
        question == std::string::npos ? 0 : question + kQuestion.size(), kMaxTurnBytes);
    if (std::optional<ToolFormat> format = Recognise(turn, probe)) {
      format->declares_tools = text->find(kDescription) != std::string::npos;
      return *std::move(format);
    }
    if (unknown.empty() && turn.find("probe_one") != std::string_view::npos) unknown = turn;
  }
  if (!renders) return failure->Within("tools cannot be used: ");
  if (unknown.empty()) {
    return Error{ErrorCode::kUnsupported,
                 "tools cannot be used: the model's chat template writes no tool calls"};
  }
  return Error{
      ErrorCode::kUnsupported,
      fmt::format("tools cannot be used: the model's chat template writes tool calls in a syntax that "
                  "is not known here: {}",
                  Quoted(unknown))};
}

}  // namespace mains
