#include "io/tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "io/gguf.h"
#include "io/test_files.h"
#include "io/tokenizer/byte_level.h"
#include "io/tokenizer/class_regex.h"
#include "io/tokenizer/vocabulary.h"

namespace mains {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Every byte is a token, its id the byte; then "ab" = 256, "abc" = 257, and two markers.
GgufVocabulary ByteVocabulary() {
  GgufVocabulary gguf;
  gguf.model = "gpt2";
  gguf.pre = "qwen35";
  for (int byte = 0; byte < 256; ++byte) gguf.tokens.push_back(ByteLevelChar(static_cast<uint8_t>(byte)));
  gguf.tokens.insert(gguf.tokens.end(), {"ab", "abc", "<|im_end|>", "<think>", "[PAD260]"});
  gguf.token_types.assign(258, 1);
  gguf.token_types.insert(gguf.token_types.end(), {3, 4, 4});
  gguf.merges = {"a b", "ab c"};
  gguf.bos = gguf.eos = 258;
  return gguf;
}

// "<0x00>".. = 3.., then letters; scores make "ab" go before "bc".
GgufVocabulary ScoredBytes() {
  GgufVocabulary gguf;
  gguf.model = "llama";
  gguf.tokens = {"<unk>", "<s>", "</s>"};
  gguf.token_types = {2, 3, 3};
  static const char* kHex = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    gguf.tokens.push_back(std::string("<0x") + kHex[byte >> 4] + kHex[byte & 15] + ">");
    gguf.token_types.push_back(6);
  }
  gguf.scores.assign(gguf.tokens.size(), 0.0F);
  float score = -1;
  for (const char* text : {"ab", "bc", "\xE2\x96\x81", "a", "b", "c"}) {
    gguf.tokens.emplace_back(text);
    gguf.token_types.push_back(1);
    gguf.scores.push_back(score--);
  }
  gguf.bos = 1;
  gguf.eos = 2;
  gguf.unk = 0;
  return gguf;
}

std::shared_ptr<const Tokenizer> Made(const GgufVocabulary& gguf) {
  Result<std::shared_ptr<const Tokenizer>> made = Tokenizer::FromGguf(gguf);
  EXPECT_TRUE(made.ok()) << made.error().message;
  return made.ok() ? *made : nullptr;
}

std::string Refusal(const GgufVocabulary& gguf) {
  const Result<std::shared_ptr<const Tokenizer>> made = Tokenizer::FromGguf(gguf);
  return made.ok() ? "" : made.error().message;
}

std::vector<int32_t> Ids(const Tokenizer& tokenizer, std::string_view text,
                         const std::vector<TextSpan>& literal) {
  EncodeOptions options;
  options.add_special = false;
  options.literal = literal;
  return tokenizer.Encode(text, options).value();
}

TEST(Tokenizer, SpecialTokensAreFoundOutsideLiteralSpansOnly) {
  const auto tokenizer = Made(ByteVocabulary());
  const std::string text = "<|im_end|>";
  EXPECT_THAT(Ids(*tokenizer, text, {}), ElementsAre(258));
  for (size_t begin = 0; begin < text.size(); ++begin) {
    // A single literal byte inside is enough.
    EXPECT_EQ(Ids(*tokenizer, text, {{begin, begin + 1}}).size(), text.size()) << begin;
    EXPECT_EQ(Ids(*tokenizer, text, {{begin, text.size()}}).size(), text.size()) << begin;
  }
  EXPECT_THAT(Ids(*tokenizer, text, {{3, 3}}), ElementsAre(258)) << "an empty span covers nothing";
  EXPECT_THAT(Ids(*tokenizer, text, {{10, 99}, {500, 600}}), ElementsAre(258)) << "spans beyond the text";
  EXPECT_THAT(Ids(*tokenizer, text, {{7, 2}}), ElementsAre(258)) << "a span that ends before it begins";
}

TEST(Tokenizer, TokensThatAreNotSpecialAreFoundOutsideLiteralSpansOnlyToo) {
  const auto tokenizer = Made(ByteVocabulary());
  EXPECT_THAT(Ids(*tokenizer, "<think>a<think>", {{8, 15}}),
              ElementsAre(259, 'a', '<', 't', 'h', 'i', 'n', 'k', '>'));
}

TEST(Tokenizer, LiteralTextJoinsTheTemplateText) {
  const auto tokenizer = Made(ByteVocabulary());
  // "ab" from the template and "c" from a user are one word.
  EXPECT_THAT(Ids(*tokenizer, "abc", {{2, 3}}), ElementsAre(257));
}

