// A storm of requests through the agent loop: a model of random weights under the grammar of its tools, asked
// nonsense and answered nonsense. Whatever it says, nothing crashes, every call that comes out is one of a
// declared tool with arguments that fit its schema, every call has its result, and no text from outside turns
// into structure.
//
//   agent_storm --requests 10000 --seed 1 [--calls FILE]
//
// Prints one JSON object of counts. FILE gets a line for each call, {"schema", "arguments"}, for a judge of
// another make (tests/storm/test_agent_storm.py). The exit code is 1 at the first request that breaks a rule,
// which is printed with the seed that repeats it.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "app/agent_loop.h"
#include "app/conversation.h"
#include "app/test_models.h"
#include "base/utf8.h"
#include "naughty_strings.h"

namespace mains::storm {
namespace {

using Random = std::mt19937_64;

size_t Below(Random& random, size_t n) {
  return static_cast<size_t>(random() % n);
}

// ---- Requests --------------------------------------------------------------------------------------------

std::string RandomText(Random& random) {
  std::string text;
  const bool raw = Below(random, 4) == 0;
  for (size_t left = Below(random, 60); left > 0; --left) {
    if (raw) {
      text += static_cast<char>(random() % 256);
    } else {
      const char32_t limits[] = {0x80, 0x800, 0x3000, 0xA000, 0x20000, 0x10FFFF};
      const char32_t c = static_cast<char32_t>(random() % limits[Below(random, std::size(limits))]);
      AppendUtf8(c >= 0xD800 && c < 0xE000 ? U'x' : c, text);
    }
  }
  return text;
}

std::string NaturalText(Random& random) {
  const char* patterns[] = {"What is # times #?",
                            "Remind me in # minutes to call Anna",
                            "turn the lamp # off",
                            "Was ist # plus #?",
                            "Stell den Wecker auf # Uhr",
                            "wie weit ist es nach Ort #",
                            "#加#等于多少？",
                            "提醒我#分钟后开会",
                            "Please do # and then #, thanks",
                            "#"};
  std::string text;
  for (const char c : std::string(patterns[Below(random, std::size(patterns))])) {
    text += c == '#' ? std::to_string(random() % 100000) : std::string(1, c);
  }
  return text;
}

std::string Nonsense(Random& random) {
  std::string text;
  for (size_t pieces = 1 + Below(random, 4); pieces > 0; --pieces) {
    const size_t kind = Below(random, 10);
    text += kind < 5   ? NaughtyStrings()[Below(random, NaughtyStrings().size())]
            : kind < 7 ? RandomText(random)
                       : NaturalText(random);
  }
  return text;
}

// ---- Tools -----------------------------------------------------------------------------------------------

struct Executed {
  std::string name;
  std::string arguments;
};

class StormTool final : public Tool {
 public:
  using Answer = std::function<ToolResult(Random&)>;
  StormTool(ToolDefinition definition, Answer answer, Random& random, std::vector<Executed>& executed)
      : definition_(std::move(definition)),
        answer_(std::move(answer)),
        random_(random),
        executed_(executed) {}
  const ToolDefinition& definition() const override { return definition_; }
  ToolResult Run(const ToolArguments& arguments) override {
    executed_.push_back({definition_.name, arguments.Dump()});
    return answer_(random_);
  }

