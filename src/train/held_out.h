// What the clips held out say of a model.
#pragma once

#include <functional>
#include <vector>

#include "flow/flow_torch.h"
#include "mel/mel.h"
#include "train/given_mels.h"
#include "train/peers.h"

namespace fluvox::train {

struct HeldOut {
  // True log-likelihood of the audio as it is, nats per sample, every constant in it: over all
  // clips, and by corpus (NaN where a corpus holds nothing out).
  double nats_per_sample = 0;
  std::vector<double> by_corpus;
  // max |x - f^-1(f(x))| in fp32 over the beginning of the first clip; NaN where the flow is serial
  // in a direction.
  double round_trip = 0;
};

// A clip's whole frames: their mel, [1, bands, F], its own or the one given, and their samples, [1,
// F hop].
struct WholeClip {
  torch::Tensor mel, audio;
};
WholeClip whole_clip(const Clip& clip, const mel::Analyser& analyser, const mel::Mel* given,
                     torch::Device device = torch::kCPU);

// What a clip is measured by: a sum over its samples.
using Score = std::function<double(flow::TorchFlow& flow, const WholeClip& clip)>;
double log_likelihood(flow::TorchFlow& flow, const WholeClip& clip);  // nats

// The clips are shared out among the processes; all of them get the whole result.
HeldOut measure_held_out(flow::TorchFlow& flow, const Corpus& corpus, const GivenMels& mels,
                         const mel::Analyser& analyser, Peers& peers,
                         const Score& score = log_likelihood);

}  // namespace fluvox::train
