#include "engine/grammar/tool_grammar.h"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>

#include "engine/grammar/json_schema.h"
#include "io/chat/tool_values.h"
#include "io/json.h"

namespace mains {
namespace {

using Expr = GrammarExpr;
using Id = ToolFormat::Id;
using Payload = ToolFormat::Payload;
using Type = ToolFormat::Type;

constexpr int kMaxNesting = 32;  // of tags inside tags, for schemas that refer to themselves
constexpr std::string_view kSpace = " \t\r\n";

std::string Core(const std::string& mark) {
  const size_t begin = mark.find_first_not_of(kSpace);
  return begin == std::string::npos ? "" : mark.substr(begin, mark.find_last_not_of(kSpace) + 1 - begin);
}

std::string Escaped(const std::string& name) {
  std::string out;
  for (const char c : name) out += c == '&' ? "&amp;" : c == '"' ? "&quot;" : std::string(1, c);
  return out;
}

// The schema of a tool's arguments, closed at its top.
Result<OrderedJson> ArgumentsSchema(const ToolDefinition& tool) {
  ASSIGN_OR_RETURN(OrderedJson schema,
                   ParseOrderedJson(tool.parameters.empty() ? "{}" : tool.parameters, "schema"));
  if (schema.is_boolean() && schema.get<bool>()) schema = OrderedJson::object();
  if (!schema.is_object()) return Error{ErrorCode::kInvalid, "the schema of its arguments is no object"};
  if (!schema.contains("type")) schema["type"] = "object";
  const bool refers = schema.contains("$ref") || schema.contains("anyOf") || schema.contains("oneOf") ||
                      schema.contains("allOf");
  if (!refers && !schema.contains("additionalProperties")) schema["additionalProperties"] = false;
  return schema;
}

// Builds the calls of one tool.
class CallGrammar {
 public:
  CallGrammar(GrammarBuilder& builder, const ToolFormat& format, const OrderedJson& document)
      : b_(builder), format_(format), document_(document), compiler_(builder, document), root_(document) {}

  Result<Expr> Call(const std::string& tool_name) {
    const std::string name = format_.escapes_names ? Escaped(tool_name) : tool_name;
    std::vector<Expr> parts = {Mark(format_.call_open)};
    if (format_.id == Id::kBeforeName) parts.insert(parts.end(), {MadeUpId(), Mark(format_.id_mark)});
    parts.insert(parts.end(), {Mark(format_.name_open), b_.Text(name)});
    if (format_.id == Id::kAfterName) parts.insert(parts.end(), {Mark(format_.id_mark), MadeUpId()});
    if (format_.id == Id::kName || format_.id == Id::kIndex)
      parts.insert(parts.end(), {Mark(format_.id_mark), Index()});
    parts.push_back(Mark(format_.name_close));
    if (format_.payload == Payload::kObject || format_.payload == Payload::kJson) {
      ASSIGN_OR_RETURN(const Expr arguments, compiler_.Value(compiler_.root()));
      parts.push_back(arguments);
      if (format_.id == Id::kInObject) parts.insert(parts.end(), {Mark(format_.id_mark), MadeUpId()});
      parts.push_back(Mark(format_.call_close));
    } else {
      ASSIGN_OR_RETURN(const Expr parameters, Parameters());
      parts.push_back(parameters);
    }
    return b_.Named("call " + tool_name, b_.Sequence(parts));
  }

 private:
  Expr Mark(const std::string& mark) { return mark.empty() ? b_.Empty() : b_.Mark(mark); }
  Expr MadeUpId() {
    return b_.Repeat(b_.Choice({b_.Bytes('0', '9'), b_.Bytes('a', 'z')}), format_.id_length,
                     format_.id_length);
  }
  // Small numbers; Kimi K2 counts from 0 over the whole conversation, K3 from 1.
  Expr Index() {
    const Expr more = b_.Sequence({b_.Bytes('1', '9'), b_.Repeat(b_.Bytes('0', '9'), 0, 3)});
    return format_.id == Id::kIndex ? more : b_.Choice({b_.Text("0"), more});
  }

