// How the lanes of a vector of partial sums meet, over the vector vocabulary of <isa>/vec.h, which must be
// included first.
#pragma once

namespace mains {
namespace {

// The sums of four vectors, each folded in the same order: lane l takes l + 8 (of 16), l + 4, l + 2, l + 1.
inline V4 Fold4(V a, V b, V c, V d) {
  return SumsOf4(FoldTo4(a), FoldTo4(b), FoldTo4(c), FoldTo4(d));
}
inline float Fold(V a) {
  return First(Fold4(a, a, a, a));
}

}  // namespace
}  // namespace mains
