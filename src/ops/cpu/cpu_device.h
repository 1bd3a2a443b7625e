// The CPU device: the kernels of one instruction set under one thread pool. A verb is one parallel
// region, split over outputs only, so that the number of threads changes nothing.
#pragma once

#include <vector>

#include "base/thread_pool.h"
#include "kernels/table.h"
#include "ops/device.h"

namespace mains {

class CpuDevice final : public Device {
 public:
  CpuDevice(Isa isa, int threads, bool round_activations)
      : kernels_(Kernels(isa)), pool_(threads), scratch_(static_cast<size_t>(threads)) {
    if (!round_activations) kernels_.gemm_bf16_scaled = nullptr;
    // Without tiles, where f32 multiplies faster than bf16, it is more exact too. FP8 stays with bf16: its
    // numbers are widened to that, and few tokens wait for memory anyway.
    if (!round_activations || (isa == Isa::kAvx512Bf16 && MultipliesBf16Slowly()))
      kernels_.gemm_bf16 = nullptr;
  }

  // elementwise.cc
  void Embed(const Weight& table, const Tensor& ids, Tensor out) override;
  void GatherRows(const Tensor& x, const Tensor& rows, Tensor out) override;
  void RmsNorm(const Tensor& x, const Vector& w, float eps, Tensor out) override;
  void LayerNorm(const Tensor& x, const Vector& w, const Vector& bias, float eps, Tensor out) override;
  void Add(const Tensor& y, Tensor x) override;
  void Concat(const Tensor& a, const Tensor& b, Tensor out) override;
  void RopeAngles(const Tensor& positions, const ops::RopeTable& table, Tensor out) override;
  void Rope(Tensor x, const Tensor& angles, bool interleaved) override;
  void Append(const Tensor& x, const Batch& batch, int stream, int64_t column) override;
  // linear.cc
  void Linear(const Tensor& x, std::span<const LinearJob> jobs, bool add) override;
  void GatedLinear(const Tensor& x, const ops::LinearLayer& gate, const ops::LinearLayer& up,
                   Tensor out) override;
  void HeadLinear(const Tensor& x, const ops::HeadMatrices& m, Tensor out) override;
  // index.cc
  void IndexScores(const Tensor& q, const Tensor& weights, const SequenceStep& sequence, const Batch& batch,
                   const ops::IndexParams& p, Tensor scores) override;
  void SelectPositions(const Tensor& scores, int64_t past, Tensor out) override;
  // attention.cc
  void Attend(const Tensor& q, const Batch& batch, const ops::AttendParams& p, Tensor out) override;
  void AttendExpanded(const Tensor& q, const ops::HeadMatrices& key, const ops::HeadMatrices& value,
                      const Batch& batch, const ops::LatentParams& p, Tensor out) override;
  // moe.cc
  void Route(const Tensor& logits, const ops::RouterParams& p, ops::Routing out) override;
  void MoeAdd(Context& ctx, const Tensor& x, const ops::Routing& routing, const ops::Experts& experts,
              Tensor residual) override;

