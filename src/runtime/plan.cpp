#include "runtime/plan.h"

#include <cmath>

#include "net/weights.h"
#include "runtime/together.h"

namespace fluvox::runtime {
namespace {

flow::RuntimeFlow build(const flow::Model& model, net::Precision precision) {
  net::Weights weights(model.tensors);
  flow::RuntimeFlow built(model.spec, weights, precision);
  weights.refuse_leftovers();
  return built;
}

}  // namespace

flow::Model made_up_model(const flow::Spec& spec, unsigned seed) {
  flow::Model model{spec, {}, ""};
  net::Weights weights = net::Weights::made_up(model.tensors, seed);
  flow::RuntimeFlow(spec, weights);
  return model;
}

void refuse_not_finite(const std::string& what, std::span<const float> values) {
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      throw Error(Fault::input, "not-finite",
                  text(what, ": expected finite numbers, found ", values[i], " at index ", i,
                       " of ", values.size()));
}

Session::Plan::Plan(const flow::Model& model, const SessionOptions& options)
    : spec(model.spec),
      analyser(mel::convention_from_json(model.spec.mel, "mel")),
      flow(build(model, options.precision)),
      threads(options.threads) {
  const flow::ConditionShape shape = flow.condition_shape();
  flow::expect_size("mel", "hop, the samples that a frame of the conditioner stands for",
                    shape.frame_samples, hop());
  flow::expect_size("mel", "bands that the conditioner takes", shape.bands,
                    analyser.convention().bands);
  if (!options.sampler) return;
  if (auto made = options.sampler(model, shape))
    sampler = std::make_unique<Together>(std::move(made));
}

void Session::Plan::check(const mel::Mel& mel) const {
  flow::expect_size("mel", "bands", analyser.convention().bands, mel.bands);
  flow::expect_size("mel", "values", int64_t{mel.frames} * mel.bands,
                    static_cast<int64_t>(mel.values.size()));
  refuse_not_finite("mel", mel.values);
}

flow::Latent Session::Plan::latent(const RenderOptions& options) {
  const double sigma = options.sigma.value_or(spec.sigma);
  if (!(std::isfinite(sigma) && sigma >= 0))
    throw Error(Fault::usage, "sigma-invalid",
                text("sigma: expected a number of at least 0, found ", sigma));
  if (options.z) {
    const auto positions = static_cast<int64_t>(options.z->size()) / flow.channels();
    return {[z = *options.z, positions](int first_channel, int columns, int64_t first, int rows) {
      flow::Grid grid(rows, columns);
      for (int c = 0; c < columns; ++c)
        for (int t = 0; t < rows; ++t)
          grid.row(t)[c] = z[static_cast<size_t>((first_channel + c) * positions + first + t)];
      return grid;
    }};
  }
  const flow::Temperature temperature = flow::temperature_of(spec, sigma, flow.channels());
  flow::Latent latent;
  if (kind_of(spec.base, "base") == "normal")
    latent.drawn = {options.seed, options.item, temperature};
  latent.noise = [this, temperature, seed = options.seed, item = options.item](
                     int first_channel, int columns, int64_t first, int rows) {
    flow::Grid grid(rows, columns);
    threads.run(columns, [&](int c) {
      std::vector<float> z(static_cast<size_t>(rows));
      flow.base().draw(z, seed, item, first_channel + c, static_cast<uint64_t>(first));
      const auto scale = static_cast<float>(temperature.of(first_channel + c));
      for (int t = 0; t < rows; ++t) grid.row(t)[c] = scale * z[static_cast<size_t>(t)];
    });
    return grid;
  };
  return latent;
}

}  // namespace fluvox::runtime
