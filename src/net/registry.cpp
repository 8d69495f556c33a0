#include "net/registry.h"

namespace fluvox::net {

void refuse_kind(const std::string& where, const std::string& what, const std::string& kind,
                 std::initializer_list<std::string> known) {
  const std::vector<std::string> names = known;
  std::string listed;
  for (const std::string& name : names) listed += (listed.empty() ? "" : ", ") + name;
  throw Error(
      Fault::input, "spec-unknown-kind",
      text(where, ": expected a ", what, " of kind ", listed, "; found '", kind.substr(0, 80), "'",
           did_you_mean(kind.substr(0, 80), names), "; a newer fluvox may know it"));
}

}  // namespace fluvox::net
