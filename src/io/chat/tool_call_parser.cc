#include "io/chat/tool_call_parser.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/utf8.h"
#include "fmt/format.h"
#include "io/chat/tool_marks.h"
#include "io/chat/tool_values.h"
#include "io/json.h"
#include "io/quoted.h"

namespace mains {

using toolmarks::AppendJsonEscaped;
using toolmarks::AppendJsonString;
using toolmarks::IsSpace;
using toolmarks::JsonObjectScanner;
using toolmarks::LeadingSpace;
using toolmarks::Match;
using toolmarks::TrailingSpace;
using toolmarks::Trimmed;
using Id = ToolFormat::Id;
using Kind = ToolEvent::Kind;
using Payload = ToolFormat::Payload;
using Type = ToolFormat::Type;

namespace {

constexpr size_t kMaxHeaderBytes = 1024;  // between the mark of a call and the end of its name
constexpr size_t kSliceBytes = 4096;
constexpr size_t kMaxKeyBytes = 1024;
constexpr size_t kMaxTypeBytes = 16;
constexpr size_t kMaxMembers = 16;  // of an object that holds a call
constexpr std::string_view kCdataOpen = "<![CDATA[", kCdataClose = "]]>";

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

std::string Unescaped(std::string text) {
  return Replaced(Replaced(std::move(text), "&quot;", "\""), "&amp;", "&");
}

// A name is one word, and none that could not have been meant as one.
bool IsName(std::string_view name) {
  return !name.empty() && std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 ||
           std::string_view("<>{}\"'`").find(c) != std::string_view::npos;
  });
}

// Without ":INDEX" at its end.
std::string_view WithoutIndex(std::string_view name, std::string_view mark) {
  const size_t at = name.rfind(mark);
  if (at == std::string_view::npos || at + mark.size() == name.size()) return name;
  const std::string_view index = name.substr(at + mark.size());
  const bool digits = std::all_of(index.begin(), index.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? name.substr(0, at) : name;
}

}  // namespace

// Holds the text that is not yet decided and reads it with small steps. What a step does depends only on
// text that no later piece can change; it waits where it does not.
class ToolCallParser::Impl {
 public:
  Impl(const ToolFormat& format, const std::vector<ToolDefinition>& tools) : format_(format) {
    openings_ = format.OpeningMarks();
    for (std::string* mark :
         {&format_.block_open, &format_.block_close, &format_.call_open, &format_.call_close,
          &format_.name_open, &format_.name_close, &format_.id_mark, &format_.key_open, &format_.key_close})
      *mark = Trimmed(*mark);
    value_space_ = format.value_open.substr(format.value_open.size() - TrailingSpace(format.value_open));
    close_space_ = format.value_close.substr(0, LeadingSpace(format.value_close));
    format_.value_open = Trimmed(format.value_open);
    format_.value_close = Trimmed(format.value_close);
    // The object's own end is no mark to look for.
    if (format.payload == Payload::kObject) format_.call_close.clear();
    for (const ToolDefinition& tool : tools) {
      Result<Json> schema = ParseJson(tool.parameters, "schema");
      schemas_.emplace(tool.name, schema.ok() ? std::move(schema).value() : Json());
    }
  }

  std::vector<ToolEvent> Feed(std::string_view piece) {
    // In slices, so that looking for a mark in what is not yet read costs little however much there is.
    for (; !piece.empty(); piece.remove_prefix(std::min(piece.size(), kSliceBytes))) {
      text_ += piece.substr(0, kSliceBytes);
      Run();
    }
    return std::exchange(events_, {});
  }

  std::vector<ToolEvent> Finish() {
    final_ = true;
    Run();
    Conclude();
    return std::exchange(events_, {});
  }

 private:
  enum class Place {
    kText,
    kBare,        // an answer that may be a call without any mark
    kBlock,       // in a block, before a call or the block's end
    kHeader,      // before the end of the name
    kObject,      // in {"name": ..., "arguments": ...}
    kArguments,   // in the JSON of the arguments
    kCallClose,   // behind it
    kParameters,  // before a key or the end of the call
    kValue,
    kBroken,  // behind what could not be read, before the next mark
  };

  void Run() {
    while (Step()) {
    }
    Compact();
  }

