#include "kernels/avx2/vec.h"

#include "kernels/simd/x86.h"

#include "kernels/avx2/dots.h"
#include "kernels/simd/packed.h"
#include "kernels/simd/vector_slots.h"

namespace mains {

const SimdSlots kAvx2Slots = kVectorSlots;
const Int8Slots kAvx2Int8Slots = {.quantize_row = QuantizeRow, .gemm_packed = GemmPackedOf<OnVectors>};

}  // namespace mains
