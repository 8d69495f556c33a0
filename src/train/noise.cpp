#include "train/noise.h"

#include "train/random.h"

namespace fluvox::train {

constexpr uint32_t kNoise = 4;  // the purpose, beside those of batches.cpp

torch::Tensor noise(uint64_t seed, int64_t step, int first, int count, int64_t samples) {
  torch::Tensor z = torch::empty({count, samples});
  for (int slot = 0; slot < count; ++slot) {
    Random draw(seed, static_cast<uint64_t>(step), static_cast<uint32_t>(first + slot), kNoise);
    auto* row = z[slot].data_ptr<float>();
    for (int64_t t = 0; t < samples; ++t) row[t] = static_cast<float>(draw.normal());
  }
  return z;
}

}  // namespace fluvox::train
