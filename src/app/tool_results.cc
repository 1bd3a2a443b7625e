#include "app/tool_results.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"

namespace mains {
namespace {

int64_t CountTokens(const Tokenizer& tokenizer, const std::string& text) {
  const Result<std::vector<int32_t>> ids =
      tokenizer.Encode(text, {.add_special = false, .parse_special = ParseSpecial::kNone});
  return ids.ok() ? static_cast<int64_t>(ids->size()) : static_cast<int64_t>(text.size());
}

// The value at `key` as text, a string without its quotes; empty if there is none.
std::string Plain(const OrderedJson& object, const char* key) {
  if (!object.is_object() || !object.contains(key)) return "";
  return object[key].is_string() ? object[key].get<std::string>() : object[key].dump();
}

OrderedJson Parsed(const std::string& result) {
  Result<OrderedJson> parsed = ParseOrderedJson(result, "result");
  return parsed.ok() ? std::move(parsed).value() : OrderedJson();
}

ToolResult Beginning(const std::string& whole, size_t bytes, bool ok) {
  const std::string kept = whole.substr(0, CompleteUtf8Prefix(std::string_view(whole).substr(0, bytes)));
  const std::string note =
      fmt::format("cut: the first {} of {} bytes; there is no room for more", kept.size(), whole.size());
  return ok ? ToolText(kept, note) : ToolFailure(kept + " (" + note + ")");
}

}  // namespace

FittedResult FitResult(const Tokenizer& tokenizer, int64_t budget, ToolResult& result) {
  const int64_t tokens = CountTokens(tokenizer, result.text);
  if (tokens <= budget) return {false, tokens};
  const OrderedJson parsed = Parsed(result.text);
  const std::string whole = Plain(parsed, result.ok ? "result" : "error");
  if (whole.empty()) return {false, tokens};
  // In proportion first, then less until it fits: how text falls into tokens differs from place to place.
  size_t bytes =
      std::min(whole.size(), static_cast<size_t>(static_cast<double>(whole.size()) *
                                                 static_cast<double>(std::max<int64_t>(budget, 0)) /
                                                 static_cast<double>(tokens)));
  while (true) {
    const ToolResult cut = Beginning(whole, bytes, result.ok);
    const int64_t cut_tokens = CountTokens(tokenizer, cut.text);
    if (cut_tokens <= budget || bytes == 0) {
      result = cut;
      return {true, cut_tokens};
    }
    bytes = bytes < 64 ? 0 : bytes - bytes / 4;
  }
}

std::string WithRemark(const std::string& result, const std::string& remark) {
  if (result.size() < 2 || result.back() != '}') return result + " (" + remark + ")";
  const bool is_empty = result.find_first_not_of(" {}") == std::string::npos;
  return result.substr(0, result.size() - 1) + (is_empty ? "" : ", ") + "\"remark\": " + DumpJson(remark) +
         "}";
}

std::string PlainResult(const std::string& result) {
  const OrderedJson parsed = Parsed(result);
  if (parsed.is_object() && parsed.contains("error")) return "error: " + Plain(parsed, "error");
  if (!parsed.is_object() || !parsed.contains("result")) return result;
  const std::string note = Plain(parsed, "note");
  return Plain(parsed, "result") + (note.empty() ? "" : " (" + note + ")");
}

}  // namespace mains
