// SPDX-License-Identifier: Apache-2.0
// Marks what is written once for host and device.
#pragma once

#if defined(__CUDACC__)
#define BOTH_SIDES __host__ __device__ __forceinline__
#else
#define BOTH_SIDES inline
#endif
