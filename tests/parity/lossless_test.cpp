// Every model of the registry, at the size that the suite trains and with weights that matter,
// gives a recording of real speech back: z of it decodes to the same 16-bit samples, at any length.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "audio/sound_file.h"
#include "flow/flow_torch.h"
#include "models/registry.h"
#include "runtime/latents.h"
#include "train/tensors_torch.h"

namespace fluvox {
namespace {

class Lossless : public testing::TestWithParam<std::string> {};

TEST_P(Lossless, EncodeThenDecodeGivesTheSamePcm) {
  const torch::NoGradGuard no_grad;
  const models::Architecture& architecture = models::architecture(GetParam());
  torch::manual_seed(3);
  flow::TorchFlow flow(architecture.build(architecture.tiny, mel::convention("tacotron2")));
  flow.randomise_last_layers(0.3, 7);
  flow::Model model{flow.spec(), {}, ""};
  for (const auto& [key, tensor] : flow.tensors()) model.tensors[key] = train::to_host(tensor);
  const runtime::Session session(model);
  const auto speech =
      audio::read_sound(FLUVOX_SOURCE_DIR "/models/pretrained/sample-lj.flac", 22050).samples;
  for (const size_t length : {size_t{1}, size_t{4 * 256}, size_t{30000}}) {
    const std::span audio = std::span(speech).subspan(22050, length);
    const auto decoded = runtime::decode(session, runtime::encode(session, audio));
    ASSERT_EQ(decoded.size(), length);
    const runtime::Fidelity found = runtime::fidelity(audio, decoded);
    EXPECT_EQ(found.differing, 0u)
        << "largest error in 16-bit steps: " << found.max_error_in_steps();
  }
}

std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const auto& a : models::architectures()) list.push_back(a.name);
  return list;
}

INSTANTIATE_TEST_SUITE_P(AllModels, Lossless, testing::ValuesIn(names()),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace fluvox
