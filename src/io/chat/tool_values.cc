#include "io/chat/tool_values.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "fmt/format.h"
#include "io/chat/tool_marks.h"

namespace mains {

using toolmarks::AppendJsonString;
using toolmarks::Trimmed;

namespace {

constexpr int kMaxReferences = 16;

constexpr std::array<std::pair<std::string_view, uint8_t>, 7> kTypeNames = {
    {{"string", ValueTypes::kString},
     {"integer", ValueTypes::kInteger},
     {"number", ValueTypes::kNumber | ValueTypes::kInteger},
     {"boolean", ValueTypes::kBoolean},
     {"null", ValueTypes::kNull},
     {"object", ValueTypes::kObject},
     {"array", ValueTypes::kArray}}};

const Json* Member(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? &*found : nullptr;
}

// Follows "$ref" inside the document; null if it leads nowhere.
const Json* Resolve(const Json* schema, const Json* root) {
  for (int i = 0; schema != nullptr && i < kMaxReferences; ++i) {
    const Json* reference = Member(*schema, "$ref");
    if (reference == nullptr || !reference->is_string()) return schema;
    const std::string path = reference->get<std::string>();
    if (root == nullptr || !path.starts_with("#")) return nullptr;
    schema = root;
    for (size_t at = 1; schema != nullptr && at < path.size();) {
      const size_t end = std::min(path.find('/', at + 1), path.size());
      schema = Member(*schema, path.substr(at + 1, end - at - 1).c_str());
      at = end;
    }
  }
  return nullptr;
}

uint8_t TypeOfValue(const Json& value) {
  if (value.is_string()) return ValueTypes::kString;
  if (value.is_number_integer()) return ValueTypes::kInteger;
  if (value.is_number()) return ValueTypes::kNumber;
  if (value.is_boolean()) return ValueTypes::kBoolean;
  if (value.is_null()) return ValueTypes::kNull;
  return value.is_object() ? ValueTypes::kObject : ValueTypes::kArray;
}

uint8_t TypeNamed(std::string_view name) {
  for (const auto& [known, bits] : kTypeNames) {
    if (known == name) return bits;
  }
  return ValueTypes::kAny;
}

}  // namespace

// Reads the types out of a schema; bounded by a number of visited schemas, for those that refer to
// themselves.
class SchemaTypes {
 public:
  explicit SchemaTypes(const Json& root) : root_(root) {}

  ValueTypes Of(const Json& schema) {
    ValueTypes types;
    types.types_ = Bits(schema, 0);
    if (types.types_ == 0) types.types_ = ValueTypes::kAny;
    return types;
  }
  static ValueTypes Of(uint8_t bits) {
    ValueTypes types;
    types.types_ = bits;
    return types;
  }

 private:
  uint8_t Bits(const Json& given, int depth) {
    const Json* schema = Resolve(&given, &root_);
    if (schema == nullptr || !schema->is_object() || depth > kMaxReferences || ++visited_ > 1000)
      return ValueTypes::kAny;
    uint8_t bits = ValueTypes::kAny;
    if (const Json* type = Member(*schema, "type")) bits &= NamedBits(*type);
    if (const Json* values = Member(*schema, "enum"); values != nullptr && values->is_array()) {
      uint8_t some = 0;
      for (const Json& value : *values) some |= TypeOfValue(value);
      bits &= some;
    }
    if (const Json* value = Member(*schema, "const")) bits &= TypeOfValue(*value);
    for (const char* key : {"anyOf", "oneOf"}) {
      const Json* branches = Member(*schema, key);
      if (branches == nullptr || !branches->is_array()) continue;
      uint8_t some = 0;
      for (const Json& branch : *branches) some |= Bits(branch, depth + 1);
      bits &= some;
    }
    if (const Json* parts = Member(*schema, "allOf"); parts != nullptr && parts->is_array()) {
      for (const Json& part : *parts) bits &= Bits(part, depth + 1);
    }
    const Json* nullable = Member(*schema, "nullable");
    if (nullable != nullptr && nullable->is_boolean() && nullable->get<bool>()) bits |= ValueTypes::kNull;
    return bits;
  }

