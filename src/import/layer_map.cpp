#include "import/layer_map.h"

#include <utility>

namespace fluvox::imports {

LayerMap::LayerMap(Checkpoint& from, std::string old_name, Tensors& to, std::string new_name)
    : from_(from), old_(std::move(old_name) + "."), to_(to), new_(std::move(new_name) + ".") {}

void LayerMap::conv(const std::string& name, const std::vector<std::string>& parts, int rows,
                    int inputs, int kernel) {
  std::vector<float> weight, bias;
  const auto append = [](std::vector<float>& to, const std::vector<float>& more) {
    to.insert(to.end(), more.begin(), more.end());
  };
  const auto each = static_cast<int64_t>(rows) / static_cast<int64_t>(parts.size());
  for (const std::string& part : parts) {
    append(weight, from_.weight(old_ + part, {each, inputs, kernel}));
    append(bias, from_.tensor(old_ + part + ".bias", {each}));
  }
  to_[new_ + name + ".weight"] = HostTensor::of(weight, {rows, inputs, kernel});
  to_[new_ + name + ".bias"] = HostTensor::of(bias, {rows});
}

void LayerMap::tensor(const std::string& name, const std::string& old_name,
                      const std::vector<int64_t>& old_shape, const std::vector<int64_t>& shape) {
  to_[new_ + name] = HostTensor::of(from_.tensor(old_ + old_name, old_shape), shape);
}

}  // namespace fluvox::imports
