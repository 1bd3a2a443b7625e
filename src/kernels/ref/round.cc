// Relies on nothing but IEEE 754 single precision with no operations fused.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/ref/kernels.h"
#include "tensor/convert.h"

namespace mains::ref {
namespace {

constexpr int kGroup = kRoundGroup;

float LargestOf(const float* x, int64_t n = kGroup) {
  float most = 0;
  for (int64_t i = 0; i < n; ++i) most = std::abs(x[i]) > std::abs(most) || x[i] != x[i] ? x[i] : most;
  return most;
}

// Index of the value of the codebook that is nearest to `a`; of two, the lower one.
int Nearest(float a) {
  int index = 0;
  for (int j = 0; j < 15; ++j) index += a > kIq4Middles[j] ? 1 : 0;
  return index;
}

// The scale of the least squared error for the values that x * inverse is nearest to, and by how much it
// lowers the sum of squares.
struct Fit {
  float scale = 0, gain = 0;
};
Fit FitOf(const float* x, float inverse) {
  float qx = 0, qq = 0;
  for (int i = 0; i < kGroup; ++i) {
    const float q = kIq4Values[Nearest(x[i] * inverse)];
    qx += q * x[i];
    qq += q * q;
  }
  return {qx / qq, qx * qx / qq};  // no value is zero
}

void Store(std::byte* block, float scale, const uint8_t* codes, size_t bytes) {
  const uint16_t bits = F16FromF32(scale);
  std::memcpy(block, &bits, sizeof(bits));
  std::memcpy(block + sizeof(bits), codes, bytes);
}

// 1 / the scale as it is stored, 0 if that is no number to divide by.
float InverseOf(float scale) {
  const float stored = F32FromF16(F16FromF32(scale));
  return stored != 0 && std::isfinite(stored) ? 1 / stored : 0.0f;
}

// Of x ~ scale * q - min with codes q in [0, 15] and min >= 0: the best scale and min for the codes that a
// division of the range into `steps` gives, and by how much they lower the sum of squares.
struct AffineFit {
  float scale = 0, min = 0, gain = 0;
};
AffineFit AffineFitOf(const float* x, float least, float steps_of_range) {
  float q1 = 0, q2 = 0, qx = 0, x1 = 0;
  for (int i = 0; i < kGroup; ++i) {
    const float q = std::min(std::max(std::nearbyint((x[i] - least) * steps_of_range), 0.0f), 15.0f);
    q1 += q;
    q2 += q * q;
    qx += q * x[i];
    x1 += x[i];
  }
  const float n = kGroup, det = n * q2 - q1 * q1;
  const float scale = (n * qx - q1 * x1) / det, offset = (q2 * x1 - q1 * qx) / det;
  if (offset > 0) return {qx / q2, 0, qx * (qx / q2)};
  return {scale, -offset, scale * qx + offset * x1};
}

AffineFit BestAffineFit(const float* x) {
  float least = 0, most = x[0];
  for (int i = 0; i < kGroup; ++i) {
    least = x[i] < least ? x[i] : least;
    most = x[i] > most ? x[i] : most;
  }
  const float range = most - least;
  if (!(range >= kSmallestRounded)) return {};
  AffineFit best;
  for (const float steps : kRangeSteps) {
    const AffineFit fit = AffineFitOf(x, least, steps / range);
    if (fit.gain > best.gain) best = fit;
  }
  for (int i = 0; i < kRefinements; ++i) {
    const AffineFit fit = AffineFitOf(x, -best.min, 1.0f / best.scale);
    if (fit.gain > best.gain) best = fit;
  }
  return best;
}

// As FitOf, for codes in [-4, 3].
Fit ThreeBitFitOf(const float* x, float inverse) {
  float qx = 0, qq = 0;
  for (int64_t i = 0; i < kRoundSmallGroup; ++i) {
    const float q = std::min(std::max(std::nearbyint(x[i] * inverse), -4.0f), 3.0f);
    qx += q * x[i];
    qq += q * q;
  }
  return {qx / qq, qx * qx / qq};  // the largest number's code is not zero
}

float BestThreeBitScale(const float* x) {
  const float most = LargestOf(x, kRoundSmallGroup);
  if (!(std::abs(most) >= kSmallestRounded)) return 0;
  Fit best;
  for (const float end : kThreeBitEnds) {
    const Fit fit = ThreeBitFitOf(x, end / most);
    if (fit.gain > best.gain) best = fit;
  }
  const Fit again = ThreeBitFitOf(x, 1.0f / best.scale);
  return again.gain > best.gain ? again.scale : best.scale;
}

bool AllFinite(const float* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(x[i])) return false;
  }
  return true;
}

}  // namespace

