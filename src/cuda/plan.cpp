#include "cuda/plan.h"

#include <algorithm>

#include "core/threads.h"
#include "flow/registry.h"
#include "net/registry.h"

namespace fluvox::cuda {
namespace {

// The map of a linear step's inverse, asked from its runtime body: what it makes of zeros and of
// each unit vector.
Linear inverse_of(const Json& step, const std::string& where, net::Weights& weights, int channels) {
  const flow::RuntimeStepPtr body = flow::make_runtime_step(step, where, weights);
  flow::Grid z(channels + 1, channels);
  for (int c = 0; c < channels; ++c) z.row(1 + c)[c] = 1;
  Threads alone(1);
  body->inverse(z, {}, alone);
  const auto n = static_cast<size_t>(channels);
  Linear linear{channels, std::vector<double>(n * n), {z.row(0), z.row(0) + channels}};
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j)
      linear.matrix[i * n + j] = double{z.row(1 + static_cast<int>(j))[i]} - linear.constant[i];
  return linear;
}

bool is_linear(const std::string& kind) {
  return kind == "invertible1x1" || kind == "actnorm" || kind == "scale" || kind == "batchnorm" ||
         kind == "permute";
}

}  // namespace

void refuse_part(const std::string& where, const std::string& what) {
  throw Error(Fault::device, "cuda-part-missing",
              text(where, ": ", what, " has no CUDA body yet: use --device cpu"));
}

void Plan::add(StagePtr stage, int entering) {
  stages.push_back({std::move(stage), entering, 0, 0});
}

void Plan::add_linear(const Linear& linear) {
  if (stages.empty() || stages.back().joined > 0 || !stages.back().stage->take(linear))
    add(make_linear(linear), linear.channels);
}

// What leaves at a split comes back behind the stage before it, if that one leaves room.
void Plan::join(int leaving, int here) {
  const auto n = static_cast<size_t>(here);
  Linear same{here, std::vector<double>(n * n), std::vector<double>(n)};
  for (size_t i = 0; i < n; ++i) same.matrix[i * n + i] = 1;
  add_linear(same);
  stages.back().joined = leaving;
}

