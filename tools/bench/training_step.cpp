// fluvox-training-step: the time and the memory of a training step (forward, backward) of a model
// with random weights, as one JSON on stdout.
//   fluvox-training-step MODEL SETTINGS BATCH FRAMES RUNS [--device cuda] [--precision bf16]
//   [--reversible] fluvox-training-step waveglow '{"channels": 256}' 24 62 20 --device cuda
//   --precision bf16
// SETTINGS are those of `fluvox train`'s model, as JSON. On the CPU the seconds are the
// processor's, so that what else runs does not count, and OMP_NUM_THREADS sets the threads; on a
// GPU they are those of the clock, the GPU having finished. The first step is not counted.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <iostream>

#include "core/cpu.h"
#include "flow/flow_torch.h"
#include "fluvox_version.h"
#include "models/registry.h"
#if defined(FLUVOX_OPS_CUDA)
#include <c10/cuda/CUDACachingAllocator.h>
#endif

namespace fluvox {
namespace {

struct Request {
  std::string model;
  Json settings;
  int batch, frames, runs;
  std::string device = "cpu", precision = "fp32";
  bool reversible = false;
};

Request request_of(int count, char** words) {
  if (count < 6)
    throw Error(Fault::usage, "usage", "expected MODEL SETTINGS BATCH FRAMES RUNS [options]");
  Request r{words[1], Json::parse(words[2]), std::stoi(words[3]), std::stoi(words[4]),
            std::stoi(words[5])};
  for (int i = 6; i < count; ++i) {
    const std::string word = words[i];
    const bool more = i + 1 < count;
    if (word == "--reversible")
      r.reversible = true;
    else if (word == "--device" && more)
      r.device = words[++i];
    else if (word == "--precision" && more)
      r.precision = words[++i];
    else
      throw Error(Fault::usage, "usage",
                  "expected --device, --precision or --reversible, found " + word);
  }
  return r;
}

double seconds_now(const torch::Device& device) {
  if (device.is_cuda()) {
    torch::cuda::synchronize();
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The most that the GPU's tensors held at once since `reset`, in bytes.
Json peak_bytes([[maybe_unused]] const torch::Device& device, [[maybe_unused]] bool reset) {
#if defined(FLUVOX_OPS_CUDA)
  if (device.is_cuda()) {
    const auto index = static_cast<c10::DeviceIndex>(std::max<int>(0, device.index()));
    if (reset) c10::cuda::CUDACachingAllocator::resetPeakStats(index);
    return c10::cuda::CUDACachingAllocator::getDeviceStats(index).allocated_bytes[0].peak;
  }
#endif
  return nullptr;
}

Json measured(const Request& r) {
  const torch::Device device(r.device);
  if (device.is_cuda() && !torch::cuda::is_available())
    throw Error(Fault::device, "no-device", "expected a CUDA GPU, found none");
  const mel::Convention convention = mel::convention("tacotron2");
  torch::manual_seed(1);
  flow::TorchFlow flow(models::architecture(r.model).build(r.settings, convention));
  flow.randomise_last_layers(0.01, 2);
  flow.to(device);
  flow.set_reversible(r.reversible);
  if (r.precision == "bf16") flow.set_net_precision(at::kBFloat16);
  const int64_t samples = int64_t{r.frames} * convention.hop;
  const torch::Tensor audio = (0.1 * torch::randn({r.batch, samples})).to(device);
  const torch::Tensor mel = torch::randn({r.batch, convention.bands, r.frames}).to(device);
  std::vector<double> seconds;
  double log_prob = 0;
  for (int run = 0; run <= r.runs; ++run) {
    if (run == 1) peak_bytes(device, true);
    const double start = seconds_now(device);
    flow.zero_grad();
    const auto condition = flow.condition(net::with_margins(mel, flow.margins()));
    const torch::Tensor mean = flow.log_prob(audio, condition).mean();
    (-mean).backward();
    if (run > 0) seconds.push_back(seconds_now(device) - start);
    log_prob = mean.item<double>() / static_cast<double>(samples);
  }
  std::sort(seconds.begin(), seconds.end());
  return {{"model", r.model},
          {"settings", r.settings},
          {"batch", r.batch},
          {"samples", samples},
          {"device", r.device},
          {"precision", r.precision},
          {"reversible", r.reversible},
          {"runs", r.runs},
          {"threads", at::get_num_threads()},
          {"cpu", cpu_name()},
          {"seconds", seconds[seconds.size() / 2]},
          {"least_seconds", seconds.front()},
          {"peak_bytes", peak_bytes(device, false)},
          {"nats_per_sample", log_prob},
          {"version", FLUVOX_VERSION},
          {"commit", FLUVOX_COMMIT}};
}

}  // namespace
}  // namespace fluvox

int main(int count, char** words) {
  try {
    std::cout << fluvox::measured(fluvox::request_of(count, words)).dump() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "fluvox-training-step: " << error.what() << "\n";
    return 1;
  }
}
