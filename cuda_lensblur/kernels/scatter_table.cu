// SPDX-License-Identifier: Apache-2.0
// Scatter blur on a GPU by a table of weights: irises, pictures, and whatever conics cut. Gathers
// over the tiles of scatter_cuda.cu, without atomics; the table is the CPU's (weight_table.h).
//
// Where conics cut the discs, a pass ahead walks every source's own disc for what is left of it:
// its light is multiplied by one over that (`gain`). Backward wants the slope of it too (`fading`).
//
// Forward, the lanes of a warp read the same source and neighbouring weights of one row of the
// table; a conic is brought to px when its source is staged. By source, in the pass ahead and
// backward, every lane has a disc of its own and its weights lie apart: caches carry that, since
// radii of neighbours are alike.
#include "cuda_disc.h"
#include "cuda_launch.h"

namespace {

__device__ bool dark(const Frame& f, const float* image, int y, int x) {
  for (int first = 0; first < f.channels; first += kGroup)
    if (lit(load_pixel(f, {first, min(kGroup, f.channels - first)}, image, y, x))) return false;
  return true;
}

// What is left of each source's disc, over one, and the share of it that goes with a px of radius.
// Where there is an `image`, nothing is asked of its dark pixels.
template <int Conics>
__global__ void __launch_bounds__(kThreads)
measure_left(Frame f, WeightTable table, Cut cut, const float* image, const float* radius,
             float* gain, float* fading) {
  const int x = blockIdx.x * kTileX + threadIdx.x, y = blockIdx.y * kTileY + threadIdx.y;
  if (x >= f.width || y >= f.height) return;
  const int64_t pixel = pixel_index(f, y, x);
  if (image && dark(f, image, y, x)) {
    gain[pixel] = 0.0f;
    return;
  }
  OwnDisc<Conics> disc;
  disc.load(f, table, cut, radius[pixel], y, x);
  float left = 0.0f, slope = 0.0f;
  for (int dy = -disc.extent; dy <= disc.extent; ++dy) {
    disc.start_row(table, cut, dy);
    float row_left = 0.0f, row_slope = 0.0f;  // sums of like size: less rounding
    for (int dx = -disc.extent; dx <= disc.extent; ++dx) {
      const Tap tap = disc.at(table, cut, dx);
      row_left += tap.weight;
      row_slope += tap.slope;
    }
    left += row_left;
    slope += row_slope;
  }
  const float over = 1.0f / fmaxf(left, kLeastLeft);
  gain[pixel] = over;
  if (fading) fading[pixel] = left > kLeastLeft ? slope * over : 0.0f;
}

// The light of a source, all of it: zero where it gives none.
__device__ Pixel load_light(const Frame& f, Group g, const float* image, const float* gain, int y,
                            int x) {
  return gain ? load_spread(f, g, image, gain, y, x) : load_pixel(f, g, image, y, x);
}

__global__ void __launch_bounds__(kThreads)
measure_lights(Frame f, Group g, WeightTable table, const float* image, const float* radius,
               Reaches out) {
  const int x = blockIdx.x * kTileX + threadIdx.x, y = blockIdx.y * kTileY + threadIdx.y;
  float reach = -1.0f;
  if (x < f.width && y < f.height && lit(load_pixel(f, g, image, y, x)))
    reach = table.reach[node_of(table, radius[pixel_index(f, y, x)]).index];
  note_reach(f, reach, out);
}

__global__ void __launch_bounds__(kThreads)
measure_discs(Frame f, WeightTable table, const float* radius, Reaches out) {
  const int x = blockIdx.x * kTileX + threadIdx.x, y = blockIdx.y * kTileY + threadIdx.y;
  float reach = -1.0f;
  if (x < f.width && y < f.height)
    reach = table.reach[node_of(table, radius[pixel_index(f, y, x)]).index];
  note_reach(f, reach, out);
}

template <int Conics>
__global__ void __launch_bounds__(kThreads)
table_forward(Frame f, Group g, WeightTable table, Cut cut, const float* image,
              const float* radius, const float* gain, Reaches reaches, float* out) {
  constexpr int rows = kRows<Conics>;
  __shared__ StagedSource sources[rows][kTileX];
  __shared__ Pixel lights[rows][kTileX];
  __shared__ Conic conics[rows][kTileX][kHeld<Conics>];
  __shared__ float strips[rows];
  const int tile_x = blockIdx.x, tile_y = blockIdx.y;
  const int x = tile_x * kTileX + threadIdx.x, y = tile_y * kTileY + threadIdx.y;
  const int64_t batch_row = int64_t(blockIdx.z) * f.tiles_y;
  Pixel sum = {};
  for (int from_y = 0; from_y < f.tiles_y; ++from_y) {
    const float row_reach = reaches.row[batch_row + from_y];
    const float gap_y = tile_gap(tile_y, from_y, kTileY);
    if (row_reach < gap_y) continue;
    const int aside = tiles_aside(row_reach, f.width, kTileX);
    const int last = min(f.tiles_x - 1, tile_x + aside);
    for (int from_x = max(0, tile_x - aside); from_x <= last; ++from_x) {
      const float reach = reaches.tile[(batch_row + from_y) * f.tiles_x + from_x];
      if (!touches(reach, gap_y, tile_gap(tile_x, from_x, kTileX))) continue;
      for (int first = 0; first < kTileY; first += rows) {
        const int lane = threadIdx.x, line = threadIdx.y;
        const int top = from_y * kTileY + first;
        __syncthreads();  // the rows before have been read by all
        if (line < rows) {
          const int sx = from_x * kTileX + lane, sy = top + line;
          StagedSource source = {0, -1, 0.0f, 0.0f};
          Pixel light = {};
          if (sx < f.width && sy < f.height) light = load_light(f, g, image, gain, sy, sx);
          if (lit(light)) {
            const float r = radius[pixel_index(f, sy, sx)];
            const Node n = node_of(table, r);
            source = {int(table.centre[n.index]), table.extent[n.index], n.fraction, cut_share(r)};
#pragma unroll
            for (int k = 0; k < Conics; ++k)
              if (k < cut.count) conics[line][lane][k] = conic_of(f, cut, k, r, sy, sx);
          }
          sources[line][lane] = source;
          lights[line][lane] = light;
          if (lane == 0)
            strips[line] =
                reaches.strip[((batch_row + from_y) * kTileY + first + line) * f.tiles_x + from_x];
        }
        __syncthreads();

        for (int j = 0; j < rows; ++j) {
          const int dy = y - (top + j);
          if (fabsf(float(dy)) > strips[j]) continue;
          const Columns columns =
              columns_in_reach(strips[j], float(dy), tile_x, from_x, f.width);
          for (int i = columns.first; i <= columns.last; ++i) {
            const StagedSource s = sources[j][i];
            const int dx = x - (from_x * kTileX + i);
            if (abs(dx) > s.extent || abs(dy) > s.extent) continue;
            const int place = row_of(table, s.centre, s.extent, dy) + dx;
            float k = table.weights[place] + s.fraction * table.changes[place];
            if (Conics > 0) {
              float mask = 1.0f;
#pragma unroll
              for (int n = 0; n < Conics; ++n)
                if (n < cut.count)
                  mask *= clamped(at_column(along(conics[j][i][n], float(dy)), float(dx)));
              k *= 1.0f + s.share * (mask - 1.0f);
            }
            const Pixel p = lights[j][i];
#pragma unroll
            for (int c = 0; c < kGroup; ++c) sum.c[c] += k * p.c[c];
          }
        }
      }
    }
  }
  if (x < f.width && y < f.height) store_pixel(f, g, out, y, x, sum);
}

// `grad_radius` is written by the first group of channels; later ones add to it.
template <int Conics>
__global__ void __launch_bounds__(kThreads)
table_backward(Frame f, Group g, WeightTable table, Cut cut, const float* grad, const float* image,
               const float* radius, const float* gain, const float* fading, Reaches reaches,
               float* grad_image, float* grad_radius) {
  __shared__ Pixel grads[kTileY][kTileX];
  const int tile_x = blockIdx.x, tile_y = blockIdx.y;
  const int x = tile_x * kTileX + threadIdx.x, y = tile_y * kTileY + threadIdx.y;
  const int64_t batch_row = int64_t(blockIdx.z) * f.tiles_y;
  const bool inside = x < f.width && y < f.height;
  const int64_t pixel = inside ? pixel_index(f, y, x) : 0;
  OwnDisc<Conics> disc;
  if (inside) disc.load(f, table, cut, radius[pixel], y, x);
  const float reach = reaches.tile[(batch_row + tile_y) * f.tiles_x + tile_x];
  const float strip_reach =
      reaches.strip[((batch_row + tile_y) * kTileY + threadIdx.y) * f.tiles_x + tile_x];
  const int aside_y = tiles_aside(reach, f.height, kTileY);
  const int aside_x = tiles_aside(reach, f.width, kTileX);
  Pixel at = {}, slope = {};  // sums with the weight and with its slope
  const int last_y = min(f.tiles_y - 1, tile_y + aside_y);
  const int last_x = min(f.tiles_x - 1, tile_x + aside_x);
  for (int to_y = max(0, tile_y - aside_y); to_y <= last_y; ++to_y) {
    for (int to_x = max(0, tile_x - aside_x); to_x <= last_x; ++to_x) {
      if (!touches(reach, tile_gap(tile_y, to_y, kTileY), tile_gap(tile_x, to_x, kTileX))) continue;

      __syncthreads();  // the tile before has been read by all
      const int px = to_x * kTileX + threadIdx.x, py = to_y * kTileY + threadIdx.y;
      Pixel staged = {};
      if (px < f.width && py < f.height) staged = load_pixel(f, g, grad, py, px);
      grads[threadIdx.y][threadIdx.x] = staged;
      __syncthreads();

      for (int j = 0; j < kTileY; ++j) {
        const int dy = to_y * kTileY + j - y;
        if (fabsf(float(dy)) > strip_reach) continue;
        if (abs(dy) > disc.extent) continue;
        const Columns columns = columns_in_reach(strip_reach, float(dy), tile_x, to_x, f.width);
        disc.start_row(table, cut, dy);
        for (int i = columns.first; i <= columns.last; ++i) {
          const int dx = to_x * kTileX + i - x;
          if (abs(dx) > disc.extent) continue;
          const Tap tap = disc.at(table, cut, dx);
          const Pixel p = grads[j][i];
#pragma unroll
          for (int c = 0; c < kGroup; ++c) {
            at.c[c] += tap.weight * p.c[c];
            slope.c[c] += tap.slope * p.c[c];
          }
        }
      }
    }
  }
  if (!inside) return;
  const float over = gain ? gain[pixel] : 1.0f, fades = fading ? fading[pixel] : 0.0f;
  const Pixel value = load_pixel(f, g, image, y, x);
  float dr = g.first == 0 ? 0.0f : grad_radius[pixel];
#pragma unroll
  for (int c = 0; c < kGroup; ++c) {
    at.c[c] *= over;
    dr += value.c[c] * (slope.c[c] * over - at.c[c] * fades);
  }
  store_pixel(f, g, grad_image, y, x, at);
  grad_radius[pixel] = dr;
}

template <int Conics>
cudaError_t forward(const Job& job, const WeightTable& table, const Cut& cut, const float* image,
                    const float* radius, float* gain, float* out) {
  const dim3 block(kTileX, kTileY);
  cudaError_t error = cudaSuccess;
  if constexpr (Conics > 0)
    error = launch(measure_left<Conics>, job.tiles(), block, job.stream, job.frame, table, cut,
                   image, radius, gain, static_cast<float*>(nullptr));
  for (int first = 0; first < job.frame.channels && error == cudaSuccess; first += kGroup) {
    const Group g = job.group(first);
    error = launch(measure_lights, job.tiles(), block, job.stream, job.frame, g, table, image,
                   radius, job.reaches);
    if (error == cudaSuccess)
      error = launch(measure_rows, job.rows(), dim3(kThreads), job.stream, job.frame, job.reaches);
    if (error == cudaSuccess)
      error = launch(table_forward<Conics>, job.tiles(), block, job.stream, job.frame, g, table,
                     cut, image, radius, gain, job.reaches, out);
  }
  return error;
}

template <int Conics>
cudaError_t backward(const Job& job, const WeightTable& table, const Cut& cut, const float* grad,
                     const float* image, const float* radius, float* gain, float* fading,
                     float* grad_image, float* grad_radius) {
  const dim3 block(kTileX, kTileY);
  cudaError_t error = launch(measure_discs, job.tiles(), block, job.stream, job.frame, table,
                             radius, job.reaches);
  if constexpr (Conics > 0)
    if (error == cudaSuccess)
      error = launch(measure_left<Conics>, job.tiles(), block, job.stream, job.frame, table, cut,
                     static_cast<const float*>(nullptr), radius, gain, fading);
  for (int first = 0; first < job.frame.channels && error == cudaSuccess; first += kGroup)
    error = launch(table_backward<Conics>, job.tiles(), block, job.stream, job.frame,
                   job.group(first), table, cut, grad, image, radius, gain, fading, job.reaches,
                   grad_image, grad_radius);
  return error;
}

bool cut_of(const float* conics, const float* softness, int count, Cut& cut) {
  cut = {conics, {}, count};
  if (count < 0 || count > kMostConics) return false;
  std::copy(softness, softness + count, cut.softness);
  return true;
}

}  // namespace

