// A device around another: times each verb, and counts by the shape device what it had to read and compute.
#pragma once

#include <array>
#include <cstdint>

#include "ops/device.h"
#include "ops/shape/shape_device.h"

namespace mains {

enum class Verb {
  kEmbed,
  kGatherRows,
  kRmsNorm,
  kLayerNorm,
  kAdd,
  kConcat,
  kLinear,
  kGatedLinear,
  kHeadLinear,
  kRopeAngles,
  kRope,
  kAppend,
  kIndexScores,
  kSelectPositions,
  kAttend,
  kAttendExpanded,
  kRoute,
  kMoeAdd,
};
constexpr int kVerbCount = static_cast<int>(Verb::kMoeAdd) + 1;

// "attend_expanded".
const char* VerbName(Verb verb);

class ProfilingDevice final : public Device {
 public:
  struct Use {
    int64_t calls = 0;
    double seconds = 0;
    // Of a mixture of experts, the weights of those that the tokens chose.
    StepCost cost;
  };

  // `inner` must live as long as this.
  explicit ProfilingDevice(Device& inner) : inner_(inner) {}

  const Use& use(Verb verb) const { return uses_[static_cast<size_t>(verb)]; }

  void Embed(const Weight& table, const Tensor& ids, Tensor out) override;
  void GatherRows(const Tensor& x, const Tensor& rows, Tensor out) override;
  void RmsNorm(const Tensor& x, const Vector& w, float eps, Tensor out) override;
  void LayerNorm(const Tensor& x, const Vector& w, const Vector& bias, float eps, Tensor out) override;
  void Add(const Tensor& y, Tensor x) override;
  void Concat(const Tensor& a, const Tensor& b, Tensor out) override;
  void Linear(const Tensor& x, std::span<const LinearJob> jobs, bool add) override;
  void GatedLinear(const Tensor& x, const ops::LinearLayer& gate, const ops::LinearLayer& up,
                   Tensor out) override;
  void HeadLinear(const Tensor& x, const ops::HeadMatrices& m, Tensor out) override;
  void RopeAngles(const Tensor& positions, const ops::RopeTable& table, Tensor out) override;
  void Rope(Tensor x, const Tensor& angles, bool interleaved) override;
  void Append(const Tensor& x, const Batch& batch, int stream, int64_t column) override;
  void IndexScores(const Tensor& q, const Tensor& weights, const SequenceStep& sequence, const Batch& batch,
                   const ops::IndexParams& p, Tensor scores) override;
  void SelectPositions(const Tensor& scores, int64_t past, Tensor out) override;
  void Attend(const Tensor& q, const Batch& batch, const ops::AttendParams& p, Tensor out) override;
  void AttendExpanded(const Tensor& q, const ops::HeadMatrices& key, const ops::HeadMatrices& value,
                      const Batch& batch, const ops::LatentParams& p, Tensor out) override;
  void Route(const Tensor& logits, const ops::RouterParams& p, ops::Routing out) override;
  void MoeAdd(Context& ctx, const Tensor& x, const ops::Routing& routing, const ops::Experts& experts,
              Tensor residual) override;

 private:
  // Calls `verb` on the inner device, timed, and on the shape device.
  template <typename Call>
  void Record(Verb verb, const Call& call);
  void Note(Verb verb, double seconds);

  Device& inner_;
  ShapeDevice shape_;
  std::array<Use, kVerbCount> uses_{};
};

}  // namespace mains
