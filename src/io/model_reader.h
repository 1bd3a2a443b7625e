// What a model file loads itself with: configuration values and weights of one checkpoint. The first
// failure sticks and is reported once by Finish, so that loading code has no error branches; after a
// failure every getter returns a harmless default.
//
// It also keeps account: Finish refuses config keys that nobody read and that are not known to be
// harmless, and tensors that nobody took, by name. A model that ignores a bias is wrong, not lenient.
// With a section, the keys outside of it describe the wrapper around the language model, and only the
// section is accounted for.
#pragma once

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/checkpoint.h"
#include "tensor/weight.h"

namespace mains {

class WeightPacker;

class ModelReader {
 public:
  // `section` is where the language model's keys live ("" or "text_config"), `prefix` is put before
  // every tensor name ("" or "language_model."). `ignored_keys`: config keys the user vouches for.
  // `draft_layer`: whether a layer that guesses ahead is wanted where there is one. `packer`, if not null,
  // lays out the weights of linear layers.
  ModelReader(const Checkpoint& checkpoint, std::string section = "", std::string prefix = "",
              std::set<std::string> ignored_keys = {}, bool draft_layer = false,
              WeightPacker* packer = nullptr);

  bool draft_layer() const { return draft_layer_; }

  // --- Configuration. A key may be a path into nested objects: "rope_parameters.factor"; what is not in
  // the section is looked for at the top. A null value counts as absent. Has does not count as reading.
  // Getters without a default fail by name when the key is missing; a value of the wrong type or outside
  // [min, max] fails by name in both.
  bool Has(std::string_view key);
  int64_t Int(std::string_view key, int64_t min = 1, int64_t max = int64_t{1} << 31);
  int64_t IntOr(std::string_view key, int64_t otherwise, int64_t min = 0, int64_t max = int64_t{1} << 31);
  double Real(std::string_view key);
  double RealOr(std::string_view key, double otherwise);
  bool FlagOr(std::string_view key, bool otherwise);
  std::string String(std::string_view key);
  std::string StringOr(std::string_view key, std::string_view otherwise);
  std::vector<int64_t> IntListOr(std::string_view key, std::vector<int64_t> otherwise);
  std::vector<double> RealListOr(std::string_view key, std::vector<double> otherwise);
  std::vector<std::string> StringListOr(std::string_view key, std::vector<std::string> otherwise);
  // Fails unless the key is absent or equal to `only` ("hidden_act" must be "silu"): for switches of
  // which we run one position.
  void Expect(std::string_view key, const Json& only);
  // Marks keys as understood and without effect on inference.
  void Understood(std::initializer_list<std::string_view> keys);

  // --- Tensors. `name` is without ".weight"; the shape is what the model expects and is verified.
  // Quantised spellings are found by themselves: X.weight + X.weight_scale_inv (FP8), X.weight_packed +
  // X.weight_scale [+ X.weight_shape, X.weight_zero_point] (INT4, MXFP4), X.weight + X.scale (MXFP4).
  bool HasWeight(std::string_view name) const;
  // A plain 3-D tensor is taken as its matrices one below the other.
  Weight Matrix(const std::string& name, int64_t rows, int64_t cols);
  // The same for a linear layer, which may be packed. Routers and indexes are not.
  Weight Projection(const std::string& name, int64_t rows, int64_t cols);
  // The same for a matrix that is used head by head.
  Weight HeadMatrix(const std::string& name, int64_t rows, int64_t cols);
  // A matrix that is also used otherwise, as a linear layer.
  Weight AsProjection(const Weight& w);
  // X.weight, or a tensor with this very name, as a vector of n numbers.
  Vector Norm(const std::string& name, int64_t n);
  Vector Floats(const std::string& full_name, int64_t n);  // a tensor with this exact name
  Vector BiasOr(const std::string& name, int64_t n);       // X.bias, or an empty vector
  // The matrices of all experts, which may be packed, from per-expert tensors ("<prefix>.<e>.<leaf>") or from
  // one fused 3-D tensor ("<prefix>.<leaf>", [experts, rows, cols]); element e is expert e's [rows, cols].
  std::vector<Weight> Experts(const std::string& prefix, const std::string& leaf, int64_t experts,
                              int64_t rows, int64_t cols);
  // A 3-D tensor [count, rows, cols] as `count` matrices (GGUF's per-head MLA weights).
  std::vector<Weight> Matrices(const std::string& name, int64_t count, int64_t rows, int64_t cols);
  // Tensors whose names start so, with or without the reader's prefix, are known and not needed (MTP
  // layers, a vision tower).
  void SkipTensors(std::string_view prefix);

  // --- Account.
  void Fail(ErrorCode code, std::string message);  // keeps the first failure only
  bool ok() const { return ok_; }
  // The first failure, else a refusal of what was left unread, else success.
  Status Finish();
  const Checkpoint& checkpoint() const { return checkpoint_; }

 private:
  struct Fp8Block {
    int64_t rows = 128;
    int64_t cols = 128;
  };

  void ReadQuantization();
  // The value at this path, in the section or else at the top; null if absent. Marks it as read.
  const Json* Look(std::string_view key);
  const Json* LookTyped(std::string_view key, bool (*is_type)(const Json&), const char* type);
  void FailKey(std::string_view key, const Json& value, const std::string& must);
  template <typename T>
  std::vector<T> ListOr(std::string_view key, std::vector<T> otherwise, bool (*is_type)(const Json&),
                        const char* type);
  std::string ConfigName() const;

  const StoredTensor* Peek(const std::string& name) const;  // with the prefix, without taking
  const StoredTensor* Take(const std::string& name);        // fails by name when it is missing
  const StoredTensor* TakeShaped(const std::string& name, const std::vector<int64_t>& dims);
  void FailTensor(const StoredTensor& tensor, ErrorCode code, const std::string& why);
  Weight PlainMatrix(const StoredTensor& tensor, int64_t rows, int64_t cols);
  Weight Fp8Matrix(const std::string& name, int64_t rows, int64_t cols);
  Weight PackedMatrix(const std::string& name, int64_t rows, int64_t cols);
  Weight Int4Matrix(const std::string& name, int64_t rows, int64_t cols);
  Weight Fp4Matrix(const std::string& data, const std::string& scales, int64_t rows, int64_t cols);
  bool TakeScales(const std::string& name, int64_t rows, int64_t groups, Weight* weight);
  void TakeZeroPoints(const std::string& name, Weight* weight);
  enum class Role : uint8_t { kLayer, kOutput, kKeysOrValues, kHead, kExpert, kExpertOutput };
  std::vector<Weight> Packed(std::vector<Weight> weights, Role role);
  std::vector<Weight> ExpertMatrices(const std::string& prefix, const std::string& leaf, int64_t experts,
                                     int64_t rows, int64_t cols);
  Vector VectorOf(const std::string& name, int64_t n);

  std::string UnreadKeys() const;
  std::string UnreadTensors() const;

  const Checkpoint& checkpoint_;
  std::string section_, prefix_;
  std::set<std::string> ignored_keys_;
  bool draft_layer_;
  WeightPacker* packer_;
  std::set<std::string> read_keys_;
  std::set<std::string> taken_tensors_;
  std::vector<std::string> skipped_prefixes_;
  Fp8Block fp8_block_;
  bool ok_ = true;
  Error first_error_;
};

}  // namespace mains