// Device pointers to contiguous float32, as for scatter_cuda.cu; radius, gain and fading (scratch,
// null without conics): [B, H, W]. `table` and `softness` lie on the host, what the table points to
// on the device. Each returns a cudaError_t, 0 when everything was queued on `stream`.
extern "C" {

int lensblur_cuda_table_forward(int device, const WeightTable* table, int conic_count,
                                const float* softness, int64_t batch, int64_t channels,
                                int64_t height, int64_t width, const float* conics,
                                const float* image, const float* radius, float* gain,
                                float* workspace, float* out, void* stream) {
  Cut cut;
  if (!fits(batch, channels, height, width)) return cudaErrorInvalidValue;
  if (!cut_of(conics, softness, conic_count, cut)) return cudaErrorInvalidValue;
  if (const cudaError_t error = cudaSetDevice(device)) return error;
  const Job job = make_job(batch, channels, height, width, workspace, stream);
  const auto run = conic_count == 0      ? forward<0>
                   : conic_count <= kFew ? forward<kFew>
                                         : forward<kMostConics>;
  return run(job, *table, cut, image, radius, gain, out);
}

int lensblur_cuda_table_backward(int device, const WeightTable* table, int conic_count,
                                 const float* softness, int64_t batch, int64_t channels,
                                 int64_t height, int64_t width, const float* conics,
                                 const float* grad, const float* image, const float* radius,
                                 float* gain, float* fading, float* workspace, float* grad_image,
                                 float* grad_radius, void* stream) {
  Cut cut;
  if (!fits(batch, channels, height, width)) return cudaErrorInvalidValue;
  if (!cut_of(conics, softness, conic_count, cut)) return cudaErrorInvalidValue;
  if (const cudaError_t error = cudaSetDevice(device)) return error;
  const Job job = make_job(batch, channels, height, width, workspace, stream);
  const auto run = conic_count == 0      ? backward<0>
                   : conic_count <= kFew ? backward<kFew>
                                         : backward<kMostConics>;
  return run(job, *table, cut, grad, image, radius, gain, fading, grad_image, grad_radius);
}

}  // extern "C"
