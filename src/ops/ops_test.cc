// Every verb on the CPU device, for every instruction set that this processor has and several numbers
// of threads, against the reference device; fused verbs against their parts; and the promise that a
// row's bits depend on nothing but its own inputs.
#include "ops/ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <string>

#include "ops/device.h"
#include "tensor/convert.h"
#include "tensor/gguf_blocks.h"
#include "tensor/packed.h"

namespace mains {
namespace {

// Sum of squared differences over sum of squares. Rounding of f32 sums gives about 1e-13; one wrong
// element among a million shows.
constexpr double kBound = 1e-10;
constexpr double kRoundedBound = 1e-4;  // where activations are rounded to bf16

// Both sides of what the kernels, the tiles of attention (32 rows) and pages (64) divide tokens by.
const std::vector<int64_t> kTokens = {1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 128, 129, 513};

std::vector<float> Random(int64_t n, uint32_t seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(random);
  return values;
}

Vector RandomVector(int64_t n, uint32_t seed) {
  return {std::make_shared<const std::vector<float>>(Random(n, seed))};
}

::testing::AssertionResult SameBits(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << a.size() << " vs " << b.size();
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<uint32_t>(a[i]) != std::bit_cast<uint32_t>(b[i]))
      return ::testing::AssertionFailure() << i << ": " << a[i] << " vs " << b[i];
  }
  return ::testing::AssertionSuccess();
}

double Nmse(const std::vector<float>& got, const std::vector<float>& expected) {
  EXPECT_EQ(got.size(), expected.size());
  double error = 0, energy = 0;
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    const double d = static_cast<double>(got[i]) - expected[i];
    error += d * d;
    energy += static_cast<double>(expected[i]) * expected[i];
  }
  return error == 0 ? 0 : error / energy;  // NaN fails every comparison
}

// Devices are kept: starting threads costs more than most verbs here.
Device& Reference() {
  static const std::unique_ptr<Device> device = MakeReferenceDevice();
  return *device;
}
Device& Cpu(Isa isa, int threads, bool round = true) {
  static std::map<std::tuple<Isa, int, bool>, std::unique_ptr<Device>> devices;
  std::unique_ptr<Device>& device = devices[{isa, threads, round}];
  if (!device) device = MakeCpuDevice(isa, threads, round);
  return *device;
}

// Runs something that makes its inputs, calls verbs and returns what they computed.
using Verbs = std::function<std::vector<float>(Context&)>;

std::vector<float> RunOn(Device& device, const Verbs& verbs) {
  Arena arena;
  Context ctx{device, arena};
  return verbs(ctx);
}

// Against the reference device, and the same bits on 1, 2 and 3 threads. `rounded`: where activations may be
// rounded to bf16.
void Check(const Verbs& verbs, double bound, double rounded) {
  const std::vector<float> expected = RunOn(Reference(), verbs);
  for (Isa isa : SupportedIsas()) {
    for (const bool round : {false, true}) {
      SCOPED_TRACE(testing::Message() << IsaName(isa) << (round ? "" : ", f32 only"));
      const std::vector<float> one = RunOn(Cpu(isa, 1, round), verbs);
      ASSERT_LE(Nmse(one, expected), round ? rounded : bound);
      for (int threads : {2, 3})
        ASSERT_TRUE(SameBits(RunOn(Cpu(isa, threads, round), verbs), one)) << threads << " threads";
    }
  }
}
void Check(const Verbs& verbs, double bound = kBound) {
  Check(verbs, bound, bound);
}

// Two ways to the same bits, on every instruction set.
void CheckSame(const Verbs& a, const Verbs& b) {
  for (Isa isa : SupportedIsas()) {
    SCOPED_TRACE(IsaName(isa));
    ASSERT_TRUE(SameBits(RunOn(Cpu(isa, 2), a), RunOn(Cpu(isa, 2), b)));
  }
}

Tensor Filled(Context& ctx, std::initializer_list<int64_t> dims, const std::vector<float>& values) {
  Tensor t = ctx.NewF32(dims);
  EXPECT_EQ(t.elements(), static_cast<int64_t>(values.size()));
  std::copy(values.begin(), values.end(), t.f32());
  return t;
}
Tensor Filled(Context& ctx, const std::vector<int32_t>& values) {
  Tensor t = ctx.NewI32({static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), t.i32());
  return t;
}
std::vector<float> Values(const Tensor& t) {
  EXPECT_TRUE(t.IsDense());
  return {t.f32(), t.f32() + t.elements()};
}
void AppendTo(std::vector<float>& all, const std::vector<float>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

// --- Weights of every format.

struct Format {
  std::string name;
  WeightFormat format = WeightFormat::kPlain;
  DType dtype = DType::kF32;
  DType scale_dtype = DType::kF32;
  bool zeros = false;
};

bool IsPacked(const Format& f) {
  return IsPackedFormat(f.format);
}

std::vector<Format> PackedFormats() {
  return {{"packed_q8_0", WeightFormat::kPacked8, DType::kQ8_0, {}, false},
          {"packed_iq4_nl", WeightFormat::kPacked4, DType::kIQ4_NL, {}, false},
          {"packed_mxfp4", WeightFormat::kPacked4, DType::kMXFP4, {}, false},
          {"packed_q4_k", WeightFormat::kPacked4K, DType::kQ4_K, {}, false},
          {"packed_q5_k", WeightFormat::kPacked5K, DType::kQ5_K, {}, false},
          {"packed_iq4_xs", WeightFormat::kPacked4X, DType::kIQ4_XS, {}, false},
          {"packed_q6_k", WeightFormat::kPacked6K, DType::kQ6_K, {}, false},
          {"packed_q3_k", WeightFormat::kPacked3K, DType::kQ3_K, {}, false},
          {"packed_q2_k", WeightFormat::kPacked2K, DType::kQ2_K, {}, false},
          {"packed_q5_0", WeightFormat::kPacked5, DType::kQ5_0, {}, false},
          {"packed_q4_1", WeightFormat::kPacked4M, DType::kQ4_1, {}, false},
          {"packed_q5_1", WeightFormat::kPacked5M, DType::kQ5_1, {}, false},
          {"packed_iq1_m", WeightFormat::kPacked1M, DType::kIQ1_M, {}, false},
          {"packed_iq2_xs", WeightFormat::kPacked2XS, DType::kIQ2_XS, {}, false},
          {"packed_iq3_s", WeightFormat::kPacked3S, DType::kIQ3_S, {}, false}};
}

std::vector<Format> Formats() {
  std::vector<Format> formats;
  for (DType d : {DType::kF32, DType::kF16, DType::kBF16, DType::kF64, DType::kF8E4M3, DType::kI8,
                  DType::kI16, DType::kI32}) {
    formats.push_back({Name(d), WeightFormat::kPlain, d, {}, false});
  }
  for (int i = static_cast<int>(DType::kQ4_0); i < kDTypeCount; ++i) {
    formats.push_back({Name(static_cast<DType>(i)), WeightFormat::kPlain, static_cast<DType>(i), {}, false});
  }
  for (DType s : {DType::kF32, DType::kBF16, DType::kF8E8M0}) {
    formats.push_back({std::string("f8_block_") + Name(s), WeightFormat::kF8Block, DType::kF8E4M3, s, false});
  }
  for (DType s : {DType::kF32, DType::kBF16, DType::kF16}) {
    formats.push_back({std::string("int4_") + Name(s), WeightFormat::kInt4Group, DType::kI32, s, false});
  }
  formats.push_back({"int4_zeros", WeightFormat::kInt4Group, DType::kI32, DType::kBF16, true});
  formats.push_back({"fp4_group", WeightFormat::kFp4Group, DType::kU8, DType::kF8E8M0, false});
  for (const Format& f : PackedFormats()) formats.push_back(f);
  return formats;
}

// Products with packed weights round activations to 8 bits: an error of 0.4 % of what is summed, which is
// more of a sum that nearly cancels, as single outputs here may. kernels/packed_test.cc bounds it for many.
double BoundOf(const Format& f) {
  return IsPacked(f) ? 5e-3 : kBound;
}
double RoundedBoundOf(const Format& f) {
  const bool rounded = f.dtype == DType::kBF16 || f.format == WeightFormat::kF8Block;
  return rounded ? 5e-3 : BoundOf(f);  // a single number may be a small sum of large ones
}
double RoundedBoundOf(DType state) {
  return state == DType::kBF16 ? kRoundedBound : kBound;
}

// Widths that the format allows, of which no vector width divides all.
int64_t RaggedWidth(const Format& f) {
  switch (f.format) {
    case WeightFormat::kPacked8:
    case WeightFormat::kPacked4:
    case WeightFormat::kPacked4K:
    case WeightFormat::kPacked6K:
    case WeightFormat::kPacked5K:
    case WeightFormat::kPacked4X:
    case WeightFormat::kPacked3K:
    case WeightFormat::kPacked2K:
    case WeightFormat::kPacked5:
    case WeightFormat::kPacked4M:
    case WeightFormat::kPacked5M:
    case WeightFormat::kPacked1S:
    case WeightFormat::kPacked1M:
    case WeightFormat::kPacked2XXS:
    case WeightFormat::kPacked2XS:
    case WeightFormat::kPacked2S:
    case WeightFormat::kPacked3XXS:
    case WeightFormat::kPacked3S:
    case WeightFormat::kPlain:
      return Info(f.dtype).block_elements == 1 ? 71 : Info(f.dtype).block_elements * 3;
    case WeightFormat::kF8Block: return 137;
    case WeightFormat::kInt4Group: return 72;
    case WeightFormat::kFp4Group: return 96;
  }
  return 0;
}

using Bytes = std::vector<std::byte>;

void Put(Bytes& bytes, size_t at, const void* value, size_t size) {
  std::memcpy(bytes.data() + at, value, size);
}

Bytes RandomBytes(int64_t n, std::mt19937& random) {
  Bytes bytes(static_cast<size_t>(n));
  for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 255);
  return bytes;
}

