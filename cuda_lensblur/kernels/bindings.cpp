// SPDX-License-Identifier: Apache-2.0
// The C entry points that ops.py calls, and the choice of instruction set at run time. A plain C
// interface needs no torch headers: the library builds in seconds and serves every torch version.
#include "scatter_cpu.h"

extern const ScatterKernels scatter_kernels_generic;
#if defined(__x86_64__)
extern const ScatterKernels scatter_kernels_avx2;
extern const ScatterKernels scatter_kernels_avx512;
#endif

namespace {
const ScatterKernels& best() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq"))
    return scatter_kernels_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return scatter_kernels_avx2;
#endif
  return scatter_kernels_generic;
}

const ScatterKernels& named(int which) {
#if defined(__x86_64__)
  if (which == 1) return scatter_kernels_avx2;
  if (which == 2) return scatter_kernels_avx512;
#endif
  return which == 0 ? scatter_kernels_generic : best();
}
}  // namespace

extern "C" {

const char* lensblur_isa() { return best().name; }

// `isa`: -1 = the best this CPU has, 0 = generic, 1 = avx2, 2 = avx512 (tests compare them).
void lensblur_forward(int isa, int threads, const WeightTable* table, int64_t channels,
                      int64_t height, int64_t width, const float* image, const float* radius,
                      float* out) {
  named(isa).forward(threads, *table, {channels, height, width}, image, radius, out);
}

void lensblur_backward(int isa, int threads, const WeightTable* table, int64_t channels,
                       int64_t height, int64_t width, const float* grad, const float* image,
                       const float* radius, float* grad_image, float* grad_radius) {
  named(isa).backward(threads, *table, {channels, height, width}, grad, image, radius, grad_image,
                      grad_radius);
}
}