TEST(Tokenizer, LiteralSpansSurviveRepair) {
  const auto tokenizer = Made(ByteVocabulary());
  const std::string text = "\xFF\xFF<|im_end|>\xFF<|im_end|>";
  const std::vector<int32_t> ids = Ids(*tokenizer, text, {{2, 12}});
  EXPECT_EQ(ids.back(), 258);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 258), 1);
  EXPECT_EQ(tokenizer->Decode(ids), "\uFFFD\uFFFD<|im_end|>\uFFFD<|im_end|>");
}

TEST(Tokenizer, NoneMakesEverythingLiteral) {
  const auto tokenizer = Made(ByteVocabulary());
  EncodeOptions options;
  options.parse_special = ParseSpecial::kNone;
  EXPECT_EQ(tokenizer->Encode("<|im_end|>", options)->size(), 10U);
}

TEST(Tokenizer, FillersOfConvertersAreNoTokensOfTexts) {
  const auto tokenizer = Made(ByteVocabulary());
  EXPECT_EQ(Ids(*tokenizer, "[PAD260]", {}).size(), 8U);
}

TEST(Tokenizer, LooksUp) {
  const auto tokenizer = Made(ByteVocabulary());
  EXPECT_EQ(tokenizer->TokenId("abc"), 257);
  EXPECT_EQ(tokenizer->TokenId("<think>"), 259);
  EXPECT_EQ(tokenizer->TokenId("nothing"), std::nullopt);
  EXPECT_EQ(tokenizer->TokenText(256), "ab");
  EXPECT_EQ(tokenizer->TokenBytes(' '), " ");
  EXPECT_EQ(tokenizer->TokenBytes(0xE4), "\xE4");
  for (const int64_t id : {int64_t{-1}, int64_t{260}, int64_t{261}, INT64_MAX, INT64_MIN}) {
    EXPECT_EQ(tokenizer->TokenText(id), std::nullopt) << id;
    EXPECT_EQ(tokenizer->TokenBytes(id), "") << id;
    EXPECT_FALSE(tokenizer->IsSpecial(id)) << id;
  }
  EXPECT_TRUE(tokenizer->IsSpecial(258));
  EXPECT_TRUE(tokenizer->IsAdded(259));
  EXPECT_FALSE(tokenizer->IsSpecial(259));
  EXPECT_TRUE(tokenizer->IsEos(258));
  EXPECT_EQ(tokenizer->Decode(std::vector<int32_t>{-5, 97, 4000, 98}), "ab");
}

TEST(Tokenizer, StreamsGiveWholeCharacters) {
  const std::shared_ptr<const Tokenizer> tokenizer = Made(ByteVocabulary());
  const std::string text = "a\u00E9\u4E2D\U0001F600";
  StreamDecoder stream(tokenizer);
  std::vector<std::string> parts;
  for (const char c : text) parts.push_back(stream.Append(static_cast<uint8_t>(c)));
  EXPECT_THAT(parts, ElementsAre("a", "", "\u00E9", "", "", "\u4E2D", "", "", "", "\U0001F600"));
  EXPECT_EQ(stream.Flush(), "");

  EXPECT_EQ(stream.Append(0xE4), "");
  EXPECT_EQ(stream.Append(0xB8), "");
  EXPECT_EQ(stream.Append('x'), "\uFFFDx") << "two bytes of one character are one replacement";
  EXPECT_EQ(stream.Append(0xFF), "\uFFFD");
  EXPECT_EQ(stream.Append(0xF0), "");
  EXPECT_EQ(stream.Append(258), "\uFFFD<|im_end|>");
  EXPECT_EQ(stream.Append(0xF0), "");
  EXPECT_EQ(stream.Flush(), "\uFFFD");
  EXPECT_EQ(stream.Flush(), "");
}

TEST(Tokenizer, ScoresDecideAndBytesFallBack) {
  const auto tokenizer = Made(ScoredBytes());
  EXPECT_THAT(Ids(*tokenizer, "abc", {}), ElementsAre(261, 259, 264));
  EXPECT_THAT(Ids(*tokenizer, "\u00E9", {}), ElementsAre(261, 3 + 0xC3, 3 + 0xA9));
  EXPECT_THAT(*tokenizer->Encode("a"), ElementsAre(1, 261, 262));
  EXPECT_THAT(Ids(*tokenizer, "a</s>", {{1, 5}}).size(), 2U + 4U);
  EXPECT_EQ(tokenizer->Decode(Ids(*tokenizer, "abc \u00E9 ", {})), "abc \u00E9 ");
  EXPECT_THAT(Ids(*tokenizer, "", {}), ElementsAre());
}

