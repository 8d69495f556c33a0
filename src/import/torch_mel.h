// A mel spectrogram saved by torch.save, as the world of WaveGlow has them: a file that holds a
// single tensor of float or half, (80, T) or (1, 80, T). Which axis is which, the reader of mels
// decides, as it does for .npy files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace fluvox::imports {

struct TorchArray {
  std::vector<size_t> shape;
  std::vector<float> values;  // the last index runs fastest; every one is finite
};

// `where` names the file in messages.
TorchArray parse_torch_mel(std::string content, const std::string& where);
TorchArray read_torch_mel(const std::filesystem::path& path);

}  // namespace fluvox::imports
