// What the engine sees of a model: one step forward, and what it must remember between steps.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ops/ops.h"
#include "tensor/model_facts.h"

namespace mains {

// Sees the residual stream after each layer (layer 0: the embeddings). For tests and inspection.
using LayerTap = std::function<void(int64_t layer, const Tensor& hidden)>;

class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  // batch.ids -> logits of batch.logit_rows: [n, vocab]. Appends to the state at the tokens' positions.
  // Allocates in ctx.arena only. `hidden`, if wanted, gets what the head sees, of every token:
  // [tokens, d_model].
  virtual Tensor Forward(Context& ctx, const Batch& batch, const LayerTap* tap = nullptr,
                         Tensor* hidden = nullptr) const = 0;

  // The layer that guesses one token further, if one was loaded: from `hidden` of the tokens at
  // batch.positions, and from the tokens that follow them, which are batch.ids. It has state of its own at
  // the same positions.
  struct Guess {
    Tensor hidden;  // [tokens, d_model]: for guessing further still, in place of the model's own
    Tensor logits;  // [n, vocab] of batch.logit_rows: of the token after batch.ids
  };
  virtual bool can_draft() const = 0;
  virtual Guess Draft(Context& ctx, const Batch& batch, const Tensor& hidden) const = 0;

  // Numbers per position of each stream of state, in the order of batch.streams.
  virtual const std::vector<int64_t>& state_widths() const = 0;
  virtual ModelFacts facts() const = 0;
};

}  // namespace mains
