#include "net/net_torch.h"
#include "net/wn.h"
#include "ops/ops.h"

namespace fluvox::net {
namespace {

class WnTorch : public TorchNet {
 public:
  explicit WnTorch(const Wn& wn) : wn_(wn) {
    using torch::nn::Conv1dOptions;
    start_ = register_module("start", Conv(Conv1dOptions(wn.inputs, wn.channels, 1)));
    for (int l = 0; l < wn.layers; ++l) {
      const int64_t dilation = int64_t{1} << l;
      in_layers_->push_back(Conv(Conv1dOptions(wn.channels, 2 * wn.channels, wn.kernel)
                                     .dilation(dilation)
                                     .padding(dilation * (wn.kernel - 1) / 2)));
      const int outputs = l + 1 < wn.layers ? 2 * wn.channels : wn.channels;
      res_skip_->push_back(Conv(Conv1dOptions(wn.channels, outputs, 1)));
    }
    register_module("in_layers", in_layers_);
    register_module("res_skip_layers", res_skip_);
    if (wn.condition > 0)
      condition_ = register_module(
          "cond_layer", Conv(Conv1dOptions(wn.condition, 2 * wn.channels * wn.layers, 1)));
    end_ = register_module("end", Conv(Conv1dOptions(wn.channels, wn.outputs, 1)));
    torch::nn::init::zeros_(end_->weight);
    torch::nn::init::zeros_(end_->bias);
  }

  torch::nn::Module& last_layer() override { return *end_; }

 protected:
  Tensor run(const Tensor& kept, const Tensor& features) override {
    Tensor h = start_->forward(kept);
    Tensor skip;
    std::vector<Tensor> conditions;  // of each layer
    if (wn_.condition > 0)
      conditions = condition_->forward(features).split(2 * int64_t{wn_.channels}, 1);
    for (int l = 0; l < wn_.layers; ++l) {
      const auto layer = static_cast<size_t>(l);
      const Tensor a = in_layers_->ptr<torch::nn::Conv1dImpl>(layer)->forward(h);
      const Tensor y = conditions.empty() ? ops::gate(a, {}) : ops::gate(a, conditions[layer]);
      const std::vector<Tensor> r =
          res_skip_->ptr<torch::nn::Conv1dImpl>(layer)->forward(y).split(wn_.channels, 1);
      if (l + 1 < wn_.layers) h = h + r.front();
      skip = skip.defined() ? skip + r.back() : r.back();
    }
    return end_->forward(skip);
  }

 private:
  using Conv = torch::nn::Conv1d;
  Wn wn_;
  Conv start_{nullptr}, condition_{nullptr}, end_{nullptr};
  torch::nn::ModuleList in_layers_, res_skip_;
};

}  // namespace

TorchNetPtr make_torch(const Wn& wn) { return std::make_shared<WnTorch>(wn); }

}  // namespace fluvox::net
