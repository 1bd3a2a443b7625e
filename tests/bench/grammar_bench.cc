// Time of token masks: `grammar_bench VOCABULARY` (a model folder, tokenizer.json or GGUF file), best with
// 128k tokens. "Warm": the grammar has been used before; "cold": its first use, a mask per token of the text.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/grammar/grammar_matcher.h"
#include "engine/grammar/json_schema.h"

namespace mains {
namespace {

constexpr const char* kSchema = R"({"type":"object","properties":{
    "name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},
    "mail":{"type":"string","format":"email"},"note":{"type":"string","maxLength":200},
    "tags":{"type":"array","items":{"enum":["red","green","blue"]}},
    "more":{"type":"object","additionalProperties":{"type":"number"}}},
  "required":["name","age","mail","note","tags","more"],"additionalProperties":false})";
constexpr const char* kText =
    R"({"name": "Ada Lovelace, Countess", "age": 36, "mail": "ada@example.org", )"
    R"("note": "The engine weaves algebraic patterns as the loom weaves flowers and leaves.", )"
    R"("tags": ["red", "blue"], "more": {"x": 1.5, "height": 1.68e0}})";

struct Setup {
  std::shared_ptr<const TokenVocabulary> vocabulary;
  std::vector<int32_t> ids;
};

std::shared_ptr<const Grammar> MakeGrammar() {
  return *GrammarFromJsonSchemaText(kSchema);
}

// All masks of the text.
void Walk(const Setup& setup, const std::shared_ptr<const Grammar>& grammar, std::vector<uint64_t>& mask) {
  GrammarMatcher matcher(grammar, setup.vocabulary, TextPlace::kInside);
  for (const int32_t id : setup.ids) {
    matcher.FillMask(mask);
    CHECK(matcher.Accept(id)) << setup.vocabulary->Find(id)->bytes;
  }
}

void Warm(benchmark::State& state, const Setup& setup) {
  const std::shared_ptr<const Grammar> grammar = MakeGrammar();
  std::vector<uint64_t> mask;
  Walk(setup, grammar, mask);
  for (auto _ : state) Walk(setup, grammar, mask);
  state.counters["s/mask"] =
      benchmark::Counter(static_cast<double>(setup.ids.size()),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void Cold(benchmark::State& state, const Setup& setup) {
  std::vector<uint64_t> mask;
  for (auto _ : state) Walk(setup, MakeGrammar(), mask);
  state.counters["s/mask"] =
      benchmark::Counter(static_cast<double>(setup.ids.size()),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void CompileSchema(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(MakeGrammar());
}

}  // namespace
}  // namespace mains

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const auto tokenizer = mains::Tokenizer::Load(argc > 1 ? argv[1] : "");
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "usage: grammar_bench VOCABULARY\n%s\n", tokenizer.error().message.c_str());
    return 1;
  }
  mains::Setup setup{mains::TokenVocabulary::Make(**tokenizer), {}};
  setup.ids = *(*tokenizer)->Encode(mains::kText, {.add_special = false});
  std::printf("%lld tokens, %zu in the text\n", static_cast<long long>(setup.vocabulary->size()),
              setup.ids.size());
  benchmark::RegisterBenchmark("warm", [&](benchmark::State& state) { mains::Warm(state, setup); });
  benchmark::RegisterBenchmark("cold", [&](benchmark::State& state) { mains::Cold(state, setup); });
  benchmark::RegisterBenchmark("compile", mains::CompileSchema);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
