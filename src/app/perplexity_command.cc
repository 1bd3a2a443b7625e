// mains perplexity: how well a model predicts a text, and how far it is from another one.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/interrupt.h"
#include "app/load_options.h"
#include "app/progress_line.h"
#include "app/text_sequences.h"
#include "engine/perplexity.h"
#include "io/json.h"

namespace mains {
namespace {

struct PerplexityOptions {
  LoadOptions load;
  std::string text, base, save_base;
  int64_t length = 512;
  bool json = false;
};

Json AsJson(const PerplexityResult& r) {
  Json json = {{"sequences", r.sequences},    {"tokens", r.tokens},
               {"predicted", r.predicted},    {"mean_logprob", r.mean_logprob},
               {"perplexity", r.perplexity},  {"perplexity_error", r.perplexity_error},
               {"most_likely", r.most_likely}};
  if (r.divergence) {
    json["base_perplexity"] = r.divergence->base_perplexity;
    json["mean_kl"] = r.divergence->mean_kl;
    json["mean_kl_error"] = r.divergence->mean_kl_error;
    json["median_kl"] = r.divergence->median_kl;
    json["kl_99_9"] = r.divergence->kl_99_9;
    json["max_kl"] = r.divergence->max_kl;
    json["same_top_1"] = r.divergence->same_best;
    json["max_logprob_difference"] = r.divergence->max_difference;
  }
  return json;
}

void Print(const PerplexityResult& r) {
  fmt::print("{} tokens in {} sequences, {} of them predicted\n", r.tokens, r.sequences, r.predicted);
  fmt::print("perplexity               {:.4f} ± {:.4f}\n", r.perplexity, r.perplexity_error);
  fmt::print("most likely              {:.2f} %\n", 100 * r.most_likely);
  if (!r.divergence) return;
  const PerplexityResult::Divergence& d = *r.divergence;
  fmt::print("\nperplexity of the base   {:.4f}\n", d.base_perplexity);
  fmt::print("KL divergence from it    {:.6f} ± {:.6f} nats; median {:.6f}, 99.9 % {:.6f}, most {:.6f}\n",
             d.mean_kl, d.mean_kl_error, d.median_kl, d.kl_99_9, d.max_kl);
  fmt::print("same most likely token   {:.2f} %\n", 100 * d.same_best);
  fmt::print("largest difference       {:.4f} nats, of one token's log-probability\n", d.max_difference);
}

Result<std::vector<std::vector<int32_t>>> ReadText(const PerplexityOptions& options,
                                                   const LoadedModel& model) {
  const int64_t length = std::min(options.length, model.engine->max_context());
  ASSIGN_OR_RETURN(std::vector<std::vector<int32_t>> sequences,
                   ReadSequences(options.text, model.source, length));
  if (sequences.empty() || sequences.front().size() < 2) {
    return Error{ErrorCode::kInvalid, options.text + ": no token follows another; give a longer text"};
  }
  return sequences;
}

Status Run(const PerplexityOptions& options) {
  const InterruptScope interrupt;
  // A damaged base is found before anything is computed.
  std::unique_ptr<const LogprobFile> base;
  if (!options.base.empty()) {
    ASSIGN_OR_RETURN(base, LogprobFile::Open(options.base));
  }
  ASSIGN_OR_RETURN(const LoadedModel model,
                   LoadEngine(options.load, [&] { return interrupt.interrupted(); }));
  ASSIGN_OR_RETURN(const std::vector<std::vector<int32_t>> sequences, ReadText(options, model));
  if (base && base->sequences() != static_cast<int64_t>(sequences.size())) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("{}: {} sequences, this text has {}; compare with the same text and length",
                             options.base, base->sequences(), sequences.size())};
  }
  std::unique_ptr<LogprobWriter> save;
  if (!options.save_base.empty()) {
    std::vector<int64_t> lengths;
    for (const std::vector<int32_t>& ids : sequences) lengths.push_back(static_cast<int64_t>(ids.size()));
    ASSIGN_OR_RETURN(save, LogprobWriter::Create(options.save_base, model.engine->facts().vocab, lengths));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<PerplexityMeter> meter,
                   PerplexityMeter::Make(*model.engine, base.get(), save.get()));
  ProgressLine progress;
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (interrupt.interrupted()) return Error{ErrorCode::kCancelled, "cancelled"};
    progress.Show(fmt::format("sequence {} of {}", i + 1, sequences.size()));
    RETURN_IF_ERROR(meter->Add(sequences[i]));
  }
  progress.Clear();
  if (save) RETURN_IF_ERROR(save->Commit());
  if (options.json) {
    fmt::print("{}\n", AsJson(meter->Total()).dump());
  } else {
    Print(meter->Total());
  }
  return {};
}

}  // namespace

void AddPerplexityCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand(
      "perplexity",
      "Measure how well a model predicts a text, and how far its predictions are from stored ones");
  const std::shared_ptr<PerplexityOptions> options = std::make_shared<PerplexityOptions>();
  AddLoadOptions(*command, options->load);
  command->add_option("--text", options->text, "The text, cut into sequences")->required()->type_name("FILE");
  command->add_option("--length", options->length, "Tokens of a sequence: 512")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 31))
      ->type_name("N");
  command
      ->add_option("--save-base", options->save_base,
                   "Store the log-probabilities of every token: two bytes for each, at each position")
      ->type_name("FILE");
  command->add_option("--base", options->base, "Compare with what was stored")->type_name("FILE");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([&line, options] { line.run = [options] { return Run(*options); }; });
}

}  // namespace mains
