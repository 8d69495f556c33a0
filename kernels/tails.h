// The last vector of a row, which may be cut, in Ops' operations (ops_scalar.h).
#pragma once

namespace fluvox::kernels {
namespace {

// `left` numbers from p on, or all that a vector holds; zeros in the rest.
template <class Ops>
typename Ops::V read(const float* p, std::ptrdiff_t left) {
  return left >= Ops::kLanes ? Ops::load(p) : Ops::load_first(p, static_cast<int>(left));
}

template <class Ops>
void write(float* p, std::ptrdiff_t left, typename Ops::V v) {
  if (left >= Ops::kLanes)
    Ops::store(p, v);
  else
    Ops::store_first(p, static_cast<int>(left), v);
}

}  // namespace
}  // namespace fluvox::kernels
