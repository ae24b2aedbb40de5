// SPDX-License-Identifier: Apache-2.0
// Scatter blur on a GPU, as gathers: forward gathers around the output pixel, backward around the
// source pixel. No atomics, so results are the same bits on every run.
//
// The frame is cut into tiles of 32 x 8 pixels, one block each, a warp being one row ("strip"). A
// pre-pass notes the largest reach of every strip, tile and row of tiles; a block then visits only
// tiles that touch it: one far big disc costs the blocks it covers and nobody else. Tiles pass
// through shared memory; all lanes of a warp read the same pixel of it, a broadcast.
//
// Limits (by counting instructions; measured by benchmarks/gpu.py): frame and planes are read about
// (1 + r/16)(1 + r/4) times, mostly from L2, against some pi r^2 taps a pixel: arithmetic is the
// limit from r = 4 or so. A tap on a soap bubble's edge takes three special-function operations
// (root, exponential, reciprocal), of which a GPU does a quarter to an eighth as many a clock as
// multiply-adds; on the flat inside of a large disc it takes 4 multiply-adds. So channels always go
// by four: three waste a multiply-add a tap, and one kernel for each shape is enough.
#include "cuda_launch.h"

namespace {

template <int Kind>
__global__ void __launch_bounds__(kThreads)
forward_kernel(Frame f, Group g, float beta, const float* image, Planes planes, Reaches reaches,
               float* out) {
  __shared__ StagedDisc discs[kTileY][kTileX];
  __shared__ Pixel lights[kTileY][kTileX];
  __shared__ float strips[kTileY];
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

      __syncthreads();  // the tile before has been read by all
      const int sx = from_x * kTileX + threadIdx.x, sy = from_y * kTileY + threadIdx.y;
      StagedDisc disc = {no_disc()};
      Pixel light = {};
      if (sx < f.width && sy < f.height) {
        light = load_spread(f, g, image, planes.scale, sy, sx);
        if (lit(light)) disc.span = disc_span<Kind>(planes.rho[pixel_index(f, sy, sx)], beta);
      }
      discs[threadIdx.y][threadIdx.x] = disc;
      lights[threadIdx.y][threadIdx.x] = light;
      if (threadIdx.x == 0)
        strips[threadIdx.y] = reaches.strip[((batch_row + from_y) * kTileY + threadIdx.y) *
                                                f.tiles_x + from_x];
      __syncthreads();

      for (int j = 0; j < kTileY; ++j) {
        const float dy = float(y - (from_y * kTileY + j));
        if (fabsf(dy) > strips[j]) continue;
        const Columns columns = columns_in_reach(strips[j], dy, tile_x, from_x, f.width);
        for (int i = columns.first; i <= columns.last; ++i) {
          const DiscSpan span = discs[j][i].span;
          const float dx = float(x - (from_x * kTileX + i));
          const float t2 = dx * dx + dy * dy;
          if (!disc_within<Kind>(span, t2)) continue;
          const float k = disc_inside<Kind>(span, t2, beta).weight;
          const Pixel p = lights[j][i];
#pragma unroll
          for (int c = 0; c < kGroup; ++c) sum.c[c] += k * p.c[c];
        }
      }
    }
  }
  if (x >= f.width || y >= f.height) return;
  const float centre = planes.centre[pixel_index(f, y, x)];
  const Pixel own = load_pixel(f, g, image, y, x);
#pragma unroll
  for (int c = 0; c < kGroup; ++c) sum.c[c] += centre * own.c[c];
  store_pixel(f, g, out, y, x, sum);
}

constexpr int kBlocks = 4;  // a multiprocessor: 64 registers a thread; left alone, ptxas spills

// `grad_radius` is written by the first group of channels; later ones add to it.
template <int Kind>
__global__ void __launch_bounds__(kThreads, kBlocks)
backward_kernel(Frame f, Group g, float beta, const float* grad, const float* image, Planes planes,
                Reaches reaches, float* grad_image, float* grad_radius) {
  __shared__ Pixel grads[kTileY][kTileX];
  const int tile_x = blockIdx.x, tile_y = blockIdx.y;
  const int x = tile_x * kTileX + threadIdx.x, y = tile_y * kTileY + threadIdx.y;
  const int64_t batch_row = int64_t(blockIdx.z) * f.tiles_y;
  const bool inside = x < f.width && y < f.height;
  const int64_t pixel = inside ? pixel_index(f, y, x) : 0;
  DiscSpan disc = no_disc();
  if (inside && (planes.scale[pixel] != 0.0f || planes.d_scale[pixel] != 0.0f))
    disc = disc_span<Kind>(planes.rho[pixel], beta);
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
        const float dy = float(y - (to_y * kTileY + j));
        if (fabsf(dy) > strip_reach) continue;
        const Columns columns = columns_in_reach(strip_reach, dy, tile_x, to_x, f.width);
        for (int i = columns.first; i <= columns.last; ++i) {
          const float dx = float(x - (to_x * kTileX + i));
          const float t2 = dx * dx + dy * dy;
          if (!disc_within<Kind>(disc, t2)) continue;
          const DiscValue k = disc_inside<Kind>(disc, t2, beta);
          const Pixel p = grads[j][i];
#pragma unroll
          for (int c = 0; c < kGroup; ++c) {
            at.c[c] += k.weight * p.c[c];
            slope.c[c] += k.slope * p.c[c];
          }
        }
      }
    }
  }
  if (!inside) return;
  const float scale = planes.scale[pixel], centre = planes.centre[pixel];
  const float d_scale = planes.d_scale[pixel], d_centre = planes.d_centre[pixel];
  const float d_edge = scale * planes.d_rho[pixel];
  const Pixel own = load_pixel(f, g, grad, y, x), value = load_pixel(f, g, image, y, x);
  float dr = g.first == 0 ? 0.0f : grad_radius[pixel];
