#include "train/trainer.h"

#include <ATen/Parallel.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <future>
#include <limits>
#include <numbers>

#include "core/log.h"
#include "core/output.h"
#include "core/signals.h"
#include "flow/model_file.h"
#include "fluvox_version.h"
#include "models/registry.h"
#include "train/tensors_torch.h"

namespace fluvox::train {
namespace {

constexpr int kMostSkipped =
    50;  // steps in a row without a finite gradient before the run gives up

mel::Convention convention_of(const TrainSettings& settings) {
  Json json = to_json(mel::convention(settings.convention));
  json.update(settings.mel);
  return mel::convention_from_json(json, "mel");
}

size_t least_samples(const TrainSettings& settings, const mel::Convention& c) {
  return static_cast<size_t>(settings.frames + 1) * c.hop;
}

// The mel of a clip's whole frames, [1, bands, F], and its samples, [1, F hop].
std::pair<torch::Tensor, torch::Tensor> whole_clip(const Clip& clip,
                                                   const mel::Analyser& analyser) {
  const mel::Convention& c = analyser.convention();
  std::vector<float> samples;
  for (int16_t x : clip.samples) samples.push_back(static_cast<float>(x) / 32768.0f);
  mel::Mel mel = analyser.analyse(samples);
  const int64_t frames = static_cast<int64_t>(samples.size()) / c.hop;
  const torch::Tensor values = torch::from_blob(mel.values.data(), {mel.frames, mel.bands}).clone();
  return {values.narrow(0, 0, frames).t().unsqueeze(0).contiguous(),
          torch::from_blob(samples.data(), {1, frames * c.hop}).clone()};
}

}  // namespace

Trainer::Trainer(const TrainSettings& settings, const std::filesystem::path& folder,
                 const TrainOptions& options)
    : settings_(settings),
      folder_(folder),
      progress_(options.progress),
      convention_(convention_of(settings)) {
  spec_ = models::architecture(settings.model).build(settings.settings, convention_);
  corpus_ = read_corpus(settings_, convention_.sample_rate, least_samples(settings_, convention_),
                        progress_);
  for (const std::string& reason : corpus_.rejected) warn("rejected: " + reason);
  torch::manual_seed(settings_.seed);
  flow_ = std::make_shared<flow::TorchFlow>(spec_);
  flow_->set_net_precision(settings_.precision == "bf16" ? at::kBFloat16 : at::kFloat);
  batches_ = std::make_unique<Batches>(corpus_, settings_, convention_, flow_->margins());
  for (auto& [name, tensor] : flow_->weights()) {
    names_.push_back(name);
    weights_.push_back(tensor);
  }
  state_ = flow_->state();
  adam_ = std::make_unique<torch::optim::Adam>(
      weights_, torch::optim::AdamOptions(settings_.learning_rate).betas({0.9, 0.98}));
  start(options);
}

void Trainer::start(const TrainOptions& options) {
  if (options.resume && has_checkpoint(folder_)) {
    restore(newest_checkpoint(folder_));
    info(text("resumed at step ", step_));
    return;
  }
  if (has_checkpoint(folder_))
    throw Error(Fault::usage, "run-exists",
                text(folder_.string(),
                     " already holds a training run: go on with --resume, or name another folder"));
  std::filesystem::create_directories(folder_);
  const torch::NoGradGuard no_grad;
  if (options.init) {
    const flow::Model model = flow::read_model(*options.init);
    std::map<std::string, torch::Tensor> given;
    for (const auto& [name, tensor] : model.tensors) given[name] = to_torch(tensor);
    flow_->load(given);
  } else {
    const Batch batch = batches_->at(0);
    flow_->initialise(batch.audio, flow_->condition(batch.mel));
  }
  for (const torch::Tensor& weight : weights_) average_.push_back(weight.detach().clone());
}

double Trainer::rate_at(int64_t step) const {
  if (step < settings_.warmup)
    return settings_.learning_rate * static_cast<double>(step + 1) / settings_.warmup;
  const double share = std::min(
      1.0, static_cast<double>(step - settings_.warmup) /
               static_cast<double>(std::max<int64_t>(1, settings_.steps - settings_.warmup)));
  const double cosine = 0.5 + 0.5 * std::cos(std::numbers::pi * share);
  return settings_.learning_rate * (settings_.final_rate + (1 - settings_.final_rate) * cosine);
}

void Trainer::skip(const std::string& why) {
  if (++skipped_in_a_row_ >= kMostSkipped)
    throw Error(
        Fault::input, "training-diverged",
        text("no finite gradient for ", kMostSkipped, " steps, up to step ", step_, " (", why,
             "): lower learning_rate and go on with --resume from the last checkpoint"));
  warn(text("step ", step_, ": ", why, ": step skipped"));
}

double Trainer::train_step(const Batch& batch) {
  for (auto& group : adam_->param_groups())
    static_cast<torch::optim::AdamOptions&>(group.options()).lr(rate_at(step_));
  adam_->zero_grad();
  torch::Tensor loss;
  try {
    const torch::Tensor nats = flow_->log_prob(batch.audio, flow_->condition(batch.mel)) /
                               static_cast<double>(batch.audio.size(1));
    loss = -nats.mean();
  } catch (const Error& error) {
    if (error.code() != "not-finite") throw;
    skip(error.what());
    return std::numeric_limits<double>::quiet_NaN();
  }
  loss.backward();
  gradient_norm_ =
      torch::nn::utils::clip_grad_norm_(weights_, settings_.clip > 0 ? settings_.clip : 1e30);
  const double value = loss.item<double>();
  if (!std::isfinite(value) || !std::isfinite(gradient_norm_)) {
    skip(text("loss ", value, ", gradient ", gradient_norm_));
    return value;
  }
  skipped_in_a_row_ = 0;
  adam_->step();
  // Early on the average would remember the start: let it forget faster then.
  const double decay = std::min(
      settings_.ema, (1.0 + static_cast<double>(step_)) / (10.0 + static_cast<double>(step_)));
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < weights_.size(); ++i) average_[i].lerp_(weights_[i].detach(), 1 - decay);
  return value;
}

