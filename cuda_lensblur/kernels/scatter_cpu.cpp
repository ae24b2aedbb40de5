// SPDX-License-Identifier: Apache-2.0
// Scatter blur on the CPU, as gathers: forward gathers around the output pixel, backward around the
// source pixel. No atomics, so results do not depend on the number of threads.
//
// A vector of LANES neighbouring output pixels stays in registers while the sources that can reach
// it pass by; each source costs one unaligned load from its table row, shared by all channels.
// The flat interior of large discs costs two additions a row instead: forward, a source adds its
// light where its chord begins and takes it away where it ends, and a running sum along the row
// fills it in; backward, a chord is the difference of two sums along the row.
#include "scatter_cpu.h"

#include "parallel.h"

#include <algorithm>
#include <cmath>
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
constexpr int kRows = 4;  // that one thread takes at a time

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
  int32_t index;
  int32_t extent;
  float fraction;
  float per_px;  // nodes a px
};

inline Node node_of(const WeightTable& t, float radius) {
  const float knee_px = float(t.knee) * t.fine_step;
  const bool fine = radius < knee_px;
  const float step = fine ? t.fine_step : t.coarse_step;
  const float x = fine ? std::max(radius, 0.0f) / step : float(t.knee) + (radius - knee_px) / step;
  const int32_t i = std::min(int32_t(x), t.nodes - 1);
  return {i, t.extent[i], std::min(x - float(i), 1.0f), 1.0f / step};
}

// Index of the row of a node for the row offset dy of its light.
inline int64_t row_of(const WeightTable& t, int32_t extent, int64_t dy) {
  return t.mirrored ? (dy < 0 ? -dy : dy) : dy + extent;
}

// One source pixel, packed so that the inner loop walks memory in order.
template <int G>
struct Source {
  int64_t offset;
  int32_t extent;
  float fraction;
  float value[G];
};

// The sources of a row that have a flat interior lie between these columns.
struct Span {
  int64_t from = INT64_MAX, to = 0;
  float inner = -1.0f;  // the largest of them, px
};

// What a block of LANES sources has in common.
struct Block {
  int32_t reach = -1;      // largest extent
  float inner = INFINITY;  // smallest flat interior, px
};

// Add the flat interiors that sources in one row spread into another, dy away: ends of chords.
template <int G>
void add_chords(const WeightTable& table, const Source<G>* row, const int32_t* node, Span span,
                int64_t width, int64_t dy, float* ends) {
  for (int64_t x = span.from; x < span.to; ++x) {
    const Source<G>& s = row[x];
    const int32_t n = node[x];
    if (s.extent < dy || table.chord_offset[n] < 0) continue;
    const int32_t half = table.chords[table.chord_offset[n] + dy];
    if (half < 0) continue;
    const float flat = table.flat[2 * n] + s.fraction * table.flat[2 * n + 1];
    float* from = ends + std::max<int64_t>(x - half, 0) * G;
    float* to = ends + std::min<int64_t>(x + half + 1, width) * G;
    for (int g = 0; g < G; ++g) {
      const float v = flat * s.value[g];
      from[g] += v;
      to[g] -= v;
    }
  }
}

