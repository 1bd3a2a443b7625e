#include "kernels/avx512/dots_vnni.h"

#include "kernels/simd/packed.h"
#include "kernels/simd/slots.h"

namespace mains {

const Int8Slots kAvx512VnniSlots = {.quantize_row = QuantizeRow, .gemm_packed = GemmPackedOf<OnVectors>};

}  // namespace mains
