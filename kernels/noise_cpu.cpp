#include "kernels/isa.h"
#include "kernels/noise_blocks.h"

namespace fluvox::kernels {

void normals_scalar(const NoiseArguments& a) { normals<Scalar>(a); }

void normals_cpu(std::uint64_t seed, std::uint64_t item, std::uint32_t channel,
                 std::uint64_t first_position, std::ptrdiff_t count, float* out) {
  const NoiseArguments a = {seed, item, channel, first_position, count, out};
#if defined(__x86_64__)
  if (isa() >= Isa::avx512) return normals_avx512(a);
  if (isa() >= Isa::avx2) return normals_avx2(a);
#endif
  normals_scalar(a);
}

void noise_cpu(float* z, std::ptrdiff_t rows, int channels, std::uint64_t seed, std::uint64_t item,
               std::uint64_t first_position) {
  constexpr std::ptrdiff_t kPiece = 512;
  float piece[kPiece];
  for (std::ptrdiff_t row = 0; row < rows; row += kPiece) {
    const std::ptrdiff_t count = rows - row < kPiece ? rows - row : kPiece;
    for (int channel = 0; channel < channels; ++channel) {
      normals_cpu(seed, item, static_cast<std::uint32_t>(channel),
                  first_position + static_cast<std::uint64_t>(row), count, piece);
      for (std::ptrdiff_t i = 0; i < count; ++i) z[(row + i) * channels + channel] = piece[i];
    }
  }
}

}  // namespace fluvox::kernels
