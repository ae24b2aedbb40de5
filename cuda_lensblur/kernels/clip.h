// SPDX-License-Identifier: Apache-2.0
// What cuts a disc by where it lies in the frame: conics, read along one row of the disc. See clip.py.
#pragma once
#include "discs.h"

namespace {

// 0..1 after clamping: a + x (b + x c), x px from the source.
struct Along {
  float a, b, c;
};

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

// One source's conic on the row `dy` below it; `slope`, if asked for, by the radius.
inline Along along(const Clip& clip, int32_t k, int64_t plane, int64_t p, float radius, float dy,
                   Along* slope = nullptr) {
  float q[6];
  for (int i = 0; i < 6; ++i) q[i] = clip.conics[(k * 6 + i) * plane + p];
  const float r = std::max(radius, 1.0f), inverse = 1 / r, v = dy * inverse;
  const float most = 1 / std::max(clip.softness[k], 1e-9f), steep = std::min(r, most);
  const float constant = q[0] + v * (q[2] + v * q[5]), linear = q[1] + v * q[4];
  if (slope) {
    const float d_steep = radius >= 1 && r < most ? 1.0f : 0.0f;
    const float d_inverse = radius >= 1 ? -inverse * inverse : 0.0f, d_v = dy * d_inverse;
    slope->a = d_steep * constant + steep * d_v * (q[2] + 2 * v * q[5]);
    slope->b = (d_steep * inverse + steep * d_inverse) * linear + steep * inverse * q[4] * d_v;
    slope->c = (d_steep * inverse + 2 * steep * d_inverse) * inverse * q[3];
  }
  return {steep * constant + 0.5f, steep * inverse * linear, steep * inverse * inverse * q[3]};
}

// Share of a disc that conics cut: none of the identity's, see identity_blend in kernel.py.
inline float cut_share(float radius) {
  return radius < 1 ? std::max(radius, 0.0f) * (0.9f * radius + 0.1f) : 1.0f;
}

}  // namespace
