#include "runtime/session.h"

#include <cmath>
#include <iterator>
#include <limits>
#include <numbers>

#include "core/sha256.h"
#include "runtime/plan.h"
#include "runtime/stream.h"

namespace fluvox::runtime {
namespace {

// That a GPU takes at once: their condition lies in memory, some 300 bytes a sample.
constexpr int64_t kWholeSamples = int64_t{1} << 21;

void check_whole(const Session::Plan& plan, const mel::Mel& mel) {
  plan.check(mel);
  if (mel.frames < 1)
    throw Error(Fault::input, "mel-empty",
                text("mel: expected at least 1 frame, found ", mel.frames));
}

// A whole mel as the conditioner takes it.
flow::RuntimeCondition whole_condition(Session::Plan& plan, const mel::Mel& mel) {
  // Rows are counted in int, with room for padding.
  const int most = std::numeric_limits<int>::max() / 4 / plan.hop();
  if (mel.frames > most)
    throw Error(Fault::input, "mel-too-long",
                text("mel: expected at most ", most, " frames at once, found ", mel.frames));
  flow::Grid grid;
  grid.rows = mel.frames;
  grid.columns = mel.bands;
  grid.values = mel.values;
  return plan.flow.condition(grid, plan.threads);
}

void check_rendering(const Session::Plan& plan, const mel::Mel& mel, const RenderOptions& options) {
  check_whole(plan, mel);
  if (!options.z) return;
  const int channels = plan.flow.channels(), positions = mel.frames * plan.positions_of_frame();
  flow::expect_size("z", text("values of ", channels, " channels x ", positions, " positions"),
                    int64_t{channels} * positions, static_cast<int64_t>(options.z->size()));
  refuse_not_finite("z", *options.z);
}

}  // namespace

uint64_t item_of(std::string_view name) {
  return std::stoull(sha256_hex(name).substr(0, 16), nullptr, 16);
}

double Score::bits_per_sample() const { return nats_per_sample() / std::numbers::ln2; }

Session::Session(const flow::Model& model, SessionOptions options)
    : plan_(std::make_unique<Plan>(model, options)) {}

Session::~Session() = default;

const flow::Spec& Session::spec() const { return plan_->spec; }

const mel::Convention& Session::convention() const { return plan_->analyser.convention(); }

int Session::z_channels() const { return plan_->flow.channels(); }

int Session::z_positions(int frames) const {
  return frames * (plan_->hop() / plan_->flow.channels());
}

mel::Mel Session::analyse(std::span<const float> audio) const {
  return plan_->analyser.analyse(audio, plan_->threads);
}

bool Session::streams() const { return plan_->flow.streams(); }

int64_t Session::look_ahead() const {
  return plan_->flow.look_ahead() +
         int64_t{plan_->flow.conditioner().margins().right} * plan_->hop();
}

double Session::multiply_adds() const { return plan_->flow.multiply_adds(); }

bool Session::on_gpu() const { return plan_->sampler != nullptr; }

std::string Session::device() const { return on_gpu() ? plan_->sampler->device() : "cpu"; }

std::vector<float> Session::render(const mel::Mel& mel, const RenderOptions& options) const {
  check_rendering(*plan_, mel, options);
  if (on_gpu() && (!streams() || int64_t{mel.frames} * plan_->hop() <= kWholeSamples))
    return render(std::span(&mel, 1), std::span(&options, 1)).front();
  if (streams()) {
    Stream stream(*this, options);
    stream.push(mel);
    stream.finish();
    std::vector<float> audio(static_cast<size_t>(mel.frames) * plan_->hop());
    stream.pull(audio);
    return audio;
  }
  const flow::Grid noise =
      plan_->latent(options).noise(0, z_channels(), 0, z_positions(mel.frames));
  std::vector<float> z(noise.values.size());  // [channels][positions]
  for (int t = 0; t < noise.rows; ++t)
    for (int c = 0; c < noise.columns; ++c)
      z[static_cast<size_t>(c) * noise.rows + t] = noise.row(t)[c];
  return plan_->flow.inverse(z, whole_condition(*plan_, mel), plan_->threads);
}

std::vector<std::vector<float>> Session::render(std::span<const mel::Mel> mels,
                                                std::span<const RenderOptions> options) const {
  flow::expect_size("render", "options, one for each mel", static_cast<int64_t>(mels.size()),
                    static_cast<int64_t>(options.size()));
  std::vector<std::vector<float>> sounds;
  while (sounds.size() < mels.size()) {
    // Those that go together: none on the CPU, and none that is longer by itself and can stream.
    std::vector<flow::Sampler::Utterance> together;
    int64_t samples = 0;
    for (size_t i = sounds.size(); on_gpu() && i < mels.size(); ++i) {
      check_rendering(*plan_, mels[i], options[i]);
      samples += int64_t{mels[i].frames} * plan_->hop();
      if (samples > kWholeSamples && (streams() || !together.empty())) break;
      together.push_back({whole_condition(*plan_, mels[i]), plan_->latent(options[i])});
    }
    if (together.empty()) {
      sounds.push_back(render(mels[sounds.size()], options[sounds.size()]));
    } else {
      flow::Sampler::Utterances all;
      for (const flow::Sampler::Utterance& one : together) all.push_back(&one);
      std::vector<std::vector<float>> made = plan_->sampler->whole(all);
      std::move(made.begin(), made.end(), std::back_inserter(sounds));
    }
  }
  return sounds;
}

std::vector<float> Session::encode(std::span<const float> audio, const mel::Mel& mel,
                                   Score* score) const {
  flow::expect_size("audio", text("samples of ", mel.frames, " frames x ", plan_->hop()),
                    int64_t{mel.frames} * plan_->hop(), static_cast<int64_t>(audio.size()));
  refuse_not_finite("audio", audio);
  check_whole(*plan_, mel);
  const flow::RuntimeCondition condition = whole_condition(*plan_, mel);
  flow::Grid grid;
  grid.rows = static_cast<int>(audio.size());
  grid.columns = 1;
  grid.values.assign(audio.begin(), audio.end());
  std::vector<double> log_dets;
  flow::RuntimeFlow::Result result =
      plan_->flow.forward(std::move(grid), condition, plan_->threads, score ? &log_dets : nullptr);
  if (score) {
    const int positions = plan_->positions_of_frame();
    *score = {plan_->flow.log_density(result.z) + result.log_det, audio.size(),
              plan_->flow.log_densities(result.z, positions)};
    for (size_t p = 0; p < log_dets.size(); ++p)
      score->frames[p / static_cast<size_t>(positions)] += log_dets[p];
  }
  return std::move(result.z);
}

Score Session::score(std::span<const float> audio) const {
  const auto hop = static_cast<size_t>(plan_->hop());
  const size_t frames = audio.size() / hop;
  if (frames == 0)
    throw Error(
        Fault::input, "audio-too-short",
        text("audio: expected at least one frame of ", hop, " samples, found ", audio.size()));
  mel::Mel mel = analyse(audio);
  if (static_cast<size_t>(mel.frames) > frames) {
    mel.frames = static_cast<int>(frames);
    mel.values.resize(frames * static_cast<size_t>(mel.bands));
  }
  Score score;
  encode(audio.first(frames * hop), mel, &score);
  if (!std::isfinite(score.nats))
    throw Error(Fault::input, "score-not-finite",
                text("audio: expected a finite log-likelihood, found ", score.nats, " nats over ",
                     score.samples, " samples; the model cannot score this recording"));
  return score;
}

}  // namespace fluvox::runtime
