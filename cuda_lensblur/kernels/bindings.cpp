// SPDX-License-Identifier: Apache-2.0
// The C entry points that ops.py calls, and the choice of instruction set at run time. A plain C
// interface needs no torch headers: the library builds in seconds and serves every torch version.
#include "scatter_cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

extern const ScatterKernels scatter_kernels_generic;
#if defined(__x86_64__)
extern const ScatterKernels scatter_kernels_avx2;
extern const ScatterKernels scatter_kernels_avx512;
#endif

namespace {
#if defined(__x86_64__)
// Asked of the CPU itself: the compilers' own questions find nothing where zig has built.
struct Cpu {
  bool avx2 = false, avx512 = false;
  Cpu() {
    unsigned a, b, c, d, saved, high;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return;
    const bool fma = c >> 12 & 1, xsave = c >> 27 & 1;
    if (!fma || !xsave) return;
    asm volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));  // registers that the system keeps
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    avx2 = (saved & 0x6) == 0x6 && (b >> 5 & 1);
    avx512 = avx2 && (saved & 0xe6) == 0xe6 && (b >> 16 & 1) && (b >> 17 & 1) && (b >> 31 & 1);
  }
};
#endif

const ScatterKernels& best() {
#if defined(__x86_64__)
  static const Cpu cpu;
  if (cpu.avx512) return scatter_kernels_avx512;
  if (cpu.avx2) return scatter_kernels_avx2;
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
void lensblur_forward(int isa, int threads, const WeightTable* table, const Clip* clip,
                      int64_t channels, int64_t height, int64_t width, const float* image,
                      const float* radius, float* out) {
  named(isa).forward(threads, *table, *clip, {channels, height, width}, image, radius, out);
}

void lensblur_backward(int isa, int threads, const WeightTable* table, const Clip* clip,
                       int64_t channels, int64_t height, int64_t width, const float* grad,
                       const float* image, const float* radius, float* grad_image,
                       float* grad_radius) {
  named(isa).backward(threads, *table, *clip, {channels, height, width}, grad, image, radius,
                      grad_image, grad_radius);
}
}
