// One line on stderr that tells what goes on, rewritten as work proceeds and gone at the end. Nothing where
// stderr is no terminal.
#pragma once

#include <string>

namespace mains {

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Show(const std::string& text);
  void Clear();  // until the next Show

 private:
  bool terminal_;
  std::string shown_;
};

}  // namespace mains
