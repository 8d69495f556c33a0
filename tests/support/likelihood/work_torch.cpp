#include "support/likelihood/work_torch.h"

#include <ATen/record_function.h>
#include <torch/torch.h>

#include <memory>
#include <string>

namespace fluvox::likelihood {
namespace {

thread_local Work work;

// The inputs of a call are known when it starts, its output when it ends.
struct Convolution : at::ObserverContext {
  int64_t terms;  // of every output's sum
};

std::unique_ptr<at::ObserverContext> started(const at::RecordFunction& call) {
  const std::string name = call.name();
  const auto tensor = [&](size_t i) { return call.inputs()[i].toTensor(); };
  if (name == "aten::convolution") {
    ++work.products;
    const int64_t terms = tensor(1).numel() / tensor(1).size(0);
    if (call.inputs()[6].toBool()) {  // transposed: every input goes into as many sums
      work.multiply_adds += tensor(0).numel() * terms;
      return nullptr;
    }
    auto convolution = std::make_unique<Convolution>();
    convolution->terms = terms;
    return convolution;
  }
  if (name == "aten::mm" || name == "aten::bmm" || name == "aten::addmm") {
    ++work.products;
    const size_t first = name == "aten::addmm" ? 1 : 0;
    work.multiply_adds += tensor(first).numel() * tensor(first + 1).size(-1);
  }
  return nullptr;
}

void ended(const at::RecordFunction& call, at::ObserverContext* context) {
  if (const auto* convolution = static_cast<Convolution*>(context))
    work.multiply_adds += call.outputs().at(0).toTensor().numel() * convolution->terms;
}

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
