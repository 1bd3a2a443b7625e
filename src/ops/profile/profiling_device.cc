#include "ops/profile/profiling_device.h"

#include <algorithm>
#include <chrono>
#include <vector>

namespace mains {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int64_t DistinctExperts(const ops::Routing& routing, size_t experts) {
  std::vector<bool> chosen(experts);
  for (int64_t i = 0; i < routing.experts.elements(); ++i) {
    chosen[static_cast<size_t>(routing.experts.i32()[i])] = true;
  }
  return std::count(chosen.begin(), chosen.end(), true);
}

}  // namespace

const char* VerbName(Verb verb) {
  switch (verb) {
    case Verb::kEmbed: return "embed";
    case Verb::kGatherRows: return "gather_rows";
    case Verb::kRmsNorm: return "rms_norm";
    case Verb::kLayerNorm: return "layer_norm";
    case Verb::kAdd: return "add";
    case Verb::kConcat: return "concat";
    case Verb::kLinear: return "linear";
    case Verb::kGatedLinear: return "gated_linear";
    case Verb::kHeadLinear: return "head_linear";
    case Verb::kRopeAngles: return "rope_angles";
    case Verb::kRope: return "rope";
    case Verb::kAppend: return "append";
    case Verb::kIndexScores: return "index_scores";
    case Verb::kSelectPositions: return "select_positions";
    case Verb::kAttend: return "attend";
    case Verb::kAttendExpanded: return "attend_expanded";
    case Verb::kRoute: return "route";
    case Verb::kMoeAdd: return "moe_add";
  }
  return "unknown";
}

void ProfilingDevice::Note(Verb verb, double seconds) {
  Use& use = uses_[static_cast<size_t>(verb)];
  ++use.calls;
  use.seconds += seconds;
  use.cost.flops += shape_.cost().flops;
  use.cost.weight_bytes += shape_.cost().weight_bytes;
  use.cost.state_bytes += shape_.cost().state_bytes;
  shape_.Reset();
}

template <typename Call>
void ProfilingDevice::Record(Verb verb, const Call& call) {
  const Clock::time_point start = Clock::now();
  call(inner_);
  const double seconds = SecondsSince(start);
  call(static_cast<Device&>(shape_));
  Note(verb, seconds);
}

void ProfilingDevice::Embed(const Weight& table, const Tensor& ids, Tensor out) {
  Record(Verb::kEmbed, [&](Device& d) { d.Embed(table, ids, out); });
}

void ProfilingDevice::GatherRows(const Tensor& x, const Tensor& rows, Tensor out) {
  Record(Verb::kGatherRows, [&](Device& d) { d.GatherRows(x, rows, out); });
}

void ProfilingDevice::RmsNorm(const Tensor& x, const Vector& w, float eps, Tensor out) {
  Record(Verb::kRmsNorm, [&](Device& d) { d.RmsNorm(x, w, eps, out); });
}

void ProfilingDevice::LayerNorm(const Tensor& x, const Vector& w, const Vector& bias, float eps, Tensor out) {
  Record(Verb::kLayerNorm, [&](Device& d) { d.LayerNorm(x, w, bias, eps, out); });
}

void ProfilingDevice::Add(const Tensor& y, Tensor x) {
  Record(Verb::kAdd, [&](Device& d) { d.Add(y, x); });
}

void ProfilingDevice::Concat(const Tensor& a, const Tensor& b, Tensor out) {
  Record(Verb::kConcat, [&](Device& d) { d.Concat(a, b, out); });
}

void ProfilingDevice::Linear(const Tensor& x, std::span<const LinearJob> jobs, bool add) {
  Record(Verb::kLinear, [&](Device& d) { d.Linear(x, jobs, add); });
}

void ProfilingDevice::GatedLinear(const Tensor& x, const ops::LinearLayer& gate, const ops::LinearLayer& up,
                                  Tensor out) {
  Record(Verb::kGatedLinear, [&](Device& d) { d.GatedLinear(x, gate, up, out); });
}

void ProfilingDevice::HeadLinear(const Tensor& x, const ops::HeadMatrices& m, Tensor out) {
  Record(Verb::kHeadLinear, [&](Device& d) { d.HeadLinear(x, m, out); });
}

void ProfilingDevice::RopeAngles(const Tensor& positions, const ops::RopeTable& table, Tensor out) {
  Record(Verb::kRopeAngles, [&](Device& d) { d.RopeAngles(positions, table, out); });
}

void ProfilingDevice::Rope(Tensor x, const Tensor& angles, bool interleaved) {
  Record(Verb::kRope, [&](Device& d) { d.Rope(x, angles, interleaved); });
}

void ProfilingDevice::Append(const Tensor& x, const Batch& batch, int stream, int64_t column) {
  Record(Verb::kAppend, [&](Device& d) { d.Append(x, batch, stream, column); });
}

void ProfilingDevice::IndexScores(const Tensor& q, const Tensor& weights, const SequenceStep& sequence,
                                  const Batch& batch, const ops::IndexParams& p, Tensor scores) {
  Record(Verb::kIndexScores, [&](Device& d) { d.IndexScores(q, weights, sequence, batch, p, scores); });
}

void ProfilingDevice::SelectPositions(const Tensor& scores, int64_t past, Tensor out) {
  Record(Verb::kSelectPositions, [&](Device& d) { d.SelectPositions(scores, past, out); });
}

void ProfilingDevice::Attend(const Tensor& q, const Batch& batch, const ops::AttendParams& p, Tensor out) {
  Record(Verb::kAttend, [&](Device& d) { d.Attend(q, batch, p, out); });
}

void ProfilingDevice::AttendExpanded(const Tensor& q, const ops::HeadMatrices& key,
                                     const ops::HeadMatrices& value, const Batch& batch,
                                     const ops::LatentParams& p, Tensor out) {
  Record(Verb::kAttendExpanded, [&](Device& d) { d.AttendExpanded(q, key, value, batch, p, out); });
}

void ProfilingDevice::Route(const Tensor& logits, const ops::RouterParams& p, ops::Routing out) {
  Record(Verb::kRoute, [&](Device& d) { d.Route(logits, p, out); });
}

void ProfilingDevice::MoeAdd(Context& ctx, const Tensor& x, const ops::Routing& routing,
                             const ops::Experts& experts, Tensor residual) {
  // Each device takes its temporaries from a context of its own: the shape device must not take real memory.
  Context real{inner_, ctx.arena, ctx.probe};
  const Clock::time_point start = Clock::now();
  inner_.MoeAdd(real, x, routing, experts, residual);
  const double seconds = SecondsSince(start);

  Arena nothing(Arena::Mode::kMeasureOnly);
  Context counting{shape_, nothing};
  shape_.MoeAdd(counting, x, routing, experts, residual);
  Note(Verb::kMoeAdd, seconds);
  // The shape device does not know who was chosen and assumes as many experts as could be.
  const size_t count = experts.gate.size();
  const int64_t most = std::min<int64_t>(routing.experts.elements(), static_cast<int64_t>(count));
  const double one =
      static_cast<double>(experts.gate[0].bytes() + experts.up[0].bytes() + experts.down[0].bytes());
  uses_[static_cast<size_t>(Verb::kMoeAdd)].cost.weight_bytes -=
      one * static_cast<double>(most - DistinctExperts(routing, count));
}

}  // namespace mains
