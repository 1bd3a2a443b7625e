// The arguments of a tool call: parsed, checked against the tool's schema, and read by name.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/json.h"

namespace mains {

// Whether `schema` can be checked: an object of JSON schema with the keywords type, properties, required,
// additionalProperties (true or false), items, enum, const, anyOf, minimum, maximum, exclusiveMinimum,
// exclusiveMaximum, minLength, maxLength, minItems, maxItems, and any that only describe (title,
// description, default, examples, format). Any other keyword is refused rather than ignored.
Status CheckToolSchema(const Json& schema);

// The same schema, its keys in the same order, with what ToolArguments reads into it written out: objects
// whose properties are named have no others unless it says so. For a grammar that lets through just what is
// taken.
std::string ClosedSchema(const std::string& schema);

class ToolArguments {
 public:
  // `text` is a JSON object. Parameters that the schema does not name are refused unless its
  // additionalProperties is true. null for a parameter that is not required counts as left out. Errors name
  // the parameter, what was wanted and what came. `schema` has passed CheckToolSchema.
  static Result<ToolArguments> Parse(std::string_view text, const Json& schema);

  bool Has(const std::string& name) const { return values_.contains(name); }
  // The schema must have asked for the type; the default if the parameter was left out.
  std::string String(const std::string& name, const std::string& otherwise = "") const;
  bool Bool(const std::string& name, bool otherwise = false) const;
  std::vector<std::string> Strings(const std::string& name) const;
  // A number with all the digits that were written.
  std::string NumberText(const std::string& name) const;
  // What stands for the value in a command line: a string as it is, anything else as JSON.
  std::string Plain(const std::string& name) const;
  std::string Dump() const { return DumpJson(values_); }

 private:
  Json values_ = Json::object();
  std::map<std::string, std::string> number_texts_;  // of the numbers that a double may not hold exactly
};

}  // namespace mains
