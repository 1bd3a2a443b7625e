// Lists and texts.
#include <algorithm>
#include <optional>
#include <set>

#include "app/tools/built_in.h"
#include "app/tools/exact_number.h"
#include "app/tools/text_forms.h"

namespace mains {
namespace {

// An item with what it is sorted by.
struct SortItem {
  std::string text, folded;
  std::optional<mpq_class> number;
};

std::vector<SortItem> ReadItems(const std::vector<std::string>& items) {
  std::vector<SortItem> out;
  for (const std::string& item : items) {
    const Result<mpq_class> number = ParseNumber(TrimmedForm(CompatibleForm(item)));
    out.push_back({item, FoldedForm(item), number.ok() ? std::optional(*number) : std::nullopt});
  }
  return out;
}

// By value if all are numbers, else by folded text; what folds alike by its own code points.
ToolResult RunSortList(const ToolArguments& arguments) {
  std::vector<SortItem> items = ReadItems(arguments.Strings("items"));
  const bool numbers =
      std::all_of(items.begin(), items.end(), [](const SortItem& i) { return i.number.has_value(); });
  const auto before = [numbers](const SortItem& a, const SortItem& b) {
    if (numbers) return *a.number < *b.number;
    return a.folded != b.folded ? a.folded < b.folded : a.text < b.text;
  };
  const bool descending = arguments.Bool("descending");
  std::stable_sort(items.begin(), items.end(), [&](const SortItem& a, const SortItem& b) {
    return descending ? before(b, a) : before(a, b);
  });
  std::vector<std::string> sorted;
  for (SortItem& item : items) sorted.push_back(std::move(item.text));
  return ToolList(sorted);
}

ToolResult RunRemoveDuplicates(const ToolArguments& arguments) {
  std::set<std::string> seen;
  std::vector<std::string> kept;
  for (const std::string& item : arguments.Strings("items")) {
    if (seen.insert(FoldedForm(TrimmedForm(item))).second) kept.push_back(item);
  }
  return ToolList(kept);
}

ToolResult RunCountWords(const ToolArguments& arguments) {
  return ToolNumber(std::to_string(CountWords(arguments.String("text"))));
}

ToolResult RunCountCharacters(const ToolArguments& arguments) {
  return ToolNumber(std::to_string(GraphemeClusters(arguments.String("text")).size()));
}

ToolResult RunReverseText(const ToolArguments& arguments) {
  const std::vector<std::string> clusters = GraphemeClusters(arguments.String("text"));
  std::string reversed;
  for (auto it = clusters.rbegin(); it != clusters.rend(); ++it) reversed += *it;
  return ToolText(reversed);
}

ToolResult RunChangeCase(const ToolArguments& arguments) {
  const std::string text = arguments.String("text");
  return ToolText(arguments.Bool("upper") ? UpperForm(text) : LowerForm(text));
}

constexpr const char* kOneText =
    R"({"type": "object", "properties": {"text": {"type": "string", "description": "The text itself"}}, )"
    R"("required": ["text"]})";

}  // namespace

// Up to change_case, the wordings are those that the pocket model is trained on (pocket/data/natural.py).
void AddTextTools(std::vector<BuiltIn>& tools) {
  tools.push_back(
      {{"sort_list", "Sorts a list.",
        R"({"type": "object", "properties": {"items": {"type": "array", "items": {"type": "string"}, )"
        R"("description": "The items"}, "descending": {"type": "boolean", "description": )"
        R"("Whether the largest comes first"}}, "required": ["items"]})"},
       RunSortList});
  tools.push_back({{"count_words", "Counts the words of a text.", kOneText}, RunCountWords});
  tools.push_back({{"reverse_text", "Turns a text back to front.", kOneText}, RunReverseText});
  tools.push_back(
      {{"change_case", "Changes letters to upper or lower case.",
        R"({"type": "object", "properties": {"text": {"type": "string", "description": "The text itself"}, )"
        R"("upper": {"type": "boolean", "description": "True for capital letters"}}, "required": ["text", "upper"]})"},
       RunChangeCase});
  tools.push_back(
      {{"count_characters", "Counts the characters of a text.", kOneText}, RunCountCharacters, true});
  tools.push_back(
      {{"remove_duplicates", "Removes what occurs twice from a list.",
        R"({"type": "object", "properties": {"items": {"type": "array", "items": {"type": "string"}, )"
        R"("description": "The items"}}, "required": ["items"]})"},
       RunRemoveDuplicates,
       true});
}

}  // namespace mains
