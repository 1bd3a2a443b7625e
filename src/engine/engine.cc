#include "engine/engine.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <new>
#include <utility>

#include "base/log.h"
#include "base/units.h"
#include "engine/state.h"
#include "io/checkpoint.h"
#include "io/rounded_cache.h"
#include "io/weight_packer.h"
#include "kernels/table.h"
#include "models/registry.h"
#include "nn/language_model.h"
#include "ops/device.h"
#include "ops/profile/profiling_device.h"
#include "ops/shape/shape_device.h"

namespace mains {
namespace {

// Bytes that the system could give to new allocations, from /proc/meminfo.
int64_t AvailableMemory() {
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);) {
    int64_t kib = 0;
    if (std::sscanf(line.c_str(), "MemAvailable: %ld kB", &kib) == 1) return kib * 1024;
  }
  return int64_t{4} << 30;
}

// The activations' own type, as the checkpoint names it: state in that type is what the model was
// trained and evaluated with.
DType CheckpointActivations(const Json& config) {
  for (const char* key : {"dtype", "torch_dtype"}) {
    for (const Json* section : {&config, config.contains("text_config") ? &config["text_config"] : &config}) {
      const auto found = section->find(key);
      if (found == section->end() || !found->is_string()) continue;
      if (*found == "float32") return DType::kF32;
      if (*found == "float16") return DType::kF16;
      return DType::kBF16;
    }
  }
  return DType::kBF16;
}

bool AllFinite(std::span<const float> values) {
  // x - x is 0 for every finite x and NaN otherwise. Sums keep the loop free of branches; eight of them, as
  // additions to one would wait for each other.
  constexpr size_t kSums = 8;
  float sums[kSums] = {};
  size_t i = 0;
  for (; i + kSums <= values.size(); i += kSums) {
    for (size_t j = 0; j < kSums; ++j) sums[j] += values[i + j] - values[i + j];
  }
  for (; i < values.size(); ++i) sums[0] += values[i] - values[i];
  return std::all_of(std::begin(sums), std::end(sums), [](float sum) { return sum == 0; });
}

// logits: [n, vocab], dense.
std::span<const float> Values(const Tensor& logits) {
  return {logits.f32(), static_cast<size_t>(logits.elements())};
}

Status CheckFinite(const Tensor& logits) {
  if (AllFinite(Values(logits))) return {};
  return Error{ErrorCode::kNumeric,
               "the model produced a value that is not a number; its weights may be damaged (check "
               "them against the publisher's hashes)"};
}

Error OutOfMemory() {
  return Error{ErrorCode::kResource, "out of memory for a step of the model; use a smaller prompt chunk"};
}

