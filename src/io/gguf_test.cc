#include "io/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/test_files.h"

namespace mains {
namespace {

using test::AsBytes;
using test::GgufBuilder;
using test::Raw;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<std::shared_ptr<const GgufFile>> Parse(const std::string& bytes) {
  return GgufFile::Parse(AsBytes(bytes), "f");
}

void ExpectError(const std::string& bytes, const std::string& part) {
  const Result<std::shared_ptr<const GgufFile>> parsed = Parse(bytes);
  ASSERT_FALSE(parsed.ok()) << part;
  EXPECT_THAT(parsed.error().message, HasSubstr(part));
}

GgufBuilder Sample() {
  GgufBuilder b;
  b.String("text", "words").Int("int", 7).Real("real", 0.5f).Flag("flag", true);
  b.Strings("list", {"a", "", "ccc"}).Numbers<int32_t>("ints", GgufType::kI32, {-1, 2});
  b.Numbers<float>("reals", GgufType::kF32, {1.5f});
  b.Tensor("w", {4, 2}, 0, std::string(32, 'w')).Tensor("q", {32}, 8, std::string(34, 'q'));
  return b;
}

TEST(Gguf, ReadsMetadataAndTensors) {
  for (uint32_t version : {2u, 3u}) {
    const std::string bytes = Sample().Version(version).Build();
    const Result<std::shared_ptr<const GgufFile>> parsed = Parse(bytes);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    const GgufFile& file = **parsed;
    EXPECT_EQ(*file.GetString("text"), "words");
    EXPECT_EQ(*file.GetInt("int"), 7);
    EXPECT_EQ(*file.GetReal("real"), 0.5);
    EXPECT_EQ(*file.GetReal("int"), 7.0);
    EXPECT_EQ(*file.GetBool("flag"), true);
    EXPECT_THAT(*file.GetStringArray("list"), ElementsAre("a", "", "ccc"));
    EXPECT_THAT(*file.GetIntArray("ints"), ElementsAre(-1, 2));
    EXPECT_THAT(*file.GetRealArray("reals"), ElementsAre(1.5f));
    ASSERT_EQ(file.tensors().size(), 2u);
    EXPECT_THAT(file.tensors()[0].dims, ElementsAre(2, 4));
    EXPECT_EQ(file.tensors()[1].dtype, DType::kQ8_0);
    EXPECT_EQ(std::to_integer<char>(file.tensors()[1].bytes.front()), 'q');
    EXPECT_EQ(file.tensors()[1].bytes.size(), 34u);
  }
}

TEST(Gguf, LookUpsAreTyped) {
  const std::string bytes = Sample().Build();
  const Result<std::shared_ptr<const GgufFile>> parsed = Parse(bytes);
  ASSERT_TRUE(parsed.ok());
  const GgufFile& file = **parsed;
  EXPECT_EQ(file.GetInt("absent").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(file.GetInt("text").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(file.GetString("int").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(file.GetBool("int").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(file.GetReal("list").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(file.GetStringArray("ints").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(file.GetIntArray("reals").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(file.GetRealArray("text").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(file.Find("absent"), nullptr);
}

TEST(Gguf, RefusesOtherVersionsByName) {
  ExpectError("", "truncated");
  ExpectError("GGML" + std::string(40, '\0'), "not a GGUF file");
  ExpectError(Sample().Version(1).Build(), "version 1");
  ExpectError(Sample().Version(4).Build(), "version 4");
  ExpectError(Sample().Version(0x0300'0000).Build(), "big-endian");
}

TEST(Gguf, RefusesRepeatsNestingAndBadTypes) {
  ExpectError(GgufBuilder().Int("a", 1).Int("a", 2).Build(), "\"a\" occurs twice");
  const std::string word(4, 'w');
  ExpectError(GgufBuilder().Tensor("t", {1}, 0, word).Tensor("t", {1}, 0, word).Build(),
              "\"t\" occurs twice");
  ExpectError(GgufBuilder().Numbers<uint64_t>("n", GgufType::kArray, {1}).Build(), "arrays of arrays");
  ExpectError(GgufBuilder().Numbers<uint8_t>("n", static_cast<GgufType>(13), {1}).Build(), "type 13");
}

TEST(Gguf, AlignmentIsAPowerOfTwo) {
  const auto with = [](uint32_t alignment) {
    return GgufBuilder().Int("general.alignment", alignment).Tensor("t", {1}, 0, "wwww").Build();
  };
  EXPECT_TRUE(Parse(with(32)).ok());
  EXPECT_TRUE(Parse(with(1)).ok());
  EXPECT_TRUE(Parse(with(16)).ok());
  for (uint32_t bad : {0u, 3u, 48u, 8192u, 0x8000'0000u}) ExpectError(with(bad), "general.alignment");
  ExpectError(GgufBuilder().String("general.alignment", "32").Build(), "general.alignment");
}

TEST(Gguf, ShapesMustFitTypesAndFile) {
  ExpectError(GgufBuilder().Tensor("t", {31}, 8, std::string(34, 'q')).Build(), "does not fit its type");
  ExpectError(GgufBuilder().Tensor("t", {2}, 0, "wwww").Build(), "truncated");
  ExpectError(GgufBuilder().Tensor("t", {0}, 0, "").Build(), "dimension of 0");
  ExpectError(GgufBuilder().Tensor("t", {1, 1, 1, 1, 1}, 0, "wwww").Build(), "5 dimensions");
  ExpectError(GgufBuilder().Tensor("t", {}, 0, "wwww").Build(), "0 dimensions");
  // Two sizes whose padded sum would wrap around 2^64.
  const uint64_t huge = 0x7FFF'FFFF'FFFF'FFC0;
  ExpectError(GgufBuilder().Tensor("t", {huge}, 24, "w").Tensor("u", {huge}, 24, "w").Build(), "truncated");
  ExpectError(GgufBuilder().Tensor("t", {uint64_t{1} << 42, uint64_t{1} << 42}, 0, "wwww").Build(),
              "does not fit");
}

TEST(Gguf, UnknownElementTypesAreListedButCarryNoBytes) {
  const std::string bytes =
      GgufBuilder().Tensor("a", {256}, 40, std::string(66, 'x')).Tensor("b", {1}, 99, "wwww").Build();
  const Result<std::shared_ptr<const GgufFile>> parsed = Parse(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_FALSE((*parsed)->tensors()[0].dtype);
  EXPECT_TRUE((*parsed)->tensors()[0].bytes.empty());
  EXPECT_EQ(GgufTypeName((*parsed)->tensors()[0].type), "NVFP4");
  EXPECT_EQ(GgufTypeName((*parsed)->tensors()[1].type), "type 99");
}

TEST(Gguf, OverlapsAreRefused) {
  GgufBuilder b;
  b.Tensor("t", {16}, 0, std::string(64, 'w')).Tensor("u", {16}, 0, std::string(64, 'w'));
  std::string bytes = b.Build();
  // The last field is the offset of the second tensor.
  const GgufBuilder::Field offset = b.fields().back();
  bytes.replace(offset.offset, 8, Raw<uint64_t>(32));
  ExpectError(bytes, "overlap");
}

TEST(Gguf, EveryTruncationIsNoticed) {
  const std::string bytes = Sample().Build();
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(Parse(bytes.substr(0, length)).ok()) << length;
  }
}

}  // namespace
}  // namespace mains