  // Whether something was read or decided.
  bool Step() {
    switch (place_) {
      case Place::kText: return ReadText();
      case Place::kBare: return ReadBare();
      case Place::kBlock: return ReadBlock();
      case Place::kHeader: return ReadHeader();
      case Place::kObject: return ReadObject();
      case Place::kArguments: return ReadArguments();
      case Place::kCallClose: return ReadCallClose();
      case Place::kParameters: return ReadParameters();
      case Place::kValue: return format_.payload == Payload::kNested ? ReadNestedValue() : ReadValue();
      case Place::kBroken: return ReadBroken();
    }
    return false;
  }

  // The text ended, and no step can read on.
  void Conclude() {
    if (place_ == Place::kText) return;
    if (place_ == Place::kBlock && calls_in_block_ > 0) return;  // but for the block's end mark all is there
    if (place_ == Place::kCallClose) return FinishCall();        // the same for the call's
    if (place_ != Place::kBroken) Break("the text ends in the middle of the call");
    EmitBroken(text_.size());
  }

  std::string_view Rest() const { return std::string_view(text_).substr(at_); }
  void SkipSpace() { at_ += LeadingSpace(Rest()); }

  // With the end of the text, what is incomplete is not there.
  Match MatchAt(size_t at, std::string_view mark, size_t& length) const {
    const Match match = toolmarks::MatchMark(std::string_view(text_).substr(at), mark, length);
    return match == Match::kPartial && final_ ? Match::kNo : match;
  }
  Match MatchHere(std::string_view mark, size_t& length) const { return MatchAt(at_, mark, length); }

  // Forgets what was read. `at_` and the like are offsets into text_, so it moves them.
  void Compact() {
    const size_t keep = place_ == Place::kText ? at_ : call_begin_;
    if (keep < 4096 || keep < text_.size() / 2) return;
    text_.erase(0, keep);
    for (size_t* offset : {&at_, &call_begin_, &search_, &value_begin_, &streamed_, &json_at_})
      *offset = *offset < keep ? 0 : *offset - keep;
  }

  // ---- Text ----

  bool ReadText() {
    if (at_ == text_.size()) return false;
    if (format_.bare_object && !has_text_ && !bare_refused_ && BeginsBare()) return true;
    size_t found = std::string::npos;
    const std::string* opening = nullptr;
    search_ = std::max(search_, at_);
    for (const std::string& mark : openings_) {
      const size_t at = text_.find(mark, search_);
      if (at < found) {
        found = at;
        opening = &mark;
      }
    }
    if (opening != nullptr) {
      EmitContent(found - TrailingSpace(std::string_view(text_).substr(at_, found - at_)));
      OpenCall(found, *opening);
      return true;
    }
    const size_t partial = final_ ? 0 : toolmarks::PartialEnd(Rest(), openings_);
    const size_t certain = text_.size() - partial;
    search_ = certain;
    const size_t space = TrailingSpace(std::string_view(text_).substr(at_, certain - at_));
    // White space before a call belongs to neither, and so does what follows the last one.
    const bool drops_space = final_ && index_ > 0 && certain - space == at_ && !has_text_after_call_;
    EmitContent(final_ && !drops_space ? certain : certain - space);
    return false;
  }

  // Whether a call without marks may begin, or must be waited for.
  bool BeginsBare() {
    const size_t begin = at_ + LeadingSpace(Rest());
    if (begin == text_.size() || text_[begin] != '{') return false;
    call_begin_ = at_;
    at_ = begin;
    scanner_ = JsonObjectScanner();
    place_ = Place::kBare;
    return true;
  }

  void EmitContent(size_t end) {
    if (end <= at_) return;
    has_text_ = has_text_after_call_ = true;
    Emit(Kind::kContent, text_.substr(at_, end - at_));
    at_ = end;
  }

  void OpenCall(size_t begin, const std::string& mark) {
    call_begin_ = begin;
    at_ = begin + mark.size();
    has_text_ = true;
    in_block_ = mark == format_.block_open || mark == format_.other_open;
    // Behind a call that came without its block, the block's end may still come.
    is_block_open_ = in_block_;
    in_list_ = false;
    calls_in_block_ = 0;
    if (in_block_) {
      place_ = Place::kBlock;
    } else {
      StartCall();
    }
  }

  // ---- Blocks ----