TEST(Tokenizer, LongWordsTakeTheOtherWayToTheSameIds) {
  const auto tokenizer = Made(ByteVocabulary());
  for (const size_t count : {1U, 15U, 16U, 17U, 23U, 24U, 25U, 40U, 1000U}) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += "abc";
    EXPECT_EQ(Ids(*tokenizer, text, {}), std::vector<int32_t>(count, 257)) << count;
  }
}

TEST(Tokenizer, ThreadsShareOne) {
  const auto tokenizer = Made(ByteVocabulary());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&tokenizer] {
      for (int i = 0; i < 200; ++i) {
        EXPECT_THAT(Ids(*tokenizer, "abc <think>\u4E2D 12", {}),
                    ElementsAre(257, ' ', 259, 0xE4, 0xB8, 0xAD, ' ', '1', '2'));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ClassRegex, BrokenPatternsAreRefused) {
  for (const char* pattern : {")", "a)", "a|)", "(", "(a", "[", "[a", "[a-", "\\", "\\p", "\\p{", "*", "a|*",
                              "(?", "(?i", "(?:", "\\x{", "[[:"}) {
    EXPECT_FALSE(ClassRegex::Compile(pattern).ok()) << pattern;
  }
}

TEST(GgufVocabulary, IsRefusedByName) {
  const auto changed = [](const std::function<void(GgufVocabulary&)>& change) {
    GgufVocabulary gguf = ByteVocabulary();
    change(gguf);
    return Refusal(gguf);
  };
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.pre = "klingon"; }), HasSubstr("klingon"));
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.pre = "default"; }), HasSubstr("tokenizer.ggml.pre"));
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.model = "t5"; }), HasSubstr("t5"));
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.tokens.clear(); }), HasSubstr("no tokens"));
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.token_types.pop_back(); }), HasSubstr("token types"));
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.token_types[0] = 77; }), HasSubstr("77"));
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.bos = 261; }), HasSubstr("261"));
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.eos = -1; }), HasSubstr("-1"));
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.tokens[257] = "ab"; }), HasSubstr("twice"));
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.merges.push_back("a nope"); }), HasSubstr("nope"));
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.merges.push_back("alone"); }), HasSubstr("alone"));
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.merges.push_back(""); }), HasSubstr("merge"));
  EXPECT_THAT(changed([](GgufVocabulary& g) { g.merges.clear(); }), HasSubstr("no merges"));
  GgufVocabulary scored = ScoredBytes();
  scored.scores.pop_back();
  EXPECT_THAT(Refusal(scored), HasSubstr("scores"));
  scored = ScoredBytes();
  scored.scores[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(Refusal(scored), HasSubstr("not a number"));
}

TEST(Vocabulary, RefusesImpossibleIds) {
  const auto finish = [](std::initializer_list<std::pair<const char*, int64_t>> tokens) {
    Vocabulary vocabulary;
    for (const auto& [text, id] : tokens) {
      if (const Status added = vocabulary.Add(text, id); !added.ok()) return added.error().message;
    }
    const Status finished = vocabulary.Finish();
    return finished.ok() ? std::string() : finished.error().message;
  };
  EXPECT_EQ(finish({{"a", 0}, {"b", 65537}}), "");
  EXPECT_THAT(finish({{"a", 0}, {"b", 70000}}), HasSubstr("70000"));
  EXPECT_THAT(finish({{"a", -1}}), HasSubstr("-1"));
  EXPECT_THAT(finish({{"a", int64_t{1} << 31}}), HasSubstr("impossible"));
  EXPECT_THAT(finish({{"a", 1}, {"a", 2}}), HasSubstr("twice"));
  EXPECT_THAT(finish({{"a", 1}, {"b", 1}}), HasSubstr("two tokens"));
}

TEST(Tiktoken, IsRefusedByName) {
  const auto refusal = [](const std::string& ranks, const std::string& config) {
    const auto made = Tokenizer::FromTiktoken(ranks, {config, "", ""});
    return made.ok() ? std::string() : made.error().message;
  };
  const std::string kimi = R"({"tokenizer_class": "TikTokenTokenizer"})";
  EXPECT_THAT(refusal("", ""), HasSubstr("not known"));
  EXPECT_THAT(refusal("", R"({"tokenizer_class": "QWenTokenizer"})"), HasSubstr("QWenTokenizer"));
  EXPECT_THAT(refusal("", kimi), HasSubstr("byte 0"));
  EXPECT_THAT(refusal("IQ==\n", kimi), HasSubstr("line 1"));
  EXPECT_THAT(refusal("IQ== 0\nI!== 1\n", kimi), HasSubstr("line 2"));
  EXPECT_THAT(refusal("IQ== x\n", kimi), HasSubstr("rank"));
  EXPECT_THAT(refusal("IQ== 0\nIQ== 1\n", kimi), HasSubstr("twice"));
  EXPECT_THAT(refusal("IQ== 99999999999999999999\n", kimi), HasSubstr("rank"));
}

