#include "app/tools/text_forms.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "base/utf8.h"

namespace mains {
namespace {

struct Free {
  void operator()(utf8proc_uint8_t* p) const { std::free(p); }
};

// Marks that stand on one letter. Unicode's stream-safe form has at most 30; utf8proc sorts them in quadratic
// time, which half a million would turn into minutes.
constexpr int kMaxMarks = 64;

bool HasTooManyMarks(std::string_view text) {
  int run = 0;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    text.remove_prefix(static_cast<size_t>(c.length));
    const bool is_mark =
        utf8proc_get_property(static_cast<utf8proc_int32_t>(c.code_point))->combining_class != 0;
    run = is_mark ? run + 1 : 0;
    if (run > kMaxMarks) return true;
  }
  return false;
}

// The text itself if it is none that a person writes.
std::string Mapped(std::string_view text, int options) {
  std::string valid = RepairUtf8(text);
  if (HasTooManyMarks(valid)) return valid;
  utf8proc_uint8_t* bytes = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(valid.data()),
                                             static_cast<utf8proc_ssize_t>(valid.size()), &bytes,
                                             static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, Free> owner(bytes);
  if (size < 0) return valid;  // memory that cannot be had; the text itself is the best answer
  return std::string(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

std::u32string Decoded(std::string_view text) {
  std::u32string out;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    out += c.code_point;
    text.remove_prefix(static_cast<size_t>(c.length));
  }
  return out;
}

bool IsHan(char32_t c) {
  return (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x3FFFD);
}

bool IsWordPart(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return c == U'_';
  }
}

// White space, dashes, and the punctuation of languages that write without spaces.
bool PartsWords(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC: return true;
    default: return c == U'\u2014' || c == U'\u2013' || (c >= 0x3000 && !IsWordPart(c));
  }
}

}  // namespace

std::string CompatibleForm(std::string_view text) {
  return Mapped(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
}

std::string FoldedForm(std::string_view text) {
  return Mapped(text,
                UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
}

std::string UpperForm(std::string_view text) {
  std::string out;
  for (const char32_t c : Decoded(text)) {
    if (c == U'ß') {
      out += "SS";
    } else {
      AppendUtf8(static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))), out);
    }
  }
  return out;
}

std::string LowerForm(std::string_view text) {
  std::string out;
  for (const char32_t c : Decoded(text)) {
    AppendUtf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), out);
  }
  return out;
}

std::string TrimmedForm(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n.");
  if (begin == text.npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n.") - begin + 1));
}

std::vector<std::string> GraphemeClusters(std::string_view text) {
  std::vector<std::string> clusters;
  utf8proc_int32_t state = 0;
  char32_t before = 0;
  for (const char32_t c : Decoded(text)) {
    const bool breaks =
        clusters.empty() || utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(before),
                                                             static_cast<utf8proc_int32_t>(c), &state);
    if (breaks) clusters.emplace_back();
    AppendUtf8(c, clusters.back());
    before = c;
  }
  return clusters;
}

int64_t CountWords(std::string_view text) {
  int64_t words = 0;
  bool counted = false;  // whether the run that we are in has been
  for (const char32_t c : Decoded(text)) {
    if (IsHan(c)) {
      ++words;
      counted = false;
    } else if (PartsWords(c)) {
      counted = false;
    } else if (IsWordPart(c) && !counted) {
      ++words;
      counted = true;
    }
  }
  return words;
}

}  // namespace mains
