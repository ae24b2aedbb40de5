// SPDX-License-Identifier: Apache-2.0
// Backward, tile by tile: every source gathers the incoming gradient over its disc, once with the
// weights of its node and once with their differences to the next. The rows as far above and below
// it have the same weights, so their gradients are added first, for all sources of a tile row.
// A chord of a flat interior is the difference of two running sums along those rows.
#pragma once
#include "discs.h"
#include "parallel.h"

namespace {

template <int G>
class BackwardTile {
 public:
  BackwardTile(const WeightTable& table, const Halves& halves, const Tiles& tiles,
               const float* grad, const float* image, const float* radius)
      : table_(table), halves_(halves), tiles_(tiles), grad_(grad), image_(image),
        radius_(radius), nodes_(tiles.columns), sums_(tiles.columns) {}

  void run(int64_t t, float* grad_image, float* grad_radius) {
    left_ = tiles_.left(t), right_ = tiles_.right(t);
    for (int64_t y = tiles_.top(t); y < tiles_.bottom(t); ++y) {
      int32_t far = 0;
      bool interiors = false;
      for (int64_t x = left_; x < right_; ++x) {
        const Node n = nodes_[x - left_] = node_of(table_, radius_[y * tiles_.width + x]);
        far = std::max(far, table_.extent[n.index]);
        interiors = interiors || table_.inner[n.index] >= 0;
        sums_[x - left_] = Sums();
      }
      // the first vector of a stretch begins at a multiple of LANES, up to LANES - 1 too early
      border_ = far + kPad;
      pitch_ = (right_ - left_ + 2 * border_ + LANES - 1) / LANES * LANES;
      const int32_t end = far + 1, at_once = std::max<int32_t>(1, int32_t(kCached / (G * pitch_)));
      for (first_ = table_.mirrored ? 0 : -far; first_ < end; first_ += at_once) {
        count_ = std::min(at_once, end - first_);
        collect(y);
        if (interiors) add_up();
        for (int64_t x = left_; x < right_; ++x)
          gather(nodes_[x - left_], x - left_ + border_, sums_[x - left_]);
      }
      for (int64_t x = left_; x < right_; ++x)
        finish(nodes_[x - left_], sums_[x - left_], y * tiles_.width + x, grad_image, grad_radius);
    }
  }

 private:
  static constexpr int64_t kCached = 6144;  // gradients at hand at once: half of a small cache

  struct Sums {
    Vec at[G] = {}, slope[G] = {};  // with the node's weights and with their differences
    double inside[G] = {};          // over the flat interior
  };

  // [row][channel][pitch]: row `dy` holds the gradients dy above and below together or, where the
  // disc is not mirrored, those dy below. Zero outside the frame.
  float* row(int32_t dy, int g) {
    return reinterpret_cast<float*>(rows_.data()) + ((dy - first_) * G + g) * pitch_;
  }

  void collect(int64_t y) {
    const int64_t width = tiles_.width, plane = tiles_.height * width;
    rows_.assign(count_ * G * pitch_ / LANES, Vec{});
    const int64_t start = left_ - border_;
    const int64_t from = std::max<int64_t>(0, start), to = std::min(width, start + pitch_);
    for (int32_t dy = first_; dy < first_ + count_; ++dy) {
      for (int g = 0; g < G; ++g) {
        float* __restrict o = row(dy, g) + from - start;
        for (const int64_t at : {y + dy, y - dy}) {
          if (at >= 0 && at < tiles_.height) {
            const float* __restrict in = grad_ + g * plane + at * width + from;
            for (int64_t i = 0; i < to - from; ++i) o[i] += in[i];
          }
          if (dy == 0 || !table_.mirrored) break;
        }
      }
    }
  }

  // [row][pitch + 1][channel] running sums along the rows.
  float* running(int32_t dy) { return running_.data() + (dy - first_) * (pitch_ + 1) * G; }

  void add_up() {
    running_.resize(count_ * (pitch_ + 1) * G);
    for (int32_t dy = first_; dy < first_ + count_; ++dy) {
      float* o = running(dy);
      double total[G] = {};
      for (int g = 0; g < G; ++g) o[g] = 0;
      for (int64_t i = 0; i < pitch_; ++i)
        for (int g = 0; g < G; ++g) o[(i + 1) * G + g] = float(total[g] += row(dy, g)[i]);
    }
  }

