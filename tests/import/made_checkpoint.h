// Checkpoints of WaveGlow and SqueezeWave in every form that its code has saved them in, made from
// random weights, last layers included; and the same weights as a PlainVocoder. What is stored is
// rounded first and the plain model computed from that, so that the two mean the same to the last
// bit.
#pragma once

#include <bit>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "import/made_torch.h"
#include "support/naive_waveglow.h"

namespace fluvox::imports::made {

enum class Layout { fused, cond_layers, separate };
enum class Norm { removed, g_and_v, parametrized };
enum class Precision { f32, f16, bf16, f64 };
enum class Container { legacy, zip };
enum class Wrapping { module, module_of_several_gpus, state_dict, model_key, state_dict_key };

struct Form {
  Layout layout = Layout::fused;
  Norm norm = Norm::g_and_v;
  Precision precision = Precision::f32;
  Container container = Container::zip;
  Wrapping wrapping = Wrapping::state_dict;
  std::string module = "glow";  // of the class WaveGlow
};

struct Sizes {
  int bands = 8, hop = 16, frames = 4, group = 8, flows = 5, every = 2, early = 2, channels = 6,
      layers = 3, kernel = 3;
};

struct Saved {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<double> values;
};

struct MadeCheckpoint {
  std::vector<Saved> tensors;
  support::PlainVocoder plain;

  Saved& operator[](const std::string& name) {
    for (Saved& saved : tensors)
      if (saved.name == name) return saved;
    throw std::runtime_error("no tensor " + name);
  }
};

inline double rounded(double value, Precision precision) {
  const int bits = precision == Precision::f16    ? 11
                   : precision == Precision::bf16 ? 8
                   : precision == Precision::f32  ? 24
                                                  : 53;
  int exponent = 0;
  const double mantissa = std::frexp(value, &exponent);
  if (exponent < -13) return 0;  // no denormals
  return std::ldexp(std::nearbyint(std::ldexp(mantissa, bits)), exponent - bits);
}

inline std::string stored(double value, Precision precision) {
  if (precision == Precision::f64) return little(std::bit_cast<uint64_t>(value), 8);
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  if (precision == Precision::f32) return little(bits, 4);
  if (precision == Precision::bf16) return little(bits >> 16, 2);
  // Another bias of the exponent, 13 bits less of the fraction.
  const uint32_t half = value == 0 ? 0 : ((bits >> 13 & 0x3ffff) - ((127 - 15) << 10));
  return little(bits >> 31 << 15 | half, 2);
}

class CheckpointMaker {
 public:
  CheckpointMaker(const Form& form, const Sizes& sizes, unsigned seed)
      : form_(form), sizes_(sizes), random_(seed) {}

  MadeCheckpoint waveglow() {
    support::PlainVocoder& plain = made_.plain;
    plain.upsampler_taps = size(sizes_.frames * sizes_.hop);
    const int64_t taps = sizes_.frames * sizes_.hop;
    plain.upsampler = add("upsample.weight", {sizes_.bands, sizes_.bands, taps},
                          0.5 / std::sqrt(sizes_.bands * sizes_.frames));
    plain.upsampler_bias = add("upsample.bias", {sizes_.bands}, 0.1);
    return flows();
  }

  MadeCheckpoint squeezewave() {
    made_.plain.squeezewave = true;
    return flows();
  }

 private:
  MadeCheckpoint flows() {
    support::PlainVocoder& plain = made_.plain;
    plain.bands = size(sizes_.bands);
    plain.hop = size(sizes_.hop);
    plain.group = size(sizes_.group);
    int channels = sizes_.group;
    for (int k = 0; k < sizes_.flows; ++k) {
      support::PlainFlow flow;
      if (k > 0 && k % sizes_.every == 0) {
        flow.leaving = size(sizes_.early);
        channels -= sizes_.early;
      }
      flow.matrix = matrix("convinv." + std::to_string(k) + ".conv.weight", channels);
      flow.keeps_second = form_.module == "glow_old" && k % 2 == 1;
      flow.wn = wn("WN." + std::to_string(k) + ".", channels);
      plain.flows.push_back(flow);
    }
    return std::move(made_);
  }

  static size_t size(int64_t value) { return static_cast<size_t>(value); }

  std::vector<double> values(size_t count, double deviation) {
    std::normal_distribution<double> normal(0, deviation);
    std::vector<double> made(count);
    for (double& v : made) v = rounded(normal(random_), form_.precision);
    return made;
  }