// Random blocks, drawn again until their values are finite and of moderate size.
Bytes RandomBlocks(DType dtype, int64_t elements, std::mt19937& random) {
  const int64_t block = Info(dtype).block_elements;
  Bytes all;
  std::vector<float> values(static_cast<size_t>(block));
  while (elements > 0) {
    const Bytes bytes = RandomBytes(ByteSize(dtype, block), random);
    UnpackGgufBlocks(dtype, bytes.data(), block, values.data());
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::abs(v) < 10; })) continue;
    all.insert(all.end(), bytes.begin(), bytes.end());
    elements -= block;
  }
  return all;
}

Bytes PlainNumbers(DType dtype, int64_t n, std::mt19937& random) {
  if (IsGgufBlock(dtype)) return RandomBlocks(dtype, n, random);
  std::normal_distribution<float> normal(0, 1);
  Bytes bytes(static_cast<size_t>(ByteSize(dtype, n)));
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    const float v = normal(random);
    const double f64 = v;
    const uint16_t f16 = F16FromF32(v), bf16 = Bf16FromF32(v);
    const int16_t i16 = static_cast<int16_t>(v * 20);
    const int32_t i32 = i16;
    const int8_t i8 = static_cast<int8_t>(v * 20);
    const uint8_t f8 = static_cast<uint8_t>(random() % 0x70 + (random() & 1) * 0x80);  // no NaN
    const uint8_t e8m0 = static_cast<uint8_t>(124 + random() % 6);
    switch (dtype) {
      case DType::kF32: Put(bytes, 4 * i, &v, 4); break;
      case DType::kF64: Put(bytes, 8 * i, &f64, 8); break;
      case DType::kF16: Put(bytes, 2 * i, &f16, 2); break;
      case DType::kBF16: Put(bytes, 2 * i, &bf16, 2); break;
      case DType::kI16: Put(bytes, 2 * i, &i16, 2); break;
      case DType::kI32: Put(bytes, 4 * i, &i32, 4); break;
      case DType::kI8: Put(bytes, i, &i8, 1); break;
      case DType::kF8E4M3: Put(bytes, i, &f8, 1); break;
      case DType::kF8E8M0: Put(bytes, i, &e8m0, 1); break;
      default: ADD_FAILURE() << Name(dtype);
    }
  }
  return bytes;
}

Weight Packed(const Weight& w) {
  std::shared_ptr<std::byte> memory(
      static_cast<std::byte*>(std::aligned_alloc(64, static_cast<size_t>(PackedBytes(w)))), std::free);
  PackRows(w, 0, w.rows, memory.get());
  return PackedWeight(w, memory.get(), memory);
}

Weight RandomWeight(const Format& f, int64_t rows, int64_t cols, uint32_t seed) {
  if (IsPacked(f))
    return Packed(RandomWeight({f.name, WeightFormat::kPlain, f.dtype, {}, false}, rows, cols, seed));
  std::mt19937 random(seed);
  struct Parts {
    Bytes data, scales, zeros;
  };
  const auto parts = std::make_shared<Parts>();
  Weight w;
  w.rows = rows;
  w.cols = cols;
  w.format = f.format;
  w.dtype = f.dtype;
  w.scale_dtype = f.scale_dtype;
  switch (f.format) {
    case WeightFormat::kPlain:
    case WeightFormat::kF8Block:
      w.row_bytes = ByteSize(f.dtype, cols);
      parts->data = PlainNumbers(f.dtype, rows * cols, random);
      break;
    case WeightFormat::kInt4Group:
    case WeightFormat::kFp4Group:
      w.row_bytes = (cols + 7) / 8 * 4;
      parts->data = RandomBytes(rows * w.row_bytes, random);
      break;
    case WeightFormat::kPacked8:
    case WeightFormat::kPacked4:
    case WeightFormat::kPacked4K:
    case WeightFormat::kPacked6K:
    case WeightFormat::kPacked5K:
    case WeightFormat::kPacked4X:
    case WeightFormat::kPacked3K:
    case WeightFormat::kPacked2K:
    case WeightFormat::kPacked5:
    case WeightFormat::kPacked4M:
    case WeightFormat::kPacked5M:
    case WeightFormat::kPacked1S:
    case WeightFormat::kPacked1M:
    case WeightFormat::kPacked2XXS:
    case WeightFormat::kPacked2XS:
    case WeightFormat::kPacked2S:
    case WeightFormat::kPacked3XXS:
    case WeightFormat::kPacked3S: ADD_FAILURE() << "made of plain ones"; break;
  }
  if (f.format != WeightFormat::kPlain) {
    w.block_rows = f.format == WeightFormat::kF8Block ? 128 : 1;
    w.block_cols = f.format == WeightFormat::kF8Block ? 128 : 32;
    const int64_t groups = (cols + w.block_cols - 1) / w.block_cols;
    const int64_t scale_rows = (rows + w.block_rows - 1) / w.block_rows;
    w.scale_row_bytes = ByteSize(f.scale_dtype, groups);
    parts->scales = PlainNumbers(f.scale_dtype, scale_rows * groups, random);
    w.scales = parts->scales.data();
    if (f.zeros) {
      w.zero_row_bytes = groups;
      parts->zeros = RandomBytes(rows * groups, random);
      for (std::byte& z : parts->zeros) z &= std::byte{15};
      w.zeros = parts->zeros.data();
    }
  }
  w.data = parts->data.data();
  w.owner = parts;
  return w;
}

Weight F32Weight(int64_t rows, int64_t cols, uint32_t seed) {
  return MakeF32Weight(rows, cols, Random(rows * cols, seed, 1 / std::sqrt(static_cast<float>(cols))));
}

// --- Tokens and norms.

