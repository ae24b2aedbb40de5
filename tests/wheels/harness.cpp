// SPDX-License-Identifier: Apache-2.0
// Runs a lens-blur library of any platform on recorded numbers: harness LIBRARY NUMBERS. Prints the
// instruction set and the largest error, relative to the largest number of each result.
#include "scatter_cpu.h"

#include <cmath>
#include <cstdio>
#include <vector>
#if defined(_WIN32)
#include <windows.h>
static void* open_library(const char* path) { return (void*)LoadLibraryA(path); }
static void* symbol(void* library, const char* name) {
  return (void*)GetProcAddress((HMODULE)library, name);
}
#else
#include <dlfcn.h>
static void* open_library(const char* path) { return dlopen(path, RTLD_NOW); }
static void* symbol(void* library, const char* name) { return dlsym(library, name); }
#endif

template <class T>
static std::vector<T> read(FILE* file) {
  int64_t count = 0;
  if (std::fread(&count, sizeof count, 1, file) != 1) std::exit(3);
  std::vector<T> out(count);
  if (std::fread(out.data(), sizeof(T), count, file) != size_t(count)) std::exit(3);
  return out;
}

static double error(const std::vector<float>& found, const std::vector<float>& wanted) {
  double worst = 0, most = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    if (!(std::fabs(found[i]) < INFINITY)) return INFINITY;
    worst = std::max(worst, std::fabs(double(found[i]) - wanted[i]));
    most = std::max(most, std::fabs(double(wanted[i])));
  }
  return worst / most;
}

int main(int, char** arguments) {
  void* library = open_library(arguments[1]);
  FILE* file = std::fopen(arguments[2], "rb");
  if (!library || !file) return 2;
  const auto isa = (const char* (*)())symbol(library, "lensblur_isa");
  const auto forward =
      (void (*)(int, int, const WeightTable*, const Clip*, int64_t, int64_t, int64_t,
                const float*, const float*, float*))symbol(library, "lensblur_forward");
  const auto backward =
      (void (*)(int, int, const WeightTable*, const Clip*, int64_t, int64_t, int64_t,
                const float*, const float*, const float*, float*, float*))symbol(library, "lensblur_backward");
  if (!isa || !forward || !backward) return 2;

  const auto sizes = read<int64_t>(file);  // channels, height, width, knee, mirrored
  const auto steps = read<float>(file);
  const auto weights = read<float>(file), changes = read<float>(file);
  const auto centre = read<int64_t>(file);
  const auto extent = read<int32_t>(file);
  const auto flat = read<float>(file);
  const auto inner = read<int32_t>(file);
  const auto image = read<float>(file), radius = read<float>(file), grad = read<float>(file);
  const auto wanted = read<float>(file), wanted_image = read<float>(file);
  const auto wanted_radius = read<float>(file);
  const WeightTable table = {weights.data(), changes.data(), centre.data(), extent.data(),
                             nullptr, flat.data(), inner.data(), int32_t(extent.size()),
                             int32_t(sizes[3]), steps[0], steps[1], int32_t(sizes[4])};
  const Clip uncut = {nullptr, nullptr, 0};
  std::vector<float> out(wanted.size()), to_image(wanted.size()), to_radius(radius.size());
  forward(-1, 3, &table, &uncut, sizes[0], sizes[1], sizes[2], image.data(), radius.data(),
          out.data());
  backward(-1, 3, &table, &uncut, sizes[0], sizes[1], sizes[2], grad.data(), image.data(),
           radius.data(), to_image.data(), to_radius.data());
  std::printf("%s %g %g %g\n", isa(), error(out, wanted), error(to_image, wanted_image),
              error(to_radius, wanted_radius));
}
