// SPDX-License-Identifier: Apache-2.0
// What forward and backward of one instruction set share: vectors, and finding a radius in the
// table. For scatter_cpu.cpp alone, which says ISA and LANES.
#pragma once
#include "scatter_cpu.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace {

constexpr int kDark = 32;   // a place in the table round which all weights are zero
constexpr int kBlock = 16;  // neighbouring sources that share bounds
constexpr int kGroup = 4;   // channels that share one pass

typedef float Vec __attribute__((vector_size(LANES * 4)));
typedef float VecU __attribute__((vector_size(LANES * 4), aligned(4)));
typedef float Quad __attribute__((vector_size(16)));

inline Vec load(const float* p) { return *reinterpret_cast<const VecU*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<VecU*>(p) = v; }

// Keep a vector in a register: gcc would rather load it twice, and loads are what there is least of.
inline Vec held(Vec v) {
#if defined(__GNUC__) && defined(__x86_64__)
  asm("" : "+v"(v));
#endif
  return v;
}

inline float lane_sum(Vec v) {
  Quad parts[LANES / 4];
  std::memcpy(parts, &v, sizeof v);
  for (int width = LANES / 8; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) parts[i] += parts[i + width];
  return (parts[0][0] + parts[0][2]) + (parts[0][1] + parts[0][3]);
}

inline int64_t row_stride(int32_t extent) { return 2 * int64_t(extent) + 1 + 2 * kPad; }

// Half the width of a row: `halves(inner, dy)` of a round disc of whole px, and `halves.of(extent,
// dy)` of weights that end less than a px beyond their extent, for extents up to `far`.
class Halves {
 public:
  Halves(int32_t far, bool round) : pitch_(far + 2), half_(size_t(pitch_) * pitch_, -1) {
    for (int32_t r = 0; r <= far + 1; ++r)
      for (int32_t dy = 0; dy <= r; ++dy)
        half_[size_t(r) * pitch_ + dy] = round ? int32_t(std::sqrt(float(r * r - dy * dy))) : r;
  }
  int32_t of(int32_t extent, int32_t dy) const {
    return std::min(extent, (*this)(extent + 1, dy));
  }
  int32_t operator()(int32_t extent, int32_t dy) const {
    return half_[size_t(extent) * pitch_ + dy];
  }

 private:
  int32_t pitch_;
  std::vector<int32_t> half_;
};

inline float largest(const float* radius, int64_t count) {
  float far = 0;
  for (int64_t i = 0; i < count; ++i) far = std::max(far, radius[i]);
  return far;
}

// Pieces of a frame that threads take one by one. They follow from the frame alone: results do not
// depend on the number of threads.
struct Tiles {
  int64_t height, width, rows, columns, across, count;

  Tiles(int64_t h, int64_t w, int64_t tile_rows, int64_t tile_columns)
      : height(h), width(w), rows(tile_rows), columns(tile_columns),
        across((w + columns - 1) / columns), count(across * ((h + rows - 1) / rows)) {}
  int64_t top(int64_t t) const { return t / across * rows; }
  int64_t bottom(int64_t t) const { return std::min(height, top(t) + rows); }
  int64_t left(int64_t t) const { return t % across * columns; }
  int64_t right(int64_t t) const { return std::min(width, left(t) + columns); }
};

}  // namespace
