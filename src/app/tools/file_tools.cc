// read_file, list_files and find_text.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "app/tools/built_in.h"
#include "app/tools/folder.h"
#include "app/tools/text_forms.h"
#include "base/utf8.h"
#include "io/quoted.h"

namespace mains {
namespace {

constexpr size_t kMaxEntries = 10000;
// Of a search, in all. What lies beyond is left out, and the result says so.
constexpr int64_t kMaxSearchedFiles = 2000;
constexpr int64_t kMaxSearchedBytes = 32 << 20;
constexpr int64_t kMaxSearchedFileBytes = 1 << 20;
constexpr size_t kMaxSearchedDepth = 32;
constexpr size_t kMaxMatches = 50;
constexpr int64_t kMaxLineBytes = 200;
constexpr size_t kBinaryProbe = 8192;

bool IsHidden(const std::string& name) {
  return name.starts_with('.');
}

// A NUL, which no text has, or bytes of which many are no UTF-8.
bool IsBinary(std::string_view bytes) {
  const std::string_view probe = bytes.substr(0, kBinaryProbe);
  if (probe.find('\0') != probe.npos) return true;
  size_t bad = 0;
  for (std::string_view rest = probe.substr(0, CompleteUtf8Prefix(probe)); !rest.empty();) {
    const DecodedChar c = DecodeUtf8(rest);
    bad += c.valid ? 0 : 1;
    rest.remove_prefix(static_cast<size_t>(c.length));
  }
  return bad * 10 > probe.size();
}

void AddNote(std::string& note, std::string_view more) {
  note += (note.empty() ? "" : "; ") + std::string(more);
}

ToolResult RunReadFile(const Folder& folder, int64_t max_bytes, const ToolArguments& arguments) {
  const std::string path = arguments.String("path");
  const Result<FileStart> file = folder.Read(path, max_bytes);
  if (!file.ok()) return ToolFailure(file.error().message);
  std::string_view bytes = file->bytes;
  if (IsBinary(bytes)) return ToolFailure(Quoted(path) + " is no text file");
  std::string note;
  if (file->file_bytes > static_cast<int64_t>(bytes.size())) {
    bytes = bytes.substr(0, CompleteUtf8Prefix(bytes));
    AddNote(note, fmt::format("only the first {} of {} bytes", bytes.size(), file->file_bytes));
  }
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  if (!IsValidUtf8(bytes)) AddNote(note, "bytes that are no UTF-8 are shown as \xEF\xBF\xBD");
  return ToolText(RepairUtf8(bytes), note);
}

ToolResult RunListFiles(const Folder& folder, int64_t max_bytes, const ToolArguments& arguments) {
  bool more = false;
  const Result<std::vector<FolderEntry>> entries = folder.List(arguments.String("folder"), kMaxEntries, more);
  if (!entries.ok()) return ToolFailure(entries.error().message);
  std::vector<std::string> names;
  int64_t hidden = 0, left_out = 0, bytes = 0;
  for (const FolderEntry& entry : *entries) {
    if (IsHidden(entry.name)) {
      ++hidden;
      continue;
    }
    std::string name = RepairUtf8(entry.name);
    if (entry.kind == FolderEntry::Kind::kFolder) name += "/";
    bytes += static_cast<int64_t>(name.size()) + 4;
    if (bytes > max_bytes) {
      ++left_out;
    } else {
      names.push_back(std::move(name));
    }
  }
  std::string note;
  if (hidden > 0) AddNote(note, fmt::format("{} hidden not listed", hidden));
  if (left_out > 0) AddNote(note, fmt::format("{} more not listed", left_out));
  if (more) AddNote(note, fmt::format("the folder has more than {} entries", kMaxEntries));
  return ToolList(names, note);
}

// One search: walks the folders with a stack of its own, within the limits above.
class Search {
 public:
  Search(const Folder& folder, std::string_view text, int64_t max_bytes)
      : folder_(folder), wanted_(FoldedForm(text)), max_bytes_(max_bytes) {}

  Status Run(const std::string& start) {
    bool more = false;
    ASSIGN_OR_RETURN(const std::vector<FolderEntry> first, folder_.List(start, kMaxEntries, more));
    incomplete_ = more;
    Push(start, 0, first);
    while (!pending_.empty() && !full_) {
      const Pending next = std::move(pending_.back());
      pending_.pop_back();
      if (!next.is_folder) {
        ReadOne(next.path);
        continue;
      }
      const Result<std::vector<FolderEntry>> entries = folder_.List(next.path, kMaxEntries, more);
      if (entries.ok()) Push(next.path, next.depth, *entries);
      incomplete_ = incomplete_ || more || !entries.ok();
    }
    return {};
  }