template <int G>
void forward_group(int threads, const WeightTable& table, int64_t height, int64_t width,
                   const float* image, const float* radius, float* out) {
  const int64_t plane = height * width;
  const int64_t blocks = (width + LANES - 1) / LANES;
  std::unique_ptr<Source<G>[]> sources(new Source<G>[plane]);
  std::vector<Block> around(height * blocks);
  std::vector<int32_t> row_reach(height, -1);
  std::vector<Span> spans(height);
  float far_radius = 0;
  for (int64_t i = 0; i < plane; ++i) far_radius = std::max(far_radius, radius[i]);
  const bool chords = table.chord_offset[node_of(table, far_radius).index] >= 0;
  std::unique_ptr<int32_t[]> nodes(chords ? new int32_t[plane] : nullptr);

  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t y = from; y < to; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const int64_t i = y * width + x;
        const Node n = node_of(table, radius[i]);
        Source<G>& s = sources[i];
        s.offset = table.offset[n.index];
        s.extent = n.extent;
        s.fraction = n.fraction;
        if (chords) nodes[i] = n.index;
        bool dark = true;
        for (int g = 0; g < G; ++g) {
          s.value[g] = image[g * plane + i];
          dark = dark && s.value[g] == 0.0f;
        }
        if (dark) {  // nothing to give: layers are mostly empty outside their matte
          s.extent = -1;
          continue;
        }
        Block& b = around[y * blocks + x / LANES];
        b.reach = std::max(b.reach, s.extent);
        b.inner = std::min(b.inner, table.inner[n.index]);
        if (table.chord_offset[n.index] < 0) continue;
        Span& span = spans[y];
        span.from = std::min(span.from, x);
        span.to = x + 1;
        span.inner = std::max(span.inner, table.inner[n.index]);
      }
      for (int64_t b = 0; b < blocks; ++b)
        row_reach[y] = std::max(row_reach[y], around[y * blocks + b].reach);
    }
  });
  const int64_t far = *std::max_element(row_reach.begin(), row_reach.end());

  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t y = from; y < to; ++y) {
      const int64_t top = std::max<int64_t>(0, y - far), bottom = std::min(height - 1, y + far);
      std::vector<float> ends, filled;
      if (chords) {
        ends.assign((width + 1) * G, 0.0f);
        filled.assign(G * blocks * LANES, 0.0f);
      for (int64_t qy = top; qy <= bottom; ++qy) {
          const int64_t dy = qy < y ? y - qy : qy - y;
          if (float(dy) <= spans[qy].inner)
            add_chords<G>(table, sources.get() + qy * width, nodes.get() + qy * width, spans[qy],
                          width, dy, ends.data());
        }
        double sum[G] = {};
        for (int64_t x = 0; x < width; ++x)
          for (int g = 0; g < G; ++g)
            filled[g * blocks * LANES + x] = float(sum[g] += ends[x * G + g]);
      }
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t x0 = block * LANES;
        Vec acc[G] = {};
        if (chords)
          for (int g = 0; g < G; ++g) acc[g] = load(filled.data() + (g * blocks + block) * LANES);
        for (int64_t qy = top; qy <= bottom; ++qy) {
          const int64_t dy = qy < y ? y - qy : qy - y;
          const int64_t side = row_reach[qy];
          if (side < dy) continue;
          const int64_t first = std::max<int64_t>(0, (x0 - side) / LANES);
          const int64_t last = std::min(blocks - 1, (x0 + LANES - 1 + side) / LANES);
          for (int64_t b = first; b <= last; ++b) {
            const Block& common = around[qy * blocks + b];
            const int32_t r = common.reach;
            if (r < dy) continue;
            // every lane inside the flat interior of every source here: it is filled in already
            const int64_t apart = (b > block ? b - block : block - b) * LANES + LANES - 1;
            if (common.inner > 0 &&
                common.inner * common.inner >= float(dy * dy + (apart + 1) * (apart + 1)))
              continue;
            const int64_t from = std::max(b * LANES, x0 - r);
            const int64_t to = std::min({(b + 1) * LANES - 1, x0 + LANES - 1 + r, width - 1});
            for (int64_t qx = from; qx <= to; ++qx) {
              const Source<G>& s = sources[qy * width + qx];
              const int64_t shift = x0 - qx + s.extent + kPad;
              if (s.extent < dy || shift < 0 || shift > 2 * s.extent + kPad) continue;
              const int64_t stride = row_stride(s.extent);
              const float* row =
                  table.weights + s.offset + row_of(table, s.extent, y - qy) * stride + shift;
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
  });
}

// The incoming gradient, laid out for the backward pass.
struct Padded {
  const float* rows;    // with a border wide enough that no load leaves it
  int64_t border, width;
  const float* sums;    // [channel][row][width of the frame + 1] sums along the rows, or null
};

template <int G>
void backward_group(int threads, const WeightTable& table, int64_t height, int64_t width,
                    const Padded& grad, const float* image, const float* radius,
                    float* grad_image, float* grad_radius) {
  const int64_t plane = height * width;
  const int64_t padded_plane = height * grad.width;
  const int64_t sums_plane = height * (width + 1);
  parallel_for(threads, height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t y = from; y < to; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const int64_t i = y * width + x;
        const Node n = node_of(table, radius[i]);
        const int64_t stride = row_stride(n.extent);
        const int64_t chord_at = table.chord_offset[n.index];
        const int64_t end = 2 * n.extent + 1;
        Vec at[G] = {}, slope[G] = {};  // sums with the node's weights and with their differences
        double inside[G] = {};          // sums over the flat interior
        const int64_t y_from = std::max<int64_t>(0, y - n.extent);
        const int64_t y_to = std::min<int64_t>(height - 1, y + n.extent);
        for (int64_t py = y_from; py <= y_to; ++py) {
          const int64_t dy = py < y ? y - py : py - y;
          const float* row = table.weights + table.offset[n.index] +
                             row_of(table, n.extent, py - y) * stride + kPad;
          const float* diff = row + stride / 2;
          const float* g0 = grad.rows + py * grad.width + grad.border + x - n.extent;
          int64_t hole_from = end, hole_to = end;  // columns of the row that hold zeros
          if (chord_at >= 0) {
            const int32_t half = table.chords[chord_at + dy];
            if (half >= 0) {
              const float* p = grad.sums + py * (width + 1);
              const int64_t lo = std::max<int64_t>(x - half, 0);
              const int64_t hi = std::min<int64_t>(x + half + 1, width);
              for (int g = 0; g < G; ++g) inside[g] += p[g * sums_plane + hi] - p[g * sums_plane + lo];
              hole_from = n.extent - half;
              hole_to = n.extent + half + 1;
            }
          }
          for (int64_t k = 0; k < end; k += LANES) {
            if (k >= hole_from && k + LANES <= hole_to) {
              k = (hole_to / LANES - 1) * LANES;  // go on at the block where the interior ends
              continue;
            }
            const Vec w = load(row + k), d = load(diff + k);
            for (int g = 0; g < G; ++g) {
              const Vec v = load(g0 + g * padded_plane + k);
              at[g] += v * w;
              slope[g] += v * d;
            }
          }
        }
        const float flat = table.flat[2 * n.index], flat_change = table.flat[2 * n.index + 1];
        float dr = 0;
        for (int g = 0; g < G; ++g) {
          const float s = lane_sum(slope[g]) + flat_change * float(inside[g]);
          grad_image[g * plane + i] = lane_sum(at[g]) + flat * float(inside[g]) + n.fraction * s;
          dr += image[g * plane + i] * s;
        }
        grad_radius[i] += dr * n.per_px;
      }
    }
  });
}