TEST(SentencePiece, IsRefusedByName) {
  const auto refusal = [](std::string_view bytes) {
    const auto made = Tokenizer::FromSentencePiece(bytes);
    return made.ok() ? std::string() : made.error().message;
  };
  EXPECT_THAT(refusal(""), HasSubstr("no pieces"));
  EXPECT_THAT(refusal("\xFF"), HasSubstr("damaged"));
  EXPECT_THAT(refusal(std::string_view("\x0A\x7F\x0A", 3)), HasSubstr("damaged"));
  // One piece "a" and no trainer specification: the default type is unigram.
  EXPECT_THAT(refusal(std::string_view("\x0A\x03\x0A\x01\x61", 5)), HasSubstr("unigram"));
  // BPE with a normalisation table.
  EXPECT_THAT(refusal(std::string_view("\x0A\x03\x0A\x01\x61\x12\x02\x18\x02\x1A\x03\x12\x01\x78", 14)),
              HasSubstr("precompiled_charsmap"));
}

TEST(Tokenizer, EosIdsComeFromAllFiles) {
  const std::string json =
      R"({"model": {"type": "BPE", "vocab": {"a": 0, "<e>": 1, "<f>": 2}, "merges": []}})";
  const auto made =
      Tokenizer::FromTokenizerJson(json, {R"({"eos_token": "<e>", "pad_token": {"content": "<f>"}})",
                                          R"({"eos_token_id": [2, 1]})", R"({"eos_token_id": 2})"});
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_THAT((*made)->eos(), ElementsAre(2, 1));
  EXPECT_EQ((*made)->pad(), 2);
  EXPECT_EQ((*made)->bos(), std::nullopt);
}

TEST(Tokenizer, GgufFilesMayHoldTheTokenizerJsonItself) {
  const char* json = R"({"added_tokens": [{"id": 3, "content": "<end>", "special": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false},
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}})";
  const auto load = [&](const std::string& text, uint32_t eos) {
    // GGUF's own vocabulary stands beside it and is not asked.
    const std::string bytes = test::GgufBuilder()
                                  .String("tokenizer.huggingface.json", text)
                                  .String("tokenizer.ggml.model", "no such model")
                                  .Int("tokenizer.ggml.eos_token_id", eos)
                                  .Build();
    return Tokenizer::FromGguf(*GgufFile::Parse(test::AsBytes(bytes), "f").value());
  };
  const auto tokenizer = load(json, 3);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_THAT((*tokenizer)->Encode("aba<end>").value(), ElementsAre(2, 0, 3));
  EXPECT_THAT((*tokenizer)->eos(), ElementsAre(3));
  EXPECT_THAT(load(json, 4).error().message, HasSubstr("id 4 names no token"));
  EXPECT_FALSE(load("{", 3).ok());
}

TEST(Tokenizer, LoadSaysWhatIsMissing) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "mains_no_tokenizer";
  std::filesystem::create_directories(folder);
  EXPECT_THAT(Tokenizer::Load(folder).error().message, HasSubstr("no tokenizer here"));
  std::ofstream(folder / "tokenizer.json") << "{";
  EXPECT_THAT(Tokenizer::Load(folder).error().message, HasSubstr("tokenizer.json"));
  std::filesystem::remove_all(folder);
}

TEST(ClassRegex, HostilePatternsEnd) {
  const auto regex = ClassRegex::Compile("(a*)*b|(a|aa)+$");
  ASSERT_TRUE(regex.ok());
  std::vector<RegexMatch> matches;
  EXPECT_FALSE(regex->FindAll(std::string(5000, 'a') + "c", matches).ok());
  EXPECT_FALSE(ClassRegex::Compile(std::string(200, '(') + std::string(200, ')')).ok());
  EXPECT_FALSE(ClassRegex::Compile(std::string(100000, 'a')).ok());
  EXPECT_FALSE(ClassRegex::Compile("(?:(?:a{9999}){9999}){9999}").ok());
}

TEST(ClassRegex, ARunThatFailsIsLookedAtOnce) {
  // Without care each of the spaces would be tried to the end: 10^12 steps.
  const auto regex = ClassRegex::Compile(R"(\s+$)");
  std::vector<RegexMatch> matches;
  ASSERT_TRUE(regex->FindAll(std::string(1000000, ' ') + "x  \n ", matches).ok());
  ASSERT_EQ(matches.size(), 1U);
  EXPECT_EQ(matches[0].begin, 1000001U);
}

}  // namespace
}  // namespace mains
