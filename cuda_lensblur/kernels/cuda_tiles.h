// SPDX-License-Identifier: Apache-2.0
// The tiles that the CUDA kernels walk, the pixels in them, and the pre-pass that notes how far
// each tile reaches. Included by cuda_launch.h only.
#pragma once
#include "disc.h"

#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#endif

namespace {

constexpr int kTileX = 32;  // also the lanes of a warp: what depends on the row alone is uniform
constexpr int kTileY = 8;
constexpr int kThreads = kTileX * kTileY;
constexpr int kGroup = 4;  // channels that share one pass

struct alignas(16) Pixel {
  float c[kGroup];
};

struct alignas(16) StagedDisc {  // 16 bytes: read by one instruction
  DiscSpan span;
};

struct Frame {
  int channels, height, width;  // planar, contiguous
  int tiles_x, tiles_y;
};

struct Group {
  int first, count;  // channels of this pass
};

// Largest reach in px, -1 where nothing is spread.
struct Reaches {
  float* strip;  // [B, tiles_y * kTileY, tiles_x]
  float* tile;   // [B, tiles_y, tiles_x]
  float* row;    // [B, tiles_y]
};

// Planes of the definition, each [B, H, W]; the last three are derivatives by the radius.
struct Planes {
  const float *rho, *scale, *centre, *d_rho, *d_scale, *d_centre;
};

struct Columns {
  int first, last;
};

__device__ int64_t pixel_index(const Frame& f, int y, int x) {
  return (int64_t(blockIdx.z) * f.height + y) * f.width + x;
}

__device__ Pixel load_pixel(const Frame& f, Group g, const float* planar, int y, int x) {
  const int64_t plane = int64_t(f.height) * f.width;
  const float* at = planar + (int64_t(blockIdx.z) * f.channels + g.first) * plane;
  Pixel p = {};
#pragma unroll
  for (int c = 0; c < kGroup; ++c)
    if (c < g.count) p.c[c] = at[c * plane + int64_t(y) * f.width + x];
  return p;
}

__device__ void store_pixel(const Frame& f, Group g, float* planar, int y, int x, const Pixel& p) {
  const int64_t plane = int64_t(f.height) * f.width;
  float* at = planar + (int64_t(blockIdx.z) * f.channels + g.first) * plane;
#pragma unroll
  for (int c = 0; c < kGroup; ++c)
    if (c < g.count) at[c * plane + int64_t(y) * f.width + x] = p.c[c];
}

// The light a source spreads. All zero: nothing, as most of a layer is outside its matte.
__device__ Pixel load_spread(const Frame& f, Group g, const float* image, const float* scale,
                             int y, int x) {
  Pixel p = load_pixel(f, g, image, y, x);
  const float s = scale[pixel_index(f, y, x)];
#pragma unroll
  for (int c = 0; c < kGroup; ++c) p.c[c] *= s;
  return p;
}

__device__ bool lit(const Pixel& p) {
  bool any = false;
#pragma unroll
  for (int c = 0; c < kGroup; ++c) any = any || p.c[c] != 0.0f;
  return any;
}

// Distance in px between the nearest pixels of two tiles along one axis.
__device__ float tile_gap(int a, int b, int size) {
  const int tiles = a < b ? b - a : a - b;
  return tiles == 0 ? 0.0f : float((tiles - 1) * size + 1);
}

__device__ bool touches(float reach, float gap_y, float gap_x) {
  return reach >= 0.0f && gap_y * gap_y + gap_x * gap_x <= reach * reach;
}

// How many tiles to either side of its own a reach can touch; the frame is `extent` px long.
__device__ int tiles_aside(float reach, int extent, int size) {
  return int(fminf(reach, float(extent))) / size + 1;
}

// Columns of tile `tile` within `reach` of the strip in tile column `strip`, `dy` rows away.
__device__ Columns columns_in_reach(float reach, float dy, int strip, int tile, int width) {
  const float chord = sqrtf(reach * reach - dy * dy);
  const int half = int(fminf(chord, float(width))) + 1;
  const int start = (strip - tile) * kTileX;
  return {max(0, start - half), min(kTileX - 1, start + kTileX - 1 + half)};
}

// Reduce each thread's reach to that of its strip and its tile.
__device__ void note_reach(const Frame& f, float reach, const Reaches& out) {
  __shared__ float reaches[kTileY][kTileX];
  const int x = threadIdx.x, y = threadIdx.y;
  reaches[y][x] = reach;
  for (int half = kTileX / 2; half > 0; half /= 2) {
    __syncthreads();
    if (x < half) reaches[y][x] = fmaxf(reaches[y][x], reaches[y][x + half]);
  }
  __syncthreads();
  const int64_t row = int64_t(blockIdx.z) * f.tiles_y + blockIdx.y;
  if (x == 0) out.strip[(row * kTileY + y) * f.tiles_x + blockIdx.x] = reaches[y][0];
  if (x == 0 && y == 0) {
    float most = -1.0f;
    for (int strip = 0; strip < kTileY; ++strip) most = fmaxf(most, reaches[strip][0]);
    out.tile[row * f.tiles_x + blockIdx.x] = most;
  }
}

template <int Kind>
__global__ void __launch_bounds__(kThreads)
measure_sources(Frame f, Group g, float beta, const float* image, Planes planes, Reaches out) {
  const int x = blockIdx.x * kTileX + threadIdx.x, y = blockIdx.y * kTileY + threadIdx.y;
  float reach = -1.0f;
  if (x < f.width && y < f.height && lit(load_spread(f, g, image, planes.scale, y, x)))
    reach = disc_reach<Kind>(planes.rho[pixel_index(f, y, x)], beta);
  note_reach(f, reach, out);
}

// Backward, dark sources gather as well: the gradient of their value is not zero. So do sources of
// scale 0 with a slope: a radius of 0 must be able to grow.
template <int Kind>
__global__ void __launch_bounds__(kThreads)
measure_gathers(Frame f, float beta, Planes planes, Reaches out) {
  const int x = blockIdx.x * kTileX + threadIdx.x, y = blockIdx.y * kTileY + threadIdx.y;
  float reach = -1.0f;
  if (x < f.width && y < f.height) {
    const int64_t i = pixel_index(f, y, x);
    if (planes.scale[i] != 0.0f || planes.d_scale[i] != 0.0f)
      reach = disc_reach<Kind>(planes.rho[i], beta);
  }
  note_reach(f, reach, out);
}

// One block for a row of tiles: blockIdx.y.
__global__ void __launch_bounds__(kThreads) measure_rows(Frame f, Reaches reaches) {
  __shared__ float most[kThreads];
  const int64_t row = int64_t(blockIdx.z) * f.tiles_y + blockIdx.y;
  float reach = -1.0f;
  for (int tile = threadIdx.x; tile < f.tiles_x; tile += kThreads)
    reach = fmaxf(reach, reaches.tile[row * f.tiles_x + tile]);
  most[threadIdx.x] = reach;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (int(threadIdx.x) < half)
      most[threadIdx.x] = fmaxf(most[threadIdx.x], most[threadIdx.x + half]);
  }
  if (threadIdx.x == 0) reaches.row[row] = most[0];
}

}  // namespace
