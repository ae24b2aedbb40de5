// SPDX-License-Identifier: Apache-2.0
// Scatter blur on the CPU, as gathers: forward gathers around the output pixel, backward around the
// source pixel. No atomics, so results do not depend on the number of threads.
//
// A vector of LANES neighbouring output pixels stays in registers while the sources that can reach
// it pass by; each source costs one unaligned load from its table row, shared by all channels.
#include "scatter_cpu.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#ifndef ISA
#define ISA generic
#define LANES 4
#endif

namespace {

constexpr int kPad = 15;  // zeros left of a table row, see WeightTable
constexpr int kGroup = 4; // channels that share one pass

typedef float Vec __attribute__((vector_size(LANES * 4)));
typedef float VecU __attribute__((vector_size(LANES * 4), aligned(4)));

inline Vec load(const float* p) { return *reinterpret_cast<const VecU*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<VecU*>(p) = v; }
inline int64_t row_stride(int32_t extent) { return 2 * (2 * int64_t(extent) + 2 * kPad + 2); }
inline float lane_sum(Vec v) {
  float s = 0;
  for (int i = 0; i < LANES; ++i) s += v[i];
  return s;
}

struct Node {
  int64_t offset;
  int32_t extent;
  float fraction;
};

inline Node node_of(const WeightTable& t, float radius) {
  const float x = std::max(radius, 0.0f) / t.step;
  const int32_t i = std::min(int32_t(x), t.nodes - 1);
  return {t.offset[i], t.extent[i], std::min(x - float(i), 1.0f)};
}

// One source pixel, packed so that the inner loop walks memory in order.
template <int G>
struct Source {
  int64_t offset;
  int32_t extent;
  float fraction;
  float value[G];
};

template <int G>
void forward_group(const WeightTable& table, int64_t height, int64_t width, const float* image,
                   const float* radius, float* out) {
  const int64_t plane = height * width;
  const int64_t blocks = (width + LANES - 1) / LANES;
  std::unique_ptr<Source<G>[]> sources(new Source<G>[plane]);
  std::vector<int32_t> reach(height * blocks, -1);  // largest extent in a block of sources
  std::vector<int32_t> row_reach(height, -1);

#pragma omp parallel for schedule(static)
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const int64_t i = y * width + x;
      const Node n = node_of(table, radius[i]);
      Source<G>& s = sources[i];
      s.offset = n.offset;
      s.extent = n.extent;
      s.fraction = n.fraction;
      bool dark = true;
      for (int g = 0; g < G; ++g) {
        s.value[g] = image[g * plane + i];
        dark = dark && s.value[g] == 0.0f;
      }
      if (dark) s.extent = -1;  // nothing to give: layers are mostly empty outside their matte
      int32_t& r = reach[y * blocks + x / LANES];
      r = std::max(r, s.extent);
    }
    for (int64_t b = 0; b < blocks; ++b) row_reach[y] = std::max(row_reach[y], reach[y * blocks + b]);
  }
  const int64_t far = *std::max_element(row_reach.begin(), row_reach.end());

#pragma omp parallel for schedule(dynamic, 4)
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t x0 = block * LANES;
      Vec acc[G] = {};
      for (int64_t qy = std::max<int64_t>(0, y - far); qy <= std::min(height - 1, y + far); ++qy) {
        const int64_t dy = qy < y ? y - qy : qy - y;
        const int64_t side = row_reach[qy];
        if (side < dy) continue;
        const int64_t first = std::max<int64_t>(0, (x0 - side) / LANES);
        const int64_t last = std::min(blocks - 1, (x0 + LANES - 1 + side) / LANES);
        for (int64_t b = first; b <= last; ++b) {
          const int32_t r = reach[qy * blocks + b];
          if (r < dy) continue;
          const int64_t from = std::max(b * LANES, x0 - r);
          const int64_t to = std::min({(b + 1) * LANES - 1, x0 + LANES - 1 + r, width - 1});
          for (int64_t qx = from; qx <= to; ++qx) {
            const Source<G>& s = sources[qy * width + qx];
            const int64_t shift = x0 - qx + s.extent + kPad;
            if (s.extent < dy || shift < 0 || shift > 2 * s.extent + kPad) continue;
            const int64_t stride = row_stride(s.extent);
            const float* row = table.weights + s.offset + dy * stride + shift;
            const Vec w = load(row) + s.fraction * load(row + stride / 2);
            for (int g = 0; g < G; ++g) acc[g] += s.value[g] * w;
          }
        }
      }
      const int64_t n = std::min<int64_t>(LANES, width - x0);
      for (int g = 0; g < G; ++g) {
        float* o = out + g * plane + y * width + x0;
        if (n == LANES) store(o, acc[g]);
        else for (int64_t k = 0; k < n; ++k) o[k] = acc[g][k];
      }
    }
  }
}

