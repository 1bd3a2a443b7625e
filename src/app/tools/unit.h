// Units of measurement by name: English, German and Chinese names, symbols, SI and binary prefixes.
#pragma once

#include <gmpxx.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mains {

// Powers of length, mass, time, temperature, electric current, data and angle.
using Dimension = std::array<int8_t, 7>;

struct Unit {
  Dimension dimension = {};
  mpq_class factor = 1;     // to the base unit (m, kg, s, K, A, bit, turn)
  mpq_class offset = 0;     // added before the factor: 273.15 for °C
  int tau_power = 0;        // the factor is to be divided by 2π so often: radian
  bool reciprocal = false;  // the value stands below the line: litres per 100 km
  std::string note = {};    // which of several units of that name it is
};

// Everything that the name can mean, the likeliest first; empty if it is unknown. "km", "Kilometer",
// "km/h", "square feet", "m2", "平方米", "miles per hour". Total, and thread-safe.
std::vector<Unit> FindUnits(std::string_view name);

// "length", "speed", or for what has no name "a mix of base units".
std::string DimensionName(const Dimension& dimension);

}  // namespace mains
