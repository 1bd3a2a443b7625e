// What a JSON Schema says, in a form that a grammar can be made of: alternatives, each a plain conjunction of
// constraints per type.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/grammar/json_schema.h"
#include "engine/grammar/schema_number.h"
#include "io/json.h"

namespace mains {

// Of values; a bit each. Whole numbers are kInteger only, others kFraction only.
enum JsonType : uint8_t {
  kNullType = 1,
  kBooleanType = 2,
  kIntegerType = 4,
  kFractionType = 8,
  kStringType = 16,
  kArrayType = 32,
  kObjectType = 64,
  kAllTypes = 127,
};

uint8_t TypeOf(const OrderedJson& value);

// The value as compact text that is the same for equal values: keys sorted, whole numbers without fraction.
std::string CanonicalText(const OrderedJson& value);

// A conjunction: schemas that must all hold; none: anything goes.
using SchemaList = std::vector<const OrderedJson*>;

struct SchemaShape {
  uint8_t types = kAllTypes;
  std::optional<std::vector<const OrderedJson*>> values;  // one of these

  int64_t min_length = 0;
  std::optional<int64_t> max_length;
  std::vector<std::pair<std::string, std::string>> patterns;  // searched; and where each stands

  NumberRange range;  // its `integer` is not used: see `types`

  std::vector<SchemaList> prefix;
  SchemaList items;
  int64_t min_items = 0;
  std::optional<int64_t> max_items;

  std::vector<std::pair<std::string, SchemaList>> members;
  std::vector<std::string> required;
  SchemaList additional;

  const SchemaList* Find(std::string_view member) const;
  bool Requires(std::string_view member) const;
  bool PlainStrings() const { return min_length == 0 && !max_length && patterns.empty(); }
  bool PlainNumbers() const { return !range.minimum && !range.maximum && range.multiples.empty(); }
  bool PlainArrays() const { return prefix.empty() && items.empty() && min_items == 0 && !max_items; }
  bool PlainObjects() const { return members.empty() && required.empty() && additional.empty(); }
};

// Reads the schemas of one document. One thread at a time.
class SchemaReader {
 public:
  SchemaReader(const OrderedJson& document, JsonSchemaOptions options);
  ~SchemaReader();

  // What the conjunction allows; empty: nothing. The result stays valid.
  Result<const std::vector<SchemaShape>*> Shapes(const SchemaList& schemas);

  // JSON pointer of a schema that was read, as "#/properties/x".
  std::string Where(const OrderedJson* schema) const;

 private:
  using ShapeList = std::vector<SchemaShape>;
  Result<ShapeList> Read(const OrderedJson& schema, int depth);
  Result<ShapeList> ReadObject(const OrderedJson& schema, int depth);
  Result<ShapeList> ReadAll(const SchemaList& schemas, int depth);
  Result<ShapeList> ReadCombined(const OrderedJson& schema, SchemaShape own, int depth);
  Result<ShapeList> ReadAlternatives(const OrderedJson& list, const OrderedJson& schema, bool exclusive,
                                     int depth);
  Result<ShapeList> Both(const ShapeList& a, const ShapeList& b, const OrderedJson& where);
  Result<std::optional<SchemaShape>> Merge(const SchemaShape& a, const SchemaShape& b,
                                           const OrderedJson& where);
  Result<bool> Disjoint(const SchemaShape& a, const SchemaShape& b, int depth);
  Result<bool> DisjointMembers(const SchemaShape& a, const SchemaShape& b, int depth);

  Result<bool> CompareMembers(const SchemaShape& a, const SchemaShape& b, int depth);

  Status ReadKeyword(const std::string& key, const OrderedJson& value, const OrderedJson& schema,
                     SchemaShape& out);
  Result<bool> ReadTypeKeyword(const std::string& key, const OrderedJson& value, const OrderedJson& schema,
                               SchemaShape& out);
  Result<bool> ReadStringKeyword(const std::string& key, const OrderedJson& value, const OrderedJson& schema,
                                 SchemaShape& out);
  Result<bool> ReadNumberKeyword(const std::string& key, const OrderedJson& value, const OrderedJson& schema,
                                 SchemaShape& out);
  Result<bool> ReadArrayKeyword(const std::string& key, const OrderedJson& value, const OrderedJson& schema,
                                SchemaShape& out);
  Result<bool> ReadObjectKeyword(const std::string& key, const OrderedJson& value, const OrderedJson& schema,
                                 SchemaShape& out);
  Result<bool> CountsAreImplied(const std::string& key, const OrderedJson& value, const OrderedJson& schema);
  Result<const OrderedJson*> Resolve(const OrderedJson& reference, const OrderedJson& schema);
  Result<int64_t> Count(const OrderedJson& value, const std::string& key, const OrderedJson& schema) const;

  const OrderedJson* Child(const OrderedJson& parent, std::string segment, const OrderedJson& child);
  const OrderedJson* FindKey(const OrderedJson& object, std::string_view key);
  void FindAnchors();
  Error Fail(ErrorCode code, const OrderedJson& schema, const std::string& key,
             const std::string& what) const;
  Status Spend(int64_t work, const OrderedJson& schema);

  const OrderedJson& document_;
  JsonSchemaOptions options_;
  std::unordered_map<const OrderedJson*, std::pair<const OrderedJson*, std::string>> parents_;
  std::unordered_map<const OrderedJson*, std::unordered_map<std::string_view, const OrderedJson*>> key_index_;
  std::map<std::string, const OrderedJson*, std::less<>> anchors_;
  bool anchors_found_ = false;
  std::unordered_map<const OrderedJson*, std::optional<ShapeList>> read_;  // no value: being read
  std::map<SchemaList, std::unique_ptr<const ShapeList>> shapes_;
  int64_t work_ = 0;
  int comparing_ = 0;        // comparisons of members inside each other
  bool met_itself_ = false;  // the latest failure was a reference to what was being read
};

}  // namespace mains