class FormatTest : public ::testing::TestWithParam<Format> {};
INSTANTIATE_TEST_SUITE_P(Formats, FormatTest, ::testing::ValuesIn(Formats()),
                         [](const auto& f) { return f.param.name; });

TEST_P(FormatTest, EmbedIsExact) {
  const Weight table = RandomWeight(GetParam(), 150, RaggedWidth(GetParam()), 1);
  std::vector<int32_t> ids;
  for (int i = 0; i < 300; ++i) ids.push_back(i * 67 % 150);
  Check([&](Context& ctx) { return Values(ops::Embed(ctx, table, Filled(ctx, ids))); }, 0);
}

TEST(Ops, GatherRows) {
  Check(
      [&](Context& ctx) {
        const Tensor x = Filled(ctx, {5, 7}, Random(35, 1));
        return Values(ops::GatherRows(ctx, x, Filled(ctx, {4, 0, 0, 2})));
      },
      0);
}

TEST(Ops, RmsNorm) {
  for (int64_t d : {1, 15, 16, 17, 70, 2049}) {
    for (int64_t tokens : {1, 3, 33, 129}) {
      const Vector w = RandomVector(d, 2);
      Check([&](Context& ctx) {
        // The left part of wider rows, as latent attention uses it.
        const Tensor x = Filled(ctx, {tokens, d + 3}, Random(tokens * (d + 3), 1));
        return Values(ops::RmsNorm(ctx, x.Slice(1, 0, d), w, 1e-6f));
      });
    }
  }
}

TEST(Ops, RmsNormHeads) {
  for (int64_t heads : {1, 3, 4}) {
    for (int64_t dim : {15, 16, 40}) {
      const Vector w = RandomVector(dim, 2);
      Check([&](Context& ctx) {
        const Tensor x = Filled(ctx, {33, heads, dim + 5}, Random(33 * heads * (dim + 5), 1));
        ops::RmsNormHeads(ctx, x.Slice(2, 2, dim), w, 1e-6f);
        return Values(x);  // with the untouched dims beside
      });
    }
  }
}

TEST(Ops, LayerNorm) {
  for (int64_t n : {1, 7, 128, 1000}) {
    const Vector w = RandomVector(n, 1), bias = RandomVector(n, 2);
    Check([&](Context& ctx) {
      const Tensor x = Filled(ctx, {5, n}, Random(5 * n, 3, 4));
      x.f32()[0] += 1000;
      return Values(ops::LayerNorm(ctx, x, w, bias, 1e-6f));
    });
  }
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (Device* device : {&Reference(), &Cpu(Isa::kReference, 1)}) {
      const std::vector<float> out = RunOn(*device, [&](Context& ctx) {
        const Tensor x = Filled(ctx, {2, 3}, {1, bad, 2, 3, 4, 5});
        return Values(ops::LayerNorm(ctx, x, RandomVector(3, 1), RandomVector(3, 2), 1e-6f));
      });
      for (size_t i = 0; i < 6; ++i) EXPECT_EQ(std::isnan(out[i]), i < 3) << "only its own row";
    }
  }
}

TEST(Ops, Add) {
  for (int64_t n : {1, 70, 16383, 16384, 16385, 40000}) {
    Check(
        [&](Context& ctx) {
          const Tensor x = Filled(ctx, {1, n}, Random(n, 1));
          ops::Add(ctx, Filled(ctx, {1, n}, Random(n, 2)), x);
          return Values(x);
        },
        0);
  }
}

// --- Linear layers.

TEST_P(FormatTest, LinearInEveryFormat) {
  const int64_t in = RaggedWidth(GetParam());
  // 64 rows are a panel; 128 rows share scales of FP8.
  for (int64_t out : {1, 63, 64, 65, 150}) {
    const ops::LinearLayer layer{RandomWeight(GetParam(), out, in, 3), RandomVector(out, 4)};
    for (int64_t tokens : {1, 2, 33}) {
      Check(
          [&](Context& ctx) {
            const Tensor x = Filled(ctx, {tokens, in}, Random(tokens * in, 1));
            std::vector<float> all = Values(ops::Linear(ctx, x, layer));
            const Tensor residual = Filled(ctx, {tokens, out}, Random(tokens * out, 5));
            ops::LinearAdd(ctx, x, layer, residual);
            AppendTo(all, Values(residual));
            return all;
          },
          BoundOf(GetParam()), RoundedBoundOf(GetParam()));
    }
  }
}

TEST(Ops, LinearOnBothSidesOfEveryBoundary) {
  // 2100 columns make panels of 60 rows, 40000 of 4.
  for (const auto& [out, in] : {std::pair<int64_t, int64_t>{70, 39}, {125, 2100}, {9, 40000}, {1, 1}}) {
    const ops::LinearLayer layer{F32Weight(out, in, 3), {}};
    for (int64_t tokens : kTokens) {
      if (tokens * in > 200'000) continue;
      Check([&](Context& ctx) {
        const Tensor x = Filled(ctx, {tokens, in}, Random(tokens * in, 1));
        return Values(ops::Linear(ctx, x, layer));
      });
    }
  }
}

TEST(Ops, LinearOfRowsInsideWiderOnes) {
  const ops::LinearLayer layer{F32Weight(20, 30, 3), RandomVector(20, 4)};
  Check([&](Context& ctx) {
    const Tensor x = Filled(ctx, {7, 50}, Random(350, 1));
    return Values(ops::Linear(ctx, x.Slice(1, 11, 30), layer));
  });
}

TEST(Ops, MisalignedF32WeightsAreRead) {
  const Weight aligned = F32Weight(9, 33, 3);
  Bytes bytes(static_cast<size_t>(aligned.bytes()) + 1);
  std::memcpy(bytes.data() + 1, aligned.data, static_cast<size_t>(aligned.bytes()));
  Weight shifted = aligned;
  shifted.data = bytes.data() + 1;
  const auto linear = [](const Weight& w) {
    return [&w](Context& ctx) {
      return Values(ops::Linear(ctx, Filled(ctx, {3, 33}, Random(99, 1)), {w, {}}));
    };
  };
  CheckSame(linear(shifted), linear(aligned));
}

// b is packed or not, beside others that are not.
class MixedTest : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Packed, MixedTest, ::testing::Bool());

TEST_P(MixedTest, LinearsAndLinearAddAreTheirParts) {
  const Format q8 = {"q8_0", WeightFormat::kPlain, DType::kQ8_0, {}, false};
  const ops::LinearLayer b{GetParam() ? Packed(RandomWeight(q8, 83, 96, 5)) : F32Weight(83, 96, 5), {}};
  const ops::LinearLayer a{GetParam() ? Packed(RandomWeight(q8, 70, 96, 3)) : F32Weight(70, 96, 3),
                           RandomVector(70, 4)},
      c{F32Weight(129, 96, 6), RandomVector(129, 7)};
  for (int64_t tokens : {1, 5, 65, 257}) {
    const std::vector<float> x = Random(tokens * 96, 1), y = Random(tokens * 70, 2);
    CheckSame(
        [&](Context& ctx) {
          std::vector<float> all;
          for (const Tensor& t : ops::Linears(ctx, Filled(ctx, {tokens, 96}, x), {&a, &b, &c}))
            AppendTo(all, Values(t));
          const Tensor residual = Filled(ctx, {tokens, 70}, y);
          ops::LinearAdd(ctx, Filled(ctx, {tokens, 96}, x), a, residual);
          AppendTo(all, Values(residual));
          return all;
        },
        [&](Context& ctx) {
          std::vector<float> all;
          for (const ops::LinearLayer* layer : {&a, &b, &c})
            AppendTo(all, Values(ops::Linear(ctx, Filled(ctx, {tokens, 96}, x), *layer)));
          const Tensor residual = Filled(ctx, {tokens, 70}, y);
          ops::Add(ctx, ops::Linear(ctx, Filled(ctx, {tokens, 96}, x), a), residual);
          AppendTo(all, Values(residual));
          return all;
        });
  }
}

