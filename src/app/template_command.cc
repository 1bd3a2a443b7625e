#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>

#include "app/command.h"
#include "app/model_source.h"
#include "base/file.h"
#include "base/utf8.h"

namespace mains {
namespace {

using jinja::Value;

constexpr int64_t kMaxInputBytes = 256 << 20;

struct Options {
  std::string model;
  std::string messages;
  std::string tools;
  std::string kwargs;
  std::string now;
  std::string batch;
  std::string tokenizer;
  bool tokens = false;
  bool no_generation_prompt = false;
  bool show_provenance = false;
};

Result<ChatTemplate> Load(const std::string& model) {
  ASSIGN_OR_RETURN(const ModelSource source, FindModelOrPart(model));
  return LoadChatTemplate(source);
}

// "2026-07-26" or "2026-07-26T12:30:00".
Result<std::optional<std::tm>> ParseNow(const std::string& text) {
  if (text.empty()) return std::optional<std::tm>();
  std::tm now = {};
  const char* rest = strptime(text.c_str(), "%Y-%m-%d", &now);
  if (rest != nullptr && *rest == 'T') rest = strptime(rest + 1, "%H:%M:%S", &now);
  if (rest == nullptr || *rest != '\0') {
    return Error{ErrorCode::kInvalid, "--now needs a time such as 2026-07-26T12:30:00, not " + text};
  }
  return std::optional<std::tm>(now);
}

// Messages alone, or an object that also holds tools, documents and arguments of the template.
Status FillInput(const Value& document, ChatInput& input) {
  if (document.Is(jinja::Kind::kList)) {
    input.messages = document;
    return {};
  }
  if (!document.IsDict()) return Error{ErrorCode::kInvalid, "the conversation must be a list or an object"};
  auto kwargs = std::make_shared<jinja::Dict>();
  for (const auto& [key, value] : document.dict().entries) {
    const std::string_view name = key.str().bytes();
    if (name == "messages") {
      input.messages = value;
    } else if (name == "tools") {
      input.tools = value;
    } else if (name == "documents") {
      input.documents = value;
    } else if (name == "add_generation_prompt") {
      input.add_generation_prompt = value.boolean();
    } else {
      kwargs->Set(key, value);
    }
  }
  input.kwargs = Value::Of(jinja::Kind::kDict, std::move(kwargs), true);
  return {};
}

// Conversation bytes between markers, for people to look at.
std::string WithMarks(const RenderedChat& chat) {
  std::string out;
  size_t at = 0;
  for (const TextSpan& span : chat.literal) {
    out += chat.text.substr(at, span.begin - at) + "\x1b[7m" +
           chat.text.substr(span.begin, span.end - span.begin) + "\x1b[0m";
    at = span.end;
  }
  return out + chat.text.substr(at);
}

Result<Value> ReadJsonFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxInputBytes));
  return jinja::ValueFromJson(text, path);
}

// The prompt's token ids, as the engine gets them: what the conversation says stays text.
Result<Json> TokensOf(const Tokenizer& tokenizer, const RenderedChat& chat) {
  EncodeOptions encode;
  encode.add_special = false;  // templates write their own
  encode.literal = chat.literal;
  ASSIGN_OR_RETURN(const std::vector<int32_t> ids, tokenizer.Encode(chat.text, encode));
  return Json(ids);
}

Status RunOne(const Options& options) {
  ASSIGN_OR_RETURN(const ChatTemplate chat_template, Load(options.model));
  ChatInput input;
  ASSIGN_OR_RETURN(const Value document, ReadJsonFile(options.messages));
  RETURN_IF_ERROR(FillInput(document, input));
  if (!options.tools.empty()) {
    ASSIGN_OR_RETURN(input.tools, ReadJsonFile(options.tools));
  }
  if (!options.kwargs.empty()) {
    ASSIGN_OR_RETURN(input.kwargs, jinja::ValueFromJson(options.kwargs, "--kwargs"));
  }
  ASSIGN_OR_RETURN(input.now, ParseNow(options.now));
  if (options.no_generation_prompt) input.add_generation_prompt = false;
  ASSIGN_OR_RETURN(const RenderedChat chat, chat_template.Render(input));
  if (options.tokens) {
    ASSIGN_OR_RETURN(const ModelSource source,
                     FindModelOrPart(options.tokenizer.empty() ? options.model : options.tokenizer));
    ASSIGN_OR_RETURN(const std::shared_ptr<const Tokenizer> tokenizer, LoadTokenizer(source));
    ASSIGN_OR_RETURN(const Json ids, TokensOf(*tokenizer, chat));
    std::printf("%s\n", DumpJson(ids).c_str());
    return {};
  }
  const std::string shown = options.show_provenance ? WithMarks(chat) : chat.text;
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  return {};
}

