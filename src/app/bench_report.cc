#include "app/bench_report.h"

#include <fmt/format.h>

#include <ctime>

#include "base/cpu.h"
#include "base/statistics.h"
#include "base/units.h"
#include "io/checkpoint.h"

namespace mains {
namespace {

constexpr double kShownShare = 0.05;

double Bytes(const TokenCost& cost) {
  return cost.weight_bytes + cost.state_bytes;
}

std::string Architecture(const Engine& engine) {
  return engine.checkpoint().config()["architectures"][0].get<std::string>();
}

std::string Now() {
  const std::time_t now = std::time(nullptr);
  struct tm utc = {};
  gmtime_r(&now, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

// Every kind of peak that a processor may have, and this one's, if it has it.
struct PeakKind {
  const char* numbers;
  const char* unit;
};
constexpr PeakKind kPeakKinds[] = {
    {"f32", "vector"}, {"bf16", "vector"}, {"int8", "vector"}, {"bf16", "tile"}, {"int8", "tile"}};

const MachinePeak* FindPeak(const MachineLimits& limits, const PeakKind& kind) {
  for (const MachinePeak& peak : limits.peaks) {
    // Without vector kernels, f32 is multiplied one by one.
    const bool scalar = peak.unit == "scalar" && std::string_view(kind.unit) == "vector";
    if (peak.numbers == kind.numbers && (peak.unit == kind.unit || scalar)) return &peak;
  }
  return nullptr;
}

Json LimitsJson(const MachineLimits& limits) {
  Json peaks = Json::array(), absent = Json::array();
  for (const PeakKind& kind : kPeakKinds) {
    if (const MachinePeak* peak = FindPeak(limits, kind)) {
      peaks.push_back({{"numbers", peak->numbers},
                       {"unit", peak->unit},
                       {"instruction", peak->instruction},
                       {"operations_per_second", peak->operations_per_second}});
    } else {
      absent.push_back(fmt::format("{} {}", kind.numbers, kind.unit));
    }
  }
  return {{"read_bytes_per_second", limits.read_bytes_per_second}, {"peaks", peaks}, {"absent", absent}};
}

Json ShareJson(const TokenCost& cost, double seconds, std::string_view numbers, const MachineLimits& limits) {
  const LimitShare share = ShareOfLimit(cost, seconds, numbers, limits);
  return {{"bound", share.bound}, {"share", share.share}};
}

Json VerbsJson(const BenchSubject& subject, const BenchRecord& record) {
  Json verbs = Json::array();
  for (const VerbUse& use : record.result.verbs) {
    Json one = {{"verb", use.name},
                {"calls", use.calls},
                {"seconds", use.seconds},
                {"flops", use.cost.flops},
                {"weight_bytes", use.cost.weight_bytes},
                {"state_bytes", use.cost.state_bytes}};
    if (record.limits) {
      one["limit"] = ShareJson(use.cost, use.seconds, subject.NumbersFor(use.kind), *record.limits);
    }
    verbs.push_back(std::move(one));
  }
  return verbs;
}

std::string ShareText(const LimitShare& share) {
  return share.bound.empty() ? "-" : fmt::format("{:.1f} % of {}", 100 * share.share, share.bound);
}

std::string VerbRow(const std::string& name, int64_t calls, double seconds, double total,
                    const TokenCost& cost, const std::string& share) {
  const double time = std::max(seconds, 1e-12);
  return fmt::format("  {:<18}{:>7}{:>11.3f}{:>8.1f}{:>9.2f}{:>10.2f}   {}\n", name, calls, seconds * 1e3,
                     100 * seconds / total, Bytes(cost) / time / 1e9, cost.flops / time / 1e9, share);
}

}  // namespace

std::string BenchSubject::Weights() const {
  std::string text;
  for (const FormatShare& format : formats) {
    if (format.share < kShownShare) continue;
    text += (text.empty() ? "" : " + ") + (format.share > 1 - kShownShare
                                               ? format.name
                                               : fmt::format("{} {:.0f} %", format.name, 100 * format.share));
  }
  return text;
}

std::string_view BenchSubject::MatrixNumbers() const {
  return formats.empty() ? "f32" : NumbersOf(formats.front().name);
}

std::string_view BenchSubject::NumbersFor(VerbUse::Kind kind) const {
  switch (kind) {
    case VerbUse::Kind::kMatrices: return MatrixNumbers();
    case VerbUse::Kind::kAttention: return NumbersOf(Name(engine->state_dtype()));
    case VerbUse::Kind::kOther: return "f32";
  }
  return "f32";
}

std::vector<double> BenchRecord::TokensPerSecond() const {
  std::vector<double> rates;
  for (const double seconds : result.seconds) rates.push_back(static_cast<double>(test.tokens()) / seconds);
  return rates;
}

// Names as in llama-bench's JSON where they mean the same.
Json BenchJson(const BenchSubject& subject, const BenchRecord& record) {
  const Engine& engine = *subject.engine;
  const ModelFacts::Part total = engine.facts().Total();
  const std::vector<double> rates = record.TokensPerSecond();
  Json nanoseconds = Json::array(), formats = Json::object();
  for (const double seconds : record.result.seconds) nanoseconds.push_back(std::llround(seconds * 1e9));
  for (const FormatShare& format : subject.formats) formats[format.name] = format.share;
  Json json = {{"build_commit", subject.build},
               {"test_time", Now()},
               {"cpu_info", CpuName()},
               {"isa", IsaName(DetectIsa())},
               {"device", engine.device_name()},
               {"n_threads", engine.threads()},
               {"model_filename", subject.model},
               {"model_type", Architecture(engine)},
               {"model_size", total.bytes},
               {"model_n_params", total.parameters},
               {"weights", subject.Weights()},
               {"weight_formats", formats},
               {"type_kv", Name(engine.state_dtype())},
               {"n_chunk", engine.prompt_chunk()},
               {"test", record.test.Name()},
               {"n_prompt", record.test.prompt},
               {"n_gen", record.test.generated},
               {"n_depth", record.test.depth},
               {"n_sequences", record.test.sequences},
               {"n_tokens", record.test.tokens()},
               {"samples_ns", nanoseconds},
               {"samples_ts", rates},
               {"median_ts", Median(rates)},
               {"avg_ts", Mean(rates)},
               {"stddev_ts", StandardDeviation(rates)},
               {"flops", record.result.cost.flops},
               {"weight_bytes", record.result.cost.weight_bytes},
               {"state_bytes", record.result.cost.state_bytes}};
  if (record.limits) {
    json["limits"] = LimitsJson(*record.limits);
    json["limit"] =
        ShareJson(record.result.cost, Median(record.result.seconds), subject.MatrixNumbers(), *record.limits);
  }
  if (!record.result.verbs.empty()) {
    json["verbs_seconds"] = record.result.verbs_seconds;
    json["verbs"] = VerbsJson(subject, record);
  }
  return json;
}

std::string SubjectText(const BenchSubject& subject) {
  const Engine& engine = *subject.engine;
  const ModelFacts::Part total = engine.facts().Total();
  return fmt::format(
      "{}: {}, {} parameters, {} of weights ({}), state {}\n"
      "{}; {}; {} tokens of a prompt in a step; build {}\n",
      subject.model, Architecture(engine), HumanCount(static_cast<double>(total.parameters)),
      HumanBytes(static_cast<double>(total.bytes)), subject.Weights(), Name(engine.state_dtype()), CpuName(),
      engine.device_name(), engine.prompt_chunk(), subject.build);
}

std::string LimitsText(const MachineLimits& limits) {
  std::string text = fmt::format("limits: read {:.1f} GB/s", limits.read_bytes_per_second / 1e9);
  for (const PeakKind& kind : kPeakKinds) {
    const MachinePeak* peak = FindPeak(limits, kind);
    text += peak == nullptr ? fmt::format("; {} {} absent", kind.numbers, kind.unit)
                            : fmt::format("; {} {} {:.0f} GOP/s ({})", kind.numbers, peak->unit,
                                          peak->operations_per_second / 1e9, peak->instruction);
  }
  return text + "\n";
}

std::string RecordHeading() {
  return fmt::format("{:<20}{:>12}{:>22}{:>9}{:>10}   {}\n", "test", "tokens/s", "mean ± deviation", "GB/s",
                     "GFLOP/s", "share of limit");
}

std::string RecordText(const BenchSubject& subject, const BenchRecord& record) {
  const std::vector<double> rates = record.TokensPerSecond();
  const double seconds = std::max(Median(record.result.seconds), 1e-12);
  const std::string share =
      record.limits
          ? ShareText(ShareOfLimit(record.result.cost, seconds, subject.MatrixNumbers(), *record.limits))
          : "-";
  return fmt::format("{:<20}{:>12.2f}{:>22}{:>9.2f}{:>10.1f}   {}\n", record.test.Name(), Median(rates),
                     fmt::format("{:.2f} ± {:.2f}", Mean(rates), StandardDeviation(rates)),
                     Bytes(record.result.cost) / seconds / 1e9, record.result.cost.flops / seconds / 1e9,
                     share);
}

std::string VerbTable(const BenchSubject& subject, const BenchRecord& record) {
  std::string text = fmt::format("  {:<18}{:>7}{:>11}{:>8}{:>9}{:>10}   {}\n", "verb", "calls", "ms",
                                 "% time", "GB/s", "GFLOP/s", "share of limit");
  const double total = std::max(record.result.verbs_seconds, 1e-12);
  double rest = total;
  for (const VerbUse& use : record.result.verbs) {
    rest -= use.seconds;
    const std::string share =
        record.limits
            ? ShareText(ShareOfLimit(use.cost, use.seconds, subject.NumbersFor(use.kind), *record.limits))
            : "-";
    text += VerbRow(use.name, use.calls, use.seconds, total, use.cost, share);
  }
  return text + VerbRow("between verbs", 1, std::max(rest, 0.0), total, {}, "-");
}

}  // namespace mains
