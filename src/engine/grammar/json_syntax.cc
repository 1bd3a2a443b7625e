#include "engine/grammar/json_syntax.h"

namespace mains {
namespace {

using Expr = GrammarExpr;

constexpr CodePointRange kAllCharacters{0, 0x10FFFF};

}  // namespace

Expr JsonSyntax::Remember(std::optional<Expr>& known, const char* name, Expr (JsonSyntax::*make)()) {
  if (!known) known = b_.Named(name, (this->*make)());
  return *known;
}
Expr JsonSyntax::String() {
  return Remember(string_, "string", &JsonSyntax::MakeString);
}
Expr JsonSyntax::Character() {
  return b_.CodePoints(std::span(&kAllCharacters, 1), CharForm::kJson);
}
Expr JsonSyntax::Number() {
  return Remember(number_, "number", &JsonSyntax::MakeNumber);
}
Expr JsonSyntax::Integer() {
  return Remember(integer_, "integer", &JsonSyntax::MakeInteger);
}
Expr JsonSyntax::Boolean() {
  return b_.Choice({b_.Text("true"), b_.Text("false")});
}
Expr JsonSyntax::Any() {
  if (!any_) MakeAny();
  return *any_;
}
Expr JsonSyntax::AnyArray() {
  if (!array_) MakeAny();
  return *array_;
}
Expr JsonSyntax::AnyObject() {
  if (!object_) MakeAny();
  return *object_;
}

Expr JsonSyntax::MakeString() {
  const CodePointRange plain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}};
  std::vector<Expr> short_escapes;
  for (const char c : std::string_view("\"\\/bfnrt"))
    short_escapes.push_back(b_.Bytes(static_cast<uint8_t>(c), static_cast<uint8_t>(c)));
  const Expr hex = b_.Choice({b_.Bytes('0', '9'), b_.Bytes('a', 'f'), b_.Bytes('A', 'F')});
  const Expr d = b_.Choice({b_.Text("d"), b_.Text("D")});
  const Expr not_d = b_.Choice(
      {b_.Bytes('0', '9'), b_.Bytes('a', 'c'), b_.Bytes('e', 'f'), b_.Bytes('A', 'C'), b_.Bytes('E', 'F')});
  const Expr high = b_.Choice({b_.Bytes('8', '9'), b_.Bytes('a', 'b'), b_.Bytes('A', 'B')});
  const Expr low = b_.Choice({b_.Bytes('c', 'f'), b_.Bytes('C', 'F')});
  const Expr code =
      b_.Choice({b_.Sequence({not_d, hex, hex, hex}), b_.Sequence({d, b_.Bytes('0', '7'), hex, hex}),
                 b_.Sequence({d, high, hex, hex, b_.Text("\\u"), d, low, hex, hex})});
  const Expr escape =
      b_.Sequence({b_.Text("\\"), b_.Choice({b_.Choice(short_escapes), b_.Sequence({b_.Text("u"), code})})});
  const Expr inside = b_.Repeat(b_.Choice({b_.CodePoints(plain), escape}), 0, std::nullopt);
  return b_.Sequence({b_.Text("\""), inside, b_.Text("\"")});
}

Expr JsonSyntax::MakeInteger() {
  const Expr digits = b_.Repeat(b_.Bytes('0', '9'), 0, std::nullopt);
  return b_.Sequence(
      {b_.Optional(b_.Text("-")), b_.Choice({b_.Text("0"), b_.Sequence({b_.Bytes('1', '9'), digits})})});
}

Expr JsonSyntax::MakeNumber() {
  const Expr digits = b_.Repeat(b_.Bytes('0', '9'), 1, std::nullopt);
  const Expr sign = b_.Choice({b_.Text("+"), b_.Text("-"), b_.Empty()});
  // Two digits, so that no sane number of digits before it makes a number that readers take for infinity.
  const Expr exponent = b_.Repeat(b_.Bytes('0', '9'), 1, 2);
  return b_.Sequence({MakeInteger(), b_.Optional(b_.Sequence({b_.Text("."), digits})),
                      b_.Optional(b_.Sequence({b_.Choice({b_.Text("e"), b_.Text("E")}), sign, exponent}))});
}

void JsonSyntax::MakeAny() {
  const GrammarRule any = b_.NewRule("value"), array = b_.NewRule("array"), object = b_.NewRule("object");
  any_ = b_.Ref(any);
  array_ = b_.Ref(array);
  object_ = b_.Ref(object);
  const GrammarBuilder::Element item{*any_, true, true};
  const GrammarBuilder::Element member{b_.Sequence({String(), Colon(), *any_}), true, true};
  b_.Define(array, b_.Sequence({Open('['), b_.SeparatedList(std::span(&item, 1), Comma()), Close(']')}));
  b_.Define(object, b_.Sequence({Open('{'), b_.SeparatedList(std::span(&member, 1), Comma()), Close('}')}));
  b_.Define(any, b_.Choice({*object_, *array_, String(), Number(), Boolean(), b_.Text("null")}));
}

Expr JsonSyntax::Space() {
  if (space_ != JsonSpace::kAny) return b_.Empty();
  return b_.Repeat(b_.Choice({b_.Text(" "), b_.Text("\n"), b_.Text("\t"), b_.Text("\r")}), 0, std::nullopt);
}
Expr JsonSyntax::Open(char bracket) {
  return b_.Sequence({b_.Text(std::string(1, bracket)), Space()});
}
Expr JsonSyntax::Close(char bracket) {
  return b_.Sequence({Space(), b_.Text(std::string(1, bracket))});
}
Expr JsonSyntax::Comma() {
  return b_.Sequence(
      {Space(), b_.Text(","), space_ == JsonSpace::kSingle ? b_.Optional(b_.Text(" ")) : Space()});
}
Expr JsonSyntax::Colon() {
  return b_.Sequence(
      {Space(), b_.Text(":"), space_ == JsonSpace::kSingle ? b_.Optional(b_.Text(" ")) : Space()});
}

GrammarExpr AnyJson(GrammarBuilder& builder, JsonSpace space) {
  return JsonSyntax(builder, space).Any();
}

}  // namespace mains