  bool ReadBlock() {
    SkipSpace();
    const size_t before = at_;
    size_t length = 0;
    if (!format_.block_close.empty()) {
      const Match close = toolmarks::MatchMark(Rest(), format_.block_close, length);
      if (close == Match::kPartial) return false;
      if (close == Match::kYes && !in_list_) return CloseBlock(length);
    }
    if (at_ == text_.size()) return false;
    const char c = text_[at_];
    if (format_.payload == Payload::kObject) {
      if (c == '[' && !in_list_ && calls_in_block_ == 0) return TakeBracket(true);
      if (c == ']' && in_list_) return TakeBracket(false);
      if ((c == ',' || c == ';') && calls_in_block_ > 0 && !after_separator_) {
        ++at_;
        after_separator_ = true;
        return true;
      }
      if (c == '{' && !block_ended_) return StartCall();
    } else {
      const Match open = MatchHere(format_.call_open, length);
      if (open == Match::kPartial) return false;
      if (open == Match::kYes && (!format_.call_open.empty() || calls_in_block_ == 0)) {
        if (calls_in_block_ > 0) call_begin_ = at_;
        at_ += length;
        return StartCall();
      }
    }
    return LeaveBlock(before);
  }

  bool TakeBracket(bool opens) {
    ++at_;
    in_list_ = opens;
    block_ended_ = !opens;
    return true;
  }

  bool CloseBlock(size_t length) {
    if (calls_in_block_ == 0) {
      Break("there is no call between the marks");
      EmitBroken(at_ + length);
    } else {
      at_ += length;
    }
    EndBlock();
    return true;
  }

  // Neither a call nor the block's end.
  bool LeaveBlock(size_t at) {
    size_t length = 0;
    if (calls_in_block_ > 0) {
      for (const std::string& mark : openings_) {
        const Match next = MatchHere(mark, length);
        if (next == Match::kPartial) return false;
        if (next != Match::kYes) continue;
        EndBlock();  // the end mark was forgotten
        return true;
      }
      if (!is_block_open_ || format_.block_close.empty()) {
        EndBlock();
        return true;
      }
      call_begin_ = at;
    }
    Break("something else than a call stands where a call is due");
    return true;
  }

  void EndBlock() {
    place_ = Place::kText;
    in_block_ = in_list_ = is_block_open_ = block_ended_ = after_separator_ = false;
    search_ = at_;
  }

  // ---- Calls ----

  // at_: behind the mark of the call.
  bool StartCall() {
    if (calls_in_block_ > 0 && format_.payload == Payload::kObject) call_begin_ = at_;
    call_ = {};
    arguments_ = {};
    sent_ = 0;
    keys_.clear();
    schema_ = nullptr;
    after_separator_ = false;
    has_begun_ = false;
    scanner_ = JsonObjectScanner();
    place_ = format_.payload == Payload::kObject ? Place::kObject : Place::kHeader;
    search_ = at_;
    return true;
  }

  bool ReadHeader() {
    const size_t limit = at_ + kMaxHeaderBytes;
    size_t end = std::string::npos, length = 0;
    if (!format_.name_close.empty()) {
      end = text_.find(format_.name_close, at_);
      length = format_.name_close.size();
    } else {
      end = std::min(text_.find(format_.key_open, at_), text_.find(format_.call_close, at_));
    }
    if (end == std::string::npos && text_.size() < limit + kMaxHeaderBytes && !final_) return false;
    if (end == std::string::npos || end >= limit) return Break("the call has no name");
    const std::string_view header = Trimmed(std::string_view(text_).substr(at_, end - at_));
    if (!SplitHeader(header)) return Break("the name of the call cannot be read");
    at_ = end + length;
    Begin();
    place_ = format_.payload == Payload::kJson ? Place::kArguments : Place::kParameters;
    if (place_ == Place::kParameters) arguments_ = "{";
    return true;
  }

  bool SplitHeader(std::string_view header) {
    std::string_view name = header;
    const size_t mark = format_.id_mark.empty() ? std::string_view::npos : header.find(format_.id_mark);
    if (format_.id == Id::kName) {
      call_.id = header;
      if (name.starts_with(format_.name_open)) name.remove_prefix(format_.name_open.size());
      name = WithoutIndex(name, format_.id_mark);
    } else if (mark != std::string_view::npos) {
      const std::string_view left = Trimmed(header.substr(0, mark));
      const std::string_view right = Trimmed(header.substr(mark + format_.id_mark.size()));
      name = format_.id == Id::kBeforeName ? right : left;
      if (format_.id != Id::kIndex) call_.id = format_.id == Id::kBeforeName ? left : right;
    }
    call_.name = format_.escapes_names ? Unescaped(std::string(name)) : std::string(name);
    return IsName(call_.name);
  }

