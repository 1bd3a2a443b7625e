// Element types: plain numbers, and the quantised blocks of GGUF files.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mains {

enum class DType : uint8_t {
  kF32,
  kF16,
  kBF16,
  kF8E4M3,
  kF8E8M0,
  kI8,
  kU8,
  kI16,
  kI32,
  kI64,
  kBool,
  kF64,
  // GGUF blocks; names and layouts as in ggml-common.h.
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ1_S,
  kIQ1_M,
  kIQ2_XXS,
  kIQ2_XS,
  kIQ2_S,
  kIQ3_XXS,
  kIQ3_S,
  kIQ4_NL,
  kIQ4_XS,
  kTQ1_0,
  kTQ2_0,
  kMXFP4,
};
constexpr int kDTypeCount = static_cast<int>(DType::kMXFP4) + 1;

struct DTypeInfo {
  const char* name;    // "bf16", "q4_k": lower case, as printed
  int block_elements;  // 1 for plain numbers
  int block_bytes;
};

const DTypeInfo& Info(DType dtype);
inline const char* Name(DType dtype) {
  return Info(dtype).name;
}

// Bytes of `elements` elements, which must be a multiple of the block length.
int64_t ByteSize(DType dtype, int64_t elements);

// The DType with this printed name.
std::optional<DType> DTypeFromName(std::string_view name);

}  // namespace mains
