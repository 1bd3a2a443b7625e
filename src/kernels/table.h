// The kernels of one instruction set: functions on raw pointers for one tile or row range, without
// tensors, threads or allocation. Every table starts as a copy of the reference (ref/) and overrides
// the slots for which its instruction set has something faster.
//
// One contract for all slots: the value of an output element depends only on its own inputs and on the
// lengths it is reduced over, never on how many rows or columns are computed beside it. So a row gives
// the same bits alone, in a batch, in a chunk of a prompt, and on any number of threads.
// Unless stated otherwise nothing needs to be aligned, strides are in elements, and inputs may not
// overlap outputs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "tensor/dtype.h"
#include "tensor/weight.h"

namespace mains {

// Keys are attended in blocks of this many, counted from position 0, so that the order of the sums
// depends on positions only. It is also the number of positions in a page of the state.
constexpr int64_t kKeyBlock = 64;

// Left rows of gemm_bf16 are filled up with zeros to a multiple of this.
constexpr int64_t kBf16Step = 32;

// Rows of activations as 8-bit integers, the left side of a product with packed weights. A group of 32
// columns of row r is codes[r * code_stride + 32 g...], each times scales[r * group_stride + g]; sums holds,
// at 2 (r * group_stride + g), the sum of the codes of either half, and scaled_sums the scale times the sum
// of all. Columns are filled up with zeros to whole blocks of 64.
struct Int8Rows {
  int8_t* codes = nullptr;
  float* scales = nullptr;
  int32_t* sums = nullptr;
  float* scaled_sums = nullptr;
  int64_t code_stride = 0;   // a multiple of 64
  int64_t group_stride = 0;  // code_stride / 32
};

// Rows of a packed weight (tensor/packed.h), from the first of a block of sixteen.
struct PackedPanel {
  const std::byte* data = nullptr;
  int64_t stride = 0;  // bytes from sixteen rows to the next
  int64_t rows = 0;    // of the weight, the columns of the product
  int64_t blocks = 0;  // of 64 columns
  WeightFormat format = WeightFormat::kPacked8;
  DType scale_dtype = DType::kF16;
  const uint8_t* codebook = nullptr;  // of kPacked4 and kPacked4X
};

// Weights of a softmax below e^this change no sum of f32, and count as nothing: further down lie denormals,
// with which some processors multiply many times as slowly.
constexpr float kLeastExponent = -64.0f;

struct KernelTable {
  Isa isa = Isa::kReference;

  // out[m, n] = sum_k x[m, k] * w[n, k], both with k contiguous.
  void (*gemm_nt)(const float* x, int64_t x_stride, int64_t m, const float* w, int64_t w_stride, int64_t n,
                  int64_t k, float* out, int64_t out_stride) = nullptr;

  // One row of n numbers to row `row` of `out`. A group's scale is its largest magnitude / 127; a code is the
  // nearest integer to x * (127 / largest), ties to even. A group of nothing above 1e-30 is all zeros; one
  // with a number that is not finite has the scale NaN.
  void (*quantize_row)(const float* x, int64_t n, const Int8Rows& out, int64_t row) = nullptr;

  // out[m, n] = x w^T for rows [first, first + m) of x. Of a group of 32 columns, the sum of products of
  // codes (in kPacked6K and kPacked3K times the scales of their halves, in kPacked4X times that of the group)
  // is an exact integer; from there, group by group in their order, acc = fma(float(sum), weight scale *
  // activation scale, acc), and of kPacked4K and kPacked5K then acc = fma(-minimum, activation scale *
  // float(sum of activation codes), acc), of kPacked4M and kPacked5M fma(minimum, the same, acc); of
  // kPacked2K likewise fma(-dmin, activation scale * float(sum over halves of minimum * sum of activation
  // codes), acc). Of i-quants (tensor/packed_grids.h) the sum is that of both halves, each times 2 scale + 1,
  // and the weight's scale d * unit. The same bits in every table, for any m.
  void (*gemm_packed)(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, float* out,
                      int64_t out_stride) = nullptr;

  // out[m, n] += sum_j p[m, j] * v[j, n], added in the order of j.
  void (*gemm_nn_add)(const float* p, int64_t p_stride, int64_t m, const float* v, int64_t v_stride,
                      int64_t j, int64_t n, float* out, int64_t out_stride) = nullptr;

  // The same with w, or v, in numbers of 16 bits, as state and many weights are kept: kF32, kF16 and kBF16
  // are filled, indexed by DType. The bits are those of a product with the same numbers as f32.
  using GemmNtNarrow = void (*)(const float* x, int64_t x_stride, int64_t m, const void* w, int64_t w_stride,
                                int64_t n, int64_t k, float* out, int64_t out_stride);
  using GemmNnAddNarrow = void (*)(const float* p, int64_t p_stride, int64_t m, const void* v,
                                   int64_t v_stride, int64_t j, int64_t n, float* out, int64_t out_stride);
  std::array<GemmNtNarrow, 3> gemm_nt_narrow{};
  std::array<GemmNnAddNarrow, 3> gemm_nn_add_narrow{};

