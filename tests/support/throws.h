// The Error that a call throws, to look at its code, fault and words.
#pragma once

#include <stdexcept>

#include "core/error.h"

namespace fluvox::support {

template <class Call>
Error thrown_by(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  throw std::runtime_error("no fluvox::Error was thrown");
}

}  // namespace fluvox::support
