// SPDX-License-Identifier: Apache-2.0
// What happens to planes of pixels between lookup, blur and loss: each step in one pass over them,
// forward and back.
#include "lanes.h"
#include "parallel.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

constexpr int64_t kRows = 8;        // that one thread takes at a time
constexpr int64_t kPixels = 8192;   // the same where rows do not matter
constexpr float kKnee = 0.0031308f; // of the sRGB curve
constexpr float kLeastWeight = 1e-4f;

template <class V>
inline V size(V v) {
  return larger(v, -v);
}

}  // namespace

extern "C" {

// out = colour * gain + offset by channel; colour [3][count], gain and offset [3].
void EXPORT(expose_forward)(int threads, const float* colour, const float* gain,
                            const float* offset, int64_t count, float* out) {
  parallel_for(threads, 3 * count, kPixels, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) out[i] = colour[i] * gain[i / count] + offset[i / count];
  });
}

// to_colour = grad * gain; sums [2][3] of grad * colour and of grad, for gain and offset.
void EXPORT(expose_backward)(int threads, const float* colour, const float* gain,
                             const float* grad, int64_t count, float* to_colour, double* sums) {
  const int64_t pieces = (count + kPixels - 1) / kPixels;
  std::vector<double> held(2 * 3 * pieces);
  parallel_for(threads, 3 * pieces, 1, [&](int64_t from, int64_t to) {
    for (int64_t k = from; k < to; ++k) {
      const int64_t c = k / pieces, first = (k % pieces) * kPixels;
      const int64_t n = std::min(kPixels, count - first), at = c * count + first;
      Lanes product{}, plain{};
      float product_rest = 0, plain_rest = 0;
      const auto add = [&](auto g, auto v) {
        if constexpr (sizeof g == sizeof(float)) {
          product_rest += g * v;
          plain_rest += g;
        } else {
          product += g * v;
          plain += g;
        }
      };
      along(n, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        const V g = load<V>(grad + at + i);
        add(g, load<V>(colour + at + i));
        store(to_colour + at + i, g * gain[c]);
      });
      held[k] = double(total(product)) + product_rest;
      held[3 * pieces + k] = double(total(plain)) + plain_rest;
    }
  });
  for (int k = 0; k < 6; ++k) {
    sums[k] = 0;
    for (int64_t i = 0; i < pieces; ++i) sums[k] += held[k * pieces + i];
  }
}

// stack [4][count]: colour [3][count] times alpha [count], and alpha; null: 1 everywhere.
void EXPORT(premultiply_forward)(int threads, const float* colour, const float* alpha,
                                 int64_t count, float* stack) {
  parallel_for(threads, count, kPixels, [&](int64_t from, int64_t to) {
    each_of(to - from, [&](auto kind, int64_t n) {
      using V = decltype(kind);
      const int64_t i = from + n;
      const V a = alpha ? load<V>(alpha + i) : V{} + 1.0f;
      for (int c = 0; c < 3; ++c) store(stack + c * count + i, load<V>(colour + c * count + i) * a);
      store(stack + 3 * count + i, a);
    });
  });
}

// Its gradients; to_alpha is not written where alpha is null.
void EXPORT(premultiply_backward)(int threads, const float* colour, const float* alpha,
                                  const float* grad, int64_t count, float* to_colour,
                                  float* to_alpha) {
  parallel_for(threads, count, kPixels, [&](int64_t from, int64_t to) {
    each_of(to - from, [&](auto kind, int64_t n) {
      using V = decltype(kind);
      const int64_t i = from + n;
      const V a = alpha ? load<V>(alpha + i) : V{} + 1.0f;
      V sum = load<V>(grad + 3 * count + i);
      for (int c = 0; c < 3; ++c) {
        const V g = load<V>(grad + c * count + i);
        store(to_colour + c * count + i, g * a);
        sum += g * load<V>(colour + c * count + i);
      }
      if (alpha) store(to_alpha + i, sum);
    });
  });
}