  // gemm_nt of bf16 with bf16, rows of x filled up with zeros to kBf16Step: products are exact, sums f32, in
  // an order that depends on k alone; denormals count as zeros. Null where the instruction set has no such
  // product.
  void (*gemm_bf16)(const uint16_t* x, int64_t x_stride, int64_t m, const uint16_t* w, int64_t w_stride,
                    int64_t n, int64_t k, float* out, int64_t out_stride) = nullptr;
  // The same where `block` columns of w at a time, a multiple of kBf16Step, have a scale: sum over blocks b
  // of scales[n, b] * (sum over k in b of x[m, k] * w[n, k]). For FP8, whose numbers are bf16 too: widen_f8
  // gives those of E4M3 exactly. Null together with gemm_bf16.
  void (*gemm_bf16_scaled)(const uint16_t* x, int64_t x_stride, int64_t m, const uint16_t* w,
                           int64_t w_stride, int64_t n, int64_t k, const float* scales, int64_t scale_stride,
                           int64_t block, float* out, int64_t out_stride) = nullptr;
  void (*widen_f8)(const uint8_t* in, int64_t n, uint16_t* out) = nullptr;
  // gemm_nn_add of bf16 with bf16 in the same way, rows of p filled up with zeros to kBf16Step. Rows of p
  // that end in zeros give the bits of shorter ones, but for infinities and NaN that the zeros meet. Null
  // together with gemm_bf16.
  void (*gemm_nn_add_bf16)(const uint16_t* p, int64_t p_stride, int64_t m, const uint16_t* v,
                           int64_t v_stride, int64_t j, int64_t n, float* out, int64_t out_stride) = nullptr;

  // A whole row of weights as f32; the same bits as UnpackRow (tensor/weight.h), the reference.
  // Indexed by UnpackSlot.
  using Unpack = void (*)(const WeightRow& row, int64_t cols, float* out);
  std::array<Unpack, kDTypeCount + static_cast<size_t>(WeightFormat::kPacked3S)> unpack{};

  // n weights rounded to blocks of Q3_K, Q4_K, Q8_0 or IQ4_NL (tensor/gguf_blocks.cc); n is a multiple of
  // 256, for the last two of 32. A group's scale (of Q4_K, with its minimum) is that of the least squared
  // error for its codes; in 3 and 4 bits the best of nine to eleven: divisions of the range, or what takes
  // the number of largest magnitude near either end of the codes. A block with a number that is not finite
  // has the scale NaN. The same bits in every table.
  using RoundRow = void (*)(const float* x, int64_t n, std::byte* blocks);
  RoundRow round_q3_k = nullptr, round_q4_k = nullptr, round_q8_0 = nullptr, round_iq4_nl = nullptr;

  // Conversions of `n` numbers, for the state: kF32, kF16 and kBF16 are filled. F16 saturates; infinity
  // stays.
  using FromF32 = void (*)(const float* in, int64_t n, void* out);
  using ToF32 = void (*)(const void* in, int64_t n, float* out);
  std::array<FromF32, 3> from_f32{};  // indexed by DType
  std::array<ToF32, 3> to_f32{};

  // out[i] = x[i] / sqrt(mean(x^2) + eps) * w[i]; w may be null (all ones); out may be x.
  // Squares that overflow give NaN: divided by infinity, a row would become plausible zeros.
  void (*rms_norm)(const float* x, const float* w, int64_t n, float eps, float* out) = nullptr;

  // One step of a softmax over blocks of scores. Replaces s[i] by exp(s[i] - new_max), updates the
  // running maximum and sum, and returns the factor exp(old_max - new_max) by which whatever was
  // accumulated before must be scaled (0 at the first block, when *running_max is -infinity). Scores of
  // -infinity give 0; a block of nothing else leaves the running values alone and returns 1. What is below
  // e^kLeastExponent is 0.
  float (*softmax_block)(float* s, int64_t n, float* running_max, float* running_sum) = nullptr;

  // out[i] = silu(gate[i]) * up[i]; out may be gate.
  void (*swiglu)(const float* gate, const float* up, int64_t n, float* out) = nullptr;

  // Rotates `pairs` pairs of x in place by (cos[i], sin[i]). Pair i is (x[i], x[i + pairs]), or
  // (x[2i], x[2i + 1]) if interleaved.
  void (*rope)(float* x, const float* cos, const float* sin, int64_t pairs, bool interleaved) = nullptr;

  // out[i] += scale * x[i].
  void (*add_scaled)(const float* x, float scale, int64_t n, float* out) = nullptr;
  // out[i] *= scale.
  void (*scale)(float scale, int64_t n, float* out) = nullptr;
};

// Where KernelTable::unpack keeps the unpacker of this row: its DType for plain rows, one slot more for
// each other WeightFormat.
constexpr int UnpackSlot(WeightFormat format, DType dtype) {
  return format == WeightFormat::kPlain ? static_cast<int>(dtype)
                                        : kDTypeCount - 1 + static_cast<int>(format);
}

// The table of an instruction set that this processor supports (base/cpu.h: IsaSupported).
const KernelTable& Kernels(Isa isa);
// The same for one that it may not support: for tests that emulate what is missing.
const KernelTable& KernelsUnchecked(Isa isa);

}  // namespace mains
