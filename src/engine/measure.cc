#include "engine/measure.h"

#include <algorithm>
#include <cmath>

#include "ops/probe.h"
#include "tensor/tensor.h"

namespace mains {
namespace {

std::optional<double> Ratio(double a, int64_t b) {
  if (b == 0) return {};
  return a / static_cast<double>(b);
}

class Recorder final : public Probe {
 public:
  Recorder(std::vector<LayerMeasurement>& layers, int64_t count) : layers_(layers) {
    layers_.resize(static_cast<size_t>(count));
  }
  void BeginLayer(int64_t layer) override { layer_ = &layers_[static_cast<size_t>(layer)]; }
  void Routed(const ops::Routing& routing, int64_t experts) override {
    layer_->expert_tokens.resize(static_cast<size_t>(experts));
    for (int64_t i = 0; i < routing.experts.elements(); ++i) {
      ++layer_->expert_tokens[static_cast<size_t>(routing.experts.i32()[i])];
    }
  }
  void Selected(std::span<const double> shares) override {
    for (const double share : shares) layer_->share_sum += share;
    layer_->share_tokens += static_cast<int64_t>(shares.size());
  }

 private:
  std::vector<LayerMeasurement>& layers_;
  LayerMeasurement* layer_ = nullptr;
};

std::span<const float> RowOf(const Tensor& t, int64_t row) {
  return {t.Row(row), static_cast<size_t>(t.dim(1))};
}

int32_t Best(std::span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

double Logprob(std::span<const float> logits, int32_t id) {
  const float best = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x - best));
  return static_cast<double>(logits[static_cast<size_t>(id)] - best) - std::log(sum);
}

}  // namespace

std::optional<double> LayerMeasurement::LoadRatio() const {
  int64_t most = 0, sum = 0;
  for (const int64_t n : expert_tokens) {
    most = std::max(most, n);
    sum += n;
  }
  return Ratio(static_cast<double>(most) * static_cast<double>(expert_tokens.size()), sum);
}

std::optional<double> LayerMeasurement::Recall() const {
  return Ratio(share_sum, share_tokens);
}

std::optional<double> Measurement::LoadRatio() const {
  std::optional<double> largest;
  for (const LayerMeasurement& layer : layers) {
    if (const std::optional<double> one = layer.LoadRatio()) largest = std::max(largest.value_or(0), *one);
  }
  return largest;
}

std::optional<double> Measurement::Recall() const {
  double sum = 0;
  int64_t count = 0;
  for (const LayerMeasurement& layer : layers) {
    if (const std::optional<double> one = layer.Recall()) {
      sum += *one;
      ++count;
    }
  }
  return Ratio(sum, count);
}

std::optional<double> Measurement::Acceptance() const {
  return Ratio(static_cast<double>(accepted), guesses);
}

Status Measure(Engine& engine, std::span<const int32_t> ids, std::span<const uint8_t> counted,
               Measurement& total, std::vector<float>* logprobs, const LogitRowSink& rows) {
  if (!counted.empty() && counted.size() != ids.size()) {
    return Error{ErrorCode::kInvalid, std::to_string(counted.size()) + " marks for " +
                                          std::to_string(ids.size()) + " tokens: give one for each"};
  }
  std::vector<int32_t> said, guessed;  // the most likely token, after each position
  const auto read = [&](int64_t first, const Tensor& logits) -> Status {
    for (int64_t r = 0; r < logits.dim(0); ++r) {
      said.push_back(Best(RowOf(logits, r)));
      const size_t next = static_cast<size_t>(first + r + 1);
      if (next == ids.size()) break;
      const double logprob = Logprob(RowOf(logits, r), ids[next]);
      total.logprob_sum += logprob;
      ++total.predicted;
      total.said_right += said.back() == ids[next] ? 1 : 0;
      if (logprobs) logprobs->push_back(static_cast<float>(logprob));
      if (rows) RETURN_IF_ERROR(rows(first + r, RowOf(logits, r)));
    }
    return {};
  };
  const auto read_guesses = [&](int64_t, const Tensor& logits) {
    for (int64_t r = 0; r < logits.dim(0); ++r) guessed.push_back(Best(RowOf(logits, r)));
    return Status();
  };
  Recorder recorder(total.layers, engine.facts().layers);
  RETURN_IF_ERROR(engine.EvaluateAll(ids, TokenKind::kPrompt, read, {},
                                     engine.can_draft() ? Engine::LogitsSink(read_guesses) : nullptr,
                                     &recorder));
  ++total.sequences;
  total.tokens += static_cast<int64_t>(ids.size());
  for (size_t t = 0; t < guessed.size(); ++t) {
    if (said[t] != ids[t + 1] || (!counted.empty() && counted[t + 1] == 0)) continue;
    ++total.guesses;
    total.accepted += guessed[t] == said[t + 1] ? 1 : 0;
  }
  return {};
}

}  // namespace mains
