// Answers many prompts with one model: a number of sessions go on together, each step one pass over the
// weights for all of them, and a finished one is replaced at once. What a prompt has in common with one that
// was read lately is not read again. Every answer is the same, to the bit, as if it were the only one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/generation.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/grammar/grammar_matcher.h"
#include "engine/sampler.h"
#include "io/tokenizer/tokenizer.h"

namespace mains {

struct BatchJob {
  int64_t index = 0;  // the caller's
  std::vector<int32_t> prompt;
  SamplingParams sampling;
  int64_t max_tokens = 0;                 // 0: until the model stops or the context is full
  std::optional<GrammarMatcher> grammar;  // at its start
};

struct BatchAnswer {
  std::vector<int32_t> ids;  // without the token that ended it
  FinishReason reason = FinishReason::kStop;
  int64_t prompt_tokens = 0;
  int64_t reused_tokens = 0;     // of the prompt
  int64_t generated_tokens = 0;  // with the token that ended it
};

// One thread. The engine and the tokenizer outlive it.
class BatchRunner {
 public:
  // `parallel`: sessions at a time, at least 1.
  BatchRunner(Engine& engine, const Tokenizer& tokenizer, int64_t parallel);
  ~BatchRunner();

  // The next job, or nothing when there are no more.
  using Source = std::function<std::optional<BatchJob>()>;
  // In the order in which they end. An error is that job's alone.
  using Sink = std::function<void(int64_t index, Result<BatchAnswer> answer)>;
  // Until the source is empty and all its jobs have ended. Fails only when cancelled (asked between steps).
  Status Run(const Source& next, const Sink& done, const std::function<bool()>& cancelled);

 private:
  struct Slot;
  void Admit(BatchJob job);
  // The sessions' parts of the next step; begins prompts while there is room for their tokens.
  void PlanStep();
  void StartPrompt(Slot& slot);
  void EndStep(Slot& slot, const StepItem& item);
  void HandleFailure(Slot& slot, const Error& error);
  void Sample(Slot& slot);
  void Finish(Slot& slot, Result<BatchAnswer> answer);
  void Remember(const Session& session);

  Engine& engine_;
  const Tokenizer& tokenizer_;
  size_t parallel_;
  const Sink* done_ = nullptr;
  std::vector<std::unique_ptr<Slot>> slots_;  // those at work
  std::vector<StepItem> items_;
  std::vector<Slot*> item_slots_;              // whose each item is
  std::deque<std::unique_ptr<Session>> read_;  // prompts read lately, the latest last
  std::vector<uint64_t> mask_;
};

}  // namespace mains
