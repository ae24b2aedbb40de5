// SPDX-License-Identifier: Apache-2.0
// Multi-scale SSIM of two pictures (Gaussian window, valid region) and its gradient in the first.
#include "lanes.h"
#include "parallel.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

constexpr int64_t kRows = 16;  // that one thread takes at a time
constexpr float kLeast = 1e-6f;

// One scale: the pictures at its size, and what is derived of its map.
struct Scale {
  int64_t height, width;
  const float *x, *y;
  std::vector<float> held_x, held_y, slopes, grad;
  std::vector<double> value;  // by channel

  int64_t rows(int64_t taps) const { return height - taps + 1; }
  int64_t columns(int64_t taps) const { return width - taps + 1; }
};

// Means of 2 x 2 pixels; an odd side begins with a zero that counts, as in a padded avg_pool2d.
void halve(int threads, const float* in, int64_t channels, int64_t height, int64_t width,
           float* out) {
  const int64_t py = height % 2, px = width % 2;
  const int64_t oh = (height + 1) / 2, ow = (width + 1) / 2;
  parallel_for(threads, channels * oh, kRows, [&](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; ++r) {
      const int64_t c = r / oh, top = 2 * (r % oh) - py;
      float* o = out + r * ow;
      std::fill(o, o + ow, 0.0f);
      for (int64_t y = std::max<int64_t>(top, 0); y < std::min(top + 2, height); ++y) {
        const float* row = in + (c * height + y) * width;
        if (px) o[0] += row[0];
        for (int64_t i = px; i < ow; ++i) o[i] += row[2 * i - px] + row[2 * i - px + 1];
      }
      for (int64_t i = 0; i < ow; ++i) o[i] *= 0.25f;
    }
  });
}

// The means of one scale's map by channel, and its slopes in (mu_x, E[x^2], E[xy]),
// [channels][3][rows][columns]. With `whole` the map is SSIM, else its contrast-structure part.
void measure(int threads, Scale& at, int64_t channels, const float* window, int64_t taps,
             bool whole_map, float c1, float c2) {
  const int64_t oh = at.rows(taps), ow = at.columns(taps), width = at.width, area = oh * ow;
  at.slopes.resize(channels * 3 * area);
  std::vector<double> sums(channels * oh);
  const float scale = 1.0f / float(area);
  parallel_for(threads, channels * oh, kRows, [&](int64_t from, int64_t to) {
    // four moments: means of x, y, x^2 + y^2 and xy, smoothed down first, then along the row
    std::vector<float> column(4 * width);
    float* m = column.data();
    for (int64_t r = from; r < to; ++r) {
      const int64_t c = r / oh, oy = r % oh;
      const float* x = at.x + (c * at.height + oy) * width;
      const float* y = at.y + (c * at.height + oy) * width;
      along(width, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        V mx{}, my{}, square{}, cross{};
        for (int64_t j = 0; j < taps; ++j) {
          const V a = load<V>(x + j * width + i), b = load<V>(y + j * width + i);
          const V ga = window[j] * a, gb = window[j] * b;
          mx += ga;
          my += gb;
          square += ga * a;
          square += gb * b;
          cross += ga * b;
        }
        store(m + i, mx);
        store(m + width + i, my);
        store(m + 2 * width + i, square);
        store(m + 3 * width + i, cross);
      });
      float* p = at.slopes.data() + c * 3 * area + oy * ow;
      double sum = 0;
      along(ow, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        V mx{}, my{}, square{}, cross{};
        for (int64_t j = 0; j < taps; ++j) {
          mx += window[j] * load<V>(m + i + j);
          my += window[j] * load<V>(m + width + i + j);
          square += window[j] * load<V>(m + 2 * width + i + j);
          cross += window[j] * load<V>(m + 3 * width + i + j);
        }
        const V mm = mx * mx + my * my, mxy = mx * my;
        const V by_spread = 1.0f / (square - mm + c2);
        V s = (2.0f * (cross - mxy) + c2) * by_spread;
        V by_mu = 2.0f * (s * mx - my) * by_spread, by_xx = -s * by_spread;
        V by_xy = 2.0f * by_spread;
        if (whole_map) {
          const V by_energy = 1.0f / (mm + c1), l = (2.0f * mxy + c1) * by_energy;
          by_mu = by_mu * l + s * 2.0f * (my - l * mx) * by_energy;
          by_xx *= l;
          by_xy *= l;
          s *= l;
        }
        sum += total(s);
        store(p + i, scale * by_mu);
        store(p + area + i, scale * by_xx);
        store(p + 2 * area + i, scale * by_xy);
      });
      sums[r] = sum;
    }
  });
  at.value.assign(channels, 0.0);
  for (int64_t r = 0; r < channels * oh; ++r) at.value[r / oh] += sums[r] / double(area);
}

