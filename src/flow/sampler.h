// Sampling a flow, wherever it is done: on the CPU (flow_stream.h) or by another processor
// (cuda/sampler.h). Either way piece by piece, with the bits that the whole would have.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flow/step_runtime.h"
#include "flow/temperature.h"

namespace fluvox::flow {

// z of channels [first_channel, first_channel + columns) at positions [first, first + rows)
using Noise = std::function<Grid(int first_channel, int columns, int64_t first, int rows)>;

// What is turned into sound. Where `drawn` is there, noise gives the numbers of kernels/noise.h at
// these addresses, times the temperature, and another processor draws them itself.
struct Latent {
  struct Drawn {
    uint64_t seed, item;
    Temperature temperature;
  };
  Noise noise;
  std::optional<Drawn> drawn = {};
};

class SampleStream {
 public:
  virtual ~SampleStream() = default;
  // `condition`: the rows of whole positions of z that follow those before; none where only `last`
  // is to be told. Returns the samples that are final now.
  virtual std::vector<float> push(const RuntimeCondition& condition, bool last,
                                  Threads& threads) = 0;
};

// Another processor with a flow's weights. It may be used from several threads.
class Sampler {
 public:
  struct Utterance {
    RuntimeCondition condition;
    Latent latent;
  };

  virtual ~Sampler() = default;
  virtual std::string device() const = 0;  // "NVIDIA H200"
  virtual std::unique_ptr<SampleStream> stream(Latent latent) = 0;
  // Each whole, side by side: the sound of each is that of a stream of its own, bit for bit.
  using Utterances = std::vector<const Utterance*>;
  virtual std::vector<std::vector<float>> whole(const Utterances& utterances) = 0;
};

}  // namespace fluvox::flow