  static uint8_t NamedBits(const Json& type) {
    if (type.is_string()) return TypeNamed(type.get<std::string>());
    if (!type.is_array()) return ValueTypes::kAny;
    uint8_t some = 0;
    for (const Json& name : type) some |= name.is_string() ? TypeNamed(name.get<std::string>()) : 0;
    return some;
  }

  const Json& root_;
  int visited_ = 0;
};

ValueTypes ValueTypes::Of(const Json& schema, const Json& root) {
  return SchemaTypes(root).Of(schema);
}

ValueTypes ValueTypes::Named(std::string_view type) {
  return SchemaTypes::Of(TypeNamed(type));
}

std::string ValueTypes::Text() const {
  std::string text;
  for (const auto& [name, bits] : kTypeNames) {
    if ((types_ & bits) != bits || (name == "integer" && Has(kNumber))) continue;
    text += (text.empty() ? "" : " or ") + std::string(name);
  }
  return text;
}

const Json* MemberSchema(const Json* schema, const std::string& name, const Json* root) {
  schema = Resolve(schema, root);
  const Json* members = schema == nullptr ? nullptr : Member(*schema, "properties");
  if (members != nullptr) {
    if (const Json* found = Member(*members, name.c_str())) return found;
  }
  const Json* others = schema == nullptr ? nullptr : Member(*schema, "additionalProperties");
  return others != nullptr && others->is_object() ? others : nullptr;
}

const Json* ElementSchema(const Json* schema, const Json* root) {
  schema = Resolve(schema, root);
  return schema == nullptr ? nullptr : Member(*schema, "items");
}

namespace {

// Whether JSON `value` is of the types. A whole number is an integer also where it is written with a
// fraction, or has more digits than 64 bits hold.
bool Fits(const Json& value, ValueTypes types) {
  if (value.is_number_float()) {
    const double number = value.get<double>();
    return types.Has(ValueTypes::kNumber) ||
           (types.Has(ValueTypes::kInteger) && std::trunc(number) == number);
  }
  return types.Has(static_cast<ValueTypes::Type>(TypeOfValue(value)));
}

// Python's words as JSON's; models write them in any case.
std::string_view JsonWord(std::string_view text) {
  std::string lower(text.substr(0, 8));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  for (const auto& [word, json] : {std::pair<std::string_view, std::string_view>{"true", "true"},
                                   {"false", "false"},
                                   {"null", "null"},
                                   {"none", "null"}}) {
    if (lower == word && text.size() == word.size()) return json;
  }
  return text;
}

// JSON of a kind that the types allow, strings aside; nothing if the text is none.
std::optional<std::string> OtherThanString(std::string_view text, ValueTypes types) {
  // With strings allowed, a word in another spelling than JSON's is rather a string.
  const std::string_view json = types.Has(ValueTypes::kString) ? text : JsonWord(text);
  const Result<Json> value = ParseJson(json, "value");
  if (value.ok()) {
    if (value->is_string() || !Fits(*value, types)) return std::nullopt;
    return std::string(json);
  }
  if (!text.starts_with('[') && !text.starts_with('{') && !text.starts_with('(')) return std::nullopt;
  std::optional<std::string> python = JsonFromPython(text);
  if (!python) return std::nullopt;
  const Result<Json> made = ParseJson(*python, "value");
  return made.ok() && Fits(*made, types) ? python : std::nullopt;
}

std::string_view Article(std::string_view noun) {
  return !noun.empty() && std::string_view("aeiou").find(noun[0]) != std::string_view::npos ? "an" : "a";
}

}  // namespace

CastValue CastText(std::string_view text, ValueTypes types) {
  CastValue cast;
  if (!types.OnlyString()) {
    if (std::optional<std::string> json = OtherThanString(Trimmed(text), types)) {
      cast.json = *std::move(json);
      return cast;
    }
  }
  AppendJsonString(text, cast.json);
  if (!types.Has(ValueTypes::kString)) {
    const std::string wanted = types.Text();
    cast.note = fmt::format("not {} {}, kept as text", Article(wanted), wanted);
  }
  return cast;
}

namespace {

class PythonReader {
 public:
  explicit PythonReader(std::string_view text) : text_(text) {}

