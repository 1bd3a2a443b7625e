#include "base/process_clock.h"

#include <unistd.h>

#include <cstdint>
#include <ctime>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace mains {
namespace {

constexpr int kStartTimeField = 22;  // proc(5): "starttime", in clock ticks after boot

double SecondsSinceBoot() {
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::optional<double> StartFromProc() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  // The second field is the program's name in parentheses and may hold anything.
  if (!std::getline(file, line) || line.rfind(')') == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string field;
  for (int i = 3; i < kStartTimeField; ++i) fields >> field;
  int64_t ticks = 0;
  if (!(fields >> ticks)) return std::nullopt;
  return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

double SecondsSinceProcessStart() {
  static const double start = StartFromProc().value_or(SecondsSinceBoot());
  return SecondsSinceBoot() - start;
}

}  // namespace mains
