// vnni.cc for processors that look bytes up in two registers at once.
#include "kernels/avx512/dots_vnni.h"

#include "kernels/simd/packed.h"
#include "kernels/simd/slots.h"

namespace mains {

const Int8Slots kAvx512VbmiSlots = {.quantize_row = QuantizeRow, .gemm_packed = GemmPackedOf<OnVectors>};

}  // namespace mains
