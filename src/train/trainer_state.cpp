// What a trainer saves, restores, shares with its peers and exports.
#include "core/log.h"
#include "flow/model_file.h"
#include "fluvox_version.h"
#include "train/tensors_torch.h"
#include "train/trainer.h"

namespace fluvox::train {

std::map<std::string, torch::Tensor> Trainer::averaged() const {
  std::map<std::string, torch::Tensor> all = state_;
  for (size_t i = 0; i < names_.size(); ++i) all[names_[i]] = average_[i];
  return all;
}

void Trainer::save() {
  if (!peers_->first()) return;
  Checkpoint checkpoint;
  checkpoint.step = step_;
  checkpoint.updates = adam_->updates;
  checkpoint.settings = to_json(settings_);
  checkpoint.spec = to_json(spec_);
  checkpoint.held_out = held_out_;
  checkpoint.best_held_out = best_held_out_;
  checkpoint.best_step = best_step_;
  checkpoint.rate_factor = rate_factor_;
  checkpoint.loss_scale = loss_scale_;
  for (size_t i = 0; i < names_.size(); ++i)
    checkpoint.tensors["average/" + names_[i]] = to_host(average_[i]);
  for (size_t i = 0; i < learned_->names().size(); ++i) {
    const std::string& name = learned_->names()[i];
    checkpoint.tensors["weights/" + name] = to_host(learned_->tensors()[i]);
    checkpoint.tensors["moment1/" + name] = to_host(adam_->moment1[i]);
    checkpoint.tensors["moment2/" + name] = to_host(adam_->moment2[i]);
  }
  for (const auto& [name, tensor] : state_) checkpoint.tensors["state/" + name] = to_host(tensor);
  write_checkpoint(folder_, checkpoint, settings_.keep);
}

void Trainer::restore(const Checkpoint& checkpoint) {
  const torch::NoGradGuard no_grad;
  if (checkpoint.spec != to_json(spec_))
    throw Error(Fault::usage, "run-differs",
                "the checkpoint's model is not the one of these settings: use the settings of the "
                "run, or another folder");
  const auto tensor = [&](const std::string& name) {
    const auto found = checkpoint.tensors.find(name);
    if (found == checkpoint.tensors.end())
      throw Error(Fault::input, "tensor-missing",
                  text("checkpoint: expected a tensor '", name, "', found none"));
    return to_torch(found->second);
  };
  average_.clear();
  for (const std::string& name : names_) average_.push_back(tensor("average/" + name).to(device_));
  for (size_t i = 0; i < learned_->names().size(); ++i) {
    const std::string& name = learned_->names()[i];
    learned_->tensors()[i].copy_(tensor("weights/" + name));
    adam_->moment1[i].copy_(tensor("moment1/" + name));
    adam_->moment2[i].copy_(tensor("moment2/" + name));
  }
  adam_->updates = checkpoint.updates;
  learned_->put();
  for (auto& [name, mine] : state_) mine.copy_(tensor("state/" + name));
  step_ = checkpoint.step;
  held_out_ = checkpoint.held_out;
  best_held_out_ = checkpoint.best_held_out;
  best_step_ = checkpoint.best_step;
  rate_factor_ = checkpoint.rate_factor;
  if (checkpoint.loss_scale > 0) loss_scale_ = checkpoint.loss_scale;
}

void Trainer::restore_newest() {
  if (peers_->first()) restore(newest_checkpoint(folder_));
  share_state();
}

// What restore() and start() set, as process 0 has it.
void Trainer::share_state() {
  if (peers_->world() == 1) return;
  const torch::NoGradGuard no_grad;
  if (average_.empty())
    for (const torch::Tensor& weight : weights_) average_.push_back(torch::zeros_like(weight));
  std::vector<torch::Tensor> all;
  for (const auto& tensors : {learned_->tensors(), average_, adam_->moment1, adam_->moment2})
    all.insert(all.end(), tensors.begin(), tensors.end());
  for (const auto& [name, tensor] : state_) all.push_back(tensor);
  const torch::Tensor counters = torch::tensor(
      {static_cast<double>(step_), static_cast<double>(best_step_),
       static_cast<double>(adam_->updates), held_out_, best_held_out_, rate_factor_, loss_scale_},
      torch::kFloat64);
  all.push_back(counters);
  peers_->share(all);
  learned_->put();
  const auto counter = [&](int64_t i) { return counters[i].item<double>(); };
  step_ = static_cast<int64_t>(counter(0));
  best_step_ = static_cast<int64_t>(counter(1));
  adam_->updates = static_cast<int64_t>(counter(2));
  held_out_ = counter(3);
  best_held_out_ = counter(4);
  rate_factor_ = counter(5);
  loss_scale_ = counter(6);
}

void Trainer::export_model(const std::filesystem::path& path) {
  if (!peers_->first()) return;
  flow::Spec spec = spec_;
  Json corpora = Json::array();
  for (size_t i = 0; i < corpus_.names.size(); ++i) {
    Json one = {{"name", corpus_.names[i]}};
    if (measured_ && std::isfinite(measured_->by_corpus[i]))
      one[teacher_ ? "held_out_minus_divergence" : "held_out_nats_per_sample"] =
          measured_->by_corpus[i];
    corpora.push_back(one);
  }
  spec.provenance = {
      {"trained_by", text("fluvox ", FLUVOX_VERSION)},
      {"corpora", corpora},
      {"steps", step_},
      {"samples_seen", step_ * segments_a_step() * settings_.frames * convention_.hop},
      {"settings", to_json(settings_)}};
  // Where the corpora lay is nobody's business but the trainer's.
  for (Json& one : spec.provenance["settings"]["corpora"])
    one["path"] = std::filesystem::path(one["path"].get<std::string>()).filename().string();
  for (const char* name : {"mel_dir", "prior"}) {
    Json& path_of = spec.provenance["settings"][name];
    path_of = std::filesystem::path(path_of.get<std::string>()).filename().string();
  }
  Tensors tensors;
  for (const auto& [name, tensor] : averaged()) tensors[name] = to_host(tensor);
  flow::write_model(path, spec, tensors);
}

}  // namespace fluvox::train
