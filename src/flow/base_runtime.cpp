#include "flow/base_runtime.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/noise.h"

namespace fluvox::flow {
namespace {

using kernels::minus;
using kernels::minus_log;
using kernels::nearest_float;
using kernels::times;

const double kLogRootTwoPi = 0.5 * std::log(2 * std::numbers::pi);

uint32_t word_at(uint64_t seed, uint64_t item, uint32_t channel, uint64_t position) {
  return kernels::noise_block(seed, item, channel, position).word[position % 4];
}

class NormalRuntime : public RuntimeBase {
 public:
  double log_density(std::span<const float> z, int) const override {
    double squares = 0;
    for (const float v : z) squares += double{v} * v;
    return -0.5 * squares - static_cast<double>(z.size()) * kLogRootTwoPi;
  }
  void draw(std::span<float> z, uint64_t seed, uint64_t item, int channel,
            uint64_t first) const override {
    for (size_t i = 0; i < z.size(); ++i)
      z[i] = kernels::normal(seed, item, static_cast<uint32_t>(channel), first + i);
  }
};

class LogisticRuntime : public RuntimeBase {
 public:
  double log_density(std::span<const float> z, int) const override {
    double sum = 0;
    for (const float v : z)
      sum -= std::abs(double{v}) + 2 * std::log1p(std::exp(-std::abs(double{v})));
    return sum;
  }
  // Of the word's 32 bits one is the sign, the others m the tail p = (m + 1/2) / 2^32 in (0, 1/2).
  void draw(std::span<float> z, uint64_t seed, uint64_t item, int channel,
            uint64_t first) const override {
    for (size_t i = 0; i < z.size(); ++i) {
      const uint32_t word = word_at(seed, item, static_cast<uint32_t>(channel), first + i);
      const float p = times(nearest_float((word << 1) + 1u), 0x1p-33f);
      const float magnitude = minus(minus_log(p), minus_log(minus(1.0f, p)));
      z[i] = (word & 0x80000000u) != 0 ? -magnitude : magnitude;
    }
  }
};

class MixtureRuntime : public RuntimeBase {
 public:
  MixtureRuntime(const Mixture& base, net::Weights& weights) : base_(base) {
    const std::vector<int64_t> shape = {base.channels, base.components};
    const std::vector<float> logits = weights.take("logits", shape);
    const std::vector<float> means = weights.take("means", shape);
    const std::vector<float> log_scales = weights.take("log_scales", shape);
    for (int c = 0; c < base.channels; ++c) {
      const size_t begin = static_cast<size_t>(c) * static_cast<size_t>(base.components);
      double largest = logits[begin], total = 0, cumulative = 0;
      for (int k = 0; k < base.components; ++k)
        largest = std::max(largest, double{logits[begin + static_cast<size_t>(k)]});
      for (int k = 0; k < base.components; ++k)
        total += std::exp(logits[begin + static_cast<size_t>(k)] - largest);
      for (int k = 0; k < base.components; ++k) {
        const size_t i = begin + static_cast<size_t>(k);
        const double log_weight = logits[i] - largest - std::log(total);
        cumulative += std::exp(log_weight);
        components_.push_back(
            {cumulative, means[i], log_scales[i], log_weight - log_scales[i] - kLogRootTwoPi});
      }
      components_.back().up_to = 1;
    }
  }

  int channels() const override { return base_.channels; }

  double log_density(std::span<const float> z, int channel) const override {
    const std::span<const Component> mine = of(channel);
    std::vector<double> terms(mine.size());
    double sum = 0;
    for (const float v : z) {
      for (size_t k = 0; k < mine.size(); ++k) {
        const double d = (v - mine[k].mean) * std::exp(-mine[k].log_scale);
        terms[k] = mine[k].log_peak - 0.5 * d * d;
      }
      const double largest = *std::max_element(terms.begin(), terms.end());
      double total = 0;
      for (const double term : terms) total += std::exp(term - largest);
      sum += largest + std::log(total);
    }
    return sum;
  }

  void draw(std::span<float> z, uint64_t seed, uint64_t item, int channel,
            uint64_t first) const override {
    const std::span<const Component> mine = of(channel);
    const auto address = static_cast<uint32_t>(channel);
    for (size_t i = 0; i < z.size(); ++i) {
      const double u = (word_at(seed, item, address | 0x80000000u, first + i) + 0.5) * 0x1p-32;
      size_t k = 0;
      while (k + 1 < mine.size() && u >= mine[k].up_to) ++k;
      z[i] = static_cast<float>(mine[k].mean + std::exp(mine[k].log_scale) *
                                                   kernels::normal(seed, item, address, first + i));
    }
  }

 private:
  struct Component {
    double up_to;  // cumulative weight
    double mean, log_scale, log_peak;
  };

  std::span<const Component> of(int channel) const {
    const auto count = static_cast<size_t>(base_.components);
    return {components_.data() + static_cast<size_t>(channel) * count, count};
  }

  Mixture base_;
  std::vector<Component> components_;
};

std::unique_ptr<RuntimeBase> make_runtime(const Normal&, net::Weights&) {
  return std::make_unique<NormalRuntime>();
}
std::unique_ptr<RuntimeBase> make_runtime(const Logistic&, net::Weights&) {
  return std::make_unique<LogisticRuntime>();
}
std::unique_ptr<RuntimeBase> make_runtime(const Mixture& base, net::Weights& weights) {
  return std::make_unique<MixtureRuntime>(base, weights);
}

}  // namespace

std::unique_ptr<RuntimeBase> make_runtime_base(const Json& json, const std::string& where,
                                               net::Weights& weights) {
  return make_base(json, where, [&](const auto& base) { return make_runtime(base, weights); });
}

}  // namespace fluvox::flow
