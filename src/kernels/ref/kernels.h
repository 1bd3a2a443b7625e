// The reference kernels: plain C++ that says what every slot of the table means. They run on any
// machine, and every faster table starts as a copy of theirs.
#pragma once

#include "kernels/round.h"
#include "kernels/table.h"

namespace mains::ref {

// A table with every slot filled.
KernelTable Table();

void GemmNt(const float* x, int64_t x_stride, int64_t m, const float* w, int64_t w_stride, int64_t n,
            int64_t k, float* out, int64_t out_stride);
void GemmNnAdd(const float* p, int64_t p_stride, int64_t m, const float* v, int64_t v_stride, int64_t j,
               int64_t n, float* out, int64_t out_stride);
// The same with a narrow right side, by DType.
extern const std::array<KernelTable::GemmNtNarrow, 3> kGemmNtNarrow;
extern const std::array<KernelTable::GemmNnAddNarrow, 3> kGemmNnAddNarrow;

void QuantizeRow(const float* x, int64_t n, const Int8Rows& out, int64_t row);
void GemmPacked(const Int8Rows& x, int64_t first, int64_t m, const PackedPanel& w, float* out,
                int64_t out_stride);

void RoundQ4K(const float* x, int64_t n, std::byte* blocks);
// The head of a block of Q4_K for these scales and minima of its groups, and what they become.
void PutSuperScales(const float* scales, const float* mins, std::byte* block, float* stored_scales,
                    float* stored_mins);
void RoundQ3K(const float* x, int64_t n, std::byte* blocks);
// The scales of a block of Q3_K, and what they become.
void PutThreeBitScales(const float* scales, std::byte* block, float* stored_scales);
void RoundQ8_0(const float* x, int64_t n, std::byte* blocks);
void RoundIq4Nl(const float* x, int64_t n, std::byte* blocks);

void RmsNorm(const float* x, const float* w, int64_t n, float eps, float* out);
float SoftmaxBlock(float* s, int64_t n, float* running_max, float* running_sum);
void SwiGlu(const float* gate, const float* up, int64_t n, float* out);
void Rope(float* x, const float* cos, const float* sin, int64_t pairs, bool interleaved);
void AddScaled(const float* x, float scale, int64_t n, float* out);
void Scale(float scale, int64_t n, float* out);

// To and from the formats of the state.
void StoreF32(const float* in, int64_t n, void* out);
void StoreF16(const float* in, int64_t n, void* out);
void StoreBf16(const float* in, int64_t n, void* out);
void LoadF32(const void* in, int64_t n, float* out);
void LoadF16(const void* in, int64_t n, float* out);
void LoadBf16(const void* in, int64_t n, float* out);

// Sums that grow in 16 lanes, element i in lane i mod 16, and meet in a fixed tree: lane l takes l + 8,
// then l + 4, l + 2, l + 1. Trailing zeros leave the result as it is.
constexpr int kSumLanes = 16;
float FoldLanes(float* lanes);

}  // namespace mains::ref