TEST_P(FormatTest, GatedLinearInEveryFormat) {
  const int64_t in = RaggedWidth(GetParam());
  const ops::LinearLayer gate{RandomWeight(GetParam(), 70, in, 3), RandomVector(70, 4)},
      up{RandomWeight(GetParam(), 70, in, 5), RandomVector(70, 6)};
  for (int64_t tokens : {1, 33}) {
    const std::vector<float> x = Random(tokens * in, 1, 1 / std::sqrt(static_cast<float>(in)));
    const Verbs fused = [&](Context& ctx) {
      return Values(ops::GatedLinear(ctx, Filled(ctx, {tokens, in}, x), gate, up));
    };
    const Verbs parts = [&](Context& ctx) {
      const std::vector<Tensor> both = ops::Linears(ctx, Filled(ctx, {tokens, in}, x), {&gate, &up});
      std::vector<float> y = Values(both[1]);
      for (size_t i = 0; i < y.size(); ++i) {
        const double g = both[0].f32()[i];
        y[i] = static_cast<float>(g / (1 + std::exp(-g)) * y[i]);
      }
      return y;
    };
    Check(fused, BoundOf(GetParam()), RoundedBoundOf(GetParam()));
    for (Isa isa : SupportedIsas())
      EXPECT_LE(Nmse(RunOn(Cpu(isa, 2), fused), RunOn(Cpu(isa, 2), parts)), kBound);
  }
}

// Which expert is chosen may hang on little.
TEST(Ops, ExactLayersTakeTheirInputAsItIs) {
  const Format bf16 = {"bf16", WeightFormat::kPlain, DType::kBF16, {}, false};
  ops::LinearLayer exact{RandomWeight(bf16, 40, 70, 3), {}}, other{RandomWeight(bf16, 30, 70, 5), {}};
  exact.exact = true;
  Check([&](Context& ctx) {
    return Values(ops::Linears(ctx, Filled(ctx, {9, 70}, Random(9 * 70, 1)), {&other, &exact})[1]);
  });
}

class BatchTest : public ::testing::TestWithParam<Format> {};
INSTANTIATE_TEST_SUITE_P(Formats, BatchTest,
                         ::testing::Values(Format{"f32", {}, DType::kF32, {}, false},
                                           Format{"bf16", {}, DType::kBF16, {}, false}, PackedFormats()[0],
                                           PackedFormats()[1]),
                         [](const auto& f) { return f.param.name; });

TEST_P(BatchTest, ARowOfALinearLayerKnowsNothingOfIt) {
  const int64_t in = RaggedWidth(GetParam());
  const ops::LinearLayer gate{RandomWeight(GetParam(), 130, in, 3), {}},
      up{RandomWeight(GetParam(), 130, in, 5), {}};
  const std::vector<float> x = Random(129 * in, 1);
  const auto rows = [&](Context& ctx, int64_t begin, int64_t end) {
    const Tensor all = Filled(ctx, {129, in}, x);
    std::vector<float> out = Values(ops::Linear(ctx, all.Slice(0, begin, end - begin), gate));
    AppendTo(out, Values(ops::GatedLinear(ctx, all.Slice(0, begin, end - begin), gate, up)));
    return out;
  };
  for (Isa isa : SupportedIsas()) {
    const std::vector<float> whole = RunOn(Cpu(isa, 2), [&](Context& ctx) { return rows(ctx, 0, 129); });
    for (const auto& [begin, end] :
         {std::pair<int64_t, int64_t>{0, 1}, {128, 129}, {3, 50}, {47, 49}, {60, 129}}) {
      const std::vector<float> part = RunOn(Cpu(isa, 1), [&](Context& ctx) { return rows(ctx, begin, end); });
      const size_t half = part.size() / 2, from = static_cast<size_t>(begin) * 130;
      EXPECT_TRUE(SameBits(std::span(part).first(half), std::span(whole).subspan(from, half)));
      EXPECT_TRUE(
          SameBits(std::span(part).subspan(half), std::span(whole).subspan(whole.size() / 2 + from, half)));
    }
  }
}

TEST_P(FormatTest, HeadLinearInEveryFormat) {
  const int64_t wide = RaggedWidth(GetParam()), heads = 3, rows = 9;
  // Rows 2..10, 14..22, 26..34 of the weight; straight and as columns.
  const Weight w = RandomWeight(GetParam(), 2 + 12 * heads, wide, 3);
  const ops::HeadMatrices straight{w, heads, rows, wide, 2, 12, false},
      turned{w, heads, wide, rows, 2, 12, true};
  for (int64_t tokens : {1, 5, 33}) {
    Check([&](Context& ctx) {
      const Tensor x = Filled(ctx, {tokens, heads, wide + 4}, Random(tokens * heads * (wide + 4), 1));
      std::vector<float> all = Values(ops::HeadLinear(ctx, x.Slice(2, 4, wide), straight));
      AppendTo(all, Values(ops::HeadLinear(ctx, x.Slice(2, 1, rows), turned)));
      return all;
    });
  }
}

// The matrices of `m` stored the other way round.
ops::HeadMatrices Turned(const ops::HeadMatrices& m) {
  std::vector<float> row(static_cast<size_t>(m.w.cols)), values(static_cast<size_t>(m.heads * m.out * m.in));
  const int64_t stored = m.transposed ? m.in : m.out;
  for (int64_t h = 0; h < m.heads; ++h) {
    for (int64_t r = 0; r < stored; ++r) {
      UnpackRow(m.w.Row(m.first_row + h * m.head_stride + r), m.w.cols, row.data());
      for (int64_t c = 0; c < m.w.cols; ++c)
        values[static_cast<size_t>((h * m.w.cols + c) * stored + r)] = row[static_cast<size_t>(c)];
    }
  }
  return {
      MakeF32Weight(m.heads * m.w.cols, stored, values), m.heads, m.out, m.in, 0, m.w.cols, !m.transposed};
}

TEST(Ops, TransposedHeadMatricesAreTheSameMatrices) {
  const ops::HeadMatrices m{F32Weight(100, 37, 3), 4, 19, 37, 1, 25, false}, turned = Turned(m);
  for (int64_t tokens : {1, 6, 65}) {
    const std::vector<float> values = Random(tokens * 4 * 37, 1);
    const auto with = [&](const ops::HeadMatrices& which) -> Verbs {
      return [&](Context& ctx) {
        return Values(ops::HeadLinear(ctx, Filled(ctx, {tokens, 4, 37}, values), which));
      };
    };
    Check(with(m));
    Check(with(turned));
    EXPECT_LE(Nmse(RunOn(Reference(), with(turned)), RunOn(Reference(), with(m))), 1e-14);
  }
}

// --- Positions.

TEST(Ops, RopeAngles) {
  for (int pairs : {1, 4, 15, 64}) {
    ops::RopeTable table;
    table.magnitude = 1.25f;
    for (int i = 0; i < pairs; ++i)
      table.inv_freq.push_back(static_cast<float>(std::pow(10000.0, -i / 64.0)));
    Check([&](Context& ctx) {
      return Values(ops::RopeAngles(ctx, Filled(ctx, {0, 1, 2, 63, 64, 4095, 131071, 1048575}), table));
    });
  }
}

TEST(Ops, RopeTurnsHeadsInPlace) {
  ops::RopeTable table;
  for (int i = 0; i < 9; ++i) table.inv_freq.push_back(1.0f / static_cast<float>(1 + i));
  for (bool interleaved : {false, true}) {
    for (int64_t heads : {1, 4}) {
      Check([&](Context& ctx) {
        const Tensor angles = ops::RopeAngles(ctx, Filled(ctx, {0, 5, 17, 1000}), table);
        // Partly turned heads, as a slice of wider ones.
        const Tensor x = Filled(ctx, {4, heads, 30}, Random(4 * heads * 30, 1));
        ops::Rope(ctx, x.Slice(2, 6, 22), angles, interleaved);
        return Values(x);
      });
    }
  }
}

