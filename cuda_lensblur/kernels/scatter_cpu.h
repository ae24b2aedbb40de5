// SPDX-License-Identifier: Apache-2.0
// What one build of the CPU kernel offers. The text of scatter_cpu.cpp is compiled once per
// instruction set; bindings.cpp picks one at run time.
#pragma once
#include "weight_table.h"

#include <cstdint>

// Conics that cut every source's disc, see clip.py: 0 <= softness, in radii.
struct Clip {
  const float* conics;    // [count][6][height][width]
  const float* softness;  // [count]
  int32_t count;          // 0: nothing is cut
};

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
