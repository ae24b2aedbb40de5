// SPDX-License-Identifier: Apache-2.0
// Discs that conics cut: what is left of each is scaled to sum to one. Every source walks its own
// disc: forward for that sum alone, backward for the gradients as well.
#pragma once
#include "clip.h"
#include "parallel.h"

namespace {

// What cuts one source's disc.
template <bool Slopes>
struct Cutting {
  Conic conics[kMostConics], slopes[Slopes ? kMostConics : 1];
  int32_t count;

  Cutting(const Clip& clip, int64_t plane, int64_t p, float radius) : count(clip.count) {
    for (int32_t k = 0; k < count; ++k)
      conics[k] = conic_of(clip, k, plane, p, radius, Slopes ? slopes + k : nullptr);
  }
};

// Sums over one source's disc: of the cut weights and their slopes, alone and times the gradient.
template <int G, bool Slopes>
struct DiscSums {
  Vec weight = {}, slope = {};
  Vec at[G] = {}, by_radius[G] = {};

  // `grad`: the incoming gradient beside the source's column, one row of it, or null.
  void add_row(const WeightTable& table, const Cutting<Slopes>& cut_by, const Node& n, float radius,
               int32_t dy, const float* grad, int64_t grad_plane) {
    const int32_t extent = table.extent[n.index];
    const int64_t row = table.mirrored ? std::abs(dy) : dy;
    const int64_t centre = table.centre[n.index] + row * row_stride(extent);
    const float share = cut_share(radius);
    const float d_share = cut_share_slope(radius);
    Along lines[kMostConics], slopes[kMostConics];
    for (int32_t k = 0; k < cut_by.count; ++k) {
      lines[k] = along(cut_by.conics[k], float(dy));
      if (Slopes) slopes[k] = along(cut_by.slopes[k], float(dy));
    }
    for (int32_t dx = -extent; dx <= extent; dx += LANES) {
      const Vec x = steps() + float(dx);
      Vec mask = Vec{} + 1.0f, bend{};
      for (int32_t k = 0; k < cut_by.count; ++k) {
        const Vec t = ramp(lines[k], x), m = clamped(t);
        if (Slopes) {
          const Vec inside = ((t > 0.0f) & (t < 1.0f)) ? Vec{} + 1.0f : Vec{};
          bend = bend * m + mask * inside * ramp(slopes[k], x);
        }
        mask *= m;
      }
      const Vec change = load(table.changes + centre + dx);
      const Vec w = load(table.weights + centre + dx) + n.fraction * change;
      const Vec kept = 1.0f + share * (mask - 1.0f), cut = w * kept;
      weight += cut;
      Vec tilt{};
      if (Slopes) {
        tilt = n.per_px * change * kept + w * (d_share * (mask - 1.0f) + share * bend);
        slope += tilt;
      }
      if (!grad) continue;
      for (int g = 0; g < G; ++g) {
        const Vec v = load(grad + g * grad_plane + dx);
        at[g] += v * cut;
        if (Slopes) by_radius[g] += v * tilt;
      }
    }
  }
};

// What is left of each source's disc, over one: its light is multiplied by it.
inline std::vector<float> clipped_gains(int threads, const WeightTable& table, const Clip& clip,
                                        Frame f, const float* image, const float* radius) {
  const int64_t plane = f.height * f.width;
  std::vector<float> gains(plane, 0.0f);
  parallel_for(threads, f.height, 4, [&](int64_t from, int64_t to) {
    for (int64_t p = from * f.width; p < to * f.width; ++p) {
      bool dark = true;
      for (int64_t g = 0; g < f.channels; ++g) dark = dark && image[g * plane + p] == 0.0f;
      if (dark) continue;
      const Node n = node_of(table, radius[p]);
      const Cutting<false> cut_by(clip, plane, p, radius[p]);
      DiscSums<1, false> sums;
      for (int32_t dy = -table.extent[n.index]; dy <= table.extent[n.index]; ++dy)
        sums.add_row(table, cut_by, n, radius[p], dy, nullptr, 0);
      gains[p] = 1 / std::max(lane_sum(sums.weight), kLeastLeft);
    }
  });
  return gains;
}

template <int G>
void clipped_backward(int threads, const WeightTable& table, const Clip& clip, int64_t height,
                      int64_t width, const float* grad, const float* image, const float* radius,
                      float* grad_image, float* grad_radius) {
  const int64_t plane = height * width;
  const int64_t far = table.extent[node_of(table, largest(radius, plane)).index];
  const int64_t border = far + LANES, pitch = width + 2 * border;
  std::vector<float> padded(G * height * pitch, 0.0f);
  for (int g = 0; g < G; ++g)
    for (int64_t y = 0; y < height; ++y)
      std::memcpy(padded.data() + (g * height + y) * pitch + border, grad + g * plane + y * width,
                  width * sizeof(float));
  parallel_for(threads, height, 2, [&](int64_t from, int64_t to) {
    for (int64_t p = from * width; p < to * width; ++p) {
      const int64_t y = p / width, x = p % width;
      const Node n = node_of(table, radius[p]);
      const Cutting<true> cut_by(clip, plane, p, radius[p]);
      DiscSums<G, true> sums;
      for (int32_t dy = -table.extent[n.index]; dy <= table.extent[n.index]; ++dy) {
        const bool seen = y + dy >= 0 && y + dy < height;
        sums.add_row(table, cut_by, n, radius[p], dy,
                     seen ? padded.data() + (y + dy) * pitch + border + x : nullptr,
                     height * pitch);
      }
      const float left = lane_sum(sums.weight);
      const float gain = 1 / std::max(left, kLeastLeft);
      const float fading = left > kLeastLeft ? lane_sum(sums.slope) * gain : 0.0f;
      float dr = 0;
      for (int g = 0; g < G; ++g) {
        const float gathered = lane_sum(sums.at[g]) * gain;
        grad_image[g * plane + p] = gathered;
        dr += image[g * plane + p] * (lane_sum(sums.by_radius[g]) * gain - gathered * fading);
      }
      grad_radius[p] += dr;
    }
  });
}

}  // namespace
