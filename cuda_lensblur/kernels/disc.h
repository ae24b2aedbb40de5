// SPDX-License-Identifier: Apache-2.0
// The shapes a disc of light can have, written once for host and device: the weight k(rho, t) at
// distance t from the centre of a disc of radius rho, and its slope dk/drho. Lengths in px.
//
// Callers hold squared distances, so that a pixel outside the disc, or on the flat inside of it,
// is settled by a comparison: no root, no exponential, and exact at the cut-off radii, where the
// fast square root of a GPU may land on the wrong side of a step.
#pragma once
#include "both_sides.h"

#include <cmath>

enum DiscKind { kSoapBubble = 0, kGaussian = 1, kHardDisc = 2, kTanh = 3, kExtendedBox = 4 };
constexpr int kDiscKinds = 5;

struct DiscValue {
  float weight;
  float slope;  // d weight / d rho
};

struct DiscSpan {
  float rho;
  float flat2;   // weight 1, slope 0 up to this squared distance; -1: nowhere
  float reach2;  // nothing beyond this squared distance; -1: nothing at all
};

BOTH_SIDES DiscSpan no_disc() { return {0.0f, -1.0f, -1.0f}; }

BOTH_SIDES float disc_exp(float x) {
#if defined(__CUDA_ARCH__)
  return __expf(x);
#else
  return std::exp(x);
#endif
}

// How far a soap bubble's tail goes: beyond, its weight is below 1e-3 and is cut.
BOTH_SIDES float soap_tail(float beta) { return beta < 2.0f ? 6.0f / beta : 3.0f; }

// How far a disc spreads from its centre.
template <int Kind>
BOTH_SIDES float disc_reach(float rho, float beta) {
  if constexpr (Kind == kSoapBubble) return rho + soap_tail(beta);
  if constexpr (Kind == kGaussian) return 3.5f * rho;
  if constexpr (Kind == kTanh) return rho + 1.5f;
  if constexpr (Kind == kExtendedBox) return rho + 0.5f;
  return rho;
}

// How far from its centre a disc is flat: weight 1 and slope 0 to the precision of a float.
template <int Kind>
BOTH_SIDES float disc_flat(float rho, float beta) {
  if constexpr (Kind == kSoapBubble) return rho - 20.0f / beta;  // d e^-20: below 1e-7
  if constexpr (Kind == kGaussian) return -1.0f;
  if constexpr (Kind == kTanh) return rho - 2.5f;  // 1 - tanh(10) = 4e-9
  if constexpr (Kind == kExtendedBox) return rho - 0.5f;
  return rho;
}

template <int Kind>
BOTH_SIDES DiscSpan disc_span(float rho, float beta) {
  const float reach = disc_reach<Kind>(rho, beta);
  const float flat = disc_flat<Kind>(rho, beta);
  return {rho, flat < 0.0f ? -1.0f : flat * flat, reach * reach};
}

// Whether the disc has a weight at squared distance t2. Soap bubble, tanh and box end before their
// reach, the other two at it.
template <int Kind>
BOTH_SIDES bool disc_within(const DiscSpan& disc, float t2) {
  if constexpr (Kind == kGaussian || Kind == kHardDisc) return t2 <= disc.reach2;
  return t2 < disc.reach2;
}

// Weight and slope where the disc is neither flat nor over; d is the distance to its edge.
template <int Kind>
BOTH_SIDES DiscValue disc_edge(float rho, float t2, float beta) {
  if constexpr (Kind == kGaussian) {
    const float inverse = 1.0f / (rho > 1e-4f ? rho : 1e-4f);  // rho 0: its centre only, no NaN
    const float x = t2 * inverse * inverse;
    const float k = disc_exp(-0.5f * x);
    return {k, k * x * inverse};
  }
  const float d = rho - std::sqrt(t2);
  if constexpr (Kind == kSoapBubble) {
    // The forms for d >= 0 and d < 0 differ by a factor e above and below: neither overflows.
    const float e = disc_exp(-beta * std::fabs(d));
    const float inverse = 1.0f / (d >= 0.0f ? 1.0f - d * e : e - d);
    return {(d >= 0.0f ? 1.0f : e) * inverse, (1.0f - beta * d) * e * inverse * inverse};
  }
  if constexpr (Kind == kTanh) {
    // 0.5 + 0.5 tanh(4 d) as a logistic curve: one exponential instead of tanh
    const float k = 1.0f / (1.0f + disc_exp(-8.0f * d));
    return {k, 8.0f * k * (1.0f - k)};
  }
  if constexpr (Kind == kExtendedBox) {
    const float k = d + 0.5f;
    return {k < 0.0f ? 0.0f : k > 1.0f ? 1.0f : k, 1.0f};
  }
  return {1.0f, 0.0f};
}

// Weight and slope at a squared distance for which disc_within holds.
template <int Kind>
BOTH_SIDES DiscValue disc_inside(const DiscSpan& disc, float t2, float beta) {
  if (t2 <= disc.flat2) return {1.0f, 0.0f};
  return disc_edge<Kind>(disc.rho, t2, beta);
}

// Weight and slope at any squared distance.
template <int Kind>
BOTH_SIDES DiscValue disc_value(const DiscSpan& disc, float t2, float beta) {
  if (!disc_within<Kind>(disc, t2)) return {0.0f, 0.0f};
  return disc_inside<Kind>(disc, t2, beta);
}
