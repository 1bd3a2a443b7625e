// Automata of characters and of free text, as parts for the builder.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "engine/grammar/grammar.h"
#include "engine/grammar/grammar_automaton.h"

namespace mains {

// One character of `ranges`.
Result<Dfa> CharacterDfa(std::span<const CodePointRange> ranges, CharForm form, GrammarBudget& budget);

// UTF-8 text that contains none of `stops`.
Result<Dfa> TextWithoutDfa(std::span<const std::string> stops, GrammarBudget& budget);

}  // namespace mains
