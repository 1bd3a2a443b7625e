// The time zones of cities and countries, by name, from the tz database of the system.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mains {

struct ZonedTime {
  std::chrono::local_seconds local;
  std::chrono::seconds offset;  // east of UTC
  std::string zone;             // "Europe/Berlin"
};

// A city of the tz database ("Berlin", "new york"), one of the names that it lacks ("München", "北京",
// "Japan"), or a zone ("Europe/Berlin", "UTC"). An error for anything else, and if the system has no tz
// database.
Result<ZonedTime> TimeInCity(std::string_view city, std::chrono::system_clock::time_point now);

}  // namespace mains
