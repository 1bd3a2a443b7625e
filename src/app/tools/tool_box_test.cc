#include "app/tools/tool_box.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace mains {
namespace {

// Answers with its arguments.
class Echo final : public Tool {
 public:
  Echo(std::string name, std::string parameters)
      : definition_{std::move(name), "Says it again.", std::move(parameters)} {}
  const ToolDefinition& definition() const override { return definition_; }
  ToolResult Run(const ToolArguments& arguments) override {
    if (arguments.Has("throw")) throw std::runtime_error("thrown");
    return ToolText(arguments.Dump());
  }

 private:
  ToolDefinition definition_;
};

constexpr const char* kSchema = R"({"type": "object", "properties": {
  "text": {"type": "string", "minLength": 1, "maxLength": 3}, "count": {"type": "integer", "minimum": 1, "maximum": 9},
  "share": {"type": "number", "exclusiveMinimum": 0}, "on": {"type": "boolean"},
  "color": {"type": "string", "enum": ["red", "blue"]}, "list": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
  "place": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
  "either": {"type": ["string", "null"]}, "any": {}, "both": {"anyOf": [{"type": "integer"}, {"const": "all"}]},
  "throw": {}}, "required": ["text"]})";

class ToolBoxTest : public testing::Test {
 protected:
  ToolBoxTest() { EXPECT_TRUE(box_.Add(std::make_unique<Echo>("echo", kSchema)).ok()); }
  std::string Call(std::string_view arguments) { return box_.Call("echo", arguments).text; }
  std::string Error(std::string_view arguments) {
    const ToolResult result = box_.Call("echo", arguments);
    EXPECT_FALSE(result.ok) << arguments;
    return Json::parse(result.text)["error"];
  }
  ToolBox box_;
};

TEST_F(ToolBoxTest, RunsWhatFits) {
  EXPECT_EQ(
      Call(R"({"text": "äöü", "count": 3.0, "share": 1e-3, "on": true, "color": "red", "list": ["a"]})"),
      R"({"result": "{\"color\":\"red\",\"count\":3.0,\"list\":[\"a\"],\"on\":true,\"share\":0.001,\"text\":\"äöü\"}"})");
  EXPECT_TRUE(
      box_.Call("echo", R"({"text": "a", "place": {"x": 1}, "either": null, "any": [1, {}], "both": "all"})")
          .ok);
  EXPECT_EQ(Call(R"({"text": "a", "count": null})"), R"({"result": "{\"text\":\"a\"}"})");
}

TEST_F(ToolBoxTest, SaysWhatWasWantedAndWhatCame) {
  EXPECT_EQ(Error("{}"), "echo: parameter \"text\" is required, but it is missing");
  EXPECT_EQ(Error(R"({"text": 5})"), "echo: parameter \"text\" must be a string, but it is 5");
  EXPECT_EQ(Error(R"({"text": null})"), "echo: parameter \"text\" must be a string, but it is null");
  EXPECT_EQ(Error(R"({"text": "abcd"})"),
            "echo: parameter \"text\" must have at most 3 characters, but it has 4");
  EXPECT_EQ(Error(R"({"text": ""})"),
            "echo: parameter \"text\" must have at least 1 characters, but it has 0");
  EXPECT_EQ(Error(R"({"text": "a", "count": 2.5})"),
            "echo: parameter \"count\" must be an integer, but it is 2.5");
  EXPECT_EQ(Error(R"({"text": "a", "count": 10})"),
            "echo: parameter \"count\" must be at most 9, but it is 10");
  EXPECT_EQ(Error(R"({"text": "a", "share": 0})"),
            "echo: parameter \"share\" must be more than 0, but it is 0");
  EXPECT_EQ(Error(R"({"text": "a", "on": "yes"})"),
            "echo: parameter \"on\" must be true or false, but it is the string \"yes\"");
  EXPECT_EQ(Error(R"({"text": "a", "color": "green"})"),
            "echo: parameter \"color\" must be one of \"red\", \"blue\", but it is the string \"green\"");
  EXPECT_EQ(Error(R"({"text": "a", "list": ["a", 2]})"),
            "echo: parameter \"list\"[1] must be a string, but it is 2");
  EXPECT_EQ(Error(R"({"text": "a", "list": ["a", "b", "c"]})"),
            "echo: parameter \"list\" must have at most 2 items, but it has 3");
  EXPECT_EQ(Error(R"({"text": "a", "place": {}})"),
            "echo: parameter \"place\": parameter \"x\" is required, but it is missing");
  EXPECT_EQ(Error(R"({"text": "a", "size": 1})"),
            "echo: there is no parameter \"size\"; the parameters are: any, both, color, count, either, "
            "list, on, place, "
            "share, text, throw");
  EXPECT_NE(Error("[]").find("must be a JSON object"), std::string::npos);
  EXPECT_NE(Error("{\"text\": ").find("not valid JSON"), std::string::npos);
  EXPECT_NE(Error(R"({"text": "a", "text": "b"})").find("twice"), std::string::npos);
  EXPECT_EQ(Error(R"({"text": "a", "throw": 1})"), "echo: thrown");
}

