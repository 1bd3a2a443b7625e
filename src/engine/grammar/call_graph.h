// The stacks of calls that all ways to read a text have in common, as a graph.
//
// A frame is one call of a rule begun at one byte of the text. Two readings that call the same rule at the
// same byte share the frame, which then has two callers: so an ambiguous grammar costs a polynomial where
// separate stacks would double with every choice (Tomita 1985; Scott and Johnstone, GLL parsing, 2010).
// Frames of unequal depth are kept apart so that a frame has one depth and nesting can be bounded exactly.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/grammar/grammar_automaton.h"

namespace mains {

// A state of a rule's automaton, inside a frame.
struct Reading {
  int32_t state = 0;
  int32_t frame = 0;

  friend bool operator==(const Reading&, const Reading&) = default;
};

// A value. Frames made by the latest Call may be forgotten again (Rewind), in the reverse order.
class CallGraph {
 public:
  // One frame, that of a text's start rule, at `depth`.
  explicit CallGraph(int32_t depth = 0);
  static constexpr int32_t kRoot = 0;

  struct Caller {
    int32_t next = -1;  // index of the frame's next caller
    Reading reading;    // where to go on after the return
  };
  int32_t Depth(int32_t frame) const { return frames_[static_cast<size_t>(frame)].depth; }
  int32_t FirstCaller(int32_t frame) const { return frames_[static_cast<size_t>(frame)].first_caller; }
  const Caller& GetCaller(int32_t caller) const { return callers_[static_cast<size_t>(caller)]; }

  struct Size {
    size_t frames = 0, callers = 0;
  };
  Size size() const { return {frames_.size(), callers_.size()}; }
  void Rewind(Size size);

  // Adds to `readings`, which have just read a byte, those that they return to. True if the root frame's rule
  // may end here.
  bool Return(const CompiledGrammar& grammar, std::vector<Reading>& readings) const;
  // Then, to read another byte: adds those that their calls begin, in new frames.
  void Call(const CompiledGrammar& grammar, std::vector<Reading>& readings);
  // Then: the readings that follow one byte, none twice. `mark`: the byte is read by marks alone.
  void Step(const CompiledGrammar& grammar, std::span<const Reading> closed, uint8_t byte, bool mark,
            std::vector<Reading>& next);

  // The greatest depth that any reading so far had or needs to end, kMaxGrammarNesting if one was given up.
  int32_t highest() const { return highest_; }

  // Forgets all frames that `readings` do not need and renumbers those.
  void Compact(std::vector<Reading>& readings);

 private:
  struct Frame {
    int32_t depth = 0;
    int32_t first_caller = -1;
  };
  // Whether `need` more frames above `depth` are too many.
  bool TooDeep(int32_t depth, int32_t need);

  std::vector<Frame> frames_;
  std::vector<Caller> callers_;
  int32_t highest_ = 0;
};

}  // namespace mains
