#include "io/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/checked.h"
#include "base/file.h"
#include "io/quoted.h"

namespace mains {
namespace {

constexpr uint32_t kMaxDims = 4;
constexpr uint32_t kDefaultAlignment = 32;

struct TensorType {
  uint32_t number;  // ggml_type
  const char* name;
  std::optional<DType> dtype;
};

constexpr TensorType kTensorTypes[] = {
    {0, "F32", DType::kF32},        {1, "F16", DType::kF16},          {2, "Q4_0", DType::kQ4_0},
    {3, "Q4_1", DType::kQ4_1},      {6, "Q5_0", DType::kQ5_0},        {7, "Q5_1", DType::kQ5_1},
    {8, "Q8_0", DType::kQ8_0},      {9, "Q8_1", std::nullopt},        {10, "Q2_K", DType::kQ2_K},
    {11, "Q3_K", DType::kQ3_K},     {12, "Q4_K", DType::kQ4_K},       {13, "Q5_K", DType::kQ5_K},
    {14, "Q6_K", DType::kQ6_K},     {15, "Q8_K", std::nullopt},       {16, "IQ2_XXS", DType::kIQ2_XXS},
    {17, "IQ2_XS", DType::kIQ2_XS}, {18, "IQ3_XXS", DType::kIQ3_XXS}, {19, "IQ1_S", DType::kIQ1_S},
    {20, "IQ4_NL", DType::kIQ4_NL}, {21, "IQ3_S", DType::kIQ3_S},     {22, "IQ2_S", DType::kIQ2_S},
    {23, "IQ4_XS", DType::kIQ4_XS}, {24, "I8", DType::kI8},           {25, "I16", DType::kI16},
    {26, "I32", DType::kI32},       {27, "I64", DType::kI64},         {28, "F64", DType::kF64},
    {29, "IQ1_M", DType::kIQ1_M},   {30, "BF16", DType::kBF16},       {34, "TQ1_0", DType::kTQ1_0},
    {35, "TQ2_0", DType::kTQ2_0},   {39, "MXFP4", DType::kMXFP4},     {40, "NVFP4", std::nullopt},
    {41, "Q1_0", std::nullopt},
};

const TensorType* TensorTypeOf(uint32_t number) {
  for (const TensorType& type : kTensorTypes) {
    if (type.number == number) return &type;
  }
  return nullptr;
}

// Bytes of a value of fixed size, 0 for strings and arrays.
uint64_t FixedSize(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool: return 1;
    case GgufType::kU16:
    case GgufType::kI16: return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32: return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64: return 8;
    case GgufType::kString:
    case GgufType::kArray: return 0;
  }
  return 0;
}

template <typename T>
T LoadAt(const std::byte* at) {
  static_assert(std::endian::native == std::endian::little, "files are read as they lie");
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

// An integer element, or nothing if `type` is none or the value does not fit int64_t.
std::optional<int64_t> IntAt(GgufType type, const std::byte* at) {
  switch (type) {
    case GgufType::kU8: return LoadAt<uint8_t>(at);
    case GgufType::kI8: return LoadAt<int8_t>(at);
    case GgufType::kU16: return LoadAt<uint16_t>(at);
    case GgufType::kI16: return LoadAt<int16_t>(at);
    case GgufType::kU32: return LoadAt<uint32_t>(at);
    case GgufType::kI32: return LoadAt<int32_t>(at);
    case GgufType::kU64: return CheckedU64(LoadAt<uint64_t>(at)).ToSize();
    case GgufType::kI64: return LoadAt<int64_t>(at);
    default: return std::nullopt;
  }
}

Error ShortFile() {
  return {ErrorCode::kInvalid, "the file ends inside its header: it is truncated or damaged"};
}

// Takes values off the front of the bytes that are left.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint64_t position() const { return position_; }
  uint64_t left() const { return bytes_.size() - position_; }

  Result<std::span<const std::byte>> Bytes(uint64_t length) {
    if (!InBounds(position_, length, bytes_.size())) return ShortFile();
    const std::span<const std::byte> taken = bytes_.subspan(position_, length);
    position_ += length;
    return taken;
  }
  template <typename T>
  Result<T> Number() {
    ASSIGN_OR_RETURN(const std::span<const std::byte> bytes, Bytes(sizeof(T)));
    return LoadAt<T>(bytes.data());
  }
  Result<std::span<const std::byte>> String() {
    ASSIGN_OR_RETURN(const uint64_t length, Number<uint64_t>());
    if (length > kMaxGgufString) {
      return Error{ErrorCode::kInvalid, "a string claims " + std::to_string(length) +
                                            " bytes; 16 MiB is the limit: the file is damaged"};
    }
    return Bytes(length);
  }

 private:
  std::span<const std::byte> bytes_;
  uint64_t position_ = 0;
};

std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<GgufType> ReadType(Cursor& cursor) {
  ASSIGN_OR_RETURN(const uint32_t number, cursor.Number<uint32_t>());
  if (number > static_cast<uint32_t>(GgufType::kF64)) {
    return Error{ErrorCode::kInvalid, "the metadata type " + std::to_string(number) + " is not known"};
  }
  return static_cast<GgufType>(number);
}

Result<GgufValue> ReadArray(Cursor& cursor) {
  GgufValue value;
  value.type = GgufType::kArray;
  ASSIGN_OR_RETURN(value.element, ReadType(cursor));
  ASSIGN_OR_RETURN(value.count, cursor.Number<uint64_t>());
  if (value.element == GgufType::kArray) {
    return Error{ErrorCode::kUnsupported, "arrays of arrays are not supported"};
  }
  if (value.element != GgufType::kString) {
    const std::optional<uint64_t> size = (CheckedU64(value.count) * FixedSize(value.element)).value();
    if (!size) return ShortFile();
    ASSIGN_OR_RETURN(value.bytes, cursor.Bytes(*size));
    return value;
  }
  // Each string takes at least its length field, so the loop is bounded by the bytes present.
  Cursor start = cursor;
  for (uint64_t i = 0; i < value.count; ++i) {
    ASSIGN_OR_RETURN(const std::span<const std::byte> skipped, cursor.String());
    static_cast<void>(skipped);
  }
  ASSIGN_OR_RETURN(value.bytes, start.Bytes(cursor.position() - start.position()));
  return value;
}

Result<GgufValue> ReadValue(Cursor& cursor) {
  GgufValue value;
  ASSIGN_OR_RETURN(value.type, ReadType(cursor));
  if (value.type == GgufType::kArray) return ReadArray(cursor);
  if (value.type == GgufType::kString) {
    ASSIGN_OR_RETURN(value.bytes, cursor.String());
  } else {
    ASSIGN_OR_RETURN(value.bytes, cursor.Bytes(FixedSize(value.type)));
  }
  return value;
}

Status VerifyNamesDiffer(std::vector<std::string_view> names, const char* kind) {
  std::sort(names.begin(), names.end());
  const std::vector<std::string_view>::iterator twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return {};
  return Error{ErrorCode::kInvalid, std::string("the ") + kind + " " + Quoted(*twice) + " occurs twice"};
}

}  // namespace