// Cuts stack [4][rows][columns] to the frame [height][width] that begins at (top, left) in it, and
// divides its colours by its weight: out [3][height][width].
void EXPORT(divide_forward)(int threads, const float* stack, int64_t rows, int64_t columns,
                            int64_t top, int64_t left, int64_t height, int64_t width, float* out) {
  const int64_t plane = rows * columns;
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t y = from; y < to; ++y) {
      const float* s = stack + (y + top) * columns + left;
      each_of(width, [&](auto kind, int64_t x) {
        using V = decltype(kind);
        const V by = 1.0f / larger(load<V>(s + 3 * plane + x), V{} + kLeastWeight);
        for (int c = 0; c < 3; ++c)
          store(out + (c * height + y) * width + x, load<V>(s + c * plane + x) * by);
      });
    }
  });
}

void EXPORT(divide_backward)(int threads, const float* stack, int64_t rows, int64_t columns,
                             int64_t top, int64_t left, int64_t height, int64_t width,
                             const float* grad, float* to_stack) {
  const int64_t plane = rows * columns;
  parallel_for(threads, rows, kRows, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) {
      const int64_t y = row - top;
      for (int c = 0; c < 4; ++c) {
        float* o = to_stack + c * plane + row * columns;
        if (y < 0 || y >= height) {
          std::fill(o, o + columns, 0.0f);
        } else {
          std::fill(o, o + left, 0.0f);
          std::fill(o + left + width, o + columns, 0.0f);
        }
      }
      if (y < 0 || y >= height) continue;
      const float* s = stack + row * columns + left;
      float* o = to_stack + row * columns + left;
      each_of(width, [&](auto kind, int64_t x) {
        using V = decltype(kind);
        const V w = load<V>(s + 3 * plane + x), by = 1.0f / larger(w, V{} + kLeastWeight);
        V sum{};
        for (int c = 0; c < 3; ++c) {
          const V g = load<V>(grad + (c * height + y) * width + x) * by;
          store(o + c * plane + x, g);
          sum += g * load<V>(s + c * plane + x);
        }
        store(o + 3 * plane + x, w >= kLeastWeight ? -sum * by : V{});
      });
    }
  });
}

// Lays a premultiplied stack [4][rows][columns] over back [3][height][width], whose first pixel
// lies at (top, left) of the stack, wherever both are.
void EXPORT(over_forward)(int threads, const float* stack, int64_t rows, int64_t columns,
                          int64_t top, int64_t left, int64_t height, int64_t width,
                          const float* back, float* out) {
  const int64_t plane = rows * columns;
  const int64_t first = std::max<int64_t>(0, -left), last = std::min(width, columns - left);
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t y = from; y < to; ++y) {
      const bool here = y + top >= 0 && y + top < rows && first < last;
      for (int c = 0; c < 3; ++c) {
        const float* b = back + (c * height + y) * width;
        float* o = out + (c * height + y) * width;
        if (!here) {
          std::copy(b, b + width, o);
          continue;
        }
        std::copy(b, b + first, o);
        std::copy(b + last, b + width, o + last);
        const float* s = stack + (y + top) * columns + left + first;
        each_of(last - first, [&](auto kind, int64_t x) {
          using V = decltype(kind);
          const V under = (1.0f - load<V>(s + 3 * plane + x)) * load<V>(b + first + x);
          store(o + first + x, load<V>(s + c * plane + x) + under);
        });
      }
    }
  });
}

void EXPORT(over_backward)(int threads, const float* stack, int64_t rows, int64_t columns,
                           int64_t top, int64_t left, int64_t height, int64_t width,
                           const float* back, const float* grad, float* to_stack,
                           float* to_back) {
  const int64_t plane = rows * columns;
  const int64_t first = std::max<int64_t>(0, -left), last = std::min(width, columns - left);
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t y = from; y < to; ++y) {
      const bool here = y + top >= 0 && y + top < rows && first < last;
      for (int c = 0; c < 3; ++c) {
        const float* g = grad + (c * height + y) * width;
        float* o = to_back + (c * height + y) * width;
        std::copy(g, g + width, o);
        if (!here) continue;
        const float* s = stack + (y + top) * columns + left + first;
        each_of(last - first, [&](auto kind, int64_t x) {
          using V = decltype(kind);
          store(o + first + x, (1.0f - load<V>(s + 3 * plane + x)) * load<V>(g + first + x));
        });
      }
    }
  });
  parallel_for(threads, rows, kRows, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) {
      const int64_t y = row - top;
      const bool here = y >= 0 && y < height && first < last;
      float* o = to_stack + row * columns;
      for (int c = 0; c < 4; ++c) {
        if (here) {
          std::fill(o + c * plane, o + c * plane + left + first, 0.0f);
          std::fill(o + c * plane + left + last, o + c * plane + columns, 0.0f);
        } else {
          std::fill(o + c * plane, o + c * plane + columns, 0.0f);
        }
      }
      if (!here) continue;
      o += left + first;
      each_of(last - first, [&](auto kind, int64_t x) {
        using V = decltype(kind);
        V sum{};
        for (int c = 0; c < 3; ++c) {
          const int64_t at = (c * height + y) * width + first + x;
          const V g = load<V>(grad + at);
          store(o + c * plane + x, g);
          sum += g * load<V>(back + at);
        }
        store(o + 3 * plane + x, -sum);
      });
    }
  });
}

