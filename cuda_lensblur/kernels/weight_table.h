// SPDX-License-Identifier: Apache-2.0
// The weights of a kernel by radius, as CPU and GPU read them alike. See table.py.
#pragma once
#include "both_sides.h"

#include <cstdint>

// Kernel weights of all radii, sampled every `fine_step` px up to node `knee`, from there every
// `coarse_step`. Node i serves the radii from its own to that of node i+1.
// Of a mirrored kernel, which is round, only rows dy = 0..extent are kept, else dy =
// -extent..extent. A row holds 16 zeros, the weights at dx = -extent..extent, and 16 zeros; the
// table begins with 64 zeros. `changes` holds the differences to node i+1 in the same places.
// Weights of one node sum to 1 over the whole kernel.
// Large discs are flat within `inner` px of the centre (-1: not at all): there `flat` holds the
// weight, and rows hold zero.
struct WeightTable {
  const float* weights;   // all rows of all nodes
  const float* changes;
  const int64_t* centre;  // [nodes] where a node's weight at dx = dy = 0 is
  const int32_t* extent;  // [nodes] largest |dx|, |dy| with a weight
  const float* reach;     // [nodes] px from the centre beyond which there is none
  const float* flat;      // [nodes][2] weight in the flat interior, difference to node i+1
  const int32_t* inner;   // [nodes] px
  int32_t nodes;
  int32_t knee;
  float fine_step;    // px between nodes below the knee
  float coarse_step;  // and above
  int32_t mirrored;   // the same above and below the centre
};

namespace {

constexpr int kPad = 16;  // zeros on both sides of a table row

struct Node {
  int32_t index;
  float fraction;
  float per_px;  // nodes a px
};

BOTH_SIDES Node node_of(const WeightTable& t, float radius) {
  const float knee_px = float(t.knee) * t.fine_step;
  const bool fine = radius < knee_px;
  const float step = fine ? t.fine_step : t.coarse_step;
  const float least = radius > 0.0f ? radius : 0.0f;
  const float x = fine ? least / step : float(t.knee) + (radius - knee_px) / step;
  const int32_t i = int32_t(x) < t.nodes - 1 ? int32_t(x) : t.nodes - 1;
  const float fraction = x - float(i);
  return {i, fraction < 1.0f ? fraction : 1.0f, 1.0f / step};
}

}  // namespace
