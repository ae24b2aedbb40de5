// SPDX-License-Identifier: Apache-2.0
// What one build of the CPU kernel offers. The text of scatter_cpu.cpp is compiled once per
// instruction set; bindings.cpp picks one at run time.
#pragma once
#include <cstdint>

// Kernel weights of all radii, sampled every `step` px. Node i serves radii i*step .. (i+1)*step.
// Of each node only rows dy = 0..extent are kept (discs are symmetric); a row holds the weights at
// dx = -extent-15 .. extent+16, zero outside the disc, followed by the same row of differences to
// node i+1. Weights of one node sum to 1 over the whole disc.
struct WeightTable {
  const float* weights;       // all rows of all nodes
  const int64_t* offset;      // [nodes] first row of a node in `weights`
  const int32_t* extent;      // [nodes] largest |dx|, |dy| with a weight
  int32_t nodes;
  float step;                 // px between nodes
};

struct Frame {
  int64_t channels, height, width;  // planar, contiguous
};

struct ScatterKernels {
  const char* name;
  // out[c,p] = sum_q image[c,q] w(p - q; radius[q])
  void (*forward)(const WeightTable&, Frame, const float* image, const float* radius, float* out);
  // grad_image[c,q] = sum_p grad[c,p] w(p - q; radius[q]);  grad_radius[q] likewise with dw/dr
  void (*backward)(const WeightTable&, Frame, const float* grad, const float* image,
                   const float* radius, float* grad_image, float* grad_radius);
};
