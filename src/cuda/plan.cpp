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

// y[i] = x[from(i)]
template <class From>
Linear reordered(int channels, From from) {
  const auto n = static_cast<size_t>(channels);
  Linear linear{channels, std::vector<double>(n * n), std::vector<double>(n)};
  for (size_t i = 0; i < n; ++i)
    linear.matrix[i * n + static_cast<size_t>(from(static_cast<int>(i)))] = 1;
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

void Plan::add(StagePtr stage, int entering, int scale) {
  stages.push_back({std::move(stage), entering, scale});
}

void Plan::add_linear(const Linear& linear, int scale) {
  if (stages.empty() || stages.back().joined > 0 || stages.back().unfolded > 1 ||
      !stages.back().stage->take(linear))
    add(make_linear(linear), linear.channels, scale);
}

// What leaves at a split comes back behind the stage before it, if that one leaves room.
void Plan::join(int leaving, int here, int scale) {
  add_linear(reordered(here, [](int i) { return i; }), scale);
  stages.back().joined = leaving;
}

// A squeeze behind other steps: number c of row j is channel c group + j of the squeezed row. Once
// the rows lie one after the other there, nothing has to be copied.
void Plan::unfold(int group, int channels_behind, int scale) {
  add_linear(reordered(group * channels_behind,
                       [=](int i) { return i % channels_behind * group + i / channels_behind; }),
             scale);
  stages.back().unfolded = group;
}

Plan::Plan(const flow::Model& model, const flow::ConditionShape& condition_, Precision precision)
    : condition(condition_) {
  const std::vector<Json>& steps = model.spec.steps;
  const auto where = [](size_t i) { return text("steps.", i); };
  // What enters each step in the density direction: its channels, and the samples of its rows.
  std::vector<int> entering, row_samples;
  int now = 1, samples = 1, finest = 1;
  bool of_samples = true;  // so far each by itself, so that rows of any width do
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::string kind = kind_of(steps[i], where(i));
    entering.push_back(now);
    row_samples.push_back(samples);
    if (kind == "squeeze") {
      const int group = part_from_json<flow::Squeeze>(steps[i], where(i)).group;
      now *= group;
      samples *= group;
    }
    if (kind == "lapped") {
      if (!of_samples) refuse_part(where(i), "a lapped transform behind other steps");
      now = samples = part_from_json<flow::Lapped>(steps[i], where(i)).hop;
    }
    if (of_samples) finest = samples;
    of_samples = of_samples && kind == "knee";
    if (kind == "split") now -= part_from_json<flow::Split>(steps[i], where(i)).channels;
  }
  channels = samples;
  if (channels % condition.row_samples != 0 ||
      (condition.bins > 0 && channels != condition.row_samples))
    refuse_part("conditioner", text("a condition of ", condition.row_samples,
                                    " samples a row beside steps of ", channels));
  condition_scale = channels / condition.row_samples;

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
    const int width = std::max(row_samples[i], finest);  // samples of the rows that are sampled
    const int scale = channels / width;
    const int fold = std::max(1, width / condition.row_samples);  // rows of the condition in one
    const auto place = [&](StagePtr stage) { add(std::move(stage), entering[i], scale); };
    if (kind == "split") {
      const int leaving = part_from_json<flow::Split>(steps[i], where(i)).channels;
      join(leaving, entering[i] - leaving, scale);
    } else if (is_linear(kind)) {
      add_linear(inverse_of(steps[i], where(i), mine, entering[i]), scale);
    } else if (kind == "coupling") {
      const auto step = part_from_json<flow::Coupling>(steps[i], where(i));
      if (net_kind(step.net) == "wn")
        place(
            make_wn(step, net_of(net::Wn{}, step.net), fold, where(i), mine.in("net"), precision));
      else if (net_kind(step.net) == "separable")
        place(make_separable(step, net_of(net::Separable{}, step.net), fold, where(i),
                             mine.in("net"), precision));
      else if (net_kind(step.net) == "causal_wn")
        place(make_causal(step, net_of(net::CausalWn{}, step.net), fold, where(i), mine.in("net"),
                          precision));
      else
        refuse_net(step.net);
    } else if (kind == "masked") {
      const auto step = part_from_json<flow::Masked>(steps[i], where(i));
      if (net_kind(step.net) != "causal_wn") refuse_net(step.net);
      place(make_masked(step, net_of(net::CausalWn{}, step.net), fold, where(i), mine.in("net"),
                        precision));
    } else if (kind == "row_coupling") {
      const auto step = part_from_json<flow::RowCoupling>(steps[i], where(i));
      if (net_kind(step.net) != "wn2d") refuse_net(step.net);
      place(make_row_coupling(step, net_of(net::Wn2d{}, step.net), fold, where(i), mine.in("net"),
                              precision));
    } else if (kind == "grid_coupling") {
      const auto step = part_from_json<flow::GridCoupling>(steps[i], where(i));
      if (net_kind(step.net) != "conv2d") refuse_net(step.net);
      place(make_grid(step, net_of(net::Conv2d{}, step.net), entering[i], where(i), mine.in("net"),
                      precision));
    } else if (kind == "knee") {
      // Of samples one by one, of as many side by side as the rows have.
      const int side_by_side = row_samples[i] < finest ? finest : entering[i];
      add(make_knee(part_from_json<flow::Knee>(steps[i], where(i)), side_by_side), side_by_side,
          scale);
    } else if (kind == "whiten") {
      place(make_whiten(entering[i], mine));
    } else if (kind == "lapped") {
      add(make_lapped(channels, where(i)), channels, scale);
    } else if (kind == "squeeze") {  // of one channel: its samples lie side by side already
      const int group = part_from_json<flow::Squeeze>(steps[i], where(i)).group;
      if (row_samples[i] >= finest) unfold(group, entering[i], scale / group);
    } else {
      refuse_part(where(i), text("a step of kind '", kind, "'"));
    }
  }
  if (stages.empty()) refuse_part("steps", "a flow without steps");
  // What left first comes back last, and is z's first channels.
  int left = 0;
  for (auto placed = stages.rbegin(); placed != stages.rend(); ++placed) {
    placed->first = left;
    left += placed->joined * placed->scale;
    placed->stage->seal();
    streams = streams && placed->stage->streams();
  }
  int64_t delay = 0;
  for (const Placed& placed : stages) delay = (delay + placed.stage->lag()) * placed.unfolded;
  look_ahead = (delay + stages.back().scale - 1) / stages.back().scale;
}

