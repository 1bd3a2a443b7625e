#include "kernels/avx512/dots_bw.h"

#include "kernels/simd/packed.h"
#include "kernels/simd/slots.h"

namespace mains {

const Int8Slots kAvx512Int8Slots = {.quantize_row = QuantizeRow, .gemm_packed = GemmPackedOf<OnVectors>};

}  // namespace mains
