// What engine.h promises about sessions, on every architecture: the logits of a position depend on the
// tokens before it and their kinds, and on nothing else. Bits are compared, not tolerances; the one
// exception is latent attention, where the kind of a token picks between two forms of one sum.
#include <random>

#include "engine/golden.h"
#include "engine/state.h"
#include "io/checkpoint.h"
#include "nn/language_model.h"
#include "tensor/tensor.h"

namespace mains {
namespace {

using testing::GoldenDir;
using testing::RelativeError;

constexpr int64_t kContext = 300;  // four pages and a bit; the goldens were made for 128
constexpr double kKindBound = 1e-4;
constexpr double kRoundedKindBound = 1e-2;  // activations are rounded to bf16, at other places for each kind

std::vector<std::string> Folders() {
  std::vector<std::string> folders;
  for (const std::string& folder : testing::GoldensWith("config.json")) {
    for (const char* weights : {"model.safetensors", "model.safetensors.index.json"}) {
      if (std::filesystem::exists(GoldenDir() / folder / weights)) folders.push_back(folder);
    }
  }
  return folders;
}

struct Tokens {
  std::vector<int32_t> ids;
  TokenKind kind = TokenKind::kPrompt;
};

::testing::AssertionResult SameBits(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << a.size() << " vs " << b.size();
  if (a.empty()) return ::testing::AssertionFailure() << "no logits";
  if (std::memcmp(a.data(), b.data(), a.size_bytes()) == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "they differ by " << RelativeError(a, b) << " of the largest";
}

class PropertiesTest : public ::testing::TestWithParam<std::string> {
 protected:
  PropertiesTest() : engine_(Load({})) {}
  ~PropertiesTest() override { EXPECT_EQ(engine_->state_bytes_used(), 0) << "after all sessions are gone"; }

  static std::unique_ptr<Engine> Load(EngineOptions options) {
    options.max_context = kContext;
    if (options.threads == 0) options.threads = 1;
    return testing::LoadGolden(GetParam(), options);
  }
  bool Latent() const {
    const Json& config = engine_->checkpoint().config();
    return config.value("/text_config/kv_lora_rank"_json_pointer, config.value("kv_lora_rank", 0)) > 0;
  }
  std::vector<int32_t> Ids(int64_t n, uint32_t seed = 1) const {
    std::mt19937 random(seed);
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < n; ++i) ids.push_back(static_cast<int32_t>(random() % 128));
    return ids;
  }
  static std::span<const int32_t> Part(const std::vector<int32_t>& ids, int64_t begin, int64_t end) {
    return std::span(ids).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  }
  // A new session that has read the runs of tokens, one Append each.
  static std::unique_ptr<Session> Fresh(Engine& engine, const std::vector<Tokens>& runs) {
    std::unique_ptr<Session> session = engine.NewSession();
    for (const Tokens& run : runs) EXPECT_TRUE(session->Append(run.ids, run.kind).ok());
    return session;
  }
  std::unique_ptr<Session> Fresh(const std::vector<Tokens>& runs) const { return Fresh(*engine_, runs); }
  static std::vector<float> LogitsOf(const Session& session) {
    return {session.logits().begin(), session.logits().end()};
  }
  // Logits of all positions.
  static std::vector<float> Evaluate(Engine& engine, std::span<const int32_t> ids, TokenKind kind) {
    std::vector<float> all;
    EXPECT_TRUE(engine
                    .EvaluateAll(ids, kind,
                                 [&](int64_t first, const Tensor& t) {
                                   EXPECT_EQ(first * 128, static_cast<int64_t>(all.size()));
                                   all.insert(all.end(), t.f32(), t.f32() + t.elements());
                                   return Status();
                                 })
                    .ok());
    return all;
  }
  int64_t UsedPages() const {
    return engine_->state_bytes_used() / (engine_->state_bytes_per_token() * kPagePositions);
  }

  std::unique_ptr<Engine> engine_;
};

INSTANTIATE_TEST_SUITE_P(Goldens, PropertiesTest, ::testing::ValuesIn(Folders()),
                         [](const auto& c_info) { return c_info.param; });

TEST_P(PropertiesTest, PrefillEqualsDecodesAtEveryPosition) {
  const std::vector<int32_t> ids = Ids(140);
  for (Isa isa : SupportedIsas()) {
    SCOPED_TRACE(IsaName(isa));
    EngineOptions options;
    options.isa = isa;
    const std::unique_ptr<Engine> engine = Load(options);
    const std::vector<float> prompt = Evaluate(*engine, ids, TokenKind::kPrompt);
    const std::vector<float> generated = Evaluate(*engine, ids, TokenKind::kGenerated);  // one by one
    if (Latent()) {
      EXPECT_LE(RelativeError(generated, prompt), isa >= Isa::kAvx512Bf16 ? kRoundedKindBound : kKindBound);
    } else {
      EXPECT_TRUE(SameBits(generated, prompt));
    }
    // With the kind held fixed, the same bits in every architecture.
    for (TokenKind kind : {TokenKind::kPrompt, TokenKind::kGenerated}) {
      const std::vector<float>& whole = kind == TokenKind::kPrompt ? prompt : generated;
      const std::unique_ptr<Session> session = engine->NewSession();
      for (size_t i = 0; i < ids.size(); ++i) {
        ASSERT_TRUE(session->Append({&ids[i], 1}, kind).ok());
        ASSERT_TRUE(SameBits(session->logits(), std::span(whole).subspan(i * 128, 128))) << "position " << i;
      }
      const std::unique_ptr<Session> at_once = Fresh(*engine, {{ids, kind}});
      EXPECT_TRUE(SameBits(at_once->logits(), session->logits()));
    }
  }
}

TEST_P(PropertiesTest, ChunkedEqualsWhole) {
  const std::vector<int32_t> ids = Ids(150);
  for (DType state : {DType::kF32, DType::kBF16, DType::kF16}) {
    SCOPED_TRACE(Name(state));
    EngineOptions options;
    options.state_dtype = state;
    const std::unique_ptr<Engine> whole_engine = Load(options);
    for (TokenKind kind : {TokenKind::kPrompt, TokenKind::kGenerated}) {
      const std::unique_ptr<Session> whole = Fresh(*whole_engine, {{ids, kind}});
      for (int64_t chunk : {1, 2, 3, 7, 16, 31, 64}) {
        if (chunk < 3 && state != DType::kF32) continue;  // the many small steps, once
        options.prompt_chunk = chunk;
        const std::unique_ptr<Engine> engine = Load(options);
        const std::unique_ptr<Session> chunked = Fresh(*engine, {{ids, kind}});
        EXPECT_TRUE(SameBits(chunked->logits(), whole->logits())) << "chunks of " << chunk;
      }
    }
  }
}

TEST_P(PropertiesTest, ChunksOfDifferentSizesAndKinds) {
  const std::vector<int32_t> ids = Ids(200);
  std::mt19937 random(3);
  for (int round = 0; round < 4; ++round) {
    // Kinds change at these positions, whatever the chunks.
    const int64_t kind_from = 10 + static_cast<int64_t>(random() % 90), kind_to = kind_from + 70;
    const std::unique_ptr<Session> whole =
        Fresh({{Ids(200), TokenKind::kPrompt}});  // read and thrown away, so that pages are used again
    whole->Truncate(0);
    ASSERT_TRUE(whole->Append(Part(ids, 0, kind_from)).ok());
    ASSERT_TRUE(whole->Append(Part(ids, kind_from, kind_to), TokenKind::kGenerated).ok());
    ASSERT_TRUE(whole->Append(Part(ids, kind_to, 200)).ok());

    const std::unique_ptr<Session> chunked = engine_->NewSession();
    for (int64_t at = 0; at < 200;) {
      const bool generated = at >= kind_from && at < kind_to;
      const int64_t limit = at < kind_from ? kind_from : at < kind_to ? kind_to : 200;
      const int64_t end = std::min(limit, at + 1 + static_cast<int64_t>(random() % 70));
      ASSERT_TRUE(
          chunked->Append(Part(ids, at, end), generated ? TokenKind::kGenerated : TokenKind::kPrompt).ok());
      at = end;
    }
    EXPECT_TRUE(SameBits(chunked->logits(), whole->logits()));
  }
}

TEST_P(PropertiesTest, ForkedEqualsFreshAndPagesAreShared) {
  for (int64_t length : {1, 63, 64, 65, 130}) {
    SCOPED_TRACE(length);
    const int64_t pages = (length + kPagePositions - 1) / kPagePositions;
    const std::vector<int32_t> past = Ids(length), left = Ids(70, 2), right = Ids(5, 3);
    const std::unique_ptr<Session> a = Fresh({{past, TokenKind::kPrompt}});
    EXPECT_EQ(UsedPages(), pages);
    const std::unique_ptr<Session> b = a->Fork();
    EXPECT_EQ(UsedPages(), pages) << "a fork takes no memory";
    EXPECT_EQ(b->ids(), past);
    EXPECT_TRUE(SameBits(b->logits(), a->logits()));

    ASSERT_TRUE(b->Append(right, TokenKind::kGenerated).ok());
    const int64_t of_b = (length + 5 + kPagePositions - 1) / kPagePositions, shared = length / kPagePositions;
    EXPECT_EQ(UsedPages(), pages + of_b - shared) << "only what is not full is copied";
    ASSERT_TRUE(a->Append(left).ok());
    EXPECT_EQ(UsedPages(), (length + 70 + kPagePositions - 1) / kPagePositions + of_b - shared);

    {
      const std::unique_ptr<Session> fresh_a =
          Fresh({{past, TokenKind::kPrompt}, {left, TokenKind::kPrompt}});
      const std::unique_ptr<Session> fresh_b =
          Fresh({{past, TokenKind::kPrompt}, {right, TokenKind::kGenerated}});
      EXPECT_TRUE(SameBits(a->logits(), fresh_a->logits()));
      EXPECT_TRUE(SameBits(b->logits(), fresh_b->logits()));
    }
    // Each goes on, after the other, and a fork of the fork.
    const std::unique_ptr<Session> c = b->Fork();
    ASSERT_TRUE(b->Append(left).ok());
    ASSERT_TRUE(c->Append(left).ok());
    EXPECT_TRUE(SameBits(c->logits(), b->logits()));
    const std::unique_ptr<Session> fresh =
        Fresh({{past, TokenKind::kPrompt}, {right, TokenKind::kGenerated}, {left, TokenKind::kPrompt}});
    EXPECT_TRUE(SameBits(b->logits(), fresh->logits()));
  }
}

TEST_P(PropertiesTest, TruncatedEqualsFresh) {
  const std::vector<int32_t> ids = Ids(200), tail = Ids(3, 2);
  const std::unique_ptr<Session> full = Fresh({{ids, TokenKind::kPrompt}});
  const std::unique_ptr<Session> worn = Fresh({{ids, TokenKind::kPrompt}});
  for (int64_t length : {199, 193, 192, 191, 130, 129, 128, 127, 126, 66, 65, 64, 63, 62, 2, 1, 0}) {
    SCOPED_TRACE(length);
    const std::unique_ptr<Session> fresh = engine_->NewSession();
    ASSERT_TRUE(fresh->Append(Part(ids, 0, length)).ok());
    ASSERT_TRUE(fresh->Append(tail).ok());
    // A fork of what goes on living, and a session that is worn down step by step.
    const std::unique_ptr<Session> forked = full->Fork();
    forked->Truncate(length);
    worn->Truncate(length);
    for (Session* s : {forked.get(), worn.get()}) {
      EXPECT_TRUE(s->logits().empty());
      EXPECT_EQ(s->length(), length);
      ASSERT_TRUE(s->Append(tail).ok());
      EXPECT_TRUE(SameBits(s->logits(), fresh->logits()));
      EXPECT_EQ(s->ids(), fresh->ids());
    }
    worn->Truncate(length);
  }
  const std::vector<float> before = LogitsOf(*full);
  full->Truncate(200);
  EXPECT_TRUE(SameBits(full->logits(), before)) << "nothing was forgotten";
}

TEST_P(PropertiesTest, BatchEqualsSingles) {
  struct Case {
    int64_t past, count;
    TokenKind kind;
  };
  const std::vector<Case> cases = {{0, 1, TokenKind::kPrompt},      {0, 33, TokenKind::kGenerated},
                                   {63, 1, TokenKind::kGenerated},  {64, 2, TokenKind::kPrompt},
                                   {65, 70, TokenKind::kPrompt},    {127, 1, TokenKind::kGenerated},
                                   {130, 3, TokenKind::kGenerated}, {5, 128, TokenKind::kPrompt}};
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<std::vector<int32_t>> ids;
  for (size_t i = 0; i < cases.size(); ++i) {
    sessions.push_back(Fresh({{Ids(cases[i].past, static_cast<uint32_t>(i)), TokenKind::kPrompt}}));
    ids.push_back(Ids(cases[i].count, static_cast<uint32_t>(100 + i)));
  }
  std::vector<StepItem> items;
  for (size_t i = 0; i < cases.size(); ++i) items.push_back({sessions[i].get(), ids[i], cases[i].kind});
  engine_->Step(items);
  for (size_t i = 0; i < cases.size(); ++i) {
    ASSERT_TRUE(items[i].status.ok()) << items[i].status.error().message;
    const std::unique_ptr<Session> single =
        Fresh({{Ids(cases[i].past, static_cast<uint32_t>(i)), TokenKind::kPrompt}, {ids[i], cases[i].kind}});
    EXPECT_TRUE(SameBits(sessions[i]->logits(), single->logits())) << "session " << i;
    EXPECT_EQ(sessions[i]->ids(), single->ids());
  }
}

TEST_P(PropertiesTest, ThreadsChangeNothing) {
  const std::vector<int32_t> ids = Ids(140);
  std::vector<float> prompt, generated;
  for (int threads : {1, 2, 3}) {
    EngineOptions options;
    options.threads = threads;
    const std::unique_ptr<Engine> engine = Load(options);
    EXPECT_EQ(engine->threads(), threads);
    const std::vector<float> p = Evaluate(*engine, ids, TokenKind::kPrompt);
    const std::vector<float> g = Evaluate(*engine, Part(ids, 0, 70), TokenKind::kGenerated);
    if (threads == 1) {
      prompt = p;
      generated = g;
    }
    EXPECT_TRUE(SameBits(p, prompt)) << threads;
    EXPECT_TRUE(SameBits(g, generated)) << threads;
  }
}

// One run of tokens of one kind after another, as a naive session would remember them.
struct Model {
  std::vector<std::pair<int32_t, TokenKind>> tokens;

