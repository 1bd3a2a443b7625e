#include "nn/indexer.h"

namespace mains::nn {

Indexer::Config Indexer::ReadConfig(ModelReader& r, int64_t d_model, bool rope_interleaved) {
  Config c{};
  c.d_model = d_model;
  c.q_lora_rank = r.Int("q_lora_rank");
  c.heads = r.Int("index_n_heads", 1, 65536);
  c.head_dim = r.Int("index_head_dim");
  c.top_k = r.Int("index_topk");
  c.rope_interleaved = rope_interleaved;
  r.Expect("indexer_rope_interleave", rope_interleaved);
  if (r.Int("qk_rope_head_dim") > c.head_dim) {
    r.Fail(ErrorCode::kInvalid, "index_head_dim " + std::to_string(c.head_dim) +
                                    " is less than the qk_rope_head_dim dims that are rotated");
  }
  return c;
}

Indexer::Indexer(ModelReader& r, const std::string& prefix, const Config& c, StateLayout& state) : c_(c) {
  q_up_.w = r.Matrix(prefix + "wq_b", c.heads * c.head_dim, c.q_lora_rank);
  key_.w = r.Matrix(prefix + "wk", c.head_dim, c.d_model);
  weights_.w = r.Matrix(prefix + "weights_proj", c.heads, c.d_model);
  weights_.exact = true;
  key_norm_ = r.Norm(prefix + "k_norm", c.head_dim);
  key_bias_ = r.Floats(prefix + "k_norm.bias", c.head_dim);
  stream_ = state.Add(c.head_dim);
}

Tensor Indexer::Select(Context& ctx, const Step& step, const Tensor& x, const Tensor& q_latent) const {
  const int64_t tokens = x.dim(0);
  const std::vector<Tensor> both = ops::Linears(ctx, x, {&key_, &weights_});
  const Tensor key = ops::LayerNorm(ctx, both[0], key_norm_, key_bias_, c_.key_eps);
  const Tensor q = ops::Linear(ctx, q_latent, q_up_).Reshaped({tokens, c_.heads, c_.head_dim});
  ops::Rope(ctx, key.Reshaped({tokens, 1, c_.head_dim}), step.angles, c_.rope_interleaved);
  ops::Rope(ctx, q, step.angles, c_.rope_interleaved);
  ops::Append(ctx, key, step.batch, stream_);
  // Published weights are scaled by (heads * head_dim)^-1/2: all scores alike, which changes no choice.
  return ops::SelectPositions(ctx, q, both[1], step.batch, {stream_, c_.top_k});
}

void Indexer::Count(ModelFacts& facts) const {
  for (const ops::LinearLayer* l : {&q_up_, &key_, &weights_}) facts.Count("attention", l->w);
  facts.Count("norms", key_norm_);
  facts.Count("norms", key_bias_);
}

}  // namespace mains::nn
