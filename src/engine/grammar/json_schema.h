// Grammars of JSON: any JSON, what a JSON Schema (draft 2020-12) describes, and texts that a regular
// expression describes.
//
// Supported and exact: boolean schemas; type, enum, const; properties, required, additionalProperties;
// items, prefixItems, minItems, maxItems; minLength, maxLength, pattern, format (date, time, date-time,
// email, uuid, ipv4, uri, loosely); minimum, maximum, exclusiveMinimum, exclusiveMaximum; multipleOf;
// anyOf, allOf, oneOf (its branches must exclude each other visibly, or `one_of_as_any_of`); $ref to
// "#", "#/..." and "#anchor", also recursive; $defs, definitions, $anchor; nullable (OpenAPI).
// Annotations and unknown formats are ignored. Every other keyword is refused by name and place: a schema
// is honoured or refused, never honoured in part.
//
// What the grammars leave out of the described values, because a model gains nothing by it:
//   - keys come in the order of `properties`, then other required ones, then free ones; a free key may
//     come twice;
//   - integers have no fraction or exponent; exponents have two digits; numbers with bounds have none, and no
//     zero with a sign;
//   - strings with constraints, and keys, escape only what JSON makes escape, in the shortest way;
//   - white space as in JsonStyle.
//
// `pattern` is searched, as the draft says. Its syntax: characters, escapes, ".", classes, \d \w \s \p{..},
// groups, alternation, quantifiers (lazy ones too), ^ and $. Look-around, back references and \b are refused.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/grammar/grammar.h"
#include "io/json.h"

namespace mains {

enum class JsonSpace {
  kNone,    // none
  kSingle,  // at most one space after each colon and comma: what models write
  kAny,     // any JSON white space between tokens
};

struct JsonSchemaOptions {
  JsonSpace space = JsonSpace::kSingle;
  bool one_of_as_any_of = false;  // take oneOf branches for alternatives though they may overlap
  bool assert_formats = true;     // false: `format` is an annotation
};

// Which values of a schema an expression is for, and how strings are written.
enum class SchemaValues { kAll, kStrings, kAllButStrings };

// Compiles parts of one schema document into expressions of one builder.
class JsonSchemaCompiler {
 public:
  // Both must outlive the compiler. Key order is the document's (ParseOrderedJson keeps it).
  JsonSchemaCompiler(GrammarBuilder& builder, const OrderedJson& document, JsonSchemaOptions options = {});
  ~JsonSchemaCompiler();
  JsonSchemaCompiler(const JsonSchemaCompiler&) = delete;
  JsonSchemaCompiler& operator=(const JsonSchemaCompiler&) = delete;

  // A conjunction of schemas inside the document.
  using Schema = std::vector<const OrderedJson*>;
  Schema root() const;

  // JSON text of the schema's values; Never() if it has none of these.
  Result<GrammarExpr> Value(const Schema& schema, SchemaValues values = SchemaValues::kAll);
  // Its string values as bare text that contains none of `stops`, not as JSON; Never() if it allows no
  // string.
  Result<GrammarExpr> BareString(const Schema& schema, const std::vector<std::string>& stops);
  // Whether the schema allows a string; whether it allows anything else.
  Result<bool> Allows(const Schema& schema, SchemaValues values);

  struct Member {
    std::string name;
    bool required = false;
    Schema schema;
  };
  // The declared members of the schema's objects, in order, for formats that write them in their own way.
  // Fails if the objects are not one plain list of members (say, anyOf of several).
  Result<std::vector<Member>> Members(const Schema& schema);
  // What other members' values must be; nothing: there may be none.
  Result<std::optional<Schema>> FreeMembers(const Schema& schema);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// JSON text of the schema's values.
Result<std::shared_ptr<const Grammar>> GrammarFromJsonSchema(const OrderedJson& schema,
                                                             const JsonSchemaOptions& options = {});
// The same from JSON text.
Result<std::shared_ptr<const Grammar>> GrammarFromJsonSchemaText(std::string_view schema,
                                                                 const JsonSchemaOptions& options = {});

// Any JSON value.
GrammarExpr AnyJson(GrammarBuilder& builder, JsonSpace space = JsonSpace::kSingle);

// The characters of texts that match `pattern` as a whole (`search`: in which it is found), raw or as inside
// a JSON string. `where` begins error messages.
Result<GrammarExpr> RegexExpr(GrammarBuilder& builder, std::string_view pattern, CharForm form, bool search,
                              std::string_view where);
// Texts that match the pattern as a whole.
Result<std::shared_ptr<const Grammar>> GrammarFromRegex(std::string_view pattern);

}  // namespace mains
