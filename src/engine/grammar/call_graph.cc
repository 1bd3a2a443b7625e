#include "engine/grammar/call_graph.h"

#include <algorithm>

#include "engine/grammar/grammar.h"

namespace mains {
namespace {

// Whether a reading was seen before; a list while there are few, a table when there are many.
class ReadingSet {
 public:
  // Adds `reading` to `list` unless it is there.
  bool Add(std::vector<Reading>& list, Reading reading) {
    constexpr size_t kFew = 24;
    if (list.size() < kFew) {
      if (std::find(list.begin(), list.end(), reading) != list.end()) return false;
    } else {
      if (table_.empty()) {
        for (const Reading& r : list) table_.emplace(Key(r), 0);
      }
      if (!table_.emplace(Key(reading), 0).second) return false;
    }
    list.push_back(reading);
    return true;
  }

 private:
  static uint64_t Key(Reading r) {
    return static_cast<uint64_t>(static_cast<uint32_t>(r.state)) << 32 | static_cast<uint32_t>(r.frame);
  }
  std::unordered_map<uint64_t, char> table_;
};

}  // namespace

CallGraph::CallGraph(int32_t depth) : frames_(1) {
  frames_[0].depth = depth;
}

bool CallGraph::TooDeep(int32_t depth, int32_t need) {
  highest_ = std::max(highest_, std::min(depth + need, kMaxGrammarNesting));
  return depth + need > kMaxGrammarNesting;
}

void CallGraph::Rewind(Size size) {
  frames_.resize(size.frames);
  callers_.resize(size.callers);
}

bool CallGraph::Return(const CompiledGrammar& grammar, std::vector<Reading>& readings) const {
  bool root_ends = false;
  ReadingSet set;
  for (size_t i = 0; i < readings.size(); ++i) {
    if (!grammar[readings[i].state].final) continue;
    const int32_t frame = readings[i].frame;
    root_ends |= frame == kRoot;
    for (int32_t c = FirstCaller(frame); c >= 0; c = GetCaller(c).next)
      set.Add(readings, GetCaller(c).reading);
  }
  return root_ends;
}

// No reading of a frame made here returns at this byte: a call reads something (BypassEmptyCalls). So the
// callers of older frames are complete, and only those of frames made here still grow.
void CallGraph::Call(const CompiledGrammar& grammar, std::vector<Reading>& readings) {
  const auto calls = [&](const Reading& r) { return !grammar.Calls(r.state).empty(); };
  if (std::none_of(readings.begin(), readings.end(), calls)) return;
  const size_t first_new = frames_.size();
  const size_t first_reading =
      readings.size();                          // the reading at first_reading + i starts frame first_new + i
  std::unordered_map<uint64_t, int32_t> table;  // start state and depth to frame, when there are many
  constexpr size_t kFew = 16;
  const auto find = [&](int32_t start, int32_t depth) -> int32_t {
    if (frames_.size() - first_new <= kFew) {
      for (size_t f = first_new; f < frames_.size(); ++f) {
        if (frames_[f].depth == depth && readings[first_reading + f - first_new].state == start) {
          return static_cast<int32_t>(f);
        }
      }
      return -1;
    }
    for (size_t f = first_new + table.size(); f < frames_.size(); ++f) {
      const uint64_t key = static_cast<uint64_t>(readings[first_reading + f - first_new].state) << 32;
      table.emplace(key | static_cast<uint32_t>(frames_[f].depth), static_cast<int32_t>(f));
    }
    const auto found = table.find(static_cast<uint64_t>(start) << 32 | static_cast<uint32_t>(depth));
    return found == table.end() ? -1 : found->second;
  };
  for (size_t i = 0; i < readings.size(); ++i) {
    const Reading caller = readings[i];
    const int32_t depth = Depth(caller.frame);
    for (const CompiledGrammar::Call& call : grammar.Calls(caller.state)) {
      const int32_t start = grammar.rule_start[static_cast<size_t>(call.rule)];
      if (TooDeep(depth, grammar[call.target].need) || TooDeep(depth, 1)) continue;
      int32_t frame = find(start, depth + 1);
      if (frame < 0) {
        frame = static_cast<int32_t>(frames_.size());
        frames_.push_back({depth + 1, -1});
        readings.push_back({start, frame});
      }
      callers_.push_back({frames_[static_cast<size_t>(frame)].first_caller, {call.target, caller.frame}});
      frames_[static_cast<size_t>(frame)].first_caller = static_cast<int32_t>(callers_.size()) - 1;
    }
  }
}

void CallGraph::Step(const CompiledGrammar& grammar, std::span<const Reading> closed, uint8_t byte, bool mark,
                     std::vector<Reading>& next) {
  ReadingSet set;
  for (const Reading& reading : closed) {
    const int32_t target = grammar.Next(reading.state, byte, mark);
    if (target < 0 || TooDeep(Depth(reading.frame), grammar[target].need)) continue;
    set.Add(next, {target, reading.frame});
  }
}

void CallGraph::Compact(std::vector<Reading>& readings) {
  std::vector<int32_t> renumbered(frames_.size(), -1);
  std::vector<int32_t> stack{kRoot};
  renumbered[kRoot] = 0;
  const auto reach = [&](int32_t frame) {
    if (renumbered[static_cast<size_t>(frame)] >= 0) return;
    renumbered[static_cast<size_t>(frame)] = 0;
    stack.push_back(frame);
  };
  for (const Reading& reading : readings) reach(reading.frame);
  while (!stack.empty()) {
    const int32_t frame = stack.back();
    stack.pop_back();
    for (int32_t c = FirstCaller(frame); c >= 0; c = GetCaller(c).next) reach(GetCaller(c).reading.frame);
  }
  std::vector<Frame> frames;
  std::vector<Caller> callers;
  for (size_t f = 0; f < frames_.size(); ++f) {
    if (renumbered[f] < 0) continue;
    // Callers are older than what they call, so their numbers are known.
    renumbered[f] = static_cast<int32_t>(frames.size());
    Frame frame{frames_[f].depth, -1};
    for (int32_t c = frames_[f].first_caller; c >= 0; c = GetCaller(c).next) {
      const Reading& r = GetCaller(c).reading;
      callers.push_back({frame.first_caller, {r.state, renumbered[static_cast<size_t>(r.frame)]}});
      frame.first_caller = static_cast<int32_t>(callers.size()) - 1;
    }
    frames.push_back(frame);
  }
  for (Reading& reading : readings) reading.frame = renumbered[static_cast<size_t>(reading.frame)];
  frames_ = std::move(frames);
  callers_ = std::move(callers);
}

}  // namespace mains