#pragma unroll
  for (int c = 0; c < kGroup; ++c)
    dr += value.c[c] * (d_scale * at.c[c] + d_edge * slope.c[c] + d_centre * own.c[c]);
#pragma unroll
  for (int c = 0; c < kGroup; ++c) at.c[c] = scale * at.c[c] + centre * own.c[c];
  store_pixel(f, g, grad_image, y, x, at);
  grad_radius[pixel] = dr;
}

// What both directions of a disc's shape need beside the frame.
struct Discs {
  float beta;
  Planes planes;
};

template <int Kind>
cudaError_t forward(const Job& job, const Discs& discs, const float* image, float* out) {
  const dim3 block(kTileX, kTileY);
  for (int first = 0; first < job.frame.channels; first += kGroup) {
    const Group g = job.group(first);
    cudaError_t error = launch(measure_sources<Kind>, job.tiles(), block, job.stream, job.frame, g,
                               discs.beta, image, discs.planes, job.reaches);
    if (error == cudaSuccess)
      error = launch(measure_rows, job.rows(), dim3(kThreads), job.stream, job.frame, job.reaches);
    if (error == cudaSuccess)
      error = launch(forward_kernel<Kind>, job.tiles(), block, job.stream, job.frame, g, discs.beta,
                     image, discs.planes, job.reaches, out);
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

template <int Kind>
cudaError_t backward(const Job& job, const Discs& discs, const float* grad, const float* image,
                     float* grad_image, float* grad_radius) {
  const dim3 block(kTileX, kTileY);
  cudaError_t error = launch(measure_gathers<Kind>, job.tiles(), block, job.stream, job.frame,
                             discs.beta, discs.planes, job.reaches);
  for (int first = 0; first < job.frame.channels && error == cudaSuccess; first += kGroup)
    error = launch(backward_kernel<Kind>, job.tiles(), block, job.stream, job.frame,
                   job.group(first), discs.beta, grad, image, discs.planes, job.reaches, grad_image,
                   grad_radius);
  return error;
}

}  // namespace

// Device pointers to contiguous float32; image, out and gradients of them [B, C, H, W], all else
// [B, H, W]. Each returns a cudaError_t, 0 when everything was queued on `stream`.
extern "C" {

const char* lensblur_cuda_error(int error) {
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}

// Floats of scratch memory that a call needs; free for reuse in the order of the stream.
int64_t lensblur_cuda_workspace(int64_t batch, int64_t height, int64_t width) {
  const int64_t strips = strip_count(batch, height, width), tiles = strips / kTileY;
  return strips + tiles + batch * tiles_along(height, kTileY);
}

int lensblur_cuda_forward(int device, int kind, float beta, int64_t batch, int64_t channels,
                          int64_t height, int64_t width, const float* image, const float* rho,
                          const float* scale, const float* centre, float* workspace, float* out,
                          void* stream) {
  if (!fits(batch, channels, height, width)) return cudaErrorInvalidValue;
  if (const cudaError_t error = cudaSetDevice(device)) return error;
  const Discs discs = {beta, {rho, scale, centre, nullptr, nullptr, nullptr}};
  const Job job = make_job(batch, channels, height, width, workspace, stream);
  switch (kind) {
    case kSoapBubble: return forward<kSoapBubble>(job, discs, image, out);
    case kGaussian: return forward<kGaussian>(job, discs, image, out);
    case kHardDisc: return forward<kHardDisc>(job, discs, image, out);
    case kTanh: return forward<kTanh>(job, discs, image, out);
    case kExtendedBox: return forward<kExtendedBox>(job, discs, image, out);
    default: return cudaErrorInvalidValue;
  }
}

int lensblur_cuda_backward(int device, int kind, float beta, int64_t batch, int64_t channels,
                           int64_t height, int64_t width, const float* grad, const float* image,
                           const float* rho, const float* scale, const float* centre,
                           const float* d_rho, const float* d_scale, const float* d_centre,
                           float* workspace, float* grad_image, float* grad_radius, void* stream) {
  if (!fits(batch, channels, height, width)) return cudaErrorInvalidValue;
  if (const cudaError_t error = cudaSetDevice(device)) return error;
  const Discs discs = {beta, {rho, scale, centre, d_rho, d_scale, d_centre}};
  const Job job = make_job(batch, channels, height, width, workspace, stream);
  switch (kind) {
    case kSoapBubble:
      return backward<kSoapBubble>(job, discs, grad, image, grad_image, grad_radius);
    case kGaussian: return backward<kGaussian>(job, discs, grad, image, grad_image, grad_radius);
    case kHardDisc: return backward<kHardDisc>(job, discs, grad, image, grad_image, grad_radius);
    case kTanh: return backward<kTanh>(job, discs, grad, image, grad_image, grad_radius);
    case kExtendedBox:
      return backward<kExtendedBox>(job, discs, grad, image, grad_image, grad_radius);
    default: return cudaErrorInvalidValue;
  }
}

}  // extern "C"
