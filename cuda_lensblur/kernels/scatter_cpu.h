// SPDX-License-Identifier: Apache-2.0
// What one build of the CPU kernel offers. The text of scatter_cpu.cpp is compiled once per
// instruction set; bindings.cpp picks one at run time.
#pragma once
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
  const float* flat;      // [nodes][2] weight in the flat interior, difference to node i+1
  const int32_t* inner;   // [nodes] px
  int32_t nodes;
  int32_t knee;
  float fine_step;    // px between nodes below the knee
  float coarse_step;  // and above
  int32_t mirrored;   // the same above and below the centre
};

// Conics that cut every source's disc, see clip.py: 0 <= softness, in radii.
struct Clip {
  const float* conics;    // [count][6][height][width]
  const float* softness;  // [count]
  int32_t count;          // 0: nothing is cut
};
constexpr int32_t kMostConics = 8;
constexpr float kLeastLeft = 1e-4f;  // of a disc that is cut: below, light is lost

struct Frame {
  int64_t channels, height, width;  // planar, contiguous
};

struct ScatterKernels {
  const char* name;
  // out[c,p] = sum_q image[c,q] w(p - q; radius[q])
  void (*forward)(int threads, const WeightTable&, const Clip&, Frame, const float* image,
                  const float* radius, float* out);
  // grad_image[c,q] = sum_p grad[c,p] w(p - q; radius[q]);  grad_radius[q] likewise with dw/dr
  void (*backward)(int threads, const WeightTable&, const Clip&, Frame, const float* grad,
                   const float* image, const float* radius, float* grad_image,
                   float* grad_radius);
};
