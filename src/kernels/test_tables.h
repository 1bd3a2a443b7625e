// The tables that tests compare.
#pragma once

#include <vector>

#include "kernels/amx/emulated_tiles.h"
#include "kernels/table.h"

namespace mains {

// Those of this processor; that of the matrix unit also where its other instructions are there, on emulated
// tiles.
inline std::vector<Isa> TestedIsas() {
  std::vector<Isa> isas = SupportedIsas();
  if (isas.back() == Isa::kAvx512Bf16) isas.push_back(Isa::kAmx);
  return isas;
}

inline const KernelTable& TableOf(Isa isa) {
#if defined(__x86_64__)
  static const EmulatedTiles tiles;
#endif
  return KernelsUnchecked(isa);
}

}  // namespace mains