// `padded` holds the incoming gradient with a border wide enough that no load leaves it.
template <int G>
void backward_group(const WeightTable& table, int64_t height, int64_t width, const float* padded,
                    int64_t border, int64_t padded_width, const float* image, const float* radius,
                    float* grad_image, float* grad_radius) {
  const int64_t plane = height * width;
  const int64_t padded_plane = height * padded_width;
#pragma omp parallel for schedule(dynamic, 4)
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const int64_t i = y * width + x;
      const Node n = node_of(table, radius[i]);
      const int64_t stride = row_stride(n.extent);
      Vec at[G] = {}, slope[G] = {};  // sums with the node's weights and with their differences
      const int64_t y_from = std::max<int64_t>(0, y - n.extent);
      const int64_t y_to = std::min<int64_t>(height - 1, y + n.extent);
      for (int64_t py = y_from; py <= y_to; ++py) {
        const int64_t dy = py < y ? y - py : py - y;
        const float* row = table.weights + n.offset + dy * stride + kPad;
        const float* diff = row + stride / 2;
        const float* g0 = padded + py * padded_width + border + x - n.extent;
        for (int64_t k = 0; k <= 2 * n.extent; k += LANES) {
          const Vec w = load(row + k), d = load(diff + k);
          for (int g = 0; g < G; ++g) {
            const Vec v = load(g0 + g * padded_plane + k);
            at[g] += v * w;
            slope[g] += v * d;
          }
        }
      }
      float dr = 0;
      for (int g = 0; g < G; ++g) {
        const float s = lane_sum(slope[g]);
        grad_image[g * plane + i] = lane_sum(at[g]) + n.fraction * s;
        dr += image[g * plane + i] * s;
      }
      grad_radius[i] += dr / table.step;
    }
  }
}

void forward(const WeightTable& table, Frame f, const float* image, const float* radius,
             float* out) {
  const int64_t plane = f.height * f.width;
  for (int64_t c = 0; c < f.channels; c += kGroup) {
    const float* in = image + c * plane;
    float* o = out + c * plane;
    switch (std::min<int64_t>(kGroup, f.channels - c)) {
      case 1: forward_group<1>(table, f.height, f.width, in, radius, o); break;
      case 2: forward_group<2>(table, f.height, f.width, in, radius, o); break;
      case 3: forward_group<3>(table, f.height, f.width, in, radius, o); break;
      default: forward_group<4>(table, f.height, f.width, in, radius, o);
    }
  }
}

void backward(const WeightTable& table, Frame f, const float* grad, const float* image,
              const float* radius, float* grad_image, float* grad_radius) {
  const int64_t plane = f.height * f.width;
  float far_radius = 0;
  for (int64_t i = 0; i < plane; ++i) far_radius = std::max(far_radius, radius[i]);
  const int64_t border = node_of(table, far_radius).extent + LANES;
  const int64_t padded_width = f.width + 2 * border;
  const int64_t group = std::min<int64_t>(kGroup, f.channels);
  std::vector<float> padded(group * f.height * padded_width, 0.0f);
  std::memset(grad_radius, 0, plane * sizeof(float));
  for (int64_t c = 0; c < f.channels; c += kGroup) {
    const int64_t n = std::min<int64_t>(kGroup, f.channels - c);
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < n * f.height; ++row)
      std::memcpy(padded.data() + row * padded_width + border,
                  grad + c * plane + row * f.width, f.width * sizeof(float));
    const float* in = image + c * plane;
    float* o = grad_image + c * plane;
    const auto run = n == 1 ? backward_group<1> : n == 2 ? backward_group<2>
                   : n == 3 ? backward_group<3> : backward_group<4>;
    run(table, f.height, f.width, padded.data(), border, padded_width, in, radius, o, grad_radius);
  }
}

#define STRING_(x) #x
#define STRING(x) STRING_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

}  // namespace

extern const ScatterKernels JOIN(scatter_kernels_, ISA);
const ScatterKernels JOIN(scatter_kernels_, ISA) = {STRING(ISA), forward, backward};
