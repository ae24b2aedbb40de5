// SPDX-License-Identifier: Apache-2.0
// Spline fields on a box of pixels, and what is made of them: a place in an atlas, a matte, a
// radius. A field is the product of its values along rows, `down` [height][controls], which the
// caller has worked out, and a basis across, [controls][width].
#include "lanes.h"
#include "parallel.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

constexpr int64_t kRows = 4;  // that one thread takes at a time
constexpr float kOn = 1e-6f;  // a matte that rounding puts beyond a bound is on it

struct Field {
  const float *down, *across;
  int64_t controls;
};

template <class V>
inline V along_row(const float* down, const Field& field, int64_t width, int64_t x) {
  V sum{};
  for (int64_t k = 0; k < field.controls; ++k)
    sum += down[k] * load<V>(field.across + k * width + x);
  return sum;
}

// out[k] = sum over x of grad[x] across[k][x]: the gradient in a row's values.
inline void to_controls(const float* grad, const Field& field, int64_t width, float* out) {
  for (int64_t k = 0; k < field.controls; ++k) {
    const float* basis = field.across + k * width;
    Lanes sum{};
    float rest = 0;
    int64_t x = 0;
    for (; x + LANES <= width; x += LANES) sum += load<Lanes>(grad + x) * load<Lanes>(basis + x);
    for (; x < width; ++x) rest += grad[x] * basis[x];
    out[k] = total(sum) + rest;
  }
}

// A row of a frame [height][width] that goes on past its edges: `count` values from column `left`,
// divided by `unit`.
template <class T>
inline void row_of(const T* frame, int64_t height, int64_t width, int64_t y, int64_t left,
                   int64_t count, float unit, float* out) {
  const T* row = frame + std::min(std::max<int64_t>(y, 0), height - 1) * width;
  const int64_t first = std::min(std::max<int64_t>(-left, 0), count);
  const int64_t last = std::min(std::max(width - left, first), count);
  for (int64_t x = 0; x < first; ++x) out[x] = float(row[0]) / unit;
  for (int64_t x = first; x < last; ++x) out[x] = float(row[left + x]) / unit;
  for (int64_t x = last; x < count; ++x) out[x] = float(row[width - 1]) / unit;
}

}  // namespace

extern "C" {

// Places in an atlas, out [2][height][width]: pixels moved by two fields of two components each,
// down [height][2][controls], then by the homography m [9].
void EXPORT(map_forward)(int threads, int64_t height, int64_t width, const float* rows,
                         const float* columns, const float* m, const float* down_a,
                         const float* across_a, int64_t controls_a, const float* down_b,
                         const float* across_b, int64_t controls_b, float* out) {
  const Field a{down_a, across_a, controls_a}, b{down_b, across_b, controls_b};
  const int64_t plane = height * width;
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t y = from; y < to; ++y) {
      const float *da = a.down + y * 2 * controls_a, *db = b.down + y * 2 * controls_b;
      each_of(width, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        const V px = load<V>(columns + i) + along_row<V>(da, a, width, i) +
                     along_row<V>(db, b, width, i);
        const V py = rows[y] + along_row<V>(da + controls_a, a, width, i) +
                     along_row<V>(db + controls_b, b, width, i);
        const V by = 1.0f / (m[6] * px + m[7] * py + m[8]);
        store(out + y * width + i, (m[0] * px + m[1] * py + m[2]) * by);
        store(out + plane + y * width + i, (m[3] * px + m[4] * py + m[5]) * by);
      });
    }
  });
}

// Gradients in the fields' values along rows, from that in the places.
void EXPORT(map_backward)(int threads, int64_t height, int64_t width, const float* rows,
                          const float* columns, const float* m, const float* down_a,
                          const float* across_a, int64_t controls_a, const float* down_b,
                          const float* across_b, int64_t controls_b, const float* places,
                          const float* grad, float* to_a, float* to_b) {
  const Field a{down_a, across_a, controls_a}, b{down_b, across_b, controls_b};
  const int64_t plane = height * width;
  const bool projective = m[6] != 0 || m[7] != 0;
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    std::vector<float> held(2 * width);
    for (int64_t y = from; y < to; ++y) {
      const float *da = a.down + y * 2 * controls_a, *db = b.down + y * 2 * controls_b;
      each_of(width, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        const int64_t at = y * width + i;
        const V gx = load<V>(grad + at), gy = load<V>(grad + plane + at);
        V by = V{} + 1.0f / m[8], pull{};
        if (projective) {
          const V px = load<V>(columns + i) + along_row<V>(da, a, width, i) +
                       along_row<V>(db, b, width, i);
          const V py = rows[y] + along_row<V>(da + controls_a, a, width, i) +
                       along_row<V>(db + controls_b, b, width, i);
          by = 1.0f / (m[6] * px + m[7] * py + m[8]);
          pull = gx * load<V>(places + at) + gy * load<V>(places + plane + at);
        }
        store(held.data() + i, (m[0] * gx + m[3] * gy - m[6] * pull) * by);
        store(held.data() + width + i, (m[1] * gx + m[4] * gy - m[7] * pull) * by);
      });
      for (int c = 0; c < 2; ++c) {
        to_controls(held.data() + c * width, a, width, to_a + (2 * y + c) * controls_a);
        to_controls(held.data() + c * width, b, width, to_b + (2 * y + c) * controls_b);
      }
    }
  });
}

