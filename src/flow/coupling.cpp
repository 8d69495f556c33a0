#include "flow/coupling.h"

namespace fluvox::flow {

void check(const Coupling& step) {
  if (step.scale == "none" && !step.shift)
    config::refuse("coupling", "expected a scale or a shift, found scale none and shift false");
  if (step.scale != "exp" && step.limit != 0)
    config::refuse("coupling", text("a limit belongs to the scale exp, found limit ", step.limit,
                                    " with the scale ", step.scale));
}

}  // namespace fluvox::flow
