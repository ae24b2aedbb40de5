// SPDX-License-Identifier: Apache-2.0
// One scale of SSIM (Gaussian window, valid region) and its gradient in the first image.
#include "parallel.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define EXPORT(name) JOIN(name, ISA)

namespace {

constexpr int64_t kRows = 16;  // that one thread takes at a time

// Horizontal pass of one row: out[x] = sum_j window[j] in[x + j]
inline void smooth_row(const float* in, const float* window, int64_t taps, int64_t n, float* out) {
  for (int64_t x = 0; x < n; ++x) out[x] = window[0] * in[x];
  for (int64_t j = 1; j < taps; ++j)
    for (int64_t x = 0; x < n; ++x) out[x] += window[j] * in[x + j];
}

// Its adjoint: out[x + j] += window[j] in[x]
inline void spread_row(const float* in, const float* window, int64_t taps, int64_t n, float* out) {
  std::fill(out, out + n + taps - 1, 0.0f);
  for (int64_t j = 0; j < taps; ++j)
    for (int64_t x = 0; x < n; ++x) out[x + j] += window[j] * in[x];
}

}  // namespace

extern "C" {

// x, y [channels][height][width]; window [taps]. Writes per channel the means of the SSIM and of
// the contrast-structure map, and the maps' partial derivatives in (mu_x, E[x^2], E[xy]) of both,
// planes [channels][6][height - taps + 1][width - taps + 1], divided by the number of positions.
void EXPORT(ssim_forward)(int threads, const float* x, const float* y, int64_t channels,
                          int64_t height, int64_t width, const float* window, int64_t taps,
                          float c1, float c2, double* ssim, double* cs, float* partials) {
  const int64_t oh = height - taps + 1, ow = width - taps + 1, area = oh * ow;
  std::vector<double> row_ssim(channels * oh), row_cs(channels * oh);
  parallel_for(threads, channels * oh, kRows, [&](int64_t from, int64_t to) {
    // five moments, each smoothed vertically first, then along the row
    std::vector<float> column(5 * width), moment(5 * ow);
    for (int64_t r = from; r < to; ++r) {
      const int64_t c = r / oh, oy = r % oh;
      std::fill(column.begin(), column.end(), 0.0f);
      float* m = column.data();
      for (int64_t j = 0; j < taps; ++j) {
        const float* px = x + (c * height + oy + j) * width;
        const float* py = y + (c * height + oy + j) * width;
        const float g = window[j];
        for (int64_t i = 0; i < width; ++i) {
          const float a = px[i], b = py[i];
          m[i] += g * a;
          m[width + i] += g * b;
          m[2 * width + i] += g * a * a;
          m[3 * width + i] += g * b * b;
          m[4 * width + i] += g * a * b;
        }
      }
      for (int k = 0; k < 5; ++k)
        smooth_row(m + k * width, window, taps, ow, moment.data() + k * ow);
      const float *mx = moment.data(), *my = mx + ow, *xx = my + ow, *yy = xx + ow, *xy = yy + ow;
      float* p = partials + c * 6 * area + oy * ow;
      double total = 0, total_cs = 0;
      const float scale = 1.0f / float(area);
      for (int64_t i = 0; i < ow; ++i) {
        const float cross = 2 * (xy[i] - mx[i] * my[i]) + c2;
        const float spread = (xx[i] - mx[i] * mx[i]) + (yy[i] - my[i] * my[i]) + c2;
        const float s = cross / spread;
        const float lum = 2 * mx[i] * my[i] + c1, energy = mx[i] * mx[i] + my[i] * my[i] + c1;
        const float l = lum / energy;
        const float s_mu = (-2 * my[i] + 2 * s * mx[i]) / spread;
        const float s_xx = -s / spread, s_xy = 2 / spread;
        const float l_mu = (2 * my[i] - 2 * l * mx[i]) / energy;
        total += s * l;
        total_cs += s;
        p[i] = scale * (s_mu * l + s * l_mu);
        p[area + i] = scale * s_xx * l;
        p[2 * area + i] = scale * s_xy * l;
        p[3 * area + i] = scale * s_mu;
        p[4 * area + i] = scale * s_xx;
        p[5 * area + i] = scale * s_xy;
      }
      row_ssim[r] = total;
      row_cs[r] = total_cs;
    }
  });
  for (int64_t c = 0; c < channels; ++c) {
    ssim[c] = cs[c] = 0;
    for (int64_t oy = 0; oy < oh; ++oy) {
      ssim[c] += row_ssim[c * oh + oy];
      cs[c] += row_cs[c * oh + oy];
    }
    ssim[c] /= double(area);
    cs[c] /= double(area);
  }
}

// grad_x += sum over maps of the adjoint window applied to (weight * partials).
void EXPORT(ssim_backward)(int threads, const float* x, const float* y, int64_t channels,
                           int64_t height, int64_t width, const float* window, int64_t taps,
                           const float* partials, const float* grad_ssim, const float* grad_cs,
                           float* grad_x) {
  const int64_t oh = height - taps + 1, ow = width - taps + 1, area = oh * ow;
  parallel_for(threads, channels * height, kRows, [&](int64_t from, int64_t to) {
    std::vector<float> column(3 * ow), spread(3 * width);
    for (int64_t r = from; r < to; ++r) {
      const int64_t c = r / height, yy = r % height;
      const float gs = grad_ssim[c], gc = grad_cs[c];
      std::fill(column.begin(), column.end(), 0.0f);
      for (int64_t j = 0; j < taps; ++j) {
        const int64_t oy = yy - j;
        if (oy < 0 || oy >= oh) continue;
        for (int k = 0; k < 3; ++k) {
          const float* p = partials + (c * 6 + k) * area + oy * ow;
          float* o = column.data() + k * ow;
          const float a = window[j] * gs, b = window[j] * gc;
          for (int64_t i = 0; i < ow; ++i) o[i] += a * p[i] + b * p[3 * area + i];
        }
      }
      for (int k = 0; k < 3; ++k)
        spread_row(column.data() + k * ow, window, taps, ow, spread.data() + k * width);
      const float *px = x + r * width, *py = y + r * width, *s = spread.data();
      float* o = grad_x + r * width;
      for (int64_t i = 0; i < width; ++i)
        o[i] += s[i] + 2 * px[i] * s[width + i] + py[i] * s[2 * width + i];
    }
  });
}
}
