// The instructions of the matrix unit: eight tiles of up to 16 rows of 64 bytes, whose shapes a configuration
// says. Written as assembly, because GCC 12's intrinsics do not tell the compiler what memory they read
// (_tile_loadconfig: eight bytes of 64; _tile_loadd: none), and it may drop the stores before them.
// Only what IsaSupported(Isa::kAmx) may run (base/cpu.h).
#pragma once

#include <cstdint>

namespace mains {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  constexpr void Set(int tile, int64_t tile_rows, int64_t bytes) {
    rows[tile] = static_cast<uint8_t>(tile_rows);
    row_bytes[tile] = static_cast<uint16_t>(bytes);
  }
};
static_assert(sizeof(TileConfig) == 64);

// All tiles become zeros.
inline void ConfigureTiles(const TileConfig& config) {
  asm volatile("ldtilecfg %0" ::"m"(config));
}
inline void ReleaseTiles() {
  asm volatile("tilerelease");
}

template <int tile>
inline void ZeroTile() {
  asm volatile("tilezero %%tmm%c0" ::"n"(tile));
}
// Rows are `stride` bytes apart.
template <int tile>
inline void LoadTile(const void* p, int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(p), "r"(stride), "n"(tile) : "memory");
}
template <int tile>
inline void StoreTile(void* p, int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(p), "r"(stride), "n"(tile) : "memory");
}

// sums[i, j] += sum over k and b of x[i, 4 k + b] * w[k, 4 j + b]: signed bytes times unsigned ones.
template <int sums, int x, int w>
inline void AddProductsOfBytes() {
  asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"n"(sums), "n"(x), "n"(w));
}
// sums[i, j] += (sum over k of x[i, 2 k] * w[k, 2 j]) + (sum over k of x[i, 2 k + 1] * w[k, 2 j + 1]) of
// bf16, each sum with one rounding for a product and its addition.
template <int sums, int x, int w>
inline void AddProductsOfBf16() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"n"(sums), "n"(x), "n"(w));
}

}  // namespace
}  // namespace mains
