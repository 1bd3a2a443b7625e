// Mixtures of experts: tokens are sorted by expert, so that each chosen expert is read once per step
// however many tokens chose it.
#include <algorithm>

#include "ops/cpu/cpu_device.h"
#include "ops/routing.h"

namespace mains {

// The (token, choice) pairs sorted by expert: pair i of the sorted order is row i of the gathered
// activations.
struct CpuDevice::SortedPairs {
  std::vector<int64_t> pair;       // sorted row -> token * top_k + choice
  std::vector<int64_t> row_of;     // token * top_k + choice -> sorted row
  std::vector<int64_t> first_row;  // expert -> its first sorted row; one more entry than experts

  SortedPairs(const int32_t* chosen, int64_t pairs, size_t experts)
      : pair(static_cast<size_t>(pairs)), row_of(static_cast<size_t>(pairs)), first_row(experts + 1) {
    for (int64_t i = 0; i < pairs; ++i) ++first_row[static_cast<size_t>(chosen[i]) + 1];
    for (size_t e = 0; e < experts; ++e) first_row[e + 1] += first_row[e];
    std::vector<int64_t> next(first_row.begin(), first_row.end() - 1);
    for (int64_t i = 0; i < pairs; ++i) {
      const int64_t row = next[static_cast<size_t>(chosen[i])]++;
      pair[static_cast<size_t>(row)] = i;
      row_of[static_cast<size_t>(i)] = row;
    }
  }
};

namespace {

// A panel of weight rows of one expert.
struct ExpertTask {
  size_t expert;
  int64_t begin, count;
};

// first_row: as of SortedPairs.
std::vector<ExpertTask> PanelTasks(const std::vector<int64_t>& first_row, int64_t out, int64_t panel) {
  std::vector<ExpertTask> tasks;
  for (size_t e = 0; e + 1 < first_row.size(); ++e) {
    if (first_row[e] == first_row[e + 1]) continue;
    for (int64_t begin = 0; begin < out; begin += panel)
      tasks.push_back({e, begin, std::min(panel, out - begin)});
  }
  return tasks;
}

}  // namespace

void CpuDevice::Route(const Tensor& logits, const ops::RouterParams& p, ops::Routing out) {
  pool_.ParallelFor(logits.dim(0), 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      RouteToken(logits.Row(t), logits.dim(1), p, out.experts.i32() + t * p.top_k, out.weights.Row(t));
    }
  });
}

// hidden = silu(gate x) * (up x) of every (token, choice) pair, sorted by expert.
void CpuDevice::ExpertsGated(const Tensor& x, int64_t top_k, const SortedPairs& sorted,
                             const ops::Experts& experts, Context& ctx, Tensor hidden) {
  const int64_t pairs = hidden.dim(0), ff = hidden.dim(1), d = x.dim(1);
  const bool packed = experts.gate[0].packed() && experts.up[0].packed();
  const int64_t panel = packed ? kPackedPanelRows : PanelRows(d);
  const std::vector<ExpertTask> tasks = PanelTasks(sorted.first_row, ff, panel);
  const double work = 2 * MatrixWork(ff, d, pairs);  // as if no two pairs shared an expert's matrix
  const auto each_pair = [&](auto copy) {
    pool_.ParallelFor(pairs, 16, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) copy(sorted.pair[static_cast<size_t>(i)] / top_k, i);
    });
  };
  const auto each_task = [&](auto run) {
    pool_.ParallelFor(static_cast<int64_t>(tasks.size()), 1, work, [&](int64_t i, int64_t, int thread) {
      const ExpertTask& task = tasks[static_cast<size_t>(i)];
      const int64_t first = sorted.first_row[task.expert], rows = sorted.first_row[task.expert + 1] - first;
      const ops::LinearLayer gate{experts.gate[task.expert], {}}, up{experts.up[task.expert], {}};
      run(task, first, rows, gate, up, Scratch(thread), hidden.Row(first) + task.begin);
    });
  };
  if (packed) {
    const Int8Rows all = Quantize(x, int8_), gathered = int8_inner_.Reserve(pairs, d);
    each_pair([&](int64_t token, int64_t i) {
      std::copy_n(all.codes + token * all.code_stride, all.code_stride, gathered.codes + i * all.code_stride);
      std::copy_n(all.scales + token * all.group_stride, all.group_stride,
                  gathered.scales + i * all.group_stride);
      std::copy_n(all.sums + 2 * token * all.group_stride, 2 * all.group_stride,
                  gathered.sums + 2 * i * all.group_stride);
      std::copy_n(all.scaled_sums + token * all.group_stride, all.group_stride,
                  gathered.scaled_sums + i * all.group_stride);
    });
    ReserveScratch(2 * kPackedPanelRows * kPackedTokens);
    each_task([&](const ExpertTask& task, int64_t first, int64_t rows, const ops::LinearLayer& gate,
                  const ops::LinearLayer& up, float* scratch, float* out) {
      PackedGatedPanel(gathered, first, rows, gate, up, task.begin, task.count, scratch, out, ff);
    });
    return;
  }
  const Tensor gathered = ctx.NewF32({pairs, d});
  each_pair([&](int64_t token, int64_t i) { std::copy_n(x.Row(token), d, gathered.Row(i)); });
  const Rows all = RowsOf(gathered, TakesRounded(experts.gate[0]) || TakesRounded(experts.up[0]), bf16_);
  ReserveScratch(panel * (d + pairs));
  each_task([&](const ExpertTask& task, int64_t first, int64_t rows, const ops::LinearLayer& gate,
                const ops::LinearLayer& up, float* scratch, float* out) {
    GatedPanel(all.From(first), rows, gate, up, task.begin, task.count, scratch, scratch + panel * d, out,
               ff);
  });
}