  // The name is known.
  void Begin() {
    has_begun_ = true;
    const auto found = schemas_.find(call_.name);
    schema_ = found == schemas_.end() || !found->second.is_object() ? nullptr : &found->second;
    ToolEvent& event = Emit(Kind::kBegin, call_.name);
    event.call.id = call_.id;
  }

  void SendArguments() {
    if (arguments_.size() == sent_) return;
    Emit(Kind::kArguments, arguments_.substr(sent_));
    sent_ = arguments_.size();
  }

  void FinishCall() {
    SendArguments();
    call_.arguments = arguments_;
    Emit(Kind::kCall, {}).call = std::move(call_);
    call_ = {};
    ++index_;
    ++calls_in_block_;
    has_text_after_call_ = false;
    call_begin_ = at_;
    place_ = Place::kBlock;
    // Where nothing ends a block, each further call begins it anew.
    const bool may_go_on = !format_.block_close.empty() || in_list_ || format_.payload == Payload::kObject;
    if (!may_go_on || format_.block_open.empty()) EndBlock();
  }

  // ---- A JSON object that holds all ----

  bool ReadObject() {
    const JsonObjectScanner::State state = scanner_.Read(Rest());
    StreamObject();
    if (state == JsonObjectScanner::State::kBroken || scanner_.members().size() > kMaxMembers)
      return Break("the call is not valid JSON");
    if (state == JsonObjectScanner::State::kMore) return false;
    const std::string_view object = Rest().substr(0, scanner_.position());
    if (const char* problem = TakeObject(object)) return Break(problem);
    at_ += object.size();
    FinishCall();
    return true;
  }

  const JsonObjectScanner::Member* FindMember(std::string_view object, std::string_view key) const {
    for (const JsonObjectScanner::Member& member : scanner_.members()) {
      if (member.has_value && object.substr(member.key_begin, member.key_end - member.key_begin) == key)
        return &member;
    }
    return nullptr;
  }
  const JsonObjectScanner::Member* FindArguments(std::string_view object) const {
    const auto* arguments = FindMember(object, "arguments");
    const auto* parameters = FindMember(object, "parameters");
    if (arguments == nullptr || parameters == nullptr) return arguments == nullptr ? parameters : arguments;
    return arguments->value_begin < parameters->value_begin ? arguments : parameters;
  }
  std::string StringMember(std::string_view object, std::string_view key) const {
    const auto* member = FindMember(object, key);
    if (member == nullptr || !member->ended) return {};
    const Result<Json> value =
        ParseJson(object.substr(member->value_begin, member->value_end - member->value_begin), "value");
    return value.ok() && value->is_string() ? value->get<std::string>() : std::string();
  }

  // What is certain of an object that is still being written.
  void StreamObject() {
    const std::string_view object = Rest();
    if (!has_begun_) {
      call_.name = StringMember(object, "name");
      if (!IsName(call_.name)) return;
      Begin();
    }
    const auto* member = FindArguments(object);
    if (member == nullptr || object[member->value_begin] != '{') return;
    const size_t end = member->ended ? member->value_end : scanner_.position();
    const size_t have = member->value_begin + arguments_.size();
    arguments_ += object.substr(have, end - have);
    SendArguments();
  }

  // What is wrong with it, or null.
  const char* TakeObject(std::string_view object) {
    if (!ParseJson(object, "call").ok()) return "the call is not valid JSON, or a key occurs twice";
    if (!has_begun_) return "the call has no name";
    call_.id = StringMember(object, "id");
    const auto* member = FindArguments(object);
    const std::string_view value =
        member == nullptr ? "null"
                          : object.substr(member->value_begin, member->value_end - member->value_begin);
    if (value.starts_with('{')) return nullptr;  // streamed
    arguments_ = "{}";
    if (value == "null") return nullptr;
    const std::string text =
        StringMember(object, member == FindMember(object, "arguments") ? "arguments" : "parameters");
    const Result<Json> inner = ParseJson(text, "arguments");
    if (!inner.ok() || !inner->is_object()) return "the arguments are no JSON object";
    arguments_ = Trimmed(text);
    return nullptr;
  }

  bool ReadBare() {
    const JsonObjectScanner::State state = scanner_.Read(Rest());
    if (state == JsonObjectScanner::State::kMore && !final_ && MayBeCall()) return false;
    if (state == JsonObjectScanner::State::kDone && IsBareCall()) {
      StartCall();
      return ReadObject();
    }
    bare_refused_ = true;
    at_ = call_begin_;
    place_ = Place::kText;
    return true;
  }

