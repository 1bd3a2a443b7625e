#include "io/rounded_cache.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "tensor/packed.h"

namespace mains {
namespace {

constexpr std::string_view kMagic = "MAINSPW1";
// To be raised when rounding or packing gives other bytes.
constexpr int kLayout = 1;
constexpr int64_t kAlignment = 4096, kDigestBytes = 32, kTrailerBytes = 16 + kDigestBytes + 8;
constexpr size_t kSamples = 256;  // tensors of which some bytes are in the fingerprint
constexpr int64_t kSampleBytes = 1024;

std::string Sha256(std::string_view bytes) {
  std::array<unsigned char, kDigestBytes> raw;
  CHECK_EQ(EVP_Digest(bytes.data(), bytes.size(), raw.data(), nullptr, EVP_sha256(), nullptr), 1);
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

std::string Hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

// Names, types and shapes of all tensors, and bytes from the middle of some: a checkpoint that was trained
// further differs everywhere.
std::string FingerprintOf(const Checkpoint& checkpoint) {
  std::string told;
  const std::vector<std::string> names = checkpoint.Names();
  const size_t step = std::max<size_t>(1, names.size() / kSamples);
  for (size_t i = 0; i < names.size(); ++i) {
    const StoredTensor* tensor = checkpoint.Find(names[i]);
    told += names[i] + '\n' + Name(tensor->dtype) + tensor->foreign_type;
    for (const int64_t d : tensor->dims) told += ' ' + std::to_string(d);
    told += '\n';
    if (i % step != 0) continue;
    const int64_t bytes = std::min(kSampleBytes, tensor->bytes);
    told.append(reinterpret_cast<const char*>(tensor->data + (tensor->bytes - bytes) / 2),
                static_cast<size_t>(bytes));
  }
  return Hex(Sha256(told));
}

uint64_t NumberAt(std::span<const std::byte> bytes, size_t at) {
  uint64_t value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

std::string_view TextAt(std::span<const std::byte> bytes, size_t at, size_t count) {
  return {reinterpret_cast<const char*>(bytes.data() + at), count};
}

}  // namespace

std::filesystem::path RoundedCache::PathOf(const std::filesystem::path& model, WeightPrecision precision) {
  if (precision == WeightPrecision::kNative) return {};
  const std::string suffix = precision == WeightPrecision::k8Bit   ? ".mains-q8"
                             : precision == WeightPrecision::k4Bit ? ".mains-q4"
                                                                   : ".mains-q3";
  if (model.extension() == ".gguf") return model.string() + suffix;
  return model / ("weights" + suffix);
}

RoundedCache::RoundedCache(const Checkpoint& checkpoint) {
  for (const std::string& name : checkpoint.Names()) {
    const StoredTensor* tensor = checkpoint.Find(name);
    if (tensor->bytes > 0) by_place_[tensor->data] = tensor;
  }
}

Result<std::unique_ptr<RoundedCache>> RoundedCache::Open(const Checkpoint& checkpoint,
                                                         WeightPrecision precision) {
  if (checkpoint.path().empty() || precision == WeightPrecision::kNative) {
    return Error{ErrorCode::kUnsupported, "weights that lie in no file, or are not rounded, are not kept"};
  }
  std::unique_ptr<RoundedCache> cache(new RoundedCache(checkpoint));
  cache->path_ = PathOf(checkpoint.path(), precision);
  cache->fingerprint_ = FingerprintOf(checkpoint);
  if (cache->Read()) return cache;
  ASSIGN_OR_RETURN(cache->file_, AtomicFile::Create(cache->path_));
  std::string head(kMagic);
  head.resize(static_cast<size_t>(kAlignment), '\0');
  RETURN_IF_ERROR(cache->file_->Write(head));
  cache->written_ = kAlignment;
  return cache;
}

// Whatever is wrong with the file, it is as if there were none: it can be made again.
bool RoundedCache::Read() {
  Result<std::shared_ptr<const MappedFile>> map = MappedFile::Open(path_);
  if (!map.ok()) return false;
  const std::span<const std::byte> bytes = (*map)->bytes();
  const size_t size = bytes.size(), trailer = static_cast<size_t>(kTrailerBytes);
  if (size < static_cast<size_t>(kAlignment) + trailer || TextAt(bytes, 0, kMagic.size()) != kMagic ||
      TextAt(bytes, size - kMagic.size(), kMagic.size()) != kMagic)
    return false;
  const uint64_t begin = NumberAt(bytes, size - trailer), count = NumberAt(bytes, size - trailer + 8);
  if (begin > size - trailer || count != size - trailer - begin) return false;
  const std::string_view index = TextAt(bytes, begin, count);
  if (Sha256(index) != TextAt(bytes, size - trailer + 16, static_cast<size_t>(kDigestBytes))) return false;
  const Result<Json> json = ParseJson(index, path_.string());
  if (!json.ok()) return false;
  try {
    if (json->at("fingerprint") != fingerprint_ || json->at("layout") != kLayout) return false;
    for (const Json& m : json->at("matrices")) {
      const uint64_t offset = m.at(1).get<uint64_t>(), length = m.at(2).get<uint64_t>();
      if (offset % 64 != 0 || offset > begin || length > begin - offset) return false;
      places_[m.at(0).get<std::string>()] = bytes.subspan(offset, length);
    }
  } catch (const Json::exception&) {
    return false;
  }
  map_ = std::move(*map);
  return true;
}

std::string RoundedCache::KeyOf(const std::byte* data, const Weight& target) const {
  auto after = by_place_.upper_bound(data);
  if (after == by_place_.begin()) return {};
  const StoredTensor& tensor = *std::prev(after)->second;
  const int64_t at = data - tensor.data;
  if (at >= tensor.bytes) return {};
  return tensor.name + '@' + std::to_string(at) + ' ' + Name(target.dtype) + ' ' +
         std::to_string(target.rows) + 'x' + std::to_string(target.cols);
}

const std::byte* RoundedCache::Find(const std::byte* data, const Weight& target) const {
  const auto place = places_.find(KeyOf(data, target));
  if (place == places_.end() || std::ssize(place->second) != PackedBytes(target)) return nullptr;
  return place->second.data();
}

void RoundedCache::Add(const std::byte* data, const Weight& target, const std::byte* packed) {
  if (found() || !failure_.ok()) return;
  const int64_t bytes = PackedBytes(target), padded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const std::string key = KeyOf(data, target);
  if (key.empty()) {
    failure_ = Error{ErrorCode::kUnsupported, "weights that lie in no file are not kept"};
    return;
  }
  failure_ = file_->Write({reinterpret_cast<const char*>(packed), static_cast<size_t>(bytes)});
  if (failure_.ok()) failure_ = file_->Write(std::string(static_cast<size_t>(padded - bytes), '\0'));
  matrices_.push_back({key, written_, bytes});
  written_ += padded;
}

Status RoundedCache::Commit() {
  RETURN_IF_ERROR(failure_);
  if (found() || matrices_.empty()) return {};
  const std::string index =
      DumpJson({{"fingerprint", fingerprint_}, {"layout", kLayout}, {"matrices", matrices_}});
  std::string trailer = index;
  for (const uint64_t number : {static_cast<uint64_t>(written_), static_cast<uint64_t>(index.size())})
    trailer.append(reinterpret_cast<const char*>(&number), sizeof(number));
  trailer += Sha256(index);
  trailer += kMagic;
  RETURN_IF_ERROR(file_->Write(trailer));
  return file_->Commit();
}

}  // namespace mains
