#include "app/progress_line.h"

#include <unistd.h>

#include <cstdio>

namespace mains {

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressLine::~ProgressLine() {
  Clear();
}

void ProgressLine::Show(const std::string& text) {
  if (!terminal_ || text == shown_) return;
  shown_ = text;
  std::fputs(("\r\x1b[K" + text).c_str(), stderr);
  std::fflush(stderr);
}

void ProgressLine::Clear() {
  if (shown_.empty()) return;
  shown_.clear();
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

}  // namespace mains
