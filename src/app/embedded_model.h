// The model that is part of the program itself: one GGUF file, put there by the build (MAINS_EMBEDDED_MODEL
// in CMakeLists.txt). A build without the file has none.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace mains {

// What people call it. A model of this name that ResolveModel finds (a path, an alias) goes before it.
inline constexpr std::string_view kEmbeddedModelName = "pocket";

bool HasEmbeddedModel();
// The whole file, aligned to 64 bytes, for as long as the program runs; empty without one.
std::span<const std::byte> EmbeddedModelBytes();

}  // namespace mains
