// SPDX-License-Identifier: Apache-2.0
// Bilinear splat into an atlas: every point adds its values to the four texels around it.
#include "lanes.h"
#include "parallel.h"

#include <cmath>
#include <cstdint>

namespace {

typedef float Texel __attribute__((vector_size(16)));
typedef float TexelU __attribute__((vector_size(16), aligned(4)));

}  // namespace

extern "C" {

// Adds values [count][4] at xy [2][count] to atlas [height][width][4]; what lies outside is lost.
// Each of `bands` bands of rows is one thread's, which looks at all points in their order: the
// result does not depend on the number of threads.
void EXPORT(splat)(int threads, const float* xy, const float* values, int64_t count,
                   int64_t height, int64_t width, int64_t bands, float* atlas) {
  parallel_for(threads, bands, 1, [&](int64_t from, int64_t to) {
    for (int64_t b = from; b < to; ++b) {
      const int64_t low = height * b / bands, high = height * (b + 1) / bands;
      for (int64_t n = 0; n < count; ++n) {
        const float x = xy[n], y = xy[count + n];
        if (!(y > float(low) - 1.0f && y < float(high) && x > -1.0f && x < float(width))) continue;
        const Texel v = *reinterpret_cast<const TexelU*>(values + 4 * n);
        const float fx = std::floor(x), fy = std::floor(y), tx = x - fx, ty = y - fy;
        const int64_t x0 = int64_t(fx), y0 = int64_t(fy);
        for (int dy = 0; dy < 2; ++dy) {
          if (y0 + dy < low || y0 + dy >= high) continue;
          float* row = atlas + (y0 + dy) * width * 4;
          const float down = dy ? ty : 1 - ty;
          for (int dx = 0; dx < 2; ++dx) {
            if (x0 + dx < 0 || x0 + dx >= width) continue;
            TexelU* texel = reinterpret_cast<TexelU*>(row + (x0 + dx) * 4);
            *texel = *texel + (down * (dx ? tx : 1 - tx)) * v;
          }
        }
      }
    }
  });
}
}
