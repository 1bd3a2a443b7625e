#include "app/embedded_model.h"

#ifdef MAINS_EMBEDDED_MODEL
// Read by the assembler, so that megabytes cost the compiler nothing; 64 is what the kernels' loads like.
__asm__(
    ".section .rodata\n"
    ".balign 64\n"
    ".globl mains_embedded_model_begin\n"
    ".hidden mains_embedded_model_begin\n"
    "mains_embedded_model_begin:\n"
    ".incbin \"" MAINS_EMBEDDED_MODEL
    "\"\n"
    ".globl mains_embedded_model_end\n"
    ".hidden mains_embedded_model_end\n"
    "mains_embedded_model_end:\n"
    ".byte 0\n"
    ".text\n");

extern "C" {
[[gnu::visibility("hidden")]] extern const std::byte mains_embedded_model_begin[];
[[gnu::visibility("hidden")]] extern const std::byte mains_embedded_model_end[];
}
#endif

namespace mains {

std::span<const std::byte> EmbeddedModelBytes() {
#ifdef MAINS_EMBEDDED_MODEL
  return {mains_embedded_model_begin, mains_embedded_model_end};
#else
  return {};
#endif
}

bool HasEmbeddedModel() {
  return !EmbeddedModelBytes().empty();
}

}  // namespace mains
