// fluvox-reversible: the memory and the time of a training step of WaveGlow, with kept activations
// and without (src/flow/reversible_torch.cpp), as the number of flows grows. One JSON on stdout.
// The two ways take turns; times are medians of the processor's, so that what else runs does not
// count. Memory is the most that tensors hold at once beyond the weights,
// counted at the allocator, on a batch large enough for the gradients (gradient_bytes) to be few.
#include <ctime>
#include <iostream>

#include "core/cpu.h"
#include "core/median.h"
#include "flow/flow_torch.h"
#include "fluvox_version.h"
#include "models/registry.h"
#include "support/tensor_memory_torch.h"

namespace fluvox {
namespace {

constexpr int kChannels = 64, kFrames = 32, kBatch = 1, kLargeBatch = 8, kRuns = 5;

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
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
  int64_t weights = 0;
  for (const auto& [name, weight] : flow.weights()) weights += weight.numel();
  const auto step = [&](bool reversible, int batch) {
    const torch::Tensor audio = 0.1 * torch::randn({batch, kFrames * convention.hop});
    const torch::Tensor mel = torch::randn({batch, convention.bands, kFrames});
    flow.set_reversible(reversible);
    flow.zero_grad();
    const auto condition = flow.condition(net::with_margins(mel, flow.margins()));
    flow.log_prob(audio, condition).mean().backward();
  };
  Measured ways[2];
  for (bool reversible : {false, true}) {
    flow.zero_grad();
    ways[reversible].bytes = support::TensorMemory::peak_of([&] { step(reversible, kLargeBatch); });
  }
  for (int run = 0; run < kRuns; ++run)
    for (bool reversible : {false, true}) {
      const double start = processor_seconds();
      step(reversible, kBatch);
      ways[reversible].seconds.push_back(processor_seconds() - start);
    }
  const double plain = median(ways[0].seconds), mine = median(ways[1].seconds);
  return {{"flows", flows},
          {"weights", weights},
          {"plain_processor_seconds", plain},
          {"reversible_processor_seconds", mine},
          {"ratio", mine / plain},
          {"gradient_bytes", 4 * weights},
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
      {"batch_for_time", kBatch},
      {"batch_for_memory", kLargeBatch},
      {"samples", kFrames * 256},
      {"runs", kRuns},
      {"threads", at::get_num_threads()},
      {"cpu", cpu_name()},
      {"version", FLUVOX_VERSION},
      {"commit", FLUVOX_COMMIT},
      {"rows", rows}};
  std::cout << result.dump(1) << "\n";
}
