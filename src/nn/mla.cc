#include "nn/mla.h"

#include <cmath>

#include "nn/rope.h"

namespace mains::nn {

MlaAttention::Config MlaAttention::ReadConfig(ModelReader& r, int64_t d_model, const RopeConfig& rope) {
  Config c{};
  c.d_model = d_model;
  c.heads = r.Int("num_attention_heads", 1, 65536);
  c.q_lora_rank = r.IntOr("q_lora_rank", 0);
  c.kv_lora_rank = r.Int("kv_lora_rank");
  c.nope_dim = r.Int("qk_nope_head_dim");
  c.rope_dim = r.Int("qk_rope_head_dim");
  c.value_dim = r.Int("v_head_dim");
  c.qkv_bias = c.out_bias = r.FlagOr("attention_bias", false);
  c.rope_interleaved = r.FlagOr("rope_interleave", true);
  // Every head has its own keys, and a head is nope + rope wide; older and newer configs repeat that.
  r.Understood({"num_key_value_heads", "head_dim", "qk_head_dim"});
  double scale = 1 / std::sqrt(static_cast<double>(c.nope_dim + c.rope_dim));
  if (rope.type == RopeConfig::Type::kYarn && rope.mscale_all_dim.value_or(0) != 0) {
    const double m = YarnMagnitude(rope.factor, *rope.mscale_all_dim);
    scale *= m * m;
  }
  c.scale = static_cast<float>(scale);
  return c;
}

MlaAttention::MlaAttention(ModelReader& r, const std::string& prefix, const Config& c, StateLayout& state,
                           std::optional<Indexer> indexer)
    : c_(c), indexer_(std::move(indexer)) {
  const int64_t q_width = c.heads * (c.nope_dim + c.rope_dim);
  const auto layer = [&](const char* name, int64_t out, int64_t in, bool bias) {
    ops::LinearLayer l;
    l.w = r.Projection(prefix + name, out, in);
    if (bias) l.bias = r.Floats(prefix + name + ".bias", out);
    return l;
  };
  if (c.q_lora_rank == 0) {
    q_ = layer("q_proj", q_width, c.d_model, false);
  } else {
    q_down_ = layer("q_a_proj", c.q_lora_rank, c.d_model, c.qkv_bias);
    q_norm_ = r.Norm(prefix + "q_a_layernorm", c.q_lora_rank);
    q_up_ = layer("q_b_proj", q_width, c.q_lora_rank, false);
  }
  kv_down_ = layer("kv_a_proj_with_mqa", c.kv_lora_rank + c.rope_dim, c.d_model, c.qkv_bias);
  kv_norm_ = r.Norm(prefix + "kv_a_layernorm", c.kv_lora_rank);
  out_ = layer("o_proj", c.d_model, c.heads * c.value_dim, c.out_bias);

  key_ = {{}, c.heads, c.nope_dim, c.kv_lora_rank, 0, 0, false};
  value_ = {{}, c.heads, c.value_dim, c.kv_lora_rank, 0, 0, false};
  if (r.HasWeight(prefix + "k_b_proj")) {
    // As GGUF splits it: keys transposed per head, [heads, latent, nope], and values [heads, value, latent].
    key_.w = r.HeadMatrix(prefix + "k_b_proj", c.heads * c.kv_lora_rank, c.nope_dim);
    key_.head_stride = c.kv_lora_rank;
    key_.transposed = true;
    value_.w = r.HeadMatrix(prefix + "v_b_proj", c.heads * c.value_dim, c.kv_lora_rank);
    value_.head_stride = c.value_dim;
  } else {
    // Per head the rows of the key matrix, then those of the value matrix.
    const int64_t stride = c.nope_dim + c.value_dim;
    key_.w = value_.w = r.HeadMatrix(prefix + "kv_b_proj", c.heads * stride, c.kv_lora_rank);
    key_.head_stride = value_.head_stride = stride;
    value_.first_row = c.nope_dim;
  }
  stream_ = state.Add(c.kv_lora_rank + c.rope_dim);
}

void MlaAttention::AddTo(Context& ctx, const Step& step, const Tensor& x, Tensor residual) const {
  const int64_t tokens = x.dim(0);
  Tensor q, kv, selected;  // kv: [tokens, latent + rope]
  if (c_.q_lora_rank == 0) {
    const std::vector<Tensor> both = ops::Linears(ctx, x, {&q_, &kv_down_});
    q = both[0];
    kv = both[1];
  } else {
    const std::vector<Tensor> both = ops::Linears(ctx, x, {&q_down_, &kv_down_});
    const Tensor q_latent = ops::RmsNorm(ctx, both[0], q_norm_, c_.latent_eps);
    q = ops::Linear(ctx, q_latent, q_up_);
    kv = both[1];
    if (indexer_) selected = indexer_->Select(ctx, step, x, q_latent);
  }
  q = q.Reshaped({tokens, c_.heads, c_.nope_dim + c_.rope_dim});
  const Tensor latent = ops::RmsNorm(ctx, kv.Slice(1, 0, c_.kv_lora_rank), kv_norm_, c_.latent_eps);
  ops::Rope(ctx, q.Slice(2, c_.nope_dim, c_.rope_dim), step.angles, c_.rope_interleaved);
  ops::Rope(ctx,
            kv.Reshaped({tokens, 1, c_.kv_lora_rank + c_.rope_dim}).Slice(2, c_.kv_lora_rank, c_.rope_dim),
            step.angles, c_.rope_interleaved);
  ops::Append(ctx, latent, step.batch, stream_);
  ops::Append(ctx, kv.Slice(1, c_.kv_lora_rank, c_.rope_dim), step.batch, stream_, c_.kv_lora_rank);
  const Tensor y = ops::AttendLatent(ctx, q, key_, value_, step.batch,
                                     {stream_, c_.kv_lora_rank, c_.rope_dim, c_.scale, selected});
  ops::LinearAdd(ctx, y.Reshaped({tokens, c_.heads * c_.value_dim}), out_, residual);
}

void MlaAttention::Count(ModelFacts& facts) const {
  for (const ops::LinearLayer* l : {&q_, &q_down_, &q_up_, &kv_down_, &out_}) {
    facts.Count("attention", l->w);
    facts.Count("attention", l->bias);
  }
  facts.Count("attention", key_.w);
  if (value_.w.data != key_.w.data) facts.Count("attention", value_.w);
  facts.Count("norms", q_norm_);
  facts.Count("norms", kv_norm_);
  if (indexer_) indexer_->Count(facts);
}

}  // namespace mains::nn
