#include "engine/engine.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <new>

#include "engine/state.h"
#include "io/checkpoint.h"
#include "models/registry.h"
#include "nn/language_model.h"
#include "ops/device.h"
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

// logits: [n, vocab], dense.
Status CheckFinite(const Tensor& logits) {
  // x - x is 0 for every finite x and NaN otherwise; the sum keeps the loop free of branches.
  float sum = 0;
  for (int64_t i = 0; i < logits.elements(); ++i) sum += logits.f32()[i] - logits.f32()[i];
  if (sum == 0) return {};
  return Error{ErrorCode::kNumeric,
               "the model produced a value that is not a number; its weights may be damaged (check "
               "them against the publisher's hashes)"};
}

Error OutOfMemory() {
  return Error{ErrorCode::kResource, "out of memory for a step of the model; use a smaller prompt chunk"};
}

class EngineImpl;

class SessionImpl final : public Session {
 public:
  SessionImpl(EngineImpl& engine, SequenceState state) : engine_(engine), state_(std::move(state)) {}

  Status Append(std::span<const int32_t> ids, TokenKind kind, const ProgressFn& progress) override;
  std::span<const float> logits() const override { return logits_; }
  const std::vector<int32_t>& ids() const override { return ids_; }
  void Truncate(int64_t length) override {
    if (length >= this->length()) return;
    state_.Truncate(length);
    ids_.resize(static_cast<size_t>(length));
    logits_.clear();
  }
  std::unique_ptr<Session> Fork() const override {
    auto copy = std::make_unique<SessionImpl>(engine_, state_.Fork());
    copy->ids_ = ids_;
    copy->logits_ = logits_;
    return copy;
  }

  Status AppendChunks(std::span<const int32_t> ids, TokenKind kind, const ProgressFn& progress);
  // Capacity for what a step of `count` tokens brings; twofold, so that generating token by token copies
  // the ids seldom.
  void MakeRoom(size_t count, int64_t vocab) {
    const size_t needed = ids_.size() + count;
    if (needed > ids_.capacity()) ids_.reserve(std::max(needed, 2 * ids_.capacity()));
    logits_.reserve(static_cast<size_t>(vocab));
  }

  EngineImpl& engine_;
  SequenceState state_;
  std::vector<int32_t> ids_;
  std::vector<float> logits_;
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
        max_context_(options.max_context > 0 ? options.max_context : facts_.max_positions),
        threads_(options.reference     ? 1
                 : options.threads > 0 ? options.threads
                                       : AvailableCores()) {
    const Isa isa = options.isa.value_or(DetectIsa());
    device_ = options.reference ? MakeReferenceDevice() : MakeCpuDevice(isa, threads_);
    device_name_ = options.reference ? "reference"
                                     : std::string(IsaName(isa)) + ", " + std::to_string(threads_) +
                                           (threads_ == 1 ? " thread" : " threads");
  }

  std::unique_ptr<Session> NewSession() override {
    return std::make_unique<SessionImpl>(*this, SequenceState(pool_));
  }
  void Step(std::span<StepItem> items) override;
  Status EvaluateAll(std::span<const int32_t> ids, TokenKind kind, const LogitsSink& sink,
                     const HiddenSink& tap) override;

  const ModelFacts& facts() const override { return facts_; }
  const Checkpoint& checkpoint() const override { return *checkpoint_; }
  int64_t max_context() const override { return max_context_; }
  int threads() const override { return threads_; }
  std::string device_name() const override { return device_name_; }
  DType state_dtype() const override { return format_.dtype(); }
  int64_t state_bytes_per_token() const override { return format_.bytes_per_position(); }
  int64_t state_bytes_used() const override { return pool_.used_pages() * pool_.page_bytes(); }
  MemoryNeed NeedFor(int64_t context) const override;
  TokenCost CostAt(int64_t depth) const override;

  int64_t prompt_chunk() const { return prompt_chunk_; }
  // Whether `ids` may follow `length` tokens.
  Status Admit(int64_t length, std::span<const int32_t> ids) const;

