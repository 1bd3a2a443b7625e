#include "app/batch_runner.h"

#include <fmt/format.h>

#include <algorithm>

namespace mains {
namespace {

// Prompt tokens in a step: enough to use the weights well, few enough that answers under way go on.
constexpr int64_t kPromptTokensPerStep = 512;
// A shorter common start is not worth a fork.
constexpr size_t kLeastShared = 16;

// How many tokens of `prompt` the session has read, but for the prompt's last: its logits are needed.
size_t Shared(const Session& session, std::span<const int32_t> prompt) {
  const std::vector<int32_t>& have = session.ids();
  const size_t limit = std::min(have.size(), prompt.size() - 1);
  return static_cast<size_t>(
      std::mismatch(have.begin(), have.begin() + static_cast<std::ptrdiff_t>(limit), prompt.begin()).first -
      have.begin());
}

}  // namespace

struct BatchRunner::Slot {
  Slot(BatchJob its_job, int64_t prompt_tokens)
      : job(std::move(its_job)), grammar(job.grammar), sampler(job.sampling, prompt_tokens) {}

  BatchJob job;
  std::optional<GrammarMatcher> grammar;  // job.grammar, as far as it has come
  Sampler sampler;
  std::unique_ptr<Session> session;  // null: the prompt is not begun
  BatchAnswer answer;
  int32_t next = -1;     // drawn and not yet in the session; -1: the prompt is being read
  bool waiting = false;  // for memory: until another one ends
  bool ended = false;
};

BatchRunner::BatchRunner(Engine& engine, const Tokenizer& tokenizer, int64_t parallel)
    : engine_(engine),
      tokenizer_(tokenizer),
      parallel_(static_cast<size_t>(std::max<int64_t>(1, parallel))) {}
BatchRunner::~BatchRunner() = default;

Status BatchRunner::Run(const Source& next, const Sink& done, const std::function<bool()>& cancelled) {
  done_ = &done;
  bool more = true;
  while (true) {
    while (more && slots_.size() < parallel_) {
      std::optional<BatchJob> job = next();
      more = job.has_value();
      if (job) Admit(std::move(*job));
    }
    if (slots_.empty()) break;
    if (cancelled && cancelled()) {
      slots_.clear();
      return Error{ErrorCode::kCancelled, ""};
    }
    PlanStep();
    engine_.Step(items_);
    for (size_t i = 0; i < items_.size(); ++i) EndStep(*item_slots_[i], items_[i]);
    std::erase_if(slots_, [](const std::unique_ptr<Slot>& slot) { return slot->ended; });
  }
  read_.clear();
  return {};
}

void BatchRunner::Admit(BatchJob job) {
  const int64_t tokens = static_cast<int64_t>(job.prompt.size()), context = engine_.max_context();
  if (tokens == 0 || tokens >= context) {
    (*done_)(job.index,
             Error{ErrorCode::kInvalid,
                   tokens == 0 ? std::string("the prompt is empty")
                               : fmt::format("the prompt has {} tokens and the context {}, which leaves no "
                                             "room for an answer",
                                             tokens, context)});
    return;
  }
  slots_.push_back(std::make_unique<Slot>(std::move(job), tokens));
}

void BatchRunner::StartPrompt(Slot& slot) {
  const Session* best = nullptr;
  size_t shared = kLeastShared - 1;
  for (const std::unique_ptr<Session>& session : read_) {
    const size_t same = Shared(*session, slot.job.prompt);
    if (same > shared) {
      shared = same;
      best = session.get();
    }
  }
  slot.answer = {};
  slot.answer.prompt_tokens = static_cast<int64_t>(slot.job.prompt.size());
  if (best == nullptr) {
    slot.session = engine_.NewSession();
    return;
  }
  slot.session = best->Fork();
  slot.session->Truncate(static_cast<int64_t>(shared));
  slot.answer.reused_tokens = static_cast<int64_t>(shared);
}

void BatchRunner::PlanStep() {
  items_.clear();
  item_slots_.clear();
  int64_t room = kPromptTokensPerStep;
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (slot->next >= 0) {
      items_.push_back({slot->session.get(), {&slot->next, 1}, TokenKind::kGenerated});
    } else if (slot->waiting || room == 0) {
      continue;
    } else {
      if (!slot->session) StartPrompt(*slot);
      const std::span<const int32_t> prompt = slot->job.prompt;
      const size_t read = static_cast<size_t>(slot->session->length());
      const size_t count = std::min(prompt.size() - read, static_cast<size_t>(room));
      items_.push_back({slot->session.get(), prompt.subspan(read, count), TokenKind::kPrompt});
      room -= static_cast<int64_t>(count);
    }
    item_slots_.push_back(slot.get());
  }
}

void BatchRunner::EndStep(Slot& slot, const StepItem& item) {
  if (!item.status.ok()) return HandleFailure(slot, item.status.error());
  if (item.kind == TokenKind::kPrompt) {
    if (slot.session->length() < slot.answer.prompt_tokens) return;
    Remember(*slot.session);
  }
  Sample(slot);
}

// Memory that is short now may be there later: first what was kept of read prompts goes, then this one
// begins anew when another has ended. The answer will be the same.
void BatchRunner::HandleFailure(Slot& slot, const Error& error) {
  if (error.code != ErrorCode::kResource || (read_.empty() && slots_.size() == 1)) {
    return Finish(slot, error);
  }
  if (!read_.empty()) {
    read_.clear();
    return;
  }
  const bool others = std::any_of(slots_.begin(), slots_.end(), [&](const std::unique_ptr<Slot>& other) {
    return other.get() != &slot && !other->ended && !other->waiting;
  });
  if (!others) {
    // In a step of several, those that wait now have just given back theirs.
    if (items_.size() == 1) Finish(slot, error);
    return;
  }
  slot.session.reset();
  slot.next = -1;
  slot.waiting = true;
  slot.grammar = slot.job.grammar;
}

void BatchRunner::Sample(Slot& slot) {
  BatchAnswer& answer = slot.answer;
  std::span<const uint64_t> allowed;
  if (slot.grammar) {
    slot.grammar->FillMask(mask_);
    allowed = mask_;
  }
  const int32_t id = slot.sampler.Sample(slot.session->logits(), slot.session->ids(), allowed).id;
  if (id < 0 || (slot.grammar && !slot.grammar->Accept(id))) {
    return Finish(slot, Error{ErrorCode::kNumeric, "no token may come next"});
  }
  ++answer.generated_tokens;
  slot.next = id;
  if (tokenizer_.IsEos(id)) {
    answer.reason = FinishReason::kStop;
    return Finish(slot, std::move(answer));
  }
  answer.ids.push_back(id);
  if (answer.generated_tokens == slot.job.max_tokens) {
    answer.reason = FinishReason::kLength;
  } else if (slot.session->length() == engine_.max_context()) {
    answer.reason = FinishReason::kContext;
  } else {
    return;
  }
  Finish(slot, std::move(answer));
}

void BatchRunner::Finish(Slot& slot, Result<BatchAnswer> answer) {
  slot.ended = true;
  slot.session.reset();
  for (const std::unique_ptr<Slot>& other : slots_) other->waiting = false;
  (*done_)(slot.job.index, std::move(answer));
}

void BatchRunner::Remember(const Session& session) {
  // One that another goes on from needs no place of its own.
  const auto covered = [&](const std::unique_ptr<Session>& other) {
    return Shared(*other, session.ids()) == other->ids().size();
  };
  std::erase_if(read_, covered);
  if (read_.size() == parallel_) read_.pop_front();
  read_.push_back(session.Fork());
}

}  // namespace mains