  ToolResult Answer() const {
    std::string note;
    if (full_) AddNote(note, fmt::format("only the first {} matches", matches_.size()));
    if (incomplete_) AddNote(note, fmt::format("not everything was searched: {} files were read", files_));
    if (matches_.empty()) AddNote(note, "no match");
    return ToolList(matches_, note);
  }

 private:
  struct Pending {
    std::string path;
    bool is_folder = false;
    size_t depth = 0;
  };

  void Push(const std::string& path, size_t depth, const std::vector<FolderEntry>& entries) {
    const std::string prefix = path.empty() || path == "." ? "" : path + (path.ends_with('/') ? "" : "/");
    for (auto it = entries.rbegin(); it != entries.rend(); ++it) {  // the stack turns them round
      const bool is_folder = it->kind == FolderEntry::Kind::kFolder;
      if (IsHidden(it->name) || (!is_folder && it->kind != FolderEntry::Kind::kFile)) continue;
      if (is_folder && depth + 1 >= kMaxSearchedDepth) {
        incomplete_ = true;
        continue;
      }
      pending_.push_back({prefix + it->name, is_folder, depth + 1});
    }
  }

  void ReadOne(const std::string& path) {
    if (files_ >= kMaxSearchedFiles || bytes_ >= kMaxSearchedBytes) {
      incomplete_ = true;
      pending_.clear();
      return;
    }
    const Result<FileStart> file = folder_.Read(path, kMaxSearchedFileBytes);
    if (!file.ok()) {
      incomplete_ = true;
      return;
    }
    ++files_;
    bytes_ += static_cast<int64_t>(file->bytes.size());
    if (IsBinary(file->bytes)) return;
    incomplete_ = incomplete_ || file->file_bytes > static_cast<int64_t>(file->bytes.size());
    SearchLines(path, file->bytes);
  }

  void SearchLines(const std::string& path, std::string_view text) {
    for (int64_t number = 1; !text.empty() && !full_; ++number) {
      const size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      text = end == text.npos ? std::string_view() : text.substr(end + 1);
      if (FoldedForm(line).find(wanted_) == std::string::npos) continue;
      bool cut = false;
      const std::string shown = CutText(RepairUtf8(line), kMaxLineBytes, cut);
      std::string match = RepairUtf8(path) + ":" + std::to_string(number) + ": " + shown + (cut ? "..." : "");
      shown_bytes_ += static_cast<int64_t>(match.size()) + 4;
      full_ = matches_.size() == kMaxMatches || shown_bytes_ > max_bytes_;
      if (!full_) matches_.push_back(std::move(match));
    }
  }

  const Folder& folder_;
  const std::string wanted_;
  const int64_t max_bytes_;
  std::vector<Pending> pending_;
  std::vector<std::string> matches_;
  int64_t files_ = 0, bytes_ = 0, shown_bytes_ = 0;
  bool full_ = false, incomplete_ = false;
};

ToolResult RunFindText(const Folder& folder, int64_t max_bytes, const ToolArguments& arguments) {
  const std::string text = arguments.String("text");
  if (FoldedForm(text).empty()) return ToolFailure("the text to look for is empty");
  Search search(folder, text, max_bytes);
  if (const Status status = search.Run(arguments.String("folder")); !status.ok()) {
    return ToolFailure(status.error().message);
  }
  return search.Answer();
}

}  // namespace

// The wordings are those that the pocket model is trained on (pocket/data/natural.py).
void AddFileTools(const std::filesystem::path& root, int64_t max_result_bytes, std::vector<BuiltIn>& tools) {
  const Folder folder(root);
  tools.push_back(
      {{"read_file", "Shows the text of a file.",
        R"({"type": "object", "properties": {"path": {"type": "string", "description": "Path of the file"}}, )"
        R"("required": ["path"]})"},
       [=](const ToolArguments& a) { return RunReadFile(folder, max_result_bytes, a); }});
  tools.push_back(
      {{"list_files", "Lists the files of a folder.",
        R"({"type": "object", "properties": {"folder": {"type": "string", "description": "Folder"}}})"},
       [=](const ToolArguments& a) { return RunListFiles(folder, max_result_bytes, a); }});
  tools.push_back({{"find_text", "Looks for a text in files.",
                    R"({"type": "object", "properties": {"text": {"type": "string", "description": "Text"}, )"
                    R"("folder": {"type": "string", "description": "Folder"}}, "required": ["text"]})"},
                   [=](const ToolArguments& a) { return RunFindText(folder, max_result_bytes, a); }});
}

}  // namespace mains
