#include "flow/permute.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class PermuteTorch : public TorchStep {
 public:
  explicit PermuteTorch(const Permute& step)
      : table_(torch::tensor(permutation(step), torch::kLong)), back_(torch::argsort(table_)) {}

  Result forward(const Tensor& x, const Condition&) override {
    return {ordered(x, table_), torch::zeros({x.size(0)}, x.options())};
  }

  Tensor inverse(const Tensor& z, const Condition&) override { return ordered(z, back_); }

 private:
  Tensor ordered(const Tensor& x, const Tensor& table) const {
    expect_channels(x, table.size(0));
    return x.index_select(1, table.to(x.device()));
  }

  Tensor table_, back_;
};

}  // namespace

TorchStepPtr make_torch(const Permute& step) { return std::make_shared<PermuteTorch>(step); }

}  // namespace fluvox::flow
