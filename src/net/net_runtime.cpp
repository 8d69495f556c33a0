#include "net/net_runtime.h"

#include <algorithm>

#include "core/threads.h"
#include "net/registry.h"

namespace fluvox::net {

Grid with_margins(const Grid& mel, const Margins& margins) {
  Grid wide(margins.left + mel.rows + margins.right, mel.columns);
  for (int t = 0; t < wide.rows; ++t) {
    const int frame = t - margins.left;
    const bool beyond = frame < 0 || frame >= mel.rows;
    if (mel.rows == 0 || (beyond && margins.beyond == Margins::Beyond::zeros)) continue;
    const float* from = mel.row(std::clamp(frame, 0, mel.rows - 1));
    std::copy(from, from + mel.columns, wide.row(t));
  }
  return wide;
}

void in_pieces(Threads& threads, int rows, int piece, const std::function<void(int, int)>& fn) {
  const int count = rows / piece + (rows % piece != 0 ? 1 : 0);
  threads.run(count, [&](int i) {
    const int first = i * piece;
    fn(first, first + std::min(piece, rows - first));
  });
}

bool has_runtime(const Json& json, const std::string& where) {
  return make_net(json, where, []<class Net>(const Net&) { return HasRuntime<Net>; });
}

RuntimeNetPtr make_runtime_net(const Json& json, const std::string& where, Weights& weights) {
  return make_net(json, where, [&]<class Net>(const Net& net) -> RuntimeNetPtr {
    if constexpr (HasRuntime<Net>) {
      return make_runtime(net, weights);
    } else {
      throw Error(Fault::input, "runtime-missing",
                  text(where, ": a net of kind '", kind_of(json, where),
                       "' can be trained, but has no runtime body yet"));
    }
  });
}

RuntimeConditionerPtr make_runtime_conditioner(const Json& json, const std::string& where,
                                               Weights& weights) {
  return make_conditioner(json, where, [&](const auto& net) { return make_runtime(net, weights); });
}

}  // namespace fluvox::net