  // Whether the members so far can be those of a call.
  bool MayBeCall() const {
    return scanner_.members().size() <= kMaxMembers &&
           std::all_of(scanner_.members().begin(), scanner_.members().end(), [&](const auto& member) {
             if (!member.has_value) return true;
             const std::string_view key = Rest().substr(member.key_begin, member.key_end - member.key_begin);
             return key == "name" || key == "parameters" || key == "arguments" || key == "type" ||
                    key == "id";
           });
  }
  bool IsBareCall() const {
    const std::string_view object = Rest().substr(0, scanner_.position());
    const std::string name = StringMember(object, "name");
    const auto* arguments = FindArguments(object);
    return MayBeCall() && IsName(name) && (schemas_.empty() || schemas_.contains(name)) &&
           arguments != nullptr && object[arguments->value_begin] == '{' && ParseJson(object, "call").ok();
  }

  // ---- Arguments as one JSON object ----

  bool ReadArguments() {
    size_t length = 0;
    if (scanner_.position() == 0) {
      SkipSpace();
      const Match close = format_.call_close.empty() ? Match::kNo : MatchHere(format_.call_close, length);
      if (close == Match::kPartial) return false;
      if (close == Match::kYes) {  // models leave empty arguments out
        arguments_ = "{}";
        at_ += length;
        FinishCall();
        return true;
      }
      if (at_ == text_.size()) return false;
    }
    const JsonObjectScanner::State state = scanner_.Read(Rest());
    const std::string_view object = Rest().substr(0, scanner_.position());
    arguments_ += object.substr(arguments_.size());
    SendArguments();
    if (state == JsonObjectScanner::State::kBroken) return Break("the arguments are no JSON object");
    if (state == JsonObjectScanner::State::kMore) return false;
    if (!ParseJson(object, "arguments").ok())
      return Break("the arguments are not valid JSON, or a key occurs twice");
    at_ += object.size();
    place_ = Place::kCallClose;
    return true;
  }

  bool ReadCallClose() {
    size_t length = 0;
    if (LeadingSpace(Rest()) == Rest().size() && !format_.call_close.empty()) return false;
    const Match close = toolmarks::MatchMark(Rest(), format_.call_close, length);
    if (close == Match::kPartial) return false;
    if (close == Match::kNo) return Break("the call does not end where its arguments do");
    at_ += length;
    FinishCall();
    return true;
  }

  // ---- Arguments as tags ----

  bool ReadParameters() {
    SkipSpace();
    size_t length = 0;
    const Match close = MatchHere(format_.call_close, length);
    if (close == Match::kPartial) return false;
    if (close == Match::kYes) {
      arguments_ += "}";
      if (!ParseJson(arguments_, "arguments").ok()) return Break("the arguments are not valid UTF-8");
      at_ += length;
      FinishCall();
      return true;
    }
    const Match open = MatchHere(format_.key_open, length);
    if (open == Match::kPartial) return false;
    if (open == Match::kNo) return Break("something else than a parameter stands where one is due");
    return ReadKey(at_ + length);
  }

  // One piece of text up to a mark near by. Empty: not there yet; it may be, or never (`lost`).
  std::optional<std::string_view> UpTo(size_t begin, const std::string& mark, size_t limit,
                                       bool& lost) const {
    const size_t end = text_.find(mark, begin);
    lost =
        end == std::string::npos ? final_ || text_.size() - begin > limit + mark.size() : end - begin > limit;
    if (end == std::string::npos || lost) return std::nullopt;
    return std::string_view(text_).substr(begin, end - begin);
  }

  bool ReadKey(size_t begin) {
    bool lost = false;
    const std::optional<std::string_view> key = UpTo(begin, format_.key_close, kMaxKeyBytes, lost);
    if (lost) return Break("a parameter has no name");
    if (!key) return false;
    size_t next = begin + key->size() + format_.key_close.size();
    ValueTypes types;
    is_json_value_ = false;
    std::string_view type;
    if (format_.type != Type::kNone) {
      const std::optional<std::string_view> written = UpTo(next, format_.value_open, kMaxTypeBytes, lost);
      if (lost) return Break("a parameter does not say its type");
      if (!written) return false;
      type = *written;
      next += type.size() + format_.value_open.size();
    } else if (!format_.value_open.empty()) {
      size_t length = 0;
      const Match open = MatchAt(next, format_.value_open, length);
      if (open == Match::kPartial) return false;
      if (open == Match::kNo) return Break("a parameter has no value");
      next += length;
    }
    // The line end before a value is the format's.
    const std::string_view follows = std::string_view(text_).substr(next);
    if (!final_ && follows.size() < value_space_.size() && value_space_.starts_with(follows)) return false;
    if (follows.starts_with(value_space_)) next += value_space_.size();
    return StartValue(*key, type, next);
  }

