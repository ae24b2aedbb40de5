// SPDX-License-Identifier: Apache-2.0
// One step of Adam (Kingma and Ba 2015), as torch.optim.Adam takes it, on one tensor.
#include "lanes.h"
#include "parallel.h"

#include <cmath>
#include <cstdint>

namespace {

constexpr int64_t kNumbers = 16384;  // that one thread takes at a time

inline Lanes root(Lanes v) {
  float held[LANES];
  std::memcpy(held, &v, sizeof v);
  for (float& one : held) one = std::sqrt(one);
  std::memcpy(&v, held, sizeof v);
  return v;
}
inline float root(float v) { return std::sqrt(v); }

}  // namespace

extern "C" {

// rate: of this step, divided by 1 - beta1^step; second: the root of 1 - beta2^step;
// fresh1, fresh2: 1 - beta1 and 1 - beta2.
void EXPORT(adam)(int threads, float* parameter, const float* grad, float* mean, float* square,
                  int64_t count, float rate, float second, float fresh1, float fresh2, float eps) {
  parallel_for(threads, count, kNumbers, [&](int64_t from, int64_t to) {
    const float by_second = 1 / second;
    along(to - from, [&](auto kind, int64_t n) {
      using V = decltype(kind);
      const int64_t i = from + n;
      const V g = load<V>(grad + i);
      const V m = load<V>(mean + i) + fresh1 * (g - load<V>(mean + i));
      const V v = load<V>(square + i) + fresh2 * (g * g - load<V>(square + i));
      store(mean + i, m);
      store(square + i, v);
      store(parameter + i, load<V>(parameter + i) - rate * m / (root(v) * by_second + eps));
    });
  });
}
}
