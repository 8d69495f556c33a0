#include "support/likelihood/experiments.h"

#include <chrono>

#include "support/oracles/gaussian.h"
#include "support/oracles/level.h"
#include "support/oracles/plane.h"
#include "support/oracles/process.h"
#include "support/oracles/seen.h"
#include "support/oracles/speech.h"

namespace fluvox::likelihood {
namespace {

using Steps = std::vector<Json>;

flow::Spec spec_of(const Json& conditioner, const Steps& steps) {
  flow::Spec spec;
  spec.model = "oracle";
  spec.conditioner = conditioner;
  spec.steps = steps;
  return spec;
}

// Without a condition: clips of whole `hop`s, z in positions of `group` samples.
Json unconditioned(int hop, int group) {
  return {{"kind", "none"}, {"bands", 1}, {"hop", hop}, {"group", group}};
}

Json squeeze(int group) { return {{"kind", "squeeze"}, {"group", group}}; }
Json actnorm(int channels) { return {{"kind", "actnorm"}, {"channels", channels}}; }
Json scale(int channels) { return {{"kind", "scale"}, {"channels", channels}}; }

Json mlp(int inputs, int outputs, int condition) {
  return {{"kind", "mlp"},  {"inputs", inputs}, {"outputs", outputs},
          {"channels", 48}, {"layers", 2},      {"condition", condition}};
}

Json coupling(const std::string& keep, const std::string& form, int channels, const Json& net) {
  return {
      {"kind", "coupling"}, {"channels", channels}, {"keep", keep}, {"scale", form}, {"net", net}};
}

// A pair of numbers, each moved and scaled by what the other says, `rounds` times.
Steps affine_pairs(int rounds) {
  Steps steps{squeeze(2), actnorm(2)};
  for (int i = 0; i < rounds; ++i)
    for (const char* keep : {"first", "second"})
      steps.push_back(coupling(keep, "exp", 2, mlp(1, 2, 0)));
  return steps;
}

Steps spline_pairs(int rounds, int bins, double bound) {
  Steps steps{squeeze(2), actnorm(2)};
  for (int i = 0; i < rounds; ++i)
    for (const char* keep : {"first", "second"})
      steps.push_back({{"kind", "spline_coupling"},
                       {"channels", 2},
                       {"keep", keep},
                       {"bins", bins},
                       {"bound", bound},
                       {"net", mlp(1, 3 * bins - 1, 0)}});
  return steps;
}

// Of x_0 one Gaussian, of x_1 given x_0 one Gaussian: no more than that.
Steps gaussian_pairs() {
  return {squeeze(2), actnorm(2), coupling("first", "exp", 2, mlp(1, 2, 0)), scale(2)};
}

struct Causal {
  int flows, channels, front, layers, condition;
};

// What sees `front` samples back, and kernels of 2 samples beyond.
Steps causal(const Causal& size, const std::string& parallel = "forward") {
  const Json net = {{"kind", "causal_wn"},
                    {"inputs", 1},
                    {"outputs", 2},
                    {"channels", size.channels},
                    {"layers", size.layers},
                    {"cycle", size.layers},
                    {"kernel", 1},
                    {"front", size.front},
                    {"condition", size.condition}};
  return Steps(static_cast<size_t>(size.flows),
               {{"kind", "masked"}, {"channels", 1}, {"parallel", parallel}, {"net", net}});
}

Steps glow(int group, int flows) {
  Steps steps{squeeze(group)};
  for (int i = 0; i < flows; ++i) {
    steps.push_back(actnorm(group));
    steps.push_back({{"kind", "invertible1x1"}, {"channels", group}, {"form", "lu"}});
    const Json net = {{"kind", "wn"}, {"inputs", group / 2}, {"outputs", group}, {"channels", 24},
                      {"layers", 2},  {"kernel", 3},         {"condition", 0}};
    steps.push_back(coupling("first", "sigmoid", group, net));
  }
  return steps;
}

Steps level_pairs(const std::string& form) {
  const int outputs = form == "none" ? 1 : 2;
  return {squeeze(2), coupling("first", form, 2, mlp(1, outputs, 1)),
          coupling("second", form, 2, mlp(1, outputs, 1)), scale(2)};
}

template <class Oracle>
std::shared_ptr<const oracles::Oracle> truth(Oracle oracle) {
  return std::make_shared<Oracle>(std::move(oracle));
}

double gaussian_gap(double variance, const oracles::Process& process) {
  return oracles::gaussian_entropy(variance) - process.innovation_entropy();
}

std::vector<Experiment> pairs() {
  const auto pair = [](const std::string& name, const std::string& claim, auto oracle,
                       const Steps& steps, double expected, Schedule quick, Schedule full) {
    return Experiment{name,
                      claim,
                      truth(std::move(oracle)),
                      2,
                      spec_of(unconditioned(2, 2), steps),
                      expected,
                      200000,
                      quick,
                      full};
  };
  const auto laplace = oracles::laplacian();
  const auto mixture = oracles::two_scales();
  const Schedule quick{{600, 1024, 5e-3}, 0.01}, full{{4000, 2048, 5e-3}, 0.01};
  return {
      pair("spline-b3-laplace", "a spline takes Laplace innovations", laplace,
           spline_pairs(1, 24, 12), 0, quick, full),
      pair("gaussian-b3-laplace", "one Gaussian for each sample misses them by 1/2 ln(pi / e)",
           laplace, gaussian_pairs(), gaussian_gap(2 * 0.1 * 0.1, laplace), quick, full),
      pair("spline-b3-mixture", "a spline takes innovations of two scales", mixture,
           spline_pairs(1, 24, 12), 0, quick, full),
      pair("gaussian-b3-mixture", "one Gaussian for each sample misses them", mixture,
           gaussian_pairs(), gaussian_gap(0.9 * 0.02 * 0.02 + 0.1 * 0.2 * 0.2, mixture), quick,
           full),
      pair("spline-b3-switching", "a spline follows a level that the sign before it switches",
           oracles::switching(), spline_pairs(1, 24, 12), 0, quick, full),
      pair("gaussian-b3-switching", "so does one Gaussian for each sample", oracles::switching(),
           gaussian_pairs(), 0, quick, full),
      pair("realnvp-b9-banana", "affine couplings bend a Gaussian into a banana", oracles::Banana(),
           affine_pairs(1), 0, quick, full),
      pair("spline-b9-ring", "splines make eight modes of one", oracles::Ring(),
           spline_pairs(2, 24, 4), 0, {quick.training, 0.02}, full),
      pair("spline-b9-checkerboard", "splines follow the edges of a checkerboard",
           oracles::Checkerboard(), spline_pairs(2, 24, 3), 0, {quick.training, 0.06},
           {full.training, 0.03}),
  };
}

std::vector<Experiment> series() {
  const auto a = oracles::resonance();
  const auto covariance = oracles::ar2_covariance(
      a[0], a[1], oracles::kResonanceDeviation * oracles::kResonanceDeviation, 64);
  std::vector<Experiment> list = {
      {"maf-b1",
       "a causal network reaches the entropy of an AR(2)'s innovations",
       truth(oracles::resonant()),
       256,
       spec_of(unconditioned(256, 1), causal({2, 16, 4, 1, 0})),
       0,
       400,
       {{500, 16, 1e-2}, 0.02},
       {{6000, 32, 5e-3}, 0.01}},
      {"maf-b1b",
       "and of a process that is not linear",
       truth(oracles::nonlinear()),
       256,
       spec_of(unconditioned(256, 1), causal({2, 24, 4, 2, 0})),
       0,
       400,
       {{500, 16, 1e-2}, 0.02},
       {{6000, 32, 5e-3}, 0.01}},
      {"glow-b2",
       "Glow whitens blocks of 64 samples",
       truth(oracles::GaussianProcess(covariance)),
       64,
       spec_of(unconditioned(64, 8), glow(8, 4)),
       0,
       4000,
       {{500, 64, 5e-3}, 0.06},
       {{10000, 64, 3e-3}, 0.01}},
      {"nice-b5",
       "a volume-preserving flow sits on its floor",
       truth(oracles::Level(32)),
       32,
       spec_of({{"kind", "frames"}, {"bands", 1}, {"hop", 32}, {"group", 2}}, level_pairs("none")),
       oracles::Level::volume_preserving_floor(),
       8000,
       {{300, 256, 1e-2}, 0.01},
       {{3000, 256, 5e-3}, 0.01}},
      {"realnvp-b5",
       "one that scales reaches the truth",
       truth(oracles::Level(32)),
       32,
       spec_of({{"kind", "frames"}, {"bands", 1}, {"hop", 32}, {"group", 2}}, level_pairs("exp")),
       0,
       8000,
       {{300, 256, 1e-2}, 0.01},
       {{3000, 256, 5e-3}, 0.01}},
  };
  const oracles::GaussianProcess moving(oracles::ma1_covariance(0.9, 256));
  for (const int taps : {1, 2, 8})
    list.push_back({text("maf-b4-", taps),
                    text("a network of reach ", taps, " sees exactly that far back"),
                    truth(oracles::Seen(moving, taps)),
                    256,
                    spec_of(unconditioned(256, 1), causal({1, 16, taps, 1, 0})),
                    0,
                    400,
                    {{400, 16, 1e-2}, 0.01},
                    {{4000, 32, 5e-3}, 0.005}});
  return list;
}

// B8

constexpr int kSpeechHop = 16, kSpeechSamples = 1024;

std::shared_ptr<const oracles::Oracle> speech() {
  return truth(oracles::SourceFilterSpeech(kSpeechHop));
}

std::vector<Experiment> vocoders() {
  const int bands = oracles::SourceFilterSpeech::kBands;
  const Json own_frame = {{"kind", "upsample"},
                          {"bands", bands},
                          {"kernel", kSpeechHop},
                          {"hop", kSpeechHop},
                          {"group", 1}};
  return {{"causal-b8",
           "a causal network with the true features reaches source-filter speech",
           speech(),
           kSpeechSamples,
           spec_of(own_frame, causal({2, 32, 4, 3, bands})),
           0,
           200,
           {{300, 4, 4e-3}, 0.45},
           {{15000, 8, 3e-3}, 0.01}}};
}

}  // namespace

std::vector<Experiment> experiments() {
  std::vector<Experiment> list;
  for (const auto& part : {series(), pairs(), vocoders()})
    list.insert(list.end(), part.begin(), part.end());
  return list;
}

Outcome run(const Experiment& experiment, const Schedule& schedule, const Told& told) {
  const auto start = std::chrono::steady_clock::now();
  const auto flow =
      fit(experiment.spec, *experiment.oracle, experiment.samples, schedule.training, told);
  Outcome outcome;
  for (const torch::Tensor& p : flow->parameters()) outcome.parameters += p.numel();
  outcome.gap = gap(*flow, *experiment.oracle, experiment.samples, experiment.held_out);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

std::string fault(const std::string& name, const oracles::Mean& gap, double expected,
                  double epsilon) {
  const std::string found = text(name, ": gap ", gap.mean(), " +- ", gap.error());
  if (!(gap.mean() >= -3 * gap.error()))
    return text(found, ": better than the truth, so a density is wrong");
  if (!(gap.mean() <= expected + epsilon && (expected == 0 || gap.mean() >= expected - epsilon)))
    return text(found, ": expected ", expected, " within ", epsilon);
  return "";
}

}  // namespace fluvox::likelihood
