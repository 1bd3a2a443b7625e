// All that the command line, the server and the agent see of a model: an Engine is a loaded model, a
// Session is one timeline of tokens over it.
//
//   ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine, Engine::Load(path, {}));
//   std::unique_ptr<Session> session = engine->NewSession();
//   RETURN_IF_ERROR(session->Append(prompt_ids));       // reads the prompt
//   session->logits() ... session->Append({&next, 1}, TokenKind::kGenerated) ...
//
// Errors: kInvalid for what the caller got wrong (ids out of range, context exceeded), kResource for
// memory, kNumeric when the model produced NaN or infinity, kCancelled. After any error the session is
// as it was before the call.
//
// Threads: an engine and its sessions are used by one thread at a time; ModelInfo, the tokenizer and
// the template are immutable and free to use from any.
//
// Determinism: the logits of a position depend on the tokens before it and their kinds only: not on the
// number of threads, the chunking of the prompt, other sessions in the step, nor on forks and rollbacks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/result.h"
#include "tensor/dtype.h"
#include "tensor/model_facts.h"
#include "tensor/weight.h"

namespace mains {

class Checkpoint;
class Engine;
class Probe;
struct Tensor;

// How much is done, in [0, 1], and of what ("reading weights"); return false to cancel.
using ProgressFn = std::function<bool(double done, const char* what)>;

struct EngineOptions {
  int threads = 0;                   // 0: all cores that the process may use
  std::optional<Isa> isa;            // default: the best this processor has (MAINS_ISA lowers it)
  bool reference = false;            // run on the reference device: slow, exact
  std::optional<DType> state_dtype;  // F32, BF16 or F16; default: as the checkpoint's own activations
  int64_t max_context = 0;           // tokens per session; 0: what the model was made for
  int64_t state_bytes = 0;           // limit for all sessions' state; 0: most of the memory that is free
  int64_t prompt_chunk = 512;        // tokens of a prompt per step; changes speed and memory, never results
  // Tokens that the model's own layer for it guesses ahead of each generated one, at most kMaxDraft; 0: that
  // layer is not loaded. Changes speed, memory and state, never results; nothing where a checkpoint has no
  // such layer (DeepSeek-V3 and GLM do: "num_nextn_predict_layers").
  int64_t draft = 0;
  std::set<std::string> ignored_config_keys;  // keys of config.json that the user vouches for
  // Touch all weights while loading, so that a broken disk shows now and the first answer is fast.
  bool read_weights = false;
  // Products in the numbers that the processor multiplies fastest: large 8- and 4-bit weights are laid out
  // for integer products (tensor/packed.h), for which activations are rounded to 8 bits in groups of 32; for
  // bf16 weights and state they are rounded to bf16, where there are instructions for it. Several times as
  // fast. Without, every product is one of f32 numbers.
  bool round_activations = true;
  // Weights that are stored as floats are rounded to so many bits while loading; needs round_activations. In
  // 4 and 3 bits, keys, values and the head have 8, and of a mixture all but the experts; in 3, what a layer
  // adds to its input has 4.
  WeightPrecision precision = WeightPrecision::kNative;
  // Keep rounded weights in a file beside the model, and take them from there (io/rounded_cache.h).
  bool keep_rounded = false;
  ProgressFn progress;
};

// Whether tokens come from a request or from the model: latent attention takes another path for each
// (ops.h: AttendLatent), so it is part of a token's identity.
enum class TokenKind { kPrompt, kGenerated };

constexpr int64_t kMaxDraft = 8;

// Speculative decoding of a session: how often a token was guessed, and how often it came so.
struct DraftCounts {
  int64_t drafted = 0, accepted = 0;
};

class Session {
 public:
  virtual ~Session() = default;

  // Appends tokens and computes the logits after the last of them. Prompts are read in chunks;
  // `progress` is asked between chunks.
  //
  // With EngineOptions::draft, appending one generated token also computes what would follow if the model
  // guesses the next ones right; if then the guessed token is appended, its logits are there already.
  // Whoever samples sees nothing of it: ids() and logits() are those of the appended tokens, bit for bit.
  virtual Status Append(std::span<const int32_t> ids, TokenKind kind = TokenKind::kPrompt,
                        const ProgressFn& progress = {}) = 0;
  // After the last token: [vocab]. Empty before the first Append and after Truncate.
  virtual std::span<const float> logits() const = 0;

