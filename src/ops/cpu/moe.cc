// Mixtures of experts: tokens are sorted by expert, so that each chosen expert is read once per step
// however many tokens chose it.
#include <algorithm>

#include "ops/cpu/cpu_device.h"
#include "ops/routing.h"

namespace mains {
namespace {

// The (token, choice) pairs sorted by expert: pair i of the sorted order is row i of the gathered
// activations.
struct SortedPairs {
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

// A panel of weight rows of one expert.
struct ExpertTask {
  size_t expert;
  int64_t begin, count;
};

std::vector<ExpertTask> PanelTasks(const SortedPairs& sorted, int64_t out, int64_t panel) {
  std::vector<ExpertTask> tasks;
  for (size_t e = 0; e + 1 < sorted.first_row.size(); ++e) {
    if (sorted.first_row[e] == sorted.first_row[e + 1]) continue;
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

void CpuDevice::MoeAdd(Context& ctx, const Tensor& x, const ops::Routing& routing,
                       const ops::Experts& experts, Tensor residual) {
  const int64_t tokens = x.dim(0), d = x.dim(1), top_k = routing.experts.dim(1), pairs = tokens * top_k;
  const int64_t ff = experts.gate[0].rows;
  const SortedPairs sorted(routing.experts.i32(), pairs, experts.gate.size());
  const Tensor gathered = ctx.NewF32({pairs, d}), hidden = ctx.NewF32({pairs, ff}),
               y = ctx.NewF32({pairs, d});
  pool_.ParallelFor(pairs, 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      std::copy_n(x.Row(sorted.pair[static_cast<size_t>(i)] / top_k), d, gathered.Row(i));
    }
  });

  const int64_t up_panel = PanelRows(d), down_panel = PanelRows(ff);
  ReserveScratch(std::max(up_panel * (d + pairs), down_panel * ff));
  const std::vector<ExpertTask> up_tasks = PanelTasks(sorted, ff, up_panel);
  const double work = MatrixWork(ff, d, pairs);  // as if no two pairs shared an expert's matrix
  pool_.ParallelFor(static_cast<int64_t>(up_tasks.size()), 1, 2 * work, [&](int64_t i, int64_t, int thread) {
    const ExpertTask& task = up_tasks[static_cast<size_t>(i)];
    const int64_t first = sorted.first_row[task.expert], rows = sorted.first_row[task.expert + 1] - first;
    const ops::LinearLayer gate{experts.gate[task.expert], {}}, up{experts.up[task.expert], {}};
    float* buffer = Scratch(thread);
    GatedPanel(gathered.Row(first), d, rows, gate, up, task.begin, task.count, buffer, buffer + up_panel * d,
               hidden.Row(first) + task.begin, ff);
  });

  const std::vector<ExpertTask> down_tasks = PanelTasks(sorted, d, down_panel);
  pool_.ParallelFor(static_cast<int64_t>(down_tasks.size()), 1, work, [&](int64_t i, int64_t, int thread) {
    const ExpertTask& task = down_tasks[static_cast<size_t>(i)];
    const int64_t first = sorted.first_row[task.expert], rows = sorted.first_row[task.expert + 1] - first;
    const Panel w = UnpackRows(experts.down[task.expert], task.begin, task.count, Scratch(thread));
    kernels_.gemm_nt(hidden.Row(first), ff, rows, w.data, w.stride, task.count, ff, y.Row(first) + task.begin,
                     d);
  });

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
