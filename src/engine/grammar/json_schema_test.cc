#include "engine/grammar/json_schema.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcre2.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "base/utf8.h"
#include "engine/grammar/grammar_matcher.h"
#include "engine/grammar/schema_shape.h"
#include "engine/grammar/token_vocabulary.h"

namespace mains {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const Grammar> Compile(std::string_view schema, JsonSchemaOptions options = {}) {
  Result<std::shared_ptr<const Grammar>> grammar = GrammarFromJsonSchemaText(schema, options);
  EXPECT_TRUE(grammar.ok()) << schema << ": " << (grammar.ok() ? "" : grammar.error().message);
  if (grammar.ok()) return *grammar;
  GrammarBuilder empty;
  return *empty.Build(empty.Empty());
}

std::string Refusal(std::string_view schema) {
  const Result<std::shared_ptr<const Grammar>> grammar = GrammarFromJsonSchemaText(schema);
  return grammar.ok() ? "accepted" : grammar.error().message;
}

void ExpectAccepts(std::string_view schema, const std::vector<std::string>& good,
                   const std::vector<std::string>& bad, JsonSchemaOptions options = {}) {
  const std::shared_ptr<const Grammar> grammar = Compile(schema, options);
  for (const std::string& text : good)
    EXPECT_TRUE(grammar->Accepts(text)) << schema << " should take " << text;
  for (const std::string& text : bad)
    EXPECT_FALSE(grammar->Accepts(text)) << schema << " should not take " << text;
}

// --- Text. ---

TEST(JsonSchema, StringsAreJsonStrings) {
  ExpectAccepts(R"({"type":"string"})",
                {R"("")", R"("é😀/\/")", R"("\"\\\b\f\n\r\t")", R"("\u0000\uFFFF\uD7ff")", R"("\uD83D\uDE00")",
                 R"("\ue000")"},
                {R"(")",
                 R"("")"
                 " ",
                 "\"\n\"", "\"\x01\"", R"("\x")", R"("\uD83D")", R"("\uDE00")", R"("\uD83D\u0041")",
                 R"("\u12")", "\"\xC3\"", "\"\xED\xA0\x80\"", "\"\xF5\x80\x80\x80\"", R"("a"b")", "1"});
  // With constraints a character is written in one way.
  ExpectAccepts(R"({"type":"string","minLength":1,"maxLength":2})",
                {R"("é")", R"("\"😀")", R"("\u001f")", R"("\\\\")", R"("\n")"},
                {R"("")", R"("abc")", R"("\u0041")", R"("\u000a")", R"("\/")", "\"\x1f\"", "\"\xC3\""});
}

TEST(JsonSchema, SpacesAsAsked) {
  const std::string schema =
      R"({"type":"array","items":{"type":"object","properties":{"a":{"type":"integer"},"b":{}}}})";
  const std::vector<std::string> compact{R"([])", R"([{}])", R"([{"a":1,"b":[1,{"x":2}]},{"b":{}}])"};
  const std::vector<std::string> single{R"([{"a": 1, "b": [1, {"x": 2}]}, {}])"};
  const std::vector<std::string> free{"[ ]", "[{ }]", "[\n  {\n    \"a\" : 1,\t\"b\": [ 1 , { } ]\r\n} ]"};
  ExpectAccepts(schema, compact, single, {.space = JsonSpace::kNone});
  ExpectAccepts(schema, compact, free, {.space = JsonSpace::kSingle});
  ExpectAccepts(schema, single, {R"([{"a":  1}])"}, {.space = JsonSpace::kSingle});
  for (const auto& texts : {compact, single, free})
    ExpectAccepts(schema, texts, {}, {.space = JsonSpace::kAny});
}

TEST(JsonSchema, KeysComeInOrder) {
  ExpectAccepts(
      R"({"type":"object","properties":{"b":{"const":1},"a":{"const":2}},"required":["a","z"]})",
      {R"({"b":1,"a":2,"z":null})", R"({"a":2,"z":[],"other":{}})", R"({"a":2,"z":0,"aa":1,"\n":1})"},
      {R"({"a":2,"b":1,"z":0})", R"({"b":1,"z":0})", R"({"a":2,"z":0,"b":1})", R"({"a":2,"z":0,"\u0061":1})",
       R"({"a":2})", R"({})", R"({"a":2,"z":0,})"});
  ExpectAccepts(
      R"({"type":"object","properties":{"x":{"const":1},"y":{"const":2}},"additionalProperties":false})",
      {"{}", R"({"x":1})", R"({"y":2})", R"({"x":1,"y":2})"},
      {R"({"y":2,"x":1})", R"({"z":1})", R"({"x":1,"x":1})"});
}

