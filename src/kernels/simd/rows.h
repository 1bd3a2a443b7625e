// Functions of one row over the vector vocabulary of <isa>/vec.h, which must be included first.
#pragma once

#include "kernels/ref/kernels.h"
#include "kernels/simd/fold.h"

namespace mains {
namespace {

constexpr float kInfinity = __builtin_inff();

// e^x with a relative error below 1e-7 where the result is a normal number; exactly 1 at 0, 0 at and
// below -104, infinity above 88.73, NaN at NaN. Cephes expf: x = n ln 2 + r, |r| <= ln 2 / 2, e^r by a
// polynomial; n reaches from -150 to 128.
inline V Exp(V x) {
  x = Max(Set1(-104.0f), Min(Set1(89.0f), x));
  const V n = RoundEven(Mul(x, Set1(1.44269504f)));
  V r = Fma(n, Set1(-0.693359375f), x);
  r = Fma(n, Set1(2.12194440e-4f), r);
  V y = Set1(1.9875691500e-4f);
  y = Fma(y, r, Set1(1.3981999507e-3f));
  y = Fma(y, r, Set1(8.3334519073e-3f));
  y = Fma(y, r, Set1(4.1665795894e-2f));
  y = Fma(y, r, Set1(1.6666665459e-1f));
  y = Fma(y, r, Set1(5.0000001201e-1f));
  y = Add(Fma(y, Mul(r, r), r), Set1(1.0f));
  return MulPow2(y, n);
}
inline float ExpOne(float x) {
  float lanes[kLanes];
  Store(lanes, Exp(Set1(x)));
  return lanes[0];
}

// Four chains of partial sums, so that one addition need not wait for the one before. Vector i goes to
// chain i mod 4; what is missing at the end counts as zeros.
struct Sums {
  V chain[4] = {Zero(), Zero(), Zero(), Zero()};
  float Total() const { return Fold(Add(Add(chain[0], chain[1]), Add(chain[2], chain[3]))); }
};

float SumOfSquares(const float* x, int64_t n) {
  Sums sums;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int c = 0; c < 4; ++c) {
      const V a = Load(x + i + c * kLanes);
      sums.chain[c] = Fma(a, a, sums.chain[c]);
    }
  }
  for (int c = 0; i < n; i += kLanes, ++c) {
    const V a = n - i >= kLanes ? Load(x + i) : LoadPart(x + i, n - i);
    sums.chain[c] = Fma(a, a, sums.chain[c]);
  }
  return sums.Total();
}

void RmsNorm(const float* x, const float* w, int64_t n, float eps, float* out) {
  const float squares = SumOfSquares(x, n);
  const V inverse =
      Set1(squares == kInfinity ? __builtin_nanf("")
                                : 1.0f / __builtin_sqrtf(squares / static_cast<float>(n) + eps));
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const V a = Mul(Load(x + i), inverse);
    Store(out + i, w == nullptr ? a : Mul(a, Load(w + i)));
  }
  if (i < n) {
    const V a = Mul(LoadPart(x + i, n - i), inverse);
    StorePart(out + i, n - i, w == nullptr ? a : Mul(a, LoadPart(w + i, n - i)));
  }
}

// The largest of n numbers other than NaN, -infinity if there are none.
float MaxOf(const float* s, int64_t n) {
  V max = Set1(-kInfinity);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) max = Max(Load(s + i), max);
  if (i < n) max = Max(LoadPart(s + i, n - i, Set1(-kInfinity)), max);
  return MaxLane(max);
}

// The weight of a score that lies so far from the largest.
inline V WeightOf(V difference) {
  const V limit = Set1(kLeastExponent);
  return ChooseAbove(limit, difference, Zero(), Exp(Max(limit, difference)));
}

