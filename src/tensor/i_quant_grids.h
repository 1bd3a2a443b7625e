// The grids of the i-quants: what a code of several weights at once stands for. Part of the file format, from
// ggml-common.h of ggml-org/llama.cpp. Plain arrays: see kernels/simd/slots.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mains {

// Entries of signed bytes, the first weight in the lowest.
template <typename Entry, size_t count>
struct Grid {
  Entry entries[count];
};

extern const Grid<uint64_t, 2048> kIq1Grid;    // -8, 0 or 8 eighths; IQ1_S and IQ1_M
extern const Grid<uint64_t, 256> kIq2XxsGrid;  // magnitudes, as of all others
extern const Grid<uint64_t, 512> kIq2XsGrid;
extern const Grid<uint64_t, 1024> kIq2SGrid;
extern const Grid<uint32_t, 256> kIq3XxsGrid;
extern const Grid<uint32_t, 512> kIq3SGrid;

// The same entries, each weight as the number of its level, the smallest first: of eight weights two bits
// each, four to a byte; of four weights four bits each, two to a byte.
template <size_t count>
struct GridNumbers {
  alignas(64) uint8_t low[count], high[count];
};

extern const GridNumbers<2048> kIq1GridNumbers;
extern const GridNumbers<256> kIq2XxsGridNumbers;
extern const GridNumbers<512> kIq2XsGridNumbers;
extern const GridNumbers<1024> kIq2SGridNumbers;
extern const GridNumbers<256> kIq3XxsGridNumbers;
extern const GridNumbers<512> kIq3SGridNumbers;

}  // namespace mains
