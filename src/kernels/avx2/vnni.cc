#include "kernels/avx2/dots_vnni.h"

#include "kernels/simd/packed.h"
#include "kernels/simd/slots.h"

namespace mains {

const Int8Slots kAvxVnniSlots = {.quantize_row = QuantizeRow, .gemm_packed = GemmPackedOf<OnVectors>};

}  // namespace mains
