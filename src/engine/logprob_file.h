// The log-probabilities that a model gives to every token at every position of some text, in a file, to
// compare other models (or the same one with other weights) with.
//
// Numbers are little-endian:
//   "MAINSLP1"                                  8 bytes
//   u32 vocabulary, u32 sequences, u32 length of each sequence in tokens
//   SHA-256 of all before                       32 bytes
// then each sequence:
//   i32 ids[length]
//   for each position but the last: f32 lowest, f32 step, u16 code[vocabulary], zeros up to 4 bytes:
//     the log-probability of a token is lowest + step * code, before all are normalised again
//   SHA-256 of the sequence's bytes before      32 bytes
// A step is the range of a position's log-probabilities divided by 65535: about 0.0005 for a range of 30.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace mains {

// The log-probabilities of one position, rounded as they are stored.
struct CodedLogprobs {
  float lowest = 0, step = 0;
  std::span<const uint16_t> codes;  // [vocab]

  // Of softmax(logits), which are finite; `codes` gets the numbers to point at.
  static CodedLogprobs Of(std::span<const float> logits, std::vector<uint16_t>& codes);
  double At(size_t token) const { return lowest + static_cast<double>(step) * codes[token]; }
  double LogSum() const;  // what to subtract from At for it to be normalised
};

// Both of one size.
struct LogprobDifference {
  double kl = 0;       // Kullback-Leibler divergence of `other` from `base`, in nats
  double largest = 0;  // absolute difference of two log-probabilities
  bool same_best = false;
};
LogprobDifference Compare(const CodedLogprobs& base, const CodedLogprobs& other);

class LogprobWriter {
 public:
  // For sequences of these lengths. Nothing is at `path` before Commit.
  static Result<std::unique_ptr<LogprobWriter>> Create(const std::filesystem::path& path, int64_t vocab,
                                                       std::span<const int64_t> lengths);
  virtual ~LogprobWriter() = default;
  // Sequences in order: each begun with its ids, then its positions but the last, then ended.
  virtual Status Begin(std::span<const int32_t> ids) = 0;
  virtual Status Add(const CodedLogprobs& row) = 0;
  virtual Status End() = 0;
  virtual Status Commit() = 0;
};

class LogprobFile {
 public:
  // What is cut off, of another kind, or has a damaged head is an error; sequences are checked one by one.
  static Result<std::unique_ptr<const LogprobFile>> Open(const std::filesystem::path& path);

  int64_t vocab() const { return vocab_; }
  int64_t sequences() const { return static_cast<int64_t>(lengths_.size()); }
  int64_t length(int64_t sequence) const { return lengths_[static_cast<size_t>(sequence)]; }
  // That the sequence's bytes are those that were written, and that its tokens are these.
  Status Check(int64_t sequence, std::span<const int32_t> ids) const;
  // position in [0, length - 1).
  CodedLogprobs Row(int64_t sequence, int64_t position) const;

 private:
  LogprobFile() = default;
  Status ReadHead();

  std::shared_ptr<const MappedFile> file_;
  int64_t vocab_ = 0;
  std::vector<int64_t> lengths_;
  std::vector<int64_t> offsets_;  // where each sequence begins; one more: the end of the file
};

}  // namespace mains
