// mains chat: a conversation in the terminal.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/agent_loop.h"
#include "app/answer_printer.h"
#include "app/command.h"
#include "app/conversation.h"
#include "app/embedded_model.h"
#include "app/interrupt.h"
#include "app/line_editor.h"
#include "app/sampling_options.h"
#include "app/tool_options.h"
#include "app/turn_report.h"
#include "base/file.h"

namespace mains {
namespace {

constexpr int64_t kMaxConversationBytes = int64_t{256} << 20;

constexpr const char* kHelp =
    "  /think on|off    think before answering, or do not\n"
    "  /system TEXT     set the instructions; without TEXT, remove them\n"
    "  /tools           list the tools that the model may call\n"
    "  /undo            forget the last question and its answer\n"
    "  /reset           forget the conversation, keep the instructions\n"
    "  /save FILE       write the conversation as JSON messages\n"
    "  /load FILE       go on from such a file\n"
    "  /help            this list\n"
    "  /quit            leave (also Ctrl-D)\n"
    "  //...            a message that begins with a slash\n"
    "Ctrl-C stops an answer. What the model said so far stays in the conversation.\n";

struct ChatOptions {
  LoadOptions load;
  SamplingOptions sampling;
  ToolOptions tools;
  std::string system;
  std::optional<bool> think;
  int64_t max_tokens = 0;
};

class Chat {
 public:
  Chat(const ChatModel& model, const ChatOptions& options, SamplingParams sampling)
      : model_(model),
        session_(model.engine().NewSession()),
        sampling_(std::move(sampling)),
        think_(options.think ? options.think : model.thinks),
        verbose_(options.load.verbose) {
    limits_.max_tokens = options.max_tokens;
    limits_.fit_tokens = true;  // what is left after a long conversation may be less than the wish
    SetSystem(options.system);
  }
  // Calls of tools refer to the chat, which is not to be moved after this.
  Status AddTools(const ToolOptions& options);

  // Returns whether to go on.
  Result<bool> Handle(const std::string& line);

 private:
  Status Command(std::string_view name, const std::string& argument);
  Status Answer(const std::string& text);
  Status Save(const std::string& file) const;
  Status Load(const std::string& file);
  Status Undo();
  void ListTools() const;
  bool Interrupted() const { return interrupt_ != nullptr && interrupt_->interrupted(); }
  void CountTurns();
  void Report(const AgentTurn& turn) const;
  void SetSystem(const std::string& text);
  size_t SystemMessages() const { return !messages_.empty() && messages_[0].role == "system" ? 1 : 0; }

