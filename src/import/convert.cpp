#include "import/convert.h"

#include <filesystem>
#include <utility>

#include "core/error.h"
#include "import/waveglow_tensors.h"

namespace fluvox::imports {
namespace {

// Refuses settings beyond the bounds of the model's own fields.
template <class Settings>
void check_bounds(const Checkpoint& checkpoint, const Settings& settings) {
  from_json<Settings>(to_json(settings), checkpoint.where());
}

// What the tensors say against what was stated, by the user's config.json and by the file's own.
void check_config(const Checkpoint& checkpoint, const PublishedConfig& config, const Json& found) {
  if (config.model.is_object())
    expect_agreement(config.model, found, config.where + ": " + config.model_name, true);
  const Json own = checkpoint.config();
  if (own.is_object())
    expect_agreement(own, found, checkpoint.where() + ": its \"config\"", false);
}

// Channels leave at flow k where k is a positive multiple of n_early_every: none do where the number
// of flows is not above it, whatever the number.
void check_no_exits(const Checkpoint& checkpoint, const PublishedConfig& config, int flows) {
  if (!config.model.is_object() || !config.model.contains("n_early_every")) return;
  const Json& every = config.model["n_early_every"];
  if (!every.is_number_integer() || every.get<int64_t>() < flows)
    throw Error(Fault::input, "config-invalid",
                text(config.where, ": n_early_every is ", every.dump().substr(0, 80), ", but of the ",
                     flows, " flows of ", checkpoint.where(), " none lets channels leave"));
}

void check_bands(const Checkpoint& checkpoint, int found, const mel::Convention& convention) {
  if (found != convention.bands)
    checkpoint.refuse("convention-mismatch",
                      text("it takes mels of ", found, " bands, but the convention ",
                           convention.name, " has ", convention.bands,
                           "; give the convention that it was trained on"));
}

// JSON is UTF-8; names in files need not be.
Json printable(const std::string& name) {
  return Json::parse(Json(name).dump(-1, ' ', false, Json::error_handler_t::replace));
}

// "glow_old.WaveGlow", "tacotron2.glow_old.WaveGlow"
bool is_glow_old(const std::string& class_path) {
  const size_t dot = class_path.rfind('.');
  const std::string module = class_path.substr(0, dot);
  return dot != std::string::npos && (module == "glow_old" || module.ends_with(".glow_old"));
}

// Names and shapes are silent on it (facts of the format): the class or the user tells.
bool alternates(const Checkpoint& checkpoint, const WaveGlowShape& shape,
                const ConvertOptions& options, std::vector<std::string>& assumed) {
  if (options.alternate_halves) return *options.alternate_halves;
  if (!checkpoint.class_path().empty()) return is_glow_old(checkpoint.class_path());
  // The class that alternates has always had a cond_layer for each layer.
  if (shape.layout.starts_with("cond_layers"))
    assumed.emplace_back(
        "the first half of the channels conditions in every flow; if it renders noise, the model "
        "is of the class glow_old.WaveGlow, which alternates: convert it with --alternate-halves");
  return false;
}

Converted from_waveglow(Checkpoint& checkpoint, const ConvertOptions& options) {
  WaveGlowShape shape = shape_of_waveglow(checkpoint, options.convention.hop);
  Converted made;
  models::WaveGlow& m = shape.settings;
  m.alternate = alternates(checkpoint, shape, options, made.assumed);
  check_bounds(checkpoint, m);
  check_bands(checkpoint, shape.bands, options.convention);
  const Json found = {
      {"n_mel_channels", shape.bands},
      {"n_flows", m.flows},
      {"n_group", m.group},
      {"n_early_every", shape.early ? Json(m.early_every) : Json()},
      {"n_early_size", shape.early ? Json(m.early_size) : Json()},
      {"WN_config",
       {{"n_layers", m.layers}, {"n_channels", m.channels}, {"kernel_size", m.kernel}}}};
  check_config(checkpoint, options.config, found);
  if (!shape.early) check_no_exits(checkpoint, options.config, m.flows);
  made.spec = models::spec_of(m, options.convention);
  made.tensors = waveglow_tensors(checkpoint, shape, made.spec);
  made.spec.provenance["layout"] = shape.layout;
  return made;
}

}  // namespace

Converted convert(Checkpoint& checkpoint, const ConvertOptions& options) {
  if (!checkpoint.has("upsample"))
    checkpoint.refuse("checkpoint-missing", "the tensor \"upsample.weight\" is missing");
  Converted made = from_waveglow(checkpoint, options);
  checkpoint.refuse_leftovers();
  made.spec.sigma = options.sigma;
  Json& provenance = made.spec.provenance;
  provenance["imported_from"] =
      printable(std::filesystem::path(checkpoint.where()).filename().string());
  if (!checkpoint.class_path().empty()) provenance["class"] = printable(checkpoint.class_path());
  provenance.update(checkpoint.progress());
  if (options.config.training_sigma != 1) {
    provenance["training_sigma"] = options.config.training_sigma;
    made.assumed.push_back(text("log-likelihoods count z as N(0, 1); it was trained with a sigma of ",
                                options.config.training_sigma));
  }
  return made;
}

}  // namespace fluvox::imports