  // Parameters in their declared order and the end of the call. From the back, so that each place is one rule
  // for whatever stands before it.
  Result<Expr> Parameters() {
    ASSIGN_OR_RETURN(const std::vector<JsonSchemaCompiler::Member> members,
                     compiler_.Members(compiler_.root()));
    Expr rest = Mark(format_.call_close);  // after some parameter
    // After none.
    Expr none = format_.empty_call_close.empty() ? rest : Mark(format_.empty_call_close);
    for (size_t i = members.size(); i > 0; --i) {
      const JsonSchemaCompiler::Member& member = members[i - 1];
      ASSIGN_OR_RETURN(const std::optional<Expr> parameter, Parameter(member));
      if (!parameter) {
        if (member.required)
          return Error{ErrorCode::kUnsupported,
                       "its required parameter \"" + member.name + "\" can have no value"};
        continue;
      }
      const Expr here = b_.Sequence({*parameter, rest});
      none = b_.Named("first parameter", member.required ? here : b_.Choice({here, none}));
      rest = b_.Named("next parameter", member.required ? here : b_.Choice({here, rest}));
    }
    return none;
  }

  // Nothing if it can have no value.
  Result<std::optional<Expr>> Parameter(const JsonSchemaCompiler::Member& member) {
    const std::string key = format_.escapes_names ? Escaped(member.name) : member.name;
    ASSIGN_OR_RETURN(const std::optional<Expr> value, format_.payload == Payload::kNested
                                                          ? Nested(member.schema, 0)
                                                          : TypedValue(member.schema));
    if (!value) return std::optional<Expr>();
    return std::optional(Tagged(key, *value));
  }

  Expr Tagged(const std::string& key, Expr value) {
    std::vector<Expr> parts = {Mark(format_.key_open), b_.Text(key), Mark(format_.key_close)};
    if (format_.type == Type::kNone) parts.push_back(Mark(format_.value_open));
    parts.insert(parts.end(), {value, Mark(format_.value_close)});
    if (format_.payload == Payload::kNested)
      parts.insert(parts.end(), {b_.Text(key), Mark(format_.key_close)});
    return b_.Sequence(parts);
  }

  // The value, with what is said of its type before it.
  Result<std::optional<Expr>> TypedValue(const JsonSchemaCompiler::Schema& schema) {
    std::vector<Expr> choices;
    const bool says = format_.type != Type::kNone;
    ASSIGN_OR_RETURN(const bool strings, compiler_.Allows(schema, SchemaValues::kStrings));
    if (strings) {
      ASSIGN_OR_RETURN(const Expr text, StringValue(schema));
      const Expr type = says ? b_.Mark(format_.type == Type::kName ? "string" : "true") : b_.Empty();
      choices.push_back(says ? b_.Sequence({type, Mark(format_.value_open), text}) : text);
    }
    ASSIGN_OR_RETURN(const bool others, compiler_.Allows(schema, SchemaValues::kAllButStrings));
    if (others) {
      ASSIGN_OR_RETURN(const Expr json, compiler_.Value(schema, SchemaValues::kAllButStrings));
      const Expr type = !says                         ? b_.Empty()
                        : format_.type == Type::kName ? TypeName(schema)
                                                      : b_.Mark("false");
      choices.push_back(says ? b_.Sequence({type, Mark(format_.value_open), json}) : json);
    }
    if (choices.empty()) return std::optional<Expr>();
    return std::optional(b_.Choice(choices));
  }

  Result<Expr> StringValue(const JsonSchemaCompiler::Schema& schema) {
    const std::string end = Core(format_.value_close);
    if (!format_.has_cdata) return compiler_.BareString(schema, {end});
    ASSIGN_OR_RETURN(const Expr plain, compiler_.BareString(schema, {"<", "&", "\n"}));
    ASSIGN_OR_RETURN(const Expr wrapped, compiler_.BareString(schema, {"]]>"}));
    return b_.Choice({plain, b_.Sequence({b_.Mark("<![CDATA["), wrapped, b_.Mark("]]>")})});
  }

  ValueTypes TypesOf(const JsonSchemaCompiler::Schema& schema) const {
    return schema.size() == 1 ? ValueTypes::Of(Json(*schema[0]), root_) : ValueTypes();
  }

  // A name of the types that are no string.
  Expr TypeName(const JsonSchemaCompiler::Schema& schema) {
    const ValueTypes types = TypesOf(schema);
    std::vector<Expr> names;
    for (const auto& [type, name] : kTypeNames) {
      if (types.Has(type)) names.push_back(b_.Mark(name));
    }
    return b_.Choice(names);
  }

