#include "io/model_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "base/checked.h"
#include "io/quoted.h"
#include "io/weight_packer.h"
#include "tensor/gguf_blocks.h"

namespace mains {
namespace {

// Config keys that say nothing about what a forward pass computes.
constexpr std::string_view kHarmlessKeys[] = {
    // What the file is, and who wrote it.
    "architectures",
    "auto_map",
    "dtype",
    "model_type",
    "name_or_path",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "use_bfloat16",
    // Read by this class itself.
    "quantization_config",
    // Tokens and text; the tokenizer and the session see to them.
    "bos_token_id",
    "cls_token_id",
    "decoder_start_token_id",
    "eos_token_id",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "mask_token_id",
    "pad_token_id",
    "prefix",
    "sep_token_id",
    "tokenizer_class",
    "unk_token_id",
    // Limits that the model was trained or served with.
    "max_position_embeddings",
    "max_sequence_length",
    "model_max_length",
    "seq_length",
    // Training.
    "attention_dropout",
    "attn_pdrop",
    "aux_loss_alpha",
    "classifier_dropout",
    "dropout",
    "embd_pdrop",
    "embedding_dropout",
    "ep_size",
    "gradient_checkpointing",
    "hidden_dropout",
    "initializer_factor",
    "initializer_range",
    "output_router_logits",
    "pretraining_tp",
    "resid_pdrop",
    "residual_dropout",
    "router_aux_loss_coef",
    "router_jitter_noise",
    "router_z_loss_coef",
    "seq_aux",
    "z_loss_coef",
    // How a library calls the model.
    "add_cross_attention",
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
    "finetuning_task",
    "id2label",
    "is_decoder",
    "is_encoder_decoder",
    "label2id",
    "num_labels",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "problem_type",
    "pruned_heads",
    "return_dict",
    "return_dict_in_generate",
    "task_specific_params",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "use_cache",
    // Sampling defaults that older writers put here; generation_config.json is where they belong.
    "bad_words_ids",
    "begin_suppress_tokens",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "remove_invalid_values",
    "repetition_penalty",
    "suppress_tokens",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
};

// Tensors that some writers stored though they follow from the configuration.
constexpr std::string_view kHarmlessTensorEnd = "rotary_emb.inv_freq";

constexpr size_t kNamesInMessage = 5;

bool IsHarmlessKey(std::string_view key) {
  return key.starts_with('_') ||
         std::find(std::begin(kHarmlessKeys), std::end(kHarmlessKeys), key) != std::end(kHarmlessKeys);
}

// A switch that is off, an empty list, a null.
bool SaysNothing(const Json& value) {
  return value.is_null() || value == Json(false) || (value.is_number() && value == Json(0)) ||
         value == Json("") || (value.is_structured() && value.empty());
}

std::string Shown(const Json& value) {
  const std::string text = DumpJson(value);
  return text.size() <= 80 ? text : text.substr(0, 80) + "...";
}

std::string ShapeText(const std::vector<int64_t>& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(dims[i]);
  return text + "]";
}

std::string TypeText(const StoredTensor& tensor) {
  return tensor.foreign_type.empty() ? Name(tensor.dtype) : tensor.foreign_type;
}

bool IsFloat(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

// A count of anything up to 2^53: also those that a writer spelled 4096.0.
bool IsWholeNumber(const Json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX);
  if (value.is_number_integer()) return true;
  if (!value.is_number_float()) return false;
  const double number = value.get<double>();
  return std::abs(number) <= 0x1p53 && number == std::trunc(number);
}
bool IsFiniteNumber(const Json& value) {
  return value.is_number() && std::isfinite(value.get<double>());
}
bool IsFlag(const Json& value) {
  return value.is_boolean();
}
bool IsText(const Json& value) {
  return value.is_string();
}

int64_t CeilDiv(int64_t a, int64_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

// Dimensions of 1 carry nothing, and GGUF drops them.
std::vector<int64_t> Squeezed(std::vector<int64_t> dims) {
  std::erase(dims, 1);
  return dims;
}

// A 3-D tensor whose matrices, one below the other, make [rows, cols].
bool IsStackOf(const StoredTensor& tensor, int64_t rows, int64_t cols) {
  const std::vector<int64_t>& d = tensor.dims;
  if (d.size() != 3 || d[2] != cols) return false;
  return (CheckedU64(static_cast<uint64_t>(d[0])) * CheckedU64(static_cast<uint64_t>(d[1]))).ToSize() == rows;
}

const Json* Walk(const Json& root, std::string_view path) {
  const Json* at = &root;
  while (true) {
    const size_t dot = path.find('.');
    if (!at->is_object()) return nullptr;
    const Json::const_iterator child = at->find(std::string(path.substr(0, dot)));
    if (child == at->end() || child->is_null()) return nullptr;
    at = &*child;
    if (dot == path.npos) return at;
    path.remove_prefix(dot + 1);
  }
}

std::string Joined(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

std::string Listed(const std::vector<std::string>& items) {
  std::string text;
  for (size_t i = 0; i < items.size() && i < kNamesInMessage; ++i) text += (i == 0 ? "" : ", ") + items[i];
  if (items.size() > kNamesInMessage)
    text += " and " + std::to_string(items.size() - kNamesInMessage) + " more";
  return text;
}

// Whether it makes what a layer adds to its input.
bool IsOutput(std::string_view name) {
  return name.ends_with("down_proj") || name.ends_with("o_proj") || name.ends_with("w2");
}

}  // namespace

ModelReader::ModelReader(const Checkpoint& checkpoint, std::string section, std::string prefix,
                         std::set<std::string> ignored_keys, bool draft_layer, WeightPacker* packer)
    : checkpoint_(checkpoint),
      section_(std::move(section)),
      prefix_(std::move(prefix)),
      ignored_keys_(std::move(ignored_keys)),
      draft_layer_(draft_layer),
      packer_(packer) {
  if (!section_.empty() && Walk(checkpoint_.config(), section_) == nullptr) {
    Fail(ErrorCode::kInvalid, ConfigName() + ": there is no object " + Quoted(section_));
  }
  ReadQuantization();
}

std::string ModelReader::ConfigName() const {
  return checkpoint_.source() == Checkpoint::Source::kGguf ? checkpoint_.path().string()
                                                           : (checkpoint_.path() / "config.json").string();
}

void ModelReader::Fail(ErrorCode code, std::string message) {
  if (!ok_) return;
  ok_ = false;
  first_error_ = {code, std::move(message)};
}

// --- Configuration.

const Json* ModelReader::Look(std::string_view key) {
  for (const std::string& section : {section_, std::string()}) {
    const std::string path = Joined(section, key);
    if (const Json* value = Walk(checkpoint_.config(), path)) {
      read_keys_.insert(path);
      return value;
    }
  }
  return nullptr;
}

bool ModelReader::Has(std::string_view key) {
  return Walk(checkpoint_.config(), Joined(section_, key)) != nullptr ||
         Walk(checkpoint_.config(), key) != nullptr;
}

void ModelReader::FailKey(std::string_view key, const Json& value, const std::string& must) {
  Fail(ErrorCode::kInvalid,
       ConfigName() + ": " + Quoted(key) + " is " + Shown(value) + " but must be " + must);
}

const Json* ModelReader::LookTyped(std::string_view key, bool (*is_type)(const Json&), const char* type) {
  const Json* value = ok_ ? Look(key) : nullptr;
  if (value == nullptr || is_type(*value)) return value;
  FailKey(key, *value, type);
  return nullptr;
}

int64_t ModelReader::Int(std::string_view key, int64_t min, int64_t max) {
  if (ok_ && !Has(key)) Fail(ErrorCode::kInvalid, ConfigName() + ": the key " + Quoted(key) + " is missing");
  return IntOr(key, min, min, max);
}

int64_t ModelReader::IntOr(std::string_view key, int64_t otherwise, int64_t min, int64_t max) {
  const Json* value = LookTyped(key, IsWholeNumber, "a whole number");
  if (value == nullptr) return otherwise;
  const int64_t number = value->get<int64_t>();
  if (number >= min && number <= max) return number;
  FailKey(key, *value, "from " + std::to_string(min) + " to " + std::to_string(max));
  return otherwise;
}

double ModelReader::Real(std::string_view key) {
  if (ok_ && !Has(key)) Fail(ErrorCode::kInvalid, ConfigName() + ": the key " + Quoted(key) + " is missing");
  return RealOr(key, 1.0);
}

double ModelReader::RealOr(std::string_view key, double otherwise) {
  const Json* value = LookTyped(key, IsFiniteNumber, "a number");
  return value == nullptr ? otherwise : value->get<double>();
}

bool ModelReader::FlagOr(std::string_view key, bool otherwise) {
  const Json* value = LookTyped(key, IsFlag, "true or false");
  return value == nullptr ? otherwise : value->get<bool>();
}

std::string ModelReader::String(std::string_view key) {
  if (ok_ && !Has(key)) Fail(ErrorCode::kInvalid, ConfigName() + ": the key " + Quoted(key) + " is missing");
  return StringOr(key, "");
}

std::string ModelReader::StringOr(std::string_view key, std::string_view otherwise) {
  const Json* value = LookTyped(key, IsText, "text");
  return value == nullptr ? std::string(otherwise) : value->get<std::string>();
}

template <typename T>
std::vector<T> ModelReader::ListOr(std::string_view key, std::vector<T> otherwise,
                                   bool (*is_type)(const Json&), const char* type) {
  const Json* value = ok_ ? Look(key) : nullptr;
  if (value == nullptr) return otherwise;
  if (!value->is_array() || !std::all_of(value->begin(), value->end(), is_type)) {
    FailKey(key, *value, type);
    return otherwise;
  }
  std::vector<T> list;
  for (const Json& item : *value) list.push_back(item.get<T>());
  return list;
}

std::vector<int64_t> ModelReader::IntListOr(std::string_view key, std::vector<int64_t> otherwise) {
  return ListOr(key, std::move(otherwise), IsWholeNumber, "a list of whole numbers");
}
std::vector<double> ModelReader::RealListOr(std::string_view key, std::vector<double> otherwise) {
  return ListOr(key, std::move(otherwise), IsFiniteNumber, "a list of numbers");
}
std::vector<std::string> ModelReader::StringListOr(std::string_view key, std::vector<std::string> otherwise) {
  return ListOr(key, std::move(otherwise), IsText, "a list of texts");
}

void ModelReader::Expect(std::string_view key, const Json& only) {
  const Json* value = ok_ ? Look(key) : nullptr;
  if (value == nullptr || *value == only) return;
  Fail(ErrorCode::kUnsupported, ConfigName() + ": " + Quoted(key) + " is " + Shown(*value) +
                                    "; this program runs such models only with " + Shown(only));
}

void ModelReader::Understood(std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys) Look(key);
}

void ModelReader::ReadQuantization() {
  const Json* quantization = ok_ ? Look("quantization_config") : nullptr;
  if (quantization == nullptr) return;
  const std::string method = StringOr("quantization_config.quant_method", "");
  const auto refuse = [&](const std::string& what) {
    Fail(ErrorCode::kUnsupported, ConfigName() + ": the weights are quantised with " + what +
                                      ", which nothing here can read; use the original, an FP8, a "
                                      "compressed-tensors 4-bit or a GGUF release of this model");
  };
  if (method == "fp8") {
    const std::vector<int64_t> block = IntListOr("quantization_config.weight_block_size", {});
    constexpr int64_t kLargest = 1 << 20;
    if (block.size() != 2 || block[0] < 1 || block[1] < 1 || block[0] > kLargest || block[1] > kLargest) {
      refuse("\"fp8\" without a usable weight_block_size");
      return;
    }
    fp8_block_ = {block[0], block[1]};
  } else if (method == "compressed-tensors") {
    const std::string format = StringOr("quantization_config.format", "");
    if (format != "pack-quantized" && format != "mxfp4-pack-quantized" && format != "float-quantized") {
      refuse("the compressed-tensors format " + Quoted(format));
    }
  } else {
    refuse(Quoted(method));
  }
}

// --- Tensors.

const StoredTensor* ModelReader::Peek(const std::string& name) const {
  return checkpoint_.Find(prefix_ + name);
}

void ModelReader::FailTensor(const StoredTensor& tensor, ErrorCode code, const std::string& why) {
  Fail(code, checkpoint_.path().string() + ": tensor " + Quoted(tensor.name) + " (" + TypeText(tensor) + " " +
                 ShapeText(tensor.dims) + ") " + why);
}

const StoredTensor* ModelReader::Take(const std::string& name) {
  if (!ok_) return nullptr;
  const StoredTensor* tensor = Peek(name);
  if (tensor == nullptr) {
    Fail(ErrorCode::kInvalid, checkpoint_.path().string() + ": the tensor " + Quoted(prefix_ + name) +
                                  " is missing: the files are incomplete, or of another architecture");
    return nullptr;
  }
  taken_tensors_.insert(tensor->name);
  return tensor;
}

const StoredTensor* ModelReader::TakeShaped(const std::string& name, const std::vector<int64_t>& dims) {
  const StoredTensor* tensor = Take(name);
  if (tensor == nullptr) return nullptr;
  if (tensor->dims == dims || Squeezed(tensor->dims) == Squeezed(dims)) return tensor;
  FailTensor(*tensor, ErrorCode::kInvalid, "should have the shape " + ShapeText(dims));
  return nullptr;
}

bool ModelReader::HasWeight(std::string_view name) const {
  const std::string base(name);
  return Peek(base + ".weight") != nullptr || Peek(base + ".weight_packed") != nullptr ||
         Peek(base) != nullptr;
}

Weight ModelReader::Matrix(const std::string& name, int64_t rows, int64_t cols) {
  if (!ok_) return {};
  if (Peek(name + ".weight_packed") != nullptr) return PackedMatrix(name, rows, cols);
  const std::string full =
      Peek(name + ".weight") == nullptr && Peek(name) != nullptr ? name : name + ".weight";
  const StoredTensor* tensor = Take(full);
  if (tensor == nullptr) return {};
  if (tensor->dtype == DType::kF8E4M3 && tensor->foreign_type.empty()) return Fp8Matrix(name, rows, cols);
  if (Peek(name + ".scale") != nullptr) return Fp4Matrix(full, name + ".scale", rows, cols);
  if (!IsStackOf(*tensor, rows, cols) && TakeShaped(full, {rows, cols}) == nullptr) return {};
  return PlainMatrix(*tensor, rows, cols);
}

// A matrix whose elements lie in `tensor` from its beginning; the shape was verified.
Weight ModelReader::PlainMatrix(const StoredTensor& tensor, int64_t rows, int64_t cols) {
  const bool readable = tensor.foreign_type.empty() && (IsFloat(tensor.dtype) || IsGgufBlock(tensor.dtype));
  if (!readable || cols % Info(tensor.dtype).block_elements != 0) {
    FailTensor(tensor, ErrorCode::kUnsupported, "is of a type that no weight can have here");
    return {};
  }
  Weight weight;
  weight.rows = rows;
  weight.cols = cols;
  weight.dtype = tensor.dtype;
  weight.data = tensor.data;
  weight.row_bytes = ByteSize(tensor.dtype, cols);
  weight.owner = tensor.owner;
  return weight;
}

// X.weight in F8_E4M3, with scales of tiles, X.weight_scale_inv (F32, which despite its name multiplies) or
// X.scale (E8M0), or with one scale per row, X.weight_scale (compressed-tensors, strategy "channel").
Weight ModelReader::Fp8Matrix(const std::string& name, int64_t rows, int64_t cols) {
  const StoredTensor* tensor = TakeShaped(name + ".weight", {rows, cols});
  if (tensor == nullptr) return {};
  const bool by_row = Peek(name + ".weight_scale") != nullptr;
  const std::string scale = by_row                             ? name + ".weight_scale"
                            : Peek(name + ".scale") != nullptr ? name + ".scale"
                                                               : name + ".weight_scale_inv";
  if (Peek(scale) == nullptr) {
    FailTensor(*tensor, ErrorCode::kUnsupported, "has no scales (weight_scale_inv, scale or weight_scale)");
    return {};
  }
  const int64_t block_rows = by_row ? 1 : fp8_block_.rows, block_cols = by_row ? cols : fp8_block_.cols;
  Weight weight;
  weight.rows = rows;
  weight.cols = cols;
  weight.format = WeightFormat::kF8Block;
  weight.dtype = DType::kF8E4M3;
  weight.data = tensor->data;
  weight.row_bytes = cols;
  weight.block_rows = static_cast<int32_t>(block_rows);
  weight.block_cols = static_cast<int32_t>(block_cols);
  weight.owner = tensor->owner;
  if (!TakeScales(scale, CeilDiv(rows, block_rows), CeilDiv(cols, block_cols), &weight)) return {};
  return weight;
}

bool ModelReader::TakeScales(const std::string& name, int64_t rows, int64_t groups, Weight* weight) {
  const StoredTensor* tensor = TakeShaped(name, {rows, groups});
  if (tensor == nullptr) return false;
  // Some writers have no name for E8M0 and say U8.
  const DType dtype = tensor->dtype == DType::kU8 ? DType::kF8E8M0 : tensor->dtype;
  if (!tensor->foreign_type.empty() || (!IsFloat(dtype) && dtype != DType::kF8E8M0)) {
    FailTensor(*tensor, ErrorCode::kUnsupported, "is of a type that no scale can have here");
    return false;
  }
  weight->scales = tensor->data;
  weight->scale_dtype = dtype;
  weight->scale_row_bytes = ByteSize(dtype, groups);
  // Both files must outlive the weight.
  if (tensor->owner != weight->owner) {
    weight->owner = std::make_shared<std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>>(
        weight->owner, tensor->owner);
  }
  return true;
}

// compressed-tensors: X.weight_packed, int32 words for INT4 and bytes for MXFP4.
Weight ModelReader::PackedMatrix(const std::string& name, int64_t rows, int64_t cols) {
  const StoredTensor* packed = Peek(name + ".weight_packed");
  if (Peek(name + ".weight_shape") != nullptr) {
    const StoredTensor* shape = TakeShaped(name + ".weight_shape", {2});
    if (shape == nullptr) return {};
    const bool wide = shape->dtype == DType::kI64;
    int64_t stored[2] = {0, 0};
    if (shape->foreign_type.empty() && (wide || shape->dtype == DType::kI32)) {
      for (size_t i = 0; i < 2; ++i) {
        int32_t narrow = 0;
        if (wide)
          std::memcpy(&stored[i], shape->data + 8 * i, 8);
        else
          std::memcpy(&narrow, shape->data + 4 * i, 4), stored[i] = narrow;
      }
    }
    if (stored[0] != rows || stored[1] != cols) {
      FailTensor(*shape, ErrorCode::kInvalid, "does not say " + ShapeText({rows, cols}));
      return {};
    }
  }
  if (packed->foreign_type.empty() && packed->dtype == DType::kU8) {
    return Fp4Matrix(name + ".weight_packed", name + ".weight_scale", rows, cols);
  }
  return Int4Matrix(name, rows, cols);
}

Weight ModelReader::Int4Matrix(const std::string& name, int64_t rows, int64_t cols) {
  const int64_t words = CeilDiv(cols, 8);
  const StoredTensor* packed = TakeShaped(name + ".weight_packed", {rows, words});
  const StoredTensor* scale = Take(name + ".weight_scale");
  if (packed == nullptr || scale == nullptr) return {};
  if (!packed->foreign_type.empty() || packed->dtype != DType::kI32) {
    FailTensor(*packed, ErrorCode::kUnsupported, "is not packed in 32-bit integers");
    return {};
  }
  const int64_t groups = scale->dims.size() == 2 ? scale->dims[1] : 0;
  if (groups < 1 || cols % groups != 0 || cols / groups > INT32_MAX) {
    FailTensor(*scale, ErrorCode::kInvalid,
               "does not divide " + std::to_string(cols) + " columns into groups");
    return {};
  }
  Weight weight;
  weight.rows = rows;
  weight.cols = cols;
  weight.format = WeightFormat::kInt4Group;
  weight.dtype = DType::kI32;
  weight.data = packed->data;
  weight.row_bytes = ByteSize(DType::kI32, words);
  weight.block_cols = static_cast<int32_t>(cols / groups);
  weight.owner = packed->owner;
  if (!TakeScales(name + ".weight_scale", rows, groups, &weight)) return {};
  if (Peek(name + ".weight_zero_point") != nullptr) TakeZeroPoints(name + ".weight_zero_point", &weight);
  return weight;
}

// Zero points are packed eight to a word along the rows; kernels want a byte each.
void ModelReader::TakeZeroPoints(const std::string& name, Weight* weight) {
  const int64_t groups = weight->cols / weight->block_cols;
  const StoredTensor* tensor = TakeShaped(name, {CeilDiv(weight->rows, 8), groups});
  if (tensor == nullptr) return;
  if (!tensor->foreign_type.empty() || tensor->dtype != DType::kI32) {
    FailTensor(*tensor, ErrorCode::kUnsupported, "is not packed in 32-bit integers");
    return;
  }
  struct Zeros {
    std::vector<std::byte> bytes;
    std::shared_ptr<const void> others;
  };
  std::shared_ptr<Zeros> zeros = std::make_shared<Zeros>();
  zeros->bytes.resize(static_cast<size_t>(weight->rows * groups));
  for (int64_t row = 0; row < weight->rows; ++row) {
    for (int64_t group = 0; group < groups; ++group) {
      uint32_t word = 0;
      std::memcpy(&word, tensor->data + 4 * (row / 8 * groups + group), 4);
      zeros->bytes[static_cast<size_t>(row * groups + group)] =
          static_cast<std::byte>(word >> (4 * (row % 8)) & 15);
    }
  }
  zeros->others = std::move(weight->owner);
  weight->zeros = zeros->bytes.data();
  weight->zero_row_bytes = groups;
  weight->owner = std::move(zeros);
}

// E2M1 pairs in bytes, or in a tensor whose type is F4 and whose shape counts elements.
Weight ModelReader::Fp4Matrix(const std::string& data, const std::string& scales, int64_t rows,
                              int64_t cols) {
  constexpr int64_t kGroup = 32;
  const StoredTensor* tensor = Take(data);
  if (tensor == nullptr) return {};
  const bool counts_elements = tensor->foreign_type == "F4";
  const bool bytes =
      tensor->foreign_type.empty() && (tensor->dtype == DType::kU8 || tensor->dtype == DType::kI8);
  if (!(counts_elements || bytes) || cols % kGroup != 0) {
    FailTensor(*tensor, ErrorCode::kUnsupported,
               "is no matrix of 4-bit floating point numbers in groups of 32");
    return {};
  }
  if (TakeShaped(data, {rows, counts_elements ? cols : cols / 2}) == nullptr) return {};
  Weight weight;
  weight.rows = rows;
  weight.cols = cols;
  weight.format = WeightFormat::kFp4Group;
  weight.dtype = DType::kU8;
  weight.data = tensor->data;
  weight.row_bytes = cols / 2;
  weight.block_cols = kGroup;
  weight.owner = tensor->owner;
  if (!TakeScales(scales, rows, cols / kGroup, &weight)) return {};
  return weight;
}

Vector ModelReader::VectorOf(const std::string& name, int64_t n) {
  const StoredTensor* tensor = TakeShaped(name, {n});
  if (tensor == nullptr) return {};
  const Weight row = PlainMatrix(*tensor, 1, n);
  if (row.empty()) return {};
  std::vector<float> values(static_cast<size_t>(n));
  UnpackRow(row.Row(0), n, values.data());
  return {std::make_shared<const std::vector<float>>(std::move(values))};
}

Vector ModelReader::Norm(const std::string& name, int64_t n) {
  return VectorOf(Peek(name + ".weight") == nullptr && Peek(name) != nullptr ? name : name + ".weight", n);
}

Vector ModelReader::Floats(const std::string& full_name, int64_t n) {
  return VectorOf(full_name, n);
}

Vector ModelReader::BiasOr(const std::string& name, int64_t n) {
  return Peek(name + ".bias") == nullptr ? Vector() : VectorOf(name + ".bias", n);
}

// What every token passes through costs little of a mixture's bytes and much of its quality, as do keys,
// values and the head of any model: in 4 and 3 bits, these have 8. In 3 bits, the outputs of a layer have 4:
// their error goes straight into what all later layers read.
std::vector<Weight> ModelReader::Packed(std::vector<Weight> weights, Role role) {
  if (!ok_ || packer_ == nullptr || weights.empty()) return weights;
  WeightPrecision precision = packer_->precision();
  if (precision == WeightPrecision::k4Bit || precision == WeightPrecision::k3Bit) {
    const bool mixture = Has("n_routed_experts") || Has("num_experts") || Has("num_local_experts");
    const bool expert = role == Role::kExpert || role == Role::kExpertOutput;
    if (role == Role::kKeysOrValues || role == Role::kHead || (mixture && !expert)) {
      precision = WeightPrecision::k8Bit;
    } else if (role == Role::kOutput || role == Role::kExpertOutput) {
      precision = WeightPrecision::k4Bit;
    }
  }
  Result<std::vector<Weight>> packed = packer_->Pack(std::move(weights), precision);
  if (packed.ok()) return std::move(*packed);
  Fail(packed.error().code, packed.error().message);
  return {};
}

Weight ModelReader::Projection(const std::string& name, int64_t rows, int64_t cols) {
  const bool keys_or_values =
      name.ends_with(".k_proj") || name.ends_with(".v_proj") || name.ends_with(".kv_a_proj_with_mqa");
  const Role role = keys_or_values           ? Role::kKeysOrValues
                    : name.ends_with("head") ? Role::kHead
                    : IsOutput(name)         ? Role::kOutput
                                             : Role::kLayer;
  const std::vector<Weight> packed = Packed({Matrix(name, rows, cols)}, role);
  return packed.empty() ? Weight() : packed[0];
}

Weight ModelReader::HeadMatrix(const std::string& name, int64_t rows, int64_t cols) {
  const Weight w = Matrix(name, rows, cols);
  if (!ok_ || packer_ == nullptr || w.empty()) return w;
  Result<Weight> wide = packer_->Widen(w);
  if (wide.ok()) return std::move(*wide);
  Fail(wide.error().code, wide.error().message);
  return {};
}

Weight ModelReader::AsProjection(const Weight& w) {
  const std::vector<Weight> packed = Packed({w}, Role::kHead);
  return packed.empty() ? Weight() : packed[0];
}

std::vector<Weight> ModelReader::Experts(const std::string& prefix, const std::string& leaf, int64_t experts,
                                         int64_t rows, int64_t cols) {
  return Packed(ExpertMatrices(prefix, leaf, experts, rows, cols),
                IsOutput(leaf) ? Role::kExpertOutput : Role::kExpert);
}

std::vector<Weight> ModelReader::ExpertMatrices(const std::string& prefix, const std::string& leaf,
                                                int64_t experts, int64_t rows, int64_t cols) {
  if (HasWeight(prefix + "." + leaf)) return Matrices(prefix + "." + leaf, experts, rows, cols);
  std::vector<Weight> weights;
  for (int64_t e = 0; e < experts && ok_; ++e) {
    weights.push_back(Matrix(prefix + "." + std::to_string(e) + "." + leaf, rows, cols));
  }
  if (!ok_) return {};
  return weights;
}

std::vector<Weight> ModelReader::Matrices(const std::string& name, int64_t count, int64_t rows,
                                          int64_t cols) {
  const bool plain_name = Peek(name + ".weight") == nullptr && Peek(name) != nullptr;
  const StoredTensor* tensor = TakeShaped(plain_name ? name : name + ".weight", {count, rows, cols});
  if (tensor == nullptr) return {};
  const Weight first = PlainMatrix(*tensor, rows, cols);
  if (first.empty()) return {};
  std::vector<Weight> weights(static_cast<size_t>(count), first);
  for (int64_t i = 0; i < count; ++i) {
    weights[static_cast<size_t>(i)].data = tensor->data + i * rows * first.row_bytes;
  }
  return weights;
}

void ModelReader::SkipTensors(std::string_view prefix) {
  skipped_prefixes_.emplace_back(prefix);
}

// --- Account.

namespace {

struct Account {
  const std::set<std::string>& read;
  const std::set<std::string>& ignored;
  std::vector<std::string> unread;
};

// Collects the keys below `object` that are neither read nor harmless. The depth is bounded by the JSON
// parser's.
void CollectUnread(const Json& object, const std::string& path, bool top, Account* account) {
  for (const auto& [key, value] : object.items()) {
    const std::string here = Joined(path, key);
    if (account->read.contains(here) || SaysNothing(value) || (top && IsHarmlessKey(key))) continue;
    if (account->ignored.contains(here) || account->ignored.contains(key)) continue;
    const std::set<std::string>::const_iterator below = account->read.lower_bound(here + ".");
    const bool partly_read = below != account->read.end() && below->starts_with(here + ".");
    if (value.is_object() && partly_read) {
      CollectUnread(value, here, false, account);
    } else {
      account->unread.push_back(Quoted(here) + " (= " + Shown(value) + ")");
    }
  }
}

}  // namespace

std::string ModelReader::UnreadKeys() const {
  Account account = {read_keys_, ignored_keys_, {}};
  const Json* own = section_.empty() ? &checkpoint_.config() : Walk(checkpoint_.config(), section_);
  if (own != nullptr && own->is_object()) CollectUnread(*own, section_, true, &account);
  return Listed(account.unread);
}

std::string ModelReader::UnreadTensors() const {
  std::vector<std::string> unread;
  for (const std::string& name : checkpoint_.Names()) {
    if (taken_tensors_.contains(name) || name.ends_with(kHarmlessTensorEnd)) continue;
    const bool skipped =
        std::any_of(skipped_prefixes_.begin(), skipped_prefixes_.end(), [&](const std::string& start) {
          return name.starts_with(start) || name.starts_with(prefix_ + start);
        });
    if (!skipped) unread.push_back(Quoted(name));
  }
  return Listed(unread);
}

Status ModelReader::Finish() {
  if (!ok_) return first_error_;
  if (const std::string keys = UnreadKeys(); !keys.empty()) {
    return Error{ErrorCode::kUnsupported, ConfigName() + ": not understood by this model: " + keys +
                                              ". Such keys may change what it computes; if you know that "
                                              "they do not, pass --ignore-config with their names"};
  }
  if (const std::string tensors = UnreadTensors(); !tensors.empty()) {
    return Error{ErrorCode::kUnsupported, checkpoint_.path().string() +
                                              ": tensors that this model does not use: " + tensors +
                                              ". It may be a variant that this program does not know"};
  }
  return {};
}

}  // namespace mains