// The most likely token of [vocab] logits, or nothing where they are no numbers.
std::optional<int32_t> Best(std::span<const float> logits) {
  if (!AllFinite(logits)) return {};
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

VerbUse::Kind KindOf(Verb verb) {
  switch (verb) {
    case Verb::kLinear:
    case Verb::kGatedLinear:
    case Verb::kHeadLinear:
    case Verb::kMoeAdd: return VerbUse::Kind::kMatrices;
    case Verb::kIndexScores:
    case Verb::kAttend:
    case Verb::kAttendExpanded: return VerbUse::Kind::kAttention;
    default: return VerbUse::Kind::kOther;
  }
}

class EngineImpl;
struct Work;

// The draft layer works on pairs of a hidden state and the token that follows it, so that it is one position
// behind the model: the last hidden states wait here until their next tokens are known, and as long as they
// are few, until a draft is asked for.
constexpr int64_t kMaxWaiting = 16;

// Positions [0, ids.size()) are what others see. Behind them, the state may hold tokens that were guessed.
class SessionImpl final : public Session {
 public:
  SessionImpl(EngineImpl& engine, SequenceState state) : engine_(engine), state_(std::move(state)) {}

  Status Append(std::span<const int32_t> ids, TokenKind kind, const ProgressFn& progress) override;
  std::span<const float> logits() const override { return logits_; }
  const std::vector<int32_t>& ids() const override { return ids_; }
  std::span<const int32_t> guesses() const override { return std::span(ahead_).subspan(ahead_at_); }
  DraftCounts drafts() const override { return counts_; }
  void Truncate(int64_t length) override {
    if (length >= this->length()) return;
    ids_.resize(static_cast<size_t>(length));
    logits_.clear();
    DropAhead();
  }
  std::unique_ptr<Session> Fork() const override {
    auto copy = std::make_unique<SessionImpl>(engine_, state_.Fork());
    copy->ids_ = ids_;
    copy->logits_ = logits_;
    copy->waiting_ = waiting_;
    copy->fed_ = fed_;
    copy->counts_ = counts_;
    copy->DropAhead();
    return copy;
  }

  Status AppendChunks(std::span<const int32_t> ids, TokenKind kind, const ProgressFn& progress);
  // Capacity for what a step brings; twofold, so that generating token by token copies the ids seldom.
  void MakeRoom(const Work& work, int64_t vocab);
  // The step is done. logits: after the last of the item's ids and after each guess; hidden: of all rows.
  void Commit(const Work& work, std::span<const float> logits, std::span<const float> hidden);
  // Takes back what was guessed, and what is known of positions that are no more.
  void DropAhead();
  // If `id` is what was guessed next, its logits are there; false if they are none.
  bool Advance(int32_t id);
  // How many hidden states wait.
  int64_t waiting() const { return state_.length() - fed_; }

  EngineImpl& engine_;
  SequenceState state_;
  std::vector<int32_t> ids_;
  std::vector<float> logits_;

  std::vector<int32_t> ahead_;       // guessed tokens; those from ahead_at_ on are in the state, behind ids_
  std::vector<float> ahead_logits_;  // after each of ahead_: [ahead, vocab]
  size_t ahead_at_ = 0;
  // With a draft layer: it has state of positions [0, fed_), and the hidden states of [fed_, end of state)
  // wait: [waiting, d_model]. A position whose next token was replaced keeps its state: that of one token
  // in its past is then off by the replacement, which may spoil a guess and nothing else.
  std::vector<float> waiting_;
  int64_t fed_ = 0;
  DraftCounts counts_;
};

// A session in a step, with what is appended to it: the item's ids, then guessed ones.
struct Work {
  StepItem* item;
  SessionImpl* session;
  std::vector<int32_t> ids = {};
  int64_t guesses = 0;  // how many are wanted
  Status status = {};

  int64_t guessed() const { return static_cast<int64_t>(ids.size() - item->ids.size()); }
  // Token at a position of the session or of what is appended.
  int32_t TokenAt(int64_t position) const {
    const int64_t own = session->length();
    return position < own ? session->ids_[static_cast<size_t>(position)]
                          : ids[static_cast<size_t>(position - own)];
  }
};

// Positions of one session from `past` on that the draft layer is to work on. Their hidden states, [rows,
// d_model], lie in two pieces.
struct DraftRows {
  Work* work;
  int64_t past = 0;
  std::span<const float> first, second = {};
};

class EngineImpl final : public Engine {
 public:
  EngineImpl(std::unique_ptr<const Checkpoint> checkpoint, std::unique_ptr<LanguageModel> model,
             const EngineOptions& options)
      : checkpoint_(std::move(checkpoint)),
        model_(std::move(model)),
        facts_(model_->facts()),
        format_(model_->state_widths(),
                options.state_dtype.value_or(CheckpointActivations(checkpoint_->config()))),
        pool_(format_.page_bytes(), std::max<int64_t>(1, StateBytes(options) / format_.page_bytes())),
        prompt_chunk_(std::max<int64_t>(1, options.prompt_chunk)),
        draft_(model_->can_draft() ? std::min(options.draft, kMaxDraft) : 0),
        max_context_(options.max_context > 0 ? options.max_context : facts_.max_positions),
        threads_(options.reference     ? 1
                 : options.threads > 0 ? options.threads
                                       : AvailableCores()) {
    const Isa isa = options.isa.value_or(DetectIsa());
    device_ =
        options.reference ? MakeReferenceDevice() : MakeCpuDevice(isa, threads_, options.round_activations);
    device_name_ = options.reference ? "reference"
                                     : std::string(IsaName(isa)) + ", " + std::to_string(threads_) +
                                           (threads_ == 1 ? " thread" : " threads");
  }

  std::unique_ptr<Session> NewSession() override {
    return std::make_unique<SessionImpl>(*this, SequenceState(pool_));
  }
  void Step(std::span<StepItem> items) override;
  Status EvaluateAll(std::span<const int32_t> ids, TokenKind kind, const LogitsSink& sink,
                     const HiddenSink& tap, const LogitsSink& drafts, Probe* probe) override;
  bool can_draft() const override { return model_->can_draft(); }

  const ModelFacts& facts() const override { return facts_; }
  const Checkpoint& checkpoint() const override { return *checkpoint_; }
  int64_t max_context() const override { return max_context_; }
  int threads() const override { return threads_; }
  std::string device_name() const override { return device_name_; }
  DType state_dtype() const override { return format_.dtype(); }
  int64_t state_bytes_per_token() const override { return format_.bytes_per_position(); }
  int64_t state_bytes_used() const override { return pool_.used_pages() * pool_.page_bytes(); }
  MemoryNeed NeedFor(int64_t context) const override;
  TokenCost CostAt(int64_t depth) const override { return CostOfStep(1, 1, depth, TokenKind::kGenerated); }
  TokenCost CostOfStep(int64_t sequences, int64_t tokens, int64_t past, TokenKind kind) const override;
  void StartProfile() override { profile_ = std::make_unique<ProfilingDevice>(*device_); }
  std::vector<VerbUse> EndProfile() override;

  int64_t prompt_chunk() const override { return prompt_chunk_; }
  int64_t d_model() const { return facts_.d_model; }
  // Whether `ids` may follow `length` tokens.
  Status Admit(int64_t length, std::span<const int32_t> ids) const;

 private:
  // State, unless limited by the user, may take nine tenths of the free memory: weights are mapped
  // files, and the system can drop their pages.
  static int64_t StateBytes(const EngineOptions& options) {
    return options.state_bytes > 0 ? options.state_bytes : AvailableMemory() / 10 * 9;
  }
  // Memory for the item's tokens, and how many may be guessed behind them.
  Status Admit(Work& work) const;
  // The next three throw bad_alloc when the step's memory cannot be had.
  void GuessAhead(std::span<Work> works);
  void Run(std::span<Work> works);
  // Feeds the draft layer what waits in the sessions of the step, where that becomes too much.
  void FeedDraftLayer(Context& ctx, std::span<Work> works, std::span<const SequenceStep> sequences,
                      const Tensor& hidden);
  // The draft layer on these rows; logits, if wanted, of the last row of each.
  LanguageModel::Guess Draft(Context& ctx, std::span<const DraftRows> parts, bool logits);
  Batch NewBatch(Context& ctx, std::span<const SequenceStep> sequences, int64_t logit_rows) const;

  Status EvaluateChunks(std::span<const int32_t> ids, TokenKind kind, const LogitsSink& sink,
                        const HiddenSink& tap, const LogitsSink& drafts, Probe* probe);
  // Guesses at positions [begin - 1, begin + rows - 1), from their hidden states: that of the first is in
  // `last`, which takes the last of `hidden`.
  Status EvaluateDrafts(std::span<const int32_t> ids, const SequenceStep& chunk, const Tensor& hidden,
                        std::vector<float>& last, const LogitsSink& drafts);
  // The model on the shape device for equal sequences: the cost goes to `device`, the peak is returned.
  int64_t Measure(ShapeDevice& device, int64_t sequences, int64_t tokens, int64_t past, bool prompt) const;
  Device& device() { return profile_ ? static_cast<Device&>(*profile_) : *device_; }

  std::unique_ptr<const Checkpoint> checkpoint_;
  std::unique_ptr<LanguageModel> model_;
  ModelFacts facts_;
  StateFormat format_;
  PagePool pool_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<ProfilingDevice> profile_;  // around device_; null unless a profile is taken
  Arena arena_;
  int64_t prompt_chunk_, draft_, max_context_;
  int threads_;
  std::string device_name_;
};

Status EngineImpl::Admit(int64_t length, std::span<const int32_t> ids) const {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= facts_.vocab) {
      return Error{ErrorCode::kInvalid, "token id " + std::to_string(ids[i]) + " at index " +
                                            std::to_string(i) + " is outside the vocabulary of " +
                                            std::to_string(facts_.vocab)};
    }
  }
  const int64_t total = length + static_cast<int64_t>(ids.size());
  if (total > max_context_) {
    return Error{ErrorCode::kInvalid, std::to_string(total) + " tokens exceed the context of " +
                                          std::to_string(max_context_) + "; shorten the conversation"};
  }
  return {};
}

