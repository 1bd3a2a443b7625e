// Every architecture against Hugging Face transformers: logits and hidden states of a prompt, and 32
// decoded steps, from safetensors and from GGUF; and what multi-token-prediction layers guess.
#include "engine/golden.h"
#include "tensor/tensor.h"

namespace mains {
namespace {

using testing::Golden;
using testing::GoldenDir;
using testing::RelativeError;

constexpr double kBound = 1e-4;  // relative to the largest reference value
// Where activations are rounded to bf16: of dense goldens, and of mixtures, in which another expert may be
// chosen, whose random weights have nothing to do with the first one's.
constexpr double kRoundedBound = 1e-2, kRoundedMixtureBound = 0.1;

double BoundOf(const Engine& engine, bool round) {
  if (!round || DetectIsa() < Isa::kAvx512Bf16) return kBound;
  bool rounded = false, mixture = false;
  for (const auto& [format, bytes] : engine.facts().format_bytes)
    rounded = rounded || format.starts_with("bf16") || format.starts_with("f8");
  for (const auto& part : engine.facts().parts) mixture = mixture || part.name == "experts";
  return !rounded ? kBound : mixture ? kRoundedMixtureBound : kRoundedBound;
}

struct Case {
  std::string folder;
  std::string file;    // "" for the safetensors of the folder, else a .gguf
  std::string golden;  // what the reference computed from those weights
  bool reference = false;

  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.folder << '/' << c.file; }
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const std::string& folder : testing::GoldensWith("meta.json")) {
    const bool has_safetensors =
        std::filesystem::exists(GoldenDir() / folder / "model.safetensors") ||
        std::filesystem::exists(GoldenDir() / folder / "model.safetensors.index.json");
    for (const auto& entry : std::filesystem::directory_iterator(GoldenDir() / folder)) {
      const std::string name = entry.path().filename().string();
      if (name == "golden.safetensors") {
        if (!has_safetensors) continue;
        cases.push_back({folder, "", name});
        cases.push_back({folder, "", name, /*reference=*/true});
      } else if (name == "model.gguf") {
        cases.push_back({folder, name, "golden.safetensors"});
      } else if (name.ends_with(".gguf")) {  // model-Q8_0.gguf and golden-Q8_0.safetensors
        const std::string type = name.substr(6, name.size() - 6 - 5);
        cases.push_back({folder, name, "golden-" + type + ".safetensors"});
      }
    }
  }
  std::sort(cases.begin(), cases.end(), [](const Case& a, const Case& b) {
    return std::tie(a.folder, a.file, a.reference) < std::tie(b.folder, b.file, b.reference);
  });
  return cases;
}

void ExpectParity(Engine& engine, const Golden& golden, double bound) {
  const std::vector<int32_t> prompt = golden.Ids("prompt_ids");
  std::vector<float> logits;
  std::map<int64_t, std::vector<float>> hidden;
  const Status status = engine.EvaluateAll(
      prompt, TokenKind::kPrompt,
      [&](int64_t, const Tensor& t) {
        logits.insert(logits.end(), t.f32(), t.f32() + t.elements());
        return Status();
      },
      [&](int64_t layer, int64_t, const Tensor& t) {
        hidden[layer].insert(hidden[layer].end(), t.f32(), t.f32() + t.elements());
      });
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_LE(RelativeError(logits, golden.Floats("logits")), bound);
  for (const auto& [layer, values] : hidden) {
    const std::string name = "hidden." + std::to_string(layer);
    if (golden.Has(name)) {
      EXPECT_LE(RelativeError(values, golden.Floats(name)), bound) << "after layer " << layer;
    }
  }

  if (!golden.Has("decode_ids")) return;
  const std::vector<int32_t> steps = golden.Ids("decode_ids");
  const std::vector<float> expected = golden.Floats("decode_logits");
  const size_t vocab = static_cast<size_t>(expected.size() / steps.size());
  const std::unique_ptr<Session> session = engine.NewSession();
  ASSERT_TRUE(session->Append(prompt).ok());
  for (size_t i = 0; i < steps.size(); ++i) {
    ASSERT_TRUE(session->Append({&steps[i], 1}, TokenKind::kGenerated).ok());
    EXPECT_LE(RelativeError(session->logits(), std::span(expected).subspan(i * vocab, vocab)), bound)
        << "decoded step " << i;
  }
}

