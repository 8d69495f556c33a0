#include "train/trainer.h"

#include <ATen/Parallel.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <future>
#include <limits>

#include "core/atomic_file.h"
#include "core/log.h"
#include "core/output.h"
#include "core/signals.h"
#include "flow/model_file.h"
#include "flow/registry.h"
#include "fluvox_version.h"
#include "models/registry.h"
#include "report/plot.h"
#include "train/noise.h"
#include "train/schedule.h"
#include "train/tensors_torch.h"

namespace fluvox::train {
namespace {

constexpr int kMostSkipped = 50;  // steps in a row without a finite gradient: the run has diverged
constexpr double kFirstLossScale = 65536;
constexpr int64_t kStepsOfLossScale = 1000;
constexpr double kLeastRateFactor = 1.0 / 8;  // the rate is halved so far, and then the run ends

mel::Convention convention_of(const TrainSettings& settings) {
  Json json = to_json(mel::convention(settings.convention));
  json.update(settings.mel);
  return mel::convention_from_json(json, "mel");
}

size_t least_samples(const TrainSettings& settings, const mel::Convention& c) {
  return static_cast<size_t>(settings.frames + 1) * c.hop;
}

std::map<std::string, torch::Tensor> tensors_of(const std::filesystem::path& path) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, tensor] : flow::read_model(path).tensors)
    tensors[name] = to_torch(tensor);
  return tensors;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

at::ScalarType precision_of(const TrainSettings& settings) {
  if (settings.precision == "bf16") return at::kBFloat16;
  return settings.precision == "fp16" ? at::kHalf : at::kFloat;
}

double norm_of_gradients(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> norms;
  for (const torch::Tensor& tensor : tensors)
    if (tensor.grad().defined()) norms.push_back(tensor.grad().norm());
  return norms.empty() ? 0 : torch::stack(norms).norm().item<double>();
}

}  // namespace

Trainer::Trainer(const TrainSettings& settings, const std::filesystem::path& folder,
                 const TrainOptions& options)
    : settings_(settings),
      folder_(folder),
      progress_(options.peers->first() ? options.progress : ProgressMode::none),
      peers_(options.peers),
      device_(options.device),
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
  flow_->to(device_);
  flow_->set_net_precision(precision_of(settings_));
  if (settings_.precision == "fp16") loss_scale_ = kFirstLossScale;
  batches_ = std::make_unique<Batches>(corpus_, settings_, convention_, flow_->margins(), &mels_);
  for (auto& [name, tensor] : flow_->weights()) {
    names_.push_back(name);
    weights_.push_back(tensor);
  }
  state_ = flow_->state();
  flow_->set_reversible(settings_.reversible);
  learned_.emplace(names_, weights_, settings_.weight_norm);
  adam_.emplace(learned_->tensors(), learned_->decays(), settings_.weight_decay);
  set_prior();
  set_mel_loss();
  if (options.teacher) {
    teacher_.emplace(*options.teacher, convention_, device_);
    teacher_->prepare(*flow_);
  }
  start(options);
}

void Trainer::start(const TrainOptions& options) {
  if (options.resume && peers_->agreed(has_checkpoint(folder_))) {
    restore_newest();
    info(text("resumed at step ", step_));
    return;
  }
  if (peers_->first() && has_checkpoint(folder_) && !options.rehearsal)
    throw Error(Fault::usage, "run-exists",
                text(folder_.string(),
                     " already holds a training run: go on with --resume, or name another folder"));
  if (peers_->first() && !options.rehearsal) make_folder(folder_);
  const torch::NoGradGuard no_grad;
  std::optional<std::filesystem::path> init = options.init;
  if (!init && !settings_.prior.empty()) init = settings_.prior;
  if (init) {
    flow_->load(tensors_of(*init));
  } else {
    const Batch batch = batch_of(0, 0, static_cast<int>(segments_a_step()));
    flow_->initialise(batch.audio, flow_->condition(batch.mel));
  }
  learned_->take();
  for (const torch::Tensor& weight : weights_) average_.push_back(weight.detach().clone());
  share_state();
}

