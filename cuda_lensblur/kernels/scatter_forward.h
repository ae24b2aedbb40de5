// SPDX-License-Identifier: Apache-2.0
// Forward, tile by tile. The weights that a source gives the row `dy` below it are those of the row
// as far above: a vector of LANES outputs of both rows stays in registers while sources pass by,
// and each costs two loads from its table row, shared by both rows and all channels.
//
// The flat interior of large discs costs two additions a row instead: a source adds its light where
// its chord begins and takes it away where it ends, and a running sum along the row fills it in.
// Interiors are whole px in radius, so that neighbours in a row share one and are added in one go.
//
// Where conics cut the discs (`Cut`) rows above and below differ, and tables have no flat interior.
#pragma once
#include "clip.h"
#include "parallel.h"

#include <memory>

namespace {

// Where sources lie in the table, and what blocks of them have in common.
struct Field {
  std::vector<int32_t> node;    // [height][width]; -1: gives no light
  std::vector<float> fraction;  // [height][width]
  std::vector<int32_t> reach;   // [height][blocks] largest extent, -1 where all is dark
  std::vector<uint8_t> flat;    // [height] whether the row has flat interiors
  int64_t blocks;
  int32_t far;                  // largest extent
};

template <int G>
Field read_field(int threads, const WeightTable& table, int64_t height, int64_t width,
                 const float* image, const float* radius) {
  const int64_t plane = height * width;
  Field f;
  f.blocks = (width + kBlock - 1) / kBlock;
  f.node.resize(plane);
  f.fraction.resize(plane);
  f.reach.assign(height * f.blocks, -1);
  f.flat.assign(height, 0);
  parallel_for(threads, height, 16, [&](int64_t from, int64_t to) {
    for (int64_t y = from; y < to; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const int64_t i = y * width + x;
        const Node n = node_of(table, radius[i]);
        bool dark = true;  // layers are mostly empty outside their matte
        for (int g = 0; g < G; ++g) dark = dark && image[g * plane + i] == 0.0f;
        f.node[i] = dark ? -1 : n.index;
        f.fraction[i] = n.fraction;
        if (dark) continue;
        int32_t& reach = f.reach[y * f.blocks + x / kBlock];
        reach = std::max(reach, table.extent[n.index]);
        f.flat[y] |= table.inner[n.index] >= 0;
      }
    }
  });
  f.far = f.reach.empty() ? -1 : *std::max_element(f.reach.begin(), f.reach.end());
  return f;
}

// One row of sources beside a tile. Those of column `left + i` are at index i.
template <int G, bool Cut>
struct SourceRow {
  struct Light {
    float value[G];
    float fraction;
  };
  struct Conics {
    Along lines[kMostConics];  // on one row of weights
    float share;               // of the disc that they cut
  };
  std::vector<Light> light;
  struct Run {
    int64_t first, last;
    int32_t inner;
  };
  std::vector<int32_t> centre, extent;  // extent -1: dark
  std::vector<int32_t> at, end;         // the same for one row of weights, see `aim`
  std::vector<float> flat;              // [n][G] light of the flat interior
  std::vector<Run> runs;                // neighbours whose flat interiors have one radius
  std::vector<int32_t> block_inner;     // [blocks] the smallest of those that give light
  std::vector<Conics> conics;
  int32_t conic_count = 0;
  int64_t left, n;

  void resize(int64_t most) {
    light.resize(most);
    for (auto* v : {&centre, &extent, &at, &end}) v->resize(most);
    flat.resize(most * G);
    block_inner.resize(most / kBlock + 1);
    if (Cut) conics.resize(most);
  }

  void read(const WeightTable& table, const Field& field, int64_t y, int64_t width,
            const float* image, const float* gains, int64_t plane, bool interiors) {
    runs.clear();
    std::fill(block_inner.begin(), block_inner.end(), INT32_MAX);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t p = y * width + left + i;
      const int32_t node = field.node[p];
      const int32_t k = std::max(node, 0);
      Light& l = light[i];
      for (int g = 0; g < G; ++g) l.value[g] = image[g * plane + p] * (Cut ? gains[p] : 1.0f);
      l.fraction = field.fraction[p];
      centre[i] = int32_t(table.centre[k]);
      extent[i] = node < 0 ? -1 : table.extent[k];
      if (!interiors || node < 0) continue;
      const int32_t inner = table.inner[k];
      block_inner[i / kBlock] = std::min(block_inner[i / kBlock], inner);
      if (inner < 0) continue;
      const float value = table.flat[2 * k] + l.fraction * table.flat[2 * k + 1];
      for (int g = 0; g < G; ++g) flat[i * G + g] = value * l.value[g];
      if (!runs.empty() && runs.back().last == i - 1 && runs.back().inner == inner)
        runs.back().last = i;
      else
        runs.push_back({i, i, inner});
    }
  }

  // Point at the row `dy` of every source's weights; sources that have none point at zeros.
  void aim(int32_t dy, bool mirrored) {
    const int32_t away = std::abs(dy), line = mirrored ? away : dy;
    const int32_t *c = centre.data(), *e = extent.data();
    int32_t *a = at.data(), *l = end.data();
    for (int64_t i = 0; i < n; ++i) {
      const bool there = e[i] >= away;
      a[i] = there ? c[i] + line * (2 * e[i] + 1 + 2 * kPad) : kDark;
      l[i] = there ? e[i] : 0;
    }
  }

  void cut(const Clip& clip, const float* radius, int64_t y, int64_t width, int64_t plane,
           int32_t dy) {
    conic_count = clip.count;
    for (int64_t i = 0; i < n; ++i) {
      if (extent[i] < std::abs(dy)) continue;
      const int64_t p = y * width + left + i;
      conics[i].share = cut_share(radius[p]);
      for (int32_t k = 0; k < clip.count; ++k)
        conics[i].lines[k] = along(clip, k, plane, p, radius[p], float(dy));
    }
  }
};

