#include "engine/grammar/json_schema.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "engine/grammar/json_syntax.h"
#include "engine/grammar/schema_shape.h"

namespace mains {
namespace {

using Expr = GrammarExpr;

constexpr uint8_t kNumberTypes = kIntegerType | kFractionType;

uint8_t TypesOf(SchemaValues values) {
  switch (values) {
    case SchemaValues::kAll: return kAllTypes;
    case SchemaValues::kStrings: return kStringType;
    case SchemaValues::kAllButStrings: return kAllTypes & ~kStringType;
  }
  return 0;
}

int64_t Characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
}

bool Contains(std::string_view text, const std::vector<std::string>& stops) {
  return std::any_of(stops.begin(), stops.end(),
                     [text](const std::string& stop) { return text.find(stop) != std::string_view::npos; });
}

}  // namespace

struct JsonSchemaCompiler::Impl {
  Impl(GrammarBuilder& builder, const OrderedJson& doc, JsonSchemaOptions options)
      : b(builder), document(doc), reader(doc, options), syntax(builder, options.space) {}

  GrammarBuilder& b;
  const OrderedJson& document;
  SchemaReader reader;
  JsonSyntax syntax;
  std::map<SchemaList, Expr> values;                     // by sorted list
  std::vector<std::pair<SchemaList, GrammarRule>> open;  // rules yet to be defined
  std::map<std::string, std::shared_ptr<const Grammar>> patterns;

  Result<Expr> ValueOf(const SchemaList& schemas);
  std::optional<Expr> PlainScalar(const SchemaShape& shape);
  Result<Expr> ShapesExpr(const SchemaList& schemas, uint8_t types);
  Result<Expr> ShapeExpr(const SchemaShape& shape, uint8_t types);
  Result<Expr> ValuesExpr(const SchemaShape& shape, uint8_t types);
  Result<Expr> NumberExpr(const SchemaShape& shape, uint8_t types);
  Result<std::optional<Expr>> StringBody(const SchemaShape& shape, CharForm form);
  Result<Expr> StringExpr(const SchemaShape& shape);
  Result<Expr> ArrayExpr(const SchemaShape& shape);
  Result<Expr> ArrayRest(const SchemaShape& shape, int64_t from, std::optional<int64_t> max_items);
  Result<Expr> ObjectExpr(const SchemaShape& shape);
  Expr FreeKey(const std::set<std::string>& taken);
  Expr ConstExpr(const OrderedJson& value, int depth);
  Result<bool> Fits(const OrderedJson& value, const SchemaShape& shape);
  Result<std::vector<Member>> MembersOf(const SchemaShape& shape) const;
  Result<const SchemaShape*> ObjectShape(const SchemaList& schema);
  Status DefineOpen();
  Result<Expr> Finish(Result<Expr> expr);
};

// --- Values. ---

std::optional<Expr> JsonSchemaCompiler::Impl::PlainScalar(const SchemaShape& shape) {
  if (shape.values) return std::nullopt;
  if (shape.types == kStringType && shape.PlainStrings()) return syntax.String();
  if (shape.types == kNumberTypes && shape.PlainNumbers()) return syntax.Number();
  if (shape.types == kIntegerType && shape.PlainNumbers()) return syntax.Integer();
  if (shape.types == kBooleanType) return syntax.Boolean();
  if (shape.types == kNullType) return b.Text("null");
  const bool plain =
      shape.PlainStrings() && shape.PlainNumbers() && shape.PlainArrays() && shape.PlainObjects();
  return shape.types == kAllTypes && plain ? std::optional(syntax.Any()) : std::nullopt;
}

Result<Expr> JsonSchemaCompiler::Impl::ValueOf(const SchemaList& schemas) {
  SchemaList key = schemas;
  std::sort(key.begin(), key.end());
  if (const auto found = values.find(key); found != values.end()) return found->second;
  ASSIGN_OR_RETURN(const std::vector<SchemaShape>* shapes, reader.Shapes(schemas));
  std::optional<Expr> out;
  if (shapes->empty()) out = b.Never();
  if (shapes->size() == 1) out = PlainScalar((*shapes)[0]);
  if (!out) {
    const GrammarRule rule = b.NewRule("schema " + (schemas.empty() ? "true" : reader.Where(schemas[0])));
    open.emplace_back(schemas, rule);
    out = b.Ref(rule);
  }
  values.emplace(std::move(key), *out);
  if (b.error()) return *b.error();
  return *out;
}

