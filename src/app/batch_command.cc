// mains batch: a file of requests, a file of answers.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "app/batch_request.h"
#include "app/batch_runner.h"
#include "app/command.h"
#include "app/embedded_model.h"
#include "app/interrupt.h"
#include "app/tool_grammars.h"
#include "base/file.h"
#include "base/units.h"

namespace mains {
namespace {

constexpr int64_t kMaxBatchBytes = int64_t{4} << 30;

struct BatchOptions {
  LoadOptions load;
  BatchDefaults defaults;
  std::vector<std::string> names;  // [MODEL] FILE
  std::string out;
  int64_t parallel = 8;
  bool grammar = true;
  bool quiet = false;
};

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.find_first_not_of(" \t\r") != line.npos) lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// Results in the order of their lines: to stdout as soon as those before have come, or kept for a file.
class OrderedResults {
 public:
  explicit OrderedResults(bool to_stdout) : to_stdout_(to_stdout) {}
  void Put(int64_t index, const Json& result) {
    waiting_[index] = DumpJson(result) + "\n";
    while (!waiting_.empty() && waiting_.begin()->first == written_) {
      const std::string& line = waiting_.begin()->second;
      if (to_stdout_) {
        std::fwrite(line.data(), 1, line.size(), stdout);
        std::fflush(stdout);
      } else {
        text_ += line;
      }
      waiting_.erase(waiting_.begin());
      ++written_;
    }
  }
  const std::string& text() const { return text_; }

 private:
  bool to_stdout_;
  int64_t written_ = 0;
  std::map<int64_t, std::string> waiting_;
  std::string text_;
};

// How far the batch is, on stderr: a line that is rewritten on a terminal, and one at the end.
class BatchProgress {
 public:
  BatchProgress(size_t lines, bool quiet)
      : lines_(lines), quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}
  void Count(const Result<BatchAnswer>& answer) {
    ++done_;
    if (answer.ok()) {
      prompt_ += answer->prompt_tokens;
      reused_ += answer->reused_tokens;
      generated_ += answer->generated_tokens;
    } else {
      ++errors_;
    }
    const double now = Seconds();
    if (quiet_ || !terminal_ || now - shown_ < 0.5) return;
    shown_ = now;
    std::fputs(
        fmt::format("\r\x1b[K{} of {}, {:.0f} tokens/s", done_, lines_, static_cast<double>(generated_) / now)
            .c_str(),
        stderr);
  }
  // A sentence that holds for some lines, said once.
  void Note(const std::string& sentence) {
    if (!quiet_ && noted_.insert(sentence).second && noted_.size() <= 10) {
      std::fputs(fmt::format("{}without a grammar: {}\n", terminal_ ? "\r\x1b[K" : "", sentence).c_str(),
                 stderr);
    }
  }
  void Finish() const {
    if (quiet_) return;
    const double seconds = Seconds();
    std::fputs(
        fmt::format("{}{} requests in {}, {} with errors; prompts of {} tokens, {} of them read before; {} "
                    "tokens generated ({:.0f}/s)\n",
                    terminal_ ? "\r\x1b[K" : "", done_, HumanSeconds(seconds), errors_, prompt_, reused_,
                    generated_, static_cast<double>(generated_) / seconds)
            .c_str(),
        stderr);
  }

 private:
  using Clock = std::chrono::steady_clock;
  double Seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  Clock::time_point start_ = Clock::now();
  size_t lines_;
  bool quiet_, terminal_;
  double shown_ = 0;
  std::set<std::string> noted_;
  int64_t done_ = 0, errors_ = 0, prompt_ = 0, reused_ = 0, generated_ = 0;
};

