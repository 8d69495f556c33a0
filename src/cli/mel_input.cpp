#include "cli/mel_input.h"

#include <filesystem>

#include "core/log.h"
#include "import/torch_mel.h"
#include "mel/plausibility.h"

namespace fluvox::cli {
namespace {

std::string ending_of(const std::string& path) { return std::filesystem::path(path).extension(); }

}  // namespace

bool names_mel(const std::string& path) {
  const std::string ending = ending_of(path);
  return ending == ".npy" || ending == ".npz" || ending == ".pt";
}

mel::Mel read_mel_input(const std::string& path, const mel::Convention& wanted,
                        mel::Layout layout) {
  mel::Mel mel;
  if (ending_of(path) == ".pt") {
    const imports::TorchArray array = imports::read_torch_mel(path);
    mel = mel::mel_of_file({array.shape, array.values}, path, wanted, layout);
  } else {
    mel = mel::read_mel(path, wanted, layout);
  }
  const mel::Plausibility judged = mel::plausibility(mel, wanted);
  if (!judged.plausible) warn(path + ": " + judged.message);
  return mel;
}

}  // namespace fluvox::cli
