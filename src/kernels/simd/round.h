// Rounding of weights over the vector vocabulary of <isa>/vec.h, which must be included first: a group of 32
// numbers in every lane, so that nothing is summed across lanes and the bits are those of ref/round.cc.
// (All is compiled with -ffp-contract=off: products and sums are fused only where the code says so.)
#pragma once

#include "kernels/ref/kernels.h"
#include "kernels/round.h"

namespace mains {
namespace {

// Groups [0, count <= kLanes) one beside the other: x[i] holds element i of each. Missing ones are zeros.
template <int64_t group>
struct LanesOf {
  static constexpr int64_t kGroup = group;
  float x[group][kLanes];
  void Read(const float* from, int64_t count) {
    for (int64_t i = 0; i < group; ++i) {
      for (int64_t g = 0; g < kLanes; ++g) x[i][g] = g < count ? from[g * group + i] : 0.0f;
    }
  }
  V At(int64_t i) const { return Load(x[i]); }
};
using Lanes = LanesOf<kRoundGroup>;

inline V Magnitude(V a) {
  return Max(a, Sub(Zero(), a));
}

// Of every group the number of largest magnitude; the last NaN, if there is one.
template <typename L>
V LargestOf(const L& lanes) {
  V most = Zero();
  for (int64_t i = 0; i < L::kGroup; ++i) {
    const V x = lanes.At(i);
    most = ChooseUnordered(x, ChooseAbove(Magnitude(x), Magnitude(most), x, most), x);
  }
  return most;
}

struct Fits {
  V scale, gain;
};
inline Fits FitsOf(const Lanes& lanes, V inverse) {
  V qx = Zero(), qq = Zero();
  for (int64_t i = 0; i < kRoundGroup; ++i) {
    const V x = lanes.At(i), a = Mul(x, inverse);
    V q = Set1(kIq4Values[0]);
#pragma GCC unroll 15
    for (size_t j = 0; j < 15; ++j)
      q = AddAbove(q, a, Set1(kIq4Middles[j]), Set1(static_cast<float>(kIq4Values[j + 1] - kIq4Values[j])));
    qx = Add(qx, Mul(q, x));
    qq = Add(qq, Mul(q, q));
  }
  return {Div(qx, qq), Div(Mul(qx, qx), qq)};
}

// A number behind each lane's scale as it is stored, in f16: 1 / it, or 0.
struct StoredScales {
  uint16_t bits[16] = {};
  V inverse;
  explicit StoredScales(V scale) {
    alignas(64) float wide[16] = {}, back[16];
    Store(wide, scale);
    StoreF16(wide, 16, bits);
    LoadF16(bits, 16, back);
    const V stored = Load(back), zero = Zero();
    const V finite = ChooseAbove(Set1(__builtin_inff()), Magnitude(stored), Div(Set1(1.0f), stored), zero);
    inverse = ChooseAbove(Magnitude(stored), zero, finite, zero);
  }
};

struct AffineFits {
  V scale, min, gain;
};
inline V Code4(V a) {
  return Min(Max(RoundEven(a), Zero()), Set1(15.0f));
}
inline AffineFits AffineFitsOf(const Lanes& lanes, V least, V steps) {
  V q1 = Zero(), q2 = Zero(), qx = Zero(), x1 = Zero();
  for (int64_t i = 0; i < kRoundGroup; ++i) {
    const V x = lanes.At(i), q = Code4(Mul(Sub(x, least), steps));
    q1 = Add(q1, q);
    q2 = Add(q2, Mul(q, q));
    qx = Add(qx, Mul(q, x));
    x1 = Add(x1, x);
  }
  const V n = Set1(static_cast<float>(kRoundGroup)), det = Sub(Mul(n, q2), Mul(q1, q1)), zero = Zero();
  const V scale = Div(Sub(Mul(n, qx), Mul(q1, x1)), det), offset = Div(Sub(Mul(q2, x1), Mul(q1, qx)), det);
  const V alone = Div(qx, q2);
  return {ChooseAbove(offset, zero, alone, scale), ChooseAbove(offset, zero, zero, Sub(zero, offset)),
          ChooseAbove(offset, zero, Mul(qx, alone), Add(Mul(scale, qx), Mul(offset, x1)))};
}

// The scales and minima that fit each lane's group best, before they are stored; whether one has a number
// that is not finite.
struct AffineChoice {
  V scale, min, broken;
};
inline AffineChoice ChooseAffine(const Lanes& lanes) {
  const V zero = Zero(), infinity = Set1(__builtin_inff());
  V least = zero, most = lanes.At(0), broken = zero;
  for (int64_t i = 0; i < kRoundGroup; ++i) {
    const V a = lanes.At(i);
    least = ChooseAbove(least, a, a, least);
    most = ChooseAbove(a, most, a, most);
    broken = ChooseAbove(infinity, Magnitude(a), broken, Set1(1.0f));
  }
  const V range = Sub(most, least);
  AffineFits best = {zero, zero, zero};
  const auto keep = [&](const AffineFits& fit) {
    best.scale = ChooseAbove(fit.gain, best.gain, fit.scale, best.scale);
    best.min = ChooseAbove(fit.gain, best.gain, fit.min, best.min);
    best.gain = ChooseAbove(fit.gain, best.gain, fit.gain, best.gain);
  };
  for (const float steps : kRangeSteps) keep(AffineFitsOf(lanes, least, Div(Set1(steps), range)));
  for (int i = 0; i < kRefinements; ++i)
    keep(AffineFitsOf(lanes, Sub(zero, best.min), Div(Set1(1.0f), best.scale)));
  const V tiny = Set1(kSmallestRounded);
  return {ChooseAbove(tiny, range, zero, best.scale), ChooseAbove(tiny, range, zero, best.min), broken};
}

// A whole number of super-blocks at a time, in one or several vectors.
void RoundQ4K(const float* x, int64_t n, std::byte* blocks) {
  constexpr int64_t block_bytes = 4 + 12 + kRoundSuper * kRoundGroup / 2;
  constexpr int64_t batch = kLanes > kRoundSuper ? kLanes : kRoundSuper;
  static_assert(batch % kRoundSuper == 0 && batch % kLanes == 0);
  Lanes lanes[batch / kLanes];
  const V zero = Zero(), tiny = Set1(kSmallestRounded);
  for (int64_t groups = n / kRoundGroup; groups > 0; groups -= batch, x += batch * kRoundGroup) {
    const int64_t count = groups < batch ? groups : batch;
    float scales[batch], mins[batch], is_broken[batch], codes[kLanes];
    for (int64_t part = 0; part < batch; part += kLanes) {
      Lanes& own = lanes[part / kLanes];
      own.Read(x + part * kRoundGroup, count - part);
      const AffineChoice choice = ChooseAffine(own);
      Store(scales + part, choice.scale);
      Store(mins + part, choice.min);
      Store(is_broken + part, choice.broken);
    }
    for (int64_t first = 0; first < count; first += kRoundSuper) {
      std::byte* block = blocks + first / kRoundSuper * block_bytes;
      __builtin_memset(block, 0, static_cast<size_t>(block_bytes));
      float any = 0;
      for (int64_t g = 0; g < kRoundSuper; ++g) any += is_broken[first + g];
      if (any > 0) {
        block[1] = std::byte{0x7E};  // NaN in f16
        for (int64_t g = 0; g < kRoundSuper; ++g) scales[first + g] = mins[first + g] = -1;
        continue;
      }
      ref::PutSuperScales(scales + first, mins + first, block, scales + first, mins + first);
    }
    for (int64_t part = 0; part < batch; part += kLanes) {
      const V scale = Load(scales + part), min = Load(mins + part);
      const V inverse = ChooseAbove(tiny, scale, zero, Div(Set1(1.0f), scale));
      for (int64_t i = 0; i < kRoundGroup; ++i) {
        const V q = Code4(Mul(Add(lanes[part / kLanes].At(i), min), inverse));
        Store(codes, ChooseAbove(zero, scale, zero, q));  // none where a number was broken
        for (int64_t lane = 0; lane < kLanes && part + lane < count; ++lane) {
          const int64_t g = part + lane, in_block = g % kRoundSuper;
          blocks[g / kRoundSuper * block_bytes + 16 + in_block / 2 * kRoundGroup + i] |=
              static_cast<std::byte>(static_cast<uint8_t>(codes[lane]) << (4 * (in_block % 2)));
        }
      }
    }
    blocks += count / kRoundSuper * block_bytes;
  }
}

using SmallLanes = LanesOf<kRoundSmallGroup>;

inline V Code3(V a) {
  return Min(Max(RoundEven(a), Set1(-4.0f)), Set1(3.0f));
}
inline Fits ThreeBitFitsOf(const SmallLanes& lanes, V inverse) {
  V qx = Zero(), qq = Zero();
  for (int64_t i = 0; i < kRoundSmallGroup; ++i) {
    const V x = lanes.At(i), q = Code3(Mul(x, inverse));
    qx = Add(qx, Mul(q, x));
    qq = Add(qq, Mul(q, q));
  }
  return {Div(qx, qq), Div(Mul(qx, qx), qq)};
}

// NaN where a number is not finite.
inline V ChooseThreeBitScales(const SmallLanes& lanes) {
  const V zero = Zero(), most = LargestOf(lanes);
  Fits best = {zero, zero};
  const auto keep = [&](const Fits& fit) {
    best.scale = ChooseAbove(fit.gain, best.gain, fit.scale, best.scale);
    best.gain = ChooseAbove(fit.gain, best.gain, fit.gain, best.gain);
  };
  for (const float end : kThreeBitEnds) keep(ThreeBitFitsOf(lanes, Div(Set1(end), most)));
  keep(ThreeBitFitsOf(lanes, Div(Set1(1.0f), best.scale)));
  const V large = ChooseAbove(Set1(kSmallestRounded), Magnitude(most), zero, best.scale);
  return ChooseAbove(Set1(__builtin_inff()), Magnitude(most), large, Set1(__builtin_nanf("")));
}

// A whole number of super-blocks at a time, in one or several vectors.
void RoundQ3K(const float* x, int64_t n, std::byte* blocks) {
  constexpr int64_t block_bytes = 32 + 64 + 12 + 2, group = kRoundSmallGroup, super = kRoundSmallSuper;
  static_assert(super % kLanes == 0);
  SmallLanes lanes[super / kLanes];
  const V zero = Zero(), tiny = Set1(kSmallestRounded);
  for (; n > 0; n -= super * group, x += super * group, blocks += block_bytes) {
    __builtin_memset(blocks, 0, static_cast<size_t>(block_bytes));
    float scales[super], codes[kLanes];
    bool broken = false;
    for (int64_t part = 0; part < super; part += kLanes) {
      lanes[part / kLanes].Read(x + part * group, kLanes);
      Store(scales + part, ChooseThreeBitScales(lanes[part / kLanes]));
    }
    for (const float scale : scales) broken = broken || scale != scale;
    if (broken) {
      blocks[109] = std::byte{0x7E};  // NaN in f16
      continue;
    }
    ref::PutThreeBitScales(scales, blocks, scales);
    for (int64_t part = 0; part < super; part += kLanes) {
      const V scale = Load(scales + part);
      const V inverse = ChooseAbove(Magnitude(scale), tiny, Div(Set1(1.0f), scale), zero);
      for (int64_t i = 0; i < group; ++i) {
        Store(codes, Code3(Mul(lanes[part / kLanes].At(i), inverse)));
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          const int64_t at = (part + lane) * group + i;
          const int code = static_cast<int>(codes[lane]) + 4;
          blocks[at % 32] |= static_cast<std::byte>(code >> 2 << (at / 32));
          blocks[32 + at / 128 * 32 + at % 32] |= static_cast<std::byte>((code & 3) << (2 * (at / 32 % 4)));
        }
      }
    }
  }
}

void RoundQ8_0(const float* x, int64_t n, std::byte* blocks) {
  constexpr int64_t block_bytes = 2 + kRoundGroup;
  Lanes lanes;
  for (int64_t groups = n / kRoundGroup; groups > 0; groups -= kLanes, x += kLanes * kRoundGroup) {
    const int64_t count = groups < kLanes ? groups : kLanes;
    lanes.Read(x, count);
    const V most = Magnitude(LargestOf(lanes)), infinity = Set1(__builtin_inff());
    const V usable = ChooseAbove(infinity, most, most, Zero());  // 0 for what is not finite
    const V inverse = ChooseAbove(Set1(kSmallestRounded), usable, Zero(), Div(Set1(127.0f), most));
    V qx = Zero(), qq = Zero();
    for (int64_t i = 0; i < kRoundGroup; ++i) {
      const V q = RoundEven(Mul(lanes.At(i), inverse));
      qx = Add(qx, Mul(q, lanes.At(i)));
      qq = Add(qq, Mul(q, q));
    }
    const V scale =
        ChooseAbove(infinity, most, ChooseAbove(qq, Zero(), Div(qx, qq), Zero()), Set1(__builtin_nanf("")));
    const StoredScales stored(scale);
    float codes[kLanes];
    for (int64_t g = 0; g < count; ++g)
      __builtin_memcpy(blocks + g * block_bytes, stored.bits + g, sizeof(uint16_t));
    for (int64_t i = 0; i < kRoundGroup; ++i) {
      V q = RoundEven(Mul(lanes.At(i), stored.inverse));
      q = Min(Max(q, Set1(-127.0f)), Set1(127.0f));
      Store(codes, ChooseAbove(infinity, most, q, Zero()));
      for (int64_t g = 0; g < count; ++g)
        blocks[g * block_bytes + 2 + i] = static_cast<std::byte>(static_cast<int8_t>(codes[g]));
    }
    blocks += count * block_bytes;
  }
}

void RoundIq4Nl(const float* x, int64_t n, std::byte* blocks) {
  constexpr int64_t block_bytes = 2 + kRoundGroup / 2;
  Lanes lanes;
  for (int64_t groups = n / kRoundGroup; groups > 0; groups -= kLanes, x += kLanes * kRoundGroup) {
    const int64_t count = groups < kLanes ? groups : kLanes;
    lanes.Read(x, count);
    const V most = LargestOf(lanes), infinity = Set1(__builtin_inff());
    const V low = Div(Set1(kIq4Values[0]), most), high = Div(Set1(kIq4Values[15]), most);
    Fits best = FitsOf(lanes, low);
    const Fits other = FitsOf(lanes, high);
    const V end = ChooseAbove(other.gain, best.gain, high, low);
    const auto keep = [&](const Fits& fit) {
      best.scale = ChooseAbove(fit.gain, best.gain, fit.scale, best.scale);
      best.gain = ChooseAbove(fit.gain, best.gain, fit.gain, best.gain);
    };
    keep(other);
    for (const float factor : kScaleFactors) keep(FitsOf(lanes, Mul(end, Set1(factor))));
    const V large = ChooseAbove(Set1(kSmallestRounded), Magnitude(most), Zero(), best.scale);
    const V scale = ChooseAbove(infinity, Magnitude(most), large, Set1(__builtin_nanf("")));
    const StoredScales stored(scale);
    for (int64_t g = 0; g < count; ++g) {
      __builtin_memset(blocks + g * block_bytes, 0, static_cast<size_t>(block_bytes));
      __builtin_memcpy(blocks + g * block_bytes, stored.bits + g, sizeof(uint16_t));
    }
    float indexes[kLanes];
    for (int64_t i = 0; i < kRoundGroup; ++i) {
      // What is not finite counts as zero.
      const V a = ChooseAbove(infinity, Magnitude(most), Mul(lanes.At(i), stored.inverse), Zero());
      V index = Zero();
#pragma GCC unroll 15
      for (size_t j = 0; j < 15; ++j) index = AddAbove(index, a, Set1(kIq4Middles[j]), Set1(1.0f));
      Store(indexes, index);
      for (int64_t g = 0; g < count; ++g) {
        blocks[g * block_bytes + 2 + i % 16] |=
            static_cast<std::byte>(static_cast<uint8_t>(indexes[g]) << (i < 16 ? 0 : 4));
      }
    }
    blocks += count * block_bytes;
  }
}

}  // namespace
}  // namespace mains
