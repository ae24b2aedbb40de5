// SPDX-License-Identifier: Apache-2.0
// How rough a lattice of up to four axes is: squares of the steps between neighbours, and of the
// changes of steps. Lattices are small: one thread does them.
#include "lanes.h"

#include <cstdint>
#include <vector>

namespace {

struct Axis {
  int64_t outer, count, inner;  // numbers before it, along it, behind it
};

Axis axis(const int64_t* sizes, int which) {
  Axis a{1, sizes[which], 1};
  for (int d = 0; d < which; ++d) a.outer *= sizes[d];
  for (int d = which + 1; d < 4; ++d) a.inner *= sizes[d];
  return a;
}

// The change over so many neighbours, at the first of them; `by` numbers apart.
template <class V>
inline V change(const float* x, int64_t by, int64_t order) {
  const V step = load<V>(x + by) - load<V>(x);
  return order == 1 ? step : load<V>(x + 2 * by) - load<V>(x + by) - step;
}

inline void add(Lanes v, Lanes& many, float&) { many += v; }
inline void add(float v, Lanes&, float& few) { few += v; }

}  // namespace

extern "C" {

// Orders are 0 (nothing is asked of that axis), 1 or 2; writes a sum for every axis.
void EXPORT(lattice_steps)(int, const float* x, int64_t n0, int64_t n1, int64_t n2, int64_t n3,
                           int64_t o0, int64_t o1, int64_t o2, int64_t o3, double* sums) {
  const int64_t sizes[] = {n0, n1, n2, n3}, orders[] = {o0, o1, o2, o3};
  for (int d = 0; d < 4; ++d) {
    sums[d] = 0;
    if (!orders[d]) continue;
    const Axis a = axis(sizes, d);
    const int64_t size = a.count * a.inner, changes = size - orders[d] * a.inner;
    for (int64_t o = 0; o < a.outer; ++o) {
      const float* from = x + o * size;
      Lanes many = {};
      float few = 0;
      along(changes, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        const V e = change<V>(from + i, a.inner, orders[d]);
        add(e * e, many, few);
      });
      sums[d] += double(total(many)) + few;
    }
  }
}

// Adds the gradient of the four sums, each times its weight, to `out`.
void EXPORT(lattice_steps_backward)(int, const float* x, int64_t n0, int64_t n1, int64_t n2,
                                    int64_t n3, int64_t o0, int64_t o1, int64_t o2, int64_t o3,
                                    float w0, float w1, float w2, float w3, float* out) {
  const int64_t sizes[] = {n0, n1, n2, n3}, orders[] = {o0, o1, o2, o3};
  const float weights[] = {w0, w1, w2, w3};
  std::vector<float> held;
  for (int d = 0; d < 4; ++d) {
    if (!orders[d]) continue;
    const Axis a = axis(sizes, d);
    const int64_t by = a.inner, order = orders[d];
    const int64_t size = a.count * by, changes = size - order * by;
    const float weight = 2 * weights[d];
    held.assign(size + order * by, 0.0f);  // changes, zeros before the first and behind the last
    float* first = held.data() + order * by;
    for (int64_t o = 0; o < a.outer; ++o) {
      along(changes, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        store(first + i, weight * change<V>(x + o * size + i, by, order));
      });
      // what a number does to a change mirrors what it does to a step
      const float sign = order == 1 ? -1.0f : 1.0f;
      along(size, [&](auto kind, int64_t i) {
        using V = decltype(kind);
        float* at = out + o * size + i;
        store(at, load<V>(at) + sign * change<V>(held.data() + i, by, order));
      });
    }
  }
}
}
