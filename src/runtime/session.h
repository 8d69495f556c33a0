// A session: a model ready to work on this machine, without LibTorch.
//
//   Session session(flow::read_model("voice.safetensors"), {.threads = 2});
//   mel::Mel mel = session.analyse(audio);                  // the model's own convention
//   std::vector<float> sound = session.render(mel, {.seed = 1});
//   Score score = session.score(audio);                     // exact log-likelihood, nats per
//   sample
//
// render gives exactly frames x hop samples. z is [channels][positions] in canonical order (docs:
// layout).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flow/model_file.h"
#include "flow/sampler.h"
#include "flow/step_runtime.h"
#include "mel/convention.h"
#include "mel/mel.h"
#include "net/weights.h"

namespace fluvox::runtime {

struct SessionOptions {
  int threads = 0;  // 0: one for each core
  // Of the nets' products. bf16 is faster where the processor has it, and rounds: each precision
  // has bits of its own, and bf16 on AMX others than elsewhere.
  net::Precision precision = net::Precision::fp32;
  // Makes the processor that renders instead of the CPU (cuda/sampler.h). Analysis, the
  // conditioner, encoding and scoring stay on the CPU.
  std::function<std::unique_ptr<flow::Sampler>(const flow::Model&, const flow::ConditionShape&)>
      sampler = {};
};

struct RenderOptions {
  uint64_t seed = 0;
  uint64_t item = 0;                 // which utterance of the seed: each draws noise of its own
  std::optional<double> sigma = {};  // temperature; the model's own when absent
  std::optional<std::vector<float>> z =
      {};  // noise given instead, [channels][positions]; sigma does not scale it
};

// The item of an utterance that goes by a name: the first 8 bytes of the name's SHA-256.
uint64_t item_of(std::string_view name);

struct Score {
  double nats = 0;     // log-likelihood of the samples scored, all constants included
  size_t samples = 0;  // whole frames only: floor(length / hop) * hop
  // Where the nats come from, frame by frame: what the base says of z at the frame's positions, and
  // the log-determinants of the steps' rows there. Together they are nats, up to rounding. Only
  // sums over whole positions mean something, since within one the channels are mixed; and since
  // nets (and lapped frames) look beyond a frame, its figure is a share of the likelihood of the
  // whole, not the likelihood of its samples by themselves.
  std::vector<double> frames = {};
  double nats_per_sample() const { return nats / static_cast<double>(samples); }
  double bits_per_sample() const;
};

// A model of this spec with random weights, for measuring what nobody has trained.
flow::Model made_up_model(const flow::Spec& spec, unsigned seed = 1);

class Session {
 public:
  explicit Session(const flow::Model& model, SessionOptions options = {});
  ~Session();

  const flow::Spec& spec() const;
  const mel::Convention& convention() const;
  int z_channels() const;
  int z_positions(int frames) const;
  // Whether it renders piece by piece (runtime/stream.h), and the samples of audio that the newest
  // frame must lie ahead of the sample that is made.
  bool streams() const;
  int64_t look_ahead() const;
  double multiply_adds() const;  // per sample of audio rendered, as they are executed

  mel::Mel analyse(std::span<const float> audio) const;
  std::vector<float> render(const mel::Mel& mel, const RenderOptions& options = {}) const;
  // Many, each as it would be alone, bit for bit. A GPU takes them side by side.
  std::vector<std::vector<float>> render(std::span<const mel::Mel> mels,
                                         std::span<const RenderOptions> options) const;
  // Whether it renders on another processor than the CPU, for which pieces cost more than the
  // whole; and that one's name, or "cpu".
  bool on_gpu() const;
  std::string device() const;
  // The density direction: z of the audio given its mel (audio of exactly frames x hop samples),
  // and its score.
  std::vector<float> encode(std::span<const float> audio, const mel::Mel& mel,
                            Score* score = nullptr) const;
  Score score(std::span<const float> audio) const;  // with the mel of the audio itself

  struct Plan;

 private:
  friend class Stream;
  std::unique_ptr<Plan> plan_;
};

}  // namespace fluvox::runtime
