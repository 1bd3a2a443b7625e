#include "nn/gqa.h"

#include <cmath>

namespace mains::nn {

GqaAttention::Config GqaAttention::ReadConfig(ModelReader& r, int64_t d_model, float eps) {
  Config c{};
  c.d_model = d_model;
  c.heads = r.Int("num_attention_heads");
  c.kv_heads = r.IntOr("num_key_value_heads", c.heads, 1);
  c.head_dim = r.IntOr("head_dim", d_model / c.heads, 1);
  c.eps = eps;
  return c;
}

GqaAttention::GqaAttention(ModelReader& r, const std::string& prefix, const Config& c, StateLayout& state)
    : c_(c) {
  const int64_t q_width = c.heads * c.head_dim, kv_width = c.kv_heads * c.head_dim;
  if (c.heads % c.kv_heads != 0) {
    r.Fail(ErrorCode::kInvalid, "num_attention_heads (" + std::to_string(c.heads) +
                                    ") is not a multiple of num_key_value_heads (" +
                                    std::to_string(c.kv_heads) + ")");
  }
  const auto layer = [&](const char* name, int64_t out, int64_t in, bool bias) {
    ops::LinearLayer l;
    l.w = r.Projection(prefix + name, out, in);
    if (bias) l.bias = r.Floats(prefix + name + ".bias", out);
    return l;
  };
  q_ = layer("q_proj", q_width, c.d_model, c.qkv_bias);
  k_ = layer("k_proj", kv_width, c.d_model, c.qkv_bias);
  v_ = layer("v_proj", kv_width, c.d_model, c.qkv_bias);
  out_ = layer("o_proj", c.d_model, q_width, c.out_bias);
  if (c.qk_norm != QkNorm::kNone) {
    const bool whole = c.qk_norm == QkNorm::kWholeVector;
    q_norm_ = r.Norm(prefix + "q_norm", whole ? q_width : c.head_dim);
    k_norm_ = r.Norm(prefix + "k_norm", whole ? kv_width : c.head_dim);
  }
  key_stream_ = state.Add(kv_width);
  value_stream_ = state.Add(kv_width);
}

void GqaAttention::AddTo(Context& ctx, const Step& step, const Tensor& x, Tensor residual) const {
  const int64_t tokens = x.dim(0);
  std::vector<Tensor> qkv = ops::Linears(ctx, x, {&q_, &k_, &v_});
  if (c_.qk_norm == QkNorm::kWholeVector) {
    qkv[0] = ops::RmsNorm(ctx, qkv[0], q_norm_, c_.eps);
    qkv[1] = ops::RmsNorm(ctx, qkv[1], k_norm_, c_.eps);
  }
  const Tensor q = qkv[0].Reshaped({tokens, c_.heads, c_.head_dim});
  const Tensor k = qkv[1].Reshaped({tokens, c_.kv_heads, c_.head_dim});
  if (c_.qk_norm == QkNorm::kPerHead) {
    ops::RmsNormHeads(ctx, q, q_norm_, c_.eps);
    ops::RmsNormHeads(ctx, k, k_norm_, c_.eps);
  }
  ops::Rope(ctx, q, step.angles, c_.rope_interleaved);
  ops::Rope(ctx, k, step.angles, c_.rope_interleaved);
  ops::Append(ctx, qkv[1], step.batch, key_stream_);
  ops::Append(ctx, qkv[2], step.batch, value_stream_);
  const float scale = 1 / std::sqrt(static_cast<float>(c_.head_dim));
  const Tensor y = ops::Attend(ctx, q, step.batch,
                               {key_stream_, value_stream_, c_.kv_heads, c_.head_dim, c_.head_dim, scale});
  ops::LinearAdd(ctx, y.Reshaped({tokens, c_.heads * c_.head_dim}), out_, residual);
}

void GqaAttention::Count(ModelFacts& facts) const {
  for (const ops::LinearLayer* l : {&q_, &k_, &v_, &out_}) {
    facts.Count("attention", l->w);
    facts.Count("attention", l->bias);
  }
  facts.Count("norms", q_norm_);
  facts.Count("norms", k_norm_);
}

}  // namespace mains::nn
