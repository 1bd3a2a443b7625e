// As simd/x86_codes.h.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace mains {
namespace {

template <int high_bits>
class RowCodes {
 public:
  RowCodes(const uint8_t* low, const uint8_t* planes, int64_t plane_bytes) : low_(low) {
    for (int p = 0; p < high_bits; ++p)
      planes_[p] = static_cast<uint32_t>(planes[p * plane_bytes] | planes[p * plane_bytes + 1] << 8);
  }
  uint32_t operator[](int row) const {
    uint32_t code = low_[row];
    for (int p = 0; p < high_bits; ++p) code |= (planes_[p] >> row & 1) << (8 + p);
    return code;
  }

 private:
  const uint8_t* low_;
  uint32_t planes_[high_bits > 0 ? high_bits : 1];
};

template <typename Grid, typename Codes16>
inline Bytes64 LookupFours(const Grid& grid, const Codes16& codes) {
  uint32_t entries[16];
#pragma GCC unroll 16
  for (int row = 0; row < 16; ++row) entries[row] = grid[codes[row]];
  return Load64Bytes(reinterpret_cast<const uint8_t*>(entries));
}
template <typename Grid, typename Codes16>
inline void LookupEights(const Grid& grid, const Codes16& codes, Bytes64& first, Bytes64& second) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    uint64x2_t pairs[2];
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j)
      pairs[j] =
          vcombine_u64(vcreate_u64(grid[codes[4 * i + 2 * j]]), vcreate_u64(grid[codes[4 * i + 2 * j + 1]]));
    const uint32x4_t a = vreinterpretq_u32_u64(pairs[0]), b = vreinterpretq_u32_u64(pairs[1]);
    first.part[i] = vreinterpretq_u8_u32(vuzp1q_u32(a, b));
    second.part[i] = vreinterpretq_u8_u32(vuzp2q_u32(a, b));
  }
}
template <int bias>
inline Bytes64 OneUpOrDown(Bytes64 fours, const uint8_t* bits) {
  const uint32x4_t bit = {1, 2, 4, 8};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const uint8x16_t down = vreinterpretq_u8_u32(
        vtstq_u32(vdupq_n_u32(static_cast<uint32_t>(bits[i / 2]) >> (4 * (i % 2))), bit));
    const uint8x16_t step = vaddq_u8(vdupq_n_u8(bias + 1), vandq_u8(down, vdupq_n_u8(0xFE)));
    fours.part[i] = vaddq_u8(fours.part[i], step);
  }
  return fours;
}

}  // namespace
}  // namespace mains