Status JsonSchemaCompiler::Impl::DefineOpen() {
  while (!open.empty()) {
    const auto [schemas, rule] = open.back();
    open.pop_back();
    ASSIGN_OR_RETURN(const Expr expr, ShapesExpr(schemas, kAllTypes));
    b.Define(rule, expr);
    if (b.error()) return *b.error();
  }
  return {};
}

Result<Expr> JsonSchemaCompiler::Impl::Finish(Result<Expr> expr) {
  if (!expr.ok()) return expr;
  RETURN_IF_ERROR(DefineOpen());
  if (b.error()) return *b.error();
  return expr;
}

Result<Expr> JsonSchemaCompiler::Impl::ShapesExpr(const SchemaList& schemas, uint8_t types) {
  ASSIGN_OR_RETURN(const std::vector<SchemaShape>* shapes, reader.Shapes(schemas));
  std::vector<Expr> choices;
  for (const SchemaShape& shape : *shapes) {
    Result<Expr> choice = ShapeExpr(shape, shape.types & types);
    if (!choice.ok()) {
      const bool placed = choice.error().message.starts_with("schema ") || schemas.empty();
      return placed ? choice.error() : choice.error().Within("schema " + reader.Where(schemas[0]) + ": ");
    }
    choices.push_back(*choice);
  }
  return b.Choice(choices);
}

Result<Expr> JsonSchemaCompiler::Impl::ShapeExpr(const SchemaShape& shape, uint8_t types) {
  if (shape.values) return ValuesExpr(shape, types);
  std::vector<Expr> choices;
  if ((types & kNullType) != 0) choices.push_back(b.Text("null"));
  if ((types & kBooleanType) != 0) choices.push_back(syntax.Boolean());
  if ((types & kNumberTypes) != 0) {
    ASSIGN_OR_RETURN(const Expr number, NumberExpr(shape, types));
    choices.push_back(number);
  }
  if ((types & kStringType) != 0) {
    ASSIGN_OR_RETURN(const Expr string, StringExpr(shape));
    choices.push_back(string);
  }
  if ((types & kArrayType) != 0) {
    ASSIGN_OR_RETURN(const Expr array, ArrayExpr(shape));
    choices.push_back(array);
  }
  if ((types & kObjectType) != 0) {
    ASSIGN_OR_RETURN(const Expr object, ObjectExpr(shape));
    choices.push_back(object);
  }
  return b.Choice(choices);
}

// --- enum and const. ---

Result<Expr> JsonSchemaCompiler::Impl::ValuesExpr(const SchemaShape& shape, uint8_t types) {
  std::vector<Expr> choices;
  for (const OrderedJson* value : *shape.values) {
    if ((TypeOf(*value) & types) == 0) continue;
    ASSIGN_OR_RETURN(const bool fits, Fits(*value, shape));
    if (fits) choices.push_back(ConstExpr(*value, 0));
    if (b.error()) return *b.error();
  }
  return b.Choice(choices);
}

Result<bool> JsonSchemaCompiler::Impl::Fits(const OrderedJson& value, const SchemaShape& shape) {
  if (value.is_number() && !shape.PlainNumbers()) {
    const std::optional<Decimal> number = DecimalOf(value);
    const std::optional<bool> fits = number ? InRange(*number, shape.range) : std::nullopt;
    if (fits) return *fits;
    return Error{ErrorCode::kUnsupported, "a number with too many digits beside multipleOf"};
  }
  if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    if (Characters(text) < shape.min_length || (shape.max_length && Characters(text) > *shape.max_length))
      return false;
    for (const auto& [pattern, where] : shape.patterns) {
      std::shared_ptr<const Grammar>& grammar = patterns[pattern];
      if (!grammar) {
        GrammarBuilder own;
        ASSIGN_OR_RETURN(const Expr expr, RegexExpr(own, pattern, CharForm::kRaw, true, where));
        const Result<std::shared_ptr<const Grammar>> built = own.Build(expr);
        if (!built.ok()) return false;  // a pattern that nothing matches
        grammar = *built;
      }
      if (!grammar->Accepts(text)) return false;
    }
  }
  if ((value.is_array() && !shape.PlainArrays()) || (value.is_object() && !shape.PlainObjects())) {
    return Error{
        ErrorCode::kUnsupported,
        "an enum or const with arrays or objects beside other keywords for them; keep only the values"};
  }
  return true;
}