// See tensor/gguf_blocks.cc for the layout.
void PutSuperScales(const float* scales, const float* mins, std::byte* block, float* stored_scales,
                    float* stored_mins) {
  float most_scale = 0, most_min = 0;
  for (int64_t g = 0; g < kRoundSuper; ++g) {
    most_scale = scales[g] > most_scale ? scales[g] : most_scale;
    most_min = mins[g] > most_min ? mins[g] : most_min;
  }
  const uint16_t bits[2] = {F16FromF32(most_scale / 63.0f), F16FromF32(most_min / 63.0f)};
  std::memcpy(block, bits, sizeof(bits));
  const float d = F32FromF16(bits[0]), dmin = F32FromF16(bits[1]);
  uint8_t packed[12] = {};
  for (int64_t g = 0; g < kRoundSuper; ++g) {
    const auto code = [](float value, float unit) {
      const float q = unit > 0 ? std::nearbyint(value / unit) : 0.0f;
      return static_cast<uint8_t>(q > 63 ? 63.0f : q);
    };
    const uint8_t scale = code(scales[g], d), min = code(mins[g], dmin);
    stored_scales[g] = d * static_cast<float>(scale);
    stored_mins[g] = dmin * static_cast<float>(min);
    if (g < 4) {
      packed[g] = static_cast<uint8_t>(packed[g] | scale);
      packed[g + 4] = static_cast<uint8_t>(packed[g + 4] | min);
    } else {
      packed[g + 4] = static_cast<uint8_t>((scale & 15) | (min & 15) << 4);
      packed[g - 4] = static_cast<uint8_t>(packed[g - 4] | scale >> 4 << 6);
      packed[g] = static_cast<uint8_t>(packed[g] | min >> 4 << 6);
    }
  }
  std::memcpy(block + 4, packed, sizeof(packed));
}

void RoundQ4K(const float* x, int64_t n, std::byte* blocks) {
  constexpr int64_t super = kRoundSuper * kGroup, bytes = 4 + 12 + super / 2;
  for (; n > 0; n -= super, x += super, blocks += bytes) {
    std::memset(blocks, 0, bytes);
    if (!AllFinite(x, super)) {
      const uint16_t nan = F16FromF32(std::numeric_limits<float>::quiet_NaN());
      std::memcpy(blocks, &nan, sizeof(nan));
      continue;
    }
    float scales[kRoundSuper], mins[kRoundSuper];
    for (int64_t g = 0; g < kRoundSuper; ++g) {
      const AffineFit fit = BestAffineFit(x + g * kGroup);
      scales[g] = fit.scale;
      mins[g] = fit.min;
    }
    PutSuperScales(scales, mins, blocks, scales, mins);
    for (int64_t g = 0; g < kRoundSuper; ++g) {
      const float inverse = scales[g] >= kSmallestRounded ? 1.0f / scales[g] : 0.0f;
      for (int i = 0; i < kGroup; ++i) {
        const float q =
            std::min(std::max(std::nearbyint((x[g * kGroup + i] + mins[g]) * inverse), 0.0f), 15.0f);
        blocks[16 + g / 2 * kGroup + i] |= static_cast<std::byte>(static_cast<uint8_t>(q) << (4 * (g % 2)));
      }
    }
  }
}

// See tensor/gguf_blocks.cc for the layout. The largest scale becomes -32 units.
void PutThreeBitScales(const float* scales, std::byte* block, float* stored_scales) {
  float most = 0;
  for (int64_t g = 0; g < kRoundSmallSuper; ++g)
    most = std::abs(scales[g]) > std::abs(most) ? scales[g] : most;
  const uint16_t bits = F16FromF32(most / -32.0f);
  const float d = F32FromF16(bits);
  uint8_t packed[12] = {};
  for (int64_t g = 0; g < kRoundSmallSuper; ++g) {
    float q = d != 0 ? std::nearbyint(scales[g] / d) : 0.0f;
    q = q > 31 ? 31.0f : q >= -32 ? q : -32.0f;
    stored_scales[g] = d * q;
    const int code = static_cast<int>(q) + 32;
    packed[g % 8] = static_cast<uint8_t>(packed[g % 8] | (code & 15) << (g < 8 ? 0 : 4));
    packed[8 + g % 4] = static_cast<uint8_t>(packed[8 + g % 4] | code >> 4 << (2 * (g / 4)));
  }
  std::memcpy(block + 96, packed, sizeof(packed));
  std::memcpy(block + 108, &bits, sizeof(bits));
}

