// SPDX-License-Identifier: Apache-2.0
// Forward, tile by tile. What a row of sources gives the row `dy` below it, it gives the row as far
// above: a vector of LANES outputs is summed once, in registers, while sources pass by, and added to
// both. Two distances are summed side by side (lines), so that a source's light is loaded once for
// four rows; besides, each costs two loads from its table row for all channels.
//
// The flat interior of large discs costs two additions a row instead: a source adds its light where
// its chord begins and takes it away where it ends, and a running sum along the row fills it in.
// Interiors are whole px in radius, so that neighbours in a row share one and are added in one go.
//
// Where conics cut the discs (`Cut`) rows above and below differ, and tables have no flat interior.
#pragma once
#include "source_rows.h"

#include <memory>

namespace {

// Where a row of sources finds its weights for one row of outputs, or two.
template <int G, bool Cut>
struct Aim {
  std::vector<int32_t> at[2], end[2];  // centre and extent
  std::vector<float> a[2], b[2];       // [count][n] conics on the row: a + x (b + x c)

  void resize(int64_t most) {
    for (auto* v : {at, at + 1, end, end + 1}) v->resize(most);
    for (auto* v : {a, a + 1, b, b + 1})
      if (Cut) v->resize(kMostConics * most);
  }

  // Point at the row `dy` of every source's weights; sources that have none point at zeros.
  void at_row(int line, const SourceRow<G, Cut>& row_of, int32_t dy, bool mirrored) {
    const int32_t away = std::abs(dy), row = mirrored ? away : dy;
    const int32_t *c = row_of.centre.data(), *e = row_of.extent.data();
    int32_t *a = at[line].data(), *l = end[line].data();
    for (int64_t i = 0; i < row_of.n; ++i) {
      const bool there = e[i] >= away;
      a[i] = there ? c[i] + row * (2 * e[i] + 1 + 2 * kPad) : kDark;
      l[i] = there ? e[i] : 0;
    }
  }

  void cut(int line, const SourceRow<G, Cut>& row, int32_t count, int32_t dy) {
    const int64_t n = row.n;
    const float y = float(dy);
    for (int32_t k = 0; k < count; ++k) {
      const float* __restrict q = row.conics.data() + k * 6 * n;
      float *__restrict to_a = a[line].data() + k * n, *__restrict to_b = b[line].data() + k * n;
      for (int64_t i = 0; i < n; ++i) to_a[i] = q[i] + y * (q[2 * n + i] + y * q[5 * n + i]);
      for (int64_t i = 0; i < n; ++i) to_b[i] = q[n + i] + y * q[4 * n + i];
    }
  }
};

// Add sources first..last (indices of the row) to a vector of outputs of each line at column
// x - row.left.
template <int G, bool Cut, int L>
inline void gather(const WeightTable& table, const SourceRow<G, Cut>& row, const Aim<G, Cut>& aim,
                   int32_t x, int64_t first, int64_t last, Vec (&acc)[L][G]) {
  const auto* light = row.light.data();
  const int32_t *at[L], *end[L];
  for (int l = 0; l < L; ++l) at[l] = aim.at[l].data(), end[l] = aim.end[l].data();
  for (int64_t i = first; i <= last; ++i) {
    Vec w[L];
    for (int l = 0; l < L; ++l) {
      const int32_t e = end[l][i], shift = std::min(std::max(x - int32_t(i), -e - kPad), e + 1);
      const int64_t p = int64_t(at[l][i]) + shift;
      w[l] = load(table.weights + p) + light[i].fraction * load(table.changes + p);
    }
    if (Cut) {
      const Vec px = steps() + float(x - int32_t(i));
      const int64_t n = row.n;
      for (int l = 0; l < L; ++l) {
        const float *a = aim.a[l].data() + i, *b = aim.b[l].data() + i;
        const float* c = row.conics.data() + 3 * n + i;
        Vec mask = clamped(a[0] + px * (b[0] + px * c[0]));
        for (int32_t k = 1; k < row.conic_count; ++k)
          mask *= clamped(a[k * n] + px * (b[k * n] + px * c[6 * k * n]));
        w[l] *= 1.0f + row.share[i] * (mask - 1.0f);
      }
    }
    for (int g = 0; g < G; ++g)
      for (int l = 0; l < L; ++l) acc[l][g] += light[i].value[g] * w[l];
  }
}

// Add where the chords of sources first..last, h to either side of them, begin and end in a row.
template <int G, bool Cut>
void add_chords(const SourceRow<G, Cut>& row, int64_t first, int64_t last, int64_t h, int64_t tile_left,
                int64_t columns, float* __restrict ends) {
  const int64_t shift = row.left - tile_left;  // index of a source -> column of the tile
  first = std::max(first, -h - shift);
  last = std::min(last, columns - 1 + h - shift);
  const float* __restrict flat = row.flat.data();
  for (; first <= last && first + shift - h <= 0; ++first) {  // began left of the tile
    const int64_t stop = first + shift + h + 1;
    for (int g = 0; g < G; ++g) {
      ends[g] += flat[first * G + g];
      if (stop < columns) ends[stop * G + g] -= flat[first * G + g];
    }
  }
  float* begin = ends + (first + shift - h) * G;
  for (int64_t k = 0; k < (last - first + 1) * G; ++k) begin[k] += flat[first * G + k];
  const int64_t stopping = std::min(last, columns - 1 - (shift + h + 1));
  float* stop = ends + (first + shift + h + 1) * G;
  for (int64_t k = 0; k < (stopping - first + 1) * G; ++k) stop[k] -= flat[first * G + k];
}

template <int G, bool Cut>
class ForwardTile {
  using Row = SourceRow<G, Cut>;

