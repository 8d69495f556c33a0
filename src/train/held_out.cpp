#include "train/held_out.h"

#include <limits>

#include "core/signals.h"
#include "flow/registry.h"

namespace fluvox::train {
namespace {

constexpr int64_t kRoundTripFrames = 160;

double round_trip(flow::TorchFlow& flow, const WholeClip& clip) {
  const flow::Ways ways = flow::ways_of(flow.spec());
  if (!ways.parallel_forward || !ways.parallel_inverse)
    return std::numeric_limits<double>::quiet_NaN();
  const int64_t all = clip.mel.size(2), frames = std::min(all, kRoundTripFrames);
  const torch::Tensor audio = clip.audio.narrow(1, 0, clip.audio.size(1) / all * frames);
  const auto condition =
      flow.condition(net::with_margins(clip.mel.narrow(2, 0, frames), flow.margins()));
  const torch::Tensor z = flow.inference(audio, condition).z;
  return (flow.inverse(z, condition) - audio).abs().max().item<double>();
}

}  // namespace

WholeClip whole_clip(const Clip& clip, const mel::Analyser& analyser, const mel::Mel* given,
                     torch::Device device) {
  const mel::Convention& c = analyser.convention();
  std::vector<float> samples;
  for (int16_t x : clip.samples) samples.push_back(static_cast<float>(x) / 32768.0f);
  mel::Mel mel = given ? *given : analyser.analyse(samples);
  const int64_t frames = frames_of(clip, c.hop, given);
  const torch::Tensor values = torch::from_blob(mel.values.data(), {mel.frames, mel.bands}).clone();
  return {values.narrow(0, 0, frames).t().unsqueeze(0).contiguous().to(device),
          torch::from_blob(samples.data(), {1, frames * c.hop}).clone().to(device)};
}

double log_likelihood(flow::TorchFlow& flow, const WholeClip& clip) {
  const auto condition = flow.condition(net::with_margins(clip.mel, flow.margins()));
  return flow.log_prob(clip.audio, condition).item<double>();
}

HeldOut measure_held_out(flow::TorchFlow& flow, const Corpus& corpus, const GivenMels& mels,
                         const mel::Analyser& analyser, Peers& peers, const Score& score) {
  const torch::NoGradGuard no_grad;
  const auto corpora = static_cast<int64_t>(corpus.names.size());
  const torch::Tensor sums = torch::zeros({2, corpora}, torch::kFloat64);  // nats, samples
  HeldOut result;
  result.round_trip = std::numeric_limits<double>::quiet_NaN();
  for (size_t i = 0; i < corpus.held_out.size(); ++i) {
    if (static_cast<int>(i) % peers.world() != peers.rank()) continue;
    if (peers.world() == 1) throw_if_interrupted();  // several stop together, after a step
    const Clip& clip = corpus.held_out[i];
    const WholeClip whole = whole_clip(clip, analyser, mels.of_held_out(i), flow.device());
    if (i == 0) result.round_trip = round_trip(flow, whole);
    sums[0][clip.corpus] += score(flow, whole);
    sums[1][clip.corpus] += static_cast<double>(whole.audio.size(1));
  }
  peers.sum({sums});
  for (int64_t i = 0; i < corpora; ++i)
    result.by_corpus.push_back((sums[0][i] / sums[1][i]).item<double>());
  const torch::Tensor all = sums.sum(1);
  result.nats_per_sample = (all[0] / all[1]).item<double>();
  return result;
}

}  // namespace fluvox::train
