// GGUF tensor names and metadata in the spelling of the original checkpoint. Sources: gguf-py
// constants.py and tensor_mapping.py, conversion/*.py and src/models/*.cpp of ggml-org/llama.cpp.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/checkpoint.h"
#include "io/gguf.h"
#include "io/json.h"

namespace mains {

// One GGUF architecture and the Hugging Face classes that it stands for.
struct GgufArchitecture {
  enum class Family { kLlama, kQwen, kQwenMoe, kGlmMoe, kMinimax, kSeedOss, kMla, kSparseMla };
  const char* name;        // general.architecture
  const char* hf_class;    // config.json architectures
  const char* model_type;  // config.json model_type
  Family family;
};

// Refuses unknown architectures by name, listing the known ones.
Result<const GgufArchitecture*> FindGgufArchitecture(const GgufFile& file);

// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight". Names without a counterpart, and
// "rope_freqs.weight" (what each rotary frequency is divided by), stay as they are. Per-head latent
// weights become "self_attn.k_b_proj" [heads, kv_lora, nope] and "self_attn.v_b_proj" [heads, v,
// kv_lora]; a layer's experts become one tensor "mlp.experts.gate_proj" [experts, rows, cols].
std::string HfTensorName(const GgufArchitecture& architecture, std::string_view name);

// Finds a tensor by its Hugging Face name, or null.
using TensorLookup = std::function<const StoredTensor*(std::string_view)>;

// config.json as the model's makers would have written it. Beyond theirs there is one key of ours:
// "rope_interleaved": true where the converter reordered the rows of q and k, so that neighbours
// (2i, 2i+1) are rotated. A key of the architecture that is not understood is refused by name.
Result<Json> HfConfig(const GgufFile& file, const GgufArchitecture& architecture, const TensorLookup& find);

}  // namespace mains
