// What becomes of a tool's result on its way to the model and to the user.
#pragma once

#include <cstdint>
#include <string>

#include "app/tools/tool_box.h"
#include "io/tokenizer/tokenizer.h"

namespace mains {

struct FittedResult {
  bool is_cut = false;
  int64_t tokens = 0;  // of the result as it is now
};
// Leaves the beginning of a result that has more tokens than `budget`, with a note that says so and how much
// is missing. The note stays even where the budget has no room for it.
FittedResult FitResult(const Tokenizer& tokenizer, int64_t budget, ToolResult& result);

// The same result, a JSON object, with one more entry that tells the model something about it.
std::string WithRemark(const std::string& result, const std::string& remark);

// For people: the result itself, without the JSON around it.
std::string PlainResult(const std::string& result);

}  // namespace mains
