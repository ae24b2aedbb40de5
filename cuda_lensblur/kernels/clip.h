// SPDX-License-Identifier: Apache-2.0
// Conics that cut discs, for the vectors of one instruction set. See conic.h.
#pragma once
#include "conic.h"
#include "discs.h"

namespace {

inline Vec ramp(const Along& t, Vec x) { return t.a + x * (t.b + x * t.c); }

inline Vec clamped(Vec v) {
  const Vec zero{}, one = zero + 1.0f;
  v = v > zero ? v : zero;
  return v < one ? v : one;
}

inline Vec steps() {
  Vec v;
  for (int i = 0; i < LANES; ++i) v[i] = float(i);
  return v;
}

// Conic k of the source at p, over px of a disc of its radius; `slope`, if asked for, by the radius.
inline Conic conic_of(const Clip& clip, int32_t k, int64_t plane, int64_t p, float radius,
                      Conic* slope = nullptr) {
  float q[6];
  for (int i = 0; i < 6; ++i) q[i] = clip.conics[(k * 6 + i) * plane + p];
  return in_px(q, clip.softness[k], radius, slope);
}

}  // namespace
