#include "app/load_options.h"

#include <gtest/gtest.h>

namespace mains {
namespace {

LoadOptions Parsed(const std::string& arguments) {
  CLI::App command;
  LoadOptions options;
  AddLoadFlags(command, options);
  command.parse(arguments);
  return options;
}

TEST(LoadOptions, RoundedWeightsAreKeptUnlessSomebodySaysNo) {
  EXPECT_EQ(Parsed("").weights, "native");
  EXPECT_TRUE(Parsed("--weights q4").keep_rounded);
  const LoadOptions options = Parsed("--weights q8 --no-keep");
  EXPECT_EQ(options.weights, "q8");
  EXPECT_FALSE(options.keep_rounded);
  EXPECT_EQ(Parsed("--weights q3").weights, "q3");
  EXPECT_THROW(Parsed("--weights q5"), CLI::ParseError);
}

}  // namespace
}  // namespace mains
