// In place of the rest of this folder where CUDA is not in the build.
#include "core/error.h"
#include "cuda/gpus.h"
#include "cuda/sampler.h"

namespace fluvox::cuda {

Gpus find_gpus() {
  return {{}, "this program was built without CUDA; build it with -DFLUVOX_CUDA=ON where nvcc is"};
}

std::unique_ptr<flow::Sampler> make_sampler(const flow::Model&, const flow::ConditionShape&,
                                            const Options&) {
  throw Error(Fault::device, "gpu-missing", "no GPU: " + find_gpus().missing);
}

size_t peak_bytes() { return 0; }

void reset_peak_bytes() {}

}  // namespace fluvox::cuda
