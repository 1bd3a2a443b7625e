#include "io/chat/tool_marks.h"

#include <algorithm>

#include "fmt/format.h"
#include "io/json.h"

namespace mains::toolmarks {

size_t LeadingSpace(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && IsSpace(text[n])) ++n;
  return n;
}

size_t TrailingSpace(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && IsSpace(text[text.size() - 1 - n])) ++n;
  return n;
}

std::string_view Trimmed(std::string_view text) {
  text.remove_prefix(LeadingSpace(text));
  text.remove_suffix(TrailingSpace(text));
  return text;
}

Match MatchMark(std::string_view text, std::string_view mark, size_t& length) {
  length = 0;
  size_t i = 0;
  for (const char wanted : mark) {
    if (IsSpace(wanted)) continue;
    while (i < text.size() && text[i] != wanted && IsSpace(text[i])) ++i;
    if (i == text.size()) return Match::kPartial;
    if (text[i++] != wanted) return Match::kNo;
  }
  length = i;
  return Match::kYes;
}

size_t PartialEnd(std::string_view text, const std::vector<std::string>& marks) {
  size_t longest = 0;
  for (const std::string& mark : marks) {
    if (mark.empty()) continue;
    for (size_t n = std::min(mark.size() - 1, text.size()); n > longest; --n) {
      if (text.substr(text.size() - n) == std::string_view(mark).substr(0, n)) longest = n;
    }
  }
  return longest;
}

void AppendJsonEscaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<int>(c));
        } else {
          out += c;
        }
    }
  }
}

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  AppendJsonEscaped(text, out);
  out += '"';
}

JsonObjectScanner::State JsonObjectScanner::Read(std::string_view text) {
  while (state_ == State::kMore && position_ < text.size()) {
    const char c = text[position_];
    bool good = true;
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        EndString();
      }
    } else {
      good = Step(c);
    }
    if (!good) {
      state_ = State::kBroken;
      return state_;
    }
    ++position_;
    if (place_ != Place::kStart && closers_.empty()) state_ = State::kDone;
  }
  return state_;
}

bool JsonObjectScanner::Step(char c) {
  if (place_ == Place::kStart) return c == '{' && Open(c);
  const bool is_outer = closers_.size() == 1;
  if (is_outer && place_ == Place::kInWord && (IsSpace(c) || c == ',' || c == '}')) EndValue(position_);
  if (IsSpace(c)) return true;
  switch (c) {
    case '{':
    case '[': return Open(c);
    case '}':
    case ']': return Close(c);
    case '"': return Quote();
    case ':':
      if (!is_outer) return true;
      if (place_ != Place::kColon) return false;
      place_ = Place::kValue;
      return true;
    case ',':
      if (!is_outer) return true;
      if (place_ != Place::kAfterValue) return false;
      place_ = Place::kKey;
      return true;
    default:
      if (!is_outer) return true;
      if (place_ == Place::kValue) BeginValue(Place::kInWord);
      return place_ == Place::kInWord;
  }
}

bool JsonObjectScanner::Open(char c) {
  if (closers_.size() == 1) {
    if (place_ != Place::kValue) return false;
    BeginValue(Place::kInValue);
  }
  if (closers_.size() >= kMaxJsonDepth) return false;
  if (closers_.empty()) place_ = Place::kFirstKey;
  closers_ += c == '{' ? '}' : ']';
  return true;
}

bool JsonObjectScanner::Close(char c) {
  if (closers_.back() != c) return false;
  if (closers_.size() == 1 && place_ != Place::kFirstKey && place_ != Place::kAfterValue) return false;
  closers_.pop_back();
  if (closers_.size() == 1) EndValue(position_ + 1);
  return true;
}

bool JsonObjectScanner::Quote() {
  in_string_ = true;
  if (closers_.size() > 1) return true;
  if (place_ == Place::kFirstKey || place_ == Place::kKey) {
    members_.push_back({.key_begin = position_ + 1});
    place_ = Place::kInKey;
    return true;
  }
  if (place_ != Place::kValue) return false;
  BeginValue(Place::kInValue);
  return true;
}

void JsonObjectScanner::EndString() {
  in_string_ = false;
  if (closers_.size() > 1) return;
  if (place_ == Place::kInKey) {
    members_.back().key_end = position_;
    place_ = Place::kColon;
  } else {
    EndValue(position_ + 1);
  }
}

void JsonObjectScanner::BeginValue(Place place) {
  members_.back().value_begin = position_;
  members_.back().has_value = true;
  place_ = place;
}

void JsonObjectScanner::EndValue(size_t end) {
  members_.back().value_end = end;
  members_.back().ended = true;
  place_ = Place::kAfterValue;
}

}  // namespace mains::toolmarks