TEST(JsonSchema, ValuesAreNotWhateverLooksLikeThem) {
  ExpectAccepts(R"({"enum":[1,"a",{"k":[true,null]},1.5]})", {"1", "\"a\"", R"({"k": [true, null]})", "1.5"},
                {"1.0", "a", "{}", "11", "\"\""});
  ExpectAccepts(R"({"type":["string","null"],"enum":["a",2,null]})", {"\"a\"", "null"}, {"2"});
  ExpectAccepts(R"({"enum":["abc","x","zz"],"maxLength":2,"pattern":"^z|^x"})", {"\"x\"", "\"zz\""},
                {"\"abc\""});
  ExpectAccepts(R"({"enum":[1,2,3,4],"minimum":2,"multipleOf":2})", {"2", "4"}, {"1", "3"});
  ExpectAccepts(R"({"type":"integer","nullable":true})", {"1", "null", "-0"},
                {"1.0", "1e3", "01", "+1", "-", ""});
}

TEST(JsonSchema, CombinedSchemas) {
  ExpectAccepts(R"({"allOf":[{"properties":{"a":{"type":"integer"}},"additionalProperties":false},
                            {"properties":{"a":{"minimum":3},"b":{}}}],"type":"object"})",
                {R"({"a":3})", "{}"}, {R"({"a":2})", R"({"a":3,"b":1})", R"({"b":1})"});
  ExpectAccepts(
      R"({"type":"object","properties":{"a":{},"b":{}},"anyOf":[{"required":["a"]},{"required":["b"]}]})",
      {R"({"a":1})", R"({"b":1})", R"({"a":1,"b":1})"}, {"{}", R"({"c":1})"});
  ExpectAccepts(
      R"({"oneOf":[{"type":"object","required":["k"],"properties":{"k":{"const":"a"},"v":{"type":"string"}}},
                             {"type":"object","required":["k"],"properties":{"k":{"const":"b"},"v":{"type":"number"}}},
                             {"type":"null"}]})",
      {R"({"k":"a","v":"x"})", R"({"k":"b","v":1})", "null"}, {R"({"k":"a","v":1})", R"({"k":"c"})"});
  EXPECT_THAT(Refusal(R"({"oneOf":[{"type":"number"},{"type":"integer"}]})"),
              HasSubstr("#/oneOf: its branches 0 and 1"));
  ExpectAccepts(R"({"oneOf":[{"type":"number"},{"type":"integer"}]})", {"1", "1.5"}, {"null"},
                {.one_of_as_any_of = true});
}

