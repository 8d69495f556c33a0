#include "kernels/noise.h"

namespace fluvox::kernels {

void noise_cpu(float* z, std::ptrdiff_t rows, int channels, std::uint64_t seed, std::uint64_t item,
               std::uint64_t first_position) {
  std::ptrdiff_t row = 0;
  while (row < rows) {
    // One block gives each channel the positions up to the next multiple of four.
    const std::uint64_t position = first_position + static_cast<std::uint64_t>(row);
    const int first_word = static_cast<int>(position % 4);
    const int words = rows - row < 4 - first_word ? static_cast<int>(rows - row) : 4 - first_word;
    for (int channel = 0; channel < channels; ++channel) {
      const Words4 block = noise_block(seed, item, static_cast<std::uint32_t>(channel), position);
      for (int i = 0; i < words; ++i)
        z[(row + i) * channels + channel] = normal_of_word(block.word[first_word + i]);
    }
    row += words;
  }
}

}  // namespace fluvox::kernels
