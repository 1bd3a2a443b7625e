#include "base/cpu.h"

#include <sched.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <array>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "base/log.h"

namespace mains {
namespace {

constexpr std::array kAllIsas = {Isa::kAvx512Vnni, Isa::kAvx512, Isa::kAvx2, Isa::kNeon, Isa::kReference};

#if defined(__x86_64__)
// By hand, because clang before 15 does not know the name "f16c".
bool HasF16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

}  // namespace

const char* IsaName(Isa isa) {
  switch (isa) {
    case Isa::kReference: return "reference";
    case Isa::kNeon: return "neon";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kAvx512Vnni: return "avx512vnni";
  }
  return "unknown";
}

bool IsaSupported(Isa isa) {
  switch (isa) {
    case Isa::kReference: return true;
#if defined(__x86_64__)
    case Isa::kNeon: return false;
    case Isa::kAvx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && HasF16c();
    case Isa::kAvx512:
      return IsaSupported(Isa::kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512dq");
    case Isa::kAvx512Vnni: return IsaSupported(Isa::kAvx512) && __builtin_cpu_supports("avx512vnni");
#elif defined(__aarch64__)
    case Isa::kNeon: return true;
    case Isa::kAvx2:
    case Isa::kAvx512:
    case Isa::kAvx512Vnni: return false;
#else
    default: return false;
#endif
  }
  return false;
}

Isa DetectIsa() {
  if (const char* wanted = std::getenv("MAINS_ISA"); wanted != nullptr) {
    for (Isa isa : kAllIsas) {
      if (std::string_view(wanted) == IsaName(isa) && IsaSupported(isa)) return isa;
    }
    Log(LogLevel::kWarning,
        std::string("MAINS_ISA=") + wanted + " is unknown or not supported here; ignored");
  }
  for (Isa isa : kAllIsas) {
    if (IsaSupported(isa)) return isa;
  }
  return Isa::kReference;
}

int AvailableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  const int count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}

std::string CpuName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      const size_t colon = line.find(':');
      if (colon != std::string::npos && colon + 2 <= line.size()) return line.substr(colon + 2);
    }
  }
  return "unknown processor";
}

}  // namespace mains