  std::optional<std::string> Run() {
    const bool good = ReadValue(0);
    SkipSpace();
    if (!good || at_ != text_.size()) return std::nullopt;
    return std::move(out_);
  }

 private:
  bool ReadValue(int depth) {
    SkipSpace();
    if (at_ == text_.size() || depth >= kMaxJsonDepth) return false;
    const char c = text_[at_];
    if (c == '[') return ReadList(']', depth);
    if (c == '(') return ReadList(')', depth);
    if (c == '{') return ReadDict(depth);
    if (c == '\'' || c == '"') return ReadString();
    return ReadWord();
  }

  bool ReadList(char closer, int depth) {
    ++at_;
    out_ += '[';
    for (bool first = true; !TakeChar(closer); first = false) {
      if (!first) {
        if (!TakeChar(',')) return false;
        if (TakeChar(closer)) break;
        out_ += ", ";
      }
      if (!ReadValue(depth + 1)) return false;
    }
    out_ += ']';
    return true;
  }

  bool ReadDict(int depth) {
    ++at_;
    out_ += '{';
    for (bool first = true; !TakeChar('}'); first = false) {
      if (!first && !TakeChar(',')) return false;
      if (!first) out_ += ", ";
      SkipSpace();
      if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"') || !ReadString()) return false;
      if (!TakeChar(':')) return false;
      out_ += ": ";
      if (!ReadValue(depth + 1)) return false;
    }
    out_ += '}';
    return true;
  }

