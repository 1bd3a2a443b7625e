#include "engine/grammar/text_automata.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "base/utf8.h"

namespace mains {
namespace {

constexpr uint32_t kLastCodePoint = 0x10FFFF;

void AddLiteral(Nfa& nfa, int32_t from, int32_t to, std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int32_t next = i + 1 == bytes.size() ? to : nfa.AddState();
    nfa.AddBytes(from, next, static_cast<uint8_t>(bytes[i]), static_cast<uint8_t>(bytes[i]));
    from = next;
  }
}

// The characters of [first, last], whose encodings have the same length.
void AddSameLength(Nfa& nfa, int32_t from, int32_t to, uint32_t first, uint32_t last) {
  std::string low, high;
  AppendUtf8(first, low);
  AppendUtf8(last, high);
  // Cut where the trailing bytes do not run through all of 80..BF.
  for (size_t tail = 1; tail < low.size(); ++tail) {
    const uint32_t mask = (1u << (6 * tail)) - 1;
    if ((first & ~mask) == (last & ~mask)) continue;
    if ((first & mask) != 0) {
      AddSameLength(nfa, from, to, first, first | mask);
      AddSameLength(nfa, from, to, (first | mask) + 1, last);
      return;
    }
    if ((last & mask) != mask) {
      AddSameLength(nfa, from, to, first, (last & ~mask) - 1);
      AddSameLength(nfa, from, to, last & ~mask, last);
      return;
    }
  }
  for (size_t i = 0; i < low.size(); ++i) {
    const int32_t next = i + 1 == low.size() ? to : nfa.AddState();
    nfa.AddBytes(from, next, static_cast<uint8_t>(low[i]), static_cast<uint8_t>(high[i]));
    from = next;
  }
}

void AddRange(Nfa& nfa, int32_t from, int32_t to, uint32_t first, uint32_t last) {
  // By length of encoding, without surrogates.
  static constexpr std::pair<uint32_t, uint32_t> kParts[] = {
      {0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, kLastCodePoint}};
  for (const auto& [low, high] : kParts) {
    const uint32_t a = std::max(first, low), b = std::min(last, high);
    if (a <= b) AddSameLength(nfa, from, to, a, b);
  }
}

// As inside a JSON string.
void AddJsonRange(Nfa& nfa, int32_t from, int32_t to, uint32_t first, uint32_t last) {
  for (uint32_t c = first; c <= last && c <= '\\'; ++c) {
    if (c == '"' || c == '\\') AddLiteral(nfa, from, to, c == '"' ? "\\\"" : "\\\\");
    if (c >= 0x20) continue;
    static constexpr std::string_view kShort = "\bb\ff\nn\rr\tt";
    const size_t at = c == 0 ? std::string_view::npos : kShort.find(static_cast<char>(c));
    static constexpr char kHex[] = "0123456789abcdef";
    AddLiteral(nfa, from, to,
               at != std::string_view::npos ? std::string("\\") + kShort[at + 1]
                                            : std::string("\\u00") + kHex[c >> 4] + kHex[c & 15]);
  }
  static constexpr std::pair<uint32_t, uint32_t> kPlain[] = {
      {0x20, 0x21}, {0x23, 0x5B}, {0x5D, kLastCodePoint}};
  for (const auto& [low, high] : kPlain) {
    const uint32_t a = std::max(first, low), b = std::min(last, high);
    if (a <= b) AddRange(nfa, from, to, a, b);
  }
}

// Where inside a character a text is: 0 between characters, else what must follow (Unicode table 3-7).
constexpr int kBetween = 0, kOneMore = 1, kTwoMore = 2, kThreeMore = 3, kAfterE0 = 4, kAfterEd = 5,
              kAfterF0 = 6, kAfterF4 = 7;

int NextInCharacter(int state, int byte) {
  const auto in = [byte](int first, int last) { return byte >= first && byte <= last; };
  switch (state) {
    case kBetween:
      if (byte < 0x80) return kBetween;
      if (in(0xC2, 0xDF)) return kOneMore;
      if (byte == 0xE0) return kAfterE0;
      if (byte == 0xED) return kAfterEd;
      if (in(0xE1, 0xEF)) return kTwoMore;
      if (byte == 0xF0) return kAfterF0;
      if (in(0xF1, 0xF3)) return kThreeMore;
      return byte == 0xF4 ? kAfterF4 : -1;
    case kOneMore: return in(0x80, 0xBF) ? kBetween : -1;
    case kTwoMore: return in(0x80, 0xBF) ? kOneMore : -1;
    case kThreeMore: return in(0x80, 0xBF) ? kTwoMore : -1;
    case kAfterE0: return in(0xA0, 0xBF) ? kOneMore : -1;
    case kAfterEd: return in(0x80, 0x9F) ? kOneMore : -1;
    case kAfterF0: return in(0x90, 0xBF) ? kTwoMore : -1;
    default: return in(0x80, 0x8F) ? kTwoMore : -1;
  }
}

// How much of which string a text ends with (Aho and Corasick 1975). Node 0: of none.
class StopFinder {
 public:
  explicit StopFinder(std::span<const std::string> stops) {
    nodes_.emplace_back();
    for (const std::string& stop : stops) Insert(stop);
    std::vector<int32_t> queue;
    for (int32_t& child : nodes_[0].next) {
      if (child > 0) queue.push_back(child);
      child = std::max(child, 0);
    }
    for (size_t i = 0; i < queue.size(); ++i) {
      Node& node = nodes_[static_cast<size_t>(queue[i])];
      const Node& fallback = nodes_[static_cast<size_t>(node.fallback)];
      node.found |= fallback.found;
      for (size_t b = 0; b < 256; ++b) {
        if (node.next[b] < 0) {
          node.next[b] = fallback.next[b];
        } else {
          nodes_[static_cast<size_t>(node.next[b])].fallback = fallback.next[b];
          queue.push_back(node.next[b]);
        }
      }
    }
  }
  int32_t Next(int32_t node, int byte) const {
    return nodes_[static_cast<size_t>(node)].next[static_cast<size_t>(byte)];
  }
  bool Found(int32_t node) const { return nodes_[static_cast<size_t>(node)].found; }

