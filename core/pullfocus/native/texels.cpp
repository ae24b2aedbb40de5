// SPDX-License-Identifier: Apache-2.0
// An atlas of root-encoded texels [height][width][4]: decoded, and what the solve asks of it.
#include "lanes.h"
#include "parallel.h"

#include <cstdint>
#include <vector>

namespace {

constexpr int64_t kRows = 8;  // that one thread takes at a time

typedef float Texel __attribute__((vector_size(16)));
typedef float TexelU __attribute__((vector_size(16), aligned(4)));

inline Texel texel(const float* p) { return *reinterpret_cast<const TexelU*>(p); }
inline void put(float* p, Texel v) { *reinterpret_cast<TexelU*>(p) = v; }
inline Texel size(Texel v) { return v < 0.0f ? -v : v; }
inline Texel held(Texel v, float limit) {
  const Texel most = Texel{} + limit;
  v = v > most ? most : v;
  return v < -most ? -most : v;
}

// Half the square of a step up to `delta`, its size beyond, less what makes both meet.
inline Texel huber(Texel step, float delta) {
  const Texel h = size(held(step, delta));
  return h * (size(step) - 0.5f * h);
}

}  // namespace

extern "C" {

// Colours times their own size; the fourth channel times `unit`.
void EXPORT(texels_linear)(int threads, const float* texels, int64_t height, int64_t width,
                           float unit, float* out) {
  const Texel gain = {0, 0, 0, unit}, colour = {1, 1, 1, 0};
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t i = 4 * from * width; i < 4 * to * width; i += 4) {
      const Texel v = texel(texels + i);
      put(out + i, v * (size(v) * colour + gain));
    }
  });
}

// Its gradient.
void EXPORT(texels_linear_backward)(int threads, const float* texels, const float* grad,
                                    int64_t height, int64_t width, float unit, float* out) {
  const Texel gain = {0, 0, 0, unit}, colour = {2, 2, 2, 0};
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t i = 4 * from * width; i < 4 * to * width; i += 4)
      put(out + i, texel(grad + i) * (size(texel(texels + i)) * colour + gain));
  });
}

// Writes five sums: Huber's function of the steps between rows and between columns, of the colours
// and of `matte` times the fourth channel, and the squares of the fourth channel.
void EXPORT(texels_energy)(int threads, const float* texels, int64_t height, int64_t width,
                           float delta, float matte, double* sums) {
  std::vector<double> row_sums(5 * height);
  const Texel unit = {1, 1, 1, matte};
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t y = from; y < to; ++y) {
      const float* row = texels + 4 * y * width;
      const float* next = y + 1 < height ? row + 4 * width : row;
      Texel down = {}, across = {};
      float square = 0;
      for (int64_t x = 0; x < width; ++x) {
        const Texel v = texel(row + 4 * x);
        down += huber(unit * (texel(next + 4 * x) - v), delta);
        if (x + 1 < width) across += huber(unit * (texel(row + 4 * x + 4) - v), delta);
        square += v[3] * v[3];
      }
      double* here = row_sums.data() + 5 * y;
      here[0] = down[0] + down[1] + down[2];
      here[1] = across[0] + across[1] + across[2];
      here[2] = down[3];
      here[3] = across[3];
      here[4] = square;
    }
  });
  for (int k = 0; k < 5; ++k) {
    sums[k] = 0;
    for (int64_t y = 0; y < height; ++y) sums[k] += row_sums[5 * y + k];
  }
}

// The gradient of the five sums, each times its weight.
void EXPORT(texels_energy_backward)(int threads, const float* texels, int64_t height,
                                    int64_t width, float delta, float matte, float down,
                                    float across, float matte_down, float matte_across,
                                    float square, float* out) {
  const Texel last = {0, 0, 0, 2 * square}, unit = {1, 1, 1, matte};
  const Texel by_row = {down, down, down, matte * matte_down};
  const Texel by_column = {across, across, across, matte * matte_across};
  const auto slope = [&](Texel step) { return held(unit * step, delta); };
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t y = from; y < to; ++y) {
      const float* row = texels + 4 * y * width;
      const float* above = y ? row - 4 * width : row;
      const float* below = y + 1 < height ? row + 4 * width : row;
      for (int64_t x = 0; x < width; ++x) {
        const int64_t i = 4 * x;
        const Texel v = texel(row + i);
        Texel g = by_row * (slope(v - texel(above + i)) - slope(texel(below + i) - v));
        if (x) g += by_column * slope(v - texel(row + i - 4));
        if (x + 1 < width) g -= by_column * slope(texel(row + i + 4) - v);
        put(out + 4 * y * width + i, g + last * v);
      }
    }
  });
}
}