// The centre is read from its file in a resumed run too.
void Trainer::set_prior() {
  if (settings_.prior.empty() || settings_.prior_deviation == 0) return;
  const auto given = tensors_of(settings_.prior);
  std::vector<torch::Tensor> centre;
  for (size_t i = 0; i < names_.size(); ++i) {
    const auto found = given.find(names_[i]);
    if (found == given.end() || found->second.sizes() != weights_[i].sizes())
      throw Error(Fault::usage, "prior-differs",
                  text("prior: expected a model with a tensor '", names_[i], "' of shape ",
                       weights_[i].sizes(), ", found ",
                       found == given.end() ? text("none") : text(found->second.sizes()),
                       ": give the model's own settings"));
    centre.push_back(found->second.to(device_));
  }
  double samples = 0;
  for (const Clip& clip : corpus_.clips) samples += static_cast<double>(clip.samples.size());
  prior_.emplace(centre, settings_.prior_deviation, samples);
}

void Trainer::set_mel_loss() {
  if (settings_.mel_weight == 0) return;
  if (!flow::ways_of(spec_).parallel_inverse || spec_.base.at("kind") != "normal")
    throw Error(
        Fault::usage, "mel-weight-model",
        text("mel_weight: expected a model that samples at once, from normal noise; found '",
             spec_.model, "': leave mel_weight at 0"));
  const int least =
      std::max(MelLoss::kLeastFrames, (convention_.fft + convention_.hop - 1) / convention_.hop);
  if (settings_.frames < least)
    throw Error(Fault::usage, "mel-weight-frames",
                text("mel_weight: expected segments of at least ", least,
                     " frames, found frames = ", settings_.frames));
  mel_loss_.emplace(convention_);
}

Batch Trainer::batch_of(int64_t step, int first, int count) const {
  const Batch batch = batches_->at(step, first, count);
  return {batch.audio.to(device_), batch.mel.to(device_)};
}

Batch Trainer::batch_of(int64_t step) const {
  return batch_of(step, peers_->rank() * own_segments(), own_segments());
}

torch::Tensor Trainer::loss_of(const Batch& batch, int64_t step, int first_slot) {
  const int64_t count = batch.audio.size(0), samples = batch.audio.size(1);
  const auto drawn = [&] {
    return noise(settings_.seed, step, first_slot, static_cast<int>(count), samples).to(device_);
  };
  if (!teacher_) {
    const auto condition = flow_->condition(batch.mel);
    const torch::Tensor nats =
        flow_->log_prob(batch.audio, condition).mean() / static_cast<double>(samples);
    if (!mel_loss_) return -nats;
    const torch::Tensor z = drawn().view({count, -1, flow_->positions(samples)});
    const torch::Tensor apart = (*mel_loss_)(
        flow_->inverse(flow_->temperatures(spec_.sigma, z.options()) * z, condition), batch.audio);
    mel_apart_ += apart.item<double>() / settings_.accumulate;
    return settings_.mel_weight * apart - nats;
  }
  const torch::Tensor z = drawn();
  const auto [divergence, x] = teacher_->teach(*flow_, batch.mel, z);
  return divergence + settings_.stft_weight * spectral_loss(x, batch.audio);
}

std::string Trainer::find_gradients(const Batch& batch, int64_t step) {
  for (const torch::Tensor& weight : weights_) weight.mutable_grad() = torch::Tensor();
  loss_ = 0;
  mel_apart_ = 0;
  try {
    for (int part = 0; part < settings_.accumulate; ++part) {
      const int first = part * settings_.batch;
      const Batch mine{batch.audio.narrow(0, first, settings_.batch),
                       batch.mel.narrow(0, first, settings_.batch)};
      const torch::Tensor loss =
          loss_of(mine, step, peers_->rank() * own_segments() + first) / settings_.accumulate;
      (loss_scale_ * loss).backward();
      loss_ += loss.item<double>();
    }
  } catch (const Error& error) {
    if (error.code() != "not-finite") throw;
    loss_ = std::numeric_limits<double>::quiet_NaN();
    return text(": ", error.what());
  }
  const torch::NoGradGuard no_grad;
  for (const torch::Tensor& weight : weights_)
    if (loss_scale_ != 1 && weight.grad().defined()) weight.mutable_grad().div_(loss_scale_);
  return "";
}

