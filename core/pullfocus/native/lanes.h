// SPDX-License-Identifier: Apache-2.0
// Several numbers at once, and elementary functions that compilers can work out on all of them.
// Loops that are written for one type `V` run on `Lanes`, and on `float` for what is left of a row.
#pragma once
#include <cstdint>
#include <cstring>

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define EXPORT(name) JOIN(name, ISA)

namespace {

typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef float LanesU __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t Whole __attribute__((vector_size(4 * LANES)));

template <class V>
inline V load(const float* p);
template <>
inline Lanes load<Lanes>(const float* p) {
  return *reinterpret_cast<const LanesU*>(p);
}
template <>
inline float load<float>(const float* p) {
  return *p;
}
inline void store(float* p, Lanes v) { *reinterpret_cast<LanesU*>(p) = v; }
inline void store(float* p, float v) { *p = v; }

inline Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }
inline float larger(float a, float b) { return a > b ? a : b; }
inline Lanes smaller(Lanes a, Lanes b) { return a < b ? a : b; }
inline float smaller(float a, float b) { return a < b ? a : b; }

inline float total(float v) { return v; }
inline float total(Lanes v) {
  float held[LANES], sum = 0;
  std::memcpy(held, &v, sizeof v);
  for (float one : held) sum += one;
  return sum;
}

// Calls each(V(), x) for x = 0, LANES, ... and one by one for what is left of `count`.
template <class Each>
inline void along(int64_t count, const Each& each) {
  int64_t x = 0;
  for (; x + LANES <= count; x += LANES) each(Lanes{}, x);
  for (; x < count; ++x) each(0.0f, x);
}

// The same for loops that only write what they work out from what others wrote: the last numbers
// are worked out together with some before them, once more. A number then comes out the same to the
// bit wherever it lies in its row, which decisions at a bound hang on.
template <class Each>
inline void each_of(int64_t count, const Each& each) {
  if (count < LANES) {
    for (int64_t x = 0; x < count; ++x) each(0.0f, x);
    return;
  }
  int64_t x = 0;
  for (; x + LANES <= count; x += LANES) each(Lanes{}, x);
  if (x < count) each(Lanes{}, count - LANES);
}

inline Whole bits(Lanes v) {
  Whole out;
  std::memcpy(&out, &v, sizeof v);
  return out;
}
inline int32_t bits(float v) {
  int32_t out;
  std::memcpy(&out, &v, sizeof v);
  return out;
}
inline Lanes from_bits(Whole v) {
  Lanes out;
  std::memcpy(&out, &v, sizeof v);
  return out;
}
inline float from_bits(int32_t v) {
  float out;
  std::memcpy(&out, &v, sizeof v);
  return out;
}
inline Whole whole(Lanes v) { return __builtin_convertvector(v, Whole); }
inline int32_t whole(float v) { return int32_t(v); }
inline Lanes real(Whole v) { return __builtin_convertvector(v, Lanes); }
inline float real(int32_t v) { return float(v); }

// 2^x for x in -126..126; relative error 1e-7
template <class V>
inline V exp2_of(V x) {
  x = larger(smaller(x, V{} + 126.0f), V{} - 126.0f);
  const auto n = whole(x + 256.5f) - 256;  // truncated above zero: rounded
  const V t = x - real(n);
  V p = V{} + 1.5252733804e-5f;
  p = p * t + 1.5403530393e-4f;
  p = p * t + 1.3333558146e-3f;
  p = p * t + 9.6181291076e-3f;
  p = p * t + 5.5504108665e-2f;
  p = p * t + 2.4022650696e-1f;
  p = p * t + 6.9314718056e-1f;
  p = p * t + 1.0f;
  return p * from_bits((n + 127) << 23);
}

// log2 of a positive normal number; error 1e-7, relative or absolute
template <class V>
inline V log2_of(V x) {
  const auto held = bits(x);
  const auto e = (held - 0x3f3504f3) >> 23;
  const V m = from_bits(held - (e << 23));  // within a factor of sqrt(2) of 1
  const V s = (m - 1.0f) / (m + 1.0f), q = s * s;
  V p = V{} + 0.3205988f;
  p = p * q + 0.4121985f;
  p = p * q + 0.5770780f;
  p = p * q + 0.9617967f;
  p = p * q + 2.8853901f;
  return p * s + real(e);
}

template <class V>
inline V exp_of(V x) {
  return exp2_of<V>(x * 1.44269504f);
}

}  // namespace
