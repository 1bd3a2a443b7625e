// Speed of the kernels on one thread: GFLOP/s of the products, GB/s of the unpackers (bytes of packed
// weights read). One table per run of a name, e.g. --benchmark_filter=avx512.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/table.h"
#include "tensor/convert.h"
#include "tensor/packed.h"

namespace mains {
namespace {

constexpr int64_t kCols = 4096;

// Numbers that start on a cache line, as the arena's do.
class Floats {
 public:
  explicit Floats(int64_t n) : data_(static_cast<float*>(std::aligned_alloc(64, RoundUp(n * 4)))) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (int64_t i = 0; i < n; ++i) data_.get()[i] = uniform(random);
  }
  float* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  static size_t RoundUp(int64_t bytes) { return (static_cast<size_t>(bytes) + 63) / 64 * 64; }
  std::unique_ptr<float, Free> data_;
};

void CountFlops(benchmark::State& state, int64_t m, int64_t n, int64_t k) {
  state.counters["FLOP/s"] =
      benchmark::Counter(2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
                         benchmark::Counter::kIsIterationInvariantRate);
}

template <typename Run>
void Repeat(benchmark::State& state, const float* out, Run run) {
  for (auto _ : state) {
    run();
    benchmark::DoNotOptimize(out);
    benchmark::ClobberMemory();
  }
}

// m rows against a tile of n unpacked rows of weights.
void GemmNt(benchmark::State& state, Isa isa) {
  const int64_t m = state.range(0), n = state.range(1), k = state.range(2);
  const Floats x(m * k), w(n * k), out(m * n);
  const KernelTable& table = Kernels(isa);  // asking the processor takes microseconds
  Repeat(state, out.data(), [&] { table.gemm_nt(x.data(), k, m, w.data(), k, n, k, out.data(), n); });
  CountFlops(state, m, n, k);
}

// m rows of probabilities against a block of 64 values of n numbers.
void GemmNnAdd(benchmark::State& state, Isa isa) {
  const int64_t m = state.range(0), n = state.range(1), j = kKeyBlock;
  const Floats p(m * j), v(j * n), out(m * n);
  const KernelTable& table = Kernels(isa);  // asking the processor takes microseconds
  Repeat(state, out.data(), [&] { table.gemm_nn_add(p.data(), j, m, v.data(), n, j, n, out.data(), n); });
  CountFlops(state, m, n, j);
}

std::vector<uint16_t> Bf16s(int64_t n) {
  const Floats numbers(n);
  std::vector<uint16_t> bits;
  for (int64_t i = 0; i < n; ++i) bits.push_back(Bf16FromF32(numbers.data()[i]));
  return bits;
}

// m rows of bf16 against n rows of bf16 weights; k of up to 256 is what scores of attention are.
void GemmBf16(benchmark::State& state, Isa isa) {
  const int64_t m = state.range(0), n = state.range(1), k = state.range(2);
  const std::vector<uint16_t> x = Bf16s(m * k), w = Bf16s(n * k);
  const Floats out(m * n);
  const KernelTable& table = Kernels(isa);  // asking the processor takes microseconds
  Repeat(state, out.data(), [&] { table.gemm_bf16(x.data(), k, m, w.data(), k, n, k, out.data(), n); });
  CountFlops(state, m, n, k);
}

void GemmNnAddBf16(benchmark::State& state, Isa isa) {
  const int64_t m = state.range(0), n = state.range(1), j = kKeyBlock;
  const std::vector<uint16_t> p = Bf16s(m * j), v = Bf16s(j * n);
  const Floats out(m * n);
  const KernelTable& table = Kernels(isa);  // asking the processor takes microseconds
  Repeat(state, out.data(),
         [&] { table.gemm_nn_add_bf16(p.data(), j, m, v.data(), n, j, n, out.data(), n); });
  CountFlops(state, m, n, j);
}

// m rows against 64 packed rows of weights: from how many on the matrix unit wins is seen here.
void GemmPacked(benchmark::State& state, Isa isa, DType dtype) {
  constexpr int64_t n = 64;
  const int64_t m = state.range(0);
  const KernelTable& table = Kernels(isa);
  const std::vector<std::byte> blocks(static_cast<size_t>(n * ByteSize(dtype, kCols)), std::byte{0x2A});
  Weight w;
  w.rows = n;
  w.cols = kCols;
  w.dtype = dtype;
  w.data = blocks.data();
  w.row_bytes = ByteSize(dtype, kCols);
  const std::unique_ptr<std::byte, void (*)(void*)> memory(
      static_cast<std::byte*>(std::aligned_alloc(64, static_cast<size_t>(PackedBytes(w)))), std::free);
  PackRows(w, 0, n, memory.get());
  const Weight packed = PackedWeight(w, memory.get(), nullptr);
  const PackedPanel panel = {
      packed.data,        packed.row_bytes * kPackedRows,     n, PackedBlocks(kCols), packed.format,
      packed.scale_dtype, PackedCodebook(packed.dtype).data()};
  const Floats x(kCols), out(m * n);
  std::vector<int8_t> codes(static_cast<size_t>(m * kCols));
  std::vector<float> scales(static_cast<size_t>(m * kCols / 32)), scaled_sums(scales.size());
  std::vector<int32_t> sums(static_cast<size_t>(m * kCols / 16));
  const Int8Rows rows = {codes.data(), scales.data(), sums.data(), scaled_sums.data(), kCols, kCols / 32};
  for (int64_t r = 0; r < m; ++r) table.quantize_row(x.data(), kCols, rows, r);
  Repeat(state, out.data(), [&] { table.gemm_packed(rows, 0, m, panel, out.data(), n); });
  CountFlops(state, m, n, kCols);
}

struct Format {
  const char* name;
  WeightFormat format;
  DType dtype;
  int32_t group;
  DType scale_dtype;
};

constexpr Format kGrouped[] = {
    {"f8_block128", WeightFormat::kF8Block, DType::kF8E4M3, 128, DType::kF32},
    {"int4_group32", WeightFormat::kInt4Group, DType::kI32, 32, DType::kBF16},
    {"fp4_group32", WeightFormat::kFp4Group, DType::kU8, 32, DType::kF8E8M0},
};

int64_t RowBytes(const Format& f) {
  switch (f.format) {
    case WeightFormat::kPlain: return ByteSize(f.dtype, kCols);
    case WeightFormat::kF8Block: return kCols;
    case WeightFormat::kInt4Group:
    case WeightFormat::kFp4Group: return kCols / 2;
    default: return 0;  // packed: GemmPacked
  }
}

// Cycles through 64 rows, so that the packed bytes come from the second level rather than the first.
void Unpack(benchmark::State& state, Isa isa, Format f) {
  constexpr int64_t rows = 64;
  const int64_t row_bytes = RowBytes(f);
  std::vector<std::byte> data(static_cast<size_t>(rows * row_bytes), std::byte{0x3A});
  std::vector<std::byte> scales(static_cast<size_t>(kCols * 4), std::byte{0x3A});
  const Floats out(kCols);
  WeightRow row;
  row.format = f.format;
  row.dtype = f.dtype;
  row.group = f.group;
  row.scale_dtype = f.scale_dtype;
  row.scales = scales.data();
  const KernelTable::Unpack unpack = Kernels(isa).unpack[static_cast<size_t>(UnpackSlot(f.format, f.dtype))];
  int64_t next = 0;
  for (auto _ : state) {
    row.data = data.data() + next * row_bytes;
    next = (next + 1) % rows;
    unpack(row, kCols, out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * row_bytes);
  state.SetItemsProcessed(state.iterations() * kCols);
}

void Softmax(benchmark::State& state, Isa isa) {
  const Floats scores(kKeyBlock), s(kKeyBlock);
  const KernelTable& table = Kernels(isa);  // asking the processor takes microseconds
  for (auto _ : state) {
    std::copy_n(scores.data(), kKeyBlock, s.data());
    float max = 0, sum = 0;
    benchmark::DoNotOptimize(table.softmax_block(s.data(), kKeyBlock, &max, &sum));
  }
  state.SetItemsProcessed(state.iterations() * kKeyBlock);
}

void SwiGlu(benchmark::State& state, Isa isa) {
  const Floats gate(kCols), up(kCols);
  const Floats out(kCols);
  const KernelTable& table = Kernels(isa);  // asking the processor takes microseconds
  Repeat(state, out.data(), [&] { table.swiglu(gate.data(), up.data(), kCols, out.data()); });
  state.SetItemsProcessed(state.iterations() * kCols);
}

void RmsNorm(benchmark::State& state, Isa isa) {
  const Floats x(kCols), w(kCols);
  const Floats out(kCols);
  const KernelTable& table = Kernels(isa);  // asking the processor takes microseconds
  Repeat(state, out.data(), [&] { table.rms_norm(x.data(), w.data(), kCols, 1e-6f, out.data()); });
  state.SetItemsProcessed(state.iterations() * kCols);
}

void Register(Isa isa) {
  const std::string name = IsaName(isa);
  benchmark::internal::Benchmark* nt =
      benchmark::RegisterBenchmark((name + "/gemm_nt").c_str(), GemmNt, isa)->ArgNames({"m", "n", "k"});
  for (int64_t m : {1, 2, 3, 4, 6, 8, 16, 64, 512}) nt->Args({m, 32, kCols});
  nt->Args({6, 32, 128})->Args({64, kKeyBlock, 128});  // scores of attention
  benchmark::internal::Benchmark* nn =
      benchmark::RegisterBenchmark((name + "/gemm_nn_add").c_str(), GemmNnAdd, isa)->ArgNames({"m", "n"});
  for (int64_t m : {1, 2, 4, 6, 64}) nn->Args({m, 128});
  if (Kernels(isa).gemm_bf16 != nullptr) {
    benchmark::internal::Benchmark* bf16 =
        benchmark::RegisterBenchmark((name + "/gemm_bf16").c_str(), GemmBf16, isa)->ArgNames({"m", "n", "k"});
    for (int64_t m : {1, 2, 4, 8, 16, 64, 512}) bf16->Args({m, 32, kCols});
    for (int64_t m : {1, 6, 48}) bf16->Args({m, kKeyBlock, 128});
    benchmark::internal::Benchmark* add =
        benchmark::RegisterBenchmark((name + "/gemm_nn_add_bf16").c_str(), GemmNnAddBf16, isa)
            ->ArgNames({"m", "n"});
    for (int64_t m : {1, 6, 48}) add->Args({m, 128});
  }
  for (DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ6_K, DType::kQ3_K, DType::kQ2_K,
                      DType::kIQ1_S, DType::kIQ2_XXS, DType::kIQ2_S, DType::kIQ3_XXS, DType::kIQ3_S}) {
    benchmark::internal::Benchmark* packed =
        benchmark::RegisterBenchmark((name + "/gemm_packed/" + Name(dtype)).c_str(), GemmPacked, isa, dtype)
            ->ArgNames({"m"});
    for (int64_t m : {1, 2, 3, 4, 5, 6, 8, 12, 16, 32, 256}) packed->Arg(m);
  }
  for (DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1,
        DType::kQ8_0, DType::kQ2_K, DType::kQ3_K, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K, DType::kIQ1_S,
        DType::kIQ2_XXS, DType::kIQ3_XXS, DType::kIQ4_NL, DType::kIQ4_XS, DType::kMXFP4}) {
    const Format plain = {Name(dtype), WeightFormat::kPlain, dtype, 0, DType::kF32};
    benchmark::RegisterBenchmark((name + "/unpack/" + plain.name).c_str(), Unpack, isa, plain);
  }
  for (const Format& f : kGrouped) {
    benchmark::RegisterBenchmark((name + "/unpack/" + f.name).c_str(), Unpack, isa, f);
  }
  benchmark::RegisterBenchmark((name + "/softmax_block").c_str(), Softmax, isa);
  benchmark::RegisterBenchmark((name + "/swiglu").c_str(), SwiGlu, isa);
  benchmark::RegisterBenchmark((name + "/rms_norm").c_str(), RmsNorm, isa);
}

}  // namespace
}  // namespace mains

int main(int argc, char** argv) {
  for (mains::Isa isa : mains::SupportedIsas()) mains::Register(isa);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