// One all-reduce carries the gradients, what is saved but not learned, the loss and the wish to
// stop.
void Trainer::average_over_peers() {
  stop_ = caught_signal() != 0;
  if (peers_->world() == 1) return;
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> all;
  for (const torch::Tensor& weight : weights_) {
    torch::Tensor& gradient = weight.mutable_grad();
    if (!gradient.defined()) gradient = torch::zeros_like(weight);
    all.push_back(gradient);
  }
  for (const auto& [name, tensor] : state_) all.push_back(tensor);
  const torch::Tensor words = torch::tensor(
      {static_cast<float>(loss_), stop_ ? 1.0f : 0.0f, static_cast<float>(mel_apart_)});
  all.push_back(words);
  peers_->average(all);
  loss_ = words[0].item<double>();
  stop_ = words[1].item<double>() != 0;
  mel_apart_ = words[2].item<double>();
}

std::map<std::string, torch::Tensor> Trainer::gradients_at(int64_t step) {
  find_gradients(batch_of(step), step);
  average_over_peers();
  std::map<std::string, torch::Tensor> found;
  for (size_t i = 0; i < names_.size(); ++i)
    if (weights_[i].grad().defined()) found[names_[i]] = weights_[i].grad().clone();
  return found;
}

bool Trainer::train_step(const Batch& batch) {
  const std::string why = find_gradients(batch, step_);
  average_over_peers();
  if (prior_) prior_->add_gradient(weights_);
  learned_->find_gradients();
  gradient_norm_ = norm_of_gradients(learned_->tensors());
  if (std::isfinite(loss_) && !std::isfinite(gradient_norm_) && lower_loss_scale()) return false;
  if (!std::isfinite(loss_) || !std::isfinite(gradient_norm_)) {
    warn(text("step ", step_, " skipped: loss ", loss_, ", gradient ", gradient_norm_, why));
    ++skipped_in_a_row_;
    ++tally_.skipped;
    return false;
  }
  skipped_in_a_row_ = 0;
  if (settings_.precision == "fp16" && (step_ + 1) % kStepsOfLossScale == 0) loss_scale_ *= 2;
  const double limit = settings_.clip > 0 ? settings_.clip : gradient_norm_;
  adam_->step(rate_factor_ * rate_at(settings_, step_),
              gradient_norm_ > limit ? gradient_norm_ / limit : 1);
  learned_->put();
  // Early on the average would remember the start: let it forget faster then.
  const double decay = std::min(
      settings_.ema, (1.0 + static_cast<double>(step_)) / (10.0 + static_cast<double>(step_)));
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < weights_.size(); ++i) average_[i].lerp_(weights_[i].detach(), 1 - decay);
  tally_.nats += settings_.mel_weight * mel_apart_ - loss_;
  tally_.mel_apart += mel_apart_;
  ++tally_.steps;
  return true;
}

// What is below 6e-8 is lost in fp16 and what is beyond 65504 is infinite, so there the loss is
// multiplied by a scale before its gradients are found, and they are divided by it. It doubles now
// and then, and halves, for the price of a step, where it was too much.
bool Trainer::lower_loss_scale() {
  if (loss_scale_ <= 1) return false;
  loss_scale_ /= 2;
  ++tally_.skipped;
  return true;
}

// The last good state again, at half the rate; not for ever.
void Trainer::go_back(const std::string& why) {
  const double lower = rate_factor_ / 2;
  if (lower < kLeastRateFactor || !peers_->agreed(has_checkpoint(folder_)))
    throw Error(
        Fault::input, "training-diverged",
        text("no finite gradient for ", kMostSkipped, " steps, up to step ", step_, " (", why,
             "): lower learning_rate and go on with --resume from the last checkpoint"));
  restore_newest();
  rate_factor_ = lower;
  skipped_in_a_row_ = 0;
  tally_ = {};
  warn(text("back at step ", step_, ", with ", rate_factor_, " of the rate"));
  note({{"step", step_}, {"event", "diverged"}, {"rate_factor", rate_factor_}});
}

std::shared_ptr<flow::TorchFlow> Trainer::averaged_flow() const {
  auto flow = std::make_shared<flow::TorchFlow>(spec_);
  flow->load(averaged());
  flow->to(device_);
  flow->eval();
  return flow;
}

