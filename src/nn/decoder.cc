#include "nn/decoder.h"

#include <cmath>

#include "nn/rope.h"
#include "ops/probe.h"

namespace mains::nn {

Decoder::Decoder(ModelReader& r) {
  d_model = r.Int("hidden_size");
  vocab = r.Int("vocab_size");
  layer_count = r.Int("num_hidden_layers", 1, 10000);
  max_positions = r.IntOr("max_position_embeddings", 2048, 1);
  eps = static_cast<float>(r.Real("rms_norm_eps"));
  r.Expect("hidden_act", "silu");
  embedding_ = r.Matrix("model.embed_tokens", vocab, d_model);
  final_norm_ = r.Norm("model.norm", d_model);
  // Some checkpoints say "tied" and ship a head all the same; some say nothing and ship none.
  tied_ = r.FlagOr("tie_word_embeddings", !r.HasWeight("lm_head"));
  head_.w = tied_ ? r.AsProjection(embedding_) : r.Projection("lm_head", vocab, d_model);
  if (tied_) r.SkipTensors("lm_head.");
}

void Decoder::SetRope(const RopeConfig& config, int64_t head_dims, bool interleaved, ModelReader& r) {
  const int64_t dims = std::llround(static_cast<double>(head_dims) * config.partial_rotary_factor);
  if (dims < 2 || dims % 2 != 0 || dims > head_dims) {
    r.Fail(ErrorCode::kInvalid, "the rotary embedding would turn " + std::to_string(dims) + " of " +
                                    std::to_string(head_dims) + " dims of a head");
    return;
  }
  Vector factors;
  if (r.HasWeight("rope_freqs")) factors = r.Norm("rope_freqs", dims / 2);
  rope = MakeRope(config, dims, interleaved, factors);
  const double stretched = static_cast<double>(config.original_positions) * config.factor;
  if (stretched > static_cast<double>(max_positions) && stretched < 1e9)
    max_positions = std::llround(stretched);
}

void Decoder::ExpectFullAttention(ModelReader& r) const {
  r.Expect("use_sliding_window", false);
  r.Understood({"sliding_window", "max_window_layers"});
  for (const std::string& type : r.StringListOr("layer_types", {})) {
    if (type != "full_attention")
      r.Fail(ErrorCode::kUnsupported, "layer_types: " + type + " is not known here");
  }
}

DecoderLayer Decoder::NewLayer(ModelReader& r, int64_t i) const {
  DecoderLayer layer;
  layer.attention_norm = r.Norm(LayerName(i) + "input_layernorm", d_model);
  layer.feed_forward_norm = r.Norm(LayerName(i) + "post_attention_layernorm", d_model);
  return layer;
}

bool Decoder::BeginDraftLayer(ModelReader& r) {
  // Where several are published, the first is used again and again.
  const int64_t published = r.IntOr("num_nextn_predict_layers", 0, 0, 64);
  const std::string prefix = LayerName(layer_count);
  const bool load = published > 0 && r.draft_layer() && r.HasWeight(prefix + "eh_proj");
  for (int64_t i = load ? 1 : 0; i < published; ++i) r.SkipTensors(LayerName(layer_count + i));
  if (!load || !r.ok()) return false;
  draft_ = std::make_unique<DraftLayer>();
  draft_->layer = NewLayer(r, layer_count);
  draft_->embedding_norm = r.Norm(prefix + "enorm", d_model);
  draft_->hidden_norm = r.Norm(prefix + "hnorm", d_model);
  draft_->merge.w = r.Projection(prefix + "eh_proj", d_model, 2 * d_model);
  draft_->final_norm = r.Norm(prefix + "shared_head.norm", d_model);
  draft_->own_embedding = r.HasWeight(prefix + "embed_tokens");
  draft_->own_head = r.HasWeight(prefix + "shared_head.head");
  draft_->embedding = draft_->own_embedding ? r.Matrix(prefix + "embed_tokens", vocab, d_model) : embedding_;
  draft_->head.w = draft_->own_head ? r.Projection(prefix + "shared_head.head", vocab, d_model) : head_.w;
  return r.ok();
}

ModelFacts Decoder::facts() const {
  ModelFacts f;
  f.layers = layer_count;
  f.d_model = d_model;
  f.vocab = vocab;
  f.max_positions = max_positions;
  // A tied embedding works as the head for every token; else one row of it is looked up.
  f.CountTable(tied_ ? "embedding and head" : "embedding", embedding_,
               tied_ ? 1.0 : 1.0 / static_cast<double>(vocab));
  if (tied_) f.CountFormat(head_.w);
  for (const DecoderLayer& layer : layers) {
    f.Count("norms", layer.attention_norm);
    layer.attention->Count(f);
    f.Count("norms", layer.feed_forward_norm);
    layer.feed_forward->Count(f);
  }
  f.Count("norms", final_norm_);
  if (!tied_) f.Count("head", head_.w);
  if (draft_) {
    ModelFacts own;
    if (draft_->own_embedding) own.Count("", draft_->embedding, 1.0 / static_cast<double>(vocab));
    own.Count("", draft_->merge.w);
    for (const Vector* v : {&draft_->embedding_norm, &draft_->hidden_norm, &draft_->final_norm,
                            &draft_->layer.attention_norm, &draft_->layer.feed_forward_norm}) {
      own.Count("", *v);
    }
    draft_->layer.attention->Count(own);
    draft_->layer.feed_forward->Count(own);
    if (draft_->own_head) own.Count("", draft_->head.w);
    f.parts.push_back(own.Total());
    f.parts.back().name = "draft layer";
  }
  return f;
}

void Decoder::Run(Context& ctx, const Step& step, const DecoderLayer& layer, Tensor x) const {
  Frame frame(ctx.arena);
  layer.attention->AddTo(ctx, step, ops::RmsNorm(ctx, x, layer.attention_norm, eps), x);
  layer.feed_forward->AddTo(ctx, ops::RmsNorm(ctx, x, layer.feed_forward_norm, eps), x);
}

Tensor Decoder::Forward(Context& ctx, const Batch& batch, const LayerTap* tap, Tensor* hidden) const {
  const Step step{batch, ops::RopeAngles(ctx, batch.positions, rope)};
  Tensor x = ops::Embed(ctx, embedding_, batch.ids);
  if (tap) (*tap)(0, x);
  for (size_t i = 0; i < layers.size(); ++i) {
    if (ctx.probe) ctx.probe->BeginLayer(static_cast<int64_t>(i));
    Run(ctx, step, layers[i], x);
    if (tap) (*tap)(static_cast<int64_t>(i) + 1, x);
  }
  if (hidden) {
    *hidden = ops::RmsNorm(ctx, x, final_norm_, eps);
    return ops::Linear(ctx, ops::GatherRows(ctx, *hidden, batch.logit_rows), head_);
  }
  const Tensor last = ops::GatherRows(ctx, x, batch.logit_rows);
  return ops::Linear(ctx, ops::RmsNorm(ctx, last, final_norm_, eps), head_);
}

LanguageModel::Guess Decoder::Draft(Context& ctx, const Batch& batch, const Tensor& hidden) const {
  const DraftLayer& d = *draft_;
  const Step step{batch, ops::RopeAngles(ctx, batch.positions, rope)};
  const Tensor following = ops::RmsNorm(ctx, ops::Embed(ctx, d.embedding, batch.ids), d.embedding_norm, eps);
  const Tensor here = ops::RmsNorm(ctx, hidden, d.hidden_norm, eps);
  const Tensor x = ops::Linear(ctx, ops::Concat(ctx, following, here), d.merge);
  Run(ctx, step, d.layer, x);
  Guess guess{ops::RmsNorm(ctx, x, d.final_norm, eps), {}};
  if (batch.logit_rows.dim(0) > 0)
    guess.logits = ops::Linear(ctx, ops::GatherRows(ctx, guess.hidden, batch.logit_rows), d.head);
  return guess;
}

}  // namespace mains::nn
