#include "engine/bench.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <random>

#include "io/checkpoint.h"
#include "tensor/dtype.h"

namespace mains {
namespace {

using Clock = std::chrono::steady_clock;

class Bench {
 public:
  Bench(Engine& engine, const BenchTest& test, const BenchSettings& settings)
      : engine_(engine), test_(test), settings_(settings), random_(settings.seed) {}

  Result<BenchResult> Run() {
    RETURN_IF_ERROR(Check());
    RETURN_IF_ERROR(FillToDepth());
    RETURN_IF_ERROR(Begin("warming up"));
    RETURN_IF_ERROR(test_.prompt > 0 ? ReadPrompts() : Generate(1));
    BenchResult result;
    for (int64_t i = 0; i < settings_.repeats; ++i) {
      RETURN_IF_ERROR(Begin(std::to_string(i + 1) + " of " + std::to_string(settings_.repeats)));
      ASSIGN_OR_RETURN(const double seconds, Repeat());
      result.seconds.push_back(seconds);
    }
    result.cost = Cost();
    if (settings_.verbs) {
      RETURN_IF_ERROR(Begin("verbs"));
      engine_.StartProfile();
      const Result<double> seconds = Repeat();
      result.verbs = engine_.EndProfile();
      if (!seconds.ok()) return seconds.error();
      result.verbs_seconds = *seconds;
    }
    return result;
  }

 private:
  Status Check() const {
    if (test_.sequences < 1 || test_.depth < 0 || (test_.prompt > 0) == (test_.generated > 0)) {
      return Error{ErrorCode::kInvalid, "a test reads a prompt or generates, of at least one sequence"};
    }
    const int64_t needed = test_.depth + test_.prompt + test_.generated;
    if (needed > engine_.max_context()) {
      return Error{ErrorCode::kInvalid, test_.Name() + " needs a context of " + std::to_string(needed) +
                                            " tokens, the model has " +
                                            std::to_string(engine_.max_context()) + "; test fewer"};
    }
    return {};
  }

  Status Ask() const {
    if (settings_.progress && !settings_.progress(doing_)) return Error{ErrorCode::kCancelled, "cancelled"};
    return {};
  }

  // All sequences are at the test's depth again.
  Status Begin(const std::string& what) {
    for (const std::unique_ptr<Session>& session : sessions_) session->Truncate(test_.depth);
    doing_ = what;
    return Ask();
  }

  std::vector<int32_t> RandomTokens(int64_t count) {
    std::uniform_int_distribution<int32_t> uniform(0, static_cast<int32_t>(engine_.facts().vocab - 1));
    std::vector<int32_t> ids(static_cast<size_t>(count));
    for (int32_t& id : ids) id = uniform(random_);
    return ids;
  }

  // Each sequence gets tokens and state of its own: what they shared would come from a cache.
  Status FillToDepth() {
    for (int64_t i = 0; i < test_.sequences; ++i) {
      sessions_.push_back(engine_.NewSession());
      ids_.push_back(RandomTokens(test_.prompt + test_.generated));
      if (test_.depth == 0) continue;
      doing_ = "filling to a depth of " + std::to_string(test_.depth);
      RETURN_IF_ERROR(sessions_.back()->Append(RandomTokens(test_.depth), TokenKind::kPrompt,
                                               [&](double, const char*) { return Ask().ok(); }));
    }
    return {};
  }

  // Tokens of a sequence in one step: together they are a chunk, or one each.
  int64_t StepTokens() const { return std::max<int64_t>(1, engine_.prompt_chunk() / test_.sequences); }

  // Appends tokens [begin, begin + count) of each sequence in one step.
  Status Step(int64_t begin, int64_t count, TokenKind kind) {
    RETURN_IF_ERROR(Ask());
    std::vector<StepItem> items;
    for (size_t i = 0; i < sessions_.size(); ++i) {
      items.push_back({sessions_[i].get(),
                       std::span(ids_[i]).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)),
                       kind});
    }
    engine_.Step(items);
    for (const StepItem& item : items) {
      if (!item.status.ok()) return item.status;
    }
    return {};
  }

  Status ReadPrompts() {
    const int64_t tokens = StepTokens();
    for (int64_t begin = 0; begin < test_.prompt; begin += tokens) {
      RETURN_IF_ERROR(Step(begin, std::min(tokens, test_.prompt - begin), TokenKind::kPrompt));
    }
    return {};
  }

  Status Generate(int64_t count) {
    for (int64_t i = 0; i < count; ++i) RETURN_IF_ERROR(Step(i, 1, TokenKind::kGenerated));
    return {};
  }

  Result<double> Repeat() {
    const Clock::time_point start = Clock::now();
    RETURN_IF_ERROR(test_.prompt > 0 ? ReadPrompts() : Generate(test_.generated));
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  TokenCost Cost() const {
    TokenCost total;
    const TokenKind kind = test_.prompt > 0 ? TokenKind::kPrompt : TokenKind::kGenerated;
    const int64_t count = test_.prompt + test_.generated, step = test_.prompt > 0 ? StepTokens() : 1;
    for (int64_t begin = 0; begin < count; begin += step) {
      const TokenCost one =
          engine_.CostOfStep(test_.sequences, std::min(step, count - begin), test_.depth + begin, kind);
      total.flops += one.flops;
      total.weight_bytes += one.weight_bytes;
      total.state_bytes += one.state_bytes;
    }
    return total;
  }

  Engine& engine_;
  const BenchTest& test_;
  const BenchSettings& settings_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::vector<int32_t>> ids_;  // of each sequence, what a repeat appends
  std::string doing_;
};

}  // namespace

std::string BenchTest::Name() const {
  std::string name = prompt > 0 ? "pp" + std::to_string(prompt) : "tg" + std::to_string(generated);
  if (sequences != 1) name += " x" + std::to_string(sequences);
  if (depth != 0) name += " @ d" + std::to_string(depth);
  return name;
}

Result<BenchResult> RunBench(Engine& engine, const BenchTest& test, const BenchSettings& settings) {
  return Bench(engine, test, settings).Run();
}

LimitShare ShareOfLimit(const TokenCost& cost, double seconds, std::string_view numbers,
                        const MachineLimits& limits) {
  LimitShare result;
  if (seconds <= 0) return result;
  if (const double bytes = cost.weight_bytes + cost.state_bytes;
      bytes > 0 && limits.read_bytes_per_second > 0) {
    result = {"read", bytes / limits.read_bytes_per_second / seconds};
  }
  const MachinePeak* peak = limits.Best(numbers);
  if (peak != nullptr && peak->operations_per_second > 0) {
    const double share = cost.flops / peak->operations_per_second / seconds;
    if (share > result.share) result = {peak->instruction, share};
  }
  return result;
}

std::vector<FormatShare> WeightFormats(const ModelFacts& facts) {
  double total = 0;
  for (const auto& [name, bytes] : facts.format_bytes) total += static_cast<double>(bytes);
  std::vector<FormatShare> formats;
  for (const auto& [name, bytes] : facts.format_bytes)
    formats.push_back({name, total > 0 ? static_cast<double>(bytes) / total : 0});
  std::stable_sort(formats.begin(), formats.end(),
                   [](const FormatShare& a, const FormatShare& b) { return a.share > b.share; });
  return formats;
}

std::string_view NumbersOf(std::string_view format) {
  const std::optional<DType> dtype = DTypeFromName(format);
  if (dtype == DType::kF32 || dtype == DType::kF64) return "f32";
  if (dtype == DType::kBF16 || dtype == DType::kF16) return "bf16";
  return "int8";
}

}  // namespace mains