 private:
  // State, unless limited by the user, may take nine tenths of the free memory: weights are mapped
  // files, and the system can drop their pages.
  static int64_t StateBytes(const EngineOptions& options) {
    return options.state_bytes > 0 ? options.state_bytes : AvailableMemory() / 10 * 9;
  }
  // Runs the items that passed admission. Throws bad_alloc when the step's memory cannot be had.
  void Run(std::vector<StepItem*>& items);
  Status EvaluateChunks(std::span<const int32_t> ids, TokenKind kind, const LogitsSink& sink,
                        const HiddenSink& tap);
  // The model on the shape device for one sequence: the cost goes to `device`, the peak is returned.
  int64_t Measure(ShapeDevice& device, int64_t tokens, int64_t past, bool prompt) const;

  std::unique_ptr<const Checkpoint> checkpoint_;
  std::unique_ptr<LanguageModel> model_;
  ModelFacts facts_;
  StateFormat format_;
  PagePool pool_;
  std::unique_ptr<Device> device_;
  Arena arena_;
  int64_t prompt_chunk_, max_context_;
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

void EngineImpl::Step(std::span<StepItem> items) {
  for (StepItem& item : items) item.status = {};
  try {
    std::vector<StepItem*> admitted;
    for (StepItem& item : items) {
      SessionImpl& session = static_cast<SessionImpl&>(*item.session);
      item.status = Admit(session.length(), item.ids);
      if (item.status.ok()) item.status = session.state_.Reserve(static_cast<int64_t>(item.ids.size()));
      if (item.status.ok() && !item.ids.empty()) admitted.push_back(&item);
    }
    if (!admitted.empty()) Run(admitted);
  } catch (const std::bad_alloc&) {
    for (StepItem& item : items) {
      if (item.status.ok()) item.status = OutOfMemory();
    }
  }
  for (StepItem& item : items) {  // gives back what a failed item reserved
    SessionImpl& session = static_cast<SessionImpl&>(*item.session);
    if (!item.status.ok()) session.state_.Truncate(session.state_.length());
  }
}

void EngineImpl::Run(std::vector<StepItem*>& items) {
  Frame frame(arena_);
  Context ctx{*device_, arena_};
  int64_t tokens = 0;
  std::vector<SequenceStep> sequences;
  for (const StepItem* item : items) {
    const SequenceState& state = static_cast<SessionImpl&>(*item->session).state_;
    const int64_t rows = static_cast<int64_t>(item->ids.size());
    sequences.push_back({tokens, rows, state.length(), item->kind == TokenKind::kPrompt, state.pages()});
    tokens += rows;
  }
  const int64_t count = static_cast<int64_t>(items.size());
  Batch batch{ctx.NewI32({tokens}), ctx.NewI32({tokens}), ctx.NewI32({count}), sequences, format_.streams()};
  for (size_t i = 0; i < items.size(); ++i) {
    const SequenceStep& s = sequences[i];
    for (int64_t r = 0; r < s.rows; ++r) {
      batch.ids.i32()[s.first_row + r] = items[i]->ids[static_cast<size_t>(r)];
      batch.positions.i32()[s.first_row + r] = static_cast<int32_t>(s.past + r);
    }
    batch.logit_rows.i32()[i] = static_cast<int32_t>(s.first_row + s.rows - 1);
  }
  const Tensor logits = model_->Forward(ctx, batch);
  // First whatever can fail, then what every session gets: a step that runs out of memory has not been
  // done for any of them.
  for (size_t i = 0; i < items.size(); ++i) {
    items[i]->status = CheckFinite(logits.Slice(0, static_cast<int64_t>(i), 1));
    static_cast<SessionImpl&>(*items[i]->session).MakeRoom(items[i]->ids.size(), facts_.vocab);
  }
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i]->status.ok()) continue;
    SessionImpl& session = static_cast<SessionImpl&>(*items[i]->session);
    const float* row = logits.Row(static_cast<int64_t>(i));
    session.logits_.assign(row, row + facts_.vocab);
    session.ids_.insert(session.ids_.end(), items[i]->ids.begin(), items[i]->ids.end());
    session.state_.Commit(sequences[i].rows);
  }
}