  bool StartValue(std::string_view written_key, std::string_view type, size_t begin) {
    key_ = Trimmed(written_key);
    if (format_.escapes_names) key_ = Unescaped(key_);
    if (key_.empty()) return Break("a parameter has no name");
    if (!keys_.insert(key_).second) return Break("a parameter occurs twice");
    const Json* schema = MemberSchema(schema_, key_, schema_);
    types_ = schema == nullptr ? ValueTypes() : ValueTypes::Of(*schema, *schema_);
    if (format_.type == Type::kStringFlag) {
      if (type != "true" && type != "false") return Break("a parameter does not say whether it is a string");
      is_json_value_ = type == "false";
      types_ = ValueTypes::Named(type == "true" ? "string" : "");
    } else if (format_.type == Type::kName) {
      types_ = ValueTypes::Named(type);
      is_json_value_ = type != "string";
    }
    arguments_ += keys_.size() > 1 ? ", " : "";
    AppendJsonString(key_, arguments_);
    arguments_ += ": ";
    SendArguments();
    value_begin_ = streamed_ = search_ = at_ = begin;
    open_tags_ = 0;
    reads_json_ = is_json_value_ || !types_.Has(ValueTypes::kString);
    json_at_ = begin;
    in_json_string_ = false;
    place_ = Place::kValue;
    return true;
  }

  // A string whose end is far away is given out as it comes.
  bool Streams() const {
    return types_.OnlyString() && !is_json_value_ && !(format_.has_cdata && Rest().starts_with('<'));
  }

  // Whether a mark of the value's end is one: what follows it must be what can follow a parameter. Text may
  // hold the same letters.
  Match EndsValue(size_t mark) {
    size_t length = 0;
    if (InJsonString(mark)) return Match::kNo;
    if (format_.has_cdata) {
      const std::string_view value = std::string_view(text_).substr(value_begin_, mark - value_begin_);
      if (value.starts_with(kCdataOpen) && !Trimmed(value).ends_with(kCdataClose)) return Match::kNo;
    }
    const size_t after = mark + format_.value_close.size();
    if (final_ && LeadingSpace(std::string_view(text_).substr(after)) == text_.size() - after)
      return Match::kYes;
    Match best = Match::kNo;
    for (const std::string* next : {&format_.call_close, &format_.key_open}) {
      const Match match = MatchAt(after, *next, length);
      if (match == Match::kYes) return Match::kYes;
      if (match == Match::kPartial) best = Match::kPartial;
    }
    return best;
  }

  // Whether the place is inside a string of a value that is an object or a list.
  bool InJsonString(size_t place) {
    if (!reads_json_) return false;
    const std::string_view value = std::string_view(text_).substr(value_begin_, place - value_begin_);
    const size_t begin = LeadingSpace(value);
    if (begin == value.size() || (value[begin] != '{' && value[begin] != '[')) return false;
    for (; json_at_ < place; ++json_at_) {
      const char c = text_[json_at_];
      if (in_json_string_ && c == '\\') {
        ++json_at_;
      } else if (c == '"') {
        in_json_string_ = !in_json_string_;
      }
    }
    return in_json_string_;
  }

  bool ReadValue() {
    for (size_t found = text_.find(format_.value_close, search_); found != std::string::npos;
         found = text_.find(format_.value_close, search_)) {
      search_ = found;
      const Match end = EndsValue(found);
      if (end == Match::kPartial) {
        StreamValue(found - std::min(found - at_, close_space_.size()));
        return false;
      }
      if (end == Match::kYes) {
        EndValue(found);
        return true;
      }
      search_ = found + 1;
    }
    if (final_ && reads_json_) {  // then it was no JSON, and ends where other text would
      reads_json_ = false;
      search_ = value_begin_;
      return true;
    }
    const size_t held = format_.value_close.size() + close_space_.size();
    search_ = std::max(search_, text_.size() - std::min(text_.size(), format_.value_close.size() - 1));
    if (text_.size() > value_begin_ + held) StreamValue(text_.size() - held);
    return false;
  }

