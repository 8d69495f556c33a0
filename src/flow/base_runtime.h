// A base without LibTorch (base.h): its density, and what is drawn from it by address, the same for
// any chunk, batch and thread (kernels/noise.h).
//   normal     one number of the noise
//   logistic   ln(u / (1 - u)), u from the same word of the noise
//   mixture    one number of the noise; the component by the uniform of the same address with the
//              highest bit of the channel set
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "flow/base.h"
#include "net/weights.h"

namespace fluvox::flow {

class RuntimeBase {
 public:
  virtual ~RuntimeBase() = default;
  virtual int channels() const { return 0; }  // that it has parameters for; 0: any number
  // of one channel's values, nats, every constant included
  virtual double log_density(std::span<const float> z, int channel) const = 0;
  // z[i] = what is drawn at (seed, item, channel, first + i)
  virtual void draw(std::span<float> z, uint64_t seed, uint64_t item, int channel,
                    uint64_t first) const = 0;
};

std::unique_ptr<RuntimeBase> make_runtime_base(const Json& json, const std::string& where,
                                               net::Weights& weights);

}  // namespace fluvox::flow
