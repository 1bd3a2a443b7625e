// Softmax attention over paged state, one page of keys at a time (Milakov & Gimelshein 2018; Dao et
// al. 2022): a tile of query rows meets a page of keys while both are in cache. Pages are visited in the
// order of positions and masked scores count as -infinity, so a row's sums do not depend on its tile. Every
// kSpanPages pages the sums begin anew and are merged in order, whether one thread goes through all of them
// or many share them, so they do not depend on that either.
#include <algorithm>
#include <limits>

#include "ops/cpu/cpu_device.h"

namespace mains {
namespace {

constexpr int64_t kTileRows = 96;  // query rows that share one pass over a page
constexpr int64_t kSpanPages = 16;
// How many rows of a page ahead are asked for: what one head has of a position is too short to be a stream
// that the processor would follow.
constexpr int64_t kRowsAhead = 8;
// Up to so many rows meet keys and values where they lie, widened as they are read; more of them meet a page
// that was widened once.
constexpr int64_t kRowsInPlace = 16;

int64_t Pages(int64_t positions) {
  return (positions + kPagePositions - 1) / kPagePositions;
}

}  // namespace

// Query rows in the middle of their softmax. `position[r]` is the last position that row r may see.
struct CpuDevice::SoftmaxRows {
  int64_t count, key_dim, value_dim;
  float* q;                       // [count, key_dim], scaled
  float* sum;                     // [count, value_dim], weighted values so far
  float* scores;                  // [count, kPagePositions]
  uint16_t* q16 = nullptr;        // [count, key_stride], bf16; null where products are of f32
  uint16_t* weights16 = nullptr;  // [count, kPagePositions]
  int64_t key_stride;
  float* max;                  // [count]
  float* total;                // [count]
  int64_t* position;           // [count]
  KernelTable::FromF32 round;  // to bf16; null where products are of f32
  Tensor selected{};           // [count, n]; of rank 0: every position