Status SessionImpl::Append(std::span<const int32_t> ids, TokenKind kind, const ProgressFn& progress) {
  const int64_t before = length();
  std::vector<float> logits_before;
  try {
    RETURN_IF_ERROR(engine_.Admit(before, ids));
    logits_before = logits_;
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  }
  Status status;
  try {
    status = AppendChunks(ids, kind, progress);
  } catch (const std::bad_alloc&) {
    status = OutOfMemory();
  }
  if (!status.ok()) {
    Truncate(before);
    logits_ = std::move(logits_before);
  }
  return status;
}

Status SessionImpl::AppendChunks(std::span<const int32_t> ids, TokenKind kind, const ProgressFn& progress) {
  const size_t chunk = static_cast<size_t>(engine_.prompt_chunk());
  for (size_t begin = 0; begin < ids.size(); begin += chunk) {
    StepItem item{this, ids.subspan(begin, std::min(chunk, ids.size() - begin)), kind};
    engine_.Step({&item, 1});
    if (!item.status.ok()) return item.status;
    const double done = static_cast<double>(begin + item.ids.size()) / static_cast<double>(ids.size());
    if (progress && !progress(done, "reading the prompt")) {
      return Error{ErrorCode::kCancelled, "cancelled while reading the prompt"};
    }
  }
  return {};
}

