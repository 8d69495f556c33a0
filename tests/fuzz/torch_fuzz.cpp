// Files of torch.save: both containers, tensors, and checkpoints of other projects.
#include "fuzz/fuzz.h"
#include "fuzz/torch_checks.h"
#include "import/made_checkpoint.h"

namespace fluvox::fuzz {
namespace {

namespace made = imports::made;

void run(std::string_view input) { import_all(std::string(input)); }

std::vector<std::string> seeds() {
  using namespace made;
  const Sizes sizes = {.bands = 1,
                       .hop = 16,
                       .frames = 1,
                       .group = 2,
                       .flows = 1,
                       .every = 2,
                       .early = 2,
                       .channels = 1,
                       .layers = 1,
                       .kernel = 1};
  std::vector<std::string> files;
  for (const Form& form : {Form{}, Form{.norm = Norm::removed, .container = Container::legacy},
                           Form{.precision = made::Precision::f16,
                           .container = Container::legacy,
                           .wrapping = Wrapping::module},
                           Form{.wrapping = Wrapping::state_dict_key}})
    files.push_back(CheckpointFile(form, 16)(made_waveglow(form, 1, sizes).tensors));
  const std::string mel = tensor(storage("FloatStorage", "7", 4), 0, {2, 2}, {1, 2});
  const std::vector<Stored> storages = {{"7", 4, std::string(16, '\x3c')}};
  files.push_back(zip_file(mel, storages));
  files.push_back(legacy_file(mel, storages));
  return files;
}

}  // namespace

const Target torch = {"torch", run, seeds};

}  // namespace fluvox::fuzz