 public:
  ForwardTile(const WeightTable& table, const Clip& clip, const Field& field, const Halves& halves,
              const Tiles& tiles, const float* image, const float* gains, const float* radius)
      : table_(table), clip_(clip), field_(field), halves_(halves), tiles_(tiles), image_(image),
        gains_(gains), radius_(radius) {
    padded_ = (tiles.columns + LANES - 1) / LANES * LANES;
    sums_.resize(tiles.rows * G * padded_);
    const int64_t most = tiles.columns + 2 * field.far + 2 * kBlock;
    rows_.resize(std::min(tiles.height, tiles.rows + 2 * field.far));
    for (auto& row : rows_) row.resize(most);
    aim_.resize(most);
    if (std::any_of(field.flat.begin(), field.flat.end(), [](uint8_t f) { return f; }))
      ends_.resize(tiles.rows * tiles.columns * G);
    reach_half_.resize(most / kBlock + 1);
  }

  void run(int64_t t, float* out) {
    const int64_t far = field_.far, width = tiles_.width, plane = tiles_.height * width;
    top_ = tiles_.top(t), bottom_ = tiles_.bottom(t);
    left_ = tiles_.left(t), right_ = tiles_.right(t);
    std::fill(sums_.begin(), sums_.end(), 0.0f);
    std::fill(ends_.begin(), ends_.end(), 0.0f);
    const int64_t first = std::max<int64_t>(0, top_ - far);
    const int64_t last = std::min(tiles_.height, bottom_ + far) - 1;
    int32_t reach = -1;
    filled_ = false;
    for (int64_t y = first; y <= last; ++y) reach = std::max(reach, read(y, plane));
    // Row by row of weights, since neighbouring sources share those: they stay in the cache.
    const int32_t step = table_.mirrored && !Cut ? 2 : 1;
    for (int32_t dy = 0; dy <= reach; dy += step)
      for (int64_t y = first; y <= last; ++y) spread(rows_[y - first], y, dy, plane);
    if (filled_) fill();
    for (int64_t y = top_; y < bottom_; ++y)
      for (int g = 0; g < G; ++g)
        std::memcpy(out + g * plane + y * width + left_, sums(y, g),
                    (right_ - left_) * sizeof(float));
  }

 private:
  float* sums(int64_t y, int g) { return sums_.data() + ((y - top_) * G + g) * padded_; }
  float* ends(int64_t y) { return ends_.data() + (y - top_) * tiles_.columns * G; }
  bool inside(int64_t y) const { return y >= top_ && y < bottom_; }

  // Read one row of sources; returns how far it reaches, as far as the tile goes, else -1.
  int32_t read(int64_t y, int64_t plane) {
    auto& row = rows_[y - std::max<int64_t>(0, top_ - field_.far)];
    row.left = std::max<int64_t>(0, left_ - field_.far) / kBlock * kBlock;
    row.n = std::min(tiles_.width, right_ + field_.far) - row.left;
    row.reach = -1;
    const int32_t* known = blocks_of(row, y);
    for (int64_t b = 0; b < blocks(row); ++b) row.reach = std::max(row.reach, known[b]);
    row.reach = int32_t(std::min<int64_t>(row.reach, std::max(y - top_, bottom_ - 1 - y)));
    if (row.reach < nearest(y)) return row.reach = -1;
    const bool chords = field_.flat[y];
    row.read(table_, field_, y, tiles_.width, image_, gains_, plane, chords);
    if (Cut) row.read_conics(clip_, radius_, y, tiles_.width, plane);
    filled_ = filled_ || chords;
    return row.reach;
  }

