#include "io/json.h"

#include <set>
#include <string>
#include <type_traits>
#include <vector>

namespace mains {
namespace {

// Builds the tree with an explicit stack and refuses what nlohmann's own builder would accept:
// deep nesting, duplicate keys, NUL in keys. Any `false` return ends the parse.
template <typename Tree>
class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return Put(nullptr); }
  bool boolean(bool value) override { return Put(value); }
  bool number_integer(number_integer_t value) override { return Put(value); }
  bool number_unsigned(number_unsigned_t value) override { return Put(value); }
  bool number_float(number_float_t value, const string_t&) override { return Put(value); }
  bool string(string_t& value) override { return Put(std::move(value)); }
  bool binary(binary_t&) override { return Fail("binary data"); }
  bool start_object(size_t) override { return Open(Tree::object()); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(Tree::array()); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    if (name.find('\0') != std::string::npos) return Fail("a key contains NUL");
    if (Seen(name)) return Fail("the key \"" + name + "\" occurs twice in one object");
    key_ = std::move(name);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    // nlohmann's text starts with "[json.exception...] "; what follows says what was expected.
    const std::string text = e.what();
    const size_t bracket = text.find("] ");
    return Fail("at byte " + std::to_string(position) + ": " +
                (bracket == std::string::npos ? text : text.substr(bracket + 2)));
  }

  Tree root;
  std::string error;

 private:
  bool Fail(std::string why) {
    error = std::move(why);
    return false;
  }
  bool Seen(const std::string& name) {
    if constexpr (kOrdered) return !keys_.back().insert(name).second;
    return stack_.back()->contains(name);
  }
  Tree* Insert(Tree value) {
    if (stack_.empty()) {
      root = std::move(value);
      return &root;
    }
    if (stack_.back()->is_array()) return &stack_.back()->emplace_back(std::move(value));
    auto& object = stack_.back()->template get_ref<typename Tree::object_t&>();
    if constexpr (kOrdered) {  // its own insertion looks through all keys
      using Members = std::vector<typename Tree::object_t::value_type>;
      return &static_cast<Members&>(object).emplace_back(key_, std::move(value)).second;
    } else {
      return &(object[key_] = std::move(value));
    }
  }
  bool Put(Tree value) {
    Insert(std::move(value));
    return true;
  }
  bool Open(Tree container) {
    if (static_cast<int>(stack_.size()) >= kMaxJsonDepth) {
      return Fail("nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
    }
    stack_.push_back(Insert(std::move(container)));
    if constexpr (kOrdered) keys_.emplace_back();
    return true;
  }
  bool Close() {
    stack_.pop_back();
    if constexpr (kOrdered) keys_.pop_back();
    return true;
  }

  static constexpr bool kOrdered = std::is_same_v<Tree, OrderedJson>;
  std::vector<Tree*> stack_;
  std::vector<std::set<std::string>> keys_;  // of each open container, if ordered
  std::string key_;
};

template <typename Tree>
Result<Tree> Parse(std::string_view text, std::string_view what) {
  TreeBuilder<Tree> builder;
  if (!SaxParseJson(text, builder)) {
    return Error{ErrorCode::kInvalid, std::string(what) + ": not valid JSON: " + builder.error};
  }
  return std::move(builder.root);
}

}  // namespace

Result<Json> ParseJson(std::string_view text, std::string_view what) {
  return Parse<Json>(text, what);
}

Result<OrderedJson> ParseOrderedJson(std::string_view text, std::string_view what) {
  return Parse<OrderedJson>(text, what);
}

bool SaxParseJson(std::string_view text, nlohmann::json_sax<Json>& handler) {
  return Json::sax_parse(text.begin(), text.end(), &handler);
}

std::string DumpJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace mains
