#include "app/tools/city_zones.h"

#include <date/tz.h>

#include <exception>
#include <map>

#include "app/tools/text_forms.h"
#include "io/quoted.h"

namespace mains {
namespace {

struct Alias {
  std::string_view zone, names;
};
// What the tz database names differently or not at all: it has one city for each history of clocks.
constexpr Alias kAliases[] = {
    {"Europe/Berlin",
     "Hamburg|München|Munich|Köln|Cologne|Leipzig|Bonn|Kiel|Bremen|Dresden|Ulm|Mainz|Kassel|Erfurt|Potsdam|"
     "Rostock|"
     "Aachen|Lübeck|Freiburg|Jena|Weimar|Trier|Passau|Münster|Würzburg|Göttingen|Osnabrück|Bamberg|Konstanz|"
     "Cottbus|"
     "Zwickau|Bad Homburg|Frankfurt|Frankfurt am "
     "Main|Stuttgart|Düsseldorf|Dortmund|Essen|Hannover|Hanover|Nürnberg|"
     "Nuremberg|Karlsruhe|Mannheim|Heidelberg|Augsburg|Wiesbaden|Bielefeld|Regensburg|Germany|Deutschland|"
     "德国|柏林|"
     "慕尼黑|汉堡|法兰克福"},
    {"Europe/Vienna", "Wien|Graz|Linz|Salzburg|Innsbruck|Österreich|Austria|维也纳|奥地利"},
    {"Europe/Zurich",
     "Zürich|Basel|Bern|Genf|Geneva|Genève|Sankt Gallen|St. "
     "Gallen|Luzern|Lausanne|Schweiz|Switzerland|苏黎世|日内瓦|瑞士"},
    {"Europe/London",
     "Bristol|Leeds|Glasgow|Cardiff|Edinburgh|Manchester|Liverpool|Oxford|UK|England|Scotland|Wales|"
     "Großbritannien|Great Britain|伦敦|英国"},
    {"Europe/Paris", "Lyon|Marseille|Nice|Toulouse|Straßburg|Strasbourg|France|Frankreich|巴黎|法国"},
    {"Europe/Rome",
     "Rom|Roma|Turin|Torino|Milan|Mailand|Milano|Venice|Venedig|Florence|Florenz|Naples|Neapel|Italy|Italien|"
     "罗马|米兰|意大利"},
    {"Europe/Madrid", "Seville|Sevilla|Barcelona|Valencia|Bilbao|Spain|Spanien|马德里|巴塞罗那|西班牙"},
    {"Europe/Lisbon", "Lissabon|Lisboa|Porto|里斯本"},
    {"Europe/Amsterdam", "Utrecht|Rotterdam|Den Haag|The Hague|Netherlands|Niederlande|阿姆斯特丹|荷兰"},
    {"Europe/Brussels", "Brüssel|Bruxelles|Antwerpen|Belgium|Belgien|布鲁塞尔|比利时"},
    {"Europe/Stockholm", "Malmo|Malmö|Göteborg|Gothenburg|Sweden|Schweden|斯德哥尔摩|瑞典"},
    {"Europe/Oslo", "Bergen|Trondheim|Norway|Norwegen|奥斯陆|挪威"},
    {"Europe/Copenhagen", "Kopenhagen|København|Denmark|Dänemark|哥本哈根|丹麦"},
    {"Europe/Helsinki", "Finland|Finnland|赫尔辛基|芬兰"},
    {"Europe/Warsaw", "Warschau|Krakow|Kraków|Krakau|Danzig|Gdańsk|Breslau|Wrocław|Poland|Polen|华沙|波兰"},
    {"Europe/Prague", "Prag|Praha|Brno|Brünn|布拉格|捷克"},
    {"Europe/Athens", "Athen|Greece|Griechenland|雅典|希腊"},
    {"Europe/Moscow", "Moskau|莫斯科|Saint Petersburg|St. Petersburg|Sankt Petersburg"},
    {"Europe/Istanbul", "Ankara|Türkei|Turkey|伊斯坦布尔|土耳其"},
    {"Europe/Kyiv", "Kiew|Kiev|Ukraine|基辅|乌克兰"},
    {"Europe/Dublin", "Ireland|Irland|都柏林|爱尔兰"},
    {"Asia/Shanghai",
     "北京|上海|广州|深圳|成都|杭州|武汉|西安|南京|重庆|苏州|天津|长沙|青岛|大连|厦门|昆明|哈尔滨|济南|福州|"
     "郑州|合肥|南昌|贵阳|"
     "兰州|桂林|三亚|洛阳|拉萨|珠海|宁波|无锡|烟台|扬州|沈阳|长春|太原|石家庄|南宁|海口|西宁|银川|呼和浩特|"
     "东莞|佛山|温州|徐州|"
     "中国|China|Beijing|Peking|Guangzhou|Shenzhen|Chengdu|Hangzhou|Wuhan|Xi'an|Nanjing|Tianjin|Suzhou|"
     "Qingdao|Xiamen"},
    {"Asia/Hong_Kong", "香港|Hongkong"},
    {"Asia/Macau", "澳门|Macao"},
    {"Asia/Taipei", "台北|臺北|Taiwan|台湾"},
    {"Asia/Tokyo", "东京|東京|大阪|Osaka|Kyoto|京都|Sapporo|Japan|日本|Tokio"},
    {"Asia/Seoul", "首尔|Busan|South Korea|Südkorea|韩国"},
    {"Asia/Singapore", "新加坡|Singapur"},
    {"Asia/Kolkata",
     "Mumbai|Delhi|New "
     "Delhi|Neu-Delhi|Bangalore|Bengaluru|Chennai|Hyderabad|Kolkata|India|Indien|印度|孟买|新德里"},
    {"Asia/Ho_Chi_Minh", "Hanoi|Saigon|Vietnam|河内|越南|胡志明市"},
    {"Asia/Bangkok", "曼谷|Thailand|泰国"},
    {"Asia/Dubai", "迪拜|Abu Dhabi"},
    {"Asia/Jerusalem", "Tel Aviv|Israel|耶路撒冷|以色列"},
    {"Africa/Cairo", "Kairo|Egypt|Ägypten|开罗|埃及"},
    {"Africa/Johannesburg", "Cape Town|Kapstadt|Pretoria|Durban|South Africa|Südafrika|开普敦|南非"},
    {"Africa/Nairobi", "Kenya|Kenia|内罗毕"},
    {"America/New_York",
     "New York City|NYC|Boston|Philadelphia|Washington|Washington DC|Washington, "
     "D.C.|Miami|Atlanta|Pittsburgh|Baltimore|纽约|波士顿|华盛顿"},
    {"America/Chicago",
     "Austin|Houston|Dallas|San Antonio|Minneapolis|New Orleans|St. Louis|Milwaukee|芝加哥|休斯顿"},
    {"America/Denver", "Salt Lake City|Albuquerque|丹佛"},
    {"America/Los_Angeles",
     "San Diego|San Francisco|Seattle|Las Vegas|Sacramento|Oakland|洛杉矶|旧金山|西雅图"},
    {"Pacific/Honolulu", "Hawaii|檀香山"},
    {"America/Toronto", "Ottawa|Montreal|Montréal|Quebec|多伦多"},
    {"America/Vancouver", "温哥华"},
    {"America/Mexico_City", "Mexiko-Stadt|墨西哥城"},
    {"America/Guayaquil", "Quito"},
    {"America/Havana", "Havanna|哈瓦那"},
    {"America/Sao_Paulo", "São Paulo|Rio de Janeiro|Rio|Brasília|圣保罗"},
    {"America/Argentina/Buenos_Aires", "布宜诺斯艾利斯"},
    {"Australia/Sydney", "Canberra|悉尼"},
    {"Australia/Melbourne", "墨尔本"},
    {"Pacific/Auckland", "Wellington|Christchurch|New Zealand|Neuseeland|奥克兰|新西兰"},
    {"Etc/UTC", "UTC|GMT|Zulu|世界协调时"},
};

// "St. John's" and "St_Johns" are the same.
std::string CityKey(std::string_view name) {
  std::string key;
  for (const char c : FoldedForm(name)) {
    if (c == '.' || c == '\'') continue;
    key += c == '_' || c == '-' ? ' ' : c;
  }
  return TrimmedForm(key);
}

// Zones by the folded names of their cities. Built once, if the database can be read.
std::map<std::string, std::string> ReadCities() {
  std::map<std::string, std::string> cities;
  for (const date::time_zone& zone : date::get_tzdb().zones) {
    const std::string& name = zone.name();
    cities.emplace(CityKey(name), name);
    const size_t slash = name.rfind('/');
    if (slash != name.npos && !name.starts_with("Etc/"))
      cities.emplace(CityKey(name.substr(slash + 1)), name);
  }
  for (const Alias& alias : kAliases) {
    for (std::string_view names = alias.names; !names.empty();) {
      const size_t end = names.find('|');
      cities[CityKey(names.substr(0, end))] = std::string(alias.zone);
      names = end == names.npos ? std::string_view() : names.substr(end + 1);
    }
  }
  return cities;
}

}  // namespace

Result<ZonedTime> TimeInCity(std::string_view city, std::chrono::system_clock::time_point now) {
  try {
    static const std::map<std::string, std::string> kCities = ReadCities();
    const auto found = kCities.find(CityKey(city));
    if (found == kCities.end()) {
      return Error{ErrorCode::kNotFound,
                   "the time zone of " + Quoted(city) +
                       " is not known; name a larger city of the same time zone, or a zone "
                       "such as Europe/Berlin"};
    }
    const auto utc = std::chrono::floor<std::chrono::seconds>(now);
    const date::sys_info info = date::locate_zone(found->second)->get_info(utc);
    return ZonedTime{std::chrono::local_seconds(utc.time_since_epoch() + info.offset), info.offset,
                     found->second};
  } catch (const std::exception& e) {
    return Error{ErrorCode::kIo, std::string("the tz database of this system cannot be read (") + e.what() +
                                     "); install tzdata"};
  }
}

}  // namespace mains