// Replaces s[i] by exp(s[i] - max) and returns the sum. Trailing scores of -infinity change nothing: a
// masked block gives the same bits as a shorter one.
float ExpAndSum(float* s, int64_t n, float max) {
  const V shift = Set1(max);
  Sums sums;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      const V e = WeightOf(Sub(Load(s + i + c * kLanes), shift));
      Store(s + i + c * kLanes, e);
      sums.chain[c] = Add(sums.chain[c], e);
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4 && i < n; i += kLanes, ++c) {
    const int64_t left = n - i < kLanes ? n - i : kLanes;
    const V e = WeightOf(Sub(LoadPart(s + i, left, Set1(-kInfinity)), shift));
    StorePart(s + i, left, e);
    sums.chain[c] = Add(sums.chain[c], e);
  }
  return sums.Total();
}

// A block of -infinity and NaN only is rare, and the reference tells the two apart.
float SoftmaxBlock(float* s, int64_t n, float* running_max, float* running_sum) {
  const float block_max = MaxOf(s, n);
  if (block_max == -kInfinity) return ref::SoftmaxBlock(s, n, running_max, running_sum);
  const float old_max = *running_max;
  const float new_max = old_max > block_max ? old_max : block_max;
  const float sum = ExpAndSum(s, n, new_max);
  const float fall = old_max - new_max;
  const float factor = old_max == new_max ? 1.0f : fall < kLeastExponent ? 0.0f : ExpOne(fall);
  *running_max = new_max;
  *running_sum = *running_sum * factor + sum;
  return factor;
}

inline V SwiGluOf(V gate, V up) {
  return Mul(Div(gate, Add(Set1(1.0f), Exp(Sub(Zero(), gate)))), up);
}

void SwiGlu(const float* gate, const float* up, int64_t n, float* out) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(out + i, SwiGluOf(Load(gate + i), Load(up + i)));
  if (i < n) StorePart(out + i, n - i, SwiGluOf(LoadPart(gate + i, n - i), LoadPart(up + i, n - i)));
}

void RopeHalves(float* x, const float* cos, const float* sin, int64_t pairs) {
  float* y = x + pairs;
  int64_t i = 0;
  for (; i + kLanes <= pairs; i += kLanes) {
    const V a = Load(x + i), b = Load(y + i), c = Load(cos + i), s = Load(sin + i);
    Store(x + i, FmaSub(a, c, Mul(b, s)));
    Store(y + i, Fma(b, c, Mul(a, s)));
  }
  if (i < pairs) {
    const int64_t n = pairs - i;
    const V a = LoadPart(x + i, n), b = LoadPart(y + i, n), c = LoadPart(cos + i, n),
            s = LoadPart(sin + i, n);
    StorePart(x + i, n, FmaSub(a, c, Mul(b, s)));
    StorePart(y + i, n, Fma(b, c, Mul(a, s)));
  }
}

void RopeInterleaved(float* x, const float* cos, const float* sin, int64_t pairs) {
  constexpr int64_t step = kLanes / 2;
  for (int64_t i = 0; i < pairs; i += step) {
    const int64_t n = pairs - i < step ? pairs - i : step;
    const V c = LoadTwice(cos + i, n), s = LoadTwice(sin + i, n);
    const V a = n == step ? Load(x + 2 * i) : LoadPart(x + 2 * i, 2 * n);
    const V rotated = FmaAlt(a, c, Mul(SwapPairs(a), s));
    if (n == step) {
      Store(x + 2 * i, rotated);
    } else {
      StorePart(x + 2 * i, 2 * n, rotated);
    }
  }
}

void Rope(float* x, const float* cos, const float* sin, int64_t pairs, bool interleaved) {
  if (interleaved) {
    RopeInterleaved(x, cos, sin, pairs);
  } else {
    RopeHalves(x, cos, sin, pairs);
  }
}

void AddScaled(const float* x, float scale, int64_t n, float* out) {
  const V factor = Set1(scale);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(out + i, Fma(factor, Load(x + i), Load(out + i)));
  if (i < n) StorePart(out + i, n - i, Fma(factor, LoadPart(x + i, n - i), LoadPart(out + i, n - i)));
}

void Scale(float scale, int64_t n, float* out) {
  const V factor = Set1(scale);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(out + i, Mul(factor, Load(out + i)));
  if (i < n) StorePart(out + i, n - i, Mul(factor, LoadPart(out + i, n - i)));
}

}  // namespace
}  // namespace mains
