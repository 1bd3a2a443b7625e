#include "nn/deepseek_moe.h"

namespace mains::nn {

DeepseekMoe::DeepseekMoe(ModelReader& r, const Decoder& decoder) {
  moe_.d_model = decoder.d_model;
  moe_.experts = r.Int("n_routed_experts", 1, kMaxExperts);
  moe_.ff = r.Int("moe_intermediate_size");
  moe_.shared_ff = moe_.ff * r.IntOr("n_shared_experts", 0, 0, kMaxExperts);
  moe_.router = {.score = ops::RouterParams::Score::kSigmoid,
                 .selection_bias = {},
                 .top_k = r.Int("num_experts_per_tok"),
                 .groups = r.IntOr("n_group", 1, 1),
                 .top_groups = r.IntOr("topk_group", 1, 1),
                 .normalize = r.FlagOr("norm_topk_prob", true),
                 .scale = static_cast<float>(r.RealOr("routed_scaling_factor", 1.0))};
  dense_ff_ = r.Int("intermediate_size");
  dense_layers_ = r.IntOr("first_k_dense_replace", 0);
  r.Expect("moe_layer_freq", 1);
  r.Expect("scoring_func", "sigmoid");
  r.Expect("topk_method", "noaux_tc");
  // GLM-4.7-Flash in the spelling of transformers 5.
  const std::vector<std::string> types = r.StringListOr("mlp_layer_types", {});
  if (!types.empty()) {
    dense_layers_ = 0;
    while (dense_layers_ < static_cast<int64_t>(types.size()) &&
           types[static_cast<size_t>(dense_layers_)] == "dense") {
      ++dense_layers_;
    }
    for (size_t i = static_cast<size_t>(dense_layers_); i < types.size(); ++i) {
      if (types[i] != "sparse")
        r.Fail(ErrorCode::kUnsupported, "mlp_layer_types: a dense layer after a sparse one");
    }
  }
  layers_ = decoder.layer_count;
}

std::unique_ptr<FeedForward> DeepseekMoe::Make(ModelReader& r, int64_t layer) const {
  const std::string p = Decoder::LayerName(layer) + "mlp.";
  // The layer that drafts, behind the last, has experts wherever it is published with a router.
  const bool dense = layer < layers_ ? layer < dense_layers_ : !r.HasWeight(p + "gate");
  if (dense) return std::make_unique<GatedMlp>(r, p, moe_.d_model, dense_ff_);
  return std::make_unique<MixtureOfExperts>(
      r,
      MixtureOfExperts::Names{.router = p + "gate",
                              .selection_bias = p + "gate.e_score_correction_bias",
                              .experts = p + "experts",
                              .shared = p + "shared_experts."},
      moe_);
}

}  // namespace mains::nn