TEST(JsonSchema, RecursiveSchemas) {
  const std::string tree = R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{
      "v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["v"],
      "additionalProperties":false}}})";
  ExpectAccepts(tree, {R"({"v":1})", R"({"v":1,"kids":[{"v":2,"kids":[]},{"v":3}]})"},
                {R"({"kids":[]})", R"({"v":1,"kids":[{}]})"});
  std::string deep, close;
  for (int i = 0; i < 100; ++i) {
    deep += R"({"v":1,"kids":[)";
    close += "]}";
  }
  ExpectAccepts(tree, {deep + close}, {deep + close + "}"});
  EXPECT_THAT(Refusal(R"({"$ref":"#"})"), HasSubstr("refers to itself"));
  EXPECT_THAT(Refusal(R"({"anyOf":[{"type":"null"},{"$ref":"#"}]})"), HasSubstr("refers to itself"));
  EXPECT_THAT(Refusal(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})"),
              HasSubstr("nothing matches"));
  ExpectAccepts(R"({"type":"array","maxItems":1,"items":{"$ref":"#"}})", {"[]", "[[]]", "[[[]]]"},
                {"[[],[]]", "[1]"});
}

TEST(JsonSchema, RefusalsNameKeywordAndPlace) {
  EXPECT_THAT(Refusal(R"({"properties":{"a":{"items":{"uniqueItems":true}}}})"),
              HasSubstr("#/properties/a/items/uniqueItems"));
  for (const char* keyword :
       {"not", "if", "contains", "patternProperties", "dependentSchemas", "unevaluatedItems", "propertyNames",
        "frobnicate", "minProperties", "$dynamicRef"}) {
    EXPECT_THAT(Refusal(std::string("{\"allOf\":[{\"") + keyword + "\":{}}]}"),
                HasSubstr(std::string("#/allOf/0/") + keyword));
  }
  EXPECT_THAT(Refusal(R"({"$ref":"other.json"})"), HasSubstr("outside the document"));
  EXPECT_THAT(Refusal(R"({"$ref":"#/$defs/x"})"), HasSubstr("names nothing"));
  EXPECT_THAT(Refusal(R"({"type":"strng"})"), HasSubstr("#/type"));
  EXPECT_THAT(Refusal(R"x({"pattern":"a(?=b)"})x"), HasSubstr("look-around"));
  EXPECT_THAT(Refusal(R"({"multipleOf":0})"), HasSubstr("above 0"));
  EXPECT_THAT(Refusal("[]"), HasSubstr("true or false"));
  EXPECT_EQ(Refusal(R"({"title":1,"description":2,"default":3,"examples":4,"x-y":5,"format":"float"})"),
            "accepted");
}

TEST(JsonSchema, BareTextAndMembersForToolFormats) {
  const Result<OrderedJson> schema = ParseOrderedJson(
      R"({"type":"object","required":["n"],"properties":{"z":{"type":"string"},"n":{"type":["integer","string"],"minimum":5},
          "e":{"enum":["x","</p>",1]}},"additionalProperties":false})",
      "schema");
  GrammarBuilder b;
  JsonSchemaCompiler compiler(b, *schema);
  const Result<std::vector<JsonSchemaCompiler::Member>> members = compiler.Members(compiler.root());
  ASSERT_TRUE(members.ok() && members->size() == 3);
  EXPECT_EQ((*members)[0].name, "z");
  EXPECT_TRUE(!(*members)[0].required && (*members)[1].required);
  EXPECT_FALSE(compiler.FreeMembers(compiler.root())->has_value());
  EXPECT_FALSE(*compiler.Allows((*members)[0].schema, SchemaValues::kAllButStrings));
  EXPECT_TRUE(*compiler.Allows((*members)[1].schema, SchemaValues::kAllButStrings));
  const std::vector<std::string> stops{"</p>"};
  std::vector<GrammarExpr> parts;
  for (const JsonSchemaCompiler::Member& member : *members) {
    parts.push_back(
        b.Choice({*compiler.BareString(member.schema, stops),
                  b.Sequence({b.Mark("="), *compiler.Value(member.schema, SchemaValues::kAllButStrings)})}));
    parts.push_back(b.Mark("</p>"));
  }
  const Result<std::shared_ptr<const Grammar>> grammar = b.Build(b.Sequence(parts));
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  EXPECT_TRUE((*grammar)->Accepts("\"raw\n<text></p>=7</p>x</p>"));
  EXPECT_TRUE((*grammar)->Accepts("</p>seven</p>=1</p>"));
  for (const char* bad : {"a</p>=7</p>y</p>", "a</p>b</p></p></p>"})
    EXPECT_FALSE((*grammar)->Accepts(bad)) << bad;
}

TEST(JsonSchema, FormatsAreLooseButNotWrong) {
  ExpectAccepts(R"({"type":"string","format":"date"})", {"\"2024-02-29\"", "\"1999-12-31\""},
                {"\"2023-02-29\"", "\"2024-04-31\"", "\"24-1-1\"", "\"1900-02-29\""});
  ExpectAccepts(R"({"type":"string","format":"ipv4"})", {"\"0.0.0.0\"", "\"255.199.1.20\""},
                {"\"256.1.1.1\"", "\"1.1.1\"", "\"01.1.1.1\""});
  ExpectAccepts(R"({"type":"string","format":"date-time"})",
                {"\"2024-02-29T23:59:59.5Z\"", "\"2000-01-01T00:00:00+01:00\""},
                {"\"2024-02-29\"", "\"2024-02-29T24:00:00Z\""});
  ExpectAccepts(R"({"type":"string","format":"date"})", {"\"anything\""}, {}, {.assert_formats = false});
}

// --- Against arithmetic and PCRE2. ---

TEST(JsonSchema, NumbersAgainstArithmetic) {
  std::mt19937 random(11);
  const auto number = [&random](int places) {
    std::ostringstream out;
    const int64_t scale = places == 0 ? 1 : places == 1 ? 10 : 100;
    out << static_cast<double>(static_cast<int64_t>(random() % 4000) - 2000) / static_cast<double>(scale);
    return out.str();
  };
  for (int round = 0; round < 150; ++round) {
    const bool integer = random() % 2 == 0;
    const bool low_exclusive = random() % 2 == 0, high_exclusive = random() % 2 == 0;
    const std::string low = number(static_cast<int>(random() % 3)),
                      high = number(static_cast<int>(random() % 3));
    const bool has_low = random() % 4 != 0, has_high = random() % 4 != 0;
    const int multiple = random() % 3 == 0 ? 1 + static_cast<int>(random() % 30) : 0;
    std::string schema = std::string("{\"type\":\"") + (integer ? "integer" : "number") + "\"";
    if (has_low) schema += std::string(low_exclusive ? ",\"exclusiveMinimum\":" : ",\"minimum\":") + low;
    if (has_high) schema += std::string(high_exclusive ? ",\"exclusiveMaximum\":" : ",\"maximum\":") + high;
    if (multiple > 0) schema += ",\"multipleOf\":" + std::to_string(multiple) + "e-1";
    const Result<std::shared_ptr<const Grammar>> grammar = GrammarFromJsonSchemaText(schema + "}");
    for (int i = 0; i < 200; ++i) {
      const std::string text = i == 0 ? low : i == 1 ? high : number(static_cast<int>(random() % 3));
      const double value = std::stod(text);
      bool expected = text.find('e') == std::string::npos && text != "-0";
      if (integer) expected &= text.find('.') == std::string::npos;
      if (has_low) expected &= low_exclusive ? value > std::stod(low) : value >= std::stod(low);
      if (has_high) expected &= high_exclusive ? value < std::stod(high) : value <= std::stod(high);
      const int64_t hundredths = std::llround(value * 100);
      if (multiple > 0) expected &= hundredths % (int64_t{10} * multiple) == 0;
      EXPECT_EQ(grammar.ok() && (*grammar)->Accepts(text), expected) << schema << " " << text;
    }
  }
}

class Pcre {
 public:
  explicit Pcre(const std::string& pattern) {
    int error = 0;
    PCRE2_SIZE at = 0;
    code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                          PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS, &error, &at, nullptr);
  }
  ~Pcre() { pcre2_code_free(code_); }
  Pcre(const Pcre&) = delete;
  Pcre& operator=(const Pcre&) = delete;
  bool ok() const { return code_ != nullptr; }
  bool Finds(const std::string& text) const {
    pcre2_match_data* match = pcre2_match_data_create_from_pattern(code_, nullptr);
    const int found =
        pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, match, nullptr);
    pcre2_match_data_free(match);
    return found >= 0;
  }

 private:
  pcre2_code* code_;
};