  // MiniMax-M3: objects and lists are tags. What cannot be taken apart is written as JSON, which is read too.
  Result<std::optional<Expr>> Nested(const JsonSchemaCompiler::Schema& schema, int depth) {
    std::vector<Expr> choices;
    ASSIGN_OR_RETURN(const bool strings, compiler_.Allows(schema, SchemaValues::kStrings));
    if (strings) {
      ASSIGN_OR_RETURN(const Expr text, compiler_.BareString(schema, {Core(format_.key_open)}));
      choices.push_back(text);
    }
    ASSIGN_OR_RETURN(const bool others, compiler_.Allows(schema, SchemaValues::kAllButStrings));
    if (others) {
      ASSIGN_OR_RETURN(std::optional<Expr> tags, Tags(schema, depth));
      if (!tags) {
        ASSIGN_OR_RETURN(tags, JsonValue(schema));
      }
      choices.push_back(*tags);
    }
    if (choices.empty()) return std::optional<Expr>();
    return std::optional(b_.Choice(choices));
  }

  Result<std::optional<Expr>> JsonValue(const JsonSchemaCompiler::Schema& schema) {
    ASSIGN_OR_RETURN(const Expr json, compiler_.Value(schema, SchemaValues::kAllButStrings));
    return std::optional(json);
  }

  // Of a schema of nothing but objects, or nothing but lists without a bound of their length.
  Result<std::optional<Expr>> Tags(const JsonSchemaCompiler::Schema& schema, int depth) {
    const ValueTypes types = TypesOf(schema);
    const bool is_plain = schema.size() == 1 && depth < kMaxNesting && schema[0]->is_object();
    if (is_plain && types.Only(ValueTypes::kObject)) {
      const Result<std::vector<JsonSchemaCompiler::Member>> members = compiler_.Members(schema);
      if (!members.ok() || members->empty()) return std::optional<Expr>();
      std::vector<Expr> parts;
      for (const JsonSchemaCompiler::Member& member : *members) {
        ASSIGN_OR_RETURN(const std::optional<Expr> value, Nested(member.schema, depth + 1));
        if (!value && member.required) return std::optional<Expr>();
        if (!value) continue;
        const Expr tagged = Tagged(member.name, *value);
        parts.push_back(member.required ? tagged : b_.Optional(tagged));
      }
      return std::optional(b_.Named("tags", b_.Sequence(parts)));
    }
    const bool has_bounds = is_plain && (schema[0]->contains("minItems") || schema[0]->contains("maxItems") ||
                                         schema[0]->contains("prefixItems") || schema[0]->contains("$ref"));
    if (is_plain && !has_bounds && types.Only(ValueTypes::kArray) && schema[0]->contains("items")) {
      ASSIGN_OR_RETURN(const std::optional<Expr> item, Nested({&(*schema[0])["items"]}, depth + 1));
      if (item) return std::optional(b_.Named("items", b_.Repeat(Tagged("item", *item), 0, std::nullopt)));
    }
    return std::optional<Expr>();
  }

  static constexpr std::array<std::pair<ValueTypes::Type, const char*>, 5> kTypeNames = {
      {{ValueTypes::kInteger, "number"},
       {ValueTypes::kBoolean, "boolean"},
       {ValueTypes::kNull, "null"},
       {ValueTypes::kObject, "object"},
       {ValueTypes::kArray, "array"}}};

  GrammarBuilder& b_;
  const ToolFormat& format_;
  const OrderedJson& document_;
  JsonSchemaCompiler compiler_;
  const Json root_;
};

class AnswerGrammar {
 public:
  AnswerGrammar(const ToolFormat& format, const ToolGrammarOptions& options)
      : format_(format), options_(options) {}

  Result<std::shared_ptr<const Grammar>> Build(const std::vector<ToolDefinition>& tools) {
    ASSIGN_OR_RETURN(const Expr answer, Answer(tools));
    return b_.Build(b_.Sequence({Thinking(), answer}));
  }

 private:
  Expr Mark(const std::string& mark) { return mark.empty() ? b_.Empty() : b_.Mark(mark); }

