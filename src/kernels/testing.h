// What tests of kernels share: the tables to compare, memory that faults behind its end, random numbers, and
// comparisons of bits.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/amx/emulated_tiles.h"
#include "kernels/table.h"

namespace mains::testing {

// The tables of this processor; that of the matrix unit also where its other instructions are there, on
// emulated tiles.
inline std::vector<Isa> TestedIsas() {
  std::vector<Isa> isas = SupportedIsas();
  if (isas.back() == Isa::kAvx512Bf16) isas.push_back(Isa::kAmx);
  return isas;
}

inline const KernelTable& TableOf(Isa isa) {
#if defined(__x86_64__)
  static const EmulatedTiles tiles;
#endif
  return KernelsUnchecked(isa);
}

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr double kUlp = 0x1p-24;  // relative rounding error of one f32 operation

// Memory that ends right before an inaccessible page, so that reading or writing past the end faults
// in every build. The start is as badly aligned as the size makes it.
class GuardedBytes {
 public:
  explicit GuardedBytes(int64_t size) {
    const int64_t page = sysconf(_SC_PAGESIZE);
    const int64_t usable = (size + page - 1) / page * page;
    mapped_ = usable + page;
    map_ = static_cast<char*>(mmap(nullptr, static_cast<size_t>(mapped_), PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_NE(static_cast<void*>(map_), MAP_FAILED);
    EXPECT_EQ(mprotect(map_ + usable, static_cast<size_t>(page), PROT_NONE), 0);
    data_ = map_ + usable - size;
  }
  ~GuardedBytes() { munmap(map_, static_cast<size_t>(mapped_)); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  char* data() const { return data_; }

 private:
  char* map_ = nullptr;
  int64_t mapped_ = 0;
  char* data_ = nullptr;
};

template <typename T>
class Guarded {
 public:
  explicit Guarded(int64_t n) : n_(n), bytes_(n * static_cast<int64_t>(sizeof(T))) {}
  explicit Guarded(const std::vector<T>& values) : Guarded(static_cast<int64_t>(values.size())) {
    std::copy(values.begin(), values.end(), get());
  }
  T* get() const { return reinterpret_cast<T*>(bytes_.data()); }
  T& operator[](int64_t i) const { return get()[i]; }
  std::vector<T> values() const { return {get(), get() + n_}; }
  int64_t size() const { return n_; }

 private:
  int64_t n_;
  GuardedBytes bytes_;
};
using GuardedFloats = Guarded<float>;

inline std::vector<float> Random(int64_t n, uint32_t seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(random);
  return values;
}

inline bool SameBits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}
inline ::testing::AssertionResult SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << a.size() << " vs " << b.size();
  for (size_t i = 0; i < a.size(); ++i) {
    if (!SameBits(a[i], b[i])) return ::testing::AssertionFailure() << i << ": " << a[i] << " vs " << b[i];
  }
  return ::testing::AssertionSuccess();
}

// Whether `actual` is start + the sum of term(i), in double, for i below k, but for `rounds` roundings of the
// sum of magnitudes.
template <typename Term>
::testing::AssertionResult IsSum(float actual, double start, int64_t k, double rounds, Term term) {
  double exact = start, magnitude = std::abs(start);
  for (int64_t i = 0; i < k; ++i) {
    const double product = term(i);
    exact += product;
    magnitude += std::abs(product);
  }
  if (std::abs(actual - exact) <= rounds * kUlp * magnitude) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << actual << " is not " << exact << " within " << rounds << " roundings of " << magnitude;
}

struct Shape {
  int64_t m, n, k;
};

}  // namespace mains::testing
