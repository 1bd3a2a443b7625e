// Unicode forms in which texts are compared, by utf8proc. Ill-formed UTF-8 is repaired first.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mains {

std::string CompatibleForm(std::string_view text);  // NFKC: "m²" is "m2", "ｋｍ" is "km"
std::string FoldedForm(std::string_view text);      // NFKC with case folded and what is invisible dropped
std::string UpperForm(std::string_view text);       // by the simple mappings, but "ß" to "SS"
std::string LowerForm(std::string_view text);

// Without white space and points at the ends.
std::string TrimmedForm(std::string_view text);

// What a reader sees as one character each (UAX #29): letters with their accents, flags, families of emoji.
std::vector<std::string> GraphemeClusters(std::string_view text);

// Words: what stands between white space, dashes or East Asian punctuation and has a letter or a digit
// ("don't", "3.5" and "and/or" are one each); every Han character is a word of its own.
int64_t CountWords(std::string_view text);

}  // namespace mains