void SessionImpl::DropAhead() {
  ahead_.clear();
  ahead_logits_.clear();
  ahead_at_ = 0;
  state_.Truncate(length());
  fed_ = std::min(fed_, length());
  waiting_.resize(std::min(waiting_.size(), static_cast<size_t>((length() - fed_) * engine_.d_model())));
}

void SessionImpl::MakeRoom(const Work& work, int64_t vocab) {
  const size_t needed = ids_.size() + work.ids.size();
  if (needed > ids_.capacity()) ids_.reserve(std::max(needed, 2 * ids_.capacity()));
  logits_.reserve(static_cast<size_t>(vocab));
  ahead_.reserve(static_cast<size_t>(work.guessed()));
  ahead_logits_.reserve(static_cast<size_t>(work.guessed() * vocab));
}

void SessionImpl::Commit(const Work& work, std::span<const float> logits, std::span<const float> hidden) {
  const size_t vocab = logits.size() / static_cast<size_t>(1 + work.guessed());
  const std::span<const int32_t> ids = work.item->ids;
  if (!hidden.empty()) {
    const int64_t rows = static_cast<int64_t>(work.ids.size()), end = state_.length() + rows;
    if (waiting() + rows > kMaxWaiting) {  // the others have been fed
      waiting_.clear();
      hidden = hidden.last(static_cast<size_t>(engine_.d_model()));
      fed_ = end - 1;
    }
    waiting_.insert(waiting_.end(), hidden.begin(), hidden.end());
  }
  logits_.assign(logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(vocab));
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  ahead_.assign(work.ids.begin() + static_cast<std::ptrdiff_t>(ids.size()), work.ids.end());
  ahead_logits_.assign(logits.begin() + static_cast<std::ptrdiff_t>(vocab), logits.end());
  state_.Commit(static_cast<int64_t>(work.ids.size()));
  counts_.drafted += work.guessed();
}

bool SessionImpl::Advance(int32_t id) {
  if (ahead_at_ == ahead_.size() || ahead_[ahead_at_] != id) return false;
  const size_t vocab = logits_.size();
  const std::span<const float> logits = std::span(ahead_logits_).subspan(ahead_at_ * vocab, vocab);
  if (!AllFinite(logits)) return false;  // done again, it is the error that it would have been
  logits_.assign(logits.begin(), logits.end());
  ids_.push_back(id);
  ++ahead_at_;
  ++counts_.accepted;
  return true;
}

Status EngineImpl::Admit(Work& work) const {
  SessionImpl& session = *work.session;
  const std::span<const int32_t> ids = work.item->ids;
  RETURN_IF_ERROR(Admit(session.length(), ids));
  const int64_t from = draft_ > 0 ? session.fed_ : session.length();
  if (draft_ > 0 && work.item->kind == TokenKind::kGenerated && ids.size() == 1 && session.waiting() > 0) {
    work.guesses = std::min(draft_, max_context_ - session.length() - 1);
    if (work.guesses > 0 && session.state_.Reserve(1 + work.guesses, from).ok()) return {};
    work.guesses = 0;
  }
  return session.state_.Reserve(static_cast<int64_t>(ids.size()), from);
}

