// Reading marks of a tool-call syntax, where white space is as a model happens to write it, and JSON objects
// whose end is not yet known.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mains::toolmarks {

inline bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
// White space at the beginning, at the end.
size_t LeadingSpace(std::string_view text);
size_t TrailingSpace(std::string_view text);
std::string_view Trimmed(std::string_view text);

enum class Match {
  kYes,
  kNo,
  kPartial,  // the text ends before it is decided
};
// Whether `text` begins with `mark`, white space in either aside. `length`: what it takes of the text,
// with white space before it.
Match MatchMark(std::string_view text, std::string_view mark, size_t& length);

// The longest end of `text` that is a beginning, but not the whole, of one of `marks`.
size_t PartialEnd(std::string_view text, const std::vector<std::string>& marks);

// JSON string with its quotes; bytes that are no UTF-8 stay.
void AppendJsonString(std::string_view text, std::string& out);
void AppendJsonEscaped(std::string_view text, std::string& out);

// Reads a JSON object as it arrives: where its members are and where it ends. Looks at brackets, strings and
// the members' punctuation only; whether the whole is JSON is for ParseJson to say.
class JsonObjectScanner {
 public:
  enum class State { kMore, kDone, kBroken };
  struct Member {
    size_t key_begin = 0, key_end = 0;  // without quotes
    size_t value_begin = 0, value_end = 0;
    bool has_value = false;  // value_begin is known
    bool ended = false;      // value_end is known
  };

  // `text` begins with the object, and with what was given before.
  State Read(std::string_view text);
  // What was read; when done, the length of the object.
  size_t position() const { return position_; }
  const std::vector<Member>& members() const { return members_; }

 private:
  enum class Place { kStart, kFirstKey, kKey, kInKey, kColon, kValue, kInValue, kInWord, kAfterValue };
  bool Open(char c);
  bool Close(char c);
  bool Quote();
  bool Step(char c);
  void EndString();
  void BeginValue(Place place);
  void EndValue(size_t end);

  size_t position_ = 0;
  State state_ = State::kMore;
  Place place_ = Place::kStart;
  bool in_string_ = false, escaped_ = false;
  std::string closers_;  // of the open brackets
  std::vector<Member> members_;
};

}  // namespace mains::toolmarks
