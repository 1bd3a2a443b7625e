// What mains bench says: as tables for people, as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "engine/bench.h"
#include "engine/machine_limits.h"
#include "io/json.h"

namespace mains {

// What is the same for all tests of a loaded model.
struct BenchSubject {
  std::string model, build;
  const Engine* engine = nullptr;
  std::vector<FormatShare> formats;

  // "q4_k", or "q4_k 71 % + q6_k 28 %": types of 5 % and more.
  std::string Weights() const;
  // What the fastest exact way would multiply, for ShareOfLimit.
  std::string_view MatrixNumbers() const;
  std::string_view NumbersFor(VerbUse::Kind kind) const;
};

struct BenchRecord {
  BenchTest test;
  BenchResult result;
  std::optional<MachineLimits> limits;  // measured just before; empty: not wanted

  std::vector<double> TokensPerSecond() const;  // of each repeat
};

Json BenchJson(const BenchSubject& subject, const BenchRecord& record);

std::string SubjectText(const BenchSubject& subject);
std::string LimitsText(const MachineLimits& limits);
std::string RecordHeading();
std::string RecordText(const BenchSubject& subject, const BenchRecord& record);
std::string VerbTable(const BenchSubject& subject, const BenchRecord& record);

}  // namespace mains