void EngineImpl::Step(std::span<StepItem> items) {
  for (StepItem& item : items) item.status = Error{ErrorCode::kResource, {}};  // until it is done
  try {
    std::vector<Work> works;
    works.reserve(items.size());
    for (StepItem& item : items) {
      SessionImpl& session = static_cast<SessionImpl&>(*item.session);
      if (item.kind == TokenKind::kGenerated && item.ids.size() == 1 && session.Advance(item.ids[0])) {
        item.status = {};
        continue;
      }
      session.DropAhead();
      Work work{&item, &session, {item.ids.begin(), item.ids.end()}};
      if (Status status = Admit(work); !status.ok() || item.ids.empty()) {
        item.status = std::move(status);
      } else {
        works.push_back(std::move(work));
      }
    }
    GuessAhead(works);
    if (!works.empty()) Run(works);
  } catch (const std::bad_alloc&) {
    for (StepItem& item : items) {
      if (!item.status.ok() && item.status.error().message.empty()) item.status = OutOfMemory();
    }
  }
  for (StepItem& item : items) {  // gives back what a failed item reserved
    SessionImpl& session = static_cast<SessionImpl&>(*item.session);
    if (!item.status.ok()) session.state_.Truncate(session.state_.length());
  }
}

Batch EngineImpl::NewBatch(Context& ctx, std::span<const SequenceStep> sequences, int64_t logit_rows) const {
  const int64_t tokens = sequences.back().first_row + sequences.back().rows;
  Batch batch{ctx.NewI32({tokens}), ctx.NewI32({tokens}), ctx.NewI32({logit_rows}), sequences,
              format_.streams()};
  for (const SequenceStep& s : sequences) {
    for (int64_t r = 0; r < s.rows; ++r) {
      batch.positions.i32()[s.first_row + r] = static_cast<int32_t>(s.past + r);
    }
  }
  return batch;
}

LanguageModel::Guess EngineImpl::Draft(Context& ctx, std::span<const DraftRows> parts, bool logits) {
  const size_t width = static_cast<size_t>(facts_.d_model);
  int64_t tokens = 0;
  std::vector<SequenceStep> sequences;
  for (const DraftRows& p : parts) {
    const int64_t rows = static_cast<int64_t>((p.first.size() + p.second.size()) / width);
    // Guesses need not be the same bits in any chunking: many rows take the way that is fast for many.
    sequences.push_back({tokens, rows, p.past, rows > kMaxWaiting, p.work->session->state_.pages()});
    tokens += rows;
  }
  const Batch batch = NewBatch(ctx, sequences, logits ? static_cast<int64_t>(parts.size()) : 0);
  const Tensor hidden = ctx.NewF32({tokens, facts_.d_model});
  for (size_t i = 0; i < parts.size(); ++i) {
    const SequenceStep& s = sequences[i];
    for (int64_t r = 0; r < s.rows; ++r) {
      batch.ids.i32()[s.first_row + r] = parts[i].work->TokenAt(s.past + r + 1);
    }
    float* rest = std::copy(parts[i].first.begin(), parts[i].first.end(), hidden.Row(s.first_row));
    std::copy(parts[i].second.begin(), parts[i].second.end(), rest);
    if (logits) batch.logit_rows.i32()[i] = static_cast<int32_t>(s.first_row + s.rows - 1);
  }
  return model_->Draft(ctx, batch, hidden);
}

void EngineImpl::GuessAhead(std::span<Work> works) {
  std::vector<DraftRows> parts;
  for (Work& work : works) {
    if (work.guesses > 0) parts.push_back({&work, work.session->fed_, work.session->waiting_});
  }
  if (parts.empty()) return;
  Frame frame(arena_);
  Context ctx{device(), arena_};
  for (int64_t round = 0; !parts.empty(); ++round) {
    const LanguageModel::Guess guess = Draft(ctx, parts, /*logits=*/true);
    std::vector<DraftRows> further;
    int64_t last_row = -1;
    for (size_t i = 0; i < parts.size(); ++i) {
      Work& work = *parts[i].work;
      SessionImpl& session = *work.session;
      last_row += static_cast<int64_t>(parts[i].first.size()) / facts_.d_model;
      if (round == 0) {
        session.fed_ = session.length();
        session.waiting_.clear();
      }
      const std::optional<int32_t> best = Best(Values(guess.logits.Slice(0, static_cast<int64_t>(i), 1)));
      if (!best) continue;
      work.ids.push_back(*best);
      if (work.guessed() == work.guesses) continue;
      further.push_back({&work,
                         session.length() + round,
                         {guess.hidden.Row(last_row), static_cast<size_t>(facts_.d_model)}});
    }
    parts = std::move(further);
  }
}