  static int64_t KeyStride(int64_t key_dim) { return (key_dim + kBf16Step - 1) / kBf16Step * kBf16Step; }
  static int64_t Floats(int64_t count, int64_t key_dim, int64_t value_dim) {
    const int64_t halves = KeyStride(key_dim) + kPagePositions;
    // A position takes two.
    return (count * (key_dim + value_dim + kPagePositions + halves / 2 + 4) + 1) / 2 * 2;
  }
  SoftmaxRows(float* memory, int64_t rows, int64_t kd, int64_t vd, KernelTable::FromF32 to_bf16)
      : count(rows), key_dim(kd), value_dim(vd), key_stride(KeyStride(kd)), round(to_bf16) {
    position = reinterpret_cast<int64_t*>(memory);
    max = memory + 2 * rows;
    total = max + rows;
    q = total + rows;
    sum = q + rows * kd;
    scores = sum + rows * vd;
    if (round != nullptr) {
      q16 = reinterpret_cast<uint16_t*>(scores + rows * kPagePositions);
      weights16 = q16 + rows * key_stride;
    }
    Begin();
  }
  void Begin() {
    std::fill_n(max, count, -std::numeric_limits<float>::infinity());
    std::fill_n(total, count, 0.0f);
    std::fill_n(sum, count * value_dim, 0.0f);
  }
  void SetRow(int64_t r, const float* query, float scale, int64_t at) {
    for (int64_t i = 0; i < key_dim; ++i) q[r * key_dim + i] = query[i] * scale;
    position[r] = at;
    if (round == nullptr) return;
    round(q + r * key_dim, key_dim, q16 + r * key_stride);
    std::fill(q16 + r * key_stride + key_dim, q16 + (r + 1) * key_stride, uint16_t{0});
  }
  // The rows from `first` on, in the same memory.
  SoftmaxRows From(int64_t first) const {
    SoftmaxRows rest = *this;
    rest.count -= first;
    rest.q += first * key_dim;
    rest.sum += first * value_dim;
    rest.scores += first * kPagePositions;
    if (round != nullptr) {
      rest.q16 += first * key_stride;
      rest.weights16 += first * kPagePositions;
    }
    rest.max += first;
    rest.total += first;
    rest.position += first;
    if (selected.rank != 0) rest.selected = selected.Slice(0, first, rest.count);
    return rest;
  }
  // Hides what row r did not select of a block; returns how many scores are left.
  int64_t KeepSelected(int64_t r, int64_t block) const {
    const int32_t* list = selected.i32() + r * selected.dim(1);
    const int32_t* end = list + selected.dim(1);
    const int64_t first = block * kPagePositions;
    float* s = scores + r * kPagePositions;
    float kept[kPagePositions];
    std::fill_n(kept, kPagePositions, -std::numeric_limits<float>::infinity());
    int64_t n = 0;
    for (const int32_t* at = std::lower_bound(list, end, first); at != end && *at < first + kPagePositions;
         ++at, ++n) {
      kept[*at - first] = s[*at - first];
    }
    std::copy_n(kept, kPagePositions, s);
    return n;
  }
  void Write(int64_t r, float* out) const {
    for (int64_t i = 0; i < value_dim; ++i) out[i] = sum[r * value_dim + i] / total[r];
  }
};

CpuDevice::Panel CpuDevice::ReadPage(const Batch& batch, int stream, const SequenceStep& s, int64_t page,
                                     int64_t count, int64_t column, int64_t width, float* buffer) const {
  const StateStream& st = batch.streams[static_cast<size_t>(stream)];
  const std::byte* from = s.At(st, page * kPagePositions) + ByteSize(st.dtype, column);
  if (st.dtype == DType::kF32) return {reinterpret_cast<const float*>(from), st.width};
  const KernelTable::ToF32 load = kernels_.to_f32[static_cast<size_t>(st.dtype)];
  const int64_t bytes = ByteSize(st.dtype, width), stride = st.row_bytes();
  for (int64_t i = 0; i < count; ++i) {
    if (i + kRowsAhead < count) {
      for (int64_t line = 0; line < bytes; line += 64)
        __builtin_prefetch(from + (i + kRowsAhead) * stride + line);
    }
    load(from + i * stride, width, buffer + i * width);
  }
  return {buffer, width};
}

CpuDevice::StatePanel CpuDevice::GatherPositions(const Batch& batch, int stream, const SequenceStep& s,
                                                 std::span<const int32_t> positions, int64_t column,
                                                 int64_t width, bool narrow, float* buffer) const {
  const StateStream& st = batch.streams[static_cast<size_t>(stream)];
  const KernelTable::ToF32 load = kernels_.to_f32[static_cast<size_t>(st.dtype)];
  const int64_t bytes = ByteSize(st.dtype, width);
  auto* narrow_buffer = reinterpret_cast<std::byte*>(buffer);
  for (size_t i = 0; i < positions.size(); ++i) {
    const std::byte* from = s.At(st, positions[i]) + ByteSize(st.dtype, column);
    const int64_t at = static_cast<int64_t>(i);
    if (narrow) {
      std::copy_n(from, bytes, narrow_buffer + at * bytes);
    } else {
      load(from, width, buffer + at * width);
    }
  }
  if (narrow) return {buffer, width, st.dtype};
  return Wide({buffer, width});
}

KernelTable::FromF32 CpuDevice::RoundingFor(const Batch& batch, int key_stream, int value_stream) const {
  const auto is_bf16 = [&](int stream) {
    return batch.streams[static_cast<size_t>(stream)].dtype == DType::kBF16;
  };
  if (kernels_.gemm_bf16 == nullptr || !is_bf16(key_stream) || !is_bf16(value_stream)) return nullptr;
  return kernels_.from_f32[static_cast<size_t>(DType::kBF16)];
}

CpuDevice::StatePanel CpuDevice::PageAt(const Batch& batch, int stream, const SequenceStep& s, int64_t page,
                                        int64_t column) {
  const StateStream& st = batch.streams[static_cast<size_t>(stream)];
  return {s.At(st, page * kPagePositions) + ByteSize(st.dtype, column), st.width, st.dtype};
}

// Takes every row one page further. key: [keys, key_dim], value: [keys, value_dim].
void CpuDevice::AttendBlock(SoftmaxRows& rows, int64_t block, int64_t keys, StatePanel key,
                            StatePanel value) const {
  const bool rounded = rows.round != nullptr;
  if (rounded) {
    kernels_.gemm_bf16(rows.q16, rows.key_stride, rows.count, static_cast<const uint16_t*>(key.data),
                       key.stride, keys, rows.key_dim, rows.scores, kPagePositions);
  } else {
    kernels_.gemm_nt_narrow[static_cast<size_t>(key.dtype)](rows.q, rows.key_dim, rows.count, key.data,
                                                            key.stride, keys, rows.key_dim, rows.scores,
                                                            kPagePositions);
  }
  for (int64_t r = 0; r < rows.count; ++r) {
    float* s = rows.scores + r * kPagePositions;
    int64_t visible = std::clamp<int64_t>(rows.position[r] + 1 - block * kPagePositions, 0, keys);
    // Always a full block, so that the order of its sum is the same in every tile.
    std::fill(s + visible, s + kPagePositions, -std::numeric_limits<float>::infinity());
    if (rows.selected.rank != 0) visible = rows.KeepSelected(r, block);
    const float correction = kernels_.softmax_block(s, kPagePositions, &rows.max[r], &rows.total[r]);
    if (correction != 1.0f) kernels_.scale(correction, rows.value_dim, rows.sum + r * rows.value_dim);
    if (visible == 0) std::fill(s, s + kPagePositions, 0.0f);
    if (rounded) rows.round(s, kPagePositions, rows.weights16 + r * kPagePositions);
  }
  if (rounded) {
    kernels_.gemm_nn_add_bf16(rows.weights16, kPagePositions, rows.count,
                              static_cast<const uint16_t*>(value.data), value.stride, keys, rows.value_dim,
                              rows.sum, rows.value_dim);
    return;
  }
  kernels_.gemm_nn_add_narrow[static_cast<size_t>(value.dtype)](rows.scores, kPagePositions, rows.count,
                                                                value.data, value.stride, keys,
                                                                rows.value_dim, rows.sum, rows.value_dim);
}

// Adds what the rows gathered in their next span. A span's maximum is one more score for the running softmax.
void CpuDevice::MergeSpan(const SoftmaxRows& span, SoftmaxRows& all) const {
  const int64_t n = all.value_dim;
  for (int64_t r = 0; r < all.count; ++r) {
    float weight = span.max[r], sum_of_weights = 0;
    if (weight == -std::numeric_limits<float>::infinity()) continue;  // the row's positions end before it
    const float correction = kernels_.softmax_block(&weight, 1, &all.max[r], &sum_of_weights);
    if (correction != 1.0f) kernels_.scale(correction, n, all.sum + r * n);
    kernels_.add_scaled(span.sum + r * n, weight, n, all.sum + r * n);
    all.total[r] = all.total[r] * correction + span.total[r] * weight;
  }
}

double AttentionWork(const Batch& batch, int64_t heads, int64_t dims, int64_t at_most) {
  double pairs = 0;  // of queries and keys
  for (const SequenceStep& s : batch.sequences) {
    const int64_t positions = s.past + s.rows;
    pairs += static_cast<double>(s.rows) *
             static_cast<double>(at_most > 0 ? std::min(at_most, positions) : positions);
  }
  return pairs * static_cast<double>(heads) * static_cast<double>(dims);
}

// Rows (token, head of the group) of one sequence and one head of keys and values.
struct CpuDevice::AttentionTile {
  const SequenceStep* sequence;
  int64_t kv_head, group, begin, count;

