// SPDX-License-Identifier: Apache-2.0
// Scatter blur on the CPU for one instruction set. No atomics: every output pixel belongs to one
// tile, so results do not depend on the number of threads.
#ifndef ISA
#define ISA generic
#define LANES 4
#endif

#include "scatter_backward.h"
#include "scatter_clipped.h"
#include "scatter_forward.h"

namespace {

void forward(int threads, const WeightTable& table, const Clip& clip, Frame f, const float* image,
             const float* radius, float* out) {
  const int64_t plane = f.height * f.width;
  std::vector<float> gains;
  if (clip.count) gains = clipped_gains(threads, table, clip, f, image, radius);
  for (int64_t c = 0; c < f.channels; c += kGroup) {
    const int64_t n = std::min<int64_t>(kGroup, f.channels - c);
    const auto run = n == 1 ? forward_group<1> : n == 2 ? forward_group<2>
                   : n == 3 ? forward_group<3> : forward_group<4>;
    run(threads, table, clip, gains.data(), f.height, f.width, image + c * plane, radius,
        out + c * plane);
  }
}

void backward(int threads, const WeightTable& table, const Clip& clip, Frame f, const float* grad,
              const float* image, const float* radius, float* grad_image, float* grad_radius) {
  const int64_t plane = f.height * f.width;
  std::fill(grad_radius, grad_radius + plane, 0.0f);
  for (int64_t c = 0; c < f.channels; c += kGroup) {
    const int64_t n = std::min<int64_t>(kGroup, f.channels - c);
    const float *g = grad + c * plane, *i = image + c * plane;
    float* o = grad_image + c * plane;
    if (clip.count) {
      const auto run = n == 1 ? clipped_backward<1> : n == 2 ? clipped_backward<2>
                     : n == 3 ? clipped_backward<3> : clipped_backward<4>;
      run(threads, table, clip, f.height, f.width, g, i, radius, o, grad_radius);
    } else {
      const auto run = n == 1 ? backward_group<1> : n == 2 ? backward_group<2>
                     : n == 3 ? backward_group<3> : backward_group<4>;
      run(threads, table, f.height, f.width, g, i, radius, o, grad_radius);
    }
  }
}

#define STRING_(x) #x
#define STRING(x) STRING_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

}  // namespace

extern const ScatterKernels JOIN(scatter_kernels_, ISA);
const ScatterKernels JOIN(scatter_kernels_, ISA) = {STRING(ISA), forward, backward};
