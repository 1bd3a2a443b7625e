#include "engine/grammar/schema_shape.h"

#include <algorithm>
#include <set>

namespace mains {
namespace {

constexpr int kMaxReferenceDepth =
    100;  // references and combinations inside each other, without a value between
constexpr size_t kMaxAlternatives = 256;  // of one value
constexpr int64_t kMaxSchemaWork = 1'000'000;

// The texts that are taken for a format.
struct Format {
  std::string_view name, pattern;
};
constexpr Format kFormats[] = {
    {"date",
     R"(^(\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8])))"
     R"(|(\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)$)"},
    {"time", R"(^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$)"},
    {"date-time",
     R"(^(\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8])))"
     R"(|(\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))"
     R"([Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$)"},
    {"email", R"(^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*)"
              R"(@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$)"},
    {"uuid", "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"},
    {"ipv4", R"(^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$)"},
    {"uri", R"(^[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~:/?#@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+$)"},
};

// They say nothing about which values are valid, or they are read with another keyword.
constexpr std::string_view kIgnored[] = {
    "title",          "description",     "default",          "examples",      "example",     "$comment",
    "deprecated",     "readOnly",        "writeOnly",        "$defs",         "definitions", "$anchor",
    "$dynamicAnchor", "contentEncoding", "contentMediaType", "contentSchema", "$ref",        "allOf",
    "anyOf",          "oneOf",           "nullable"};

constexpr std::string_view kDrafts[] = {
    "https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema", "http://json-schema.org/draft-06/schema"};

void AddUnique(SchemaList& list, const SchemaList& more) {
  for (const OrderedJson* schema : more) {
    if (std::find(list.begin(), list.end(), schema) == list.end()) list.push_back(schema);
  }
}

SchemaList Joined(const SchemaList& a, const SchemaList& b) {
  SchemaList out = a;
  AddUnique(out, b);
  return out;
}

std::optional<int64_t> Lesser(std::optional<int64_t> a, std::optional<int64_t> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

void Tighten(std::optional<NumberBound>& bound, const std::optional<NumberBound>& other, int sign) {
  if (!other) return;
  const int order = bound ? sign * Compare(other->value, bound->value) : 1;
  if (order > 0) bound = other;
  if (order == 0) bound->exclusive |= other->exclusive;
}

Json WholeNumbersPlain(const OrderedJson& value, int depth) {
  constexpr int kDeep = 2 * kMaxJsonDepth;
  if (depth > kDeep) return nullptr;
  if (value.is_number()) {
    const std::optional<Decimal> number = DecimalOf(value);
    if (number && number->fraction.empty() && number->whole.size() <= 18)
      return std::stoll(ToString(*number));
    return value.is_number_float()      ? Json(value.get<double>())
           : value.is_number_unsigned() ? Json(value.get<uint64_t>())
                                        : Json(value.get<int64_t>());
  }
  Json out = value.is_array() ? Json::array() : Json::object();
  if (value.is_array()) {
    for (const OrderedJson& item : value) out.push_back(WholeNumbersPlain(item, depth + 1));
  } else if (value.is_object()) {
    for (const auto& [key, member] : value.items()) out[key] = WholeNumbersPlain(member, depth + 1);
  } else {
    return value.is_string()    ? Json(value.get<std::string>())
           : value.is_boolean() ? Json(value.get<bool>())
                                : Json(nullptr);
  }
  return out;
}

}  // namespace

uint8_t TypeOf(const OrderedJson& value) {
  if (value.is_null()) return kNullType;
  if (value.is_boolean()) return kBooleanType;
  if (value.is_string()) return kStringType;
  if (value.is_array()) return kArrayType;
  if (value.is_object()) return kObjectType;
  const std::optional<Decimal> number = DecimalOf(value);
  return !number || number->fraction.empty() ? kIntegerType : kFractionType;
}

std::string CanonicalText(const OrderedJson& value) {
  return DumpJson(WholeNumbersPlain(value, 0));
}

const SchemaList* SchemaShape::Find(std::string_view member) const {
  for (const auto& [name, schema] : members) {
    if (name == member) return &schema;
  }
  return nullptr;
}

bool SchemaShape::Requires(std::string_view member) const {
  return std::find(required.begin(), required.end(), member) != required.end();
}

SchemaReader::SchemaReader(const OrderedJson& document, JsonSchemaOptions options)
    : document_(document), options_(options) {}
SchemaReader::~SchemaReader() = default;

// --- Places. ---

const OrderedJson* SchemaReader::Child(const OrderedJson& parent, std::string segment,
                                       const OrderedJson& child) {
  parents_.try_emplace(&child, &parent, std::move(segment));
  return &child;
}

std::string SchemaReader::Where(const OrderedJson* schema) const {
  std::vector<const std::string*> segments;
  for (auto at = parents_.find(schema); at != parents_.end() && segments.size() < 1000;
       at = parents_.find(at->second.first)) {
    segments.push_back(&at->second.second);
  }
  std::string out = "#";
  for (size_t i = segments.size(); i > 0; --i) out += "/" + *segments[i - 1];
  constexpr size_t kLongest = 300;
  return out.size() <= kLongest ? out : out.substr(0, kLongest) + "...";
}

Error SchemaReader::Fail(ErrorCode code, const OrderedJson& schema, const std::string& key,
                         const std::string& what) const {
  return {code, "schema " + Where(&schema) + (key.empty() ? "" : "/" + key.substr(0, 80)) + ": " + what};
}

Status SchemaReader::Spend(int64_t work, const OrderedJson& schema) {
  work_ += work;
  if (work_ <= kMaxSchemaWork) return {};
  return Fail(ErrorCode::kResource, schema, "", "the schema combines too much; use fewer alternatives");
}

const OrderedJson* SchemaReader::FindKey(const OrderedJson& object, std::string_view key) {
  constexpr size_t kMany = 32;
  if (object.size() <= kMany) {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
  }
  auto& index = key_index_[&object];
  if (index.empty()) {
    for (auto it = object.begin(); it != object.end(); ++it) index.emplace(it.key(), &it.value());
  }
  const auto found = index.find(key);
  return found == index.end() ? nullptr : found->second;
}

void SchemaReader::FindAnchors() {
  anchors_found_ = true;
  std::vector<const OrderedJson*> stack{&document_};
  while (!stack.empty()) {
    const OrderedJson& node = *stack.back();
    stack.pop_back();
    for (auto it = node.begin(); it != node.end(); ++it) {
      const std::string key = node.is_object() ? it.key() : "";
      if ((key == "$anchor" || key == "$dynamicAnchor") && it->is_string()) {
        anchors_.emplace(it->get_ref<const std::string&>(), &node);
      }
      // Values there are data, not schemas.
      if (key == "enum" || key == "const" || key == "default" || key == "examples") continue;
      if (it->is_structured()) {
        Child(node, node.is_object() ? key : std::to_string(it - node.begin()), *it);
        stack.push_back(&*it);
      }
    }
  }
}

Result<const OrderedJson*> SchemaReader::Resolve(const OrderedJson& reference, const OrderedJson& schema) {
  if (!reference.is_string()) return Fail(ErrorCode::kInvalid, schema, "$ref", "must be a string");
  std::string text = reference.get<std::string>();
  const std::string shown = "\"" + text.substr(0, 120) + "\"";
  if (!text.starts_with('#')) {
    return Fail(ErrorCode::kUnsupported, schema, "$ref",
                shown + " lies outside the document; put it under $defs and refer to \"#/$defs/...\"");
  }
  std::string plain;  // percent-decoded
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && std::isxdigit(static_cast<unsigned char>(text[i + 1])) &&
        std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      plain += text[i];
    }
  }
  const Error missing = Fail(ErrorCode::kInvalid, schema, "$ref", shown + " names nothing in the document");
  if (!plain.empty() && plain[0] != '/') {
    if (!anchors_found_) FindAnchors();
    const auto found = anchors_.find(plain);
    if (found == anchors_.end()) return missing;
    return found->second;
  }
  const OrderedJson* at = &document_;
  for (size_t begin = 0; begin < plain.size();) {
    const size_t end = std::min(plain.find('/', begin + 1), plain.size());
    std::string segment;
    for (size_t i = begin + 1; i < end; ++i) {
      const bool escape = plain[i] == '~' && i + 1 < end && (plain[i + 1] == '0' || plain[i + 1] == '1');
      segment += escape ? (plain[i + 1] == '0' ? '~' : '/') : plain[i];
      i += escape;
    }
    const OrderedJson* next = nullptr;
    if (at->is_object()) next = FindKey(*at, segment);
    if (at->is_array() && !segment.empty() && segment.size() < 8 &&
        segment.find_first_not_of("0123456789") == std::string::npos && std::stoul(segment) < at->size()) {
      next = &(*at)[std::stoul(segment)];
    }
    if (next == nullptr) return missing;
    at = Child(*at, std::move(segment), *next);
    // A document inside the document has its own names.
    if (at->is_object() && FindKey(*at, "$id") != nullptr) {
      return Fail(ErrorCode::kUnsupported, *at, "$id",
                  "a schema with an identity of its own is not supported here");
    }
    begin = end;
  }
  return at;
}

