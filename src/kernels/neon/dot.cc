// The integer products of int8.h once more, with the dot-product extension.
#include "kernels/neon/int8.h"

#include "kernels/simd/packed.h"
#include "kernels/simd/slots.h"

namespace mains {

const Int8Slots kNeonDotInt8Slots = {.quantize_row = QuantizeRow, .gemm_packed = GemmPackedOf<OnVectors>};

}  // namespace mains