  // Gather the rows at hand for the source at a column of them.
  void gather(const Node& n, int64_t column, Sums& sums) {
    const int32_t extent = table_.extent[n.index], inner = table_.inner[n.index];
    const int64_t stride = row_stride(extent);
    Vec at[G], slope[G];
    for (int g = 0; g < G; ++g) at[g] = sums.at[g], slope[g] = sums.slope[g];
    const int32_t to = std::min(extent, first_ + count_ - 1);
    for (int32_t dy = std::max(-extent, first_); dy <= to; ++dy) {
      const int32_t half = halves_.of(extent, std::abs(dy));
      const int64_t weights = table_.centre[n.index] + dy * stride - column;
      const float* in = row(dy, 0);
      const int32_t chord = inner < std::abs(dy) ? -1 : halves_(inner, dy);
      if (chord < LANES) {
        stretch(weights, in, column - half, column + half, at, slope);
      } else {  // past the middle, which is wide enough that no vector sees both rims
        stretch(weights, in, column - half, column - chord - 1, at, slope);
        stretch(weights, in, column + chord + 1, column + half, at, slope);
      }
      if (chord < 0) continue;
      const float* s = running(dy) + column * G;
      for (int g = 0; g < G; ++g) sums.inside[g] += s[(chord + 1) * G + g] - s[-chord * G + g];
    }
    for (int g = 0; g < G; ++g) sums.at[g] = at[g], sums.slope[g] = slope[g];
  }

  void finish(const Node& n, const Sums& sums, int64_t p, float* grad_image,
              float* grad_radius) const {
    const int64_t plane = tiles_.height * tiles_.width;
    const float flat = table_.flat[2 * n.index], flat_change = table_.flat[2 * n.index + 1];
    float dr = 0;
    for (int g = 0; g < G; ++g) {
      const float inside = float(sums.inside[g]);
      const float s = lane_sum(sums.slope[g]) + flat_change * inside;
      grad_image[g * plane + p] = lane_sum(sums.at[g]) + flat * inside + n.fraction * s;
      dr += image_[g * plane + p] * s;
    }
    grad_radius[p] += dr * n.per_px;
  }

  // Columns from..to of a row, in whole vectors: what they read besides has no weight, in the
  // padding or in the flat middle.
  void stretch(int64_t weights, const float* in, int64_t from, int64_t to, Vec (&at)[G],
               Vec (&slope)[G]) const {
    for (int64_t k = from / LANES * LANES; k <= to; k += LANES) {
      const Vec w = load(table_.weights + weights + k), d = load(table_.changes + weights + k);
      for (int g = 0; g < G; ++g) {
        const Vec v = held(*reinterpret_cast<const Vec*>(in + g * pitch_ + k));
        at[g] += v * w;
        slope[g] += v * d;
      }
    }
  }

  const WeightTable& table_;
  const Halves& halves_;
  const Tiles& tiles_;
  const float *grad_, *image_, *radius_;
  std::vector<Node> nodes_;
  std::vector<Sums> sums_;
  std::vector<Vec> rows_;
  std::vector<float> running_;
  int64_t left_ = 0, right_ = 0, border_ = 0, pitch_ = 0;
  int32_t first_ = 0, count_ = 0;  // rows at hand
};

template <int G>
void backward_group(int threads, const WeightTable& table, int64_t height, int64_t width,
                    const float* grad, const float* image, const float* radius, float* grad_image,
                    float* grad_radius) {
  const int32_t far = table.extent[node_of(table, largest(radius, height * width)).index];
  const Halves halves(far, table.mirrored);
  const Tiles tiles(height, width, 8, 64);
  parallel_for(threads, tiles.count, 1, [&](int64_t from, int64_t to) {
    BackwardTile<G> tile(table, halves, tiles, grad, image, radius);
    for (int64_t t = from; t < to; ++t) tile.run(t, grad_image, grad_radius);
  });
}

}  // namespace
