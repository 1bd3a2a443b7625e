// What the first word of `mains run` means when it is the only one: a model, or the request for the model
// that comes with the program.
#pragma once

#include <string>

namespace mains {

// A path that exists, an alias, or what is spelled like one of the two kinds of names that models have
// (org/name, something.gguf). A name counts whether or not its model is here, so that a model that is
// missing is reported and not asked as a question. Anything else is a request: it has white space, or no
// letter ("12/4"), or no slash. Looks at the file system and the aliases.
bool MeansModel(const std::string& argument);

}  // namespace mains
