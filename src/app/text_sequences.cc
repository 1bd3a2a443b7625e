#include "app/text_sequences.h"

#include <algorithm>
#include <memory>

#include "base/file.h"

namespace mains {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{1} << 30;

}  // namespace

Result<std::vector<std::vector<int32_t>>> ReadSequences(const std::string& file, const ModelSource& model,
                                                        int64_t length) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxFileBytes));
  ASSIGN_OR_RETURN(const std::shared_ptr<const Tokenizer> tokenizer, LoadTokenizer(model));
  ASSIGN_OR_RETURN(const std::vector<int32_t> ids, tokenizer->Encode(text));
  std::vector<std::vector<int32_t>> sequences;
  for (auto begin = ids.begin(); begin != ids.end();) {
    const auto end = begin + std::min<std::ptrdiff_t>(length, ids.end() - begin);
    sequences.emplace_back(begin, end);
    begin = end;
  }
  return sequences;
}

}  // namespace mains