// --- State and attention.

struct SequenceSpec {
  int64_t past, rows;
  bool prompt;
};

// Sequences with random pasts on pages of their own, as the engine would lay them out.
class Sequences {
 public:
  Sequences(Context& ctx, const std::vector<SequenceSpec>& specs, const std::vector<int64_t>& widths,
            DType dtype) {
    int64_t page_bytes = 0, tokens = 0;
    for (int64_t width : widths) {
      streams_.push_back({width, dtype, page_bytes});
      page_bytes += (kPagePositions * ByteSize(dtype, width) + 63) / 64 * 64;
    }
    for (const SequenceSpec& s : specs) {
      const int64_t count = (s.past + s.rows + kPagePositions - 1) / kPagePositions;
      memory_.emplace_back(static_cast<size_t>(count * page_bytes + 64),
                           std::byte{0xFF});  // NaN until written
      std::byte* first = memory_.back().data();
      first += (64 - reinterpret_cast<uintptr_t>(first) % 64) % 64;
      for (int64_t p = 0; p < count; ++p) pages_.push_back(first + p * page_bytes);
    }
    size_t at = 0;
    for (const SequenceSpec& s : specs) {
      steps_.push_back({tokens, s.rows, s.past, s.prompt, pages_.data() + at});
      at += static_cast<size_t>((s.past + s.rows + kPagePositions - 1) / kPagePositions);
      tokens += s.rows;
    }
    batch_ = {ctx.NewI32({tokens}), ctx.NewI32({tokens}), ctx.NewI32({1}), steps_, streams_};
    FillPast(ctx);
  }
  const Batch& batch() const { return batch_; }

 private:
  // Values depend on the sequence's number, the stream and the position only.
  void FillPast(Context& ctx) {
    Context fill{Reference(), ctx.arena};
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (steps_[i].past == 0) continue;
      const SequenceStep past{0, steps_[i].past, 0, true, steps_[i].pages};
      const Batch batch{ctx.NewI32({past.rows}), ctx.NewI32({past.rows}), {}, {&past, 1}, streams_};
      for (size_t s = 0; s < streams_.size(); ++s) {
        ops::Append(fill, NewRows(ctx, i, s, 0, past.rows), batch, static_cast<int>(s));
      }
    }
  }

 public:
  // Rows [first, first + count) of what sequence `i` appends to a stream.
  Tensor NewRows(Context& ctx, size_t i, size_t stream, int64_t first, int64_t count) const {
    const int64_t width = streams_[stream].width;
    const Tensor rows = ctx.NewF32({count, width});
    for (int64_t r = 0; r < count; ++r) {
      const uint32_t seed =
          static_cast<uint32_t>(1000003 * i + 10007 * stream) + static_cast<uint32_t>(first + r);
      std::mt19937 random(seed);
      for (int64_t c = 0; c < width; ++c)
        rows.Row(r)[c] = static_cast<float>(static_cast<int32_t>(random())) * 0x1p-31f;
    }
    return rows;
  }
  // What all sequences append in this step, in the order of rows: [tokens, width].
  Tensor StepRows(Context& ctx, size_t stream) const {
    const Tensor all = ctx.NewF32({batch_.tokens(), streams_[stream].width});
    for (size_t i = 0; i < steps_.size(); ++i) {
      const Tensor part = NewRows(ctx, i, stream, steps_[i].past, steps_[i].rows);
      std::copy_n(part.f32(), part.elements(), all.Row(steps_[i].first_row));
    }
    return all;
  }

 private:
  std::vector<StateStream> streams_;
  std::vector<std::vector<std::byte>> memory_;
  std::vector<std::byte*> pages_;
  std::vector<SequenceStep> steps_;
  Batch batch_;
};

TEST(Ops, AppendStoresTheSameBytes) {
  for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    SCOPED_TRACE(Name(dtype));
    Check(
        [&](Context& ctx) {
          const Sequences s(ctx, {{0, 3, true}, {63, 2, false}, {64, 130, true}}, {21, 40}, dtype);
          const Tensor x = s.StepRows(ctx, 1);
          for (int64_t t = 0; t < x.dim(0); ++t) x.Row(t)[3] *= 1e6f;  // beyond the range of f16
          ops::Append(ctx, x.Slice(1, 1, 17), s.batch(), 0, 4);        // into columns 4..20
          ops::Append(ctx, x, s.batch(), 1);
          std::vector<float> bytes;
          for (const SequenceStep& step : s.batch().sequences) {
            for (const StateStream& stream : s.batch().streams) {
              for (int64_t p = 0; p < step.past + step.rows; ++p) {
                const std::byte* row = step.At(stream, p);
                for (int64_t i = 0; i < stream.row_bytes(); ++i)
                  bytes.push_back(static_cast<float>(std::to_integer<int>(row[i])));
              }
            }
          }
          return bytes;
        },
        0);
  }
}

TEST(Ops, F16StateSaturates) {
  for (Isa isa : SupportedIsas()) {
    for (float huge : {65504.0f, 65519.0f, 65520.0f, 1e9f, 3e38f}) {
      const std::vector<float> out = RunOn(Cpu(isa, 1), [&](Context& ctx) {
        const Sequences s(ctx, {{0, 1, true}}, {20, 20}, DType::kF16);
        const Tensor x = Filled(ctx, {1, 20}, std::vector<float>(20, huge));
        for (int64_t i = 0; i < 20; i += 2) x.f32()[i] = -huge;
        ops::Append(ctx, x, s.batch(), 0);
        ops::Append(ctx, x, s.batch(), 1);
        const Tensor q = Filled(ctx, {1, 1, 20}, Random(20, 1));
        return Values(ops::Attend(ctx, q, s.batch(), {0, 1, 1, 20, 20, 1.0f}));
      });
      for (size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], i % 2 == 0 ? -65504.0f : 65504.0f);
    }
  }
}

struct AttendShape {
  int64_t heads, kv_heads, key_dim, value_dim;
};

Verbs AttendVerbs(const std::vector<SequenceSpec>& specs, AttendShape a, DType dtype) {
  return [=](Context& ctx) {
    const Sequences s(ctx, specs, {a.kv_heads * a.key_dim, a.kv_heads * a.value_dim}, dtype);
    ops::Append(ctx, s.StepRows(ctx, 0), s.batch(), 0);
    ops::Append(ctx, s.StepRows(ctx, 1), s.batch(), 1);
    const int64_t tokens = s.batch().tokens();
    const Tensor q = Filled(ctx, {tokens, a.heads, a.key_dim}, Random(tokens * a.heads * a.key_dim, 9, 2));
    return Values(ops::Attend(ctx, q, s.batch(), {0, 1, a.kv_heads, a.key_dim, a.value_dim, 0.7f}));
  };
}

TEST(Ops, AttendAtEveryPageBoundary) {
  for (int64_t past : {0, 1, 62, 63, 64, 65, 126, 127, 128, 129}) {
    for (int64_t rows : {1, 2, 63, 64, 65})
      Check(AttendVerbs({{past, rows, true}}, {4, 2, 16, 16}, DType::kF32));
  }
}

TEST(Ops, AttendAtEveryNumberOfTokens) {
  for (int64_t rows : kTokens) Check(AttendVerbs({{0, rows, true}}, {2, 1, 8, 8}, DType::kF32));
}

TEST(Ops, AttendWithEveryGroupingAndType) {
  for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const AttendShape a : {AttendShape{1, 1, 16, 16},
                                {4, 4, 7, 5},
                                {4, 1, 33, 16},
                                {6, 2, 17, 40},
                                {33, 1, 4, 4},
                                {64, 2, 8, 8}}) {
      Check(AttendVerbs({{60, 7, false}}, a, dtype), kBound, RoundedBoundOf(dtype));
      Check(AttendVerbs({{60, 7, false}, {0, 1, true}, {128, 1, false}, {0, 66, true}}, a, dtype), kBound,
            RoundedBoundOf(dtype));
    }
  }
}