  bool ReadString() {
    const char quote = text_[at_++];
    std::string value;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] != '\\') {
        value += text_[at_++];
      } else if (!ReadEscape(value)) {
        return false;
      }
    }
    if (at_ == text_.size()) return false;
    ++at_;
    AppendJsonString(value, out_);
    return true;
  }

  bool ReadEscape(std::string& value) {
    if (++at_ == text_.size()) return false;
    const char c = text_[at_++];
    constexpr std::string_view kFrom = "ntrabfv0\\'\"", kTo("\n\t\r\a\b\f\v\0\\'\"", 11);
    if (const size_t found = kFrom.find(c); found != std::string_view::npos) {
      value += kTo[found];
      return true;
    }
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0 || text_.size() - at_ < digits) return false;
    uint32_t code = 0;
    for (size_t i = 0; i < digits; ++i) {
      const size_t digit = std::string_view("0123456789abcdef").find(text_[at_++]);
      if (digit == std::string_view::npos) return false;
      code = code * 16 + static_cast<uint32_t>(digit);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
    AppendUtf8(code, value);
    return true;
  }

  bool ReadWord() {
    const size_t begin = at_;
    while (at_ < text_.size() && std::string_view(",]}): \n").find(text_[at_]) == std::string_view::npos)
      ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    const std::string_view json = word == "True"    ? "true"
                                  : word == "False" ? "false"
                                  : word == "None"  ? "null"
                                                    : word;
    out_ += json;
    return !word.empty();  // whether it is JSON is asked of the whole
  }

  void SkipSpace() { at_ += toolmarks::LeadingSpace(text_.substr(at_)); }
  bool TakeChar(char c) {
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::optional<std::string> JsonFromPython(std::string_view text) {
  std::optional<std::string> json = PythonReader(text).Run();
  if (!json || !ParseJson(*json, "value").ok()) return std::nullopt;
  return json;
}

namespace {

// A tree of tags, built without recursion and no deeper than JSON may be.
struct Tag {
  std::string_view name;
  std::string_view text;  // between its marks
  std::vector<Tag> children;
};

class NestedReader {
 public:
  NestedReader(std::string_view open, std::string_view close, const Json* root)
      : open_(open), close_(close), root_(root) {}

  Result<CastValue> Read(std::string_view text, const Json* schema) {
    Tag top = {{}, text, {}};
    RETURN_IF_ERROR(ReadTags(text, top));
    CastValue cast;
    RETURN_IF_ERROR(Write(top, schema, cast));
    return cast;
  }

 private:
  static Error Bad(const std::string& what) { return {ErrorCode::kInvalid, what}; }

  Status ReadTags(std::string_view text, Tag& top) {
    std::vector<Tag*> stack = {&top};
    size_t at = 0;
    while (at < text.size()) {
      const size_t next = text.find(open_, at);
      if (next == std::string_view::npos) break;
      const bool closes = text.substr(next).starts_with(close_);
      const size_t name_begin = next + (closes ? close_.size() : open_.size());
      const size_t name_end = text.find('>', name_begin);
      if (name_end == std::string_view::npos) return Bad("a tag without its end");
      const std::string_view name = text.substr(name_begin, name_end - name_begin);
      at = name_end + 1;
      if (!closes) {
        if (name.empty() || stack.size() >= kMaxJsonDepth) return Bad("tags without names, or too deep");
        stack.back()->children.push_back({name, text.substr(at), {}});
        stack.push_back(&stack.back()->children.back());
        continue;
      }
      if (stack.size() == 1 || stack.back()->name != name) return Bad("a tag closes that was not open");
      stack.back()->text =
          stack.back()->text.substr(0, static_cast<size_t>(text.data() + next - stack.back()->text.data()));
      stack.pop_back();
    }
    if (stack.size() > 1) return Bad("a tag is left open");
    return {};
  }

  Status Write(const Tag& tag, const Json* schema, CastValue& out) {
    const ValueTypes types = schema == nullptr ? ValueTypes() : ValueTypes::Of(*schema, *root_);
    if (tag.children.empty()) return WriteText(tag.text, types, out);
    const bool all_items = std::all_of(tag.children.begin(), tag.children.end(),
                                       [](const Tag& child) { return child.name == "item"; });
    const bool is_list = all_items && types.Has(ValueTypes::kArray) &&
                         (!types.Has(ValueTypes::kObject) || tag.children.size() > 1 || types.is_any());
    out.json += is_list ? '[' : '{';
    for (const Tag& child : tag.children) {
      if (&child != &tag.children.front()) out.json += ", ";
      const std::string name(child.name);
      if (!is_list) {
        AppendJsonString(name, out.json);
        out.json += ": ";
      }
      const Json* inner = is_list ? ElementSchema(schema, root_) : MemberSchema(schema, name, root_);
      RETURN_IF_ERROR(Write(child, inner, out));
    }
    out.json += is_list ? ']' : '}';
    return {};
  }

  static Status WriteText(std::string_view text, ValueTypes types, CastValue& out) {
    if (toolmarks::Trimmed(text).empty() && !types.Has(ValueTypes::kString)) {
      // Nothing between the tags is also how an empty object and an empty list look.
      if (types.Has(ValueTypes::kObject) || types.Has(ValueTypes::kArray)) {
        out.json += types.Has(ValueTypes::kObject) ? "{}" : "[]";
        return {};
      }
    }
    const CastValue cast = CastText(text, types);
    out.json += cast.json;
    if (out.note.empty()) out.note = cast.note;
    return {};
  }

  std::string_view open_, close_;
  const Json* root_;
};

}  // namespace

Result<CastValue> CastNested(std::string_view text, std::string_view open, std::string_view close,
                             const Json* schema, const Json* root) {
  return NestedReader(open, close, root).Read(text, schema);
}

}  // namespace mains
