#include "kernels/ref/kernels.h"

namespace mains::ref {

KernelTable Table() {
  KernelTable table;
  table.isa = Isa::kReference;
  table.gemm_nt = GemmNt;
  table.gemm_nn_add = GemmNnAdd;
  table.gemm_nt_narrow = kGemmNtNarrow;
  table.gemm_nn_add_narrow = kGemmNnAddNarrow;
  table.quantize_row = QuantizeRow;
  table.gemm_packed = GemmPacked;
  table.unpack.fill(UnpackRow);
  table.from_f32 = {StoreF32, StoreF16, StoreBf16};
  table.to_f32 = {LoadF32, LoadF16, LoadBf16};
  table.round_q3_k = RoundQ3K;
  table.round_q4_k = RoundQ4K;
  table.round_q8_0 = RoundQ8_0;
  table.round_iq4_nl = RoundIq4Nl;
  table.rms_norm = RmsNorm;
  table.softmax_block = SoftmaxBlock;
  table.swiglu = SwiGlu;
  table.rope = Rope;
  table.add_scaled = AddScaled;
  table.scale = Scale;
  return table;
}

}  // namespace mains::ref