std::map<std::string, torch::Tensor> Trainer::averaged() const {
  std::map<std::string, torch::Tensor> all = state_;
  for (size_t i = 0; i < names_.size(); ++i) all[names_[i]] = average_[i];
  return all;
}

HeldOut Trainer::measure() {
  const torch::NoGradGuard no_grad;
  flow::TorchFlow flow(spec_);
  flow.load(averaged());
  flow.eval();
  const mel::Analyser analyser(convention_);
  std::vector<double> nats(corpus_.names.size(), 0.0), samples(corpus_.names.size(), 0.0);
  for (const Clip& clip : corpus_.held_out) {
    throw_if_interrupted();
    const auto [mel, audio] = whole_clip(clip, analyser);
    const auto condition = flow.condition(net::with_margins(mel, flow.margins()));
    nats[static_cast<size_t>(clip.corpus)] += flow.log_prob(audio, condition).item<double>();
    samples[static_cast<size_t>(clip.corpus)] += static_cast<double>(audio.size(1));
  }
  HeldOut result;
  double all_nats = 0, all_samples = 0;
  for (size_t i = 0; i < nats.size(); ++i) {
    result.by_corpus.push_back(nats[i] / samples[i]);
    all_nats += nats[i];
    all_samples += samples[i];
  }
  result.nats_per_sample = all_nats / all_samples;
  return result;
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
  Checkpoint checkpoint{step_, 0, to_json(settings_), to_json(spec_), held_out_, {}};
  for (size_t i = 0; i < names_.size(); ++i) {
    checkpoint.tensors["weights/" + names_[i]] = to_host(weights_[i]);
    checkpoint.tensors["average/" + names_[i]] = to_host(average_[i]);
    const auto state = adam_->state().find(weights_[i].unsafeGetTensorImpl());
    if (state == adam_->state().end()) continue;
    const auto& moments = static_cast<torch::optim::AdamParamState&>(*state->second);
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
    auto state = std::make_unique<torch::optim::AdamParamState>();
    state->step(checkpoint.updates);
    state->exp_avg(tensor("moment1/" + names_[i]));
    state->exp_avg_sq(tensor("moment2/" + names_[i]));
    adam_->state()[weights_[i].unsafeGetTensorImpl()] = std::move(state);
  }
  for (auto& [name, mine] : state_) mine.copy_(tensor("state/" + name));
  step_ = checkpoint.step;
  held_out_ = checkpoint.held_out;
}