// Recursion is bounded by the depth of expressions.
Expr JsonSchemaCompiler::Impl::ConstExpr(const OrderedJson& value, int depth) {
  if (!value.is_structured() || depth > kMaxExprDepth) return b.Text(CanonicalText(value));
  std::vector<Expr> parts{syntax.Open(value.is_array() ? '[' : '{')};
  for (auto it = value.begin(); it != value.end(); ++it) {
    if (it != value.begin()) parts.push_back(syntax.Comma());
    if (value.is_object()) {
      parts.push_back(b.Text(CanonicalText(it.key())));
      parts.push_back(syntax.Colon());
    }
    parts.push_back(ConstExpr(*it, depth + 1));
  }
  parts.push_back(syntax.Close(value.is_array() ? ']' : '}'));
  return b.Sequence(parts);
}

// --- Scalars. ---

Result<Expr> JsonSchemaCompiler::Impl::NumberExpr(const SchemaShape& shape, uint8_t types) {
  const bool integer = (types & kFractionType) == 0;
  if (shape.PlainNumbers()) return integer ? syntax.Integer() : syntax.Number();
  NumberRange range = shape.range;
  range.integer = integer;
  return RangeExpr(b, range);
}

// The characters of a string that has constraints.
Result<std::optional<Expr>> JsonSchemaCompiler::Impl::StringBody(const SchemaShape& shape, CharForm form) {
  std::optional<Expr> out;
  for (const auto& [pattern, where] : shape.patterns) {
    ASSIGN_OR_RETURN(const Expr expr, RegexExpr(b, pattern, form, true, where));
    out = out ? b.Both(*out, expr) : expr;
  }
  if (shape.min_length > 0 || shape.max_length) {
    constexpr CodePointRange kAll{0, 0x10FFFF};
    const Expr length = b.Repeat(b.CodePoints(std::span(&kAll, 1), form), shape.min_length, shape.max_length);
    out = out ? b.Both(*out, length) : length;
  }
  return out;
}

Result<Expr> JsonSchemaCompiler::Impl::StringExpr(const SchemaShape& shape) {
  if (shape.PlainStrings()) return syntax.String();
  constexpr int64_t kManyCharacters = 4'000;
  if (shape.patterns.empty() && std::max(shape.min_length, shape.max_length.value_or(0)) > kManyCharacters) {
    const Expr character = b.Named("character", syntax.Character());  // one state each
    return b.Sequence({b.Text("\""), b.Repeat(character, shape.min_length, shape.max_length), b.Text("\"")});
  }
  ASSIGN_OR_RETURN(const std::optional<Expr> body, StringBody(shape, CharForm::kJson));
  return b.Named("string", b.Sequence({b.Text("\""), *body, b.Text("\"")}));
}

// --- Arrays. ---

// Elements from position `from` on, all of `items`, with the comma that goes before.
Result<Expr> JsonSchemaCompiler::Impl::ArrayRest(const SchemaShape& shape, int64_t from,
                                                 std::optional<int64_t> max_items) {
  if (max_items && *max_items <= from) return b.Empty();
  ASSIGN_OR_RETURN(const Expr item, ValueOf(shape.items));
  const Expr next = b.Sequence({syntax.Comma(), item});
  const int64_t min = std::max<int64_t>(0, shape.min_items - from);
  const std::optional<int64_t> max = max_items ? std::optional(*max_items - from) : std::nullopt;
  if (from > 0) return b.Repeat(next, min, max);
  const Expr some = b.Sequence(
      {item, b.Repeat(next, std::max<int64_t>(0, min - 1), max ? std::optional(*max - 1) : std::nullopt)});
  return min == 0 ? b.Optional(some) : some;
}

