// mains logits: what the model computes, as numbers for other programs.
#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/interrupt.h"
#include "app/load_options.h"
#include "app/npy.h"
#include "base/checked.h"
#include "base/file.h"
#include "io/tokenizer/tokenizer.h"
#include "tensor/tensor.h"

namespace mains {
namespace {

struct LogitsOptions {
  LoadOptions load;
  std::vector<int32_t> ids;
  std::string text, out, hidden;
};

Result<std::vector<int32_t>> Tokens(const LogitsOptions& options, const LoadedModel& model) {
  if (options.text.empty()) return options.ids;
  ASSIGN_OR_RETURN(const std::shared_ptr<const Tokenizer> tokenizer, LoadTokenizer(model.source));
  return tokenizer->Encode(options.text);
}

// Collects rows of f32 into the text of an .npy file.
class Rows {
 public:
  static Result<Rows> Make(std::vector<int64_t> dims) {
    Rows rows;
    rows.bytes_ = NpyHeader("<f4", dims);
    CheckedU64 size = sizeof(float);
    for (const int64_t d : dims) size = size * static_cast<uint64_t>(d);
    try {
      rows.bytes_.resize(rows.bytes_.size() + static_cast<size_t>(size.ToSize().value_or(INT64_MAX / 2)));
    } catch (const std::exception&) {
      return Error{ErrorCode::kResource, "no memory for the result; ask for fewer tokens"};
    }
    rows.header_ = rows.bytes_.size() - static_cast<size_t>(*size.ToSize());
    return rows;
  }
  void Put(int64_t first_row, const Tensor& rows) {
    const size_t row_bytes = static_cast<size_t>(rows.dim(1)) * sizeof(float);
    for (int64_t i = 0; i < rows.dim(0); ++i) {
      std::memcpy(bytes_.data() + header_ + static_cast<size_t>(first_row + i) * row_bytes, rows.Row(i),
                  row_bytes);
    }
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  size_t header_ = 0;
};

Status Run(const LogitsOptions& options) {
  const InterruptScope interrupt;
  ASSIGN_OR_RETURN(const LoadedModel model,
                   LoadEngine(options.load, [&] { return interrupt.interrupted(); }));
  ASSIGN_OR_RETURN(const std::vector<int32_t> ids, Tokens(options, model));
  if (ids.empty()) return Error{ErrorCode::kInvalid, "the text has no tokens: there is nothing to compute"};
  const ModelFacts& facts = model.engine->facts();
  const int64_t count = static_cast<int64_t>(ids.size());
  ASSIGN_OR_RETURN(Rows logits, Rows::Make({count, facts.vocab}));
  const bool want_hidden = !options.hidden.empty();
  ASSIGN_OR_RETURN(Rows hidden, Rows::Make({want_hidden ? facts.layers + 1 : 0, count, facts.d_model}));
  const Engine::HiddenSink tap = [&](int64_t layer, int64_t first, const Tensor& rows) {
    hidden.Put(layer * count + first, rows);
  };
  RETURN_IF_ERROR(model.engine->EvaluateAll(
      ids, TokenKind::kPrompt,
      [&](int64_t first, const Tensor& rows) {
        logits.Put(first, rows);
        return interrupt.interrupted() ? Status(Error{ErrorCode::kCancelled, "cancelled"}) : Status();
      },
      want_hidden ? tap : Engine::HiddenSink()));
  RETURN_IF_ERROR(WriteFileAtomically(options.out, logits.bytes()));
  if (want_hidden) RETURN_IF_ERROR(WriteFileAtomically(options.hidden, hidden.bytes()));
  std::fprintf(stderr, "%s: logits of %lld tokens, [%lld, %lld] f32\n", options.out.c_str(),
               static_cast<long long>(count), static_cast<long long>(count),
               static_cast<long long>(facts.vocab));
  return {};
}

}  // namespace

void AddLogitsCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand("logits", "Write the logits of every position to a file");
  const std::shared_ptr<LogitsOptions> options = std::make_shared<LogitsOptions>();
  AddLoadOptions(*command, options->load);
  CLI::Option* ids = command->add_option("--ids", options->ids, "Token ids: 1,2,3")
                         ->delimiter(',')
                         ->allow_extra_args(false)
                         ->type_name("LIST");
  CLI::Option* text = command->add_option("--text", options->text, "Text, tokenized without a chat template")
                          ->excludes(ids)
                          ->type_name("TEXT");
  command->add_option("--out", options->out, "NumPy file for the logits: f32, [tokens, vocabulary]")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--hidden", options->hidden,
                   "NumPy file for what goes into each layer and out of the last: f32, [layers + 1, "
                   "tokens, width]")
      ->type_name("FILE");
  command->callback([&line, options, ids, text] {
    if (ids->count() + text->count() == 0) throw CLI::ValidationError("logits", "give --ids or --text");
    line.run = [options] { return Run(*options); };
  });
}

}  // namespace mains
