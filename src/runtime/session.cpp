#include "runtime/session.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/threads.h"
#include "flow/flow_runtime.h"
#include "net/weights.h"

namespace fluvox::runtime {
namespace {

void refuse_not_finite(const std::string& what, std::span<const float> values) {
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      throw Error(Fault::input, "not-finite",
                  text(what, ": expected finite numbers, found ", values[i], " at index ", i,
                       " of ", values.size()));
}

flow::RuntimeFlow build(const flow::Model& model) {
  net::Weights weights(model.tensors);
  flow::RuntimeFlow built(model.spec, weights);
  weights.refuse_leftovers();
  return built;
}

}  // namespace

struct Session::Plan {
  Plan(const flow::Model& model, int thread_count)
      : spec(model.spec),
        analyser(mel::convention_from_json(model.spec.mel, "mel")),
        flow(build(model)),
        threads(thread_count) {
    const flow::ConditionShape shape = flow.condition_shape();
    flow::expect_size("mel", "hop, the samples that a frame of the conditioner stands for",
                      shape.frame_samples, hop());
    flow::expect_size("mel", "bands that the conditioner takes", shape.bands,
                      analyser.convention().bands);
  }

  int hop() const { return analyser.convention().hop; }

  flow::RuntimeCondition condition(const mel::Mel& mel) {
    flow::expect_size("mel", "bands", analyser.convention().bands, mel.bands);
    flow::expect_size("mel", "values", int64_t{mel.frames} * mel.bands,
                      static_cast<int64_t>(mel.values.size()));
    if (mel.frames < 1)
      throw Error(Fault::input, "mel-empty",
                  text("mel: expected at least 1 frame, found ", mel.frames));
    // Rows are counted in int, with room for padding.
    const int most = std::numeric_limits<int>::max() / 4 / hop();
    if (mel.frames > most)
      throw Error(Fault::input, "mel-too-long",
                  text("mel: expected at most ", most, " frames, found ", mel.frames,
                       "; render it in parts"));
    refuse_not_finite("mel", mel.values);
    flow::Grid grid;
    grid.rows = mel.frames;
    grid.columns = mel.bands;
    grid.values = mel.values;
    return flow.condition(grid, threads);
  }

  // sigma times what is drawn from the base, [channels][positions]
  std::vector<float> noise(int positions, float sigma, const RenderOptions& options) {
    std::vector<float> z = flow.draw(positions, options.seed, options.item, threads);
    for (float& value : z) value *= sigma;
    return z;
  }

  flow::Spec spec;
  mel::Analyser analyser;
  flow::RuntimeFlow flow;
  Threads threads;
};

double Score::bits_per_sample() const { return nats_per_sample() / std::numbers::ln2; }

Session::Session(const flow::Model& model, SessionOptions options)
    : plan_(std::make_unique<Plan>(model, options.threads)) {}

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

std::vector<float> Session::render(const mel::Mel& mel, const RenderOptions& options) const {
  const double sigma = options.sigma.value_or(plan_->spec.sigma);
  if (!(std::isfinite(sigma) && sigma >= 0))
    throw Error(Fault::usage, "sigma-invalid",
                text("sigma: expected a number of at least 0, found ", sigma));
  const flow::RuntimeCondition condition = plan_->condition(mel);
  const int positions = z_positions(mel.frames);
  if (options.z) {
    flow::expect_size("z",
                      text("values of ", z_channels(), " channels x ", positions, " positions"),
                      int64_t{z_channels()} * positions, static_cast<int64_t>(options.z->size()));
    refuse_not_finite("z", *options.z);
    return plan_->flow.inverse(*options.z, condition, plan_->threads);
  }
  return plan_->flow.inverse(plan_->noise(positions, static_cast<float>(sigma), options), condition,
                             plan_->threads);
}

std::vector<float> Session::encode(std::span<const float> audio, const mel::Mel& mel,
                                   Score* score) const {
  flow::expect_size("audio", text("samples of ", mel.frames, " frames x ", plan_->hop()),
                    int64_t{mel.frames} * plan_->hop(), static_cast<int64_t>(audio.size()));
  refuse_not_finite("audio", audio);
  const flow::RuntimeCondition condition = plan_->condition(mel);
  flow::Grid grid;
  grid.rows = static_cast<int>(audio.size());
  grid.columns = 1;
  grid.values.assign(audio.begin(), audio.end());
  flow::RuntimeFlow::Result result =
      plan_->flow.forward(std::move(grid), condition, plan_->threads);
  if (score) *score = {plan_->flow.log_density(result.z) + result.log_det, audio.size()};
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