std::string GgufTypeName(uint32_t type) {
  const TensorType* known = TensorTypeOf(type);
  return known == nullptr ? "type " + std::to_string(type) : known->name;
}

// Reads one file from front to back.
class GgufParser {
 public:
  GgufParser(std::span<const std::byte> bytes, GgufFile* file) : bytes_(bytes), cursor_(bytes), file_(file) {}

  Status Run() {
    RETURN_IF_ERROR(ReadStart());
    RETURN_IF_ERROR(ReadMetadata());
    ASSIGN_OR_RETURN(const uint64_t alignment, Alignment());
    for (uint64_t i = 0; i < tensors_; ++i) {
      GgufTensor tensor;
      const Status read = ReadTensor(&tensor);
      if (!read.ok()) return read.error().Within("tensor " + Quoted(tensor.name) + ": ");
      file_->tensors_.push_back(std::move(tensor));
    }
    std::vector<std::string_view> names;
    for (const GgufTensor& tensor : file_->tensors_) names.push_back(tensor.name);
    RETURN_IF_ERROR(VerifyNamesDiffer(std::move(names), "tensor"));
    return PlaceTensors(alignment);
  }

 private:
  Status ReadStart() {
    ASSIGN_OR_RETURN(const std::span<const std::byte> magic, cursor_.Bytes(4));
    if (Text(magic) != "GGUF") return Error{ErrorCode::kInvalid, "not a GGUF file"};
    ASSIGN_OR_RETURN(const uint32_t version, cursor_.Number<uint32_t>());
    if (version == 0x0200'0000 || version == 0x0300'0000) {
      return Error{ErrorCode::kUnsupported, "a big-endian GGUF file; use the little-endian release"};
    }
    if (version != 2 && version != 3) {
      return Error{ErrorCode::kUnsupported,
                   "GGUF version " + std::to_string(version) + " is not supported; 2 and 3 are"};
    }
    ASSIGN_OR_RETURN(tensors_, cursor_.Number<uint64_t>());
    ASSIGN_OR_RETURN(keys_, cursor_.Number<uint64_t>());
    if (tensors_ > kMaxGgufTensors || keys_ > kMaxGgufKeys) {
      return Error{ErrorCode::kInvalid, "the header claims " + std::to_string(tensors_) + " tensors and " +
                                            std::to_string(keys_) + " keys; 65536 of each are the limit"};
    }
    return {};
  }