void Trainer::export_model(const std::optional<HeldOut>& held_out) {
  flow::Spec spec = spec_;
  Json corpora = Json::array();
  for (size_t i = 0; i < corpus_.names.size(); ++i) {
    Json one = {{"name", corpus_.names[i]}};
    if (held_out && std::isfinite(held_out->by_corpus[i]))
      one["held_out_nats_per_sample"] = held_out->by_corpus[i];
    corpora.push_back(one);
  }
  spec.provenance = {{"trained_by", text("fluvox ", FLUVOX_VERSION)},
                     {"corpora", corpora},
                     {"steps", step_},
                     {"samples_seen", step_ * settings_.batch * settings_.frames * convention_.hop},
                     {"settings", to_json(settings_)}};
  // Where the corpora lay is nobody's business but the trainer's.
  for (Json& one : spec.provenance["settings"]["corpora"])
    one["path"] = std::filesystem::path(one["path"].get<std::string>()).filename().string();
  Tensors tensors;
  for (const auto& [name, tensor] : averaged()) tensors[name] = to_host(tensor);
  flow::write_model(folder_ / "model.safetensors", spec, tensors);
}

void Trainer::run() {
  const double samples_a_step =
      static_cast<double>(settings_.batch) * settings_.frames * convention_.hop;
  Progress progress("train", static_cast<double>(settings_.steps), "steps", progress_);
  progress.resume_from(static_cast<double>(step_));
  std::optional<HeldOut> held_out;
  double loss_sum = 0;
  int64_t loss_count = 0;
  auto since = std::chrono::steady_clock::now();
  auto next = std::async(std::launch::async, [this] { return batches_->at(step_); });
  while (step_ < settings_.steps && caught_signal() == 0) {
    const Batch batch = next.get();
    next = std::async(std::launch::async, [this, s = step_ + 1] { return batches_->at(s); });
    const double loss = train_step(batch);
    ++step_;
    if (std::isfinite(loss)) {
      loss_sum -= loss;
      ++loss_count;
    }
    progress.update(static_cast<double>(step_),
                    text("train ", -loss, " nats/sample, held out ", held_out_));
    const bool last = step_ == settings_.steps;
    if (step_ % settings_.measure_every == 0 || last) {
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
      Json event = {
          {"step", step_},
          {"train", loss_count ? loss_sum / static_cast<double>(loss_count) : 0.0},
          {"rate", rate_at(step_)},
          {"gradient_norm", gradient_norm_},
          {"samples_per_second", samples_a_step * static_cast<double>(loss_count) / seconds}};
      if (!corpus_.held_out.empty()) {
        held_out = measure();
        held_out_ = held_out->nats_per_sample;
        event["held_out"] = held_out_;
        for (size_t i = 0; i < corpus_.names.size(); ++i)
          if (std::isfinite(held_out->by_corpus[i]))
            event["held_out_" + corpus_.names[i]] = held_out->by_corpus[i];
      }
      note(event);
      loss_sum = 0;
      loss_count = 0;
      since = std::chrono::steady_clock::now();
    }
    if (step_ % settings_.save_every == 0 || last) {
      save();
      export_model(held_out);
    }
  }
  next.get();
  if (caught_signal() != 0) {
    save();
    export_model(held_out);
    progress.finish(text("interrupted: saved at step ", step_, "; go on with --resume"));
    throw_if_interrupted();
  }
  progress.finish(text("held out ", held_out_, " nats/sample"));
}

}  // namespace fluvox::train
