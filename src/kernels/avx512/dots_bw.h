// Products of bytes without VNNI: a signed product is |w| times x with the sign of w. Pairs of products fit in
// 16 bits, since codes of activations are within 127.
#pragma once

#include "kernels/avx512/int8.h"

namespace mains {
namespace {

struct Codes {
  __m512i size;
  __mmask64 negative;
};

// Codes that are `bias` too large.
template <int bias>
inline Codes FromBytes(Bytes64 bytes) {
  const __m512i value = _mm512_sub_epi8(bytes, _mm512_set1_epi8(static_cast<char>(bias)));
  return {_mm512_abs_epi8(value), _mm512_movepi8_mask(value)};
}
template <int bias>
inline Codes LoadCodes(const uint8_t* p) {
  return FromBytes<bias>(_mm512_loadu_si512(p));
}
// Codes are their values here, so sums begin at zero.
template <int bias>
inline Ints BeginInts(int32_t) {
  return _mm512_setzero_si512();
}
inline Ints AddDots(Ints sums, const Codes& w, Four x) {
  const __m512i with_sign = _mm512_mask_sub_epi8(x, w.negative, _mm512_setzero_si512(), x);
  const __m512i pairs = _mm512_maddubs_epi16(w.size, with_sign);
  return _mm512_add_epi32(sums, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

}  // namespace
}  // namespace mains