  void StreamValue(size_t end) {
    if (!Streams() || end <= streamed_) return;
    const std::string_view piece = std::string_view(text_).substr(streamed_, end - streamed_);
    const size_t whole = CompleteUtf8Prefix(piece);
    if (whole == 0) return;
    if (streamed_ == value_begin_) arguments_ += '"';
    AppendJsonEscaped(piece.substr(0, whole), arguments_);
    streamed_ += whole;
    SendArguments();
  }

  void EndValue(size_t mark) {
    std::string_view value = std::string_view(text_).substr(value_begin_, mark - value_begin_);
    if (value.ends_with(close_space_)) value.remove_suffix(close_space_.size());
    if (streamed_ > value_begin_) {
      AppendJsonEscaped(value.substr(streamed_ - value_begin_), arguments_);
      arguments_ += '"';
    } else {
      AddValue(value);
    }
    SendArguments();
    at_ = mark + format_.value_close.size();
    place_ = Place::kParameters;
  }

  void AddValue(std::string_view value) {
    if (format_.has_cdata && value.starts_with(kCdataOpen)) {
      const std::string_view trimmed = Trimmed(value);
      const std::string_view inner =
          trimmed.substr(kCdataOpen.size(), trimmed.size() - kCdataOpen.size() - kCdataClose.size());
      AppendJsonString(inner, arguments_);
      return;
    }
    if (!is_json_value_) return AddCast(CastText(value, types_));
    CastValue cast;
    const Result<Json> json = ParseJson(value, "value");
    if (json.ok()) {
      cast.json = Trimmed(value);
    } else {
      AppendJsonString(value, cast.json);
      cast.note = "not JSON as it says, kept as text";
    }
    AddCast(cast);
  }

  void AddCast(const CastValue& cast) {
    arguments_ += cast.json;
    if (!cast.note.empty()) call_.notes.push_back(fmt::format("{}: {}", Quoted(key_), cast.note));
  }

  // MiniMax-M3: the value may hold tags, so that its end is the first that closes what was not opened in it.
  bool ReadNestedValue() {
    while (true) {
      const size_t tag = text_.find(format_.key_open, search_);  // value_close begins with key_open
      if (tag == std::string::npos) {
        search_ = std::max(search_, text_.size() - std::min(text_.size(), format_.key_open.size() - 1));
        return false;
      }
      search_ = tag;
      const std::string_view rest = std::string_view(text_).substr(tag);
      if (rest.size() < format_.value_close.size() && !final_) return false;
      const bool closes = rest.starts_with(format_.value_close);
      const size_t begin = tag + (closes ? format_.value_close.size() : format_.key_open.size());
      bool lost = false;
      const std::optional<std::string_view> name = UpTo(begin, format_.key_close, kMaxKeyBytes, lost);
      if (lost) return Break("a tag has no end");
      if (!name) return false;
      const size_t end = begin + name->size() + format_.key_close.size();
      if (!closes) {
        if (++open_tags_ > kMaxJsonDepth) return Break("the tags are nested too deep");
      } else if (open_tags_-- == 0) {
        if (*name != key_) return Break("another tag ends than began");
        return EndNestedValue(tag, end);
      }
      search_ = end;
    }
  }

  bool EndNestedValue(size_t begin, size_t end) {
    const std::string_view value = std::string_view(text_).substr(value_begin_, begin - value_begin_);
    const Result<CastValue> cast = CastNested(value, format_.key_open, format_.value_close,
                                              MemberSchema(schema_, key_, schema_), schema_);
    if (!cast.ok()) return Break(cast.error().message);
    AddCast(*cast);
    SendArguments();
    at_ = end;
    place_ = Place::kParameters;
    return true;
  }

  // ---- What cannot be read ----

  bool Break(std::string reason) {
    reason_ = std::move(reason);
    place_ = Place::kBroken;
    search_ = std::max(at_, call_begin_ + 1);
    return true;
  }

