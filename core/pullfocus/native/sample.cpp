// SPDX-License-Identifier: Apache-2.0
// Bicubic atlas lookup (a = -0.75, border clamped: torch's grid_sample) and its two gradients.
// Texels are interleaved RGBA, so that a tap is one 4-wide vector.
#include "parallel.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define EXPORT(name) JOIN(name, ISA)

namespace {

constexpr int64_t kPoints = 4096;  // that one thread takes at a time

typedef float Texel __attribute__((vector_size(16)));
typedef float TexelU __attribute__((vector_size(16), aligned(4)));

struct Taps {
  float w[4];
  float slope[4];
  int64_t at[4];
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
  for (int i = 0; i < 4; ++i)
    k.at[i] = std::min<int64_t>(std::max<int64_t>(int64_t(f) - 1 + i, 0), size - 1);
  return k;
}

inline Texel load(const float* p) { return *reinterpret_cast<const TexelU*>(p); }
inline float sum(Texel v) { return v[0] + v[1] + v[2] + v[3]; }

}  // namespace

extern "C" {

// out[n] = atlas(xy[0][n], xy[1][n]); atlas [height][width][4], out [count][4]
void EXPORT(sample_forward)(int threads, const float* atlas, int64_t height, int64_t width,
                            const float* xy, int64_t count, float* out) {
  parallel_for(threads, count, kPoints, [&](int64_t from, int64_t to) {
    for (int64_t n = from; n < to; ++n) {
      const Taps kx = taps(xy[n], width), ky = taps(xy[count + n], height);
      Texel acc = {};
      for (int j = 0; j < 4; ++j) {
        const float* row = atlas + ky.at[j] * width * 4;
        Texel r = {};
        for (int i = 0; i < 4; ++i) r += kx.w[i] * load(row + kx.at[i] * 4);
        acc += ky.w[j] * r;
      }
      *reinterpret_cast<TexelU*>(out + 4 * n) = acc;
    }
  });
}

// The points are cut into `shares` parts, each with an atlas of gradients of its own in `scratch`
// [shares][height][width][4] (zeroed by the caller; the first is the result): no atomics, and the
// result does not depend on the number of threads.
void EXPORT(sample_backward)(int threads, const float* atlas, int64_t height, int64_t width,
                             const float* xy, int64_t count, const float* grad, int64_t shares,
                             float* scratch, float* grad_xy) {
  const int64_t texels = height * width * 4;
  parallel_for(threads, shares, 1, [&](int64_t from, int64_t to) {
    for (int64_t s = from; s < to; ++s) {
      float* target = scratch + s * texels;
      for (int64_t n = count * s / shares; n < count * (s + 1) / shares; ++n) {
        const Taps kx = taps(xy[n], width), ky = taps(xy[count + n], height);
        const Texel g = load(grad + 4 * n);
        Texel gx = {}, gy = {};
        for (int j = 0; j < 4; ++j) {
          const int64_t row = ky.at[j] * width * 4;
          Texel r = {}, rs = {};
          const Texel gj = g * ky.w[j];
          for (int i = 0; i < 4; ++i) {
            const int64_t at = row + kx.at[i] * 4;
            const Texel v = load(atlas + at);
            r += kx.w[i] * v;
            rs += kx.slope[i] * v;
            *reinterpret_cast<TexelU*>(target + at) = load(target + at) + kx.w[i] * gj;
          }
          gx += ky.w[j] * rs;
          gy += ky.slope[j] * r;
        }
        grad_xy[n] = sum(gx * g);
        grad_xy[count + n] = sum(gy * g);
      }
    }
  });
  if (shares > 1) {
    parallel_for(threads, texels, 16 * kPoints, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i)
        for (int64_t s = 1; s < shares; ++s) scratch[i] += scratch[s * texels + i];
    });
  }
}
}
