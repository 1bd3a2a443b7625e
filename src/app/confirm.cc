#include "app/confirm.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>

namespace mains {
namespace {

constexpr int kPollMilliseconds = 100;
constexpr size_t kMaxAnswer = 1024;

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool MeansYes(const std::string& line) {
  const std::string word = Lower(line);
  return word == "y" || word == "yes" || word == "j" || word == "ja" || word == "是";
}

}  // namespace

bool CanAsk() {
  return isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0;
}

Consent AskForConsent(const std::string& question, const std::function<bool()>& cancelled) {
  tcflush(STDIN_FILENO, TCIFLUSH);
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  std::fflush(stderr);
  std::string line;
  // Polled rather than read alone, so that an interrupt between the check and the read is not lost.
  while (!cancelled || !cancelled()) {
    pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, kPollMilliseconds) <= 0) continue;
    char c = 0;
    const bool ended = read(STDIN_FILENO, &c, 1) != 1;
    if (ended) std::fputs("\n", stderr);
    if (ended || c == '\n') return MeansYes(line) ? Consent::kYes : Consent::kNo;
    if (line.size() < kMaxAnswer) line += c;
  }
  std::fputs("\n", stderr);
  return Consent::kCancelled;
}

}  // namespace mains
