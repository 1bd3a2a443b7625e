// An answer on its way to the user: the answer on stdout; thinking (dim on a terminal), calls of tools
// and their results on stderr, each as it comes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/text_stream.h"

namespace mains {

// Without what would act on a terminal: control characters other than line end and tab, and escape
// sequences' first byte with them. A model's words must not move the cursor or set the title.
std::string ForTerminal(std::string_view text);

// ForTerminal on one line, of at most so many characters; says how many there are if it had to cut. What
// changes the direction of writing goes too: it can make one call look like another.
std::string OneLine(std::string_view text, int64_t max_characters);

// The arguments of a call, a JSON object as text, for people: a=1 b="two"; cut where they are long.
std::string ArgumentsText(const std::string& arguments);

class AnswerPrinter {
 public:
  enum class Detail { kAll, kAnswerOnly, kNothing };
  // `may_call`: the model may call tools, so that what it says may turn out to be no answer yet. Such text
  // goes to stderr where stdout is no terminal: there the answer is kept back until it is certain.
  explicit AnswerPrinter(Detail detail = Detail::kAll, bool may_call = false);

  void Show(const ThinkingSplitter::Parts& parts);
  void BeginCall(const std::string& name);
  void EndCall(const std::string& arguments);
  // In place of EndCall, or without BeginCall where not even the name could be read.
  void BreakCall(const std::string& reason);
  // The JSON object that the model gets.
  void ShowResult(const std::string& result);
  // A sentence of ours between the model's.
  void Note(const std::string& text);
  // Ends the last line.
  void Finish();

 private:
  void ShowThinking(const std::string& text);
  // What was said before a call is no answer.
  void SetAside();
  // Ends whatever line is open, so that one of our own can begin.
  void EndLine();

  const bool answer_shown_, rest_shown_;
  const bool answer_terminal_, rest_terminal_;
  const bool holds_answer_;
  std::string held_;
  bool in_thinking_ = false;
  bool open_answer_ = false;  // nor has the answer's
  bool open_call_ = false;    // nor has a call's
};

}  // namespace mains
