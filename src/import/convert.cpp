#include "import/convert.h"

#include <filesystem>
#include <utility>

#include "core/error.h"
#include "import/published_models.h"

namespace fluvox::imports {
namespace {

// Refuses settings beyond the bounds of the model's own fields.
template <class Settings>
void check_bounds(const Checkpoint& checkpoint, const Settings& settings) {
  from_json<Settings>(to_json(settings), checkpoint.where());
}

// What the tensors say against what was stated, by the user's config.json and by the file's own.
// `group` is what that code calls the samples of a group.
template <class Settings>
void check_config(const Checkpoint& checkpoint, const PublishedConfig& config,
                  const Shown<Settings>& shown, const char* group) {
  const Settings& m = shown.settings;
  const Json found = {
      {"n_mel_channels", shown.bands},
      {"n_flows", m.flows},
      {group, m.group},
      {"n_early_every", shown.early ? Json(m.early_every) : Json()},
      {"n_early_size", shown.early ? Json(m.early_size) : Json()},
      {"WN_config",
       {{"n_layers", m.layers}, {"n_channels", m.channels}, {"kernel_size", m.kernel}}}};
  const Json own = checkpoint.config();
  if (own.is_object()) expect_agreement(own, found, checkpoint.where() + ": its \"config\"", false);
  if (!config.model.is_object()) return;
  const std::string where = config.where + ": " + config.model_name;
  expect_agreement(config.model, found, where, true);
  // Channels leave at flow k where k is a positive multiple of n_early_every: never, where there
  // are no more flows than that.
  const Json every = config.model.value("n_early_every", Json(m.flows));
  if (!shown.early && (!every.is_number_integer() || every.get<int64_t>() < m.flows))
    throw Error(
        Fault::input, "config-invalid",
        text(where, ": n_early_every is ", every.dump().substr(0, 80), ", but in none of the ",
             m.flows, " flows of the checkpoint do channels leave"));
}

void check_bands(const Checkpoint& checkpoint, int found, const mel::Convention& convention) {
  if (found != convention.bands)
    checkpoint.refuse(
        "convention-mismatch",
        text("it takes mels of ", found, " bands, but the convention ", convention.name, " has ",
             convention.bands, "; give that of its training, by --convention or --config"));
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

// Names and shapes do not tell: the class does, or the user.
bool alternates(const Checkpoint& checkpoint, const std::string& layout,
                const ConvertOptions& options, std::vector<std::string>& assumed) {
  if (options.alternate_halves) return *options.alternate_halves;
  if (!checkpoint.class_path().empty()) return is_glow_old(checkpoint.class_path());
  // The class that alternates has always had a cond_layer for each layer.
  if (layout.starts_with("cond_layers"))
    assumed.emplace_back(
        "the first half of the channels conditions in every flow; if it renders noise, the model "
        "is of the class glow_old.WaveGlow, which alternates: convert it with --alternate-halves");
  return false;
}

Converted from_waveglow(Checkpoint& checkpoint, const ConvertOptions& options) {
  auto shown = shown_waveglow(checkpoint, options.convention.hop);
  Converted made;
  shown.settings.alternate = alternates(checkpoint, shown.layout, options, made.assumed);
  check_bounds(checkpoint, shown.settings);
  check_bands(checkpoint, shown.bands, options.convention);
  check_config(checkpoint, options.config, shown, "n_group");
  made.spec = models::spec_of(shown.settings, options.convention);
  made.tensors = waveglow_tensors(checkpoint, made.spec);
  made.spec.provenance["layout"] = shown.layout;
  return made;
}

Converted from_squeezewave(Checkpoint& checkpoint, const ConvertOptions& options) {
  if (options.alternate_halves.value_or(false))
    checkpoint.refuse("checkpoint-structure",
                      "is a SqueezeWave, whose flows do not alternate halves");
  const auto shown = shown_squeezewave(checkpoint);
  check_bounds(checkpoint, shown.settings);
  check_bands(checkpoint, shown.bands, options.convention);
  check_config(checkpoint, options.config, shown, "n_audio_channel");
  Converted made;
  made.spec = models::spec_of(shown.settings, options.convention);
  made.tensors = squeezewave_tensors(checkpoint, made.spec);
  made.spec.provenance["layout"] = shown.layout;
  return made;
}

}  // namespace

Converted convert(Checkpoint& checkpoint, const ConvertOptions& options) {
  // SqueezeWave has no upsampler, and batch norms where WaveGlow's WN has convolutions.
  Converted made = checkpoint.has("upsample") || !checkpoint.has("WN.0.in_layers.0.0")
                       ? from_waveglow(checkpoint, options)
                       : from_squeezewave(checkpoint, options);
  checkpoint.refuse_leftovers();
  made.spec.sigma = options.sigma;
  Json& provenance = made.spec.provenance;
  provenance["imported_from"] =
      printable(std::filesystem::path(checkpoint.where()).filename().string());
  if (!checkpoint.class_path().empty()) provenance["class"] = printable(checkpoint.class_path());
  provenance.update(checkpoint.progress());
  if (options.config.training_sigma != 1) {
    provenance["training_sigma"] = options.config.training_sigma;
    made.assumed.push_back(
        text("log-likelihoods count z as N(0, 1); it was trained with a sigma of ",
             options.config.training_sigma));
  }
  return made;
}

}  // namespace fluvox::imports
