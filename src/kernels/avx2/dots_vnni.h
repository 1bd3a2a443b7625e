// Products of bytes with AVX-VNNI: as avx512/dots_vnni.h, for 8 sums at a time.
#pragma once

#include "kernels/avx2/int8.h"

#include "kernels/simd/biased_codes.h"

namespace mains {
namespace {

// 12 registers of sums, 2 of codes, one of activations.
constexpr int kTileRows8 = 6;
constexpr int kTileBlocks = 1;

inline Ints AddDots(Ints sums, const Codes& w, Four x) {
  return {{_mm256_dpbusd_avx_epi32(sums.part[0], w.part[0], x),
           _mm256_dpbusd_avx_epi32(sums.part[1], w.part[1], x)}};
}

}  // namespace
}  // namespace mains
