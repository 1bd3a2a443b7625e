// What a model does on real text: how evenly its experts are used, how much of its attention the selection
// of sparse attention keeps, how often its draft layer guesses right, and how likely it finds each token.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace mains {

struct LayerMeasurement {
  std::vector<int64_t> expert_tokens;  // how many tokens each expert had; empty: there are none
  double share_sum = 0;                // of attention to all positions, on the selected ones, over:
  int64_t share_tokens = 0;            // tokens with more positions than are selected

  // Tokens of the busiest expert over the mean; 1 is even.
  std::optional<double> LoadRatio() const;
  std::optional<double> Recall() const;
};

struct Measurement {
  std::vector<LayerMeasurement> layers;
  int64_t sequences = 0, tokens = 0;
  int64_t predicted = 0;   // tokens that follow another in their sequence
  double logprob_sum = 0;  // natural logarithms, of these
  int64_t said_right = 0;  // of these, the most likely one
  // Where the text goes on as the model finds most likely, the draft layer guesses the token after: how
  // often, and how often as the model does.
  int64_t guesses = 0, accepted = 0;

  std::optional<double> LoadRatio() const;  // the largest of a layer
  std::optional<double> Recall() const;     // the mean of the layers
  std::optional<double> Acceptance() const;
};

// Runs a sequence and adds to `total`. `counted`, if not empty, says for each token whether it counts for
// guesses (the text of an answer, not of its prompt). `logprobs`, if not null, gets the natural
// logarithm of the probability of ids[1], ids[2], ... appended. `rows`, if set, gets the logits of each
// position that another token follows, in order.
using LogitRowSink = std::function<Status(int64_t position, std::span<const float> logits)>;
Status Measure(Engine& engine, std::span<const int32_t> ids, std::span<const uint8_t> counted,
               Measurement& total, std::vector<float>* logprobs = nullptr, const LogitRowSink& rows = {});

}  // namespace mains
