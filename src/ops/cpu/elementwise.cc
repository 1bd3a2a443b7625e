#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/cpu/cpu_device.h"

namespace mains {
namespace {

// Below this many numbers a parallel region costs more than it saves.
constexpr int64_t kMinNumbersPerTask = 16384;

int64_t Grain(int64_t numbers_per_item) {
  return std::max<int64_t>(1, kMinNumbersPerTask / std::max<int64_t>(1, numbers_per_item));
}

}  // namespace

void CpuDevice::ReserveScratch(int64_t floats) {
  for (std::vector<float>& s : scratch_) {
    if (static_cast<int64_t>(s.size()) < floats) s.resize(static_cast<size_t>(floats));
  }
}

void CpuDevice::Embed(const Weight& table, const Tensor& ids, Tensor out) {
  pool_.ParallelFor(ids.dim(0), Grain(table.cols), [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      kernels_.unpack[static_cast<size_t>(UnpackSlot(table.format, table.dtype))](table.Row(ids.i32()[t]),
                                                                                  table.cols, out.Row(t));
    }
  });
}

void CpuDevice::GatherRows(const Tensor& x, const Tensor& rows, Tensor out) {
  for (int64_t i = 0; i < rows.dim(0); ++i) std::copy_n(x.Row(rows.i32()[i]), x.dim(1), out.Row(i));
}

void CpuDevice::RmsNorm(const Tensor& x, const Vector& w, float eps, Tensor out) {
  const int64_t heads = x.dim(1), n = x.dim(2);
  pool_.ParallelFor(x.dim(0), Grain(heads * n), [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t h = 0; h < heads; ++h) {
        kernels_.rms_norm(x.Row(t) + h * x.stride(1), w.data(), n, eps, out.Row(t) + h * out.stride(1));
      }
    }
  });
}

void CpuDevice::LayerNorm(const Tensor& x, const Vector& w, const Vector& bias, float eps, Tensor out) {
  const int64_t n = x.dim(1);
  pool_.ParallelFor(x.dim(0), Grain(4 * n), [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      const float* in = x.Row(t);
      double sum = 0, squares = 0;
      for (int64_t i = 0; i < n; ++i) sum += in[i];
      const double mean = sum / static_cast<double>(n);
      for (int64_t i = 0; i < n; ++i) squares += (in[i] - mean) * (in[i] - mean);
      const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + eps);
      for (int64_t i = 0; i < n; ++i) {
        out.Row(t)[i] = static_cast<float>((in[i] - mean) * scale * w.data()[i] + bias.data()[i]);
      }
    }
  });
}

void CpuDevice::Add(const Tensor& y, Tensor x) {
  pool_.ParallelFor(x.elements(), kMinNumbersPerTask, [&](int64_t begin, int64_t end, int) {
    kernels_.add_scaled(y.f32() + begin, 1.0f, end - begin, x.f32() + begin);
  });
}

void CpuDevice::Concat(const Tensor& a, const Tensor& b, Tensor out) {
  for (int64_t t = 0; t < out.dim(0); ++t) {
    for (int64_t h = 0; h < out.dim(1); ++h) {
      float* to = out.Row(t) + h * out.stride(1);
      std::copy_n(a.Row(t) + h * a.stride(1), a.dim(2), to);
      std::copy_n(b.Row(t) + h * b.stride(1), b.dim(2), to + a.dim(2));
    }
  }
}

void CpuDevice::RopeAngles(const Tensor& positions, const ops::RopeTable& table, Tensor out) {
  const int64_t pairs = out.dim(2);
  // 64 stands for the cost of a sine and a cosine in copied numbers.
  pool_.ParallelFor(positions.dim(0), Grain(64 * pairs), [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      const float position = static_cast<float>(positions.i32()[t]);
      for (int64_t i = 0; i < pairs; ++i) {
        // The product is rounded to f32 as in training; its sine and cosine are then exact to f32.
        const double angle = position * table.inv_freq[static_cast<size_t>(i)];
        out.Row(t)[i] = static_cast<float>(std::cos(angle)) * table.magnitude;
        out.Row(t)[pairs + i] = static_cast<float>(std::sin(angle)) * table.magnitude;
      }
    }
  });
}

void CpuDevice::Rope(Tensor x, const Tensor& angles, bool interleaved) {
  const int64_t heads = x.dim(1), pairs = angles.dim(2);
  pool_.ParallelFor(x.dim(0), Grain(2 * heads * pairs), [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t h = 0; h < heads; ++h) {
        kernels_.rope(x.Row(t) + h * x.stride(1), angles.Row(t), angles.Row(t) + pairs, pairs, interleaved);
      }
    }
  });
}

void CpuDevice::Append(const Tensor& x, const Batch& batch, int stream, int64_t column) {
  const StateStream& st = batch.streams[static_cast<size_t>(stream)];
  const KernelTable::FromF32 store = kernels_.from_f32[static_cast<size_t>(st.dtype)];
  for (const SequenceStep& s : batch.sequences) {
    pool_.ParallelFor(s.rows, Grain(x.dim(1)), [&](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; ++r) {
        store(x.Row(s.first_row + r), x.dim(1), s.At(st, s.past + r) + ByteSize(st.dtype, column));
      }
    });
  }
}

std::unique_ptr<Device> MakeCpuDevice(Isa isa, int threads, bool round_activations) {
  return std::make_unique<CpuDevice>(isa, threads, round_activations);
}

}  // namespace mains
