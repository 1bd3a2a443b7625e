// Sees what a model does, for measuring it on real text: which experts its tokens go to, and how much of its
// attention a sparse selection keeps. Verbs report to the probe of their context, if it has one; a model
// knows nothing of it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/ops.h"

namespace mains {

class Probe {
 public:
  virtual ~Probe() = default;
  // What is reported next is of this layer, counted from 0.
  virtual void BeginLayer(int64_t layer) = 0;
  virtual void Routed(const ops::Routing& routing, int64_t experts) = 0;
  // See SelectedShares.
  virtual void Selected(std::span<const double> shares) = 0;
};

namespace ops {

// Of every token that has more positions than it may attend to (p.selected): the share of attention to all
// of them, averaged over heads, that falls on the selected ones. Arguments as of AttendLatent, after it.
std::vector<double> SelectedShares(Context& ctx, const Tensor& q, const HeadMatrices& key, const Batch& batch,
                                   const LatentParams& p);

}  // namespace ops
}  // namespace mains