// A matte on a box that begins at (top, left) of the frame [rows][columns]: the given one as logits
// plus offset [height][width] plus a field, between bounds (0..255); `slack` stretches the sigmoid.
// Keeps the sigmoid for the gradient.
void EXPORT(matte_forward)(int threads, const float* given, const uint8_t* least,
                           const uint8_t* most, int64_t rows, int64_t columns, int64_t top,
                           int64_t left, int64_t height, int64_t width, const float* offset,
                           const float* down, const float* across, int64_t controls, float slack,
                           float* sigmoid, float* out) {
  const Field field{down, across, controls};
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    std::vector<float> held(3 * width);
    float *z = held.data(), *low = z + width, *high = low + width;
    for (int64_t y = from; y < to; ++y) {
      row_of(given, rows, columns, y + top, left, width, 1.0f, z);
      row_of(least, rows, columns, y + top, left, width, 255.0f, low);
      row_of(most, rows, columns, y + top, left, width, 255.0f, high);
      each_of(width, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        const int64_t at = y * width + i;
        const V free = load<V>(z + i) + load<V>(offset + at) +
                       along_row<V>(down + y * controls, field, width, i);
        const V s = 1.0f / (1.0f + exp_of<V>(-free));
        store(sigmoid + at, s);
        const V a = s * (1 + 2 * slack) - slack;
        store(out + at, smaller(larger(a, load<V>(low + i)), load<V>(high + i)));
      });
    }
  });
}

// Gradients in the offset and in the field's values along rows. Outside the bounds only those that
// lead back in are let through.
void EXPORT(matte_backward)(int threads, const uint8_t* least, const uint8_t* most, int64_t rows,
                            int64_t columns, int64_t top, int64_t left, int64_t height,
                            int64_t width, const float* across, int64_t controls, float slack,
                            const float* sigmoid, const float* grad, float* to_offset,
                            float* to_down) {
  const Field field{nullptr, across, controls};
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    std::vector<float> held(2 * width);
    float *low = held.data(), *high = low + width;
    for (int64_t y = from; y < to; ++y) {
      row_of(least, rows, columns, y + top, left, width, 255.0f, low);
      row_of(most, rows, columns, y + top, left, width, 255.0f, high);
      each_of(width, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        const int64_t at = y * width + i;
        const V s = load<V>(sigmoid + at), g = load<V>(grad + at);
        const V a = s * (1 + 2 * slack) - slack;
        V out = g * (1 + 2 * slack) * s * (1.0f - s);
        const V below = g > 0.0f ? V{} : out, above = g < 0.0f ? V{} : out;
        out = a < load<V>(low + i) - kOn ? below : out;
        out = a > load<V>(high + i) + kOn ? above : out;
        store(to_offset + at, out);
      });
      to_controls(to_offset + y * width, field, width, to_down + y * controls);
    }
  });
}

// Radii: the softplus of a field, times `scale`.
void EXPORT(radius_forward)(int threads, int64_t height, int64_t width, const float* down,
                            const float* across, int64_t controls, float scale, float* out) {
  const Field field{down, across, controls};
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t y = from; y < to; ++y)
      each_of(width, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        const V raw = along_row<V>(down + y * controls, field, width, i);
        const V rest = log2_of<V>(1.0f + exp_of<V>(-larger(raw, -raw))) * 0.69314718f;
        store(out + y * width + i, (larger(raw, V{}) + rest) * scale);
      });
  });
}

// The gradient in the field's values along rows, from the radii and that in them.
void EXPORT(radius_backward)(int threads, int64_t height, int64_t width, const float* across,
                             int64_t controls, float scale, const float* radius, const float* grad,
                             float* to_down) {
  const Field field{nullptr, across, controls};
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    std::vector<float> held(width);
    for (int64_t y = from; y < to; ++y) {
      each_of(width, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        const V soft = load<V>(radius + y * width + i) * (1 / scale);
        const V slope = 1.0f - exp_of<V>(-soft);
        store(held.data() + i, load<V>(grad + y * width + i) * slope * scale);
      });
      to_controls(held.data(), field, width, to_down + y * controls);
    }
  });
}
}
