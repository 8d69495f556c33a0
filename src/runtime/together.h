// Utterances that several threads bring at the same time, sampled side by side: while one batch is
// at work the next one gathers, and whoever comes when nothing is at work goes at once. So nobody
// waits for company, short utterances share their launches, and each thread goes on with its own
// sound, which company does not change (flow/sampler.h).
//
// Where a batch fails each of it is tried alone, so that an error is that of its own utterance.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "flow/sampler.h"

namespace fluvox::runtime {

class Together : public flow::Sampler {
 public:
  explicit Together(std::unique_ptr<flow::Sampler> sampler) : sampler_(std::move(sampler)) {}

  std::string device() const override { return sampler_->device(); }
  std::unique_ptr<flow::SampleStream> stream(flow::Latent latent) override {
    return sampler_->stream(std::move(latent));
  }
  std::vector<std::vector<float>> whole(const Utterances& utterances) override;
  size_t waiting() const;  // threads, for the next batch

 private:
  struct Caller;
  void sample(std::span<Caller* const> batch);

  std::unique_ptr<flow::Sampler> sampler_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::vector<Caller*> waiting_;
  bool at_work_ = false;
};

}  // namespace fluvox::runtime
