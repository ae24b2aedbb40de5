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

struct alignas(8) StagedConic {
  float q[6];  // over px, the ramp's steepness in it: 0..1 after clamping
};

__device__ void load_conic(const Frame& f, const Cut& cut, int k, int y, int x, float (&q)[6]) {
  const int64_t plane = int64_t(f.height) * f.width;
  const float* at = cut.conics + (int64_t(blockIdx.z) * cut.count + k) * 6 * plane;
  for (int i = 0; i < 6; ++i) q[i] = at[i * plane + int64_t(y) * f.width + x];
}

__device__ StagedConic stage_conic(const Frame& f, const Cut& cut, int k, float radius, int y,
                                   int x) {
  StagedConic c;
  load_conic(f, cut, k, y, x, c.q);
  const float r = fmaxf(radius, 1.0f), inverse = 1.0f / r;
  const float steep = fminf(r, 1.0f / fmaxf(cut.softness[k], 1e-9f));
  const float linear = steep * inverse, square = linear * inverse;
  c.q[0] = steep * c.q[0] + 0.5f;
  c.q[1] *= linear, c.q[2] *= linear;
  c.q[3] *= square, c.q[4] *= square, c.q[5] *= square;
  return c;
}

__device__ float clamped(float v) { return fminf(fmaxf(v, 0.0f), 1.0f); }

__device__ float conic_at(const StagedConic& c, float dx, float dy) {
  return clamped(c.q[0] + dy * (c.q[2] + dy * c.q[5]) + dx * (c.q[1] + dy * c.q[4] + dx * c.q[3]));
}

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
  float radius = 0.0f, share = 0.0f, d_share = 0.0f;
  Node node = {0, 0.0f, 0.0f};
  int centre = 0, extent = -1;  // -1: none
  float q[kHeld<Conics>][6];
  int row = 0;
  Along lines[kHeld<Conics>], slopes[kHeld<Conics>];

  __device__ void load(const Frame& f, const WeightTable& t, const Cut& cut, float r, int y,
                       int x) {
    radius = r, share = cut_share(r), d_share = cut_share_slope(r);
    node = node_of(t, r);
    centre = int(t.centre[node.index]), extent = t.extent[node.index];
#pragma unroll
    for (int k = 0; k < Conics; ++k)
      if (k < cut.count) load_conic(f, cut, k, y, x, q[k]);
  }

  __device__ void start_row(const WeightTable& t, const Cut& cut, int dy) {
    row = row_of(t, centre, extent, dy);
#pragma unroll
    for (int k = 0; k < Conics; ++k)
      if (k < cut.count) lines[k] = along(q[k], cut.softness[k], radius, float(dy), slopes + k);
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
      const float v = lines[k].a + x * (lines[k].b + x * lines[k].c), m = clamped(v);
      const float inside = v > 0.0f && v < 1.0f ? 1.0f : 0.0f;
      bend = bend * m + mask * inside * (slopes[k].a + x * (slopes[k].b + x * slopes[k].c));
      mask *= m;
    }
    const float kept = 1.0f + share * (mask - 1.0f);
    return {w * kept, node.per_px * change * kept + w * (d_share * (mask - 1.0f) + share * bend)};
  }
};

}  // namespace