  virtual const std::vector<int32_t>& ids() const = 0;
  int64_t length() const { return static_cast<int64_t>(ids().size()); }
  // With EngineOptions::draft: what is guessed to come next. Changes with every other call.
  virtual std::span<const int32_t> guesses() const = 0;
  virtual DraftCounts drafts() const = 0;
  // Forgets all tokens from position `length` on.
  virtual void Truncate(int64_t length) = 0;
  // A session with the same past; both go on independently and share what they have in common.
  virtual std::unique_ptr<Session> Fork() const = 0;
};

struct StepItem {
  Session* session = nullptr;
  std::span<const int32_t> ids;
  TokenKind kind = TokenKind::kGenerated;
  Status status = {};  // out: of this session; the others are not affected
};

// What a context costs; from running the model on the shape device.
struct MemoryNeed {
  int64_t weight_bytes = 0;      // mapped from the checkpoint
  int64_t state_bytes = 0;       // for `context` tokens
  int64_t activation_bytes = 0;  // the largest step
  int64_t total() const { return weight_bytes + state_bytes + activation_bytes; }
};
struct TokenCost {
  double flops = 0, weight_bytes = 0, state_bytes = 0;
};

// What one verb (ops/device.h) did in the steps of a profile.
struct VerbUse {
  // Products of weights and activations; attention and the scores of its index; all else.
  enum class Kind { kMatrices, kAttention, kOther };
  std::string name;  // "gated_linear"
  Kind kind = Kind::kOther;
  int64_t calls = 0;
  double seconds = 0;
  TokenCost cost;  // of all calls; of experts, the weights of those that the tokens chose
};

class Engine {
 public:
  // A checkpoint folder or a .gguf file. Weights are mapped, not read.
  static Result<std::unique_ptr<Engine>> Load(const std::filesystem::path& model,
                                              const EngineOptions& options);
  // The same from a checkpoint that is open already, wherever its bytes lie.
  static Result<std::unique_ptr<Engine>> Load(std::unique_ptr<const Checkpoint> checkpoint,
                                              const EngineOptions& options);
  virtual ~Engine() = default;

  virtual std::unique_ptr<Session> NewSession() = 0;
  // Appends tokens to several sessions in one pass over the weights. Each session may occur once.
  virtual void Step(std::span<StepItem> items) = 0;
  // Logits of every position of a sequence: [ids, vocab] (`sink` gets them in pieces, in order), and the
  // hidden state after each layer if `tap` is set: (layer, first position, [tokens, d_model]). With
  // can_draft(), `drafts` gets the logits of what that layer guesses at each position but the last: of the
  // token after the next, given the next. `probe` sees the model at work (ops/probe.h).
  using LogitsSink = std::function<Status(int64_t first_position, const Tensor& logits)>;
  using HiddenSink = std::function<void(int64_t layer, int64_t first_position, const Tensor& hidden)>;
  virtual Status EvaluateAll(std::span<const int32_t> ids, TokenKind kind, const LogitsSink& sink,
                             const HiddenSink& tap = {}, const LogitsSink& drafts = {},
                             Probe* probe = nullptr) = 0;
  virtual bool can_draft() const = 0;

  virtual const ModelFacts& facts() const = 0;
  virtual const Checkpoint& checkpoint() const = 0;
  virtual int64_t max_context() const = 0;   // tokens per session
  virtual int64_t prompt_chunk() const = 0;  // EngineOptions::prompt_chunk
  virtual int threads() const = 0;
  virtual std::string device_name() const = 0;  // "avx512, 2 threads"
  virtual DType state_dtype() const = 0;
  virtual int64_t state_bytes_per_token() const = 0;
  virtual int64_t state_bytes_used() const = 0;

  // Without running anything: memory at a context, and the cost of one generated token at a depth.
  virtual MemoryNeed NeedFor(int64_t context) const = 0;
  virtual TokenCost CostAt(int64_t depth) const = 0;
  // Of one step that appends `tokens` to each of `sequences` with `past` tokens.
  virtual TokenCost CostOfStep(int64_t sequences, int64_t tokens, int64_t past, TokenKind kind) const = 0;

  // Until EndProfile, each verb is timed and counted. EndProfile gives those that were called, in the order
  // of their time, longest first.
  virtual void StartProfile() = 0;
  virtual std::vector<VerbUse> EndProfile() = 0;
};

}  // namespace mains