  std::vector<double> add(const std::string& name, const std::vector<int64_t>& shape,
                          double deviation) {
    size_t count = 1;
    for (const int64_t extent : shape) count *= size(extent);
    made_.tensors.push_back({name, shape, values(count, deviation)});
    return made_.tensors.back().values;
  }

  // Near a rotation of the channels, so that no inverse is large; its determinant may be negative.
  std::vector<double> matrix(const std::string& name, int channels) {
    std::vector<double> w = values(size(channels * channels), 0.15);
    for (int c = 0; c < channels; ++c)
      w[size(c * channels + (c + 1) % channels)] =
          rounded(w[size(c * channels + (c + 1) % channels)] + 1, form_.precision);
    made_.tensors.push_back({name, {channels, channels, 1}, w});
    return w;
  }

  // A convolution as it is stored: v alone, or g and v, half of g negative.
  struct Piece {
    support::PlainConv conv;
    std::vector<double> g, v;
  };

  Piece piece(int outputs, int inputs, int taps, double scale = 1) {
    Piece made;
    made.conv.outputs = size(outputs);
    made.conv.inputs = size(inputs);
    made.conv.taps = size(taps);
    const size_t row = size(inputs * taps);
    made.v = values(size(outputs) * row, scale / std::sqrt(static_cast<double>(row)));
    made.conv.bias = values(size(outputs), scale / 4);
    made.conv.weight = made.v;
    if (form_.norm == Norm::removed) return made;
    made.g = values(size(outputs), scale);
    for (size_t o = 0; o < size(outputs); ++o) {
      double squares = 0;
      for (size_t i = 0; i < row; ++i) squares += made.v[o * row + i] * made.v[o * row + i];
      for (size_t i = 0; i < row; ++i)
        made.conv.weight[o * row + i] = made.g[o] * made.v[o * row + i] / std::sqrt(squares);
    }
    return made;
  }

  // The rows of several pieces as one layer of the file.
  void save(const std::string& layer, const std::vector<Piece>& pieces, bool normed = true) {
    std::vector<double> g, v, bias;
    for (const Piece& piece : pieces) {
      g.insert(g.end(), piece.g.begin(), piece.g.end());
      v.insert(v.end(), piece.v.begin(), piece.v.end());
      bias.insert(bias.end(), piece.conv.bias.begin(), piece.conv.bias.end());
    }
    const auto rows = static_cast<int64_t>(bias.size());
    const std::vector<int64_t> shape = {rows, static_cast<int64_t>(pieces[0].conv.inputs),
                                        static_cast<int64_t>(pieces[0].conv.taps)};
    const std::string weight =
        layer + (form_.norm == Norm::parametrized && normed ? ".parametrizations.weight.original"
                                                            : ".weight");
    made_.tensors.push_back({layer + ".bias", {rows}, bias});
    if (form_.norm == Norm::removed || !normed) {
      made_.tensors.push_back({weight, shape, v});
    } else {
      const bool old = form_.norm == Norm::g_and_v;
      made_.tensors.push_back({weight + (old ? "_g" : "0"), {rows, 1, 1}, g});
      made_.tensors.push_back({weight + (old ? "_v" : "1"), shape, v});
    }
  }

  support::PlainWn wn(const std::string& name, int channels) {
    const int c = sizes_.channels;
    support::PlainWn made;
    const Piece start = piece(c, channels / 2, 1);
    save(name + "start", {start});
    made.start = start.conv;
    std::vector<Piece> conditions;
    for (int l = 0; made_.plain.squeezewave && l < sizes_.layers; ++l)
      made.layers.push_back(separable(name, l, conditions));
    for (int l = 0; !made_.plain.squeezewave && l < sizes_.layers; ++l) {
      const std::string number = std::to_string(l);
      const bool last = l + 1 == sizes_.layers;
      const Piece in = piece(2 * c, c, sizes_.kernel);
      conditions.push_back(piece(2 * c, sizes_.bands * sizes_.group, 1));
      const Piece res = last ? Piece{} : piece(c, c, 1), skip = piece(c, c, 1);
      save(name + "in_layers." + number, {in});
      if (form_.layout != Layout::fused) save(name + "cond_layers." + number, {conditions.back()});
      if (form_.layout == Layout::separate) {
        if (!last) save(name + "res_layers." + number, {res});
        save(name + "skip_layers." + number, {skip});
      } else {
        save(name + "res_skip_layers." + number,
             last ? std::vector<Piece>{skip} : std::vector<Piece>{res, skip});
      }
      made.layers.push_back({.in = in.conv,
                             .condition = conditions.back().conv,
                             .res = res.conv,
                             .skip = skip.conv,
                             .norm = {},
                             .depthwise = {}});
    }
    if (form_.layout == Layout::fused) save(name + "cond_layer", conditions);
    Piece end = piece(channels, c, 1, 0.2);
    end.conv.weight = end.v;  // never normed
    save(name + "end", {end}, false);
    made.end = end.conv;
    return made;
  }

