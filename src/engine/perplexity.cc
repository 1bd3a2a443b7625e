#include "engine/perplexity.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "engine/measure.h"

namespace mains {
namespace {

double StandardError(std::span<const double> values) {
  return values.empty() ? 0 : StandardDeviation(values) / std::sqrt(static_cast<double>(values.size()));
}

class MeterImpl final : public PerplexityMeter {
 public:
  MeterImpl(Engine& engine, const LogprobFile* base, LogprobWriter* save)
      : engine_(engine), base_(base), save_(save) {}

  Status Add(std::span<const int32_t> ids) override {
    if (base_ != nullptr) RETURN_IF_ERROR(base_->Check(total_.sequences, ids));
    if (save_ != nullptr) RETURN_IF_ERROR(save_->Begin(ids));
    const bool coded = base_ != nullptr || save_ != nullptr;
    const LogitRowSink rows = [&](int64_t position, std::span<const float> logits) {
      return AddRow(position, logits, ids[static_cast<size_t>(position + 1)]);
    };
    RETURN_IF_ERROR(Measure(engine_, ids, {}, total_, &logprobs_, coded ? rows : LogitRowSink()));
    if (save_ != nullptr) RETURN_IF_ERROR(save_->End());
    return {};
  }

  PerplexityResult Total() const override {
    PerplexityResult result;
    result.sequences = total_.sequences;
    result.tokens = total_.tokens;
    result.predicted = total_.predicted;
    const std::vector<double> logprobs(logprobs_.begin(), logprobs_.end());
    result.mean_logprob = Mean(logprobs);
    result.perplexity = std::exp(-result.mean_logprob);
    // By the derivative of exp: good for errors that are small beside 1.
    result.perplexity_error = result.perplexity * StandardError(logprobs);
    if (total_.predicted > 0) {
      result.most_likely = static_cast<double>(total_.said_right) / static_cast<double>(total_.predicted);
    }
    if (base_ == nullptr) return result;
    PerplexityResult::Divergence& d = result.divergence.emplace();
    d.base_perplexity = std::exp(-Mean(base_logprobs_));
    d.mean_kl = Mean(kl_);
    d.mean_kl_error = StandardError(kl_);
    d.median_kl = Median(kl_);
    d.kl_99_9 = Quantile(kl_, 0.999);
    d.max_kl = Quantile(kl_, 1);
    d.same_best = kl_.empty() ? 0 : static_cast<double>(same_best_) / static_cast<double>(kl_.size());
    d.max_difference = max_difference_;
    return result;
  }

 private:
  // Both sides are rounded as the file rounds: a model differs from itself by exactly nothing.
  Status AddRow(int64_t position, std::span<const float> logits, int32_t next) {
    const CodedLogprobs row = CodedLogprobs::Of(logits, codes_);
    if (save_ != nullptr) RETURN_IF_ERROR(save_->Add(row));
    if (base_ == nullptr) return {};
    const CodedLogprobs base = base_->Row(total_.sequences, position);
    const LogprobDifference difference = Compare(base, row);
    kl_.push_back(difference.kl);
    base_logprobs_.push_back(base.At(static_cast<size_t>(next)) - base.LogSum());
    same_best_ += difference.same_best ? 1 : 0;
    max_difference_ = std::max(max_difference_, difference.largest);
    return {};
  }

  Engine& engine_;
  const LogprobFile* base_;
  LogprobWriter* save_;
  Measurement total_;
  std::vector<float> logprobs_;
  std::vector<double> kl_, base_logprobs_;  // of each predicted token
  std::vector<uint16_t> codes_;
  int64_t same_best_ = 0;
  double max_difference_ = 0;
};

}  // namespace

Result<std::unique_ptr<PerplexityMeter>> PerplexityMeter::Make(Engine& engine, const LogprobFile* base,
                                                               LogprobWriter* save) {
  if (base != nullptr && base->vocab() != engine.facts().vocab) {
    return Error{ErrorCode::kInvalid, "the base is of a model with a vocabulary of " +
                                          std::to_string(base->vocab()) + " tokens, this one has " +
                                          std::to_string(engine.facts().vocab) +
                                          "; compare models that share theirs"};
  }
  return std::unique_ptr<PerplexityMeter>(std::make_unique<MeterImpl>(engine, base, save));
}

}  // namespace mains