  Result<Expr> Answer(const std::vector<ToolDefinition>& tools) {
    const bool must_call = options_.choice == ToolChoice::kRequired || options_.choice == ToolChoice::kNamed;
    std::vector<Expr> calls;
    for (const ToolDefinition& tool : tools) {
      if (options_.choice == ToolChoice::kNone) break;
      if (options_.choice == ToolChoice::kNamed && tool.name != options_.named) continue;
      Result<Expr> call = CallOf(tool);
      if (!call.ok()) return call.error().Within("tool \"" + tool.name + "\": ");
      calls.push_back(std::move(call).value());
    }
    if (calls.empty() && must_call) {
      return Error{ErrorCode::kInvalid,
                   options_.choice == ToolChoice::kNamed
                       ? "the tool \"" + options_.named + "\" that is to be called is not among the tools"
                       : std::string("a call is required, but there are no tools")};
    }
    const Expr text = AnswerText();
    if (calls.empty()) return text;
    const Expr blocks = Blocks(b_.Named("call", b_.Choice(calls)));
    // White space before the calls may be the text's or the format's.
    if (must_call)
      return b_.Sequence({b_.Repeat(b_.Text("\n"), 0, 2), b_.Optional(Mark(format_.lead)), blocks});
    if (format_.bare_object) return b_.Choice({b_.Sequence({Mark(format_.lead), blocks}), text});
    return b_.Sequence({text, b_.Optional(b_.Sequence({b_.Optional(Mark(format_.lead)), blocks}))});
  }

  Result<Expr> CallOf(const ToolDefinition& tool) {
    ASSIGN_OR_RETURN(OrderedJson schema, ArgumentsSchema(tool));
    documents_.push_back(std::move(schema));
    compilers_.emplace_back(b_, format_, documents_.back());
    return compilers_.back().Call(tool.name);
  }

  // Thinking that the prompt opened must end; else the model may open it.
  Expr Thinking() {
    if (options_.thinking.close.empty()) return b_.Empty();
    const Expr inside =
        b_.Sequence({b_.TextWithout(std::array{options_.thinking.close}), b_.Mark(options_.thinking.close)});
    if (options_.in_thinking) return inside;
    return options_.thinking.open.empty()
               ? b_.Empty()
               : b_.Optional(b_.Sequence({b_.Mark(options_.thinking.open), inside}));
  }

  // Text that is read as text, from its first letter to its last.
  Expr AnswerText() {
    const std::vector<std::string> stops = format_.OpeningMarks();
    const Expr text = b_.TextWithout(stops);
    if (!format_.bare_object || options_.choice == ToolChoice::kNone) return text;
    // An object at the beginning would be a call.
    const Expr space = b_.Repeat(b_.Choice({b_.Bytes(' ', ' '), b_.Bytes('\t', '\n'), b_.Bytes('\r', '\r')}),
                                 0, std::nullopt);
    const std::array<CodePointRange, 5> others = {
        {{0, 8}, {11, 12}, {14, 31}, {33, '{' - 1}, {'{' + 1, 0x10FFFF}}};
    const Expr solid = b_.Sequence({space, b_.CodePoints(others), b_.AnyText()});
    return b_.Choice({space, b_.Both(text, solid)});
  }

  Expr Blocks(Expr call) {
    const bool several = options_.parallel && !format_.single_call;
    const Expr open = b_.Sequence({Mark(format_.block_open), Mark(format_.list_open)});
    const Expr close = b_.Sequence({Mark(format_.list_close), Mark(format_.block_close)});
    if (format_.one_call_blocks) {
      const Expr block = b_.Named("block", b_.Sequence({open, call, close}));
      if (!several) return block;
      return b_.Sequence(
          {block, b_.Repeat(b_.Sequence({Mark(format_.block_separator), block}), 0, std::nullopt)});
    }
    const Expr more = b_.Repeat(b_.Sequence({Mark(format_.call_separator), call}), 0, std::nullopt);
    return several ? b_.Sequence({open, call, more, close}) : b_.Sequence({open, call, close});
  }

  const ToolFormat& format_;
  const ToolGrammarOptions& options_;
  GrammarBuilder b_;
  std::deque<OrderedJson> documents_;  // outlive their compilers
  std::deque<CallGrammar> compilers_;
};

}  // namespace

Result<std::shared_ptr<const Grammar>> ToolGrammar(const ToolFormat& format,
                                                   const std::vector<ToolDefinition>& tools,
                                                   const ToolGrammarOptions& options) {
  return AnswerGrammar(format, options).Build(tools);
}

}  // namespace mains
