#include "nn/feed_forward.h"

namespace mains::nn {

GatedMlp::GatedMlp(ModelReader& r, const std::string& prefix, int64_t d_model, int64_t ff, bool bias) {
  const auto layer = [&](const char* name, int64_t out, int64_t in) {
    ops::LinearLayer l;
    l.w = r.Projection(prefix + name, out, in);
    if (bias) l.bias = r.Floats(prefix + name + ".bias", out);
    return l;
  };
  gate_ = layer("gate_proj", ff, d_model);
  up_ = layer("up_proj", ff, d_model);
  down_ = layer("down_proj", d_model, ff);
}

void GatedMlp::AddTo(Context& ctx, const Tensor& x, Tensor residual) const {
  ops::LinearAdd(ctx, ops::GatedLinear(ctx, x, gate_, up_), down_, residual);
}

void GatedMlp::CountAs(ModelFacts& facts, const std::string& part) const {
  for (const ops::LinearLayer* l : {&gate_, &up_, &down_}) {
    facts.Count(part, l->w);
    facts.Count(part, l->bias);
  }
}

MixtureOfExperts::MixtureOfExperts(ModelReader& r, const Names& names, const Config& c) : params_(c.router) {
  if (params_.top_k > c.experts || c.experts % params_.groups != 0 || params_.top_groups > params_.groups ||
      params_.top_k > c.experts / params_.groups * params_.top_groups) {
    r.Fail(ErrorCode::kInvalid, "the router of " + names.experts + " cannot choose " +
                                    std::to_string(params_.top_k) + " of " + std::to_string(c.experts) +
                                    " experts in " + std::to_string(params_.top_groups) + " of " +
                                    std::to_string(params_.groups) + " groups");
  }
  router_.w = r.Matrix(names.router, c.experts, c.d_model);
  router_.exact = true;
  if (!names.selection_bias.empty()) params_.selection_bias = r.Floats(names.selection_bias, c.experts);
  experts_.gate = r.Experts(names.experts, names.gate, c.experts, c.ff, c.d_model);
  experts_.up = r.Experts(names.experts, names.up, c.experts, c.ff, c.d_model);
  experts_.down = r.Experts(names.experts, names.down, c.experts, c.d_model, c.ff);
  if (c.shared_ff > 0) shared_ = std::make_unique<GatedMlp>(r, names.shared, c.d_model, c.shared_ff);
}

void MixtureOfExperts::AddTo(Context& ctx, const Tensor& x, Tensor residual) const {
  const ops::Routing routing = ops::Route(ctx, ops::Linear(ctx, x, router_), params_);
  ops::MoeAdd(ctx, x, routing, experts_, residual);
  if (shared_) shared_->AddTo(ctx, x, residual);
}

void MixtureOfExperts::Count(ModelFacts& facts) const {
  facts.Count("router", router_.w);
  facts.Count("router", params_.selection_bias);
  const double share = static_cast<double>(params_.top_k) / static_cast<double>(experts_.gate.size());
  for (const std::vector<Weight>* weights : {&experts_.gate, &experts_.up, &experts_.down}) {
    for (const Weight& w : *weights) facts.Count("experts", w, share);
  }
  if (shared_) shared_->CountAs(facts, "shared experts");
}

}  // namespace mains::nn