  int64_t Floats(const ops::AttendParams& p) const {
    return SoftmaxRows::Floats(count, p.key_dim, p.value_dim);
  }
  int64_t Position(int64_t r) const { return sequence->past + (begin + r) / group; }
  int64_t Positions() const { return Position(count - 1) + 1; }  // that the last row sees
  int64_t Spans() const { return (Pages(Positions()) + kSpanPages - 1) / kSpanPages; }
  float* HeadOf(const Tensor& x, int64_t r) const {
    const int64_t row = begin + r;
    return x.Row(sequence->first_row + row / group) + (kv_head * group + row % group) * x.stride(1);
  }
  void SetRows(const Tensor& q, float scale, SoftmaxRows& rows) const {
    for (int64_t r = 0; r < count; ++r) rows.SetRow(r, HeadOf(q, r), scale, Position(r));
  }
};

// Takes a tile's rows through page `block`, if they see it.
void CpuDevice::AttendPage(const Batch& batch, const ops::AttendParams& p, const AttentionTile& tile,
                           int64_t block, SoftmaxRows& rows, float* page_buffer) const {
  const SequenceStep& s = *tile.sequence;
  const int64_t keys = std::min(kPagePositions, tile.Positions() - block * kPagePositions);
  if (keys <= 0) return;
  const int64_t key_column = tile.kv_head * p.key_dim, value_column = tile.kv_head * p.value_dim;
  if (rows.round != nullptr || tile.count <= kRowsInPlace) {
    AttendBlock(rows, block, keys, PageAt(batch, p.key_stream, s, block, key_column),
                PageAt(batch, p.value_stream, s, block, value_column));
    return;
  }
  float* value_buffer = page_buffer + kPagePositions * p.key_dim;
  AttendBlock(rows, block, keys,
              Wide(ReadPage(batch, p.key_stream, s, block, keys, key_column, p.key_dim, page_buffer)),
              Wide(ReadPage(batch, p.value_stream, s, block, keys, value_column, p.value_dim, value_buffer)));
}

void CpuDevice::Attend(const Tensor& q, const Batch& batch, const ops::AttendParams& p, Tensor out) {
  if (p.selected.rank != 0) {
    AttendSelected(q, batch, p, out);
    return;
  }
  const int64_t group = q.dim(1) / p.kv_heads;
  const KernelTable::FromF32 round = RoundingFor(batch, p.key_stream, p.value_stream);
  std::vector<AttentionTile> tiles;
  int64_t most_spans = 0;
  for (const SequenceStep& s : batch.sequences) {
    for (int64_t kv = 0; kv < p.kv_heads; ++kv) {
      for (int64_t begin = 0; begin < s.rows * group; begin += kTileRows) {
        tiles.push_back({&s, kv, group, begin, std::min(kTileRows, s.rows * group - begin)});
        most_spans = std::max(most_spans, tiles.back().Spans());
      }
    }
  }
  const double work = AttentionWork(batch, q.dim(1), p.key_dim + p.value_dim, /*at_most=*/0);
  const int64_t rows_floats = SoftmaxRows::Floats(kTileRows, p.key_dim, p.value_dim);
  const int64_t count = static_cast<int64_t>(tiles.size());
  // So few tiles that threads would wait for each other: they share the spans, and a second round merges
  // them.
  if (most_spans > 1 && pool_.threads() > 1 && count < 4 * pool_.threads()) {
    ReserveScratch(rows_floats + kPagePositions * (p.key_dim + p.value_dim));
    int64_t floats = 0;
    for (const AttentionTile& tile : tiles) floats += most_spans * tile.Floats(p);
    if (std::ssize(span_memory_) < floats) span_memory_.resize(static_cast<size_t>(floats));
    std::vector<SoftmaxRows> spans;  // of tile t number `span` at t * most_spans + span
    float* memory = span_memory_.data();
    for (const AttentionTile& tile : tiles) {
      for (int64_t span = 0; span < most_spans; ++span, memory += tile.Floats(p))
        spans.emplace_back(memory, tile.count, p.key_dim, p.value_dim, round);
    }
    // Several tiles go through a page together: of a position, the heads lie side by side, and what one head
    // has of it is too short to be read fast.
    const int64_t together = std::clamp<int64_t>(count * most_spans / (4 * pool_.threads()), 1, count);
    const int64_t groups = (count + together - 1) / together;
    pool_.ParallelFor(groups * most_spans, 1, work, [&](int64_t task, int64_t, int thread) {
      const int64_t span = task % most_spans, first = task / most_spans * together;
      const int64_t last = std::min(first + together, count);
      for (int64_t t = first; t < last; ++t)
        tiles[static_cast<size_t>(t)].SetRows(q, p.scale, spans[static_cast<size_t>(t * most_spans + span)]);
      for (int64_t block = span * kSpanPages; block < (span + 1) * kSpanPages; ++block) {
        for (int64_t t = first; t < last; ++t)
          AttendPage(batch, p, tiles[static_cast<size_t>(t)], block,
                     spans[static_cast<size_t>(t * most_spans + span)], Scratch(thread));
      }
    });
    pool_.ParallelFor(count, 1, [&](int64_t t, int64_t, int thread) {
      const AttentionTile& tile = tiles[static_cast<size_t>(t)];
      SoftmaxRows all(Scratch(thread), tile.count, p.key_dim, p.value_dim, nullptr);
      for (int64_t span = 0; span < tile.Spans(); ++span)
        MergeSpan(spans[static_cast<size_t>(t * most_spans + span)], all);
      for (int64_t r = 0; r < tile.count; ++r) all.Write(r, tile.HeadOf(out, r));
    });
    return;
  }
  ReserveScratch(2 * rows_floats + kPagePositions * (p.key_dim + p.value_dim));
  pool_.ParallelFor(count, 1, work, [&](int64_t task, int64_t, int thread) {
    const AttentionTile& tile = tiles[static_cast<size_t>(task)];
    SoftmaxRows rows(Scratch(thread), tile.count, p.key_dim, p.value_dim, round);
    SoftmaxRows all(Scratch(thread) + rows_floats, tile.count, p.key_dim, p.value_dim, nullptr);
    tile.SetRows(q, p.scale, rows);
    for (int64_t span = 0; span < tile.Spans(); ++span) {
      rows.Begin();
      for (int64_t block = span * kSpanPages; block < (span + 1) * kSpanPages; ++block)
        AttendPage(batch, p, tile, block, rows, Scratch(thread) + 2 * rows_floats);
      MergeSpan(rows, all);
    }
    for (int64_t r = 0; r < tile.count; ++r) all.Write(r, tile.HeadOf(out, r));
  });
}

// Every token chose for itself, so its keys are gathered for it alone, and the chosen positions are then
// attended as if there were no others.
void CpuDevice::AttendSelected(const Tensor& q, const Batch& batch, const ops::AttendParams& p, Tensor out) {
  const int64_t group = q.dim(1) / p.kv_heads;
  const KernelTable::FromF32 round = RoundingFor(batch, p.key_stream, p.value_stream);
  struct Tile {
    const SequenceStep* sequence;
    int64_t token, kv_head, head, count;
  };
  std::vector<Tile> tiles;
  for (const SequenceStep& s : batch.sequences) {
    for (int64_t r = 0; r < s.rows; ++r) {
      for (int64_t h = 0; h < q.dim(1);) {
        const int64_t kv = h / group, count = std::min(kTileRows, (kv + 1) * group - h);
        tiles.push_back({&s, s.first_row + r, kv, h, count});
        h += count;
      }
    }
  }
  const int64_t rows_floats = SoftmaxRows::Floats(kTileRows, p.key_dim, p.value_dim);
  ReserveScratch(rows_floats + kPagePositions * (p.key_dim + p.value_dim));

  const double work = AttentionWork(batch, q.dim(1), p.key_dim + p.value_dim, p.selected.dim(1));
  pool_.ParallelFor(static_cast<int64_t>(tiles.size()), 1, work, [&](int64_t task, int64_t, int thread) {
    const Tile& tile = tiles[static_cast<size_t>(task)];
    const int32_t* list = p.selected.i32() + tile.token * p.selected.dim(1);
    const int64_t positions = std::lower_bound(list, list + p.selected.dim(1), ops::kNoPosition) - list;
    SoftmaxRows rows(Scratch(thread), tile.count, p.key_dim, p.value_dim, round);
    float* key_buffer = Scratch(thread) + rows_floats;
    float* value_buffer = key_buffer + kPagePositions * p.key_dim;
    for (int64_t r = 0; r < tile.count; ++r) {
      rows.SetRow(r, q.Row(tile.token) + (tile.head + r) * q.stride(1), p.scale, positions - 1);
    }
    for (int64_t block = 0; block < Pages(positions); ++block) {
      const int64_t keys = std::min(kPagePositions, positions - block * kPagePositions);
      const std::span<const int32_t> at(list + block * kPagePositions, static_cast<size_t>(keys));
      const bool narrow = round != nullptr;
      AttendBlock(rows, block, keys,
                  GatherPositions(batch, p.key_stream, *tile.sequence, at, tile.kv_head * p.key_dim,
                                  p.key_dim, narrow, key_buffer),
                  GatherPositions(batch, p.value_stream, *tile.sequence, at, tile.kv_head * p.value_dim,
                                  p.value_dim, narrow, value_buffer));
    }
    for (int64_t r = 0; r < tile.count; ++r) {
      rows.Write(r, out.Row(tile.token) + (tile.head + r) * out.stride(1));
    }
  });
}

// One head of latent attention: makes keys and values of a page out of its latents. Where products are
// rounded, the matrices are too.
struct CpuDevice::HeadExpander {
  const CpuDevice& device;
  const ops::HeadMatrices& matrix;
  KernelTable::FromF32 round;
  Panel wide{};
  const uint16_t* narrow = nullptr;
  int64_t narrow_stride = 0;

