#include "app/model_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include "app/embedded_model.h"
#include "io/test_files.h"

namespace mains {
namespace {

using ::testing::HasSubstr;

const std::string kGolden = std::string(MAINS_SOURCE_DIR) + "/tests/goldens/deepseek_v32";

TEST(ModelSource, FilesAndFoldersGiveTheSameParts) {
  const Result<ModelSource> folder = FindModel(kGolden), file = FindModel(kGolden + "/model.gguf");
  ASSERT_TRUE(folder.ok()) << folder.error().message;
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(folder->gguf, nullptr);
  ASSERT_NE(file->gguf, nullptr);
  EXPECT_EQ((*OpenCheckpoint(*folder))->config()["index_topk"],
            (*OpenCheckpoint(*file))->config()["index_topk"]);
  EXPECT_EQ((*LoadTokenizer(*folder))->Encode("the model").value(),
            (*LoadTokenizer(*file))->Encode("the model").value());
  // Neither has a template: both fall back to the encoder of their architecture.
  ChatInput input;
  input.messages = MessagesValue({{.role = "user", .content = "hello"}});
  EXPECT_EQ(LoadChatTemplate(*folder)->Render(input)->text, LoadChatTemplate(*file)->Render(input)->text);
}

TEST(ModelSource, PartsOfModelsWillDo) {
  const Result<ModelSource> part = FindModelOrPart(kGolden + "/tokenizer.json");
  ASSERT_TRUE(part.ok()) << part.error().message;
  EXPECT_TRUE(LoadTokenizer(*part).ok());
  EXPECT_FALSE(FindModel(kGolden + "/tokenizer.json").ok());
  EXPECT_FALSE(FindModelOrPart(std::string(1 << 20, 'x')).ok());
}

TEST(ModelSource, GgufFilesRecommendSamplingToo) {
  const auto config = [](test::GgufBuilder builder) {
    const std::string bytes = builder.Build();
    ModelSource source;
    source.gguf = GgufFile::Parse(test::AsBytes(bytes), "f").value();
    return ReadGenerationConfig(source);
  };
  EXPECT_TRUE(config({}).value().is_null());
  const Json greedy = config(test::GgufBuilder().Real("general.sampling.temp", 0)).value();
  EXPECT_EQ(greedy["do_sample"], false);
  const Json warm = config(test::GgufBuilder()
                               .Real("general.sampling.temp", 0.5f)
                               .Int("general.sampling.top_k", 40)
                               .Real("general.sampling.penalty_repeat", 1.25f))
                        .value();
  EXPECT_EQ(warm["do_sample"], true);
  EXPECT_EQ(warm["temperature"], 0.5);
  EXPECT_EQ(warm["top_k"], 40);
  EXPECT_EQ(warm["repetition_penalty"], 1.25);
  EXPECT_FALSE(config(test::GgufBuilder().String("general.sampling.temp", "warm")).ok());
}

TEST(ModelSource, TheEmbeddedModelHasAName) {
  const Result<ModelSource> source = FindModel(std::string(kEmbeddedModelName));
  if (!HasEmbeddedModel()) {
    ASSERT_FALSE(source.ok());
    EXPECT_THAT(source.error().message, HasSubstr("this build has no embedded model"));
    return;
  }
  ASSERT_TRUE(source.ok()) << source.error().message;
  EXPECT_TRUE(source->embedded);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(EmbeddedModelBytes().data()) % 64, 0u);
  const Result<std::unique_ptr<const Checkpoint>> checkpoint = OpenCheckpoint(*source);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ((*checkpoint)->file_bytes(), static_cast<int64_t>(EmbeddedModelBytes().size()));
  // The weights are those bytes, not a copy.
  const StoredTensor* embedding = (*checkpoint)->Find("model.embed_tokens.weight");
  ASSERT_NE(embedding, nullptr);
  EXPECT_GE(embedding->data, EmbeddedModelBytes().data());
  EXPECT_LE(embedding->data + embedding->bytes, EmbeddedModelBytes().data() + EmbeddedModelBytes().size());
  const Result<std::shared_ptr<const Tokenizer>> tokenizer = LoadTokenizer(*source);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_FALSE((*tokenizer)->eos().empty());
  EXPECT_TRUE(LoadChatTemplate(*source).ok());
}

}  // namespace
}  // namespace mains
