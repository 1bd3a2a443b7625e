// Products of bytes with VNNI: one instruction multiplies 64 unsigned codes with 64 signed ones and adds four
// products to each of 16 sums.
#pragma once

#include "kernels/avx512/int8.h"

#include "kernels/simd/biased_codes.h"

namespace mains {
namespace {

inline Ints AddDots(Ints sums, Codes w, Four x) {
  return _mm512_dpbusd_epi32(sums, w, x);
}

}  // namespace
}  // namespace mains