// Add sources first..last (indices of the row) to a vector of outputs at column x - row.left.
template <int G, bool Cut, int R>
inline void gather(const WeightTable& table, const SourceRow<G, Cut>& row, int32_t x, int64_t first,
                   int64_t last, Vec (&acc)[R][G]) {
  const auto* light = row.light.data();
  const int32_t *at = row.at.data(), *end = row.end.data();
  for (int64_t i = first; i <= last; ++i) {
    const int32_t shift = std::min(std::max(x - int32_t(i), -end[i] - kPad), end[i] + 1);
    const int64_t p = int64_t(at[i]) + shift;
    Vec w = load(table.weights + p) + light[i].fraction * load(table.changes + p);
    if (Cut) {
      const auto& conics = row.conics[i];
      const Vec px = steps() + float(x - int32_t(i));
      Vec mask = clamped(ramp(conics.lines[0], px));
      for (int32_t k = 1; k < row.conic_count; ++k) mask *= clamped(ramp(conics.lines[k], px));
      w *= 1.0f + conics.share * (mask - 1.0f);
    }
    for (int g = 0; g < G; ++g) {
      const Vec v = light[i].value[g] * w;
      for (int r = 0; r < R; ++r) acc[r][g] += v;
    }
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
 public:
  ForwardTile(const WeightTable& table, const Clip& clip, const Field& field, const Halves& halves,
              const Tiles& tiles, const float* image, const float* gains, const float* radius)
      : table_(table), clip_(clip), field_(field), halves_(halves), tiles_(tiles), image_(image),
        gains_(gains), radius_(radius) {
    padded_ = (tiles.columns + LANES - 1) / LANES * LANES;
    sums_.resize(tiles.rows * G * padded_);
    row_.resize(tiles.columns + 2 * field.far + 2 * kBlock);
    if (std::any_of(field.flat.begin(), field.flat.end(), [](uint8_t f) { return f; }))
      ends_.resize(tiles.rows * tiles.columns * G);
    block_reach_.resize(row_.light.size() / kBlock + 1);
    reach_half_.resize(block_reach_.size());
  }

  void run(int64_t t, float* out) {
    const int64_t far = field_.far, width = tiles_.width, plane = tiles_.height * width;
    top_ = tiles_.top(t), bottom_ = tiles_.bottom(t);
    left_ = tiles_.left(t), right_ = tiles_.right(t);
    std::fill(sums_.begin(), sums_.end(), 0.0f);
    std::fill(ends_.begin(), ends_.end(), 0.0f);
    row_.left = std::max<int64_t>(0, left_ - far) / kBlock * kBlock;
    row_.n = std::min(width, right_ + far) - row_.left;
    filled_ = false;
    for (int64_t y = std::max<int64_t>(0, top_ - far); y < std::min(tiles_.height, bottom_ + far);
         ++y)
      spread(y, plane);
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

  // Spread one row of sources over all rows of the tile that it reaches.
  void spread(int64_t y, int64_t plane) {
    int32_t reach = -1;
    blocks_ = (row_.n + kBlock - 1) / kBlock;
    const int32_t* known = field_.reach.data() + y * field_.blocks + row_.left / kBlock;
    for (int64_t b = 0; b < blocks_; ++b) reach = std::max(reach, block_reach_[b] = known[b]);
    const int64_t nearest = std::max<int64_t>({top_ - y, y - bottom_ + 1, 0});
    const int64_t farthest = std::min<int64_t>(reach, std::max(y - top_, bottom_ - 1 - y));
    if (nearest > farthest) return;
    const bool chords = field_.flat[y];
    row_.read(table_, field_, y, tiles_.width, image_, gains_, plane, chords);
    filled_ = filled_ || chords;
    for (int32_t dy = int32_t(nearest); dy <= farthest; ++dy) {
      const bool above = inside(y - dy), below = dy > 0 && inside(y + dy);
      for (int64_t b = 0; b < blocks_; ++b)
        reach_half_[b] = block_reach_[b] < dy ? -1 : halves_(block_reach_[b], dy);
      if (chords) begin_and_end(y, dy, above, below);
      if (table_.mirrored && !Cut) {
        row_.aim(dy, true);
        const int64_t rows[2] = {above ? y - dy : y + dy, y + dy};
        if (above && below) pass<2>(rows, dy, chords);
        else pass<1>(rows, dy, chords);
        continue;
      }
      const int64_t up[1] = {y - dy}, down[1] = {y + dy};
      if (above) aim(y, -dy, plane), pass<1>(up, dy, false);
      if (below) aim(y, dy, plane), pass<1>(down, dy, false);
    }
  }

  void aim(int64_t y, int32_t dy, int64_t plane) {
    row_.aim(dy, table_.mirrored);
    if (Cut) row_.cut(clip_, radius_, y, tiles_.width, plane, dy);
  }

  void begin_and_end(int64_t y, int32_t dy, bool above, bool below) {
    for (const auto& run : row_.runs) {
      if (run.inner < dy) continue;
      const int32_t h = halves_(run.inner, dy);
      if (above)
        add_chords(row_, run.first, run.last, h, left_, right_ - left_, ends(y - dy));
      if (below)
        add_chords(row_, run.first, run.last, h, left_, right_ - left_, ends(y + dy));
    }
  }

  // Sources that can reach columns x..x + LANES - 1 (indices of the row); first > last: none.
  void window(int64_t x, int64_t& first, int64_t& last) const {
    first = 0, last = -1;
    const int64_t far = field_.far;
    const int64_t low = std::max<int64_t>(0, x - far) / kBlock;
    const int64_t high = std::min(blocks_ - 1, (x + LANES - 1 + far) / kBlock);
    for (int64_t b = low; b <= high; ++b) {
      if (reach_half_[b] < 0) continue;
      const int64_t from = std::max(b * kBlock, x - reach_half_[b]);
      if (from > std::min((b + 1) * kBlock - 1, x + LANES - 1 + reach_half_[b])) continue;
      first = from;
      for (int64_t e = high; e >= b; --e) {
        if (reach_half_[e] < 0) continue;
        const int64_t to = std::min({(e + 1) * kBlock - 1, x + LANES - 1 + reach_half_[e],
                                     row_.n - 1});
        if (to < std::max(e * kBlock, x - reach_half_[e])) continue;
        last = to;
        return;
      }
      return;
    }
  }

  // Sources no farther than this from both ends of columns x..x + LANES - 1 cover all of them with
  // their flat interiors, in the row dy away.
  int64_t hole(int64_t x, int32_t dy) const {
    const auto half_in = [&](int64_t from, int64_t to) {
      int32_t inner = field_.far;
      const int64_t low = std::max<int64_t>(from, 0) / kBlock;
      const int64_t high = std::min(to / kBlock, blocks_ - 1);
      for (int64_t b = low; b <= high; ++b) inner = std::min(inner, row_.block_inner[b]);
      return inner < dy ? -1 : int64_t(halves_(inner, dy));
    };
    const int64_t h = half_in(x, x + LANES - 1);
    return h < LANES ? -1 : std::min(h, half_in(x + LANES - 1 - h, x + h));
  }

  template <int R>
  void pass(const int64_t* rows, int32_t dy, bool chords) {
    for (int64_t x = 0; x < right_ - left_; x += LANES) {
      const int64_t here = x + left_ - row_.left;
      int64_t first, last;
      window(here, first, last);
      if (first > last) continue;
      Vec acc[R][G];
      for (int r = 0; r < R; ++r)
        for (int g = 0; g < G; ++g) acc[r][g] = load(sums(rows[r], g) + x);
      const int64_t h = chords ? hole(here, dy) : -1;
      if (h >= LANES) {
        gather(table_, row_, int32_t(here), first, std::min(last, here + LANES - 2 - h), acc);
        gather(table_, row_, int32_t(here), std::max(first, here + h + 1), last, acc);
      } else {
        gather(table_, row_, int32_t(here), first, last, acc);
      }
      for (int r = 0; r < R; ++r)
        for (int g = 0; g < G; ++g) store(sums(rows[r], g) + x, acc[r][g]);
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
  int64_t padded_, top_ = 0, bottom_ = 0, left_ = 0, right_ = 0, blocks_ = 0;
  bool filled_ = false;
  SourceRow<G, Cut> row_;
  std::vector<float> sums_;  // [rows][G][padded columns]
  std::vector<float> ends_;  // [rows][columns][G]
  std::vector<int32_t> block_reach_, reach_half_;
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
  int64_t columns = 256;
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