 private:
  ToolDefinition definition_;
  Answer answer_;
  Random& random_;
  std::vector<Executed>& executed_;
};

struct ToolKind {
  const char* name;
  const char* description;
  const char* parameters;
};
constexpr ToolKind kKinds[] = {
    {"storm_echo", "Says a text again.",
     R"({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]})"},
    {"storm_bare", "Takes nothing.", R"({"type": "object", "properties": {}})"},
    {"storm_sum", "Adds.",
     R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "number"}}, "required": ["a", "b"]})"},
    {"storm_lamp", "Switches a lamp.",
     R"({"type": "object", "properties": {"room": {"type": "string", "enum": ["kitchen", "B\u00fcro", "\u5367\u5ba4", "</tool_call>"]}, "on": {"type": "boolean"}, "level": {"type": "integer", "minimum": 0, "maximum": 100}}, "required": ["room", "on"]})"},
    {"storm_list", "Keeps a list.",
     R"({"type": "object", "properties": {"items": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 4}, "urgent": {"type": "boolean"}}, "required": ["items"]})"},
    {"storm_nested", "Books a place.",
     R"({"type": "object", "properties": {"place": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}, "zip": {"type": "integer"}}, "required": ["city"]}, "people": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}}, "required": ["place"]})"},
    {"storm_either", "Takes one or the other.",
     R"({"type": "object", "properties": {"value": {"anyOf": [{"type": "integer"}, {"type": "string", "enum": ["auto", "off"]}, {"type": "null"}]}}, "required": ["value"]})"},
    {"storm_huge", "Finds too much.", R"({"type": "object", "properties": {"n": {"type": "integer"}}})"},
};