// --- Keywords. ---

Result<int64_t> SchemaReader::Count(const OrderedJson& value, const std::string& key,
                                    const OrderedJson& schema) const {
  const std::optional<Decimal> number = DecimalOf(value);
  if (!number || number->negative || !number->fraction.empty()) {
    return Fail(ErrorCode::kInvalid, schema, key, "must be a whole number, 0 or more");
  }
  // Nothing that large is ever reached.
  return number->whole.size() > 15 ? int64_t{1'000'000'000'000'000} : std::stoll(number->whole);
}

Result<bool> SchemaReader::ReadTypeKeyword(const std::string& key, const OrderedJson& value,
                                           const OrderedJson& schema, SchemaShape& out) {
  if (key == "const") {
    out.values = std::vector<const OrderedJson*>{&value};
    return true;
  }
  if (key == "enum") {
    if (!value.is_array()) return Fail(ErrorCode::kInvalid, schema, key, "must be an array");
    if (out.values)
      return Fail(ErrorCode::kUnsupported, schema, key, "stands beside const; keep one of them");
    out.values.emplace();
    std::set<std::string> seen;
    for (const OrderedJson& v : value) {
      if (seen.insert(CanonicalText(v)).second) out.values->push_back(&v);
    }
    RETURN_IF_ERROR(Spend(static_cast<int64_t>(value.size()), schema));
    return true;
  }
  if (key != "type") return false;
  static const std::map<std::string, uint8_t, std::less<>> kNames = {
      {"null", kNullType},
      {"boolean", kBooleanType},
      {"integer", kIntegerType},
      {"string", kStringType},
      {"array", kArrayType},
      {"object", kObjectType},
      {"number", kIntegerType | kFractionType}};
  uint8_t types = 0;
  const auto add = [&](const OrderedJson& name) {
    const auto found = name.is_string() ? kNames.find(name.get_ref<const std::string&>()) : kNames.end();
    if (found != kNames.end()) types |= found->second;
    return found != kNames.end();
  };
  bool good = true;
  if (value.is_array()) {
    for (const OrderedJson& name : value) good &= add(name);
  } else {
    good = add(value);
  }
  if (!good)
    return Fail(ErrorCode::kInvalid, schema, key, "must be the name of a JSON type or a list of them");
  const OrderedJson* nullable = FindKey(schema, "nullable");
  if (nullable != nullptr && *nullable == true) types |= kNullType;
  out.types &= types;
  return true;
}

Result<bool> SchemaReader::ReadStringKeyword(const std::string& key, const OrderedJson& value,
                                             const OrderedJson& schema, SchemaShape& out) {
  if (key == "minLength") {
    ASSIGN_OR_RETURN(out.min_length, Count(value, key, schema));
    return true;
  }
  if (key == "maxLength") {
    ASSIGN_OR_RETURN(out.max_length, Count(value, key, schema));
    return true;
  }
  if (key != "pattern" && key != "format") return false;
  if (!value.is_string()) return Fail(ErrorCode::kInvalid, schema, key, "must be a string");
  const std::string& text = value.get_ref<const std::string&>();
  if (key == "pattern") {
    out.patterns.emplace_back(text, "schema " + Where(&schema) + "/pattern: ");
    return true;
  }
  for (const Format& format : kFormats) {
    if (options_.assert_formats && format.name == text) {
      out.patterns.emplace_back(format.pattern, "schema " + Where(&schema) + "/format: ");
    }
  }
  return true;
}

Result<bool> SchemaReader::ReadNumberKeyword(const std::string& key, const OrderedJson& value,
                                             const OrderedJson& schema, SchemaShape& out) {
  if (key == "multipleOf") {
    const std::optional<Decimal> number = DecimalOf(value);
    if (!number || number->negative || number->IsZero()) {
      return Fail(ErrorCode::kInvalid, schema, key, "must be a number above 0");
    }
    out.range.multiples.push_back(*number);
    return true;
  }
  const bool low = key == "minimum" || key == "exclusiveMinimum";
  if (!low && key != "maximum" && key != "exclusiveMaximum") return false;
  const std::optional<Decimal> number = DecimalOf(value);
  if (!number) return Fail(ErrorCode::kInvalid, schema, key, "must be a number (as in draft 6 and later)");
  const NumberBound bound{*number, key.starts_with('e')};
  Tighten(low ? out.range.minimum : out.range.maximum, bound, low ? 1 : -1);
  return true;
}

Result<bool> SchemaReader::ReadArrayKeyword(const std::string& key, const OrderedJson& value,
                                            const OrderedJson& schema, SchemaShape& out) {
  if (key == "minItems") {
    ASSIGN_OR_RETURN(out.min_items, Count(value, key, schema));
  } else if (key == "maxItems") {
    ASSIGN_OR_RETURN(out.max_items, Count(value, key, schema));
  } else if (key == "items") {
    if (value.is_array()) {
      return Fail(ErrorCode::kUnsupported, schema, key, "a list of schemas is now called prefixItems");
    }
    out.items = {Child(schema, key, value)};
  } else if (key == "prefixItems") {
    if (!value.is_array()) return Fail(ErrorCode::kInvalid, schema, key, "must be an array");
    for (size_t i = 0; i < value.size(); ++i) {
      out.prefix.push_back({Child(schema, key + "/" + std::to_string(i), value[i])});
    }
  } else {
    return key == "uniqueItems" && value == false;
  }
  return true;
}

// A grammar does not count members; it need not where the other keywords leave no choice.
Result<bool> SchemaReader::CountsAreImplied(const std::string& key, const OrderedJson& value,
                                            const OrderedJson& schema) {
  ASSIGN_OR_RETURN(const int64_t count, Count(value, key, schema));
  if (key == "minProperties") {
    const OrderedJson* required = FindKey(schema, "required");
    std::set<OrderedJson> names;
    if (required != nullptr && required->is_array()) names.insert(required->begin(), required->end());
    return count <= static_cast<int64_t>(names.size());
  }
  const OrderedJson* properties = FindKey(schema, "properties");
  const OrderedJson* additional = FindKey(schema, "additionalProperties");
  const int64_t most = properties != nullptr ? static_cast<int64_t>(properties->size()) : 0;
  return additional != nullptr && *additional == false && most <= count;
}

Result<bool> SchemaReader::ReadObjectKeyword(const std::string& key, const OrderedJson& value,
                                             const OrderedJson& schema, SchemaShape& out) {
  if (key == "properties") {
    if (!value.is_object()) return Fail(ErrorCode::kInvalid, schema, key, "must be an object");
    RETURN_IF_ERROR(Spend(static_cast<int64_t>(value.size()), schema));
    for (const auto& [name, member] : value.items()) {
      out.members.emplace_back(name, SchemaList{Child(schema, "properties/" + name, member)});
    }
    return true;
  }
  if (key == "additionalProperties") {
    out.additional = {Child(schema, key, value)};
    return true;
  }
  if (key == "minProperties" || key == "maxProperties") return CountsAreImplied(key, value, schema);
  if (key != "required") return false;
  if (!value.is_array()) return Fail(ErrorCode::kInvalid, schema, key, "must be an array of names");
  std::set<std::string> seen;
  for (const OrderedJson& name : value) {
    if (!name.is_string()) return Fail(ErrorCode::kInvalid, schema, key, "must be an array of names");
    if (seen.insert(name.get<std::string>()).second) out.required.push_back(name.get<std::string>());
  }
  return true;
}

Status SchemaReader::ReadKeyword(const std::string& key, const OrderedJson& value, const OrderedJson& schema,
                                 SchemaShape& out) {
  using Reader = Result<bool> (SchemaReader::*)(const std::string&, const OrderedJson&, const OrderedJson&,
                                                SchemaShape&);
  for (const Reader reader :
       {&SchemaReader::ReadTypeKeyword, &SchemaReader::ReadStringKeyword, &SchemaReader::ReadNumberKeyword,
        &SchemaReader::ReadArrayKeyword, &SchemaReader::ReadObjectKeyword}) {
    ASSIGN_OR_RETURN(const bool known, (this->*reader)(key, value, schema, out));
    if (known) return {};
  }
  if (key.starts_with("x-")) return {};
  if (std::find(std::begin(kIgnored), std::end(kIgnored), key) != std::end(kIgnored)) return {};
  if (key == "$id" && &schema == &document_) return {};
  if (key == "$schema") {
    std::string draft = value.is_string() ? value.get<std::string>() : "";
    if (draft.ends_with('#')) draft.pop_back();
    if (std::find(std::begin(kDrafts), std::end(kDrafts), draft) != std::end(kDrafts)) return {};
    return Fail(ErrorCode::kUnsupported, schema, key, "is not draft 6, 7, 2019-09 or 2020-12");
  }
  return Fail(ErrorCode::kUnsupported, schema, key, "this keyword is not supported here; leave it out");
}

// --- Combination. ---

Result<std::optional<SchemaShape>> SchemaReader::Merge(const SchemaShape& a, const SchemaShape& b,
                                                       const OrderedJson& where) {
  RETURN_IF_ERROR(Spend(1 + static_cast<int64_t>(a.members.size() + b.members.size() + a.prefix.size() +
                                                 b.prefix.size() + a.required.size() + b.required.size()),
                        where));
  SchemaShape out = a;
  out.types &= b.types;
  if (out.types == 0) return std::optional<SchemaShape>();
  if (b.values) {
    if (a.values) {
      std::set<std::string> in_b;
      for (const OrderedJson* v : *b.values) in_b.insert(CanonicalText(*v));
      std::erase_if(*out.values, [&](const OrderedJson* v) { return !in_b.contains(CanonicalText(*v)); });
      RETURN_IF_ERROR(Spend(static_cast<int64_t>(a.values->size() + b.values->size()), where));
    } else {
      out.values = b.values;
    }
  }
  out.min_length = std::max(a.min_length, b.min_length);
  out.max_length = Lesser(a.max_length, b.max_length);
  for (const auto& pattern : b.patterns) {
    if (std::find(out.patterns.begin(), out.patterns.end(), pattern) == out.patterns.end())
      out.patterns.push_back(pattern);
  }
  Tighten(out.range.minimum, b.range.minimum, 1);
  Tighten(out.range.maximum, b.range.maximum, -1);
  for (const Decimal& m : b.range.multiples) out.range.multiples.push_back(m);
  out.min_items = std::max(a.min_items, b.min_items);
  out.max_items = Lesser(a.max_items, b.max_items);
  out.prefix.clear();
  for (size_t i = 0; i < std::max(a.prefix.size(), b.prefix.size()); ++i) {
    out.prefix.push_back(
        Joined(i < a.prefix.size() ? a.prefix[i] : a.items, i < b.prefix.size() ? b.prefix[i] : b.items));
  }
  out.items = Joined(a.items, b.items);
  std::map<std::string_view, const SchemaList*> in_a, in_b;
  for (const auto& [name, schema] : a.members) in_a.emplace(name, &schema);
  for (const auto& [name, schema] : b.members) in_b.emplace(name, &schema);
  for (auto& [name, schema] : out.members) {
    const auto found = in_b.find(name);
    AddUnique(schema, found != in_b.end() ? *found->second : b.additional);
  }
  for (const auto& [name, schema] : b.members) {
    if (!in_a.contains(name)) out.members.emplace_back(name, Joined(a.additional, schema));
  }
  const std::set<std::string_view> required(a.required.begin(), a.required.end());
  for (const std::string& name : b.required) {
    if (!required.contains(name)) out.required.push_back(name);
  }
  out.additional = Joined(a.additional, b.additional);
  return std::optional<SchemaShape>(std::move(out));
}

Result<std::vector<SchemaShape>> SchemaReader::Both(const ShapeList& a, const ShapeList& b,
                                                    const OrderedJson& where) {
  ShapeList out;
  for (const SchemaShape& x : a) {
    for (const SchemaShape& y : b) {
      ASSIGN_OR_RETURN(std::optional<SchemaShape> merged, Merge(x, y, where));
      if (merged) out.push_back(std::move(*merged));
      if (out.size() > kMaxAlternatives) {
        return Fail(ErrorCode::kResource, where, "",
                    "combines to more than " + std::to_string(kMaxAlternatives) + " alternatives; use fewer");
      }
    }
  }
  return out;
}

Result<bool> SchemaReader::DisjointMembers(const SchemaShape& a, const SchemaShape& b, int depth) {
  constexpr int kDeepEnough = 3;
  if (comparing_ >= kDeepEnough) return false;
  ++comparing_;
  met_itself_ = false;
  Result<bool> apart = CompareMembers(a, b, depth);
  --comparing_;
  // A member that leads back to what is being read: not plain to see.
  if (!apart.ok() && met_itself_) return false;
  return apart;
}

Result<bool> SchemaReader::CompareMembers(const SchemaShape& a, const SchemaShape& b, int depth) {
  for (const std::string& name : a.required) {
    const SchemaList* in_a = a.Find(name);
    const SchemaList* in_b = b.Find(name);
    // Required here and forbidden there.
    ASSIGN_OR_RETURN(const ShapeList* there, Shapes(in_b != nullptr ? *in_b : b.additional));
    if (there->empty()) return true;
    if (!b.Requires(name)) continue;
    ASSIGN_OR_RETURN(const ShapeList* here, Shapes(in_a != nullptr ? *in_a : a.additional));
    bool apart = true;
    for (const SchemaShape& x : *here) {
      for (const SchemaShape& y : *there) {
        if (!apart) continue;
        ASSIGN_OR_RETURN(apart, Disjoint(x, y, depth + 1));
      }
    }
    if (apart) return true;
  }
  return false;
}

// Whether no value can be of both; false if that is not plain to see.
Result<bool> SchemaReader::Disjoint(const SchemaShape& a, const SchemaShape& b, int depth) {
  constexpr int kDeepEnough = 3;
  RETURN_IF_ERROR(Spend(1, document_));
  const uint8_t common = a.types & b.types;
  if (common == 0) return true;
  if (a.values && b.values) {
    std::set<std::string> in_a;
    for (const OrderedJson* v : *a.values) in_a.insert(CanonicalText(*v));
    for (const OrderedJson* v : *b.values) {
      if (in_a.contains(CanonicalText(*v))) return false;
    }
    RETURN_IF_ERROR(Spend(static_cast<int64_t>(a.values->size() + b.values->size()), document_));
    return true;
  }
  if (a.values || b.values) {
    const uint8_t other = a.values ? b.types : a.types;
    for (const OrderedJson* v : a.values ? *a.values : *b.values) {
      if ((TypeOf(*v) & other) != 0) return false;
    }
    return true;
  }
  if (common != kObjectType || depth > kDeepEnough) return false;
  ASSIGN_OR_RETURN(const bool apart, DisjointMembers(a, b, depth));
  if (apart) return true;
  return DisjointMembers(b, a, depth);
}

Result<std::vector<SchemaShape>> SchemaReader::ReadAlternatives(const OrderedJson& list,
                                                                const OrderedJson& schema, bool exclusive,
                                                                int depth) {
  const std::string key = exclusive ? "oneOf" : "anyOf";
  if (!list.is_array() || list.empty())
    return Fail(ErrorCode::kInvalid, schema, key, "must be a list of schemas");
  ShapeList out;
  std::vector<size_t> branch_of;
  for (size_t i = 0; i < list.size(); ++i) {
    Child(schema, key + "/" + std::to_string(i), list[i]);
    ASSIGN_OR_RETURN(ShapeList branch, Read(list[i], depth + 1));
    for (SchemaShape& shape : branch) {
      out.push_back(std::move(shape));
      branch_of.push_back(i);
    }
    if (out.size() > kMaxAlternatives) {
      return Fail(ErrorCode::kResource, schema, key,
                  "has more than " + std::to_string(kMaxAlternatives) + " alternatives");
    }
  }
  if (!exclusive || options_.one_of_as_any_of) return out;
  for (size_t i = 0; i < out.size(); ++i) {
    for (size_t j = i + 1; j < out.size(); ++j) {
      if (branch_of[i] == branch_of[j]) continue;
      ASSIGN_OR_RETURN(const bool apart, Disjoint(out[i], out[j], 0));
      if (apart) continue;
      return Fail(ErrorCode::kUnsupported, schema, key,
                  "its branches " + std::to_string(branch_of[i]) + " and " + std::to_string(branch_of[j]) +
                      " may overlap, and a grammar cannot demand exactly one; use anyOf, or a required "
                      "member with a different const in each");
    }
  }
  return out;
}

Result<std::vector<SchemaShape>> SchemaReader::ReadCombined(const OrderedJson& schema, SchemaShape own,
                                                            int depth) {
  ShapeList out;
  if (own.types != 0) out.push_back(std::move(own));
  if (const OrderedJson* reference = FindKey(schema, "$ref")) {
    ASSIGN_OR_RETURN(const OrderedJson* target, Resolve(*reference, schema));
    ASSIGN_OR_RETURN(const ShapeList more, Read(*target, depth + 1));
    ASSIGN_OR_RETURN(out, Both(out, more, schema));
  }
  if (const OrderedJson* all = FindKey(schema, "allOf")) {
    if (!all->is_array() || all->empty())
      return Fail(ErrorCode::kInvalid, schema, "allOf", "must be a list of schemas");
    for (size_t i = 0; i < all->size(); ++i) {
      Child(schema, "allOf/" + std::to_string(i), (*all)[i]);
      ASSIGN_OR_RETURN(const ShapeList more, Read((*all)[i], depth + 1));
      ASSIGN_OR_RETURN(out, Both(out, more, schema));
    }
  }
  for (const char* key : {"anyOf", "oneOf"}) {
    const OrderedJson* list = FindKey(schema, key);
    if (list == nullptr) continue;
    ASSIGN_OR_RETURN(const ShapeList more, ReadAlternatives(*list, schema, key[0] == 'o', depth));
    ASSIGN_OR_RETURN(out, Both(out, more, schema));
  }
  return out;
}

// Recursion is bounded by kMaxReferenceDepth.
Result<std::vector<SchemaShape>> SchemaReader::Read(const OrderedJson& schema, int depth) {
  if (schema.is_boolean()) return schema.get<bool>() ? ShapeList(1) : ShapeList();
  if (!schema.is_object())
    return Fail(ErrorCode::kInvalid, schema, "", "a schema is an object, true or false");
  if (const auto found = read_.find(&schema); found != read_.end()) {
    if (found->second) return *found->second;
    met_itself_ = true;
    return Fail(ErrorCode::kInvalid, schema, "",
                "refers to itself without any value in between, which has no end");
  }
  if (depth > kMaxReferenceDepth) {
    return Fail(
        ErrorCode::kResource, schema, "",
        "lies behind more than " + std::to_string(kMaxReferenceDepth) + " references or combinations");
  }
  read_.emplace(&schema, std::nullopt);
  Result<ShapeList> out = ReadObject(schema, depth);
  if (out.ok()) {
    read_[&schema] = *out;
  } else {
    read_.erase(&schema);
  }
  return out;
}

Result<std::vector<SchemaShape>> SchemaReader::ReadObject(const OrderedJson& schema, int depth) {
  SchemaShape own;
  for (auto it = schema.begin(); it != schema.end(); ++it) {
    RETURN_IF_ERROR(Spend(1, schema));
    RETURN_IF_ERROR(ReadKeyword(it.key(), it.value(), schema, own));
  }
  return ReadCombined(schema, std::move(own), depth);
}

Result<std::vector<SchemaShape>> SchemaReader::ReadAll(const SchemaList& schemas, int depth) {
  ShapeList out(1);
  for (const OrderedJson* schema : schemas) {
    ASSIGN_OR_RETURN(const ShapeList more, Read(*schema, depth));
    ASSIGN_OR_RETURN(out, Both(out, more, *schema));
  }
  return out;
}

Result<const std::vector<SchemaShape>*> SchemaReader::Shapes(const SchemaList& schemas) {
  SchemaList key = schemas;
  std::sort(key.begin(), key.end());
  const auto found = shapes_.find(key);
  if (found != shapes_.end()) return found->second.get();
  ASSIGN_OR_RETURN(ShapeList made, ReadAll(schemas, 0));
  const auto added = shapes_.emplace(std::move(key), std::make_unique<const ShapeList>(std::move(made)));
  return added.first->second.get();
}

}  // namespace mains
