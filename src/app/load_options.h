// What every command that runs a model asks about loading it, and the loading itself.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/model_source.h"
#include "base/result.h"
#include "engine/engine.h"

namespace mains {

struct LoadOptions {
  std::string model;
  int threads = 0;
  int64_t context = 0;
  std::string weights = "native";
  bool keep_rounded = true;
  std::string kv = "auto";
  int64_t draft = 0;
  int64_t chunk = 0;  // EngineOptions::prompt_chunk; 0: its default
  std::vector<std::string> ignored_keys;
  bool verbose = false;
};

// Adds --threads, --context, --weights, --no-keep, --kv, --ignore-config and --verbose.
void AddLoadFlags(CLI::App& command, LoadOptions& options);
// Adds MODEL and the same.
void AddLoadOptions(CLI::App& command, LoadOptions& options);
// Adds --weights and --no-keep, which the two above have.
void AddWeightsOptions(CLI::App& command, LoadOptions& options, const std::string& group);
// Adds --draft, for commands that generate.
void AddDraftOption(CLI::App& command, LoadOptions& options);

struct LoadedModel {
  ModelSource source;
  std::unique_ptr<Engine> engine;
  double seconds = 0;  // that loading took
};

// Finds the model and loads it, with a line of progress on stderr where that is a terminal.
Result<LoadedModel> LoadEngine(const LoadOptions& options, const std::function<bool()>& cancelled);

// "2.1 GB": the most memory that this process has held at once.
std::string PeakMemory();

}  // namespace mains