std::string RandomPattern(std::mt19937& random, int depth) {
  static const std::vector<std::string> kAtoms{"a",      "b", "é", "[ab]", "[^a]", "\\d",    "\\w",
                                               "[a-cé]", ".", "^", "$",    "\\.",  "\\u0061"};
  static const std::vector<std::string> kCounts{"",    "",      "",     "*",  "+",     "?",
                                                "{2}", "{1,2}", "{0,}", "*?", "{2,3}?"};
  std::string out;
  for (size_t n = 1 + random() % 3; n > 0; --n) {
    const std::string atom = depth > 0 && random() % 3 == 0
                                 ? (random() % 2 ? "(" : "(?:") + RandomPattern(random, depth - 1) + "|" +
                                       RandomPattern(random, depth - 1) + ")"
                                 : kAtoms[random() % kAtoms.size()];
    out += atom;
    if (atom != "^" && atom != "$") out += kCounts[random() % kCounts.size()];
  }
  return out;
}

TEST(JsonSchema, PatternsAgainstPcre) {
  std::mt19937 random(23);
  int compared = 0;
  for (int round = 0; round < 300; ++round) {
    const std::string pattern = RandomPattern(random, 2);
    std::string for_pcre = pattern;
    for (size_t at; (at = for_pcre.find("\\u0061")) != std::string::npos;) for_pcre.replace(at, 6, "\\x61");
    const Pcre pcre(for_pcre);
    ASSERT_TRUE(pcre.ok()) << pattern;
    GrammarBuilder b;
    const Result<GrammarExpr> expr = RegexExpr(b, pattern, CharForm::kRaw, true, "");
    if (!expr.ok()) {  // as many states as a search automaton can have
      EXPECT_EQ(expr.error().code, ErrorCode::kResource) << expr.error().message;
      continue;
    }
    const Result<std::shared_ptr<const Grammar>> grammar = b.Build(*expr);
    for (int i = 0; i < 40; ++i) {
      static const std::vector<std::string> kLetters{"a", "b", "c", "é", "1", "."};
      std::string text;
      for (size_t n = random() % 6; n > 0; --n) text += kLetters[random() % kLetters.size()];
      EXPECT_EQ(grammar.ok() && (*grammar)->Accepts(text), pcre.Finds(text)) << pattern << " in " << text;
      ++compared;
    }
  }
  EXPECT_GT(compared, 11'000);
}

TEST(JsonSchema, PatternSyntax) {
  const auto whole = [](const std::string& pattern, const std::string& text) {
    const Result<std::shared_ptr<const Grammar>> grammar = GrammarFromRegex(pattern);
    return grammar.ok() && (*grammar)->Accepts(text);
  };
  EXPECT_TRUE(whole(R"(\p{Lu}\P{L}[\p{Script=Greek}]\x41\u{1F600}\cA\0)", std::string("É1αA😀\x01\0", 12)));
  EXPECT_TRUE(whole(R"([\]\-^a-c{}]+\{x{,3})", "]-^b{}{x{,3}"));
  EXPECT_TRUE(whole("(?<name>x)[^]", "x\n"));
  EXPECT_FALSE(whole(".", "\n"));
  EXPECT_FALSE(whole("a[]", "a"));
  for (const char* bad : {"(",         ")",   "[",        "a**",    "*a",       "^+[a-z]$", "(?<=x)*",
                          "(?!x)",     "\\1", "\\b",      "\\k<a>", "[b-a]",    "a{3,2}",   "\\u{110000}",
                          "\\p{Nope}", "\\",  "(?P<n>x)", "\\a",    "x{2}{3}+", "\\ud83d"}) {
    EXPECT_FALSE(GrammarFromRegex(bad).ok()) << bad;
  }
  ExpectAccepts(R"({"type":"string","pattern":"^\"\\\\\\n[\\t-\\x20]$"})", {R"("\"\\\n\t")", R"("\"\\\n ")"},
                {R"("\"\\\n\u000e")"
                 "x"});
}