void EngineImpl::FeedDraftLayer(Context& ctx, std::span<Work> works, std::span<const SequenceStep> sequences,
                                const Tensor& hidden) {
  const size_t width = static_cast<size_t>(facts_.d_model);
  std::vector<DraftRows> parts;
  for (size_t i = 0; i < works.size(); ++i) {
    SessionImpl& session = *works[i].session;
    session.waiting_.reserve(static_cast<size_t>(kMaxWaiting) * width);  // Commit must not need memory
    const std::span<const float> rows(hidden.Row(sequences[i].first_row),
                                      static_cast<size_t>(sequences[i].rows) * width);
    if (session.waiting() + sequences[i].rows > kMaxWaiting) {
      parts.push_back({&works[i], session.fed_, session.waiting_, rows.first(rows.size() - width)});
    }
  }
  if (parts.empty()) return;
  Frame frame(ctx.arena);
  Draft(ctx, parts, /*logits=*/false);
}

void EngineImpl::Run(std::span<Work> works) {
  Frame frame(arena_);
  Context ctx{device(), arena_};
  int64_t tokens = 0, wanted = 0;
  std::vector<SequenceStep> sequences;
  for (const Work& work : works) {
    const SequenceState& state = work.session->state_;
    const int64_t rows = static_cast<int64_t>(work.ids.size());
    sequences.push_back({tokens, rows, state.length(), work.item->kind == TokenKind::kPrompt, state.pages()});
    tokens += rows;
    wanted += 1 + work.guessed();
  }
  const Batch batch = NewBatch(ctx, sequences, wanted);
  int32_t* logit_row = batch.logit_rows.i32();
  for (size_t i = 0; i < works.size(); ++i) {
    std::copy(works[i].ids.begin(), works[i].ids.end(), batch.ids.i32() + sequences[i].first_row);
    const int64_t end = sequences[i].first_row + sequences[i].rows;
    for (int64_t r = end - 1 - works[i].guessed(); r < end; ++r) *logit_row++ = static_cast<int32_t>(r);
  }
  Tensor hidden;
  const Tensor logits = model_->Forward(ctx, batch, nullptr, draft_ > 0 ? &hidden : nullptr);
  // First whatever can fail, then what every session gets: a step that runs out of memory has not been
  // done for any of them.
  if (draft_ > 0) FeedDraftLayer(ctx, works, sequences, hidden);
  int64_t row = 0;
  for (Work& work : works) {
    work.status = CheckFinite(logits.Slice(0, row, 1));
    work.session->MakeRoom(work, facts_.vocab);
    row += 1 + work.guessed();
  }
  row = 0;
  for (size_t i = 0; i < works.size(); ++i) {
    Work& work = works[i];
    const int64_t rows = 1 + work.guessed();
    if (work.status.ok()) {
      work.session->Commit(work, Values(logits.Slice(0, row, rows)),
                           draft_ > 0 ? Values(hidden.Slice(0, sequences[i].first_row, sequences[i].rows))
                                      : std::span<const float>());
    }
    row += rows;
    work.item->status = std::move(work.status);
  }
}

Status EngineImpl::EvaluateAll(std::span<const int32_t> ids, TokenKind kind, const LogitsSink& sink,
                               const HiddenSink& tap, const LogitsSink& drafts, Probe* probe) {
  CHECK(!drafts || can_draft());
  try {
    return EvaluateChunks(ids, kind, sink, tap, drafts, probe);
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  }
}

Status EngineImpl::EvaluateChunks(std::span<const int32_t> ids, TokenKind kind, const LogitsSink& sink,
                                  const HiddenSink& tap, const LogitsSink& drafts, Probe* probe) {
  RETURN_IF_ERROR(Admit(0, ids));
  SequenceState state(pool_);
  std::vector<float> last_hidden;
  const int64_t total = static_cast<int64_t>(ids.size());
  const int64_t chunk = kind == TokenKind::kPrompt ? prompt_chunk_ : 1;
  for (int64_t begin = 0; begin < total; begin += chunk) {
    const int64_t rows = std::min(chunk, total - begin);
    RETURN_IF_ERROR(state.Reserve(rows));
    Frame frame(arena_);
    Context ctx{device(), arena_, probe};
    const SequenceStep sequence{0, rows, begin, kind == TokenKind::kPrompt, state.pages()};
    const Batch batch = NewBatch(ctx, {&sequence, 1}, rows);
    for (int64_t r = 0; r < rows; ++r) {
      batch.ids.i32()[r] = ids[static_cast<size_t>(begin + r)];
      batch.logit_rows.i32()[r] = static_cast<int32_t>(r);
    }
    const LayerTap layer_tap = [&](int64_t layer, const Tensor& hidden) { tap(layer, begin, hidden); };
    Tensor hidden;
    const Tensor logits = model_->Forward(ctx, batch, tap ? &layer_tap : nullptr, drafts ? &hidden : nullptr);
    RETURN_IF_ERROR(CheckFinite(logits));
    RETURN_IF_ERROR(sink(begin, logits));
    if (drafts) RETURN_IF_ERROR(EvaluateDrafts(ids, sequence, hidden, last_hidden, drafts));
    state.Commit(rows);
  }
  return {};
}

