#include "app/repeat_guard.h"

#include "io/json.h"

namespace mains {
namespace {

std::string KeyOf(const RepeatGuard::Call& call) {
  const Result<Json> arguments = ParseJson(call.arguments, "arguments");
  return call.name + '\0' + (arguments.ok() ? DumpJson(*arguments) : call.arguments);
}

}  // namespace

RepeatGuard::Verdict RepeatGuard::Judge(const std::vector<Call>& round) {
  bool is_new = round.empty();
  std::vector<std::string> keys;
  for (const Call& call : round) {
    keys.push_back(KeyOf(call));
    const std::map<std::string, std::string>::const_iterator before = results_.find(keys.back());
    if (before == results_.end() || before->second != call.result) is_new = true;
  }
  for (size_t i = 0; i < round.size(); ++i) results_[keys[i]] = round[i].result;
  if (is_new) return Verdict::kNew;
  if (told_) return Verdict::kStuck;
  told_ = true;
  return Verdict::kRepeat;
}

}  // namespace mains
