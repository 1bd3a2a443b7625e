// Products of bytes with VNNI: one instruction multiplies 64 unsigned codes with 64 signed ones and adds four
// products to each of 16 sums. By how much codes are too large, the sums begin with.
#pragma once

#include "kernels/avx512/int8.h"

namespace mains {
namespace {

using Codes = __m512i;

template <int bias>
inline Codes FromBytes(Bytes64 bytes) {
  return bytes;
}
template <int bias>
inline Codes LoadCodes(const uint8_t* p) {
  return _mm512_loadu_si512(p);
}
// What products of codes that are `bias` too large begin with: `sum` is that of the activations' codes.
template <int bias>
inline Ints BeginInts(int32_t sum) {
  return _mm512_set1_epi32(-bias * sum);
}
inline Ints AddDots(Ints sums, Codes w, Four x) {
  return _mm512_dpbusd_epi32(sums, w, x);
}

}  // namespace
}  // namespace mains