void forward(int threads, const WeightTable& table, Frame f, const float* image,
             const float* radius, float* out) {
  const int64_t plane = f.height * f.width;
  for (int64_t c = 0; c < f.channels; c += kGroup) {
    const float* in = image + c * plane;
    float* o = out + c * plane;
    switch (std::min<int64_t>(kGroup, f.channels - c)) {
      case 1: forward_group<1>(threads, table, f.height, f.width, in, radius, o); break;
      case 2: forward_group<2>(threads, table, f.height, f.width, in, radius, o); break;
      case 3: forward_group<3>(threads, table, f.height, f.width, in, radius, o); break;
      default: forward_group<4>(threads, table, f.height, f.width, in, radius, o);
    }
  }
}

void backward(int threads, const WeightTable& table, Frame f, const float* grad,
              const float* image, const float* radius, float* grad_image, float* grad_radius) {
  const int64_t plane = f.height * f.width;
  float far_radius = 0;
  for (int64_t i = 0; i < plane; ++i) far_radius = std::max(far_radius, radius[i]);
  const Node far = node_of(table, far_radius);
  const int64_t border = far.extent + LANES;
  const int64_t padded_width = f.width + 2 * border;
  const int64_t group = std::min<int64_t>(kGroup, f.channels);
  const bool chords = table.chord_offset[far.index] >= 0;
  std::vector<float> padded(group * f.height * padded_width, 0.0f);
  std::vector<float> sums(chords ? group * f.height * (f.width + 1) : 0);
  std::memset(grad_radius, 0, plane * sizeof(float));
  for (int64_t c = 0; c < f.channels; c += kGroup) {
    const int64_t n = std::min<int64_t>(kGroup, f.channels - c);
  parallel_for(threads, n * f.height, kRows, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) {
        const float* from = grad + c * plane + row * f.width;
        std::memcpy(padded.data() + row * padded_width + border, from, f.width * sizeof(float));
        if (!chords) continue;
        float* sum = sums.data() + row * (f.width + 1);
        double total = sum[0] = 0;
      for (int64_t x = 0; x < f.width; ++x) sum[x + 1] = float(total += from[x]);
      }
  });
    const float* in = image + c * plane;
    float* o = grad_image + c * plane;
    const auto run = n == 1 ? backward_group<1> : n == 2 ? backward_group<2>
                   : n == 3 ? backward_group<3> : backward_group<4>;
    run(threads, table, f.height, f.width, {padded.data(), border, padded_width, sums.data()}, in,
        radius, o, grad_radius);
  }
}

#define STRING_(x) #x
#define STRING(x) STRING_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

}  // namespace

extern const ScatterKernels JOIN(scatter_kernels_, ISA);
const ScatterKernels JOIN(scatter_kernels_, ISA) = {STRING(ISA), forward, backward};