// --- The public suite. ---

// All ways to order the keys of the objects in `value`, up to a few thousand.
std::vector<std::string> Spellings(const OrderedJson& value) {
  // A number both as usual and without an exponent.
  if (value.is_number()) return {CanonicalText(value), ToString(DecimalOf(value).value_or(Decimal{}))};
  if (!value.is_structured()) return {CanonicalText(value)};
  std::vector<std::pair<std::string, std::vector<std::string>>> members;
  for (auto it = value.begin(); it != value.end(); ++it) {
    members.emplace_back(value.is_object() ? CanonicalText(it.key()) + ":" : "", Spellings(*it));
  }
  std::vector<size_t> order(members.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::vector<std::string> out;
  do {
    std::vector<std::string> texts{""};
    for (const size_t i : order) {
      std::vector<std::string> longer;
      for (const std::string& text : texts) {
        for (const std::string& spelling : members[i].second) {
          longer.push_back(text + (text.empty() ? "" : ",") + members[i].first + spelling);
        }
      }
      texts = std::move(longer);
    }
    for (const std::string& text : texts)
      out.push_back(value.is_array() ? "[" + text + "]" : "{" + text + "}");
  } while (value.is_object() && out.size() < 3000 && std::next_permutation(order.begin(), order.end()));
  return out;
}

struct SuiteCount {
  int compiled = 0, tests = 0;
  std::map<std::string, int> refused;     // groups by the keyword that the refusal names
  std::multiset<std::string> mismatches;  // tests by name
};

void RunSuiteFile(const std::filesystem::path& path, JsonSchemaOptions options, SuiteCount& count) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  const Result<OrderedJson> file = ParseOrderedJson(text.str(), path.string());
  ASSERT_TRUE(file.ok()) << path;
  for (const OrderedJson& group : *file) {
    const Result<std::shared_ptr<const Grammar>> grammar = GrammarFromJsonSchema(group["schema"], options);
    // A schema without any value is an error by itself, and right about all that is invalid.
    if (!grammar.ok() && !grammar.error().message.starts_with("nothing matches")) {
      const std::string place = grammar.error().message.substr(0, grammar.error().message.find(": "));
      ++count.refused[place.substr(place.rfind('/') + 1)];
      continue;
    }
    ++count.compiled;
    for (const OrderedJson& test : group["tests"]) {
      bool accepted = false;
      for (const std::string& spelling : Spellings(test["data"])) {
        accepted |= grammar.ok() && (*grammar)->Accepts(spelling);
      }
      ++count.tests;
      if (accepted != test["valid"].get<bool>()) {
        count.mismatches.insert(path.stem().string() + ": " + test["description"].get<std::string>());
      }
    }
  }
}

