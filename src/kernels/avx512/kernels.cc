#include "kernels/avx512/vec.h"

#include "kernels/simd/x86.h"

#include "kernels/avx512/columns.h"
#include "kernels/simd/vector_slots.h"

namespace mains {
namespace {

constexpr SimdSlots WithColumns(SimdSlots slots) {
  slots.gemm_nt = GemmNtOfF32Rows;
  slots.gemm_nt_f32 = GemmNtOfRows<F32Columns, Floats>;
  slots.gemm_nt_f16 = GemmNtOfRows<F16Columns, F16s>;
  slots.gemm_nt_bf16 = GemmNtOfRows<Bf16Columns, Bf16s>;
  return slots;
}

}  // namespace

const SimdSlots kAvx512Slots = WithColumns(kVectorSlots);

}  // namespace mains