Status EngineImpl::EvaluateDrafts(std::span<const int32_t> ids, const SequenceStep& chunk,
                                  const Tensor& hidden, std::vector<float>& last, const LogitsSink& drafts) {
  Frame frame(arena_);
  Context ctx{device(), arena_};
  const int64_t first = std::max<int64_t>(0, chunk.past - 1), rows = chunk.past + chunk.rows - 1 - first;
  const std::span<const float> here = Values(hidden);
  if (rows > 0) {
    const SequenceStep sequence{0, rows, first, chunk.prompt, chunk.pages};
    const Batch batch = NewBatch(ctx, {&sequence, 1}, rows);
    for (int64_t r = 0; r < rows; ++r) {
      batch.ids.i32()[r] = ids[static_cast<size_t>(first + r + 1)];
      batch.logit_rows.i32()[r] = static_cast<int32_t>(r);
    }
    const Tensor before = ctx.NewF32({rows, facts_.d_model});
    float* rest = std::copy(last.begin(), last.end(), before.f32());
    std::copy_n(here.begin(), before.f32() + before.elements() - rest, rest);
    const Tensor logits = model_->Draft(ctx, batch, before).logits;
    RETURN_IF_ERROR(CheckFinite(logits));
    RETURN_IF_ERROR(drafts(first, logits));
  }
  const std::span<const float> row = here.last(static_cast<size_t>(facts_.d_model));
  last.assign(row.begin(), row.end());
  return {};
}

int64_t EngineImpl::Measure(ShapeDevice& device, int64_t sequences, int64_t tokens, int64_t past,
                            bool prompt) const {
  Arena arena(Arena::Mode::kMeasureOnly);
  Context ctx{device, arena};
  std::vector<SequenceStep> steps;
  for (int64_t i = 0; i < sequences; ++i) steps.push_back({i * tokens, tokens, past, prompt, nullptr});
  const int64_t rows = sequences * tokens;
  const Batch batch{ctx.NewI32({rows}), ctx.NewI32({rows}), ctx.NewI32({sequences}), steps,
                    format_.streams()};
  Tensor hidden;
  model_->Forward(ctx, batch, nullptr, draft_ > 0 && prompt ? &hidden : nullptr);
  if (hidden.rank > 0) {  // as FeedDraftLayer does
    Batch fed = batch;
    for (Tensor* t : {&fed.ids, &fed.positions}) *t = ctx.NewI32({rows});
    fed.logit_rows = ctx.NewI32({0});
    model_->Draft(ctx, fed, ctx.NewF32({rows, facts_.d_model}));
  }
  return arena.peak_bytes();
}

MemoryNeed EngineImpl::NeedFor(int64_t context) const {
  ShapeDevice device;
  MemoryNeed need;
  need.weight_bytes = facts_.Total().bytes;
  need.state_bytes = (context + kPagePositions - 1) / kPagePositions * format_.page_bytes();
  const int64_t tokens = std::min(prompt_chunk_, context);
  need.activation_bytes = Measure(device, 1, tokens, context - tokens, /*prompt=*/true);
  return need;
}

TokenCost EngineImpl::CostOfStep(int64_t sequences, int64_t tokens, int64_t past, TokenKind kind) const {
  ShapeDevice device;
  Measure(device, sequences, tokens, past, kind == TokenKind::kPrompt);
  return {device.cost().flops, device.cost().weight_bytes, device.cost().state_bytes};
}

std::vector<VerbUse> EngineImpl::EndProfile() {
  std::vector<VerbUse> uses;
  if (!profile_) return uses;
  for (int i = 0; i < kVerbCount; ++i) {
    const Verb verb = static_cast<Verb>(i);
    const ProfilingDevice::Use& use = profile_->use(verb);
    if (use.calls == 0) continue;
    uses.push_back({VerbName(verb),
                    KindOf(verb),
                    use.calls,
                    use.seconds,
                    {use.cost.flops, use.cost.weight_bytes, use.cost.state_bytes}});
  }
  std::stable_sort(uses.begin(), uses.end(),
                   [](const VerbUse& a, const VerbUse& b) { return a.seconds > b.seconds; });
  profile_.reset();
  return uses;
}

