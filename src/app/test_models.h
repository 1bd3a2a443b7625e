// For tests only: tiny models in memory that one can talk to. One says what a test wants, the other what
// random weights make it say; neither needs a file.
#pragma once

#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "app/chat_model.h"
#include "base/check.h"
#include "base/utf8.h"
#include "io/json.h"
#include "io/test_files.h"

namespace mains::test {

// Every byte is a token, spelled as byte-level BPE spells it; then the words (ordinary tokens that no text is
// ever cut into), then the special tokens.
class TestVocabulary {
 public:
  explicit TestVocabulary(std::vector<std::string> words = {}) {
    for (int byte = 0; byte < 256; ++byte) Add(std::string(1, static_cast<char>(byte)));
    words_ = words.size();
    for (const std::string& word : words) Add(word);
    for (const char* text : {"<|eos|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"}) Add(text);
    for (const char* text : {"<think>", "</think>", "<tool_call>", "</tool_call>"}) Add(text);
  }
  int32_t Id(const std::string& text) const {
    const std::map<std::string, int32_t>::const_iterator found = ids_.find(text);
    CHECK(found != ids_.end()) << text;
    return found->second;
  }
  int64_t size() const { return static_cast<int64_t>(texts_.size()); }

  std::shared_ptr<const Tokenizer> MakeTokenizer() const {
    const Json byte_level = {
        {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
    Json vocab = Json::object(), added = Json::array();
    for (size_t id = 0; id < texts_.size(); ++id) {
      if (id < 256 + words_) {
        vocab[Spelled(texts_[id])] = id;
        continue;
      }
      const bool is_mark = texts_[id].find('|') == std::string::npos;
      added.push_back({{"id", id},
                       {"content", texts_[id]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", !is_mark}});
    }
    const Json json = {{"version", "1.0"},
                       {"truncation", nullptr},
                       {"padding", nullptr},
                       {"added_tokens", added},
                       {"normalizer", nullptr},
                       {"pre_tokenizer", byte_level},
                       {"post_processor", nullptr},
                       {"decoder", byte_level},
                       {"model",
                        {{"type", "BPE"},
                         {"dropout", nullptr},
                         {"unk_token", nullptr},
                         {"continuing_subword_prefix", nullptr},
                         {"end_of_word_suffix", nullptr},
                         {"fuse_unk", false},
                         {"byte_fallback", false},
                         {"ignore_merges", false},
                         {"vocab", vocab},
                         {"merges", Json::array()}}}};
    TokenizerSidecars sidecars;
    sidecars.tokenizer_config = R"({"eos_token": "<|eos|>"})";
    Result<std::shared_ptr<const Tokenizer>> made = Tokenizer::FromTokenizerJson(DumpJson(json), sidecars);
    CHECK(made.ok()) << made.error().message;
    return *made;
  }

 private:
  void Add(const std::string& text) {
    ids_[text] = static_cast<int32_t>(texts_.size());
    texts_.push_back(text);
  }
  // GPT-2's alphabet: bytes that are visible in Latin-1 are themselves, the others follow from U+0100 on.
  static std::string Spelled(const std::string& bytes) {
    std::string out;
    for (const char c : bytes) {
      const int byte = static_cast<unsigned char>(c);
      const auto is_visible = [](int b) {
        return (b >= 33 && b <= 126) || (b >= 161 && b != 173 && b <= 255);
      };
      char32_t code_point = static_cast<char32_t>(byte);
      if (!is_visible(byte)) {
        code_point = 0x100;
        for (int before = 0; before < byte; ++before) code_point += is_visible(before) ? 0 : 1;
      }
      AppendUtf8(code_point, out);
    }
    return out;
  }

  std::vector<std::string> texts_;
  std::map<std::string, int32_t> ids_;
  size_t words_ = 0;
};

// Nothing opens the model's turn: what it says depends on the last character before it, which after a tool's
// result is the last one of the result itself.
inline constexpr const char* kTestTemplate = R"({%- if tools -%}<|system|>Tools:
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|eos|>{%- endif -%}
{%- for m in messages -%}
{%- if m.role == 'assistant' -%}<|assistant|>{{ m.content }}
{%- for call in m.tool_calls or [] -%}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{%- endfor -%}<|eos|>
{%- elif m.role == 'system' -%}<|system|>{{ m.content }}<|eos|>
{%- elif m.role == 'tool' -%}<|tool|>{{ m.content }}{{ m.content | replace('"', '') | replace('}', '') | last }}
{%- else -%}<|user|>{{ m.content }}{%- endif -%}
{%- endfor -%}
{%- if enable_thinking is defined and enable_thinking -%}<think>{%- endif -%})";

// A Qwen3 of one layer; `Value(row, column, rows, columns)` fills its matrices.
struct TinyQwen {
  int64_t width = 64, vocab = 0, context = 100'000;

  Json Config() const {
    return {{"architectures", {"Qwen3ForCausalLM"}},
            {"model_type", "qwen3"},
            {"attention_bias", false},
            {"head_dim", 16},
            {"hidden_act", "silu"},
            {"hidden_size", width},
            {"intermediate_size", 32},
            {"max_position_embeddings", context},
            {"num_attention_heads", 2},
            {"num_hidden_layers", 1},
            {"num_key_value_heads", 1},
            {"rms_norm_eps", 1e-6},
            {"rope_scaling", nullptr},
            {"rope_theta", 10000.0},
            {"sliding_window", nullptr},
            {"tie_word_embeddings", false},
            {"torch_dtype", "float32"},
            {"use_sliding_window", false},
            {"vocab_size", vocab}};
  }
  // `layer` fills the matrices inside the layer.
  template <typename Layer>
  std::unique_ptr<MemoryCheckpoint> Make(const std::vector<float>& embeddings, const std::vector<float>& head,
                                         Layer layer) const {
    std::unique_ptr<MemoryCheckpoint> made = std::make_unique<MemoryCheckpoint>(Config());
    const auto add = [&](const std::string& name, std::vector<int64_t> dims, std::vector<float> values) {
      made->Add(name, DType::kF32, std::move(dims), values);
    };
    const auto matrix = [&](const std::string& name, int64_t rows, int64_t columns) {
      std::vector<float> values(static_cast<size_t>(rows * columns));
      for (float& value : values) value = layer();
      add("model.layers.0." + name + ".weight", {rows, columns}, values);
    };
    const auto norm = [&](const std::string& name, int64_t size) {
      add(name + ".weight", {size}, std::vector<float>(static_cast<size_t>(size), 1.0f));
    };
    add("model.embed_tokens.weight", {vocab, width}, embeddings);
    norm("model.layers.0.input_layernorm", width);
    norm("model.layers.0.post_attention_layernorm", width);
    matrix("self_attn.q_proj", 32, width);
    matrix("self_attn.k_proj", 16, width);
    matrix("self_attn.v_proj", 16, width);
    matrix("self_attn.o_proj", width, 32);
    norm("model.layers.0.self_attn.q_norm", 16);
    norm("model.layers.0.self_attn.k_norm", 16);
    matrix("mlp.gate_proj", 32, width);
    matrix("mlp.up_proj", 32, width);
    matrix("mlp.down_proj", width, 32);
    norm("model.norm", width);
    add("lm_head.weight", {vocab, width}, head);
    return made;
  }
};

inline ChatModel ChatModelOf(const TestVocabulary& vocabulary, std::unique_ptr<const Checkpoint> checkpoint) {
  EngineOptions options;
  options.threads = 1;
  Result<std::unique_ptr<Engine>> engine = Engine::Load(std::move(checkpoint), options);
  CHECK(engine.ok()) << engine.error().message;
  LoadedModel loaded;
  loaded.engine = std::move(engine).value();
  return {.loaded = std::move(loaded),
          .tokenizer = vocabulary.MakeTokenizer(),
          .chat_template = ChatTemplate::FromSource(kTestTemplate),
          .thinking_tags = {"<think>", "</think>"},
          .generation_config = {},
          .thinks = {}};
}

// After each first token of `follows` comes the second; after any other the text ends. Words are tokens.
inline ChatModel ScriptedModel(const std::vector<std::pair<std::string, std::string>>& follows,
                               int64_t context = 100'000) {
  std::vector<std::string> words;
  for (const auto& [from, to] : follows) {
    for (const std::string& text : {from, to}) {
      const bool is_special =
          text.front() == '<' && text.back() == '>' && text.find('\n') == std::string::npos;
      if (text.size() > 1 && !is_special && std::find(words.begin(), words.end(), text) == words.end()) {
        words.push_back(text);
      }
    }
  }
  const TestVocabulary vocabulary(words);
  TinyQwen shape;
  shape.vocab = vocabulary.size();
  shape.width = (shape.vocab + 31) / 32 * 32;
  shape.context = context;
  std::vector<float> embeddings(static_cast<size_t>(shape.vocab * shape.width)), head = embeddings;
  std::vector<int32_t> next(static_cast<size_t>(shape.vocab), vocabulary.Id("<|eos|>"));
  for (const auto& [from, to] : follows) next[static_cast<size_t>(vocabulary.Id(from))] = vocabulary.Id(to);
  for (int64_t id = 0; id < shape.vocab; ++id) {
    embeddings[static_cast<size_t>(id * shape.width + id)] = 1;
    head[static_cast<size_t>(next[static_cast<size_t>(id)] * shape.width + id)] = 3;
  }
  return ChatModelOf(vocabulary, shape.Make(embeddings, head, [] { return 0.0f; }));
}

inline ChatModel RandomModel(uint64_t seed, int64_t context) {
  const TestVocabulary vocabulary(
      {"\n<tool_call>\n", "{\"name\": \"", "\", \"arguments\": {", "\": ", "}}", "true", " the ", "12"});
  TinyQwen shape;
  shape.vocab = vocabulary.size();
  shape.context = context;
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> embeddings(static_cast<size_t>(shape.vocab * shape.width)), head = embeddings;
  for (float& value : embeddings) value = normal(random);
  for (float& value : head) value = normal(random) * 0.4f;
  return ChatModelOf(vocabulary, shape.Make(embeddings, head, [&] { return normal(random) * 0.2f; }));
}

}  // namespace mains::test
