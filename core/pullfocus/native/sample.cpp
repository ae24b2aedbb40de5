// SPDX-License-Identifier: Apache-2.0
// Bicubic atlas lookup (a = -0.75, border clamped: torch's grid_sample) and its two gradients.
// Texels are interleaved RGBA: a row of four taps is one 16-wide vector.
#include "lanes.h"
#include "parallel.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int64_t kPoints = 4096;  // that one thread takes at a time

typedef float Texel __attribute__((vector_size(16)));
typedef float Row __attribute__((vector_size(64)));
typedef float RowU __attribute__((vector_size(64), aligned(4)));

struct Taps {
  float w[4];
  float slope[4];
  int64_t first;  // of the four, clamped so that they lie inside
  bool inside;    // so they were before
  int64_t at[4];  // where not, each is clamped
};

inline Taps taps(float x, int64_t size) {
  constexpr float a = -0.75f;
  // Far outside the atlas every tap is the border texel; keep the cast to integer defined.
  x = std::min(std::max(x, -4.0f), float(size) + 3.0f);
  const float f = std::floor(x);
  const float t = x - f, u = 1 - t;
  Taps k;
  const auto outer = [](float d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  const auto inner = [](float d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto outer_slope = [](float d) { return (3 * a * d - 10 * a) * d + 8 * a; };
  const auto inner_slope = [](float d) { return (3 * (a + 2) * d - 2 * (a + 3)) * d; };
  k.w[0] = outer(t + 1); k.w[1] = inner(t); k.w[2] = inner(u); k.w[3] = outer(u + 1);
  k.slope[0] = outer_slope(t + 1); k.slope[1] = inner_slope(t);
  k.slope[2] = -inner_slope(u); k.slope[3] = -outer_slope(u + 1);
  k.first = int64_t(f) - 1;
  k.inside = k.first >= 0 && k.first + 3 < size;
  if (!k.inside)
    for (int i = 0; i < 4; ++i)
      k.at[i] = std::min<int64_t>(std::max<int64_t>(k.first + i, 0), size - 1);
  else
    for (int i = 0; i < 4; ++i) k.at[i] = k.first + i;
  return k;
}

inline Row load_row(const float* p) { return *reinterpret_cast<const RowU*>(p); }
inline void store_row(float* p, Row v) { *reinterpret_cast<RowU*>(p) = v; }

// Each of four numbers for the four channels of its texel.
inline Row each_texel(const float* w) {
  return Row{w[0], w[0], w[0], w[0], w[1], w[1], w[1], w[1],
             w[2], w[2], w[2], w[2], w[3], w[3], w[3], w[3]};
}
inline Row four_times(Texel v) {
  return Row{v[0], v[1], v[2], v[3], v[0], v[1], v[2], v[3],
             v[0], v[1], v[2], v[3], v[0], v[1], v[2], v[3]};
}
inline Texel over_texels(Row v) {
  Texel t[4];
  std::memcpy(t, &v, sizeof v);
  return (t[0] + t[1]) + (t[2] + t[3]);
}
inline float sum(Texel v) { return (v[0] + v[1]) + (v[2] + v[3]); }

// A row of taps that may leave the atlas at its sides.
inline Row gather(const float* row, const Taps& x) {
  if (x.inside) return load_row(row + 4 * x.first);
  float held[16];
  for (int i = 0; i < 4; ++i) std::memcpy(held + 4 * i, row + 4 * x.at[i], 16);
  return load_row(held);
}
inline void scatter(float* row, const Taps& x, Row v) {
  if (x.inside) return store_row(row + 4 * x.first, load_row(row + 4 * x.first) + v);
  float held[16];
  store_row(held, v);
  for (int i = 0; i < 4; ++i)
    for (int c = 0; c < 4; ++c) row[4 * x.at[i] + c] += held[4 * i + c];
}

}  // namespace

extern "C" {

// The atlas [height][width][4] at xy [2][count]: three channels to colour [3][count], the fourth
// to last [count].
void EXPORT(sample_forward)(int threads, const float* atlas, int64_t height, int64_t width,
                            const float* xy, int64_t count, float* colour, float* last) {
  parallel_for(threads, count, kPoints, [&](int64_t from, int64_t to) {
    for (int64_t n = from; n < to; ++n) {
      const Taps kx = taps(xy[n], width), ky = taps(xy[count + n], height);
      Row acc = {};
      for (int j = 0; j < 4; ++j) acc += ky.w[j] * gather(atlas + ky.at[j] * width * 4, kx);
      const Texel out = over_texels(acc * each_texel(kx.w));
      for (int c = 0; c < 3; ++c) colour[c * count + n] = out[c];
      last[n] = out[3];
    }
  });
}

// Gradients of colour and last (either may be null: none) to the atlas, [height][width][4], and to
// xy. The points are cut into `shares` parts, the first with the result as its own atlas, each
// other with one in `scratch` [shares - 1][height][width][4]; nothing has to be zeroed before. No
// atomics, and the result does not depend on the number of threads.
void EXPORT(sample_backward)(int threads, const float* atlas, int64_t height, int64_t width,
                             const float* xy, int64_t count, const float* colour,
                             const float* last, int64_t shares, float* scratch, float* grad_atlas,
                             float* grad_xy) {
  const int64_t row_floats = width * 4, texels = height * row_floats;
  std::vector<int64_t> low(shares, 0), high(shares, height);  // rows that a share writes to
  parallel_for(threads, shares, 1, [&](int64_t share_from, int64_t share_to) {
    for (int64_t s = share_from; s < share_to; ++s) {
      const int64_t from = count * s / shares, to = count * (s + 1) / shares;
      float* target = s ? scratch + (s - 1) * texels : grad_atlas;
      if (s && from < to) {
        const float* y = xy + count;
        const auto ends = std::minmax_element(y + from, y + to);
        low[s] = taps(*ends.first, height).at[0];
        high[s] = taps(*ends.second, height).at[3] + 1;
      } else if (s) {
        high[s] = 0;
      }
      std::fill(target + low[s] * row_floats, target + std::max(low[s], high[s]) * row_floats, 0.f);
      for (int64_t n = from; n < to; ++n) {
        const Taps kx = taps(xy[n], width), ky = taps(xy[count + n], height);
        Texel g = {};
        if (colour) g = Texel{colour[n], colour[count + n], colour[2 * count + n], 0.0f};
        if (last) g[3] = last[n];
        const Row gs = four_times(g), wx = each_texel(kx.w), spread = wx * gs;
        Row by_x = {}, by_y = {};
        for (int j = 0; j < 4; ++j) {
          const Row v = gather(atlas + ky.at[j] * row_floats, kx);
          by_x += ky.w[j] * v;
          by_y += ky.slope[j] * v;
          scatter(target + ky.at[j] * row_floats, kx, ky.w[j] * spread);
        }
        grad_xy[n] = sum(over_texels(by_x * each_texel(kx.slope) * gs));
        grad_xy[count + n] = sum(over_texels(by_y * spread));
      }
    }
  });
  parallel_for(threads, height, 8, [&](int64_t from, int64_t to) {
    for (int64_t s = 1; s < shares; ++s)
      for (int64_t y = std::max(from, low[s]); y < std::min(to, high[s]); ++y) {
        const float* more = scratch + (s - 1) * texels + y * row_floats;
        float* sum = grad_atlas + y * row_floats;
        for (int64_t i = 0; i < row_floats; ++i) sum[i] += more[i];
      }
  });
}
}
