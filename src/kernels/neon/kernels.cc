#include "kernels/neon/vec.h"

#include "kernels/neon/bytes.h"
#include "kernels/neon/int8.h"
#include "kernels/simd/packed.h"
#include "kernels/simd/vector_slots.h"

namespace mains {

const SimdSlots kNeonSlots = kVectorSlots;
const Int8Slots kNeonInt8Slots = {.quantize_row = QuantizeRow, .gemm_packed = GemmPackedOf<OnVectors>};

}  // namespace mains
