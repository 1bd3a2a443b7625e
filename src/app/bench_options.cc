#include "app/bench_options.h"

namespace mains {
namespace {

constexpr int64_t kMaxTokens = int64_t{1} << 24, kMaxSequences = 1024;

template <typename T>
void AddList(CLI::App& command, const std::string& names, std::vector<T>& values, T least, T most,
             const std::string& description) {
  command.add_option(names, values, description)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(least, most))
      ->type_name("LIST")
      ->group("Tests");
}

}  // namespace

void AddBenchOptions(CLI::App& command, BenchOptions& options) {
  command
      .add_option("model", options.models,
                  "Model folders, .gguf files, names that were pulled, or pocket: the model in this program")
      ->required()
      ->type_name("MODEL...");
  AddList<int64_t>(command, "-p,--prompt", options.prompts, 0, kMaxTokens,
                   "Tokens of a prompt that is read: 512");
  AddList<int64_t>(command, "-n,--generate", options.generated, 0, kMaxTokens,
                   "Tokens that come one by one: 128");
  AddList<int64_t>(command, "-d,--depth", options.depths, 0, kMaxTokens, "Tokens that are there before: 0");
  AddList<int64_t>(command, "-b,--batch", options.sequences, 1, kMaxSequences, "Sequences at once: 1");
  AddList<int>(command, "-t,--threads", options.threads, 0, 1024, "Threads; 0: one per core");
  command.add_option("-r,--repeats", options.repeats, "Times each test is measured, after a warm-up: 5")
      ->check(CLI::Range(1, 1000))
      ->type_name("N")
      ->group("Tests");
  command.add_option("--chunk", options.load.chunk, "Tokens of a prompt in one step; 0: the engine's own")
      ->check(CLI::Range(int64_t{0}, kMaxTokens))
      ->type_name("N")
      ->group("Tests");
  AddWeightsOptions(command, options.load, "Options");
  command.add_option("--kv", options.load.kv, "Type of the stored state: auto, f32, bf16 or f16")
      ->check(CLI::IsMember({"auto", "f32", "bf16", "f16"}))
      ->type_name("TYPE")
      ->group("Tests");
  command.add_flag("--verbs", options.verbs, "Also show where the time goes, verb by verb");
  command.add_flag("--no-limits", options.no_limits, "Do not measure the machine's own limits");
  command.add_flag("--json", options.json, "Print one JSON object a line for each test");
}

std::vector<BenchTest> BenchTests(const BenchOptions& options) {
  std::vector<BenchTest> tests;
  for (const int64_t depth : options.depths) {
    for (const int64_t sequences : options.sequences) {
      for (const int64_t prompt : options.prompts) {
        if (prompt > 0) tests.push_back({prompt, 0, depth, sequences});
      }
      for (const int64_t generated : options.generated) {
        if (generated > 0) tests.push_back({0, generated, depth, sequences});
      }
    }
  }
  return tests;
}

}  // namespace mains
