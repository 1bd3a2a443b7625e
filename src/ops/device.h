// What a device implements: the verbs of ops.h on checked shapes and allocated results. One file per
// group of verbs under ops/<device>/. Not thread-safe: one step at a time.
#pragma once

#include <memory>
#include <span>

#include "ops/ops.h"

namespace mains {

class Device {
 public:
  virtual ~Device() = default;

  virtual void Embed(const Weight& table, const Tensor& ids, Tensor out) = 0;
  virtual void GatherRows(const Tensor& x, const Tensor& rows, Tensor out) = 0;
  // Over the last dimension of x: [tokens, heads, n]; out may be x.
  virtual void RmsNorm(const Tensor& x, const Vector& w, float eps, Tensor out) = 0;
  virtual void LayerNorm(const Tensor& x, const Vector& w, const Vector& bias, float eps, Tensor out) = 0;
  virtual void Add(const Tensor& y, Tensor x) = 0;
  // out[t, h] = a[t, h] followed by b[t, h].
  virtual void Concat(const Tensor& a, const Tensor& b, Tensor out) = 0;

  struct LinearJob {
    const ops::LinearLayer* layer;
    Tensor out;  // [tokens, layer->out()]
  };
  // add: out += instead of out =.
  virtual void Linear(const Tensor& x, std::span<const LinearJob> jobs, bool add) = 0;
  virtual void GatedLinear(const Tensor& x, const ops::LinearLayer& gate, const ops::LinearLayer& up,
                           Tensor out) = 0;
  virtual void HeadLinear(const Tensor& x, const ops::HeadMatrices& m, Tensor out) = 0;

  virtual void RopeAngles(const Tensor& positions, const ops::RopeTable& table, Tensor out) = 0;
  virtual void Rope(Tensor x, const Tensor& angles, bool interleaved) = 0;

  virtual void Append(const Tensor& x, const Batch& batch, int stream, int64_t column) = 0;
  // scores: [rows, positions] of the rows of one sequence; row r is filled up to its own position, unless
  // that is below p.count. A dot product that is not finite makes its score NaN.
  virtual void IndexScores(const Tensor& q, const Tensor& weights, const SequenceStep& sequence,
                           const Batch& batch, const ops::IndexParams& p, Tensor scores) = 0;
  // Row r of scores has its first past + r + 1 columns filled; out: [rows, count].
  virtual void SelectPositions(const Tensor& scores, int64_t past, Tensor out) = 0;
  virtual void Attend(const Tensor& q, const Batch& batch, const ops::AttendParams& p, Tensor out) = 0;
  // For the prompt sequences of the batch only: keys and values expanded from latents.
  virtual void AttendExpanded(const Tensor& q, const ops::HeadMatrices& key, const ops::HeadMatrices& value,
                              const Batch& batch, const ops::LatentParams& p, Tensor out) = 0;

  virtual void Route(const Tensor& logits, const ops::RouterParams& p, ops::Routing out) = 0;
  virtual void MoeAdd(Context& ctx, const Tensor& x, const ops::Routing& routing, const ops::Experts& experts,
                      Tensor residual) = 0;
};

// Plain loops over exact weights, one thread: the truth that the others are tested against.
std::unique_ptr<Device> MakeReferenceDevice();

// Threads and the kernels of an instruction set. Without `round_activations`, products with bf16 are those of
// f32 numbers on every one of them; packed weights are always met by integers.
std::unique_ptr<Device> MakeCpuDevice(Isa isa, int threads, bool round_activations = true);

}  // namespace mains
