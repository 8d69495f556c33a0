// The steps that a spec may name. `make` is called with the step's own struct. A split is not among
// them: the flow handles it (split.h).
#pragma once

#include <string>

#include "flow/actnorm.h"
#include "flow/batchnorm.h"
#include "flow/conditional_affine.h"
#include "flow/coupling.h"
#include "flow/grid_coupling.h"
#include "flow/invertible1x1.h"
#include "flow/knee.h"
#include "flow/lapped.h"
#include "flow/masked.h"
#include "flow/permute.h"
#include "flow/row_coupling.h"
#include "flow/scale.h"
#include "flow/spec.h"
#include "flow/spline_coupling.h"
#include "flow/split.h"
#include "flow/squeeze.h"
#include "flow/step.h"
#include "flow/whiten.h"
#include "net/registry.h"

namespace fluvox::flow {

template <class Make>
auto make_step(const Json& json, const std::string& where, Make make) -> decltype(make(Squeeze{})) {
  const std::string kind = kind_of(json, where);
  if (kind == "squeeze") return make(part_from_json<Squeeze>(json, where));
  if (kind == "invertible1x1") return make(part_from_json<Invertible1x1>(json, where));
  if (kind == "coupling") return make(part_from_json<Coupling>(json, where));
  if (kind == "knee") return make(part_from_json<Knee>(json, where));
  if (kind == "lapped") return make(part_from_json<Lapped>(json, where));
  if (kind == "whiten") return make(part_from_json<Whiten>(json, where));
  if (kind == "grid_coupling") return make(part_from_json<GridCoupling>(json, where));
  if (kind == "masked") return make(part_from_json<Masked>(json, where));
  if (kind == "row_coupling") return make(part_from_json<RowCoupling>(json, where));
  if (kind == "scale") return make(part_from_json<Scale>(json, where));
  if (kind == "actnorm") return make(part_from_json<ActNorm>(json, where));
  if (kind == "batchnorm") return make(part_from_json<BatchNorm>(json, where));
  if (kind == "permute") return make(part_from_json<Permute>(json, where));
  if (kind == "conditional_affine") return make(part_from_json<ConditionalAffine>(json, where));
  if (kind == "spline_coupling") return make(part_from_json<SplineCoupling>(json, where));
  net::refuse_kind(where, "step", kind,
                   {"squeeze", "split", "invertible1x1", "coupling", "knee", "lapped", "whiten",
                    "grid_coupling", "scale", "actnorm", "batchnorm", "permute",
                    "conditional_affine", "spline_coupling", "masked", "row_coupling"});
}

// Of one step of a spec, a split included, or of all steps together.
Ways ways_of(const Json& step, const std::string& where);
Ways ways_of(const Spec& spec);

// Whether a step and the net inside have a runtime body: whether their headers declare one. A model
// that has a step without one can be trained and scored, but not rendered.
bool has_runtime(const Json& step, const std::string& where);

}  // namespace fluvox::flow