 private:
  struct Panel {
    const float* data;
    int64_t stride;
  };
  // Rows [begin, begin + count) of w as f32: unpacked into `buffer` (count * cols floats), or where they
  // lie if they are f32 already.
  Panel UnpackRows(const Weight& w, int64_t begin, int64_t count, float* buffer) const;
  // Rows of activations, and the same rounded to bf16 if `rounded` is not null.
  struct Rows {
    const float* data;
    int64_t stride;
    const uint16_t* rounded = nullptr;
    int64_t rounded_stride = 0;
    Rows From(int64_t row) const {
      return {data + row * stride, stride, rounded == nullptr ? nullptr : rounded + row * rounded_stride,
              rounded_stride};
    }
  };
  // Whether products with w are those of bf16: w is, or is FP8 in blocks.
  bool TakesRounded(const Weight& w) const;
  // Of x [tokens, n], rounded if any of the products that follow can use it; the memory is kept from verb to
  // verb.
  Rows RowsOf(const Tensor& x, bool rounded, std::vector<uint16_t>& memory);
  // PanelProduct of rounded rows with FP8 in blocks.
  void F8PanelProduct(const Rows& x, int64_t tokens, const Weight& w, int64_t begin, int64_t count,
                      float* buffer, float* out, int64_t out_stride) const;
  // out = x w^T of x [tokens, cols] with rows [begin, begin + count) of w; `buffer` as of UnpackRows.
  void PanelProduct(const Rows& x, int64_t tokens, const Weight& w, int64_t begin, int64_t count,
                    float* buffer, float* out, int64_t out_stride) const;
  // Activations as integers, for products with packed weights; the memory is kept from verb to verb.
  struct Int8Memory {
    std::vector<int8_t> codes;
    std::vector<float> scales, scaled_sums;
    std::vector<int32_t> sums;
    Int8Rows Reserve(int64_t rows, int64_t cols);
  };
  Int8Rows Quantize(const Tensor& x, Int8Memory& memory);
  // out (+)= x w^T + bias of rows [first, first + tokens) of x with a panel of a packed weight; `temp` holds
  // kPackedTokens rows of the panel.
  void PackedPanelProduct(const Int8Rows& x, int64_t first, int64_t tokens, const ops::LinearLayer& layer,
                          int64_t begin, int64_t count, bool add, float* temp, float* out,
                          int64_t out_stride) const;
  // The same of gate and up, as GatedPanel; `temp` holds twice as much.
  void PackedGatedPanel(const Int8Rows& x, int64_t first, int64_t tokens, const ops::LinearLayer& gate,
                        const ops::LinearLayer& up, int64_t begin, int64_t count, float* temp, float* out,
                        int64_t out_stride) const;
  struct SortedPairs;
  void ExpertsGated(const Tensor& x, int64_t top_k, const SortedPairs& sorted, const ops::Experts& experts,
                    Context& ctx, Tensor hidden);
  void ExpertsDown(const Tensor& hidden, const SortedPairs& sorted, const ops::Experts& experts, Tensor y);
  // x w^T of a panel of rows into `out`, through gate and up: silu(x gate^T + b) * (x up^T + b).
  // `buffer` holds one panel, `temp` [tokens, count].
  void GatedPanel(const Rows& x, int64_t tokens, const ops::LinearLayer& gate, const ops::LinearLayer& up,
                  int64_t begin, int64_t count, float* buffer, float* temp, float* out,
                  int64_t out_stride) const;
  // Keys or values [count, width] of one page from `column` on, as f32 (see UnpackRows).
  Panel ReadPage(const Batch& batch, int stream, const SequenceStep& s, int64_t page, int64_t count,
                 int64_t column, int64_t width, float* buffer) const;
  void AttendSelected(const Tensor& q, const Batch& batch, const ops::AttendParams& p, Tensor out);
  // Keys or values of one page where they lie, in the numbers of the state.
  struct StatePanel {
    const void* data;
    int64_t stride;
    DType dtype;
  };
  static StatePanel Wide(Panel p) { return {p.data, p.stride, DType::kF32}; }
  // Keys or values of any positions: as they are if `narrow`, else as f32.
  StatePanel GatherPositions(const Batch& batch, int stream, const SequenceStep& s,
                             std::span<const int32_t> positions, int64_t column, int64_t width, bool narrow,
                             float* buffer) const;
  static StatePanel PageAt(const Batch& batch, int stream, const SequenceStep& s, int64_t page,
                           int64_t column);
  // Where state is bf16 and has products of its own, queries and weights are rounded for it: how; else null.
  KernelTable::FromF32 RoundingFor(const Batch& batch, int key_stream, int value_stream) const;
  struct SoftmaxRows;
  struct HeadExpander;
  struct AttentionTile;
  void AttendBlock(SoftmaxRows& rows, int64_t block, int64_t keys, StatePanel key, StatePanel value) const;
  void AttendPage(const Batch& batch, const ops::AttendParams& p, const AttentionTile& tile, int64_t block,
                  SoftmaxRows& rows, float* page_buffer) const;
  void MergeSpan(const SoftmaxRows& span, SoftmaxRows& all) const;

  // `floats` of scratch for each thread; valid until the next call.
  void ReserveScratch(int64_t floats);
  float* Scratch(int thread) { return scratch_[static_cast<size_t>(thread)].data(); }

  KernelTable kernels_;
  ThreadPool pool_;
  std::vector<std::vector<float>> scratch_;
  std::vector<float> span_memory_;  // of attention whose spans are shared out
  Int8Memory int8_, int8_inner_;
  std::vector<uint16_t> bf16_;
};

// Of packed weights: tokens whose products with a panel are held at a time, and rows of a panel. 256 x 64
// sums are 64 KiB, which stay in the second level beside the panel.
constexpr int64_t kPackedTokens = 256;
constexpr int64_t kPackedPanelRows = 64;

// Rows of a weight that are unpacked and multiplied together: as many as fill half of a 1 MiB L2 with
// f32, so that the panel stays there while all tokens pass over it.
int64_t PanelRows(int64_t cols);

// Operations, as ThreadPool::ParallelFor counts them: of a matrix [out, in] that is unpacked once and
// multiplied with `rows` vectors; and of attention to all positions, or to `at_most` of them if that is not
// 0, by heads whose keys and values have `dims` numbers together.
double MatrixWork(int64_t out, int64_t in, int64_t rows);
double AttentionWork(const Batch& batch, int64_t heads, int64_t dims, int64_t at_most);

}  // namespace mains
