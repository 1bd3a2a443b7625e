// mains bench: how fast a model is here, and how near to what the machine can do.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>

#include "app/bench_options.h"
#include "app/bench_report.h"
#include "app/command.h"
#include "app/interrupt.h"
#include "app/progress_line.h"

namespace mains {
namespace {

// Prints one loaded model's tests as they end.
class Runner {
 public:
  Runner(const BenchOptions& options, const InterruptScope& interrupt)
      : options_(options), interrupt_(interrupt) {}

  Status Run(const std::string& name, int threads) {
    LoadOptions load = options_.load;
    load.model = name;
    load.threads = threads;
    ASSIGN_OR_RETURN(const LoadedModel model, LoadEngine(load, [&] { return interrupt_.interrupted(); }));
    ASSIGN_OR_RETURN(const std::unique_ptr<LimitMeter> meter, Meter(model.engine->threads()));
    const BenchSubject subject{name, MAINS_BUILD, model.engine.get(), WeightFormats(model.engine->facts())};
    if (!options_.json) fmt::print("{}\n", SubjectText(subject));
    bool first = true;
    for (const BenchTest& test : BenchTests(options_)) {
      ASSIGN_OR_RETURN(const BenchRecord record, Measure(*model.engine, meter.get(), test, name));
      Print(subject, record, first);
      first = false;
    }
    return {};
  }

 private:
  // Null if limits are not wanted.
  Result<std::unique_ptr<LimitMeter>> Meter(int threads) const {
    if (options_.no_limits) return std::unique_ptr<LimitMeter>();
    LimitOptions options;
    options.threads = threads;
    return LimitMeter::Make(options);
  }

  Result<BenchRecord> Measure(Engine& engine, LimitMeter* meter, const BenchTest& test,
                              const std::string& model) const {
    ProgressLine progress;
    BenchRecord record;
    record.test = test;
    const auto show = [&](const std::string& what) {
      progress.Show(fmt::format("{}: {}: {}", model, test.Name(), what));
      return !interrupt_.interrupted();
    };
    if (meter != nullptr) {
      show("the machine's limits");
      record.limits = meter->Measure();
    }
    BenchSettings settings;
    settings.repeats = options_.repeats;
    settings.verbs = options_.verbs;
    settings.progress = show;
    ASSIGN_OR_RETURN(record.result, RunBench(engine, test, settings));
    return record;
  }

  void Print(const BenchSubject& subject, const BenchRecord& record, bool first) const {
    if (options_.json) {
      fmt::print("{}\n", BenchJson(subject, record).dump());
    } else {
      if (first && record.limits) fmt::print("{}\n", LimitsText(*record.limits));
      // With verbs, every test has a table of its own below its line.
      if (first || options_.verbs) fmt::print("{}", RecordHeading());
      fmt::print("{}", RecordText(subject, record));
      if (options_.verbs) fmt::print("\n{}\n", VerbTable(subject, record));
    }
    std::fflush(stdout);
  }

  const BenchOptions& options_;
  const InterruptScope& interrupt_;
};

Status Run(const BenchOptions& options) {
  const InterruptScope interrupt;
  Runner runner(options, interrupt);
  bool first = true;
  for (const std::string& model : options.models) {
    for (const int threads : options.threads) {
      if (!first && !options.json) fmt::print("\n");
      first = false;
      RETURN_IF_ERROR(runner.Run(model, threads));
    }
  }
  return {};
}

}  // namespace

void AddBenchCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand(
      "bench",
      "Measure how fast models are here, in llama-bench's terms, and how near to the machine's limits");
  const std::shared_ptr<BenchOptions> options = std::make_shared<BenchOptions>();
  AddBenchOptions(*command, *options);
  command->callback([&line, options] {
    if (BenchTests(*options).empty())
      throw CLI::ValidationError("bench", "no test: give --prompt or --generate");
    line.run = [options] { return Run(*options); };
  });
}

}  // namespace mains
