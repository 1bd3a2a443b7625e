#include "kernels/peaks.h"

#include <cstring>

#include "base/check.h"

namespace mains {
namespace {

float RunScalar(int64_t rounds) {
  constexpr int kSums = 8;
  float sums[kSums] = {0, 1, 2, 3, 4, 5, 6, 7};
  const volatile float factor = 0.5f;
  const float a = factor;
  for (int64_t r = 0; r < rounds; ++r) {
    for (float& sum : sums) sum = sum * a + a;
  }
  float total = 0;
  for (const float sum : sums) total += sum;
  return total;
}

constexpr PeakKernel kScalarPeakF32 = {"f32", "scalar", "multiply, add", 16, RunScalar};

uint64_t ReadPlain(const std::byte* data, int64_t bytes) {
  uint64_t sums[4] = {};
  for (int64_t i = 0; i < bytes; i += 32) {
    uint64_t words[4];
    std::memcpy(words, data + i, sizeof(words));
    for (int j = 0; j < 4; ++j) sums[j] += words[j];
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

}  // namespace

std::vector<PeakKernel> PeakKernels(Isa isa) {
  CHECK(IsaSupported(isa)) << IsaName(isa);
#if defined(__x86_64__)
  if (isa == Isa::kAvx2) return {kAvx2PeakF32};
  if (isa == Isa::kAvxVnni) return {kAvx2PeakF32, kAvxVnniPeakInt8};
  if (isa >= Isa::kAvx512) {
    std::vector<PeakKernel> kernels = {kAvx512PeakF32};
    if (isa >= Isa::kAvx512Bf16) kernels.push_back(kAvx512PeakBf16);
    if (isa >= Isa::kAvx512Vnni) kernels.push_back(kAvx512PeakInt8);
    if (isa >= Isa::kAmx) {
      kernels.push_back(kAmxPeakBf16);
      kernels.push_back(kAmxPeakInt8);
    }
    return kernels;
  }
#elif defined(__aarch64__)
  if (isa == Isa::kNeon) return {kNeonPeakF32};
  if (isa == Isa::kNeonDot) return {kNeonPeakF32, kNeonPeakInt8};
#endif
  return {kScalarPeakF32};
}

ReadKernel ReadKernelOf(Isa isa) {
  CHECK(IsaSupported(isa)) << IsaName(isa);
#if defined(__x86_64__)
  if (isa == Isa::kAvx2 || isa == Isa::kAvxVnni) return ReadAvx2;
  if (isa >= Isa::kAvx512) return ReadAvx512;
#elif defined(__aarch64__)
  if (isa != Isa::kReference) return ReadNeon;
#endif
  return ReadPlain;
}

}  // namespace mains
