// The config.json that NVIDIA's code (and SqueezeWave's, made from it) trains with:
//   {"train_config": {...}, "data_config": {"sampling_rate": 22050, "filter_length": 1024,
//    "hop_length": 256, "win_length": 1024, "mel_fmin": 0.0, "mel_fmax": 8000.0, ...},
//    "waveglow_config": {"n_mel_channels": 80, "n_flows": 12, "n_group": 8, "n_early_every": 4,
//                        "n_early_size": 2, "WN_config": {"n_layers": 8, ...}}}
// The data_config says what no tensor shows: the mel. The model's part must agree with the tensors.
#pragma once

#include <filesystem>
#include <string>

#include "core/config.h"
#include "mel/convention.h"

namespace fluvox::imports {

struct PublishedConfig {
  std::string where;          // the file's name, for messages
  std::string model_name;     // "waveglow_config" or "squeezewave_config"
  Json model;                 // what stands there; null where it has none
  Json data;                  // data_config; null where it has none
  double training_sigma = 1;  // train_config.sigma
};

PublishedConfig read_published_config(const std::filesystem::path& path);
PublishedConfig parse_published_config(const std::string& source, const std::string& where);

// `base` with what the data_config says in place of its own, and the bands of the model's part.
mel::Convention with_config(const mel::Convention& base, const PublishedConfig& config);

// Refuses a value of `stated` that is not the one in `found`, naming both. Names that `found` has
// not are refused too where `strict`. A null in `found` is a value that the tensors do not show.
void expect_agreement(const Json& stated, const Json& found, const std::string& where, bool strict);

}  // namespace fluvox::imports
