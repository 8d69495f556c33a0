#include "net/net_torch.h"
#include "net/wn.h"

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
    Tensor conditions;
    if (wn_.condition > 0) conditions = condition_->forward(features);
    for (int l = 0; l < wn_.layers; ++l) {
      const auto layer = static_cast<size_t>(l);
      Tensor a = in_layers_->ptr<torch::nn::Conv1dImpl>(layer)->forward(h);
      if (wn_.condition > 0) a = a + conditions.narrow(1, 2 * wn_.channels * l, 2 * wn_.channels);
      const Tensor gate = torch::tanh(a.narrow(1, 0, wn_.channels)) *
                          torch::sigmoid(a.narrow(1, wn_.channels, wn_.channels));
      const Tensor r = res_skip_->ptr<torch::nn::Conv1dImpl>(layer)->forward(gate);
      const bool last = l + 1 == wn_.layers;
      if (!last) h = h + r.narrow(1, 0, wn_.channels);
      const Tensor mine = last ? r : r.narrow(1, wn_.channels, wn_.channels);
      skip = skip.defined() ? skip + mine : mine;
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
