// What a run leaves to look at and to listen to, in FOLDER/report when it is done:
//   curves.png              the likelihood of training and of the held-out clips over the steps
//   NAME.wav NAME-copy.wav  a held-out clip, and what the model makes of its mel
//   NAME.png                their spectrograms
// A model whose sampling is serial is not sampled.
#pragma once

#include <filesystem>
#include <vector>

#include "core/config.h"
#include "flow/flow_torch.h"
#include "report/image.h"
#include "train/held_out.h"

namespace fluvox::train {

// A held-out clip of at most a few seconds, and the model's own rendering of its mel, with the same
// noise every time.
struct Copy {
  std::string name;
  int rate = 0;
  std::vector<float> original, made;
};
// The first of every corpus. Empty where the model samples serially.
std::vector<Copy> copies(flow::TorchFlow& flow, const Corpus& corpus, const GivenMels& mels,
                         const mel::Analyser& analyser);

// Of log.jsonl: empty where nothing was measured yet.
std::vector<Json> read_log(const std::filesystem::path& path);

void write_report(const std::filesystem::path& folder, const std::vector<Copy>& copies);

}  // namespace fluvox::train
