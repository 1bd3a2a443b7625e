// The units that FindUnits knows, as text. Factors are exact by definition (SI brochure, 9th edition; NIST
// SP 811; the international yard and pound of 1959; the Chinese market units of 1959).
#pragma once

#include <string_view>

namespace mains {

enum class Prefixes {
  kNone,
  kMetric,
  kLarge,  // kilo and above, also binary: bits and bytes
};

struct UnitRow {
  std::string_view dimension;  // of DimensionName; a second word: how it differs
  std::string_view factor;     // a decimal number or a fraction
  std::string_view symbols;    // case matters; parted by spaces
  std::string_view names;      // case does not matter; parted by "|"
  Prefixes prefixes = Prefixes::kNone;
  std::string_view note = {};
};

inline constexpr UnitRow kUnitRows[] = {
    {"length", "1", "m", "meter|meters|metre|metres|metern|米|公尺", Prefixes::kMetric},
    {"length", "0.0254", "in \" ″", "inch|inches|zoll|英寸|吋"},
    {"length", "0.3048", "ft ' ′", "foot|feet|fuß|英尺|呎"},
    {"length", "0.9144", "yd", "yard|yards|码"},
    {"length", "1609.344", "mi", "mile|miles|meile|meilen|statute mile|statute miles|英里|哩"},
    {"length", "1852", "nmi NM", "nautical mile|nautical miles|seemeile|seemeilen|海里|浬"},
    {"length", "500", "", "li|chinese mile|chinese miles|里|华里|市里"},
    {"length", "10/3", "", "zhang|丈|市丈"},
    {"length", "1/3", "", "chi|尺|市尺"},
    {"length", "1/30", "", "cun|寸|市寸"},
    {"length", "1000", "", "公里"},
    {"length", "0.01", "", "公分"},
    {"length", "149597870700", "au AU",
     "astronomical unit|astronomical units|astronomische einheit|astronomische einheiten|天文单位"},
    {"length", "9460730472580800", "ly",
     "light-year|light-years|light year|light years|lichtjahr|lichtjahre|光年"},
    {"length", "0.0000000001", "Å", "angstrom|ångström|埃"},
    {"length", "201.168", "", "furlong|furlongs"},
    {"length", "1.8288", "", "fathom|fathoms|faden"},
    {"length", "0.000001", "", "micron|microns"},

    {"mass", "0.001", "g", "gram|grams|gramme|grammes|gramm|克|公克", Prefixes::kMetric},
    {"mass", "1", "", "kilo|kilos|公斤"},
    {"mass", "1000", "t", "tonne|tonnes|metric ton|metric tons|tonnen|吨|公吨", Prefixes::kMetric},
    {"mass", "1000", "", "ton|tons", Prefixes::kNone,
     "a metric ton of 1000 kg; the others are \"short ton\" (907 kg) and \"long ton\" (1016 kg)"},
    {"mass", "907.18474", "", "short ton|short tons|us ton|us tons|美吨|短吨"},
    {"mass", "1016.0469088", "", "long ton|long tons|imperial ton|imperial tons|英吨|长吨"},
    {"mass", "0.45359237", "lb lbs", "pound|pounds|磅"},
    {"mass", "0.5", "", "pfund|metrisches pfund|metric pound|metric pounds", Prefixes::kNone,
     "a metric pound of 0.5 kg; the one of 0.45359237 kg is \"lb\""},
    {"mass", "50", "", "zentner"},
    {"mass", "0.028349523125", "oz", "ounce|ounces|unze|unzen|盎司|安士"},
    {"mass", "0.0311034768", "ozt", "troy ounce|troy ounces|feinunze|feinunzen|金衡盎司"},
    {"mass", "0.00006479891", "gr", "grain|grains"},
    {"mass", "6.35029318", "st", "stone|stones|英石"},
    {"mass", "0.0002", "ct", "carat|carats|karat|克拉"},
    {"mass", "0.5", "", "jin|catty|斤|市斤"},
    {"mass", "0.05", "", "liang|tael|两|市两"},
    {"mass", "0.005", "", "钱|市钱"},
    {"mass", "50", "", "担|市担"},

    {"area", "1", "qm sqm", "平米"},
    {"area", "1000000", "qkm sqkm", ""},
    {"area", "0.09290304", "sqft", ""},
    {"volume", "1", "cbm", ""},
    {"area", "100", "", "are|ares|ar|公亩"},
    {"area", "10000", "ha", "hectare|hectares|hektar|公顷"},
    {"area", "4046.8564224", "ac", "acre|acres|英亩"},
    {"area", "2000/3", "", "mu|亩|市亩"},
    {"area", "200000/3", "", "qing|顷|市顷"},

    {"volume", "0.001", "l L ℓ", "liter|liters|litre|litres|litern|升|公升", Prefixes::kMetric},
    {"volume", "0.000001", "cc ccm", "西西"},
    {"volume", "1", "", "fm|festmeter|raummeter"},
    {"volume", "0.003785411784", "gal", "gallon|gallons|gallone|gallonen|加仑", Prefixes::kNone,
     "a US gallon; the other is \"imperial gallon\""},
    {"volume", "0.003785411784", "", "us gallon|us gallons|us-gallone|us-gallonen|美制加仑|美加仑"},
    {"volume", "0.00454609", "",
     "imperial gallon|imperial gallons|uk gallon|uk gallons|british gallon|british gallons|britische "
     "gallonen|英制加仑|英加仑"},
    {"volume", "0.000946352946", "qt", "quart|quarts|夸脱", Prefixes::kNone,
     "a US quart; the other is \"imperial quart\""},
    {"volume", "0.0011365225", "", "imperial quart|imperial quarts|uk quart|uk quarts"},
    {"volume", "0.000473176473", "pt", "pint|pints|品脱", Prefixes::kNone,
     "a US pint; the other is \"imperial pint\""},
    {"volume", "0.000473176473", "", "us pint|us pints|美制品脱"},
    {"volume", "0.00056826125", "",
     "imperial pint|imperial pints|uk pint|uk pints|british pint|british pints|英制品脱"},
    {"volume", "0.0002365882365", "", "cup|cups|杯", Prefixes::kNone, "a US cup"},
    {"volume", "0.0000295735295625", "floz",
     "fluid ounce|fluid ounces|fl oz|fl. oz|fl. oz.|us fluid ounce|us fluid ounces|液量盎司|液盎司",
     Prefixes::kNone, "a US fluid ounce; the other is \"imperial fluid ounce\""},
    {"volume", "0.0000284130625", "",
     "imperial fluid ounce|imperial fluid ounces|uk fluid ounce|uk fluid ounces"},
    {"volume", "0.0000295735295625", "oz", "ounce|ounces|unze|unzen|盎司", Prefixes::kNone,
     "a US fluid ounce"},
    {"volume", "0.00001478676478125", "tbsp", "tablespoon|tablespoons", Prefixes::kNone, "a US tablespoon"},
    {"volume", "0.00000492892159375", "tsp", "teaspoon|teaspoons", Prefixes::kNone, "a US teaspoon"},
    {"volume", "0.000015", "EL", "esslöffel|大勺|汤匙", Prefixes::kNone, "of 15 ml"},
    {"volume", "0.000005", "TL", "teelöffel|小勺|茶匙", Prefixes::kNone, "of 5 ml"},
    {"volume", "0.158987294928", "bbl", "barrel|barrels|oil barrel|oil barrels|桶", Prefixes::kNone,
     "a barrel of oil, 42 US gallons"},

    {"time", "1", "s sec", "second|seconds|sekunde|sekunden|secs|sek|秒|秒钟", Prefixes::kMetric},
    {"time", "60", "min", "minute|minutes|minuten|mins|分|分钟"},
    {"time", "3600", "h hr hrs", "hour|hours|stunde|stunden|std|小时|时|钟头"},
    {"time", "86400", "d", "day|days|tag|tage|tagen|天|日"},
    {"time", "604800", "wk", "week|weeks|woche|wochen|周|星期|礼拜"},
    {"time", "1209600", "", "fortnight|fortnights"},
    {"time", "2629746", "", "month|months|monat|monate|monaten|月|个月", Prefixes::kNone,
     "a mean month of 30.436875 days"},
    {"time", "31556952", "yr", "year|years|jahr|jahre|jahren|年", Prefixes::kNone,
     "a mean year of 365.2425 days"},
    {"time", "315569520", "", "decade|decades|jahrzehnt|jahrzehnte", Prefixes::kNone,
     "years of 365.2425 days"},
    {"time", "3155695200", "", "century|centuries|jahrhundert|jahrhunderte|世纪", Prefixes::kNone,
     "years of 365.2425 days"},

    {"temperature", "1", "K", "kelvin|kelvins|开尔文|开"},
    {"temperature celsius", "1", "°C C",
     "celsius|degree celsius|degrees celsius|grad celsius|centigrade|摄氏度|摄氏"},
    {"temperature fahrenheit", "5/9", "°F F",
     "fahrenheit|degree fahrenheit|degrees fahrenheit|grad fahrenheit|华氏度|华氏"},
    {"temperature", "5/9", "°R °Ra", "rankine"},

    {"angle", "1/360", "° deg", "degree|degrees|grad|度|角度"},
    {"temperature celsius", "1", "° deg", "degree|degrees|grad|度", Prefixes::kNone, "degrees Celsius"},
    {"angle rad", "1", "rad", "radian|radians|radiant|弧度", Prefixes::kMetric},
    {"angle", "1/400", "gon grad", "gradian|gradians|neugrad"},
    {"angle", "1/21600", "arcmin",
     "arcminute|arcminutes|minute of arc|minutes of arc|bogenminute|bogenminuten|角分"},
    {"angle", "1/1296000", "arcsec",
     "arcsecond|arcseconds|second of arc|seconds of arc|bogensekunde|bogensekunden|角秒"},
    {"angle", "1", "", "turn|turns|revolution|revolutions|umdrehung|umdrehungen|圈|转"},

    {"speed", "1/3.6", "kmh kph", "stundenkilometer"},
    {"speed", "0.44704", "mph", "英里每小时"},
    {"speed", "1852/3600", "kn kt kts", "knot|knots|knoten|节"},
    {"speed", "0.3048", "fps", ""},
    {"speed", "299792458", "c", "speed of light|lichtgeschwindigkeit|光速"},

    {"data", "1", "b bit", "bit|bits|比特|位", Prefixes::kLarge},
    {"data", "8", "B", "byte|bytes|octet|octets|字节", Prefixes::kLarge},
    {"data", "8000", "KB", ""},
    {"data rate", "1", "bps", "", Prefixes::kLarge},
    {"data rate", "8", "Bps", "", Prefixes::kLarge},

    {"energy", "1", "J", "joule|joules|焦耳|焦", Prefixes::kMetric},
    {"energy", "3600", "Wh",
     "watt hour|watt hours|watt-hour|watt-hours|watthour|watthours|wattstunde|wattstunden|瓦时|瓦小时",
     Prefixes::kMetric},
    {"energy", "3600000", "", "度电|kilowattstunde|kilowattstunden|千瓦时|千瓦小时"},
    {"energy", "4.184", "cal",
     "thermochemical calorie|thermochemical calories|small calorie|small calories|卡", Prefixes::kMetric},
    {"energy", "4184", "",
     "kilocalorie|kilocalories|kilokalorie|kilokalorien|food calorie|food calories|大卡|千卡"},
    {"energy", "4184", "", "calorie|calories|kalorie|kalorien|卡路里", Prefixes::kNone,
     "a food calorie (kcal) of 4184 J; the small one is \"cal\""},
    {"energy", "0.0000000000000000001602176634", "eV",
     "electronvolt|electronvolts|electron volt|electron volts|elektronenvolt|电子伏特|电子伏",
     Prefixes::kMetric},
    {"energy", "1055.05585262", "BTU Btu", "british thermal unit|british thermal units|英热单位"},
    {"energy", "0.0000001", "erg", "ergs"},

    {"power", "1", "W", "watt|watts|瓦特|瓦", Prefixes::kMetric},
    {"power", "735.49875", "PS", "metric horsepower|pferdestärke|pferdestärken|马力"},
    {"power", "745.69987158227022", "hp HP", "horsepower|mechanical horsepower|英制马力", Prefixes::kNone,
     "a mechanical horsepower of 745.7 W; the metric one is \"PS\""},

    {"pressure", "1", "Pa", "pascal|pascals|帕斯卡|帕", Prefixes::kMetric},
    {"pressure", "100000", "bar", "bars|巴", Prefixes::kMetric},
    {"pressure", "101325", "atm",
     "standard atmosphere|standard "
     "atmospheres|atmosphere|atmospheres|atmosphäre|atmosphären|标准大气压|大气压"},
    {"pressure", "133.322387415", "mmHg",
     "millimeter of mercury|millimeters of mercury|millimeter quecksilbersäule|毫米汞柱"},
    {"pressure", "101325/760", "Torr torr", "torrs|托"},
    {"pressure", "4.4482216152605/0.00064516", "psi",
     "pounds per square inch|pound per square inch|磅每平方英寸"},

    {"force", "1", "N", "newton|newtons|牛顿|牛", Prefixes::kMetric},
    {"force", "9.80665", "kgf kp", "kilogram-force|kilopond|公斤力|千克力"},
    {"force", "4.4482216152605", "lbf", "pound-force|磅力"},

    {"frequency", "1", "Hz", "hertz|赫兹|赫", Prefixes::kMetric},
    {"frequency", "1/60", "rpm", "revolutions per minute|umdrehungen pro minute|转每分钟"},

    {"current", "1", "A", "ampere|amperes|amp|amps|安培|安", Prefixes::kMetric},
    {"voltage", "1", "V", "volt|volts|伏特|伏", Prefixes::kMetric},
    {"resistance", "1", "Ω Ohm ohm", "ohms|欧姆|欧", Prefixes::kMetric},
    {"charge", "3600", "Ah", "ampere hour|ampere hours|amp hour|amp hours|amperestunde|amperestunden|安时",
     Prefixes::kMetric},

    // Distance on a volume; the inverse is what Europeans and Chinese say.
    {"fuel", "1609.344/0.003785411784", "mpg", "miles per gallon|meilen pro gallone|英里每加仑",
     Prefixes::kNone, "US gallons; the other is \"imperial mpg\""},
    {"fuel", "1609.344/0.00454609", "",
     "imperial mpg|mpg uk|mpg (uk)|uk mpg|mpg imperial|miles per imperial gallon"},
    {"fuel inverse", "0.00000001", "l/100km L/100km l/100 L/100",
     "liters per 100 km|litres per 100 km|liters per 100 kilometers|litres per 100 kilometres|liter pro 100 "
     "km|liter pro 100 kilometer|liter auf 100 km|liter auf 100 "
     "kilometer|升每百公里|升/百公里|升/100公里|百公里油耗"},
};

}  // namespace mains
