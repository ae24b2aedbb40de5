// SPDX-License-Identifier: Apache-2.0
// Sources as the forward pass reads them: where in the table each one's disc lies, block by block how
// far it reaches, and rows of light, padded and side by side, for a tile.
#pragma once
#include "clip.h"
#include "parallel.h"

namespace {

// Where sources lie in the table, and what blocks of them have in common.
struct Field {
  std::vector<int32_t> node;    // [height][width]; -1: gives no light
  std::vector<float> fraction;  // [height][width]
  std::vector<int32_t> reach;   // [height][blocks] largest extent, -1 where all is dark
  std::vector<uint8_t> flat;    // [height] whether the row has flat interiors
  int64_t blocks;
  int32_t far;                  // largest extent
};

template <int G>
Field read_field(int threads, const WeightTable& table, int64_t height, int64_t width,
                 const float* image, const float* radius) {
  const int64_t plane = height * width;
  Field f;
  f.blocks = (width + kBlock - 1) / kBlock;
  f.node.resize(plane);
  f.fraction.resize(plane);
  f.reach.assign(height * f.blocks, -1);
  f.flat.assign(height, 0);
  parallel_for(threads, height, 16, [&](int64_t from, int64_t to) {
    for (int64_t y = from; y < to; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const int64_t i = y * width + x;
        const Node n = node_of(table, radius[i]);
        bool dark = true;  // layers are mostly empty outside their matte
        for (int g = 0; g < G; ++g) dark = dark && image[g * plane + i] == 0.0f;
        f.node[i] = dark ? -1 : n.index;
        f.fraction[i] = n.fraction;
        if (dark) continue;
        int32_t& reach = f.reach[y * f.blocks + x / kBlock];
        reach = std::max(reach, table.extent[n.index]);
        f.flat[y] |= table.inner[n.index] >= 0;
      }
    }
  });
  f.far = f.reach.empty() ? -1 : *std::max_element(f.reach.begin(), f.reach.end());
  return f;
}

// One row of sources beside a tile. Those of column `left + i` are at index i.
template <int G, bool Cut>
struct SourceRow {
  struct Light {
    float value[G];
    float fraction;
  };
  std::vector<Light> light;
  struct Run {
    int64_t first, last;
    int32_t inner;
  };
  std::vector<int32_t> centre, extent;  // extent -1: dark
  std::vector<float> flat;              // [n][G] light of the flat interior
  std::vector<Run> runs;                // neighbours whose flat interiors have one radius
  std::vector<int32_t> block_inner;     // [blocks] the smallest of those that give light
  std::vector<float> conics;            // [count][6][n] over px
  std::vector<float> share;             // [n] of the disc that they cut
  int32_t conic_count = 0;
  int32_t reach;                        // the largest extent
  int64_t left, n;

  void resize(int64_t most) {
    light.resize(most);
    for (auto* v : {&centre, &extent}) v->resize(most);
    block_inner.resize(most / kBlock + 1);
  }

  void read(const WeightTable& table, const Field& field, int64_t y, int64_t width,
            const float* image, const float* gains, int64_t plane, bool interiors) {
    runs.clear();
    if (interiors) flat.resize(n * G);
    std::fill(block_inner.begin(), block_inner.end(), INT32_MAX);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t p = y * width + left + i;
      const int32_t node = field.node[p];
      const int32_t k = std::max(node, 0);
      Light& l = light[i];
      for (int g = 0; g < G; ++g) l.value[g] = image[g * plane + p] * (Cut ? gains[p] : 1.0f);
      l.fraction = field.fraction[p];
      centre[i] = int32_t(table.centre[k]);
      extent[i] = node < 0 ? -1 : table.extent[k];
      if (!interiors || node < 0) continue;
      const int32_t inner = table.inner[k];
      block_inner[i / kBlock] = std::min(block_inner[i / kBlock], inner);
      if (inner < 0) continue;
      const float value = table.flat[2 * k] + l.fraction * table.flat[2 * k + 1];
      for (int g = 0; g < G; ++g) flat[i * G + g] = value * l.value[g];
      if (!runs.empty() && runs.back().last == i - 1 && runs.back().inner == inner)
        runs.back().last = i;
      else
        runs.push_back({i, i, inner});
    }
  }

  void read_conics(const Clip& clip, const float* radius, int64_t y, int64_t width,
                   int64_t plane) {
    conic_count = clip.count;
    conics.resize(conic_count * 6 * n);
    share.resize(n);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t p = y * width + left + i;
      share[i] = cut_share(radius[p]);
      for (int32_t k = 0; k < conic_count; ++k) {
        const Conic q = conic_of(clip, k, plane, p, radius[p]);
        for (int j = 0; j < 6; ++j) conics[(k * 6 + j) * n + i] = q.c[j];
      }
    }
  }
};

}  // namespace
