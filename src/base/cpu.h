// What this processor can do, and how many cores the process may use.
#pragma once

#include <string>

namespace mains {

// Instruction-set levels that have kernels of their own, from weakest to strongest within a family.
enum class Isa { kReference, kNeon, kAvx2, kAvx512, kAvx512Vnni };

const char* IsaName(Isa isa);

// The strongest level that this processor and operating system support. MAINS_ISA=reference|avx2|
// avx512|avx512vnni|neon lowers it (an unknown or unsupported name is ignored with a warning).
Isa DetectIsa();
bool IsaSupported(Isa isa);

// Cores in the affinity mask of this process, at least 1.
int AvailableCores();

// The processor's name as the system gives it, for reports.
std::string CpuName();

}  // namespace mains
