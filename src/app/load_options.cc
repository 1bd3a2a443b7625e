#include "app/load_options.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>

#include "app/progress_line.h"
#include "base/units.h"

namespace mains {
namespace {

// Weights are read while loading if they fit in this share of the memory: reading more than fits
// would only push out what was read first.
constexpr double kMemoryShare = 0.8;

int64_t FileBytes(const ModelLocation& location) {
  std::error_code error;
  int64_t total = 0;
  const auto add = [&](const std::filesystem::path& path) {
    const uintmax_t size = std::filesystem::file_size(path, error);
    if (!error) total += static_cast<int64_t>(size);
  };
  for (const std::filesystem::path& path : location.gguf) add(path);
  if (location.format == ModelLocation::Format::kGguf) return total;
  std::filesystem::directory_iterator entries(location.folder, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (entries->path().extension() == ".safetensors") add(entries->path());
  }
  return total;
}

double PhysicalMemory() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void AddLoadOptions(CLI::App& command, LoadOptions& options) {
  command
      .add_option(
          "model", options.model,
          "A model folder, a .gguf file, a name that was pulled, or pocket: the model in this program")
      ->required()
      ->type_name("MODEL");
  AddLoadFlags(command, options);
}

void AddLoadFlags(CLI::App& command, LoadOptions& options) {
  const std::string group = "Loading";
  command.add_option("--threads", options.threads, "Threads to compute with; 0: one per core")
      ->check(CLI::Range(0, 1024))
      ->type_name("N")
      ->group(group);
  command.add_option("--context", options.context, "Tokens to keep at most; 0: what the model was made for")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 31))
      ->type_name("N")
      ->group(group);
  AddWeightsOptions(command, options, group);
  command.add_option("--kv", options.kv, "Type of the stored state: auto, f32, bf16 or f16")
      ->check(CLI::IsMember({"auto", "f32", "bf16", "f16"}))
      ->type_name("TYPE")
      ->group(group);
  command
      .add_option("--ignore-config", options.ignored_keys,
                  "Run although nothing here knows this key of config.json; may be given again")
      ->type_name("KEY")
      ->allow_extra_args(false)
      ->group(group);
  command.add_flag("--verbose", options.verbose, "Say what is loaded and what is reused")->group(group);
}

void AddWeightsOptions(CLI::App& command, LoadOptions& options, const std::string& group) {
  command
      .add_option(
          "--weights", options.weights,
          "What weights stored as floats are rounded to while loading: native (nothing), q8, q4 or q3")
      ->check(CLI::IsMember({"native", "q8", "q4", "q3"}))
      ->type_name("TYPE")
      ->group(group);
  command
      .add_flag_callback(
          "--no-keep", [&options] { options.keep_rounded = false; },
          "Do not keep rounded weights in a file beside the model, from where the next start takes them")
      ->group(group);
}

void AddDraftOption(CLI::App& command, LoadOptions& options) {
  command
      .add_option("--draft", options.draft,
                  "Tokens to guess ahead, where the model has a layer for it: other speed, the same text")
      ->check(CLI::Range(int64_t{0}, kMaxDraft))
      ->type_name("N")
      ->group("Loading");
}

Result<LoadedModel> LoadEngine(const LoadOptions& options, const std::function<bool()>& cancelled) {
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  LoadedModel model;
  ASSIGN_OR_RETURN(model.source, FindModel(options.model));

  EngineOptions engine_options;
  engine_options.threads = options.threads;
  engine_options.max_context = options.context;
  engine_options.draft = options.draft;
  if (options.chunk > 0) engine_options.prompt_chunk = options.chunk;
  if (options.weights == "q8") engine_options.precision = WeightPrecision::k8Bit;
  if (options.weights == "q4") engine_options.precision = WeightPrecision::k4Bit;
  if (options.weights == "q3") engine_options.precision = WeightPrecision::k3Bit;
  engine_options.keep_rounded = options.keep_rounded;
  if (options.kv == "f32") engine_options.state_dtype = DType::kF32;
  if (options.kv == "bf16") engine_options.state_dtype = DType::kBF16;
  if (options.kv == "f16") engine_options.state_dtype = DType::kF16;
  engine_options.ignored_config_keys = {options.ignored_keys.begin(), options.ignored_keys.end()};
  engine_options.read_weights =
      static_cast<double>(FileBytes(model.source.location)) < kMemoryShare * PhysicalMemory();
  ProgressLine progress;
  const std::string loading = "loading " + model.source.location.name;
  engine_options.progress = [&](double done, const char*) {
    progress.Show(fmt::format("{} {}%", loading, static_cast<int>(done * 100)));
    return !cancelled();
  };
  ASSIGN_OR_RETURN(std::unique_ptr<const Checkpoint> checkpoint, OpenCheckpoint(model.source));
  ASSIGN_OR_RETURN(model.engine, Engine::Load(std::move(checkpoint), engine_options));
  model.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return model;
}

std::string PeakMemory() {
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return HumanBytes(static_cast<double>(usage.ru_maxrss) * 1024);
}

}  // namespace mains
