// A tile product takes 16 cycles and its sum is ready after 52, so that four sums keep the unit busy: two
// tiles of rows times two of columns, as a matrix kernel would have them.
#include <immintrin.h>

#include "kernels/peaks.h"

namespace mains {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
// Static and constant: GCC 12 believes that _tile_loadconfig reads eight bytes only, and may drop the stores
// that fill the others of a local one.
const TileConfig kConfig;

float RunInt8(int64_t rounds) {
  _tile_loadconfig(&kConfig);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (int64_t r = 0; r < rounds; ++r) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_release();
  return 0;
}

float RunBf16(int64_t rounds) {
  _tile_loadconfig(&kConfig);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (int64_t r = 0; r < rounds; ++r) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
  return 0;
}

}  // namespace

// 16 x 16 sums of 64 bytes, or of 32 bf16, each.
const PeakKernel kAmxPeakInt8 = {"int8", "tile", "tdpbssd", 4.0 * 16 * 16 * 64 * 2, RunInt8};
const PeakKernel kAmxPeakBf16 = {"bf16", "tile", "tdpbf16ps", 4.0 * 16 * 16 * 32 * 2, RunBf16};

}  // namespace mains