Result<Expr> JsonSchemaCompiler::Impl::ArrayExpr(const SchemaShape& shape) {
  if (shape.PlainArrays()) return syntax.AnyArray();
  // A position that no value fits ends the array.
  std::optional<int64_t> max = shape.max_items;
  const int64_t prefix = static_cast<int64_t>(shape.prefix.size());
  for (int64_t i = prefix; i >= 0; --i) {
    const SchemaList& schema = i == prefix ? shape.items : shape.prefix[static_cast<size_t>(i)];
    ASSIGN_OR_RETURN(const std::vector<SchemaShape>* shapes, reader.Shapes(schema));
    if (shapes->empty()) max = std::min(max.value_or(i), i);
  }
  if (max && *max < shape.min_items) return b.Never();
  ASSIGN_OR_RETURN(Expr rest, ArrayRest(shape, prefix, max));
  for (int64_t i = prefix - 1; i >= 0; --i) {
    if (max && i >= *max) continue;
    ASSIGN_OR_RETURN(const Expr item, ValueOf(shape.prefix[static_cast<size_t>(i)]));
    rest = b.Sequence({i > 0 ? syntax.Comma() : b.Empty(), item, rest});
    if (i >= shape.min_items) rest = b.Optional(rest);
  }
  return b.Sequence({syntax.Open('['), rest, syntax.Close(']')});
}

// --- Objects. ---

Result<std::vector<JsonSchemaCompiler::Member>> JsonSchemaCompiler::Impl::MembersOf(
    const SchemaShape& shape) const {
  const std::set<std::string_view> required(shape.required.begin(), shape.required.end());
  std::set<std::string_view> declared;
  std::vector<Member> out;
  for (const auto& [name, schema] : shape.members) {
    out.push_back({name, required.contains(name), schema});
    declared.insert(name);
  }
  for (const std::string& name : shape.required) {
    if (!declared.contains(name)) out.push_back({name, true, shape.additional});
  }
  return out;
}

Expr JsonSchemaCompiler::Impl::FreeKey(const std::set<std::string>& taken) {
  if (taken.empty()) return syntax.String();
  std::vector<Expr> names;
  for (const std::string& name : taken) {
    const std::string text = CanonicalText(name);
    names.push_back(b.Text(std::string_view(text).substr(1, text.size() - 2)));
  }
  const Expr any = b.Repeat(syntax.Character(), 0, std::nullopt);
  return b.Named("key", b.Sequence({b.Text("\""), b.Except(any, b.Choice(names)), b.Text("\"")}));
}

Result<Expr> JsonSchemaCompiler::Impl::ObjectExpr(const SchemaShape& shape) {
  if (shape.PlainObjects()) return syntax.AnyObject();
  ASSIGN_OR_RETURN(const std::vector<Member> members, MembersOf(shape));
  std::vector<GrammarBuilder::Element> elements;
  std::set<std::string> taken;
  const Expr colon = syntax.Colon();
  for (const Member& member : members) {
    taken.insert(member.name);
    ASSIGN_OR_RETURN(const std::vector<SchemaShape>* shapes, reader.Shapes(member.schema));
    if (shapes->empty() && member.required) return b.Never();
    if (shapes->empty()) continue;
    ASSIGN_OR_RETURN(const Expr value, ValueOf(member.schema));
    elements.push_back(
        {b.Sequence({b.Text(CanonicalText(member.name)), colon, value}), !member.required, false});
  }
  ASSIGN_OR_RETURN(const std::vector<SchemaShape>* free, reader.Shapes(shape.additional));
  if (!free->empty()) {
    ASSIGN_OR_RETURN(const Expr value, ValueOf(shape.additional));
    elements.push_back({b.Sequence({FreeKey(taken), colon, value}), true, true});
  }
  return b.Sequence({syntax.Open('{'), b.SeparatedList(elements, syntax.Comma()), syntax.Close('}')});
}

// --- The interface. ---

JsonSchemaCompiler::JsonSchemaCompiler(GrammarBuilder& builder, const OrderedJson& document,
                                       JsonSchemaOptions options)
    : impl_(std::make_unique<Impl>(builder, document, options)) {}
JsonSchemaCompiler::~JsonSchemaCompiler() = default;

JsonSchemaCompiler::Schema JsonSchemaCompiler::root() const {
  return {&impl_->document};
}

