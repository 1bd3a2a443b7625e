// What probes are told, against sums written out here.
#include "ops/probe.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "ops/device.h"
#include "tensor/convert.h"

namespace mains {
namespace {

constexpr int64_t kHeads = 3, kNope = 5, kRope = 4, kLatent = 6, kLimit = 20, kPositions = 90;

std::vector<float> Random(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(normal(random));
  return values;
}

// Of one query at `position`, by keys expanded per head: q [kHeads, kNope + kRope].
double DirectShare(const float* q, const std::vector<float>& key, const std::vector<float>& state,
                   int64_t position, const int32_t* selected, float scale) {
  double share = 0;
  for (int64_t h = 0; h < kHeads; ++h) {
    std::vector<double> weights;
    double sum = 0;
    for (int64_t s = 0; s <= position; ++s) {
      const float* row = state.data() + s * (kLatent + kRope);
      double score = 0;
      for (int64_t i = 0; i < kNope; ++i) {
        double k = 0;
        for (int64_t l = 0; l < kLatent; ++l)
          k += static_cast<double>(key[static_cast<size_t>((h * kNope + i) * kLatent + l)]) * row[l];
        score += static_cast<double>(q[h * (kNope + kRope) + i]) * k;
      }
      for (int64_t i = 0; i < kRope; ++i)
        score += static_cast<double>(q[h * (kNope + kRope) + kNope + i]) * row[kLatent + i];
      weights.push_back(std::exp(score * scale));
      sum += weights.back();
    }
    for (int64_t i = 0; i < kLimit; ++i) share += weights[static_cast<size_t>(selected[i])] / sum / kHeads;
  }
  return share;
}

TEST(Probe, SharesOfSelectedPositions) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    SCOPED_TRACE(Name(dtype));
    std::vector<float> state = Random(kPositions * (kLatent + kRope), 1);
    const std::vector<float> key = Random(kHeads * kNope * kLatent, 2);
    const StateStream stream{kLatent + kRope, dtype, 64};
    std::vector<std::byte> pages[2];
    std::byte* page_pointers[2];
    for (int i = 0; i < 2; ++i) {
      pages[i].resize(static_cast<size_t>(64 + kPagePositions * stream.row_bytes()));
      page_pointers[i] = pages[i].data();
    }
    // The last 60 positions are a step of its own in a batch, behind another sequence's two rows.
    const SequenceStep sequences[] = {{0, 2, 0, false, page_pointers},
                                      {2, 60, kPositions - 60, true, page_pointers}};
    for (size_t i = 0; i < state.size(); ++i) {
      const int64_t position = static_cast<int64_t>(i) / stream.width,
                    column = static_cast<int64_t>(i) % stream.width;
      std::byte* at = sequences[1].At(stream, position);
      if (dtype == DType::kF32) {
        std::memcpy(at + 4 * column, &state[i], 4);
      } else {
        const uint16_t bits = Bf16FromF32(state[i]);
        std::memcpy(at + 2 * column, &bits, 2);
        state[i] = F32FromBf16(bits);
      }
    }
    const std::unique_ptr<Device> device = MakeReferenceDevice();
    Arena arena;
    Context ctx{*device, arena};
    const int64_t rows = 62;
    const Batch batch{ctx.NewI32({rows}), ctx.NewI32({rows}), ctx.NewI32({1}), sequences, {&stream, 1}};
    const std::vector<float> queries = Random(rows * kHeads * (kNope + kRope), 3);
    const Tensor q = ctx.NewF32({rows, kHeads, kNope + kRope});
    std::copy(queries.begin(), queries.end(), q.f32());
    const Tensor selected = ctx.NewI32({rows, kLimit});
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < kLimit; ++i)
        selected.i32()[r * kLimit + i] = r < 2 ? ops::kNoPosition : static_cast<int32_t>(i + r % 10);
    }
    const float scale = 0.4f;
    const ops::HeadMatrices matrices{
        MakeF32Weight(kHeads * kNope, kLatent, key), kHeads, kNope, kLatent, 0, kNope, false};
    const std::vector<double> shares =
        ops::SelectedShares(ctx, q, matrices, batch, {0, kLatent, kRope, scale, selected});
    ASSERT_EQ(shares.size(), 60u) << "the first sequence has no more positions than it may attend to";
    for (int64_t r = 0; r < 60; ++r) {
      const double direct = DirectShare(q.Row(2 + r), key, state, kPositions - 60 + r,
                                        selected.i32() + (2 + r) * kLimit, scale);
      EXPECT_NEAR(shares[static_cast<size_t>(r)], direct, 1e-5) << r;
    }
  }
}

}  // namespace
}  // namespace mains
