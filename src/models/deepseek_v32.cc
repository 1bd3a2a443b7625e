// DeepSeek-V3.2, V3.2-Exp and V3.2-Speciale (arXiv 2512.02556): DeepSeek-V3 with sparse attention. The
// same shape: GLM-5 and GLM-5.1, whose indexer pairs rotated dims as the attention does.
// Reference: transformers/models/deepseek_v32/modeling_deepseek_v32.py, glm_moe_dsa.
// Golden: tests/goldens/deepseek_v32, glm_moe_dsa.
#include "models/registry.h"
#include "nn/deepseek_moe.h"
#include "nn/mla.h"

namespace mains {
namespace {

// GLM-5.2 and 5.3 let layers reuse what an earlier layer has selected, which is not known here.
void ExpectAnIndexerInEveryLayer(ModelReader& r) {
  r.Expect("index_topk_freq", 1);
  r.Expect("index_topk_pattern", nullptr);
  r.Understood({"index_skip_topk_offset"});  // counts layers that a frequency of 1 does not skip
  for (const std::string& type : r.StringListOr("indexer_types", {})) {
    if (type != "full") r.Fail(ErrorCode::kUnsupported, "indexer_types: " + type + " is not known here");
  }
  for (const std::string& type : r.StringListOr("layer_types", {})) {
    if (type != "indexed_attention")
      r.Fail(ErrorCode::kUnsupported, "layer_types: " + type + " is not known here");
  }
}

std::unique_ptr<LanguageModel> Load(ModelReader& r, bool indexer_rope_interleaved) {
  auto m = std::make_unique<nn::Decoder>(r);
  const RopeConfig rope = ReadRope(r);
  const nn::MlaAttention::Config attention = nn::MlaAttention::ReadConfig(r, m->d_model, rope);
  const nn::Indexer::Config indexer = nn::Indexer::ReadConfig(r, m->d_model, indexer_rope_interleaved);
  m->SetRope(rope, attention.rope_dim, attention.rope_interleaved, r);
  ExpectAnIndexerInEveryLayer(r);
  r.Expect("ep_size", 1);
  r.Expect("mlp_bias", false);

  const nn::DeepseekMoe moe(r, *m);
  m->AddLayers(
      r,
      [&](int64_t i, const std::string& layer) {
        const std::string index = layer + "self_attn.indexer.";
        std::optional<nn::Indexer> chooses;
        // The layer that drafts may come without one, and then attends to everything.
        if (i < m->layer_count || r.HasWeight(index + "wk")) chooses.emplace(r, index, indexer, m->state);
        return std::make_unique<nn::MlaAttention>(r, layer + "self_attn.", attention, m->state,
                                                  std::move(chooses));
      },
      [&](int64_t i, const std::string&) { return moe.Make(r, i); });
  return m;
}

std::unique_ptr<LanguageModel> LoadDeepseek(ModelReader& r) {
  return Load(r, /*indexer_rope_interleaved=*/false);
}
std::unique_ptr<LanguageModel> LoadGlm(ModelReader& r) {
  return Load(r, /*indexer_rope_interleaved=*/true);
}

const RegisterModel registered_deepseek({"DeepseekV32ForCausalLM", LoadDeepseek});
const RegisterModel registered_glm({"GlmMoeDsaForCausalLM", LoadGlm});

}  // namespace
}  // namespace mains
