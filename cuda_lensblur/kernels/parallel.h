// SPDX-License-Identifier: Apache-2.0
// One loop over several cores, the same in all kernels; std::thread alone, so that every compiler
// builds it. Who has nothing to do sleeps, so that other programs lose no time to us.
#pragma once
#include <cstdint>

using ParallelBody = void (*)(const void* body, int64_t from, int64_t to);

// Calls body(from, to) for pieces of 0..count that are `grain` long, on up to `threads` threads,
// this one among them. Helpers that come too late are not waited for. Pieces may run in any order:
// a body writes to places of its own, and results do not depend on the number of threads.
void parallel_run(int threads, int64_t count, int64_t grain, ParallelBody call, const void* body);

template <class Body>
void parallel_for(int threads, int64_t count, int64_t grain, const Body& body) {
  parallel_run(
      threads, count, grain,
      [](const void* b, int64_t from, int64_t to) { (*static_cast<const Body*>(b))(from, to); },
      &body);
}