// Sums begin anew every 1,024 positions; few tiles share their spans among threads, many go through them
// alone.
TEST(Ops, AttendOverManySpans) {
  for (int64_t past : {1022, 1023, 1024, 2047, 2050}) {
    for (DType dtype : {DType::kF32, DType::kBF16}) {
      Check(AttendVerbs({{past, 1, false}}, {3, 1, 20, 12}, dtype), kBound, RoundedBoundOf(dtype));
      Check(AttendVerbs({{past, 2, false}, {5, 1, false}, {1030, 3, true}}, {4, 2, 16, 8}, dtype), kBound,
            RoundedBoundOf(dtype));
      Check(AttendVerbs({{past, 3, false}}, {32, 16, 8, 8}, dtype), kBound, RoundedBoundOf(dtype));
    }
  }
}

// The latent of a position is its key's first part and its value.
TEST(Ops, AttendOverOneStreamForKeysAndValues) {
  Check([](Context& ctx) {
    const Sequences s(ctx, {{100, 30, true}}, {24}, DType::kF32);
    ops::Append(ctx, s.StepRows(ctx, 0), s.batch(), 0);
    const Tensor q = Filled(ctx, {30, 3, 24}, Random(30 * 3 * 24, 9));
    return Values(ops::Attend(ctx, q, s.batch(), {0, 0, 1, 24, 17, 0.3f}));
  });
}

// Scores of hundreds, as trained models have on their sinks.
TEST(Ops, AttendWithLargeScores) {
  Check(
      [](Context& ctx) {
        const Sequences s(ctx, {{100, 30, true}}, {32, 32}, DType::kF32);
        for (int stream : {0, 1})
          ops::Append(ctx, s.StepRows(ctx, static_cast<size_t>(stream)), s.batch(), stream);
        const Tensor q = Filled(ctx, {30, 2, 16}, Random(30 * 2 * 16, 9, 100));
        return Values(ops::Attend(ctx, q, s.batch(), {0, 1, 2, 16, 16, 1.0f}));
      },
      1e-7);  // a rounding of scores of 500 is a relative error of 3e-5 in their exponentials
}

struct Latent {
  int64_t heads = 3, nope = 9, rope = 6, latent = 20, value = 11;
  ops::HeadMatrices key{F32Weight(3 * 20, 20, 3), 3, 9, 20, 0, 20, false};
  ops::HeadMatrices val{key.w, 3, 11, 20, 9, 20, false};
};

Verbs LatentVerbs(const std::vector<SequenceSpec>& specs, const Latent& l, DType dtype) {
  return [=](Context& ctx) {
    const Sequences s(ctx, specs, {l.latent + l.rope}, dtype);
    ops::Append(ctx, s.StepRows(ctx, 0), s.batch(), 0);
    const int64_t tokens = s.batch().tokens(), width = l.nope + l.rope;
    const Tensor q = Filled(ctx, {tokens, l.heads, width}, Random(tokens * l.heads * width, 9, 2));
    return Values(ops::AttendLatent(ctx, q, l.key, l.val, s.batch(), {0, l.latent, l.rope, 0.4f}));
  };
}

TEST(Ops, AttendLatent) {
  const Latent latent;
  Latent turned = latent;
  turned.key = Turned(latent.key);
  turned.val = Turned(latent.val);
  for (const Latent* l : {&latent, static_cast<const Latent*>(&turned)}) {
    for (bool prompt : {false, true}) {
      for (int64_t past : {0, 1, 63, 64, 65, 127, 129}) {
        for (int64_t rows : {1, 3, 65}) Check(LatentVerbs({{past, rows, prompt}}, *l, DType::kF32));
      }
    }
  }
  for (DType dtype : {DType::kF16, DType::kBF16}) {
    Check(LatentVerbs({{5, 2, true}, {70, 1, false}, {0, 3, false}, {64, 33, true}, {1, 1, false}}, latent,
                      dtype),
          kBound, RoundedBoundOf(dtype));
  }
}

// Expanded and absorbed are the same function; they may differ by rounding only.
TEST(Ops, ExpandedLatentAttentionIsAbsorbed) {
  for (DType dtype : {DType::kF32, DType::kBF16}) {
    for (const auto& [past, rows] : {std::pair<int64_t, int64_t>{0, 1}, {0, 130}, {63, 2}, {200, 33}}) {
      const Verbs expanded = LatentVerbs({{past, rows, true}}, {}, dtype);
      const Verbs absorbed = LatentVerbs({{past, rows, false}}, {}, dtype);
      for (Isa isa : SupportedIsas())
        EXPECT_LE(Nmse(RunOn(Cpu(isa, 2), expanded), RunOn(Cpu(isa, 2), absorbed)), RoundedBoundOf(dtype));
    }
  }
}

// The rows of each sequence alone, in the order of the batch. `make` builds the verbs for some specs
// with queries that depend on the row's number, so the parts take theirs from the whole's.
class AttentionBatchTest : public ::testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(State, AttentionBatchTest, ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& dtype) { return std::string(Name(dtype.param)); });

TEST_P(AttentionBatchTest, AttentionOfABatchIsThatOfItsSequences) {
  const std::vector<SequenceSpec> specs = {{0, 3, true},    {63, 1, false},  {64, 5, false},
                                           {100, 40, true}, {127, 1, false}, {1020, 7, false}};
  int64_t tokens = 0;
  for (const SequenceSpec& s : specs) tokens += s.rows;
  const Latent l;
  const std::vector<float> queries = Random(tokens * 4 * 16, 9, 2),
                           latent_queries = Random(tokens * 3 * 15, 8, 2);
  // Runs attention on sequences [first, last) of the batch, each appending [begin, end) of its rows.
  const auto run = [&](Context& ctx, size_t first, size_t last, int64_t skip, int64_t limit) {
    std::vector<SequenceSpec> all = specs;
    for (SequenceSpec& s : all) {
      const int64_t begin = std::min(skip, s.rows);
      s = {s.past + begin, std::min(limit, s.rows - begin), s.prompt};
    }
    const Sequences state(ctx, all, {32, 32, 26}, GetParam());
    std::vector<SequenceStep> steps;
    int64_t rows = 0;
    for (size_t i = first; i < last; ++i) {
      steps.push_back(state.batch().sequences[i]);
      steps.back().first_row = rows;
      rows += steps.back().rows;
    }
    Batch batch = state.batch();
    batch.sequences = steps;
    batch.ids = ctx.NewI32({rows});
    const Tensor q = ctx.NewF32({rows, 4, 16}), latent_q = ctx.NewF32({rows, 3, 15});
    const Tensor new_rows[] = {ctx.NewF32({rows, 32}), ctx.NewF32({rows, 32}), ctx.NewF32({rows, 26})};
    int64_t whole_row = 0;
    for (size_t i = 0; i < specs.size(); ++i) {
      if (i >= first && i < last) {
        const SequenceStep& step = steps[i - first];
        const int64_t from = whole_row + std::min(skip, specs[i].rows);
        std::copy_n(queries.data() + from * 64, step.rows * 64, q.Row(step.first_row));
        std::copy_n(latent_queries.data() + from * 45, step.rows * 45, latent_q.Row(step.first_row));
        for (size_t stream = 0; stream < 3; ++stream) {
          const Tensor part = state.NewRows(ctx, i, stream, step.past, step.rows);
          std::copy_n(part.f32(), part.elements(), new_rows[stream].Row(step.first_row));
        }
      }
      whole_row += specs[i].rows;
    }
    for (int stream = 0; stream < 3; ++stream) ops::Append(ctx, new_rows[stream], batch, stream);
    const Tensor y = ops::Attend(ctx, q, batch, {0, 1, 2, 16, 16, 0.5f});
    const Tensor z = ops::AttendLatent(ctx, latent_q, l.key, l.val, batch, {2, l.latent, l.rope, 0.4f});
    std::vector<float> out;
    for (int64_t r = 0; r < rows; ++r) {
      out.insert(out.end(), y.Row(r), y.Row(r) + 64);
      out.insert(out.end(), z.Row(r), z.Row(r) + 33);
    }
    return out;
  };
  for (Isa isa : SupportedIsas()) {
    SCOPED_TRACE(IsaName(isa));
    const std::vector<float> whole =
        RunOn(Cpu(isa, 3), [&](Context& ctx) { return run(ctx, 0, specs.size(), 0, 1000); });
    std::vector<float> singles;
    for (size_t i = 0; i < specs.size(); ++i) {
      AppendTo(singles, RunOn(Cpu(isa, 1), [&](Context& ctx) { return run(ctx, i, i + 1, 0, 1000); }));
    }
    EXPECT_TRUE(SameBits(singles, whole)) << "sequences alone";
    for (int64_t chunk : {1, 7, 16, 33}) {
      std::vector<float> chunks;
      for (size_t i = 0; i < specs.size(); ++i) {
        for (int64_t at = 0; at < specs[i].rows; at += chunk)
          AppendTo(chunks, RunOn(Cpu(isa, 2), [&](Context& ctx) { return run(ctx, i, i + 1, at, chunk); }));
      }
      EXPECT_TRUE(SameBits(chunks, whole)) << "chunks of " << chunk;
    }
  }
}