void RoundQ3K(const float* x, int64_t n, std::byte* blocks) {
  constexpr int64_t super = kRoundSmallSuper * kRoundSmallGroup, bytes = 32 + 64 + 12 + 2;
  for (; n > 0; n -= super, x += super, blocks += bytes) {
    std::memset(blocks, 0, bytes);
    if (!AllFinite(x, super)) {
      const uint16_t nan = F16FromF32(std::numeric_limits<float>::quiet_NaN());
      std::memcpy(blocks + 108, &nan, sizeof(nan));
      continue;
    }
    float scales[kRoundSmallSuper];
    for (int64_t g = 0; g < kRoundSmallSuper; ++g) scales[g] = BestThreeBitScale(x + g * kRoundSmallGroup);
    PutThreeBitScales(scales, blocks, scales);
    for (int64_t i = 0; i < super; ++i) {
      const float scale = scales[i / kRoundSmallGroup];
      const float inverse = std::abs(scale) > kSmallestRounded ? 1.0f / scale : 0.0f;
      const float q = std::min(std::max(std::nearbyint(x[i] * inverse), -4.0f), 3.0f);
      const int code = static_cast<int>(q) + 4;
      blocks[i % 32] |= static_cast<std::byte>(code >> 2 << (i / 32));
      blocks[32 + i / 128 * 32 + i % 32] |= static_cast<std::byte>((code & 3) << (2 * (i / 32 % 4)));
    }
  }
}

void RoundQ8_0(const float* x, int64_t n, std::byte* blocks) {
  for (; n > 0; n -= kGroup, x += kGroup, blocks += 2 + kGroup) {
    const float most = std::abs(LargestOf(x));
    const float inverse = std::isfinite(most) && most >= kSmallestRounded ? 127.0f / most : 0.0f;
    float qx = 0, qq = 0;
    for (int i = 0; i < kGroup; ++i) {
      const float q = std::nearbyint(x[i] * inverse);
      qx += q * x[i];
      qq += q * q;
    }
    const float scale = !std::isfinite(most) ? std::numeric_limits<float>::quiet_NaN()
                        : qq > 0             ? qx / qq
                                             : 0.0f;
    const float stored_inverse = InverseOf(scale);
    uint8_t codes[kGroup];
    for (int i = 0; i < kGroup; ++i) {
      float q = std::isfinite(most) ? std::nearbyint(x[i] * stored_inverse) : 0.0f;
      q = q > 127 ? 127.0f : q < -127 ? -127.0f : q;
      codes[i] = static_cast<uint8_t>(static_cast<int8_t>(q));
    }
    Store(blocks, scale, codes, kGroup);
  }
}

void RoundIq4Nl(const float* x, int64_t n, std::byte* blocks) {
  for (; n > 0; n -= kGroup, x += kGroup, blocks += 2 + kGroup / 2) {
    const float most = LargestOf(x);
    float scale = std::isfinite(most) ? 0.0f : std::numeric_limits<float>::quiet_NaN();
    if (std::isfinite(most) && std::abs(most) >= kSmallestRounded) {
      // Which end of the codebook the largest number goes to, then how far beyond or short of it.
      const float low = kIq4Values[0] / most, high = kIq4Values[15] / most;
      Fit best = FitOf(x, low);
      const Fit other = FitOf(x, high);
      const float end = other.gain > best.gain ? high : low;
      if (other.gain > best.gain) best = other;
      for (const float factor : kScaleFactors) {
        const Fit fit = FitOf(x, end * factor);
        if (fit.gain > best.gain) best = fit;
      }
      scale = best.scale;
    }
    const float inverse = InverseOf(scale);
    uint8_t codes[kGroup / 2] = {};
    for (int i = 0; i < kGroup; ++i) {
      const int index = Nearest(std::isfinite(most) ? x[i] * inverse : 0.0f);
      codes[i % 16] = static_cast<uint8_t>(codes[i % 16] | index << (i < 16 ? 0 : 4));
    }
    Store(blocks, scale, codes, kGroup / 2);
  }
}

}  // namespace mains::ref
