// SPDX-License-Identifier: Apache-2.0
// Enough of Blink for g++ to run a kernel's own text: images with access and edge modes, vectors,
// parameters by label. Rows count from the bottom, as in Nuke. Reads that Blink leaves undefined
// (off the pixel of a point image, outside without an edge mode) abort.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

struct int2 {
  int x, y;
};

struct float4 {
  float x, y, z, w;
  float4() = default;
  explicit float4(float v) : x(v), y(v), z(v), w(v) {}
  float4(float a, float b, float c, float d) : x(a), y(b), z(c), w(d) {}
  float4& operator+=(const float4& o) { return *this = float4(x + o.x, y + o.y, z + o.z, w + o.w); }
};
inline float4 operator*(const float4& a, float s) { return {a.x * s, a.y * s, a.z * s, a.w * s}; }

// Blink computes in float; the library's overloads would promote.
inline float max(float a, float b) { return a > b ? a : b; }
inline float min(float a, float b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline int min(int a, int b) { return a < b ? a : b; }
inline float clamp(float v, float low, float high) { return min(max(v, low), high); }
namespace blink {
inline float exp(float v) { return std::exp(v); }
inline float sqrt(float v) { return std::sqrt(v); }
inline float fabs(float v) { return std::fabs(v); }
inline float floor(float v) { return std::floor(v); }
inline float ceil(float v) { return std::ceil(v); }
inline float cos(float v) { return std::cos(v); }
inline float atan2(float y, float x) { return std::atan2(y, x); }
}  // namespace blink

enum Access { eAccessPoint, eAccessRandom };
enum Edge { eEdgeClamped, eEdgeConstant, eEdgeNone };
enum Mode { eRead, eWrite };
enum Iteration { ePixelWise };

[[noreturn]] inline void undefined(const char* what) {
  std::fprintf(stderr, "undefined in Blink: %s\n", what);
  std::abort();
}

struct Bounds {
  int x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  int width() const { return x2 - x1; }
  int height() const { return y2 - y1; }
};

template <Mode mode, Access access = eAccessPoint, Edge edge = eEdgeNone>
struct Image {
  Bounds bounds;
  float4* pixels = nullptr;
  int2 at{0, 0};

  auto& operator()() {
    if constexpr (mode == eWrite) return pixels[index(at.x, at.y)];
    else return const_cast<const float4&>(pixels[index(at.x, at.y)]);
  }
  const float4& operator()(int x, int y) const {
    static_assert(mode == eRead && access == eAccessRandom, "random reads of a point image");
    return pixels[index(x, y)];
  }

 private:
  int index(int x, int y) const {
    if (x < bounds.x1 || x >= bounds.x2 || y < bounds.y1 || y >= bounds.y2) {
      if (edge != eEdgeClamped) undefined("a read outside the image");
      x = x < bounds.x1 ? bounds.x1 : x >= bounds.x2 ? bounds.x2 - 1 : x;
      y = y < bounds.y1 ? bounds.y1 : y >= bounds.y2 ? bounds.y2 - 1 : y;
    }
    return (y - bounds.y1) * bounds.width() + x - bounds.x1;
  }
};

template <Iteration>
struct ImageComputationKernel {
  std::map<std::string, float*> floats;
  std::map<std::string, int*> ints;
  void defineParam(float& value, const char* label, float initial) {
    value = initial;
    floats[label] = &value;
  }
  void defineParam(int& value, const char* label, int initial) {
    value = initial;
    ints[label] = &value;
  }
};

using namespace blink;
#define kernel struct
#define param public
#define local public

#include KERNEL_TEXT

static KERNEL_NAME held;

template <typename Picture>
void lay(Picture& image, float* data, int width, int height) {
  image.bounds = Bounds{0, 0, width, height};
  image.pixels = reinterpret_cast<float4*>(data);
}

extern "C" int set_float(const char* label, float value) {
  if (!held.floats.count(label)) return 0;
  *held.floats[label] = value;
  return 1;
}

extern "C" int set_int(const char* label, int value) {
  if (!held.ints.count(label)) return 0;
  *held.ints[label] = value;
  return 1;
}

extern "C" void define_kernel() { held.define(); }

template <typename Kernel>
auto step(Kernel& k, int x, int y, int) -> decltype(k.process(int2{x, y})) {
  return k.process(int2{x, y});
}
template <typename Kernel>
auto step(Kernel& k, int, int, long) -> decltype(k.process()) {
  return k.process();
}

// Images in the order in which the kernel declares them, rows from the bottom, four channels.
extern "C" void run_kernel(float** images, int width, int height) {
  int next = 0;
#define LAY(name) lay(held.name, images[next++], width, height);
  KERNEL_IMAGES
#undef LAY
  held.init();
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) {
#define LAY(name) held.name.at = int2{x, y};
      KERNEL_IMAGES
#undef LAY
      step(held, x, y, 0);
    }
  }
}
