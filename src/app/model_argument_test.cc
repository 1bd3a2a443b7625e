#include "app/model_argument.h"

#include <gtest/gtest.h>

namespace mains {
namespace {

TEST(ModelArgument, ModelsAreMeantByPathOrName) {
  EXPECT_TRUE(MeansModel(MAINS_SOURCE_DIR));
  EXPECT_TRUE(MeansModel("/"));
  EXPECT_TRUE(MeansModel(std::string(MAINS_SOURCE_DIR) + "/README.md")) << "a wrong file is not a question";
  EXPECT_TRUE(MeansModel("Qwen/Qwen3-0.6B")) << "also where it is not in the cache";
  EXPECT_TRUE(MeansModel("org/name:Q4_K_M@main"));
  EXPECT_TRUE(MeansModel("qwen3:0.6b")) << "an alias";
  EXPECT_TRUE(MeansModel("absent/model.gguf"));
  EXPECT_TRUE(MeansModel("absent.gguf"));
}

TEST(ModelArgument, EverythingElseIsARequest) {
  for (const char* request :
       {"What is 12 times 7?", "12*7", "12/4", "3/4+1/2", "hello", "", " ", "Qwen/Qwen3 rocks", "a/b/c",
        "你好", "what/ever?", "Wie spät?", "1/2 cup in ml", "\n", "-5"}) {
    EXPECT_FALSE(MeansModel(request)) << request;
  }
  EXPECT_FALSE(MeansModel(std::string("a\0b", 3)));
  EXPECT_FALSE(MeansModel(std::string(100000, 'x')));
  EXPECT_FALSE(MeansModel(std::string(100000, 'x') + "/y"));
}

}  // namespace
}  // namespace mains
