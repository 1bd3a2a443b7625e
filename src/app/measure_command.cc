// mains measure: what a model does on text of one's own.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/interrupt.h"
#include "app/load_options.h"
#include "app/npy.h"
#include "app/text_sequences.h"
#include "base/file.h"
#include "engine/measure.h"
#include "io/json.h"

namespace mains {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{1} << 30;

struct MeasureOptions {
  LoadOptions load;
  std::string ids, text, logprobs;
  int64_t length = 1024;
  bool json = false;
};

struct Sequence {
  std::vector<int32_t> ids;
  std::vector<uint8_t> counted;
};

// [1, 2, 3], or {"ids": [1, 2, 3], "counted": [0, 0, 1]}.
Result<Sequence> ParseLine(const std::string& line, const std::string& what) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(line, what));
  const Error wrong{ErrorCode::kInvalid,
                    what + ": must be a list of token ids, or {\"ids\": [...], \"counted\": [0, 1, ...]}"};
  const auto read = [](const Json& list, auto& out) {
    if (!list.is_array()) return false;
    for (const Json& item : list) {
      if (!item.is_number_integer() || item < 0 || item > INT32_MAX) return false;
      out.push_back(item.template get<typename std::decay_t<decltype(out)>::value_type>());
    }
    return true;
  };
  Sequence sequence;
  if (json.is_array()) {
    if (!read(json, sequence.ids)) return wrong;
    return sequence;
  }
  if (!json.is_object() || !json.contains("ids") || !read(json["ids"], sequence.ids)) return wrong;
  if (json.contains("counted") && !read(json["counted"], sequence.counted)) return wrong;
  return sequence;
}

Result<std::vector<Sequence>> ReadIds(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxFileBytes));
  std::vector<Sequence> sequences;
  std::istringstream lines(text);
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    ASSIGN_OR_RETURN(Sequence sequence, ParseLine(line, fmt::format("{}:{}", file, number)));
    sequences.push_back(std::move(sequence));
  }
  return sequences;
}

Json OrNull(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

Json AsJson(const Measurement& m) {
  Json layers = Json::array();
  for (size_t i = 0; i < m.layers.size(); ++i) {
    layers.push_back({{"layer", i},
                      {"expert_tokens", m.layers[i].expert_tokens},
                      {"expert_load_max_over_mean", OrNull(m.layers[i].LoadRatio())},
                      {"indexer_recall", OrNull(m.layers[i].Recall())},
                      {"indexer_tokens", m.layers[i].share_tokens}});
  }
  const double predicted = static_cast<double>(m.predicted);
  return {{"sequences", m.sequences},
          {"tokens", m.tokens},
          {"mean_logprob", m.predicted > 0 ? Json(m.logprob_sum / predicted) : Json()},
          {"most_likely", m.predicted > 0 ? Json(static_cast<double>(m.said_right) / predicted) : Json()},
          {"expert_load_max_over_mean", OrNull(m.LoadRatio())},
          {"indexer_recall", OrNull(m.Recall())},
          {"mtp_acceptance", OrNull(m.Acceptance())},
          {"mtp_tokens", m.guesses},
          {"layers", layers}};
}

std::string Cell(const std::optional<double>& value) {
  return value ? fmt::format("{:.4f}", *value) : "-";
}

void Print(const Measurement& m) {
  fmt::print("{} tokens in {} sequences\n", m.tokens, m.sequences);
  if (m.predicted > 0) {
    const double mean = m.logprob_sum / static_cast<double>(m.predicted);
    fmt::print("log-probability of a token: {:.4f}; {:.1f} % of them are the most likely one\n", mean,
               100 * static_cast<double>(m.said_right) / static_cast<double>(m.predicted));
  }
  if (m.LoadRatio() || m.Recall()) {
    fmt::print("\n{:<8}{:>24}{:>24}\n", "layer", "expert load, max/mean", "attention selected");
    for (size_t i = 0; i < m.layers.size(); ++i) {
      fmt::print("{:<8}{:>24}{:>24}\n", i, Cell(m.layers[i].LoadRatio()), Cell(m.layers[i].Recall()));
    }
    fmt::print("{:<8}{:>24}{:>24}\n", "all", Cell(m.LoadRatio()), Cell(m.Recall()));
  }
  if (m.guesses > 0) {
    fmt::print("\nguesses accepted: {:.4f} of {}\n", *m.Acceptance(), m.guesses);
  }
}

Status Run(const MeasureOptions& options) {
  const InterruptScope interrupt;
  ASSIGN_OR_RETURN(const LoadedModel model,
                   LoadEngine(options.load, [&] { return interrupt.interrupted(); }));
  std::vector<Sequence> sequences;
  if (!options.ids.empty()) {
    ASSIGN_OR_RETURN(sequences, ReadIds(options.ids));
  } else {
    const int64_t length = std::min(options.length, model.engine->max_context());
    ASSIGN_OR_RETURN(const std::vector<std::vector<int32_t>> texts,
                     ReadSequences(options.text, model.source, length));
    for (const std::vector<int32_t>& ids : texts) sequences.push_back({ids, {}});
  }
  Measurement total;
  std::vector<float> logprobs;
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (interrupt.interrupted()) return Error{ErrorCode::kCancelled, "cancelled"};
    const Status status = Measure(*model.engine, sequences[i].ids, sequences[i].counted, total,
                                  options.logprobs.empty() ? nullptr : &logprobs);
    if (!status.ok()) {
      return Error{status.error().code, fmt::format("sequence {}: {}", i + 1, status.error().message)};
    }
  }
  if (!options.logprobs.empty()) {
    std::string file = NpyHeader("<f4", {static_cast<int64_t>(logprobs.size())});
    file.append(reinterpret_cast<const char*>(logprobs.data()), logprobs.size() * sizeof(float));
    RETURN_IF_ERROR(WriteFileAtomically(options.logprobs, file));
  }
  if (options.json) {
    fmt::print("{}\n", AsJson(total).dump());
  } else {
    Print(total);
  }
  return {};
}

}  // namespace

void AddMeasureCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand(
      "measure", "Measure a model on text: likelihoods, expert load, sparse attention, guesses ahead");
  const std::shared_ptr<MeasureOptions> options = std::make_shared<MeasureOptions>();
  options->load.draft = 1;  // so that the layer is there to be measured
  AddLoadOptions(*command, options->load);
  CLI::Option* ids = command
                         ->add_option("--ids", options->ids,
                                      "Sequences, one a line: [1,2,3] or {\"ids\": [1,2,3], \"counted\": "
                                      "[0,0,1]}; guesses are counted where that is not 0")
                         ->type_name("FILE");
  CLI::Option* text = command->add_option("--text", options->text, "A text, cut into sequences")
                          ->excludes(ids)
                          ->type_name("FILE");
  command->add_option("--length", options->length, "Tokens of a sequence that the text is cut into")
      ->needs(text)
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 31))
      ->type_name("N");
  command
      ->add_option("--logprobs", options->logprobs,
                   "NumPy file for the log-probability of every token but the first of each sequence: f32")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([&line, options, ids, text] {
    if (ids->count() + text->count() == 0) throw CLI::ValidationError("measure", "give --ids or --text");
    line.run = [options] { return Run(*options); };
  });
}

}  // namespace mains
