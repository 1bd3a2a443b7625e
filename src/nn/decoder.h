// The pre-norm decoder: x += attention(norm(x)); x += feed_forward(norm(x)), between an embedding and a
// head. Ten published families are this with other attention and other feed-forward blocks; a model
// file says which, and how the checkpoint spells it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/model_reader.h"
#include "io/rope_config.h"
#include "nn/language_model.h"
#include "ops/ops.h"

namespace mains::nn {

// What a step computes once for all layers.
struct Step {
  const Batch& batch;
  Tensor angles;  // [tokens, 2, pairs]
};

// residual += block(x). x: [tokens, d_model].
class Attention {
 public:
  virtual ~Attention() = default;
  virtual void AddTo(Context& ctx, const Step& step, const Tensor& x, Tensor residual) const = 0;
  virtual void Count(ModelFacts& facts) const = 0;
};

class FeedForward {
 public:
  virtual ~FeedForward() = default;
  virtual void AddTo(Context& ctx, const Tensor& x, Tensor residual) const = 0;
  virtual void Count(ModelFacts& facts) const = 0;
};

// Streams of state as layers ask for them.
class StateLayout {
 public:
  int Add(int64_t width) {
    widths_.push_back(width);
    return static_cast<int>(widths_.size()) - 1;
  }
  const std::vector<int64_t>& widths() const { return widths_; }

 private:
  std::vector<int64_t> widths_;
};

struct DecoderLayer {
  Vector attention_norm, feed_forward_norm;
  std::unique_ptr<Attention> attention;
  std::unique_ptr<FeedForward> feed_forward;
};

// The multi-token-prediction layer of DeepSeek-V3 (arXiv 2412.19437, section 2.2) as published weights
// have it, in the place after the last layer:
//   x_t = eh_proj [enorm(embedding of token t + 1), hnorm(h_t)];  one decoder layer;  shared_head.norm
// and the head guesses token t + 2. What the sources say where the paper leaves it open:
//   - the embedding comes first in the concatenation (vLLM and SGLang; the paper writes h first);
//   - h_t is the model's hidden state after its final norm (vLLM's and SGLang's models hand on no other);
//   - to guess further, h is the layer's own output after shared_head.norm (SGLang; vLLM takes it before);
//   - embedding and head are the model's own (README_WEIGHTS.md of DeepSeek-V3); published files repeat
//     them, and then the repetition is used;
//   - the layer attends as the others do, through its own indexer where it has one (vLLM; llama.cpp
//     ignores it);
//   - vLLM blanks the embedding in the row of position 0, SGLang and the paper do not, nor is it done here.
struct DraftLayer {
  Weight embedding;
  Vector embedding_norm, hidden_norm, final_norm;
  ops::LinearLayer merge, head;
  bool own_embedding = false, own_head = false;  // not the model's
  DecoderLayer layer;
};

class Decoder final : public LanguageModel {
 public:
  // Reads the embedding, the final norm and the head (the embedding again if tied), in the names that all
  // these families share; the model file fills in layers and rope.
  explicit Decoder(ModelReader& r);

  Tensor Forward(Context& ctx, const Batch& batch, const LayerTap* tap, Tensor* hidden) const override;
  bool can_draft() const override { return draft_ != nullptr; }
  Guess Draft(Context& ctx, const Batch& batch, const Tensor& hidden) const override;
  const std::vector<int64_t>& state_widths() const override { return state.widths(); }
  ModelFacts facts() const override;

  // Prefix of layer i's tensors: "model.layers.3.".
  static std::string LayerName(int64_t i) { return "model.layers." + std::to_string(i) + "."; }
  // Loads all layers: the norms in their usual names, and the blocks that these make of a layer's number
  // and prefix. Behind the last one there may be a layer to draft with, numbered layer_count; it is loaded
  // where the reader is asked to.
  template <typename MakeAttention, typename MakeFeedForward>
  void AddLayers(ModelReader& r, MakeAttention attention, MakeFeedForward feed_forward) {
    for (int64_t i = 0; i < layer_count && r.ok(); ++i) {
      DecoderLayer layer = NewLayer(r, i);
      layer.attention = attention(i, LayerName(i));
      layer.feed_forward = feed_forward(i, LayerName(i));
      layers.push_back(std::move(layer));
    }
    if (!BeginDraftLayer(r)) return;
    draft_->layer.attention = attention(layer_count, LayerName(layer_count));
    draft_->layer.feed_forward = feed_forward(layer_count, LayerName(layer_count));
  }

  // The rotation of `head_dims` dims (of which the configuration may turn only a part).
  void SetRope(const RopeConfig& config, int64_t head_dims, bool interleaved, ModelReader& r);
  // Refuses sliding windows, which no checkpoint of these families turns on.
  void ExpectFullAttention(ModelReader& r) const;

  int64_t d_model, vocab, layer_count, max_positions;
  float eps;
  ops::RopeTable rope;
  StateLayout state;
  std::vector<DecoderLayer> layers;

 private:
  DecoderLayer NewLayer(ModelReader& r, int64_t i) const;
  // Loads what the draft layer has beside its blocks; false if there is none to load.
  bool BeginDraftLayer(ModelReader& r);
  void Run(Context& ctx, const Step& step, const DecoderLayer& layer, Tensor x) const;

  bool tied_;
  Weight embedding_;
  Vector final_norm_;
  ops::LinearLayer head_;
  std::unique_ptr<DraftLayer> draft_;
};

}  // namespace mains::nn
