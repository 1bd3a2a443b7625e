// mains tokenize: the tokens of a text, or the text of tokens.
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/load_options.h"
#include "base/file.h"
#include "io/json.h"
#include "io/tokenizer/tokenizer.h"

namespace mains {
namespace {

constexpr int64_t kMaxTextBytes = int64_t{1} << 30;

struct TokenizeArguments {
  std::string model, text, file, decode;
  bool has_text = false;
  bool ids = false, json = false, lines = false, records = false;
  bool no_special = false, literal = false, stream = false, skip_special = false;
};

Result<std::string> ReadInput(const TokenizeArguments& arguments) {
  if (arguments.has_text) return arguments.text;
  if (!arguments.file.empty() && arguments.file != "-") return ReadFile(arguments.file, kMaxTextBytes);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

// The parts of a text between separators; a separator at the very end begins no further part.
std::vector<std::string_view> SplitAt(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

Result<std::vector<int32_t>> ParseIds(std::string_view text) {
  std::vector<int32_t> ids;
  const std::string_view separators = " ,[]\t\r\n";
  for (size_t at = text.find_first_not_of(separators); at != std::string_view::npos;) {
    int32_t id = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), id);
    const size_t stop = static_cast<size_t>(end - text.data());
    if (error != std::errc() ||
        (stop < text.size() && separators.find(text[stop]) == std::string_view::npos)) {
      return Error{ErrorCode::kInvalid,
                   "\"" + std::string(text.substr(at, 20)) + "\" is not a list of token ids"};
    }
    ids.push_back(id);
    at = text.find_first_not_of(separators, stop);
  }
  return ids;
}

std::string DecodeInSteps(const std::shared_ptr<const Tokenizer>& tokenizer, const std::vector<int32_t>& ids,
                          bool skip_special) {
  StreamDecoder decoder(tokenizer, skip_special);
  std::string text;
  for (const int32_t id : ids) text += decoder.Append(id);
  return text + decoder.Flush();
}

// The bytes of a token as a quoted text in which nothing is invisible.
std::string Quoted(const std::string& bytes) {
  return DumpJson(Json(bytes));
}

void PrintIds(const Tokenizer& tokenizer, const std::vector<int32_t>& ids,
              const TokenizeArguments& arguments) {
  if (arguments.json) {
    std::printf("%s\n", DumpJson(Json(ids)).c_str());
  } else if (arguments.ids) {
    for (size_t i = 0; i < ids.size(); ++i) std::printf("%s%d", i > 0 ? " " : "", ids[i]);
    std::printf("\n");
  } else {
    for (const int32_t id : ids) std::printf("%7d  %s\n", id, Quoted(tokenizer.TokenBytes(id)).c_str());
  }
}

Status DecodeAndPrint(const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view list,
                      const TokenizeArguments& arguments) {
  ASSIGN_OR_RETURN(const std::vector<int32_t> ids, ParseIds(list));
  const std::string text = arguments.stream ? DecodeInSteps(tokenizer, ids, arguments.skip_special)
                                            : tokenizer->Decode(ids, arguments.skip_special);
  std::printf("%s\n", arguments.json ? Quoted(text).c_str() : text.c_str());
  return {};
}

Status Run(const TokenizeArguments& arguments) {
  ASSIGN_OR_RETURN(const ModelSource source, FindModelOrPart(arguments.model));
  ASSIGN_OR_RETURN(const std::shared_ptr<const Tokenizer> tokenizer, LoadTokenizer(source));
  if (!arguments.decode.empty() && arguments.decode != "-") {
    return DecodeAndPrint(tokenizer, arguments.decode, arguments);
  }
  ASSIGN_OR_RETURN(const std::string input, ReadInput(arguments));
  std::vector<std::string_view> texts = {input};
  if (arguments.records) texts = SplitAt(input, '\0');
  if (arguments.lines || arguments.decode == "-") texts = SplitAt(input, '\n');
  for (const std::string_view text : texts) {
    if (arguments.decode == "-") {
      RETURN_IF_ERROR(DecodeAndPrint(tokenizer, text, arguments));
      continue;
    }
    EncodeOptions options;
    options.add_special = !arguments.no_special;
    if (arguments.literal) options.parse_special = ParseSpecial::kNone;
    ASSIGN_OR_RETURN(const std::vector<int32_t> ids, tokenizer->Encode(text, options));
    PrintIds(*tokenizer, ids, arguments);
  }
  return {};
}

}  // namespace

void AddTokenizeCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand("tokenize", "Show the tokens of a text, or the text of tokens");
  auto arguments = std::make_shared<TokenizeArguments>();
  command->add_option("model", arguments->model, "A model folder, a .gguf file or a tokenizer's file")
      ->required();
  CLI::Option* text =
      command->add_option("text", arguments->text, "The text; standard input if it is left out");
  command->add_option("--file", arguments->file, "Read the text from this file")->excludes(text);
  command->add_option("--decode", arguments->decode,
                      "Print the text of these ids; \"-\" reads lines of ids from the input");
  command->add_flag("--ids", arguments->ids, "Print the ids alone");
  command->add_flag("--json", arguments->json, "Print a JSON array of ids, or a JSON text when decoding");
  command->add_flag("--lines", arguments->lines, "Every line is a text of its own");
  command->add_flag("--records", arguments->records, "NUL ends a text; prints one JSON array per text");
  command->add_flag("--no-special", arguments->no_special, "Leave out what the model puts around a text");
  command->add_flag("--literal", arguments->literal, "Recognise no special tokens in the text");
  command->add_flag("--skip-special", arguments->skip_special, "Leave special tokens out of decoded text");
  command->add_flag("--stream", arguments->stream, "Decode token by token, as a server does");
  command->callback([&line, arguments, text] {
    arguments->has_text = text->count() > 0;
    arguments->json = arguments->json || arguments->records;
    line.run = [arguments] { return Run(*arguments); };
  });
}

}  // namespace mains