  Status ReadMetadata() {
    for (uint64_t i = 0; i < keys_; ++i) {
      ASSIGN_OR_RETURN(const std::span<const std::byte> name, cursor_.String());
      const std::string_view key = Text(name);
      if (key.empty()) return Error{ErrorCode::kInvalid, "a metadata key is empty"};
      Result<GgufValue> value = ReadValue(cursor_);
      if (!value.ok()) return value.error().Within("key " + Quoted(key) + ": ");
      if (!file_->by_key_.emplace(key, file_->metadata_.size()).second) {
        return Error{ErrorCode::kInvalid, "the key " + Quoted(key) + " occurs twice"};
      }
      file_->metadata_.emplace_back(key, *value);
    }
    return {};
  }

  Result<uint64_t> Alignment() const {
    const GgufValue* value = file_->Find("general.alignment");
    if (value == nullptr) return uint64_t{kDefaultAlignment};
    const uint32_t alignment = value->type == GgufType::kU32 ? LoadAt<uint32_t>(value->bytes.data()) : 0;
    if (!std::has_single_bit(alignment) || alignment > kMaxGgufAlignment) {
      return Error{ErrorCode::kInvalid, "\"general.alignment\" must be a 32-bit power of two up to 4096"};
    }
    return uint64_t{alignment};
  }

  Status ReadTensor(GgufTensor* tensor) {
    ASSIGN_OR_RETURN(const std::span<const std::byte> name, cursor_.String());
    tensor->name = Text(name);
    if (tensor->name.empty()) return Error{ErrorCode::kInvalid, "it has no name"};
    ASSIGN_OR_RETURN(const uint32_t dims, cursor_.Number<uint32_t>());
    if (dims < 1 || dims > kMaxDims) {
      return Error{ErrorCode::kInvalid, std::to_string(dims) + " dimensions; 1 to 4 are possible"};
    }
    for (uint32_t i = 0; i < dims; ++i) {
      ASSIGN_OR_RETURN(const uint64_t dim, cursor_.Number<uint64_t>());
      const std::optional<int64_t> size = CheckedU64(dim).ToSize();
      if (!size || *size == 0) return Error{ErrorCode::kInvalid, "a dimension of " + std::to_string(dim)};
      tensor->dims.push_back(*size);
    }
    std::reverse(tensor->dims.begin(), tensor->dims.end());
    ASSIGN_OR_RETURN(tensor->type, cursor_.Number<uint32_t>());
    ASSIGN_OR_RETURN(tensor->offset, cursor_.Number<uint64_t>());
    if (const TensorType* type = TensorTypeOf(tensor->type)) tensor->dtype = type->dtype;
    return {};
  }

