#include "app/tool_grammars.h"

#include <algorithm>
#include <utility>

#include "engine/grammar/tool_grammar.h"

namespace mains {
namespace {

std::string KeyOf(const std::vector<ToolDefinition>& tools, bool in_thinking) {
  std::string key(1, in_thinking ? 't' : '-');
  for (const ToolDefinition& tool : tools) {
    for (const std::string* part : {&tool.name, &tool.parameters}) {
      key += std::to_string(part->size()) + ':' + *part;
    }
  }
  return key;
}

}  // namespace

Result<std::shared_ptr<const Grammar>> AnswerGrammar(const ChatModel& model, const ToolFormat& format,
                                                     const std::vector<ToolDefinition>& tools,
                                                     bool in_thinking) {
  ToolGrammarOptions options;
  options.thinking = model.thinking_tags;
  options.in_thinking = in_thinking && !model.thinking_tags.open.empty();
  return ToolGrammar(format, tools, options);
}

ToolGrammars::ToolGrammars(const ChatModel& model, const ToolFormat& format)
    : model_(model), format_(format), vocabulary_(TokenVocabulary::Make(*model.tokenizer)) {}

Result<GrammarMatcher> ToolGrammars::Start(const std::vector<ToolDefinition>& tools, bool in_thinking) {
  std::string key = KeyOf(tools, in_thinking);
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
  } else {
    ASSIGN_OR_RETURN(std::shared_ptr<const Grammar> grammar,
                     AnswerGrammar(model_, format_, tools, in_thinking));
    entries_.push_front({std::move(key), std::move(grammar)});
    if (entries_.size() > kKept) entries_.pop_back();
  }
  return GrammarMatcher(entries_.front().grammar, vocabulary_);
}

}  // namespace mains
