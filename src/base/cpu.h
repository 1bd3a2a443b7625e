// What this processor can do, and how many cores the process may use.
#pragma once

#include <string>
#include <vector>

namespace mains {

// Instruction-set levels that have kernels of their own, from weakest to strongest; within a family each
// includes the ones before, but AVX-VNNI, which processors without AVX-512 have, and only the newest with it.
enum class Isa { kReference, kNeon, kNeonDot, kAvx2, kAvxVnni, kAvx512, kAvx512Vnni, kAvx512Bf16, kAmx };

const char* IsaName(Isa isa);

// The strongest level that this processor and operating system support. MAINS_ISA=reference|avx2|
// avxvnni|avx512|avx512vnni|avx512bf16|amx|neon|neondot lowers it (an unknown or unsupported name is ignored
// with a warning).
Isa DetectIsa();
// For kAmx the process asks the system, once, for the tiles' state.
bool IsaSupported(Isa isa);
// All that are supported, the weakest first.
std::vector<Isa> SupportedIsas();

// Whether vector products of bf16 are slower than those of f32. Intel's processors (measured on an Emerald
// Rapids) begin one in two cycles, and four of as many numbers of f32: they have tiles for it, which a
// virtual machine may hide. AMD's (Zen 5) do twice as much in bf16.
bool MultipliesBf16Slowly();

// Cores in the affinity mask of this process, at least 1.
int AvailableCores();

// The processor's name as the system gives it, for reports.
std::string CpuName();

}  // namespace mains
