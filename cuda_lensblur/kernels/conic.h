// SPDX-License-Identifier: Apache-2.0
// What cuts a disc by where it lies in the frame: conics, read along one row of the disc. Written
// once for host and device; see clip.py.
#pragma once
#include "both_sides.h"

#include <cstdint>

constexpr int32_t kMostConics = 8;
constexpr float kLeastLeft = 1e-4f;  // of a disc that is cut: below, light is lost

namespace {

// 0..1 after clamping: a + x (b + x c), x px from the source.
struct Along {
  float a, b, c;
};

// A source's conic q on the row `dy` below it; `slope`, if asked for, by the radius.
BOTH_SIDES Along along(const float (&q)[6], float softness, float radius, float dy,
                       Along* slope = nullptr) {
  const float r = radius > 1.0f ? radius : 1.0f, inverse = 1 / r, v = dy * inverse;
  const float most = 1 / (softness > 1e-9f ? softness : 1e-9f), steep = r < most ? r : most;
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
BOTH_SIDES float cut_share(float radius) {
  const float least = radius > 0.0f ? radius : 0.0f;
  return radius < 1 ? least * (0.9f * radius + 0.1f) : 1.0f;
}

// Its derivative by the radius.
BOTH_SIDES float cut_share_slope(float radius) { return radius < 1 ? 1.8f * radius + 0.1f : 0.0f; }

}  // namespace