  support::PlainLayer separable(const std::string& name, int l, std::vector<Piece>& conditions) {
    const int c = sizes_.channels;
    const std::string in = name + "in_layers." + std::to_string(l) + ".";
    support::PlainLayer made;
    made.norm.weight = add(in + "0.weight", {c}, 1);
    made.norm.bias = add(in + "0.bias", {c}, 0.5);
    made.norm.mean = add(in + "0.running_mean", {c}, 0.5);
    made.norm.variance = values(size(c), 1);
    for (double& v : made.norm.variance) v = rounded(0.2 + std::abs(v), form_.precision);
    made_.tensors.push_back({in + "0.running_var", {c}, made.norm.variance});
    made_.tensors.push_back({in + "0.num_batches_tracked", {}, {1000}});
    const size_t taps = size(sizes_.kernel);
    const auto depthwise = add(in + "1.weight", {c, 1, sizes_.kernel}, 0.6);
    const auto bias = add(in + "1.bias", {c}, 0.2);
    for (size_t i = 0; i < size(c); ++i) {
      const auto first = depthwise.begin() + static_cast<std::ptrdiff_t>(i * taps);
      made.depthwise.push_back(
          {1, 1, taps, {first, first + static_cast<std::ptrdiff_t>(taps)}, {bias[i]}});
    }
    made.in = {size(2 * c), size(c), 1, add(in + "2.weight", {2 * c, c, 1}, 1 / std::sqrt(c)),
               add(in + "2.bias", {2 * c}, 0.2)};
    conditions.push_back(piece(2 * c, sizes_.bands, 1));
    made.condition = conditions.back().conv;
    const Piece res = piece(c, c, 1);
    save(name + "res_skip_layers." + std::to_string(l), {res});
    made.res = res.conv;
    return made;
  }

  Form form_;
  Sizes sizes_;
  std::mt19937 random_;
  MadeCheckpoint made_;
};

inline MadeCheckpoint made_waveglow(const Form& form, unsigned seed = 1, const Sizes& sizes = {}) {
  return CheckpointMaker(form, sizes, seed).waveglow();
}

inline MadeCheckpoint made_squeezewave(const Form& form, unsigned seed = 1) {
  const Sizes sizes = {.bands = 8,
                       .hop = 16,
                       .frames = 0,
                       .group = 8,
                       .flows = 5,
                       .every = 2,
                       .early = 2,
                       .channels = 6,
                       .layers = 3,
                       .kernel = 3};
  return CheckpointMaker(form, sizes, seed).squeezewave();
}

// The bytes of the file. A whole module holds a stale weight beside each weight_g and weight_v.
class CheckpointFile {
 public:
  CheckpointFile(const Form& form, int hop) : form_(form), hop_(hop) {}

  std::string operator()(const std::vector<Saved>& tensors) {
    const std::string model = is_module() ? tree(tensors, "", 0) : dictionary(tensors);
    const std::string trainer = str("iteration") + integer(580000) + str("learning_rate") +
                                "G?\x1a\x36\xe2\xeb\x1c\x43\x2d" + str("optimizer") +
                                dict({str("state"), "}", str("param_groups"), "]"});
    const bool dlexamples = form_.wrapping == Wrapping::state_dict_key;
    const std::string body = form_.wrapping == Wrapping::state_dict ? model
                             : dlexamples
                                 ? dict({str("epoch"), integer(1001), str("config"),
                                         dict({str("n_group"), integer(8), str("WN_config"),
                                               dict({str("kernel_size"), integer(3)})}),
                                         str("state_dict"), model, str("optimizer"), "}"})
                                 : dict({str("model"), model, trainer});
    return form_.container == Container::zip ? zip_file(body, storages_)
                                             : legacy_file(body, storages_);
  }

