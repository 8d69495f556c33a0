// An IAF taught by a MAF (ClariNet). Both give every sample a Gaussian given what came before it:
//   student, along its own sample x made of z:  q(x_t | z_<t) = N(m, e^{2 s})
//   teacher, on that x:                         p(x_t | x_<t) = N(n, e^{2 r})
// whose divergence has a closed form, so that of x_t itself nothing is left to chance:
//   KL_t = r - s + (e^{2 s} + (m - n)^2) / (2 e^{2 r}) - 1/2
// Its mean over t and over z is KL(student || teacher) / T, nats per sample. Beside it a loss on
// spectra, of several window lengths, holds the student's sample to the recording of the same mel:
//   || |X| - |Y| ||_F / || |Y| ||_F + mean | ln |X| - ln |Y| |
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <memory>

#include "flow/flow_torch.h"
#include "train/config.h"
#include "train/held_out.h"

namespace fluvox::train {

// Of every sample, [B, T]
torch::Tensor gaussian_divergence(const torch::Tensor& m, const torch::Tensor& s,
                                  const torch::Tensor& n, const torch::Tensor& r);

// x and the recording y [B, T]; windows longer than they are left out
torch::Tensor spectral_loss(const torch::Tensor& x, const torch::Tensor& y);

class Teacher {
 public:
  Teacher(const std::filesystem::path& model, const mel::Convention& convention,
          torch::Device device = torch::kCPU);

  // The student's condition begins as the teacher's, where they are of one size.
  void prepare(flow::TorchFlow& student) const;

  // The mean of KL_t, nats per sample, and x, the student's sample. mel [B, bands, left + F +
  // right]
  struct Lesson {
    torch::Tensor divergence, x;
  };
  Lesson teach(flow::TorchFlow& student, const torch::Tensor& mel, const torch::Tensor& z) const;

 private:
  std::shared_ptr<flow::TorchFlow> flow_;
};

}  // namespace fluvox::train