// y = down hidden, pair by pair.
void CpuDevice::ExpertsDown(const Tensor& hidden, const SortedPairs& sorted, const ops::Experts& experts,
                            Tensor y) {
  const int64_t pairs = hidden.dim(0), ff = hidden.dim(1), d = y.dim(1);
  const bool packed = experts.down[0].packed();
  const int64_t panel = packed ? kPackedPanelRows : PanelRows(ff);
  const Int8Rows integers = packed ? Quantize(hidden, int8_inner_) : Int8Rows();
  const Rows all = RowsOf(hidden, !packed && TakesRounded(experts.down[0]), bf16_);
  ReserveScratch(packed ? kPackedPanelRows * kPackedTokens : panel * ff);
  const std::vector<ExpertTask> tasks = PanelTasks(sorted.first_row, d, panel);
  pool_.ParallelFor(
      static_cast<int64_t>(tasks.size()), 1, MatrixWork(d, ff, pairs), [&](int64_t i, int64_t, int thread) {
        const ExpertTask& task = tasks[static_cast<size_t>(i)];
        const int64_t first = sorted.first_row[task.expert], rows = sorted.first_row[task.expert + 1] - first;
        float* out = y.Row(first) + task.begin;
        if (packed) {
          PackedPanelProduct(integers, first, rows, {experts.down[task.expert], {}}, task.begin, task.count,
                             /*add=*/false, Scratch(thread), out, d);
          return;
        }
        PanelProduct(all.From(first), rows, experts.down[task.expert], task.begin, task.count,
                     Scratch(thread), out, d);
      });
}

void CpuDevice::MoeAdd(Context& ctx, const Tensor& x, const ops::Routing& routing,
                       const ops::Experts& experts, Tensor residual) {
  const int64_t tokens = x.dim(0), d = x.dim(1), top_k = routing.experts.dim(1), pairs = tokens * top_k;
  const SortedPairs sorted(routing.experts.i32(), pairs, experts.gate.size());
  const Tensor hidden = ctx.NewF32({pairs, experts.gate[0].rows}), y = ctx.NewF32({pairs, d});
  ExpertsGated(x, top_k, sorted, experts, ctx, hidden);
  ExpertsDown(hidden, sorted, experts, y);
  pool_.ParallelFor(tokens, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t k = 0; k < top_k; ++k) {
        const int64_t row = sorted.row_of[static_cast<size_t>(t * top_k + k)];
        kernels_.add_scaled(y.Row(row), routing.weights.Row(t)[k], d, residual.Row(t));
      }
    }
  });
}

}  // namespace mains
