// Counts of a model's weights, for people.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tensor/weight.h"

namespace mains {

// What a model is made of, by part, in the order of the forward pass.
struct ModelFacts {
  int64_t layers = 0, d_model = 0, vocab = 0;
  int64_t max_positions = 0;  // longest context that the positions are made for
  struct Part {
    std::string name;
    int64_t parameters = 0;
    int64_t active_parameters = 0;  // used for one token
    int64_t bytes = 0;              // as stored
  };
  std::vector<Part> parts;
  // Of the matrices that activations are multiplied with, as held: bytes by Weight::FormatName.
  std::map<std::string, int64_t> format_bytes;

  // Adds a matrix (or vector) to a part; `active_share` of it works on one token.
  void Count(const std::string& part, const Weight& w, double active_share = 1.0);
  // The same of a matrix whose rows are only looked up.
  void CountTable(const std::string& part, const Weight& w, double active_share);
  // A matrix that is counted elsewhere, in another format.
  void CountFormat(const Weight& w) { format_bytes[w.FormatName()] += w.bytes(); }
  void Count(const std::string& part, const Vector& v);
  Part Total() const;
};

}  // namespace mains
