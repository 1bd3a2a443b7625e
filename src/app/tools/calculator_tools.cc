// calculator and convert_units.
#include "app/tools/built_in.h"
#include "app/tools/calculator.h"
#include "app/tools/exact_number.h"
#include "app/tools/unit_conversion.h"

namespace mains {
namespace {

ToolResult RunCalculator(const ToolArguments& arguments) {
  const Result<std::string> result = Calculate(arguments.String("expression"));
  if (!result.ok()) return ToolFailure(result.error().message);
  const bool number = result->find_first_not_of("-.0123456789") == std::string::npos;
  return number ? ToolNumber(*result) : ToolText(*result);
}

ToolResult RunConvertUnits(const ToolArguments& arguments) {
  const Result<mpq_class> value = ParseNumber(arguments.NumberText("value"));
  if (!value.ok()) return ToolFailure(value.error().message);
  const Result<Conversion> converted =
      ConvertUnits(*value, arguments.String("from_unit"), arguments.String("to_unit"));
  if (!converted.ok()) return ToolFailure(converted.error().message);
  return ToolNumber(converted->number, converted->note);
}

}  // namespace

// The wordings are those that the pocket model is trained on (pocket/data/natural.py).
void AddCalculatorTools(std::vector<BuiltIn>& tools) {
  tools.push_back({{"calculator", "Works out an arithmetic expression exactly.",
                    R"({"type": "object", "properties": {"expression": {"type": "string", "description": )"
                    R"("Arithmetic expression"}}, "required": ["expression"]})"},
                   RunCalculator});
  tools.push_back(
      {{"convert_units", "Converts a value from one unit to another.",
        R"({"type": "object", "properties": {"value": {"type": "number", "description": "Value to convert"}, )"
        R"("from_unit": {"type": "string", "description": "Unit of the value, as the user says it"}, )"
        R"("to_unit": {"type": "string", "description": "Unit wanted, as the user says it"}}, )"
        R"("required": ["value", "from_unit", "to_unit"]})"},
       RunConvertUnits});
}

}  // namespace mains
