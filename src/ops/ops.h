// The verbs: everything that a model computes. Activations are dense f32 tensors in the step's arena,
// named [tokens, ...]; weights are in whatever format their checkpoint has. Each verb checks shapes,
// allocates its result and hands the work to the device (device.h), which owns threads and fusion.
//
// A verb never fails: what could fail was checked when the model was loaded. Results do not depend on
// the number of threads, nor on which other rows are in the batch.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "base/arena.h"
#include "ops/batch.h"
#include "tensor/tensor.h"
#include "tensor/weight.h"

namespace mains {

class Device;
class Probe;

// Where a step runs and where its activations live. Used by one thread at a time.
struct Context {
  Device& device;
  Arena& arena;
  Probe* probe = nullptr;  // sees what happens (probe.h)

  Tensor NewF32(std::initializer_list<int64_t> dims);
  Tensor NewI32(std::initializer_list<int64_t> dims);
};

namespace ops {

// --- Tokens and norms.

// table: [vocab, d]; ids: [tokens] -> [tokens, d].
Tensor Embed(Context& ctx, const Weight& table, const Tensor& ids);

// Rows of x, by number: [n] of [tokens, d] -> [n, d].
Tensor GatherRows(Context& ctx, const Tensor& x, const Tensor& rows);

// x / rms(x) * w over the last dimension (Zhang & Sennrich 2019). x: [tokens, d] -> [tokens, d].
Tensor RmsNorm(Context& ctx, const Tensor& x, const Vector& w, float eps);
// The same in place on every head of x: [tokens, heads, head_dim], w: [head_dim].
void RmsNormHeads(Context& ctx, Tensor x, const Vector& w, float eps);

// (x - mean(x)) / deviation(x) * w + bias over the last dimension (Ba et al. 2016). x: [tokens, d].
Tensor LayerNorm(Context& ctx, const Tensor& x, const Vector& w, const Vector& bias, float eps);

// Rows of a followed by rows of b: [tokens, m] and [tokens, n] -> [tokens, m + n].
Tensor Concat(Context& ctx, const Tensor& a, const Tensor& b);

// x += y.
void Add(Context& ctx, const Tensor& y, Tensor x);

// --- Linear layers; y = x w^T + bias, w: [out, in]; an empty bias adds nothing.

struct LinearLayer {
  Weight w;
  Vector bias;
  // Whether x is taken as it is. Otherwise a device may round it: to 8-bit integers in groups where w is
  // packed, to bf16 where w is. Of those that choose (routers), a small change of the input may change
  // everything.
  bool exact = false;
  int64_t out() const { return w.rows; }
  int64_t in() const { return w.cols; }
};

Tensor Linear(Context& ctx, const Tensor& x, const LinearLayer& layer);  // -> [tokens, out]
// Several layers of one input in one parallel region, e.g. q, k and v.
std::vector<Tensor> Linears(Context& ctx, const Tensor& x, std::initializer_list<const LinearLayer*> layers);
// residual += x w^T + bias.
void LinearAdd(Context& ctx, const Tensor& x, const LinearLayer& layer, Tensor residual);
// silu(x gate^T) * (x up^T) -> [tokens, ff] (SwiGLU, Shazeer 2020).
Tensor GatedLinear(Context& ctx, const Tensor& x, const LinearLayer& gate, const LinearLayer& up);

// One matrix per head, [out, in], inside a larger weight: row r of head h is row
// first_row + h * head_stride + r of `w`. If `transposed`, those rows are the matrix's columns
// instead: `in` rows of width `out`.
struct HeadMatrices {
  Weight w;
  int64_t heads = 0, out = 0, in = 0;
  int64_t first_row = 0, head_stride = 0;
  bool transposed = false;
};
// x: [tokens, heads, in] (heads may be strided) -> [tokens, heads, out].
Tensor HeadLinear(Context& ctx, const Tensor& x, const HeadMatrices& m);

// --- Positions.

// Rotary embedding (Su et al. 2021): pair i of a head turns by position * inv_freq[i]. cos and sin are
// multiplied by `magnitude` (YaRN's attention factor).
struct RopeTable {
  std::vector<float> inv_freq;  // [rotated dims / 2]
  float magnitude = 1.0f;
  bool interleaved = false;  // pairs (2i, 2i+1) rather than (i, i + n)
};
// cos and sin of every position and pair, once per step: [tokens, 2, pairs].
Tensor RopeAngles(Context& ctx, const Tensor& positions, const RopeTable& table);
// Rotates the first 2 * pairs dims of each head of x, in place. x: [tokens, heads, dims], may be a
// slice of wider heads.
void Rope(Context& ctx, Tensor x, const Tensor& angles, bool interleaved);

// --- State and attention. `stream` numbers are the model's own (models/language_model.h: state()).

// Stores x: [tokens, width] (rows may be strided) at columns [column, column + width) of the stream,
// at each token's position.
void Append(Context& ctx, const Tensor& x, const Batch& batch, int stream, int64_t column = 0);

// Sparse attention (DeepSeek-V3.2, arXiv 2512.02556, section 2.1): a small index scores every earlier
// position, and only the best are attended.
//   score(t, s) = sum_h weights[t, h] * max(0, q[t, h] . key[s])
// q: [tokens, heads, key_dim]; weights: [tokens, heads]; the stream holds key_dim numbers per position
// -> [tokens, count] i32: the positions of the highest scores, ascending, of equals the lower one, and
// kNoPosition at the end where there are fewer than count. Rank 0 if no token has more than count to
// choose from: all are attended. A token with a score that is not a number gets no position at all.
struct IndexParams {
  int stream = 0;
  int64_t count = 0;
};
constexpr int32_t kNoPosition = std::numeric_limits<int32_t>::max();
Tensor SelectPositions(Context& ctx, const Tensor& q, const Tensor& weights, const Batch& batch,
                       const IndexParams& p);

// Causal softmax attention over the state. q: [tokens, heads, key_dim]; keys and values of a position
// are [kv_heads, key_dim] and [kv_heads, value_dim] at the start of their streams, which may be one
// and the same; query head h uses kv head h / (heads / kv_heads) -> [tokens, heads, value_dim].
// With `selected` (see SelectPositions), only those; if they are all, the bits are those of attention
// without. A token without any position gets NaN.
struct AttendParams {
  int key_stream = 0, value_stream = 0;
  int64_t kv_heads = 0, key_dim = 0, value_dim = 0;
  float scale = 1.0f;
  Tensor selected{};
};
Tensor Attend(Context& ctx, const Tensor& q, const Batch& batch, const AttendParams& p);

// Multi-head latent attention (DeepSeek-V2, section 2.1). The stream holds [latent | rope key] per
// position; key: latent -> nope key of a head, value: latent -> value of a head. q: [tokens, heads,
// nope + rope] -> [tokens, heads, value]. Tokens of a prompt expand latents to keys and values;
// generated tokens absorb `key` into the query and attend over latents. The two differ by rounding;
// which one runs depends on the kind of token only, so chunking changes nothing.
struct LatentParams {
  int stream = 0;
  int64_t latent_dim = 0, rope_dim = 0;
  float scale = 1.0f;
  Tensor selected{};  // as in AttendParams
};
Tensor AttendLatent(Context& ctx, const Tensor& q, const HeadMatrices& key, const HeadMatrices& value,
                    const Batch& batch, const LatentParams& p);

// --- Mixtures of experts.

struct RouterParams {
  enum class Score { kSoftmax, kSigmoid } score = Score::kSoftmax;
  Vector selection_bias;  // added for the choice, not for the weights (DeepSeek-V3, section 2.1.2)
  int64_t top_k = 1;
  int64_t groups = 1, top_groups = 1;  // group score: sum of its two best
  bool normalize = false;              // chosen weights sum to one...
  float scale = 1.0f;                  // ...times this
};
struct Routing {
  Tensor experts;  // [tokens, top_k] i32, best first; ties go to the lower number
  Tensor weights;  // [tokens, top_k]
};
// logits: [tokens, experts].
Routing Route(Context& ctx, const Tensor& logits, const RouterParams& p);

struct Experts {
  std::vector<Weight> gate, up, down;  // per expert: [ff, d], [ff, d], [d, ff]
};
// residual += sum over the chosen experts of weight * down(silu(gate x) * up x), added best first.
void MoeAdd(Context& ctx, const Tensor& x, const Routing& routing, const Experts& experts, Tensor residual);

}  // namespace ops
}  // namespace mains
