#include "tensor/dtype.h"

#include <array>

#include "base/check.h"

namespace mains {
namespace {

// In the order of the enumeration; block sizes from ggml-common.h.
constexpr std::array<DTypeInfo, kDTypeCount> kInfo = {{
    {"f32", 1, 4},        {"f16", 1, 2},      {"bf16", 1, 2},       {"f8_e4m3", 1, 1},   {"f8_e8m0", 1, 1},
    {"i8", 1, 1},         {"u8", 1, 1},       {"i16", 1, 2},        {"i32", 1, 4},       {"i64", 1, 8},
    {"bool", 1, 1},       {"f64", 1, 8},      {"q4_0", 32, 18},     {"q4_1", 32, 20},    {"q5_0", 32, 22},
    {"q5_1", 32, 24},     {"q8_0", 32, 34},   {"q2_k", 256, 84},    {"q3_k", 256, 110},  {"q4_k", 256, 144},
    {"q5_k", 256, 176},   {"q6_k", 256, 210}, {"iq1_s", 256, 50},   {"iq1_m", 256, 56},  {"iq2_xxs", 256, 66},
    {"iq2_xs", 256, 74},  {"iq2_s", 256, 82}, {"iq3_xxs", 256, 98}, {"iq3_s", 256, 110}, {"iq4_nl", 32, 18},
    {"iq4_xs", 256, 136}, {"tq1_0", 256, 54}, {"tq2_0", 256, 66},   {"mxfp4", 32, 17},
}};

}  // namespace

const DTypeInfo& Info(DType dtype) {
  const size_t index = static_cast<size_t>(dtype);
  CHECK(index < kInfo.size()) << index;
  return kInfo[index];
}

int64_t ByteSize(DType dtype, int64_t elements) {
  const DTypeInfo& info = Info(dtype);
  CHECK(elements >= 0 && elements % info.block_elements == 0) << elements << " elements of " << info.name;
  return elements / info.block_elements * info.block_bytes;
}

std::optional<DType> DTypeFromName(std::string_view name) {
  for (size_t i = 0; i < kInfo.size(); ++i) {
    if (name == kInfo[i].name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

}  // namespace mains
