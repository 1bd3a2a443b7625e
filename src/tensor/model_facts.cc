#include "tensor/model_facts.h"

#include <cmath>

namespace mains {

namespace {

ModelFacts::Part& FindPart(std::vector<ModelFacts::Part>& parts, const std::string& name) {
  for (ModelFacts::Part& p : parts) {
    if (p.name == name) return p;
  }
  return parts.emplace_back(ModelFacts::Part{name, 0, 0, 0});
}

}  // namespace

void ModelFacts::Count(const std::string& part, const Weight& w, double active_share) {
  if (w.empty()) return;
  CountTable(part, w, active_share);
  CountFormat(w);
}

void ModelFacts::CountTable(const std::string& part, const Weight& w, double active_share) {
  Part& p = FindPart(parts, part);
  p.parameters += w.rows * w.cols;
  p.active_parameters += std::llround(static_cast<double>(w.rows * w.cols) * active_share);
  p.bytes += w.bytes();
}

void ModelFacts::Count(const std::string& part, const Vector& v) {
  if (v.empty()) return;
  Part& p = FindPart(parts, part);
  p.parameters += v.size();
  p.active_parameters += v.size();
  p.bytes += 4 * v.size();
}

ModelFacts::Part ModelFacts::Total() const {
  Part total{"total", 0, 0, 0};
  for (const Part& p : parts) {
    total.parameters += p.parameters;
    total.active_parameters += p.active_parameters;
    total.bytes += p.bytes;
  }
  return total;
}

}  // namespace mains