TEST_F(ToolBoxTest, NeverRunsWhatIsNotDeclared) {
  EXPECT_EQ(box_.Call("rm", "{}").text, R"({"error": "there is no tool \"rm\"; the tools are: echo"})");
  EXPECT_FALSE(box_.Call("", "{}").ok);
  EXPECT_FALSE(box_.Call("Echo", R"({"text": "a"})").ok);
}

TEST_F(ToolBoxTest, RefusesNamesAndSchemasThatItCannotStandFor) {
  const auto refusal = [this](const char* name, const char* schema) {
    const Status status = box_.Add(std::make_unique<Echo>(name, schema));
    return status.ok() ? std::string("accepted") : status.error().message;
  };
  EXPECT_EQ(refusal("echo", kSchema), "there are two tools named \"echo\"");
  EXPECT_NE(refusal("two words", kSchema).find("name"), std::string::npos);
  EXPECT_NE(refusal("", kSchema).find("name"), std::string::npos);
  EXPECT_NE(refusal("a", "{").find("not valid JSON"), std::string::npos);
  EXPECT_NE(refusal("a", "{}").find("must be \"object\""), std::string::npos);
  EXPECT_NE(refusal("a", R"({"type": "object", "properties": {"x": {"type": "text"}}})")
                .find("parameters.properties.x.type is \"text\""),
            std::string::npos);
  EXPECT_NE(refusal("a", R"({"type": "object", "properties": {"x": {"pattern": "a+"}}})").find("not checked"),
            std::string::npos);
  EXPECT_EQ(box_.definitions().size(), 1u);
}

TEST(ToolDefinitionTest, KeepsTheOrderOfKeys) {
  EXPECT_EQ(DefinitionJson({"b", "Does \"b\".", R"({"type": "object", "properties": {"z": {}, "a": {}}})"}),
            R"({"type": "function", "function": {"name": "b", "description": "Does \"b\".", "parameters": )"
            R"({"type": "object", "properties": {"z": {}, "a": {}}}}})");
}

TEST(ToolArguments, WholeNumbersOfAnySizeAreIntegers) {
  const Json schema = {{"type", "object"}, {"properties", {{"n", {{"type", "integer"}}}}}};
  for (const char* text :
       {"0", "-7", "3.0", "9223372036854775808", "33127545397222222254518910895972098185122", "1e300"}) {
    EXPECT_TRUE(ToolArguments::Parse(std::string("{\"n\": ") + text + "}", schema).ok()) << text;
  }
  EXPECT_FALSE(ToolArguments::Parse(R"({"n": 2.5})", schema).ok());
}

TEST(ToolArguments, AClosedSchemaSaysWhatIsChecked) {
  EXPECT_EQ(
      ClosedSchema(
          R"({"type": "object", "properties": {"b": {"type": "object", "properties": {}}, "a": )"
          R"({"type": "object"}, "c": {"items": {"properties": {}, "additionalProperties": true}}}})"),
      R"({"type":"object","properties":{"b":{"type":"object","properties":{},"additionalProperties":false},)"
      R"("a":{"type":"object"},"c":{"items":{"properties":{},"additionalProperties":true}}},)"
      R"("additionalProperties":false})");
}

}  // namespace
}  // namespace mains