  // Up to the end of the call or the block, or to where something else begins.
  bool ReadBroken() {
    size_t found = std::string::npos, end = 0;
    bool ends_call = false;
    const auto consider = [&](const std::string& mark, bool is_end, bool is_call_end) {
      const size_t at = mark.empty() ? std::string::npos : text_.find(mark, search_);
      if (at >= found) return;
      found = at;
      end = is_end ? at + mark.size() : at;
      ends_call = is_call_end;
    };
    consider(format_.block_close, true, false);
    consider(format_.call_close, true, true);
    for (const std::string& mark : openings_)
      consider(mark, false, mark != format_.block_open && is_block_open_);
    if (found == std::string::npos) {
      size_t longest = std::max(format_.block_close.size(), format_.call_close.size());
      for (const std::string& mark : openings_) longest = std::max(longest, mark.size());
      search_ = std::max(search_, text_.size() - std::min(text_.size(), longest));
      return false;
    }
    EmitBroken(end);
    if (ends_call && is_block_open_) {
      ++calls_in_block_;
      place_ = Place::kBlock;
    } else {
      EndBlock();
    }
    return true;
  }

  void EmitBroken(size_t end) {
    const size_t length = end - call_begin_;
    const size_t space = TrailingSpace(std::string_view(text_).substr(call_begin_, length));
    Emit(Kind::kMalformed, text_.substr(call_begin_, length - space)).reason = reason_;
    ++index_;
    has_text_after_call_ = false;
    at_ = call_begin_ = end;
  }

  ToolEvent& Emit(Kind kind, std::string text) {
    // Pieces of the same thing that come out together are one.
    if (!events_.empty() && events_.back().kind == kind &&
        (kind == Kind::kContent || kind == Kind::kArguments)) {
      events_.back().text += text;
      return events_.back();
    }
    events_.push_back({.kind = kind, .index = kind == Kind::kContent ? 0 : index_, .text = std::move(text)});
    return events_.back();
  }

  ToolFormat format_;  // its marks without white space at their ends
  std::vector<std::string> openings_;
  std::string value_space_, close_space_;  // before and behind a value
  std::map<std::string, Json> schemas_;

  std::string text_;
  size_t at_ = 0;          // read up to here
  size_t call_begin_ = 0;  // where the call, or the block before its first call, begins
  size_t search_ = 0;      // a mark that is looked for begins nowhere before
  bool final_ = false;
  Place place_ = Place::kText;
  std::vector<ToolEvent> events_;
  int64_t index_ = 0;

  bool has_text_ = false, has_text_after_call_ = false, bare_refused_ = false;
  bool in_block_ = false, in_list_ = false, is_block_open_ = false, block_ended_ = false,
       after_separator_ = false;
  int64_t calls_in_block_ = 0;

  ParsedToolCall call_;
  bool has_begun_ = false;
  std::string arguments_;  // as far as they are certain
  size_t sent_ = 0;        // of arguments_
  const Json* schema_ = nullptr;
  JsonObjectScanner scanner_;
  std::string reason_;

  std::set<std::string> keys_;
  std::string key_;
  ValueTypes types_;
  bool is_json_value_ = false;
  size_t value_begin_ = 0, streamed_ = 0;
  int64_t open_tags_ = 0;  // inside the value
  bool reads_json_ = false, in_json_string_ = false;
  size_t json_at_ = 0;  // in_json_string_ is of this place
};

ToolCallParser::ToolCallParser(const ToolFormat& format, const std::vector<ToolDefinition>& tools)
    : impl_(std::make_unique<Impl>(format, tools)) {}
ToolCallParser::~ToolCallParser() = default;
ToolCallParser::ToolCallParser(ToolCallParser&&) noexcept = default;
ToolCallParser& ToolCallParser::operator=(ToolCallParser&&) noexcept = default;

std::vector<ToolEvent> ToolCallParser::Feed(std::string_view text) {
  return impl_->Feed(text);
}

std::vector<ToolEvent> ToolCallParser::Finish() {
  return impl_->Finish();
}

ParsedAnswer ParseToolCalls(const ToolFormat& format, const std::vector<ToolDefinition>& tools,
                            std::string_view text) {
  ToolCallParser parser(format, tools);
  ParsedAnswer answer;
  for (const bool ends : {false, true}) {
    for (ToolEvent& event : ends ? parser.Finish() : parser.Feed(text)) {
      if (event.kind == Kind::kContent) answer.content += event.text;
      if (event.kind == Kind::kCall) answer.calls.push_back(std::move(event.call));
      if (event.kind == Kind::kMalformed) answer.malformed.push_back(std::move(event.text));
    }
  }
  return answer;
}

}  // namespace mains
