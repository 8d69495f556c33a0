// Which processor renders, by the name that people give it: "cpu", "cuda" or "cuda:N", "auto".
//
//   Session session(model, {.sampler = cuda::sampler_on("cuda", cuda::Precision::bf16)});
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cuda/precision.h"
#include "flow/model_file.h"
#include "flow/sampler.h"

namespace fluvox::cuda {

using SamplerMaker =
    std::function<std::unique_ptr<flow::Sampler>(const flow::Model&, const flow::ConditionShape&)>;

// What makes a model's sampler there; for the CPU, nothing. A GPU that is asked for and not there
// is an error that says what is missing, before any model is read. auto takes the CPU where there
// is no GPU, and where the model has a part that no GPU can take; there the maker returns null.
SamplerMaker sampler_on(const std::string& device, Precision precision);

}  // namespace fluvox::cuda
