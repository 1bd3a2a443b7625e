// round_floats q3_k|q4_k|q8_0|iq4_nl FROM TO: a file of f32 numbers as --weights rounds them and f32 again,
// for rounding_quality.py.
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "kernels/table.h"
#include "tensor/gguf_blocks.h"

namespace mains {
namespace {

int Main(const std::string& type, const std::string& from, const std::string& to) {
  const KernelTable& kernels = Kernels(DetectIsa());
  const struct {
    const char* name;
    DType dtype;
    KernelTable::RoundRow round;
  } kinds[] = {{"q3_k", DType::kQ3_K, kernels.round_q3_k},
               {"q4_k", DType::kQ4_K, kernels.round_q4_k},
               {"q8_0", DType::kQ8_0, kernels.round_q8_0},
               {"iq4_nl", DType::kIQ4_NL, kernels.round_iq4_nl}};
  for (const auto& kind : kinds) {
    if (type != kind.name) continue;
    std::ifstream in(from, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const int64_t n = static_cast<int64_t>(bytes.size() / sizeof(float));
    if (!in || n == 0 || n % Info(kind.dtype).block_elements != 0) {
      std::cerr << from << ": cannot be read, or is no whole number of blocks\n";
      return 1;
    }
    std::vector<float> x(static_cast<size_t>(n));
    std::copy(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(x.size() * sizeof(float)),
              reinterpret_cast<char*>(x.data()));
    std::vector<std::byte> blocks(static_cast<size_t>(ByteSize(kind.dtype, n)));
    kind.round(x.data(), n, blocks.data());
    UnpackGgufBlocks(kind.dtype, blocks.data(), n, x.data());
    std::ofstream out(to, std::ios::binary);
    out.write(reinterpret_cast<const char*>(x.data()),
              static_cast<std::streamsize>(x.size() * sizeof(float)));
    return out.flush() ? 0 : 1;
  }
  std::cerr << type << ": q3_k, q4_k, q8_0 or iq4_nl\n";
  return 2;
}

}  // namespace
}  // namespace mains

int main(int argc, char** argv) {
  if (argc == 4) return mains::Main(argv[1], argv[2], argv[3]);
  std::cerr << "Usage: round_floats TYPE FROM TO\n";
  return 2;
}
