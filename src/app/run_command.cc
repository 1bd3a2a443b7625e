// mains run: one request, one answer, and the calls of tools that the answer takes.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "app/agent_loop.h"
#include "app/answer_printer.h"
#include "app/command.h"
#include "app/conversation.h"
#include "app/embedded_model.h"
#include "app/generation.h"
#include "app/interrupt.h"
#include "app/model_argument.h"
#include "app/sampling_options.h"
#include "app/tool_options.h"
#include "app/turn_report.h"
#include "base/file.h"
#include "base/units.h"

namespace mains {
namespace {

constexpr int64_t kMaxRequestBytes = int64_t{1} << 30;

struct RunOptions {
  LoadOptions load;
  SamplingOptions sampling;
  ToolOptions tools;
  std::string request, file, system;
  std::optional<bool> think;
  int64_t max_tokens = 0;
  std::vector<std::string> stops;
  bool raw = false, json = false, quiet = false;
};

Result<std::string> ReadRequest(const RunOptions& options) {
  if (!options.file.empty()) return ReadFile(options.file, kMaxRequestBytes);
  if (options.request != "-") return options.request;
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

Json LogprobJson(const Tokenizer& tokenizer, int32_t id, float logprob) {
  const std::string bytes = tokenizer.TokenBytes(id);
  Json numbers = Json::array();
  for (const char c : bytes) numbers.push_back(static_cast<unsigned char>(c));
  return {{"id", id}, {"token", bytes}, {"bytes", std::move(numbers)}, {"logprob", logprob}};
}

Json LogprobsJson(const Tokenizer& tokenizer, const Generation& generation) {
  Json list = Json::array();
  for (const GeneratedToken& token : generation.tokens) {
    Json entry = LogprobJson(tokenizer, token.sampled.id, token.sampled.logprob.value_or(0));
    Json alternatives = Json::array();
    for (const TokenLogprob& other : token.sampled.alternatives) {
      alternatives.push_back(LogprobJson(tokenizer, other.id, other.logprob));
    }
    entry["top_logprobs"] = std::move(alternatives);
    list.push_back(std::move(entry));
  }
  return list;
}

Json CallsJson(const AgentTurn& turn) {
  Json list = Json::array();
  for (const AgentCall& call : turn.calls) {
    // What is no JSON is shown as the text that it is.
    const auto value = [](const std::string& text) {
      Result<Json> parsed = ParseJson(text, "");
      return parsed.ok() ? std::move(parsed).value() : Json(text);
    };
    list.push_back({{"round", call.round},
                    {"name", call.call.name},
                    {"arguments", value(call.call.arguments)},
                    {"ok", call.result.ok},
                    {"result", value(call.result.text)}});
  }
  return list;
}

void PrintJson(const ChatModel& model, const AgentRequest& request, const AgentTurn& turn) {
  std::vector<ChatMessage> messages = request.messages;
  messages.insert(messages.end(), turn.messages.begin(), turn.messages.end());
  const Generation& last = turn.answers.back();
  const int64_t prompt_tokens = turn.prompt_tokens(), generated = turn.generated_tokens();
  Json out = {
      {"model", model.loaded.source.location.name},
      {"text", last.answer},
      {"thinking", last.thinking},
      {"finish_reason", TurnEndName(turn.end)},
      {"messages", ConversationJson(messages)},
      {"calls", CallsJson(turn)},
      {"rounds", turn.answers.size()},
      {"reused_tokens", prompt_tokens - turn.read_tokens()},
      {"usage",
       {{"prompt_tokens", prompt_tokens},
        {"completion_tokens", generated},
        {"total_tokens", prompt_tokens + generated}}},
      {"timings",
       {{"load_seconds", model.loaded.seconds},
        {"first_token_seconds", turn.answers.front().first_token_seconds},
        {"prompt_seconds", turn.prompt_seconds()},
        {"generation_seconds", turn.generation_seconds()},
        {"tool_seconds", turn.tool_seconds}}},
      {"seed", request.sampling.seed},
  };
  if (request.sampling.logprobs > 0) out["logprobs"] = LogprobsJson(*model.tokenizer, last);
  std::printf("%s\n", DumpJson(out).c_str());
}

void PrintSummary(const ChatModel& model, const RunOptions& options, const AgentRequest& request,
                  const AgentTurn& turn) {
  std::string text = "\n" + SpeedLine(turn);
  if (request.sampling.temperature > 0) text += fmt::format(", seed {}", request.sampling.seed);
  const std::string why = WhyItEnded(turn, request.limits, model.engine().max_context());
  if (!why.empty()) text += "; " + why;
  if (options.load.verbose) {
    text += fmt::format("\nloaded in {}, peak memory {}, {}, seed {}", HumanSeconds(model.loaded.seconds),
                        PeakMemory(), model.engine().device_name(), request.sampling.seed);
  }
  std::fprintf(stderr, "%s\n", text.c_str());
}

// A text that the model goes on with, as a turn of one answer.
Result<AgentTurn> ContinueText(const ChatModel& model, Session& session, const std::string& text,
                               const AgentRequest& request, const AgentEvents& events) {
  GenerationRequest generation;
  ASSIGN_OR_RETURN(generation.prompt, RawPrompt(model, text));
  generation.sampling = request.sampling;
  generation.max_tokens = request.limits.max_tokens;
  generation.stops = request.stops;
  generation.cancelled = events.cancelled;
  generation.on_text = events.on_text;
  AgentTurn turn;
  ASSIGN_OR_RETURN(Generation answer, Generate(model, session, generation));
  turn.end = EndOf(answer.reason);
  turn.messages.push_back(TextMessage("assistant", answer.answer, answer.thinking));
  turn.answers.push_back(std::move(answer));
  return turn;
}

Result<AgentRequest> MakeRequest(const ChatModel& model, const RunOptions& options, const std::string& text) {
  AgentRequest request;
  if (!options.system.empty()) request.messages.push_back(TextMessage("system", options.system));
  request.messages.push_back(TextMessage("user", text));
  request.think = options.think ? options.think : model.thinks;
  ASSIGN_OR_RETURN(request.sampling,
                   ChooseSampling(options.sampling, model.generation_config, model.engine().facts().vocab));
  request.stops = options.stops;
  request.limits.max_tokens = options.max_tokens;
  return request;
}

Status Run(const RunOptions& options) {
  ASSIGN_OR_RETURN(const std::string text, ReadRequest(options));
  const InterruptScope interrupt;
  const auto cancelled = [&] { return interrupt.interrupted(); };
  ASSIGN_OR_RETURN(const ChatModel model, LoadChatModel(options.load, cancelled));
  ASSIGN_OR_RETURN(const AgentRequest request, MakeRequest(model, options, text));
  ToolBox box;
  if (!options.raw) {
    ASSIGN_OR_RETURN(box, MakeToolBox(options.tools, model, cancelled));
  }
  const std::optional<ToolUse> tools = OfferTools(model, box);
  using Detail = AnswerPrinter::Detail;
  AnswerPrinter printer(options.json    ? Detail::kNothing
                        : options.quiet ? Detail::kAnswerOnly
                                        : Detail::kAll,
                        tools.has_value());
  const AgentEvents events = PrintingEvents(printer, cancelled);
  const std::unique_ptr<Session> session = model.engine().NewSession();
  const Result<AgentTurn> turn =
      options.raw ? ContinueText(model, *session, text, request, events)
                  : RunAgentTurn(model, *session, tools ? &*tools : nullptr, request, events);
  printer.Finish();
  if (!turn.ok()) return turn.error();
  if (options.json) {
    PrintJson(model, request, *turn);
  } else if (!options.quiet) {
    PrintSummary(model, options, request, *turn);
  }
  // What there is has been shown; the exit code says that it is not the whole answer.
  switch (turn->end) {
    case TurnEnd::kAnswer:
    case TurnEnd::kLength:
    case TurnEnd::kContext: return {};
    case TurnEnd::kCancelled: return Error{ErrorCode::kCancelled, ""};
    case TurnEnd::kRounds:
    case TurnEnd::kStuck: break;
  }
  return Error{ErrorCode::kResource, WhyItEnded(*turn, request.limits, model.engine().max_context())};
}

// One positional alone is the model or the request.
void SortPositionals(RunOptions& options, bool has_request, bool has_file) {
  if (!has_request && !has_file) {
    if (!options.load.model.empty() && !MeansModel(options.load.model)) {
      options.request = std::exchange(options.load.model, "");
    } else {
      throw CLI::ValidationError(
          "run",
          options.load.model.empty()
              ? "what is the request? Give it in quotes, or - to read it from standard input, or --file FILE"
              : fmt::format("{} is taken for a model, so the request is missing; to ask the built-in "
                            "model just that: mains run {} \"{}\"",
                            options.load.model, kEmbeddedModelName, options.load.model));
    }
  }
  if (options.load.model.empty()) options.load.model = kEmbeddedModelName;
}

}  // namespace

void AddRunCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand("run", "Answer one request");
  const std::shared_ptr<RunOptions> options = std::make_shared<RunOptions>();
  AddLoadOptions(*command, options->load);
  AddDraftOption(*command, options->load);
  command->get_option("model")->required(false)->description(
      "A model folder, a .gguf file, or a name that was pulled; left out: the model in this program");
  CLI::Option* request =
      command->add_option("request", options->request, "What to answer; \"-\" reads standard input")
          ->type_name("TEXT");
  CLI::Option* file = command->add_option("--file", options->file, "Read the request from this file")
                          ->excludes(request)
                          ->type_name("FILE");
  command->add_option("--system", options->system, "Instructions that stand before the request")
      ->type_name("TEXT");
  // Through a function: bound to the optional itself, a flag that is not given sets it to false.
  command->add_flag_function(
      "--think,!--no-think", [options](int64_t count) { options->think = count > 0; },
      "Think before answering, or do not");
  command->add_option("--max-tokens", options->max_tokens, "Tokens to generate at most; 0: until the end")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 31))
      ->type_name("N");
  command->add_option("--stop", options->stops, "End the answer before this text; may be given again")
      ->allow_extra_args(false)
      ->type_name("TEXT");
  CLI::Option* raw = command->add_flag("--raw", options->raw, "Continue the text, without a chat template");
  AddToolOptions(*command, options->tools);
  raw->excludes("--system")->excludes("--think")->excludes("--tools")->excludes("--builtin-tools");
  command->add_flag("--quiet", options->quiet, "Print nothing but the answer");
  CLI::Option* json = command->add_flag("--json", options->json, "Print one JSON object at the end");
  AddSamplingOptions(*command, options->sampling);
  command
      ->add_option("--logprobs", options->sampling.logprobs,
                   "With --json: log-probabilities of this many tokens at each position, 1 to 20")
      ->check(CLI::Range(1, 20))
      ->needs(json)
      ->type_name("N");
  command->callback([&line, options, request, file] {
    SortPositionals(*options, request->count() > 0, file->count() > 0);
    line.run = [options] { return Run(*options); };
  });
}

}  // namespace mains