class ParityTest : public ::testing::TestWithParam<Case> {};

TEST_P(ParityTest, PromptAndDecodedStepsMatchTheReference) {
  const Case& c = GetParam();
  const std::filesystem::path folder = GoldenDir() / c.folder;
  const Golden golden(folder / c.golden);
  for (const bool round : {false, true}) {
    if (c.reference && round) continue;
    SCOPED_TRACE(round ? "rounded activations" : "f32 only");
    EngineOptions options;
    options.reference = c.reference;
    options.round_activations = round;
    const std::unique_ptr<Engine> engine =
        testing::LoadGolden(c.file.empty() ? c.folder : c.folder + "/" + c.file, options);
    ASSERT_NE(engine, nullptr);
    ExpectParity(*engine, golden, BoundOf(*engine, round));
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, ParityTest, ::testing::ValuesIn(Cases()), [](const auto& c_info) {
  std::string name = c_info.param.folder + (c_info.param.file.empty() ? "" : "_" + c_info.param.file) +
                     (c_info.param.reference ? "_on_reference" : "");
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
});

// Rows of logits that the layer gives for each position but the last.
std::vector<float> Guesses(Engine& engine, const std::vector<int32_t>& ids, TokenKind kind) {
  std::vector<float> guesses;
  const Status status = engine.EvaluateAll(
      ids, kind, [](int64_t, const Tensor&) { return Status(); }, {},
      [&](int64_t first, const Tensor& t) {
        EXPECT_EQ(first * t.dim(1), static_cast<int64_t>(guesses.size()));
        guesses.insert(guesses.end(), t.f32(), t.f32() + t.elements());
        return Status();
      });
  EXPECT_TRUE(status.ok()) << status.error().message;
  return guesses;
}

class DraftParityTest : public ::testing::TestWithParam<std::string> {};

TEST_P(DraftParityTest, GuessesMatchTheReference) {
  const std::filesystem::path folder = GoldenDir() / GetParam();
  const std::vector<int32_t> prompt = Golden(folder / "golden.safetensors").Ids("prompt_ids");
  const std::vector<float> expected = Golden(folder / "mtp.safetensors").Floats("logits");
  for (const bool reference : {false, true}) {
    for (const int64_t chunk : {512, 7}) {
      EngineOptions options;
      options.draft = 1;
      options.reference = reference;
      options.prompt_chunk = chunk;
      const std::unique_ptr<Engine> engine = testing::LoadGolden(GetParam(), options);
      ASSERT_NE(engine, nullptr);
      ASSERT_TRUE(engine->can_draft());
      EXPECT_LE(RelativeError(Guesses(*engine, prompt, TokenKind::kPrompt), expected), kBound);
      EXPECT_LE(RelativeError(Guesses(*engine, prompt, TokenKind::kGenerated), expected), kBound);
    }
  }
}

TEST_P(DraftParityTest, FromGgufWhereItHasTheLayer) {
  const std::filesystem::path file = GoldenDir() / GetParam() / "model.gguf";
  if (!std::filesystem::exists(file)) return;
  EngineOptions options;
  options.draft = 1;
  const std::unique_ptr<Engine> engine = testing::LoadGolden(GetParam() + "/model.gguf", options);
  ASSERT_NE(engine, nullptr);
  // llama.cpp's converter drops the layer of the architecture deepseek2.
  ASSERT_EQ(engine->can_draft(), GetParam() != "deepseek_v3" && GetParam() != "glm4_moe_lite");
  if (!engine->can_draft()) return;
  const std::vector<int32_t> prompt =
      Golden(GoldenDir() / GetParam() / "golden.safetensors").Ids("prompt_ids");
  EXPECT_LE(RelativeError(Guesses(*engine, prompt, TokenKind::kPrompt),
                          Golden(GoldenDir() / GetParam() / "mtp.safetensors").Floats("logits")),
            kBound);
}

INSTANTIATE_TEST_SUITE_P(Goldens, DraftParityTest,
                         ::testing::ValuesIn(testing::GoldensWith("mtp.safetensors")),
                         [](const auto& c_info) { return c_info.param; });

}  // namespace
}  // namespace mains