  int64_t nearest(int64_t y) const { return std::max<int64_t>({top_ - y, y - bottom_ + 1, 0}); }
  static int64_t blocks(const Row& row) { return (row.n + kBlock - 1) / kBlock; }
  const int32_t* blocks_of(const Row& row, int64_t y) const {
    return field_.reach.data() + y * field_.blocks + row.left / kBlock;
  }

  // Spread one row of sources over the rows of the tile that are `dy` away, or one more.
  void spread(const Row& row, int64_t y, int32_t dy, int64_t plane) {
    const bool paired = table_.mirrored && !Cut;
    if (row.reach < dy || nearest(y) > dy + paired) return;
    const int32_t from = int32_t(std::max<int64_t>(dy, nearest(y)));
    const int lines = paired ? std::min(row.reach, dy + 1) - from + 1 : 1;
    const int32_t* known = blocks_of(row, y);
    for (int64_t b = 0; b < blocks(row); ++b)
      reach_half_[b] = known[b] < from ? -1 : halves_.of(known[b], from);
    const bool chords = field_.flat[y];
    for (int l = 0; chords && l < lines; ++l) begin_and_end(row, y, from + l);
    if (!paired) return both_sides(row, y, dy, plane);
    const Target to[2] = {targets(y, from), targets(y, from + 1)};
    for (int l = 0; l < lines; ++l) aim_.at_row(l, row, from + l, true);
    if (lines == 2) pass<2>(row, to, from + 1, chords);
    else pass<1>(row, to, from, chords);
  }

  // The rows of the tile that a line is for.
  struct Target {
    int64_t rows[2];
    int count;
  };
  Target targets(int64_t y, int32_t dy) const {
    Target to{{}, 0};
    if (inside(y - dy)) to.rows[to.count++] = y - dy;
    if (dy > 0 && inside(y + dy)) to.rows[to.count++] = y + dy;
    return to;
  }

  // Spread one row of sources, not the same above and below, over the rows `dy` away.
  void both_sides(const Row& row, int64_t y, int32_t dy, int64_t plane) {
    Target to[2];
    int lines = 0;
    for (const int32_t away : {-dy, dy}) {
      if (!inside(y + away)) continue;
      aim_.at_row(lines, row, away, table_.mirrored);
      if (Cut) aim_.cut(lines, row, clip_.count, away);
      to[lines++] = {{y + away, 0}, 1};
      if (dy == 0) break;
    }
    if (lines == 2) pass<2>(row, to, dy, false);
    else if (lines == 1) pass<1>(row, to, dy, false);
  }

  void begin_and_end(const Row& row, int64_t y, int32_t dy) {
    const bool above = inside(y - dy), below = dy > 0 && inside(y + dy);
    for (const auto& run : row.runs) {
      if (run.inner < dy) continue;
      const int32_t h = halves_(run.inner, dy);
      if (above)
        add_chords(row, run.first, run.last, h, left_, right_ - left_, ends(y - dy));
      if (below)
        add_chords(row, run.first, run.last, h, left_, right_ - left_, ends(y + dy));
    }
  }

  // Sources that can reach columns x..x + LANES - 1 (indices of the row); first > last: none.
  void window(const Row& row, int64_t x, int64_t& first, int64_t& last) const {
    first = 0, last = -1;
    const int64_t far = field_.far;
    const int64_t low = std::max<int64_t>(0, x - far) / kBlock;
    const int64_t high = std::min(blocks(row) - 1, (x + LANES - 1 + far) / kBlock);
    for (int64_t b = low; b <= high; ++b) {
      if (reach_half_[b] < 0) continue;
      const int64_t from = std::max(b * kBlock, x - reach_half_[b]);
      if (from > std::min((b + 1) * kBlock - 1, x + LANES - 1 + reach_half_[b])) continue;
      first = from;
      for (int64_t e = high; e >= b; --e) {
        if (reach_half_[e] < 0) continue;
        const int64_t to = std::min({(e + 1) * kBlock - 1, x + LANES - 1 + reach_half_[e],
                                     row.n - 1});
        if (to < std::max(e * kBlock, x - reach_half_[e])) continue;
        last = to;
        return;
      }
      return;
    }
  }