  // The bytes a tensor must have; nothing if its shape is impossible.
  static std::optional<uint64_t> SizeOf(const GgufTensor& tensor) {
    const DTypeInfo& info = Info(*tensor.dtype);
    if (tensor.dims.back() % info.block_elements != 0) return std::nullopt;
    CheckedU64 elements(1);
    for (int64_t dim : tensor.dims) elements = elements * CheckedU64(static_cast<uint64_t>(dim));
    const std::optional<int64_t> count = elements.ToSize();
    if (!count) return std::nullopt;
    return (CheckedU64(static_cast<uint64_t>(*count / info.block_elements)) *
            CheckedU64(static_cast<uint64_t>(info.block_bytes)))
        .value();
  }

  // The tensor data begins at the next aligned byte; no two tensors may share bytes of it.
  Status PlaceTensors(uint64_t alignment) {
    if (file_->tensors_.empty()) return {};
    const std::optional<uint64_t> begin = CheckedU64(cursor_.position()).RoundUp(alignment).value();
    if (!begin || *begin > bytes_.size()) return ShortFile();
    const std::span<const std::byte> data = bytes_.subspan(*begin);
    std::vector<std::pair<uint64_t, const GgufTensor*>> by_offset;
    for (GgufTensor& tensor : file_->tensors_) {
      const Status placed = PlaceTensor(&tensor, data, alignment);
      if (!placed.ok()) return placed.error().Within("tensor " + Quoted(tensor.name) + ": ");
      by_offset.emplace_back(tensor.offset, &tensor);
    }
    std::sort(by_offset.begin(), by_offset.end());
    for (size_t i = 1; i < by_offset.size(); ++i) {
      const GgufTensor& before = *by_offset[i - 1].second;
      if (by_offset[i].first - before.offset < std::max<uint64_t>(before.bytes.size(), 1)) {
        return Error{ErrorCode::kInvalid, "the tensors " + Quoted(before.name) + " and " +
                                              Quoted(by_offset[i].second->name) + " overlap"};
      }
    }
    return {};
  }

  static Status PlaceTensor(GgufTensor* tensor, std::span<const std::byte> data, uint64_t alignment) {
    if (tensor->offset % alignment != 0) {
      return Error{ErrorCode::kInvalid, "its offset is not a multiple of " + std::to_string(alignment)};
    }
    std::optional<uint64_t> size = uint64_t{0};
    if (tensor->dtype) size = SizeOf(*tensor);
    if (!size) return Error{ErrorCode::kInvalid, "its shape does not fit its type"};
    if (!InBounds(tensor->offset, *size, data.size())) {
      return Error{ErrorCode::kInvalid, std::to_string(*size) + " bytes at " +
                                            std::to_string(tensor->offset) + " of " +
                                            std::to_string(data.size()) +
                                            " bytes of tensor data: the file is truncated or damaged"};
    }
    tensor->bytes = data.subspan(tensor->offset, *size);
    return {};
  }

  std::span<const std::byte> bytes_;
  Cursor cursor_;
  GgufFile* file_;
  uint64_t tensors_ = 0;
  uint64_t keys_ = 0;
};

Result<std::shared_ptr<const GgufFile>> GgufFile::Open(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
  return Parse(file->bytes(), path.string(), file);
}

Result<std::shared_ptr<const GgufFile>> GgufFile::Parse(std::span<const std::byte> bytes, std::string what,
                                                        std::shared_ptr<const void> owner) {
  std::shared_ptr<GgufFile> file(new GgufFile);
  file->what_ = std::move(what);
  file->owner_ = std::move(owner);
  file->size_ = bytes.size();
  const Status parsed = GgufParser(bytes, file.get()).Run();
  if (!parsed.ok()) return parsed.error().Within(file->what_ + ": ");
  return std::shared_ptr<const GgufFile>(std::move(file));
}

