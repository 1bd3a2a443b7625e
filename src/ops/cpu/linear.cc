// Linear layers. A task is a panel of weight rows: unpacked to f32 once, then multiplied with every
// token, so unpacking is free for long prompts and a weight is read from memory once per step.
#include <algorithm>

#include "ops/cpu/cpu_device.h"

namespace mains {
namespace {

constexpr int64_t kPanelFloats = 128 * 1024;  // 512 KiB
constexpr int64_t kMaxPanelRows = 64;
constexpr int64_t kMinPanelRows = 4;  // the kernels' register block

void AddBias(const Vector& bias, int64_t begin, int64_t count, int64_t tokens, float* out, int64_t stride) {
  if (bias.empty()) return;
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t i = 0; i < count; ++i) out[t * stride + i] += bias.data()[begin + i];
  }
}

}  // namespace

int64_t PanelRows(int64_t cols) {
  const int64_t rows = kPanelFloats / std::max<int64_t>(1, cols) / kMinPanelRows * kMinPanelRows;
  return std::clamp(rows, kMinPanelRows, kMaxPanelRows);
}

double MatrixWork(int64_t out, int64_t in, int64_t rows) {
  return static_cast<double>(out) * static_cast<double>(in) * static_cast<double>(1 + rows);
}

CpuDevice::Panel CpuDevice::UnpackRows(const Weight& w, int64_t begin, int64_t count, float* buffer) const {
  const bool is_f32 = w.format == WeightFormat::kPlain && w.dtype == DType::kF32;
  if (is_f32 && w.row_bytes % 4 == 0 && reinterpret_cast<uintptr_t>(w.data) % 4 == 0) {
    return {reinterpret_cast<const float*>(w.data + begin * w.row_bytes), w.row_bytes / 4};
  }
  const KernelTable::Unpack unpack = kernels_.unpack[static_cast<size_t>(UnpackSlot(w.format, w.dtype))];
  for (int64_t r = 0; r < count; ++r) unpack(w.Row(begin + r), w.cols, buffer + r * w.cols);
  return {buffer, w.cols};
}

void CpuDevice::Linear(const Tensor& x, std::span<const LinearJob> jobs, bool add) {
  const int64_t tokens = x.dim(0), in = x.dim(1), panel = PanelRows(in);
  // The jobs' panels in one row of tasks; first_task[j] is where job j begins.
  std::vector<int64_t> first_task = {0};
  for (const LinearJob& job : jobs)
    first_task.push_back(first_task.back() + (job.layer->out() + panel - 1) / panel);
  ReserveScratch(panel * (in + (add ? tokens : 0)));
  double work = 0;
  for (const LinearJob& job : jobs) work += MatrixWork(job.layer->out(), in, tokens);

  pool_.ParallelFor(first_task.back(), 1, work, [&](int64_t task, int64_t, int thread) {
    const size_t j = static_cast<size_t>(std::upper_bound(first_task.begin(), first_task.end(), task) -
                                         first_task.begin() - 1);
    const ops::LinearLayer& layer = *jobs[j].layer;
    const int64_t begin = (task - first_task[j]) * panel, count = std::min(panel, layer.out() - begin);
    const Panel w = UnpackRows(layer.w, begin, count, Scratch(thread));
    float* out = jobs[j].out.f32() + begin;
    const int64_t out_stride = jobs[j].out.stride(0);
    if (!add) {
      kernels_.gemm_nt(x.f32(), x.stride(0), tokens, w.data, w.stride, count, in, out, out_stride);
      AddBias(layer.bias, begin, count, tokens, out, out_stride);
      return;
    }
    float* sum = Scratch(thread) + panel * in;
    kernels_.gemm_nt(x.f32(), x.stride(0), tokens, w.data, w.stride, count, in, sum, count);
    AddBias(layer.bias, begin, count, tokens, sum, count);
    for (int64_t t = 0; t < tokens; ++t)
      kernels_.add_scaled(sum + t * count, 1.0f, count, out + t * out_stride);
  });
}

void CpuDevice::GatedPanel(const float* x, int64_t x_stride, int64_t tokens, const ops::LinearLayer& gate,
                           const ops::LinearLayer& up, int64_t begin, int64_t count, float* buffer,
                           float* temp, float* out, int64_t out_stride) const {
  const int64_t in = gate.in();
  const Panel g = UnpackRows(gate.w, begin, count, buffer);
  kernels_.gemm_nt(x, x_stride, tokens, g.data, g.stride, count, in, out, out_stride);
  AddBias(gate.bias, begin, count, tokens, out, out_stride);
  const Panel u = UnpackRows(up.w, begin, count, buffer);
  kernels_.gemm_nt(x, x_stride, tokens, u.data, u.stride, count, in, temp, count);
  AddBias(up.bias, begin, count, tokens, temp, count);
  for (int64_t t = 0; t < tokens; ++t)
    kernels_.swiglu(out + t * out_stride, temp + t * count, count, out + t * out_stride);
}

void CpuDevice::GatedLinear(const Tensor& x, const ops::LinearLayer& gate, const ops::LinearLayer& up,
                            Tensor out) {
  const int64_t tokens = x.dim(0), in = x.dim(1), panel = PanelRows(in);
  ReserveScratch(panel * (in + tokens));
  const double work = 2 * MatrixWork(gate.out(), in, tokens);
  pool_.ParallelFor((gate.out() + panel - 1) / panel, 1, work, [&](int64_t task, int64_t, int thread) {
    const int64_t begin = task * panel, count = std::min(panel, gate.out() - begin);
    float* buffer = Scratch(thread);
    GatedPanel(x.f32(), x.stride(0), tokens, gate, up, begin, count, buffer, buffer + panel * in,
               out.f32() + begin, out.stride(0));
  });
}

void CpuDevice::HeadLinear(const Tensor& x, const ops::HeadMatrices& m, Tensor out) {
  const int64_t tokens = x.dim(0), stored_rows = m.transposed ? m.in : m.out;
  ReserveScratch(stored_rows * m.w.cols);
  pool_.ParallelFor(
      m.heads, 1, static_cast<double>(m.heads) * MatrixWork(m.out, m.in, tokens),
      [&](int64_t h, int64_t, int thread) {
        const Panel w = UnpackRows(m.w, m.first_row + h * m.head_stride, stored_rows, Scratch(thread));
        const float* from = x.f32() + h * x.stride(1);
        float* to = out.f32() + h * out.stride(1);
        if (!m.transposed) {
          kernels_.gemm_nt(from, x.stride(0), tokens, w.data, w.stride, m.out, m.in, to, out.stride(0));
          return;
        }
        for (int64_t t = 0; t < tokens; ++t) std::fill_n(to + t * out.stride(0), m.out, 0.0f);
        kernels_.gemm_nn_add(from, x.stride(0), tokens, w.data, w.stride, m.in, m.out, to, out.stride(0));
      });
}

}  // namespace mains