 private:
  bool is_module() const {
    return form_.wrapping == Wrapping::module || form_.wrapping == Wrapping::module_of_several_gpus;
  }

  std::string value(const Saved& saved) {
    if (saved.name.ends_with("num_batches_tracked")) {
      storages_.push_back({std::to_string(storages_.size()), 1, little(1000, 8)});
      return call(global("torch._utils", "_rebuild_tensor_v2"),
                  {storage("LongStorage", storages_.back().key, 1), integer(0), ")", ")", "\x89",
                   ordered_dict()});
    }
    const auto [type, width] = form_.precision == Precision::f32   ? std::pair{"FloatStorage", 4}
                               : form_.precision == Precision::f16 ? std::pair{"HalfStorage", 2}
                               : form_.precision == Precision::bf16
                                   ? std::pair{"BFloat16Storage", 2}
                                   : std::pair{"DoubleStorage", 8};
    const std::string key = std::to_string(storages_.size());
    const auto count = static_cast<int64_t>(saved.values.size());
    std::string bytes;
    bytes.reserve(saved.values.size() * static_cast<size_t>(width));
    for (const double v : saved.values) bytes += stored(v, form_.precision);
    storages_.push_back({key, count, bytes});
    Parts shape, stride;
    int64_t step = count;
    for (const int64_t extent : saved.shape) {
      shape.push_back(integer(extent));
      step /= std::max<int64_t>(extent, 1);
      stride.push_back(integer(step));
    }
    return call(global("torch._utils", "_rebuild_tensor_v2"),
                {storage(type, key, count), integer(0), tuple(shape), tuple(stride), "\x89",
                 ordered_dict()});
  }

  std::string dictionary(const std::vector<Saved>& tensors) {
    const std::string prefix = form_.wrapping == Wrapping::state_dict_key ? "module." : "";
    Parts parts;
    for (const Saved& saved : tensors) {
      parts.push_back(str(prefix + saved.name));
      parts.push_back(value(saved));
    }
    return ordered_dict(parts);
  }

  // The module whose tensors' names start with `prefix`.
  std::string tree(const std::vector<Saved>& tensors, const std::string& prefix, int depth) {
    Parts parameters, buffers, children, state;
    std::vector<std::string> seen;
    for (const Saved& saved : tensors) {
      if (!saved.name.starts_with(prefix)) continue;
      const std::string rest = saved.name.substr(prefix.size());
      const size_t dot = rest.find('.');
      const std::string name = rest.substr(0, dot);
      if (dot == std::string::npos) {
        if (name.starts_with("running_") || name.starts_with("num_")) {
          buffers.push_back(str(name));
          buffers.push_back(value(saved));
          continue;
        }
        parameters.push_back(str(name));
        parameters.push_back(parameter(value(saved)));
        // What the layer computed last: another weight altogether.
        if (name == "weight_v") {
          state.push_back(str("weight"));
          state.push_back(value({"", {1}, {7.0}}));
        }
      } else if (std::find(seen.begin(), seen.end(), name) == seen.end()) {
        seen.push_back(name);
        children.push_back(str(name));
        children.push_back(tree(tensors, prefix + name + ".", depth + 1));
      }
    }
    if (prefix == "upsample.") {
      state.push_back(str("stride"));
      state.push_back(tuple({integer(hop_)}));
    }
    std::string made =
        module(depth == 0 ? form_.module : "torch.nn.modules.conv",
               depth == 0 ? "WaveGlow" : "Conv1d", parameters, buffers, children, state);
    if (depth == 0 && form_.wrapping == Wrapping::module_of_several_gpus)
      made = module("torch.nn.parallel.data_parallel", "DataParallel", {}, {},
                    {str("module"), made}, {});
    return made;
  }

  static std::string module(const std::string& from, const std::string& name,
                            const Parts& parameters, const Parts& buffers, const Parts& children,
                            Parts state) {
    const Parts own = {str("training"),    "\x89",
                       str("_parameters"), ordered_dict(parameters),
                       str("_buffers"),    ordered_dict(buffers),
                       str("_modules"),    ordered_dict(children)};
    state.insert(state.end(), own.begin(), own.end());
    return object(from, name, state);
  }

  Form form_;
  int hop_;
  std::vector<Stored> storages_;
};

inline std::string file_of(const MadeCheckpoint& made, const Form& form) {
  return CheckpointFile(form, static_cast<int>(made.plain.hop))(made.tensors);
}

}  // namespace fluvox::imports::made