Plan::Plan(const flow::Model& model, const flow::ConditionShape& condition_, Precision precision)
    : condition(condition_) {
  const std::vector<Json>& steps = model.spec.steps;
  const auto where = [](size_t i) { return text("steps.", i); };
  std::vector<int> entering;  // channels, in the density direction
  int now = 1, samples = 1;
  bool of_samples = true;  // so far each by itself, so that rows of any width do
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::string kind = kind_of(steps[i], where(i));
    entering.push_back(now);
    if (kind == "squeeze") now *= part_from_json<flow::Squeeze>(steps[i], where(i)).group;
    if (kind == "lapped") now = part_from_json<flow::Lapped>(steps[i], where(i)).hop;
    if (kind == "squeeze" || kind == "lapped") {
      if (!of_samples) refuse_part(where(i), text("a ", kind, " behind other steps"));
      samples = now;
    }
    of_samples = of_samples && kind == "knee";
    if (kind == "split") now -= part_from_json<flow::Split>(steps[i], where(i)).channels;
  }
  channels = samples;
  if (condition.row_samples != channels)
    refuse_part("conditioner", text("a condition of ", condition.row_samples,
                                    " samples a row beside steps of ", channels));

  for (size_t i = steps.size(); i-- > 0;) {
    const std::string kind = kind_of(steps[i], where(i));
    net::Weights mine = net::Weights(model.tensors).in(where(i));
    const std::string inside = where(i) + ".net";
    const auto net_kind = [&](const Json& net) { return kind_of(net, inside); };
    const auto net_of = [&]<class Net>(const Net&, const Json& net) {
      return part_from_json<Net>(net, inside);
    };
    const auto refuse_net = [&](const Json& net) {
      refuse_part(inside, text("a net of kind '", net_kind(net), "'"));
    };
    if (kind == "split") {
      const int leaving = part_from_json<flow::Split>(steps[i], where(i)).channels;
      join(leaving, entering[i] - leaving);
    } else if (is_linear(kind)) {
      add_linear(inverse_of(steps[i], where(i), mine, entering[i]));
    } else if (kind == "coupling") {
      const auto step = part_from_json<flow::Coupling>(steps[i], where(i));
      if (net_kind(step.net) == "wn")
        add(make_wn(step, net_of(net::Wn{}, step.net), where(i), mine.in("net"), precision),
            entering[i]);
      else if (net_kind(step.net) == "separable")
        add(make_separable(step, net_of(net::Separable{}, step.net), where(i), mine.in("net"),
                           precision),
            entering[i]);
      else
        refuse_net(step.net);
    } else if (kind == "masked") {
      const auto step = part_from_json<flow::Masked>(steps[i], where(i));
      if (net_kind(step.net) != "causal_wn") refuse_net(step.net);
      add(make_masked(step, net_of(net::CausalWn{}, step.net), where(i), mine.in("net"), precision),
          entering[i]);
    } else if (kind == "row_coupling") {
      const auto step = part_from_json<flow::RowCoupling>(steps[i], where(i));
      if (net_kind(step.net) != "wn2d") refuse_net(step.net);
      add(make_row_coupling(step, net_of(net::Wn2d{}, step.net), where(i), mine.in("net"),
                            precision),
          entering[i]);
    } else if (kind == "grid_coupling") {
      const auto step = part_from_json<flow::GridCoupling>(steps[i], where(i));
      if (net_kind(step.net) != "conv2d") refuse_net(step.net);
      add(make_grid(step, net_of(net::Conv2d{}, step.net), entering[i], where(i), mine.in("net"),
                    precision),
          entering[i]);
    } else if (kind == "knee") {
      const int width = entering[i] == 1 ? channels : entering[i];
      add(make_knee(part_from_json<flow::Knee>(steps[i], where(i)), width), width);
    } else if (kind == "whiten") {
      add(make_whiten(entering[i], mine), entering[i]);
    } else if (kind == "lapped") {
      add(make_lapped(channels, where(i)), channels);
    } else if (kind != "squeeze") {  // of one channel: its samples lie side by side already
      refuse_part(where(i), text("a step of kind '", kind, "'"));
    }
  }
  if (stages.empty()) refuse_part("steps", "a flow without steps");
  // What left first comes back last, and is z's first channels.
  int left = 0;
  for (auto placed = stages.rbegin(); placed != stages.rend(); ++placed) {
    placed->first = left;
    left += placed->joined;
    placed->stage->seal();
    look_ahead += placed->stage->lag();
    streams = streams && placed->stage->streams();
  }
}

void Plan::lay(Tape& tape) const {
  tape.look_ahead = look_ahead;
  const int bins = std::max(1, condition.bins);
  const bool read_late = std::any_of(stages.begin(), stages.end(), [](const Placed& placed) {
    return placed.stage->reads_features();
  });
  if (condition.channels > 0)
    tape.features =
        tape.rows<float>(condition.channels * bins, 0, read_late ? look_ahead + 2 : 0, "in");
  if (condition.bins > 0)
    tape.log_scale = tape.rows<float>(condition.bins, 0, look_ahead, "log_scale");

  int left = 0;
  for (const Placed& placed : stages) left += placed.joined;
  const auto entering = [&](size_t k, int64_t delay) {
    return tape.rows<float>(stages[k].channels, delay, stages[k].stage->past(),
                            k % 2 == 0 ? "z0" : "z1");
  };
  Rows<float> z = entering(0, 0);
  tape.draw(z, 0, left, z.width);
  for (size_t k = 0; k < stages.size(); ++k) {
    const Placed& placed = stages[k];
    const int64_t delay = z.delay + tape.lag(placed.stage->lag());
    const Rows<float> x = k + 1 < stages.size() ? entering(k + 1, delay)
                                                : tape.rows<float>(channels, delay, 0, "audio");
    if (placed.joined > 0) tape.draw(x, 0, placed.first, placed.joined);
    placed.stage->lay(tape, z, x, placed.joined);
    z = x;
  }
  tape.audio = z;
  tape.finish();
}

}  // namespace fluvox::cuda
