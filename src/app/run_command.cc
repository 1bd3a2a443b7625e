// mains run: one request, one answer.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include "app/answer_printer.h"
#include "app/command.h"
#include "app/conversation.h"
#include "app/generation.h"
#include "app/interrupt.h"
#include "app/sampling_options.h"
#include "base/file.h"
#include "base/units.h"

namespace mains {
namespace {

constexpr int64_t kMaxRequestBytes = int64_t{1} << 30;

struct RunOptions {
  LoadOptions load;
  SamplingOptions sampling;
  std::string request, file, system;
  bool has_request = false;
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

Result<Prompt> MakePrompt(const ChatModel& model, const RunOptions& options, const std::string& request) {
  if (options.raw) return RawPrompt(model, request);
  std::vector<ChatMessage> messages;
  if (!options.system.empty()) messages.push_back(TextMessage("system", options.system));
  messages.push_back(TextMessage("user", request));
  return RenderPrompt(model, messages, options.think);
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

void PrintJson(const ChatModel& model, const SamplingParams& sampling, const Generation& generation) {
  Json out = {
      {"model", model.loaded.source.location.name},
      {"text", generation.answer},
      {"thinking", generation.thinking},
      {"finish_reason", FinishReasonName(generation.reason)},
      {"usage",
       {{"prompt_tokens", generation.prompt_tokens},
        {"completion_tokens", generation.generated_tokens},
        {"total_tokens", generation.prompt_tokens + generation.generated_tokens}}},
      {"timings",
       {{"load_seconds", model.loaded.seconds},
        {"prompt_seconds", generation.prompt_seconds},
        {"generation_seconds", generation.generation_seconds}}},
      {"seed", sampling.seed},
  };
  if (sampling.logprobs > 0) out["logprobs"] = LogprobsJson(*model.tokenizer, generation);
  std::printf("%s\n", DumpJson(out).c_str());
}

std::string WhyItStopped(const ChatModel& model, const Generation& generation) {
  switch (generation.reason) {
    case FinishReason::kStop: return "";
    case FinishReason::kLength: return " (stopped by --max-tokens)";
    case FinishReason::kContext:
      return fmt::format(" (stopped: the context of {} tokens is full)", model.engine().max_context());
    case FinishReason::kCancelled: return " (stopped by Ctrl-C)";
  }
  return "";
}

void PrintSummary(const ChatModel& model, const SamplingParams& sampling, const Generation& generation) {
  const std::string text = fmt::format(
      "\nprompt  {}\nanswer  {}{}\nload    {}, peak memory {}, {}\nseed    {}\n",
      SpeedText(generation.prompt_tokens, generation.prompt_seconds),
      SpeedText(generation.generated_tokens, generation.generation_seconds), WhyItStopped(model, generation),
      HumanSeconds(model.loaded.seconds), PeakMemory(), model.engine().device_name(), sampling.seed);
  std::fputs(text.c_str(), stderr);
}

Status Run(const RunOptions& options) {
  ASSIGN_OR_RETURN(const std::string text, ReadRequest(options));
  const InterruptScope interrupt;
  const auto cancelled = [&] { return interrupt.interrupted(); };
  ASSIGN_OR_RETURN(const ChatModel model, LoadChatModel(options.load, cancelled));
  GenerationRequest request;
  ASSIGN_OR_RETURN(request.sampling,
                   ChooseSampling(options.sampling, model.generation_config, model.engine().facts().vocab));
  ASSIGN_OR_RETURN(request.prompt, MakePrompt(model, options, text));
  request.max_tokens = options.max_tokens;
  request.stops = options.stops;
  request.cancelled = cancelled;
  AnswerPrinter printer;
  if (!options.json) {
    request.on_text = [&](const ThinkingSplitter::Parts& parts) { printer.Show(parts); };
  }
  const std::unique_ptr<Session> session = model.engine().NewSession();
  Result<Generation> generation = Generate(model, *session, request);
  printer.Finish();
  if (!generation.ok()) return generation.error();
  if (options.json) {
    PrintJson(model, request.sampling, *generation);
  } else if (!options.quiet) {
    PrintSummary(model, request.sampling, *generation);
  }
  // What there is has been shown; the exit code says that it is not the whole answer.
  if (generation->reason == FinishReason::kCancelled) return Error{ErrorCode::kCancelled, ""};
  return {};
}

}  // namespace

void AddRunCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand("run", "Answer one request");
  const std::shared_ptr<RunOptions> options = std::make_shared<RunOptions>();
  AddLoadOptions(*command, options->load);
  AddDraftOption(*command, options->load);
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
  raw->excludes("--system")->excludes("--think");
  command->add_flag("--quiet", options->quiet, "Print nothing but the answer and thinking");
  CLI::Option* json = command->add_flag("--json", options->json, "Print one JSON object at the end");
  AddSamplingOptions(*command, options->sampling);
  command
      ->add_option("--logprobs", options->sampling.logprobs,
                   "With --json: log-probabilities of this many tokens at each position, 1 to 20")
      ->check(CLI::Range(1, 20))
      ->needs(json)
      ->type_name("N");
  command->callback([&line, options, request, file] {
    if (request->count() + file->count() == 0) {
      throw CLI::ValidationError("run",
                                 "what is the request? Give it in quotes, or - to read it from "
                                 "standard input, or --file FILE");
    }
    line.run = [options] { return Run(*options); };
  });
}

}  // namespace mains
