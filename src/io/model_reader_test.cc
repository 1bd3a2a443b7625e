#include "io/model_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/rope_config.h"
#include "io/test_files.h"

namespace mains {
namespace {

using test::MemoryCheckpoint;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void ExpectFailure(ModelReader& reader, const std::string& part) {
  const Status status = reader.Finish();
  ASSERT_FALSE(status.ok()) << part;
  EXPECT_THAT(status.error().message, HasSubstr(part));
}

TEST(ModelReader, ReadsTypedValues) {
  MemoryCheckpoint c({{"i", 5},
                      {"whole", 4.0},
                      {"r", 0.5},
                      {"b", true},
                      {"s", "x"},
                      {"n", nullptr},
                      {"list", {1, 2}},
                      {"names", {"a"}},
                      {"deep", {{"er", {{"k", 3}}}}}});
  ModelReader r(c);
  EXPECT_EQ(r.Int("i"), 5);
  EXPECT_EQ(r.Int("whole"), 4);
  EXPECT_EQ(r.Real("r"), 0.5);
  EXPECT_TRUE(r.FlagOr("b", false));
  EXPECT_EQ(r.String("s"), "x");
  EXPECT_FALSE(r.Has("n"));
  EXPECT_EQ(r.IntOr("n", 9), 9);
  EXPECT_THAT(r.IntListOr("list", {}), ElementsAre(1, 2));
  EXPECT_THAT(r.StringListOr("names", {}), ElementsAre("a"));
  EXPECT_EQ(r.Int("deep.er.k"), 3);
  EXPECT_EQ(r.StringOr("absent", "y"), "y");
  EXPECT_TRUE(r.Finish().ok());
}

TEST(ModelReader, RefusesWrongValuesByName) {
  const auto refused = [](const Json& value, const std::string& part, auto read) {
    const Json config = {{"key", value}};
    MemoryCheckpoint c(config);
    ModelReader r(c);
    read(r);
    EXPECT_FALSE(r.ok()) << value;
    ExpectFailure(r, part);
  };
  const auto as_int = [](ModelReader& r) { EXPECT_EQ(r.Int("key", 1, 100), 1); };
  for (const Json& bad : {Json("5"), Json(true), Json(1.5), Json({1}), Json(1e300), Json(UINT64_MAX)}) {
    refused(bad, "\"key\"", as_int);
  }
  refused(0, "from 1 to 100", as_int);
  refused(101, "from 1 to 100", as_int);
  refused("x", "a number", [](ModelReader& r) { r.RealOr("key", 1); });
  refused(1, "true or false", [](ModelReader& r) { r.FlagOr("key", false); });
  refused(1, "text", [](ModelReader& r) { r.StringOr("key", ""); });
  refused({1, "x"}, "list of whole numbers", [](ModelReader& r) { r.IntListOr("key", {}); });
  refused("gelu", "only with \"silu\"", [](ModelReader& r) { r.Expect("key", "silu"); });
}

TEST(ModelReader, TheFirstFailureSticks) {
  MemoryCheckpoint c(Json::object());
  ModelReader r(c);
  EXPECT_EQ(r.Int("first"), 1);
  EXPECT_EQ(r.Int("second"), 1);
  EXPECT_TRUE(r.Matrix("m", 2, 2).empty());
  EXPECT_TRUE(r.Norm("n", 2).empty());
  EXPECT_TRUE(r.Experts("e", "w", int64_t{1} << 31, 2, 2).empty());
  ExpectFailure(r, "\"first\" is missing");
}

TEST(ModelReader, UnreadKeysAreRefusedUnlessHarmless) {
  MemoryCheckpoint c({{"strange", 1},
                      {"object", {{"read", 1}, {"left", 2}}},
                      {"bos_token_id", 1},
                      {"_private", 1},
                      {"off", false},
                      {"zero", 0},
                      {"empty", Json::array()},
                      {"none", nullptr}});
  ModelReader r(c);
  r.Int("object.read");
  ExpectFailure(r, "\"object.left\" (= 2), \"strange\" (= 1)");
  ModelReader vouched(c, "", "", {"strange", "object.left"});
  vouched.Int("object.read");
  EXPECT_TRUE(vouched.Finish().ok());
  ModelReader understood(c);
  understood.Understood({"strange", "object"});
  EXPECT_TRUE(understood.Finish().ok());
}

TEST(ModelReader, SectionsFallBackToTheTop) {
  MemoryCheckpoint c(
      {{"text_config", {{"a", 1}, {"b", 2}}}, {"b", 3}, {"c", 4}, {"vision_config", {{"x", 1}}}});
  ModelReader r(c, "text_config");
  EXPECT_EQ(r.Int("a"), 1);
  EXPECT_EQ(r.Int("b"), 2);
  EXPECT_EQ(r.Int("c"), 4);
  EXPECT_TRUE(r.Finish().ok());
  ModelReader partly(c, "text_config");
  partly.Int("a");
  ExpectFailure(partly, "\"text_config.b\"");
  ModelReader none(c, "language");
  ExpectFailure(none, "\"language\"");
}

TEST(ModelReader, TakesTensorsAndAccountsForThem) {
  MemoryCheckpoint c(Json::object());
  const std::vector<float> six = {1, 2, 3, 4, 5, 6};
  c.Add("p.w.weight", DType::kF32, {2, 3}, six);
  c.Add("p.w.bias", DType::kF32, {2}, std::vector<float>{7, 8});
  c.Add("p.norm", DType::kBF16, {2}, std::vector<uint16_t>{0x3F80, 0x4000});
  c.Add("p.stack.weight", DType::kF32, {3, 1, 2}, six);
  c.Add("p.many.0.w.weight", DType::kF32, {1, 3}, std::vector<float>{1, 2, 3});
  c.Add("p.many.1.w.weight", DType::kF32, {3}, std::vector<float>{4, 5, 6});
  c.Add("vision.x", DType::kF32, {1}, std::vector<float>{1});
  c.Add("p.layers.9.x", DType::kF32, {1}, std::vector<float>{1});
  c.Add("p.rotary_emb.inv_freq", DType::kF32, {1}, std::vector<float>{1});
  ModelReader r(c, "", "p.");
  const Weight w = r.Matrix("w", 2, 3);
  EXPECT_EQ(w.rows, 2);
  EXPECT_EQ(r.BiasOr("w", 2).data()[1], 8);
  EXPECT_TRUE(r.BiasOr("norm", 2).empty());
  EXPECT_EQ(r.Norm("norm", 2).data()[1], 2.0f);
  const std::vector<Weight> fused = r.Experts("", "stack", 3, 1, 2);
  EXPECT_TRUE(fused.empty());  // ".stack" is not there: the name is prefix + "." + leaf
  EXPECT_FALSE(r.ok());

  ModelReader again(c, "", "p.");
  again.Matrix("w", 2, 3);
  again.BiasOr("w", 2);
  again.Norm("norm", 2);
  const std::vector<Weight> stack = again.Matrices("stack", 3, 1, 2);
  ASSERT_EQ(stack.size(), 3u);
  float out[2];
  UnpackRow(stack[2].Row(0), 2, out);
  EXPECT_THAT(out, ElementsAre(5, 6));
  EXPECT_EQ(again.Matrix("stack", 3, 2).rows, 3);
  EXPECT_EQ(again.Experts("many", "w", 2, 1, 3).size(), 2u);
  again.SkipTensors("vision.");
  ExpectFailure(again, "\"p.layers.9.x\"");
  again.SkipTensors("layers.9.");
  EXPECT_TRUE(again.Finish().ok());
}

TEST(ModelReader, FusedAndSingleExpertsAreTheSame) {
  MemoryCheckpoint c(Json::object());
  c.Add("e.up.weight", DType::kF32, {2, 1, 2}, std::vector<float>{1, 2, 3, 4});
  ModelReader r(c);
  const std::vector<Weight> experts = r.Experts("e", "up", 2, 1, 2);
  ASSERT_EQ(experts.size(), 2u);
  float out[2];
  UnpackRow(experts[1].Row(0), 2, out);
  EXPECT_THAT(out, ElementsAre(3, 4));
  EXPECT_TRUE(r.Finish().ok());
}

TEST(ModelReader, RefusesWrongTensorsByName) {
  MemoryCheckpoint c(Json::object());
  c.Add("w.weight", DType::kF32, {2, 3}, std::vector<float>(6));
  c.Add("i.weight", DType::kI32, {2, 2}, std::vector<int32_t>(4));
  c.Add("f8.weight", DType::kF8E4M3, {2, 2}, std::vector<uint8_t>(4));
  StoredTensor foreign;
  foreign.name = "x.weight";
  foreign.foreign_type = "NVFP4";
  foreign.dims = {2, 2};
  c.Add(foreign);
  const auto refused = [&](const std::string& name, int64_t rows, int64_t cols, const std::string& part) {
    ModelReader r(c);
    EXPECT_TRUE(r.Matrix(name, rows, cols).empty());
    ExpectFailure(r, part);
  };
  refused("w", 3, 2, "\"w.weight\" (f32 [2, 3]) should have the shape [3, 2]");
  refused("i", 2, 2, "i32");
  refused("f8", 2, 2, "weight_scale_inv");
  refused("x", 2, 2, "NVFP4");
  refused("absent", 2, 2, "\"absent.weight\" is missing");
}

TEST(ModelReader, Fp8WithOneScalePerRow) {
  const Json config = {
      {"quantization_config", {{"quant_method", "compressed-tensors"}, {"format", "float-quantized"}}}};
  MemoryCheckpoint c(config);
  c.Add("w.weight", DType::kF8E4M3, {2, 3},
        std::vector<uint8_t>{0x38, 0x40, 0xB8, 0x38, 0x40, 0xB8});  // 1, 2, -1
  c.Add("w.weight_scale", DType::kF32, {2, 1}, std::vector<float>{0.5f, 4});
  ModelReader r(c);
  const Weight w = r.Matrix("w", 2, 3);
  float out[3];
  UnpackRow(w.Row(0), 3, out);
  EXPECT_THAT(out, ElementsAre(0.5f, 1, -0.5f));
  UnpackRow(w.Row(1), 3, out);
  EXPECT_THAT(out, ElementsAre(4, 8, -4));
  EXPECT_EQ(w.FormatName(), "f8_e4m3 per row");
  EXPECT_TRUE(r.Finish().ok());
}

TEST(ModelReader, OtherQuantisationsAreRefusedByName) {
  for (const char* method : {"gptq", "awq", "bitsandbytes", "fp8", "compressed-tensors"}) {
    const Json config = {{"quantization_config", {{"quant_method", method}, {"format", "marlin-24"}}}};
    MemoryCheckpoint c(config);
    ModelReader r(c);
    ExpectFailure(r, std::string(method) == "compressed-tensors" ? "marlin-24" : method);
  }
}

RopeConfig Rope(const Json& config) {
  MemoryCheckpoint c(config);
  ModelReader r(c);
  const RopeConfig rope = ReadRope(r);
  const Status status = r.Finish();
  EXPECT_TRUE(status.ok()) << status.error().message;
  return rope;
}

TEST(RopeConfig, BothSpellingsSayTheSame) {
  const Json numbers = {{"factor", 4.0},         {"original_max_position_embeddings", 32},
                        {"beta_fast", 16},       {"mscale", 1.0},
                        {"mscale_all_dim", 0.5}, {"attention_factor", 1.25},
                        {"truncate", false}};
  Json old_way = numbers, new_way = numbers, nested = numbers;
  old_way["type"] = "yarn";
  new_way["rope_type"] = nested["rope_type"] = "yarn";
  new_way["rope_theta"] = nested["rope_theta"] = 5e6;
  for (const Json& config :
       {Json{{"rope_theta", 5e6}, {"rope_scaling", old_way}}, Json{{"rope_parameters", new_way}},
        Json{{"rope_parameters", {{"full_attention", nested}}}}}) {
    const RopeConfig rope = Rope(config);
    EXPECT_EQ(rope.type, RopeConfig::Type::kYarn);
    EXPECT_EQ(rope.theta, 5e6);
    EXPECT_EQ(rope.factor, 4);
    EXPECT_EQ(rope.original_positions, 32);
    EXPECT_EQ(rope.beta_fast, 16);
    EXPECT_EQ(rope.beta_slow, 1);
    EXPECT_EQ(rope.mscale, 1.0);
    EXPECT_EQ(rope.mscale_all_dim, 0.5);
    EXPECT_EQ(rope.attention_factor, 1.25);
    EXPECT_FALSE(rope.truncate);
  }
}

TEST(RopeConfig, DefaultsAreTheReferences) {
  const RopeConfig plain = Rope({{"rope_scaling", nullptr}});
  EXPECT_EQ(plain.type, RopeConfig::Type::kDefault);
  EXPECT_EQ(plain.theta, 10000);
  EXPECT_EQ(plain.partial_rotary_factor, 1);
  const RopeConfig llama3 =
      Rope({{"max_position_embeddings", 64},
            {"rope_scaling",
             {{"rope_type", "llama3"}, {"factor", 8}, {"low_freq_factor", 1}, {"high_freq_factor", 4}}}});
  EXPECT_EQ(llama3.type, RopeConfig::Type::kLlama3);
  EXPECT_EQ(llama3.original_positions, 64);
  const RopeConfig ratio =
      Rope({{"max_position_embeddings", 64},
            {"rope_scaling", {{"type", "yarn"}, {"original_max_position_embeddings", 16}}}});
  EXPECT_EQ(ratio.factor, 4);
  EXPECT_EQ(Rope({{"partial_rotary_factor", 0.5}}).partial_rotary_factor, 0.5);
  EXPECT_EQ(Rope({{"rotary_dim", 8}, {"head_dim", 32}}).partial_rotary_factor, 0.25);
  EXPECT_EQ(Rope({{"rope_parameters", {{"rope_type", "default"}, {"partial_rotary_factor", 0.5}}}})
                .partial_rotary_factor,
            0.5);
}

TEST(RopeConfig, RefusesByName) {
  const auto refused = [](const Json& config, const std::string& part) {
    MemoryCheckpoint c(config);
    ModelReader r(c);
    ReadRope(r);
    ExpectFailure(r, part);
  };
  refused({{"rope_scaling", {{"type", "longrope"}}}}, "longrope");
  refused({{"rope_scaling", {{"rope_type", "dynamic"}, {"factor", 2}}}}, "dynamic");
  refused({{"rope_scaling", {{"rope_type", "linear"}}}}, "factor");
  refused({{"rope_scaling", {{"rope_type", "yarn"}, {"factor", 2}}}}, "original_max_position_embeddings");
  refused({{"rope_theta", -1}}, "rope_theta");
  refused({{"partial_rotary_factor", 1.5}}, "more than a head has");
  refused({{"rope_parameters",
            {{"full_attention", {{"rope_theta", 1}}}, {"sliding_attention", {{"rope_theta", 2}}}}}},
          "differs between kinds of layers");
  refused({{"rope_scaling", {{"rope_type", "default"}, {"surprise", 2}}}}, "rope_scaling.surprise");
}

}  // namespace
}  // namespace mains
