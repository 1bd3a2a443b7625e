// Products of bytes with AVX-VNNI: as avx512/dots_vnni.h, 32 at a time.
#pragma once

#include "kernels/avx2/int8.h"

namespace mains {
namespace {

using Codes = Bytes64;

// 12 registers of sums, 2 of codes, one of activations.
constexpr int kTileRows8 = 6;
constexpr int kTileBlocks = 1;

template <int bias>
inline Codes FromBytes(Bytes64 bytes) {
  return bytes;
}
template <int bias>
inline Codes LoadCodes(const uint8_t* p) {
  return Load64Bytes(p);
}
// What products of codes that are `bias` too large begin with: `sum` is that of the activations' codes.
template <int bias>
inline Ints BeginInts(int32_t sum) {
  return BroadcastInt(-bias * sum);
}
inline Ints AddDots(Ints sums, const Codes& w, Four x) {
  return {{_mm256_dpbusd_avx_epi32(sums.part[0], w.part[0], x),
           _mm256_dpbusd_avx_epi32(sums.part[1], w.part[1], x)}};
}

}  // namespace
}  // namespace mains