void Plan::lay(Tape& tape) const {
  tape.look_ahead = look_ahead;
  tape.condition_scale = condition_scale;
  tape.set_scale(condition_scale);
  const int bins = std::max(1, condition.bins);
  const bool read_late = std::any_of(stages.begin(), stages.end(), [](const Placed& placed) {
    return placed.stage->reads_features();
  });
  if (condition.channels > 0)
    tape.features = tape.rows<float>(condition.channels * bins, 0,
                                     read_late ? condition_scale * look_ahead + 2 : 0, "in");
  if (condition.bins > 0)
    tape.log_scale = tape.rows<float>(condition.bins, 0, look_ahead, "log_scale");

  int left = 0;
  for (const Placed& placed : stages) left += placed.joined * placed.scale;
  tape.set_scale(1);
  Rows<float> z = tape.rows<float>(stages[0].channels, 0, stages[0].stage->past(), "z0");
  tape.draw(z, 0, left, z.width);
  for (size_t k = 0; k < stages.size(); ++k) {
    const Placed& placed = stages[k];
    const bool last = k + 1 == stages.size();
    tape.set_scale(placed.scale);
    const int64_t past = last ? 0 : stages[k + 1].stage->past(), n = placed.unfolded;
    const int width = last ? channels / placed.scale : stages[k + 1].channels;
    Rows<float> x = tape.rows<float>(placed.unfolded * width,
                                     z.delay + tape.lag(placed.stage->lag()), (past + n - 1) / n,
                                     last         ? "audio"
                                     : k % 2 == 0 ? "z1"
                                                  : "z0");
    if (placed.joined > 0) tape.draw(x, 0, placed.first, placed.joined);
    placed.stage->lay(tape, z, x, placed.joined);
    z = {x.data, width, x.delay * n, x.past * n};
  }
  tape.audio = z;
  tape.finish();
}

}  // namespace fluvox::cuda