  // Sources no farther than this from both ends of columns x..x + LANES - 1 cover all of them with
  // their flat interiors, in the row dy away.
  int64_t hole(const Row& row, int64_t x, int32_t dy) const {
    const auto half_in = [&](int64_t from, int64_t to) {
      int32_t inner = field_.far;
      const int64_t low = std::max<int64_t>(from, 0) / kBlock;
      const int64_t high = std::min(to / kBlock, blocks(row) - 1);
      for (int64_t b = low; b <= high; ++b) inner = std::min(inner, row.block_inner[b]);
      return inner < dy ? -1 : int64_t(halves_(inner, dy));
    };
    const int64_t h = half_in(x, x + LANES - 1);
    return h < LANES ? -1 : std::min(h, half_in(x + LANES - 1 - h, x + h));
  }

  // Spread a row of sources over the targets of each line; `dy` is how far the last one is away.
  template <int L>
  void pass(const Row& row, const Target* to, int32_t dy, bool chords) {
    for (int64_t x = 0; x < right_ - left_; x += LANES) {
      const int64_t here = x + left_ - row.left;
      int64_t first, last;
      window(row, here, first, last);
      if (first > last) continue;
      Vec acc[L][G] = {};
      const int64_t h = chords ? hole(row, here, dy) : -1;
      if (h >= LANES) {
        gather(table_, row, aim_, int32_t(here), first, std::min(last, here + LANES - 2 - h), acc);
        gather(table_, row, aim_, int32_t(here), std::max(first, here + h + 1), last, acc);
      } else {
        gather(table_, row, aim_, int32_t(here), first, last, acc);
      }
      for (int l = 0; l < L; ++l)
        for (int r = 0; r < to[l].count; ++r)
          for (int g = 0; g < G; ++g) {
            float* sum = sums(to[l].rows[r], g) + x;
            store(sum, load(sum) + acc[l][g]);
          }
    }
  }

  void fill() {
    for (int64_t y = top_; y < bottom_; ++y) {
      const float* e = ends(y);
      double sum[G] = {};
      for (int64_t x = 0; x < right_ - left_; ++x)
        for (int g = 0; g < G; ++g) sums(y, g)[x] += float(sum[g] += e[x * G + g]);
    }
  }

  const WeightTable& table_;
  const Clip& clip_;
  const Field& field_;
  const Halves& halves_;
  const Tiles& tiles_;
  const float *image_, *gains_, *radius_;
  int64_t padded_, top_ = 0, bottom_ = 0, left_ = 0, right_ = 0;
  bool filled_ = false;
  std::vector<Row> rows_;  // those that reach the tile
  Aim<G, Cut> aim_;
  std::vector<float> sums_;  // [rows][G][padded columns]
  std::vector<float> ends_;  // [rows][columns][G]
  std::vector<int32_t> reach_half_;
};

template <int G>
void forward_group(int threads, const WeightTable& table, const Clip& clip, const float* gains,
                   int64_t height, int64_t width, const float* image, const float* radius,
                   float* out) {
  const Field field = read_field<G>(threads, table, height, width, image, radius);
  if (field.far < 0) {
    std::fill(out, out + G * height * width, 0.0f);
    return;
  }
  // tall tiles pair more rows; a small frame still has enough of them to share
  const int64_t rows = std::min<int64_t>(std::max(4 * field.far, 32), 128);
  int64_t columns = 128;
  while (columns > 64 && Tiles(height, width, rows, columns).count < 12) columns /= 2;
  const Tiles tiles(height, width, rows, columns);
  const Halves halves(field.far, table.mirrored);
  const auto run = [&](auto tile, int64_t from, int64_t to) {
    for (int64_t t = from; t < to; ++t) tile.run(t, out);
  };
  parallel_for(threads, tiles.count, 1, [&](int64_t from, int64_t to) {
    if (clip.count)
      run(ForwardTile<G, true>(table, clip, field, halves, tiles, image, gains, radius), from, to);
    else
      run(ForwardTile<G, false>(table, clip, field, halves, tiles, image, gains, radius), from, to);
  });
}

}  // namespace
