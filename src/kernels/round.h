// Constants of the rounding of weights (KernelTable::round_*), the same for all tables.
// Plain arrays: see simd/slots.h.
#pragma once

#include <cstdint>

#include "tensor/codebooks.h"

namespace mains {

constexpr int64_t kRoundGroup = 32;  // numbers that share a scale

// The bounds between the values of IQ4_NL.
constexpr float kIq4Middles[15] = {-115.5f, -93.5f, -74,   -57,   -42, -28.5f, -16, -4.5f,
                                   7,       19,     31.5f, 45.5f, 61,  79,     101};
// Scales that are tried beside the one that takes the largest number to an end of the codebook.
constexpr float kScaleFactors[8] = {0.88f, 0.91f, 0.94f, 0.97f, 1.03f, 1.06f, 1.09f, 1.12f};
// Q4_K: groups of a super-block, and in how many steps the range from the least to the largest number is
// divided.
constexpr int64_t kRoundSuper = 8;
constexpr float kRangeSteps[9] = {15.0f, 13.6f, 13.9f, 14.2f, 14.5f, 14.8f, 15.2f, 15.5f, 15.9f};
// Q3_K: numbers that share a scale, such groups of a super-block, and what the largest number is taken to.
constexpr int64_t kRoundSmallGroup = 16, kRoundSmallSuper = 16;
constexpr float kThreeBitEnds[9] = {-4.45f, -4.2f, -3.95f, -3.7f, -3.45f, 2.7f, 2.95f, 3.2f, 3.45f};
constexpr int kRefinements = 2;  // codes of the best scale and minimum so far, and the best for those
// A group of smaller numbers is all zeros: 1 over its scale would be no number.
constexpr float kSmallestRounded = 1e-30f;

}  // namespace mains
