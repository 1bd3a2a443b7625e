#include "kernels/avx512/vec.h"

#include "kernels/simd/x86.h"

#include "kernels/simd/vector_slots.h"

namespace mains {

const SimdSlots kAvx512Slots = kVectorSlots;

}  // namespace mains
