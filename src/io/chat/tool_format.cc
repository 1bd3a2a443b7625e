#include "io/chat/tool_format.h"

#include <algorithm>

#include "io/chat/tool_marks.h"

namespace mains {

std::vector<std::string> ToolFormat::OpeningMarks() const {
  std::vector<std::string> marks;
  for (const std::string* mark : {&block_open, &call_open, &other_open}) {
    const std::string_view text = toolmarks::Trimmed(*mark);
    if (!text.empty() && std::find(marks.begin(), marks.end(), text) == marks.end()) marks.emplace_back(text);
  }
  return marks;
}

bool ToolFormat::Uses(std::string_view token) const {
  if (token.empty()) return false;
  const std::string* const marks[] = {&block_open, &block_close, &call_open,   &call_close,
                                      &name_open,  &name_close,  &id_mark,     &key_open,
                                      &key_close,  &value_open,  &value_close, &other_open};
  return std::any_of(std::begin(marks), std::end(marks), [&](const std::string* mark) {
    const std::string_view text = toolmarks::Trimmed(*mark);
    // A token may also be a mark and more: several marks in one, or with the white space between them. One
    // character alone (">", "}") says nothing.
    return text.find(token) != std::string_view::npos ||
           (text.size() > 2 && token.find(text) != std::string_view::npos);
  });
}

}  // namespace mains