Result<std::string> ReadRequests(const std::string& file) {
  if (file != "-") return ReadFile(file, kMaxBatchBytes);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

Status RunLines(const ChatModel& model, const BatchOptions& options,
                const std::vector<std::string_view>& lines, OrderedResults& results,
                const std::function<bool()>& cancelled) {
  BatchProgress progress(lines.size(), options.quiet);
  BatchDefaults defaults = options.defaults;
  // Lines without a seed of their own differ in theirs, so that the same request may be asked many times.
  ASSIGN_OR_RETURN(const SamplingParams checked,
                   ChooseSampling(defaults.sampling, model.generation_config, model.engine().facts().vocab));
  const Result<ToolFormat> format =
      model.chat_template.ok() ? DetectToolFormat(*model.chat_template) : model.chat_template.error();
  std::optional<ToolGrammars> grammars;
  if (options.grammar && format.ok()) grammars.emplace(model, *format);
  std::map<int64_t, BatchRequest> under_way;
  size_t at = 0;
  const BatchRunner::Source next = [&]() -> std::optional<BatchJob> {
    for (; at < lines.size(); ++at) {
      const int64_t index = static_cast<int64_t>(at);
      defaults.sampling.seed = checked.seed + at;
      Result<BatchRequest> request = ReadBatchRequest(model, defaults, lines[at]);
      if (!request.ok()) {
        progress.Count(request.error());
        results.Put(index, BatchErrorJson(BatchRequestId(lines[at]), request.error()));
        continue;
      }
      BatchJob job{index, request->prompt.ids, request->sampling, request->max_tokens, std::nullopt};
      if (grammars && !request->tools.empty()) {
        Result<GrammarMatcher> start = grammars->Start(request->tools, request->prompt.in_thinking);
        if (start.ok()) {
          job.grammar = std::move(start).value();
        } else {
          progress.Note(start.error().message);
        }
      }
      under_way.emplace(index, std::move(request).value());
      ++at;
      return job;
    }
    return std::nullopt;
  };
  const BatchRunner::Sink done = [&](int64_t index, const Result<BatchAnswer>& answer) {
    const BatchRequest& request = under_way.at(index);
    progress.Count(answer);
    results.Put(index, answer.ok()
                           ? BatchAnswerJson(model, format.ok() ? &*format : nullptr, request, *answer)
                           : BatchErrorJson(request.id, answer.error()));
    under_way.erase(index);
  };
  RETURN_IF_ERROR(BatchRunner(model.engine(), *model.tokenizer, options.parallel).Run(next, done, cancelled));
  progress.Finish();
  return {};
}

Status Run(BatchOptions options) {
  ASSIGN_OR_RETURN(const std::string text, ReadRequests(options.names.back()));
  options.load.model = options.names.size() > 1 ? options.names.front() : kEmbeddedModelName;
  const InterruptScope interrupt;
  const auto cancelled = [&] { return interrupt.interrupted(); };
  ASSIGN_OR_RETURN(const ChatModel model, LoadChatModel(options.load, cancelled));
  OrderedResults results(options.out.empty());
  RETURN_IF_ERROR(RunLines(model, options, Lines(text), results, cancelled));
  return options.out.empty() ? Status() : WriteFileAtomically(options.out, results.text());
}

}  // namespace

void AddBatchCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand("batch", "Answer a file of requests, one JSON object a line");
  const std::shared_ptr<BatchOptions> options = std::make_shared<BatchOptions>();
  command
      ->add_option("names", options->names,
                   "A model, as for run (default: the one in this program), and a file of requests; - is "
                   "standard input")
      ->required()
      ->expected(1, 2)
      ->type_name("[MODEL] FILE");
  command->add_option("--out", options->out, "Write the answers to this file, whole or not at all")
      ->type_name("FILE");
  command->add_option("--parallel", options->parallel, "Requests answered together")
      ->check(CLI::Range(1, 1024))
      ->type_name("N");
  command
      ->add_option("--max-tokens", options->defaults.max_tokens,
                   "Tokens to generate at most, where a request does not say; 0: until the end")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 31))
      ->type_name("N");
  command->add_flag_function(
      "--think,!--no-think", [options](int64_t count) { options->defaults.think = count > 0; },
      "Think before answering, or do not, where a request does not say");
  command->add_flag("--grammar,!--no-grammar", options->grammar,
                    "Let requests with tools be answered only by calls that fit their schemas (the default)");
  command->add_flag("--quiet", options->quiet, "Say nothing on standard error");
  AddSamplingOptions(*command, options->defaults.sampling);
  AddLoadFlags(*command, options->load);
  command->callback([&line, options] { line.run = [options] { return Run(*options); }; });
}

}  // namespace mains
