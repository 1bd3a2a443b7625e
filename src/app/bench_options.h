// What mains bench is asked to measure.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "app/load_options.h"
#include "engine/bench.h"

namespace mains {

struct BenchOptions {
  LoadOptions load;  // but for the model and the threads
  std::vector<std::string> models;
  std::vector<int64_t> prompts = {512}, generated = {128}, depths = {0}, sequences = {1};
  std::vector<int> threads = {0};
  int64_t repeats = 5;
  bool verbs = false, json = false, no_limits = false;
};

void AddBenchOptions(CLI::App& command, BenchOptions& options);

// Every combination, prompts first: of a list, what is 0 is left out.
std::vector<BenchTest> BenchTests(const BenchOptions& options);

}  // namespace mains
