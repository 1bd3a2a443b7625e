#include "engine/grammar/token_vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "base/utf8.h"
#include "engine/grammar/grammar_matcher.h"
#include "engine/grammar/json_schema.h"

namespace mains {
namespace {

TEST(TokenTrie, HoldsWhatWasPutIn) {
  std::mt19937 random(9);
  std::vector<std::pair<std::string, int32_t>> tokens;
  for (int32_t id = 0; id < 500; ++id) {
    std::string text;
    for (size_t n = 1 + random() % 6; n > 0; --n) text += static_cast<char>("ab\0\xFF"[random() % 4]);
    tokens.emplace_back(text, id);
  }
  const TokenTrie trie(tokens);
  std::vector<std::pair<std::string, int32_t>> found;
  std::string path;
  const auto nodes = trie.nodes();
  EXPECT_EQ(nodes[0].end, nodes.size());
  for (uint32_t n = 0; n < nodes.size(); ++n) {
    if (n > 0) {
      path.resize(nodes[n].depth - 1);
      path += static_cast<char>(nodes[n].byte);
    }
    EXPECT_EQ(trie.HasChildren(n), n + 1 < nodes.size() && nodes[n + 1].depth > nodes[n].depth);
    for (const int32_t id : trie.TokensAt(n)) found.emplace_back(path, id);
  }
  EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(tokens));
  EXPECT_EQ(TokenTrie(std::vector<std::pair<std::string, int32_t>>()).nodes().size(), 1u);
}

std::filesystem::path TestData() {
  const char* data = std::getenv("MAINS_TEST_DATA");
  return data != nullptr ? std::filesystem::path(data)
                         : std::filesystem::path(MAINS_SOURCE_DIR) / "../shared/data";
}

struct Case {
  const char* schema;
  bool (*good)(const Json& value);
};

const Case kCases[] = {
    {R"({"type":"object","properties":{"name":{"type":"string","maxLength":12},"n":{"type":"integer","minimum":-5,"maximum":99},
        "when":{"type":"string","format":"date"}},"required":["name","n"],"additionalProperties":false})",
     [](const Json& v) {
       return v.is_object() && v.at("name").is_string() && v.at("n").is_number_integer() && v["n"] >= -5 &&
              v["n"] <= 99 && v.size() == 2u + v.contains("when") &&
              (!v.contains("when") || v["when"].get<std::string>().size() == 10);
     }},
    {R"({"type":"array","items":{"anyOf":[{"type":"string"},{"type":"boolean"},{"$ref":"#"}]},"minItems":1,"maxItems":3})",
     [](const Json& v) { return v.is_array() && !v.empty() && v.size() <= 3; }},
    {R"x({"type":"string","pattern":"^[a-z]{2,5}(é|\\d\\n)+$"})x",
     [](const Json& v) { return v.is_string() && v.get<std::string>().size() >= 4; }},
    {"true", [](const Json&) { return true; }},
};

// A random walk through the masks that comes to an end: structure more often than the many words there are.
std::string Walk(const std::shared_ptr<const Grammar>& grammar,
                 const std::shared_ptr<const TokenVocabulary>& vocabulary, std::mt19937& random,
                 std::vector<int32_t>& ids) {
  GrammarMatcher matcher(grammar, vocabulary);
  std::vector<uint64_t> mask;
  std::string text;
  for (int step = 0; step < 2000 && !matcher.ended(); ++step) {
    matcher.FillMask(mask);
    std::vector<int32_t> allowed, closing;
    for (int32_t id = 0; id < vocabulary->size(); ++id) {
      if ((mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) == 0) continue;
      allowed.push_back(id);
      if (vocabulary->IsEos(id) ||
          vocabulary->Find(id)->bytes.find_first_not_of("\"}],:0123456789") == std::string::npos) {
        closing.push_back(id);
      }
    }
    EXPECT_FALSE(allowed.empty()) << text;
    if (allowed.empty()) break;
    const std::vector<int32_t>& from =
        !closing.empty() && random() % 8 < (step < 30 ? 2u : 8u) ? closing : allowed;
    const int32_t id = from[random() % from.size()];
    const bool first = text.empty() && !vocabulary->Find(id)->first_bytes.empty();
    if (!vocabulary->IsEos(id)) {
      text += first ? vocabulary->Find(id)->first_bytes : vocabulary->Find(id)->bytes;
      ids.push_back(id);
    }
    EXPECT_TRUE(matcher.Accept(id));
  }
  EXPECT_TRUE(matcher.ended()) << text;
  return text;
}

void CheckWalks(const std::filesystem::path& path, int walks) {
  SCOPED_TRACE(path.filename().string());
  const Result<std::shared_ptr<const Tokenizer>> tokenizer = Tokenizer::Load(path);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  const std::shared_ptr<const TokenVocabulary> vocabulary = TokenVocabulary::Make(**tokenizer);
  EXPECT_FALSE(vocabulary->lacks_bytes());
  ASSERT_FALSE(vocabulary->eos().empty());
  std::mt19937 random(17);
  for (const Case& c : kCases) {
    const Result<std::shared_ptr<const Grammar>> grammar = GrammarFromJsonSchemaText(c.schema);
    ASSERT_TRUE(grammar.ok()) << grammar.error().message;
    for (int walk = 0; walk < walks; ++walk) {
      std::vector<int32_t> ids;
      const std::string text = Walk(*grammar, vocabulary, random, ids);
      EXPECT_EQ((*tokenizer)->Decode(ids), text);
      EXPECT_TRUE((*grammar)->Accepts(text)) << text;
      if (text.find("\\u0000") != std::string::npos) continue;  // our reader refuses NUL in keys
      // The last of equal keys counts, as in most readers; ours refuses them.
      const Json value = Json::parse(text, nullptr, false);
      EXPECT_TRUE(!value.is_discarded() && c.good(value)) << c.schema << "\n" << text;
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(TokenVocabulary, WalksAlongMasksAreValidJson) {
  CheckWalks(std::filesystem::path(MAINS_SOURCE_DIR) / "pocket/first/tokenizer.json", 300);
}

TEST(TokenVocabulary, WalksWithPublishedVocabularies) {
  const std::filesystem::path folder = TestData() / "vocab";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "left out: published vocabularies, not at " << folder;
  for (const char* name : {"llama-spm", "deepseek-llm", "qwen2"}) {
    CheckWalks(folder / (std::string("ggml-vocab-") + name + ".gguf"), 15);
  }
}

TEST(TokenVocabulary, TakesTokensAsTheyWillAppear) {
  const std::filesystem::path path = TestData() / "vocab/ggml-vocab-llama-spm.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "left out: the Llama 2 vocabulary, not at " << path;
  const Result<std::shared_ptr<const Tokenizer>> tokenizer = Tokenizer::Load(path);
  ASSERT_TRUE(tokenizer.ok());
  const std::shared_ptr<const TokenVocabulary> vocabulary = TokenVocabulary::Make(**tokenizer);
  const auto find = [&](const char* text) {
    return vocabulary->Find((*tokenizer)->TokenId(text).value_or(-1));
  };
  ASSERT_TRUE(find("▁the") && find("<0x0A>") && find("</s>") && find("<unk>"));
  EXPECT_EQ(find("▁the")->bytes, " the");
  EXPECT_EQ(find("▁the")->first_bytes, "the");
  EXPECT_EQ(find("<0x0A>")->bytes, "\n");
  EXPECT_TRUE(find("</s>")->special && find("<unk>")->special);
  EXPECT_TRUE(vocabulary->IsEos(2) && vocabulary->first_differs());
}

}  // namespace
}  // namespace mains
