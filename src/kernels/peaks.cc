#include "kernels/peaks.h"

#include <cstring>

#include "base/check.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

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

#if defined(__x86_64__)
struct AmxSupport {
  bool int8 = false, bf16 = false;
};

// The processor must have tiles, the system must save them (XCR0), and the process must have asked for them.
AmxSupport FindAmx() {
  constexpr unsigned kOsXsave = 1u << 27, kBf16 = 1u << 22, kTile = 1u << 24, kInt8 = 1u << 25;
  constexpr unsigned kTileState = 3u << 17;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kOsXsave) == 0) return {};
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kTile) == 0) return {};
  unsigned saved = 0, high = 0;
  asm volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  if ((saved & kTileState) != kTileState) return {};
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) != 0) return {};
#endif
  return {(d & kInt8) != 0, (d & kBf16) != 0};
}
#endif

}  // namespace

std::vector<PeakKernel> PeakKernels(Isa isa) {
  CHECK(IsaSupported(isa)) << IsaName(isa);
#if defined(__x86_64__)
  if (isa == Isa::kAvx2) return {kAvx2PeakF32};
  if (isa != Isa::kReference && isa != Isa::kNeon) {
    std::vector<PeakKernel> kernels = {kAvx512PeakF32};
    if (__builtin_cpu_supports("avx512bf16")) kernels.push_back(kAvx512PeakBf16);
    if (__builtin_cpu_supports("avx512vnni")) kernels.push_back(kAvx512PeakInt8);
    static const AmxSupport amx = FindAmx();
    if (amx.bf16) kernels.push_back(kAmxPeakBf16);
    if (amx.int8) kernels.push_back(kAmxPeakInt8);
    return kernels;
  }
#endif
  return {kScalarPeakF32};
}

ReadKernel ReadKernelOf(Isa isa) {
  CHECK(IsaSupported(isa)) << IsaName(isa);
#if defined(__x86_64__)
  if (isa == Isa::kAvx2) return ReadAvx2;
  if (isa != Isa::kReference && isa != Isa::kNeon) return ReadAvx512;
#endif
  return ReadPlain;
}

}  // namespace mains