HeldOut Trainer::measure() {
  const Score minus_divergence = [this](flow::TorchFlow& student, const WholeClip& clip) {
    const int64_t samples = clip.audio.size(1);
    const torch::Tensor z = noise(settings_.seed, -1, 0, 1, samples).to(device_);
    const auto lesson = teacher_->teach(student, net::with_margins(clip.mel, student.margins()), z);
    return -lesson.divergence.item<double>() * static_cast<double>(samples);
  };
  return measure_held_out(*averaged_flow(), corpus_, mels_, mel::Analyser(convention_), *peers_,
                          teacher_ ? minus_divergence : Score(log_likelihood));
}

void Trainer::note(const Json& event) {
  if (!peers_->first()) return;
  // One line appended with one write: a line is there whole or not at all.
  const std::string line = event.dump() + "\n", path = (folder_ / "log.jsonl").string();
  const int fd = open_file(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0)
    throw Error(Fault::io, "write-failed",
                text("cannot open ", path, " to log to: ", std::strerror(errno)));
  try {
    write_fully(fd, std::as_bytes(std::span(line)), path);
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
}

std::vector<Copy> Trainer::copies() {
  return train::copies(*averaged_flow(), corpus_, mels_, mel::Analyser(convention_));
}

// The figures of a line of the log, and a copy of a held-out clip, for TensorBoard.
void Trainer::show(const Json& event) {
  if (!peers_->first()) return;
  std::vector<std::pair<std::string, double>> figures;
  for (const auto& [name, value] : event.items())
    if (name != "step" && value.is_number()) figures.emplace_back(name, value.get<double>());
  events_->scalars(step_, figures);
  for (const Copy& copy : copies()) {
    events_->sound(step_, copy.name, copy.made, copy.rate);
    events_->picture(step_, copy.name,
                     report::plot_compared(copy.original, copy.made, copy.rate, copy.name,
                                           text("the model's copy, step ", step_)));
  }
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
    try {
      measured_ = measure();
    } catch (const Interrupted&) {
      stop_ = true;
      return;
    }
    held_out_ = measured_->nats_per_sample;
    event["held_out"] = held_out_;
    for (size_t i = 0; i < corpus_.names.size(); ++i)
      if (std::isfinite(measured_->by_corpus[i]))
        event["held_out_" + corpus_.names[i]] = measured_->by_corpus[i];
    if (std::isfinite(measured_->round_trip)) event["round_trip"] = measured_->round_trip;
  }
  if (mel_loss_ && tally_.steps)
    event["mel_apart"] = tally_.mel_apart / static_cast<double>(tally_.steps);
  if (prior_) event["prior"] = prior_->penalty(weights_);
  note(event);
  show(event);
  tally_ = {};
  if (corpus_.held_out.empty() || (best_step_ >= 0 && held_out_ <= best_held_out_)) return;
  best_held_out_ = held_out_;
  best_step_ = step_;
  save();
  export_model(folder_ / "best.safetensors");
}

// A run that was killed may have saved its checkpoint, but not yet the models of that step.
void Trainer::make_up() {
  const bool best = best_step_ == step_, last = step_ >= settings_.steps;
  if (!best && !last) return;
  if (!corpus_.held_out.empty()) measured_ = measure();
  if (best) export_model(folder_ / "best.safetensors");
  if (last) export_model(folder_ / "model.safetensors");
}

void Trainer::run() {
  Progress progress("train", static_cast<double>(settings_.steps), "steps", progress_);
  progress.resume_from(static_cast<double>(step_));
  const auto prepare = [this](int64_t step) {
    return std::async(std::launch::async, [this, step] { return batch_of(step); });
  };
  tally_ = {};
  if (peers_->first()) events_ = std::make_unique<EventFile>(folder_, step_);
  if (step_ > 0) make_up();
  auto next = prepare(step_);
  while (step_ < settings_.steps && !stop_) {
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
  if (stop_ && step_ < settings_.steps) {
    save();
    export_model(folder_ / "model.safetensors");
    progress.finish(text("interrupted: saved at step ", step_, "; go on with --resume"));
    throw_if_interrupted();
    return;  // the signal was another process's
  }
  if (peers_->first()) write_report(folder_, copies());
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
