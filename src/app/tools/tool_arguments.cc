#include "app/tools/tool_arguments.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "base/utf8.h"
#include "io/quoted.h"

namespace mains {
namespace {

constexpr std::array kTypes = {"string", "number", "integer", "boolean", "array", "object", "null"};
constexpr std::array kDescriptions = {"title",  "description", "default",   "examples",
                                      "format", "$schema",     "deprecated"};

Error Bad(std::string message) {
  return Error{ErrorCode::kInvalid, std::move(message)};
}

template <typename List>
bool IsOneOf(const std::string& name, const List& list) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

Status CheckType(const Json& type, const std::string& where) {
  const auto known = [](const Json& t) { return t.is_string() && IsOneOf(t.get<std::string>(), kTypes); };
  if (known(type)) return {};
  if (type.is_array() && !type.empty() && std::all_of(type.begin(), type.end(), known)) return {};
  return Bad(where + ".type is " + DumpJson(type) + ", which is no type of JSON schema");
}

bool IsCount(const Json& value) {
  return value.is_number_unsigned() || (value.is_number_integer() && value.get<int64_t>() >= 0);
}

Status CheckSchema(const Json& schema, const std::string& where);

Status CheckSchemas(const Json& schemas, const std::string& where) {
  for (const auto& [name, schema] : schemas.items()) {
    RETURN_IF_ERROR(CheckSchema(schema, where + "." + name));
  }
  return {};
}

Status CheckRequired(const Json& names, const std::string& where) {
  const bool are_names = names.is_array() &&
                         std::all_of(names.begin(), names.end(), [](const Json& n) { return n.is_string(); });
  if (!are_names) return Bad(where + ".required is not a list of names");
  return {};
}

Status CheckKeyword(const std::string& keyword, const Json& value, const std::string& where) {
  const std::string place = where + "." + keyword;
  if (keyword == "type") return CheckType(value, where);
  if (keyword == "properties")
    return value.is_object() ? CheckSchemas(value, place) : Bad(place + " is not an object");
  if (keyword == "required") return CheckRequired(value, where);
  if (keyword == "items") return CheckSchema(value, place);
  if (keyword == "anyOf") {
    return value.is_array() && !value.empty() ? CheckSchemas(value, place)
                                              : Bad(place + " is not a list of schemas");
  }
  if (keyword == "additionalProperties")
    return value.is_boolean() ? Status() : Bad(place + " is neither true nor false");
  if (keyword == "enum")
    return value.is_array() && !value.empty() ? Status() : Bad(place + " is not a list of values");
  if (keyword == "const") return {};
  if (keyword == "minimum" || keyword == "maximum" || keyword == "exclusiveMinimum" ||
      keyword == "exclusiveMaximum") {
    return value.is_number() ? Status() : Bad(place + " is not a number");
  }
  if (keyword == "minLength" || keyword == "maxLength" || keyword == "minItems" || keyword == "maxItems") {
    return IsCount(value) ? Status() : Bad(place + " is not a count");
  }
  if (IsOneOf(keyword, kDescriptions)) return {};
  return Bad(where + " has the keyword " + Quoted(keyword) + ", which is not checked here; leave it out");
}

// Recursion is bounded by the depth that ParseJson allows.
Status CheckSchema(const Json& schema, const std::string& where) {
  if (!schema.is_object()) return Bad(where + " is not an object");
  for (const auto& [keyword, value] : schema.items()) RETURN_IF_ERROR(CheckKeyword(keyword, value, where));
  return {};
}

void Close(OrderedJson& schema) {
  if (!schema.is_object()) return;
  if (schema.contains("properties")) {
    for (auto& [name, property] : schema["properties"].items()) Close(property);
    if (!schema.contains("additionalProperties")) schema["additionalProperties"] = false;
  }
  if (schema.contains("items")) Close(schema["items"]);
  if (schema.contains("anyOf")) {
    for (OrderedJson& choice : schema["anyOf"]) Close(choice);
  }
}

bool IsWhole(const Json& value) {
  if (value.is_number_integer()) return true;
  return value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>();
}

bool HasType(const Json& value, const std::string& type) {
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  if (type == "integer") return IsWhole(value);
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  return value.is_null();
}

std::string TypePhrase(const Json& type) {
  if (type.is_array()) {
    std::string all;
    for (const Json& one : type) all += (all.empty() ? "" : " or ") + TypePhrase(one);
    return all;
  }
  const std::string name = type.get<std::string>();
  if (name == "boolean") return "true or false";
  if (name == "array") return "a list";
  if (name == "null") return "null";
  return (name == "integer" || name == "object" ? "an " : "a ") + name;
}

// A value as an error message shows it: never long.
std::string Shown(const Json& value) {
  if (value.is_string()) return "the string " + Quoted(value.get<std::string>());
  if (value.is_array()) return "a list of " + std::to_string(value.size());
  if (value.is_object()) return "an object";
  return DumpJson(value);
}

std::string Options(const Json& values) {
  std::string all;
  for (const Json& value : values) {
    if (all.size() > 400) return all + ", ...";
    all += (all.empty() ? "" : ", ") + DumpJson(value);
  }
  return all;
}

std::optional<std::string> Mismatch(const Json& value, const Json& schema, const std::string& where);

std::optional<std::string> NumberMismatch(const Json& value, const Json& schema, const std::string& where) {
  const double number = value.get<double>();
  struct Bound {
    const char* keyword;
    const char* words;
    bool (*holds)(double, double);
  };
  static constexpr Bound kBounds[] = {
      {"minimum", "at least", [](double a, double b) { return a >= b; }},
      {"maximum", "at most", [](double a, double b) { return a <= b; }},
      {"exclusiveMinimum", "more than", [](double a, double b) { return a > b; }},
      {"exclusiveMaximum", "less than", [](double a, double b) { return a < b; }},
  };
  for (const Bound& bound : kBounds) {
    const auto limit = schema.find(bound.keyword);
    if (limit == schema.end() || bound.holds(number, limit->get<double>())) continue;
    return where + " must be " + bound.words + " " + DumpJson(*limit) + ", but it is " + DumpJson(value);
  }
  return {};
}

std::optional<std::string> SizeMismatch(uint64_t size, const char* least, const char* most, const char* unit,
                                        const Json& schema, const std::string& where) {
  if (const auto limit = schema.find(least); limit != schema.end() && size < limit->get<uint64_t>()) {
    return where + " must have at least " + DumpJson(*limit) + unit + ", but it has " + std::to_string(size);
  }
  if (const auto limit = schema.find(most); limit != schema.end() && size > limit->get<uint64_t>()) {
    return where + " must have at most " + DumpJson(*limit) + unit + ", but it has " + std::to_string(size);
  }
  return {};
}

uint64_t CountCodePoints(std::string_view text) {
  uint64_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

std::optional<std::string> ListMismatch(const Json& value, const Json& schema, const std::string& where) {
  if (auto wrong = SizeMismatch(value.size(), "minItems", "maxItems", " items", schema, where)) return wrong;
  const auto items = schema.find("items");
  if (items == schema.end()) return {};
  for (size_t i = 0; i < value.size(); ++i) {
    if (auto wrong = Mismatch(value[i], *items, where + "[" + std::to_string(i) + "]")) return wrong;
  }
  return {};
}

std::string Names(const Json& properties) {
  if (properties.empty()) return "none";
  std::string all;
  for (const auto& [name, schema] : properties.items()) all += (all.empty() ? "" : ", ") + name;
  return all;
}

std::optional<std::string> ObjectMismatch(const Json& value, const Json& schema, const std::string& where) {
  static const Json kNone = Json::object();
  const auto found = schema.find("properties");
  const Json& properties = found == schema.end() ? kNone : *found;
  const std::string prefix = where.empty() ? "parameter " : where + ": parameter ";
  const auto required = schema.find("required");
  if (required != schema.end()) {
    for (const Json& name : *required) {
      if (!value.contains(name.get<std::string>())) {
        return prefix + Quoted(name.get<std::string>()) + " is required, but it is missing";
      }
    }
  }
  // Without "properties" an object inside the arguments is free; the arguments themselves never are.
  const auto additional = schema.find("additionalProperties");
  const bool open =
      additional != schema.end() ? additional->get<bool>() : !where.empty() && found == schema.end();
  for (const auto& [name, member] : value.items()) {
    const auto property = properties.find(name);
    if (property != properties.end()) {
      if (auto wrong = Mismatch(member, *property, prefix + Quoted(name))) return wrong;
    } else if (!open) {
      return "there is no " + prefix + Quoted(name) + "; the parameters are: " + Names(properties);
    }
  }
  return {};
}

// What is wrong with the value, if anything. Recursion is bounded by the depth of the schema.
std::optional<std::string> Mismatch(const Json& value, const Json& schema, const std::string& where) {
  if (const auto type = schema.find("type"); type != schema.end()) {
    const bool fits = type->is_string() ? HasType(value, type->get<std::string>())
                                        : std::any_of(type->begin(), type->end(), [&](const Json& one) {
                                            return HasType(value, one.get<std::string>());
                                          });
    if (!fits) return where + " must be " + TypePhrase(*type) + ", but it is " + Shown(value);
  }
  if (const auto options = schema.find("enum"); options != schema.end()) {
    if (std::find(options->begin(), options->end(), value) == options->end()) {
      return where + " must be one of " + Options(*options) + ", but it is " + Shown(value);
    }
  }
  if (const auto constant = schema.find("const"); constant != schema.end() && *constant != value) {
    return where + " must be " + DumpJson(*constant) + ", but it is " + Shown(value);
  }
  if (const auto choices = schema.find("anyOf"); choices != schema.end()) {
    std::optional<std::string> wrong;
    for (const Json& choice : *choices) {
      wrong = Mismatch(value, choice, where);
      if (!wrong) break;
    }
    if (wrong) return wrong;
  }
  if (value.is_number()) return NumberMismatch(value, schema, where);
  if (value.is_string()) {
    return SizeMismatch(CountCodePoints(value.get_ref<const std::string&>()), "minLength", "maxLength",
                        " characters", schema, where);
  }
  if (value.is_array()) return ListMismatch(value, schema, where);
  if (value.is_object()) return ObjectMismatch(value, schema, where);
  return {};
}

// Remembers how the numbers of the outermost object were written: a double may not hold
// 0.1234567890123456789.
class NumberTexts final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t& text) override {
    if (depth_ == 1) texts[key_] = text;
    return true;
  }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return ++depth_ > 0; }
  bool end_object() override { return --depth_ >= 0; }
  bool start_array(size_t) override { return ++depth_ > 0; }
  bool end_array() override { return --depth_ >= 0; }
  bool key(string_t& name) override {
    if (depth_ == 1) key_ = name;
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

  std::map<std::string, std::string> texts;

 private:
  int depth_ = 0;
  std::string key_;
};

}  // namespace

