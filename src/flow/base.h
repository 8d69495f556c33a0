// The base: the distribution of z. Every value of z [channels, positions] is independent, and all
// positions of a channel are alike.
//   normal     log p(z) = -z^2 / 2 - ln(2 pi) / 2
//   logistic   log p(z) = -|z| - 2 ln(1 + exp(-|z|))                      (NICE)
//   mixture    log p(z) = ln sum_k w_k N(z; mean_k, scale_k),  w = softmax(logits), of each channel
// A temperature multiplies what was drawn: z = sigma z0, so log p(z) = log p0(z / sigma) - ln sigma
// a value.
// In the spec: {"kind": "normal"}, {"kind": "logistic"} or {"kind": "mixture", "channels": 8,
// "components": 4}. Tensors of a mixture: base.logits, base.means, base.log_scales [channels,
// components].
//
// A learned conditional normal, N(mu(c), sigma(c)), is not a base but the normal one behind the
// step conditional_affine: so z stays N(0, 1) and canonical.
#pragma once

#include <memory>

#include "core/config.h"
#include "net/registry.h"

namespace fluvox::flow {

struct Normal {};
struct Logistic {};
struct Mixture {
  int channels = 8;
  int components = 4;
};

template <class Visitor>
void fields(Visitor&, Normal&) {}

template <class Visitor>
void fields(Visitor&, Logistic&) {}

template <class Visitor>
void fields(Visitor& v, Mixture& b) {
  v("channels", b.channels, "channels of z", Range{1, 65536});
  v("components", b.components, "normals in the mixture of a channel", Range{1, 1024});
}

// `make` is called with the base's own struct.
template <class Make>
auto make_base(const Json& json, const std::string& where, Make make) -> decltype(make(Normal{})) {
  const std::string kind = kind_of(json, where);
  if (kind == "normal") return make(part_from_json<Normal>(json, where));
  if (kind == "logistic") return make(part_from_json<Logistic>(json, where));
  if (kind == "mixture") return make(part_from_json<Mixture>(json, where));
  net::refuse_kind(where, "base", kind, {"normal", "logistic", "mixture"});
}

}  // namespace fluvox::flow
