#include "engine/logprob_file.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string_view>

#include "base/check.h"
#include "base/checked.h"

namespace mains {
namespace {

constexpr std::string_view kMagic = "MAINSLP1";
constexpr int64_t kDigestBytes = 32, kFixedBytes = 16;
constexpr int64_t kMaxCode = 65535;

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    CHECK(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void Update(std::string_view bytes) {
    CHECK_EQ(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()), 1);
  }
  std::string Digest() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> raw;
    unsigned length = 0;
    CHECK_EQ(EVP_DigestFinal_ex(context_.get(), raw.data(), &length), 1);
    CHECK_EQ(static_cast<int64_t>(length), kDigestBytes);
    return {reinterpret_cast<const char*>(raw.data()), length};
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

template <typename T>
std::string_view BytesOf(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

template <typename T>
T ReadNumber(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

int64_t RowBytes(int64_t vocab) {
  return 8 + (2 * vocab + 3) / 4 * 4;
}

class WriterImpl final : public LogprobWriter {
 public:
  WriterImpl(std::unique_ptr<AtomicFile> file, int64_t vocab) : file_(std::move(file)), vocab_(vocab) {}

  Status Put(std::string_view bytes) {
    hash_.Update(bytes);
    return file_->Write(bytes);
  }
  Status Begin(std::span<const int32_t> ids) override {
    hash_ = Sha256();
    return Put(BytesOf(ids));
  }
  Status Add(const CodedLogprobs& row) override {
    CHECK_EQ(static_cast<int64_t>(row.codes.size()), vocab_);
    row_.assign(static_cast<size_t>(RowBytes(vocab_)), '\0');
    std::memcpy(row_.data(), &row.lowest, 4);
    std::memcpy(row_.data() + 4, &row.step, 4);
    std::memcpy(row_.data() + 8, row.codes.data(), row.codes.size_bytes());
    return Put(row_);
  }
  Status End() override { return file_->Write(hash_.Digest()); }
  Status Commit() override { return file_->Commit(); }

 private:
  std::unique_ptr<AtomicFile> file_;
  int64_t vocab_;
  Sha256 hash_;
  std::string row_;
};

}  // namespace

CodedLogprobs CodedLogprobs::Of(std::span<const float> logits, std::vector<uint16_t>& codes) {
  const auto [least, most] = std::minmax_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += static_cast<double>(std::exp(x - *most));
  CodedLogprobs coded;
  coded.lowest = static_cast<float>(static_cast<double>(*least - *most) - std::log(sum));
  coded.step = (*most - *least) / static_cast<float>(kMaxCode);
  codes.resize(logits.size());
  const float per_step = coded.step > 0 ? 1 / coded.step : 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    codes[i] = static_cast<uint16_t>(
        std::min(std::lround((logits[i] - *least) * per_step), static_cast<long>(kMaxCode)));
  }
  coded.codes = codes;
  return coded;
}

double CodedLogprobs::LogSum() const {
  const size_t best = static_cast<size_t>(std::max_element(codes.begin(), codes.end()) - codes.begin());
  const double most = At(best);
  double sum = 0;
  for (size_t i = 0; i < codes.size(); ++i) {
    sum += static_cast<double>(std::exp(static_cast<float>(At(i) - most)));
  }
  return most + std::log(sum);
}

LogprobDifference Compare(const CodedLogprobs& base, const CodedLogprobs& other) {
  CHECK_EQ(base.codes.size(), other.codes.size());
  const double base_sum = base.LogSum(), other_sum = other.LogSum();
  LogprobDifference result;
  for (size_t i = 0; i < base.codes.size(); ++i) {
    const double p = base.At(i) - base_sum, difference = p - (other.At(i) - other_sum);
    result.kl += static_cast<double>(std::exp(static_cast<float>(p))) * difference;
    result.largest = std::max(result.largest, std::abs(difference));
  }
  const auto best = [](std::span<const uint16_t> codes) {
    return std::max_element(codes.begin(), codes.end()) - codes.begin();
  };
  result.same_best = best(base.codes) == best(other.codes);
  return result;
}

Result<std::unique_ptr<LogprobWriter>> LogprobWriter::Create(const std::filesystem::path& path, int64_t vocab,
                                                             std::span<const int64_t> lengths) {
  ASSIGN_OR_RETURN(std::unique_ptr<AtomicFile> file, AtomicFile::Create(path));
  std::vector<uint32_t> numbers = {static_cast<uint32_t>(vocab), static_cast<uint32_t>(lengths.size())};
  for (const int64_t length : lengths) numbers.push_back(static_cast<uint32_t>(length));
  const std::string head = std::string(kMagic) + std::string(BytesOf<uint32_t>(numbers));
  Sha256 hash;
  hash.Update(head);
  RETURN_IF_ERROR(file->Write(head + hash.Digest()));
  return std::unique_ptr<LogprobWriter>(std::make_unique<WriterImpl>(std::move(file), vocab));
}

Result<std::unique_ptr<const LogprobFile>> LogprobFile::Open(const std::filesystem::path& path) {
  std::unique_ptr<LogprobFile> file(new LogprobFile);
  ASSIGN_OR_RETURN(file->file_, MappedFile::Open(path));
  RETURN_IF_ERROR(file->ReadHead());
  return std::unique_ptr<const LogprobFile>(std::move(file));
}

Status LogprobFile::ReadHead() {
  const std::span<const std::byte> bytes = file_->bytes();
  const std::string what = file_->path().string();
  const uint64_t size = bytes.size();
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const Error foreign{ErrorCode::kInvalid,
                      what + ": not a file of log-probabilities; mains perplexity --save-base writes one"};
  const Error cut{ErrorCode::kInvalid, what + ": cut off or damaged; write it again with --save-base"};
  if (size < static_cast<uint64_t>(kFixedBytes) || !all.starts_with(kMagic)) return foreign;
  vocab_ = ReadNumber<uint32_t>(bytes.data() + 8);
  const uint64_t count = ReadNumber<uint32_t>(bytes.data() + 12);
  const uint64_t head = static_cast<uint64_t>(kFixedBytes) + 4 * count;  // both are small
  if (!InBounds(head, kDigestBytes, size)) return cut;
  Sha256 hash;
  hash.Update(all.substr(0, head));
  if (hash.Digest() != all.substr(head, kDigestBytes)) return cut;

  CheckedU64 at = CheckedU64(head) + kDigestBytes;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t length = ReadNumber<uint32_t>(bytes.data() + kFixedBytes + 4 * i);
    if (!at.ToSize()) return cut;
    lengths_.push_back(static_cast<int64_t>(length));
    offsets_.push_back(*at.ToSize());
    const uint64_t rows = length == 0 ? 0 : length - 1;
    at = at + CheckedU64(4) * length + CheckedU64(rows) * static_cast<uint64_t>(RowBytes(vocab_)) +
         kDigestBytes;
  }
  if (!at.ToSize() || static_cast<uint64_t>(*at.ToSize()) != size) return cut;
  offsets_.push_back(*at.ToSize());
  return {};
}

Status LogprobFile::Check(int64_t sequence, std::span<const int32_t> ids) const {
  const std::string where = file_->path().string() + ": sequence " + std::to_string(sequence + 1) + " ";
  if (sequence >= sequences() || length(sequence) != static_cast<int64_t>(ids.size())) {
    return Error{ErrorCode::kInvalid, where + "is other text; compare with the same text and length"};
  }
  const size_t index = static_cast<size_t>(sequence);
  const std::string_view all(reinterpret_cast<const char*>(file_->bytes().data()), file_->bytes().size());
  const size_t begin = static_cast<size_t>(offsets_[index]);
  const size_t end = static_cast<size_t>(offsets_[index + 1] - kDigestBytes);
  Sha256 hash;
  hash.Update(all.substr(begin, end - begin));
  if (hash.Digest() != all.substr(end, kDigestBytes)) {
    return Error{ErrorCode::kInvalid, where + "is damaged; write it again with --save-base"};
  }
  if (all.substr(begin, ids.size_bytes()) != BytesOf(ids)) {
    return Error{ErrorCode::kInvalid, where + "is other text; compare with the same text and length"};
  }
  return {};
}

CodedLogprobs LogprobFile::Row(int64_t sequence, int64_t position) const {
  CHECK(position >= 0 && position < length(sequence) - 1) << position;
  const std::byte* row = file_->bytes().data() + offsets_[static_cast<size_t>(sequence)] +
                         4 * length(sequence) + position * RowBytes(vocab_);
  return {ReadNumber<float>(row),
          ReadNumber<float>(row + 4),
          {reinterpret_cast<const uint16_t*>(row + 8), static_cast<size_t>(vocab_)}};
}

}  // namespace mains