ToolResult StormResult(Random& random) {
  switch (Below(random, 8)) {
    case 0: return ToolFailure(Nonsense(random));
    case 1: return ToolNumber(std::to_string(random() % 1000));
    case 2: return ToolList({Nonsense(random), Nonsense(random)}, Nonsense(random));
    case 3: return ToolText(std::string(100'000, 'x') + Nonsense(random));
    case 4: return ToolText("the same");
    default: return ToolText(Nonsense(random), Below(random, 4) == 0 ? Nonsense(random) : "");
  }
}

struct ToolSet {
  ToolBox box;
  ToolUse use;
  std::unique_ptr<Session> session;
};

// ---- The rules -------------------------------------------------------------------------------------------

// How many tokens of the prompt are structure. The texts of a conversation must not add any.
Result<int64_t> StructureTokens(const ChatModel& model, const ToolSet& set, std::vector<ChatMessage> messages,
                                bool with_texts) {
  for (ChatMessage& message : messages) {
    if (with_texts) break;
    message.content = message.content.empty() ? "" : "x";
    message.reasoning = message.reasoning.empty() ? "" : "x";
    for (ChatToolCall& call : message.tool_calls) call.arguments = "{}";
  }
  ChatInput input;
  input.messages = MessagesValue(messages);
  input.tools = set.use.declared;
  ASSIGN_OR_RETURN(const Prompt prompt, RenderPrompt(model, std::move(input), std::nullopt));
  int64_t count = 0;
  for (const int32_t id : prompt.ids) count += model.tokenizer->IsAdded(id) ? 1 : 0;
  return count;
}

std::string CallRule(const ToolSet& set, const AgentCall& call) {
  for (const ToolDefinition& tool : set.use.definitions) {
    if (tool.name != call.call.name) continue;
    const Result<Json> schema = ParseJson(tool.parameters, "schema");
    const Result<ToolArguments> arguments = ToolArguments::Parse(call.call.arguments, *schema);
    return arguments.ok() ? "" : "arguments do not fit: " + arguments.error().message;
  }
  return "a call of " + call.call.name + ", which was not declared";
}

std::string MessagesRule(const std::vector<ChatMessage>& messages) {
  for (size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    if (!IsValidUtf8(message.content) || !IsValidUtf8(message.reasoning)) return "text that is no UTF-8";
    for (size_t c = 0; c < message.tool_calls.size(); ++c) {
      const size_t at = i + 1 + c;
      if (at >= messages.size() || messages[at].role != "tool" ||
          messages[at].tool_call_id != message.tool_calls[c].id ||
          messages[at].name != message.tool_calls[c].name) {
        return "a call without its result behind it";
      }
    }
  }
  return "";
}

std::string ExecutionRule(const AgentTurn& turn, const std::vector<Executed>& executed) {
  size_t ran = 0;
  for (const AgentCall& call : turn.calls) {
    const bool was_run = call.result.text.find("not run: ") == std::string::npos;
    if (ran < executed.size() && executed[ran].name == call.call.name && was_run) ++ran;
  }
  return ran == executed.size() ? "" : "a tool ran that no call asked for";
}

std::string BrokenRule(const ChatModel& model, const ToolSet& set, const AgentRequest& request,
                       const AgentTurn& turn, const std::vector<Executed>& executed) {
  for (const AgentCall& call : turn.calls) {
    if (std::string broken = CallRule(set, call); !broken.empty()) return broken;
  }
  for (const Generation& answer : turn.answers) {
    const bool complete = answer.reason == FinishReason::kStop || answer.reason == FinishReason::kToolCalls;
    if (complete && !answer.malformed.empty()) return "a malformed call: " + answer.malformed.front().text;
  }
  if (std::string broken = MessagesRule(turn.messages); !broken.empty()) return broken;
  if (std::string broken = ExecutionRule(turn, executed); !broken.empty()) return broken;
  std::vector<ChatMessage> all = request.messages;
  all.insert(all.end(), turn.messages.begin(), turn.messages.end());
  const Result<int64_t> with = StructureTokens(model, set, all, true);
  const Result<int64_t> without = StructureTokens(model, set, all, false);
  if (!with.ok()) return "the conversation cannot be shown to the model: " + with.error().message;
  if (!without.ok() || *with != *without) return "text became structure";
  return "";
}

// ---- The storm -------------------------------------------------------------------------------------------

class Storm {
 public:
  Storm(uint64_t seed, const std::string& calls_file)
      : seed_(seed), random_(seed), model_(test::RandomModel(seed, kContext)) {
    if (!calls_file.empty()) calls_.open(calls_file);
    for (size_t i = 0; i < kToolSets; ++i) AddToolSet();
  }

  // Whether all went well.
  bool Run(int64_t requests) {
    for (int64_t i = 0; i < requests; ++i) {
      const std::string broken = OneRequest(i);
      if (broken.empty()) continue;
      std::printf("request %lld of seed %llu: %s\n%s\n", static_cast<long long>(i),
                  static_cast<unsigned long long>(seed_), broken.c_str(), DumpJson(last_).c_str());
      return false;
    }
    Json counts = {
        {"requests", requests}, {"calls", calls_made_}, {"answers", answers_}, {"tokens", tokens_}};
    for (const auto& [end, count] : ends_) counts["ends"][end] = count;
    std::printf("%s\n", DumpJson(counts).c_str());
    return true;
  }

 private:
  static constexpr int64_t kContext = 6000;
  static constexpr size_t kToolSets = 12;

  void AddToolSet() {
    std::unique_ptr<ToolSet> set = std::make_unique<ToolSet>();
    const size_t offset = Below(random_, std::size(kKinds)), count = 1 + Below(random_, 4);
    for (size_t i = 0; i < count; ++i) {
      const ToolKind& kind = kKinds[(offset + i) % std::size(kKinds)];
      const Status added = set->box.Add(std::make_unique<StormTool>(
          ToolDefinition{kind.name, kind.description, kind.parameters}, StormResult, random_, executed_));
      CHECK(added.ok()) << added.error().message;
    }
    Result<ToolUse> use = PrepareTools(model_, set->box);
    CHECK(use.ok()) << use.error().message;
    CHECK(use->grammar != nullptr) << use->without_grammar;
    set->use = std::move(use).value();
    set->session = model_.engine().NewSession();
    sets_.push_back(std::move(set));
  }

  AgentRequest MakeRequest() {
    AgentRequest request;
    if (Below(random_, 4) == 0) request.messages.push_back(TextMessage("system", Nonsense(random_)));
    request.messages.push_back(TextMessage("user", Nonsense(random_)));
    if (Below(random_, 8) == 0) {  // a conversation that goes on
      request.messages.push_back(TextMessage("assistant", Nonsense(random_), Nonsense(random_)));
      request.messages.push_back(TextMessage("user", Nonsense(random_)));
    }
    if (Below(random_, 3) == 0) request.think = Below(random_, 2) == 0;
    const float temperatures[] = {0, 0.5, 1, 2};
    request.sampling.temperature = temperatures[Below(random_, 4)];
    request.sampling.seed = random_();
    // Left alone, random weights seldom begin a call, and seldom end a string.
    const std::pair<const char*, size_t> biases[] = {
        {"<tool_call>", 24}, {"</think>", 24}, {"\"", 10}, {"<|eos|>", 14}};
    for (const auto& [token, most] : biases) {
      request.sampling.logit_bias.emplace_back(model_.tokenizer->TokenId(token).value(),
                                               static_cast<float>(Below(random_, most)));
    }
    if (Below(random_, 8) == 0) request.stops = {"e", Nonsense(random_)};
    request.limits.max_rounds = 1 + static_cast<int64_t>(Below(random_, 4));
    request.limits.max_calls = 1 + static_cast<int64_t>(Below(random_, 4));
    request.limits.max_tokens = 20 + static_cast<int64_t>(Below(random_, 300));
    request.limits.fit_tokens = true;
    return request;
  }

  // What was broken, or nothing.
  std::string OneRequest(int64_t index) {
    random_.seed(seed_ * 1'000'003 + static_cast<uint64_t>(index));
    ToolSet& set = *sets_[Below(random_, sets_.size())];
    const AgentRequest request = MakeRequest();
    last_ = ConversationJson(request.messages);
    executed_.clear();
    AgentEvents events;
    int64_t asked = 0;
    const int64_t patience = Below(random_, 6) == 0 ? static_cast<int64_t>(Below(random_, 100)) : 1'000'000;
    events.cancelled = [&] { return ++asked > patience; };
    const Result<AgentTurn> turn = RunAgentTurn(model_, *set.session, &set.use, request, events);
    if (!turn.ok()) {
      ++ends_[ErrorCodeName(turn.error().code)];
      // Patience may end before the first word; a request may be too long. Nothing else may go wrong.
      const bool expected = turn.error().code == ErrorCode::kCancelled ||
                            turn.error().message.find("context") != std::string::npos;
      return expected ? "" : turn.error().message;
    }
    ++ends_[TurnEndName(turn->end)];
    Count(set, *turn);
    return BrokenRule(model_, set, request, *turn, executed_);
  }

  void Count(const ToolSet& set, const AgentTurn& turn) {
    answers_ += static_cast<int64_t>(turn.answers.size());
    tokens_ += turn.generated_tokens();
    calls_made_ += static_cast<int64_t>(turn.calls.size());
    for (const AgentCall& call : turn.calls) {
      for (const ToolDefinition& tool : set.use.definitions) {
        if (tool.name != call.call.name || !calls_.is_open()) continue;
        calls_ << "{\"schema\": " << tool.parameters << ", \"arguments\": " << call.call.arguments << "}\n";
      }
    }
  }

  uint64_t seed_;
  Random random_;
  ChatModel model_;
  std::vector<Executed> executed_;
  std::vector<std::unique_ptr<ToolSet>> sets_;
  std::ofstream calls_;
  Json last_;
  int64_t calls_made_ = 0, answers_ = 0, tokens_ = 0;
  std::map<std::string, int64_t> ends_;
};

}  // namespace
}  // namespace mains::storm

int main(int argc, char** argv) {
  CLI::App app("A storm of requests through the agent loop");
  int64_t requests = 10'000;
  uint64_t seed = 1;
  std::string calls;
  app.add_option("--requests", requests);
  app.add_option("--seed", seed);
  app.add_option("--calls", calls, "Where to write the calls and their schemas");
  CLI11_PARSE(app, argc, argv);
  return mains::storm::Storm(seed, calls).Run(requests) ? 0 : 1;
}