// The sRGB curve of scene-linear light, odd.
void EXPORT(display_forward)(int threads, const float* linear, int64_t count, float* out) {
  parallel_for(threads, count, kPixels, [&](int64_t from, int64_t to) {
    each_of(to - from, [&](auto kind, int64_t n) {
      using V = decltype(kind);
      const V v = load<V>(linear + from + n), s = size(v);
      const V root = exp2_of<V>(log2_of<V>(larger(s, V{} + kKnee)) * (1 / 2.4f));
      const V high = 1.055f * root - 0.055f;
      const V curved = v < 0.0f ? -high : high, straight = v * 12.92f;
      store(out + from + n, s <= kKnee ? straight : curved);
    });
  });
}

// Its gradient, from what it was given and what it gave.
void EXPORT(display_backward)(int threads, const float* linear, const float* display,
                              const float* grad, int64_t count, float* out) {
  parallel_for(threads, count, kPixels, [&](int64_t from, int64_t to) {
    each_of(to - from, [&](auto kind, int64_t n) {
      using V = decltype(kind);
      const V s = size(load<V>(linear + from + n)), d = size(load<V>(display + from + n));
      const V steep = (d + 0.055f) * (1 / 2.4f) / larger(s, V{} + kKnee), flat = V{} + 12.92f;
      store(out + from + n, load<V>(grad + from + n) * (s <= kKnee ? flat : steep));
    });
  });
}

// Sums of the differences' sizes and squares.
void EXPORT(difference)(int threads, const float* x, const float* y, int64_t count, double* sums) {
  const int64_t pieces = (count + kPixels - 1) / kPixels;
  std::vector<double> held(2 * pieces);
  parallel_for(threads, pieces, 1, [&](int64_t from, int64_t to) {
    for (int64_t k = from; k < to; ++k) {
      const int64_t first = k * kPixels, n = std::min(kPixels, count - first);
      double absolute = 0, square = 0;
      for (int64_t row = 0; row < n; row += 512) {  // floats, added up as doubles
        const int64_t most = std::min<int64_t>(512, n - row);
        Lanes a{}, q{};
        float a_rest = 0, q_rest = 0;
        along(most, [&](auto kind, int64_t i) {
          using V = decltype(kind);
          const int64_t at = first + row + i;
          const V d = load<V>(x + at) - load<V>(y + at);
          if constexpr (sizeof d == sizeof(float)) {
            a_rest += size(d);
            q_rest += d * d;
          } else {
            a += size(d);
            q += d * d;
          }
        });
        absolute += double(total(a)) + a_rest;
        square += double(total(q)) + q_rest;
      }
      held[k] = absolute;
      held[pieces + k] = square;
    }
  });
  for (int k = 0; k < 2; ++k) {
    sums[k] = 0;
    for (int64_t i = 0; i < pieces; ++i) sums[k] += held[k * pieces + i];
  }
}

// out = scale * sign(x - y)
void EXPORT(difference_sign)(int threads, const float* x, const float* y, int64_t count,
                             float scale, float* out) {
  parallel_for(threads, count, kPixels, [&](int64_t from, int64_t to) {
    each_of(to - from, [&](auto kind, int64_t n) {
      using V = decltype(kind);
      const V d = load<V>(x + from + n) - load<V>(y + from + n);
      const V up = d > 0.0f ? V{} + scale : V{};
      store(out + from + n, d < 0.0f ? V{} - scale : up);
    });
  });
}
}
