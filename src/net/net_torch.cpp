#include "net/net_torch.h"

#include <ATen/autocast_mode.h>

#include "net/registry.h"

namespace fluvox::net {
namespace {

class AutocastScope {
 public:
  AutocastScope(at::DeviceType device, at::ScalarType type)
      : device_(device), was_enabled_(at::autocast::is_autocast_enabled(device)) {
    at::autocast::set_autocast_dtype(device, type);
    at::autocast::set_autocast_enabled(device, true);
    at::autocast::increment_nesting();
  }
  ~AutocastScope() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, was_enabled_);
  }
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  at::DeviceType device_;
  bool was_enabled_;
};

}  // namespace

Tensor TorchNet::forward(const Tensor& kept, const Tensor& features) {
  if (precision == at::kFloat) return run(kept, features);
  AutocastScope scope(kept.device().type(), precision);
  return run(kept, features).to(kept.scalar_type());
}

Tensor with_margins(const Tensor& mel, const Margins& margins) {
  namespace F = torch::nn::functional;
  const auto pad = F::PadFuncOptions({margins.left, margins.right});
  if (margins.beyond == Margins::Beyond::zeros) return F::pad(mel, pad);
  return F::pad(mel, F::PadFuncOptions({margins.left, margins.right}).mode(torch::kReplicate));
}

TorchNetPtr make_torch_net(const Json& json, const std::string& where) {
  return make_net(json, where, [](const auto& net) { return make_torch(net); });
}

TorchConditionerPtr make_torch_conditioner(const Json& json, const std::string& where) {
  return make_conditioner(json, where, [](const auto& net) { return make_torch(net); });
}

}  // namespace fluvox::net
