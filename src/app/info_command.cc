// `mains info MODEL`: what a model is made of and what running it takes, without running it.
#include <fmt/format.h>

#include "app/command.h"
#include "app/model_source.h"
#include "base/units.h"
#include "engine/engine.h"
#include "io/json.h"

namespace mains {
namespace {

struct InfoOptions {
  std::string model;
  int64_t context = 0;
  bool json = false;
  std::vector<std::string> ignored_keys;
};

std::string Architecture(const Engine& engine) {
  return engine.checkpoint().config()["architectures"][0].get<std::string>();
}

Json AsJson(const Engine& engine, int64_t context) {
  const ModelFacts& facts = engine.facts();
  const ModelFacts::Part total = facts.Total();
  const MemoryNeed need = engine.NeedFor(context);
  const TokenCost first = engine.CostAt(0), deep = engine.CostAt(context - 1);
  Json parts = Json::array();
  for (const ModelFacts::Part& p : facts.parts) {
    parts.push_back({{"name", p.name},
                     {"parameters", p.parameters},
                     {"active_parameters", p.active_parameters},
                     {"bytes", p.bytes}});
  }
  return {{"architecture", Architecture(engine)},
          {"format", engine.checkpoint().source() == Checkpoint::Source::kGguf ? "gguf" : "safetensors"},
          {"file_bytes", engine.checkpoint().file_bytes()},
          {"layers", facts.layers},
          {"d_model", facts.d_model},
          {"vocab", facts.vocab},
          {"max_context", engine.max_context()},
          {"parameters", total.parameters},
          {"active_parameters", total.active_parameters},
          {"weight_bytes", total.bytes},
          {"parts", parts},
          {"state_dtype", Name(engine.state_dtype())},
          {"state_bytes_per_token", engine.state_bytes_per_token()},
          {"context", context},
          {"memory",
           {{"weights", need.weight_bytes},
            {"state", need.state_bytes},
            {"activations", need.activation_bytes},
            {"total", need.total()}}},
          {"flops_per_token", {{"first", first.flops}, {"at_context", deep.flops}}},
          {"bytes_read_per_token",
           {{"first", first.weight_bytes + first.state_bytes},
            {"at_context", deep.weight_bytes + deep.state_bytes}}}};
}

void Print(const Engine& engine, int64_t context) {
  const ModelFacts& facts = engine.facts();
  const ModelFacts::Part total = facts.Total();
  const auto row = [](const char* name, const std::string& value) { fmt::print("{:<16}{}\n", name, value); };
  row("architecture",
      fmt::format("{} ({}, {})", Architecture(engine),
                  engine.checkpoint().source() == Checkpoint::Source::kGguf ? "GGUF" : "safetensors",
                  HumanBytes(static_cast<double>(engine.checkpoint().file_bytes()))));
  row("shape", fmt::format("{} layers, {} wide, {} tokens in the vocabulary", facts.layers, facts.d_model,
                           facts.vocab));
  row("parameters",
      fmt::format("{}, of which {} work on one token", HumanCount(static_cast<double>(total.parameters)),
                  HumanCount(static_cast<double>(total.active_parameters))));
  row("context", fmt::format("up to {} tokens, {} of state each ({})", engine.max_context(),
                             HumanBytes(static_cast<double>(engine.state_bytes_per_token())),
                             Name(engine.state_dtype())));
  fmt::print("\n{:<20}{:>12}{:>12}{:>12}\n", "part", "parameters", "active", "stored");
  for (const std::vector<ModelFacts::Part>& parts : {facts.parts, {total}}) {
    for (const ModelFacts::Part& p : parts) {
      fmt::print("{:<20}{:>12}{:>12}{:>12}\n", p.name, HumanCount(static_cast<double>(p.parameters)),
                 HumanCount(static_cast<double>(p.active_parameters)),
                 HumanBytes(static_cast<double>(p.bytes)));
    }
  }
  const MemoryNeed need = engine.NeedFor(context);
  fmt::print("\nmemory at {} tokens: {} = weights {} + state {} + activations {}\n", context,
             HumanBytes(static_cast<double>(need.total())),
             HumanBytes(static_cast<double>(need.weight_bytes)),
             HumanBytes(static_cast<double>(need.state_bytes)),
             HumanBytes(static_cast<double>(need.activation_bytes)));
  const TokenCost first = engine.CostAt(0), deep = engine.CostAt(context - 1);
  fmt::print("a generated token:   {} and {} read at the start, {} and {} after {} tokens\n",
             HumanFlops(first.flops), HumanBytes(first.weight_bytes + first.state_bytes),
             HumanFlops(deep.flops), HumanBytes(deep.weight_bytes + deep.state_bytes), context);
}

// Long enough for a conversation with tools, short enough for a small machine.
constexpr int64_t kDefaultContext = 8192;

Status Run(const InfoOptions& options) {
  ASSIGN_OR_RETURN(const ModelSource source, FindModel(options.model));
  EngineOptions engine_options;
  engine_options.threads = 1;
  engine_options.ignored_config_keys = {options.ignored_keys.begin(), options.ignored_keys.end()};
  ASSIGN_OR_RETURN(std::unique_ptr<const Checkpoint> checkpoint, OpenCheckpoint(source));
  ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, Engine::Load(std::move(checkpoint), engine_options));
  const int64_t context =
      options.context > 0 ? options.context : std::min<int64_t>(engine->max_context(), kDefaultContext);
  if (context > engine->max_context()) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("--context {} is more than the {} tokens that this model is made for", context,
                             engine->max_context())};
  }
  if (options.json) {
    fmt::print("{}\n", AsJson(*engine, context).dump(2));
  } else {
    Print(*engine, context);
  }
  return {};
}

}  // namespace

void AddInfoCommand(CommandLine& line) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* command =
      line.app.add_subcommand("info", "Show what a model is made of and what running it takes");
  command
      ->add_option("MODEL", options->model,
                   "A path, a hub name, an alias, or pocket: the model in this program")
      ->required();
  command
      ->add_option("--context", options->context, "Tokens to count memory for (default: 8192, or all it can)")
      ->check(CLI::PositiveNumber);
  command->add_option("--ignore-config", options->ignored_keys,
                      "Configuration keys that you know to be harmless");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([&line, options] { line.run = [options] { return Run(*options); }; });
}

}  // namespace mains
