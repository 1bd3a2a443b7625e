#include "io/rounded_cache.h"

#include <gtest/gtest.h>

#include <fstream>

#include "io/test_files.h"
#include "io/weight_packer.h"
#include "tensor/packed.h"

namespace mains {
namespace {

// Every number becomes zero, in blocks whose first byte says how often they were rounded.
int times_rounded = 0;
WeightRounder CountingRounder() {
  WeightRounder rounder;
  rounder.unpack = UnpackRow;
  rounder.q8_0 = rounder.q4_k = rounder.iq4_nl = [](const float*, int64_t n, std::byte* blocks) {
    std::fill_n(blocks, ByteSize(DType::kQ8_0, n), std::byte{0});
    ++times_rounded;
  };
  return rounder;
}

class RoundedCacheTest : public ::testing::Test {
 protected:
  // A folder with two large matrices; `seed` makes another model of it.
  void WriteModel(float seed) {
    std::vector<float> numbers(512 * 512, seed);
    const std::string header = R"({"a":{"dtype":"F32","shape":[512,512],"data_offsets":[0,1048576]},)"
                               R"("b":{"dtype":"F32","shape":[512,512],"data_offsets":[1048576,2097152]}})";
    std::ofstream file(folder_.path() / "model.safetensors", std::ios::binary);
    const uint64_t size = header.size();
    file.write(reinterpret_cast<const char*>(&size), sizeof(size));
    file << header;
    for (int i = 0; i < 2; ++i) file.write(reinterpret_cast<const char*>(numbers.data()), 1048576);
    std::ofstream(folder_.path() / "config.json") << "{}";
  }
  // Loads both matrices in 8 bits; whether they came from the cache.
  bool Load() {
    const Result<std::unique_ptr<const Checkpoint>> checkpoint = Checkpoint::Open(folder_.path());
    EXPECT_TRUE(checkpoint.ok());
    Result<std::unique_ptr<RoundedCache>> cache = RoundedCache::Open(**checkpoint, WeightPrecision::k8Bit);
    EXPECT_TRUE(cache.ok());
    WeightPacker packer(**checkpoint, 1, int64_t{1} << 30, {}, WeightPrecision::k8Bit, CountingRounder());
    packer.Use(**cache);
    const int before = times_rounded;
    for (const char* name : {"a", "b"}) {
      const StoredTensor* tensor = (*checkpoint)->Find(name);
      Weight w;
      w.rows = w.cols = 512;
      w.data = tensor->data;
      w.row_bytes = 2048;
      const Result<std::vector<Weight>> packed = packer.Pack({w}, WeightPrecision::k8Bit);
      EXPECT_TRUE(packed.ok() && (*packed)[0].packed());
      EXPECT_EQ(reinterpret_cast<uintptr_t>((*packed)[0].data) % 64, 0u);
      std::vector<float> row(512, 1);
      UnpackRow((*packed)[0].Row(511), 512, row.data());
      EXPECT_EQ(row, std::vector<float>(512, 0));
    }
    EXPECT_EQ((*cache)->found(), times_rounded == before);
    EXPECT_TRUE((*cache)->Commit().ok());
    return (*cache)->found();
  }
  std::filesystem::path file() const { return RoundedCache::PathOf(folder_.path(), WeightPrecision::k8Bit); }

  test::TemporaryFolder folder_;
};

TEST_F(RoundedCacheTest, TheSecondStartRoundsNothing) {
  WriteModel(1);
  EXPECT_FALSE(Load());
  EXPECT_TRUE(Load());
  EXPECT_EQ(file().filename(), "weights.mains-q8");
}

TEST_F(RoundedCacheTest, AnotherModelInItsPlaceIsRoundedAnew) {
  WriteModel(1);
  EXPECT_FALSE(Load());
  WriteModel(2);
  EXPECT_FALSE(Load());
  EXPECT_TRUE(Load());
}

TEST_F(RoundedCacheTest, DamageIsAsIfThereWereNoFile) {
  WriteModel(1);
  EXPECT_FALSE(Load());
  const uintmax_t size = std::filesystem::file_size(file());
  for (const uintmax_t kept : {uintmax_t{0}, uintmax_t{7}, uintmax_t{5000}, size / 2, size - 1}) {
    std::filesystem::resize_file(file(), kept);
    EXPECT_FALSE(Load()) << kept << " bytes";
    EXPECT_TRUE(Load());
  }
  for (const uintmax_t back : {uintmax_t{1}, uintmax_t{20}, uintmax_t{60}, uintmax_t{100}}) {
    std::fstream damaged(file(), std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(static_cast<std::streamoff>(size - back));
    damaged.put('\x01');
    damaged.close();
    EXPECT_FALSE(Load()) << back << " bytes from the end";
    EXPECT_TRUE(Load());
  }
}

TEST_F(RoundedCacheTest, WithoutCommitNothingIsLeft) {
  WriteModel(1);
  {
    const Result<std::unique_ptr<const Checkpoint>> checkpoint = Checkpoint::Open(folder_.path());
    ASSERT_TRUE(RoundedCache::Open(**checkpoint, WeightPrecision::k8Bit).ok());
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 2);
}

}  // namespace
}  // namespace mains