Status EngineImpl::EvaluateAll(std::span<const int32_t> ids, TokenKind kind, const LogitsSink& sink,
                               const HiddenSink& tap) {
  try {
    return EvaluateChunks(ids, kind, sink, tap);
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  }
}

Status EngineImpl::EvaluateChunks(std::span<const int32_t> ids, TokenKind kind, const LogitsSink& sink,
                                  const HiddenSink& tap) {
  RETURN_IF_ERROR(Admit(0, ids));
  SequenceState state(pool_);
  const int64_t total = static_cast<int64_t>(ids.size());
  const int64_t chunk = kind == TokenKind::kPrompt ? prompt_chunk_ : 1;
  for (int64_t begin = 0; begin < total; begin += chunk) {
    const int64_t rows = std::min(chunk, total - begin);
    RETURN_IF_ERROR(state.Reserve(rows));
    Frame frame(arena_);
    Context ctx{*device_, arena_};
    const SequenceStep sequence{0, rows, begin, kind == TokenKind::kPrompt, state.pages()};
    Batch batch{
        ctx.NewI32({rows}), ctx.NewI32({rows}), ctx.NewI32({rows}), {&sequence, 1}, format_.streams()};
    for (int64_t r = 0; r < rows; ++r) {
      batch.ids.i32()[r] = ids[static_cast<size_t>(begin + r)];
      batch.positions.i32()[r] = static_cast<int32_t>(begin + r);
      batch.logit_rows.i32()[r] = static_cast<int32_t>(r);
    }
    const LayerTap layer_tap = [&](int64_t layer, const Tensor& hidden) { tap(layer, begin, hidden); };
    const Tensor logits = model_->Forward(ctx, batch, tap ? &layer_tap : nullptr);
    RETURN_IF_ERROR(CheckFinite(logits));
    RETURN_IF_ERROR(sink(begin, logits));
    state.Commit(rows);
  }
  return {};
}

int64_t EngineImpl::Measure(ShapeDevice& device, int64_t tokens, int64_t past, bool prompt) const {
  Arena arena(Arena::Mode::kMeasureOnly);
  Context ctx{device, arena};
  const SequenceStep sequence{0, tokens, past, prompt, nullptr};
  const Batch batch{
      ctx.NewI32({tokens}), ctx.NewI32({tokens}), ctx.NewI32({1}), {&sequence, 1}, format_.streams()};
  model_->Forward(ctx, batch);
  return arena.peak_bytes();
}

MemoryNeed EngineImpl::NeedFor(int64_t context) const {
  ShapeDevice device;
  MemoryNeed need;
  need.weight_bytes = facts_.Total().bytes;
  need.state_bytes = (context + kPagePositions - 1) / kPagePositions * format_.page_bytes();
  const int64_t tokens = std::min(prompt_chunk_, context);
  need.activation_bytes = Measure(device, tokens, context - tokens, /*prompt=*/true);
  return need;
}

TokenCost EngineImpl::CostAt(int64_t depth) const {
  ShapeDevice device;
  Measure(device, 1, depth, /*prompt=*/false);
  return {device.cost().flops, device.cost().weight_bytes, device.cost().state_bytes};
}

// Reads one byte of every page of the weights, so that they are in memory and readable.
Status TouchWeights(const Checkpoint& checkpoint, const ProgressFn& progress) {
  const int64_t total = checkpoint.file_bytes();
  const int64_t page = sysconf(_SC_PAGESIZE);
  int64_t done = 0, reported = 0;
  for (const std::string& name : checkpoint.Names()) {
    const StoredTensor* tensor = checkpoint.Find(name);
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
  ASSIGN_OR_RETURN(std::unique_ptr<LanguageModel> language_model,
                   LoadModel(*checkpoint, options.ignored_config_keys));
  if (options.read_weights) RETURN_IF_ERROR(TouchWeights(*checkpoint, options.progress));
  return std::unique_ptr<Engine>(
      std::make_unique<EngineImpl>(std::move(checkpoint), std::move(language_model), options));
}

}  // namespace mains
