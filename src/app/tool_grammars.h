// Grammars of the calls that the requests of a batch may make. Requests often share their tools, so the
// last grammars are kept.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/chat_model.h"
#include "engine/grammar/grammar_matcher.h"
#include "io/chat/tool_definition.h"
#include "io/chat/tool_format.h"

namespace mains {

// Of an answer by this model in this syntax. Errors: ToolGrammar's.
Result<std::shared_ptr<const Grammar>> AnswerGrammar(const ChatModel& model, const ToolFormat& format,
                                                     const std::vector<ToolDefinition>& tools,
                                                     bool in_thinking);

// One thread. The model and the format outlive it.
class ToolGrammars {
 public:
  ToolGrammars(const ChatModel& model, const ToolFormat& format);

  // At the start of an answer to a prompt with these tools. kUnsupported: one of the schemas cannot become a
  // grammar; its calls then have to be checked when they are read.
  Result<GrammarMatcher> Start(const std::vector<ToolDefinition>& tools, bool in_thinking);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const Grammar> grammar;
  };
  static constexpr size_t kKept = 32;

  const ChatModel& model_;
  const ToolFormat& format_;
  std::shared_ptr<const TokenVocabulary> vocabulary_;
  std::list<Entry> entries_;  // the last used first
};

}  // namespace mains