  std::vector<Tokens> Runs() const {
    std::vector<Tokens> runs;
    for (const auto& [id, kind] : tokens) {
      if (runs.empty() || runs.back().kind != kind) runs.push_back({{}, kind});
      runs.back().ids.push_back(id);
    }
    return runs;
  }
  std::vector<int32_t> Ids() const {
    std::vector<int32_t> ids;
    for (const auto& [id, kind] : tokens) ids.push_back(id);
    return ids;
  }
};

TEST_P(PropertiesTest, AThousandRandomOperations) {
  struct Live {
    std::unique_ptr<Session> session;
    Model model;
  };
  std::vector<Live> live;
  std::mt19937 random(11);
  const auto draw = [&](int64_t below) {
    return static_cast<int64_t>(random() % static_cast<uint32_t>(below));
  };
  const auto tokens = [&] {
    const int64_t count = draw(10) == 0 ? 1 + draw(90) : 1 + draw(5);
    return Ids(count, static_cast<uint32_t>(random()));
  };
  int checked = 0;
  for (int operation = 0; operation < 1000; ++operation) {
    if (live.empty() || (live.size() < 8 && draw(12) == 0)) {
      live.push_back({engine_->NewSession(), {}});
      continue;
    }
    Live& one = live[static_cast<size_t>(draw(static_cast<int64_t>(live.size())))];
    const int64_t length = one.session->length();
    switch (draw(8)) {
      case 0:
        if (live.size() < 8) live.push_back({one.session->Fork(), Model(one.model)});
        break;
      case 1: {
        const int64_t keep = draw(2) == 0 ? draw(length + 1) : length / kPagePositions * kPagePositions;
        one.session->Truncate(keep);
        one.model.tokens.resize(static_cast<size_t>(keep));
        break;
      }
      case 2:
        if (draw(3) == 0) {
          std::swap(one, live.back());
          live.pop_back();
        }
        break;
      case 3: {  // two sessions in one step
        Live& other = live[static_cast<size_t>(draw(static_cast<int64_t>(live.size())))];
        if (&other == &one) break;
        const std::vector<int32_t> a = tokens(), b = tokens();
        std::vector<StepItem> items = {{one.session.get(), a, TokenKind::kPrompt},
                                       {other.session.get(), b, TokenKind::kGenerated}};
        engine_->Step(items);
        for (StepItem& item : items) {
          Live& of = item.session == one.session.get() ? one : other;
          const bool fits = static_cast<int64_t>(of.model.tokens.size() + item.ids.size()) <= kContext;
          ASSERT_EQ(item.status.ok(), fits);
          for (int32_t id : item.ids) {
            if (fits) of.model.tokens.emplace_back(id, item.kind);
          }
        }
        break;
      }
      default: {
        const TokenKind kind = draw(2) == 0 ? TokenKind::kPrompt : TokenKind::kGenerated;
        const std::vector<int32_t> ids = tokens();
        const bool fits = length + static_cast<int64_t>(ids.size()) <= kContext;
        ASSERT_EQ(one.session->Append(ids, kind).ok(), fits);
        for (int32_t id : ids) {
          if (fits) one.model.tokens.emplace_back(id, kind);
        }
        if (fits && draw(12) == 0) {
          ASSERT_TRUE(SameBits(one.session->logits(), Fresh(one.model.Runs())->logits()))
              << "operation " << operation;
          ++checked;
        }
      }
    }
    for (const Live& l : live) ASSERT_EQ(l.session->ids(), l.model.Ids()) << "operation " << operation;
  }
  EXPECT_GT(checked, 20);
}

// The rotation that a configuration names is the one that runs: with the other, parity is lost.
TEST(RopeFlavour, TheWrongOneOfAConfigurationLosesParity) {
  const testing::TemporaryFolder folder;
  int tried = 0;
  for (const std::string name : {"glm4_moe_lite", "deepseek_v3", "kimi_k2"}) {
    const testing::Golden golden(GoldenDir() / name / "golden.safetensors");
    for (bool interleave : {true, false}) {
      const std::filesystem::path copy = folder.path() / (name + (interleave ? "_pairs" : "_halves"));
      std::filesystem::copy(GoldenDir() / name, copy);
      Json config = ParseJson(ReadFile(copy / "config.json", 1 << 20).value(), "config.json").value();
      config["rope_interleave"] = interleave;
      ASSERT_TRUE(WriteFileAtomically(copy / "config.json", config.dump()).ok());
      EngineOptions options;
      options.state_dtype = DType::kF32;
      options.state_bytes = int64_t{1} << 24;
      const std::unique_ptr<Engine> engine = std::move(Engine::Load(copy, options)).value();
      std::vector<float> logits;
      ASSERT_TRUE(engine
                      ->EvaluateAll(golden.Ids("prompt_ids"), TokenKind::kPrompt,
                                    [&](int64_t, const Tensor& t) {
                                      logits.insert(logits.end(), t.f32(), t.f32() + t.elements());
                                      return Status();
                                    })
                      .ok());
      const double error = RelativeError(logits, golden.Floats("logits"));
      if (interleave) {
        EXPECT_LE(error, 1e-4) << name;
      } else {
        EXPECT_GT(error, 1e-3) << name;
      }
      ++tried;
    }
  }
  EXPECT_EQ(tried, 6);
}

}  // namespace
}  // namespace mains
