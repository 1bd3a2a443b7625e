// Speed in the terms of llama-bench: ppN, a prompt of N tokens; tgN, N tokens one by one; both behind `depth`
// tokens that are there already, and of several sequences at once. Random tokens, no sampling, no text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/machine_limits.h"

namespace mains {

struct BenchTest {
  int64_t prompt = 0;     // tokens of each sequence that come as a prompt: 0 if `generated` is not
  int64_t generated = 0;  // tokens of each sequence that come one by one
  int64_t depth = 0;      // tokens that each sequence has before
  int64_t sequences = 1;

  // Of all sequences, in one repeat.
  int64_t tokens() const { return sequences * (prompt + generated); }
  std::string Name() const;  // "pp512", "tg128 @ d4096", "tg128 x4"
};

struct BenchResult {
  std::vector<double> seconds;  // of each repeat
  TokenCost cost;               // of one repeat; of experts, those that so many tokens can reach at most
  std::vector<VerbUse> verbs;   // of one more repeat, if wanted
  double verbs_seconds = 0;     // that it took
};

struct BenchSettings {
  int64_t repeats = 5;
  bool verbs = false;
  uint32_t seed = 1;  // of the tokens
  // Asked before each step, with what it belongs to ("warming up", "2 of 5"); false cancels.
  std::function<bool(const std::string& what)> progress;
};

// What the engine's tests would exceed is an error before anything runs: kInvalid.
Result<BenchResult> RunBench(Engine& engine, const BenchTest& test, const BenchSettings& settings);

// The limit that work must reach first at the speed of the machine, and the share of it that was reached.
struct LimitShare {
  std::string bound;  // "read", or the instruction: "vdpbf16ps zmm"; empty: nothing is read or computed
  double share = 0;
};
// `numbers` is what the work multiplies (machine_limits.h: Best).
LimitShare ShareOfLimit(const TokenCost& cost, double seconds, std::string_view numbers,
                        const MachineLimits& limits);

// The formats of the matrices that activations are multiplied with, most bytes first, and their shares of all
// bytes.
struct FormatShare {
  std::string name;  // "q4_k"
  double share = 0;
};
std::vector<FormatShare> WeightFormats(const ModelFacts& facts);
// What the fastest exact way would multiply: "int8" for weights of 8 bits or fewer, "bf16" for 16, "f32" for
// more.
std::string_view NumbersOf(std::string_view format);

}  // namespace mains
