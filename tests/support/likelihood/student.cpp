#include "support/oracles/student.h"

#include <chrono>

#include "support/likelihood/experiments.h"
#include "support/oracles/process.h"

namespace fluvox::likelihood {
namespace {

constexpr double kTeacher = 0.9;
constexpr int kSeen = 10, kSamples = 1024;

// log p_teacher(x) of each item [B], nats
torch::Tensor teacher_log_prob(const torch::Tensor& x) {
  const torch::Tensor before = torch::constant_pad_nd(x.narrow(1, 0, x.size(1) - 1), {1, 0});
  const torch::Tensor e = x - kTeacher * before;
  return (-0.5 * e.square() - 0.5 * std::log(2 * std::numbers::pi)).sum(1);
}

// Of `count` samples of the student
torch::Tensor from_teacher(flow::TorchFlow& flow, int count, at::ScalarType type) {
  return divergence(flow, condition_of(flow, torch::zeros({count, 1, 1}, type)), kSamples,
                    teacher_log_prob);
}

}  // namespace

Experiment student() {
  Experiment e;
  e.name = "iaf-b6";
  e.claim = text("a parallel student of ", kSeen, " + 1 taps loses what it must");
  e.samples = kSamples;
  e.spec.model = "oracle";
  e.spec.conditioner = {{"kind", "none"}, {"bands", 1}, {"hop", kSamples}, {"group", 1}};
  const Json net = {{"kind", "causal_wn"}, {"inputs", 1},    {"outputs", 2},
                    {"channels", 24},      {"layers", 1},    {"cycle", 1},
                    {"kernel", 1},         {"front", kSeen}, {"condition", 0}};
  e.spec.steps = {{{"kind", "masked"}, {"channels", 1}, {"parallel", "inverse"}, {"net", net}}};
  e.expected = oracles::student_floor(kTeacher, kSeen);
  e.held_out = 1000;
  e.quick = {{500, 8, 1e-2}, 0.01};
  e.full = {{6000, 16, 5e-3}, 0.002};
  return e;
}

Outcome run_student(const Experiment& experiment, const Schedule& schedule, const Told& told) {
  const auto start = std::chrono::steady_clock::now();
  torch::manual_seed(1);
  flow::TorchFlow flow(experiment.spec);
  Outcome outcome;
  for (const torch::Tensor& p : flow.parameters()) outcome.parameters += p.numel();
  descend(
      flow, schedule.training,
      [&](int) { return from_teacher(flow, schedule.training.batch, at::kFloat).mean(); }, told);
  const torch::NoGradGuard no_grad;
  flow.to(at::kDouble);
  for (int done = 0; done < experiment.held_out; done += 50) {
    const torch::Tensor found = from_teacher(flow, 50, at::kDouble);
    for (int64_t i = 0; i < 50; ++i) outcome.gap.add(found[i].item<double>());
  }
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

}  // namespace fluvox::likelihood
