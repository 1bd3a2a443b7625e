// How well a model predicts text (perplexity), and how far its predictions are from stored ones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/logprob_file.h"

namespace mains {

struct PerplexityResult {
  int64_t sequences = 0, tokens = 0;
  int64_t predicted = 0;  // tokens that follow another in their sequence; all figures are of these
  double mean_logprob = 0;
  double perplexity = 0;        // exp(-mean_logprob)
  double perplexity_error = 0;  // one standard error, as if tokens were independent
  double most_likely = 0;       // share of tokens that the model found most likely

  struct Divergence {
    double base_perplexity = 0;
    double mean_kl = 0, mean_kl_error = 0;  // nats; one standard error
    double median_kl = 0, kl_99_9 = 0, max_kl = 0;
    double same_best = 0;       // share of positions at which both find the same token most likely
    double max_difference = 0;  // of two log-probabilities of one token
  };
  std::optional<Divergence> divergence;
};

class PerplexityMeter {
 public:
  // `base`, if not null, is compared with: its sequences must be those that are added. `save`, if not null,
  // gets what the model says. Both live as long as this. kInvalid if base has another vocabulary.
  static Result<std::unique_ptr<PerplexityMeter>> Make(Engine& engine, const LogprobFile* base,
                                                       LogprobWriter* save);
  virtual ~PerplexityMeter() = default;
  virtual Status Add(std::span<const int32_t> ids) = 0;
  virtual PerplexityResult Total() const = 0;
};

}  // namespace mains
