// What codes of 4 bits stand for in formats with a codebook. Plain arrays: see kernels/simd/slots.h.
#pragma once

#include <cstdint>

namespace mains {

// IQ4_NL and IQ4_XS.
constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
// Of MXFP4, doubled: E2M1 has halves.
constexpr int8_t kTwiceE2M1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace mains
