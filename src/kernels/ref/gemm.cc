// Relies on nothing but IEEE 754 single precision with no operations fused: every product is rounded,
// then added.
#include "kernels/ref/kernels.h"
#include "tensor/convert.h"

namespace mains::ref {
namespace {

// Numbers of the right side.
struct Floats {
  using Number = float;
  static float Wide(float a) { return a; }
};
struct F16s {
  using Number = uint16_t;
  static float Wide(uint16_t a) { return F32FromF16(a); }
};
struct Bf16s {
  using Number = uint16_t;
  static float Wide(uint16_t a) { return F32FromBf16(a); }
};

template <typename W>
float Dot(const float* a, const typename W::Number* b, int64_t k) {
  float lanes[kSumLanes] = {};
  int64_t i = 0;
  for (; i + kSumLanes <= k; i += kSumLanes) {
    for (int l = 0; l < kSumLanes; ++l) lanes[l] += a[i + l] * W::Wide(b[i + l]);
  }
  for (int l = 0; i + l < k; ++l) lanes[l] += a[i + l] * W::Wide(b[i + l]);
  return FoldLanes(lanes);
}

template <typename W>
void GemmNtOf(const float* x, int64_t x_stride, int64_t m, const void* w, int64_t w_stride, int64_t n,
              int64_t k, float* out, int64_t out_stride) {
  const auto* rows = static_cast<const typename W::Number*>(w);
  for (int64_t row = 0; row < m; ++row) {
    for (int64_t col = 0; col < n; ++col) {
      out[row * out_stride + col] = Dot<W>(x + row * x_stride, rows + col * w_stride, k);
    }
  }
}

template <typename W>
void GemmNnAddOf(const float* p, int64_t p_stride, int64_t m, const void* v, int64_t v_stride, int64_t j,
                 int64_t n, float* out, int64_t out_stride) {
  const auto* rows = static_cast<const typename W::Number*>(v);
  for (int64_t row = 0; row < m; ++row) {
    float* out_row = out + row * out_stride;
    for (int64_t step = 0; step < j; ++step) {
      const float factor = p[row * p_stride + step];
      const auto* v_row = rows + step * v_stride;
      for (int64_t col = 0; col < n; ++col) out_row[col] += factor * W::Wide(v_row[col]);
    }
  }
}

}  // namespace

float FoldLanes(float* lanes) {
  for (int width = kSumLanes / 2; width > 0; width /= 2) {
    for (int l = 0; l < width; ++l) lanes[l] += lanes[l + width];
  }
  return lanes[0];
}

const std::array<KernelTable::GemmNtNarrow, 3> kGemmNtNarrow = {GemmNtOf<Floats>, GemmNtOf<F16s>,
                                                                GemmNtOf<Bf16s>};
const std::array<KernelTable::GemmNnAddNarrow, 3> kGemmNnAddNarrow = {GemmNnAddOf<Floats>, GemmNnAddOf<F16s>,
                                                                      GemmNnAddOf<Bf16s>};

void GemmNt(const float* x, int64_t x_stride, int64_t m, const float* w, int64_t w_stride, int64_t n,
            int64_t k, float* out, int64_t out_stride) {
  GemmNtOf<Floats>(x, x_stride, m, w, w_stride, n, k, out, out_stride);
}

void GemmNnAdd(const float* p, int64_t p_stride, int64_t m, const float* v, int64_t v_stride, int64_t j,
               int64_t n, float* out, int64_t out_stride) {
  GemmNnAddOf<Floats>(p, p_stride, m, v, v_stride, j, n, out, out_stride);
}

}  // namespace mains::ref
