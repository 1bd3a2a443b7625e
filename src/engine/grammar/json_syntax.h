// The parts of JSON text as expressions of one builder. Strings, numbers and unconstrained values are rules,
// so that all their uses share the masks of their states.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/grammar/grammar.h"
#include "engine/grammar/json_schema.h"

namespace mains {

class JsonSyntax {
 public:
  using Expr = GrammarExpr;
  JsonSyntax(GrammarBuilder& builder, JsonSpace space) : b_(builder), space_(space) {}

  Expr String();     // any, with every escape that JSON knows; surrogates in pairs only
  Expr Character();  // one, as CharForm::kJson; no rule, so that Both and Except take it
  Expr Number();     // any
  Expr Integer();    // no fraction, no exponent
  Expr Boolean();
  Expr Any();
  Expr AnyArray();
  Expr AnyObject();

  // "[", "]" and so on with the white space that belongs there.
  Expr Open(char bracket);
  Expr Close(char bracket);
  Expr Comma();
  Expr Colon();

 private:
  Expr Space();  // what may stand between tokens with JsonSpace::kAny
  Expr Remember(std::optional<Expr>& known, const char* name, Expr (JsonSyntax::*make)());
  Expr MakeString();
  Expr MakeNumber();
  Expr MakeInteger();
  void MakeAny();

  GrammarBuilder& b_;
  JsonSpace space_;
  std::optional<Expr> string_, number_, integer_, any_, array_, object_;
};

}  // namespace mains