std::filesystem::path SuiteFolder() {
  const char* data = std::getenv("MAINS_TEST_DATA");
  return (data != nullptr ? std::filesystem::path(data)
                          : std::filesystem::path(MAINS_SOURCE_DIR) / "../shared/data") /
         "json_schema/draft2020-12";
}

// What compiles agrees with the suite; what does not is refused for one of these keywords and no other.
TEST(JsonSchema, PublicTestSuite) {
  const std::filesystem::path root = SuiteFolder();
  if (!std::filesystem::exists(root)) GTEST_SKIP() << "left out: JSON-Schema-Test-Suite, not at " << root;
  SuiteCount count;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const std::string name = entry.path().lexically_relative(root).string();
    if (entry.is_regular_file() && !name.starts_with("optional/format/")) {
      RunSuiteFile(entry.path(), {.assert_formats = false}, count);
    }
  }
  EXPECT_THAT(count.mismatches, ::testing::IsEmpty());
  EXPECT_EQ(count.compiled, 196);
  EXPECT_EQ(count.tests, 735);
  const std::map<std::string, int> refused = {
      {"$dynamicRef", 3},
      {"$id", 2},
      {"$ref", 49},
      {"$schema", 4},
      {"contains", 20},
      {"dependencies", 7},
      {"dependentRequired", 4},
      {"dependentSchemas", 7},
      {"else", 2},
      {"if", 19},
      {"keyword", 2},
      {"maxContains", 1},
      {"maxProperties", 3},
      {"minContains", 1},
      {"minProperties", 2},
      {"not", 12},
      {"oneOf", 8},
      {"patternProperties", 16},
      {"propertyNames", 8},
      {"then", 3},
      {"unevaluatedItems", 22},
      {"unevaluatedProperties", 36},
      {"uniqueItems", 3},
      {"unknown-keyword", 2},
      {"schema #", 1},  // multipleOf 0.123456789
  };
  EXPECT_EQ(count.refused, refused);
}

// Formats are narrower than their standards in the rare forms listed here, and `uri` is loose about ports.
TEST(JsonSchema, PublicTestSuiteOfFormats) {
  const std::filesystem::path root = SuiteFolder() / "optional/format";
  if (!std::filesystem::exists(root)) GTEST_SKIP() << "left out: JSON-Schema-Test-Suite, not at " << root;
  SuiteCount count;
  for (const char* name : {"date", "time", "date-time", "email", "uuid", "ipv4", "uri"}) {
    RunSuiteFile(root / (std::string(name) + ".json"), {}, count);
  }
  EXPECT_EQ(count.compiled, 7);
  EXPECT_EQ(count.tests, 303);
  EXPECT_THAT(count.mismatches, ::testing::UnorderedElementsAre(
                                    "date-time: a valid date-time with a leap second, UTC",
                                    "date-time: a valid date-time with a leap second, with minus offset",
                                    "time: a valid time string with leap second, Zulu",
                                    "time: valid leap second, zero time-offset",
                                    "time: valid leap second, positive time-offset",
                                    "time: valid leap second, large positive time-offset",
                                    "time: valid leap second, negative time-offset",
                                    "time: valid leap second, large negative time-offset",
                                    "email: a quoted string with a space in the local part is valid",
                                    "email: a quoted string with a double dot in the local part is valid",
                                    "email: a quoted string with a @ in the local part is valid",
                                    "email: an IPv4-address-literal after the @ is valid",
                                    "email: an IPv6-address-literal after the @ is valid", "uri: a valid URL",
                                    "uri: non-numeric port is invalid"));
}

}  // namespace
}  // namespace mains