// One line of a batch: {"template": text or "path": file or folder, "tokens": {...}, "now": ...,
// "input": conversation}.
Result<RenderedChat> RenderLine(const std::string& line) {
  ASSIGN_OR_RETURN(const Value job, jinja::ValueFromJson(line, "the line"));
  if (!job.IsDict()) return Error{ErrorCode::kInvalid, "a line of a batch must be an object"};
  const auto text_at = [&job](const char* key) {
    const Value* found = job.dict().Find(std::string_view(key));
    return found != nullptr && found->IsString() ? std::string(found->str().bytes()) : std::string();
  };
  SpecialTokens tokens;
  if (const Value* given = job.dict().Find(std::string_view("tokens")); given != nullptr && given->IsDict()) {
    for (const auto& [name, value] : given->dict().entries) {
      if (value.IsString()) tokens.emplace_back(name.str().bytes(), value.str().bytes());
    }
  }
  const std::string native = text_at("native");
  const std::string path = text_at("path");
  Result<ChatTemplate> chat_template =
      native == "deepseek_v32"  ? Result<ChatTemplate>(ChatTemplate::Native(NativeChat::kDeepSeekV32))
      : native == "deepseek_v4" ? Result<ChatTemplate>(ChatTemplate::Native(NativeChat::kDeepSeekV4))
      : !path.empty()           ? Load(path)
                                : ChatTemplate::FromSource(text_at("template"), tokens);
  if (!chat_template.ok()) return chat_template.error();
  ChatInput input;
  const Value* conversation = job.dict().Find(std::string_view("input"));
  if (conversation == nullptr) return Error{ErrorCode::kInvalid, "a line of a batch needs \"input\""};
  RETURN_IF_ERROR(FillInput(*conversation, input));
  ASSIGN_OR_RETURN(input.now, ParseNow(text_at("now")));
  return chat_template->Render(input);
}

Status RunBatch(const Options& options) {
  std::ifstream file(options.batch);
  if (!file) return Error{ErrorCode::kIo, "cannot read " + options.batch};
  std::shared_ptr<const Tokenizer> tokenizer;
  if (!options.tokenizer.empty()) {
    ASSIGN_OR_RETURN(tokenizer, Tokenizer::Load(options.tokenizer));
  }
  for (std::string line; std::getline(file, line);) {
    const Result<RenderedChat> chat = RenderLine(line);
    Json out = Json::object();
    if (!chat.ok()) {
      out["error"] = chat.error().message;
    } else {
      out["text"] = chat->text;
      Json spans = Json::array();
      for (const TextSpan& span : chat->literal) spans.push_back({span.begin, span.end});
      out["literal"] = std::move(spans);
      if (tokenizer) {
        ASSIGN_OR_RETURN(out["ids"], TokensOf(*tokenizer, *chat));
      }
    }
    std::printf("%s\n", DumpJson(out).c_str());
  }
  return {};
}

}  // namespace

void AddTemplateCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand("template", "Show the prompt that a conversation becomes");
  const auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "A model, as for run, or a .jinja file");
  command->add_option("messages", options->messages, "JSON file: a list of messages, or an object with them");
  command->add_option("--tools", options->tools, "JSON file with a list of tools");
  command->add_option("--kwargs", options->kwargs, "JSON object of template arguments");
  command->add_option("--now", options->now, "Local time for templates that print it (2026-07-26T12:30:00)");
  command->add_option("--batch", options->batch, "JSON lines to render, one result line each");
  command->add_flag("--tokens", options->tokens, "Print the prompt's token ids instead of its text");
  command->add_option("--tokenizer", options->tokenizer, "Where the tokens come from, if not from MODEL");
  command->add_flag("--no-generation-prompt", options->no_generation_prompt, "Do not open the model's turn");
  command->add_flag("--show-provenance", options->show_provenance,
                    "Show the conversation's own text inverted");
  command->callback([&line, options] {
    if (options->batch.empty() && (options->model.empty() || options->messages.empty())) {
      throw CLI::ValidationError("template", "needs MODEL and a file with messages, or --batch");
    }
    line.run = [options] { return options->batch.empty() ? RunOne(*options) : RunBatch(*options); };
  });
}

}  // namespace mains
