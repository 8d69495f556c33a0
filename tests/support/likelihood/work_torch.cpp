#include "support/likelihood/work_torch.h"

#include <ATen/record_function.h>
#include <torch/torch.h>

#include <string>

namespace fluvox::likelihood {
namespace {

thread_local Work work;

int64_t multiply_adds(const std::string& name, const at::RecordFunction& call) {
  const auto inputs = call.inputs();
  const auto tensor = [&](size_t i) { return inputs[i].toTensor(); };
  if (name == "aten::convolution") {
    // Every output is a sum over one output's weights; transposed, every input goes into as many.
    const at::Tensor weight = tensor(1);
    const at::Tensor many = inputs[6].toBool() ? tensor(0) : call.outputs().at(0).toTensor();
    return many.numel() * (weight.numel() / weight.size(0));
  }
  const size_t first = name == "aten::addmm" ? 1 : 0;
  return tensor(first).numel() * tensor(first + 1).size(-1);  // mm, addmm, bmm
}

void ended(const at::RecordFunction& call, at::ObserverContext*) {
  const std::string name = call.name();
  if (name != "aten::convolution" && name != "aten::mm" && name != "aten::addmm" &&
      name != "aten::bmm")
    return;
  ++work.products;
  work.multiply_adds += multiply_adds(name, call);
}

std::unique_ptr<at::ObserverContext> started(const at::RecordFunction&) { return nullptr; }

}  // namespace

Work work_of(const std::function<void()>& task) {
  work = {};
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(&started, &ended).needsInputs(true).needsOutputs(true));
  task();
  at::removeCallback(handle);
  return work;
}

}  // namespace fluvox::likelihood
