// The training loop: maximum likelihood, -log p(audio | mel) in nats per sample, by Adam.
//
//   Trainer trainer(settings, "runs/voice", {.resume = true});
//   trainer.run();                      // runs/voice/model.safetensors is the model, averaged
//   weights
//
// One thread count and one instruction set give the same weights, bit for bit, whether a run was
// interrupted and resumed or not.
#pragma once

#include <deque>
#include <filesystem>
#include <optional>

#include "core/progress.h"
#include "flow/flow_torch.h"
#include "train/batches.h"
#include "train/checkpoint.h"
#include "train/config.h"
#include "train/corpus.h"

namespace fluvox::train {

struct TrainOptions {
  bool resume = false;
  std::optional<std::filesystem::path> init;  // a model file to start from
  ProgressMode progress = ProgressMode::automatic;
};

// True log-likelihood of held-out clips, by corpus and over all of them.
struct HeldOut {
  double nats_per_sample = 0;
  std::vector<double> by_corpus;  // NaN where a corpus holds nothing out
};

class Trainer {
 public:
  Trainer(const TrainSettings& settings, const std::filesystem::path& folder,
          const TrainOptions& options);

  void run();
  int64_t step() const { return step_; }
  flow::TorchFlow& flow() { return *flow_; }
  HeldOut measure();  // with the averaged weights, in fp32

 private:
  double train_step(const Batch& batch);                  // the loss, nats per sample
  void skip(const std::string& why);                      // a step without a finite gradient
  std::map<std::string, torch::Tensor> averaged() const;  // what a model file holds
  double rate_at(int64_t step) const;
  void start(const TrainOptions& options);
  void restore(const Checkpoint& checkpoint);
  void save();
  void export_model(const std::optional<HeldOut>& held_out);
  void note(const Json& event);

  TrainSettings settings_;
  std::filesystem::path folder_;
  ProgressMode progress_;
  mel::Convention convention_;
  flow::Spec spec_;
  Corpus corpus_;
  std::shared_ptr<flow::TorchFlow> flow_;
  std::unique_ptr<Batches> batches_;
  std::vector<std::string> names_;  // of what is learned
  std::vector<torch::Tensor> weights_, average_;
  std::map<std::string, torch::Tensor> state_;  // saved but not learned: never averaged
  std::unique_ptr<torch::optim::Adam> adam_;
  int64_t step_ = 0;
  int skipped_in_a_row_ = 0;
  double gradient_norm_ = 0, held_out_ = 0;
};

}  // namespace fluvox::train
