// SPDX-License-Identifier: Apache-2.0
// One disc of light on a GPU: its weights from the table, what conics leave of them. For
// scatter_table.cu alone.
#pragma once
#include "conic.h"
#include "cuda_tiles.h"
#include "weight_table.h"

#include <cstdlib>

namespace {

// What cuts the discs. `conics`: [B][count][6][H][W].
struct Cut {
  const float* conics;
  float softness[kMostConics];
  int count;
};

// Kernels are compiled for no conics, a few and the most that there can be.
constexpr int kFew = 2;

// Rows of a tile that are staged at once: many conics take room.
template <int Conics>
constexpr int kRows = Conics > kFew ? 2 : kTileY;

template <int Conics>
constexpr int kHeld = Conics > 0 ? Conics : 1;  // no array is empty

struct alignas(16) StagedSource {  // 16 bytes: read by one instruction
  int centre;                      // of its node in the table
  int extent;                      // -1: gives no light
  float fraction;                  // of the way to the next node
  float share;                     // of the disc that conics cut
};

// Conic k of a source, over px; `slope`, if asked for, by the radius.
__device__ Conic conic_of(const Frame& f, const Cut& cut, int k, float radius, int y, int x,
                          Conic* slope = nullptr) {
  const int64_t plane = int64_t(f.height) * f.width;
  const float* at = cut.conics + (int64_t(blockIdx.z) * cut.count + k) * 6 * plane;
  float q[6];
  for (int i = 0; i < 6; ++i) q[i] = at[i * plane + int64_t(y) * f.width + x];
  return in_px(q, cut.softness[k], radius, slope);
}

__device__ float clamped(float v) { return fminf(fmaxf(v, 0.0f), 1.0f); }

__device__ float at_column(const Along& t, float x) { return t.a + x * (t.b + x * t.c); }

// Where weights of the row `dy` below the middle of a disc lie in the table, at dx = 0.
__device__ int row_of(const WeightTable& t, int centre, int extent, int dy) {
  return centre + (t.mirrored ? abs(dy) : dy) * (2 * extent + 1 + 2 * kPad);
}

struct Tap {
  float weight;
  float slope;  // by the radius
};

// The disc of a thread's own source.
template <int Conics>
struct OwnDisc {
  float share = 0.0f, d_share = 0.0f;
  Node node = {0, 0.0f, 0.0f};
  int centre = 0, extent = -1;  // -1: none
  Conic conics[kHeld<Conics>], d_conics[kHeld<Conics>];  // the latter by the radius
  int row = 0;
  Along lines[kHeld<Conics>], slopes[kHeld<Conics>];

  __device__ void load(const Frame& f, const WeightTable& t, const Cut& cut, float r, int y,
                       int x) {
    share = cut_share(r), d_share = cut_share_slope(r);
    node = node_of(t, r);
    centre = int(t.centre[node.index]), extent = t.extent[node.index];
#pragma unroll
    for (int k = 0; k < Conics; ++k)
      if (k < cut.count) conics[k] = conic_of(f, cut, k, r, y, x, d_conics + k);
  }

  __device__ void start_row(const WeightTable& t, const Cut& cut, int dy) {
    row = row_of(t, centre, extent, dy);
#pragma unroll
    for (int k = 0; k < Conics; ++k)
      if (k < cut.count)
        lines[k] = along(conics[k], float(dy)), slopes[k] = along(d_conics[k], float(dy));
  }

  __device__ Tap at(const WeightTable& t, const Cut& cut, int dx) const {
    const float change = t.changes[row + dx];
    const float w = t.weights[row + dx] + node.fraction * change;
    if (Conics == 0) return {w, node.per_px * change};
    float mask = 1.0f, bend = 0.0f;
    const float x = float(dx);
#pragma unroll
    for (int k = 0; k < Conics; ++k) {
      if (k >= cut.count) break;
      const float v = at_column(lines[k], x), m = clamped(v);
      const float inside = v > 0.0f && v < 1.0f ? 1.0f : 0.0f;
      bend = bend * m + mask * inside * at_column(slopes[k], x);
      mask *= m;
    }
    const float kept = 1.0f + share * (mask - 1.0f);
    return {w * kept, node.per_px * change * kept + w * (d_share * (mask - 1.0f) + share * bend)};
  }
};

}  // namespace
