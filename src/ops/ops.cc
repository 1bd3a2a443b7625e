// Shape checks and results; the devices do the rest.
#include "ops/ops.h"

#include <algorithm>

#include "ops/device.h"
#include "ops/probe.h"

namespace mains {

Tensor Context::NewF32(std::initializer_list<int64_t> dims) {
  Tensor t = Tensor::Dense(nullptr, DType::kF32, dims);
  t.data = arena.Allocate(ByteSize(DType::kF32, t.elements()));
  return t;
}

Tensor Context::NewI32(std::initializer_list<int64_t> dims) {
  Tensor t = Tensor::Dense(nullptr, DType::kI32, dims);
  t.data = arena.Allocate(ByteSize(DType::kI32, t.elements()));
  return t;
}

namespace ops {
namespace {

// Index scores kept at a time, 16 MiB: what fits a cache, yet enough rows for all threads.
constexpr int64_t kMaxIndexScores = int64_t{1} << 22;

void CheckLinear(const Tensor& x, const LinearLayer& layer) {
  CHECK(x.rank == 2 && x.stride(1) == 1) << x.ShapeString();
  CHECK_EQ(x.dim(1), layer.in());
  CHECK(layer.bias.empty() || layer.bias.size() == layer.out()) << layer.bias.size();
}

void CheckHeads(const Tensor& x, int64_t tokens) {
  CHECK(x.rank == 3 && x.stride(2) == 1 && x.dim(0) == tokens) << x.ShapeString();
}

// The generated tokens of consecutive sequences: score = (key^T q_nope) . latent + q_rope . rope_key,
// so one shared key of latent + rope dims serves all heads, and `value` is applied once, to the
// weighted sum of latents.
void AttendAbsorbed(Context& ctx, const Tensor& q, const HeadMatrices& key, const HeadMatrices& value,
                    const Batch& batch, std::span<const SequenceStep> sequences, const LatentParams& p,
                    Tensor out) {
  Frame frame(ctx.arena);
  const int64_t first = sequences.front().first_row;
  const int64_t rows = sequences.back().first_row + sequences.back().rows - first;
  std::vector<SequenceStep> steps(sequences.begin(), sequences.end());
  for (SequenceStep& s : steps) s.first_row -= first;
  Batch part = batch;
  part.ids = batch.ids.Slice(0, first, rows);
  part.sequences = steps;

  HeadMatrices absorbed = key;
  std::swap(absorbed.in, absorbed.out);
  absorbed.transposed = !key.transposed;
  const Tensor q_rows = q.Slice(0, first, rows);
  const Tensor selected = p.selected.rank == 0 ? p.selected : p.selected.Slice(0, first, rows);
  const Tensor latent_q = HeadLinear(ctx, q_rows.Slice(2, 0, key.out), absorbed);
  const Tensor wide_q = ctx.NewF32({rows, q.dim(1), p.latent_dim + p.rope_dim});
  ctx.device.Concat(latent_q, q_rows.Slice(2, key.out, p.rope_dim), wide_q);
  const Tensor sums = Attend(
      ctx, wide_q, part, {p.stream, p.stream, 1, p.latent_dim + p.rope_dim, p.latent_dim, p.scale, selected});
  ctx.device.HeadLinear(sums, value, out.Slice(0, first, rows));
}

}  // namespace

Tensor Embed(Context& ctx, const Weight& table, const Tensor& ids) {
  Tensor out = ctx.NewF32({ids.dim(0), table.cols});
  ctx.device.Embed(table, ids, out);
  return out;
}

Tensor GatherRows(Context& ctx, const Tensor& x, const Tensor& rows) {
  CHECK_EQ(x.rank, 2);
  Tensor out = ctx.NewF32({rows.dim(0), x.dim(1)});
  ctx.device.GatherRows(x, rows, out);
  return out;
}

Tensor RmsNorm(Context& ctx, const Tensor& x, const Vector& w, float eps) {
  CHECK(x.rank == 2 && x.stride(1) == 1) << x.ShapeString();
  CHECK_EQ(w.size(), x.dim(1));
  Tensor out = ctx.NewF32({x.dim(0), x.dim(1)});
  Tensor heads = x;  // one head per token: the device's shape is [tokens, heads, n]
  heads.rank = 3;
  heads.dims = {x.dim(0), 1, x.dim(1)};
  heads.strides = {x.stride(0), x.dim(1), 1};
  ctx.device.RmsNorm(heads, w, eps, out.Reshaped({x.dim(0), 1, x.dim(1)}));
  return out;
}

void RmsNormHeads(Context& ctx, Tensor x, const Vector& w, float eps) {
  CheckHeads(x, x.dim(0));
  CHECK_EQ(w.size(), x.dim(2));
  ctx.device.RmsNorm(x, w, eps, x);
}

Tensor LayerNorm(Context& ctx, const Tensor& x, const Vector& w, const Vector& bias, float eps) {
  CHECK(x.rank == 2 && x.stride(1) == 1) << x.ShapeString();
  CHECK(w.size() == x.dim(1) && bias.size() == x.dim(1)) << w.size() << ' ' << bias.size();
  Tensor out = ctx.NewF32({x.dim(0), x.dim(1)});
  ctx.device.LayerNorm(x, w, bias, eps, out);
  return out;
}

Tensor Concat(Context& ctx, const Tensor& a, const Tensor& b) {
  CHECK(a.rank == 2 && a.IsDense() && b.rank == 2 && b.IsDense() && a.dim(0) == b.dim(0))
      << a.ShapeString() << b.ShapeString();
  const int64_t tokens = a.dim(0), m = a.dim(1), n = b.dim(1);
  Tensor out = ctx.NewF32({tokens, m + n});
  ctx.device.Concat(a.Reshaped({tokens, 1, m}), b.Reshaped({tokens, 1, n}), out.Reshaped({tokens, 1, m + n}));
  return out;
}

void Add(Context& ctx, const Tensor& y, Tensor x) {
  CHECK(x.IsDense() && y.IsDense() && x.elements() == y.elements()) << x.ShapeString() << y.ShapeString();
  ctx.device.Add(y, x);
}

Tensor Linear(Context& ctx, const Tensor& x, const LinearLayer& layer) {
  CheckLinear(x, layer);
  Tensor out = ctx.NewF32({x.dim(0), layer.out()});
  const Device::LinearJob job{&layer, out};
  ctx.device.Linear(x, {&job, 1}, /*add=*/false);
  return out;
}

std::vector<Tensor> Linears(Context& ctx, const Tensor& x, std::initializer_list<const LinearLayer*> layers) {
  std::vector<Device::LinearJob> jobs;
  std::vector<Tensor> outs;
  for (const LinearLayer* layer : layers) {
    CheckLinear(x, *layer);
    outs.push_back(ctx.NewF32({x.dim(0), layer->out()}));
    jobs.push_back({layer, outs.back()});
  }
  ctx.device.Linear(x, jobs, /*add=*/false);
  return outs;
}

void LinearAdd(Context& ctx, const Tensor& x, const LinearLayer& layer, Tensor residual) {
  CheckLinear(x, layer);
  CHECK(residual.rank == 2 && residual.dim(0) == x.dim(0) && residual.dim(1) == layer.out())
      << residual.ShapeString();
  const Device::LinearJob job{&layer, residual};
  ctx.device.Linear(x, {&job, 1}, /*add=*/true);
}

Tensor GatedLinear(Context& ctx, const Tensor& x, const LinearLayer& gate, const LinearLayer& up) {
  CheckLinear(x, gate);
  CheckLinear(x, up);
  CHECK_EQ(gate.out(), up.out());
  Tensor out = ctx.NewF32({x.dim(0), gate.out()});
  ctx.device.GatedLinear(x, gate, up, out);
  return out;
}

Tensor HeadLinear(Context& ctx, const Tensor& x, const HeadMatrices& m) {
  CheckHeads(x, x.dim(0));
  CHECK(x.dim(1) == m.heads && x.dim(2) == m.in) << x.ShapeString();
  Tensor out = ctx.NewF32({x.dim(0), m.heads, m.out});
  ctx.device.HeadLinear(x, m, out);
  return out;
}

Tensor RopeAngles(Context& ctx, const Tensor& positions, const RopeTable& table) {
  Tensor out = ctx.NewF32({positions.dim(0), 2, static_cast<int64_t>(table.inv_freq.size())});
  ctx.device.RopeAngles(positions, table, out);
  return out;
}

void Rope(Context& ctx, Tensor x, const Tensor& angles, bool interleaved) {
  CheckHeads(x, angles.dim(0));
  CHECK_LE(2 * angles.dim(2), x.dim(2));
  ctx.device.Rope(x, angles, interleaved);
}

void Append(Context& ctx, const Tensor& x, const Batch& batch, int stream, int64_t column) {
  CHECK(x.rank == 2 && x.stride(1) == 1 && x.dim(0) == batch.tokens()) << x.ShapeString();
  CHECK_LE(column + x.dim(1), batch.streams[static_cast<size_t>(stream)].width);
  ctx.device.Append(x, batch, stream, column);
}

Tensor SelectPositions(Context& ctx, const Tensor& q, const Tensor& weights, const Batch& batch,
                       const IndexParams& p) {
  CheckHeads(q, batch.tokens());
  CHECK(weights.rank == 2 && weights.dim(0) == q.dim(0) && weights.dim(1) == q.dim(1))
      << weights.ShapeString();
  CHECK_EQ(batch.streams[static_cast<size_t>(p.stream)].width, q.dim(2));
  CHECK(p.count >= 1) << p.count;
  if (std::all_of(batch.sequences.begin(), batch.sequences.end(),
                  [&](const SequenceStep& s) { return s.past + s.rows <= p.count; })) {
    return {};
  }
  Tensor out = ctx.NewI32({batch.tokens(), p.count});
  for (const SequenceStep& s : batch.sequences) {
    const int64_t slice = std::clamp<int64_t>(kMaxIndexScores / (s.past + s.rows), 1, s.rows);
    for (int64_t begin = 0; begin < s.rows; begin += slice) {
      Frame frame(ctx.arena);
      SequenceStep part = s;
      part.rows = std::min(slice, s.rows - begin);
      part.past += begin;
      part.first_row += begin;
      const Tensor scores = ctx.NewF32({part.rows, part.past + part.rows});
      ctx.device.IndexScores(q.Slice(0, part.first_row, part.rows),
                             weights.Slice(0, part.first_row, part.rows), part, batch, p, scores);
      ctx.device.SelectPositions(scores, part.past, out.Slice(0, part.first_row, part.rows));
    }
  }
  return out;
}

Tensor Attend(Context& ctx, const Tensor& q, const Batch& batch, const AttendParams& p) {
  CheckHeads(q, batch.tokens());
  CHECK(q.dim(2) == p.key_dim && q.dim(1) % p.kv_heads == 0) << q.ShapeString();
  CHECK_LE(p.kv_heads * p.key_dim, batch.streams[static_cast<size_t>(p.key_stream)].width);
  CHECK_LE(p.kv_heads * p.value_dim, batch.streams[static_cast<size_t>(p.value_stream)].width);
  CHECK(p.selected.rank == 0 || p.selected.dim(0) == q.dim(0)) << p.selected.ShapeString();
  Tensor out = ctx.NewF32({q.dim(0), q.dim(1), p.value_dim});
  ctx.device.Attend(q, batch, p, out);
  return out;
}

Tensor AttendLatent(Context& ctx, const Tensor& q, const HeadMatrices& key, const HeadMatrices& value,
                    const Batch& batch, const LatentParams& p) {
  CheckHeads(q, batch.tokens());
  const int64_t heads = q.dim(1), nope = key.out;
  CHECK(q.dim(2) == nope + p.rope_dim && key.in == p.latent_dim && value.in == p.latent_dim)
      << q.ShapeString();
  CHECK(p.selected.rank == 0 || p.selected.dim(0) == q.dim(0)) << p.selected.ShapeString();
  Tensor out = ctx.NewF32({q.dim(0), heads, value.out});
  ctx.device.AttendExpanded(q, key, value, batch, p, out);

  for (size_t i = 0; i < batch.sequences.size();) {
    size_t end = i;
    while (end < batch.sequences.size() && !batch.sequences[end].prompt) ++end;
    if (end > i) AttendAbsorbed(ctx, q, key, value, batch, batch.sequences.subspan(i, end - i), p, out);
    i = std::max(end, i + 1);
  }
  if (ctx.probe && p.selected.rank > 0) ctx.probe->Selected(SelectedShares(ctx, q, key, batch, p));
  return out;
}

Routing Route(Context& ctx, const Tensor& logits, const RouterParams& p) {
  const int64_t experts = logits.dim(1);
  CHECK(p.top_k >= 1 && p.top_k <= experts && experts % p.groups == 0 && p.top_groups <= p.groups);
  CHECK(p.selection_bias.empty() || p.selection_bias.size() == experts);
  Routing r{ctx.NewI32({logits.dim(0), p.top_k}), ctx.NewF32({logits.dim(0), p.top_k})};
  ctx.device.Route(logits, p, r);
  if (ctx.probe) ctx.probe->Routed(r, experts);
  return r;
}

void MoeAdd(Context& ctx, const Tensor& x, const Routing& routing, const Experts& experts, Tensor residual) {
  CHECK(x.rank == 2 && x.IsDense() && residual.IsDense() && x.dim(0) == routing.experts.dim(0))
      << x.ShapeString();
  CHECK(!experts.gate.empty() && experts.gate.size() == experts.up.size() &&
        experts.gate.size() == experts.down.size());
  CHECK_EQ(x.dim(1), experts.gate[0].cols);
  Frame frame(ctx.arena);
  ctx.device.MoeAdd(ctx, x, routing, experts, residual);
}

}  // namespace ops
}  // namespace mains
