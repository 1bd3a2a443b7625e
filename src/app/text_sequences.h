// Texts as tokens, for commands that measure a model on them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/model_source.h"
#include "base/result.h"

namespace mains {

// The text of a file, cut into sequences of `length` tokens and a last one of what is left.
Result<std::vector<std::vector<int32_t>>> ReadSequences(const std::string& file, const ModelSource& model,
                                                        int64_t length);

}  // namespace mains
