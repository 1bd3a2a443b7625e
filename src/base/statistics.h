// Figures of a few measurements.
#pragma once

#include <span>

namespace mains {

// All: 0 of nothing.
double Mean(std::span<const double> values);
double Median(std::span<const double> values);
// Of a sample: divided by n - 1; 0 of fewer than two.
double StandardDeviation(std::span<const double> values);
// The value below which a share `q` of them lies, in [0, 1]; between two, interpolated (NumPy's default).
double Quantile(std::span<const double> values, double q);

}  // namespace mains