Result<Expr> JsonSchemaCompiler::Value(const Schema& schema, SchemaValues values) {
  if (values == SchemaValues::kAll) return impl_->Finish(impl_->ValueOf(schema));
  return impl_->Finish(impl_->ShapesExpr(schema, TypesOf(values)));
}

Result<Expr> JsonSchemaCompiler::BareString(const Schema& schema, const std::vector<std::string>& stops) {
  ASSIGN_OR_RETURN(const std::vector<SchemaShape>* shapes, impl_->reader.Shapes(schema));
  GrammarBuilder& b = impl_->b;
  std::vector<Expr> choices;
  for (const SchemaShape& shape : *shapes) {
    if ((shape.types & kStringType) == 0) continue;
    if (shape.values) {
      for (const OrderedJson* value : *shape.values) {
        if (!value->is_string() || Contains(value->get_ref<const std::string&>(), stops)) continue;
        ASSIGN_OR_RETURN(const bool fits, impl_->Fits(*value, shape));
        if (fits) choices.push_back(b.Text(RepairUtf8(value->get_ref<const std::string&>())));
      }
      continue;
    }
    const Expr text = b.TextWithout(stops);
    ASSIGN_OR_RETURN(const std::optional<Expr> body, impl_->StringBody(shape, CharForm::kRaw));
    choices.push_back(b.Named("text", body ? b.Both(*body, text) : text));
  }
  return impl_->Finish(b.Choice(choices));
}

Result<bool> JsonSchemaCompiler::Allows(const Schema& schema, SchemaValues values) {
  ASSIGN_OR_RETURN(const std::vector<SchemaShape>* shapes, impl_->reader.Shapes(schema));
  for (const SchemaShape& shape : *shapes) {
    uint8_t types = shape.types;
    if (shape.values) {
      uint8_t of_values = 0;
      for (const OrderedJson* value : *shape.values) of_values |= TypeOf(*value);
      types &= of_values;
    }
    if ((types & TypesOf(values)) != 0) return true;
  }
  return false;
}

Result<const SchemaShape*> JsonSchemaCompiler::Impl::ObjectShape(const SchemaList& schema) {
  ASSIGN_OR_RETURN(const std::vector<SchemaShape>* shapes, reader.Shapes(schema));
  const SchemaShape* out = nullptr;
  for (const SchemaShape& shape : *shapes) {
    if ((shape.types & kObjectType) == 0) continue;
    if (out != nullptr || shape.values) {
      return Error{ErrorCode::kUnsupported, "schema " + (schema.empty() ? "true" : reader.Where(schema[0])) +
                                                ": its objects are not one list of properties"};
    }
    out = &shape;
  }
  if (out == nullptr) return Error{ErrorCode::kInvalid, "the schema allows no object"};
  return out;
}

Result<std::vector<JsonSchemaCompiler::Member>> JsonSchemaCompiler::Members(const Schema& schema) {
  ASSIGN_OR_RETURN(const SchemaShape* shape, impl_->ObjectShape(schema));
  return impl_->MembersOf(*shape);
}

Result<std::optional<JsonSchemaCompiler::Schema>> JsonSchemaCompiler::FreeMembers(const Schema& schema) {
  ASSIGN_OR_RETURN(const SchemaShape* shape, impl_->ObjectShape(schema));
  ASSIGN_OR_RETURN(const std::vector<SchemaShape>* free, impl_->reader.Shapes(shape->additional));
  if (free->empty()) return std::optional<Schema>();
  return std::optional<Schema>(shape->additional);
}

Result<std::shared_ptr<const Grammar>> GrammarFromJsonSchema(const OrderedJson& schema,
                                                             const JsonSchemaOptions& options) {
  GrammarBuilder builder;
  JsonSchemaCompiler compiler(builder, schema, options);
  ASSIGN_OR_RETURN(const Expr value, compiler.Value(compiler.root()));
  return builder.Build(value);
}

Result<std::shared_ptr<const Grammar>> GrammarFromJsonSchemaText(std::string_view schema,
                                                                 const JsonSchemaOptions& options) {
  ASSIGN_OR_RETURN(const OrderedJson document, ParseOrderedJson(schema, "the schema"));
  return GrammarFromJsonSchema(document, options);
}

}  // namespace mains
