// SPDX-License-Identifier: Apache-2.0
// What cuts a disc by where it lies in the frame: conics, read along one row of the disc. Written
// once for host and device; see clip.py.
#pragma once
#include "both_sides.h"

#include <cstdint>

constexpr int32_t kMostConics = 8;
constexpr float kLeastLeft = 1e-4f;  // of a disc that is cut: below, light is lost

namespace {

// A conic of one source at (x, y) px from it, 0..1 after clamping: c0 + c1 x + c2 y + c3 x^2 + c4 x y
// + c5 y^2.
struct Conic {
  float c[6];
};

// The same on one row: a + x (b + x c).
struct Along {
  float a, b, c;
};

// Bring a conic q, in radii, to px of a disc of `radius`, the ramp across its edge in it; `slope`, if
// asked for, is its derivative by the radius.
BOTH_SIDES Conic in_px(const float (&q)[6], float softness, float radius, Conic* slope = nullptr) {
  const float r = radius > 1.0f ? radius : 1.0f, inverse = 1 / r;
  const float most = 1 / (softness > 1e-9f ? softness : 1e-9f), steep = r < most ? r : most;
  const float linear = steep * inverse, square = linear * inverse;
  if (slope) {
    const float d_steep = radius >= 1 && r < most ? 1.0f : 0.0f;
    const float d_inverse = radius >= 1 ? -inverse * inverse : 0.0f;
    const float d_linear = d_steep * inverse + steep * d_inverse;
    const float d_square = d_linear * inverse + linear * d_inverse;
    *slope = {{d_steep * q[0], d_linear * q[1], d_linear * q[2], d_square * q[3], d_square * q[4],
               d_square * q[5]}};
  }
  return {{steep * q[0] + 0.5f, linear * q[1], linear * q[2], square * q[3], square * q[4],
           square * q[5]}};
}

BOTH_SIDES Along along(const Conic& q, float y) {
  return {q.c[0] + y * (q.c[2] + y * q.c[5]), q.c[1] + y * q.c[4], q.c[3]};
}

// Share of a disc that conics cut: none of the identity's, see identity_blend in kernel.py.
BOTH_SIDES float cut_share(float radius) {
  const float least = radius > 0.0f ? radius : 0.0f;
  return radius < 1 ? least * (0.9f * radius + 0.1f) : 1.0f;
}

// Its derivative by the radius.
BOTH_SIDES float cut_share_slope(float radius) { return radius < 1 ? 1.8f * radius + 0.1f : 0.0f; }

}  // namespace
