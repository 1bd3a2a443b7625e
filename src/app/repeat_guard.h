// Notices a model that goes round in circles: the same calls, the same results, again and again.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mains {

class RepeatGuard {
 public:
  struct Call {
    std::string name;
    std::string arguments;  // JSON; the order of keys does not matter
    std::string result;
  };
  enum class Verdict {
    kNew,     // something in this round had not been seen before
    kRepeat,  // all of it had: worth telling the model
    kStuck,   // all of it had, and the model was told before
  };

  // The calls of one answer with their results. Calls are compared with those of earlier answers only:
  // one answer may well ask for the same thing twice ("forward, forward"). A result that changes, as that
  // of a clock does, is new.
  Verdict Judge(const std::vector<Call>& round);

 private:
  std::map<std::string, std::string> results_;  // by name and arguments
  bool told_ = false;
};

}  // namespace mains