const GgufValue* GgufFile::Find(std::string_view key) const {
  const std::map<std::string_view, size_t>::const_iterator at = by_key_.find(key);
  return at == by_key_.end() ? nullptr : &metadata_[at->second].second;
}

Error GgufFile::WrongType(std::string_view key, const char* wanted) const {
  return {ErrorCode::kInvalid, what_ + ": the key " + Quoted(key) + " must be " + wanted};
}

Result<const GgufValue*> GgufFile::FindTyped(std::string_view key, GgufType type,
                                             const char* type_name) const {
  const GgufValue* value = Find(key);
  if (value == nullptr)
    return Error{ErrorCode::kNotFound, what_ + ": the key " + Quoted(key) + " is missing"};
  if (value->type != type) return WrongType(key, type_name);
  return value;
}

Result<std::string_view> GgufFile::GetString(std::string_view key) const {
  ASSIGN_OR_RETURN(const GgufValue* value, FindTyped(key, GgufType::kString, "text"));
  return Text(value->bytes);
}

Result<bool> GgufFile::GetBool(std::string_view key) const {
  ASSIGN_OR_RETURN(const GgufValue* value, FindTyped(key, GgufType::kBool, "true or false"));
  return value->bytes[0] != std::byte{0};
}

Result<int64_t> GgufFile::GetInt(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr)
    return Error{ErrorCode::kNotFound, what_ + ": the key " + Quoted(key) + " is missing"};
  const std::optional<int64_t> number = IntAt(value->type, value->bytes.data());
  if (!number) return WrongType(key, "a whole number below 2^63");
  return *number;
}

Result<double> GgufFile::GetReal(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value != nullptr && value->type == GgufType::kF32) {
    return static_cast<double>(LoadAt<float>(value->bytes.data()));
  }
  if (value != nullptr && value->type == GgufType::kF64) return LoadAt<double>(value->bytes.data());
  ASSIGN_OR_RETURN(const int64_t number, GetInt(key));
  return static_cast<double>(number);
}

Result<std::vector<std::string_view>> GgufFile::GetStringArray(std::string_view key) const {
  constexpr const char* kWanted = "a list of texts";
  ASSIGN_OR_RETURN(const GgufValue* value, FindTyped(key, GgufType::kArray, kWanted));
  if (value->element != GgufType::kString) return WrongType(key, kWanted);
  std::vector<std::string_view> strings;
  strings.reserve(value->count);  // opening the file has seen as many
  Cursor cursor(value->bytes);
  for (uint64_t i = 0; i < value->count; ++i) {
    ASSIGN_OR_RETURN(const std::span<const std::byte> text, cursor.String());
    strings.push_back(Text(text));
  }
  return strings;
}

Result<std::vector<int64_t>> GgufFile::GetIntArray(std::string_view key) const {
  constexpr const char* kWanted = "a list of whole numbers";
  ASSIGN_OR_RETURN(const GgufValue* value, FindTyped(key, GgufType::kArray, kWanted));
  const GgufType element = value->element == GgufType::kBool ? GgufType::kU8 : value->element;
  std::vector<int64_t> numbers;
  for (uint64_t i = 0; i < value->count; ++i) {
    const std::optional<int64_t> number = IntAt(element, value->bytes.data() + i * FixedSize(element));
    if (!number) return WrongType(key, kWanted);
    numbers.push_back(*number);
  }
  return numbers;
}

Result<std::vector<float>> GgufFile::GetRealArray(std::string_view key) const {
  constexpr const char* kWanted = "a list of numbers with fractions";
  ASSIGN_OR_RETURN(const GgufValue* value, FindTyped(key, GgufType::kArray, kWanted));
  const bool wide = value->element == GgufType::kF64;
  if (!wide && value->element != GgufType::kF32) return WrongType(key, kWanted);
  std::vector<float> numbers;
  for (uint64_t i = 0; i < value->count; ++i) {
    const std::byte* at = value->bytes.data() + i * (wide ? 8 : 4);
    numbers.push_back(wide ? static_cast<float>(LoadAt<double>(at)) : LoadAt<float>(at));
  }
  return numbers;
}

}  // namespace mains
