#include "app/tools/unit.h"

#include <map>
#include <optional>

#include "app/tools/exact_number.h"
#include "app/tools/text_forms.h"
#include "app/tools/unit_table.h"
#include "base/check.h"

namespace mains {
namespace {

constexpr size_t kMaxNameBytes = 120;
constexpr int kMaxFactors = 6;

struct NamedDimension {
  std::string_view name;
  Dimension dimension;  // length, mass, time, temperature, current, data, angle
};
constexpr NamedDimension kDimensions[] = {
    {"length", {1}},
    {"area", {2}},
    {"volume", {3}},
    {"mass", {0, 1}},
    {"time", {0, 0, 1}},
    {"temperature", {0, 0, 0, 1}},
    {"current", {0, 0, 0, 0, 1}},
    {"data", {0, 0, 0, 0, 0, 1}},
    {"angle", {0, 0, 0, 0, 0, 0, 1}},
    {"speed", {1, 0, -1}},
    {"acceleration", {1, 0, -2}},
    {"frequency", {0, 0, -1}},
    {"angular speed", {0, 0, -1, 0, 0, 0, 1}},
    {"flow", {3, 0, -1}},
    {"density", {-3, 1}},
    {"force", {1, 1, -2}},
    {"energy", {2, 1, -2}},
    {"power", {2, 1, -3}},
    {"pressure", {-1, 1, -2}},
    {"voltage", {2, 1, -3, 0, -1}},
    {"resistance", {2, 1, -3, 0, -2}},
    {"charge", {0, 0, 1, 0, 1}},
    {"data rate", {0, 0, -1, 0, 0, 1}},
    {"fuel", {-2}},
};

struct Prefix {
  std::string_view symbol, word, chinese;
  int exponent;  // of ten, or of two
  bool binary = false;
};
// "da" stands before "d", so that dag is no "d" + "ag".
constexpr Prefix kPrefixes[] = {
    {"da", "deca", "", 1},        {"da", "deka", "十", 1},      {"h", "hecto", "百", 2},
    {"h", "hekto", "百", 2},      {"k", "kilo", "千", 3},       {"M", "mega", "兆", 6},
    {"G", "giga", "吉", 9},       {"T", "tera", "太", 12},      {"P", "peta", "拍", 15},
    {"E", "exa", "艾", 18},       {"Z", "zetta", "泽", 21},     {"Y", "yotta", "尧", 24},
    {"d", "deci", "分", -1},      {"d", "dezi", "分", -1},      {"c", "centi", "厘", -2},
    {"c", "zenti", "厘", -2},     {"m", "milli", "毫", -3},     {"μ", "micro", "微", -6},
    {"u", "mikro", "微", -6},     {"n", "nano", "纳", -9},      {"p", "pico", "皮", -12},
    {"p", "piko", "皮", -12},     {"f", "femto", "飞", -15},    {"a", "atto", "阿", -18},
    {"Ki", "kibi", "", 10, true}, {"Mi", "mebi", "", 20, true}, {"Gi", "gibi", "", 30, true},
    {"Ti", "tebi", "", 40, true}, {"Pi", "pebi", "", 50, true}, {"Ei", "exbi", "", 60, true},
};

struct PowerWord {
  std::string_view word;
  int power;
};
constexpr PowerWord kPowerWords[] = {
    {"square ", 2}, {"sq. ", 2}, {"sq ", 2}, {"quadrat", 2}, {"平方", 2},
    {"cubic ", 3},  {"cu. ", 3}, {"cu ", 3}, {"kubik", 3},   {"立方", 3},
};

mpq_class ReadFactor(std::string_view text) {
  const size_t slash = text.find('/');
  const Result<mpq_class> above = ParseNumber(text.substr(0, slash));
  CHECK(above.ok()) << text;
  if (slash == text.npos) return *above;
  const Result<mpq_class> below = ParseNumber(text.substr(slash + 1));
  CHECK(below.ok()) << text;
  return mpq_class(*above / *below);
}

Unit ReadRow(const UnitRow& row) {
  Unit unit;
  unit.factor = ReadFactor(row.factor);
  unit.note = std::string(row.note);
  std::string_view name = row.dimension, detail;
  bool found = false;
  for (const NamedDimension& dimension : kDimensions) {
    // "data rate" before "data" and its detail
    const bool whole = name == dimension.name;
    const bool begins =
        name.starts_with(dimension.name) && name.substr(dimension.name.size()).starts_with(' ');
    if (!whole && (!begins || found)) continue;
    unit.dimension = dimension.dimension;
    detail = whole ? "" : name.substr(dimension.name.size() + 1);
    found = true;
  }
  CHECK(found) << row.dimension;
  if (detail == "celsius") unit.offset = ReadFactor("273.15");
  if (detail == "fahrenheit") unit.offset = ReadFactor("459.67");
  if (detail == "rad") unit.tau_power = 1;
  if (detail == "inverse") unit.reciprocal = true;
  return unit;
}

struct Named {
  Unit unit;
  Prefixes prefixes;
};

// By symbol (case kept) and by name (case folded). Built once; read by any thread.
struct Index {
  std::multimap<std::string, Named, std::less<>> symbols, names;
};

void AddAll(std::string_view list, char separator, const Named& named, bool fold,
            std::multimap<std::string, Named, std::less<>>& map) {
  while (!list.empty()) {
    const size_t end = list.find(separator);
    const std::string_view name = list.substr(0, end);
    map.emplace(fold ? FoldedForm(name) : CompatibleForm(name), named);
    list = end == list.npos ? std::string_view() : list.substr(end + 1);
  }
}

const Index& AllUnits() {
  static const Index kIndex = [] {
    Index index;
    for (const UnitRow& row : kUnitRows) {
      const Named named{ReadRow(row), row.prefixes};
      AddAll(row.symbols, ' ', named, false, index.symbols);
      AddAll(row.names, '|', named, true, index.names);
    }
    return index;
  }();
  return kIndex;
}

mpq_class Scale(const Prefix& prefix) {
  mpz_class power;
  mpz_ui_pow_ui(power.get_mpz_t(), prefix.binary ? 2 : 10, static_cast<uint64_t>(std::abs(prefix.exponent)));
  return prefix.exponent > 0 ? mpq_class(power) : mpq_class(1, power);
}

bool Allows(Prefixes allowed, const Prefix& prefix) {
  if (allowed == Prefixes::kLarge) return prefix.exponent >= 3;
  return allowed == Prefixes::kMetric && !prefix.binary;
}

void Find(const std::multimap<std::string, Named, std::less<>>& map, std::string_view name,
          const Prefix* prefix, std::vector<Unit>& found) {
  const auto [begin, end] = map.equal_range(name);
  for (auto it = begin; it != end; ++it) {
    if (prefix != nullptr && !Allows(it->second.prefixes, *prefix)) continue;
    found.push_back(it->second.unit);
    if (prefix != nullptr) found.back().factor *= Scale(*prefix);
  }
}

void FindPrefixed(const std::multimap<std::string, Named, std::less<>>& map, std::string_view name,
                  std::string_view Prefix::*spelling, std::vector<Unit>& found) {
  for (const Prefix& prefix : kPrefixes) {
    const std::string_view start = prefix.*spelling;
    if (!start.empty() && name.size() > start.size() && name.starts_with(start)) {
      Find(map, name.substr(start.size()), &prefix, found);
    }
    if (!found.empty()) return;
  }
}

std::vector<Unit> FindSymbol(std::string_view symbol) {
  std::vector<Unit> found;
  Find(AllUnits().symbols, symbol, nullptr, found);
  if (found.empty()) FindPrefixed(AllUnits().symbols, symbol, &Prefix::symbol, found);
  return found;
}

// One unit without powers.
std::vector<Unit> FindName(const std::string& name) {
  std::vector<Unit> found = FindSymbol(name);
  const std::string folded = FoldedForm(name);
  Find(AllUnits().names, folded, nullptr, found);
  if (found.empty()) FindPrefixed(AllUnits().names, folded, &Prefix::word, found);
  if (found.empty()) FindPrefixed(AllUnits().names, folded, &Prefix::chinese, found);
  if (found.empty()) found = FindSymbol(folded);  // KM, Kg
  return found;
}

void Raise(Unit& unit, int power) {
  const mpq_class once = unit.factor;
  for (int i = 1; i < power; ++i) unit.factor *= once;
  for (int8_t& exponent : unit.dimension) exponent = static_cast<int8_t>(exponent * power);
  unit.tau_power *= power;
  unit.offset = 0;
}

std::vector<Unit> FindPower(std::string name) {
  std::vector<Unit> found = FindName(name);
  if (!found.empty()) return found;
  int power = 1;
  const std::string folded = FoldedForm(name);
  for (const PowerWord& word : kPowerWords) {
    if (!folded.starts_with(word.word)) continue;
    power = word.power;
    name = folded.substr(word.word.size());
    break;
  }
  if (power == 1 && name.size() > 1 && (name.back() == '2' || name.back() == '3')) {
    power = name.back() - '0';
    name.pop_back();
    if (name.ends_with('^')) name.pop_back();
  }
  if (power == 1) return {};
  found = FindName(name);
  for (Unit& unit : found) Raise(unit, power);
  return found;
}

struct Factor {
  std::string name;
  bool below = false;
};

// "km/h", "miles per hour", "公里每小时", "kg*m2/s2"
std::vector<Factor> SplitFactors(const std::string& name) {
  static constexpr struct {
    std::string_view text;
    bool below;
  } kSeparators[] = {{"/", true},  {" per ", true}, {" pro ", true}, {"每", true},
                     {"*", false}, {"·", false},    {"⋅", false}};
  std::vector<Factor> factors(1);
  for (std::string_view rest = name; !rest.empty();) {
    bool separated = false;
    for (const auto& separator : kSeparators) {
      if (!rest.starts_with(separator.text)) continue;
      factors.push_back({"", separator.below});
      rest.remove_prefix(separator.text.size());
      separated = true;
      break;
    }
    if (separated) continue;
    factors.back().name += rest[0];
    rest.remove_prefix(1);
  }
  return factors;
}

std::optional<Unit> Product(const std::vector<Factor>& factors) {
  Unit product;
  for (const Factor& factor : factors) {
    const std::vector<Unit> found = FindPower(TrimmedForm(factor.name));
    if (found.empty() || found[0].reciprocal) return std::nullopt;
    const Unit& unit = found[0];
    const int sign = factor.below ? -1 : 1;
    if (factor.below) product.factor /= unit.factor;
    if (!factor.below) product.factor *= unit.factor;
    product.tau_power += sign * unit.tau_power;
    for (size_t i = 0; i < product.dimension.size(); ++i) {
      product.dimension[i] = static_cast<int8_t>(product.dimension[i] + sign * unit.dimension[i]);
    }
    if (product.note.empty()) product.note = unit.note;
  }
  return product;
}

}  // namespace

std::vector<Unit> FindUnits(std::string_view name) {
  if (name.size() > kMaxNameBytes) return {};
  const std::string compatible = TrimmedForm(CompatibleForm(name));
  if (compatible.empty()) return {};
  std::vector<Unit> found = FindPower(compatible);
  if (!found.empty()) return found;
  const std::vector<Factor> factors = SplitFactors(compatible);
  if (factors.size() < 2 || factors.size() > kMaxFactors) return {};
  if (const std::optional<Unit> product = Product(factors)) found.push_back(*product);
  return found;
}

std::string DimensionName(const Dimension& dimension) {
  for (const NamedDimension& named : kDimensions) {
    if (named.dimension == dimension)
      return std::string(named.name == "fuel" ? "fuel consumption" : named.name);
  }
  return "a mix of base units";
}

}  // namespace mains
