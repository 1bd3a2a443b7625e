// Speculative decoding: whatever is guessed, a session's tokens and logits are those of one that guesses
// nothing, bit for bit.
#include <random>

#include "engine/golden.h"
#include "engine/sampler.h"
#include "tensor/tensor.h"

namespace mains {
namespace {

constexpr int64_t kContext = 150;

class SpeculationTest : public ::testing::TestWithParam<std::string> {
 protected:
  static std::unique_ptr<Engine> Load(int64_t draft, DType state = DType::kF32) {
    EngineOptions options;
    options.draft = draft;
    options.max_context = kContext;
    options.threads = 1;
    options.state_dtype = state;
    std::unique_ptr<Engine> engine = testing::LoadGolden(GetParam(), options);
    EXPECT_EQ(engine->can_draft(), draft > 0);
    return engine;
  }
  static std::vector<int32_t> Ids(int64_t n, uint32_t seed = 1) {
    std::mt19937 random(seed);
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < n; ++i) ids.push_back(static_cast<int32_t>(random() % 128));
    return ids;
  }
  // Logits after each token that `choose` picks from them, and the tokens, until the context is full.
  struct Run {
    std::vector<int32_t> ids;
    std::vector<float> logits;
    DraftCounts counts;
    friend bool operator==(const Run& a, const Run& b) { return a.ids == b.ids && a.logits == b.logits; }
  };
  template <typename Choose>
  static Run Generate(Session& session, Choose choose) {
    Run run;
    while (true) {
      run.logits.insert(run.logits.end(), session.logits().begin(), session.logits().end());
      if (session.length() == kContext) break;
      const int32_t id = choose(session);
      EXPECT_TRUE(session.Append({&id, 1}, TokenKind::kGenerated).ok());
    }
    run.ids = session.ids();
    run.counts = session.drafts();
    return run;
  }
};

INSTANTIATE_TEST_SUITE_P(Goldens, SpeculationTest,
                         ::testing::ValuesIn(testing::GoldensWith("mtp.safetensors")),
                         [](const auto& c_info) { return c_info.param; });

TEST_P(SpeculationTest, GreedyAndSampledEqualPlain) {
  const std::vector<int32_t> prompt = Ids(30);
  for (const DType state : {DType::kF32, DType::kBF16}) {
    for (const float temperature : {0.0f, 0.3f, 1.0f}) {
      const auto generate = [&](int64_t draft) {
        const std::unique_ptr<Engine> engine = Load(draft, state);
        const std::unique_ptr<Session> session = engine->NewSession();
        EXPECT_TRUE(session->Append(prompt).ok());
        SamplingParams params;
        params.temperature = temperature;
        params.seed = 7;
        Sampler sampler(params, 30);
        return Generate(*session, [&](Session& s) { return sampler.Sample(s.logits(), s.ids()).id; });
      };
      const Run plain = generate(0);
      EXPECT_EQ(plain.counts.drafted, 0);
      for (const int64_t draft : {1, 2, 3, 8}) {
        const Run fast = generate(draft);
        EXPECT_EQ(fast, plain) << draft << " drafted, temperature " << temperature;
        EXPECT_GT(fast.counts.drafted, 50);
      }
    }
  }
}

// A random layer guesses badly: this caller mostly does as was guessed, so that guesses are accepted.
std::vector<int32_t> FollowGuesses(Session& session, int64_t length, uint32_t seed) {
  std::mt19937 random(seed);
  while (session.length() < length) {
    const std::span<const int32_t> guesses = session.guesses();
    const int32_t id =
        !guesses.empty() && random() % 4 != 0 ? guesses[0] : static_cast<int32_t>(random() % 128);
    const int64_t accepted = session.drafts().accepted + (!guesses.empty() && guesses[0] == id ? 1 : 0);
    EXPECT_TRUE(session.Append({&id, 1}, TokenKind::kGenerated).ok());
    EXPECT_EQ(session.drafts().accepted, accepted);
  }
  return session.ids();
}

TEST_P(SpeculationTest, AcceptedGuessesEqualPlain) {
  const std::unique_ptr<Engine> plain_engine = Load(0);
  for (const int64_t draft : {1, 4}) {
    const std::unique_ptr<Engine> engine = Load(draft);
    for (const int64_t prompt : {1, 5, 40, 64}) {
      const std::unique_ptr<Session> session = engine->NewSession(), plain = plain_engine->NewSession();
      ASSERT_TRUE(session->Append(Ids(prompt)).ok());
      ASSERT_TRUE(plain->Append(Ids(prompt)).ok());
      for (int64_t length = prompt + 5; length <= kContext; length += 5) {
        const std::vector<int32_t> ids = FollowGuesses(*session, length, static_cast<uint32_t>(length));
        ASSERT_TRUE(
            plain->Append(std::span(ids).subspan(static_cast<size_t>(length - 5)), TokenKind::kGenerated)
                .ok());
        ASSERT_TRUE(std::ranges::equal(session->logits(), plain->logits())) << "length " << length;
      }
      EXPECT_GT(session->drafts().accepted, 20);
      EXPECT_GT(session->drafts().drafted, session->drafts().accepted);
    }
  }
}

// Forks, rollbacks, prompts and several tokens at once between guesses.
TEST_P(SpeculationTest, RandomOperationsEqualFresh) {
  const std::unique_ptr<Engine> engine = Load(3), plain_engine = Load(0);
  struct Live {
    std::unique_ptr<Session> session;
    std::vector<TokenKind> kinds;
  };
  const auto expect_fresh = [&](const Live& live) {
    if (live.session->logits().empty()) return;
    const std::unique_ptr<Session> fresh = plain_engine->NewSession();
    for (size_t i = 0; i < live.kinds.size();) {
      size_t end = i;
      while (end < live.kinds.size() && live.kinds[end] == live.kinds[i]) ++end;
      ASSERT_TRUE(fresh->Append(std::span(live.session->ids()).subspan(i, end - i), live.kinds[i]).ok());
      i = end;
    }
    ASSERT_TRUE(std::ranges::equal(live.session->logits(), fresh->logits()));
  };
  std::vector<Live> live;
  live.reserve(4);
  live.push_back({engine->NewSession(), {}});
  std::mt19937 random(3);
  for (int operation = 0; operation < 400; ++operation) {
    Live& one = live[random() % live.size()];
    const int64_t length = one.session->length();
    const uint32_t what = random() % 12;
    if (what == 0 && live.size() < 4) {
      live.push_back({one.session->Fork(), std::vector<TokenKind>(one.kinds)});
    } else if (what == 1) {
      one.session->Truncate(std::max<int64_t>(0, length - static_cast<int64_t>(random() % 4)));
    } else if (what == 2 || length == 0) {
      const std::vector<int32_t> ids = Ids(1 + static_cast<int64_t>(random() % 30), random());
      const TokenKind kind = random() % 2 == 0 ? TokenKind::kPrompt : TokenKind::kGenerated;
      if (!one.session->Append(ids, kind).ok()) one.session->Truncate(10);
      one.kinds.resize(static_cast<size_t>(std::min(length, one.session->length())));
      one.kinds.resize(static_cast<size_t>(one.session->length()), kind);
    } else if (length < kContext) {
      FollowGuesses(*one.session, length + 1, random());
      one.kinds.push_back(TokenKind::kGenerated);
    }
    one.kinds.resize(static_cast<size_t>(one.session->length()));
    if (operation % 8 == 0) expect_fresh(one);
    if (HasFatalFailure()) FAIL() << "operation " << operation;
  }
  for (const Live& l : live) expect_fresh(l);
  live.clear();
  EXPECT_EQ(engine->state_bytes_used(), 0);
}

TEST_P(SpeculationTest, SeveralSessionsInAStep) {
  const std::unique_ptr<Engine> engine = Load(2), plain_engine = Load(0);
  std::vector<std::unique_ptr<Session>> sessions, plain;
  for (uint32_t i = 0; i < 4; ++i) {
    sessions.push_back(engine->NewSession());
    plain.push_back(plain_engine->NewSession());
    for (Session* s : {sessions[i].get(), plain[i].get()}) ASSERT_TRUE(s->Append(Ids(10 + 20 * i, i)).ok());
  }
  std::mt19937 random(9);
  for (int step = 0; step < 30; ++step) {
    std::vector<std::vector<int32_t>> ids;
    std::vector<StepItem> items, plain_items;
    for (size_t i = 0; i < sessions.size(); ++i) {
      const std::span<const int32_t> guesses = sessions[i]->guesses();
      ids.push_back(
          {!guesses.empty() && random() % 2 == 0 ? guesses[0] : static_cast<int32_t>(random() % 128)});
      if (random() % 8 == 0) ids.back().push_back(3);
    }
    for (size_t i = 0; i < sessions.size(); ++i) {
      items.push_back({sessions[i].get(), ids[i]});
      plain_items.push_back({plain[i].get(), ids[i]});
    }
    engine->Step(items);
    plain_engine->Step(plain_items);
    for (size_t i = 0; i < sessions.size(); ++i) {
      ASSERT_TRUE(items[i].status.ok());
      ASSERT_EQ(sessions[i]->ids(), plain[i]->ids());
      ASSERT_TRUE(std::ranges::equal(sessions[i]->logits(), plain[i]->logits()));
    }
  }
}

// The guess is the draft layer's, of the last position's hidden state and the token appended.
TEST_P(SpeculationTest, GuessesAreThoseOfTheWholeSequence) {
  const std::unique_ptr<Engine> engine = Load(1);
  for (const int64_t length : {2, 17, 18, 40}) {
    const std::vector<int32_t> ids = Ids(length);
    std::vector<float> last;
    ASSERT_TRUE(engine
                    ->EvaluateAll(
                        ids, TokenKind::kPrompt, [](int64_t, const Tensor&) { return Status(); }, {},
                        [&](int64_t, const Tensor& t) {
                          last.assign(t.Row(t.dim(0) - 1), t.Row(t.dim(0) - 1) + t.dim(1));
                          return Status();
                        })
                    .ok());
    const std::unique_ptr<Session> session = engine->NewSession();
    ASSERT_TRUE(session->Append(std::span(ids).first(ids.size() - 1)).ok());
    ASSERT_TRUE(session->Append(std::span(ids).last(1), TokenKind::kGenerated).ok());
    ASSERT_EQ(session->guesses().size(), 1u);
    EXPECT_EQ(session->guesses()[0], std::max_element(last.begin(), last.end()) - last.begin()) << length;
  }
}

TEST(Speculation, NothingIsGuessedWithoutTheLayer) {
  EngineOptions options;
  options.draft = 4;
  const std::unique_ptr<Engine> engine = testing::LoadGolden("qwen3", options);
  EXPECT_FALSE(engine->can_draft());
  const std::unique_ptr<Session> session = engine->NewSession();
  const std::vector<int32_t> ids = {1, 2, 3};
  for (const int32_t& id : ids) ASSERT_TRUE(session->Append({&id, 1}, TokenKind::kGenerated).ok());
  EXPECT_TRUE(session->guesses().empty());
  EXPECT_EQ(session->drafts().drafted, 0);
}

TEST(Speculation, TheLayerIsAccountedForWhereItIsLoaded) {
  EngineOptions options;
  options.draft = 1;
  for (const std::string& name : testing::GoldensWith("mtp.safetensors")) {
    const std::unique_ptr<Engine> with = testing::LoadGolden(name, options),
                                  without = testing::LoadGolden(name);
    EXPECT_GT(with->state_bytes_per_token(), without->state_bytes_per_token()) << name;
    const MemoryNeed more = with->NeedFor(64), less = without->NeedFor(64);
    EXPECT_GT(more.weight_bytes, less.weight_bytes) << name;
    EXPECT_GT(more.state_bytes, less.state_bytes) << name;
    EXPECT_GE(more.activation_bytes, less.activation_bytes) << name;
    EXPECT_EQ(with->facts().parts.back().name, "draft layer");
    EXPECT_EQ(with->facts().parts.back().bytes, more.weight_bytes - less.weight_bytes);
  }
}

}  // namespace
}  // namespace mains
