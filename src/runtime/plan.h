// What a session and its streams share: the model, built for this machine.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "core/threads.h"
#include "flow/flow_runtime.h"
#include "flow/flow_stream.h"
#include "runtime/session.h"

namespace fluvox::runtime {

struct Session::Plan {
  Plan(const flow::Model& model, const SessionOptions& options);

  int hop() const { return analyser.convention().hop; }
  int positions_of_frame() const { return hop() / flow.channels(); }

  // Refuses frames that the model cannot take, and numbers that are not finite.
  void check(const mel::Mel& mel) const;
  // What a rendering begins with: noise drawn by address, or the z that was given.
  flow::Latent latent(const RenderOptions& options);

  flow::Spec spec;
  mel::Analyser analyser;
  flow::RuntimeFlow flow;
  Threads threads;
  std::unique_ptr<flow::Sampler> sampler;  // instead of the CPU, where it is there
};

void refuse_not_finite(const std::string& what, std::span<const float> values);

}  // namespace fluvox::runtime
