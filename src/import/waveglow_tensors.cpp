#include "import/waveglow_tensors.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/error.h"
#include "flow/registry.h"

namespace fluvox::imports {
namespace {

// An extent of a hostile file need not fit; the bounds of the settings are checked later.
int extent(int64_t value) {
  return static_cast<int>(std::clamp<int64_t>(value, 0, std::numeric_limits<int>::max()));
}

std::string flow_name(const std::string& list, int k) { return text(list, ".", k); }

// Rows of one tensor after those of another.
void append(std::vector<float>& rows, const std::vector<float>& more) {
  rows.insert(rows.end(), more.begin(), more.end());
}

// Takes the layers of one WN and gives them the names of net/wn.h.
class WnTensors {
 public:
  WnTensors(Checkpoint& from, std::string old_name, Tensors& to, std::string new_name,
            const net::Wn& wn)
      : from_(from), old_(std::move(old_name)), to_(to), new_(std::move(new_name)), wn_(wn) {}

  void all() {
    layer("start", {"start"}, wn_.channels, wn_.inputs, 1);
    condition();
    for (int l = 0; l < wn_.layers; ++l) {
      layer(text("in_layers.", l), {text("in_layers.", l)}, 2 * wn_.channels, wn_.channels,
            wn_.kernel);
      residual_and_skip(l);
    }
    layer("end", {"end"}, wn_.outputs, wn_.channels, 1);
  }

 private:
  // One layer of ours, its rows those of the layers named, all of the same size.
  void layer(const std::string& name, const std::vector<std::string>& parts, int rows, int inputs,
             int kernel) {
    std::vector<float> weight, bias;
    const auto each = static_cast<int64_t>(rows) / static_cast<int64_t>(parts.size());
    for (const std::string& part : parts) {
      append(weight, from_.weight(old_ + "." + part, {each, inputs, kernel}));
      append(bias, from_.tensor(old_ + "." + part + ".bias", {each}));
    }
    to_[new_ + "." + name + ".weight"] = HostTensor::of(weight, {rows, inputs, kernel});
    to_[new_ + "." + name + ".bias"] = HostTensor::of(bias, {rows});
  }

  void condition() {
    std::vector<std::string> parts = {"cond_layer"};
    if (!from_.has(old_ + ".cond_layer")) {
      parts.clear();
      for (int l = 0; l < wn_.layers; ++l) parts.push_back(text("cond_layers.", l));
    }
    layer("cond_layer", parts, 2 * wn_.channels * wn_.layers, wn_.condition, 1);
  }

  // The last layer has no residual.
  void residual_and_skip(int l) {
    const std::string fused = text("res_skip_layers.", l);
    const bool last = l + 1 == wn_.layers;
    std::vector<std::string> parts = {fused};
    if (from_.has(text(old_, ".skip_layers.", l))) {
      parts = {text("skip_layers.", l)};
      if (!last) parts.insert(parts.begin(), text("res_layers.", l));
    }
    layer(fused, parts, last ? wn_.channels : 2 * wn_.channels, wn_.channels, 1);
  }

  Checkpoint& from_;
  const std::string old_;
  Tensors& to_;
  const std::string new_;
  const net::Wn& wn_;
};

}  // namespace

EarlyExits early_exits(const Checkpoint& checkpoint) {
  EarlyExits found;
  found.flows = checkpoint.count("convinv");
  int before = 0;
  for (int k = 0; k < found.flows; ++k) {
    const int channels = extent(checkpoint.shape(flow_name("convinv", k) + ".conv", 3)[0]);
    if (k == 0) found.group = before = channels;
    if (channels == before && (found.every == 0 || k % found.every != 0)) continue;
    if (found.every == 0) {
      found.every = k;
      found.size = before - channels;
    }
    if (k % found.every != 0 || before - channels != found.size || found.size <= 0)
      checkpoint.refuse(
          "checkpoint-structure",
          text("channels leave at flow ", found.every, ", ", found.size, " of them, so flow ", k,
               " should work on ", before - (k % found.every == 0 ? found.size : 0),
               " channels; its matrix ", flow_name("convinv", k), ".conv.weight has ", channels));
    before = channels;
  }
  return found;
}

WaveGlowShape shape_of_waveglow(const Checkpoint& checkpoint, int hop) {
  WaveGlowShape shape;
  models::WaveGlow& m = shape.settings;
  const EarlyExits exits = early_exits(checkpoint);
  m.flows = exits.flows;
  m.group = exits.group;
  shape.early = exits.every > 0;
  m.early_every = shape.early ? exits.every : std::max(exits.flows, 1);
  m.early_size = shape.early ? exits.size : models::WaveGlow().early_size;
  m.channels = extent(checkpoint.shape("WN.0.start", 3)[0]);
  m.layers = checkpoint.count("WN.0.in_layers");
  m.kernel = extent(checkpoint.shape("WN.0.in_layers.0", 3)[2]);
  const std::vector<int64_t> upsampler = checkpoint.shape("upsample", 3);
  shape.bands = extent(upsampler[0]);
  if (const auto stride = checkpoint.attribute("upsample", "stride"); stride && *stride != hop)
    checkpoint.refuse("convention-mismatch",
                      text("its upsampler makes ", *stride, " samples of a frame, but the hop of "
                           "the mel convention is ", hop, "; give the one that it was trained on"));
  if (upsampler[2] % hop != 0)
    checkpoint.refuse("convention-mismatch",
                      text("its upsampler's kernel of ", upsampler[2], " taps is no multiple of ",
                           hop, ", the hop of the mel convention; give the one that it was "
                           "trained on"));
  m.frames = extent(upsampler[2] / hop);
  shape.layout = text(checkpoint.has("WN.0.cond_layer") ? "cond_layer" : "cond_layers", ", ",
                      checkpoint.has("WN.0.skip_layers.0") ? "res_layers, skip_layers"
                                                           : "res_skip_layers");
  return shape;
}

Tensors waveglow_tensors(Checkpoint& checkpoint, const WaveGlowShape& shape,
                         const flow::Spec& spec) {
  Tensors tensors;
  const auto upsample = part_from_json<net::Upsample>(spec.conditioner, "conditioner");
  const std::vector<int64_t> kernel = {shape.bands, shape.bands, upsample.kernel};
  tensors["conditioner.weight"] = HostTensor::of(checkpoint.weight("upsample", kernel), kernel);
  tensors["conditioner.bias"] =
      HostTensor::of(checkpoint.tensor("upsample.bias", {shape.bands}), {shape.bands});
  int k = 0;
  for (size_t i = 0; i < spec.steps.size(); ++i) {
    const std::string name = text("steps.", i), kind = kind_of(spec.steps[i], name);
    if (kind == "invertible1x1") {
      const int64_t c = part_from_json<flow::Invertible1x1>(spec.steps[i], name).channels;
      tensors[name + ".weight"] = HostTensor::of(
          checkpoint.weight(flow_name("convinv", k) + ".conv", {c, c, 1}), {c, c});
    } else if (kind == "coupling") {
      const auto wn = part_from_json<net::Wn>(spec.steps[i]["net"], name + ".net");
      WnTensors(checkpoint, flow_name("WN", k), tensors, name + ".net", wn).all();
      ++k;
    }
  }
  return tensors;
}

}  // namespace fluvox::imports
