#include "import/published_config.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/strict_json.h"

namespace fluvox::imports {
namespace {

constexpr size_t kMostConfig = size_t{1} << 20;

// Of data_config, and the field of a convention that it is; none: of no interest here.
constexpr std::pair<const char*, const char*> kData[] = {
    {"sampling_rate", "sample_rate"}, {"filter_length", "fft"},   {"hop_length", "hop"},
    {"win_length", "window"},         {"mel_fmin", "fmin"},       {"mel_fmax", "fmax"},
    {"training_files", nullptr},      {"segment_length", nullptr}};

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error(Fault::input, "config-invalid", where + ": " + what);
}

std::string shown(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80);
}

// An object of the configuration, or null where it is absent.
Json part(const Json& json, const std::string& name, const std::string& where) {
  const auto found = json.find(name);
  if (found == json.end()) return nullptr;
  if (!found->is_object())
    refuse(where, text(name, ": expected an object of named values, found ", shown(*found)));
  return *found;
}

}  // namespace

PublishedConfig parse_published_config(const std::string& source, const std::string& where) {
  const Json json = parse_json(source, where);
  if (!json.is_object()) refuse(where, "expected an object of named values, found " + shown(json));
  PublishedConfig config;
  config.where = where;
  config.data = part(json, "data_config", where);
  for (const char* name : {"waveglow_config", "squeezewave_config"})
    if (config.model.is_null()) {
      config.model_name = name;
      config.model = part(json, name, where);
    }
  if (config.model.is_null() && config.data.is_null())
    refuse(where,
           "expected a config.json of WaveGlow's, with a waveglow_config, a squeezewave_config or "
           "a data_config; found none of them");
  if (const Json train = part(json, "train_config", where); train.contains("sigma")) {
    if (!train["sigma"].is_number()) refuse(where, "train_config.sigma: expected a number");
    config.training_sigma = train["sigma"].get<double>();
  }
  return config;
}

PublishedConfig read_published_config(const std::filesystem::path& path) {
  return parse_published_config(read_file(path, kMostConfig), path.string());
}

mel::Convention with_config(const mel::Convention& base, const PublishedConfig& config) {
  Json json = to_json(base);
  if (config.data.is_object())
    for (const auto& [name, value] : config.data.items()) {
      const auto* const known =
          std::find_if(std::begin(kData), std::end(kData),
                       [&key = name](const auto& pair) { return key == pair.first; });
      if (known == std::end(kData)) {
        std::vector<std::string> names;
        for (const auto& pair : kData) names.emplace_back(pair.first);
        refuse(config.where, text("data_config: unknown key ", in_quotes(name),
                                  did_you_mean(name.substr(0, 80), names)));
      }
      if (known->second) json[known->second] = value;
    }
  if (config.model.is_object() && config.model.contains("n_mel_channels"))
    json["bands"] = config.model["n_mel_channels"];
  mel::Convention changed = mel::convention_from_json(json, config.where + ", as a mel convention");
  if (!mel::describe_difference(base, changed).empty()) changed.name = base.name + ", changed";
  return changed;
}

void expect_agreement(const Json& stated, const Json& found, const std::string& where,
                      bool strict) {
  for (const auto& [name, value] : stated.items()) {
    const auto mine = found.find(name);
    if (mine == found.end()) {
      if (!strict) continue;
      std::vector<std::string> names;
      for (const auto& [known, ignored] : found.items()) names.push_back(known);
      refuse(where, text("unknown key ", in_quotes(name), did_you_mean(name.substr(0, 80), names)));
    }
    if (mine->is_null()) continue;
    if (mine->is_object() && value.is_object())
      expect_agreement(value, *mine, where + "." + name, strict);
    else if (value != *mine)
      refuse(where, text(name, " is ", shown(value), ", but the tensors of the checkpoint say ",
                         shown(*mine)));
  }
}

}  // namespace fluvox::imports
