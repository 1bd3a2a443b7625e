#include "base/check.h"
#include "kernels/ref/kernels.h"
#include "kernels/simd/slots.h"
#include "kernels/table.h"

namespace mains {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)
KernelTable Override(Isa isa, const SimdSlots& slots, const Int8Slots& int8, const Bf16Slots& bf16 = {},
                     const F8Slots& f8 = {}) {
  KernelTable table = ref::Table();
  table.isa = isa;
  table.gemm_nt = slots.gemm_nt;
  table.gemm_nn_add = slots.gemm_nn_add;
  table.gemm_nt_narrow = {slots.gemm_nt_f32, slots.gemm_nt_f16, slots.gemm_nt_bf16};
  table.gemm_nn_add_narrow = {slots.gemm_nn_add_f32, slots.gemm_nn_add_f16, slots.gemm_nn_add_bf16};
  table.quantize_row = int8.quantize_row;
  table.gemm_packed = int8.gemm_packed;
  table.gemm_bf16 = bf16.gemm_bf16;
  table.gemm_nn_add_bf16 = bf16.gemm_nn_add_bf16;
  table.gemm_bf16_scaled = f8.gemm_bf16_scaled;
  table.widen_f8 = f8.widen_f8;
  for (int i = 0; i < slots.unpack_count; ++i) {
    table.unpack[static_cast<size_t>(slots.unpack[i].slot)] = slots.unpack[i].unpack;
  }
  table.from_f32[static_cast<size_t>(DType::kF16)] = slots.store_f16;
  table.from_f32[static_cast<size_t>(DType::kBF16)] = slots.store_bf16;
  table.to_f32[static_cast<size_t>(DType::kF16)] = slots.load_f16;
  table.to_f32[static_cast<size_t>(DType::kBF16)] = slots.load_bf16;
  table.round_q3_k = slots.round_q3_k;
  table.round_q4_k = slots.round_q4_k;
  table.round_q8_0 = slots.round_q8_0;
  table.round_iq4_nl = slots.round_iq4_nl;
  table.rms_norm = slots.rms_norm;
  table.softmax_block = slots.softmax_block;
  table.swiglu = slots.swiglu;
  table.rope = slots.rope;
  table.add_scaled = slots.add_scaled;
  table.scale = slots.scale;
  return table;
}
#endif

}  // namespace

const KernelTable& Kernels(Isa isa) {
  CHECK(IsaSupported(isa)) << IsaName(isa);
  return KernelsUnchecked(isa);
}

const KernelTable& KernelsUnchecked(Isa isa) {
#if defined(__x86_64__)
  static const KernelTable avx2 = Override(Isa::kAvx2, kAvx2Slots, kAvx2Int8Slots);
  static const KernelTable avxvnni = Override(Isa::kAvxVnni, kAvx2Slots, kAvxVnniSlots);
  static const KernelTable avx512 = Override(Isa::kAvx512, kAvx512Slots, kAvx512Int8Slots);
  static const KernelTable avx512vnni = Override(Isa::kAvx512Vnni, kAvx512Slots, kAvx512VnniSlots);
  static const KernelTable avx512bf16 =
      Override(Isa::kAvx512Bf16, kAvx512Slots, kAvx512VbmiSlots, kAvx512Bf16Slots, kAvx512F8Slots);
  // Scales in the middle of a sum, as FP8 has them, are the vectors' work.
  static const KernelTable amx =
      Override(Isa::kAmx, kAvx512Slots, kAmxInt8Slots, kAmxBf16Slots, kAvx512F8Slots);
  if (isa == Isa::kAvx2) return avx2;
  if (isa == Isa::kAvxVnni) return avxvnni;
  if (isa == Isa::kAvx512) return avx512;
  if (isa == Isa::kAvx512Vnni) return avx512vnni;
  if (isa == Isa::kAvx512Bf16) return avx512bf16;
  if (isa == Isa::kAmx) return amx;
#elif defined(__aarch64__)
  static const KernelTable neon = Override(Isa::kNeon, kNeonSlots, kNeonInt8Slots);
  static const KernelTable neon_dot = Override(Isa::kNeonDot, kNeonSlots, kNeonDotInt8Slots);
  if (isa == Isa::kNeon) return neon;
  if (isa == Isa::kNeonDot) return neon_dot;
#endif
  static const KernelTable reference = ref::Table();
  return reference;
}

}  // namespace mains