 private:
  struct Node {
    Node() { next.fill(-1); }
    std::array<int32_t, 256> next;
    int32_t fallback = 0;
    bool found = false;
  };
  void Insert(const std::string& stop) {
    int32_t at = 0;
    for (const char c : stop) {
      const size_t b = static_cast<uint8_t>(c);
      if (nodes_[static_cast<size_t>(at)].next[b] < 0) {
        nodes_[static_cast<size_t>(at)].next[b] = static_cast<int32_t>(nodes_.size());
        nodes_.emplace_back();
      }
      at = nodes_[static_cast<size_t>(at)].next[b];
    }
    nodes_[static_cast<size_t>(at)].found = true;
  }
  std::vector<Node> nodes_;
};

}  // namespace

Result<Dfa> CharacterDfa(std::span<const CodePointRange> ranges, CharForm form, GrammarBudget& budget) {
  Nfa nfa;
  const int32_t start = nfa.AddState(), end = nfa.AddState();
  for (const CodePointRange& range : ranges) {
    const uint32_t last = std::min(range.last, kLastCodePoint);
    if (range.first > last) continue;
    if (form == CharForm::kRaw) {
      AddRange(nfa, start, end, range.first, last);
    } else {
      AddJsonRange(nfa, start, end, range.first, last);
    }
  }
  return Determinize(nfa, start, end, budget);
}

Result<Dfa> TextWithoutDfa(std::span<const std::string> stops, GrammarBudget& budget) {
  constexpr size_t kMaxStopBytes = 4096;
  size_t bytes = 0;
  for (const std::string& stop : stops) {
    if (stop.empty()) return Error{ErrorCode::kInvalid, "a text without the empty string does not exist"};
    bytes += stop.size();
    if (bytes > kMaxStopBytes) {
      return Error{ErrorCode::kResource,
                   "the strings that a text must not contain are longer than 4096 bytes"};
    }
  }
  const StopFinder finder(stops);
  Dfa out;
  std::map<std::pair<int32_t, int>, int32_t> ids;
  std::vector<std::pair<int32_t, int>> states;
  const auto intern = [&](int32_t node, int in_character) {
    const auto [found, added] =
        ids.emplace(std::pair(node, in_character), static_cast<int32_t>(states.size()));
    if (added) {
      states.emplace_back(node, in_character);
      out.states.emplace_back().final = in_character == kBetween;
    }
    return found->second;
  };
  intern(0, kBetween);
  for (size_t at = 0; at < states.size(); ++at) {
    RETURN_IF_ERROR(budget.Spend(1, 1));
    const auto [node, in_character] = states[at];
    std::vector<Dfa::ByteEdge> edges;
    for (int byte = 0; byte < 256; ++byte) {
      const int next = NextInCharacter(in_character, byte);
      const int32_t to = finder.Next(node, byte);
      if (next < 0 || finder.Found(to)) continue;
      const int32_t target = intern(to, next);
      if (!edges.empty() && edges.back().target == target && edges.back().last + 1 == byte) {
        edges.back().last = static_cast<uint8_t>(byte);
      } else {
        edges.push_back({static_cast<uint8_t>(byte), static_cast<uint8_t>(byte), target});
      }
    }
    out.states[at].bytes = std::move(edges);
  }
  Trim(out);
  return out;
}

}  // namespace mains