  const ChatModel& model_;
  std::unique_ptr<Session> session_;
  SamplingParams sampling_;
  std::optional<bool> think_;
  AgentLimits limits_;
  bool verbose_;
  ToolBox box_;
  std::optional<ToolUse> tools_;
  const InterruptScope* interrupt_ = nullptr;  // while a turn is under way
  std::vector<ChatMessage> messages_;
  std::vector<size_t> turns_;  // how many messages each took, the system message apart
};

void Note(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
}

Result<bool> Chat::Handle(const std::string& line) {
  if (line.find_first_not_of(" \t") == std::string::npos) return true;
  Status status;
  if (line[0] != '/') {
    status = Answer(line);
  } else if (line.starts_with("//")) {
    status = Answer(line.substr(1));
  } else {
    const size_t space = line.find_first_of(" \t");
    const std::string name = line.substr(1, space == std::string::npos ? space : space - 1);
    const size_t begin = line.find_first_not_of(" \t", space);
    if (name == "quit" || name == "exit") return false;
    std::string argument = space == std::string::npos || begin == std::string::npos ? "" : line.substr(begin);
    argument.erase(argument.find_last_not_of(" \t") + 1);
    status = Command(name, argument);
  }
  if (!status.ok()) return status.error();
  return true;
}

Status Chat::Command(std::string_view name, const std::string& argument) {
  if (name == "help") {
    std::fputs(kHelp, stderr);
  } else if (name == "tools") {
    ListTools();
  } else if (name == "think") {
    if (argument != "on" && argument != "off") return Error{ErrorCode::kInvalid, "/think takes on or off"};
    think_ = argument == "on";
    Note("Thinking is " + argument + ".");
  } else if (name == "system") {
    SetSystem(argument);
    Note(argument.empty() ? "No instructions." : "Instructions set.");
  } else if (name == "reset") {
    messages_.resize(SystemMessages());
    turns_.clear();
    Note("The conversation is empty.");
  } else if (name == "undo") {
    return Undo();
  } else if (name == "save" || name == "load") {
    if (argument.empty()) {
      return Error{ErrorCode::kInvalid, fmt::format("/{} needs the name of a file", name)};
    }
    return name == "save" ? Save(argument) : Load(argument);
  } else {
    return Error{ErrorCode::kInvalid,
                 fmt::format("there is no /{}; /help lists what there is, // begins a message with a slash",
                             ForTerminal(name))};
  }
  return {};
}

void Chat::SetSystem(const std::string& text) {
  messages_.erase(messages_.begin(), messages_.begin() + static_cast<ptrdiff_t>(SystemMessages()));
  if (!text.empty()) messages_.insert(messages_.begin(), TextMessage("system", text));
}

Status Chat::Undo() {
  if (turns_.empty()) return Error{ErrorCode::kInvalid, "there is nothing to undo"};
  messages_.resize(messages_.size() - turns_.back());
  turns_.pop_back();
  Note(messages_.size() == SystemMessages() ? "The conversation is empty."
                                            : "Forgotten: the last question and its answer.");
  return {};
}

Status Chat::Save(const std::string& file) const {
  RETURN_IF_ERROR(WriteFileAtomically(file, DumpJson(ConversationJson(messages_)) + "\n"));
  Note(fmt::format("Saved {} messages to {}.", messages_.size(), file));
  return {};
}

Status Chat::Load(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxConversationBytes));
  ASSIGN_OR_RETURN(messages_, ParseConversation(text, file));
  CountTurns();
  Note(fmt::format("Loaded {} messages from {}.", messages_.size(), file));
  return {};
}

// In a conversation from elsewhere every message of the user's begins a turn.
void Chat::CountTurns() {
  turns_.clear();
  for (size_t i = SystemMessages(); i < messages_.size(); ++i) {
    if (messages_[i].role == "user" || turns_.empty()) turns_.push_back(0);
    ++turns_.back();
  }
}

Status Chat::AddTools(const ToolOptions& options) {
  ASSIGN_OR_RETURN(box_, MakeToolBox(options, model_, [this] { return Interrupted(); }));
  tools_ = OfferTools(model_, box_);
  return {};
}

void Chat::ListTools() const {
  if (!tools_) return Note("No tools. mains chat --help says how to offer some.");
  for (const ToolDefinition& tool : tools_->definitions) {
    Note(ForTerminal(fmt::format("  {:<16} {}", tool.name, tool.description)));
  }
}

Status Chat::Answer(const std::string& text) {
  AgentRequest request;
  request.messages = messages_;
  request.messages.push_back(TextMessage("user", text));
  request.think = think_;
  request.sampling = sampling_;
  request.limits = limits_;
  const InterruptScope interrupt;
  interrupt_ = &interrupt;
  AnswerPrinter printer(AnswerPrinter::Detail::kAll, tools_.has_value());
  Result<AgentTurn> turn = RunAgentTurn(model_, *session_, tools_ ? &*tools_ : nullptr, request,
                                        PrintingEvents(printer, [this] { return Interrupted(); }));
  printer.Finish();
  interrupt_ = nullptr;
  if (!turn.ok()) {
    if (turn.error().code != ErrorCode::kCancelled) return turn.error();
    Note("Stopped before the answer began; the question is forgotten.");
    return {};
  }
  messages_ = std::move(request.messages);
  messages_.insert(messages_.end(), turn->messages.begin(), turn->messages.end());
  turns_.push_back(1 + turn->messages.size());
  Report(*turn);
  return {};
}

