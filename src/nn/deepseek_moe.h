// DeepSeek's feed-forward stack (arXiv 2412.19437, section 2.1.2), as the configuration spells it: the
// first layers dense, then routed experts chosen by sigmoid scores with a selection bias, and a shared
// one. Used by DeepSeek-V3, Kimi K2 and GLM.
#pragma once

#include "nn/feed_forward.h"

namespace mains::nn {

class DeepseekMoe {
 public:
  // Reads the keys.
  DeepseekMoe(ModelReader& r, const Decoder& decoder);
  std::unique_ptr<FeedForward> Make(ModelReader& r, int64_t layer) const;

 private:
  MixtureOfExperts::Config moe_{};
  int64_t dense_ff_, dense_layers_, layers_;
};

}  // namespace mains::nn
