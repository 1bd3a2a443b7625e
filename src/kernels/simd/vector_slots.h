// The slots that simd/*.h fill, for the vocabulary that was included before: the same list for every
// instruction set.
#pragma once

#include "kernels/simd/gemm.h"
#include "kernels/simd/rows.h"
#include "kernels/simd/slots.h"
#include "kernels/simd/unpack.h"

// Over the conversions of unpack.h.
#include "kernels/simd/round.h"

namespace mains {
namespace {

constexpr SimdSlots kVectorSlots = {
    .gemm_nt = GemmNt,
    .gemm_nn_add = GemmNnAdd,
    .gemm_nt_f32 = GemmNtNarrow<Floats>,
    .gemm_nt_f16 = GemmNtNarrow<F16s>,
    .gemm_nt_bf16 = GemmNtNarrow<Bf16s>,
    .gemm_nn_add_f32 = GemmNnAddNarrow<Floats>,
    .gemm_nn_add_f16 = GemmNnAddNarrow<F16s>,
    .gemm_nn_add_bf16 = GemmNnAddNarrow<Bf16s>,
    .unpack = kUnpackers,
    .unpack_count = sizeof(kUnpackers) / sizeof(kUnpackers[0]),
    .store_f16 = StoreF16,
    .store_bf16 = StoreBf16,
    .load_f16 = LoadF16,
    .load_bf16 = LoadBf16,
    .round_q3_k = RoundQ3K,
    .round_q4_k = RoundQ4K,
    .round_q8_0 = RoundQ8_0,
    .round_iq4_nl = RoundIq4Nl,
    .rms_norm = RmsNorm,
    .softmax_block = SoftmaxBlock,
    .swiglu = SwiGlu,
    .rope = Rope,
    .add_scaled = AddScaled,
    .scale = Scale,
};

}  // namespace
}  // namespace mains