void Chat::Report(const AgentTurn& turn) const {
  if (turn.end == TurnEnd::kCancelled) {
    Note("Stopped.");
  } else if (turn.end == TurnEnd::kContext) {
    Note(fmt::format("Stopped: the context of {} tokens is full; /undo or /reset makes room.",
                     model_.engine().max_context()));
  } else if (turn.end != TurnEnd::kAnswer) {
    std::string why = WhyItEnded(turn, limits_, model_.engine().max_context());
    why[0] = 'S';
    Note(why + ".");
  }
  if (!verbose_) return;
  const int64_t reused = turn.prompt_tokens() - turn.read_tokens();
  Note(fmt::format("prompt  {} tokens, {} of them reused; read {}\nanswer  {}", turn.prompt_tokens(), reused,
                   RateText(turn.read_tokens(), turn.prompt_seconds()),
                   RateText(turn.generated_tokens(), turn.generation_seconds())));
}

Result<ChatModel> LoadForChat(const LoadOptions& options) {
  const InterruptScope interrupt;
  ASSIGN_OR_RETURN(ChatModel model, LoadChatModel(options, [&] { return interrupt.interrupted(); }));
  if (!model.chat_template.ok()) return model.chat_template.error();
  return model;
}

// One line from the terminal; nothing at the end of the input.
std::optional<std::string> ReadLine(LineEditor& editor, InterruptScope* interrupt) {
  std::string line;
  while (true) {
    if (interrupt != nullptr) interrupt->Clear();  // one that came too late for the last answer
    switch (editor.Read("> ", line)) {
      case LineEditor::Event::kLine: return line;
      case LineEditor::Event::kEnd: return std::nullopt;
      case LineEditor::Event::kInterrupted:
        if (line.empty()) Note("To leave: Ctrl-D or /quit.");
    }
  }
}

Status Run(const ChatOptions& options) {
  ASSIGN_OR_RETURN(const ChatModel model, LoadForChat(options.load));
  ASSIGN_OR_RETURN(SamplingParams sampling,
                   ChooseSampling(options.sampling, model.generation_config, model.engine().facts().vocab));
  const uint64_t seed = sampling.seed;
  Chat chat(model, options, std::move(sampling));
  RETURN_IF_ERROR(chat.AddTools(options.tools));
  std::unique_ptr<InterruptScope> interrupt;
  LineEditor editor(HistoryPath(), [&] { return interrupt && interrupt->interrupted(); });
  if (editor.interactive()) {
    Note(fmt::format("{}, context {} tokens, {}, seed {}. /help lists commands; Ctrl-D leaves.",
                     model.loaded.source.location.name, model.engine().max_context(),
                     model.engine().device_name(), seed));
  }
  // Without a terminal nobody presses keys: Ctrl-C then ends a wait for input as it ends any program.
  if (editor.interactive()) interrupt = std::make_unique<InterruptScope>();
  while (const std::optional<std::string> line = ReadLine(editor, interrupt.get())) {
    const Result<bool> go_on = chat.Handle(*line);
    if (!go_on.ok()) {
      // A script must not go on as if nothing had happened; a person sees it and tries again.
      if (!editor.interactive()) return go_on.error();
      Note(go_on.error().message);
    } else if (!*go_on) {
      return {};
    }
  }
  if (editor.interactive()) std::fputs("\n", stdout);
  return {};
}

}  // namespace

void AddChatCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand("chat", "Talk to a model");
  const std::shared_ptr<ChatOptions> options = std::make_shared<ChatOptions>();
  AddLoadOptions(*command, options->load);
  AddDraftOption(*command, options->load);
  options->load.model = kEmbeddedModelName;
  command->get_option("model")->required(false)->description(
      "A model folder, a .gguf file, or a name that was pulled; left out: the model in this program");
  command->add_option("--system", options->system, "Instructions that stand before the conversation")
      ->type_name("TEXT");
  // Through a function: bound to the optional itself, a flag that is not given sets it to false.
  command->add_flag_function(
      "--think,!--no-think", [options](int64_t count) { options->think = count > 0; },
      "Think before answering, or do not");
  command->add_option("--max-tokens", options->max_tokens, "Tokens per answer at most; 0: until the end")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 31))
      ->type_name("N");
  AddToolOptions(*command, options->tools);
  AddSamplingOptions(*command, options->sampling);
  command->callback([&line, options] { line.run = [options] { return Run(*options); }; });
}

}  // namespace mains