  static int64_t Floats(const ops::HeadMatrices& m) { return m.out * m.in * 3 / 2 + 1; }

  // `buffer` holds Floats(m).
  HeadExpander(const CpuDevice& d, const ops::HeadMatrices& m, int64_t head, KernelTable::FromF32 to_bf16,
               float* buffer)
      : device(d), matrix(m), round(to_bf16) {
    const int64_t first = m.first_row + head * m.head_stride, rows = m.transposed ? m.in : m.out;
    if (round != nullptr && m.w.format == WeightFormat::kPlain && d.TakesRounded(m.w)) {
      narrow = reinterpret_cast<const uint16_t*>(m.w.data + first * m.w.row_bytes);
      narrow_stride = m.w.row_bytes / 2;
      return;
    }
    wide = d.UnpackRows(m.w, first, rows, buffer);
    if (round == nullptr) return;
    auto* to = reinterpret_cast<uint16_t*>(buffer + m.out * m.in);
    for (int64_t r = 0; r < rows; ++r) round(wide.data + r * wide.stride, m.w.cols, to + r * m.w.cols);
    narrow = to;
    narrow_stride = m.w.cols;
  }

  // to [keys, out] = latents [keys, in] times the matrix; latents are bf16 if products are rounded, else f32.
  void Expand(const StatePanel& latents, int64_t keys, float* to, int64_t stride) const {
    const KernelTable& k = device.kernels_;
    if (matrix.transposed) {
      for (int64_t i = 0; i < keys; ++i) std::fill_n(to + i * stride, matrix.out, 0.0f);
    }
    if (round != nullptr) {
      const auto* x = static_cast<const uint16_t*>(latents.data);
      (matrix.transposed ? k.gemm_nn_add_bf16 : k.gemm_bf16)(
          x, latents.stride, keys, narrow, narrow_stride, matrix.transposed ? matrix.in : matrix.out,
          matrix.transposed ? matrix.out : matrix.in, to, stride);
      return;
    }
    const auto* x = static_cast<const float*>(latents.data);
    (matrix.transposed ? k.gemm_nn_add : k.gemm_nt)(x, latents.stride, keys, wide.data, wide.stride,
                                                    matrix.transposed ? matrix.in : matrix.out,
                                                    matrix.transposed ? matrix.out : matrix.in, to, stride);
  }
};

void CpuDevice::AttendExpanded(const Tensor& q, const ops::HeadMatrices& key, const ops::HeadMatrices& value,
                               const Batch& batch, const ops::LatentParams& p, Tensor out) {
  const int64_t key_dim = key.out + p.rope_dim, latent_row = p.latent_dim + p.rope_dim;
  std::vector<const SequenceStep*> prompts;
  int64_t max_rows = 0;
  for (const SequenceStep& s : batch.sequences) {
    if (!s.prompt) continue;
    prompts.push_back(&s);
    max_rows = std::max(max_rows, s.rows);
  }
  if (prompts.empty()) return;

  // Latents are met where they lie, so that what is behind them must not count.
  const KernelTable::FromF32 round =
      p.latent_dim % kBf16Step == 0 ? RoundingFor(batch, p.stream, p.stream) : nullptr;
  const int64_t rows_floats = SoftmaxRows::Floats(max_rows, key_dim, value.out);
  const int64_t page_floats = kPagePositions * (latent_row + key_dim + value.out);
  ReserveScratch(rows_floats + HeadExpander::Floats(key) + HeadExpander::Floats(value) + page_floats +
                 kPagePositions * (key_dim + value.out + 1) / 2);

  const int64_t tasks = static_cast<int64_t>(prompts.size()) * key.heads;
  pool_.ParallelFor(tasks, 1, [&](int64_t task, int64_t, int thread) {
    const SequenceStep& s = *prompts[static_cast<size_t>(task / key.heads)];
    const int64_t h = task % key.heads;
    SoftmaxRows rows(Scratch(thread), s.rows, key_dim, value.out, round);
    float* memory = Scratch(thread) + rows_floats;
    const HeadExpander to_key(*this, key, h, round, memory);
    const HeadExpander to_value(*this, value, h, round, memory + HeadExpander::Floats(key));
    float* latent_buffer = memory + HeadExpander::Floats(key) + HeadExpander::Floats(value);
    float* keys_buffer = latent_buffer + kPagePositions * latent_row;
    float* values_buffer = keys_buffer + kPagePositions * key_dim;
    auto* narrow_buffer = reinterpret_cast<uint16_t*>(values_buffer + kPagePositions * value.out);
    const auto panel_of = [&](const float* from, int64_t keys, int64_t width,
                              uint16_t* narrow) -> StatePanel {
      if (round == nullptr) return Wide({from, width});
      round(from, keys * width, narrow);
      return {narrow, width, DType::kBF16};
    };

    for (int64_t r = 0; r < s.rows; ++r) {
      rows.SetRow(r, q.Row(s.first_row + r) + h * q.stride(1), p.scale, s.past + r);
    }
    if (p.selected.rank != 0) rows.selected = p.selected.Slice(0, s.first_row, s.rows);
    const int64_t positions = s.past + s.rows;
    for (int64_t block = 0; block < Pages(positions); ++block) {
      const int64_t keys = std::min(kPagePositions, positions - block * kPagePositions);
      const StatePanel latents =
          round != nullptr ? PageAt(batch, p.stream, s, block, 0)
                           : Wide(ReadPage(batch, p.stream, s, block, keys, 0, latent_row, latent_buffer));
      to_key.Expand(latents, keys, keys_buffer, key_dim);
      to_value.Expand(latents, keys, values_buffer, value.out);
      const Panel rope = ReadPage(batch, p.stream, s, block, keys, p.latent_dim, p.rope_dim, latent_buffer);
      for (int64_t i = 0; i < keys; ++i)
        std::copy_n(rope.data + i * rope.stride, p.rope_dim, keys_buffer + i * key_dim + key.out);
      // The first rows end before it.
      SoftmaxRows seeing = rows.From(std::clamp<int64_t>(block * kPagePositions - s.past, 0, s.rows - 1));
      AttendBlock(seeing, block, keys, panel_of(keys_buffer, keys, key_dim, narrow_buffer),
                  panel_of(values_buffer, keys, value.out, narrow_buffer + kPagePositions * key_dim));
    }
    for (int64_t r = 0; r < s.rows; ++r) rows.Write(r, out.Row(s.first_row + r) + h * out.stride(1));
  });
}

}  // namespace mains
