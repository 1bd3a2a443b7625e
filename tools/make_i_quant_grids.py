#!/usr/bin/env python3
"""Writes src/tensor/i_quant_grids.cc: the grids of the i-quants, which are part of the file format, read from the
gguf package and stored as numbers of levels.

    python tools/make_i_quant_grids.py > src/tensor/i_quant_grids.cc
"""

import numpy as np
from gguf import quants

# name: (class of the gguf package, type of an entry, values of an entry)
GRIDS = {
    "Iq1": (quants.IQ1_S, 8),
    "Iq2Xxs": (quants.IQ2_XXS, 8),
    "Iq2Xs": (quants.IQ2_XS, 8),
    "Iq2S": (quants.IQ2_S, 8),
    "Iq3Xxs": (quants.IQ3_XXS, 4),
    "Iq3S": (quants.IQ3_S, 4),
}
PER_LINE = 12

HEAD = """// Written by tools/make_i_quant_grids.py. Grids: ggml-common.h of ggml-org/llama.cpp (MIT).
#include "tensor/i_quant_grids.h"

namespace mains {
namespace {

// Each value as the number of its level, the first in the lowest bits.
template <typename Entry, size_t entries, size_t level_count>
constexpr Grid<Entry, entries> Expand(const uint16_t (&numbers)[entries],
                                      const int8_t (&levels)[level_count]) {
  constexpr int values = static_cast<int>(sizeof(Entry)), bits = 16 / values;
  Grid<Entry, entries> grid{};
  for (size_t i = 0; i < entries; ++i) {
    for (int j = 0; j < values; ++j) {
      const Entry level = static_cast<uint8_t>(levels[numbers[i] >> (bits * j) & ((1 << bits) - 1)]);
      grid.entries[i] |= level << (8 * j);
    }
  }
  return grid;
}

template <size_t entries>
constexpr GridNumbers<entries> Split(const uint16_t (&numbers)[entries]) {
  GridNumbers<entries> bytes{};
  for (size_t i = 0; i < entries; ++i) {
    bytes.low[i] = static_cast<uint8_t>(numbers[i]);
    bytes.high[i] = static_cast<uint8_t>(numbers[i] >> 8);
  }
  return bytes;
}
"""

def main():
    print(HEAD, end="")
    tables = []
    for name, (kind, values) in GRIDS.items():
        kind.init_grid()
        grid = kind.grid.reshape(-1, values).astype(int)
        if name == "Iq1":
            grid *= 8  # in eighths, which they are moved by
        levels = sorted(set(grid.ravel()))
        bits = 16 // values
        assert len(levels) <= 1 << bits
        numbers = np.searchsorted(levels, grid)
        entries = [sum(int(n) << (bits * j) for j, n in enumerate(row)) for row in numbers]
        print(f"\nconstexpr int8_t k{name}Levels[] = {{{', '.join(str(v) for v in levels)}}};")
        print(f"constexpr uint16_t k{name}Numbers[{len(entries)}] = {{")
        for i in range(0, len(entries), PER_LINE):
            print("    " + ", ".join(f"0x{e:04x}" for e in entries[i : i + PER_LINE]) + ",")
        print("};")
        entry = "uint64_t" if values == 8 else "uint32_t"
        tables.append(f"constinit const Grid<{entry}, {len(entries)}> k{name}Grid = Expand<{entry}>(k{name}Numbers, k{name}Levels);\n"
                      f"constinit const GridNumbers<{len(entries)}> k{name}GridNumbers = Split(k{name}Numbers);")
    print("\n}  // namespace\n")
    print("\n".join(tables))
    print("\n}  // namespace mains")


if __name__ == "__main__":
    main()
