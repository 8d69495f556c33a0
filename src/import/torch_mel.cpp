#include "import/torch_mel.h"

#include <cmath>
#include <cstdint>
#include <utility>

#include "core/atomic_file.h"
#include "core/error.h"
#include "import/torch_file.h"

namespace fluvox::imports {
namespace {

constexpr size_t kMostFile = size_t{8} << 30;

std::string place_text(size_t place, const std::vector<int64_t>& shape) {
  std::string out;
  for (size_t axis = shape.size(); axis-- > 0;) {
    const auto length = static_cast<size_t>(shape[axis]);
    out = text(place % length, out.empty() ? "" : ", ", out);
    place /= length;
  }
  return "[" + out + "]";
}

}  // namespace

TorchArray parse_torch_mel(std::string content, const std::string& where) {
  const TorchFile file(std::move(content), where);
  const auto refuse = [&](const char* code, const std::string& what) {
    throw Error(Fault::input, code, where + ": " + what);
  };
  if (!file.root().is_tensor())
    refuse("torch-mel", "expected a single tensor, a mel of shape (80, frames), found " +
                            file.root().describe());
  const TensorRef& tensor = file.root().tensor();
  if (!is_floating(tensor.storage->type))
    refuse("torch-mel", text("expected a mel of float or half, found elements of ",
                             name_of(tensor.storage->type), "; save mel.float()"));
  const std::vector<int64_t>& shape = tensor.shape;
  const bool batch = shape.size() == 3 && shape[0] == 1;
  if ((shape.size() != 2 && !batch) || *count_of(shape) == 0)
    refuse("torch-mel", text("expected a mel of shape (80, frames) or (1, 80, frames), found ",
                             describe_shape(shape)));
  TorchArray array{{shape.begin(), shape.end()}, file.tensor(file.root()).floats()};
  for (size_t i = 0; i < array.values.size(); ++i)
    if (!std::isfinite(array.values[i]))
      refuse("torch-mel-not-finite",
             text("the value at ", place_text(i, shape), " is NaN, infinite or beyond float32"));
  return array;
}

TorchArray read_torch_mel(const std::filesystem::path& path) {
  return parse_torch_mel(read_file(path, kMostFile), path.string());
}

}  // namespace fluvox::imports
