#include "kernels/device.h"
#include "kernels/noise.h"

namespace fluvox::kernels {

namespace {

constexpr int kThreads = 128;

// One thread draws one Philox block: up to four rows of one channel. Blocks begin at multiples of
// four positions, so the first and the last may be cut.
__global__ void noise_kernel(float* z, std::ptrdiff_t rows, int channels, std::uint64_t seed,
                             std::uint64_t item, std::uint64_t first_position,
                             std::ptrdiff_t count) {
  const std::ptrdiff_t index = std::ptrdiff_t{blockIdx.x} * kThreads + threadIdx.x;
  if (index >= count) return;
  const int channel = static_cast<int>(index % channels);
  const std::uint64_t position = (first_position / 4 + index / channels) * 4;
  const Words4 block = noise_block(seed, item, static_cast<std::uint32_t>(channel), position);
  for (int i = 0; i < 4; ++i) {
    const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(position + i - first_position);
    if (row >= 0 && row < rows) z[row * channels + channel] = normal_of_word(block.word[i]);
  }
}

}  // namespace

Status noise_cuda(float* z, std::ptrdiff_t rows, int channels, std::uint64_t seed,
                  std::uint64_t item, std::uint64_t first_position, Stream stream) {
  const auto blocks = static_cast<std::ptrdiff_t>((first_position % 4 + rows + 3) / 4);
  const std::ptrdiff_t count = rows > 0 ? blocks * channels : 0;
  return launch({"noise", blocks_for(count, kThreads), kThreads}, stream,
                {{"rows", rows}, {"channels", channels}}, noise_kernel, z, rows, channels, seed,
                item, first_position, count);
}

}  // namespace fluvox::kernels