// --- Sparse attention.

struct Index {
  int64_t heads, dim, count;
};

Tensor RunIndex(Context& ctx, const Sequences& s, int stream, const Index& x) {
  const int64_t tokens = s.batch().tokens();
  const Tensor q = Filled(ctx, {tokens, x.heads, x.dim}, Random(tokens * x.heads * x.dim, 19, 2));
  const Tensor weights = Filled(ctx, {tokens, x.heads}, Random(tokens * x.heads, 23));
  return ops::SelectPositions(ctx, q, weights, s.batch(), {stream, x.count});
}

Verbs IndexVerbs(const std::vector<SequenceSpec>& specs, const Index& x, DType dtype) {
  return [=](Context& ctx) {
    const Sequences s(ctx, specs, {x.dim}, dtype);
    ops::Append(ctx, s.StepRows(ctx, 0), s.batch(), 0);
    const Tensor selected = RunIndex(ctx, s, 0, x);
    std::vector<float> out;
    for (int64_t i = 0; i < selected.elements(); ++i)
      out.push_back(selected.i32()[i] == ops::kNoPosition ? -1.0f : static_cast<float>(selected.i32()[i]));
    return out;
  };
}

TEST(Ops, SelectPositionsIsExact) {
  for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const Index& x : {Index{1, 8, 1}, {5, 17, 9}, {16, 32, 64}}) {
      Check(IndexVerbs({{0, 70, true}, {64, 1, false}, {3, 2, false}, {127, 66, true}}, x, dtype), 0);
    }
  }
  // More scores than are kept at a time.
  Check(IndexVerbs({{9000, 513, true}}, {1, 4, 3}, DType::kF32), 0);
}

// What a step selects for a row does not depend on the rows beside it.
TEST(Ops, SelectPositionsOfAChunkIsThatOfTheWhole) {
  constexpr int64_t kRows = 80, kCount = 7, kHeads = 3, kDim = 12;
  const std::vector<float> queries = Random(kRows * kHeads * kDim, 1), weights = Random(kRows * kHeads, 2);
  const auto run = [&](int64_t chunk) {
    return [&, chunk](Context& ctx) {
      std::vector<float> all;
      for (int64_t at = 0; at < kRows; at += chunk) {
        const Sequences s(ctx, {{at, std::min(chunk, kRows - at), true}}, {kDim}, DType::kF32);
        ops::Append(ctx, s.StepRows(ctx, 0), s.batch(), 0);
        const Tensor q = Filled(ctx, {kRows, kHeads, kDim}, queries),
                     w = Filled(ctx, {kRows, kHeads}, weights);
        const int64_t rows = s.batch().tokens();
        const Tensor got =
            ops::SelectPositions(ctx, q.Slice(0, at, rows), w.Slice(0, at, rows), s.batch(), {0, kCount});
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t i = 0; i < kCount; ++i) {
            // All are attended where nothing was selected.
            const int32_t everything = i <= at + r ? static_cast<int32_t>(i) : ops::kNoPosition;
            all.push_back(static_cast<float>(got.rank == 0 ? everything : got.i32()[r * kCount + i]));
          }
        }
      }
      return all;
    };
  };
  for (int64_t chunk : {1, 2, 7, 33}) CheckSame(run(kRows), run(chunk));
}

// Attention of all kinds over selected positions. `selected` makes the selection.
using MakeSelection = std::function<Tensor(Context&, const Sequences&)>;

Verbs SparseVerbs(const std::vector<SequenceSpec>& specs, DType dtype, const MakeSelection& selected) {
  return [=](Context& ctx) {
    const Latent l;
    const Sequences s(ctx, specs, {2 * 12, 2 * 10, l.latent + l.rope, 16}, dtype);
    for (int i = 0; i < 4; ++i) ops::Append(ctx, s.StepRows(ctx, static_cast<size_t>(i)), s.batch(), i);
    const Tensor positions = selected(ctx, s);
    const int64_t tokens = s.batch().tokens(), width = l.nope + l.rope;
    const Tensor q = Filled(ctx, {tokens, 70, 12}, Random(tokens * 70 * 12, 9, 2));
    const Tensor latent_q = Filled(ctx, {tokens, l.heads, width}, Random(tokens * l.heads * width, 8, 2));
    std::vector<float> out = Values(ops::Attend(ctx, q, s.batch(), {0, 1, 2, 12, 10, 0.5f, positions}));
    AppendTo(out, Values(ops::AttendLatent(ctx, latent_q, l.key, l.val, s.batch(),
                                           {2, l.latent, l.rope, 0.4f, positions})));
    return out;
  };
}

TEST(Ops, AttentionOverSelectedPositions) {
  for (DType dtype : {DType::kF32, DType::kBF16}) {
    for (int64_t count : {1, 9, 64, 65, 100}) {
      Check(SparseVerbs({{0, 70, true}, {200, 1, false}, {63, 3, false}, {130, 33, true}}, dtype,
                        [&](Context& ctx, const Sequences& s) {
                          return RunIndex(ctx, s, 3, {4, 16, count});
                        }),
            kBound, RoundedBoundOf(dtype));
    }
  }
}

TEST(Ops, AttentionOverAllPositionsSelectedIsAttention) {
  const std::vector<SequenceSpec> specs = {{0, 70, true}, {200, 1, false}, {63, 3, false}, {130, 33, true}};
  const auto all = [](Context& ctx, const Sequences& s) {
    const int64_t count = 210;
    const Tensor selected = ctx.NewI32({s.batch().tokens(), count});
    std::fill_n(selected.i32(), selected.elements(), ops::kNoPosition);
    for (const SequenceStep& step : s.batch().sequences) {
      for (int64_t r = 0; r < step.rows; ++r) {
        int32_t* list = selected.i32() + (step.first_row + r) * count;
        for (int64_t at = 0; at <= step.past + r; ++at) list[at] = static_cast<int32_t>(at);
      }
    }
    return selected;
  };
  for (DType dtype : {DType::kF32, DType::kBF16}) {
    CheckSame(SparseVerbs(specs, dtype, all),
              SparseVerbs(specs, dtype, [](Context&, const Sequences&) { return Tensor(); }));
  }
}

