// The nets and conditioners that a spec may name. `make` is called with the part's own struct.
#pragma once

#include <string>

#include "net/causal_wn.h"
#include "net/conv2d.h"
#include "net/frames.h"
#include "net/mlp.h"
#include "net/separable.h"
#include "net/spectral.h"
#include "net/unconditioned.h"
#include "net/upsample.h"
#include "net/upsample2d.h"
#include "net/wn.h"
#include "net/wn2d.h"

namespace fluvox::net {

[[noreturn]] void refuse_kind(const std::string& where, const std::string& what,
                              const std::string& kind, std::initializer_list<std::string> known);

template <class Make>
auto make_net(const Json& json, const std::string& where, Make make) -> decltype(make(Wn{})) {
  const std::string kind = kind_of(json, where);
  if (kind == "wn") return make(part_from_json<Wn>(json, where));
  if (kind == "conv2d") return make(part_from_json<Conv2d>(json, where));
  if (kind == "separable") return make(part_from_json<Separable>(json, where));
  if (kind == "causal_wn") return make(part_from_json<CausalWn>(json, where));
  if (kind == "wn2d") return make(part_from_json<Wn2d>(json, where));
  if (kind == "mlp") return make(part_from_json<Mlp>(json, where));
  if (kind == "made") return make(part_from_json<Made>(json, where));
  refuse_kind(where, "net", kind,
              {"wn", "conv2d", "separable", "causal_wn", "wn2d", "mlp", "made"});
}

template <class Make>
auto make_conditioner(const Json& json, const std::string& where, Make make)
    -> decltype(make(Upsample{})) {
  const std::string kind = kind_of(json, where);
  if (kind == "upsample") return make(part_from_json<Upsample>(json, where));
  if (kind == "spectral") return make(part_from_json<Spectral>(json, where));
  if (kind == "frames") return make(part_from_json<Frames>(json, where));
  if (kind == "upsample2d") return make(part_from_json<Upsample2d>(json, where));
  if (kind == "none") return make(part_from_json<Unconditioned>(json, where));
  refuse_kind(where, "conditioner", kind, {"upsample", "spectral", "frames", "upsample2d", "none"});
}

bool has_runtime(const Json& net, const std::string& where);

}  // namespace fluvox::net
