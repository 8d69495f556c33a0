# Language, warnings and sanitizers of our own code, as one interface target: fluvox_options.
add_library(fluvox_options INTERFACE)
target_compile_features(fluvox_options INTERFACE cxx_std_20)
# A field left out of {.name = ...} keeps its default; that is what we mean by leaving it out.
target_compile_options(fluvox_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers>)
# The order and rounding of every sum are ours to fix: no contraction but the std::fma we write.
target_compile_options(fluvox_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
# g++ 12 reports overlaps of size 2^63 inside std::string (its bug 105651).
target_compile_options(fluvox_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
option(FLUVOX_WERROR "Warnings are errors" ON)
if(FLUVOX_WERROR)
  target_compile_options(fluvox_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()

set(FLUVOX_SANITIZE "" CACHE STRING "Sanitizers of the runtime side: address,undefined or thread")
if(FLUVOX_FUZZ)
  set(FLUVOX_SANITIZE address,undefined,fuzzer-no-link)  # of what libFuzzer is to see inside
endif()
if(FLUVOX_SANITIZE)
  target_compile_options(fluvox_options INTERFACE -fsanitize=${FLUVOX_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(fluvox_options INTERFACE -fsanitize=${FLUVOX_SANITIZE})
endif()

find_program(FLUVOX_CCACHE ccache)
if(FLUVOX_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${FLUVOX_CCACHE})
endif()
