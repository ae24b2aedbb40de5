// SPDX-License-Identifier: Apache-2.0
// How the CUDA kernels are launched: over which grid, with which scratch memory.
#pragma once
#include "cuda_tiles.h"

#include <algorithm>

namespace {

constexpr int kMostBlocks = 65535;  // in y and z of a grid

#if defined(__CUDACC__)
template <typename... Parameters, typename... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t stream,
                   Arguments... arguments) {
  kernel<<<grid, block, 0, stream>>>(arguments...);
  return cudaGetLastError();
}
#endif

inline int tiles_along(int64_t extent, int size) { return int((extent + size - 1) / size); }

inline int64_t strip_count(int64_t batch, int64_t height, int64_t width) {
  return batch * tiles_along(height, kTileY) * kTileY * tiles_along(width, kTileX);
}

// All sizes stay far below an int, but for their product, which is never formed in one.
inline bool fits(int64_t batch, int64_t channels, int64_t height, int64_t width) {
  const int64_t most = 1 << 19;
  return batch > 0 && channels > 0 && height > 0 && width > 0 && batch <= kMostBlocks &&
         channels <= most && height <= most && width <= most &&
         tiles_along(height, kTileY) <= kMostBlocks;
}

struct Job {
  Frame frame;
  int batch;
  Reaches reaches;
  cudaStream_t stream;

  dim3 tiles() const { return dim3(frame.tiles_x, frame.tiles_y, batch); }
  dim3 rows() const { return dim3(1, frame.tiles_y, batch); }
  Group group(int first) const { return {first, std::min(kGroup, frame.channels - first)}; }
};

inline Job make_job(int64_t batch, int64_t channels, int64_t height, int64_t width,
                    float* workspace, void* stream) {
  Job job;
  job.frame = {int(channels), int(height), int(width), tiles_along(width, kTileX),
               tiles_along(height, kTileY)};
  job.batch = int(batch);
  const int64_t strips = strip_count(batch, height, width);
  job.reaches = {workspace, workspace + strips, workspace + strips + strips / kTileY};
  job.stream = static_cast<cudaStream_t>(stream);
  return job;
}

}  // namespace
