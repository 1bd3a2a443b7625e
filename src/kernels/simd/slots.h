// What the vector instruction sets add to the reference. A plain structure, because the files that
// fill it are compiled for processors that the rest of the program may not run on: an inline function
// of the standard library instantiated there could be the copy that the linker keeps for everyone.
#pragma once

#include "kernels/table.h"

namespace mains {

struct SimdUnpack {
  int slot;  // UnpackSlot
  KernelTable::Unpack unpack;
};

struct Int8Slots {
  decltype(KernelTable::quantize_row) quantize_row;
  decltype(KernelTable::gemm_packed) gemm_packed;
};

struct Bf16Slots {
  decltype(KernelTable::gemm_bf16) gemm_bf16;
  decltype(KernelTable::gemm_nn_add_bf16) gemm_nn_add_bf16;
};

struct F8Slots {
  decltype(KernelTable::gemm_bf16_scaled) gemm_bf16_scaled;
  decltype(KernelTable::widen_f8) widen_f8;
};

struct SimdSlots {
  decltype(KernelTable::gemm_nt) gemm_nt;
  decltype(KernelTable::gemm_nn_add) gemm_nn_add;
  KernelTable::GemmNtNarrow gemm_nt_f32, gemm_nt_f16, gemm_nt_bf16;
  KernelTable::GemmNnAddNarrow gemm_nn_add_f32, gemm_nn_add_f16, gemm_nn_add_bf16;
  const SimdUnpack* unpack;
  int unpack_count;
  KernelTable::FromF32 store_f16, store_bf16;
  KernelTable::ToF32 load_f16, load_bf16;
  KernelTable::RoundRow round_q3_k, round_q4_k, round_q8_0, round_iq4_nl;
  decltype(KernelTable::rms_norm) rms_norm;
  decltype(KernelTable::softmax_block) softmax_block;
  decltype(KernelTable::swiglu) swiglu;
  decltype(KernelTable::rope) rope;
  decltype(KernelTable::add_scaled) add_scaled;
  decltype(KernelTable::scale) scale;
};

// Defined on 64-bit Arm only.
extern const SimdSlots kNeonSlots;
extern const Int8Slots kNeonInt8Slots;
extern const Int8Slots kNeonDotInt8Slots;

// Defined on x86-64 only.
extern const SimdSlots kAvx2Slots;
extern const SimdSlots kAvx512Slots;
extern const Int8Slots kAvx2Int8Slots;
extern const Int8Slots kAvxVnniSlots;
extern const Int8Slots kAvx512Int8Slots;
extern const Int8Slots kAvx512VnniSlots;
extern const Int8Slots kAvx512VbmiSlots;
extern const Bf16Slots kAvx512Bf16Slots;
extern const F8Slots kAvx512F8Slots;
extern const Int8Slots kAmxInt8Slots;
extern const Bf16Slots kAmxBf16Slots;

}  // namespace mains
