#include "train/trainer.h"

#include <ATen/Parallel.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <future>
#include <limits>

#include "core/log.h"
#include "core/output.h"
#include "core/signals.h"
#include "flow/model_file.h"
#include "fluvox_version.h"
#include "models/registry.h"
#include "train/schedule.h"
#include "train/tensors_torch.h"

namespace fluvox::train {
namespace {

constexpr int kMostSkipped = 50;  // steps in a row without a finite gradient: the run has diverged
constexpr double kLeastRateFactor = 1.0 / 8;  // the rate is halved so far, and then the run ends

mel::Convention convention_of(const TrainSettings& settings) {
  Json json = to_json(mel::convention(settings.convention));
  json.update(settings.mel);
  return mel::convention_from_json(json, "mel");
}

size_t least_samples(const TrainSettings& settings, const mel::Convention& c) {
  return static_cast<size_t>(settings.frames + 1) * c.hop;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A bias or a scale has a size of its own, and W of a 1x1 convolution is held by its log|det|: what
// decays is the matrices of nets.
bool decays(const std::string& name, const torch::Tensor& weight) {
  return weight.dim() > 1 &&
         (name.find(".net.") != std::string::npos || name.rfind("conditioner.", 0) == 0);
}

}  // namespace

Trainer::Trainer(const TrainSettings& settings, const std::filesystem::path& folder,
                 const TrainOptions& options)
    : settings_(settings),
      folder_(folder),
      progress_(options.progress),
      convention_(convention_of(settings)) {
  if (!settings_.mel_dir.empty() && settings_.speeds != std::vector<double>{1.0})
    throw Error(
        Fault::usage, "mel-dir-speeds",
        "mel_dir: its mels are of the recordings at their own speed: expected speeds = [1]");
  spec_ = models::architecture(settings.model).build(settings.settings, convention_);
  corpus_ = read_corpus(settings_, convention_.sample_rate, least_samples(settings_, convention_),
                        progress_);
  if (!settings_.mel_dir.empty()) mels_ = read_given_mels(settings_.mel_dir, convention_, corpus_);
  for (const std::string& reason : corpus_.rejected) warn("rejected: " + reason);
  torch::manual_seed(settings_.seed);
  flow_ = std::make_shared<flow::TorchFlow>(spec_);
  flow_->set_net_precision(settings_.precision == "bf16" ? at::kBFloat16 : at::kFloat);
  batches_ = std::make_unique<Batches>(corpus_, settings_, convention_, flow_->margins(), &mels_);
  for (auto& [name, tensor] : flow_->weights()) {
    names_.push_back(name);
    weights_.push_back(tensor);
  }
  state_ = flow_->state();
  flow_->set_reversible(settings_.reversible);
  std::vector<torch::Tensor> decaying, others;
  for (size_t i = 0; i < names_.size(); ++i)
    (decays(names_[i], weights_[i]) ? decaying : others).push_back(weights_[i]);
  using Group = torch::optim::OptimizerParamGroup;
  using Options = torch::optim::AdamWOptions;
  const Options plain = Options(settings_.learning_rate).betas({0.9, 0.98}).weight_decay(0);
  adam_ = std::make_unique<torch::optim::AdamW>(
      std::vector<Group>{Group(decaying, std::make_unique<Options>(
                                             Options(plain).weight_decay(settings_.weight_decay))),
                         Group(others, std::make_unique<Options>(plain))},
      plain);
  start(options);
}

void Trainer::start(const TrainOptions& options) {
  if (options.resume && has_checkpoint(folder_)) {
    restore(newest_checkpoint(folder_));
    info(text("resumed at step ", step_));
    return;
  }
  if (has_checkpoint(folder_) && !options.rehearsal)
    throw Error(Fault::usage, "run-exists",
                text(folder_.string(),
                     " already holds a training run: go on with --resume, or name another folder"));
  if (!options.rehearsal) std::filesystem::create_directories(folder_);
  const torch::NoGradGuard no_grad;
  if (options.init) {
    const flow::Model model = flow::read_model(*options.init);
    std::map<std::string, torch::Tensor> given;
    for (const auto& [name, tensor] : model.tensors) given[name] = to_torch(tensor);
    flow_->load(given);
  } else {
    const Batch batch = batch_of(0);
    flow_->initialise(batch.audio, flow_->condition(batch.mel));
  }
  for (const torch::Tensor& weight : weights_) average_.push_back(weight.detach().clone());
}

Batch Trainer::batch_of(int64_t step) const {
  return batches_->at(step, 0, settings_.batch * settings_.accumulate);
}

std::string Trainer::find_gradients(const Batch& batch) {
  adam_->zero_grad();
  loss_ = 0;
  const double samples = static_cast<double>(batch.audio.size(1)) * settings_.accumulate;
  try {
    for (int part = 0; part < settings_.accumulate; ++part) {
      const int64_t first = int64_t{part} * settings_.batch;
      const torch::Tensor audio = batch.audio.narrow(0, first, settings_.batch);
      const torch::Tensor mel = batch.mel.narrow(0, first, settings_.batch);
      const torch::Tensor loss = -flow_->log_prob(audio, flow_->condition(mel)).mean() / samples;
      loss.backward();
      loss_ += loss.item<double>();
    }
  } catch (const Error& error) {
    if (error.code() != "not-finite") throw;
    loss_ = std::numeric_limits<double>::quiet_NaN();
    return text(": ", error.what());
  }
  return "";
}

std::map<std::string, torch::Tensor> Trainer::gradients_at(int64_t step) {
  find_gradients(batch_of(step));
  std::map<std::string, torch::Tensor> found;
  for (size_t i = 0; i < names_.size(); ++i)
    if (weights_[i].grad().defined()) found[names_[i]] = weights_[i].grad().clone();
  return found;
}

bool Trainer::train_step(const Batch& batch) {
  for (auto& group : adam_->param_groups())
    static_cast<torch::optim::AdamWOptions&>(group.options())
        .lr(rate_factor_ * rate_at(settings_, step_));
  const std::string why = find_gradients(batch);
  gradient_norm_ =
      torch::nn::utils::clip_grad_norm_(weights_, settings_.clip > 0 ? settings_.clip : 1e30);
  if (!std::isfinite(loss_) || !std::isfinite(gradient_norm_)) {
    warn(text("step ", step_, " skipped: loss ", loss_, ", gradient ", gradient_norm_, why));
    ++skipped_in_a_row_;
    ++tally_.skipped;
    return false;
  }
  skipped_in_a_row_ = 0;
  adam_->step();
  // Early on the average would remember the start: let it forget faster then.
  const double decay = std::min(
      settings_.ema, (1.0 + static_cast<double>(step_)) / (10.0 + static_cast<double>(step_)));
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < weights_.size(); ++i) average_[i].lerp_(weights_[i].detach(), 1 - decay);
  tally_.nats -= loss_;
  ++tally_.steps;
  return true;
}

// The last good state again, at half the rate; not for ever.
void Trainer::go_back(const std::string& why) {
  const double lower = rate_factor_ / 2;
  if (lower < kLeastRateFactor || !has_checkpoint(folder_))
    throw Error(
        Fault::input, "training-diverged",
        text("no finite gradient for ", kMostSkipped, " steps, up to step ", step_, " (", why,
             "): lower learning_rate and go on with --resume from the last checkpoint"));
  restore(newest_checkpoint(folder_));
  rate_factor_ = lower;
  skipped_in_a_row_ = 0;
  tally_ = {};
  warn(text("back at step ", step_, ", with ", rate_factor_, " of the rate"));
  note({{"step", step_}, {"event", "diverged"}, {"rate_factor", rate_factor_}});
}

std::map<std::string, torch::Tensor> Trainer::averaged() const {
  std::map<std::string, torch::Tensor> all = state_;
  for (size_t i = 0; i < names_.size(); ++i) all[names_[i]] = average_[i];
  return all;
}

HeldOut Trainer::measure() {
  flow::TorchFlow flow(spec_);
  flow.load(averaged());
  flow.eval();
  return measure_held_out(flow, corpus_, mels_, mel::Analyser(convention_));
}

void Trainer::note(const Json& event) {
  // One line appended with one write: a line is there whole or not at all.
  const std::string line = event.dump() + "\n", path = (folder_ / "log.jsonl").string();
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) throw Error(Fault::io, "write-failed", text("cannot open ", path, " to log to"));
  try {
    write_fully(fd, std::as_bytes(std::span(line)), path);
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
}

void Trainer::save() {
  Checkpoint checkpoint;
  checkpoint.step = step_;
  checkpoint.settings = to_json(settings_);
  checkpoint.spec = to_json(spec_);
  checkpoint.held_out = held_out_;
  checkpoint.best_held_out = best_held_out_;
  checkpoint.best_step = best_step_;
  checkpoint.rate_factor = rate_factor_;
  for (size_t i = 0; i < names_.size(); ++i) {
    checkpoint.tensors["weights/" + names_[i]] = to_host(weights_[i]);
    checkpoint.tensors["average/" + names_[i]] = to_host(average_[i]);
    const auto state = adam_->state().find(weights_[i].unsafeGetTensorImpl());
    if (state == adam_->state().end()) continue;
    const auto& moments = static_cast<torch::optim::AdamWParamState&>(*state->second);
    checkpoint.updates = moments.step();
    checkpoint.tensors["moment1/" + names_[i]] = to_host(moments.exp_avg());
    checkpoint.tensors["moment2/" + names_[i]] = to_host(moments.exp_avg_sq());
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
  for (size_t i = 0; i < names_.size(); ++i) {
    weights_[i].copy_(tensor("weights/" + names_[i]));
    average_.push_back(tensor("average/" + names_[i]));
    if (!checkpoint.tensors.count("moment1/" + names_[i])) continue;
    auto state = std::make_unique<torch::optim::AdamWParamState>();
    state->step(checkpoint.updates);
    state->exp_avg(tensor("moment1/" + names_[i]));
    state->exp_avg_sq(tensor("moment2/" + names_[i]));
    adam_->state()[weights_[i].unsafeGetTensorImpl()] = std::move(state);
  }
  for (auto& [name, mine] : state_) mine.copy_(tensor("state/" + name));
  step_ = checkpoint.step;
  held_out_ = checkpoint.held_out;
  best_held_out_ = checkpoint.best_held_out;
  best_step_ = checkpoint.best_step;
  rate_factor_ = checkpoint.rate_factor;
}

void Trainer::export_model(const std::filesystem::path& path) {
  flow::Spec spec = spec_;
  Json corpora = Json::array();
  for (size_t i = 0; i < corpus_.names.size(); ++i) {
    Json one = {{"name", corpus_.names[i]}};
    if (measured_ && std::isfinite(measured_->by_corpus[i]))
      one["held_out_nats_per_sample"] = measured_->by_corpus[i];
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
  Json& mels = spec.provenance["settings"]["mel_dir"];
  mels = std::filesystem::path(mels.get<std::string>()).filename().string();
  Tensors tensors;
  for (const auto& [name, tensor] : averaged()) tensors[name] = to_host(tensor);
  flow::write_model(path, spec, tensors);
}

void Trainer::measure_and_note() {
  const double seconds = seconds_since(tally_.since);
  const auto samples =
      static_cast<double>(tally_.steps * segments_a_step() * settings_.frames * convention_.hop);
  Json event = {{"step", step_},
                {"train", tally_.steps ? tally_.nats / static_cast<double>(tally_.steps) : 0.0},
                {"rate", rate_factor_ * rate_at(settings_, step_)},
                {"gradient_norm", gradient_norm_},
                {"skipped", tally_.skipped},
                {"samples_per_second", samples / seconds}};
  if (!corpus_.held_out.empty()) {
    measured_ = measure();
    held_out_ = measured_->nats_per_sample;
    event["held_out"] = held_out_;
    for (size_t i = 0; i < corpus_.names.size(); ++i)
      if (std::isfinite(measured_->by_corpus[i]))
        event["held_out_" + corpus_.names[i]] = measured_->by_corpus[i];
    if (std::isfinite(measured_->round_trip)) event["round_trip"] = measured_->round_trip;
  }
  note(event);
  tally_ = {};
  if (corpus_.held_out.empty() || (best_step_ >= 0 && held_out_ <= best_held_out_)) return;
  best_held_out_ = held_out_;
  best_step_ = step_;
  save();
  export_model(folder_ / "best.safetensors");
}

void Trainer::run() {
  Progress progress("train", static_cast<double>(settings_.steps), "steps", progress_);
  progress.resume_from(static_cast<double>(step_));
  const auto prepare = [this](int64_t step) {
    return std::async(std::launch::async, [this, step] { return batch_of(step); });
  };
  tally_ = {};
  auto next = prepare(step_);
  while (step_ < settings_.steps && caught_signal() == 0) {
    const Batch batch = next.get();
    next = prepare(step_ + 1);
    if (!train_step(batch) && skipped_in_a_row_ == kMostSkipped) {
      next.get();
      go_back(text("loss ", loss_, ", gradient ", gradient_norm_));
      next = prepare(step_);
      continue;
    }
    ++step_;
    progress.update(static_cast<double>(step_),
                    text("train ", -loss_, " nats/sample, held out ", held_out_));
    const bool last = step_ == settings_.steps;
    if (skipped_in_a_row_ > 0 && !last) continue;  // may be no good state to come back to
    if (step_ % settings_.measure_every == 0 || last) measure_and_note();
    if (step_ % settings_.save_every == 0 || last) {
      if (best_step_ != step_) save();
      export_model(folder_ / "model.safetensors");
    }
  }
  next.get();
  if (caught_signal() != 0) {
    save();
    export_model(folder_ / "model.safetensors");
    progress.finish(text("interrupted: saved at step ", step_, "; go on with --resume"));
    throw_if_interrupted();
  }
  progress.finish(text("held out ", held_out_, " nats/sample"));
}

Rehearsal Trainer::rehearse(int steps) {
  Rehearsal result;
  for (const torch::Tensor& weight : weights_) result.weights += weight.numel();
  const auto seconds_of = [this](const std::vector<Clip>& clips) {
    double samples = 0;
    for (const Clip& clip : clips) samples += static_cast<double>(clip.samples.size());
    return samples / convention_.sample_rate;
  };
  result.clip_seconds = seconds_of(corpus_.clips);
  result.held_out_seconds = seconds_of(corpus_.held_out);
  result.seconds_a_step = std::numeric_limits<double>::infinity();
  for (int i = 0; i < steps; ++i) {
    throw_if_interrupted();
    const auto start = std::chrono::steady_clock::now();
    train_step(batch_of(step_));
    result.seconds_a_step = std::min(result.seconds_a_step, seconds_since(start));
  }
  result.seconds = result.seconds_a_step * static_cast<double>(settings_.steps - step_);
  result.loss = loss_;
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  result.bytes = int64_t{usage.ru_maxrss} * 1024;
  return result;
}

}  // namespace fluvox::train
