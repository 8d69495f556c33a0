#include "import/published_models.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "flow/registry.h"
#include "import/layer_map.h"

namespace fluvox::imports {
namespace {

// An extent of a hostile file need not fit; the bounds of the settings are checked later.
int extent(int64_t value) {
  return static_cast<int>(std::clamp<int64_t>(value, 0, std::numeric_limits<int>::max()));
}

std::string numbered(const std::string& list, int k) { return text(list, ".", k); }

// Flows, group and early exits, from the sizes of the 1x1 convolutions; the sizes of the nets,
// which are those of the first one everywhere.
template <class Settings>
Shown<Settings> shown_flows(const Checkpoint& checkpoint) {
  Shown<Settings> shown;
  Settings& m = shown.settings;
  m.flows = checkpoint.count("convinv");
  int every = 0, size = 0, before = 0;
  for (int k = 0; k < m.flows; ++k) {
    const int channels = extent(checkpoint.shape(numbered("convinv", k) + ".conv", 3)[0]);
    if (k == 0) m.group = before = channels;
    if (every == 0 && channels != before) {
      every = k;
      size = before - channels;
    }
    const int leaving = every > 0 && k % every == 0 && k > 0 ? size : 0;
    if (size < 0 || before - channels != leaving)
      checkpoint.refuse("checkpoint-structure",
                        text("expected ", before - std::max(leaving, 0), " channels in flow ", k,
                             ", by the early exits before it, found ", channels, " in ",
                             numbered("convinv", k), ".conv.weight"));
    before = channels;
  }
  shown.early = every > 0;
  m.early_every = shown.early ? every : std::max(m.flows, 1);
  if (shown.early) m.early_size = size;
  m.channels = extent(checkpoint.shape("WN.0.start", 3)[0]);
  m.layers = checkpoint.count("WN.0.in_layers");
  return shown;
}

// conditioner.*, steps.i.weight and, by net_tensors(its name there, its name here, its JSON), the
// nets of the couplings.
template <class NetTensors>
void flow_tensors(Checkpoint& checkpoint, const flow::Spec& spec, Tensors& tensors,
                  NetTensors net_tensors) {
  int k = 0;
  for (size_t i = 0; i < spec.steps.size(); ++i) {
    const std::string name = text("steps.", i), kind = kind_of(spec.steps[i], name);
    if (kind == "invertible1x1") {
      const int64_t c = part_from_json<flow::Invertible1x1>(spec.steps[i], name).channels;
      const std::vector<float> matrix =
          checkpoint.weight(numbered("convinv", k) + ".conv", {c, c, 1});
      tensors[name + ".weight"] = HostTensor::of(matrix, {c, c});
    } else if (kind == "coupling") {
      net_tensors(numbered("WN", k), name + ".net", spec.steps[i]["net"]);
      ++k;
    }
  }
}

std::vector<std::string> of_each_layer(const std::string& list, int layers) {
  std::vector<std::string> names;
  for (int l = 0; l < layers; ++l) names.push_back(numbered(list, l));
  return names;
}

void wn_tensors(LayerMap map, const net::Wn& wn) {
  const int c = wn.channels;
  map.conv("start", {"start"}, c, wn.inputs, 1);
  map.conv("cond_layer",
           map.has("cond_layer") ? std::vector<std::string>{"cond_layer"}
                                 : of_each_layer("cond_layers", wn.layers),
           2 * c * wn.layers, wn.condition, 1);
  for (int l = 0; l < wn.layers; ++l) {
    const std::string in = numbered("in_layers", l), fused = numbered("res_skip_layers", l),
                      skip = numbered("skip_layers", l), res = numbered("res_layers", l);
    map.conv(in, {in}, 2 * c, c, wn.kernel);
    // The last layer has no residual.
    const bool last = l + 1 == wn.layers;
    std::vector<std::string> parts = {fused};
    if (map.has(skip)) parts = last ? std::vector{skip} : std::vector{res, skip};
    map.conv(fused, parts, last ? c : 2 * c, c, 1);
  }
  map.conv("end", {"end"}, wn.outputs, c, 1);
}

void separable_tensors(LayerMap map, const net::Separable& net) {
  const int64_t c = net.channels;
  map.conv("start", {"start"}, net.channels, net.inputs, 1);
  map.conv("cond_layer", {"cond_layer"}, 2 * net.channels * net.layers, net.condition, 1);
  for (int l = 0; l < net.layers; ++l) {
    const std::string in = numbered("in_layers", l);
    for (const char* part : {"weight", "bias", "running_mean", "running_var"})
      map.tensor(in + ".norm." + part, in + ".0." + part, {c}, {c});
    map.leave(in + ".0.num_batches_tracked");
    map.conv(in + ".depthwise", {in + ".1"}, net.channels, 1, net.kernel);
    map.conv(in + ".pointwise", {in + ".2"}, 2 * net.channels, net.channels, 1);
    map.conv(numbered("res_layers", l), {numbered("res_skip_layers", l)}, net.channels,
             net.channels, 1);
  }
  map.conv("end", {"end"}, net.outputs, net.channels, 1);
}

}  // namespace

Shown<models::WaveGlow> shown_waveglow(const Checkpoint& checkpoint, int hop) {
  auto shown = shown_flows<models::WaveGlow>(checkpoint);
  shown.settings.kernel = extent(checkpoint.shape("WN.0.in_layers.0", 3)[2]);
  const std::vector<int64_t> upsampler = checkpoint.shape("upsample", 3);
  shown.bands = extent(upsampler[0]);
  const char* const advice = "; give that of its training, by --convention or --config";
  if (const auto stride = checkpoint.attribute("upsample", "stride"); stride && *stride != hop)
    checkpoint.refuse("convention-mismatch",
                      text("its upsampler makes ", *stride, " samples of a frame, but the hop of ",
                           "the mel convention is ", hop, advice));
  if (upsampler[2] % hop != 0)
    checkpoint.refuse("convention-mismatch",
                      text("its upsampler's kernel of ", upsampler[2], " taps is no multiple of ",
                           hop, ", the hop of the mel convention", advice));
  shown.settings.frames = extent(upsampler[2] / hop);
  shown.layout =
      text(checkpoint.has("WN.0.cond_layer") ? "cond_layer" : "cond_layers", ", ",
           checkpoint.has("WN.0.skip_layers.0") ? "res_layers, skip_layers" : "res_skip_layers");
  return shown;
}

Shown<models::SqueezeWave> shown_squeezewave(const Checkpoint& checkpoint) {
  auto shown = shown_flows<models::SqueezeWave>(checkpoint);
  shown.settings.kernel = extent(checkpoint.shape("WN.0.in_layers.0.1", 3)[2]);
  shown.bands = extent(checkpoint.shape("WN.0.cond_layer", 3)[1]);
  const auto eps = checkpoint.attribute("WN.0.in_layers.0.0", "eps");
  if (eps && std::abs(*eps - net::kNormFloor) > 1e-3 * net::kNormFloor)
    checkpoint.refuse("checkpoint-structure", text("its batch norms add ", *eps,
                                                   " to the variance, expected ", net::kNormFloor));
  shown.layout = "cond_layer, in_layers of batch norm, depthwise and pointwise";
  return shown;
}

Tensors waveglow_tensors(Checkpoint& checkpoint, const flow::Spec& spec) {
  Tensors tensors;
  const auto up = part_from_json<net::Upsample>(spec.conditioner, "conditioner");
  const std::vector<int64_t> kernel = {up.bands, up.bands, up.kernel};
  tensors["conditioner.weight"] = HostTensor::of(checkpoint.weight("upsample", kernel), kernel);
  tensors["conditioner.bias"] =
      HostTensor::of(checkpoint.tensor("upsample.bias", {up.bands}), {up.bands});
  flow_tensors(
      checkpoint, spec, tensors,
      [&](const std::string& old_name, const std::string& name, const Json& net) {
        wn_tensors({checkpoint, old_name, tensors, name}, part_from_json<net::Wn>(net, name));
      });
  return tensors;
}

Tensors squeezewave_tensors(Checkpoint& checkpoint, const flow::Spec& spec) {
  Tensors tensors;
  flow_tensors(checkpoint, spec, tensors,
               [&](const std::string& old_name, const std::string& name, const Json& net) {
                 separable_tensors({checkpoint, old_name, tensors, name},
                                   part_from_json<net::Separable>(net, name));
               });
  return tensors;
}

}  // namespace fluvox::imports
