#include "app/answer_printer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "app/tool_results.h"
#include "base/utf8.h"
#include "io/json.h"

namespace mains {
namespace {

constexpr int64_t kMaxArgumentCharacters = 200;
constexpr int64_t kMaxResultCharacters = 400;
constexpr size_t kMaxArgumentsRead = 4096;  // longer ones are shown as they are

void Write(std::FILE* file, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

bool IsControl(char32_t c) {
  return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0);
}

bool ChangesDirection(char32_t c) {
  return c == 0x200E || c == 0x200F || c == 0x061C || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

std::string ForTerminal(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    if (!IsControl(c.code_point)) AppendUtf8(c.code_point, out);
    text.remove_prefix(static_cast<size_t>(c.length));
  }
  return out;
}

std::string OneLine(std::string_view text, int64_t max_characters) {
  std::string out;
  int64_t characters = 0;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    text.remove_prefix(static_cast<size_t>(c.length));
    if (IsControl(c.code_point) || ChangesDirection(c.code_point)) continue;
    if (++characters > max_characters) continue;  // the rest is only counted
    AppendUtf8(c.code_point == '\n' ? U'⏎' : c.code_point == '\t' ? U' ' : c.code_point, out);
  }
  if (characters > max_characters) out += fmt::format("… ({} characters)", characters);
  return out;
}

std::string ArgumentsText(const std::string& arguments) {
  // In the order in which the model wrote them.
  nlohmann::ordered_json object;
  if (arguments.size() <= kMaxArgumentsRead) {
    object = nlohmann::ordered_json::parse(arguments, nullptr, /*allow_exceptions=*/false);
  }
  if (!object.is_object()) return OneLine(arguments, kMaxArgumentCharacters);
  std::string text;
  for (const auto& [name, value] : object.items()) {
    if (!text.empty()) text += " ";
    text += OneLine(name, kMaxArgumentCharacters) + "=" + OneLine(value.dump(), kMaxArgumentCharacters);
  }
  return text;
}

AnswerPrinter::AnswerPrinter(Detail detail, bool may_call)
    : answer_shown_(detail != Detail::kNothing),
      rest_shown_(detail == Detail::kAll),
      answer_terminal_(isatty(STDOUT_FILENO) != 0),
      rest_terminal_(isatty(STDERR_FILENO) != 0),
      holds_answer_(may_call && !answer_terminal_) {}

void AnswerPrinter::Show(const ThinkingSplitter::Parts& parts) {
  if (!parts.thinking.empty() && rest_shown_) ShowThinking(parts.thinking);
  if (parts.answer.empty() || !answer_shown_) return;
  if (holds_answer_) {
    held_ += parts.answer;
    return;
  }
  if (in_thinking_ && rest_terminal_) Write(stderr, "\n");
  if (!open_answer_) EndLine();
  Write(stdout, answer_terminal_ ? ForTerminal(parts.answer) : parts.answer);
  open_answer_ = parts.answer.back() != '\n';
}

void AnswerPrinter::ShowThinking(const std::string& text) {
  if (!in_thinking_) EndLine();
  if (rest_terminal_) {
    // Dim is set and reset around each piece, so that a kill in between leaves the terminal as it was.
    Write(stderr, "\x1b[2m" + ForTerminal(text) + "\x1b[22m");
  } else {
    if (!in_thinking_) Write(stderr, "[thinking]\n");
    Write(stderr, text);
  }
  in_thinking_ = true;
}

void AnswerPrinter::BeginCall(const std::string& name) {
  SetAside();
  if (!rest_shown_) return;
  EndLine();
  Write(stderr, "→ " + OneLine(name, kMaxArgumentCharacters));
  open_call_ = true;
}

void AnswerPrinter::EndCall(const std::string& arguments) {
  if (!open_call_) return;
  const std::string text = ArgumentsText(arguments);
  Write(stderr, (text.empty() ? "" : " ") + text + "\n");
  open_call_ = false;
}

void AnswerPrinter::BreakCall(const std::string& reason) {
  SetAside();
  Note("→ a call that cannot be read: " + OneLine(reason, kMaxArgumentCharacters));
}

void AnswerPrinter::SetAside() {
  const std::string said = std::exchange(held_, "");
  if (!said.empty()) Note(said);
}

void AnswerPrinter::ShowResult(const std::string& result) {
  Note("← " + OneLine(PlainResult(result), kMaxResultCharacters));
}

void AnswerPrinter::Note(const std::string& text) {
  if (!rest_shown_) return;
  EndLine();
  Write(stderr, ForTerminal(text) + "\n");
}

void AnswerPrinter::EndLine() {
  if (in_thinking_) Write(stderr, rest_terminal_ ? "\n" : "\n[/thinking]\n");
  if (open_call_) Write(stderr, "\n");
  if (open_answer_) Write(stdout, "\n");
  in_thinking_ = open_call_ = open_answer_ = false;
}

void AnswerPrinter::Finish() {
  EndLine();
  if (!held_.empty()) Write(stdout, held_ + (held_.back() == '\n' ? "" : "\n"));
  held_.clear();
}

}  // namespace mains
