// Products of bf16 with bf16: one instruction multiplies 32 pairs exactly and adds neighbours to 16 sums.
#include "kernels/avx512/vec.h"

#include "kernels/simd/gemm.h"
#include "kernels/simd/slots.h"

namespace mains {
namespace {

struct Bf16Pairs {
  static constexpr int64_t kStep = 2 * kLanes;
  static constexpr bool kNarrow = true;
  using Left = uint16_t;
  using Number = uint16_t;
  using Vector = __m512i;
  static Vector All(const uint16_t* p) { return _mm512_loadu_si512(p); }
  static Vector Part(const uint16_t* p, int64_t n) {
    return _mm512_maskz_loadu_epi16(static_cast<__mmask32>((1u << n) - 1), p);
  }
  static Vector AllLeft(const uint16_t* p) { return All(p); }
  static Vector PartLeft(const uint16_t* p, int64_t n) { return Part(p, n); }
  static V MulAdd(Vector x, Vector w, V sum) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(w));
  }
};

}  // namespace

const Bf16Slots kAvx512Bf16Slots = {.gemm_bf16 = GemmNtOf<Bf16Pairs>};

}  // namespace mains
