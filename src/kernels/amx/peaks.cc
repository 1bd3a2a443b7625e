// A tile product takes 16 cycles and its sum is ready after 52, so that four sums keep the unit busy: two
// tiles of rows times two of columns, as a matrix kernel would have them.
#include "kernels/peaks.h"

#include "kernels/amx/tiles.h"

namespace mains {
namespace {

// Sums in tiles 0 to 3, what is multiplied in 4 to 7; all are zeros.
void ConfigureAll() {
  TileConfig config;
  for (int t = 0; t < 8; ++t) config.Set(t, 16, 64);
  ConfigureTiles(config);
}

float RunInt8(int64_t rounds) {
  ConfigureAll();
  for (int64_t r = 0; r < rounds; ++r) {
    AddProductsOfBytes<0, 4, 6>();
    AddProductsOfBytes<1, 4, 7>();
    AddProductsOfBytes<2, 5, 6>();
    AddProductsOfBytes<3, 5, 7>();
  }
  ReleaseTiles();
  return 0;
}

float RunBf16(int64_t rounds) {
  ConfigureAll();
  for (int64_t r = 0; r < rounds; ++r) {
    AddProductsOfBf16<0, 4, 6>();
    AddProductsOfBf16<1, 4, 7>();
    AddProductsOfBf16<2, 5, 6>();
    AddProductsOfBf16<3, 5, 7>();
  }
  ReleaseTiles();
  return 0;
}

}  // namespace

// 16 x 16 sums of 64 bytes, or of 32 bf16, each.
const PeakKernel kAmxPeakInt8 = {"int8", "tile", "tdpbsud", 4.0 * 16 * 16 * 64 * 2, RunInt8};
const PeakKernel kAmxPeakBf16 = {"bf16", "tile", "tdpbf16ps", 4.0 * 16 * 16 * 32 * 2, RunBf16};

}  // namespace mains
