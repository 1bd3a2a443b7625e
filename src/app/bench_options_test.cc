#include "app/bench_options.h"

#include <gtest/gtest.h>

namespace mains {
namespace {

BenchOptions Parsed(const std::string& line) {
  BenchOptions options;
  CLI::App app;
  AddBenchOptions(app, options);
  app.parse(line);
  return options;
}

std::vector<std::string> Names(const BenchOptions& options) {
  std::vector<std::string> names;
  for (const BenchTest& test : BenchTests(options)) names.push_back(test.Name());
  return names;
}

TEST(BenchOptions, DefaultsAreThoseOfLlamaBench) {
  const BenchOptions options = Parsed("model.gguf");
  EXPECT_EQ(options.models, std::vector<std::string>{"model.gguf"});
  EXPECT_EQ(options.threads, std::vector<int>{0});
  EXPECT_EQ(options.repeats, 5);
  EXPECT_FALSE(options.json || options.verbs || options.no_limits);
  EXPECT_EQ(Names(options), (std::vector<std::string>{"pp512", "tg128"}));
}

TEST(BenchOptions, ListsAreCombined) {
  const BenchOptions options = Parsed("a.gguf b -p 32,64 -n 0 -d 0,100 -b 1,2 -t 1,2 -r 3 --verbs --json");
  EXPECT_EQ(options.models, (std::vector<std::string>{"a.gguf", "b"}));
  EXPECT_EQ(options.threads, (std::vector<int>{1, 2}));
  EXPECT_EQ(Names(options), (std::vector<std::string>{"pp32", "pp64", "pp32 x2", "pp64 x2", "pp32 @ d100",
                                                      "pp64 @ d100", "pp32 x2 @ d100", "pp64 x2 @ d100"}));
  EXPECT_TRUE(options.json && options.verbs);
  EXPECT_TRUE(BenchTests(Parsed("m -p 0 -n 0")).empty());
}

TEST(BenchOptions, WhatMakesNoSenseIsRefused) {
  for (const char* line :
       {"", "m -p x", "m -p -1", "m -b 0", "m -t -1", "m -r 0", "m -p 1,,2x", "m --kv f64"}) {
    EXPECT_THROW(Parsed(line), CLI::ParseError) << line;
  }
}

}  // namespace
}  // namespace mains
