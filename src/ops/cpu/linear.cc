// Linear layers. A task is a panel of weight rows, which is read from memory once per step: packed weights
// meet activations as integers, bf16 and FP8 meet them as bf16 where there are instructions for it, all
// others are unpacked to f32 once, which is free for long prompts, and then multiplied with every token.
#include <algorithm>

#include "ops/cpu/cpu_device.h"
#include "tensor/packed.h"

namespace mains {
namespace {

constexpr int64_t kPanelFloats = 128 * 1024;  // 512 KiB
constexpr int64_t kMaxPanelRows = 64;
constexpr int64_t kMinPanelRows = 4;  // the kernels' register block
// Up to so many tokens meet 16-bit weights where they lie, widened as they are read; with more of them it is
// cheaper to unpack once.
constexpr int64_t kTokensInPlace = 6;

bool IsInPlace(const Weight& w, DType dtype) {
  return w.format == WeightFormat::kPlain && w.dtype == dtype && w.row_bytes % 2 == 0 &&
         reinterpret_cast<uintptr_t>(w.data) % 2 == 0;
}

// At least two columns a scale leave room for the scales where numbers take half of the panel.
bool IsScaledF8(const Weight& w) {
  return w.format == WeightFormat::kF8Block && w.dtype == DType::kF8E4M3 && w.block_cols % kBf16Step == 0 &&
         w.cols >= 2;
}

bool MeetInPlace(const Weight& w, int64_t tokens) {
  return tokens <= kTokensInPlace && (IsInPlace(w, DType::kBF16) || IsInPlace(w, DType::kF16));
}

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

bool CpuDevice::TakesRounded(const Weight& w) const {
  return (kernels_.gemm_bf16 != nullptr && IsInPlace(w, DType::kBF16)) ||
         (kernels_.gemm_bf16_scaled != nullptr && IsScaledF8(w));
}

// FP8 is widened to bf16, which is exact, and its scales meet the sums. For few tokens some rows at a time,
// which then stay in the first level.
void CpuDevice::F8PanelProduct(const Rows& x, int64_t tokens, const Weight& w, int64_t begin, int64_t count,
                               float* buffer, float* out, int64_t out_stride) const {
  const int64_t blocks = (w.cols + w.block_cols - 1) / w.block_cols;
  const int64_t together = tokens <= kTokensInPlace ? kMinPanelRows : count;
  auto* numbers = reinterpret_cast<uint16_t*>(buffer);
  float* scales = buffer + (together * w.cols + 1) / 2;
  for (int64_t first = 0; first < count; first += together) {
    const int64_t rows = std::min(together, count - first);
    for (int64_t r = 0; r < rows; ++r) {
      const WeightRow row = w.Row(begin + first + r);
      kernels_.widen_f8(reinterpret_cast<const uint8_t*>(row.data), w.cols, numbers + r * w.cols);
      WeightRow row_scales;
      row_scales.data = row.scales;
      row_scales.dtype = row.scale_dtype;
      UnpackRow(row_scales, blocks, scales + r * blocks);
    }
    kernels_.gemm_bf16_scaled(x.rounded, x.rounded_stride, tokens, numbers, w.cols, rows, w.cols, scales,
                              blocks, w.block_cols, out + first, out_stride);
  }
}

CpuDevice::Rows CpuDevice::RowsOf(const Tensor& x, bool rounded, std::vector<uint16_t>& memory) {
  if (!rounded) return {x.f32(), x.stride(0)};
  const int64_t n = x.dim(1), stride = (n + kBf16Step - 1) / kBf16Step * kBf16Step;
  if (std::ssize(memory) < x.dim(0) * stride) memory.resize(static_cast<size_t>(x.dim(0) * stride));
  const KernelTable::FromF32 store = kernels_.from_f32[static_cast<size_t>(DType::kBF16)];
  pool_.ParallelFor(x.dim(0), 8, static_cast<double>(x.dim(0) * n), [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      uint16_t* to = memory.data() + r * stride;
      store(x.Row(r), n, to);
      std::fill(to + n, to + stride, uint16_t{0});
    }
  });
  return {x.f32(), x.stride(0), memory.data(), stride};
}

void CpuDevice::PanelProduct(const Rows& x, int64_t tokens, const Weight& w, int64_t begin, int64_t count,
                             float* buffer, float* out, int64_t out_stride) const {
  const std::byte* rows = w.data + begin * w.row_bytes;
  if (x.rounded != nullptr && IsScaledF8(w)) {
    F8PanelProduct(x, tokens, w, begin, count, buffer, out, out_stride);
    return;
  }
  if (x.rounded != nullptr && TakesRounded(w)) {
    kernels_.gemm_bf16(x.rounded, x.rounded_stride, tokens, reinterpret_cast<const uint16_t*>(rows),
                       w.row_bytes / 2, count, w.cols, out, out_stride);
    return;
  }
  if (MeetInPlace(w, tokens)) {
    kernels_.gemm_nt_narrow[static_cast<size_t>(w.dtype)](x.data, x.stride, tokens, rows, w.row_bytes / 2,
                                                          count, w.cols, out, out_stride);
    return;
  }
  const Panel panel = UnpackRows(w, begin, count, buffer);
  kernels_.gemm_nt(x.data, x.stride, tokens, panel.data, panel.stride, count, w.cols, out, out_stride);
}

Int8Rows CpuDevice::Int8Memory::Reserve(int64_t rows, int64_t cols) {
  Int8Rows out;
  out.code_stride = PackedBlocks(cols) * kPackedCols;
  out.group_stride = out.code_stride / kPackedGroup;
  const auto grow = [](auto& vector, int64_t n) {
    if (static_cast<int64_t>(vector.size()) < n) vector.resize(static_cast<size_t>(n));
    return vector.data();
  };
  out.codes = grow(codes, rows * out.code_stride);
  out.scales = grow(scales, rows * out.group_stride);
  out.sums = grow(sums, 2 * rows * out.group_stride);
  out.scaled_sums = grow(scaled_sums, rows * out.group_stride);
  return out;
}

Int8Rows CpuDevice::Quantize(const Tensor& x, Int8Memory& memory) {
  const Int8Rows rows = memory.Reserve(x.dim(0), x.dim(1));
  pool_.ParallelFor(x.dim(0), 8, static_cast<double>(x.dim(0) * x.dim(1)),
                    [&](int64_t begin, int64_t end, int) {
                      for (int64_t r = begin; r < end; ++r)
                        kernels_.quantize_row(x.Row(r), x.dim(1), rows, r);
                    });
  return rows;
}

namespace {

PackedPanel PanelOf(const Weight& w, int64_t begin, int64_t count) {
  return {w.data + begin * w.row_bytes,
          w.row_bytes * kPackedRows,
          count,
          PackedBlocks(w.cols),
          w.format,
          w.scale_dtype,
          PackedCodebook(w.dtype).data()};
}

}  // namespace

void CpuDevice::PackedPanelProduct(const Int8Rows& x, int64_t first, int64_t tokens,
                                   const ops::LinearLayer& layer, int64_t begin, int64_t count, bool add,
                                   float* temp, float* out, int64_t out_stride) const {
  const PackedPanel panel = PanelOf(layer.w, begin, count);
  for (int64_t t = 0; t < tokens; t += kPackedTokens) {
    const int64_t rows = std::min(kPackedTokens, tokens - t);
    kernels_.gemm_packed(x, first + t, rows, panel, temp, count);
    AddBias(layer.bias, begin, count, rows, temp, count);
    for (int64_t r = 0; r < rows; ++r) {
      float* to = out + (t + r) * out_stride;
      if (add) {
        kernels_.add_scaled(temp + r * count, 1.0f, count, to);
      } else {
        std::copy_n(temp + r * count, count, to);
      }
    }
  }
}

void CpuDevice::PackedGatedPanel(const Int8Rows& x, int64_t first, int64_t tokens,
                                 const ops::LinearLayer& gate, const ops::LinearLayer& up, int64_t begin,
                                 int64_t count, float* temp, float* out, int64_t out_stride) const {
  float* ups = temp + kPackedTokens * count;
  for (int64_t t = 0; t < tokens; t += kPackedTokens) {
    const int64_t rows = std::min(kPackedTokens, tokens - t);
    kernels_.gemm_packed(x, first + t, rows, PanelOf(gate.w, begin, count), temp, count);
    AddBias(gate.bias, begin, count, rows, temp, count);
    kernels_.gemm_packed(x, first + t, rows, PanelOf(up.w, begin, count), ups, count);
    AddBias(up.bias, begin, count, rows, ups, count);
    for (int64_t r = 0; r < rows; ++r)
      kernels_.swiglu(temp + r * count, ups + r * count, count, out + (t + r) * out_stride);
  }
}

void CpuDevice::Linear(const Tensor& x, std::span<const LinearJob> jobs, bool add) {
  const int64_t tokens = x.dim(0), in = x.dim(1), float_panel = PanelRows(in);
  const auto panel_of = [&](const LinearJob& job) {
    return job.layer->w.packed() ? kPackedPanelRows : float_panel;
  };
  // The jobs' panels in one row of tasks; first_task[j] is where job j begins.
  std::vector<int64_t> first_task = {0};
  double work = 0;
  bool any_packed = false, any_float = false, any_rounded = false;
  for (const LinearJob& job : jobs) {
    const int64_t panel = panel_of(job);
    first_task.push_back(first_task.back() + (job.layer->out() + panel - 1) / panel);
    work += MatrixWork(job.layer->out(), in, tokens);
    (job.layer->w.packed() ? any_packed : any_float) = true;
    any_rounded = any_rounded || (!job.layer->exact && TakesRounded(job.layer->w));
  }
  const Rows rounded = RowsOf(x, any_rounded, bf16_), exact = {x.f32(), x.stride(0)};
  const Int8Rows integers = any_packed ? Quantize(x, int8_) : Int8Rows();
  ReserveScratch(std::max(any_float ? float_panel * (in + (add ? tokens : 0)) : 0,
                          any_packed ? kPackedPanelRows * std::min(tokens, kPackedTokens) : 0));

  pool_.ParallelFor(first_task.back(), 1, work, [&](int64_t task, int64_t, int thread) {
    const size_t j = static_cast<size_t>(std::upper_bound(first_task.begin(), first_task.end(), task) -
                                         first_task.begin() - 1);
    const ops::LinearLayer& layer = *jobs[j].layer;
    const int64_t panel = panel_of(jobs[j]), begin = (task - first_task[j]) * panel;
    const int64_t count = std::min(panel, layer.out() - begin), out_stride = jobs[j].out.stride(0);
    float* out = jobs[j].out.f32() + begin;
    if (layer.w.packed()) {
      PackedPanelProduct(integers, 0, tokens, layer, begin, count, add, Scratch(thread), out, out_stride);
      return;
    }
    const Rows& rows = layer.exact ? exact : rounded;
    if (!add) {
      PanelProduct(rows, tokens, layer.w, begin, count, Scratch(thread), out, out_stride);
      AddBias(layer.bias, begin, count, tokens, out, out_stride);
      return;
    }
    float* sum = Scratch(thread) + float_panel * in;
    PanelProduct(rows, tokens, layer.w, begin, count, Scratch(thread), sum, count);
    AddBias(layer.bias, begin, count, tokens, sum, count);
    for (int64_t t = 0; t < tokens; ++t)
      kernels_.add_scaled(sum + t * count, 1.0f, count, out + t * out_stride);
  });
}

void CpuDevice::GatedPanel(const Rows& x, int64_t tokens, const ops::LinearLayer& gate,
                           const ops::LinearLayer& up, int64_t begin, int64_t count, float* buffer,
                           float* temp, float* out, int64_t out_stride) const {
  PanelProduct(x, tokens, gate.w, begin, count, buffer, out, out_stride);
  AddBias(gate.bias, begin, count, tokens, out, out_stride);
  PanelProduct(x, tokens, up.w, begin, count, buffer, temp, count);
  AddBias(up.bias, begin, count, tokens, temp, count);
  for (int64_t t = 0; t < tokens; ++t)
    kernels_.swiglu(out + t * out_stride, temp + t * count, count, out + t * out_stride);
}

void CpuDevice::GatedLinear(const Tensor& x, const ops::LinearLayer& gate, const ops::LinearLayer& up,
                            Tensor out) {
  const int64_t tokens = x.dim(0), in = x.dim(1);
  const bool packed = gate.w.packed() && up.w.packed();
  const int64_t panel = packed ? kPackedPanelRows : PanelRows(in);
  const double work = 2 * MatrixWork(gate.out(), in, tokens);
  if (packed) {
    const Int8Rows integers = Quantize(x, int8_);
    ReserveScratch(2 * kPackedPanelRows * kPackedTokens);
    pool_.ParallelFor((gate.out() + panel - 1) / panel, 1, work, [&](int64_t task, int64_t, int thread) {
      const int64_t begin = task * panel, count = std::min(panel, gate.out() - begin);
      PackedGatedPanel(integers, 0, tokens, gate, up, begin, count, Scratch(thread), out.f32() + begin,
                       out.stride(0));
    });
    return;
  }
  const Rows rows = RowsOf(x, TakesRounded(gate.w) || TakesRounded(up.w), bf16_);
  ReserveScratch(panel * (in + tokens));
  pool_.ParallelFor((gate.out() + panel - 1) / panel, 1, work, [&](int64_t task, int64_t, int thread) {
    const int64_t begin = task * panel, count = std::min(panel, gate.out() - begin);
    float* buffer = Scratch(thread);
    GatedPanel(rows, tokens, gate, up, begin, count, buffer, buffer + panel * in, out.f32() + begin,
               out.stride(0));
  });
}

void CpuDevice::HeadLinear(const Tensor& x, const ops::HeadMatrices& m, Tensor out) {
  const int64_t tokens = x.dim(0), stored_rows = m.transposed ? m.in : m.out;
  const bool in_place = MeetInPlace(m.w, tokens);
  const size_t type = static_cast<size_t>(m.w.dtype);
  ReserveScratch(in_place ? 0 : stored_rows * m.w.cols);
  pool_.ParallelFor(
      m.heads, 1, static_cast<double>(m.heads) * MatrixWork(m.out, m.in, tokens),
      [&](int64_t h, int64_t, int thread) {
        const int64_t first = m.first_row + h * m.head_stride;
        const float* from = x.f32() + h * x.stride(1);
        float* to = out.f32() + h * out.stride(1);
        if (m.transposed) {
          for (int64_t t = 0; t < tokens; ++t) std::fill_n(to + t * out.stride(0), m.out, 0.0f);
        }
        if (in_place) {
          const std::byte* w = m.w.data + first * m.w.row_bytes;
          const int64_t stride = m.w.row_bytes / 2;
          if (m.transposed) {
            kernels_.gemm_nn_add_narrow[type](from, x.stride(0), tokens, w, stride, m.in, m.out, to,
                                              out.stride(0));
          } else {
            kernels_.gemm_nt_narrow[type](from, x.stride(0), tokens, w, stride, m.out, m.in, to,
                                          out.stride(0));
          }
          return;
        }
        const Panel w = UnpackRows(m.w, first, stored_rows, Scratch(thread));
        if (!m.transposed) {
          kernels_.gemm_nt(from, x.stride(0), tokens, w.data, w.stride, m.out, m.in, to, out.stride(0));
          return;
        }
        kernels_.gemm_nn_add(from, x.stride(0), tokens, w.data, w.stride, m.in, m.out, to, out.stride(0));
      });
}

}  // namespace mains