Status CheckToolSchema(const Json& schema) {
  RETURN_IF_ERROR(CheckSchema(schema, "parameters"));
  const auto type = schema.find("type");
  if (type == schema.end() || *type != "object") return Bad("parameters.type must be \"object\"");
  return {};
}

std::string ClosedSchema(const std::string& schema) {
  Result<OrderedJson> parsed = ParseOrderedJson(schema, "schema");
  if (!parsed.ok()) return schema;
  Close(*parsed);
  return parsed->dump();
}

Result<ToolArguments> ToolArguments::Parse(std::string_view text, const Json& schema) {
  ToolArguments arguments;
  if (text.find_first_not_of(" \t\r\n") != std::string_view::npos) {
    ASSIGN_OR_RETURN(arguments.values_, ParseJson(text, "the arguments"));
  }
  if (!arguments.values_.is_object()) {
    return Bad("the arguments must be a JSON object such as {\"name\": \"value\"}, but they are " +
               Shown(arguments.values_));
  }
  const Json required = schema.value("required", Json::array());
  for (auto it = arguments.values_.begin(); it != arguments.values_.end();) {
    const bool left_out =
        it->is_null() && std::find(required.begin(), required.end(), it.key()) == required.end();
    it = left_out ? arguments.values_.erase(it) : std::next(it);
  }
  if (auto wrong = ObjectMismatch(arguments.values_, schema, "")) return Bad(*std::move(wrong));
  NumberTexts numbers;
  if (SaxParseJson(text, numbers)) arguments.number_texts_ = std::move(numbers.texts);
  return arguments;
}

std::string ToolArguments::String(const std::string& name, const std::string& otherwise) const {
  return Has(name) ? values_[name].get<std::string>() : otherwise;
}

bool ToolArguments::Bool(const std::string& name, bool otherwise) const {
  return Has(name) ? values_[name].get<bool>() : otherwise;
}

std::vector<std::string> ToolArguments::Strings(const std::string& name) const {
  return Has(name) ? values_[name].get<std::vector<std::string>>() : std::vector<std::string>();
}

std::string ToolArguments::NumberText(const std::string& name) const {
  const auto found = number_texts_.find(name);
  return found != number_texts_.end() ? found->second : DumpJson(values_[name]);
}

std::string ToolArguments::Plain(const std::string& name) const {
  return values_[name].is_string() ? values_[name].get<std::string>() : DumpJson(values_[name]);
}

}  // namespace mains
