// Codes as instructions take them that multiply unsigned bytes with signed ones: by how much they are too
// large, the sums begin with. For <isa>/dots_vnni.h.
#pragma once

namespace mains {
namespace {

using Codes = Bytes64;

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

}  // namespace
}  // namespace mains