WeightRounder RounderOf(const KernelTable& kernels) {
  return {[&kernels](const WeightRow& row, int64_t cols, float* out) {
            kernels.unpack[static_cast<size_t>(UnpackSlot(row.format, row.dtype))](row, cols, out);
          },
          kernels.round_q3_k, kernels.round_q4_k, kernels.round_q8_0, kernels.round_iq4_nl};
}

// Reads one byte of every page of the weights that were not packed, so that they are in memory and readable.
Status TouchWeights(const Checkpoint& checkpoint, const WeightPacker* packer, const ProgressFn& progress) {
  const int64_t total = checkpoint.file_bytes();
  const int64_t page = sysconf(_SC_PAGESIZE);
  int64_t done = 0, reported = 0;
  if (packer != nullptr) done = reported = packer->done_bytes();
  for (const std::string& name : checkpoint.Names()) {
    const StoredTensor* tensor = checkpoint.Find(name);
    if (packer != nullptr && packer->Replaced(tensor->data)) continue;
    for (int64_t at = 0; at < tensor->bytes; at += page) {
      [[maybe_unused]] const volatile std::byte touched = tensor->data[at];
    }
    done += tensor->bytes;
    if (progress && done - reported > total / 100) {
      reported = done;
      if (!progress(static_cast<double>(done) / static_cast<double>(std::max<int64_t>(1, total)),
                    "reading weights")) {
        return Error{ErrorCode::kCancelled, "cancelled while reading the weights"};
      }
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Load(const std::filesystem::path& model,
                                             const EngineOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<const Checkpoint> checkpoint, Checkpoint::Open(model));
  return Load(std::move(checkpoint), options);
}

Result<std::unique_ptr<Engine>> Engine::Load(std::unique_ptr<const Checkpoint> checkpoint,
                                             const EngineOptions& options) {
  std::unique_ptr<WeightPacker> packer;
  if (!options.reference && options.round_activations) {
    // Unlike pages of a file, packed weights cannot be dropped: some memory is left for state.
    const int64_t total = std::max<int64_t>(1, checkpoint->file_bytes());
    packer = std::make_unique<WeightPacker>(
        *checkpoint, options.threads > 0 ? options.threads : AvailableCores(), AvailableMemory() / 10 * 8,
        [&, total](int64_t done) {
          return !options.progress ||
                 options.progress(static_cast<double>(done) / static_cast<double>(total), "packing weights");
        },
        options.precision, RounderOf(Kernels(options.isa.value_or(DetectIsa()))));
  }
  std::unique_ptr<RoundedCache> cache;
  if (packer != nullptr && options.precision != WeightPrecision::kNative && options.keep_rounded) {
    Result<std::unique_ptr<RoundedCache>> opened = RoundedCache::Open(*checkpoint, options.precision);
    if (opened.ok()) {
      cache = std::move(*opened);
      packer->Use(*cache);
    } else {
      Log(LogLevel::kInfo, "rounded weights are not kept: " + opened.error().message);
    }
  }
  ASSIGN_OR_RETURN(std::unique_ptr<LanguageModel> language_model,
                   LoadModel(*checkpoint, options.ignored_config_keys, options.draft > 0, packer.get()));
  if (packer != nullptr && packer->unpacked_bytes() > 0) {
    Log(LogLevel::kWarning, "memory is short: " + HumanBytes(static_cast<double>(packer->unpacked_bytes())) +
                                " of weights stay as the model's file has them, where they are slower" +
                                (options.precision == WeightPrecision::kNative ? "" : " and not rounded"));
  }
  // Without the file the next start rounds again, and nothing else.
  if (cache != nullptr && !cache->found()) {
    if (options.progress) options.progress(1, "keeping the rounded weights");
    const Status kept = cache->Commit();
    if (!kept.ok()) Log(LogLevel::kWarning, "rounded weights are not kept: " + kept.error().message);
  }
  if (options.read_weights) {
    RETURN_IF_ERROR(TouchWeights(*checkpoint, packer.get(), options.progress));
  }
  return std::unique_ptr<Engine>(
      std::make_unique<EngineImpl>(std::move(checkpoint), std::move(language_model), options));
}

}  // namespace mains
