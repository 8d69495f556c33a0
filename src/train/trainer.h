// The training loop: maximum likelihood, -log p(audio | mel) in nats per sample, by AdamW.
//
//   Trainer trainer(settings, "runs/voice", {.resume = true});
//   trainer.run();                      // runs/voice/model.safetensors is the model, averaged
//   weights
//
// On the CPU one thread count and one instruction set give the same weights, bit for bit, whether a
// run was interrupted and resumed or not.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include "core/progress.h"
#include "flow/flow_torch.h"
#include "train/adamw.h"
#include "train/batches.h"
#include "train/checkpoint.h"
#include "train/config.h"
#include "train/corpus.h"
#include "train/distill.h"
#include "train/events.h"
#include "train/held_out.h"
#include "train/learned.h"
#include "train/mel_loss.h"
#include "train/peers.h"
#include "train/prior.h"
#include "train/report.h"

namespace fluvox::train {

struct TrainOptions {
  bool resume = false;
  std::optional<std::filesystem::path> init;  // a model file to start from
  ProgressMode progress = ProgressMode::automatic;
  // A model (maf) to learn from: the loss is the divergence from it, and `held_out` minus that
  // (distill.h).
  std::optional<std::filesystem::path> teacher;
  bool rehearsal = false;  // for rehearse() alone: nothing is written
  std::shared_ptr<Peers> peers = std::make_shared<Peers>();
  torch::Device device = torch::kCPU;
};

// What a run of these settings would take, from a few steps of it.
struct Rehearsal {
  int64_t weights = 0;  // numbers that are learned
  double clip_seconds = 0, held_out_seconds = 0;
  double seconds_a_step = 0, seconds = 0;  // the fastest step; all steps that remain
  int64_t bytes = 0;                       // the most memory that this process has taken
  double loss = 0;                         // of the last step, -nats per sample
};

class Trainer {
 public:
  Trainer(const TrainSettings& settings, const std::filesystem::path& folder,
          const TrainOptions& options);

  void run();
  Rehearsal rehearse(int steps = 3);
  int64_t step() const { return step_; }
  flow::TorchFlow& flow() { return *flow_; }
  // Of the loss at a step, with the weights as they are, by name.
  std::map<std::string, torch::Tensor> gradients_at(int64_t step);
  HeldOut measure();  // with the averaged weights, in fp32

 private:
  int own_segments() const { return settings_.batch * settings_.accumulate; }
  int64_t segments_a_step() const { return int64_t{own_segments()} * peers_->world(); }
  // `count` of a step's slots from `first` on, where the run works; those of this process
  Batch batch_of(int64_t step, int first, int count) const;
  Batch batch_of(int64_t step) const;
  torch::Tensor loss_of(const Batch& batch, int64_t step, int first_slot);
  std::string find_gradients(const Batch& batch, int64_t step);  // why there are none, or ""
  void average_over_peers();
  bool train_step(const Batch& batch);  // false: skipped, its loss or gradient was not finite
  bool lower_loss_scale();
  void go_back(const std::string& why);
  std::map<std::string, torch::Tensor> averaged() const;  // what a model file holds
  std::shared_ptr<flow::TorchFlow> averaged_flow() const;
  void set_prior();
  void set_mel_loss();
  void start(const TrainOptions& options);
  void restore(const Checkpoint& checkpoint);
  void make_up();
  void restore_newest();  // process 0 reads it, the others take it over
  void share_state();
  void measure_and_note();
  void show(const Json& event);
  std::vector<Copy> copies();
  void save();
  void export_model(const std::filesystem::path& path);
  void note(const Json& event);

  TrainSettings settings_;
  std::filesystem::path folder_;
  ProgressMode progress_;
  std::shared_ptr<Peers> peers_;
  torch::Device device_;
  mel::Convention convention_;
  flow::Spec spec_;
  Corpus corpus_;
  GivenMels mels_;
  std::shared_ptr<flow::TorchFlow> flow_;
  std::unique_ptr<Batches> batches_;
  std::vector<std::string> names_;  // of what the model learns
  std::vector<torch::Tensor> weights_, average_;
  std::map<std::string, torch::Tensor> state_;  // saved but not learned: never averaged
  std::optional<Learned> learned_;
  std::optional<AdamW> adam_;
  std::optional<Prior> prior_;
  std::optional<MelLoss> mel_loss_;
  std::optional<Teacher> teacher_;
  std::unique_ptr<EventFile> events_;
  bool stop_ = false;  // a signal has reached one of the processes
  int64_t step_ = 0, best_step_ = -1;
  int skipped_in_a_row_ = 0;
  double loss_ = 0, mel_apart_ = 0;  // of the last step; the second is part of the first
  double gradient_norm_ = 0, held_out_ = 0, best_held_out_ = 0, rate_factor_ = 1;
  double loss_scale_ = 1;
  std::optional<HeldOut> measured_;
  // Since the last line of the log.
  struct Tally {
    double nats = 0, mel_apart = 0;
    int64_t steps = 0, skipped = 0;
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
  } tally_;
};

}  // namespace fluvox::train
