// SPDX-License-Identifier: Apache-2.0
// As much of CUDA as the kernels use, on one CPU thread: blocks run one after the other, the
// threads of a block are fibres that take turns at every __syncthreads. Given before the source
// (g++ -include), so the text that is tested is the text that nvcc compiles.
//
// A fibre runs as far as it can before the next one starts, in rising or (lensblur_shim_reverse)
// falling order: a barrier that is missing changes the result in at least one of the two orders.
#pragma once
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static  // one block runs at a time

using std::max;
using std::min;

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorLaunchFailure = 719 };
typedef void* cudaStream_t;

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess             ? "no error"
         : error == cudaErrorInvalidValue ? "invalid argument"
                                          : "threads of a block met at different barriers";
}
inline cudaError_t cudaSetDevice(int device) {
  return device == 0 ? cudaSuccess : cudaErrorInvalidValue;
}

inline dim3 threadIdx, blockIdx;  // of all sources: shim::run_block is linked once

namespace shim {

constexpr std::size_t kStack = 1 << 16;

struct Fibre {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStack]};
  bool done = false;
};

inline bool reverse = false;
inline ucontext_t scheduler;
inline Fibre* running = nullptr;
inline std::function<void()> body;

inline void enter() {
  body();
  running->done = true;
  swapcontext(&running->context, &scheduler);
}

// Run one block; false if some threads ended while others waited at a barrier.
inline bool run_block(std::vector<Fibre>& fibres, dim3 block) {
  for (Fibre& fibre : fibres) {
    fibre.done = false;
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stack.get();
    fibre.context.uc_stack.ss_size = kStack;
    fibre.context.uc_link = nullptr;
    makecontext(&fibre.context, enter, 0);
  }
  for (;;) {
    std::size_t done = 0;
    for (std::size_t turn = 0; turn < fibres.size(); ++turn) {
      const unsigned i = unsigned(reverse ? fibres.size() - 1 - turn : turn);
      threadIdx = dim3(i % block.x, i / block.x % block.y, i / (block.x * block.y));
      running = &fibres[i];
      swapcontext(&scheduler, &running->context);
      done += running->done;
    }
    if (done == fibres.size()) return true;
    if (done) return false;
  }
}

}  // namespace shim

inline void __syncthreads() { swapcontext(&shim::running->context, &shim::scheduler); }

template <typename... Parameters, typename... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t,
                   Arguments... arguments) {
  shim::body = [=] { kernel(arguments...); };
  std::vector<shim::Fibre> fibres(block.x * block.y * block.z);
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = dim3(x, y, z);
        if (!shim::run_block(fibres, block)) return cudaErrorLaunchFailure;
      }
  return cudaSuccess;
}

extern "C" inline __attribute__((used)) void lensblur_shim_reverse(int on) {
  shim::reverse = on != 0;
}
