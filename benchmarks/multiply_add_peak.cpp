// SPDX-License-Identifier: Apache-2.0
// Prints how many float32 multiply-adds a second this many cores do: peak THREADS
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

typedef float Vec __attribute__((vector_size(64)));
static volatile float sink;

static void work(long rounds) {
  // 16 independent sums hide the latency of a multiply-add; they start apart, and from a number
  // known only at run time, or the compiler would see that they are one sum.
  Vec a[16], m, b;
  for (int i = 0; i < 16; ++i) {
    m[i] = 0.999f;
    b[i] = 0.001f;
    for (int k = 0; k < 16; ++k) a[i][k] = float(rounds % 7 + 16 * i + k);
  }
  for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) a[i] = a[i] * m + b;
  }
  float s = 0;
  for (int i = 0; i < 16; ++i) for (int k = 0; k < 16; ++k) s += a[i][k];
  sink = s;
}

int main(int, char** argv) {
  const int threads = std::atoi(argv[1]);
  const long rounds = 50000000;
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) all.emplace_back(work, rounds);
  for (auto& t : all) t.join();
  const std::chrono::duration<double> s = std::chrono::steady_clock::now() - began;
  std::printf("%g\n", threads * double(rounds) * 16 * 16 / s.count());
}
