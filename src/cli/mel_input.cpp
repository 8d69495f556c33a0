#include "cli/mel_input.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include "core/log.h"
#include "core/signals.h"
#include "import/torch_mel.h"
#include "mel/plausibility.h"

namespace fluvox::cli {
namespace {

constexpr int kFramesAtOnce = 1024;

std::string ending_of(const std::string& path) { return std::filesystem::path(path).extension(); }

mel::NpySource torch_source(const std::string& path) {
  const auto array = std::make_shared<const imports::TorchArray>(imports::read_torch_mel(path));
  return {array->shape, false, [array](size_t first, std::span<float> to) {
            std::copy_n(array->values.begin() + static_cast<std::ptrdiff_t>(first), to.size(),
                        to.begin());
          }};
}

}  // namespace

bool names_mel(const std::string& path) {
  const std::string ending = ending_of(path);
  return ending == ".npy" || ending == ".npz" || ending == ".pt";
}

mel::MelSource open_mel_input(const std::string& path, const mel::Convention& wanted,
                              mel::Layout layout) {
  const mel::MelSource mel = ending_of(path) == ".pt"
                                 ? mel::open_mel(torch_source(path), path, wanted, layout)
                                 : mel::open_mel(path, wanted, layout);
  mel::Impression impression(mel.frames);
  for (int at = 0; at < mel.frames;) {
    throw_if_interrupted();
    const int count = std::min(kFramesAtOnce, mel.frames - at);
    impression.add(mel.read(at, count));
    at += count;
  }
  const mel::Plausibility judged = mel::plausibility(impression, wanted);
  if (!judged.plausible) warn(path + ": " + judged.message);
  return mel;
}

mel::Mel read_mel_input(const std::string& path, const mel::Convention& wanted,
                        mel::Layout layout) {
  const mel::MelSource mel = open_mel_input(path, wanted, layout);
  return mel.read(0, mel.frames);
}

}  // namespace fluvox::cli
