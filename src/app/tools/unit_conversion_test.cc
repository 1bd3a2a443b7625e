#include "app/tools/unit_conversion.h"

#include <gtest/gtest.h>

#include <string>

#include "app/tools/exact_number.h"
#include "app/tools/unit.h"

namespace mains {
namespace {

std::string Converted(std::string_view value, std::string_view from, std::string_view to) {
  const Result<Conversion> result = ConvertUnits(*ParseNumber(value), from, to);
  return result.ok() ? result->number : "error: " + result.error().message;
}

std::string Note(std::string_view from, std::string_view to) {
  return ConvertUnits(1, from, to).value().note;
}

// Exact by the definitions of the units.
TEST(UnitConversionTest, IsExactWhereItCanBe) {
  EXPECT_EQ(Converted("1", "inch", "cm"), "2.54");
  EXPECT_EQ(Converted("26.2", "miles", "Kilometer"), "42.1648128");
  EXPECT_EQ(Converted("100", "celsius", "fahrenheit"), "212");
  EXPECT_EQ(Converted("-40", "华氏度", "摄氏度"), "-40");
  EXPECT_EQ(Converted("0", "°C", "K"), "273.15");
  EXPECT_EQ(Converted("1", "斤", "克"), "500");
  EXPECT_EQ(Converted("3", "亩", "平方米"), "2000");
  EXPECT_EQ(Converted("2", "里", "公里"), "1");
  EXPECT_EQ(Converted("90", "km/h", "m/s"), "25");
  EXPECT_EQ(Converted("1", "Stunde", "秒"), "3600");
  EXPECT_EQ(Converted("1", "GiB", "MB"), "1073.741824");
  EXPECT_EQ(Converted("8", "Mbit/s", "MB/s"), "1");
  EXPECT_EQ(Converted("1", "kWh", "MJ"), "3.6");
  EXPECT_EQ(Converted("1", "acre", "square feet"), "43560");
  EXPECT_EQ(Converted("1", "m³", "Liter"), "1000");
  EXPECT_EQ(Converted("180", "degrees", "turns"), "0.5");
  EXPECT_EQ(Converted("1", "PS", "W"), "735.49875");
  EXPECT_EQ(Converted("1", "mm²", "m^2"), "0.000001");
  EXPECT_EQ(Converted("5", "L/100km", "km/l"), "20");
  EXPECT_EQ(Converted("1", "N", "kg*m/s2"), "1");
}

TEST(UnitConversionTest, RoundsToTenDigits) {
  EXPECT_EQ(Converted("1", "km", "miles"), "0.6213711922");
  EXPECT_EQ(Converted("180", "degrees", "radians"), "3.141592654");
  EXPECT_EQ(Converted("30", "mpg", "L/100km"), "7.840486111");
}

TEST(UnitConversionTest, SaysWhichUnitItTook) {
  EXPECT_NE(Note("gallon", "l").find("US gallon"), std::string::npos);
  EXPECT_NE(Note("tons", "kg").find("1000 kg"), std::string::npos);
  EXPECT_NE(Note("calories", "kJ").find("food"), std::string::npos);
  EXPECT_EQ(Note("km", "m"), "");
  EXPECT_EQ(Converted("1", "ounce", "ml"), "29.5735295625");
  EXPECT_EQ(Converted("1", "ounce", "g"), "28.349523125");
  EXPECT_EQ(Converted("20", "Grad", "Fahrenheit"), "68");
}

TEST(UnitConversionTest, RefusesWithBothDimensions) {
  EXPECT_NE(Converted("1", "kg", "m").find("measures mass and \"m\" measures length"), std::string::npos);
  EXPECT_NE(Converted("1", "bananas", "m").find("\"bananas\" is not known"), std::string::npos);
  EXPECT_NE(Converted("-300", "°C", "°F").find("colder"), std::string::npos);
  EXPECT_NE(Converted("0", "L/100km", "mpg").find("0 has no counterpart"), std::string::npos);
  for (const char* const name : {"", "/", "km/", "per", "m2222", "kkm", "\xff\xff", "m/m/m/m/m/m/m/m"}) {
    EXPECT_TRUE(FindUnits(name).empty()) << name;
  }
}

// Every name that pocket/data/natural.py and dates.py ask conversions with.
TEST(UnitConversionTest, KnowsWhatThePocketModelAsks) {
  for (const char* const name :
       {"kilometers",  "miles",       "meters",     "feet",      "inches",   "centimeters", "km",
        "cm",          "kilograms",   "pounds",     "grams",     "ounces",   "kg",          "lb",
        "liters",      "gallons",     "pints",      "hours",     "minutes",  "seconds",     "days",
        "weeks",       "celsius",     "fahrenheit", "Kilometer", "Meilen",   "Meter",       "Fuß",
        "Zoll",        "Zentimeter",  "Kilogramm",  "Pfund",     "Gramm",    "Unzen",       "Liter",
        "Gallonen",    "Milliliter",  "Stunden",    "Minuten",   "Sekunden", "Tage",        "Wochen",
        "Celsius",     "Fahrenheit",  "公里",       "英里",      "米",       "英尺",        "英寸",
        "厘米",        "公斤",        "磅",         "克",        "盎司",     "斤",          "升",
        "加仑",        "毫升",        "小时",       "分钟",      "秒",       "天",          "摄氏度",
        "华氏度",      "millimeters", "Millimeter", "毫米",      "tons",     "Tonnen",      "吨",
        "milliliters", "周"}) {
    EXPECT_FALSE(FindUnits(name).empty()) << name;
  }
}

}  // namespace
}  // namespace mains
