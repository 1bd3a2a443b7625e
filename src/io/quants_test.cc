// Every weight format against the values that independent readers give (tests/goldens/quants).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/file.h"
#include "io/model_reader.h"
#include "io/safetensors.h"
#include "io/test_files.h"
#include "tensor/convert.h"

namespace mains {
namespace {

// The tensors of one golden file as a checkpoint, each name put behind "x.".
std::unique_ptr<test::MemoryCheckpoint> Golden(const std::string& name, Json config = Json::object()) {
  const std::string path = std::string(MAINS_SOURCE_DIR) + "/tests/goldens/quants/" + name + ".safetensors";
  Result<std::shared_ptr<const MappedFile>> file = MappedFile::Open(path);
  CHECK(file.ok()) << file.error().message;
  Result<std::vector<StoredTensor>> tensors = ParseSafetensors((*file)->bytes(), path, *file);
  CHECK(tensors.ok()) << tensors.error().message;
  std::unique_ptr<test::MemoryCheckpoint> checkpoint =
      std::make_unique<test::MemoryCheckpoint>(std::move(config));
  for (StoredTensor& tensor : *tensors) {
    tensor.name = "x." + tensor.name;
    checkpoint->Add(std::move(tensor));
  }
  return checkpoint;
}

void ExpectSame(const Weight& weight, const StoredTensor& values) {
  ASSERT_EQ(values.dims, (std::vector<int64_t>{weight.rows, weight.cols}));
  std::vector<float> got(static_cast<size_t>(weight.cols)), want = got;
  for (int64_t row = 0; row < weight.rows; ++row) {
    UnpackRow(weight.Row(row), weight.cols, got.data());
    std::memcpy(want.data(), values.data + row * weight.cols * 4, want.size() * 4);
    for (size_t c = 0; c < got.size(); ++c) {
      const bool same = std::bit_cast<uint32_t>(got[c]) == std::bit_cast<uint32_t>(want[c]);
      ASSERT_TRUE(same || (std::isnan(got[c]) && std::isnan(want[c])))
          << row << ", " << c << ": " << got[c] << " vs " << want[c];
    }
  }
}

class GgufBlocks : public ::testing::TestWithParam<const char*> {};

TEST_P(GgufBlocks, MatchTheReferenceBitForBit) {
  const std::unique_ptr<test::MemoryCheckpoint> golden = Golden(GetParam());
  std::string name = GetParam();
  for (char& c : name) c = static_cast<char>(std::tolower(c));
  const std::optional<DType> dtype = DTypeFromName(name);
  ASSERT_TRUE(dtype);
  const StoredTensor& blocks = *golden->Find("x.blocks");
  const StoredTensor& values = *golden->Find("x.values");
  Weight weight;
  weight.rows = values.dims[0];
  weight.cols = values.dims[1];
  weight.dtype = *dtype;
  weight.data = blocks.data;
  weight.row_bytes = ByteSize(*dtype, weight.cols);
  ASSERT_EQ(blocks.dims[1], weight.row_bytes);
  ExpectSame(weight, values);
}

INSTANTIATE_TEST_SUITE_P(AllTypes, GgufBlocks,
                         ::testing::Values("F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K",
                                           "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ1_S", "IQ1_M", "IQ2_XXS",
                                           "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS", "TQ1_0",
                                           "TQ2_0", "MXFP4"),
                         [](const ::testing::TestParamInfo<const char*>& type) { return type.param; });

TEST(Quants, EightBitCodes) {
  for (const auto& [name, convert] :
       {std::pair{"FP8_E4M3", &F32FromF8E4M3}, std::pair{"E8M0", &F32FromF8E8M0}}) {
    const std::unique_ptr<test::MemoryCheckpoint> golden = Golden(name);
    const StoredTensor& codes = *golden->Find("x.codes");
    for (int64_t i = 0; i < 256; ++i) {
      float want = 0;
      std::memcpy(&want, golden->Find("x.values")->data + 4 * i, 4);
      const float got = convert(std::to_integer<uint8_t>(codes.data[i]));
      EXPECT_TRUE(got == want || (std::isnan(got) && std::isnan(want))) << name << " " << i;
    }
  }
}

// The quantised spellings, found by ModelReader::Matrix under the name "x".
void ExpectMatrix(const std::string& name, const std::string& format, Json quantization = nullptr) {
  const std::unique_ptr<test::MemoryCheckpoint> golden =
      Golden(name, {{"quantization_config", std::move(quantization)}});
  const StoredTensor& values = *golden->Find("x.values");
  ModelReader reader(*golden);
  const Weight weight = reader.Matrix("x", values.dims[0], values.dims[1]);
  reader.SkipTensors("x.values");
  const Status finished = reader.Finish();
  ASSERT_TRUE(finished.ok()) << finished.error().message;
  EXPECT_EQ(weight.FormatName(), format);
  ExpectSame(weight, values);
}

TEST(Quants, Fp8Blocks) {
  ExpectMatrix("FP8_BLOCK_128", "f8_e4m3 128x128",
               {{"quant_method", "fp8"}, {"weight_block_size", {128, 128}}});
}
TEST(Quants, PackedInt4) {
  const Json packed = {{"quant_method", "compressed-tensors"}, {"format", "pack-quantized"}};
  ExpectMatrix("INT4_PACK", "int4 g32", packed);
  ExpectMatrix("INT4_PACK_ZERO_POINT", "int4 g32", packed);
}
TEST(Quants, Mxfp4) {
  ExpectMatrix("MXFP4_PACK", "fp4 g32",
               {{"quant_method", "compressed-tensors"}, {"format", "mxfp4-pack-quantized"}});
  ExpectMatrix("MXFP4_DEEPSEEK_V4", "fp4 g32");
}

}  // namespace
}  // namespace mains