TEST(Ops, ExpandedSparseAttentionIsAbsorbed) {
  const auto verbs = [](bool prompt) {
    return SparseVerbs({{63, 40, prompt}}, DType::kF32, [](Context& ctx, const Sequences& s) {
      return RunIndex(ctx, s, 3, {4, 16, 12});
    });
  };
  for (Isa isa : SupportedIsas())
    EXPECT_LE(Nmse(RunOn(Cpu(isa, 2), verbs(true)), RunOn(Cpu(isa, 2), verbs(false))), kBound);
}

// max(0, x) turns minus infinity and NaN into an honest zero; the token must break all the same.
TEST(Ops, ABrokenIndexKeyBreaksTheTokensThatChoose) {
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                    -std::numeric_limits<float>::infinity()}) {
    for (bool prompt : {true, false}) {
      const Verbs verbs = [&](Context& ctx) {
        const Sequences s(ctx, {{0, 20, prompt}}, {24, 16}, DType::kF32);
        ops::Append(ctx, s.StepRows(ctx, 0), s.batch(), 0);
        const Tensor keys = s.StepRows(ctx, 1);
        keys.Row(5)[3] = bad;
        ops::Append(ctx, keys, s.batch(), 1);
        const Tensor selected = RunIndex(ctx, s, 1, {2, 16, 8});
        const ops::HeadMatrices key{F32Weight(3 * 9, 18, 3), 3, 9, 18, 0, 9, false};
        const Tensor q = Filled(ctx, {20, 3, 15}, Random(20 * 3 * 15, 4));
        return Values(ops::AttendLatent(ctx, q, key, key, s.batch(), {0, 18, 6, 1.0f, selected}));
      };
      std::vector<std::vector<float>> results = {RunOn(Reference(), verbs)};
      for (Isa isa : SupportedIsas()) results.push_back(RunOn(Cpu(isa, 2), verbs));
      for (const std::vector<float>& out : results) {
        for (size_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::isnan(out[i]), i >= 8 * 3 * 9) << i;
      }
    }
  }
}

// --- Mixtures of experts.

TEST(Ops, Route) {
  ops::RouterParams p;
  p.score = ops::RouterParams::Score::kSigmoid;
  p.selection_bias = RandomVector(12, 2);
  p.top_k = 3;
  p.groups = 4;
  p.top_groups = 2;
  p.normalize = true;
  for (int64_t tokens : {1, 15, 16, 17, 100}) {
    Check(
        [&](Context& ctx) {
          const ops::Routing r = ops::Route(ctx, Filled(ctx, {tokens, 12}, Random(tokens * 12, 1)), p);
          std::vector<float> out = Values(r.weights);
          for (int64_t i = 0; i < r.experts.elements(); ++i)
            out.push_back(static_cast<float>(r.experts.i32()[i]));
          return out;
        },
        0);
  }
}

ops::Experts RandomExperts(const Format& f, size_t count, int64_t d, int64_t ff) {
  ops::Experts experts;
  for (uint32_t e = 0; e < count; ++e) {
    experts.gate.push_back(RandomWeight(f, ff, d, 10 + 3 * e));
    experts.up.push_back(RandomWeight(f, ff, d, 11 + 3 * e));
    experts.down.push_back(RandomWeight(f, d, ff, 12 + 3 * e));
  }
  return experts;
}

// Two experts per token of which the second is never expert 0, with the weights 0.75 and -0.5.
ops::Routing SomeRouting(Context& ctx, int64_t tokens, int64_t first_token, int64_t experts) {
  const ops::Routing r{ctx.NewI32({tokens, 2}), ctx.NewF32({tokens, 2})};
  for (int64_t t = 0; t < tokens; ++t) {
    const int64_t a = (first_token + t) * 7 % experts,
                  b = (a + 1 + (first_token + t) % (experts - 1)) % experts;
    r.experts.i32()[2 * t] = static_cast<int32_t>(a);
    r.experts.i32()[2 * t + 1] = static_cast<int32_t>(b);
    r.weights.Row(t)[0] = 0.75f;
    r.weights.Row(t)[1] = -0.5f;
  }
  return r;
}

TEST_P(FormatTest, MoeAddInEveryFormat) {
  const int64_t d = RaggedWidth(GetParam()), ff = d;
  const ops::Experts experts = RandomExperts(GetParam(), 4, d, ff);
  for (int64_t tokens : {1, 9}) {
    Check(
        [&](Context& ctx) {
          const Tensor x = Filled(ctx, {tokens, d}, Random(tokens * d, 1, 0.1f));
          const Tensor residual = Filled(ctx, {tokens, d}, Random(tokens * d, 2));
          ops::MoeAdd(ctx, x, SomeRouting(ctx, tokens, 0, 4), experts, residual);
          return Values(residual);
        },
        BoundOf(GetParam()), RoundedBoundOf(GetParam()));
  }
}

TEST(Ops, MoeAddAtEveryNumberOfTokens) {
  const ops::Experts experts = RandomExperts({"f32", {}, DType::kF32, {}, false}, 5, 70, 131);
  for (int64_t tokens : kTokens) {
    Check([&](Context& ctx) {
      const Tensor x = Filled(ctx, {tokens, 70}, Random(tokens * 70, 1, 0.1f));
      const Tensor residual = Filled(ctx, {tokens, 70}, Random(tokens * 70, 2));
      ops::MoeAdd(ctx, x, SomeRouting(ctx, tokens, 0, 5), experts, residual);
      return Values(residual);
    });
  }
}

TEST(Ops, MoeAddOfOneExpertIsItsMlp) {
  const ops::Experts experts = RandomExperts({"bf16", {}, DType::kBF16, {}, false}, 3, 70, 45);
  for (int32_t e : {0, 2}) {
    const std::vector<float> x = Random(33 * 70, 1, 0.1f), y = Random(33 * 70, 2);
    CheckSame(
        [&](Context& ctx) {
          const ops::Routing r{ctx.NewI32({33, 1}), ctx.NewF32({33, 1})};
          std::fill_n(r.experts.i32(), 33, e);
          std::fill_n(r.weights.f32(), 33, 1.0f);
          const Tensor residual = Filled(ctx, {33, 70}, y);
          ops::MoeAdd(ctx, Filled(ctx, {33, 70}, x), r, experts, residual);
          return Values(residual);
        },
        [&](Context& ctx) {
          const size_t i = static_cast<size_t>(e);
          const Tensor residual = Filled(ctx, {33, 70}, y);
          const Tensor hidden =
              ops::GatedLinear(ctx, Filled(ctx, {33, 70}, x), {experts.gate[i], {}}, {experts.up[i], {}});
          ops::LinearAdd(ctx, hidden, {experts.down[i], {}}, residual);
          return Values(residual);
        });
  }
}

TEST_P(BatchTest, ATokenOfAMixtureKnowsNothingOfIt) {
  const int64_t d = RaggedWidth(GetParam());
  const ops::Experts experts = RandomExperts(GetParam(), 5, d, IsPacked(GetParam()) ? 256 : 45);
  const std::vector<float> x = Random(65 * d, 1, 0.1f), y = Random(65 * d, 2);
  const auto part = [&](int64_t begin, int64_t end) -> Verbs {
    return [&, begin, end](Context& ctx) {
      const Tensor in = Filled(ctx, {65, d}, x), residual = Filled(ctx, {65, d}, y);
      const Tensor out = residual.Slice(0, begin, end - begin);
      ops::MoeAdd(ctx, in.Slice(0, begin, end - begin), SomeRouting(ctx, end - begin, begin, 5), experts,
                  out);
      return Values(out);
    };
  };
  for (Isa isa : SupportedIsas()) {
    const std::vector<float> whole = RunOn(Cpu(isa, 3), part(0, 65));
    std::vector<float> parts;
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {1, 2}, {2, 18}, {18, 60}, {60, 65}})
      AppendTo(parts, RunOn(Cpu(isa, 1), part(begin, end)));
    EXPECT_TRUE(SameBits(parts, whole)) << IsaName(isa);
  }
}

}  // namespace
}  // namespace mains
