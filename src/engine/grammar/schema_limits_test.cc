// Schemas and patterns that mean harm: an error or a grammar, at a bounded cost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "engine/grammar/grammar_matcher.h"
#include "engine/grammar/json_schema.h"

namespace mains {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string Repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

std::string Message(const Result<std::shared_ptr<const Grammar>>& result) {
  return result.ok() ? "accepted" : result.error().message;
}
std::string OfSchema(const std::string& schema) {
  return Message(GrammarFromJsonSchemaText(schema));
}
std::string OfPattern(const std::string& pattern) {
  return Message(GrammarFromRegex(pattern));
}

TEST(SchemaLimits, Patterns) {
  EXPECT_THAT(OfPattern(Repeated("(", 60'000)), HasSubstr("nested more than 90 deep"));
  EXPECT_THAT(OfPattern(Repeated("(", 60'000) + Repeated(")", 5'000)), HasSubstr("nested more than 90 deep"));
  EXPECT_EQ(OfPattern(Repeated("(", 80) + "a" + Repeated(")", 80)), "accepted");
  EXPECT_THAT(OfPattern(Repeated("a", 100'000)), HasSubstr("longer than 65536"));
  EXPECT_EQ(OfPattern(Repeated("a|", 30'000)), "accepted");
  EXPECT_EQ(OfPattern("a{1,30000}"), "accepted");
  EXPECT_THAT(OfPattern("a{1,100000}"), AnyOf("accepted", HasSubstr("too large")));
  EXPECT_THAT(OfPattern("[a-z]{1,9999999999}"), HasSubstr("repeat count"));
  EXPECT_THAT(OfPattern("((a{1000}){1000}){1000}"), HasSubstr("too large"));
  EXPECT_THAT(OfPattern("(((((a*)*)*)*)*)*(((b?){99}){99}){99}"), HasSubstr("too large"));
  EXPECT_THAT(OfPattern("(a|b)*a(a|b){60}"), HasSubstr("too large"));
  EXPECT_EQ(OfPattern(Repeated("(a*)", 500)), "accepted");
  EXPECT_THAT(OfPattern("\xFF"), HasSubstr("not valid UTF-8"));
  EXPECT_EQ(OfPattern(Repeated("\\p{L}", 30)), "accepted");
}

TEST(SchemaLimits, DeepSchemas) {
  std::string deep = "true";
  for (int i = 0; i < 60; ++i) deep = R"({"items":)" + deep + "}";
  EXPECT_EQ(OfSchema(deep), "accepted");
  EXPECT_THAT(OfSchema(Repeated(R"({"items":)", 100'000)), HasSubstr("nested deeper"));
  std::string all = "{}";
  for (int i = 0; i < 60; ++i) all = R"({"allOf":[)" + all + "]}";
  EXPECT_EQ(OfSchema(all), "accepted");
  // Built by hand, deeper than the parser would let it be.
  OrderedJson value = 1;
  for (int i = 0; i < 2'000; ++i) value = OrderedJson::array({std::move(value)});
  const OrderedJson constant{{"const", std::move(value)}};
  EXPECT_NE(Message(GrammarFromJsonSchema(constant)), "accepted");
}

TEST(SchemaLimits, ChainsOfReferences) {
  const auto chain = [](int length, const std::string& before, const std::string& after) {
    std::string out = R"({"$ref":"#/$defs/d0","$defs":{)";
    for (int i = 0; i < length; ++i) {
      out += "\"d" + std::to_string(i) + "\":" + before + R"({"$ref":"#/$defs/d)" + std::to_string(i + 1) +
             "\"}" + after + ",";
    }
    return out + "\"d" + std::to_string(length) + R"(":{"type":"null"}}})";
  };
  EXPECT_EQ(OfSchema(chain(90, "", "")), "accepted");
  EXPECT_THAT(OfSchema(chain(5'000, "", "")), HasSubstr("behind more than 100"));
  EXPECT_THAT(OfSchema(chain(5'000, R"({"oneOf":[{"type":"object","required":["a"],"properties":{"a":)",
                             R"(}},{"type":"object","required":["a"],"properties":{"a":{"const":1}}}]})")),
              AnyOf(HasSubstr("may overlap"), HasSubstr("nested more than")));
  EXPECT_THAT(OfSchema(chain(5'000, R"({"items":)", "}")), AnyOf("accepted", HasSubstr("nested more than")));
  // Every level doubles.
  std::string doubling = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int i = 0; i < 20; ++i) {
    const std::string next = R"({"$ref":"#/$defs/d)" + std::to_string(i + 1) + "\"}";
    doubling += "\"d" + std::to_string(i) + R"(":{"anyOf":[)" + next + "," + next + "]},";
  }
  EXPECT_THAT(OfSchema(doubling + R"("d20":{"type":"null"}}})"), HasSubstr("alternatives"));
}

TEST(SchemaLimits, WideSchemas) {
  std::string values = R"({"enum":[)";
  for (int i = 0; i < 100'000; ++i) values += "\"v" + std::to_string(i * 7919) + "\",";
  EXPECT_THAT(OfSchema(values + "0]}"), AnyOf("accepted", HasSubstr("too large"), HasSubstr("too much")));
  std::string properties = R"({"type":"object","properties":{)";
  for (int i = 0; i < 1'000; ++i) properties += "\"p" + std::to_string(i) + R"(":{"type":"string"},)";
  EXPECT_EQ(OfSchema(properties + R"("z":{}}})"), "accepted");
  std::string many = R"({"type":"object","properties":{)";
  for (int i = 0; i < 100'000; ++i) many += "\"p" + std::to_string(i) + R"(":{"items":{}},)";
  EXPECT_THAT(OfSchema(many + R"("z":{}}})"),
              AnyOf(HasSubstr("more than"), HasSubstr("too large"), HasSubstr("too much")));
  std::string any = R"({"anyOf":[)";
  for (int i = 0; i < 10'000; ++i) any += R"({"type":"object","required":["a"]},)";
  EXPECT_THAT(OfSchema(any + "true]}"), HasSubstr("alternatives"));
  EXPECT_EQ(OfSchema(R"({"type":"array","maxItems":50000})"), "accepted");
  EXPECT_THAT(OfSchema(R"({"type":"array","minItems":1e15})"), HasSubstr("repeat count"));
  EXPECT_EQ(OfSchema(R"({"type":"string","maxLength":100000})"), "accepted");
  EXPECT_EQ(OfSchema(R"({"type":"number","minimum":-1e308,"maximum":1e308})"), "accepted");
  EXPECT_THAT(OfSchema(R"({"type":"number","multipleOf":1.234567e-300})"), HasSubstr("too many digits"));
  EXPECT_NE(OfSchema("{\"type\":\"object\",\"properties\":{\"" + std::string(1 << 20, 'k') + "\":{}}}"), "");
}

TEST(SchemaLimits, AnyBytes) {
  std::mt19937 random(31);
  static const std::vector<std::string> kPieces{"{",         "}",           "[",
                                                "]",         ",",           ":",
                                                "\"type\"",  "\"object\"",  "\"properties\"",
                                                "\"$ref\"",  "\"#\"",       "\"#/items\"",
                                                "\"items\"", "\"anyOf\"",   "\"allOf\"",
                                                "\"oneOf\"", "true",        "false",
                                                "1",         "-0.5",        "\"minimum\"",
                                                "\"enum\"",  "\"pattern\"", "\"(a|b\"",
                                                "\xFF"};
  for (int i = 0; i < 5'000; ++i) {
    std::string text = "{";
    for (size_t n = random() % 12; n > 0; --n) text += kPieces[random() % kPieces.size()];
    EXPECT_NE(OfSchema(text + "}"), "");
    EXPECT_NE(OfPattern(text), "");
  }
}

}  // namespace
}  // namespace mains
