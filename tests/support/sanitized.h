// Whether this build carries a sanitizer's checks, which make it several times slower.
#pragma once

namespace fluvox::support {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace fluvox::support
