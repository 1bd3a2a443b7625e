// Kernels that do nothing but reach a limit of the processor, for telling how near the others come to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/cpu.h"

namespace mains {

// Multiplies and adds on registers only, in as many independent sums as hide the instruction's latency.
struct PeakKernel {
  const char* numbers;           // what is multiplied: "f32", "bf16" or "int8"
  const char* unit;              // what multiplies: "scalar", "vector" or "tile"
  const char* instruction;       // "vfmadd231ps zmm"
  double operations;             // of one round; a multiply and an add are two
  float (*run)(int64_t rounds);  // the value means nothing; it keeps the work from being optimised away
};

// Those of `isa`, which must be supported.
std::vector<PeakKernel> PeakKernels(Isa isa);

// Loads every byte; `bytes` is a multiple of 1024. The value is some sum of them.
using ReadKernel = uint64_t (*)(const std::byte* data, int64_t bytes);
ReadKernel ReadKernelOf(Isa isa);

// Of the instruction sets, each compiled for itself; defined on 64-bit Arm only.
extern const PeakKernel kNeonPeakF32, kNeonPeakInt8;
uint64_t ReadNeon(const std::byte* data, int64_t bytes);

// Defined on x86-64 only.
extern const PeakKernel kAvx2PeakF32, kAvxVnniPeakInt8, kAvx512PeakF32, kAvx512PeakInt8, kAvx512PeakBf16,
    kAmxPeakInt8, kAmxPeakBf16;
uint64_t ReadAvx2(const std::byte* data, int64_t bytes);
uint64_t ReadAvx512(const std::byte* data, int64_t bytes);

}  // namespace mains
