// What the machine itself can do, measured: how fast memory can be read and how fast numbers multiplied. A
// speed means something only as a share of these, measured in the same run: machines drift.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu.h"
#include "base/result.h"

namespace mains {

struct MachinePeak {
  std::string numbers;      // "f32", "bf16" or "int8": what is multiplied
  std::string unit;         // "scalar", "vector" or "tile"
  std::string instruction;  // "vfmadd231ps zmm"
  double operations_per_second = 0;
};

struct MachineLimits {
  double read_bytes_per_second = 0;  // of a buffer that fits no cache
  std::vector<MachinePeak> peaks;

  // The fastest that multiplies these numbers or wider ones (int8, bf16, f32), which hold them as well. Null if
  // nothing was measured.
  const MachinePeak* Best(std::string_view numbers) const;
};

struct LimitOptions {
  int threads = 1;
  std::optional<Isa> isa;    // default: the best this processor has (MAINS_ISA lowers it)
  double seconds = 0.1;      // for each figure
  int64_t buffer_bytes = 0;  // 0: four times the last cache, from 256 MiB to 2 GiB
};

// Keeps the buffer and the threads, so that measuring again costs only the measuring. Used by one thread at a
// time.
class LimitMeter {
 public:
  // kResource if there is no memory for the buffer.
  static Result<std::unique_ptr<LimitMeter>> Make(const LimitOptions& options);
  virtual ~LimitMeter() = default;
  // The highest rates of a few dozen short spells: what other programs take is not the machine's limit.
  virtual MachineLimits Measure() = 0;
  virtual int64_t buffer_bytes() const = 0;
};

}  // namespace mains