// Writes the gradient in x at one scale: weight[c] times the adjoint of the window applied to the
// slopes, and what comes up from the next smaller scale, [channels][height / 2][width / 2].
void spread(int threads, const Scale& at, int64_t channels, const float* window, int64_t taps,
            const float* weight, const Scale* next, float* grad) {
  const int64_t oh = at.rows(taps), ow = at.columns(taps), width = at.width, area = oh * ow;
  const int64_t border = taps - 1, padded = ow + 2 * border;
  parallel_for(threads, channels * at.height, kRows, [&](int64_t from, int64_t to) {
    std::vector<float> column(3 * padded, 0.0f);
    for (int64_t r = from; r < to; ++r) {
      const int64_t c = r / at.height, row = r % at.height;
      const int64_t first = std::max<int64_t>(0, row - oh + 1), last = std::min(border, row);
      for (int k = 0; k < 3; ++k) {
        const float* p = at.slopes.data() + (c * 3 + k) * area + row * ow;
        float* o = column.data() + k * padded + border;
        along(ow, [&](auto kind, int64_t i) {
          using V = decltype(kind);
          V acc{};
          for (int64_t j = first; j <= last; ++j) acc += window[j] * load<V>(p - j * ow + i);
          store(o + i, acc * weight[c]);
        });
      }
      const float *x = at.x + r * width, *y = at.y + r * width, *s = column.data() + border;
      float* o = grad + r * width;
      along(width, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        V by_mu{}, by_xx{}, by_xy{};
        for (int64_t j = 0; j < taps; ++j) {
          by_mu += window[j] * load<V>(s + i - j);
          by_xx += window[j] * load<V>(s + padded + i - j);
          by_xy += window[j] * load<V>(s + 2 * padded + i - j);
        }
        store(o + i, by_mu + 2.0f * load<V>(x + i) * by_xx + load<V>(y + i) * by_xy);
      });
      if (next) {
        const int64_t py = at.height % 2, px = width % 2;
        const float* up =
            next->grad.data() + (c * next->height + (row + py) / 2) * next->width;
        for (int64_t i = 0; i < width; ++i) o[i] += 0.25f * up[(i + px) / 2];
      }
    }
  });
}

}  // namespace

extern "C" {

// x, y [channels][height][width]; window [taps]; exponents [scales]. Writes the product over the
// scales of the channels' means to their exponents, averaged over channels, and its gradient in x.
void EXPORT(ms_ssim)(int threads, const float* x, const float* y, int64_t channels, int64_t height,
                     int64_t width, const float* window, int64_t taps, const float* exponents,
                     int64_t scales, float c1, float c2, float* value, float* grad) {
  std::vector<Scale> at(scales);
  for (int64_t i = 0; i < scales; ++i) {
    Scale& now = at[i];
    if (i == 0) {
      now.height = height, now.width = width, now.x = x, now.y = y;
    } else {
      const Scale& was = at[i - 1];
      now.height = (was.height + 1) / 2, now.width = (was.width + 1) / 2;
      now.held_x.resize(channels * now.height * now.width);
      now.held_y.resize(now.held_x.size());
      halve(threads, was.x, channels, was.height, was.width, now.held_x.data());
      halve(threads, was.y, channels, was.height, was.width, now.held_y.data());
      now.x = now.held_x.data(), now.y = now.held_y.data();
      now.grad.resize(now.held_x.size());
    }
    measure(threads, now, channels, window, taps, i == scales - 1, c1, c2);
  }
  std::vector<float> weight(scales * channels);
  double mean = 0;
  for (int64_t c = 0; c < channels; ++c) {
    double product = 1;
    for (int64_t i = 0; i < scales; ++i)
      product *= std::pow(std::max(at[i].value[c], double(kLeast)), double(exponents[i]));
    for (int64_t i = 0; i < scales; ++i)
      if (at[i].value[c] >= kLeast)
        weight[i * channels + c] =
            float(product * exponents[i] / at[i].value[c] / double(channels));
    mean += product / double(channels);
  }
  *value = float(mean);
  for (int64_t i = scales - 1; i >= 0; --i)
    spread(threads, at[i], channels, window, taps, weight.data() + i * channels,
           i + 1 < scales ? &at[i + 1] : nullptr, i ? at[i].grad.data() : grad);
}
}
