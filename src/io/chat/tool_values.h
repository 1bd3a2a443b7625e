// Values of arguments that a model wrote as text, without their types, to JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/json.h"

namespace mains {

// What a JSON schema allows, of which kinds. Read leniently: what cannot be made out is allowed.
class ValueTypes {
 public:
  enum Type : uint8_t {
    kString = 1,
    kInteger = 2,
    kNumber = 4,
    kBoolean = 8,
    kNull = 16,
    kObject = 32,
    kArray = 64,
    kAny = 127,
  };
  ValueTypes() = default;
  // `root`: the whole document, for "$ref": "#/...".
  static ValueTypes Of(const Json& schema, const Json& root);
  static ValueTypes Named(std::string_view type);  // one of JSON schema's names, else any

  bool Has(Type type) const { return (types_ & type) != 0; }
  bool Only(Type type) const { return types_ == type; }
  bool OnlyString() const { return Only(kString); }
  bool is_any() const { return types_ == kAny; }
  std::string Text() const;  // "integer or null"

 private:
  friend class SchemaTypes;
  uint8_t types_ = kAny;
};

// The schema of a member, of an element; null if there is none.
const Json* MemberSchema(const Json* schema, const std::string& name, const Json* root);
const Json* ElementSchema(const Json* schema, const Json* root);

struct CastValue {
  std::string json;
  std::string note;  // empty, or that the text was not what the schema says: "not an integer, kept as text"
};

// A value of another kind than string if the text is one and the types allow it (JSON; True, None and
// lists and dicts as Python prints them); else a string.
CastValue CastText(std::string_view text, ValueTypes types);

// JSON for what Python's repr gives of None, bool, numbers, str, lists, tuples and dicts with str keys;
// nothing for all else.
std::optional<std::string> JsonFromPython(std::string_view text);

// The syntax in which objects and lists are tags of their own (ToolFormat::Payload::kNested). `text` is the
// value between the tags of its parameter; tags are `open`NAME> and `close`NAME>, where `close` begins with
// `open`. An error says what is wrong with them.
Result<CastValue> CastNested(std::string_view text, std::string_view open, std::string_view close,
                             const Json* schema, const Json* root);

}  // namespace mains
