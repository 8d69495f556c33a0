// fluvox-reversible: the memory and the time of a training step of WaveGlow, with kept activations
// and without (src/flow/reversible_torch.cpp), as the number of flows grows. One JSON on stdout.
// The two ways take turns; times are medians. Memory is the most that tensors hold at once beyond
// weights and gradients, counted at the allocator.
#include <algorithm>
#include <chrono>
#include <iostream>

#include "core/cpu.h"
#include "flow/flow_torch.h"
#include "fluvox_version.h"
#include "models/registry.h"
#include "support/tensor_memory_torch.h"

namespace fluvox {
namespace {

constexpr int kChannels = 64, kFrames = 32, kBatch = 2, kRuns = 7;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Measured {
  std::vector<double> seconds;
  int64_t bytes = 0;
};

Json row(int flows) {
  const mel::Convention convention = mel::convention("tacotron2");
  torch::manual_seed(1);
  flow::TorchFlow flow(models::architecture("waveglow")
                           .build({{"channels", kChannels}, {"flows", flows}}, convention));
  flow.randomise_last_layers(0.1, 2);
  const torch::Tensor audio = 0.1 * torch::randn({kBatch, kFrames * convention.hop});
  const torch::Tensor mel = torch::randn({kBatch, convention.bands, kFrames});
  int64_t weights = 0;
  for (const auto& [name, weight] : flow.weights()) weights += weight.numel();
  const auto step = [&](bool reversible) {
    flow.set_reversible(reversible);
    flow.zero_grad(false);
    const auto condition = flow.condition(net::with_margins(mel, flow.margins()));
    flow.log_prob(audio, condition).mean().backward();
  };
  Measured ways[2];
  for (bool reversible : {false, true}) {
    step(reversible);  // the gradients are there from now on
    ways[reversible].bytes = support::TensorMemory::peak_of([&] { step(reversible); });
  }
  // One copy of the gradients lives beside the weights' own until they are added.
  ways[1].bytes -= 4 * weights;
  for (int run = 0; run < kRuns; ++run)
    for (bool reversible : {false, true}) {
      const auto start = std::chrono::steady_clock::now();
      step(reversible);
      ways[reversible].seconds.push_back(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  const double plain = median(ways[0].seconds), mine = median(ways[1].seconds);
  return {{"flows", flows},
          {"weights", weights},
          {"plain_seconds", plain},
          {"reversible_seconds", mine},
          {"ratio", mine / plain},
          {"plain_bytes", ways[0].bytes},
          {"reversible_bytes", ways[1].bytes}};
}

}  // namespace
}  // namespace fluvox

int main() {
  using namespace fluvox;
  Json rows = Json::array();
  for (int flows : {4, 8, 16}) rows.push_back(row(flows));
  const Json result = {
      {"what", "a training step of waveglow, fp32, activations kept or recomputed"},
      {"channels", kChannels},
      {"batch", kBatch},
      {"samples", kFrames * 256},
      {"runs", kRuns},
      {"threads", at::get_num_threads()},
      {"cpu", cpu_name()},
      {"version", FLUVOX_VERSION},
      {"commit", FLUVOX_COMMIT},
      {"rows", rows}};
  std::cout << result.dump(1) << "\n";
}
