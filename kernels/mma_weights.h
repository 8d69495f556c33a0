// Weights in the order in which the GPU's products read them (mma_tile.h), packed once.
//
// A matrix [inputs][outputs] is cut into chunks of 64 bytes of inputs (32 numbers of 16 bits, or 16
// floats) and panels of 16 outputs, both filled up with zeros: [chunk][panel][1024 bytes]. Matrices
// whose products are added (segments) stand one after the other. Within the 1024 bytes:
//   T of 16 bits: [k / 16][lane][register][2], the fragments b of device.h's multiply_add, those of
//                 outputs 0..7 first: a lane finds the four registers of 16 k side by side
//   float:        [k][output]
#pragma once

#include <cstddef>

#include "kernels/storage.h"

namespace fluvox::kernels {

constexpr int kChunkBytes = 64;
constexpr int kPanelOutputs = 16;
constexpr int kPanelBytes = kChunkBytes * kPanelOutputs;  // of one chunk

template <class T>
constexpr int kChunk = kChunkBytes / static_cast<int>(sizeof(T));  // inputs

template <class T>
FLUVOX_HOST_DEVICE constexpr int chunks_of(int inputs) {
  return (inputs + kChunk<T> - 1) / kChunk<T>;
}
FLUVOX_HOST_DEVICE constexpr int panels_of(int outputs) {
  return (outputs + kPanelOutputs - 1) / kPanelOutputs;
}

template <class T>
constexpr std::size_t mma_packed_size(int inputs, int outputs) {  // numbers
  return static_cast<std::size_t>(chunks_of<T>(inputs)) * panels_of(outputs) *
         (kPanelBytes / sizeof(T));
}

// Where element (k, n) of one chunk's panel stands, 0 <= k < kChunk<T>, 0 <= n < 16.
template <class T>
constexpr int place_in_panel(int k, int n) {
  if (sizeof(T) == 4) return k * kPanelOutputs + n;
  const int lane = n % 8 * 4 + k % 8 / 2, reg = n / 8 * 2 + k % 16 / 8;
  return (k / 16 * 32 + lane) * 8 + reg * 2 + k % 2;
}

// at(i, o): the element, for 0 <= i < inputs and 0 <= o < outputs
template <class T, class At>
void pack_mma(int inputs, int outputs, At at, T* packed) {
  for (int chunk = 0; chunk < chunks_of<T>(inputs); ++chunk)
    for (int panel = 0; panel < panels_of(outputs); ++panel, packed += kPanelBytes / sizeof(T))
      for (int k = 0; k < kChunk<T>; ++k)
        for (int n = 0; n < kPanelOutputs; ++n) {
          const int i = chunk * kChunk<T> + k, o = panel * kPanelOutputs + n;
          packed[place_in_panel<T>(k, n)] = stored<T>(i < inputs && o < outputs ? at(i, o) : 0.0f);
        }
}

}  // namespace fluvox::kernels
